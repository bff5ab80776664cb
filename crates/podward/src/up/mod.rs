//! `podward up`: the API server and the kubelet of a folder of manifests, on this machine.

mod container;
mod control;
mod environment;
mod expect;
mod ids;
mod judge;
mod load;
mod node;
mod pods;
mod probe;
mod servers;
mod tokens;
mod volumes;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use podward_access::{AccessLog, Bound};
use podward_policy::Level;
use serde_json::json;

use crate::access::show;
use crate::io::{Io, Output, Tone};
use crate::report::{Exit, Report};
use crate::state::State;
use load::Folder;
use node::Node;

pub(crate) use environment::home_folders;

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
}

/// What a run has of this machine.
struct Own<'a> {
    state: &'a State,
    ids: podward_sys::Ids,
    /// Folders that pods see.
    visible: Vec<PathBuf>,
}

fn level(text: &str) -> Result<Level, String> {
    text.parse()
        .map_err(|e: podward_policy::LevelError| e.to_string())
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
        };
        let met = runtime.block_on(self.serve(io, &folder, own, access, started));
        environment::leave(&state);
        drop(lock);
        Ok(if met? { Exit::Clean } else { Exit::Found })
    }

    async fn serve(
        &self,
        io: &Io,
        folder: &Folder,
        own: Own<'_>,
        access: AccessLog,
        started: Instant,
    ) -> Result<bool, Report> {
        let mut stop = environment::Stop::new()?;
        let (sender, mut events) = tokio::sync::mpsc::unbounded_channel();
        access.watch(move |event| {
            // nobody watching is no error: the log has it
            let _ = sender.send(event.clone());
        });
        let node = Arc::new(Node::start(io, folder, &own, Arc::new(access.clone())).await?);
        let pods = pods::admit_all(io, folder, &node, self.profile)?;
        io.section("Pods");
        ids::tell(io, own.ids, &pods);
        let mut runs = Vec::new();
        for pod in pods {
            runs.push(node.run(io, pod).await);
        }
        let control = control::serve(
            Arc::clone(&node),
            runs.iter().map(|run| run.handle()).collect(),
            own.state,
        )?;
        let outcomes = tokio::select! {
            outcomes = expect::all(io, &mut runs, self.timeout) => Some(outcomes),
            () = stop.asked() => None,
        };
        let took = started.elapsed().as_millis();
        io.line(io.tone(Tone::Faint, format_args!("{took} ms since the start")));
        io.emit("settled", json!({"milliseconds": u64::try_from(took).ok()}));
        if !self.once && outcomes.is_some() {
            io.section("Access, as it grows (Ctrl-C ends)");
            let mut rotation =
                tokio::time::interval(self.rotation_interval.max(Duration::from_secs(1)));
            rotation.tick().await;
            loop {
                tokio::select! {
                    () = stop.asked() => break,
                    Some(event) = events.recv() => access_event(io, &event),
                    _ = rotation.tick() => node.rotate(io).await,
                }
            }
        }
        control.abort();
        for run in runs {
            run.stop().await;
        }
        node.stop().await;
        let _ = access.flush();
        if self.once {
            io.section("Access log");
            while let Ok(event) = events.try_recv() {
                access_event(io, &event);
            }
        }
        Ok(expect::summary(io, outcomes.as_deref()))
    }
}

/// One event of the access log, as it comes.
fn access_event(io: &Io, event: &podward_access::Event) {
    show(io, event);
    if let Ok(fields) = serde_json::to_value(event) {
        io.emit("access", fields);
    }
}
