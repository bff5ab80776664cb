//! Whether pods reach what they are to reach.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use podward_sys::{Enter, Started, Status};
use serde_json::json;
use tokio::task::JoinHandle;

use super::node::Node;
use super::pods::{Admitted, Expect};
use super::volumes::{self, Places};
use super::{container, probe};
use crate::io::{Io, Tone};

/// How often a probe is run until it succeeds. A kubelet waits seconds; here nobody has to.
const PROBE_INTERVAL: Duration = Duration::from_millis(25);

/// What is known of a container.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    pub(super) pid: i32,
    pub(super) no_program: bool,
    pub(super) exited: Option<i32>,
    pub(super) failed: Option<String>,
    pub(super) running: bool,
}

/// A container that was started.
pub(super) struct Running {
    pub(super) name: String,
    pub(super) progress: Arc<Mutex<Progress>>,
    pub(super) enter: Enter,
    probe: Option<podward_api::pod::Probe>,
    lifeline: Option<std::os::fd::OwnedFd>,
    watcher: Option<JoinHandle<()>>,
}

/// A pod that is run, or was refused.
pub(super) struct Run {
    pub(super) admitted: Admitted,
    pub(super) containers: Vec<Running>,
    failed: Option<String>,
    network: Option<std::os::fd::OwnedFd>,
    servers: Vec<JoinHandle<()>>,
    places: Places,
    node: Arc<Node>,
}

/// What became of a pod.
pub(super) struct Outcome {
    name: String,
    met: bool,
    said: String,
}

impl Node {
    /// Sets a pod up and starts its containers.
    pub(super) async fn run(self: &Arc<Self>, io: &Io, admitted: Admitted) -> Run {
        let mut run = Run {
            admitted,
            containers: Vec::new(),
            failed: None,
            network: None,
            servers: Vec::new(),
            places: Places::new(),
            node: Arc::clone(self),
        };
        if run.admitted.refused.is_none()
            && let Err(error) = self.bring_up(io, &mut run).await
        {
            run.failed = Some(error);
        }
        run
    }

    async fn bring_up(&self, io: &Io, run: &mut Run) -> Result<(), String> {
        if run.admitted.spec.host_network {
            return Err(
                "hostNetwork is not served here: such a pod has no identity of its own".into(),
            );
        }
        let (namespace, servers) = self.network(&run.admitted.pod)?;
        run.network = Some(namespace);
        run.servers = servers;
        run.places = volumes::make(self, &run.admitted).await?;
        let init = run.admitted.spec.init_containers.clone();
        for one in &init {
            let running = self.start_container(io, run, one)?;
            let progress = Arc::clone(&running.progress);
            run.containers.push(running);
            let ended = until(Duration::from_secs(60), || {
                let now = progress
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone();
                (now.exited.is_some() || now.failed.is_some() || now.no_program).then_some(now)
            })
            .await;
            match ended {
                Some(
                    Progress {
                        exited: Some(0), ..
                    }
                    | Progress {
                        no_program: true, ..
                    },
                ) => {}
                Some(Progress {
                    failed: Some(error),
                    ..
                }) => return Err(format!("init container {}: {error}", one.name)),
                Some(Progress { exited, .. }) => {
                    return Err(format!(
                        "init container {} ended with {}",
                        one.name,
                        exited.unwrap_or(1)
                    ));
                }
                None => return Err(format!("init container {} does not end", one.name)),
            }
        }
        let containers = run.admitted.spec.containers.clone();
        for one in &containers {
            let running = self.start_container(io, run, one)?;
            run.containers.push(running);
        }
        Ok(())
    }

    fn start_container(
        &self,
        io: &Io,
        run: &Run,
        one: &podward_api::pod::Container,
    ) -> Result<Running, String> {
        use std::os::fd::AsFd;
        let spec = container::specification(self, &run.admitted, one, &run.places)?;
        let (read, write) = std::io::pipe().map_err(|e| e.to_string())?;
        let network = run.network.as_ref().map(AsFd::as_fd);
        let started =
            podward_sys::start(&spec, network, write.into()).map_err(|e| e.to_string())?;
        let prefix = io.tone(
            Tone::Faint,
            format_args!("{}/{} |", run.admitted.owner, one.name),
        );
        let printer = io.clone();
        let pod = run.admitted.pod.clone();
        let name = one.name.clone();
        std::thread::spawn(move || {
            print_lines(read, |line| {
                printer.line(format_args!("  {prefix} {line}"));
                printer.emit(
                    "output",
                    json!({"namespace": pod.namespace, "pod": pod.name, "container": name, "line": line}),
                );
            });
        });
        let progress = Arc::new(Mutex::new(Progress::default()));
        let (
            watched,
            Started {
                shim,
                lifeline,
                status,
            },
        ) = (Arc::clone(&progress), started);
        let watcher = tokio::task::spawn_blocking(move || watch(shim, status, &watched));
        let process = spec.process.unwrap_or_else(|| podward_sys::Process {
            args: Vec::new(),
            env: Vec::new(),
            cwd: "/".into(),
        });
        Ok(Running {
            name: one.name.clone(),
            progress,
            enter: Enter {
                pid: 0,
                maker: std::process::id(),
                process,
                security: spec.security,
                visible: Vec::new(),
                covers: self.covers.clone(),
            },
            probe: one.readiness_probe.clone(),
            lifeline: Some(lifeline),
            watcher: Some(watcher),
        })
    }
}

