//! Every test, with what this machine lacks installed first, and a short fuzzing.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::conformance;
use crate::e2e;
use crate::fuzz;
use crate::sdk;
use crate::shell::{self, cargo, output, program, root, say};

/// The Python that every machine has in one place, and that the user of a pod may run.
const PYTHON: &str = "/usr/bin/python3";

/// The Azure SDK for Python, as the tests need it.
const REQUIREMENTS: &str = "crates/podward/tests/it/requirements.txt";

pub(crate) fn run(every_sdk: bool) -> Result<(), String> {
    install("python3", |_| Path::new(PYTHON).exists())?;
    install("python3-venv", |_| {
        output(program(PYTHON, &["-c", "import ensurepip, venv"])).is_ok()
    })?;
    install("openssl", in_path_as("openssl"))?;
    install("uidmap", in_path_as("newuidmap"))?;
    let sdk = virtual_environment("azure-sdk", &root().join(REQUIREMENTS))?;
    let mut tests = cargo(&["test", "--workspace", "--exclude", e2e::SUITE]);
    tests.env("PODWARD_TEST_AZURE_SDK", &sdk);
    let count = counted(tests)?;
    let Count {
        passed,
        failed,
        skipped,
        ..
    } = count;
    print(&format!(
        "{passed} passed, {failed} failed, {skipped} skipped"
    ));
    if !count.well {
        return Err("cargo test failed".to_owned());
    }
    if std::env::var_os("PODWARD_CONFORMANCE").is_some() {
        conformance::run(&[])?;
    } else {
        say("conformance: skipped, PODWARD_CONFORMANCE names no folder of acceptance suites");
    }
    sdk::run(&[], every_sdk)?;
    fuzz::run(&[])?;
    match e2e::hindrance()? {
        Some(hindrance) => {
            say(&format!("e2e: skipped, {hindrance}"));
            Ok(())
        }
        None => e2e::run(&[]),
    }
}

/// What came of tests.
#[derive(Default)]
pub(crate) struct Count {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
    /// Whether all of them ran to their ends, and none failed.
    pub(crate) well: bool,
}

/// Runs the tests, their output shown, and counts.
pub(crate) fn counted(mut tests: Command) -> Result<Count, String> {
    let mut child = tests
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("cargo test: {e}"))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let skips = std::thread::spawn(move || {
        let told = lines(err, say);
        told.iter()
            .filter(|line| line.contains(": skipped, "))
            .count()
    });
    let said = lines(out, print);
    let status = child.wait().map_err(|e| format!("cargo test: {e}"))?;
    let skipped = skips.join().unwrap_or_default();
    let count = |what: &str| -> usize {
        let results = said.iter().filter(|line| line.starts_with("test result:"));
        let numbers = results.filter_map(|line| {
            let before = line.split(what).next()?;
            before.trim().rsplit(' ').next()?.parse::<usize>().ok()
        });
        numbers.sum()
    };
    Ok(Count {
        // a test that was skipped has counted as passed
        passed: count(" passed").saturating_sub(skipped),
        failed: count(" failed"),
        skipped,
        well: status.success(),
    })
}

/// One line on standard output. A reader that has gone is no error.
pub(crate) fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Shows and keeps every line.
fn lines(from: Option<impl Read>, show: impl Fn(&str)) -> Vec<String> {
    let Some(from) = from else { return Vec::new() };
    let read = BufReader::new(from).lines().map_while(Result::ok);
    read.inspect(|line| show(line)).collect()
}

pub(crate) fn in_path_as(name: &'static str) -> impl Fn(&str) -> bool {
    move |_| {
        std::env::var_os("PATH").is_some_and(|path| {
            std::env::split_paths(&path).any(|folder| folder.join(name).exists())
        })
    }
}

/// Installs a package of the system unless its work can be done already.
pub(crate) fn install(package: &str, is_there: impl Fn(&str) -> bool) -> Result<(), String> {
    if is_there(package) {
        return Ok(());
    }
    let is_root = output(program("id", &["-u"]))?.starts_with(b"0\n");
    let (name, first): (&str, &[&str]) = if is_root {
        ("apt-get", &[])
    } else {
        ("sudo", &["-n", "apt-get"])
    };
    for arguments in [
        &["update", "-q"] as &[&str],
        &["install", "-q", "-y", "--no-install-recommends", package],
    ] {
        let mut apt = program(name, first);
        apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        shell::run(apt).map_err(|e| {
            format!("{e}\nthe package {package} is missing: install it, and run this again")
        })?;
    }
    Ok(())
}

/// A virtual environment with the packages of a file, made once, in a folder of target/.
pub(crate) fn virtual_environment(name: &str, requirements: &Path) -> Result<PathBuf, String> {
    let shown = requirements.to_string_lossy().into_owned();
    let wanted = std::fs::read_to_string(requirements).map_err(|e| format!("{shown}: {e}"))?;
    let folder = root().join("target").join(name);
    let mark = folder.join("installed.txt");
    if std::fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(folder);
    }
    let at = folder.to_string_lossy().into_owned();
    shell::run(program(PYTHON, &["-m", "venv", "--clear", &at]))?;
    let python = folder.join("bin").join("python3");
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
    ];
    let mut pip = program(&python.to_string_lossy(), &install);
    pip.arg(&shown);
    shell::run(pip)?;
    std::fs::write(&mark, wanted).map_err(|e| format!("{}: {e}", mark.display()))?;
    Ok(folder)
}
