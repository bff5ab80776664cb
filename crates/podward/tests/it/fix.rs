//! `podward fix`: what it changes, and what it leaves.

use std::path::Path;
use std::process::Output;

use crate::harness::{err, out, podward, scratch, skipped, written};

const POD: &str = "# a web server\napiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n    containers:\n        - name: web   # the one\n          image: 'web'\n\n          securityContext:\n              capabilities:\n                  drop: # all there were\n                      - NET_RAW\n";

fn fix(arguments: &[&str]) -> Output {
    podward(
        &[&["fix", "--profile", "restricted"], arguments].concat(),
        Path::new("/"),
    )
}

#[test]
fn a_patch_is_printed_and_the_rest_is_said() {
    let folder = written(&[("pod.yaml", POD)]);
    let path = folder.join("pod.yaml").to_string_lossy().into_owned();
    let run = fix(&[&path]);
    assert_eq!(run.status.code(), Some(1), "{}", err(&run));
    let patch = out(&run);
    // as the folder says it in which the command runs
    let here = crate::harness::root().canonicalize().unwrap();
    let below = Path::new(&path).canonicalize().unwrap();
    let below = below.strip_prefix(here).unwrap().display();
    let lines: Vec<_> = patch.lines().filter(|line| line.starts_with('+')).collect();
    assert_eq!(
        lines,
        [
            &format!("+++ b/{below}"),
            "+              allowPrivilegeEscalation: false",
            "+    securityContext:",
            "+        seccompProfile:",
            "+            type: RuntimeDefault",
        ]
    );
    assert!(
        !patch.lines().skip(2).any(|line| line.starts_with('-')),
        "{patch}"
    );
    let said = err(&run);
    for part in [
        "pod.yaml:13:23 container \"web\" does not drop all capabilities: the fix needs --unsafe-fixes",
        "2 findings would be mended in 1 file; 2 more with --unsafe-fixes",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        POD,
        "a patch changes no file"
    );
}

#[test]
fn what_a_baseline_holds_stays() {
    let folder = written(&[("pod.yaml", POD)]);
    let path = folder.join("pod.yaml").to_string_lossy().into_owned();
    let base = folder.join("base.json").to_string_lossy().into_owned();
    let check = [
        "check",
        "--profile",
        "restricted",
        "--write-baseline",
        &base,
        &path,
    ];
    let run = podward(&check, Path::new("/"));
    assert_eq!(run.status.code(), Some(0), "{}", err(&run));
    let run = fix(&["--unsafe-fixes", "--baseline", &base, &path]);
    assert_eq!(
        (run.status.code(), out(&run)),
        (Some(0), String::new()),
        "{}",
        err(&run)
    );
    // what came later is mended
    let more = POD.replace("spec:\n", "spec:\n    hostPID: true\n");
    std::fs::write(&path, &more).unwrap();
    let run = fix(&["--write", "--unsafe-fixes", "--baseline", &base, &path]);
    assert_eq!(run.status.code(), Some(0), "{}", err(&run));
    let mended = std::fs::read_to_string(&path).unwrap();
    assert_eq!(mended, more.replace("hostPID: true", "hostPID: false"));
}

#[test]
fn a_file_is_mended_in_place_once() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = written(&[("pod.yaml", POD)]);
    let file = folder.join("pod.yaml");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let link = folder.join("link.yaml");
    symlink("pod.yaml", &link).unwrap();
    let link = link.to_string_lossy().into_owned();
    let run = fix(&["--write", "--unsafe-fixes", &link]);
    assert_eq!(run.status.code(), Some(0), "{}", err(&run));
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(
        text,
        POD.replace(
            "                      - NET_RAW\n",
            "                      - NET_RAW\n                      - ALL\n              allowPrivilegeEscalation: false\n    securityContext:\n        runAsNonRoot: true\n        seccompProfile:\n            type: RuntimeDefault\n"
        )
    );
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert!(Path::new(&link).is_symlink());
    let again = fix(&["--write", "--unsafe-fixes", &link]);
    assert_eq!(again.status.code(), Some(0));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    assert_eq!(
        podward(&["check", "--profile", "restricted", &link], Path::new("/"))
            .status
            .code(),
        Some(0)
    );
}

#[test]
fn what_cannot_be_read_is_an_error_and_the_rest_is_mended() {
    let folder = written(&[("a.yaml", "a: [1\n"), ("b.yaml", POD)]);
    let run = fix(&["--write", &folder.to_string_lossy()]);
    assert_eq!(run.status.code(), Some(2), "{}", err(&run));
    assert!(err(&run).contains("a.yaml"), "{}", err(&run));
    assert_ne!(std::fs::read_to_string(folder.join("b.yaml")).unwrap(), POD);
}

