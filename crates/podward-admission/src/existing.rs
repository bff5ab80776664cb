//! The pods that a namespace has when it comes to ask for more.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::gate::{Exemptions, read_for};
use crate::pods::{Judged, Pods};
use crate::standards::{Family, Mode, Standards};

/// Most pods that are looked at, as by Pod Security admission.
pub const MOST: usize = 3000;

/// Looks at the pods of a namespace page by page: what is kept of them is names and reasons.
#[derive(Debug)]
pub struct Survey {
    asked: Vec<Standards>,
    exemptions: Exemptions,
    /// The pods that are looked at, where these are not all.
    chosen: Option<BTreeSet<String>>,
    /// UIDs of the controllers one of whose pods was looked at.
    known: BTreeSet<String>,
    looked_at: usize,
    exempt: usize,
    /// Reasons, with the pods they are of; one for each of `asked`.
    broken: Vec<BTreeMap<String, BTreeSet<String>>>,
}

/// What decides which pods are looked at first.
#[derive(Deserialize)]
struct Listed<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow, default)]
    spec: Spec<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    owner_references: Option<Vec<Owner<'a>>>,
}

#[derive(Deserialize)]
struct Owner<'a> {
    #[serde(borrow)]
    uid: Cow<'a, str>,
    #[serde(default)]
    controller: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(borrow, default)]
    runtime_class_name: Option<Cow<'a, str>>,
}

impl Listed<'_> {
    fn controller(&self) -> Option<&str> {
        let owners = self.metadata.owner_references.iter().flatten();
        let mut controllers = owners.filter(|one| one.controller == Some(true));
        controllers.next().map(|one| &*one.uid)
    }
}

impl Survey {
    /// Of what a namespace asks for now.
    #[must_use]
    pub fn new(asked: Vec<Standards>, exemptions: Exemptions) -> Self {
        Self {
            broken: vec![BTreeMap::new(); asked.len()],
            asked,
            exemptions,
            chosen: None,
            known: BTreeSet::new(),
            looked_at: 0,
            exempt: 0,
        }
    }

    /// Looks at [`MOST`] of these pods alone, which are named with the UID of their controller: at one of each
    /// controller first.
    pub fn choose(&mut self, pods: impl IntoIterator<Item = (String, Option<String>)>) {
        let mut known = BTreeSet::new();
        let (mut first, others): (Vec<_>, Vec<_>) = pods
            .into_iter()
            .partition(|(_, controller)| controller.clone().is_none_or(|uid| known.insert(uid)));
        first.extend(others);
        self.chosen = Some(first.into_iter().take(MOST).map(|(name, _)| name).collect());
    }

    /// Looks at a page of pods, each as JSON without `apiVersion` and `kind`. `in_time` says after each whether there is
    /// time for another.
    pub fn look<'p>(
        &mut self,
        pods: impl IntoIterator<Item = &'p str>,
        mut in_time: impl FnMut() -> bool,
    ) {
        let (mut first, mut others) = (Vec::new(), Vec::new());
        for text in pods {
            let Ok(pod) = serde_json::from_str::<Listed<'_>>(text) else {
                continue;
            };
            let name = &pod.metadata.name;
            if self
                .chosen
                .as_ref()
                .is_some_and(|all| !all.contains(&**name))
            {
                continue;
            }
            let class = pod.spec.runtime_class_name.as_deref();
            if class.is_some_and(|class| self.exemptions.runtime_class(class)) {
                self.exempt += 1;
                continue;
            }
            let is_first = pod
                .controller()
                .is_none_or(|uid| self.known.insert(uid.to_owned()));
            if is_first {
                first.push((pod.metadata.name, text));
            } else {
                others.push((pod.metadata.name, text));
            }
        }
        for (name, text) in first.into_iter().chain(others) {
            self.judge(&name, text);
            if !in_time() {
                return;
            }
        }
    }

    fn judge(&mut self, name: &str, text: &str) {
        self.looked_at += 1;
        // a list says what its items are, and they do not
        let Some(fields) = text.trim_start().strip_prefix('{') else {
            return;
        };
        let text = format!("{{\"apiVersion\":\"v1\",\"kind\":\"Pod\",{fields}");
        let Ok(object) = read_for(&self.asked, &text) else {
            return;
        };
        let mut judged = Pods::of(&object);
        for (standards, broken) in self.asked.iter().zip(&mut self.broken) {
            let breaches = judged.breaches(standards, Mode::Enforce);
            let reasons: Vec<_> = breaches.iter().map(Judged::reasons).collect();
            if !reasons.is_empty() {
                let of = broken.entry(reasons.join(", ")).or_default();
                of.insert(name.to_owned());
            }
        }
    }

    /// The warnings of those that do not meet what is asked; `total` is how many pods the namespace has.
    #[must_use]
    pub fn warnings(self, namespace: &str, total: usize) -> Vec<String> {
        let (looked_at, total) = (self.looked_at, total.saturating_sub(self.exempt));
        let mut warnings = Vec::new();
        if looked_at < total {
            warnings.push(format!(
                "new PodSecurity enforce level only checked against the first {looked_at} of {total} existing pods"
            ));
        }
        for (standards, broken) in self.asked.iter().zip(self.broken) {
            if broken.is_empty() {
                continue;
            }
            let what = match standards.family {
                Family::PodSecurity => "PodSecurity",
                Family::Podward if standards.rules.is_empty() => "PodSecurity",
                Family::Podward => "podward",
            };
            warnings.push(format!(
                "existing pods in namespace \"{namespace}\" violate the new {what} enforce level \"{}\"",
                standards.enforce
            ));
            let mut told: Vec<_> = broken
                .iter()
                .map(|(reasons, of)| of_pods(reasons, of))
                .collect();
            told.sort();
            warnings.extend(told);
        }
        warnings
    }
}

