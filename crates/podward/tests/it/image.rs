//! `podward check --image`: archives as docker and OCI tools write them.

use std::path::{Path, PathBuf};
use std::process::Command;

use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::{Value, json};

use crate::harness::{err, out, scratch};
use crate::inputs::{run, tree};

/// Packs a folder.
fn tar(folder: &Path, into: &Path, flag: &str) {
    let status = Command::new("tar")
        .args([flag, "-cf"])
        .arg(into)
        .arg("-C")
        .arg(folder)
        .arg(".")
        .status();
    assert!(status.unwrap().success());
}

/// A layer with these files.
fn layer(files: &[(&str, &str)], into: &Path, flag: &str) {
    std::fs::create_dir_all(into.parent().unwrap()).unwrap();
    tar(&tree(files), into, flag);
}

/// Text that looks drawn at random, and is nothing anywhere else.
fn drawn(length: usize) -> String {
    let mut state = 7_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(
            b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                [(state >> 16) as usize % 62],
        )
    };
    (0..length).map(|_| next()).collect()
}

fn private_key() -> String {
    let dashes = "-".repeat(5);
    format!(
        "{dashes}BEGIN PRIVATE KEY{dashes}\n{}\n{dashes}END PRIVATE KEY{dashes}\n",
        drawn(64)
    )
}

fn configuration(user: &str) -> String {
    json!({
        "config": {"User": user, "Env": ["PATH=/bin", "DB_PASSWORD=hunter2"]},
        "history": [{"created_by": "/bin/sh -c #(nop)  ENV DB_PASSWORD=hunter2"}],
    })
    .to_string()
}

const DEEP: &str = "srv/a-folder-with-a-long-name/and-another-folder-with-a-long-name/and-one-more-of-them-so-that-no-header-holds-it";

/// An image as `docker save` writes it, in a folder.
fn saved(user: &str) -> PathBuf {
    let top = scratch();
    let key = private_key();
    let deep = format!("{DEEP}/.env");
    let files = [
        ("root/.ssh/id_rsa", key.as_str()),
        ("app/settings.toml", "password = \"hunter2\"\n"),
        ("etc/ssl/certs/ca.pem", "no key\n"),
        ("usr/lib/python3/a.py", "PASSWORD = \"hunter2\"\n"),
        (deep.as_str(), "API_PASSWORD=hunter2\n"),
    ];
    layer(
        &files,
        &top.join("aaaaaaaaaaaaaaaa/layer.tar"),
        "--format=gnu",
    );
    layer(
        &[("root/.ssh/.wh.id_rsa", ""), ("app/settings.toml", "")],
        &top.join("bbbbbbbbbbbbbbbb/layer.tar"),
        "--gzip",
    );
    std::fs::write(top.join("config.json"), configuration(user)).unwrap();
    let manifest = json!([{
        "Config": "config.json",
        "Layers": ["aaaaaaaaaaaaaaaa/layer.tar", "bbbbbbbbbbbbbbbb/layer.tar"],
    }]);
    std::fs::write(top.join("manifest.json"), manifest.to_string()).unwrap();
    top
}

fn found(text: &str) -> Vec<String> {
    let events = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let findings = events.filter(|event| event["event"] == "finding");
    findings
        .map(|event| {
            format!(
                "{}:{} {} {}",
                event["file"], event["line"], event["rule"], event["message"]
            )
            .replace('"', "")
        })
        .collect()
}

