//! Every fixture of the Pod Security Standards: what the API server's own plugin says of an object, `podward check`
//! says of the same object.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use podward_e2e::{Cluster, Fault, Namespace, check};
use serde_json::Value;

/// What a refusal starts with that admission itself says.
const SENTENCE: &str = "violates PodSecurity";
/// Of the fixtures, so many are objects that the API server of this version takes.
const ACCEPTED: usize = 1382;
/// Before it judges, the API server writes AppArmor's annotations into fields: so many of its sentences are others than
/// those on the file.
const COPIED: usize = 44;

/// Fixtures of one level, version and expectation, by their names as the API server takes them.
struct Group {
    level: String,
    manifests: BTreeMap<String, String>,
}

fn groups(folder: &Path) -> Result<BTreeMap<PathBuf, Group>, Fault> {
    let list = std::fs::read_to_string(folder.join("expected-fixtures.jsonl"))?;
    let mut groups = BTreeMap::new();
    for line in list.lines() {
        let fixture: Value = serde_json::from_str(line)?;
        let of = |field: &str| {
            let text = fixture.get(field).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let (file, name) = (PathBuf::from(of("file")), of("name"));
        let manifest = std::fs::read_to_string(folder.join("fixtures").join(&file))?;
        // an underscore is no part of a name that the API server takes
        let valid = name.replace('_', "-");
        let manifest = manifest.replace(
            &format!("\n  name: {name}\n"),
            &format!("\n  name: {valid}\n"),
        );
        let level = of("level");
        let group = groups.entry(file.parent().unwrap_or(&file).to_owned());
        let group = group.or_insert_with(|| Group {
            level,
            manifests: BTreeMap::new(),
        });
        group.manifests.insert(valid, manifest);
    }
    Ok(groups)
}

/// The sentence on each object of this name, empty for those that are let in.
fn verdicts(
    manifests: impl Iterator<Item = String>,
    level: &str,
) -> Result<BTreeMap<String, String>, Fault> {
    let all = manifests.collect::<Vec<_>>().join("\n---\n");
    let verdicts = check(&all, level)?.into_iter();
    Ok(verdicts
        .map(|verdict| (verdict.name, verdict.detail))
        .collect())
}

/// The name and the sentence, of a line by which kubectl tells of a refusal.
fn refusal(line: &str) -> Option<(String, String)> {
    let (before, said) = line.split_once("\" is forbidden: ")?;
    let name = before.rsplit('"').next()?;
    let sentence = said.get(said.find(SENTENCE)?..)?;
    Some((name.to_owned(), sentence.to_owned()))
}

#[test]
fn the_plugin_says_what_check_says() -> Result<(), Fault> {
    let test = "the_plugin_says_what_check_says";
    match (Cluster::of(test), suites(test)) {
        (Some(cluster), Some(suites)) => compared(&cluster, &suites, &by_version("plugin")),
        _ => Ok(()),
    }
}

/// The folder of acceptance suites; none is said under the name of the test.
pub(crate) fn suites(test: &str) -> Option<PathBuf> {
    let suites = std::env::var_os("PODWARD_CONFORMANCE").map(PathBuf::from);
    if suites.is_none() {
        let why = "PODWARD_CONFORMANCE is not set";
        let _ = writeln!(io::stderr(), "{test}: skipped, {why}");
    }
    suites
}

/// What judges pods in a cluster.
pub(crate) struct Judge {
    /// For the names of namespaces.
    pub(crate) name: &'static str,
    /// What a namespace of a level and a version is labelled with.
    pub(crate) labels: for<'a> fn(&'a str, &'a str) -> Vec<(&'static str, &'a str)>,
    /// Whether it knows the version, or judges by the latest alone.
    pub(crate) knows_versions: bool,
}

/// One that acts on the labels of Pod Security admission.
pub(crate) fn by_version(name: &'static str) -> Judge {
    Judge {
        name,
        labels: |level, version| {
            vec![
                ("pod-security.kubernetes.io/enforce", level),
                ("pod-security.kubernetes.io/enforce-version", version),
            ]
        },
        knows_versions: true,
    }
}

/// Whether each fixture gets the sentence that `podward check` has for the object as the server has stored it.
pub(crate) fn compared(cluster: &Cluster, suites: &Path, judge: &Judge) -> Result<(), Fault> {
    let open = Namespace::make(cluster, &format!("{}-open", judge.name), &[])?;
    let (mut objects, mut differ, mut faults) = (0, 0, Vec::new());
    for (number, (place, group)) in groups(&suites.join("pod-security"))?
        .into_iter()
        .enumerate()
    {
        let (level, version) = group.level.split_once(':').ok_or("a level has a version")?;
        let labels = (judge.labels)(level, version);
        let judged_by = if judge.knows_versions {
            &group.level
        } else {
            level
        };
        let closed = Namespace::make(cluster, &format!("{}-{number}", judge.name), &labels)?;
        let all: Vec<_> = group.manifests.values().map(String::as_str).collect();
        let all = all.join("\n---\n");
        let (stored, _invalid) = open.dry_run(&all)?;
        let (_admitted, said) = closed.dry_run(&all)?;
        let refused: BTreeMap<_, _> = said.iter().filter_map(|line| refusal(line)).collect();
        let of_stored = verdicts(stored.iter().map(Value::to_string), judged_by)?;
        let of_files = verdicts(group.manifests.into_values(), judged_by)?;
        objects += stored.len();
        for (name, sentence) in of_stored {
            let server = refused.get(&name).cloned().unwrap_or_default();
            if server != sentence {
                faults.push(format!(
                    "{}/{name}\n  server:  {server}\n  podward: {sentence}",
                    place.display()
                ));
            }
            differ += usize::from(of_files.get(&name) != Some(&server));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!((objects, differ), (ACCEPTED, COPIED));
    Ok(())
}
