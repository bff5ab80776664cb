//! Drawn inputs against the YAML reader, the editor, the credential engine and the local cloud.
//!
//! An input is a manifest, or a request, with a few changes. All of it follows from a seed and a number, so that a
//! failure can be repeated; nothing else is kept between runs.

mod cloud;
mod draw;
mod growth;
mod targets;

use std::collections::BTreeMap;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use draw::{Corpus, Draw};
use targets::{TARGETS, Target};

const USAGE: &str = "usage: podward-fuzz [--seconds N] [--seed N] [--target NAME] [--case N]";
/// Longest that an input of some kilobytes may take, without optimization and others beside it.
const PATIENCE: Duration = Duration::from_secs(10);
/// One input of so many is repeated, to see how time grows.
const GROWN: u64 = 64;

struct Job {
    seconds: u64,
    seed: u64,
    target: Option<String>,
    case: Option<u64>,
}

impl Job {
    fn read(arguments: impl Iterator<Item = String>) -> Option<Self> {
        let arguments: Vec<_> = arguments.collect();
        let mut given = BTreeMap::new();
        for pair in arguments.chunks(2) {
            let [name, value] = pair else { return None };
            given.insert(name.as_str(), value.as_str());
        }
        let known = ["--seconds", "--seed", "--target", "--case"];
        if given.keys().any(|name| !known.contains(name)) {
            return None;
        }
        let number = |name: &str| given.get(name).map(|text| text.parse::<u64>()).transpose();
        Some(Self {
            seconds: number("--seconds").ok()?.unwrap_or(10),
            seed: number("--seed").ok()?.unwrap_or(1),
            target: given.get("--target").map(|&name| name.to_owned()),
            case: number("--case").ok()?,
        })
    }
}

fn say(text: &str) {
    // a reader that has gone is no error
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn main() -> ExitCode {
    let Some(job) = Job::read(std::env::args().skip(1)) else {
        say(USAGE);
        return ExitCode::from(2);
    };
    let corpus = Corpus::read();
    let wanted = |target: &&Target| job.target.as_ref().is_none_or(|name| name == target.name);
    let failed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for target in TARGETS.iter().chain(cloud::TARGETS).filter(wanted) {
            let (job, corpus, failed) = (&job, &corpus, &failed);
            scope.spawn(move || {
                if let Err(fault) = run(target, job, corpus) {
                    failed.fetch_add(1, Ordering::Relaxed);
                    say(&fault);
                }
            });
        }
    });
    match failed.load(Ordering::Relaxed) {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// What a target is at.
#[derive(Clone, Copy)]
struct Current {
    case: u64,
    since: Instant,
}

fn run(target: &Target, job: &Job, corpus: &Corpus) -> Result<(), String> {
    let own = target.seeds.map(|seeds| Corpus::of(seeds()));
    let corpus = own.as_ref().unwrap_or(corpus);
    let begun = Instant::now();
    let end = begun + Duration::from_secs(job.seconds);
    let current = Mutex::new(Some(Current {
        case: 0,
        since: begun,
    }));
    let set = |now: Option<Current>| {
        *current.lock().unwrap_or_else(PoisonError::into_inner) = now;
    };
    let repeat = |case: u64| {
        format!(
            "repeat it with: cargo xtask fuzz --seed {} --target {} --case {case}",
            job.seed, target.name
        )
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                std::thread::sleep(Duration::from_millis(50));
                let now = *current.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(now) = now else { return };
                if now.since.elapsed() > PATIENCE {
                    say(&format!(
                        "{}: an input takes too long; {}",
                        target.name,
                        repeat(now.case)
                    ));
                    #[expect(clippy::exit, reason = "what hangs cannot be asked to end")]
                    std::process::exit(1);
                }
            }
        });
        let mut case = job.case.unwrap_or(0);
        let outcome = loop {
            set(Some(Current {
                case,
                since: Instant::now(),
            }));
            let tried = std::panic::catch_unwind(AssertUnwindSafe(|| {
                try_one(target, corpus, Draw::new(job.seed, target.name, case), case)
            }));
            match tried {
                Ok(Ok(())) => {}
                Ok(Err(fault)) => break Err(format!("{}: {fault}\n{}", target.name, repeat(case))),
                Err(_) => break Err(format!("{}: it panics\n{}", target.name, repeat(case))),
            }
            case += 1;
            if job.case.is_some() || Instant::now() > end {
                break Ok(case);
            }
        };
        set(None);
        let cases = outcome?;
        say(&format!(
            "{}: {cases} inputs, seed {}",
            target.name, job.seed
        ));
        Ok(())
    })
}

fn try_one(target: &Target, corpus: &Corpus, mut draw: Draw, case: u64) -> Result<(), String> {
    if case % GROWN == GROWN - 1 {
        return growth::check(&corpus.piece(&mut draw), target.time);
    }
    let text = corpus.changed(&mut draw);
    (target.check)(&text, &mut draw).map_err(|fault| format!("{fault}, in {text:?}"))
}
