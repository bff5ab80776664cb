//! Which pods may be made: the decisions of Pod Security admission, and podward's own.

use std::borrow::Cow;

use podward_manifest::Object;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::bounds::{TOO_LARGE, is_too_large, too_large};
use crate::pods::{Judged, Pods};
use crate::prune::pruned;
use crate::review::{Answer, Request};
use crate::standards::{Family, Labels, Mode, Standards, joined};

/// What is let through without a look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Exemptions {
    /// Namespaces.
    pub namespaces: Vec<String>,
    /// Users who ask.
    pub usernames: Vec<String>,
    /// `runtimeClassName` of pods.
    pub runtime_classes: Vec<String>,
}

impl Exemptions {
    fn has(list: &[String], name: &str) -> bool {
        !name.is_empty() && list.iter().any(|one| one == name)
    }

    /// Whether a namespace is let through.
    #[must_use]
    pub fn namespace(&self, name: &str) -> bool {
        Self::has(&self.namespaces, name)
    }

    /// Whether pods of a runtime class are let through.
    #[must_use]
    pub fn runtime_class(&self, name: &str) -> bool {
        Self::has(&self.runtime_classes, name)
    }
}

/// Judges what is asked of the API server.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    /// Whether the labels of Pod Security admission count, whose own plugin acts on them otherwise.
    pub pod_security_labels: bool,
    /// What is let through.
    pub exemptions: Exemptions,
}

/// Subresources of a pod that change nothing that is judged. Any other has the whole pod.
const IGNORED: [&str; 8] = [
    "exec",
    "attach",
    "binding",
    "eviction",
    "log",
    "portforward",
    "proxy",
    "status",
];

/// What came of a review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The answer.
    Answered(Answer),
    /// A namespace may be changed, but its pods are to be looked at: whether they meet what it asks for now.
    Existing {
        /// What it asks for.
        asked: Vec<Standards>,
        /// What is told in any case.
        warnings: Vec<String>,
    },
}

impl From<Answer> for Decision {
    fn from(answer: Answer) -> Self {
        Self::Answered(answer)
    }
}

impl Gate {
    /// The families of labels that count.
    pub fn families(&self) -> impl Iterator<Item = Family> + use<> {
        let both = [Family::PodSecurity, Family::Podward];
        let own = !self.pod_security_labels;
        both.into_iter().skip(usize::from(own))
    }

    /// Judges a request. `namespace` is the labels of its namespace, where that is known.
    #[must_use]
    pub fn validate(&self, request: &Request<'_>, namespace: Option<&Labels>) -> Decision {
        let changes = matches!(&*request.operation, "CREATE" | "UPDATE");
        if !changes {
            return Answer::allowed().into();
        }
        if request.resource.is_core("namespaces") {
            return self.namespace(request);
        }
        let is_pod = request.resource.is_core("pods");
        let ignored = if is_pod {
            IGNORED.contains(&&*request.sub_resource)
        } else {
            !request.sub_resource.is_empty()
        };
        if ignored {
            return Answer::allowed().into();
        }
        if let Some(reason) = self.exempt(request) {
            return Answer::allowed().noting("exempt", reason).into();
        }
        let Some(labels) = namespace else {
            return no_namespace(&request.namespace, is_pod).into();
        };
        let asked: Vec<_> = self
            .families()
            .map(|family| Standards::of(labels, family))
            .collect();
        let nothing = |(standards, _): &(Standards, Vec<_>)| {
            if is_pod {
                standards.ask_nothing()
            } else {
                standards.tell_nothing()
            }
        };
        if asked.iter().all(|one| one.1.is_empty() && nothing(one)) {
            let answer = Answer::allowed();
            return match is_pod {
                true => answer.noting("enforce-policy", "privileged:latest").into(),
                false => answer.into(),
            };
        }
        if is_pod && request.operation == "UPDATE" {
            let mut both = [request.object, request.old_object].into_iter().flatten();
            if both.any(|raw| is_too_large(raw.get())) {
                return too_large().into();
            }
            match is_significant(request) {
                Ok(true) => {}
                Ok(false) => return Answer::allowed().into(),
                Err(text) => return bad(text).into(),
            }
        }
        let read = |raw: &RawValue| read_for(asked.iter().map(|(one, _)| one), raw.get());
        let object = match request.object.ok_or("there is none").and_then(read) {
            Ok(object) => object,
            Err(TOO_LARGE) if is_pod => return too_large().into(),
            Err(_) if is_pod => return bad("failed to decode object").into(),
            Err(why) => {
                let error = format!("failed to decode object: {why}");
                return Answer::allowed().noting("error", error).into();
            }
        };
        self.judge(request, &object, &asked, is_pod).into()
    }