#[test]
fn real_manifests_keep_every_comment_and_a_second_run_changes_nothing() {
    let name = "real_manifests_keep_every_comment_and_a_second_run_changes_nothing";
    let Some(suites) = std::env::var_os("PODWARD_CONFORMANCE") else {
        return skipped(name, "PODWARD_CONFORMANCE is not set");
    };
    let folder = scratch();
    let from = Path::new(&suites).join("manifests/kubernetes-examples");
    let copied = std::process::Command::new("cp")
        .args(["-r", "--no-preserve=mode"])
        .args([&from, &folder])
        .status();
    assert!(copied.unwrap().success());
    let comments = || {
        let text = std::process::Command::new("grep")
            .args(["-rhoE", "(^| )#.*$"])
            .arg(&folder)
            .output()
            .unwrap();
        let mut lines: Vec<_> = out(&text).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let before = comments();
    assert!(before.len() > 100);
    let shown = folder.to_string_lossy().into_owned();
    fix(&["--write", "--unsafe-fixes", &shown]);
    assert_eq!(comments(), before);
    let again = fix(&["--unsafe-fixes", &shown]);
    assert!(
        err(&again).contains("0 findings would be mended"),
        "{}",
        err(&again)
    );
    assert_eq!(out(&again), "");
}

#[test]
fn a_port_is_moved_together_with_its_service_and_ids_are_those_of_the_configuration() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {app: web}}\nspec:\n  securityContext: {runAsUser: 1000}\n  containers:\n  - name: web\n    image: x\n    ports:\n    - containerPort: 80 # http\n    livenessProbe: {httpGet: {port: 80}}\n";
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  selector: {app: web}\n  ports:\n  - port: 80 # for clients\n";
    let folder = written(&[
        ("pod.yaml", pod),
        ("service.yaml", service),
        ("podward.yaml", "fix: {runAsGroup: 2000}\n"),
    ]);
    let path = folder.to_string_lossy().into_owned();
    let run =
        |arguments: &[&str]| podward(&[&["fix"], arguments, &[&path]].concat(), Path::new("/"));
    let safe = run(&["--write"]);
    assert_eq!(safe.status.code(), Some(1), "{}", err(&safe));
    assert_eq!(
        std::fs::read_to_string(folder.join("service.yaml")).unwrap(),
        service
    );
    let all = run(&["--write", "--unsafe-fixes"]);
    let text = std::fs::read_to_string(folder.join("pod.yaml")).unwrap();
    for part in [
        "    - containerPort: 8080 # http\n    livenessProbe: {httpGet: {port: 8080}}\n",
        "runAsGroup: 2000",
    ] {
        assert!(text.contains(part), "{part}: {text}\n{}", err(&all));
    }
    assert_eq!(
        std::fs::read_to_string(folder.join("service.yaml")).unwrap(),
        service.replace("for clients\n", "for clients\n    targetPort: 8080\n")
    );
    run(&["--write", "--unsafe-fixes"]);
    assert_eq!(
        std::fs::read_to_string(folder.join("pod.yaml")).unwrap(),
        text
    );
}

#[test]
fn patches_of_kustomize_are_left_and_only_what_they_say_is_judged() {
    let patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n      - name: web\n        securityContext: {privileged: true}\n";
    let small = patch.replace("securityContext: {privileged: true}", "image: x");
    let folder = written(&[
        (
            "kustomization.yaml",
            "resources: [pod.yaml]\npatches:\n- path: one.yaml\n  target: {kind: Deployment}\n- patch: |-\n    a: 1\npatchesStrategicMerge: [patches/two.yaml]\n",
        ),
        ("pod.yaml", POD),
        ("one.yaml", patch),
        ("patches/two.yaml", &small),
    ]);
    let path = folder.to_string_lossy().into_owned();
    let run = fix(&["--write", "--unsafe-fixes", &path]);
    let left = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!(
        (left("one.yaml"), left("patches/two.yaml")),
        (patch.to_owned(), small)
    );
    assert_ne!(left("pod.yaml"), POD);
    let said = err(&run);
    for part in [
        "one.yaml: a patch of kustomize is left",
        "two.yaml: a patch",
    ] {
        assert_eq!(said.matches(part).count(), 1, "{part}\n{said}");
    }
    for given in [
        vec![path.as_str()],
        vec![
            &format!("{path}/one.yaml"),
            &format!("{path}/patches/two.yaml"),
        ],
    ] {
        let check = [
            "check",
            "--no-render",
            "-o",
            "json",
            "--profile",
            "restricted",
        ];
        let run = podward(&[&check[..], &given].concat(), Path::new("/"));
        let out = out(&run);
        let found: Vec<_> = out.lines().filter(|l| l.contains("\"finding\"")).collect();
        assert_eq!(found.len(), 1, "{out}");
        assert!(found[0].contains("\"privileged\""), "{out}");
    }
    // the verdicts of the library are on files
    let all = podward(&["check", "-o", "podsecurity", &path], Path::new("/"));
    assert_eq!(out(&all).lines().count(), 3, "{}", out(&all));
}

