//! A Kubernetes of one node on this machine, for tests. docs/cluster.md says how it is used; `namespaces` how it
//! leaves nothing behind.

mod build;
mod cgroups;
mod control_plane;
mod down;
pub(crate) mod footprint;
mod guard;
mod images;
mod layout;
mod namespaces;
mod node;
mod packages;
mod pki;
mod wait;

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::Instant;

pub(crate) use layout::{Layout, at};

use crate::shell::{output, program, say};
use guard::{Guard, Lock};
use namespaces::Inside;
use packages::Packages;

const USAGE: &str = "\
usage: cargo xtask cluster <COMMAND>

  up [-- FLAGS…]         starts a Kubernetes of one node, and prints KUBECONFIG=…; FLAGS are for the API server
  down                   takes it down; nothing is left but its logs
  run -- CMD…            starts one if none runs, runs CMD with it, and takes down what it has started
  apiserver [-- FLAGS…]  starts the API server anew with these flags, or without
  helm                   builds helm, once, and prints where it is
";

/// The verbs of `cargo xtask cluster`. The exit code is that of the command, where one is run.
pub(crate) fn verb(arguments: &[String]) -> Result<u8, String> {
    let (verb, rest) = arguments.split_first().ok_or(USAGE)?;
    let rest = rest.strip_prefix(&["--".to_owned()]).unwrap_or(rest);
    match verb.as_str() {
        "up" => {
            let kubeconfig = Layout::find().kubeconfig();
            let Some(guard) = up(rest)? else {
                return Err(format!(
                    "a cluster is up already: KUBECONFIG={}\ntake it down by cargo xtask cluster down",
                    kubeconfig.display()
                ));
            };
            guard.dismiss();
            // a reader that has gone is no error
            let _ = writeln!(std::io::stdout(), "KUBECONFIG={}", kubeconfig.display());
            Ok(0)
        }
        "down" => {
            let was_there = down()?;
            say(if was_there {
                "the cluster is down"
            } else {
                "no cluster is up"
            });
            Ok(0)
        }
        "run" => run(rest),
        "helm" => {
            let _ = writeln!(std::io::stdout(), "{}", helm()?.display());
            Ok(0)
        }
        "apiserver" => apiserver(rest).map(|()| 0),
        guard::VERB => guard::wait().map(|()| 0),
        _ => Err(USAGE.to_owned()),
    }
}

/// The program helm, which is built where it is not there.
pub(crate) fn helm() -> Result<PathBuf, String> {
    build::helm(&Layout::find())
}

fn need_root() -> Result<(), String> {
    if is_root()? {
        return Ok(());
    }
    Err("a cluster needs root, for namespaces, mounts and the network: run this as root".to_owned())
}

pub(crate) fn is_root() -> Result<bool, String> {
    Ok(output(program("id", &["-u"]))? == b"0\n")
}

/// Whether a cluster of this checkout runs and answers.
pub(crate) fn is_up() -> bool {
    let layout = Layout::find();
    let inside = Inside::find(&layout, &[]);
    layout.ready().exists()
        && inside.is_some_and(|inside| inside.is_whole())
        && control_plane::is_ready(&layout)
}

/// Starts a cluster: what is needed is made or fetched first, then what an earlier one may have left is removed. Until
/// the guard is dismissed, the end of this process is the end of the cluster. None if one is up already.
fn up(flags: &[String]) -> Result<Option<Guard>, String> {
    need_root()?;
    let _lock = Lock::take()?;
    let layout = Layout::find();
    if is_up() {
        return Ok(None);
    }
    // those places are others inside
    let hidden = ["/run", "/var/lib", "/var/log"];
    if let Some(hidden) = hidden
        .iter()
        .find(|place| layout.folder().starts_with(place))
    {
        return Err(format!(
            "{} is below {hidden}, which the cluster has for itself: build elsewhere, by CARGO_TARGET_DIR",
            layout.folder().display()
        ));
    }
    fs::create_dir_all(layout.cache()).map_err(at(&layout.cache()))?;
    let packages = Packages::fetch(&layout)?;
    let kubernetes = build::kubernetes(&layout)?;
    let images = images::all(&layout, &packages, &kubernetes)?;
    let guard = Guard::start()?;
    if down::clean(&layout)? {
        say("an earlier cluster was left, and has been removed");
    }
    let began = Instant::now();
    if let Err(fault) = start(&layout, &packages, &kubernetes, &images, flags) {
        down::clean(&layout)?;
        guard.dismiss();
        return Err(fault);
    }
    let layout = Layout::find();
    fs::write(layout.ready(), "").map_err(at(&layout.ready()))?;
    say(&format!(
        "the cluster is up after {:.1} s; kubectl is in {}",
        began.elapsed().as_secs_f32(),
        layout.bin().display()
    ));
    Ok(Some(guard))
}

