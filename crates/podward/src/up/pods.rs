//! From workloads to admitted pods: judged, then completed as the webhook completes them.

use podward_access::{Door, Event, Outcome, request_id};
use podward_admission::inject;
use podward_api::pod::PodSpec;
use podward_cluster::Pod;
use podward_manifest::{Object, workload};
use podward_policy::Level;
use serde_json::{Value, json};

use super::judge;
use super::load::{Folder, namespace};
use super::node::{Node, random_header, unique_id};
use super::references;
use crate::io::Io;
use crate::report::Report;

/// Most pods of one workload that are run here.
const MAX_REPLICAS: i64 = 16;

/// What a pod is to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    Ready,
    ExitZero,
    Refused,
    SetUp,
}

/// The annotation that says what is expected of a pod.
pub(super) const EXPECT: &str = "podward.dev/expect";

impl Expect {
    /// What the annotation says.
    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Ready, Self::ExitZero, Self::Refused]
            .into_iter()
            .find(|one| one.as_str() == text)
    }

    /// As the annotation writes it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::ExitZero => "exit-0",
            Self::Refused => "refused",
            Self::SetUp => "set-up",
        }
    }
}

/// What made a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Owner {
    pub(super) kind: String,
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Owner {
    pub(super) fn of(object: &Object) -> Self {
        Self {
            kind: object.kind.clone(),
            namespace: namespace(object).to_owned(),
            name: object.name.clone(),
        }
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// A pod as admission left it.
pub(super) struct Admitted {
    pub(super) pod: Pod,
    pub(super) spec: PodSpec,
    pub(super) annotations: Vec<(String, String)>,
    pub(super) owner: Owner,
    pub(super) expect: Expect,
    /// Why it may not run.
    pub(super) refused: Option<String>,
    /// Why it cannot be set up, which was told with its place.
    pub(super) fault: Option<String>,
}

/// Judges the workloads that are meant, in the order of the files, and makes their pods.
pub(super) fn admit(
    io: &Io,
    folder: &Folder,
    node: &Node,
    profile: Level,
    meant: impl Fn(&Owner) -> bool,
) -> Result<Vec<Admitted>, Report> {
    io.section("Admission");
    let view = node.cluster.snapshot();
    let mut admitted = Vec::new();
    for object in &folder.objects {
        let Some(found) = workload(object) else {
            continue;
        };
        let owner = Owner::of(object);
        if !meant(&owner) {
            continue;
        }
        let namespace = namespace(object).to_owned();
        let template = json!({
            "metadata": found.metadata.map_or(Value::Null, podward_manifest::Node::to_json),
            "spec": found.spec.to_json(),
        });
        let replicas = object
            .node
            .at(&["spec", "replicas"])
            .and_then(podward_manifest::Node::as_i64)
            .unwrap_or(1);
        let single = object.kind == "Pod";
        if !single && replicas > MAX_REPLICAS {
            io.note(format_args!(
                "{owner} asks for {replicas} pods: {MAX_REPLICAS} are run"
            ));
        }
        for index in 0..if single {
            1
        } else {
            replicas.clamp(0, MAX_REPLICAS)
        } {
            let uid = unique_id()
                .map_err(|_unspecified| Report::new("the machine gives no random numbers"))?;
            let name = match (single, object.kind.as_str()) {
                (true, _) => object.name.clone(),
                (_, "StatefulSet") => format!("{}-{index}", object.name),
                _ => format!("{}-{}", object.name, uid.get(..5).unwrap_or_default()),
            };
            let judged = if index == 0 {
                judge::workload(io, folder, &view, &found, &namespace, &name, profile)
            } else {
                judge::Judged {
                    refused: None,
                    level: profile,
                }
            };
            let refused = judged.refused.is_some();
            let level = judged.level;
            let fault = if refused {
                None
            } else {
                references::missing(folder, &view, &found, &namespace)
            };
            if let Some(fault) = fault.as_ref().filter(|_| index == 0) {
                io.report(fault);
            }
            let one = Template {
                json: template.clone(),
                namespace: &namespace,
                name,
                uid,
                owner: &owner,
                fault: fault.map(|fault| fault.brief()),
            };
            admitted.push(one.admit(folder, node, object, judged.refused, level)?);
            if refused {
                break;
            }
        }
    }
    Ok(admitted)
}

struct Template<'a> {
    json: Value,
    namespace: &'a str,
    name: String,
    uid: String,
    owner: &'a Owner,
    fault: Option<String>,
}

impl Template<'_> {
    fn admit(
        mut self,
        folder: &Folder,
        node: &Node,
        object: &podward_manifest::Object,
        refused: Option<String>,
        level: Level,
    ) -> Result<Admitted, Report> {
        let header = random_header()?;
        let given = node.environment(&header);
        let mut refusal = refused;
        if refusal.is_none()
            && let Err(error) = inject(
                &mut self.json,
                &node.cluster.snapshot(),
                self.namespace,
                &given,
            )
        {
            refusal = Some(error.to_string());
        }
        let spec: PodSpec =
            serde_path_to_error::deserialize(self.json.get("spec").cloned().unwrap_or_default())
                .map_err(|e| {
                    let path = workload(object).map(|w| w.spec_path).unwrap_or_default();
                    let position = object.node.locate(&format!("{path}.{}", e.path()));
                    Report::new(format!("{}: {}", e.path(), e.inner()))
                        .at(&object.path, Some(position))
                        .excerpt(folder.excerpt(&object.path, position))
                })?;
        let map = |name: &str| -> Vec<(String, String)> {
            let pairs = self
                .json
                .pointer(&format!("/metadata/{name}"))
                .and_then(Value::as_object);
            pairs
                .into_iter()
                .flatten()
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect()
        };
        let annotations = map("annotations");
        let expect = self.expect(&spec, &annotations);
        let pod = Pod {
            namespace: self.namespace.into(),
            name: self.name,
            uid: self.uid,
            service_account: spec
                .service_account_name
                .clone()
                .filter(|n| !n.is_empty())
                .unwrap_or_else(|| "default".into()),
            labels: map("labels").into_iter().collect(),
            identity_header: node.shared.is_none().then_some(header),
        };
        let event = Event {
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            pod_uid: pod.uid.clone(),
            service_account: pod.service_account.clone(),
            door: Door::Webhook,
            asked: format!("create {} {}", self.owner.kind, self.owner.name),
            outcome: if refusal.is_some() {
                Outcome::Refused
            } else {
                Outcome::Granted
            },
            rule: format!("pod-security {level}"),
            reason: refusal
                .clone()
                .unwrap_or_else(|| "meets the namespace's level".into()),
            request_id: request_id().to_string(),
            ..Event::default()
        };
        node.access
            .record(event)
            .map_err(|e| Report::new(e.to_string()))?;
        if refusal.is_none() {
            node.know(&pod);
        }
        Ok(Admitted {
            pod,
            spec,
            annotations,
            owner: self.owner.clone(),
            expect,
            refused: refusal,
            fault: self.fault,
        })
    }

    fn expect(&self, spec: &PodSpec, annotations: &[(String, String)]) -> Expect {
        let said = annotations.iter().find(|(name, _)| name == EXPECT);
        match said.and_then(|(_, value)| Expect::parse(value)) {
            Some(said) => said,
            _ if spec.containers.iter().any(|c| c.readiness_probe.is_some()) => Expect::Ready,
            _ if matches!(self.owner.kind.as_str(), "Job" | "CronJob") => Expect::ExitZero,
            _ if self.owner.kind == "Pod"
                && spec.containers.iter().any(|c| !c.command.is_empty()) =>
            {
                Expect::ExitZero
            }
            _ => Expect::SetUp,
        }
    }
}
