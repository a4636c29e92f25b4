//! What is wrong with a strategy, all of it at once.

use std::{collections::BTreeSet, fmt, time::Duration};

use crate::{
    judge,
    strategy::{Analysis, Metric, Source, Step, Strategy, Traffic},
};

mod chaos;
mod job;

/// The longest time that anything may take; more is a slip of the pen.
const LONGEST: Duration = Duration::from_hours(24 * 14);
/// More steps than anybody can follow.
const MOST_STEPS: usize = 50;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// `steps[2].analysis.metrics[0]`
    pub at: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Strategy {
    /// Everything that is wrong with it; empty if it can be used.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Faults(Vec::new());
        self.check_steps(&mut faults);
        if let Some(analysis) = &self.analysis {
            analysis.check("analysis", &mut faults);
        }
        faults.length("progressDeadline", self.progress_deadline.duration());
        if let Some(bake) = self.bake {
            faults.length("bake", bake.duration());
            let synthetic = |step: &Step| matches!(step, Step::Synthetic(_));
            match &self.analysis {
                _ if self.steps.iter().any(synthetic) => {}
                None => faults.add(
                    "bake",
                    "nothing is watched in that time; add analysis or a synthetic step",
                ),
                Some(analysis) if analysis.alone().is_none() => faults.add(
                    "bake",
                    "only comparisons are watched, and the old version has no users in that time; add max or min",
                ),
                Some(_) => {}
            }
        }
        if let Some(namespaces) = &self.namespaces {
            faults.length("namespaces.keep", namespaces.keep.duration());
            if namespaces.blue == namespaces.green {
                faults.add("namespaces", "blue and green are the same namespace");
            }
            if self.traffic == Traffic::Replicas {
                faults.add(
                    "traffic",
                    "two namespaces have no Service in common; leave it out",
                );
            }
        }
        faults.0
    }

    fn check_steps(&self, faults: &mut Faults) {
        if self.steps.is_empty() {
            faults.add("steps", "there are none; add at least one");
        }
        if self.steps.len() > MOST_STEPS {
            faults.add("steps", format!("there are more than {MOST_STEPS}"));
        }
        for (at, step) in self.steps.iter().enumerate() {
            let at = format!("steps[{at}].{}", step.as_str());
            self.check_step(step, &at, faults);
        }
    }

    fn check_step(&self, step: &Step, at: &str, faults: &mut Faults) {
        match step {
            Step::Weight(weight) if *weight > 100 => {
                faults.add(at, "is more than 100 per cent");
            }
            Step::Weight(weight)
                if self.traffic == Traffic::Switch && !matches!(weight, 0 | 100) =>
            {
                faults.add(at, "`traffic: switch` knows 0 and 100 only");
            }
            Step::Pause(pause) => {
                if let Some(duration) = pause.duration {
                    faults.length(at, duration.duration());
                }
            }
            Step::Analysis(analysis) => analysis.check(at, faults),
            Step::Synthetic(synthetic) => {
                let names: BTreeSet<_> = synthetic.checks.iter().collect();
                if names.is_empty() || names.len() != synthetic.checks.len() {
                    faults.add(at, "names no check, or one twice");
                }
                faults.interval(at, synthetic.interval.duration());
            }
            Step::Chaos(chaos) => {
                chaos.check(at, faults);
                if self.namespaces.is_some() {
                    faults.add(
                        at,
                        "chaos is not there for two namespaces; take one of them out",
                    );
                }
            }
            Step::Flag(flag) if flag.percent > 100 => faults.add(at, "is more than 100 per cent"),
            Step::Weight(_) | Step::Replicas(_) | Step::Flag(_) | Step::Approve(_) => {}
        }
    }
}

impl Analysis {
    fn check(&self, at: &str, faults: &mut Faults) {
        faults.interval(at, self.interval.duration());
        faults.length(&format!("{at}.patience"), self.patience.duration());
        let names: BTreeSet<_> = self.metrics.iter().map(|metric| &metric.name).collect();
        if names.is_empty() {
            faults.add(at, "has no metrics; nothing would be watched");
        }
        if names.len() != self.metrics.len() {
            faults.add(at, "two metrics have the same name");
        }
        for (place, metric) in self.metrics.iter().enumerate() {
            metric.check(&format!("{at}.metrics[{place}]"), faults);
        }
    }
}

impl Metric {
    fn check(&self, at: &str, faults: &mut Faults) {
        let limits = [
            self.max.is_some(),
            self.least().is_some(),
            self.compare.is_some(),
        ];
        if !limits.contains(&true) && self.condition.is_none() {
            faults.add(at, "has no limit; add max, min, compare or condition");
        }
        if [self.max, self.min]
            .iter()
            .flatten()
            .any(|limit| !limit.is_finite())
        {
            faults.add(at, "has a limit that is no number");
        }
        if let Some(condition) = &self.condition
            && let Err(error) = judge::condition::check(condition)
        {
            faults.add(&format!("{at}.condition"), error.to_string());
        }
        let counts = match &self.from {
            Source::Template(_) => true,
            Source::Prometheus(query) => query.samples.is_some(),
            Source::Web(_) | Source::Job(_) | Source::Synthetic(_) => false,
        };
        if let Source::Job(job) = &self.from {
            job.check(&format!("{at}.from.job"), &self.name, faults);
        }
        if self.min_samples > 0 && !counts {
            faults.add(at, "minSamples needs `samples` beside the query");
        }
        let paired = matches!(self.from, Source::Template(_) | Source::Prometheus(_));
        if self.compares() && !paired {
            faults.add(
                at,
                "only queries of Prometheus can be asked for the old version too",
            );
        }
    }
}

struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, at: &str, message: impl Into<String>) {
        self.0.push(Fault {
            at: at.to_owned(),
            message: message.into(),
        });
    }

    fn length(&mut self, at: &str, length: Duration) {
        if length > LONGEST {
            self.add(at, "is longer than 14 days");
        }
    }

    fn interval(&mut self, at: &str, length: Duration) {
        self.length(at, length);
        if length < Duration::from_secs(1) {
            self.add(at, "has an interval below a second");
        }
    }
}

/// `steps[2].pause: is longer than 14 days`
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}