    /// Why a request is let through without a look, if it is.
    fn exempt(&self, request: &Request<'_>) -> Option<&'static str> {
        let users = &self.exemptions.usernames;
        if self.exemptions.namespace(&request.namespace) {
            return Some("namespace");
        }
        Exemptions::has(users, &request.user_info.username).then_some("user")
    }

    fn judge(
        &self,
        request: &Request<'_>,
        object: &Object,
        asked: &[(Standards, Vec<crate::standards::LabelFault>)],
        is_pod: bool,
    ) -> Answer {
        let mut pods = Pods::of(object);
        if pods.are_too_many() {
            return match is_pod {
                true => too_large(),
                false => Answer::allowed().noting("error", TOO_LARGE),
            };
        }
        if !pods.any() {
            return match is_pod {
                true => bad("failed to decode object"),
                false => Answer::allowed(),
            };
        }
        if pods.all_of_classes(|class| self.exemptions.runtime_class(class)) {
            return Answer::allowed().noting("exempt", "runtimeClass");
        }
        let mut answer = Answer::allowed();
        let faults: Vec<_> = asked.iter().flat_map(|(_, faults)| faults).collect();
        if !faults.is_empty() {
            let faults: Vec<_> = faults.into_iter().cloned().collect();
            let error = format!("Failed to parse policy: {}", joined(&faults));
            answer = answer.noting("error", error);
        }
        let mut refused: Vec<Judged> = Vec::new();
        if is_pod {
            let policies: Vec<_> = asked
                .iter()
                .map(|(standards, _)| standards.enforce)
                .filter(|standard| asked.len() == 1 || !standard.is_privileged())
                .map(|standard| standard.to_string())
                .collect();
            let policy = match policies.as_slice() {
                [] => "privileged:latest".into(),
                all => all.join(", "),
            };
            answer = answer.noting("enforce-policy", policy);
            refused = pods.judged(asked, Mode::Enforce);
        }
        let audited: Vec<_> = pods
            .judged(asked, Mode::Audit)
            .iter()
            .map(Judged::would_violate)
            .collect();
        if !audited.is_empty() {
            answer = answer.noting("audit-violations", audited.join("; "));
        }
        if refused.is_empty() {
            let warned = pods.judged(asked, Mode::Warn);
            answer.warnings = warned.iter().map(Judged::would_violate).collect();
            answer.warnings.extend(own_lines(&warned));
            return answer;
        }
        let mut message = forbidden(request);
        for (index, judged) in refused.iter().enumerate() {
            message.push_str(if index == 0 { "" } else { "; " });
            message.push_str(&judged.violates());
        }
        for line in own_lines(&refused) {
            message.push('\n');
            message.push_str(&line);
        }
        Answer {
            audit_annotations: answer.audit_annotations,
            ..Answer::refused(403, "Forbidden", message)
        }
    }

    /// A namespace that is made or changed: its labels must say something, and its pods meet it.
    fn namespace(&self, request: &Request<'_>) -> Decision {
        if !request.sub_resource.is_empty() {
            return Answer::allowed().into();
        }
        let Some(labels) = request.object.and_then(labels_of) else {
            return bad("failed to decode object").into();
        };
        let old = match &*request.operation {
            "CREATE" => None,
            _ => match request.old_object.and_then(labels_of) {
                Some(labels) => Some(labels),
                None => return bad("failed to decode old object").into(),
            },
        };
        let (mut look, mut warnings) = (Vec::new(), Vec::new());
        for family in self.families() {
            let (new, faults) = Standards::of(&labels, family);
            let before = old.as_ref().map(|labels| Standards::of(labels, family));
            if !faults.is_empty() && before.as_ref().is_none_or(|(_, old)| *old != faults) {
                let message = format!(
                    "{} \"{}\" is invalid: {}",
                    request.kind.kind,
                    request.name,
                    joined(&faults)
                );
                return Answer::refused(422, "Invalid", message).into();
            }
            if let Some(label) = Standards::stray_rule(&labels, family) {
                warnings.push(format!(
                    "podward: the label {label} counts only beside podward.dev/enforce, podward.dev/audit or podward.dev/warn"
                ));
            }
            let exempt = self.exemptions.namespace(&request.namespace);
            let stricter = before
                .as_ref()
                .is_none_or(|(old, _)| is_stricter(&new, old));
            if exempt && stricter {
                warnings.extend(ignored(&request.name, &new, &labels));
            } else if stricter && old.is_some() {
                look.push(new);
            }
        }
        if !look.is_empty() {
            return Decision::Existing {
                asked: look,
                warnings,
            };
        }
        Answer {
            warnings,
            ..Answer::allowed()
        }
        .into()
    }
}

/// Whether pods that met what was asked before may not meet what is asked now.
fn is_stricter(new: &Standards, old: &Standards) -> bool {
    let differs = |one: &Standards, other: &Standards, on: bool| {
        let mut rules = one.rules.iter();
        rules.any(|(mode, rule, is)| {
            *mode == Mode::Enforce && *is == on && other.rule(*mode, rule) != Some(on)
        })
    };
    let more = differs(new, old, true);
    let less_left_out = differs(old, new, false);
    let (new, old) = (new.enforce, old.enforce);
    let same = new == old && !less_left_out;
    let relaxed = new.version == old.version && new.profile <= old.profile && !less_left_out;
    more || !(same || new.is_privileged() || relaxed)
}

/// The warning that an exempt namespace's labels count for nothing.
fn ignored(name: &str, standards: &Standards, labels: &Labels) -> Option<String> {
    if standards.ask_nothing() {
        return None;
    }
    let set = |mode: &Mode| {
        let says = Standards::says(labels, standards.family, *mode);
        says && !standards.standard(*mode).is_privileged()
    };
    let told: Vec<_> = [Mode::Enforce, Mode::Audit, Mode::Warn]
        .into_iter()
        .filter(set)
        .map(|mode| format!("{}={}", mode.as_str(), standards.standard(mode)))
        .collect();
    Some(format!(
        "namespace \"{name}\" is exempt from Pod Security, and the policy ({}) will be ignored",
        told.join(", ")
    ))
}

fn forbidden(request: &Request<'_>) -> String {
    let resource = request.resource.qualified();
    match &*request.name {
        "" => format!("{resource} is forbidden: "),
        name => format!("{resource} \"{name}\" is forbidden: "),
    }
}

fn bad(text: &'static str) -> Answer {
    Answer::refused(400, "BadRequest", text.into()).noting("error", text)
}

fn no_namespace(namespace: &str, is_pod: bool) -> Answer {
    let text = format!("failed to lookup namespace \"{namespace}\"");
    if !is_pod {
        return Answer::allowed().noting("error", text);
    }
    let message = format!("Internal error occurred: {text}");
    Answer::refused(500, "InternalError", message.clone()).noting("error", message)
}

/// What mends all of them, each line once: the command that mends them stands behind the fields of both.
fn own_lines(judged: &[Judged]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in judged.iter().flat_map(Judged::own_lines) {
        lines.retain(|told| *told != line);
        lines.push(line);
    }
    lines
}

/// The object of a review, without what the standards that are asked for do not look at.
pub(crate) fn read_for<'s>(
    asked: impl IntoIterator<Item = &'s Standards>,
    text: &str,
) -> Result<Object, &'static str> {
    match asked.into_iter().any(Standards::ask_for_own_rules) {
        true => read(text),
        false => read(&pruned(text)),
    }
}

