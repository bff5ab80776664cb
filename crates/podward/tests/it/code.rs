//! `podward check --code`: credentials in what is no manifest.

use serde_json::Value;

use crate::harness::{err, out};
use crate::inputs::{run, tree};

#[test]
fn credentials_are_told_in_code_and_never_repeated() {
    let folder = tree(&[
        (
            "Dockerfile",
            "FROM a\nENV DB_PASSWORD=hunter2\nCOPY id_rsa /\n",
        ),
        (
            "src/main.py",
            "PASSWORD = 'hunter2'\nOTHER = os.environ['PASSWORD']\n",
        ),
        ("src/wide.cs", ""),
        ("values.yaml", "db:\n  password: hunter2\n"),
        ("package-lock.json", "{\"password\": \"hunter2\"}"),
        ("app.min.js", "password='hunter2'"),
        ("ignored.py", "PASSWORD = 'hunter2'\n"),
        (".gitignore", "ignored.py\n"),
        (
            "map.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {password: hunter2}\n",
        ),
    ]);
    // what other programs write: text of Windows, pictures, one line without end
    let wide: Vec<u8> = "\u{feff}var password = \"hunter2\";\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    std::fs::write(folder.join("src/wide.cs"), wide).unwrap();
    std::fs::write(folder.join("src/data.py"), b"PASSWORD = 'hunter2'\0").unwrap();
    std::fs::write(
        folder.join("src/made.js"),
        format!("password='hunter2';{}", "x".repeat(20_000)),
    )
    .unwrap();
    std::fs::write(
        folder.join("src/large.py"),
        "PASSWORD = 'hunter2'\n".repeat(60_000),
    )
    .unwrap();
    let output = run(&folder, &["check", "--code", "-o", "json"], &[]);
    assert_eq!((output.status.code(), err(&output).as_str()), (Some(1), ""));
    let events = out(&output);
    let found: Vec<_> = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event["event"] == "finding")
        .map(|event| {
            format!("{}:{} {}", event["file"], event["line"], event["rule"]).replace('"', "")
        })
        .collect();
    assert_eq!(
        found,
        [
            "Dockerfile:2 credentialInDockerfile",
            "Dockerfile:3 keyFileInImage",
            "map.yaml:4 credentialInConfigMap",
            "src/main.py:1 credentialInCode",
            "src/wide.cs:1 credentialInCode",
            "values.yaml:2 credentialInConfig",
        ]
    );
    let text = run(&folder, &["check", "--code"], &[]);
    assert!(!out(&text).contains("hunter2"), "{}", out(&text));
    assert!(
        out(&text).contains("src/main.py:1:13 error[credentialInCode] the code holds a password\n  1 | PASSWORD = '***'\n"),
        "{}",
        out(&text)
    );
    // by name, and without being asked for
    let one = run(&folder, &["check", "--code", "src/main.py"], &[]);
    assert!(out(&one).starts_with("src/main.py\n"), "{}", out(&one));
    let none = run(&folder, &["check", "-o", "json"], &[]);
    assert_eq!(out(&none).lines().count(), 2, "{}", out(&none));
}