const WEB: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {app: web}}\nspec:\n  securityContext: {runAsUser: 1000}\n  containers:\n  - name: web\n    image: x\n    ports:\n    - containerPort: 80\n";
const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  selector: {app: web}\n  ports:\n  - port: 80\n";

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_port_stays_where_its_service_cannot_be_written() {
    let broken = format!("{SERVICE}---\na: [1\n");
    let folder = written(&[("pod.yaml", WEB), ("service.yaml", &broken)]);
    let arguments = ["fix", "--write", "--unsafe-fixes", "."];
    let run = |folder: &Path| crate::inputs::run(folder, &arguments, &[]);
    let one = run(&folder);
    assert_eq!(one.status.code(), Some(2), "{}", err(&one));
    let text = read(&folder.join("pod.yaml"));
    assert!(text.contains("containerPort: 80\n"), "{text}");
    let said = err(&one);
    let why = "not mended: service.yaml has to change as well, and cannot";
    assert!(said.contains(why), "{said}");
    assert_eq!(read(&folder.join("service.yaml")), broken);
}

#[test]
fn a_port_stays_where_its_service_cannot_be_replaced() {
    use std::os::unix::fs::chown;
    use std::os::unix::process::CommandExt;
    let name = "a_port_stays_where_its_service_cannot_be_replaced";
    if !crate::harness::is_root(name) {
        return;
    }
    const NOBODY: u32 = 65534;
    let folder = written(&[("pods/pod.yaml", WEB), ("services/service.yaml", SERVICE)]);
    for path in ["pods", "pods/pod.yaml", "services/service.yaml"] {
        chown(folder.join(path), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let program = folder.join("podward");
    std::fs::copy(crate::harness::PODWARD, &program).unwrap();
    let run = std::process::Command::new(program)
        .args(["fix", "--write", "--unsafe-fixes", "."])
        .current_dir(&folder)
        .env("NO_COLOR", "1")
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(2), "{}", err(&run));
    let text = read(&folder.join("pods/pod.yaml"));
    assert!(text.contains("containerPort: 80\n"), "{text}");
    assert!(text.contains("allowPrivilegeEscalation: false"), "{text}");
    assert_eq!(read(&folder.join("services/service.yaml")), SERVICE);
    let why =
        "not mended: services/service.yaml has to change as well, and cannot: Permission denied";
    assert!(err(&run).contains(why), "{}", err(&run));
    let left = std::fs::read_dir(folder.join("pods")).unwrap();
    assert_eq!(left.count(), 1, "nothing is left over");
}

#[test]
fn a_port_goes_back_where_its_service_turns_out_not_to_be_replaceable() {
    let name = "a_port_goes_back_where_its_service_turns_out_not_to_be_replaceable";
    if !crate::harness::is_root(name) {
        return;
    }
    let folder = written(&[("pod.yaml", WEB), ("service.yaml", SERVICE)]);
    // nothing can be renamed over what something is mounted on, which shows only then
    let script =
        "mount --bind service.yaml service.yaml && exec \"$0\" fix --write --unsafe-fixes .";
    let run = std::process::Command::new("unshare")
        .args(["--mount", "sh", "-c", script, crate::harness::PODWARD])
        .current_dir(&folder)
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(2), "{}", err(&run));
    let text = read(&folder.join("pod.yaml"));
    assert!(text.contains("containerPort: 80\n"), "{text}");
    assert!(text.contains("allowPrivilegeEscalation: false"), "{text}");
    assert_eq!(read(&folder.join("service.yaml")), SERVICE);
    let why = "not mended: service.yaml has to change as well, and cannot: Device or resource busy";
    assert!(err(&run).contains(why), "{}", err(&run));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
}

