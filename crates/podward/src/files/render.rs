//! Helm charts and kustomizations: found, rendered by the programs they are written for, and taken
//! apart again, so that each document has a path.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use super::child::{self, Bounds, Failure};
use super::kustomization::{self, Plan};
use super::read::{self, MAX_FILE};
use super::shown;
use crate::io::Io;
use crate::report::Report;

/// What stands before the path of a text that was rendered: its lines are those of the output.
pub(crate) const RENDERED: &str = "rendered:";

const BOUNDS: Bounds = Bounds {
    time: Duration::from_secs(60),
    output: MAX_FILE,
};
/// Most bytes of all that is rendered: it is kept until it has been judged.
const MAX_ALL: usize = 256 << 20;

/// What is done with charts and kustomizations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rendering {
    /// They are rendered, and judged as well.
    Judged,
    /// They are left as they are.
    Left,
    /// They are left, which is said: what is rendered cannot be mended.
    NotMended,
}

/// Folders of which a program makes manifests.
#[derive(Default)]
pub(super) struct Makers {
    charts: Vec<PathBuf>,
    /// The files themselves.
    kustomizations: Vec<PathBuf>,
    /// Those that are only asked which files are their patches.
    near: Vec<PathBuf>,
}

/// What could not be rendered, and why that is no fault of it: in one line for each reason.
type Skipped = BTreeMap<&'static str, Vec<PathBuf>>;

const NO_HELM: &str = "helm is not installed";
const NO_KUSTOMIZE: &str = "neither kubectl nor kustomize is installed";
const NOT_FETCHED: &str = "its dependencies are not fetched";
const REMOTE: &str = "it takes something from the network";
const WITH_HELM: &str = "it has helm fetch a chart";
const MANY: &str = "more than 16 would take long, and --render does it";
/// Most that are rendered without being asked for: each takes its program a tenth of a second and more.
const MAX_UNASKED: usize = 16;

/// One folder to be rendered.
struct Job<'a> {
    program: &'a Path,
    arguments: &'a [&'a str],
    folder: PathBuf,
    /// The file that makes it one.
    file: PathBuf,
    is_chart: bool,
}

/// A text that was rendered, and the path that messages name.
pub(super) type Rendered = (String, String);

impl Makers {
    /// Takes a file that was found.
    pub(super) fn see(&mut self, path: &Path) {
        let name = path.file_name().and_then(|name| name.to_str());
        match name {
            Some("Chart.yaml") => self.charts.push(folder_of(path)),
            Some("kustomization.yaml" | "kustomization.yml" | "Kustomization") => {
                self.kustomizations.push(path.to_path_buf());
            }
            _ => {}
        }
    }

    /// Takes the kustomizations near a file that is given by itself: they are not rendered for it.
    pub(super) fn see_near(&mut self, file: &Path) {
        self.near.extend(kustomization::near(file));
    }

    /// The files that kustomizations have as patches, by their real paths.
    pub(super) fn patches(&self) -> BTreeSet<PathBuf> {
        let all: BTreeSet<_> = self.kustomizations.iter().chain(&self.near).collect();
        all.into_iter()
            .flat_map(|file| kustomization::patches(file))
            .collect()
    }

    /// Takes out what is found twice, or is rendered with others.
    fn settle(&mut self) {
        for list in [&mut self.charts, &mut self.kustomizations] {
            list.sort();
            list.dedup();
        }
        self.charts
            .retain(|chart| !is_part(chart) && !is_library(chart));
    }

    /// Says that these are not mended.
    pub(super) fn tell_unmended(mut self, io: &Io) {
        self.settle();
        let mut folders = self.charts;
        folders.extend(self.kustomizations.iter().map(|file| folder_of(file)));
        if !folders.is_empty() {
            io.note(format_args!(
                "note: what {} renders to is not mended, only plain YAML is: podward check tells what is found in it",
                counted(&folders)
            ));
        }
    }

