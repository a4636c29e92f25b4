//! Rollouts in reports: the Release's part, its phase, the condition and events.

use api::{
    Reason,
    v1alpha1::{Phase, ReleaseRollout, RolloutPhase},
};
use rollout::wish;

use super::Event;
use crate::outcome::{Outcome, Told};

/// How many decisions a Release keeps.
const RECORDS: usize = 100;

/// The Release's part after `outcome`.
pub(super) fn release(outcome: &Outcome, old: Option<&ReleaseRollout>) -> Option<ReleaseRollout> {
    let Some(told) = &outcome.rollout else {
        return old.cloned();
    };
    let mut new = match (&told.release, old) {
        (Some(new), _) => new.clone(),
        (None, Some(old)) => ReleaseRollout {
            phase: told.status.phase,
            message: told.status.message.clone(),
            step_until: None,
            gate: None,
            metrics: match told.metrics.is_empty() {
                true => old.metrics.clone(),
                false => told.metrics.clone(),
            },
            ..old.clone()
        },
        (None, None) => return None,
    };
    let before = old.map(|old| old.records.as_slice()).unwrap_or_default();
    // A write that failed, or that somebody did not live to make, is made up for.
    let new_ones = told.records.iter().filter(|one| !before.contains(one));
    let all: Vec<_> = before.iter().chain(new_ones).cloned().collect();
    let surplus = all.len().saturating_sub(RECORDS);
    new.records = all.into_iter().skip(surplus).collect();
    Some(new)
}

/// The phase of the Release, where the rollout decides it.
pub(super) fn phase(outcome: &Outcome) -> Option<Phase> {
    let told = outcome.rollout.as_ref()?;
    match told.status.phase {
        // What is watched or stands may be what was before it.
        RolloutPhase::Settled | RolloutPhase::Baking => {
            (!told.current).then_some(Phase::Progressing)
        }
        RolloutPhase::Held => Some(Phase::Failed),
        _ => Some(Phase::Progressing),
    }
}

/// True if what git asks for was rejected.
pub(super) fn is_held(outcome: &Outcome) -> bool {
    let told = outcome.rollout.as_ref();
    told.is_some_and(|told| told.status.phase == RolloutPhase::Held)
}

/// True while a revision is on its way.
pub(super) fn is_on_its_way(outcome: &Outcome) -> bool {
    matches!(phase(outcome), Some(Phase::Progressing))
}

/// True while it is promoted and still watched, so that there may be more to tell.
pub(super) fn is_baking(outcome: &Outcome) -> bool {
    let told = outcome.rollout.as_ref();
    told.is_some_and(|told| told.status.phase == RolloutPhase::Baking)
}

/// Why the Environment is not ready on account of a rollout, and whether somebody has to act.
pub(super) fn verdict(told: &Told) -> Option<(Reason, String, bool)> {
    let status = &told.status;
    match (&status.held, status.phase) {
        (Some(held), RolloutPhase::Held) => {
            let good = status.good.as_deref().map_or("nothing", short);
            let message = format!(
                "revision {} was rejected: {}; {good} serves; push a newer commit, or `driftless rollout retry`",
                short(&held.revision),
                held.message
            );
            Some((rejected(&held.reason), message, true))
        }
        (_, RolloutPhase::Settled | RolloutPhase::Baking) if !told.current => {
            let message = "the revision is about to set out".to_owned();
            Some((Reason::RollingOut, message, false))
        }
        (_, RolloutPhase::Settled | RolloutPhase::Baking | RolloutPhase::Held) => None,
        _ => {
            let step = status.step.as_deref().unwrap_or(status.phase.as_str());
            let weight = status.weight.unwrap_or_default();
            let waits = match status.message.as_str() {
                "" => String::new(),
                message => format!("; {message}"),
            };
            let reason = match waits_for_somebody(told) {
                true => Reason::RolloutWaiting,
                false => Reason::RollingOut,
            };
            Some((
                reason,
                format!("{step}: {weight} % of the traffic{waits}"),
                false,
            ))
        }
    }
}

/// What somebody has to see to before the next revision, although all is well with this one.
pub(super) fn warning(outcome: &Outcome) -> Option<&str> {
    let told = outcome.rollout.as_ref().filter(|told| told.current)?;
    let message = told.status.message.as_str();
    (told.status.phase == RolloutPhase::Settled && !message.is_empty()).then_some(message)
}

/// What was decided in one look, in as few events as there are reasons; numbers that were good are none.
pub(super) fn events(outcome: &Outcome) -> Vec<Event> {
    let Some(told) = &outcome.rollout else {
        return Vec::new();
    };
    let untold = |record: &&wish::Record| match record.event {
        wish::Event::Judged | wish::Event::Capped => false,
        // That a step with a share has begun is told when somebody is given that share.
        wish::Event::StepStarted => !is_about_weight(told),
        _ => true,
    };
    let mut events: Vec<Event> = Vec::new();
    for record in told.records.iter().filter(untold) {
        let message = match &record.by {
            Some(by) => format!("{} (by {by})", record.message),
            None => record.message.clone(),
        };
        let warning = matches!(record.event, wish::Event::Ending | wish::Event::RollingBack);
        let reason = match record.event {
            wish::Event::Promoted => Reason::Promoted,
            _ => Reason::RollingOut,
        };
        match events.last_mut() {
            Some(last) if (last.warning, last.reason) == (warning, reason) => {
                last.message.push_str("; ");
                last.message.push_str(&message);
            }
            _ => events.push(Event {
                warning,
                reason,
                message,
            }),
        }
    }
    events
}

