//! Counts samples: each once, only those of this rollout and step, and none that is late.
//!
//! Silence is a missing number too: whoever takes the samples may have stopped.

use std::time::Duration;

use jiff::Timestamp;

use super::{Run, elapsed, later, step_at};
use crate::{
    judge::{self, Verdict},
    observe::Observation,
    state::{Cause, Phase, Rollout, Stepping, Tallies, Tally},
    strategy::{Analysis, Metric, OnMissing, Source, Step},
    wish::{Event, Record},
};

/// How many intervals without a sample are silence.
const SILENCE: u32 = 3;
/// Good samples that a gate needs where it does not say.
pub(crate) const GATE: u32 = 3;
/// Good samples that what is watched needs for each weight where it does not say.
const WATCH: u32 = 1;

/// One analysis that is under way now.
#[derive(Clone)]
pub(super) struct Armed {
    /// What its samples are called before the name of the metric.
    pub(super) scope: String,
    /// What is asked.
    pub(super) analysis: Analysis,
    /// From when on samples mean anything.
    pub(super) from: Timestamp,
    /// From when on good samples count.
    pub(super) counts: Option<Timestamp>,
    /// True for the step's own.
    pub(super) is_gate: bool,
    /// True if numbers are wanted now. Where they are not, one that comes late still counts, and none is missed.
    pub(super) is_asked: bool,
}

/// What is counted from, and what comes of it.
struct Look<'a> {
    seen: &'a Observation,
    now: Timestamp,
    records: Vec<Record>,
}

impl Run<'_> {
    /// Counts what came in. Says why the rollout is to end, if it is.
    pub(super) fn sample(&mut self) -> Option<Cause> {
        let (seen, now) = (self.seen, self.now);
        let mut look = Look {
            seen,
            now,
            records: Vec::new(),
        };
        let mut cause = None;
        let rollout = self.state.rollout.as_mut()?;
        rollout.rest(seen);
        for armed in rollout.armed(seen) {
            let Some(tallies) = rollout.tallies(armed.is_gate) else {
                continue;
            };
            for metric in &armed.analysis.metrics {
                let tally = tallies.entry(metric.name.clone()).or_default();
                let found = armed.count(metric, tally, &mut look);
                cause = cause.or(found);
            }
        }
        self.records.append(&mut look.records);
        cause
    }

    /// The bad number that has come in, if that ends the rollout. Those that are missing are for others to judge.
    pub(super) fn bad_number(&mut self) -> Option<Cause> {
        let cause = self.sample();
        cause.filter(|cause| matches!(cause, Cause::AnalysisFailed { .. }))
    }
}

impl Armed {
    pub(super) fn key(&self, metric: &Metric) -> String {
        format!("{}/{}", self.scope, metric.name)
    }

    fn count(&self, metric: &Metric, tally: &mut Tally, look: &mut Look<'_>) -> Option<Cause> {
        let (seen, now) = (look.seen, look.now);
        if self.is_asked {
            tally.expected.get_or_insert(now);
        }
        tally.kept = matches!(metric.from, Source::Job(_));
        let key = self.key(metric);
        let mut samples: Vec<_> = seen.samples.iter().filter(|one| one.key == key).collect();
        samples.sort_by_key(|one| one.at);
        for sample in samples {
            let new = tally.last.is_none_or(|last| sample.at > last);
            let late = self.is_silent(metric, sample.at, now);
            if !new || sample.at > now || sample.at < self.from || late {
                continue;
            }
            tally.last = Some(sample.at);
            let decision = judge::judge(metric, &sample.reading, sample.at);
            tally.take(&decision, self.counts);
            look.records.push(Record {
                at: now,
                event: Event::Judged,
                message: format!("{}: {}", decision.metric, decision.why),
                by: None,
                decision: Some(decision.clone()),
            });
            if decision.verdict == Verdict::Bad && tally.bad > self.analysis.failure_limit {
                return Some(Cause::AnalysisFailed { decision });
            }
        }
        match self.is_asked {
            true => self.miss(metric, tally, now),
            false => None,
        }
    }

