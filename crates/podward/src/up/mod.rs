//! `podward up`: the API server and the kubelet of a folder of manifests, on this machine.

mod container;
mod control;
mod csi;
mod environment;
mod expect;
mod follow;
mod ids;
mod judge;
mod load;
mod network;
mod node;
mod output;
mod pods;
mod probe;
mod references;
mod run;

mod tokens;
mod volumes;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use podward_access::{AccessLog, Bound};
use podward_policy::{Level, LevelError, Profile};
use serde_json::json;
use tokio::sync::mpsc::error::TrySendError;

use crate::access::show;
use crate::io::{Io, Output, Tone};
use crate::report::{Exit, Report};
use crate::state::State;
use crate::stop::Stop;
use follow::{Pods, Watcher};
use load::Folder;
use network::Network;
use node::Node;

pub(crate) use environment::home_folders;

/// Most threads that wait at once, and so most containers and probes.
const MAX_THREADS: usize = 4096;
/// Most events of the access log that wait to be shown.
const MAX_WAITING: usize = 16 << 10;
/// How often tokens in volumes are looked at.
const REFRESH: Duration = Duration::from_secs(30);

/// Runs the pods of a folder here, each with the least it needs: no cloud, no cluster, no container engine.
///
/// Starts a local Key Vault and token service from the folder's cloud.yaml, judges every workload, mutates what is
/// admitted, mounts its secrets, gives it its identity, runs its command, and prints who got what. Images are not
/// run: a container's command runs on this machine's own files. Without root it
/// needs user namespaces, and the package uidmap for every user and group id to be real.
///
/// Examples:
///   podward up examples/quickstart --once
///   podward up deploy/ --profile restricted
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Up {
    /// Folder of Kubernetes manifests, with a cloud.yaml
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// Wait until every pod has met or missed its expectation, then take everything down
    #[arg(long)]
    once: bool,
    /// How long `--once` waits, seconds (60s, 2m)
    #[arg(long, default_value = "60s", value_parser = duration, env = "PODWARD_TIMEOUT")]
    timeout: Duration,
    /// Pod Security level of namespaces without labels
    #[arg(long, default_value = "baseline", value_parser = level, env = "PODWARD_PROFILE")]
    profile: Level,
    /// How often mounted secrets are looked at again
    #[arg(long, default_value = "2m", value_parser = duration, env = "PODWARD_ROTATION_INTERVAL")]
    rotation_interval: Duration,
    /// Folder for keys, the access log and the control socket
    #[arg(long, env = "PODWARD_STATE")]
    state: Option<PathBuf>,
    /// Space that the access log reserves and never exceeds (KiB, MiB or GiB)
    #[arg(
        long,
        value_name = "SIZE",
        default_value_t,
        env = "PODWARD_ACCESS_LOG_SIZE"
    )]
    access_log_size: Bound,
    /// `text`, or `json` with one event a line
    #[arg(short, long, value_enum, default_value_t = Output::Text, env = "PODWARD_OUTPUT")]
    output: Output,
    /// A folder that stays visible in the pods, read-only
    #[arg(long, value_name = "PATH")]
    mount: Vec<PathBuf>,
    /// Network of the pods
    #[arg(long, value_enum, default_value_t = network::Kind::Pod, env = "PODWARD_NETWORK")]
    network: network::Kind,
    /// Port of the local cloud with `--network host`: 443, or any for users who may not have that
    #[arg(long, value_name = "PORT", env = "PODWARD_CLOUD_PORT")]
    cloud_port: Option<u16>,
}

/// What a run has of this machine.
struct Own<'a> {
    state: &'a State,
    ids: podward_sys::Ids,
    /// Folders that pods see.
    visible: Vec<PathBuf>,
    network: Network,
}

fn level(text: &str) -> Result<Level, String> {
    // the variable is that of check and fix too, whose profile podward asks for the same of pods
    let profile: Profile = text.parse().map_err(|e: LevelError| e.to_string())?;
    Ok(profile.level())
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text
        .split_at_checked(text.trim_end_matches(char::is_alphabetic).len())
        .unwrap_or((text, ""));
    let number: f64 = number
        .parse()
        .map_err(|e| format!("{e}: give a number and a unit, such as 90s or 2m"))?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "" | "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => return Err("the units are ms, s, m and h".into()),
    };
    Duration::try_from_secs_f64(seconds).map_err(|e| e.to_string())
}

