//! A pod that runs: brought up, refreshed, taken down.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use podward_api::pod::Container;
use podward_sys::{Enter, Lifeline, Started, Status};
use tokio::task::{JoinHandle, JoinSet};

use super::node::Node;
use super::pods::Admitted;
use super::volumes::{self, Places};
use super::{container, csi, output, probe};
use crate::io::Io;
use crate::stop::Stop;

/// How long an init container may take.
const INIT_PATIENCE: Duration = Duration::from_mins(1);
/// Seconds from SIGTERM to SIGKILL where the pod names none (`terminationGracePeriodSeconds`).
const GRACE: u64 = 30;
/// After this long the user hears what is waited for.
const QUIET: Duration = Duration::from_secs(1);

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
    pub(super) probe: Option<podward_api::pod::Probe>,
    /// Nobody waits for its end.
    pub(super) sidecar: bool,
    lifeline: Lifeline,
    watcher: JoinHandle<()>,
}

/// A pod that is run, or was refused.
pub(super) struct Run {
    pub(super) admitted: Admitted,
    pub(super) containers: Vec<Running>,
    /// Why it could not be set up.
    pub(super) failed: Option<String>,
    network: Option<OwnedFd>,
    servers: Vec<JoinHandle<()>>,
    places: Places,
    node: Arc<Node>,
    /// When its service account tokens are to be made anew.
    due: Option<Instant>,
}

/// Brings pods up, all at once; they come back in their order.
pub(super) async fn bring_up(io: &Io, node: &Arc<Node>, pods: Vec<Admitted>) -> Vec<Run> {
    let mut tasks = JoinSet::new();
    for (index, admitted) in pods.into_iter().enumerate() {
        let (io, node) = (io.clone(), Arc::clone(node));
        tasks.spawn(async move { (index, Run::start(&io, &node, admitted).await) });
    }
    let mut runs = tasks.join_all().await;
    runs.sort_by_key(|(index, _)| *index);
    runs.into_iter().map(|(_, run)| run).collect()
}

/// Takes pods down, all at once: SIGTERM, time to end, SIGKILL. Ctrl-C cuts the time short; `true` when it came.
pub(super) async fn take_down(io: &Io, runs: Vec<Run>, stop: &mut Stop) -> bool {
    let mut tasks = JoinSet::new();
    for run in runs {
        tasks.spawn(run.stop());
    }
    let told = async {
        tokio::time::sleep(QUIET).await;
        io.note("waiting for pods to end; Ctrl-C ends them at once");
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = async { while tasks.join_next().await.is_some() {} } => false,
        () = told => false,
        () = stop.asked() => {
            tasks.shutdown().await;
            true
        }
    }
}

impl Run {
    /// Sets a pod up and starts its containers.
    async fn start(io: &Io, node: &Arc<Node>, admitted: Admitted) -> Self {
        let mut run = Self {
            admitted,
            containers: Vec::new(),
            failed: None,
            network: None,
            servers: Vec::new(),
            places: Places::new(),
            node: Arc::clone(node),
            due: None,
        };
        if run.admitted.refused.is_none()
            && let Err(error) = run.bring_up(io).await
        {
            run.failed = Some(error);
        }
        run
    }

    async fn bring_up(&mut self, io: &Io) -> Result<(), String> {
        if let Some(fault) = &self.admitted.fault {
            return Err(fault.clone());
        }
        (self.network, self.servers) = self.node.network(&self.admitted)?;
        self.places = volumes::make(&self.node, &self.admitted).await?;
        self.due = volumes::token_lifetime(&self.admitted).map(|after| Instant::now() + after);
        for one in self.admitted.spec.init_containers.clone() {
            let running = self.start_container(io, &one)?;
            let progress = Arc::clone(&running.progress);
            self.containers.push(running);
            if !is_sidecar(&one) {
                ended_well(&one.name, &progress).await?;
            }
        }
        for one in self.admitted.spec.containers.clone() {
            let running = self.start_container(io, &one)?;
            self.containers.push(running);
        }
        Ok(())
    }