    /// Renders them all; gives the texts and the charts whose templates need not be spoken of.
    pub(super) fn render(
        mut self,
        io: &Io,
        is_asked: bool,
        errors: &mut Vec<Report>,
    ) -> (Vec<Rendered>, Vec<PathBuf>) {
        self.settle();
        let mut skipped = Skipped::new();
        let mut jobs = Vec::new();
        let helm = child::installed("helm");
        for chart in &self.charts {
            match &helm {
                Some(helm) => jobs.push(Job {
                    program: helm,
                    arguments: &["template", "."],
                    folder: chart.clone(),
                    file: chart.join("Chart.yaml"),
                    is_chart: true,
                }),
                None => skipped.entry(NO_HELM).or_default().push(chart.clone()),
            }
        }
        let kustomize = child::installed("kustomize");
        let kubectl = child::installed("kubectl");
        for file in &self.kustomizations {
            let folder = folder_of(file);
            let reason = match kustomization::plan(file) {
                Plan::Nothing => continue,
                Plan::Remote => Some(REMOTE),
                Plan::WithHelm => Some(WITH_HELM),
                Plan::Render => None,
            };
            let tool = kustomize
                .as_deref()
                .map(|program| (program, &["build", "."]));
            let tool = tool.or(kubectl
                .as_deref()
                .map(|program| (program, &["kustomize", "."])));
            match (reason, tool) {
                (None, Some((program, arguments))) => jobs.push(Job {
                    program,
                    arguments,
                    folder,
                    file: file.clone(),
                    is_chart: false,
                }),
                (reason, _) => skipped
                    .entry(reason.unwrap_or(NO_KUSTOMIZE))
                    .or_default()
                    .push(folder),
            }
        }
        if !is_asked && jobs.len() > MAX_UNASKED {
            let folders = jobs.drain(..).map(|job| job.folder);
            skipped.entry(MANY).or_default().extend(folders);
        }
        let mut texts = Vec::new();
        let mut size = 0;
        for (job, made) in jobs.iter().zip(run(&jobs)) {
            match made {
                Ok(text) if size + text.len() > MAX_ALL => {
                    let message =
                        "more than 256 MiB are rendered in all: check fewer folders at a time";
                    errors.push(Report::new(message).at(&shown(&job.file), None));
                }
                Ok(text) => {
                    size += text.len();
                    if job.is_chart {
                        texts.extend(of_chart(&job.folder, &text));
                    } else {
                        texts.push((named(&job.file), text));
                    }
                }
                Err(Failure::Said(said)) if said.contains("missing in charts/ directory") => {
                    skipped
                        .entry(NOT_FETCHED)
                        .or_default()
                        .push(job.folder.clone());
                }
                Err(failure) => errors.push(failed(job, &failure)),
            }
        }
        tell(io, &skipped);
        (texts, self.charts)
    }
}

/// Runs all, as many at once as there are cores.
fn run(jobs: &[Job<'_>]) -> Vec<Result<String, Failure>> {
    let next = AtomicUsize::new(0);
    let made = Mutex::new(BTreeMap::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores.min(jobs.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(index) else { return };
                    let one = child::output(job.program, job.arguments, &job.folder, &BOUNDS);
                    made.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .insert(index, one);
                }
            });
        }
    });
    let made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
    made.into_values().collect()
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// Whether a chart lies in another one, which is rendered with it.
fn is_part(chart: &Path) -> bool {
    chart.ancestors().any(|folder| {
        folder.file_name().is_some_and(|name| name == "charts")
            && folder
                .parent()
                .is_some_and(|above| above.join("Chart.yaml").is_file())
    })
}

/// Whether a chart only serves others.
fn is_library(chart: &Path) -> bool {
    let text = read::bytes_of_file(&chart.join("Chart.yaml"), MAX_FILE, true).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().any(|line| {
        line.strip_prefix("type:")
            .is_some_and(|kind| kind.trim().trim_matches(['"', '\'']) == "library")
    })
}

fn named(path: &Path) -> String {
    format!("{RENDERED}{}", shown(path))
}

/// The documents of a chart by their templates, in the order of the first of each. The text of a
/// template is what `helm template -s` prints of it. What stands as it is in a file without `{{`
/// is judged there.
fn of_chart(chart: &Path, text: &str) -> Vec<Rendered> {
    const MARK: &str = "---\n# Source: ";
    let mut all: Vec<Rendered> = Vec::new();
    let begins = |at: usize| at == 0 || text.as_bytes().get(at - 1) == Some(&b'\n');
    let marks = text.match_indices(MARK).map(|(at, _)| at);
    let mut starts: Vec<_> = std::iter::once(0)
        .chain(marks.filter(|at| begins(*at)))
        .collect();
    starts.dedup();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    for (start, end) in starts.iter().zip(ends) {
        let document = text.get(*start..end).unwrap_or_default();
        if document.trim().is_empty() {
            continue;
        }
        let source = document
            .strip_prefix(MARK)
            .and_then(|tail| tail.lines().next());
        let template = source
            .and_then(|source| source.split_once('/'))
            .map(|(_, below)| below);
        let below = Path::new(template.unwrap_or("Chart.yaml"));
        let is_below = below
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        let path = chart.join(if is_below {
            below
        } else {
            Path::new("Chart.yaml")
        });
        if is_plain(&path, document) {
            continue;
        }
        let name = named(&path);
        match all.iter_mut().find(|(other, _)| *other == name) {
            Some((_, text)) => text.push_str(document),
            None => all.push((name, document.to_owned())),
        }
    }
    all
}

/// Whether a document stands in its template as it is, and is judged there.
fn is_plain(template: &Path, document: &str) -> bool {
    let body = document.splitn(3, '\n').nth(2).unwrap_or_default().trim();
    let Ok(text) = read::bytes_of_file(template, MAX_FILE, false) else {
        return false;
    };
    let text = String::from_utf8_lossy(&text);
    super::is_manifest(template) && !text.contains("{{") && text.contains(body)
}

