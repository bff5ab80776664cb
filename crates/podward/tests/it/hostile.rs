//! Files that are made to hurt: bounded time and memory, an error with its place, and all other
//! files judged.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{PODWARD, err, out, written};

/// Most address space, KiB, stacks and what the allocator sets aside included.
const MEMORY: u32 = 1 << 20;
/// Longest that one run may take. That of a test, with no optimization and others beside it.
const TIME: Duration = Duration::from_secs(60);
/// A Pod with one finding.
const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  hostPID: true\n  containers: [{name: a, image: b}]\n";

/// Judges a folder, or what is written to standard input, with no more memory than may be.
fn check(folder: &Path, path: &str, input: impl FnOnce(&mut dyn Write)) -> Output {
    let begun = Instant::now();
    let line = format!("ulimit -v {MEMORY}; exec \"$0\" check --profile baseline -o json {path}");
    let mut child = Command::new("sh")
        .args(["-c", &line, PODWARD])
        .current_dir(folder)
        .env_remove("PODWARD_PROFILE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    input(&mut child.stdin.take().unwrap());
    let output = child.wait_with_output().unwrap();
    assert!(begun.elapsed() < TIME, "{path}: {:?}", begun.elapsed());
    output
}

/// Says that a file is refused with these words at this place, and that another is judged.
fn refused(name: &str, text: &[u8], place: &str, words: &str) {
    let folder = written(&[("pod.yaml", POD)]);
    std::fs::write(folder.join(name), text).unwrap();
    let output = check(&folder, ".", |_| ());
    let said = err(&output);
    assert!(
        said.contains(words) && said.contains(&format!("--> {name}{place}\n")),
        "{said}"
    );
    let found = out(&output);
    let mut lines = found
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert!(
        lines.any(|line| line["file"] == "pod.yaml" && line["rule"] == "hostNamespaces"),
        "{found}"
    );
    assert_eq!(output.status.code(), Some(2), "{said}");
}

#[test]
fn bombs_of_aliases() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..10 {
        let inner = vec![format!("*a{}", n - 1); 10].join(", ");
        bomb.push_str(&format!("a{n}: &a{n} [{inner}]\n"));
    }
    let words = "more than 2000000 values in one file, with all aliases written out";
    refused("bomb.yaml", bomb.as_bytes(), ":6:9", words);
    let mut merged = "a0: &a0 {x: 1}\n".to_owned();
    for n in 1..2000 {
        let inner = vec![format!("*a{}", n - 1); 10].join(", ");
        merged.push_str(&format!("a{n}: &a{n} {{<<: [{inner}], y{n}: 1}}\n"));
    }
    refused("merged.yaml", merged.as_bytes(), ":446:13", words);
}

#[test]
fn deep_nesting() {
    let flow = "[".repeat(10_000) + &"]".repeat(10_000);
    refused(
        "flow.yaml",
        flow.as_bytes(),
        ":1:101",
        "nested deeper than 100",
    );
    let block: String = (0..4000).map(|n| " ".repeat(n) + "a:\n").collect();
    refused(
        "block.yaml",
        block.as_bytes(),
        ":101:101",
        "nested deeper than 100",
    );
    let json = "{\"a\":".repeat(10_000);
    refused(
        "open.json",
        json.as_bytes(),
        ":1:501",
        "nested deeper than 100",
    );
    let dashes = "- ".repeat(10_000);
    refused(
        "dashes.yaml",
        dashes.as_bytes(),
        ":1:201",
        "nested deeper than 100",
    );
}

#[test]
fn bytes_that_are_no_text() {
    let text = b"apiVersion: v1\nkind: P\xff\xfeod\n";
    refused("bytes.yaml", text, ":2:8", "this is not UTF-8");
    refused("nul.yaml", b"a: b\nc: \0d\n", ":2:4", "");
}

#[test]
fn too_many_values() {
    let values = format!("a: [{}]\n", "1,".repeat(2_100_000));
    refused(
        "values.yaml",
        values.as_bytes(),
        ":1:4000003",
        "more than 2000000 values",
    );
}

#[test]
fn a_line_of_a_gigabyte() {
    let folder = written(&[("pod.yaml", POD)]);
    let output = check(&folder, "- pod.yaml", |input| {
        let part = vec![b'x'; 1 << 20];
        // it does not read to the end
        let _ = input.write_all(b"a: ");
        let _ = (0..1024).try_for_each(|_| input.write_all(&part));
    });
    let said = err(&output);
    assert!(said.contains("larger than 16 MiB\n  --> -\n"), "{said}");
    assert!(out(&output).contains("hostNamespaces"));
    assert_eq!(output.status.code(), Some(2));
    // what is just small enough is read
    let line = format!("a: {}\n", "x".repeat(15 << 20));
    let output = check(&written(&[("a.yaml", &line)]), ".", |_| ());
    assert_eq!((err(&output).as_str(), output.status.code()), ("", Some(0)));
}

#[test]
fn a_hundred_thousand_documents() {
    let small = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: b}\n---\n";
    let text = small.repeat(100_000) + POD;
    let last = |output: &Output| -> Value {
        let found = out(output);
        let mut lines = found.lines().filter(|line| line.contains("\"finding\""));
        serde_json::from_str(lines.next_back().unwrap()).unwrap()
    };
    let output = check(&written(&[("a.yaml", &text)]), ".", |_| ());
    assert_eq!((err(&output).as_str(), output.status.code()), ("", Some(1)));
    let finding = last(&output);
    assert_eq!(
        (finding["doc"].as_u64(), finding["line"].as_u64()),
        (Some(100_000), Some(500_005))
    );
    // one that is broken does not take the others with it
    let broken = text.replacen("{a: b}", "{a: b", 1);
    let output = check(&written(&[("a.yaml", &broken)]), ".", |_| ());
    assert!(
        err(&output).contains("--> a.yaml:4:7\n"),
        "{}",
        err(&output)
    );
    assert_eq!(last(&output)["line"].as_u64(), Some(500_005));
    assert_eq!(output.status.code(), Some(2));
}
