//! `podward check --cluster`: the objects of a cluster in place of files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use podward_kube::{KubeError, Kubernetes, LiveObject, ObjectKind, Wanted, Way};
use podward_policy::{Neighbours, Version};
use tokio::runtime::Runtime;

use super::Run;
use super::labels;
use super::print::Printed;
use crate::files::{File, LIVE};
use crate::io::Io;
use crate::report::Report;
use crate::standard::{Held, note_newer};
use crate::yaml;

/// Where the rights are told.
const RIGHTS: &str = "docs/check.md, \"A cluster\", has the role that podward needs";

/// Bindings that every cluster has give every account the right to ask who it is: no reason to have a token.
const NO_DEFAULTS: &str = "kubernetes.io/bootstrapping!=rbac-defaults";

/// Which objects of which cluster.
#[derive(clap::Args)]
#[command(next_help_heading = "A cluster")]
pub(crate) struct Live {
    /// Judge the workloads of the cluster that the kubeconfig names, not files, by the labels of their namespaces. Needs
    /// the rights to get namespaces and to list workloads, and reads no Secrets or ConfigMaps; docs/check.md has the role
    #[arg(
        long,
        conflicts_with_all = ["paths", "code", "image", "render", "no_render", "no_ignore"]
    )]
    cluster: bool,
    /// Namespaces, in place of the one of the context
    #[arg(
        short,
        long,
        value_name = "NAMESPACE",
        value_delimiter = ',',
        value_parser = clap::builder::NonEmptyStringValueParser::new(),
        requires = "cluster"
    )]
    namespace: Vec<String>,
    /// Every namespace
    #[arg(short = 'A', long, requires = "cluster", conflicts_with = "namespace")]
    all_namespaces: bool,
    /// Workloads with these labels alone: app=web,tier!=test
    #[arg(short = 'l', long, value_name = "LABELS", requires = "cluster")]
    selector: Option<String>,
    /// Kubeconfig, in place of KUBECONFIG and ~/.kube/config
    #[arg(long, value_name = "FILE", requires = "cluster")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig, in place of its current one
    #[arg(long, value_name = "CONTEXT", requires = "cluster")]
    context: Option<String>,
}

/// A cluster that answers.
pub(super) struct Cluster {
    runtime: Runtime,
    kubernetes: Kubernetes,
    server: Version,
    /// None where all are asked for.
    namespaces: Option<Vec<String>>,
    selector: Option<String>,
}

impl Live {
    /// Whether a cluster is asked for.
    pub(super) const fn is_asked_for(&self) -> bool {
        self.cluster
    }

    /// The cluster, once it has answered.
    pub(super) fn reach(&self, io: &Io) -> Result<Cluster, Report> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Report::new(format!("cannot start: {e}")))?;
        let way = Way {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
        };
        let (kubernetes, reached) = runtime.block_on(Kubernetes::by(&way)).map_err(|e| {
            Report::new(e.reason()).help(
                "KUBECONFIG or --kubeconfig names a kubeconfig, --context one of its contexts",
            )
        })?;
        let minor = runtime.block_on(kubernetes.minor_version());
        let minor = match minor {
            Ok(minor) => minor,
            // one that keeps its version to itself can be asked for the rest
            Err(error) if error.status() == Some(403) => None,
            Err(error) => return Err(unread(&error, &reached.server)),
        };
        let server = minor.map_or(Version::Latest, Version::V1);
        note_newer(io, server);
        let namespaces = match self.namespace.as_slice() {
            _ if self.all_namespaces => None,
            [] => Some(vec![reached.namespace]),
            named => Some(named.to_vec()),
        };
        Ok(Cluster {
            runtime,
            kubernetes,
            server,
            namespaces,
            selector: self.selector.clone(),
        })
    }
}

/// What is held to what.
type Holds = BTreeMap<String, Held>;

impl Cluster {
    /// Judges what is asked for page by page, so that no more than one is in memory, and hands on what was found and
    /// what could not be read.
    pub(super) fn judge(&self, run: &Run<'_>, done: &mut dyn FnMut(Printed)) {
        let Some(namespaces) = &self.namespaces else {
            let holds = self.holds_of_all(run, done);
            self.kinds(run, None, &holds, done);
            return;
        };
        for name in namespaces {
            let labels = self
                .runtime
                .block_on(self.kubernetes.namespace_labels(name));
            let place = format!("cluster:namespaces/{name}");
            let held = match labels {
                Ok(Some(labels)) => self.held(run, name, &labels),
                Ok(None) => {
                    let report = Report::new(format!("there is no namespace {name:?}"));
                    done(Printed::unread(report.at(&place, None)));
                    continue;
                }
                Err(error) => {
                    if !self.can_do_without(run, &error, &place, done) {
                        return;
                    }
                    self.held(run, name, &BTreeMap::new())
                }
            };
            let holds = BTreeMap::from([(name.clone(), held)]);
            if !self.kinds(run, Some(name), &holds, done) {
                return;
            }
        }
    }

    fn holds_of_all(&self, run: &Run<'_>, done: &mut dyn FnMut(Printed)) -> Holds {
        match self
            .runtime
            .block_on(self.kubernetes.labels_of_namespaces())
        {
            Ok(all) => all
                .into_iter()
                .map(|(name, labels)| {
                    let held = self.held(run, &name, &labels);
                    (name, held)
                })
                .collect(),
            Err(error) => {
                self.can_do_without(run, &error, "cluster:namespaces", done);
                Holds::new()
            }
        }
    }