fn failed(job: &Job<'_>, failure: &Failure) -> Report {
    let folder = shown(&job.folder);
    let (what, how) = if job.is_chart {
        (
            "this chart cannot be rendered",
            format!("helm template {folder} -f VALUES | podward check -"),
        )
    } else {
        (
            "this kustomization cannot be built",
            format!("kubectl kustomize {folder} | podward check -"),
        )
    };
    let why = match failure {
        Failure::Said(said) => told(said),
        Failure::TimedOut(time) => format!("it took more than {} seconds", time.as_secs()),
        Failure::TooLarge(most) => format!("it makes more than {} MiB", most >> 20),
        Failure::Failed(error) => format!("{}: {error}", job.program.display()),
    };
    Report::new(format!("{what}: {why}"))
        .at(&shown(&job.file), None)
        .help(format!(
            "--no-render leaves it out; what you make of it is judged by {how}"
        ))
}

/// What a program complained of, without the frames that it puts around it. Of a long text the
/// middle is left out: what was done stands first, and what failed last.
fn told(said: &str) -> String {
    let lines = said.lines().map(str::trim).filter(|line| {
        let is_frame = line.ends_with("err=<")
            || line.starts_with("Use --debug")
            || line.starts_with("# Warning:");
        !line.is_empty() && *line != ">" && !is_frame
    });
    let text = lines.collect::<Vec<_>>().join(" ");
    let text = text
        .split_once("\"command failed\" err=")
        .map_or(text.as_str(), |(_, text)| text.trim_matches('"'));
    let text = text
        .strip_prefix("Error: ")
        .or(text.strip_prefix("error: "))
        .unwrap_or(text);
    let count = text.chars().count();
    if count <= MAX_TOLD {
        return text.to_owned();
    }
    let start: String = text.chars().take(MAX_TOLD / 3).collect();
    let end: String = text.chars().skip(count - MAX_TOLD * 2 / 3).collect();
    format!("{start} … {end}")
}

/// Most that is repeated of a complaint, characters.
const MAX_TOLD: usize = 450;

/// Says what was not rendered: one line for each reason.
fn tell(io: &Io, skipped: &Skipped) {
    for (reason, folders) in skipped {
        let is_chart = [NO_HELM, NOT_FETCHED].contains(reason);
        let Some(first) = folders.first() else {
            continue;
        };
        let first = shown(first);
        let first = if first.is_empty() { "." } else { &first };
        let how = match *reason {
            NOT_FETCHED => format!("helm dependency build {first}"),
            WITH_HELM => format!("kubectl kustomize --enable-helm {first} | podward check -"),
            _ if is_chart => format!("helm template {first} | podward check -"),
            _ => format!("kubectl kustomize {first} | podward check -"),
        };
        io.note(format_args!(
            "note: {} was not rendered, for {reason}: {how}",
            counted(folders)
        ));
        for folder in folders {
            io.emit("skipped", json!({"file": shown(folder), "reason": reason}));
        }
    }
}

/// The first of some folders, and how many more there are.
fn counted(folders: &[PathBuf]) -> String {
    let first = folders.first().map(|folder| shown(folder));
    let first = first.filter(|first| !first.is_empty());
    let first = first.unwrap_or_else(|| ".".to_owned());
    match folders.len() {
        0 | 1 => first,
        count => format!("{first} with {} more", count - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_go_to_their_templates() {
        let text = "---\n# Source: c/templates/a.yaml\na: 1\n---\n# Source: c/charts/s/templates/b.yaml\nb: 1\n---\n# Source: c/templates/a.yaml\na: 2\n---\n# Source: c/../../x.yaml\nx: |\n  ---\n  # Source: c/y\n";
        let all = of_chart(Path::new("dir"), text);
        let all: Vec<_> = all
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        assert_eq!(
            all,
            [
                (
                    "rendered:dir/templates/a.yaml",
                    "---\n# Source: c/templates/a.yaml\na: 1\n---\n# Source: c/templates/a.yaml\na: 2\n"
                ),
                (
                    "rendered:dir/charts/s/templates/b.yaml",
                    "---\n# Source: c/charts/s/templates/b.yaml\nb: 1\n"
                ),
                (
                    "rendered:dir/Chart.yaml",
                    "---\n# Source: c/../../x.yaml\nx: |\n  ---\n  # Source: c/y\n"
                ),
            ]
        );
        assert_eq!(
            of_chart(Path::new("d"), "a: 1\n"),
            [("rendered:d/Chart.yaml".to_owned(), "a: 1\n".to_owned())]
        );
        assert_eq!(of_chart(Path::new("d"), ""), []);
    }

    #[test]
    fn frames_of_complaints_are_left_out() {
        assert_eq!(
            told("E1 run.go:72] \"command failed\" err=<\n\tno such file\n >\n"),
            "no such file"
        );
        assert_eq!(
            told("# Warning: old\nE1 run.go:72] \"command failed\" err=\"no such file\"\n"),
            "no such file"
        );
        assert_eq!(told(&"x".repeat(1000)).chars().count(), 453);
        assert_eq!(told("Error: a\nb\n\nUse --debug flag\n"), "a b");
    }
}
