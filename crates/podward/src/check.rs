//! `podward check`.

pub(crate) mod baseline;
mod cluster;
mod github;
mod junit;
mod labels;
pub(crate) mod neighbours;
mod podsecurity;
pub(crate) mod print;
mod render;
mod sarif;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use podward_policy::{
    Examined, LONG, Profile, Severity, Surroundings, examine, examine_each, surroundings,
};

use crate::cores;
use crate::files::{Beyond, File, Inputs, Rendering};
use crate::io::Io;
use crate::report::{Exit, Report};
use crate::standard::{Asked, Standard};
use baseline::{Baseline, Folder};
use cluster::Live;
use print::{Format, Printed, Unread};
use render::Writer;

/// Judges manifests as Pod Security admission of any version of Kubernetes would.
///
/// Reads every .yaml, .yml and .json file below the given folders, hidden ones too, but not what
/// .gitignore and .podwardignore leave out, and shows the line, the reason and the mend of every
/// fault. Needs no cluster and no network. Finds as well what the API server refuses or drops before
/// it judges (keys that are there twice, fields it does not know, values of a wrong type),
/// credentials, and, by the profile podward, what guidance asks for beyond Pod Security:
/// podward explain --list has every rule.
///
/// Helm charts and kustomizations are judged as they render, too, where helm, kubectl or kustomize
/// is installed. With --cluster the workloads of a cluster are judged in place of files, each by what
/// the labels of its namespace ask for; as kubectl-podward in the PATH, this is a plugin of kubectl.
///
/// Exit codes: 0 nothing found, 1 findings, 2 some file could not be read or parsed (all others
/// are still judged).
///
/// Examples:
///   podward check deploy/
///   podward check --profile baseline --kubernetes-version 1.34 web.yaml db.yaml
///   podward check '**/deploy/*.yaml'           a pattern, where no shell takes it apart
///   podward check --code .                      credentials in Dockerfiles, configuration and source, too
///   podward check --image app.tar               what docker save app > app.tar has saved
///   helm template chart/ | podward check -
///   podward check -o json deploy/ | jq -r 'select(.event == "finding") | .message'
///   podward check -o sarif deploy/ > podward.sarif
///   podward check --write-baseline podward.baseline.json   start today, with what is there
///   podward check --baseline podward.baseline.json         what is new
///   podward check --cluster -A --profile restricted        what a cluster runs that restricted refuses
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Check {
    /// Files, folders and patterns such as **/*.yaml; - is standard input; this folder, if neither a path nor an
    /// image is given
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    inputs: Inputs,
    #[command(flatten)]
    beyond: Beyond,
    #[command(flatten)]
    standard: Standard,
    /// The least severity that counts as found, and makes the exit code 1 [default: warning]
    #[arg(long, value_enum, env = "PODWARD_FAIL_ON")]
    fail_on: Option<FailOn>,
    /// How findings are printed
    #[arg(short, long, value_enum, default_value_t = Format::Text, env = "PODWARD_OUTPUT")]
    output: Format,
    /// Counts of rules and files alone
    #[arg(long)]
    summary: bool,
    /// Leave what a baseline holds, so that only what is new counts
    #[arg(long, value_name = "FILE", env = "PODWARD_BASELINE")]
    baseline: Option<PathBuf>,
    /// Write what is found into a baseline, and count none of it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["baseline", "summary"])]
    write_baseline: Option<PathBuf>,
    #[command(flatten)]
    live: Live,
}

/// The least severity that counts.
#[derive(Clone, Copy, clap::ValueEnum)]
enum FailOn {
    Error,
    Warning,
    Info,
}

impl From<FailOn> for Severity {
    fn from(fail_on: FailOn) -> Self {
        match fail_on {
            FailOn::Error => Self::Error,
            FailOn::Warning => Self::Warning,
            FailOn::Info => Self::Info,
        }
    }
}

/// Files that wait to be printed; a reader who is slow stops the work, not the memory.
const MAX_WAITING: usize = 64;