impl Up {
    pub(crate) fn run(self, io: &mut Io) -> Result<Exit, Report> {
        let started = Instant::now();
        io.set_output(self.output);
        let at = self.directory.to_string_lossy().into_owned();
        let directory = self.directory.canonicalize().map_err(|e| {
            Report::new(e)
                .at(&at, None)
                .help("give the folder that holds your manifests")
        })?;
        let folder = Folder::load(&directory, &at)?;
        if !folder.faults.is_empty() {
            judge::only(io, &folder, self.profile);
            return Ok(Exit::Status(2));
        }
        let state = State::for_directory(self.state.as_deref(), &directory)?;
        state.make()?;
        let lock = environment::lock(&state)?;
        // before any thread is started: namespaces are entered by one thread alone
        let ids = environment::enter(&state)?;
        let access = AccessLog::open(
            &state.access(),
            &environment::node_name(),
            self.access_log_size,
        )
        .map_err(|e| {
            Report::new(e).help(
                "make room on the disk, name another folder by --state, or take less by --access-log-size",
            )
        })?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            // one waits for each container
            .max_blocking_threads(MAX_THREADS)
            .enable_all()
            .build()
            .map_err(|e| Report::new(format!("cannot start: {e}")))?;
        let mut visible = vec![directory.clone()];
        for path in &self.mount {
            visible.push(
                path.canonicalize()
                    .map_err(|e| Report::new(e).at(&path.to_string_lossy(), None))?,
            );
        }
        let own = Own {
            state: &state,
            ids,
            visible,
            network: Network::new(self.network, self.cloud_port, ids),
        };
        let watched = follow::Watcher::new(directory);
        let met = runtime.block_on(self.serve(io, folder, own, access, started, watched));
        environment::leave(&state);
        drop(lock);
        Ok(if met? { Exit::Clean } else { Exit::Found })
    }

    async fn serve(
        &self,
        io: &Io,
        folder: Folder,
        own: Own<'_>,
        access: AccessLog,
        started: Instant,
        mut watched: Watcher,
    ) -> Result<bool, Report> {
        let mut stop = Stop::new()?;
        let (sender, mut events) = tokio::sync::mpsc::channel(MAX_WAITING);
        let unseen = Arc::new(AtomicU64::new(0));
        let missed = Arc::clone(&unseen);
        access.watch(move |event| {
            // nobody watching, or one who reads slowly, is no error: the log has it
            if let Err(TrySendError::Full(_)) = sender.try_send(event.clone()) {
                missed.fetch_add(1, Ordering::Relaxed);
            }
        });
        let node = Arc::new(Node::start(io, &folder, &own, Arc::new(access.clone())).await?);
        let handles = control::Handles::default();
        let mut pods = Pods::new(&node, self.profile, self.timeout, Arc::clone(&handles));
        pods.start(io, &folder, |admitted| ids::tell(io, own.ids, admitted))
            .await?;
        drop(folder);
        let own_work = started.elapsed();
        let control = control::serve(Arc::clone(&node), handles, own.state)?;
        let outcomes = tokio::select! {
            outcomes = pods.settle(io) => Some(outcomes),
            () = stop.asked() => None,
        };
        let (took, own_work) = (started.elapsed().as_millis(), own_work.as_millis());
        io.line(io.tone(
            Tone::Faint,
            format_args!(
                "{took} ms since the start, {own_work} of them until every pod was set up"
            ),
        ));
        io.emit(
            "settled",
            json!({"milliseconds": u64::try_from(took).ok(), "setUpMilliseconds": u64::try_from(own_work).ok()}),
        );
        if !self.once && outcomes.is_some() {
            io.section("Access, as it grows (Ctrl-C ends)");
            let show = async {
                while let Some(event) = events.recv().await {
                    access_event(io, &event);
                }
            };
            tokio::select! {
                () = self.stay(io, &mut pods, &node, &mut watched, &mut stop) => {}
                () = show => {}
            }
        }
        control.abort();
        pods.stop(io, &mut stop).await;
        node.stop().await;
        let _ = access.flush();
        if self.once {
            io.section("Access log");
            while let Ok(event) = events.try_recv() {
                access_event(io, &event);
            }
        }
        let unseen = unseen.load(Ordering::Relaxed);
        if unseen > 0 {
            io.note(format_args!(
                "{unseen} events came too fast to be shown: `podward access log` has them"
            ));
        }
        let interrupted = self.once && outcomes.is_none();
        Ok(expect::summary(io, outcomes.as_deref()) && !interrupted)
    }

    /// Stays until it is asked to end: follows the folder, and rotates secrets and tokens.
    async fn stay(
        &self,
        io: &Io,
        pods: &mut Pods,
        node: &Node,
        watched: &mut Watcher,
        stop: &mut Stop,
    ) {
        let every = |period: Duration| {
            let period = period.max(Duration::from_secs(1));
            tokio::time::interval_at(tokio::time::Instant::now() + period, period)
        };
        let (mut rotation, mut refresh) = (every(self.rotation_interval), every(REFRESH));
        let at = self.directory.to_string_lossy().into_owned();
        loop {
            tokio::select! {
                () = stop.asked() => return,
                _ = rotation.tick() => node.rotate(io).await,
                _ = refresh.tick() => pods.refresh(io, false),
                () = watched.changed() => {
                    let ended = match Folder::load(watched.directory(), &at) {
                        Ok(folder) if folder.faults.is_empty() => pods.follow(io, &folder, stop).await,
                        Ok(folder) => {
                            folder.tell_faults(io);
                            io.note("the pods stay as they were");
                            Ok(false)
                        }
                        Err(error) => Err(error),
                    };
                    match ended {
                        Ok(true) => return,
                        Ok(false) => {}
                        Err(error) => io.report(&error),
                    }
                }
            }
        }
    }
}

/// One event of the access log, as it comes.
fn access_event(io: &Io, event: &podward_access::Event) {
    show(io, event);
    if let Ok(fields) = serde_json::to_value(event) {
        io.emit("access", fields);
    }
}
