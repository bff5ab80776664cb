//! The inside: one process holds namespaces of mounts, network, processes, host name and IPC, and whatever belongs to
//! the cluster runs in them. When that process is killed the kernel ends all others, and takes away mounts, links,
//! routes and packet filters with the namespaces.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::layout::{Layout, NODE, at, text, write};
use crate::shell::{output, program};

/// Runs a component: its log, the file for its process id and the one for its exit status come first.
const COMPONENT: &str = r#"log=$1 pid=$2 ended=$3; shift 3
exec </dev/null >>"$log" 2>&1
"$@" & echo $! > "$pid"
wait $! && status=0 || status=$?
echo "$status" > "$ended""#;

/// The processes, as this machine numbers them, that hold the inside of a cluster of this checkout: none or one.
pub(super) fn holders(layout: &Layout) -> Vec<u32> {
    let cache = layout.cache();
    let is_ours = |pid: &u32| {
        let program = fs::read_link(format!("/proc/{pid}/exe"));
        program.is_ok_and(|path| {
            // "pause (deleted)" where the cache has gone
            let name = path.file_name().map(|name| text(name.as_ref()));
            path.starts_with(&cache) && name.is_some_and(|name| name.starts_with("pause"))
        })
    };
    processes().into_iter().filter(is_ours).collect()
}

/// All processes that this one sees.
pub(super) fn processes() -> Vec<u32> {
    let Ok(folders) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let names = folders.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter_map(|name| name.parse().ok()).collect()
}

/// Which namespace of processes a process is in.
pub(super) fn process_namespace(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/pid")).ok()
}

/// A variable of the environment inside.
pub(super) type Variable = (&'static str, OsString);

/// The inside of a cluster that runs.
pub(crate) struct Inside {
    layout: Layout,
    holder: u32,
    environment: Vec<Variable>,
}

impl Inside {
    /// That of the cluster that runs.
    pub(super) fn find(layout: &Layout, environment: &[Variable]) -> Option<Self> {
        let holder = *holders(layout).first()?;
        Some(Self {
            layout: layout.clone(),
            holder,
            environment: environment.to_owned(),
        })
    }

    /// Makes one, with a link to this machine.
    pub(super) fn make(
        layout: &Layout,
        pause: &Path,
        environment: &[Variable],
    ) -> Result<Self, String> {
        let layout = free(layout)?;
        let log = layout.log("namespaces");
        write(&log, "")?;
        let file = || fs::File::create(&log).map_err(at(&log));
        let of = "unshare --mount --net --pid --ipc --uts --fork --kill-child";
        let mut unshare = Command::new("setsid");
        unshare.args(of.split(' ')).arg(pause).stdin(Stdio::null());
        unshare.stdout(file()?).stderr(file()?);
        let mut child = unshare.spawn().map_err(|e| format!("unshare: {e}"))?;
        let began = Instant::now();
        let inside = loop {
            if let Some(inside) = Self::find(&layout, environment) {
                break inside;
            }
            let ended = child.try_wait().map_err(|e| format!("unshare: {e}"))?;
            if ended.is_some() || began.elapsed() > Duration::from_secs(10) {
                let said = fs::read_to_string(&log).unwrap_or_default();
                return Err(format!("the kernel gives no namespaces: {said}"));
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        inside.connect()?;
        Ok(inside)
    }

    /// Lays the link, and sets up its inner side and all else in there.
    fn connect(&self) -> Result<(), String> {
        let layout = &self.layout;
        let (host, uplink) = (layout.host_address(), layout.uplink_address());
        let link = layout.link();
        let holder = self.holder.to_string();
        ip(&format!(
            "link add {link} type veth peer name uplink netns {holder}"
        ))?;
        // by which `down` knows it
        let mut alias = program("ip", &["link", "set", &link, "alias"]);
        alias.arg(layout.folder());
        output(alias)?;
        ip(&format!("address add {host}/30 dev {link}"))?;
        ip(&format!("link set {link} up"))?;
        let mut setup = self.command("sh");
        let (run, node) = (text(&layout.run()), layout.node_address());
        setup.args(["-c", include_str!("inside.sh"), "inside"]);
        setup.args([&run, &node, &uplink, &host, &layout.services(), NODE]);
        output(setup)?;
        for net in [layout.pods(), layout.services()] {
            ip(&format!("route add {net} via {uplink}"))?;
        }
        Ok(())
    }

    /// A program inside, with nothing of this process' environment.
    pub(super) fn command(&self, name: &str) -> Command {
        let holder = self.holder.to_string();
        let mut command = program("nsenter", &["--target", &holder]);
        command.args(["--mount", "--net", "--pid", "--ipc", "--uts", "--", name]);
        command.env_clear().envs(self.environment.iter().cloned());
        command
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Starts a component that goes on when this process has ended.
    pub(super) fn start(
        &self,
        component: &str,
        name: &str,
        arguments: &[String],
    ) -> Result<(), String> {
        let layout = &self.layout;
        let (log, pid, exit) = (
            layout.log(component),
            layout.pid(component),
            layout.exit(component),
        );
        if exit.exists() {
            fs::remove_file(&exit).map_err(at(&exit))?;
        }
        write(&pid, "")?;
        let mut start = self.command("setsid");
        start.args(["--fork", "sh", "-c", COMPONENT, component]);
        start.args([&log, &pid, &exit]).arg(name).args(arguments);
        start.stdin(Stdio::null());
        start.stdout(Stdio::null()).stderr(Stdio::null());
        output(start).map(drop)
    }

    /// Whether all components run that were started.
    pub(super) fn is_whole(&self) -> bool {
        let files = fs::read_dir(self.layout.run().join("pids"));
        let names = files.into_iter().flatten();
        let mut names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.all(|name| !name.ends_with(".exit") && !self.has_ended(&name))
    }

    /// What wrote down that it has ended, and what could not even do that.
    fn has_ended(&self, component: &str) -> bool {
        let pid = fs::read_to_string(self.layout.pid(component)).unwrap_or_default();
        let mut test = self.command("test");
        test.args(["-d", &format!("/proc/{}/fd", pid.trim())]);
        self.layout.exit(component).exists() || output(test).is_err()
    }

    /// Ends a component, and waits for it.
    pub(super) fn stop(&self, component: &str) -> Result<(), String> {
        let file = self.layout.pid(component);
        let pid = fs::read_to_string(&file).map_err(at(&file))?;
        let began = Instant::now();
        let mut signal = "-TERM";
        while !self.has_ended(component) {
            let mut kill = self.command("kill");
            kill.args([signal, pid.trim()]);
            // it may have ended just now
            let _ = output(kill);
            match began.elapsed().as_secs() {
                0..10 => {}
                10..20 => signal = "-KILL",
                _ => return Err(format!("{component}: cannot be ended")),
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

/// With the first number of which there is no link on this machine.
fn free(layout: &Layout) -> Result<Layout, String> {
    for number in 0..8 {
        let layout = layout.numbered(number);
        if !Path::new("/sys/class/net").join(layout.link()).exists() {
            layout.keep()?;
            return Ok(layout);
        }
    }
    Err("eight clusters run on this machine: take one down in its checkout".to_owned())
}

fn ip(arguments: &str) -> Result<(), String> {
    output(program("ip", &arguments.split(' ').collect::<Vec<_>>())).map(drop)
}
