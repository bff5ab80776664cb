//! The folder: every manifest in it, and its cloud.yaml.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use podward_cloud::{ApplyError, CloudConfig};
use podward_cluster::View;
use podward_manifest::{Object, Position, Source, name_faults, objects, parse, strict};

use crate::files;
use crate::io::Io;
use crate::report::Report;

/// Most faults that are told: who mends them runs the command again.
const MAX_FAULTS: usize = 100;
/// Where the format of cloud.yaml is told.
const CLOUD_HELP: &str = "docs/cloud.md lists every field";
/// Deepest folder below the given one.
const MAX_DEPTH: usize = 16;

/// What a folder holds.
#[derive(Default)]
pub(super) struct Folder {
    /// Files, for excerpts.
    pub(super) sources: Vec<Source>,
    /// Kubernetes objects in the order of their files.
    pub(super) objects: Vec<Object>,
    /// The cloud, if there is a cloud.yaml.
    pub(super) cloud: Option<CloudConfig>,
    /// Path of the cloud's file, and its document.
    cloud_file: Option<(String, podward_manifest::Node)>,
    /// What is wrong in its files, up to a bound.
    pub(super) faults: Vec<Report>,
    /// How many faults are beyond that bound.
    pub(super) more_faults: usize,
}

impl Folder {
    /// Reads the folder. `shown` is the folder as the user wrote it, for paths in messages. What is
    /// wrong in a file is kept beside what could be read, so that the rest can still be judged.
    pub(super) fn load(directory: &Path, shown: &str) -> Result<Self, Report> {
        let (paths, errors) = files::manifests(directory, MAX_DEPTH);
        if let Some(error) = errors.into_iter().next() {
            return Err(error);
        }
        let mut folder = Self::default();
        for path in paths {
            let below = path.strip_prefix(directory).unwrap_or(&path);
            let name = Path::new(shown).join(below).to_string_lossy().into_owned();
            match files::text(&path, &name) {
                Ok(text) => folder.add(Source { path: name, text }),
                Err(error) => folder.faults.push(error),
            }
        }
        if folder.objects.is_empty() && folder.faults.is_empty() {
            return Err(Report::new("there is no Kubernetes object in this folder")
                .at(shown, None)
                .help("give the folder that holds your manifests, as *.yaml, *.yml or *.json"));
        }
        folder.unique();
        Ok(folder)
    }

    fn add(&mut self, source: Source) {
        let parsed = parse(&source.path, &source.text);
        self.sources.push(source);
        let documents = match parsed {
            Ok(documents) => documents,
            Err(e) => return self.fault(&e.path, e.position, &e.message, None),
        };
        for document in documents {
            for twice in &document.duplicates {
                self.fault(&twice.path, twice.position, &twice.message, None);
            }
            let root = &document.root;
            let text = |field: &str| root.get(field).and_then(|value| value.as_str());
            let group = text("apiVersion").unwrap_or_default();
            if text("kind") == Some("Cloud") && group.starts_with("podward.dev/") {
                self.set_cloud(&document);
            } else if !is_of_another_tool(root) {
                match objects(document) {
                    Ok(found) => {
                        for object in &found {
                            for fault in name_faults(object) {
                                self.fault(&fault.path, fault.position, &fault.message, None);
                            }
                            for fault in strict(object) {
                                let help = Some(fault.help.as_str());
                                self.fault(&object.path, fault.position, &fault.message, help);
                            }
                        }
                        self.objects.extend(found);
                    }
                    Err(e) => self.fault(&e.path, e.position, &e.message, Some(
                        "every document needs apiVersion, kind and metadata.name; keep other YAML out of this folder",
                    )),
                }
            }
        }
    }

    fn fault(&mut self, path: &str, position: Position, message: &str, help: Option<&str>) {
        if self.faults.len() >= MAX_FAULTS {
            self.more_faults += 1;
            return;
        }
        let report = Report::new(message)
            .at(path, Some(position))
            .excerpt(self.excerpt(path, position));
        self.faults.push(match help {
            Some(help) => report.help(help),
            None => report,
        });
    }

    fn set_cloud(&mut self, document: &podward_manifest::Document) {
        let (path, root) = (&document.path, &document.root);
        if let Some((first, _)) = &self.cloud_file {
            let message = format!("a second Cloud; the first is in {first}");
            return self.fault(path, root.start, &message, None);
        }
        self.cloud_file = Some((path.to_string(), root.clone()));
        let read = serde_path_to_error::deserialize::<_, CloudConfig>(root.to_json());
        let fault = match read {
            Ok(mut config) => match config
                .read_files(Path::new(&**path).parent().unwrap_or(Path::new("")))
                .and_then(|()| config.check())
            {
                Ok(()) => {
                    self.cloud = Some(config);
                    return;
                }
                Err(e) => (root.locate(&e.path), e.message),
            },
            Err(e) => (root.locate(&e.path().to_string()), e.inner().to_string()),
        };
        self.fault(path, fault.0, &fault.1, Some(CLOUD_HELP));
    }