/// Longest line of a container's output that is shown, bytes; a longer one is cut into several.
const MAX_LINE: u64 = 16 << 10;

/// Hands on what a container prints, line by line.
fn print_lines(read: std::io::PipeReader, show: impl Fn(&str)) {
    use std::io::{BufRead, BufReader, Read};
    let mut read = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        match read.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        // a pod must not move the cursor of who watches it
        let text: String = text
            .trim_end_matches(['\n', '\r'])
            .chars()
            .map(|c| {
                if c.is_control() && c != '\t' {
                    '\u{fffd}'
                } else {
                    c
                }
            })
            .collect();
        show(&text);
    }
}

fn watch(
    mut shim: std::process::Child,
    mut status: podward_sys::StatusReader,
    progress: &Mutex<Progress>,
) {
    while let Ok(Some(report)) = podward_sys::next_status(&mut status) {
        let mut now = progress.lock().unwrap_or_else(PoisonError::into_inner);
        match report {
            // said before the program starts; from then on a pod may try to say it
            Status::Ready { pid } if now.pid == 0 => now.pid = pid,
            Status::Ready { .. } => {}
            Status::Running => now.running = true,
            Status::NoProgram => now.no_program = true,
            Status::Exited { code } => now.exited = Some(code),
            Status::Failed { error } => now.failed = Some(error),
        }
    }
    // the shim has closed its end: it is ending, and its number will be another's
    progress.lock().unwrap_or_else(PoisonError::into_inner).pid = 0;
    let _ = shim.wait();
}

