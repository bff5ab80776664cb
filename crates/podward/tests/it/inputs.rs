//! Which files `podward check` and `podward fix` read, and which they leave.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::harness::{PODWARD, err, out, scratch};

/// A folder with these files, and the folders they need.
pub(crate) fn tree(files: &[(&str, &str)]) -> PathBuf {
    let top = scratch();
    for (name, text) in files {
        let path = top.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    top
}

/// Runs `podward` in a folder, with nothing on standard input; a command that waits is an error.
pub(crate) fn run(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new("/usr/bin/timeout")
        .arg("60")
        .arg(PODWARD)
        .args(arguments)
        .env("NO_COLOR", "1")
        .envs(environment.iter().copied())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// A pod that shares the host's network.
pub(crate) const BAD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec: {hostNetwork: true, containers: [{name: a}]}\n";

/// The files in which something is found.
fn found(folder: &Path, arguments: &[&str]) -> Vec<String> {
    let arguments = [&["check", "-o", "json", "--profile", "baseline"], arguments].concat();
    let output = run(folder, &arguments, &[]);
    let events = out(&output);
    let events = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    events
        .filter(|event| event["event"] == "finding")
        .map(|event| event["file"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_is_ignored_is_left_out_unless_it_is_named_or_asked_for() {
    let folder = tree(&[
        ("a.yaml", BAD),
        ("out/b.yaml", BAD),
        ("out/keep.yaml", BAD),
        ("deep/.hidden/c.yaml", BAD),
        ("deep/d.tmp.yaml", BAD),
        ("deep/.gitignore", "*.tmp.yaml\n"),
        (".gitignore", "/out/*\r\n"),
        (".podwardignore", "# ours\n!keep.yaml\n"),
    ]);
    assert_eq!(
        found(&folder, &[]),
        ["a.yaml", "deep/.hidden/c.yaml", "out/keep.yaml"]
    );
    assert_eq!(found(&folder, &["out/b.yaml"]), ["out/b.yaml"]);
    assert_eq!(
        found(&folder, &["--no-ignore"]),
        [
            "a.yaml",
            "deep/.hidden/c.yaml",
            "deep/d.tmp.yaml",
            "out/b.yaml",
            "out/keep.yaml"
        ]
    );
    let fix = run(&folder, &["fix", "--profile", "baseline"], &[]);
    assert!(!out(&fix).contains("out/b.yaml"), "{}", out(&fix));
}

#[test]
fn folders_above_count_up_to_the_top_of_the_repository() {
    let folder = tree(&[
        (".gitignore", "a.yaml\n"),
        ("repository/.gitignore", "b.yaml\n"),
        ("repository/.git/info/exclude", "c.yaml\n"),
        ("repository/deploy/a.yaml", BAD),
        ("repository/deploy/b.yaml", BAD),
        ("repository/deploy/c.yaml", BAD),
    ]);
    assert_eq!(found(&folder.join("repository/deploy"), &[]), ["a.yaml"]);
    assert_eq!(
        found(&folder, &["repository/deploy"]),
        ["repository/deploy/a.yaml"]
    );
    // a linked work tree names the folder of its repository
    std::fs::create_dir_all(folder.join("linked/deploy")).unwrap();
    std::fs::create_dir_all(folder.join("repository/.git/worktrees/linked")).unwrap();
    std::fs::write(
        folder.join("linked/.git"),
        "gitdir: ../repository/.git/worktrees/linked\n",
    )
    .unwrap();
    std::fs::write(
        folder.join("repository/.git/worktrees/linked/commondir"),
        "../..\n",
    )
    .unwrap();
    std::fs::write(folder.join("linked/deploy/c.yaml"), BAD).unwrap();
    std::fs::write(folder.join("linked/deploy/d.yaml"), BAD).unwrap();
    assert_eq!(found(&folder, &["linked"]), ["linked/deploy/d.yaml"]);
}

#[test]
fn patterns_are_taken_apart() {
    let folder = tree(&[
        ("a.yaml", BAD),
        ("b[1].yaml", BAD),
        ("one/x/c.yaml", BAD),
        ("one/x/notes.txt", "a: ["),
        ("two/x/.d.yaml", BAD),
        ("two/x/e.yaml.in", BAD),
        (".gitignore", "two/x/f.yaml\n"),
        ("two/x/f.yaml", BAD),
    ]);
    assert_eq!(found(&folder, &["*.yaml"]), ["a.yaml", "b[1].yaml"]);
    assert_eq!(found(&folder, &["b[1].yaml"]), ["b[1].yaml"]);
    assert_eq!(
        found(&folder, &["**/*.yaml"]),
        ["a.yaml", "b[1].yaml", "one/x/c.yaml"]
    );
    assert_eq!(found(&folder, &["./one/**"]), ["one/x/c.yaml"]);
    assert_eq!(found(&folder, &["*/x"]), ["one/x/c.yaml", "two/x/.d.yaml"]);
    assert_eq!(found(&folder, &["two/x/.*.yaml"]), ["two/x/.d.yaml"]);
    assert_eq!(found(&folder, &["two/?/*.in"]), ["two/x/e.yaml.in"]);
    let absolute = format!("{}/o*/x/*", folder.display());
    assert_eq!(
        found(&folder, &[&absolute]),
        [format!("{}/one/x/c.yaml", folder.display())]
    );
}

#[test]
fn what_is_not_there_is_named_and_the_rest_is_judged() {
    let folder = tree(&[("a.yaml", BAD)]);
    let output = run(
        &folder,
        &[
            "check",
            "--profile",
            "baseline",
            "nosuch/*.yaml",
            "nosuch.yaml",
            "a[.yaml",
            "a.yaml",
        ],
        &[],
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(
        out(&output).contains("1 of 1 workload refused"),
        "{}",
        out(&output)
    );
    assert_eq!(
        err(&output),
        "\
error: this pattern matches nothing
  --> nosuch/*.yaml
  help: podward takes *, ?, [a-z] and ** in a path that is not there as it stands
error: there is no such file or folder
  --> nosuch.yaml
error: this pattern has a [ that does not end
  --> a[.yaml
  help: podward takes *, ?, [a-z] and ** in a path that is not there as it stands
error: 3 errors, see above; all else was judged
"
    );
}

#[test]
fn a_pipe_is_read_where_it_is_named_and_never_in_a_folder() {
    let folder = tree(&[("a.yaml", BAD)]);
    let made = Command::new("mkfifo")
        .arg(folder.join("pipe.yaml"))
        .arg(folder.join(".gitignore"))
        .status();
    assert!(made.unwrap().success());
    for command in ["check", "fix"] {
        let output = run(&folder, &[command, "--profile", "baseline"], &[]);
        assert_eq!(output.status.code(), Some(2));
        let said = err(&output);
        assert!(
            said.contains("this is a named pipe, and no file\n  --> pipe.yaml\n"),
            "{said}"
        );
    }
    let script = format!("exec {PODWARD} check --profile baseline <(cat a.yaml)");
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(
        out(&output).contains("hostNetwork is true"),
        "{}",
        out(&output)
    );
}

#[test]
fn templates_are_no_errors_and_are_counted() {
    let template = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Release.Name }}\n  {{- with .Values.x }}\n  y: 1\n  {{- end }}\n";
    let folder = tree(&[
        (
            "chart/Chart.yaml",
            "apiVersion: v2\nname: c\nversion: 1.0.0\n",
        ),
        ("chart/values.yaml", "image: a\n"),
        ("chart/crds/a.yaml", BAD),
        (
            "chart/templates/deep/quoted.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: \"{{ .Release.Name }}\"}\nspec: {hostNetwork: true}\n",
        ),
        ("chart/templates/plain.yaml", BAD),
        ("generator/pod.yaml", template),
        ("generator/both.yaml", &format!("{BAD}---\n{template}")),
    ]);
    let arguments = ["check", "--no-render", "--profile", "baseline"];
    let output = run(&folder, &arguments, &[]);
    assert_eq!(
        err(&output),
        "note: 3 templates were not judged: what they make can be, by helm template DIR | podward check -\n"
    );
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        found(&folder, &["--no-render"]),
        [
            "chart/crds/a.yaml",
            "chart/templates/plain.yaml",
            "generator/both.yaml"
        ]
    );
    let output = run(&folder, &["fix", "generator", "--profile", "baseline"], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(
        err(&output).starts_with("note: 2 templates were not judged"),
        "{}",
        err(&output)
    );
    // what is no template stays an error
    std::fs::write(
        folder.join("generator/both.yaml"),
        format!("{template}---\na: [\n"),
    )
    .unwrap();
    assert_eq!(
        run(&folder, &["check", "generator"], &[]).status.code(),
        Some(2)
    );
}
