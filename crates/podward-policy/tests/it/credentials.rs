//! What is found in real manifests, every line of it looked at, and what must not be found.

use std::io::Write;
use std::path::{Path, PathBuf};

use podward_manifest::{objects_found, parse};
use podward_policy::{
    Finding, Reading, credentials_in, credentials_of, credentials_of_file, findings_of_image,
};

/// The files below a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                all.push(path);
            }
        }
    }
    all.sort();
    all
}

/// The findings of a file; none where it is no YAML.
fn findings(path: &str, text: &str) -> Vec<Finding> {
    let documents = parse(path, text).unwrap_or_default();
    let objects = documents.into_iter().flat_map(objects_found);
    objects.flat_map(|object| credentials_of(&object)).collect()
}

/// The findings of all files, a line each.
fn told(folder: &Path) -> Vec<String> {
    let mut told = Vec::new();
    for file in files(folder) {
        let path = file.strip_prefix(folder).unwrap().display().to_string();
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        for finding in findings(&path, &text) {
            let place = format!("{path}:{}", finding.position);
            let severity = finding.severity.as_str();
            told.push(format!("{severity} {place} {}", finding.message));
        }
    }
    told
}

#[test]
fn real_manifests_hold_these() {
    let Some(folder) = super::suites("real_manifests_hold_these") else {
        return;
    };
    let told = told(&folder.join("manifests"));
    let wanted: Vec<_> = include_str!("real_manifests.txt").lines().collect();
    let more: Vec<_> = told
        .iter()
        .filter(|line| !wanted.contains(&line.as_str()))
        .collect();
    let less: Vec<_> = wanted
        .iter()
        .filter(|line| !told.iter().any(|told| told == **line))
        .collect();
    assert!(
        more.is_empty() && less.is_empty(),
        "more: {more:#?}\nless: {less:#?}"
    );
}

#[test]
fn the_fixtures_of_the_standards_hold_none() {
    let Some(folder) = super::suites("the_fixtures_of_the_standards_hold_none") else {
        return;
    };
    let told = told(&folder.join("pod-security").join("fixtures"));
    assert!(told.is_empty(), "{told:#?}");
}

/// Numbers that look drawn and are always the same.
struct Drawn(u64);

impl Drawn {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

/// Parts that the engine looks for, and others between them.
const PARTS: &[&str] = &[
    "-----BEGIN ",
    "PRIVATE KEY-----",
    "-----END ",
    "password",
    "token",
    "AccountKey",
    "sig",
    "=",
    ": ",
    "://",
    "@",
    "\"",
    "'",
    "\\\"",
    "<",
    "</",
    ">",
    "$6$",
    "$(",
    "${",
    "eyJ",
    ".",
    "AKIA",
    "Q~",
    "Bearer ",
    "Basic ",
    "name: ",
    "value: ",
    "\n",
    " ",
    "\t",
    "é",
    "€",
    "𝄞",
    "a",
    "Z",
    "9",
    "--",
    "-p",
    "mysql ",
    "login ",
    "#",
    ";",
    ",",
    "{",
    "}",
    "hooks.slack.com/services/",
    "ghp_",
    "SG.",
    "@tcp(",
    "jdbc:oracle:thin:",
    "jdbc:sqlserver://h:1;",
    "PASSWORD '",
    "IDENTIFIED BY '",
    " | chpasswd",
    "echo ",
    "htpasswd -bc ",
    "-passin pass:",
    " string = ",
    ": string = ",
    "#define ",
    "password: |\n  ",
    "${A_PASSWORD:-",
    "{\"Jwt\": ",
    "\"Key\": ",
    "bindpw ",
    "<!--",
    "-->",
    "issecret=true]",
    "echo \"password: a\" ",
    "\u{0}",
];

#[test]
fn any_text_can_be_read_and_spans_stand_in_it() {
    let mut drawn = Drawn(7);
    for round in 0..20_000 {
        let text: String = (0..drawn.below(40))
            .map(|_| {
                let part = PARTS[drawn.below(PARTS.len())];
                part.repeat(1 + drawn.below(3) * drawn.below(20))
            })
            .collect();
        let reading = [Reading::Form, Reading::Text, Reading::Code][round % 3];
        let mut last = 0;
        for one in credentials_in(Some("DB_PASSWORD"), &text, reading) {
            assert!(
                text.get(one.span.clone())
                    .is_some_and(|value| !value.is_empty()),
                "{text:?}"
            );
            assert!(last <= one.span.start, "{text:?}");
            last = one.span.end;
        }
        // as an object too, so that places are asked for
        let quoted = serde_json::to_string(&text).unwrap();
        let map = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata: {{a.sh: {quoted}}}\n"
        );
        for finding in findings("f", &map) {
            assert_eq!(finding.position.line, 4, "{text:?}");
        }
    }
}

/// Paths of every kind of file.
const PATHS: &[&str] = &[
    "Dockerfile",
    ".env",
    "a.ini",
    "a.py",
    "a.sh",
    ".netrc",
    ".npmrc",
    ".pgpass",
    "id_rsa",
    "a_test.go",
];

