//! The file that says what the cloud holds.

use std::path::Path;

use podward_cloud::{ApplyError, CloudConfig};
use podward_manifest::{Node, Source, parse};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::files;
use crate::report::Report;

/// The file that is read where none is named, if it is there.
const NAME: &str = "cloud.yaml";
/// Where the format is told.
const HELP: &str = "docs/cloud.md lists every field";
/// The tenant that is there without a file.
const TENANT: &str = "6e1a4f0d-3b52-4c8e-9d07-5a2f8c61b394";
/// The client id of its machine.
const MACHINE: &str = "2c9d7b35-f840-4a16-b3ce-81f0d6e52a97";

/// A configuration and where its lines are.
pub(super) struct File {
    pub(super) config: CloudConfig,
    /// The same as JSON.
    pub(super) json: Zeroizing<String>,
    text: Option<(Source, Node)>,
}

impl File {
    /// The named file, or `cloud.yaml` of this folder, or what needs none.
    pub(super) fn read(named: Option<&Path>) -> Result<Self, Report> {
        let path = Self::path(named);
        if named.is_none() && !path.exists() {
            let json = without_file();
            return Ok(Self {
                json: Zeroizing::new(json.to_string()),
                config: serde_json::from_value(json).map_err(Report::new)?,
                text: None,
            });
        }
        let shown = path.to_string_lossy().into_owned();
        let source = Source {
            text: files::text(path, &shown)?,
            path: shown,
        };
        let documents = parse(&source.path, &source.text).map_err(|e| {
            Report::new(&e.message)
                .at(&source.path, Some(e.position))
                .excerpt(source.excerpt(e.position))
        })?;
        let is_cloud = |node: &Node| node.get("kind").and_then(Node::as_str) == Some("Cloud");
        let mut found = documents.into_iter().filter(|one| is_cloud(&one.root));
        let document = found.next();
        if let Some(second) = found.next() {
            let at = second.root.locate("kind");
            return Err(
                Report::new("another document of kind Cloud is in this file")
                    .at(&source.path, Some(at))
                    .excerpt(source.excerpt(at))
                    .help("make one of both"),
            );
        }
        let Some(document) = document else {
            return Err(Report::new("no document of kind Cloud is in this file")
                .at(&source.path, None)
                .help(HELP));
        };
        if let Some(twice) = document.duplicates.first() {
            return Err(Report::new(&twice.message).at(&source.path, Some(twice.position)));
        }
        let root = document.root;
        let json = root.to_json();
        let text = Zeroizing::new(json.to_string());
        let read = serde_path_to_error::deserialize::<_, CloudConfig>(json);
        let mut file = Self {
            config: CloudConfig::default(),
            json: text,
            text: Some((source, root)),
        };
        file.config =
            read.map_err(|e| file.fault(&e.path().to_string(), &e.inner().to_string()))?;
        let mut config = std::mem::take(&mut file.config);
        config
            .read_files(path.parent().unwrap_or(Path::new("")))
            .map_err(|e| file.fault(&e.path, &e.message))?;
        file.config = config;
        Ok(file)
    }

    /// A fault at its line.
    pub(super) fn fault(&self, path: &str, message: &str) -> Report {
        let report = Report::new(message).help(HELP);
        match &self.text {
            Some((source, root)) => {
                let at = root.locate(path);
                report
                    .at(&source.path, Some(at))
                    .excerpt(source.excerpt(at))
            }
            None => report,
        }
    }

    /// Why it could not be applied.
    pub(super) fn not_applied(&self, error: &ApplyError) -> Report {
        match error {
            ApplyError::Config(error) => self.fault(&error.path, &error.message),
            ApplyError::Data(error) => Report::new(error).help(error.help()),
            ApplyError::Keys(_) | ApplyError::NoRandomness => Report::new(error),
        }
    }

    /// The file that is read where `named` is the one of the command line.
    pub(super) fn path(named: Option<&Path>) -> &Path {
        named.unwrap_or(Path::new(NAME))
    }
}

/// One vault, and a machine whose own identity may do all in it.
fn without_file() -> Value {
    json!({
        "apiVersion": "podward.dev/v1alpha1", "kind": "Cloud",
        "tenants": [{
            "id": TENANT, "name": "local",
            "managedIdentities": [{"name": "machine", "clientId": MACHINE, "systemAssigned": true}],
        }],
        "vaults": [{
            "name": "dev", "tenant": "local",
            "access": [{
                "identity": "machine", "secrets": ["all", "purge"], "keys": ["all", "purge"],
                "certificates": ["all", "purge"],
            }],
        }],
    })
}
