//! `podward fix`.

mod patch;
mod staged;
mod tell;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use podward_manifest::Source;
use podward_policy::{Fixed, Mended, Mending, mend, mend_across, surroundings};
use serde_json::json;

use crate::check::baseline::Baseline;
use crate::check::neighbours;
use crate::check::print::count;
use crate::cores;
use crate::files::{Beyond, File, Inputs, Rendering};
use crate::io::{Io, Output};
use crate::report::{Exit, Report};
use crate::standard::Standard;
use patch::Base;
use staged::Staged;
use tell::tell;

/// Mends what `check` finds, where there is one right answer, and leaves every other line as it is.
///
/// Prints what would change, as a patch, unless --write is given. Comments, blank lines, quotes, the order of keys,
/// indentation and line ends stay. Each edit is read again before it is offered: the result must parse, mean what was
/// meant, have that finding no more and no new one; else it is left out, and why is said.
///
/// Fixes that cannot break a pod that works are made. Those that may (such as runAsNonRoot) are listed, and made with
/// --unsafe-fixes. What is a person's decision, such as which user id, is left to check to explain.
///
/// Exit codes: 0 nothing found, or all of it mended by --write; 1 something found, or left; 2 some file could not be
/// read or written (all others are still mended).
///
/// Examples:
///   podward fix deploy/                        what would change
///   podward fix deploy/ | git apply            the same as --write
///   podward fix --write --unsafe-fixes web.yaml
///   helm template chart/ | podward fix --write -
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Fix {
    /// Files, folders and patterns such as **/*.yaml; - is standard input, whose mended text goes to standard output with --write
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// Print what would change, as a patch (the default)
    #[arg(long, conflicts_with = "write")]
    diff: bool,
    /// Change the files
    #[arg(long)]
    write: bool,
    /// Make fixes too that may break a pod that works
    #[arg(long, env = "PODWARD_UNSAFE_FIXES")]
    unsafe_fixes: bool,
    /// Act on hints too, such as hostUsers: false
    #[arg(long, env = "PODWARD_HINTS")]
    hints: bool,
    /// Leave what a baseline of podward check holds
    #[arg(long, value_name = "FILE", env = "PODWARD_BASELINE")]
    baseline: Option<PathBuf>,
    #[command(flatten)]
    inputs: Inputs,
    #[command(flatten)]
    standard: Standard,
    /// `text`, or `json` with one object a line and no patch
    #[arg(short, long, value_enum, default_value_t = Output::Text, env = "PODWARD_OUTPUT")]
    output: Output,
}

/// What was done in all.
#[derive(Default)]
struct Total {
    files: usize,
    mended: usize,
    may_break: usize,
    failed: usize,
    by_hand: usize,
    errors: usize,
}

impl Fix {
    pub(crate) fn run(self, io: &mut Io) -> Result<Exit, Report> {
        io.set_output(self.output);
        let asked = self.standard.asked(io, &self.paths)?;
        let baseline = self.baseline.as_deref().map(Baseline::read).transpose()?;
        let found = self
            .inputs
            .find(io, &self.paths, &Beyond::default(), Rendering::NotMended);
        let (mut files, errors) = found;
        files.retain(|file| !asked.config.excludes(file.path()));
        let mut total = Total {
            errors: errors.len(),
            ..Total::default()
        };
        for error in &errors {
            io.report(error);
        }
        let sources = self.read(io, &files, &mut total)?;
        let around = surroundings(|| neighbours::of(&files));
        let all = cores::map(&sources, |(file, source)| {
            let mut settings = asked.settings(file);
            if let (Some(baseline), Some(exceptions)) =
                (&baseline, Arc::get_mut(&mut settings.exceptions))
            {
                exceptions.known = baseline.known(file);
            }
            let mending = Mending {
                settings,
                may_break: self.unsafe_fixes,
                hints: self.hints,
            };
            let one = mend(&source.path, &source.text, &mending, &around);
            (one, mending)
        });
        let mut works = Vec::new();
        let mut fixed = Vec::new();
        for ((file, source), (one, mending)) in sources.into_iter().zip(all) {
            match one {
                Ok(mended) => works.push(Work {
                    file,
                    source,
                    mended,
                    mending,
                }),
                Err(why) => {
                    // who waits for the text gets it, as it is
                    if self.write && file.path().is_none() {
                        write_out(source.text.as_bytes())?;
                    }
                    if !file.is_template(&source) {
                        io.report(&Report::new(why).at(&file.shown, None));
                        total.errors += 1;
                    }
                    fixed.push(stays(source, "not all of it is YAML"));
                }
            }
        }
        let works = self.across(io, works, fixed, &mut total);
        let changed = works.iter().filter(|work| work.is_changed());
        let base = Base::of(changed.filter_map(|work| work.file.path()));
        for work in &works {
            if let Err(error) = self.file(io, work, &base, &mut total) {
                io.report(&error);
                total.errors += 1;
            }
        }
        if let Some(hint) = base.hint().filter(|_| self.prints() && total.files > 0) {
            io.note(hint);
        }
        self.inputs.tell(io);
        self.sum(io, &total);
        let left = total.may_break + total.failed + total.by_hand;
        match (total.errors, left, total.mended) {
            (0, 0, 0) => Ok(Exit::Clean),
            (0, 0, _) if self.write => Ok(Exit::Clean),
            (0, ..) => Ok(Exit::Found),
            (n, ..) => Err(Report::new(format!(
                "{n} file{} could not be mended, see above; all else was",
                if n == 1 { "" } else { "s" }
            ))),
        }
    }