#[test]
fn standard_input_passes_through_where_it_cannot_be_mended() {
    for (text, code) in [
        (&b"a: {{ x }}\n"[..], 0),
        (b"a: [1\n---\nb: 2\n", 2),
        (b"a: \xff\n", 2),
        (b"", 0),
        (POD.as_bytes(), 1),
    ] {
        use std::io::Write;
        let mut child = std::process::Command::new(crate::harness::PODWARD)
            .args(["fix", "--write", "-"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text).unwrap();
        let run = child.wait_with_output().unwrap();
        assert_eq!(run.status.code(), Some(code), "{}", err(&run));
        if text == POD.as_bytes() {
            assert!(out(&run).contains("seccompProfile"), "{}", out(&run));
        } else {
            assert_eq!(run.stdout, text);
        }
    }
}

#[test]
fn what_a_killed_run_left_is_in_no_bodys_way_and_owners_stay() {
    use std::os::unix::fs::{MetadataExt, chown, symlink};
    let folder = written(&[("pod.yaml", POD), ("victim", "keep")]);
    symlink("victim", folder.join(".pod.yaml.podward")).unwrap();
    let file = folder.join("pod.yaml");
    let given_away = chown(&file, Some(1234), Some(5678)).is_ok();
    let run = fix(&["--write", &folder.to_string_lossy()]);
    assert_eq!(run.status.code(), Some(1), "{}", err(&run));
    assert_ne!(read(&file), POD);
    assert_eq!(read(&folder.join("victim")), "keep");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 3);
    if given_away {
        let about = file.metadata().unwrap();
        assert_eq!((about.uid(), about.gid()), (1234, 5678));
    }
}

#[test]
fn patches_are_taken_by_git_and_patch() {
    use std::os::unix::fs::symlink;
    let names = [
        "a b.yaml",
        "q\"t.yaml",
        "n\nl.yaml",
        "gr\u{fc}n.yaml",
        "sub/web.yaml",
    ];
    let files: Vec<_> = names.iter().map(|name| (*name, POD)).collect();
    let folder = written(&files);
    symlink("web.yaml", folder.join("sub/alink.yaml")).unwrap();
    let run = |arguments: &[&str], folder: &Path| {
        let arguments = [&["fix", "--profile", "restricted"], arguments].concat();
        crate::inputs::run(folder, &arguments, &[])
    };
    let apply = |program: &str, arguments: &[&str], folder: &Path, patch: &str| {
        use std::io::Write;
        let child = std::process::Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .stdin(std::process::Stdio::piped())
            .spawn();
        let Ok(mut child) = child else { return false };
        child
            .stdin
            .take()
            .unwrap()
            .write_all(patch.as_bytes())
            .unwrap();
        assert!(child.wait().unwrap().success(), "{program}\n{patch}");
        true
    };
    let absolute = folder.join("sub/web.yaml").to_string_lossy().into_owned();
    let given = [".", "a b.yaml", "./a b.yaml", "sub/../sub", &absolute];
    let patch = out(&run(&given, &folder));
    assert_eq!(
        patch.matches("\n+++ ").count() + 1,
        names.len() + 1,
        "{patch}"
    );
    if apply("git", &["apply"], &folder, &patch) {
        let again = run(&["."], &folder);
        assert_eq!(out(&again), "");
        assert!(folder.join("sub/alink.yaml").is_symlink());
    }
    // from another folder
    let files = written(&[("web.yaml", POD)]);
    let here = written(&[("x/keep", "")]);
    let up = files.strip_prefix(files.parent().unwrap()).unwrap();
    let up = Path::new("../..").join(up).join("web.yaml");
    let run = run(&[&up.to_string_lossy()], &here.join("x"));
    assert!(err(&run).contains("patch -p1 -d /"), "{}", err(&run));
    if apply("patch", &["-s", "-p1", "-d", "/"], &here, &out(&run)) {
        assert_ne!(read(&files.join("web.yaml")), POD);
    }
}

#[test]
fn lines_that_end_as_none_do_are_left_and_json_stays_json() {
    let old = POD.replace('\n', "\r");
    let json = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"securityContext":{},"containers":[{"name":"a","image":"x","securityContext":null},{"name":"b","image":"x","securityContext":{"capabilities":{"drop":[]},"seccompProfile":{}}}]}}"#;
    let folder = written(&[("old.yaml", &old), ("web.json", json)]);
    let run = fix(&["--write", "--unsafe-fixes", &folder.to_string_lossy()]);
    assert_eq!(read(&folder.join("old.yaml")), old);
    assert!(err(&run).contains("carriage return alone"), "{}", err(&run));
    let text = read(&folder.join("web.json"));
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let drop = value.pointer("/spec/containers/1/securityContext/capabilities/drop/0");
    assert_eq!(drop.and_then(|drop| drop.as_str()), Some("ALL"), "{text}");
    assert!(!text.contains(": "), "{text}");
}
