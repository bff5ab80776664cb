//! End-to-end tests: a cluster is started, the suite of e2e/suite runs on it, and the cluster is taken down.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::cluster::footprint::Footprint;
use crate::cluster::{self, Session};
use crate::sdk;
use crate::shell::{self, cargo, output, program, root, say, target};
use crate::test::{Count, counted, print};

/// The crate of the tests.
pub(crate) const SUITE: &str = "podward-e2e";

/// Tests that want the API server in one state.
struct Stage {
    part: &'static str,
    /// For the API server.
    flags: &'static [&'static str],
    /// Modules of the suite.
    modules: &'static [&'static str],
}

const STAGES: [Stage; 5] = [
    Stage {
        part: "admission",
        flags: &[],
        modules: &[
            "chart::",
            "cluster::",
            "fixtures::",
            "live::",
            "pod_security::",
        ],
    },
    Stage {
        part: "admission",
        flags: &["--disable-admission-plugins=PodSecurity"],
        modules: &["policy::", "unguarded::"],
    },
    Stage {
        part: "admission",
        flags: &["--disable-admission-plugins=PodSecurity"],
        modules: &["login::", "webhook::"],
    },
    Stage {
        part: "admission",
        flags: &["--disable-admission-plugins=PodSecurity"],
        modules: &["certificates::", "operations::"],
    },
    // what all others need goes last
    Stage {
        part: "admission",
        flags: &["--disable-admission-plugins=PodSecurity"],
        modules: &["uninstall::"],
    },
];

/// Of these there are no tests yet.
const UNBUILT: [&str; 2] = ["identity", "secrets"];

/// Why the tests cannot run on this machine, where another may.
pub(crate) fn hindrance() -> Result<Option<&'static str>, String> {
    if !cluster::is_root()? {
        return Ok(Some("a cluster needs root"));
    }
    let go = output(program("go", &["version"]));
    Ok(go.is_err().then_some("Go is not installed"))
}

/// Runs the tests of these parts, or of all. The last line says how many passed.
pub(crate) fn run(parts: &[String]) -> Result<(), String> {
    let is_known = |part: &String| {
        UNBUILT.contains(&part.as_str()) || STAGES.iter().any(|stage| stage.part == *part)
    };
    if let Some(stray) = parts.iter().find(|part| !is_known(part)) {
        return Err(format!(
            "{stray}: the parts are admission, {}",
            UNBUILT.join(", ")
        ));
    }
    if let Some(hindrance) = hindrance()? {
        return Err(format!("the end-to-end tests cannot run: {hindrance}"));
    }
    let is_asked_for = |part: &str| parts.is_empty() || parts.iter().any(|asked| asked == part);
    for part in UNBUILT.into_iter().filter(|part| is_asked_for(part)) {
        say(&format!("e2e {part}: not built yet, no test runs"));
    }
    let stages: Vec<_> = STAGES
        .iter()
        .filter(|stage| is_asked_for(stage.part))
        .collect();
    if stages.is_empty() {
        print("0 passed, 0 failed");
        return Err(format!("{} is not built yet", parts.join(", ")));
    }
    // no cluster waits for the compiler
    shell::run(cargo(&["test", "--quiet", "--package", SUITE, "--no-run"]))?;
    let login = sdk::login()?;
    let before = Footprint::take()?;
    let session = Session::start()?;
    let is_own = session.is_own();
    let done = on_cluster(&stages, &login);
    if !is_own && stages.iter().any(|stage| !stage.flags.is_empty()) {
        // one that goes on is as it was
        cluster::apiserver(&[])?;
    }
    session.end()?;
    let mut counts = done?;
    if is_own {
        counts.push(nothing_is_left(
            &before,
            "the_cluster_leaves_nothing_behind",
        )?);
        killed()?;
        counts.push(nothing_is_left(&before, "a_kill_leaves_nothing_behind")?);
    }
    let passed: usize = counts.iter().map(|count| count.passed).sum();
    let failed: usize = counts.iter().map(|count| count.failed).sum();
    let well = counts.iter().all(|count| count.well);
    print(&format!("{passed} passed, {failed} failed"));
    if well {
        return Ok(());
    }
    Err("the end-to-end tests failed".to_owned())
}

fn on_cluster(stages: &[&Stage], login: &Path) -> Result<Vec<Count>, String> {
    let helm = cluster::helm()?;
    let own = std::env::current_exe().map_err(|e| format!("this program: {e}"))?;
    let mut counts = Vec::new();
    let mut flags: &[&str] = &[];
    for stage in stages {
        if stage.flags != flags {
            flags = stage.flags;
            say(&format!("the API server, with {}:", stage.flags.join(" ")));
            let given: Vec<_> = flags.iter().map(|&flag| flag.to_owned()).collect();
            cluster::apiserver(&given)?;
        }
        let mut tests = cargo(&["test", "--package", SUITE, "--test", "it", "--"]);
        tests.args(stage.modules);
        tests.env("PODWARD", target().join("debug").join("podward"));
        tests.env("PODWARD_TEST_HELM", &helm);
        tests.env("PODWARD_TEST_CHART", root().join("deploy").join("chart"));
        tests.env("PODWARD_TEST_LOGIN", login);
        // a program and its arguments, one a line
        let anew = format!("{}\ncluster\napiserver\n--\n", own.display());
        tests.env("PODWARD_TEST_APISERVER", anew + &flags.join("\n"));
        counts.push(counted(cluster_of(tests)?)?);
    }
    Ok(counts)
}

fn cluster_of(mut tests: Command) -> Result<Command, String> {
    cluster::with_cluster(&mut tests)?;
    Ok(tests)
}

/// Runs a cluster for a command, and kills what runs it.
fn killed() -> Result<(), String> {
    let own = std::env::current_exe().map_err(|e| format!("this program: {e}"))?;
    let run = ["cluster", "run", "--", "sleep", "20"];
    let mut child = Command::new(own)
        .args(run)
        .spawn()
        .map_err(|e| format!("cluster run: {e}"))?;
    let began = Instant::now();
    while !cluster::is_up() && began.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(500));
    }
    child.kill().map_err(|e| format!("cluster run: {e}"))?;
    let _ = child.wait();
    Ok(())
}

/// A test too: the machine is as it was before.
fn nothing_is_left(before: &Footprint, test: &str) -> Result<Count, String> {
    let left = before.difference()?;
    let well = left.is_empty();
    let told = if well { "ok" } else { "FAILED" };
    print(&format!("test {test} ... {told}"));
    for line in &left {
        print(&format!("  {line}"));
    }
    Ok(Count {
        passed: usize::from(well),
        failed: usize::from(!well),
        skipped: 0,
        well,
    })
}