#[test]
fn any_file_can_be_read_and_places_stand_in_it() {
    let more = [
        "ENV ",
        "COPY ",
        "FROM a\n",
        "password ",
        "\\\n",
        "\r\n",
        "setPassword(\"",
        "(\"token\", \"",
        "\")",
        "env.TOKEN || '",
        "//r/:_authToken=",
        "hunter2",
        "id_rsa ",
        "[\"",
        "DB_PASSWORD=",
        "USER",
        "HISTORY ",
    ];
    let mut drawn = Drawn(11);
    for _ in 0..4000 {
        let text: String = (0..drawn.below(40))
            .map(|_| match drawn.below(2) {
                0 => PARTS[drawn.below(PARTS.len())],
                _ => more[drawn.below(more.len())],
            })
            .collect();
        let lines: Vec<_> = text.split('\n').collect();
        let files = PATHS
            .iter()
            .flat_map(|path| credentials_of_file(path, &text));
        for finding in files.chain(findings_of_image("i", &text)) {
            let line = lines.get(finding.position.line - 1);
            let width = line.map(|line| line.chars().count());
            assert!(
                width.is_some_and(|width| finding.position.column <= width + 1),
                "{text:?} {finding:?}"
            );
            if let Some((from, to)) = finding.secret {
                assert!(from <= to, "{text:?} {finding:?}");
            }
        }
    }
}

#[test]
fn no_file_takes_long() {
    for part in [
        "ENV A B \\\n",
        "COPY id_rsa /\n",
        "password x ",
        "(\"password\", \"hunter2\")",
        "a:b:c:d:e1\n",
        "PASSWORD=hunter2\n",
        "f(\"",
        "password='a b' ",
        "root:a@tcp(",
        "echo a:b | chpasswd ",
        "a BY 'x' ",
        "password string = ",
        "password: |\n  a\n",
        "{\"Key\": \"a1\"",
        "Server=a;Password=",
        "${A_PASSWORD:-",
        "#define PASSWORD ",
        "<!-- password=",
        "<!----> password=",
        "echo \"password: a\" ",
    ] {
        let text = part.repeat(50_000 / part.len());
        let start = std::time::Instant::now();
        for path in PATHS {
            std::hint::black_box(credentials_of_file(path, &text).len());
        }
        std::hint::black_box(findings_of_image("i", &text).len());
        assert!(
            start.elapsed().as_secs() < 20,
            "{part:?}: {:?}",
            start.elapsed()
        );
    }
}

/// Megabytes a second, to be read by a person: `cargo test --release -p podward-policy -- --ignored
/// --nocapture speed`.
#[test]
#[ignore = "it measures"]
fn speed() {
    let Some(folder) = super::suites("speed") else {
        return;
    };
    let texts: Vec<_> = files(&folder.join("manifests"))
        .iter()
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .collect();
    let bytes: usize = texts.iter().map(String::len).sum();
    let report = |what: &str, run: &mut dyn FnMut() -> usize| {
        let best = (0..5)
            .map(|_| {
                let start = std::time::Instant::now();
                std::hint::black_box(run());
                start.elapsed()
            })
            .min()
            .unwrap();
        let rate = bytes as f64 / best.as_secs_f64() / 1e6;
        let _ = writeln!(std::io::stderr(), "{what}: {rate:.0} MB/s, {best:?}");
    };
    let objects: Vec<_> = texts
        .iter()
        .flat_map(|text| parse("f", text).unwrap_or_default())
        .flat_map(objects_found)
        .collect();
    report("parsing", &mut || {
        texts
            .iter()
            .filter_map(|text| parse("f", text).ok())
            .map(|d| d.len())
            .sum()
    });
    report("objects", &mut || {
        objects
            .iter()
            .map(|object| credentials_of(object).len())
            .sum()
    });
    // texts that are made to be slow: what begins something again and again
    for part in PARTS.iter().chain(&[
        "password = ",
        "a=b=password:",
        "password=",
        "token=x1y2;",
        "name: token value: ",
        "sig=sv=",
        "+ASt",
        "Bearer Basic ",
        "-----BEGIN PRIVATE KEY-----",
        "https://a:b",
        "AKIAABCDEFGHIJKLMNOP ",
        "root:a@tcp(",
        "a BY 'x' ",
        "\"Key\": \"a1\" ",
        "${A_PASSWORD:-",
        "a=b;password=x1;",
    ]) {
        let text = part.repeat(2_000_000 / part.len());
        let start = std::time::Instant::now();
        std::hint::black_box(credentials_in(None, &text, Reading::Text).len());
        let taken = start.elapsed();
        assert!(taken.as_millis() < 1000, "{part:?}: {taken:?}");
    }
    for reading in [Reading::Form, Reading::Text, Reading::Code] {
        report(&format!("{reading:?}"), &mut || {
            texts
                .iter()
                .map(|text| credentials_in(None, text, reading).len())
                .sum()
        });
    }
}
