//! Whether pods reach what they are to reach.

use std::time::{Duration, Instant};

use serde_json::json;

use super::pods::Expect;
use super::run::{Progress, Run, Running};
use crate::io::{Io, Tone};

/// How often a probe is run until it succeeds. A kubelet waits seconds; here nobody has to.
const PROBE_INTERVAL: Duration = Duration::from_millis(25);

/// What became of a pod.
pub(super) struct Outcome {
    name: String,
    met: bool,
    said: String,
    /// Whether a program of it does not exist here.
    not_started: bool,
}

impl Run {
    /// `Some` once the pod has met or missed its expectation.
    fn settled(&self) -> Option<(bool, String)> {
        if let Some(reason) = &self.admitted.refused {
            return Some((
                self.admitted.expect == Expect::Refused,
                format!("refused at admission: {reason}"),
            ));
        }
        if self.admitted.expect == Expect::Refused {
            return Some((false, "was admitted".into()));
        }
        if let Some(error) = &self.failed {
            return Some((false, error.clone()));
        }
        let all: Vec<(&Running, Progress)> = self.containers.iter().map(|c| (c, c.now())).collect();
        if let Some((one, now)) = all.iter().find(|(_, now)| now.failed.is_some()) {
            return Some((
                false,
                format!(
                    "container {}: {}",
                    one.name,
                    now.failed.clone().unwrap_or_default()
                ),
            ));
        }
        let missing: Vec<&str> = all
            .iter()
            .filter(|(_, now)| now.no_program)
            .map(|(one, _)| one.name.as_str())
            .collect();
        let not_started = (!missing.is_empty()).then(|| {
            format!(
                "set up, not started: the command of {} does not exist here (images are not run)",
                missing.join(", ")
            )
        });
        match self.admitted.expect {
            Expect::SetUp => all
                .iter()
                .all(|(_, now)| now.no_program || now.running)
                .then(|| (true, not_started.unwrap_or_else(|| "runs".into()))),
            Expect::ExitZero => {
                if let Some(text) = not_started {
                    return Some((false, text));
                }
                let codes: Option<Vec<i32>> = all
                    .iter()
                    .filter(|(one, _)| !one.sidecar)
                    .map(|(_, now)| now.exited)
                    .collect();
                codes.map(|codes| {
                    let worst = codes.into_iter().find(|code| *code != 0).unwrap_or(0);
                    (worst == 0, format!("ended with {worst}"))
                })
            }
            Expect::Ready => {
                if let Some(text) = not_started {
                    return Some((false, text));
                }
                let ended = all.iter().find_map(|(one, now)| Some((one, now.exited?)));
                if let Some((one, code)) =
                    ended.filter(|(one, code)| *code != 0 || one.probe.is_some())
                {
                    return Some((
                        false,
                        format!(
                            "container {} ended with {code} before it was ready",
                            one.name
                        ),
                    ));
                }
                None
            }
            Expect::Refused => None,
        }
    }

    async fn outcome(&self, io: &Io, end: Instant) -> Outcome {
        let (met, said) = loop {
            if let Some(settled) = self.settled() {
                break settled;
            }
            if self.admitted.expect == Expect::Ready && self.probe().await {
                break (true, "ready".into());
            }
            if Instant::now() >= end {
                break (false, "not there in time".into());
            }
            let pause = if self.admitted.expect == Expect::Ready {
                PROBE_INTERVAL
            } else {
                Duration::from_millis(2)
            };
            tokio::time::sleep(pause).await;
        };
        let mark = if met {
            io.tone(Tone::Good, "met")
        } else {
            io.tone(Tone::Bad, "missed")
        };
        let brief = said.split(':').next().unwrap_or_default();
        let shown = if self.admitted.refused.is_some() {
            brief
        } else {
            said.as_str()
        };
        io.line(format_args!("  {mark} {}: {shown}", self.name()));
        io.emit(
            "pod",
            json!({
                "namespace": self.admitted.pod.namespace,
                "pod": self.admitted.pod.name,
                "expect": self.admitted.expect.as_str(),
                "met": met,
                "reason": said,
            }),
        );
        Outcome {
            name: self.name(),
            met,
            said,
            not_started: self.containers.iter().any(|one| one.now().no_program),
        }
    }
}

/// Waits for every pod.
pub(super) async fn all(io: &Io, runs: &[Run], timeout: Duration) -> Vec<Outcome> {
    let end = Instant::now() + timeout;
    let mut outcomes = Vec::new();
    for run in runs {
        outcomes.push(run.outcome(io, end).await);
    }
    outcomes
}

/// The last word: how many met their expectation.
pub(super) fn summary(io: &Io, outcomes: Option<&[Outcome]>) -> bool {
    let Some(outcomes) = outcomes else {
        return true;
    };
    let missed: Vec<&Outcome> = outcomes.iter().filter(|outcome| !outcome.met).collect();
    io.section("Summary");
    for one in &missed {
        io.line(format_args!(
            "  {} {}: {}",
            io.tone(Tone::Bad, "missed"),
            one.name,
            one.said
        ));
    }
    let (pods, met) = (outcomes.len(), outcomes.len() - missed.len());
    let not_started = outcomes.iter().filter(|one| one.not_started).count();
    let apart = if not_started == 0 {
        String::new()
    } else {
        format!(
            "; {not_started} set up, not started: their commands do not exist here (images are not run)"
        )
    };
    io.line(format_args!(
        "  {met} of {pods} pods met their expectation{apart}"
    ));
    io.emit(
        "summary",
        json!({"pods": pods, "met": met, "notStarted": not_started}),
    );
    missed.is_empty()
}