/// Polls until `found` gives something, or the time is over.
async fn until<T>(patience: Duration, mut found: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + patience;
    loop {
        if let Some(value) = found() {
            return Some(value);
        }
        if Instant::now() >= end {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

impl Running {
    pub(super) fn now(&self) -> Progress {
        self.progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn entrance(&self) -> Enter {
        Enter {
            pid: self.now().pid,
            ..self.enter.clone()
        }
    }
}

impl Run {
    fn name(&self) -> String {
        format!("{}/{}", self.admitted.pod.namespace, self.admitted.pod.name)
    }

    /// What the control socket needs to find this pod.
    pub(super) fn handle(&self) -> super::control::Handle {
        super::control::Handle {
            namespace: self.admitted.pod.namespace.clone(),
            pod: self.admitted.pod.name.clone(),
            owner: self.admitted.owner.clone(),
            containers: self
                .containers
                .iter()
                .map(|c| (c.name.clone(), c.enter.clone(), Arc::clone(&c.progress)))
                .collect(),
        }
    }

    /// `Some` once the pod has met or missed its expectation.
    fn settled(&self) -> Option<(bool, String)> {
        if let Some(reason) = &self.admitted.refused {
            return Some((
                self.admitted.expect == Expect::Refused,
                format!("refused at admission: {reason}"),
            ));
        }
        if self.admitted.expect == Expect::Refused {
            return Some((false, "was admitted".into()));
        }
        if let Some(error) = &self.failed {
            return Some((false, error.clone()));
        }
        let all: Vec<(&Running, Progress)> = self.containers.iter().map(|c| (c, c.now())).collect();
        if let Some((one, now)) = all.iter().find(|(_, now)| now.failed.is_some()) {
            return Some((
                false,
                format!(
                    "container {}: {}",
                    one.name,
                    now.failed.clone().unwrap_or_default()
                ),
            ));
        }
        let missing: Vec<&str> = all
            .iter()
            .filter(|(_, now)| now.no_program)
            .map(|(one, _)| one.name.as_str())
            .collect();
        let not_started = (!missing.is_empty()).then(|| {
            format!(
                "set up, not started: the command of {} does not exist here (images are not run)",
                missing.join(", ")
            )
        });
        match self.admitted.expect {
            Expect::SetUp => all
                .iter()
                .all(|(_, now)| now.no_program || now.running)
                .then(|| (true, not_started.unwrap_or_else(|| "runs".into()))),
            Expect::ExitZero => {
                if let Some(text) = not_started {
                    return Some((false, text));
                }
                let codes: Option<Vec<i32>> = all.iter().map(|(_, now)| now.exited).collect();
                codes.map(|codes| {
                    let worst = codes.into_iter().find(|code| *code != 0).unwrap_or(0);
                    (worst == 0, format!("ended with {worst}"))
                })
            }
            Expect::Ready => {
                if let Some(text) = not_started {
                    return Some((false, text));
                }
                let ended = all.iter().find_map(|(one, now)| Some((one, now.exited?)));
                if let Some((one, code)) =
                    ended.filter(|(one, code)| *code != 0 || one.probe.is_some())
                {
                    return Some((
                        false,
                        format!(
                            "container {} ended with {code} before it was ready",
                            one.name
                        ),
                    ));
                }
                None
            }
            Expect::Refused => None,
        }
    }

    async fn probe(&self) -> bool {
        use std::os::fd::AsFd;
        for one in &self.containers {
            let Some(wanted) = &one.probe else { continue };
            if !one.now().running {
                return false;
            }
            let network = self
                .network
                .as_ref()
                .and_then(|fd| fd.as_fd().try_clone_to_owned().ok());
            let (wanted, entrance) = (wanted.clone(), one.entrance());
            let ready = tokio::task::spawn_blocking(move || {
                probe::succeeds(&wanted, &entrance, network.as_ref().map(AsFd::as_fd))
            });
            if !ready.await.unwrap_or(false) {
                return false;
            }
        }
        true
    }

    async fn outcome(&self, io: &Io, end: Instant) -> Outcome {
        let (met, said) = loop {
            if let Some(settled) = self.settled() {
                break settled;
            }
            if self.admitted.expect == Expect::Ready && self.probe().await {
                break (true, "ready".into());
            }
            if Instant::now() >= end {
                break (false, "not there in time".into());
            }
            let pause = if self.admitted.expect == Expect::Ready {
                PROBE_INTERVAL
            } else {
                Duration::from_millis(2)
            };
            tokio::time::sleep(pause).await;
        };
        let mark = if met {
            io.tone(Tone::Good, "met")
        } else {
            io.tone(Tone::Bad, "missed")
        };
        let brief = said.split(':').next().unwrap_or_default();
        let shown = if self.admitted.refused.is_some() {
            brief
        } else {
            said.as_str()
        };
        io.line(format_args!("  {mark} {}: {shown}", self.name()));
        io.emit(
            "pod",
            json!({
                "namespace": self.admitted.pod.namespace,
                "pod": self.admitted.pod.name,
                "expect": self.admitted.expect.as_str(),
                "met": met,
                "reason": said,
            }),
        );
        Outcome {
            name: self.name(),
            met,
            said,
        }
    }

    /// Takes the pod down: its processes, its servers, its volumes.
    pub(super) async fn stop(mut self) {
        for one in &mut self.containers {
            drop(one.lifeline.take());
        }
        for one in &mut self.containers {
            if let Some(watcher) = one.watcher.take() {
                // a shim that hangs is killed by the end of this process
                let _ = tokio::time::timeout(Duration::from_secs(5), watcher).await;
            }
        }
        for server in &self.servers {
            server.abort();
        }
        volumes::unpublish(&self.node, &self.admitted, &self.places).await;
    }
}

/// Waits for every pod.
pub(super) async fn all(io: &Io, runs: &mut [Run], timeout: Duration) -> Vec<Outcome> {
    let end = Instant::now() + timeout;
    let mut outcomes = Vec::new();
    for run in runs {
        outcomes.push(run.outcome(io, end).await);
    }
    outcomes
}

/// The last word: how many met their expectation.
pub(super) fn summary(io: &Io, outcomes: Option<&[Outcome]>) -> bool {
    let Some(outcomes) = outcomes else {
        return true;
    };
    let missed: Vec<&Outcome> = outcomes.iter().filter(|outcome| !outcome.met).collect();
    io.section("Summary");
    for one in &missed {
        io.line(format_args!(
            "  {} {}: {}",
            io.tone(Tone::Bad, "missed"),
            one.name,
            one.said
        ));
    }
    io.line(format_args!(
        "  {} of {} pods met their expectation",
        outcomes.len() - missed.len(),
        outcomes.len()
    ));
    io.emit(
        "summary",
        json!({"pods": outcomes.len(), "met": outcomes.len() - missed.len()}),
    );
    missed.is_empty()
}