    fn read<'a>(
        &self,
        io: &Io,
        files: &'a [File],
        total: &mut Total,
    ) -> Result<Vec<(&'a File, Source)>, Report> {
        let mut sources = Vec::new();
        let read = cores::map(files, File::read);
        for (file, read) in files.iter().zip(read) {
            match read {
                Ok(source) => sources.extend(source.map(|source| (file, source))),
                Err(error) => {
                    if let Some(bytes) = file.unread().filter(|_| self.write) {
                        write_out(&bytes)?;
                    }
                    io.report(&error);
                    total.errors += 1;
                }
            }
        }
        Ok(sources)
    }

    /// Whether a patch is printed.
    fn prints(&self) -> bool {
        !self.write && self.output == Output::Text
    }

    /// Mends what takes several files, and writes all that is to be written. All new texts lie beside
    /// their files first: what cannot be written takes no part, and what depends on it is left in all files.
    fn across<'a>(
        &self,
        io: &Io,
        mut works: Vec<Work<'a>>,
        mut fixed: Vec<Fixed>,
        total: &mut Total,
    ) -> Vec<Work<'a>> {
        loop {
            let mut mended: Vec<_> = works.iter().map(|work| work.mended.clone()).collect();
            let mendings: Vec<_> = works.iter().map(|work| work.mending.clone()).collect();
            mend_across(&mut mended, &mendings, &fixed);
            let staged: Vec<_> = works
                .iter()
                .zip(&mended)
                .map(|(work, mended)| match work.file.path() {
                    Some(path) if self.write && mended.text != work.source.text => {
                        Staged::new(path, &mended.text).map(Some)
                    }
                    _ => Ok(None),
                })
                .collect();
            let is_ready = staged.iter().all(Result::is_ok);
            let written: Vec<_> = if is_ready {
                let put = |staged: Option<Staged>| staged.map(Staged::put).transpose();
                let staged = staged.into_iter();
                staged.map(|staged| staged.and_then(put)).collect()
            } else {
                let none = |staged: std::io::Result<_>| staged.map(|_| None);
                staged.into_iter().map(none).collect()
            };
            if written.iter().all(Result::is_ok) {
                for (work, mended) in works.iter_mut().zip(mended) {
                    work.mended = mended;
                }
                return works;
            }
            let mut left = Vec::new();
            for (work, written) in works.into_iter().zip(written) {
                // as it was, until it is known what can be done without the others
                let written = match (written, work.file.path()) {
                    (Ok(Some(())), Some(path)) => {
                        Staged::new(path, &work.source.text).and_then(Staged::put)
                    }
                    (written, _) => written.map(|_| ()),
                };
                match written {
                    Ok(()) => left.push(work),
                    Err(error) => {
                        let why = error.to_string();
                        io.report(&Report::new(error).at(&work.file.shown, None));
                        total.errors += 1;
                        fixed.push(stays(work.source, &why));
                    }
                }
            }
            works = left;
        }
    }

    fn file(&self, io: &Io, work: &Work<'_>, base: &Base, total: &mut Total) -> Result<(), Report> {
        let (file, mended) = (work.file, &work.mended);
        if self.write && file.path().is_none() {
            // standard output carries the text, changed or not
            write_out(mended.text.as_bytes())?;
        } else if self.prints() {
            let patch = base.patch(file.path(), &work.source.text, &mended.text);
            write_out(patch.as_bytes())?;
        }
        total.files += usize::from(work.is_changed());
        tell(io, &file.shown, mended, self.write);
        total.mended += mended.done.len();
        total.may_break += mended.unsafe_left.len();
        total.failed += mended.failed.len();
        total.by_hand += mended.by_hand.len();
        Ok(())
    }

    fn sum(&self, io: &Io, total: &Total) {
        io.emit(
            "summary",
            json!({
                "files": total.files, "mended": total.mended, "mayBreak": total.may_break,
                "failed": total.failed, "byHand": total.by_hand, "errors": total.errors,
            }),
        );
        if self.output != Output::Text {
            return;
        }
        let word = if self.write {
            "mended"
        } else {
            "would be mended"
        };
        let mut parts = vec![format!(
            "{} {word} in {}",
            count(total.mended, "finding"),
            count(total.files, "file")
        )];
        if total.may_break > 0 {
            parts.push(format!("{} more with --unsafe-fixes", total.may_break));
        }
        if total.failed > 0 {
            parts.push(format!("{} could not be mended", total.failed));
        }
        if total.by_hand > 0 {
            let need = if total.by_hand == 1 { "needs" } else { "need" };
            parts.push(format!(
                "{} {need} a decision: podward check tells",
                total.by_hand
            ));
        }
        io.note(parts.join("; "));
    }
}

/// A file and what becomes of it.
struct Work<'a> {
    file: &'a File,
    source: Source,
    mended: Mended,
    mending: Mending,
}

impl Work<'_> {
    fn is_changed(&self) -> bool {
        self.mended.text != self.source.text
    }
}

/// A file that others have to reckon with, and that is not changed.
fn stays(source: Source, why: &str) -> Fixed {
    Fixed {
        path: source.path,
        text: source.text,
        why: why.to_owned(),
    }
}

fn write_out(text: &[u8]) -> Result<(), Report> {
    match std::io::stdout().write_all(text) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Report::new(e)),
        _ => Ok(()),
    }
}