    /// A fault of the cloud's configuration, at its line.
    pub(super) fn not_applied(&self, error: &ApplyError) -> Report {
        match error {
            ApplyError::Config(e) => self.cloud_fault(&e.path, &e.message),
            other => Report::new(other),
        }
    }

    /// A fault at its line.
    fn cloud_fault(&self, path: &str, message: &str) -> Report {
        let report = Report::new(message).help(CLOUD_HELP);
        match &self.cloud_file {
            Some((file, root)) => {
                let position = root.locate(path);
                report
                    .at(file, Some(position))
                    .excerpt(self.excerpt(file, position))
            }
            None => report,
        }
    }

    /// The line a position is in.
    pub(super) fn excerpt(&self, path: &str, position: Position) -> String {
        self.source(path)
            .map(|source| source.excerpt(position))
            .unwrap_or_default()
    }

    /// The file of a path.
    pub(super) fn source(&self, path: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.path == path)
    }

    /// Finds objects of one name.
    fn unique(&mut self) {
        let mut first: BTreeMap<_, (&str, usize)> = BTreeMap::new();
        let mut twice = Vec::new();
        for object in self.objects.iter().filter(|object| !object.name.is_empty()) {
            let group = object
                .api_version
                .split_once('/')
                .map_or("", |(group, _)| group);
            let key = (group, &object.kind, namespace(object), &object.name);
            let position = object.node.locate("metadata.name");
            if let Some((path, line)) = first.get(&key) {
                let message = format!(
                    "two objects of one name: {} {}/{} is also in {path}:{line}",
                    object.kind, key.2, object.name
                );
                twice.push((object.path.clone(), position, message));
            } else {
                first.insert(key, (&object.path, position.line));
            }
        }
        for (path, position, message) in twice {
            self.fault(&path, position, &message, Some("rename one of them"));
        }
    }

    /// Tells every fault.
    pub(super) fn tell_faults(&self, io: &Io) {
        for fault in &self.faults {
            io.report(fault);
        }
        if self.more_faults > 0 {
            io.note(format_args!("and {} more", self.more_faults));
        }
    }

    /// Names of the cloud's vaults.
    pub(super) fn vaults(&self) -> Vec<&str> {
        let vaults = self.cloud.iter().flat_map(|cloud| &cloud.vaults);
        vaults.map(|vault| vault.name.as_str()).collect()
    }

    /// The cluster that these objects make, without pods.
    pub(super) fn view(&self) -> View {
        let mut view = View::default();
        for object in &self.objects {
            let namespace = if object.kind == "Namespace" {
                String::new()
            } else {
                namespace(object).to_owned()
            };
            view.insert(
                &object.kind,
                &namespace,
                &object.name,
                object.node.to_json(),
            );
        }
        view
    }
}

/// The namespace of an object; `default` where it names none.
pub(super) fn namespace(object: &Object) -> &str {
    object.namespace.as_deref().unwrap_or("default")
}

/// Configuration that has apiVersion and kind as Kubernetes objects do, and no name: that of
/// kustomize, kind, skaffold and others, which no server is ever sent.
fn is_of_another_tool(root: &podward_manifest::Node) -> bool {
    let text = |keys: &[&str]| root.at(keys).and_then(podward_manifest::Node::as_str);
    let (Some(version), Some(kind)) = (text(&["apiVersion"]), text(&["kind"])) else {
        return false;
    };
    let named = ["name", "generateName"]
        .into_iter()
        .any(|name| text(&["metadata", name]).is_some());
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let kustomize = group == "kustomize.config.k8s.io" || kind == "Kustomization" && !named;
    let of_kubernetes = ["", "apps", "batch", "autoscaling", "policy", "extensions"]
        .contains(&group)
        || group.ends_with(".k8s.io");
    kustomize || !(named || of_kubernetes || kind.ends_with("List"))
}

/// Paths, sizes and times of the manifests below a folder: another value where something changed.
pub(super) fn fingerprint(directory: &Path) -> Vec<(PathBuf, u64, Option<std::time::SystemTime>)> {
    // a folder that cannot be read just now is one that holds less
    let (paths, _) = files::manifests(directory, MAX_DEPTH);
    let look = |path: PathBuf| {
        let about = path.metadata().ok();
        let size = about.as_ref().map_or(0, std::fs::Metadata::len);
        (path, size, about.and_then(|about| about.modified().ok()))
    };
    paths.into_iter().map(look).collect()
}