    /// Notes silence, and says when it has lasted too long.
    fn miss(&self, metric: &Metric, tally: &mut Tally, now: Timestamp) -> Option<Cause> {
        let heard = tally.heard().unwrap_or(now);
        if tally.missing.is_none() && self.is_silent(metric, heard, now) {
            tally.missing = Some(later(heard, self.silence(metric)));
            "no sample came".clone_into(&mut tally.why);
        }
        // Whoever takes the samples now gets the whole patience: they may be somebody new.
        let since = tally.missing?.max(tally.expected?);
        let over = elapsed(since, now) >= self.analysis.patience.duration();
        let gives_up = self.analysis.on_missing == OnMissing::Abort;
        (over && gives_up).then(|| Cause::AnalysisMissing {
            metric: metric.name.clone(),
            why: tally.why.clone(),
        })
    }

    /// After so long without a sample it is silent. One that takes its time is of when it was begun.
    fn silence(&self, metric: &Metric) -> Duration {
        self.analysis.interval.duration() * SILENCE + metric.takes()
    }

    fn is_silent(&self, metric: &Metric, since: Timestamp, now: Timestamp) -> bool {
        elapsed(since, now) > self.silence(metric)
    }

    /// When to look again because it has been silent for too long. A sample that comes in is a reason of its own.
    pub(super) fn wake(
        &self,
        metric: &Metric,
        tallies: Option<&Tallies>,
        now: Timestamp,
    ) -> Timestamp {
        let tally = tallies.and_then(|all| all.get(&metric.name));
        let heard = tally.and_then(Tally::heard);
        let silent = later(
            later(heard.unwrap_or(now), self.silence(metric)),
            Duration::from_secs(1),
        );
        let patience = self.analysis.patience.duration();
        let over = tally
            .and_then(|tally| Some(tally.missing?.max(tally.expected?)))
            .map(|since| later(since, patience))
            .filter(|over| *over > now);
        over.map_or(silent, |over| over.min(silent)).max(now)
    }

    /// When the next sample is to be taken.
    pub(super) fn due(&self, tally: Option<&Tally>, now: Timestamp) -> Timestamp {
        match tally.and_then(|tally| tally.last) {
            Some(last) => later(last, self.analysis.interval.duration()),
            None => now,
        }
    }
}

impl Tally {
    /// When something was last heard, or expected to be.
    fn heard(&self) -> Option<Timestamp> {
        self.last.max(self.expected)
    }

