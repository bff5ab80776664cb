//! From workloads to admitted pods: judged, then completed as the webhook completes them.

use podward_access::{Door, Event, Outcome, request_id};
use podward_admission::{Environment, inject};
use podward_api::pod::PodSpec;
use podward_cluster::Pod;
use podward_identity::ENDPOINT_PATH;
use podward_manifest::workload;
use podward_policy::Level;
use serde_json::{Value, json};

use super::judge;
use super::load::{Folder, namespace};
use super::node::{Node, random_header, unique_id};
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

impl Expect {
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

/// A pod as admission left it.
pub(super) struct Admitted {
    pub(super) pod: Pod,
    pub(super) spec: PodSpec,
    pub(super) annotations: Vec<(String, String)>,
    /// Kind and name of what made it.
    pub(super) owner: String,
    pub(super) expect: Expect,
    /// Why it may not run.
    pub(super) refused: Option<String>,
}

/// Judges every workload, in the order of the files, and makes its pods.
pub(super) fn admit_all(
    io: &Io,
    folder: &Folder,
    node: &Node,
    profile: Level,
) -> Result<Vec<Admitted>, Report> {
    io.section("Admission");
    let view = node.cluster.snapshot();
    let mut admitted = Vec::new();
    for object in &folder.objects {
        let Some(found) = workload(object) else {
            continue;
        };
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
            let one = Template {
                json: template.clone(),
                namespace: &namespace,
                name,
                uid,
                kind: &object.kind,
                owner: &object.name,
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
    kind: &'a str,
    owner: &'a str,
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
        let given = Environment {
            tenant: node.tenant.clone(),
            endpoint: format!("http://169.254.169.254{ENDPOINT_PATH}"),
            header: header.clone(),
        };
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
            identity_header: Some(header),
        };
        let event = Event {
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            pod_uid: pod.uid.clone(),
            service_account: pod.service_account.clone(),
            door: Door::Webhook,
            asked: format!("create {} {}", self.kind, self.owner),
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
            owner: self.owner.into(),
            expect,
            refused: refusal,
        })
    }

    fn expect(&self, spec: &PodSpec, annotations: &[(String, String)]) -> Expect {
        let said = annotations
            .iter()
            .find(|(name, _)| name == "podward.dev/expect")
            .map(|(_, value)| value.as_str());
        match said {
            Some("ready") => Expect::Ready,
            Some("exit-0") => Expect::ExitZero,
            Some("refused") => Expect::Refused,
            _ if spec.containers.iter().any(|c| c.readiness_probe.is_some()) => Expect::Ready,
            _ if matches!(self.kind, "Job" | "CronJob") => Expect::ExitZero,
            _ if self.kind == "Pod" && spec.containers.iter().any(|c| !c.command.is_empty()) => {
                Expect::ExitZero
            }
            _ => Expect::SetUp,
        }
    }
}