/// What was done in all.
#[derive(Default)]
struct Total {
    files: usize,
    /// Whether those are objects of a cluster.
    is_live: bool,
    workloads: usize,
    refused: usize,
    findings: usize,
    failing: usize,
    suppressed: usize,
    /// How many the baseline holds of those found.
    known: usize,
    by_severity: BTreeMap<Severity, usize>,
    by_rule: BTreeMap<&'static str, usize>,
    with_findings: usize,
    /// Findings of the file that is being printed.
    in_file: usize,
    errors: usize,
    /// What a baseline is made of.
    keys: Vec<baseline::Key>,
}

/// What all files have in common.
struct Run<'a> {
    io: &'a Io,
    format: Format,
    asked: &'a Asked,
    baseline: Option<&'a Baseline>,
    /// Where a baseline is written, if one is.
    writes: Option<&'a Folder>,
    /// Only counts are wanted.
    is_quiet: bool,
    around: &'a Surroundings<'a>,
}

impl Check {
    pub(crate) fn run(self, io: &mut Io) -> Result<Exit, Report> {
        io.set_output(self.output.output());
        self.refuse_what_contradicts()?;
        let asked = self.standard.asked(io, &self.paths)?;
        let baseline = self.baseline.as_deref().map(Baseline::read).transpose()?;
        let is_live = self.live.is_asked_for();
        let cluster = is_live.then(|| self.live.reach(io)).transpose()?;
        let (files, errors) = match cluster {
            Some(_) => (Vec::new(), Vec::new()),
            None => self.files(io, &asked),
        };
        let mut total = Total {
            errors: errors.len(),
            is_live,
            ..Total::default()
        };
        let around = surroundings(|| match &cluster {
            Some(cluster) => cluster.neighbours(io),
            None => neighbours::of(&files),
        });
        let writes = self.write_baseline.as_deref().map(Folder::of);
        let quiet = self.summary || self.write_baseline.is_some();
        let run = Run {
            io,
            format: self.output,
            asked: &asked,
            baseline: baseline.as_ref(),
            writes: writes.as_ref(),
            is_quiet: quiet,
            around: &around,
        };
        let fail_on = asked.fail_on(self.fail_on.map(Severity::from));
        if !quiet {
            print::begin(io, self.output);
        }
        let mut began = false;
        let mut unread = Unread::new(quiet);
        unread.add(io, self.output, &errors);
        let mut done = |printed: Printed| {
            unread.add(io, self.output, &printed.errors);
            if !quiet {
                print::findings(io, self.output, &printed, &mut began);
            }
            print::add(printed, fail_on, &mut total);
        };
        match &cluster {
            Some(cluster) => cluster.judge(&run, &mut done),
            None => run.judge(&files, &mut done),
        }
        if !quiet {
            print::end(io, self.output, &unread);
        }
        self.inputs.tell(io);
        // a cluster has nothing of what is about paths
        if self.output != Format::Podsecurity && !is_live {
            let unused = asked.config.unused(&self.paths);
            unused.iter().for_each(|line| io.note(line));
        }
        if let Some(baseline) = &baseline {
            baseline.tell(io);
        }
        if let Some(path) = &self.write_baseline {
            baseline::write(path, std::mem::take(&mut total.keys))?;
            io.note(format_args!(
                "{} findings are in {path} now: podward check --baseline {path} tells what is new",
                total.findings,
                path = path.display()
            ));
            total.failing = 0;
        } else {
            if self.summary {
                print::summary(io, self.output, &total);
            }
            print::total(io, self.output, &total);
        }
        match (total.errors, total.failing) {
            (0, 0) => Ok(Exit::Clean),
            (0, _) => Ok(Exit::Found),
            (1, _) => Err(Report::new("one error, see above; all else was judged")),
            (n, _) => Err(Report::new(format!(
                "{n} errors, see above; all else was judged"
            ))),
        }
    }
}

