//! The Azure SDKs for JavaScript, Go and Rust, unmodified, against the local cloud. The one for Python is the
//! business of `conformance`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::conformance;
use crate::shell::{self, cargo, output, program, root, say};

/// The folders of e2e/sdk.
const LANGUAGES: [&str; 3] = ["javascript", "go", "rust"];

/// Runs the suites of these languages, or of all. Where a language is not on this machine its suite is skipped, which
/// is said, or an error if `required`.
pub(crate) fn run(languages: &[String], required: bool) -> Result<(), String> {
    if let Some(stray) = languages
        .iter()
        .find(|one| !LANGUAGES.contains(&one.as_str()))
    {
        let known = LANGUAGES.join(", ");
        return Err(format!("{stray}: there is a suite for {known}"));
    }
    for language in LANGUAGES {
        if !languages.is_empty() && !languages.iter().any(|one| one == language) {
            continue;
        }
        let needed: &[&str] = match language {
            "javascript" => &["node", "npm"],
            "go" => &["go"],
            _ => &[],
        };
        if let Some(missing) = needed.iter().find(|name| !is_there(name)) {
            let text = format!("sdk {language}: skipped, {missing} is not installed");
            if required {
                return Err(text);
            }
            say(&text);
            continue;
        }
        say(&format!("the Azure SDK for {language}:"));
        conformance::run(&made(language)?)?;
    }
    Ok(())
}

fn is_there(name: &str) -> bool {
    // each of them knows one of the two
    output(program(name, &["--version"])).is_ok() || output(program(name, &["version"])).is_ok()
}

/// Builds or installs a suite below target/: the command that runs it.
fn made(language: &str) -> Result<Vec<String>, String> {
    let from = root().join("e2e").join("sdk").join(language);
    let to = root().join("target").join(format!("sdk-{language}"));
    match language {
        "javascript" => javascript(&from, &to),
        "go" => {
            let binary = text(&to.join("suite"));
            let mut go = program("go", &["build", "-o", &binary, "."]);
            go.current_dir(&from);
            shell::run(go)?;
            Ok(vec![binary])
        }
        _ => {
            let manifest = text(&from.join("Cargo.toml"));
            let arguments = ["build", "--locked", "--quiet", "--manifest-path", &manifest];
            let mut build = cargo(&arguments);
            build.arg("--target-dir").arg(&to);
            shell::run(build)?;
            Ok(vec![text(&to.join("debug").join("podward-sdk-rust"))])
        }
    }
}

/// Builds the program that reads a secret as the identity of its pod, without a library: it runs in any image.
pub(crate) fn login() -> Result<PathBuf, String> {
    let to = root().join("target").join("sdk-login").join("login");
    let mut go = program("go", &["build", "-o", &text(&to), "./login"]);
    go.current_dir(root().join("e2e").join("sdk").join("go"));
    go.env("CGO_ENABLED", "0");
    shell::run(go)?;
    Ok(to)
}

/// Node looks for packages beside the program, so the program is put beside the packages.
fn javascript(from: &Path, to: &Path) -> Result<Vec<String>, String> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |e: std::io::Error| format!("{}: {e}", path.display())
    };
    fs::create_dir_all(to).map_err(at(to))?;
    let lock = "package-lock.json";
    let wanted = fs::read(from.join(lock)).map_err(at(from))?;
    let installed = fs::read(to.join("installed.json")).is_ok_and(|known| known == wanted);
    for entry in fs::read_dir(from).map_err(at(from))? {
        let path = entry.map_err(at(from))?.path();
        if let (true, Some(name)) = (path.is_file(), path.file_name()) {
            fs::copy(&path, to.join(name)).map_err(at(&path))?;
        }
    }
    if !installed {
        let mut npm = program("npm", &["ci", "--no-fund", "--no-audit"]);
        npm.current_dir(to);
        shell::run(npm)?;
        fs::write(to.join("installed.json"), wanted).map_err(at(to))?;
    }
    Ok(vec!["node".into(), text(&to.join("main.mjs"))])
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
