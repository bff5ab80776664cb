//! Helm charts and kustomizations, by programs that stand in for helm and kubectl: they print what
//! those print, and fail where they are called in another way.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::harness::{err, out, scratch};
use crate::inputs::{BAD, run, tree};

/// A folder with programs: their names and what they do.
fn programs(all: &[(&str, &str)]) -> PathBuf {
    let folder = scratch();
    for (name, script) in all {
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

fn check(folder: &Path, programs: &Path, arguments: &[&str]) -> Output {
    let arguments = [&["check", "--profile", "baseline"], arguments].concat();
    // a relative folder must not count: what is judged may hold a program
    let path = format!(".:{}", programs.display());
    run(folder, &arguments, &[("PATH", &path)])
}

fn files(output: &Output) -> Vec<String> {
    let events = out(output);
    let events = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let findings = events.filter(|event| event["event"] == "finding");
    findings
        .map(|event| {
            format!("{}:{} {}", event["file"], event["line"], event["name"]).replace('"', "")
        })
        .collect()
}

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.0.0\n";
const TEMPLATE: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Release.Name }}\n";

/// What helm prints: documents by kind, each with its template.
fn helm() -> String {
    let pod = BAD.replace("bad", "made");
    format!(
        "[ \"$*\" = 'template .' ] && [ -f Chart.yaml ] || exit 9\nread line && exit 8\nprintf '%s' '---\n# Source: web/templates/plain.yaml\n{BAD}---\n# Source: web/templates/pod.yaml\n{pod}---\n# Source: web/charts/sub/templates/pod.yaml\n{pod}---\n# Source: web/templates/pod.yaml\n{pod}'\n"
    )
}

#[test]
fn charts_are_judged_as_they_render() {
    let folder = tree(&[
        ("chart/Chart.yaml", CHART),
        ("chart/templates/pod.yaml", TEMPLATE),
        ("chart/templates/plain.yaml", BAD),
        ("chart/charts/sub/Chart.yaml", CHART),
        ("chart/charts/sub/templates/pod.yaml", TEMPLATE),
        (
            "library/Chart.yaml",
            "apiVersion: v2\nname: l\nversion: 1.0.0\ntype: library\n",
        ),
        ("helm", "#!/bin/sh\nexit 7\n"),
    ]);
    std::fs::set_permissions(folder.join("helm"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let programs = programs(&[("helm", &helm())]);
    let output = check(&folder, &programs, &["-o", "json"]);
    assert_eq!((output.status.code(), err(&output).as_str()), (Some(1), ""));
    assert_eq!(
        files(&output),
        [
            "chart/templates/plain.yaml:4 bad",
            "rendered:chart/templates/pod.yaml:6 made",
            "rendered:chart/templates/pod.yaml:12 made",
            "rendered:chart/charts/sub/templates/pod.yaml:6 made",
        ]
    );
    let text = out(&check(&folder, &programs, &[]));
    let wanted = "rendered:chart/templates/pod.yaml: Pod made\n  rendered:chart/templates/pod.yaml:6:21 error[hostNamespaces] hostNetwork is true\n  6 | spec: {hostNetwork: true";
    assert!(text.contains(wanted), "{text}");
    // left as it is
    let left = check(&folder, &programs, &["-o", "json", "--no-render"]);
    assert_eq!(files(&left), ["chart/templates/plain.yaml:4 bad"]);
    let said = err(&left);
    assert!(
        said.starts_with("note: 2 templates were not judged"),
        "{said}"
    );
    let verdicts = out(&check(&folder, &programs, &["-o", "podsecurity"]));
    assert_eq!(verdicts.lines().count(), 1, "{verdicts}");
    let path = programs.display().to_string();
    let fix = run(
        &folder,
        &["fix", "--profile", "baseline"],
        &[("PATH", &path)],
    );
    let said = err(&fix);
    assert!(
        said.starts_with("note: what chart renders to is not mended"),
        "{said}"
    );
    assert!(!out(&fix).contains("rendered:"), "{}", out(&fix));
}

#[test]
fn kustomizations_are_judged_as_they_are_built() {
    let folder = tree(&[
        ("base/kustomization.yaml", "resources: [pod.yaml]\n"),
        ("base/pod.yaml", BAD),
        (
            "overlay/kustomization.yml",
            "resources: [../base]\nnamePrefix: made-\n",
        ),
        (
            "component/kustomization.yaml",
            "kind: Component\nnamePrefix: x-\n",
        ),
        (
            "remote/Kustomization",
            "resources: [deeper]\nnamePrefix: x-\n",
        ),
        (
            "remote/deeper/kustomization.yaml",
            "resources: ['https://github.com/a/b?ref=v1']\n",
        ),
        ("inflated/kustomization.yaml", "helmCharts: [{name: x}]\n"),
    ]);
    let script = format!(
        "[ \"$*\" = 'kustomize .' ] || exit 9\nprintf '%s' '{}'\n",
        BAD.replace("bad", "made-bad")
    );
    let programs = programs(&[("kubectl", &script)]);
    let output = check(&folder, &programs, &["-o", "json"]);
    assert_eq!(
        err(&output),
        "note: inflated was not rendered, for it has helm fetch a chart: kubectl kustomize --enable-helm inflated | podward check -\nnote: remote with 1 more was not rendered, for it takes something from the network: kubectl kustomize remote | podward check -\n"
    );
    assert_eq!(
        files(&output),
        [
            "base/pod.yaml:4 bad",
            "rendered:overlay/kustomization.yml:4 made-bad"
        ]
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_is_not_installed_is_said_and_what_fails_is_an_error() {
    let folder = tree(&[
        ("chart/Chart.yaml", CHART),
        ("chart/templates/pod.yaml", TEMPLATE),
        ("overlay/kustomization.yaml", "namePrefix: a-\n"),
    ]);
    let none = check(&folder, &programs(&[]), &[]);
    assert_eq!(
        err(&none),
        "note: chart was not rendered, for helm is not installed: helm template chart | podward check -\nnote: overlay was not rendered, for neither kubectl nor kustomize is installed: kubectl kustomize overlay | podward check -\n"
    );
    assert_eq!(none.status.code(), Some(0));
    let lacking =
        "echo 'Error: found in Chart.yaml, but missing in charts/ directory: redis' >&2; exit 1";
    let broken = "echo 'error: no such field' >&2; exit 1";
    let programs = programs(&[("helm", lacking), ("kustomize", broken)]);
    let output = check(&folder, &programs, &[]);
    assert_eq!(
        err(&output),
        "\
note: chart was not rendered, for its dependencies are not fetched: helm dependency build chart
error: this kustomization cannot be built: no such field
  --> overlay/kustomization.yaml
  help: --no-render leaves it out; what you make of it is judged by kubectl kustomize overlay | podward check -
error: one error, see above; all else was judged
"
    );
    assert_eq!(output.status.code(), Some(2));
}
