//! Counts for Prometheus; docs/metrics.md names them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the times that are told apart, seconds.
const BOUNDS: [f64; 8] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1.0];
/// Resources that are told apart; of all others there may be many.
const RESOURCES: [&str; 10] = [
    "pods",
    "namespaces",
    "deployments",
    "replicasets",
    "statefulsets",
    "daemonsets",
    "jobs",
    "cronjobs",
    "podtemplates",
    "replicationcontrollers",
];

/// What was done.
#[derive(Default)]
pub(super) struct Metrics(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    /// By door, resource and decision.
    reviews: BTreeMap<(&'static str, &'static str, &'static str), u64>,
    times: BTreeMap<&'static str, Times>,
    warnings: u64,
}

#[derive(Default)]
struct Times {
    within: [u64; BOUNDS.len()],
    count: u64,
    seconds: f64,
}

impl Metrics {
    /// Counts one review.
    pub(super) fn count(
        &self,
        door: &'static str,
        resource: &str,
        decision: &'static str,
        warnings: usize,
        took: Duration,
    ) {
        let resource = RESOURCES.iter().find(|known| **known == resource);
        let resource = resource.copied().unwrap_or("other");
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts
            .reviews
            .entry((door, resource, decision))
            .or_default() += 1;
        counts.warnings += u64::try_from(warnings).unwrap_or_default();
        let times = counts.times.entry(door).or_default();
        let took = took.as_secs_f64();
        times.count += 1;
        times.seconds += took;
        for (within, bound) in times.within.iter_mut().zip(BOUNDS) {
            *within += u64::from(took <= bound);
        }
    }

    /// All of it, in the text format of Prometheus.
    pub(super) fn text(&self, stale: bool) -> String {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        let mut line = |line: std::fmt::Arguments<'_>| {
            // a String takes everything
            let _ = writeln!(text, "{line}");
        };
        line(format_args!(
            "# HELP podward_webhook_reviews_total Admission reviews that were answered."
        ));
        line(format_args!("# TYPE podward_webhook_reviews_total counter"));
        for ((door, resource, decision), count) in &counts.reviews {
            line(format_args!(
                "podward_webhook_reviews_total{{door=\"{door}\",resource=\"{resource}\",decision=\"{decision}\"}} {count}"
            ));
        }
        line(format_args!(
            "# HELP podward_webhook_warnings_total Warnings that were told."
        ));
        line(format_args!(
            "# TYPE podward_webhook_warnings_total counter"
        ));
        line(format_args!(
            "podward_webhook_warnings_total {}",
            counts.warnings
        ));
        line(format_args!(
            "# HELP podward_webhook_review_seconds Time from a review's last byte to its answer."
        ));
        line(format_args!(
            "# TYPE podward_webhook_review_seconds histogram"
        ));
        for (door, times) in &counts.times {
            for (within, bound) in times.within.iter().zip(BOUNDS) {
                line(format_args!(
                    "podward_webhook_review_seconds_bucket{{door=\"{door}\",le=\"{bound}\"}} {within}"
                ));
            }
            let Times { count, seconds, .. } = times;
            line(format_args!(
                "podward_webhook_review_seconds_bucket{{door=\"{door}\",le=\"+Inf\"}} {count}"
            ));
            line(format_args!(
                "podward_webhook_review_seconds_sum{{door=\"{door}\"}} {seconds}"
            ));
            line(format_args!(
                "podward_webhook_review_seconds_count{{door=\"{door}\"}} {count}"
            ));
        }
        line(format_args!(
            "# HELP podward_webhook_view_stale Whether a watch has broken off and is not back."
        ));
        line(format_args!("# TYPE podward_webhook_view_stale gauge"));
        line(format_args!(
            "podward_webhook_view_stale {}",
            u8::from(stale)
        ));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reviews_are_counted_by_few_labels() {
        let metrics = Metrics::default();
        metrics.count("validate", "pods", "denied", 0, Duration::from_millis(3));
        metrics.count(
            "validate",
            "widgets",
            "allowed",
            2,
            Duration::from_micros(100),
        );
        metrics.count(
            "validate",
            "gadgets",
            "allowed",
            0,
            Duration::from_micros(100),
        );
        let text = metrics.text(true);
        for line in [
            "podward_webhook_reviews_total{door=\"validate\",resource=\"pods\",decision=\"denied\"} 1",
            "podward_webhook_reviews_total{door=\"validate\",resource=\"other\",decision=\"allowed\"} 2",
            "podward_webhook_warnings_total 2",
            "podward_webhook_review_seconds_bucket{door=\"validate\",le=\"0.002\"} 2",
            "podward_webhook_review_seconds_bucket{door=\"validate\",le=\"0.005\"} 3",
            "podward_webhook_review_seconds_count{door=\"validate\"} 3",
            "podward_webhook_view_stale 1",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
    }
}
