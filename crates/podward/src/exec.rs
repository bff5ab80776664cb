//! `podward exec`.

use std::path::{Path, PathBuf};

use podward_sys::{Enter, enter};

use crate::control::{Answer, Request, ask};
use crate::io::Io;
use crate::report::{Exit, Report};
use crate::state::State;

/// The hidden argument by which `up` runs a probe inside a container.
pub(crate) const ENTER_ARGUMENT: &str = "__enter";

/// Runs a program of this machine as a pod: its user, capabilities, environment, mounts, network and identity.
///
/// The exit status is the program's, 128+n on signal n, 126 or 127 if it cannot be run. The working directory
/// stays visible, read-only.
///
/// Examples:
///   podward exec web -n shop -- id
///   podward exec legacy -n legacy -- curl -H Metadata:true http://169.254.169.254/metadata/identity/oauth2/token
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Exec {
    /// Pod, or a workload whose first pod is meant; /CONTAINER picks a container
    #[arg(value_name = "POD[/CONTAINER]")]
    pod: String,
    /// Namespace; may be left out where the name is unique
    #[arg(short, long)]
    namespace: Option<String>,
    /// A folder that stays visible in the pod, read-only
    #[arg(long, value_name = "PATH")]
    mount: Vec<PathBuf>,
    /// State folder of the `up` that is meant
    #[arg(long, env = "PODWARD_STATE")]
    state: Option<PathBuf>,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<String>,
}

impl Exec {
    pub(crate) fn run(self, _: &mut Io) -> Result<Exit, Report> {
        let state = State::running(self.state.as_deref())?;
        let (pod, container) = match self.pod.split_once('/') {
            Some((pod, container)) => (pod.to_owned(), Some(container.to_owned())),
            None => (self.pod, None),
        };
        let answer = ask(
            &state.control(),
            &Request::Enter {
                namespace: self.namespace,
                pod,
                container,
            },
        )?;
        let Answer::Container(mut wanted) = answer else {
            return Err(Report::new("`podward up` answered something else"));
        };
        for path in &self.mount {
            let path = path
                .canonicalize()
                .map_err(|e| Report::new(e).at(&path.to_string_lossy(), None))?;
            wanted.visible.push(path);
        }
        if let Ok(directory) = std::env::current_dir() {
            if !is_home(&directory) {
                wanted.visible.push(directory.clone());
            }
            wanted.process.cwd = directory;
        }
        wanted.process.args = self.command;
        enter(&wanted).map(Exit::Status).map_err(|e| {
            Report::new(format!("cannot enter the pod: {e}"))
                .help("exec runs as the user who runs `podward up`")
        })
    }
}

/// Whether a folder is somebody's home: those stay covered.
fn is_home(path: &Path) -> bool {
    path == Path::new("/") || crate::up::home_folders().iter().any(|home| home == path)
}

/// Runs the program that standard input describes, for `up`, whose own process has threads.
pub(crate) fn run_enter() -> i32 {
    serde_json::from_reader::<_, Enter>(std::io::stdin())
        .map_err(std::io::Error::from)
        .map_or(126, |wanted| enter(&wanted).unwrap_or(126))
}