    fn take(&mut self, decision: &judge::Decision, counts: Option<Timestamp>) {
        match decision.verdict {
            Verdict::Good => {
                let counts = counts.is_some_and(|from| decision.at >= from);
                self.good = self.good.saturating_add(u32::from(counts));
                self.clear();
            }
            Verdict::Bad => {
                self.bad = self.bad.saturating_add(1);
                self.clear();
            }
            Verdict::Missing => {
                self.missing.get_or_insert(decision.at);
                decision.why.clone_into(&mut self.why);
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.missing = None;
        self.why.clear();
    }
}

impl Rollout {
    /// While nobody is served, or nobody is left to compare with, there are no numbers, and none is missing; those from
    /// before prove nothing after it.
    fn rest(&mut self, seen: &Observation) {
        let asked = self.watched_analysis(seen).filter(|_| self.serves(seen));
        let metrics = asked.map_or_else(Vec::new, |analysis| analysis.metrics);
        if let Phase::Stepping(Stepping { watch, .. }) | Phase::Promoting { watch, .. } =
            &mut self.phase
        {
            let rests = |name: &str| metrics.iter().all(|metric| metric.name != name);
            for (_, tally) in watch.iter_mut().filter(|(name, _)| rests(name)) {
                (tally.good, tally.expected) = (0, None);
                tally.clear();
            }
        }
    }

    /// What is watched now: of the new version alone as soon as the old one has no users any more.
    pub(super) fn watched_analysis(&self, seen: &Observation) -> Option<Analysis> {
        let analysis = self.strategy.analysis.as_ref()?;
        match self.has_everybody(seen) {
            true => analysis.alone(),
            false => Some(analysis.clone()),
        }
    }

    /// True if the old version is led nobody.
    fn has_everybody(&self, seen: &Observation) -> bool {
        let by_pods = match seen.uncut {
            Some(_) => self.watched.is_empty() || self.watched.iter().any(|one| one.by_pods),
            None => seen.workloads.values().any(|one| !one.router.is_exact()),
        };
        matches!(self.phase, Phase::Baking { .. }) || (self.weight == 100 && !by_pods)
    }

    /// Every analysis whose samples mean something now.
    pub(super) fn armed(&self, seen: &Observation) -> Vec<Armed> {
        let mut armed = Vec::new();
        let (from, counts, scope) = match &self.phase {
            Phase::Stepping(stepping) => (self.began, stepping.reached, "watch"),
            Phase::Promoting { .. } => (self.began, None, "watch"),
            Phase::Baking { since, .. } => (*since, Some(*since), "bake"),
            Phase::Returning { .. } | Phase::Ending { .. } => return armed,
        };
        let baking = matches!(self.phase, Phase::Baking { .. });
        if let Some(analysis) = self.watched_analysis(seen) {
            armed.push(Armed {
                scope: format!("{}/{scope}", self.id()),
                analysis,
                from,
                counts,
                is_gate: false,
                is_asked: baking || self.serves(seen),
            });
        }
        armed.extend(self.armed_gate());
        match seen.uncut.is_some() {
            true => self.still_asked(armed),
            false => armed,
        }
    }

    fn armed_gate(&self) -> Option<Armed> {
        let Phase::Stepping(stepping) = &self.phase else {
            return None;
        };
        let reached = stepping.reached?;
        Some(Armed {
            scope: format!("{}/{}", self.id(), self.step),
            analysis: self.gate_analysis()?,
            from: reached,
            counts: Some(reached),
            is_gate: true,
            is_asked: true,
        })
    }

    pub(crate) fn gate_analysis(&self) -> Option<Analysis> {
        match step_at(&self.strategy.steps, self.step)? {
            Step::Analysis(analysis) => Some(analysis.clone()),
            Step::Synthetic(synthetic) => {
                let metrics = synthetic.checks.iter().map(|check| Metric {
                    name: check.clone(),
                    from: Source::Synthetic(check.clone()),
                    max: None,
                    min: Some(1.0),
                    compare: None,
                    condition: None,
                    min_samples: 0,
                });
                Some(Analysis {
                    interval: synthetic.interval,
                    count: Some(synthetic.count),
                    ..Analysis::of(metrics.collect())
                })
            }
            _ => None,
        }
    }

    fn tallies(&mut self, gate: bool) -> Option<&mut Tallies> {
        match &mut self.phase {
            Phase::Stepping(Stepping { gate: own, .. }) if gate => Some(own),
            Phase::Stepping(Stepping { watch, .. })
            | Phase::Promoting { watch, .. }
            | Phase::Baking { watch, .. } => Some(watch),
            Phase::Returning { .. } | Phase::Ending { .. } => None,
        }
    }

    /// What the step's own analysis waits for.
    pub(super) fn gate_waits(&self, stepping: &Stepping) -> Option<String> {
        let Some(analysis) = self.gate_analysis() else {
            return Some("the step's analysis cannot be read".to_owned());
        };
        waits(&analysis, &stepping.gate, GATE)
    }

    /// What is watched all the time and is not known to be well.
    pub(super) fn watch_waits(&self, stepping: &Stepping, seen: &Observation) -> Option<String> {
        let analysis = self.watched_analysis(seen)?;
        match self.serves(seen) {
            true => waits(&analysis, &stepping.watch, WATCH),
            false => None,
        }
    }

    /// True unless somebody is served by the new version and its numbers are not known: nobody is added then.
    pub(super) fn is_heard(&self, seen: &Observation) -> bool {
        let (Some(analysis), Phase::Stepping(stepping)) =
            (self.watched_analysis(seen), &self.phase)
        else {
            return true;
        };
        let known = |metric: &Metric| {
            let tally = stepping.watch.get(&metric.name);
            tally.is_some_and(|tally| tally.last.is_some() && tally.missing.is_none())
        };
        self.weight == 0 || analysis.metrics.iter().all(known)
    }

    /// A number that is missing now, of what is watched.
    pub(super) fn watch_misses(&self) -> Option<String> {
        let Phase::Promoting { watch, .. } = &self.phase else {
            return None;
        };
        let mut missing = watch.iter().filter(|(_, tally)| tally.missing.is_some());
        missing
            .next()
            .map(|(name, tally)| format!("{name}: {}", tally.why))
    }
}

fn waits(analysis: &Analysis, tallies: &Tallies, default: u32) -> Option<String> {
    let needed = analysis.count.unwrap_or(default);
    analysis.metrics.iter().find_map(|metric| {
        let name = &metric.name;
        let Some(tally) = tallies.get(name) else {
            return Some(format!("{name}: 0 of {needed} good samples"));
        };
        if tally.missing.is_some() {
            return Some(format!("{name}: {}", tally.why));
        }
        (tally.good < needed).then(|| format!("{name}: {} of {needed} good samples", tally.good))
    })
}
