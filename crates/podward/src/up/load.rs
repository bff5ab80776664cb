//! The folder: every manifest in it, and its cloud.yaml.

use std::path::{Path, PathBuf};

use podward_cloud::CloudConfig;
use podward_cluster::View;
use podward_manifest::{Object, Position, Source, objects, parse};

use crate::report::Report;

/// Largest manifest read, bytes; a larger file is an error, not a surprise.
const MAX_FILE: u64 = 16 << 20;
/// Deepest folder below the given one.
const MAX_DEPTH: usize = 16;

/// What a folder holds.
pub(super) struct Folder {
    /// Files, for excerpts.
    pub(super) sources: Vec<Source>,
    /// Kubernetes objects in the order of their files.
    pub(super) objects: Vec<Object>,
    /// The cloud, if there is a cloud.yaml.
    pub(super) cloud: Option<CloudConfig>,
    /// Path of the cloud's file, and its document.
    cloud_file: Option<(String, podward_manifest::Node)>,
}

impl Folder {
    /// Reads the folder. `shown` is the folder as the user wrote it, for paths in messages.
    pub(super) fn load(directory: &Path, shown: &str) -> Result<Self, Report> {
        let mut paths = Vec::new();
        collect(directory, 0, &mut paths)?;
        paths.sort();
        let mut folder = Self {
            sources: Vec::new(),
            objects: Vec::new(),
            cloud: None,
            cloud_file: None,
        };
        for path in paths {
            let below = path.strip_prefix(directory).unwrap_or(&path);
            let name = Path::new(shown).join(below).to_string_lossy().into_owned();
            let size = path.metadata().map_or(0, |m| m.len());
            if size > MAX_FILE {
                return Err(Report::new("the file is larger than 16 MiB").at(&name, None));
            }
            let text =
                std::fs::read_to_string(&path).map_err(|e| Report::new(e).at(&name, None))?;
            folder.add(Source { path: name, text })?;
        }
        if folder.objects.is_empty() {
            return Err(Report::new("there is no Kubernetes object in this folder")
                .at(shown, None)
                .help("give the folder that holds your manifests, as *.yaml, *.yml or *.json"));
        }
        folder.unique()?;
        Ok(folder)
    }

    fn add(&mut self, source: Source) -> Result<(), Report> {
        let documents = parse(&source.path, &source.text).map_err(|e| {
            Report::new(&e.message)
                .at(&source.path, Some(e.position))
                .excerpt(source.excerpt(e.position))
        })?;
        self.sources.push(source);
        for document in documents {
            if let Some(twice) = document.duplicates.first() {
                return Err(Report::new(&twice.message)
                    .at(&twice.path, Some(twice.position))
                    .excerpt(self.excerpt(&twice.path, twice.position)));
            }
            let is_cloud = document.root.get("kind").and_then(|k| k.as_str()) == Some("Cloud")
                && document
                    .root
                    .get("apiVersion")
                    .and_then(|v| v.as_str())
                    .is_some_and(|v| v.starts_with("podward.dev/"));
            if is_cloud {
                self.set_cloud(&document)?;
                continue;
            }
            let found = objects(document).map_err(|e| {
                Report::new(&e.message)
                    .at(&e.path, Some(e.position))
                    .excerpt(self.excerpt(&e.path, e.position))
                    .help("every document needs apiVersion, kind and metadata.name; keep other YAML out of this folder")
            })?;
            self.objects.extend(found);
        }
        Ok(())
    }

    fn set_cloud(&mut self, document: &podward_manifest::Document) -> Result<(), Report> {
        let config: CloudConfig = serde_path_to_error::deserialize(document.root.to_json())
            .map_err(|e| {
                let position = document.root.locate(&e.path().to_string());
                Report::new(e.inner())
                    .at(&document.path, Some(position))
                    .excerpt(self.excerpt(&document.path, position))
                    .help("docs/cloud.md lists every field")
            })?;
        if let Some((first, _)) = &self.cloud_file {
            return Err(
                Report::new(format!("a second Cloud; the first is in {first}"))
                    .at(&document.path, Some(document.root.start)),
            );
        }
        self.cloud = Some(config);
        self.cloud_file = Some((document.path.clone(), document.root.clone()));
        Ok(())
    }

    /// A fault of the cloud's configuration, at its line.
    pub(super) fn cloud_fault(&self, path: &str, message: &str) -> Report {
        let report = Report::new(message).help("docs/cloud.md lists every field");
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

    fn unique(&self) -> Result<(), Report> {
        let mut seen = std::collections::BTreeMap::new();
        for object in &self.objects {
            let key = (&object.kind, namespace(object), &object.name);
            if object.name.is_empty() {
                continue;
            }
            if let Some(first) = seen.insert(key, object) {
                let position = object.node.locate("metadata.name");
                let first: &Object = first;
                return Err(Report::new(format!(
                    "two objects of one name: {} {}/{} is also in {}:{}",
                    object.kind,
                    namespace(object),
                    object.name,
                    first.path,
                    first.node.locate("metadata.name").line
                ))
                .at(&object.path, Some(position))
                .excerpt(self.excerpt(&object.path, position))
                .help("rename one of them"));
            }
        }
        Ok(())
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

fn collect(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> Result<(), Report> {
    let failed = |e: std::io::Error| Report::new(e).at(&folder.to_string_lossy(), None);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() {
            if !hidden && depth < MAX_DEPTH && !path.is_symlink() {
                collect(&path, depth + 1, paths)?;
            }
        } else if path
            .extension()
            .is_some_and(|e| e == "yaml" || e == "yml" || e == "json")
            && !hidden
        {
            paths.push(path);
        }
    }
    Ok(())
}