fn start(
    layout: &Layout,
    packages: &Packages,
    kubernetes: &std::path::Path,
    images: &[std::path::PathBuf],
    flags: &[String],
) -> Result<(), String> {
    if layout.logs().exists() {
        fs::remove_dir_all(layout.logs()).map_err(at(&layout.logs()))?;
    }
    say("starting the control plane");
    let inside = Inside::make(layout, &kubernetes.join("pause"), &packages.environment()?)?;
    let layout = inside.layout();
    pki::make(layout)?;
    cgroups::make(layout)?;
    node::link_programs(layout, kubernetes)?;
    // containerd takes in the images while the API server comes up
    std::thread::scope(|scope| {
        let containerd = scope.spawn(|| node::containerd(layout, &inside, packages, images));
        control_plane::start(layout, &inside, flags)?;
        say("starting the node");
        control_plane::controllers(layout, &inside)?;
        match containerd.join() {
            Ok(done) => done,
            Err(_panic) => Err("containerd was not started".to_owned()),
        }
    })?;
    node::kubelet(layout, &inside)
}

/// Takes the cluster down. True if there was one.
pub(crate) fn down() -> Result<bool, String> {
    need_root()?;
    let _lock = Lock::take()?;
    down::clean(&Layout::find())
}

/// Starts the API server anew, with these flags after its own.
pub(crate) fn apiserver(flags: &[String]) -> Result<(), String> {
    need_root()?;
    let _lock = Lock::take()?;
    let layout = Layout::find();
    let packages = Packages::fetch(&layout)?;
    let inside = Inside::find(&layout, &packages.environment()?)
        .ok_or("no cluster is up: start one by cargo xtask cluster up")?;
    inside.stop(control_plane::APISERVER)?;
    control_plane::apiserver(&layout, &inside, flags)?;
    say("the API server is ready");
    Ok(())
}

/// Runs a command with a cluster.
fn run(command: &[String]) -> Result<u8, String> {
    let (name, arguments) = command.split_first().ok_or(USAGE)?;
    let session = Session::start()?;
    let mut command = Command::new(name);
    command.args(arguments);
    let status = with_cluster(&mut command)?.status();
    session.end()?;
    Ok(code(status.map_err(|e| format!("{name}: {e}"))?))
}

/// The use of a cluster. One that runs already is used, and goes on.
pub(crate) struct Session {
    guard: Option<Guard>,
}

impl Session {
    /// Starts a cluster if none runs. Whatever happens to this process then, that cluster is taken down.
    pub(crate) fn start() -> Result<Self, String> {
        need_root()?;
        let guard = up(&[])?;
        if guard.is_none() {
            say("a cluster is up already, and stays up");
        }
        Ok(Self { guard })
    }

    /// Whether the cluster goes when the use of it ends.
    pub(crate) fn is_own(&self) -> bool {
        self.guard.is_some()
    }

    /// Takes down what was started.
    pub(crate) fn end(self) -> Result<(), String> {
        if let Some(guard) = self.guard {
            down()?;
            guard.dismiss();
        }
        Ok(())
    }
}

/// Tells a command where the cluster is.
pub(crate) fn with_cluster(command: &mut Command) -> Result<&mut Command, String> {
    let layout = Layout::find();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(layout.bin()).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).map_err(|e| e.to_string())?;
    // a proxy of this machine's does not lead there
    let direct = match std::env::var("NO_PROXY") {
        Ok(known) => format!("{known},{}", layout.pods()),
        Err(_unset) => layout.pods(),
    };
    Ok(command
        .env("PATH", path)
        .env("KUBECONFIG", layout.kubeconfig())
        .env("KUBECACHEDIR", layout.kubectl_cache())
        .env("NO_PROXY", direct)
        .env("PODWARD_CLUSTER_HOST", layout.host_address())
        .env("PODWARD_CLUSTER_LOGS", layout.logs()))
}

/// The exit code by which a shell would tell of it.
fn code(status: ExitStatus) -> u8 {
    let signal = || status.signal().map(|signal| 128_i32.saturating_add(signal));
    let code = status.code().or_else(signal);
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
