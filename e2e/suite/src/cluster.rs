//! The cluster, by way of kubectl.

use std::env;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a pod may take to start and end.
const LIMIT: Duration = Duration::from_secs(60);

/// Why a test could not go on.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

/// The cluster that the tests run on.
#[derive(Debug)]
pub struct Cluster {
    _private: (),
}

/// What a program has said, and whether it succeeded.
#[derive(Debug)]
pub struct Said {
    /// Exit code 0.
    pub success: bool,
    /// The exit code; none where a signal has ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Cluster {
    /// The cluster of `cargo xtask e2e`. None if there is none, which is said under the name of the test: a
    /// kubeconfig alone may lead to a cluster that is not for tests.
    #[must_use]
    pub fn of(test: &str) -> Option<Self> {
        if env::var_os("PODWARD_CLUSTER_HOST").is_some() && env::var_os("KUBECONFIG").is_some() {
            return Some(Self { _private: () });
        }
        let why = "there is no cluster; cargo xtask e2e brings one";
        let _ = writeln!(io::stderr(), "{test}: skipped, {why}");
        None
    }

    /// Runs kubectl.
    ///
    /// # Errors
    ///
    /// If it cannot be run at all.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<Said, Fault> {
        self.kubectl_with(arguments, "")
    }

    /// Runs kubectl with a text on its standard input.
    ///
    /// # Errors
    ///
    /// If it cannot be run at all.
    pub fn kubectl_with(&self, arguments: &[&str], input: &str) -> Result<Said, Fault> {
        let mut kubectl = Command::new("kubectl");
        run(kubectl.args(arguments), input)
    }

    /// What kubectl prints.
    ///
    /// # Errors
    ///
    /// If it does not succeed.
    pub fn out(&self, arguments: &[&str]) -> Result<String, Fault> {
        let said = self.kubectl(arguments)?;
        if said.success {
            Ok(said.out)
        } else {
            Err(format!("kubectl {}: {}", arguments.join(" "), said.err).into())
        }
    }

    /// An object, by the arguments of `kubectl get`.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn get(&self, arguments: &[&str]) -> Result<Value, Fault> {
        let all = [&["get", "-o", "json"], arguments].concat();
        Ok(serde_json::from_str(&self.out(&all)?)?)
    }

    /// Waits until a pod has ended: its phase and its log.
    ///
    /// # Errors
    ///
    /// If it takes longer than a minute; then with what the cluster says of it.
    pub fn ended(&self, namespace: &str, pod: &str) -> Result<(String, String), Fault> {
        let began = Instant::now();
        loop {
            let object = self.get(&["pod", pod, "-n", namespace])?;
            let phase = object.pointer("/status/phase").and_then(Value::as_str);
            let phase = phase.unwrap_or_default().to_owned();
            if phase == "Succeeded" || phase == "Failed" {
                let log = self.out(&["logs", pod, "-n", namespace, "--all-containers"])?;
                return Ok((phase, log));
            }
            if began.elapsed() > LIMIT {
                let told = self.out(&["describe", "pod", pod, "-n", namespace])?;
                return Err(format!("{pod} does not end:\n{told}").into());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Asks until what is answered satisfies. A test of what becomes so by itself.
    ///
    /// # Errors
    ///
    /// If that takes longer than a minute, or if asking fails.
    pub fn until<T>(
        &self,
        what: &str,
        mut ask: impl FnMut() -> Result<Option<T>, Fault>,
    ) -> Result<T, Fault> {
        let began = Instant::now();
        loop {
            if let Some(answer) = ask()? {
                return Ok(answer);
            }
            if began.elapsed() > LIMIT {
                return Err(format!("a minute has passed before {what}").into());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits for a line of the audit log that has all these texts in it.
    ///
    /// # Errors
    ///
    /// If none comes within a minute, or the log cannot be read.
    pub fn audited(&self, texts: &[&str]) -> Result<Value, Fault> {
        let log = env::var("PODWARD_CLUSTER_LOGS")? + "/audit.log";
        let line = self.until("it stood in the audit log", || {
            let mut lines = BufReader::new(File::open(&log)?)
                .lines()
                .map_while(Result::ok);
            Ok(lines.find(|line| texts.iter().all(|text| line.contains(text))))
        })?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Ends the API server and starts it with the same flags.
    ///
    /// # Errors
    ///
    /// If it is not ready in time.
    pub fn restart_apiserver(&self) -> Result<(), Fault> {
        let words = env::var("PODWARD_TEST_APISERVER")?;
        let mut words = words.lines();
        let mut command = Command::new(words.next().unwrap_or_default());
        let said = run(command.args(words), "")?;
        if said.success {
            Ok(())
        } else {
            Err(said.err.into())
        }
    }
}

/// Runs a program with a text on its standard input.
///
/// # Errors
///
/// If it cannot be run at all.
pub fn run(command: &mut Command, input: &str) -> Result<Said, Fault> {
    let name = command.get_program().to_string_lossy().into_owned();
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let child = piped.stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(|e| format!("{name}: {e}"))?;
    let pipe = child.stdin.take();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            if let Some(mut pipe) = pipe {
                // one that does not read to the end says why by itself
                let _ = pipe.write_all(input.as_bytes());
            }
        });
        child.wait_with_output()
    })?;
    Ok(Said {
        success: output.status.success(),
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
