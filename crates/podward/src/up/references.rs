//! What a workload's pods need of other objects, looked up before a pod is set up, so that what is
//! missing is told with its line.

use std::collections::BTreeMap;

use podward_api::secrets_store::DRIVER_NAME;
use podward_cluster::View;
use podward_keyvault::Parameters;
use podward_manifest::{Node, Object, Position, Workload};

use super::load::{Folder, namespace};
use super::pods::{EXPECT, Expect};
use super::volumes::keys_of;
use crate::report::Report;

/// The first thing that is missing or wrong, with the place that names it.
pub(super) fn missing(
    folder: &Folder,
    view: &View,
    workload: &Workload<'_>,
    namespace: &str,
) -> Option<Report> {
    let here = Here {
        folder,
        view,
        path: &workload.object.path,
        namespace,
    };
    if let Some(fault) = here.expectation(workload) {
        return Some(fault);
    }
    let spec = workload.spec;
    let containers = ["initContainers", "containers"]
        .into_iter()
        .filter_map(|field| spec.get(field))
        .flat_map(Node::items);
    let volumes = spec.get("volumes").map(Node::items).unwrap_or_default();
    let of_volumes = volumes.iter().find_map(|volume| here.volume(volume));
    of_volumes.or_else(|| containers.into_iter().find_map(|one| here.container(one)))
}

struct Here<'a> {
    folder: &'a Folder,
    view: &'a View,
    path: &'a str,
    namespace: &'a str,
}

fn is_optional(node: &Node) -> bool {
    node.get("optional").and_then(Node::as_bool) == Some(true)
}