    fn start_container(&self, io: &Io, one: &Container) -> Result<Running, String> {
        let spec = container::specification(&self.node, &self.admitted, one, &self.places)?;
        let (read, write) = std::io::pipe().map_err(|e| e.to_string())?;
        let network = self.network.as_ref().map(AsFd::as_fd);
        let started =
            podward_sys::start(&spec, network, write.into()).map_err(|e| e.to_string())?;
        output::show(io, read, &self.admitted, &one.name);
        let progress = Arc::new(Mutex::new(Progress::default()));
        let watched = Arc::clone(&progress);
        let Started {
            shim,
            lifeline,
            status,
        } = started;
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
                covers: self.node.covers.clone(),
            },
            probe: one.readiness_probe.clone(),
            sidecar: is_sidecar(one),
            lifeline,
            watcher,
        })
    }

    /// `namespace/name`.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.admitted.pod.namespace, self.admitted.pod.name)
    }

    /// What the control socket needs to find this pod.
    pub(super) fn handle(&self) -> super::control::Handle {
        super::control::Handle {
            namespace: self.admitted.pod.namespace.clone(),
            pod: self.admitted.pod.name.clone(),
            owner: self.admitted.owner.name.clone(),
            containers: self
                .containers
                .iter()
                .map(|c| (c.name.clone(), c.enter.clone(), Arc::clone(&c.progress)))
                .collect(),
        }
    }

    /// Whether every readiness probe succeeds.
    pub(super) async fn probe(&self) -> bool {
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

    /// Writes the volumes anew that the folder's objects and the issuer fill: what `changed` is true
    /// for, and service account tokens that near their end.
    pub(super) fn refresh(&mut self, changed: bool) -> Result<(), String> {
        let due = self.due.is_some_and(|due| Instant::now() >= due);
        if self.admitted.refused.is_some() || self.failed.is_some() || !(changed || due) {
            return Ok(());
        }
        volumes::refresh(&self.node, &self.admitted, &self.places)?;
        self.due = volumes::token_lifetime(&self.admitted).map(|after| Instant::now() + after);
        Ok(())
    }

    /// Takes the pod down: its processes, its servers, its volumes.
    async fn stop(self) {
        for one in &self.containers {
            one.lifeline.terminate();
        }
        let grace = self.admitted.spec.termination_grace_period_seconds;
        let _ = until(Duration::from_secs(grace.unwrap_or(GRACE)), || {
            self.containers
                .iter()
                .all(|one| one.now().has_ended())
                .then_some(())
        })
        .await;
        for one in self.containers {
            drop(one.lifeline);
            // a shim that hangs is killed by the end of this process
            let _ = tokio::time::timeout(Duration::from_secs(5), one.watcher).await;
        }
        for server in &self.servers {
            server.abort();
        }
        csi::unpublish(&self.node, &self.admitted, &self.places).await;
        self.node.forget(&self.admitted.pod.uid);
    }
}

impl Progress {
    fn has_ended(&self) -> bool {
        self.pid == 0 || self.exited.is_some() || self.no_program || self.failed.is_some()
    }
}

impl Running {
    pub(super) fn now(&self) -> Progress {
        self.progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn entrance(&self) -> Enter {
        Enter {
            pid: self.now().pid,
            ..self.enter.clone()
        }
    }
}

/// An init container that stays (KEP-753); a container of the pod has no such field.
fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

/// Waits for the end of an init container, which must be a good one.
async fn ended_well(name: &str, progress: &Mutex<Progress>) -> Result<(), String> {
    let ended = until(INIT_PATIENCE, || {
        let now = progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        (now.exited.is_some() || now.failed.is_some() || now.no_program).then_some(now)
    })
    .await;
    let Some(now) = ended else {
        return Err(format!("init container {name} does not end"));
    };
    match (now.failed, now.exited) {
        (Some(error), _) => Err(format!("init container {name}: {error}")),
        (None, Some(code)) if code != 0 => Err(format!("init container {name} ended with {code}")),
        (None, _) => Ok(()),
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
