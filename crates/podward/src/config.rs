//! podward.yaml: what a repository asks of its manifests, and what it leaves, with the reasons.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use podward_manifest::{Node, Source, parse};
use podward_policy::{
    Exceptions, Ids, Ignore, Known, Profile, Severity, Version, nearest_rule, rule,
};
use serde::Deserialize;

use crate::files::Pattern;
use crate::report::Report;

/// Its name.
const NAME: &str = "podward.yaml";
/// Largest file that is read, bytes.
const MAX: u64 = 1 << 20;

/// Highest id of a user or group that the API server takes.
const MAX_ID: u32 = 2_147_483_647;

/// What the file says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct Written {
    profile: Option<String>,
    kubernetes_version: Option<String>,
    fail_on: Option<String>,
    fix: WrittenIds,
    rules: BTreeMap<String, Word>,
    profiles: Vec<WrittenProfile>,
    ignore: Vec<WrittenIgnore>,
    exclude: Vec<String>,
}

/// A word; `off` is one that YAML reads as false.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Word {
    Text(String),
    Flag(bool),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct WrittenIds {
    run_as_user: Option<i64>,
    run_as_group: Option<i64>,
    fs_group: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct WrittenProfile {
    paths: Vec<String>,
    profile: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct WrittenIgnore {
    rules: Vec<String>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    namespaces: Vec<String>,
    reason: String,
}

/// What a repository asks of its manifests.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// As messages name it.
    shown: String,
    /// The folder that its paths begin in.
    folder: PathBuf,
    pub(crate) profile: Option<Profile>,
    pub(crate) version: Option<Version>,
    pub(crate) fail_on: Option<Severity>,
    pub(crate) ids: Ids,
    severities: BTreeMap<String, Option<Severity>>,
    profiles: Vec<(Paths, Profile)>,
    ignores: Vec<Entry>,
    exclude: Paths,
}

/// An entry of `ignore`.
#[derive(Debug)]
struct Entry {
    paths: Paths,
    ignore: Arc<Ignore>,
    line: usize,
    /// Whether a file that it is about was judged.
    met: AtomicBool,
}

/// Patterns of paths; a folder that one matches is meant with all below it.
#[derive(Debug, Default)]
struct Paths(Vec<Pattern>);

impl Paths {
    fn match_any(&self, path: &Path) -> bool {
        path.ancestors().any(|path| {
            let text = path.as_os_str().as_encoded_bytes();
            !text.is_empty() && self.0.iter().any(|pattern| pattern.matches(text))
        })
    }
}

impl Config {
    /// The file that is named, or the one beside or above the first path; none where there is none.
    pub(crate) fn find(named: Option<&Path>, paths: &[PathBuf]) -> Result<Self, Report> {
        if let Some(path) = named {
            return Self::read(path);
        }
        let first = paths.iter().find(|path| path.as_os_str() != "-");
        let start = first.map_or(Path::new("."), PathBuf::as_path);
        let Ok(start) = std::path::absolute(start) else {
            return Ok(Self::default());
        };
        for folder in start.ancestors().filter(|path| path.is_dir()) {
            let path = folder.join(NAME);
            if path.is_file() {
                return Self::read(&path);
            }
            // what is above a repository is no part of it
            if folder.join(".git").exists() {
                break;
            }
        }
        Ok(Self::default())
    }

    fn read(path: &Path) -> Result<Self, Report> {
        let here = std::env::current_dir().unwrap_or_default();
        let shown = path.strip_prefix(&here).unwrap_or(path);
        let shown = shown.to_string_lossy().into_owned();
        let failed = |e: std::io::Error| Report::new(e).at(&shown, None);
        if path.metadata().map_err(failed)?.len() > MAX {
            return Err(Report::new("the configuration is larger than 1 MiB").at(&shown, None));
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let source = Source {
            path: shown.clone(),
            text,
        };
        let absolute = std::path::absolute(path).map_err(failed)?;
        let folder = absolute.parent().unwrap_or(Path::new("/")).to_path_buf();
        Self::parse(&source, folder)
    }

    fn parse(source: &Source, folder: PathBuf) -> Result<Self, Report> {
        let documents = parse(&source.path, &source.text)
            .map_err(|e| Report::new(&e.message).at(&source.path, Some(e.position)))?;
        let Some(document) = documents.first() else {
            return Ok(Self::default());
        };
        if let Some(twice) = document.duplicates.first() {
            return Err(Report::new(&twice.message).at(&source.path, Some(twice.position)));
        }
        let root = &document.root;
        let fault = |path: &str, message: String| {
            let at = root.locate(path);
            Report::new(message)
                .at(&source.path, Some(at))
                .excerpt(source.excerpt(at))
                .help("docs/check.md, \"podward.yaml\", has every field")
        };
        if root.is_null() {
            return Ok(Self::default());
        }
        let written: Written = serde_path_to_error::deserialize(root.to_json())
            .map_err(|e| fault(&e.path().to_string(), e.inner().to_string()))?;
        let config = Self {
            shown: source.path.clone(),
            folder,
            ..Self::default()
        };
        config.take(written, root, &fault)
    }

    fn take(
        mut self,
        written: Written,
        root: &Node,
        fault: &dyn Fn(&str, String) -> Report,
    ) -> Result<Self, Report> {
        let profile = |path: &str, text: &str| {
            text.parse::<Profile>()
                .map_err(|e| fault(path, format!("{e}, or podward")))
        };
        let patterns = |path: &str, texts: &[String]| {
            let all = texts.iter().enumerate().map(|(index, text)| {
                let plain = text.trim_start_matches("./").trim_end_matches('/');
                Pattern::new(plain.as_bytes()).ok_or_else(|| {
                    fault(
                        &format!("{path}[{index}]"),
                        format!("{text:?} is no pattern of paths"),
                    )
                })
            });
            all.collect::<Result<Vec<_>, _>>().map(Paths)
        };
        let known = |path: &str, name: &str| match rule(name) {
            Some(_) => Ok(()),
            None => Err(fault(
                path,
                match nearest_rule(name) {
                    Some(near) => format!("there is no rule {name:?}: did you mean {near:?}?"),
                    None => format!("there is no rule {name:?}: podward explain --list tells all"),
                },
            )),
        };
        self.profile = written
            .profile
            .map(|p| profile("profile", &p))
            .transpose()?;
        let version = written.kubernetes_version.map(|text| {
            text.parse::<Version>()
                .map_err(|e| fault("kubernetesVersion", e.to_string()))
        });
        self.version = version.transpose()?;
        let fail_on = written.fail_on.map(|text| {
            severity(&text).flatten().ok_or_else(|| {
                fault(
                    "failOn",
                    format!("{text:?} is none of error, warning and info"),
                )
            })
        });
        self.fail_on = fail_on.transpose()?;
        let id = |name: &str, id: Option<i64>| {
            let path = format!("fix.{name}");
            let fits = |id: i64| {
                u32::try_from(id)
                    .ok()
                    .filter(|id| (1..=MAX_ID).contains(id))
            };
            id.map(|id| {
                fits(id).ok_or_else(|| {
                    let why =
                        format!("{id} is no id that is not root's: it goes from 1 to {MAX_ID}");
                    fault(&path, why)
                })
            })
            .transpose()
        };
        self.ids = Ids {
            run_as_user: id("runAsUser", written.fix.run_as_user)?,
            run_as_group: id("runAsGroup", written.fix.run_as_group)?,
            fs_group: id("fsGroup", written.fix.fs_group)?,
        };
        for (name, word) in written.rules {
            let text = match word {
                Word::Text(text) => text,
                Word::Flag(false) => "off".to_owned(),
                Word::Flag(true) => "on".to_owned(),
            };
            let path = format!("rules.{name}");
            known(&path, &name)?;
            let severity = severity(&text).ok_or_else(|| {
                fault(
                    &path,
                    format!("{text:?} is none of off, info, warning and error"),
                )
            })?;
            self.severities.insert(name, severity);
        }
        for (index, one) in written.profiles.iter().enumerate() {
            let path = format!("profiles[{index}]");
            let paths = patterns(&format!("{path}.paths"), &one.paths)?;
            let of = profile(&format!("{path}.profile"), &one.profile)?;
            self.profiles.push((paths, of));
        }
        for (index, one) in written.ignore.into_iter().enumerate() {
            let path = format!("ignore[{index}]");
            for (at, name) in one.rules.iter().enumerate() {
                known(&format!("{path}.rules[{at}]"), name)?;
            }
            if one.reason.trim().is_empty() {
                return Err(fault(
                    &format!("{path}.reason"),
                    "the reason is missing".into(),
                ));
            }
            let paths = patterns(&format!("{path}.paths"), &one.paths)?;
            let ignore = Ignore {
                rules: one.rules,
                namespaces: one.namespaces,
                ..Ignore::default()
            };
            let line = root.locate(&path).line;
            self.ignores.push(Entry {
                paths,
                ignore: Arc::new(ignore),
                line,
                met: AtomicBool::new(false),
            });
        }
        self.exclude = patterns("exclude", &written.exclude)?;
        Ok(self)
    }

    /// A path as the file writes paths; none outside of its folder.
    fn relative(&self, path: Option<&Path>) -> Option<PathBuf> {
        let path = std::path::absolute(path?).ok()?;
        path.strip_prefix(&self.folder).ok().map(Path::to_path_buf)
    }

    /// Whether a file is not to be judged.
    pub(crate) fn excludes(&self, path: Option<&Path>) -> bool {
        !self.exclude.0.is_empty()
            && self
                .relative(path)
                .is_some_and(|path| self.exclude.match_any(&path))
    }

    /// The profile of a file, where the configuration has one.
    pub(crate) fn profile_of(&self, path: Option<&Path>) -> Option<Profile> {
        if self.profiles.is_empty() {
            return None;
        }
        let path = self.relative(path)?;
        // the last one that is about it, as in .gitignore
        let found = self.profiles.iter().rev();
        let mut found = found.filter(|(paths, _)| paths.match_any(&path));
        found.next().map(|(_, profile)| *profile)
    }

    /// What is left in a file, which is judged.
    pub(crate) fn exceptions(&self, path: Option<&Path>) -> Exceptions {
        let path = self.relative(path);
        let about = |paths: &Paths| {
            paths.0.is_empty() || path.as_ref().is_some_and(|path| paths.match_any(path))
        };
        let ignores = self.ignores.iter().filter(|entry| about(&entry.paths));
        Exceptions {
            severities: self.severities.clone(),
            ignores: ignores
                .inspect(|entry| entry.met.store(true, Ordering::Relaxed))
                .map(|entry| Arc::clone(&entry.ignore))
                .collect(),
            known: Known::default(),
            is_patch: false,
        }
    }

    /// Entries that have left nothing, each in a sentence. Where these paths are not all of the folder, those alone
    /// that are about some file that was judged.
    pub(crate) fn unused(&self, paths: &[PathBuf]) -> Vec<String> {
        let here = [PathBuf::from(".")];
        let mut paths = if paths.is_empty() { &here } else { paths }.iter();
        let is_all =
            paths.any(|path| std::path::absolute(path).is_ok_and(|it| self.folder.starts_with(it)));
        let unused = self.ignores.iter().filter(|entry| {
            let is_about_some = is_all || entry.met.load(Ordering::Relaxed);
            is_about_some && !entry.ignore.used.load(Ordering::Relaxed)
        });
        unused
            .map(|entry| {
                format!(
                    "{}:{}: the entry for {} leaves nothing: take it out",
                    self.shown,
                    entry.line,
                    entry.ignore.rules.join(", ")
                )
            })
            .collect()
    }
}

/// `off` is no severity; what is no word for one is none at all.
#[expect(clippy::option_option, reason = "off is an answer")]
fn severity(text: &str) -> Option<Option<Severity>> {
    match text {
        "off" => Some(None),
        "info" => Some(Some(Severity::Info)),
        "warning" => Some(Some(Severity::Warning)),
        "error" => Some(Some(Severity::Error)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Config, String> {
        let source = Source {
            path: NAME.into(),
            text: text.into(),
        };
        Config::parse(&source, PathBuf::from("/repo")).map_err(|report| report.brief())
    }

    #[test]
    fn paths_are_those_below_the_file_and_the_last_profile_counts() {
        let config = parsed("profiles:\n- {paths: [infra], profile: baseline}\n- {paths: ['infra/**/node-*.yaml'], profile: privileged}\nexclude: [vendor/]\n").unwrap();
        let of = |path: &str| {
            config
                .profile_of(Some(Path::new(path)))
                .map(Profile::as_str)
        };
        assert_eq!(of("/repo/infra/a.yaml"), Some("baseline"));
        assert_eq!(of("/repo/infra/x/node-a.yaml"), Some("privileged"));
        assert_eq!(of("/repo/web.yaml"), None);
        assert_eq!(of("/infra/a.yaml"), None);
        assert!(config.excludes(Some(Path::new("/repo/vendor/x/y.yaml"))));
        assert!(!config.excludes(Some(Path::new("/repo/vendors/y.yaml"))));
    }

    #[test]
    fn an_entry_for_files_that_were_not_judged_is_not_unused() {
        let config = parsed("ignore:\n- {rules: [privileged], paths: [infra], reason: r}\n- {rules: [hostPorts], paths: [web], reason: r}\n").unwrap();
        let unused = |path: &str| config.unused(&[PathBuf::from(path)]);
        assert!(unused("/repo/web").is_empty());
        config.exceptions(Some(Path::new("/repo/web/a.yaml")));
        let told = "podward.yaml:3: the entry for hostPorts leaves nothing: take it out";
        assert_eq!(unused("/repo/web"), [told]);
        assert_eq!(unused("/repo").len(), 2);
    }

    #[test]
    fn faults_have_their_line() {
        for (text, said) in [
            ("profil: x\n", "unknown field `profil`"),
            ("profile: hard\n", "podward.yaml:1:10: \"hard\" is no level"),
            (
                "rules:\n  nothing: off\n",
                "podward.yaml:2:12: there is no rule \"nothing\"",
            ),
            (
                "rules:\n  privilegd: off\n",
                "there is no rule \"privilegd\": did you mean \"privileged\"?",
            ),
            (
                "rules:\n  privileged: loud\n",
                "podward.yaml:2:15: \"loud\" is none of",
            ),
            (
                "fix:\n  runAsUser: 0\n",
                "podward.yaml:2:14: 0 is no id that is not root's: it goes from 1 to 2147483647",
            ),
            ("fix: {fsGroup: 2147483648}\n", "2147483648 is no id"),
            ("fix: {runAsGroup: -1}\n", "-1 is no id"),
            ("ignore:\n- rules: [privileged]\n", "missing field `reason`"),
            (
                "ignore:\n- {rules: [privileged], reason: ''}\n",
                "the reason is missing",
            ),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
        assert!(parsed("profile: baseline\nprofile: privileged\n").is_err());
        assert!(parsed("").is_ok() && parsed("# nothing\n").is_ok());
    }
}