fn of_pods(reasons: &str, pods: &BTreeSet<String>) -> String {
    let first = pods.first().map(String::as_str).unwrap_or_default();
    match pods.len() {
        0 | 1 => format!("{first}: {reasons}"),
        2 => format!("{first} (and 1 other pod): {reasons}"),
        more => format!("{first} (and {} other pods): {reasons}", more - 1),
    }
}

#[cfg(test)]
mod tests {
    use podward_policy::{Level, Profile};
    use serde_json::{Value, json};

    use super::*;
    use crate::standards::Standard;

    fn pod(name: &str, owner: Option<&str>, spec: &Value) -> String {
        let owners = owner.map(|uid| json!([{"uid": uid, "controller": true}]));
        json!({"metadata": {"name": name, "ownerReferences": owners}, "spec": spec}).to_string()
    }

    fn baseline() -> Standards {
        Standards {
            enforce: Standard {
                profile: Profile::Level(Level::Baseline),
                ..Standard::NONE
            },
            ..Standards::none(Family::PodSecurity)
        }
    }

    #[test]
    fn pods_that_break_the_same_are_told_once_and_one_of_each_controller_first() {
        let ports =
            |port: u16| json!({"containers": [{"name": "c", "ports": [{"hostPort": port}]}]});
        let (host, plain) = (
            json!({"hostPID": true, "containers": []}),
            json!({"containers": []}),
        );
        let kata = json!({"hostPID": true, "runtimeClassName": "kata"});
        let pods = [
            pod("w", Some("1"), &plain),
            pod("c", Some("1"), &host),
            pod("b", None, &host),
            pod("d", Some("2"), &host),
            pod("a", None, &ports(80)),
            pod("k", None, &kata),
        ];
        let exempt = Exemptions {
            runtime_classes: vec!["kata".into()],
            ..Exemptions::default()
        };
        let survey = || Survey::new(vec![baseline()], exempt.clone());
        let mut all = survey();
        // by pages
        let (here, there) = pods.split_at(2);
        all.look(here.iter().map(String::as_str), || true);
        all.look(there.iter().map(String::as_str), || true);
        assert_eq!(
            all.warnings("ns", 6),
            [
                "existing pods in namespace \"ns\" violate the new PodSecurity enforce level \"baseline:latest\"",
                "a: hostPort",
                "b (and 2 other pods): host namespaces",
            ]
        );
        // two are looked at in time: the first of the first controller, and one without
        let mut left = 2;
        let mut late = survey();
        late.look(pods.iter().map(String::as_str), || {
            left -= 1;
            left > 0
        });
        assert_eq!(
            late.warnings("ns", 6),
            [
                "new PodSecurity enforce level only checked against the first 2 of 5 existing pods",
                "existing pods in namespace \"ns\" violate the new PodSecurity enforce level \"baseline:latest\"",
                "b: host namespaces",
            ]
        );
    }

    #[test]
    fn of_too_many_pods_one_of_each_controller_is_looked_at_before_the_others() {
        let host = json!({"hostPID": true, "containers": []});
        let ports = json!({"containers": [{"name": "c", "ports": [{"hostPort": 80}]}]});
        let many = (0..MOST).map(|number| (format!("a{number:04}"), Some("1".to_owned())));
        let last = [("z".to_owned(), Some("2".to_owned()))];
        let names: Vec<_> = many.chain(last).collect();
        let mut survey = Survey::new(vec![baseline()], Exemptions::default());
        survey.choose(names.clone());
        let pods: Vec<_> = names
            .iter()
            .map(|(name, of)| {
                pod(
                    name,
                    of.as_deref(),
                    if name == "z" { &ports } else { &host },
                )
            })
            .collect();
        survey.look(pods.iter().map(String::as_str), || true);
        assert_eq!(
            survey.warnings("ns", pods.len()),
            [
                "new PodSecurity enforce level only checked against the first 3000 of 3001 existing pods",
                "existing pods in namespace \"ns\" violate the new PodSecurity enforce level \"baseline:latest\"",
                "a0000 (and 2998 other pods): host namespaces",
                "z: hostPort",
            ]
        );
    }
}