fn is_about_weight(told: &Told) -> bool {
    let release = told.release.as_ref();
    release.is_some_and(|release| release.step_kind == "weight")
}

/// Nothing but somebody can move it on.
fn waits_for_somebody(told: &Told) -> bool {
    told.release.as_ref().is_some_and(|release| {
        release.step_until.is_none() && matches!(release.step_kind.as_str(), "approve" | "pause")
    })
}

fn rejected(word: &str) -> Reason {
    let all = [
        Reason::AnalysisFailed,
        Reason::AnalysisMissing,
        Reason::CanaryNotReady,
        Reason::CanaryCrashing,
        Reason::HookFailed,
        Reason::SyntheticAlarm,
        Reason::RolloutAborted,
    ];
    let found = all.into_iter().find(|reason| reason.as_str() == word);
    found.unwrap_or(Reason::RolloutReverted)
}

fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

#[cfg(test)]
mod tests {
    use api::v1alpha1::RolloutStatus;
    use jiff::Timestamp;
    use rollout::wish::{Event as Decided, Record};

    use super::*;

    fn record(event: Decided, message: &str) -> Record {
        Record {
            at: Timestamp::UNIX_EPOCH,
            event,
            message: message.to_owned(),
            by: None,
            decision: None,
        }
    }

    fn outcome(step_kind: &str, records: Vec<Record>) -> Outcome {
        let release = ReleaseRollout {
            id: "production-000042#1".to_owned(),
            strategy: "canary".to_owned(),
            phase: RolloutPhase::Stepping,
            step: 2,
            steps: 4,
            step_kind: step_kind.to_owned(),
            step_since: None,
            step_until: None,
            weight: 10,
            message: String::new(),
            workloads: Vec::new(),
            metrics: Vec::new(),
            gate: None,
            records: Vec::new(),
        };
        let told = Told {
            status: RolloutStatus::default(),
            release: Some(release),
            metrics: Vec::new(),
            records,
            current: false,
        };
        Outcome {
            rollout: Some(told),
            ..Outcome::default()
        }
    }

    #[test]
    fn a_revision_that_is_about_to_set_out_is_neither_ready_nor_over() {
        for phase in [RolloutPhase::Settled, RolloutPhase::Baking] {
            let mut outcome = outcome("pause", Vec::new());
            let told = outcome.rollout.as_mut().unwrap();
            told.status.phase = phase;
            assert_eq!(super::phase(&outcome), Some(Phase::Progressing));
            let told = outcome.rollout.as_mut().unwrap();
            let ready = verdict(told).map(|(reason, _, _)| reason);
            assert_eq!(ready, Some(Reason::RollingOut));
            told.current = true;
            assert_eq!(verdict(told), None, "it serves");
            assert_eq!(super::phase(&outcome), None);
        }
    }

    #[test]
    fn what_the_release_tells_already_is_not_told_again() {
        let ending = record(Decided::Ending, "error-rate is 0.3");
        let ended = record(Decided::Ended, "4f2c1aa is off");
        let first = release(&outcome("pause", vec![ending.clone()]), None);
        // Whoever comes next does not know whether the first one was written.
        let again = outcome("pause", vec![ending.clone(), ended.clone()]);
        let second = release(&again, first.as_ref()).map(|told| told.records);
        assert_eq!(second, Some(vec![ending, ended]));
    }

    #[test]
    fn one_look_makes_one_event_for_each_reason() {
        let step = record(Decided::StepStarted, "step 2 of 4: weight");
        let share = record(Decided::Weighted, "10 % -> 25 %");
        let judged = record(Decided::Judged, "error-rate is 0.001");
        let said = |outcome: &Outcome| -> Vec<String> {
            let events = events(outcome).into_iter();
            events.map(|event| event.message).collect()
        };
        let begins = outcome("weight", vec![step.clone()]);
        assert_eq!(said(&begins), [""; 0], "the share will tell it");
        let weighed = outcome("weight", vec![step, judged, share.clone()]);
        assert_eq!(said(&weighed), ["10 % -> 25 %"]);
        let pause = record(Decided::StepStarted, "step 3 of 4: pause");
        let both = outcome("pause", vec![share, pause]);
        assert_eq!(said(&both), ["10 % -> 25 %; step 3 of 4: pause"]);
        let back = record(Decided::Ending, "error-rate is 0.3");
        let warned = events(&outcome("pause", vec![back]));
        assert!(warned[0].warning);
    }
}