/// The object of a review, with every field's place.
pub(crate) fn read(text: &str) -> Result<Object, &'static str> {
    if is_too_large(text) {
        return Err(TOO_LARGE);
    }
    let mut documents = podward_manifest::Documents::of("the object", text);
    let document = documents
        .next()
        .and_then(Result::ok)
        .ok_or("it is no object")?;
    let mut found = podward_manifest::objects_found(document).into_iter();
    found.next().ok_or("it is no object of Kubernetes")
}

fn labels_of(raw: &RawValue) -> Option<Labels> {
    #[derive(Deserialize)]
    struct Labelled {
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    struct Metadata {
        labels: Option<Labels>,
    }
    let read: Labelled = serde_json::from_str(raw.get()).ok()?;
    Some(read.metadata.labels.unwrap_or_default())
}

/// The part of a pod that updates are judged by.
#[derive(Deserialize)]
struct Updated<'a> {
    #[serde(borrow)]
    spec: UpdatedSpec<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdatedSpec<'a> {
    #[serde(borrow, default)]
    containers: Vec<Image<'a>>,
    #[serde(borrow, default)]
    init_containers: Vec<Image<'a>>,
    #[serde(borrow, default)]
    ephemeral_containers: Vec<Named<'a>>,
}

/// A container, of which only the image can change.
#[derive(Deserialize, PartialEq)]
struct Image<'a> {
    #[serde(borrow, default)]
    image: Cow<'a, str>,
}

#[derive(Deserialize, PartialEq)]
struct Named<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    image: Cow<'a, str>,
}

/// Whether an update changes what is judged: the number of containers, an image, or an ephemeral container.
fn is_significant(request: &Request<'_>) -> Result<bool, &'static str> {
    let new = updated(request.object).ok_or("failed to decode object")?;
    let old = updated(request.old_object).ok_or("failed to decode old object")?;
    let known = &old.ephemeral_containers;
    Ok(new.containers != old.containers
        || new.init_containers != old.init_containers
        || new
            .ephemeral_containers
            .iter()
            .any(|one| !known.contains(one)))
}

fn updated(raw: Option<&RawValue>) -> Option<UpdatedSpec<'_>> {
    let pod: Updated<'_> = serde_json::from_str(raw?.get()).ok()?;
    Some(pod.spec)
}

#[cfg(test)]
mod tests;