#[test]
fn an_archive_of_docker_is_read_with_all_its_layers() {
    let folder = tree(&[("bad.yaml", "a: [")]);
    tar(&saved(""), &folder.join("app.tar"), "--format=pax");
    let output = run(&folder, &["check", "--image", "app.tar", "-o", "json"], &[]);
    assert_eq!((output.status.code(), err(&output).as_str()), (Some(1), ""));
    let mut all = found(&out(&output));
    all.sort();
    let deep = format!(
        "app.tar:aaaaaaaaaaaa:/{DEEP}/.env:1 credentialInEnvFile the file holds a password"
    );
    assert_eq!(
        all,
        [
            "app.tar:aaaaaaaaaaaa:/app/settings.toml:1 credentialInConfig the configuration holds a password; a later layer replaces the file, and it stays in this one",
            "app.tar:aaaaaaaaaaaa:/root/.ssh/id_rsa:1 credentialInKeyFile the file holds a private key; a later layer deletes the file, and it stays in this one",
            &deep,
            "app.tar:config:1 imageRunsAsRoot the image names no user, and so runs as root",
            "app.tar:config:3 credentialInImage the image holds a password",
        ]
    );
    let text = run(&folder, &["check", "--image", "app.tar"], &[]);
    assert!(!out(&text).contains("hunter2"), "{}", out(&text));
    assert!(
        out(&text).contains("  3 | ENV DB_PASSWORD=***\n"),
        "{}",
        out(&text)
    );
    // beside manifests, if they are asked for
    let both = run(&folder, &["check", "--image", "app.tar", "."], &[]);
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn a_user_that_is_a_name_is_a_hint() {
    let folder = scratch();
    tar(&saved("app"), &folder.join("app.tar"), "--format=gnu");
    let output = run(&folder, &["check", "--image", "app.tar"], &[]);
    assert!(
        out(&output).contains(
            "app.tar:config:1:1 info[imageUserIsName] the user of the image is the name app, and no number\n"
        ),
        "{}",
        out(&output)
    );
}

#[test]
fn the_health_check_and_steps_for_later_builds_are_read() {
    let folder = scratch();
    let image = saved("1000");
    let config = json!({
        "config": {
            "User": "1000",
            "Healthcheck": {"Test": ["CMD-SHELL", "curl -u joe:hunter2 http://h/"]},
            "OnBuild": ["ENV API_PASSWORD=hunter22"],
        },
        "history": [],
    });
    std::fs::write(image.join("config.json"), config.to_string()).unwrap();
    tar(&image, &folder.join("app.tar"), "--format=gnu");
    let output = run(&folder, &["check", "--image", "app.tar", "-o", "json"], &[]);
    let all = found(&out(&output));
    let config: Vec<_> = all.iter().filter(|one| one.contains(":config:")).collect();
    assert_eq!(
        config,
        [
            "app.tar:config:2 credentialInImage the image holds a password",
            "app.tar:config:3 credentialInImage the image holds a password",
        ]
    );
}

#[test]
fn an_oci_layout_is_read_and_what_cannot_be_is_named() {
    let folder = scratch();
    let layout = folder.join("layout");
    let blobs = layout.join("blobs/sha256");
    let blob = |digit: &str| digit.repeat(64);
    let digest = |digit: &str| format!("sha256:{}", blob(digit));
    layer(
        &[("home/joe/.env", "DB_PASSWORD=hunter2\n")],
        &blobs.join(blob("a")),
        "--gzip",
    );
    let plain = folder.join("plain.tar");
    layer(
        &[("srv/.env", "API_PASSWORD=hunter22\n")],
        &plain,
        "--format=gnu",
    );
    let plain = std::fs::read(plain).unwrap();
    let packed = compress_to_vec(&plain[..], CompressionLevel::Fastest);
    std::fs::write(blobs.join(blob("e")), &packed).unwrap();
    std::fs::write(blobs.join(blob("b")), &packed[..packed.len() / 2]).unwrap();
    std::fs::write(blobs.join(blob("c")), configuration("1000")).unwrap();
    let manifest = json!({
        "config": {"digest": digest("c")},
        "layers": [{"digest": digest("a")}, {"digest": digest("b")}, {"digest": digest("e")}],
    });
    std::fs::write(blobs.join(blob("d")), manifest.to_string()).unwrap();
    let index = json!({"manifests": [{"digest": digest("d")}]});
    std::fs::write(layout.join("index.json"), index.to_string()).unwrap();
    let damaged = std::fs::read(blobs.join(blob("a"))).unwrap();
    std::fs::write(folder.join("damaged.tar"), &damaged[..40]).unwrap();
    std::fs::write(folder.join("none.tar"), [1; 600]).unwrap();
    let arguments = [
        "--image",
        "layout",
        "--image",
        "damaged.tar",
        "--image",
        "none.tar",
        "--image",
        "nosuch.tar",
    ];
    let output = run(
        &folder,
        &[&["check", "-o", "json"], &arguments[..]].concat(),
        &[],
    );
    assert_eq!(
        found(&out(&output)),
        [
            "layout:config:3 credentialInImage the image holds a password",
            "layout:aaaaaaaaaaaa:/home/joe/.env:1 credentialInEnvFile the file holds a password",
            "layout:eeeeeeeeeeee:/srv/.env:1 credentialInEnvFile the file holds a password",
        ]
    );
    let said = err(&output);
    for part in [
        "--> layout:blobs/sha256/bbbb",
        "error: the archive is compressed: decompress it first, as with gunzip -k\n  --> damaged.tar\n",
        "damaged\n  --> none.tar\n",
        "--> nosuch.tar\n",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(output.status.code(), Some(2));
}
