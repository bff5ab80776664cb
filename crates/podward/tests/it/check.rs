//! `podward check`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::harness::{PODWARD, err, out, scratch, written};

fn check(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(PODWARD)
        .arg("check")
        .args(arguments)
        .env("NO_COLOR", "1")
        .env("PODWARD_PROFILE", "restricted")
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

const GOOD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: good}\nspec: {securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}, containers: [{name: a, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]}\n";

#[test]
fn a_finding_has_its_line_its_reason_and_its_mend() {
    let folder = written(&[
        ("good.yaml", GOOD),
        (
            "web.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      hostPID: true\n      containers:\n      - name: a\n        imagee: b\n",
        ),
    ]);
    let output = check(&folder, &["--profile", "baseline"]);
    assert_eq!(
        out(&output),
        "\
web.yaml: Deployment web
  web.yaml:8:16 error[hostNamespaces] hostPID is true
  8 |       hostPID: true
    |                ^
    why:  in a namespace of the node a pod sees its network traffic, its processes with their environments, or its shared memory
    mend: take hostPID out
    says: host namespaces (hostPID=true)

  web.yaml:11:9 error[unknownField] unknown field \"spec.template.spec.containers[0].imagee\"
  11 |         imagee: b
     |         ^
    why:  the API server drops the field, so that what it asks for does not hold
    mend: did you mean \"image\"?

2 findings (2 errors): 1 of 2 workloads refused, 1 of 2 files with findings
"
    );
    assert_eq!((output.status.code(), err(&output).as_str()), (Some(1), ""));
    let output = check(&folder, &["good.yaml"]);
    assert_eq!(
        out(&output),
        "0 findings: 0 of 1 workload refused, 0 of 1 file with findings\n"
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_judged() {
    let folder = written(&[
        ("broken.yaml", &format!("{GOOD}---\na: [\n---\n{GOOD}")),
        ("values.yaml", "image: {tag: 1}\n"),
        (
            "list.json",
            r#"{"apiVersion": "v1", "kind": "PodList", "items": [{"metadata": {"name": "x"}}]}"#,
        ),
        ("notes.txt", "a: ["),
    ]);
    std::fs::create_dir_all(folder.join(".hidden")).unwrap();
    std::fs::create_dir_all(folder.join(".git")).unwrap();
    std::fs::write(folder.join(".hidden/good.yml"), GOOD).unwrap();
    std::fs::write(folder.join(".git/bad.yaml"), "a: [").unwrap();
    std::fs::write(folder.join("latin.yaml"), b"# a\n# \xe9\n").unwrap();
    std::fs::write(folder.join("large.yaml"), " ".repeat((16 << 20) + 1)).unwrap();
    std::os::unix::fs::symlink(&folder, folder.join("loop")).unwrap();
    let output = check(&folder, &["-o", "podsecurity", ".", "nosuch.yaml"]);
    let lines: Vec<Value> = out(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let found: Vec<_> = lines
        .iter()
        .map(|line| {
            format!(
                "{} {} {} {}",
                line["file"], line["doc"], line["name"], line["allowed"]
            )
            .replace('"', "")
        })
        .collect();
    assert_eq!(
        found,
        [
            ".hidden/good.yml 0 good true",
            "broken.yaml 0 good true",
            "broken.yaml 2 good true",
            "list.json 0 x true",
        ]
    );
    let said = err(&output);
    for place in [
        "broken.yaml:6:4",
        "latin.yaml:2:3",
        "large.yaml\n",
        "nosuch.yaml\n",
    ] {
        assert!(said.contains(&format!("--> {place}")), "{place}: {said}");
    }
    assert!(
        said.ends_with("error: 4 errors, see above; all else was judged\n"),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn what_a_decoder_refuses_has_its_sentence() {
    let folder = written(&[(
        "a.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: a\n    name: b\n    securityContext: {privileged: \"false\"}\n    env: [{name: PASSWORD, value: 12345}]\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: hunter2!}\n",
    )]);
    let output = check(&folder, &["-o", "podsecurity"]);
    assert_eq!(
        out(&output),
        "{\"file\":\"a.yaml\",\"doc\":0,\"allowed\":false,\"err\":\"json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string\"}\n"
    );
    assert_eq!(output.status.code(), Some(1));
    let text = out(&check(&folder, &[]));
    for part in [
        "a.yaml:7:5 error[duplicateKey] duplicate key \"name\", first at 6:5",
        "a.yaml:8:35 error[wrongType] spec.containers[0].securityContext.privileged must be true or false, and is text",
        "a.yaml:9:35 error[wrongType] spec.containers[0].env[0].value must be text, and is a number",
        "a.yaml:14:11 error[wrongType] data[a] must be base64, and is not",
        "mend: take the quotes away",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(
        !text.contains("12345") && !text.contains("hunter2"),
        "{text}"
    );
}

#[test]
fn pods_of_custom_resources_are_judged_and_nothing_steers_the_terminal() {
    let folder = written(&[(
        "rollout.yaml",
        "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n      hostPID: true\n      containers: [{name: a, image: b, securityContext: {capabilities: {add: [\"\\e[2J\"]}}}]\n",
    )]);
    let output = check(&folder, &["--profile", "baseline"]);
    let text = out(&output);
    for part in [
        "rollout.yaml:7:16 error[hostNamespaces] hostPID is true",
        "adds the capability \"\u{fffd}[2J\"",
        "1 of 1 workload refused",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains('\u{1b}'), "{text:?}");
    let typed = written(&[(
        "rollout.yaml",
        "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n      containers: [{name: a, image: b, securityContext: {privileged: \"true\"}}]\n",
    )]);
    let text = out(&check(&typed, &["--profile", "baseline"]));
    assert!(
        text.contains("error[wrongType] spec.template.spec.containers[0].securityContext.privileged must be true or false"),
        "{text}"
    );
    assert_eq!(out(&check(&folder, &["-o", "podsecurity"])), "");
}

#[test]
fn standard_input_and_json() {
    let mut child = Command::new(PODWARD)
        .args(["check", "-", "-o", "json", "--profile", "baseline"])
        .args(["--kubernetes-version", "v1.99"])
        .current_dir(scratch())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let bad = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {hostIPC: true}\n";
    child
        .stdin
        .take()
        .unwrap()
        .write_all(bad.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let events: Vec<Value> = out(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events[0]["event"], "finding");
    assert_eq!(events[0]["file"], "-");
    assert_eq!(events[0]["field"], "spec.hostIPC");
    assert_eq!(events[0]["sentence"], "host namespaces (hostIPC=true)");
    assert_eq!(events[1]["event"], "summary");
    assert_eq!(events[1]["refused"], 1);
    assert_eq!(
        err(&output),
        "note: v1.99 is newer than this program; the rules are those of v1.37\n"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_version_below_the_first_is_refused() {
    let output = check(&scratch(), &["--kubernetes-version", "0.9"]);
    assert!(err(&output).contains("use latest, or 1.0 to 1.37"));
    assert_eq!(output.status.code(), Some(2));
}

/// Compares every line that is printed with every line that is expected, at each level.
fn compare(list: &str, folder_of: impl Fn(&Path, &str, &str) -> (std::path::PathBuf, String)) {
    let Some(suites) = std::env::var_os("PODWARD_CONFORMANCE") else {
        eprintln!("{list}: skipped, PODWARD_CONFORMANCE is not set");
        return;
    };
    let suites = Path::new(&suites);
    let text = std::fs::read_to_string(suites.join("pod-security").join(list)).unwrap();
    let mut wanted: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let level = case["level"].as_str().unwrap_or_default().to_owned();
        wanted.entry(level).or_default().push(case);
    }
    // what cannot be decoded has no level, and is said at each
    let undecodable = wanted.remove("").unwrap_or_default();
    assert!(wanted.len() > 7);
    for (asked, mut cases) in wanted {
        cases.extend(undecodable.iter().cloned());
        let (level, version) = asked.split_once(':').unwrap();
        let (folder, prefix) = folder_of(suites, level, version);
        let arguments = [
            "--profile",
            level,
            "--kubernetes-version",
            version,
            "-o",
            "podsecurity",
            ".",
        ];
        let output = check(&folder, &arguments);
        assert_eq!(err(&output), "");
        let mut said: Vec<Value> = Vec::new();
        for line in out(&output).lines() {
            let mut line: Value = serde_json::from_str(line).unwrap();
            line["file"] = format!("{prefix}{}", line["file"].as_str().unwrap()).into();
            said.push(line);
        }
        let key = |case: &Value| case.to_string();
        cases.sort_by_cached_key(key);
        said.sort_by_cached_key(key);
        let differ = cases.iter().zip(&said).find(|(case, said)| case != said);
        assert_eq!(differ, None, "{asked}");
        assert_eq!(cases.len(), said.len(), "{asked}");
    }
}

#[test]
fn the_fixtures_of_the_standards() {
    compare("expected-fixtures.jsonl", |suites, level, version| {
        let below = format!("{level}/{version}/");
        (suites.join("pod-security/fixtures").join(&below), below)
    });
}

#[test]
fn real_manifests() {
    compare("expected-manifests.jsonl", |suites, _, _| {
        (suites.join("manifests"), String::new())
    });
}

const PRIVILEGED: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: a\n    image: i\n    securityContext: {privileged: true}\n";

const HOST_PID: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {hostPID: true, containers: [{name: a, image: i}]}\n";

#[test]
fn what_a_repository_has_decided_is_left() {
    let folder = written(&[
        (
            "podward.yaml",
            "profile: baseline\nrules:\n  hostPorts: off\nignore:\n- rules: [privileged]\n  paths: [none]\n  reason: it is not there\n- rules: [hostNamespaces]\n  paths: [node/]\n  reason: it watches the node\n",
        ),
        ("a.yaml", HOST_PID),
        (
            "port.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: i, ports: [{containerPort: 8080, hostPort: 8080}]}]}\n",
        ),
    ]);
    std::fs::create_dir(folder.join("node")).unwrap();
    std::fs::write(folder.join("node/a.yaml"), HOST_PID).unwrap();
    let plain = |arguments: &[&str]| {
        Command::new(PODWARD)
            .arg("check")
            .args(arguments)
            .env("NO_COLOR", "1")
            .current_dir(&folder)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    let output = plain(&[]);
    let text = out(&output);
    assert!(text.contains("a.yaml:4:17 error[hostNamespaces]"), "{text}");
    assert!(
        !text.contains("node/") && !text.contains("port.yaml"),
        "{text}"
    );
    assert!(
        text.ends_with("1 finding (1 error): 3 of 3 workloads refused, 1 of 4 files with findings; 2 suppressed\n"),
        "{text}"
    );
    assert_eq!(
        err(&output),
        "podward.yaml:5: the entry for privileged leaves nothing: take it out\n"
    );
    // a flag is nearer than the file
    let text = out(&plain(&["--profile", "privileged"]));
    assert!(text.starts_with("0 findings"), "{text}");
    let bad = written(&[("podward.yaml", "profile: hard\n"), ("a.yaml", HOST_PID)]);
    let output = check(&bad, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        err(&output).contains("podward.yaml:1:10"),
        "{}",
        err(&output)
    );
}

#[test]
fn a_baseline_leaves_what_was_there_and_tells_what_is_new() {
    let folder = written(&[("a.yaml", HOST_PID)]);
    let arguments = ["--profile", "baseline", "--write-baseline", "base.json"];
    let output = check(&folder, &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let arguments = ["--profile", "baseline", "--baseline", "base.json"];
    let output = check(&folder, &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", out(&output));
    assert!(
        out(&output).ends_with("; 1 in the baseline\n"),
        "{}",
        out(&output)
    );
    let more = HOST_PID.replace("hostPID: true", "hostIPC: true");
    std::fs::write(folder.join("a.yaml"), format!("\n\n{more}")).unwrap();
    let output = check(&folder, &arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(out(&output).contains("hostIPC is true"), "{}", out(&output));
    assert!(err(&output).contains("one finding of the baseline is mended"));
}

#[test]
fn a_baseline_holds_wherever_it_is_asked_from_and_whatever_is_put_before() {
    let folder = written(&[("a.yaml", PRIVILEGED), ("ci/x.txt", "")]);
    let base = folder.join("ci/base.json");
    let base = base.to_str().unwrap();
    let baseline = ["--profile", "baseline", "--write-baseline", "ci/base.json"];
    let output = check(&folder, &baseline);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let written = std::fs::read_to_string(base).unwrap();
    assert!(written.contains("\"../a.yaml\""), "{written}");
    assert!(written.contains("spec.containers[a].securityContext.privileged"));
    let one_more = PRIVILEGED.replace("  - name: a\n", "  - {name: b, image: i}\n  - name: a\n");
    std::fs::write(folder.join("a.yaml"), one_more).unwrap();
    let absolute = folder.join("a.yaml");
    let absolute = absolute.to_str().unwrap();
    for (path, at) in [
        (absolute, "/"),
        ("../a.yaml", "ci"),
        ("a.yaml", "."),
        ("./ci/../a.yaml", "."),
    ] {
        let arguments = ["--profile", "baseline", "--baseline", base, path];
        let output = check(&folder.join(at), &arguments);
        assert_eq!(output.status.code(), Some(0), "{path}: {}", out(&output));
    }
    std::fs::write(base, "{\"version\": 1, \"findings\": []}").unwrap();
    let output = check(&folder, &["--baseline", base]);
    assert!(
        err(&output).contains("of an older podward"),
        "{}",
        err(&output)
    );
}

#[test]
fn a_long_file_has_the_same_findings_in_pieces() {
    let one = "# podward: ignore[hostNamespaces] it watches the node\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {hostPID: true, containers: [{name: a, image: i}]}\n---\n# podward: ignore[hostPorts] it is open\napiVersion: v1\nkind: Pod\nmetadata: {name: b}\nspec: {hostIPC: true, containers: [{name: a, image: i}]}\n---\n";
    let count = (1 << 20) / one.len() + 1;
    let long = format!("{}a: [\n", one.repeat(count));
    let folder = written(&[("long.yaml", &long)]);
    let run = check(&folder, &["--profile", "baseline", "-o", "junit"]);
    assert_eq!(run.status.code(), Some(2));
    let junit = out(&run);
    let head = format!(
        "<testsuite name=\"long.yaml\" tests=\"{}\" failures=\"{}\" errors=\"1\" skipped=\"0\">\n",
        2 * count + 1,
        2 * count
    );
    assert!(junit.contains(&head), "{}", junit.get(..400).unwrap());
    assert_eq!(junit.matches("<testcase ").count(), 2 * count + 1);
    assert_eq!(junit.matches("name=\"unusedSuppression ").count(), count);
    assert_eq!(junit.matches("hostPID").count(), 0);
    assert!(junit.ends_with("</testsuite>\n</testsuites>\n"));
    let json = out(&check(&folder, &["--profile", "baseline", "-o", "json"]));
    assert_eq!(json.matches("\"event\":\"finding\"").count(), 2 * count);
    assert!(json.contains(&format!("\"suppressed\":{count}")));
}

#[test]
fn variables_of_the_environment_say_yes_and_no() {
    let folder = written(&[("a.yaml", HOST_PID)]);
    let typed = |variables: &[(&str, &str)], options: &[&str]| {
        let mut command = Command::new(PODWARD);
        command.args(["check", "-o", "json"]).current_dir(&*folder);
        command.args(options).envs(variables.iter().copied());
        command.output().unwrap()
    };
    let run = |variables: &[(&str, &str)]| typed(variables, &[]);
    for yes in ["1", "true", "yes"] {
        for no in ["0", "false", "no", ""] {
            let output = run(&[
                ("PODWARD_NO_RENDER", yes),
                ("PODWARD_RENDER", no),
                ("PODWARD_PROFILE", ""),
            ]);
            assert_eq!(
                output.status.code(),
                Some(1),
                "{yes} {no}: {}",
                err(&output)
            );
        }
    }
    let both = run(&[("PODWARD_NO_RENDER", "1"), ("PODWARD_RENDER", "yes")]);
    assert_eq!(both.status.code(), Some(2));
    let unclear = run(&[("PODWARD_NO_RENDER", "perhaps")]);
    assert!(err(&unclear).contains("perhaps"), "{}", err(&unclear));
    // what is typed goes before a variable that contradicts it
    for (variable, options, code) in [
        (("PODWARD_NO_RENDER", "1"), &["--render"] as &[_], 1),
        (
            ("PODWARD_BASELINE", "nosuch.json"),
            &["--write-baseline=new.json"],
            0,
        ),
        (("PODWARD_NO_RENDER", "1"), &["--render", "--no-render"], 2),
    ] {
        let output = typed(&[variable], options);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{options:?}: {}",
            err(&output)
        );
    }
}

#[test]
fn comments_and_annotations_leave_with_a_reason() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  annotations:\n    podward.dev/ignore.hostPorts: it is the ingress\nspec:\n  hostPID: true # podward: ignore[hostNamespaces] it watches the node\n  hostIPC: true # podward: ignore[hostNamespaces]\n  containers:\n  - name: a\n    image: i\n    ports: [{containerPort: 8080, hostPort: 8080}]\n";
    let folder = written(&[("a.yaml", text)]);
    let output = check(&folder, &["--profile", "baseline", "-o", "json"]);
    let rules: Vec<_> = out(&output)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event["event"] == "finding")
        .map(|event| format!("{}:{}", event["rule"].as_str().unwrap(), event["line"]))
        .collect();
    assert_eq!(rules, ["hostNamespaces:9", "unusedSuppression:9"]);
}

#[test]
fn code_hosts_and_build_servers_have_their_formats() {
    let folder = written(&[
        ("a b.yaml", HOST_PID),
        ("c.yaml", HOST_PID),
        ("good.yaml", GOOD),
    ]);
    let output = check(&folder, &["--profile", "baseline", "-o", "sarif"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let sarif: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    let index = usize::try_from(results[0]["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(
        run["tool"]["driver"]["rules"][index]["id"],
        results[0]["ruleId"]
    );
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%20b.yaml");
    assert_eq!(place["region"]["startLine"], 4);
    let replaced = &results[0]["fixes"][0]["artifactChanges"][0]["replacements"][0];
    assert_eq!(replaced["deletedRegion"]["startLine"], 4);
    assert!(
        replaced["insertedContent"]["text"]
            .as_str()
            .unwrap()
            .contains("hostPID: false")
    );
    let nothing = check(
        &folder,
        &["--profile", "baseline", "-o", "sarif", "good.yaml"],
    );
    let sarif: Value = serde_json::from_str(&out(&nothing)).unwrap();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 0);
    let junit = out(&check(&folder, &["--profile", "baseline", "-o", "junit"]));
    assert!(
        junit.starts_with("<?xml") && junit.ends_with("</testsuites>\n"),
        "{junit}"
    );
    assert_eq!(junit.matches("<failure ").count(), 2);
    let github = out(&check(&folder, &["--profile", "baseline", "-o", "github"]));
    assert!(
        github.starts_with(
            "::error file=a b.yaml,line=4,col=17,title=hostNamespaces::hostPID is true"
        ),
        "{github}"
    );
    let summary = out(&check(&folder, &["--profile", "baseline", "--summary"]));
    assert!(summary.starts_with("      2  hostNamespaces "), "{summary}");
}

#[test]
fn no_format_repeats_a_secret_that_stands_in_the_line_of_another_finding() {
    let list = r#"{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Pod","metadata":{"name":"q"},"spec":{"containers":[{"name":"a","image":"b"}]}},{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"a","image":"b","env":[{"name":"DB_PASSWORD","value":"hK3jd82mQr"}]}]}}]}"#;
    let folder = written(&[
        (
            "pod.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - {name: a, image: b, env: [{name: DB_PASSWORD, value: hK3jd82mQr}]}\n",
        ),
        ("list.json", list),
    ]);
    for format in ["text", "json", "sarif", "junit", "github"] {
        let told = out(&check(&folder, &["--profile", "podward", "-o", format]));
        assert!(told.contains("credentialInEnv"), "{format}: {told}");
        assert!(!told.contains("hK3jd82mQr"), "{format}: {told}");
    }
}

#[test]
fn what_cannot_be_read_or_written_is_told_in_each_form() {
    let folder = written(&[("good.yaml", GOOD), ("broken.yaml", "a: [\n")]);
    let told = out(&check(&folder, &["-o", "sarif"]));
    let sarif: Value = serde_json::from_str(&told).unwrap();
    let invocation = &sarif["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    let notices = &invocation["toolExecutionNotifications"];
    let first = notices[0]["message"]["text"].as_str().unwrap();
    assert!(first.starts_with("broken.yaml:1:4: "), "{first}");
    let place = &notices[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "broken.yaml");
    assert_eq!(place["region"], json!({"startLine": 1, "startColumn": 4}));
    let told = out(&check(&folder, &["-o", "github"]));
    assert!(
        told.contains("::error file=broken.yaml,line=1,col=4,title=podward::broken.yaml:1:4: "),
        "{told}"
    );
    let told = out(&check(&folder, &["-o", "json", "absent.yaml"]));
    let event: Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&event["event"], &event["file"]),
        (&"error".into(), &"absent.yaml".into())
    );
    std::fs::write(folder.join("bytes.yaml"), b"a: 1\nb: \xff\n").unwrap();
    let told = out(&check(&folder, &["-o", "json", "bytes.yaml"]));
    let event: Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    assert_eq!(event["file"], "bytes.yaml");
    assert_eq!((&event["line"], &event["column"]), (&2.into(), &4.into()));
    let told = out(&check(
        &folder,
        &["-o", "junit", "bytes.yaml", "absent.yaml"],
    ));
    for name in ["bytes.yaml", "absent.yaml"] {
        let suite = format!(
            "<testsuite name=\"{name}\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">"
        );
        assert!(told.contains(&suite), "{told}");
    }

    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = Command::new(PODWARD)
        .args(["check", "--profile", "restricted", "good.yaml"])
        .current_dir(&folder)
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("the output could not be written"));
}

#[test]
fn json_is_what_its_schema_says() {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/check.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    let folder = written(&[("a.yaml", HOST_PID), ("bad.yaml", "a: [\n")]);
    let mut seen = std::collections::BTreeSet::new();
    for arguments in [&["-o", "json"][..], &["-o", "json", "--summary"]] {
        for line in out(&check(&folder, arguments)).lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            let name = event["event"].as_str().unwrap().to_owned();
            let forms = schema["oneOf"].as_array().unwrap();
            let form = forms
                .iter()
                .find(|form| form["properties"]["event"]["const"] == name.as_str())
                .unwrap();
            for key in event.as_object().unwrap().keys() {
                assert!(form["properties"].get(key).is_some(), "{name}: {key}");
            }
            for key in form["required"].as_array().unwrap() {
                assert!(event.get(key.as_str().unwrap()).is_some(), "{name}: {key}");
            }
            seen.insert(name);
        }
    }
    let all: Vec<_> = seen.iter().map(String::as_str).collect();
    assert_eq!(all, ["error", "finding", "rule", "summary"]);
}

#[test]
fn a_file_is_judged_once_however_often_it_is_named() {
    let folder = crate::harness::written(&[(
        "pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {hostNetwork: true, containers: [{name: a, image: x}]}\n",
    )]);
    std::os::unix::fs::symlink("pod.yaml", folder.join("second.yaml")).unwrap();
    let path = folder.to_string_lossy().into_owned();
    let file = format!("{path}/pod.yaml");
    let dotted = format!("{path}/./pod.yaml");
    let arguments = ["check", "-o", "json", "--summary", &path, &file, &dotted];
    let said = out(&crate::harness::podward(&arguments, Path::new("/")));
    assert!(said.contains("\"workloads\":1}"), "{said}");
}