    /// Tells that labels cannot be read, where they would count. Whether there is a server to go on with.
    fn can_do_without(
        &self,
        run: &Run<'_>,
        error: &KubeError,
        place: &str,
        done: &mut dyn FnMut(Printed),
    ) -> bool {
        let is_forbidden = error.status() == Some(403);
        if !(is_forbidden && run.asked.names_profile()) {
            done(Printed::unread(unread(error, place)));
        }
        error.status().is_some()
    }

    /// What the workloads of a namespace are held to.
    fn held(&self, run: &Run<'_>, namespace: &str, labels: &BTreeMap<String, String>) -> Held {
        let mut held = Held {
            profile: None,
            version: None,
            server: self.server,
            without: Vec::new(),
        };
        if self.server.clamped().is_some() {
            // the API server keeps no field that it does not know, so this program is too old for it
            held.without.push("unknownField");
        }
        if !run.asked.names_profile() {
            for fault in labels::ask(labels, &mut held) {
                run.io
                    .note(format_args!("note: namespace {namespace}: {fault}"));
            }
        }
        held
    }

    /// Judges every kind in a namespace, or in all. Whether there is a server to go on with.
    fn kinds(
        &self,
        run: &Run<'_>,
        namespace: Option<&str>,
        holds: &Holds,
        done: &mut dyn FnMut(Printed),
    ) -> bool {
        for kind in ObjectKind::WORKLOADS {
            let selector = self.selector.as_deref();
            let wanted = Wanted {
                namespace,
                selector,
            };
            // each is text alone from here on, which takes the least memory
            let read = |one: &LiveObject| self.file(run, kind, one, holds);
            let judged = self.each_page(kind, wanted, read, |files| run.judge(&files, done));
            let Err(error) = judged else { continue };
            if kind.resource == "podtemplates" && error.status() == Some(403) {
                // no role of Kubernetes' own lets them be read, and nothing makes pods of them
                let reason = error.reason();
                run.io
                    .note(format_args!("note: podtemplates are not judged: {reason}"));
                continue;
            }
            let place = match namespace {
                Some(namespace) => format!("cluster:{namespace}/{}", kind.resource),
                None => format!("cluster:{}", kind.resource),
            };
            done(Printed::unread(unread(&error, &place)));
            // where nobody answers, or the selector is none, the other kinds fare no better
            if matches!(error.status(), None | Some(400)) {
                return false;
            }
        }
        true
    }

    /// Hands on what is made of the objects of a kind, page by page.
    fn each_page<T>(
        &self,
        kind: ObjectKind,
        wanted: Wanted<'_>,
        make: impl Fn(&LiveObject) -> T,
        mut take: impl FnMut(Vec<T>),
    ) -> Result<(), KubeError> {
        let mut next = None;
        loop {
            let mut made = Vec::new();
            let page = self
                .kubernetes
                .objects(kind, wanted, next, |one| made.push(make(&one)));
            next = self.runtime.block_on(page)?;
            take(made);
            if next.is_none() {
                return Ok(());
            }
        }
    }

    /// What stands around the workloads, when the first rule asks for it. Who may not read a part of it does without.
    pub(super) fn neighbours(&self, io: &Io) -> Neighbours {
        let mut neighbours = Neighbours::default();
        let mut missing = BTreeMap::new();
        let namespaces = match &self.namespaces {
            Some(names) => names.iter().map(|name| Some(&**name)).collect(),
            None => vec![None],
        };
        for kind in ObjectKind::AROUND {
            for namespace in &namespaces {
                let wanted = Wanted {
                    namespace: *namespace,
                    selector: Some(NO_DEFAULTS),
                };
                let text = |one: &LiveObject| {
                    let path = format!("{LIVE}{}", path(kind, one));
                    (path, yaml::text(&one.manifest))
                };
                let read = self.each_page(kind, wanted, text, |texts| {
                    for (path, text) in texts {
                        neighbours.add_text(&path, &text);
                    }
                });
                if let Err(error) = read {
                    missing.insert(kind.resource, error.reason());
                }
                if kind.is_of_cluster() {
                    break;
                }
            }
        }
        if let Some(reason) = missing.values().next() {
            let resources: Vec<_> = missing.keys().copied().collect();
            io.note(format_args!(
                "note: judged without {}: {reason}",
                resources.join(", ")
            ));
        }
        neighbours
    }

    fn file(&self, run: &Run<'_>, kind: ObjectKind, one: &LiveObject, holds: &Holds) -> File {
        let held = holds.get(&one.namespace).cloned();
        // its namespace is newer than the list of them
        let held = held.unwrap_or_else(|| self.held(run, &one.namespace, &BTreeMap::new()));
        let manifest = yaml::text(&one.manifest).to_string();
        File::live(&path(kind, one), manifest, held)
    }
}

fn path(kind: ObjectKind, one: &LiveObject) -> String {
    format!("{}/{}/{}", one.namespace, kind.resource, one.name)
}

fn unread(error: &KubeError, place: &str) -> Report {
    let report = Report::new(error.reason()).at(place, None);
    match error.status() {
        Some(401) => report.help("the credentials of the kubeconfig are not accepted: log in anew"),
        Some(403) => report.help(RIGHTS),
        Some(410) => report.help("the list has changed too much meanwhile: run it again"),
        _ => report,
    }
}
