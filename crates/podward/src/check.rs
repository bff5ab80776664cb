//! `podward check`.

mod judge;
mod print;
mod render;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use crate::files::{Beyond, File, Inputs, Rendering};
use crate::io::Io;
use crate::report::{Exit, Report};
use crate::standard::Standard;
use print::{Format, Printed};

/// Judges manifests as Pod Security admission of any version of Kubernetes would.
///
/// Reads every .yaml, .yml and .json file below the given folders, hidden ones too, but not what
/// .gitignore and .podwardignore leave out, and shows the line, the reason and the mend of every
/// fault. Needs no cluster and no network. Finds as well
/// what the API server refuses or drops before it judges: keys that are there twice, fields it
/// does not know, values of a wrong type.
///
/// Helm charts and kustomizations are judged as they render, too, where helm, kubectl or kustomize
/// is installed.
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
    /// `text`, `json` with one object a line, or `podsecurity` with one verdict a line
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

/// Finished files that wait to be printed; a reader who is slow stops the work, not the memory.
const MAX_WAITING: usize = 64;

/// What was done in all.
#[derive(Default)]
struct Total {
    files: usize,
    workloads: usize,
    refused: usize,
    findings: usize,
    with_findings: usize,
    errors: usize,
}

impl Check {
    pub(crate) fn run(self, io: &mut Io) -> Result<Exit, Report> {
        io.set_output(self.output.output());
        if let Some(newest) = self.standard.kubernetes_version.clamped() {
            io.note(format_args!(
                "note: {} is newer than this program; the rules are those of {newest}",
                self.standard.kubernetes_version
            ));
        }
        // the library's verdicts are on files
        let rendering = match self.output {
            Format::Podsecurity => Rendering::Left,
            Format::Text | Format::Json => Rendering::Judged,
        };
        let (files, errors) = self.inputs.find(io, &self.paths, &self.beyond, rendering);
        let mut total = Total {
            errors: errors.len(),
            ..Total::default()
        };
        for error in &errors {
            io.report(error);
        }
        self.judge(io, &files, &mut total);
        self.inputs.tell(io);
        print::total(io, self.output, &total);
        match (total.errors, total.findings) {
            (0, 0) => Ok(Exit::Clean),
            (0, _) => Ok(Exit::Found),
            (1, _) => Err(Report::new("one error, see above; all else was judged")),
            (n, _) => Err(Report::new(format!(
                "{n} errors, see above; all else was judged"
            ))),
        }
    }

    /// Judges all files on all cores, and prints what was found in the order of the files.
    fn judge(&self, io: &Io, files: &[File], total: &mut Total) {
        let next = AtomicUsize::new(0);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            let (send, receive) = sync_channel(MAX_WAITING);
            for _ in 0..cores.min(files.len()) {
                let (send, next) = (send.clone(), &next);
                scope.spawn(move || {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(file) = files.get(index) else { return };
                        let printed = self.file(io, file);
                        if send.send((index, printed)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(send);
            let mut waiting = std::collections::BTreeMap::new();
            let mut turn = 0;
            for (index, printed) in receive {
                waiting.insert(index, printed);
                while let Some(printed) = waiting.remove(&turn) {
                    print::file(io, &printed, total);
                    turn += 1;
                }
            }
        });
    }

    fn file(&self, io: &Io, file: &File) -> Printed {
        match file.read() {
            Ok(None) => Printed::default(),
            Ok(Some(source)) => {
                let mut judged = if file.is_code() {
                    judge::Judged::default()
                } else {
                    judge::file(
                        &source,
                        self.standard.profile,
                        self.standard.kubernetes_version,
                    )
                };
                file.forgive(&source, &mut judged.errors);
                if judged.objects.is_empty() {
                    judged.twice.extend(file.credentials(&source));
                }
                render::file(io, self.output, file, &source, &judged)
            }
            Err(error) => Printed::failed(error),
        }
    }
}
