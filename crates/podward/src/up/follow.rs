//! The pods of a folder over time: brought up, and changed as the folder changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use podward_manifest::workload;
use podward_policy::Level;
use serde_json::json;

use super::control::Handles;
use super::expect::{self, Outcome};
use super::load::{Folder, fingerprint};
use super::node::Node;
use super::pods::{Admitted, Owner, admit};
use super::run::{Run, bring_up, take_down};
use crate::io::{Io, Tone};
use crate::report::Report;
use crate::stop::Stop;

/// How often the folder is looked at.
const INTERVAL: Duration = Duration::from_millis(500);

/// All pods of the folder.
pub(super) struct Pods {
    node: Arc<Node>,
    profile: Level,
    timeout: Duration,
    runs: Vec<Run>,
    handles: Handles,
    /// What admission saw of each workload.
    seen: BTreeMap<Owner, Digest>,
    /// The cloud's names, which are in every pod's /etc/hosts.
    hosts: Vec<String>,
}

/// SHA-256 of what admission looks at.
type Digest = Vec<u8>;

/// What admission looks at: the workload, its namespace and its service account.
fn seen(folder: &Folder) -> BTreeMap<Owner, Digest> {
    let view = folder.view();
    let mut all = BTreeMap::new();
    for object in &folder.objects {
        let Some(found) = workload(object) else {
            continue;
        };
        let owner = Owner::of(object);
        let account = found
            .spec
            .get("serviceAccountName")
            .and_then(|name| name.as_str())
            .unwrap_or("default");
        let value = json!([
            object.node.to_json(),
            view.get("Namespace", "", &owner.namespace),
            view.get("ServiceAccount", &owner.namespace, account),
        ]);
        let digest = digest(&SHA256, value.to_string().as_bytes());
        all.insert(owner, digest.as_ref().to_vec());
    }
    all
}

impl Pods {
    pub(super) fn new(
        node: &Arc<Node>,
        profile: Level,
        timeout: Duration,
        handles: Handles,
    ) -> Self {
        Self {
            node: Arc::clone(node),
            profile,
            timeout,
            runs: Vec::new(),
            handles,
            seen: BTreeMap::new(),
            hosts: Vec::new(),
        }
    }

    /// Brings up every pod of a folder.
    pub(super) async fn start(
        &mut self,
        io: &Io,
        folder: &Folder,
        tell: impl Fn(&[Admitted]),
    ) -> Result<(), Report> {
        let admitted = admit(io, folder, &self.node, self.profile, |_| true)?;
        io.section("Pods");
        tell(&admitted);
        self.runs = bring_up(io, &self.node, admitted).await;
        self.seen = seen(folder);
        self.hosts = self.node.cloud.host_names();
        self.publish();
        Ok(())
    }

    /// Waits until every pod has met or missed its expectation.
    pub(super) async fn settle(&self, io: &Io) -> Vec<Outcome> {
        expect::all(io, &self.runs, self.timeout).await
    }

    /// Makes the pods of this moment known to the control socket.
    fn publish(&self) {
        *self.handles.lock().unwrap_or_else(PoisonError::into_inner) =
            self.runs.iter().map(Run::handle).collect();
    }

    /// Takes over a folder that has changed: what is gone is taken down, what is new or has changed
    /// is judged and brought up, the volumes of the rest are written anew. `true` when meanwhile it
    /// was asked to end.
    pub(super) async fn follow(
        &mut self,
        io: &Io,
        folder: &Folder,
        stop: &mut Stop,
    ) -> Result<bool, Report> {
        self.node.take_over(folder)?;
        let now = seen(folder);
        let hosts = self.node.cloud.host_names();
        let names_changed = hosts != self.hosts;
        let is_same = |owner: &Owner| {
            !names_changed
                && self
                    .seen
                    .get(owner)
                    .is_some_and(|old| now.get(owner) == Some(old))
        };
        io.section("The folder has changed");
        let (kept, ended): (Vec<_>, Vec<_>) = std::mem::take(&mut self.runs)
            .into_iter()
            .partition(|run| is_same(&run.admitted.owner));
        for owner in now.keys().filter(|owner| !is_same(owner)) {
            let word = if self.seen.contains_key(owner) {
                "changed"
            } else {
                "new"
            };
            say(io, word, owner);
        }
        for owner in self.seen.keys().filter(|owner| !now.contains_key(owner)) {
            say(io, "gone", owner);
        }
        let fresh: Vec<Owner> = now
            .keys()
            .filter(|owner| !is_same(owner))
            .cloned()
            .collect();
        self.seen = now;
        self.hosts = hosts;
        self.runs = kept;
        self.publish();
        if take_down(io, ended, stop).await {
            return Ok(true);
        }
        self.refresh(io, true);
        if fresh.is_empty() {
            return Ok(false);
        }
        let admitted = admit(io, folder, &self.node, self.profile, |owner| {
            fresh.contains(owner)
        })?;
        io.section("Pods");
        let mut started = bring_up(io, &self.node, admitted).await;
        let first = self.runs.len();
        self.runs.append(&mut started);
        self.publish();
        let new = self.runs.get(first..).unwrap_or_default();
        tokio::select! {
            _ = expect::all(io, new, self.timeout) => Ok(false),
            () = stop.asked() => Ok(true),
        }
    }

    /// Writes the volumes anew that are due, or all where objects have changed.
    pub(super) fn refresh(&mut self, io: &Io, changed: bool) {
        for run in &mut self.runs {
            if let Err(error) = run.refresh(changed) {
                io.line(format_args!(
                    "  {} {}: {error}",
                    io.tone(Tone::Warn, "not refreshed"),
                    run.name()
                ));
                io.emit("not-refreshed", json!({"pod": run.name(), "reason": error}));
            }
        }
    }

    /// Takes everything down.
    pub(super) async fn stop(self, io: &Io, stop: &mut Stop) {
        take_down(io, self.runs, stop).await;
    }
}

fn say(io: &Io, word: &str, owner: &Owner) {
    io.line(format_args!("  {} {owner}", io.tone(Tone::Strong, word)));
    io.emit(
        "workload",
        json!({"change": word, "kind": owner.kind, "namespace": owner.namespace, "name": owner.name}),
    );
}

/// Tells when a folder has changed.
pub(super) struct Watcher {
    directory: PathBuf,
    last: Vec<(PathBuf, u64, Option<SystemTime>)>,
}

impl Watcher {
    pub(super) fn new(directory: PathBuf) -> Self {
        let last = fingerprint(&directory);
        Self { directory, last }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns once the folder has changed and then stayed as it is for a moment: an editor writes in
    /// steps. Polled, since notices of the kernel are lost on network and overlay file systems.
    pub(super) async fn changed(&mut self) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let mut now = fingerprint(&self.directory);
            if now == self.last {
                continue;
            }
            loop {
                tokio::time::sleep(INTERVAL / 2).await;
                let again = fingerprint(&self.directory);
                if again == now {
                    break;
                }
                now = again;
            }
            self.last = now;
            return;
        }
    }
}