impl Here<'_> {
    fn report(&self, path: &str, position: Position, message: String, help: &str) -> Report {
        Report::new(message)
            .at(path, Some(position))
            .excerpt(self.folder.excerpt(path, position))
            .help(help)
    }

    fn expectation(&self, workload: &Workload<'_>) -> Option<Report> {
        let said = workload.metadata?.at(&["annotations", EXPECT])?;
        let known = said
            .as_str()
            .is_some_and(|text| Expect::parse(text).is_some());
        (!known).then(|| {
            self.report(
                self.path,
                said.start,
                format!("{EXPECT} is none of ready, exit-0 and refused"),
                "choose one, or leave it out",
            )
        })
    }

    fn volume(&self, volume: &Node) -> Option<Report> {
        let direct = [
            ("configMap", "ConfigMap", "name"),
            ("secret", "Secret", "secretName"),
        ]
        .into_iter()
        .find_map(|(field, kind, name)| self.keyed(volume.get(field)?, kind, name));
        let projected = || {
            let sources = volume.at(&["projected", "sources"])?.items();
            sources.iter().find_map(|source| {
                [("configMap", "ConfigMap"), ("secret", "Secret")]
                    .into_iter()
                    .find_map(|(field, kind)| self.keyed(source.get(field)?, kind, "name"))
            })
        };
        direct
            .or_else(projected)
            .or_else(|| self.csi(volume.get("csi")?))
    }

    /// An object whose keys become files.
    fn keyed(&self, source: &Node, kind: &str, name: &str) -> Option<Report> {
        if is_optional(source) {
            return None;
        }
        let named = source.get(name)?;
        self.object(kind, named).or_else(|| {
            let items = source.get("items").map(Node::items).unwrap_or_default();
            items
                .iter()
                .find_map(|item| self.key(kind, named.as_str()?, item.get("key")?))
        })
    }

    fn object(&self, kind: &str, name: &Node) -> Option<Report> {
        let text = name.as_str()?;
        self.view
            .get(kind, self.namespace, text)
            .is_none()
            .then(|| {
                self.report(
                    self.path,
                    name.start,
                    format!("{kind} {}/{text} is not in the folder", self.namespace),
                    "add it, correct the name, or write optional: true",
                )
            })
    }

    fn key(&self, kind: &str, name: &str, key: &Node) -> Option<Report> {
        let text = key.as_str()?;
        let object = self.view.get(kind, self.namespace, name)?;
        let keys = keys_of(kind, object);
        (!keys.iter().any(|known| known == text)).then(|| {
            self.report(
                self.path,
                key.start,
                format!("{kind} {}/{name} has no key {text:?}", self.namespace),
                &format!("its keys are: {}", keys.join(", ")),
            )
        })
    }

    fn container(&self, container: &Node) -> Option<Report> {
        let items = |field: &str| container.get(field).map(Node::items).unwrap_or_default();
        let reference = |source: &Node, field: &str, kind: &str| {
            let reference = source.get(field).filter(|one| !is_optional(one))?;
            let name = reference.get("name")?;
            self.object(kind, name)
                .or_else(|| self.key(kind, name.as_str()?, reference.get("key")?))
        };
        let all = items("envFrom").iter().find_map(|from| {
            reference(from, "configMapRef", "ConfigMap")
                .or_else(|| reference(from, "secretRef", "Secret"))
        });
        all.or_else(|| {
            items("env").iter().find_map(|variable| {
                let source = variable.get("valueFrom")?;
                reference(source, "configMapKeyRef", "ConfigMap")
                    .or_else(|| reference(source, "secretKeyRef", "Secret"))
            })
        })
    }

    /// A volume of the secrets store: its class, the class's parameters, and the vault they name.
    fn csi(&self, csi: &Node) -> Option<Report> {
        if csi.get("driver")?.as_str() != Some(DRIVER_NAME) {
            return None;
        }
        let name = csi.at(&["volumeAttributes", "secretProviderClass"])?;
        let text = name.as_str()?;
        let Some(class) = self.folder.objects.iter().find(|object| {
            object.kind == "SecretProviderClass"
                && object.name == text
                && namespace(object) == self.namespace
        }) else {
            return Some(self.report(
                self.path,
                name.start,
                format!(
                    "SecretProviderClass {}/{text} is not in the folder",
                    self.namespace
                ),
                "add it in the namespace of the pod, or correct the name",
            ));
        };
        self.class(class, csi.get("volumeAttributes")?)
    }

    fn class(&self, class: &Object, attributes: &Node) -> Option<Report> {
        let place = |path: &str| class.node.locate(path);
        let provider = class.node.at(&["spec", "provider"]).and_then(Node::as_str);
        if provider.is_some_and(|provider| provider != "azure") {
            return Some(self.report(
                &class.path,
                place("spec.provider"),
                format!(
                    "the provider {:?} is not served",
                    provider.unwrap_or_default()
                ),
                "podward serves the provider azure",
            ));
        }
        let of_class = class.node.at(&["spec", "parameters"]).map(Node::entries);
        // the volume's attributes are parameters too, and win
        let parameters: BTreeMap<String, String> = of_class
            .unwrap_or_default()
            .iter()
            .chain(attributes.entries())
            .filter_map(|(name, value)| Some((name.as_str()?.into(), value.as_str()?.into())))
            .collect();
        match Parameters::parse(&parameters) {
            Err(error) => Some(self.report(
                &class.path,
                place("spec.parameters"),
                format!(
                    "SecretProviderClass {}/{}: {error}",
                    self.namespace, class.name
                ),
                "the parameters are those of the provider azure",
            )),
            Ok(read) => {
                let vaults = self.folder.vaults();
                let known = vaults
                    .iter()
                    .any(|vault| vault.eq_ignore_ascii_case(&read.vault));
                (!known).then(|| {
                    self.report(
                        &class.path,
                        place("spec.parameters.keyvaultName"),
                        format!("there is no vault {:?} in cloud.yaml", read.vault),
                        &match vaults.as_slice() {
                            [] => "cloud.yaml names no vault; docs/cloud.md tells how".to_owned(),
                            some => format!("its vaults are: {}", some.join(", ")),
                        },
                    )
                })
            }
        }
    }
}
