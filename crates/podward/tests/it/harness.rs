//! Starting and asking the command.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a test's access log reserves: the folders of many tests stand side by side.
const LOG_SIZE: &str = "4MiB";

/// The command.
pub(crate) const PODWARD: &str = env!("CARGO_BIN_EXE_podward");

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// The folder of the example.
pub(crate) fn quickstart() -> PathBuf {
    root().join("examples/quickstart")
}

/// A folder of these tests.
pub(crate) fn folder(name: &str) -> PathBuf {
    root().join("crates/podward/tests/it/folders").join(name)
}

/// Says that a test was skipped. Not by a macro, whose output a passing test hides.
pub(crate) fn skipped(test: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "{test}: skipped, {why}");
}

/// Whether this test can run, which needs root; says so where not.
pub(crate) fn is_root(test: &str) -> bool {
    use std::os::unix::fs::MetadataExt;
    let root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    if !root {
        skipped(test, "it needs root");
    }
    root
}

/// An empty folder of its own for a test.
pub(crate) fn scratch() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!(
        "{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// A folder with these files.
pub(crate) fn written(files: &[(&str, &str)]) -> PathBuf {
    let path = scratch();
    for (name, text) in files {
        let file = path.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    path
}

/// Runs the command to its end.
pub(crate) fn podward(arguments: &[&str], state: &Path) -> Output {
    Command::new(PODWARD)
        .args(arguments)
        .env("PODWARD_STATE", state)
        .env("NO_COLOR", "1")
        .env("PODWARD_ACCESS_LOG_SIZE", LOG_SIZE)
        .current_dir(root())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What a program printed.
pub(crate) fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a program complained of.
pub(crate) fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A `podward up` that stays.
pub(crate) struct Up {
    pub(crate) child: Child,
    pub(crate) state: PathBuf,
    events: Receiver<Value>,
}

impl Up {
    /// Starts it on a folder and waits until every pod has met or missed its expectation.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut up = Self::begin(folder, arguments);
        up.wait("settled");
        up
    }

    /// Starts it.
    pub(crate) fn begin(folder: &Path, arguments: &[&str]) -> Self {
        Self::begin_in(folder, arguments, scratch())
    }

    /// Starts it with a state folder.
    pub(crate) fn begin_in(folder: &Path, arguments: &[&str], state: PathBuf) -> Self {
        Self::spawn(&mut Self::command(folder, arguments, &state), state)
    }

    /// The command that starts it.
    pub(crate) fn command(folder: &Path, arguments: &[&str], state: &Path) -> Command {
        let mut command = Command::new(PODWARD);
        command
            .arg("up")
            .arg(folder)
            .args(["-o", "json"])
            .args(arguments)
            .env("PODWARD_STATE", state)
            .env("PODWARD_ACCESS_LOG_SIZE", LOG_SIZE)
            .current_dir(root());
        command
    }

    /// Starts a command that was made so.
    pub(crate) fn spawn(command: &mut Command, state: PathBuf) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, events) = channel();
        let output = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Ok(event) = serde_json::from_str(&line) {
                    let _ = send.send(event);
                }
            }
        });
        Self {
            child,
            state,
            events,
        }
    }

    /// The next event of this kind.
    pub(crate) fn wait(&mut self, kind: &str) -> Value {
        self.wait_for(kind, |_| true)
    }

    /// The next event of this kind that is the one meant.
    pub(crate) fn wait_for(&mut self, kind: &str, meant: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(event) if event["event"] == kind && meant(&event) => return event,
                Ok(_) => {}
                Err(e) => panic!("no event {kind:?}: {e}; {:?}", self.child.try_wait()),
            }
        }
    }

    /// Runs a program in a pod.
    pub(crate) fn exec(&self, pod: &str, command: &[&str]) -> Output {
        let mut arguments = vec!["exec", pod, "--"];
        arguments.extend(command);
        podward(&arguments, &self.state)
    }

    /// Sets a secret of the local cloud.
    pub(crate) fn set_secret(&self, name: &str, value: &str) -> Output {
        let mut child = Command::new(PODWARD)
            .args(["cloud", "set", "secret", name])
            .env("PODWARD_STATE", &self.state)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        if let Some(mut input) = child.stdin.take() {
            // one that refuses the name has ended before it reads
            let _ = input.write_all(value.as_bytes());
        }
        child.wait_with_output().unwrap()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Ends it as Ctrl-C does: the exit status.
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.signal("INT");
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("it goes on after Ctrl-C");
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // it has ended already where the test went well
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
