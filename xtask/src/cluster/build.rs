//! Programs that are built from source with Go, once for each content of what they are built from.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::layout::{Layout, at, text};
use crate::shell::{self, output, program, root, say};

/// With another release the API server's OpenAPI comes out malformed: then Go fetches this one.
const RELEASE: &str = "go1.26";
const TOOLCHAIN: &str = "go1.26.8";

/// The folder with `kubernetes` and `pause`.
pub(super) fn kubernetes(layout: &Layout) -> Result<PathBuf, String> {
    let source = root().join("e2e").join("cluster");
    let version = version(&source.join("go.mod"), "k8s.io/kubernetes ")?;
    let stamp = format!(
        "-s -w -X k8s.io/component-base/version.gitVersion={version} -X k8s.io/client-go/pkg/version.gitVersion={version}"
    );
    made(layout, "kubernetes", &source, |to| {
        say(&format!(
            "building Kubernetes {version} from source: once, for about eight minutes on two idle cores"
        ));
        go_build(&source, &stamp, &to.join("kubernetes"), ".")?;
        go_build(&source, "-s -w", &to.join("pause"), "./pause")
    })
}

/// The program helm, by which the chart is held to the printed manifests.
pub(crate) fn helm(layout: &Layout) -> Result<PathBuf, String> {
    let source = root().join("e2e").join("helm");
    let folder = made(layout, "helm", &source, |to| {
        say("building helm from source: once, for two minutes on two idle cores");
        go_build(
            &source,
            "-s -w",
            &to.join("helm"),
            "helm.sh/helm/v3/cmd/helm",
        )
    })?;
    Ok(folder.join("helm"))
}

/// The version that go.mod has of a module.
fn version(path: &Path, module: &str) -> Result<String, String> {
    let go_mod = fs::read_to_string(path).map_err(at(path))?;
    let mut lines = go_mod.lines().map(str::trim);
    lines
        .find_map(|line| line.strip_prefix(module))
        .map(|version| version.trim().to_owned())
        .ok_or_else(|| format!("{}: does not require {module}", path.display()))
}

/// A folder of the cache that is named by the content of the sources, filled by `make` if it is not there. Those of
/// earlier contents are removed.
fn made(
    layout: &Layout,
    name: &str,
    source: &Path,
    make: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let cache = layout.cache();
    let wanted = format!("{name}-{}", digest(&sources(source)?)?);
    let folder = cache.join(&wanted);
    if folder.exists() {
        return Ok(folder);
    }
    let began = Instant::now();
    let new = cache.join(format!("{name}.new"));
    fs::create_dir_all(&new).map_err(at(&new))?;
    make(&new)?;
    fs::rename(&new, &folder).map_err(at(&folder))?;
    say(&format!("built {name} in {} s", began.elapsed().as_secs()));
    super::images::forget(&cache, name, &wanted)?;
    Ok(folder)
}

/// All files below a folder.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        if path.is_dir() {
            files.extend(sources(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Twelve digits that stand for the content of files, whatever the folders are called that they are in.
pub(super) fn digest(files: &[PathBuf]) -> Result<String, String> {
    let mut sums = String::new();
    for file in files {
        sums.push_str(&sha256(file)?);
        sums.push('\n');
    }
    // of the sums, in a file: a pipe would take a thread
    let folder = Layout::find().cache();
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    let list = folder.join(format!("sums-{}", std::process::id()));
    fs::write(&list, sums).map_err(at(&list))?;
    let sum = sha256(&list);
    let _ = fs::remove_file(&list);
    Ok(sum?.chars().take(12).collect())
}

pub(super) fn sha256(file: &Path) -> Result<String, String> {
    let said = output(program("sha256sum", &["--", &text(file)]))?;
    let said = String::from_utf8_lossy(&said);
    let sum = said.split_whitespace().next().unwrap_or_default();
    Ok(sum.trim_start_matches('\\').to_owned())
}

fn go_build(source: &Path, stamp: &str, to: &Path, package: &str) -> Result<(), String> {
    let known = output(program("go", &["env", "GOVERSION"])).map_err(|e| {
        format!("{e}\nthe cluster needs Go ({TOOLCHAIN}, https://go.dev/dl) to build Kubernetes")
    })?;
    let to = text(to);
    let flags = ["go", "build", "-trimpath", "-buildvcs=false", "-ldflags"];
    let mut go = program("nice", &flags);
    go.args([stamp, "-o", &to, package]);
    go.current_dir(source).env("CGO_ENABLED", "0");
    if !known.starts_with(RELEASE.as_bytes()) {
        go.env("GOTOOLCHAIN", TOOLCHAIN);
    }
    shell::run(go)
}