impl Check {
    /// The files of the paths that are not excluded, and what could not be looked into.
    fn files(&self, io: &Io, asked: &Asked) -> (Vec<File>, Vec<Report>) {
        // the library's verdicts are on files
        let rendering = match self.output {
            Format::Podsecurity => Rendering::Left,
            _ => Rendering::Judged,
        };
        let found = self.inputs.find(io, &self.paths, &self.beyond, rendering);
        let (mut files, errors) = found;
        files.retain(|file| !asked.config.excludes(file.path()));
        (files, errors)
    }

    /// Counts and baselines are of findings, which a verdict is not, and a count is no document of the other forms.
    fn refuse_what_contradicts(&self) -> Result<(), Report> {
        let is_document = !matches!(self.output, Format::Text | Format::Json);
        let option = if self.summary && is_document {
            "--summary"
        } else if self.write_baseline.is_some() && self.output == Format::Podsecurity {
            "--write-baseline"
        } else {
            return Ok(());
        };
        let output = clap::ValueEnum::to_possible_value(&self.output);
        let output = output.map_or_else(String::new, |value| value.get_name().to_owned());
        Err(
            Report::new(format!("{option} is not to be had with -o {output}"))
                .help("leave -o away, or take -o json"),
        )
    }
}

impl Run<'_> {
    /// Judges all files on all cores, and hands on what was found in the order of the files, a long file piece by
    /// piece.
    fn judge(&self, files: &[File], done: &mut dyn FnMut(Printed)) {
        let next = AtomicUsize::new(0);
        let cores = cores::count();
        std::thread::scope(|scope| {
            let (begin, begun) = sync_channel(MAX_WAITING);
            for _ in 0..cores.min(files.len()) {
                let (begin, next) = (begin.clone(), &next);
                scope.spawn(move || {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(file) = files.get(index) else { return };
                        let (send, pieces) = sync_channel(1);
                        if begin.send((index, pieces)).is_err() {
                            return;
                        }
                        self.file(file, &send);
                    }
                });
            }
            drop(begin);
            let mut waiting = BTreeMap::new();
            let mut turn = 0;
            for (index, pieces) in begun {
                waiting.insert(index, pieces);
                while let Some(pieces) = waiting.remove(&turn) {
                    pieces.into_iter().for_each(&mut *done);
                    turn += 1;
                }
            }
        });
    }

    fn file(&self, file: &File, pieces: &SyncSender<Printed>) {
        let source = match file.read() {
            Ok(Some(source)) => source,
            Ok(None) => return render::send(pieces, Printed::whole()),
            Err(error) => return render::send(pieces, Printed::failed(error)),
        };
        let mut settings = self.asked.settings(file);
        if self.format == Format::Podsecurity {
            settings.profile = Profile::Level(settings.profile.level());
        }
        let mut writer = Writer::new(self, file, &source, pieces);
        let judge = |each: &mut dyn FnMut(Examined)| {
            let mut any = false;
            let mut take = |mut judged: Examined| {
                file.forgive(&source, &mut judged.errors);
                any |= !judged.objects.is_empty();
                if !any {
                    let found = file.credentials(&source);
                    judged.add(&source.path, &source.text, &settings, found);
                }
                each(judged);
            };
            let (path, text) = (&source.path, &source.text);
            if file.is_code() {
                take(Examined::default());
            } else if self.format == Format::Junit && text.len() < LONG {
                // the number of findings comes first
                take(examine(path, text, &settings, self.around));
            } else {
                examine_each(path, text, &settings, self.around, &mut take);
            }
        };
        if self.format == Format::Junit && source.text.len() >= LONG && !file.is_code() {
            // it is judged twice, for its findings take more memory than may be
            let (mut known, mut counts) = (writer.known(), junit::Counts::default());
            judge(&mut |judged| writer.count(&judged, &mut known, &mut counts));
            writer.begin_suite(&counts);
        }
        judge(&mut |judged| writer.add(judged));
        writer.end();
    }
}
