//! A rollout as people look at it, and as programs get it: one value, made from documents and pods.

use std::collections::BTreeMap;

use api::v1alpha1::{
    CommandAnswer, HeldRevision, MetricState, ReleaseRollout, RolloutPhase, RolloutStatus,
    WorkloadShare,
};
use jiff::Timestamp;
use rollout::observe::Router;
use rollout::state::{Direction, Phase, Rollout};
use rollout::strategy::Step;
use rollout::wish::{Event, Record};
use rollout::words::SUFFIX;
use serde::Serialize;

use super::known::Known;
use super::may;
use super::pods::Seen;

/// How many decisions are shown.
const RECORDS: usize = 8;

/// Where a rollout stands.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct View {
    /// The Environment's namespace.
    pub(super) namespace: String,
    /// The Environment.
    pub(super) environment: String,
    /// Where it stands.
    pub(super) phase: RolloutPhase,
    /// True if nothing but somebody can move it on.
    pub(super) waits_for_somebody: bool,
    /// What commands and approvals are bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rollout: Option<String>,
    /// The strategy's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) strategy: Option<String>,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) began: Option<Timestamp>,
    /// True if it goes back to a former release.
    pub(super) back: bool,
    /// The step it is at, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) step: Option<usize>,
    /// All steps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) steps: Vec<Place>,
    /// Per cent of the requests that the new version is to get.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) weight: Option<u8>,
    /// The last good revision, then the new one, if there is one.
    pub(super) revisions: Vec<Revision>,
    /// The numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) metrics: Vec<MetricState>,
    /// What it waits for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) waiting: String,
    /// When it goes on by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<Timestamp>,
    /// When it is given up, unless what it waits for comes before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deadline: Option<Timestamp>,
    /// Seconds until the last step is passed, at best.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seconds_to_go: Option<u64>,
    /// True if somebody has to say something on the way.
    pub(super) needs_somebody: bool,
    /// Why it goes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cause: Option<String>,
    /// The revision that was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) held: Option<HeldRevision>,
    /// The newest command, and what became of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) command: Option<CommandAnswer>,
    /// What can be done next, as commands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) next: Vec<Next>,
    /// The last decisions, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) records: Vec<Record>,
    /// Why no pods are shown, if there is a reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) blind: Option<String>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Place {
    /// What kind it is: `pause`.
    pub(super) kind: &'static str,
    /// In few words: `2m`.
    pub(super) brief: String,
    /// Whether it is over.
    pub(super) stands: Stands,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Stands {
    Passed,
    Now,
    Ahead,
}

/// One revision.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Revision {
    /// The commit.
    #[serde(rename = "revision")]
    pub(super) id: String,
    /// True if it is the new one.
    pub(super) new: bool,
    /// Who made the commit, and what it is about, where its Release is still there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) commit: Option<Commit>,
    /// Per cent of the requests it is to get.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) asked: Option<u8>,
    /// Its workloads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) workloads: Vec<Workload>,
}

/// A commit in words.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Commit {
    pub(super) author: String,
    pub(super) subject: String,
}

/// One workload of one revision.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Workload {
    /// `Deployment/shop/web-canary`
    pub(super) object: String,
    /// Pods that can serve.
    pub(super) ready: u32,
    /// Pods that are wanted.
    pub(super) wanted: u32,
    /// Per cent of the requests it really gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) achieved: Option<u8>,
    /// Its pods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) pods: Vec<Seen>,
}

/// A command, and what it is for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Next {
    /// `driftless rollout promote production`
    pub(super) command: String,
    /// `goes on`
    pub(super) does: &'static str,
}

/// What is known, as of `now`.
pub(super) fn of(known: &Known, now: Timestamp) -> View {
    let status = known.status();
    let state = known.state();
    let rollout = state.as_ref().and_then(|state| state.rollout.as_ref());
    // Of another rollout it tells nothing about this one.
    let told = known.told().filter(|told| {
        rollout.is_none_or(|rollout| rollout.id() == told.id) && is_under_way(status.phase)
    });
    let mut view = View {
        namespace: known.namespace.clone(),
        environment: known.name.clone(),
        phase: status.phase,
        waits_for_somebody: false,
        rollout: told.map(|told| told.id.clone()),
        strategy: told.map(|told| told.strategy.clone()),
        began: None,
        back: false,
        step: told.and_then(|told| usize::try_from(told.step).ok()),
        steps: Vec::new(),
        weight: status.weight,
        revisions: revisions(known, &status, rollout, told),
        metrics: metrics(known, &status, told),
        waiting: status.message.clone(),
        until: told.and_then(|told| Some(told.step_until.as_ref()?.0)),
        deadline: None,
        seconds_to_go: None,
        needs_somebody: false,
        cause: None,
        held: status.held.clone(),
        command: status.command.clone(),
        next: Vec::new(),
        records: records(known),
        blind: known.blind.clone(),
    };
    if let Some(rollout) = rollout {
        view.tell(rollout, now);
    }
    view.next = next(&view, rollout);
    view
}

impl View {
    /// What the agent remembers tells more than what it says.
    fn tell(&mut self, rollout: &Rollout, now: Timestamp) {
        self.rollout = Some(rollout.id());
        self.began = Some(rollout.began);
        self.back = rollout.direction == Direction::Back;
        self.until = rollout.until();
        self.deadline = rollout.deadline();
        let stepping = matches!(rollout.phase, Phase::Stepping(_));
        let ending = matches!(rollout.phase, Phase::Ending { .. });
        if let Phase::Ending { cause, .. } = &rollout.phase {
            self.cause = Some(format!("{}: {}", cause.as_str(), cause.sentence()));
        }
        let stands = |place: usize| match place.cmp(&rollout.step) {
            std::cmp::Ordering::Less => Stands::Passed,
            std::cmp::Ordering::Equal if stepping => Stands::Now,
            _ if ending => Stands::Ahead,
            std::cmp::Ordering::Equal => Stands::Passed,
            // Left out by `promote --full`.
            std::cmp::Ordering::Greater => Stands::Ahead,
        };
        let steps = rollout.strategy.steps.iter().enumerate();
        self.steps = steps
            .map(|(place, step)| Place {
                kind: step.as_str(),
                brief: step.brief(),
                stands: stands(place),
            })
            .collect();
        self.step = stepping.then_some(rollout.step + 1);
        if stepping {
            let outlook = rollout.outlook(now);
            self.seconds_to_go = Some(outlook.at_best.as_secs());
            self.needs_somebody = outlook.needs_somebody;
            self.waits_for_somebody = rollout.paused.is_some()
                || rollout.halted.is_some()
                || (self.until.is_none() && may::waits_for_people(rollout) && is_reached(rollout));
        }
    }

    /// The share that the worst of the workloads really gives to the new version.
    pub(super) fn achieved(&self) -> Option<u8> {
        let new = self.revisions.iter().find(|one| one.new)?;
        new.workloads.iter().filter_map(|one| one.achieved).max()
    }
}

fn is_reached(rollout: &Rollout) -> bool {
    match &rollout.phase {
        Phase::Stepping(stepping) => stepping.reached.is_some(),
        _ => false,
    }
}

const fn is_under_way(phase: RolloutPhase) -> bool {
    !matches!(phase, RolloutPhase::Settled | RolloutPhase::Held)
}

fn revisions(
    known: &Known,
    status: &RolloutStatus,
    rollout: Option<&Rollout>,
    told: Option<&ReleaseRollout>,
) -> Vec<Revision> {
    let shares = told
        .map(|told| told.workloads.as_slice())
        .unwrap_or_default();
    let target = match rollout {
        Some(rollout) => Some(rollout.target.commit.clone()),
        None => told.and_then(|_| Some(known.release()?.spec.revision.clone())),
    };
    // What has been promoted is the good one already.
    let target = target.filter(|target| status.good.as_ref() != Some(target));
    let asked = status.weight.filter(|_| target.is_some());
    let make = |revision: &String, new: bool| Revision {
        commit: known.of_commit(revision).map(|release| Commit {
            author: release.spec.commit.author.clone(),
            subject: release.spec.commit.subject.clone(),
        }),
        id: revision.clone(),
        new,
        asked: asked.map(|asked| if new { asked } else { 100 - asked.min(100) }),
        workloads: match target.is_some() {
            true => shares.iter().map(|one| workload(one, new, known)).collect(),
            false => Vec::new(),
        },
    };
    let good = status.good.as_ref().map(|good| make(good, false));
    good.into_iter()
        .chain(target.as_ref().map(|target| make(target, true)))
        .collect()
}

fn workload(share: &WorkloadShare, new: bool, known: &Known) -> Workload {
    let in_place = share.router == Router::InPlace;
    let suffix = if new && !in_place { SUFFIX } else { "" };
    let object = format!("{}{suffix}", share.object);
    let count = if new { share.canary } else { share.stable };
    let mut parts = object.split('/');
    let (kind, namespace, name) = (parts.next(), parts.next(), parts.next());
    let is_of = |seen: &Seen| {
        let workload = seen.workload.as_ref();
        workload
            .is_some_and(|(of, called)| Some(of.as_str()) == kind && Some(called.as_str()) == name)
    };
    let pods: BTreeMap<_, _> = known
        .pods
        .iter()
        // In the same place old and new cannot be told apart by name: all are shown with the workload itself.
        .filter(|((place, _), seen)| {
            Some(place.as_str()) == namespace && is_of(seen) && !(new && in_place)
        })
        .collect();
    Workload {
        ready: count.ready,
        wanted: count.wanted,
        achieved: share
            .achieved
            .map(|share| if new { share } else { 100 - share.min(100) }),
        pods: pods.into_values().cloned().collect(),
        object,
    }
}

/// Those of the rollout under way; of a held revision those that it ended with.
fn metrics(
    known: &Known,
    status: &RolloutStatus,
    told: Option<&ReleaseRollout>,
) -> Vec<MetricState> {
    let held = status.held.as_ref();
    let ended = held.and_then(|held| {
        let release = known.releases.get(&held.release)?;
        release.status.as_ref()?.rollout.as_ref()
    });
    let told = told.or(ended.filter(|_| status.phase == RolloutPhase::Held));
    let mut metrics = told.map(|told| told.metrics.clone()).unwrap_or_default();
    // The Release is written a moment later.
    let last = held.and_then(|held| held.decision.as_ref());
    for metric in &mut metrics {
        if let Some(last) = last.filter(|last| last.metric == metric.last.metric)
            && last.at > metric.last.at
        {
            metric.recent.extend(last.number);
            metric.last = last.clone();
        }
    }
    metrics
}

/// What was decided, but for the many numbers that were good.
fn records(known: &Known) -> Vec<Record> {
    let all = known
        .told()
        .map(|told| told.records.as_slice())
        .unwrap_or_default();
    let worth = all.iter().filter(|record| record.event != Event::Judged);
    let worth: Vec<Record> = worth.cloned().collect();
    let from = worth.len().saturating_sub(RECORDS);
    worth.into_iter().skip(from).collect()
}

fn next(view: &View, rollout: Option<&Rollout>) -> Vec<Next> {
    let (name, namespace) = (&view.environment, &view.namespace);
    let command = |word: &str, more: &str, does| Next {
        command: format!("driftless rollout {word} {name} -n {namespace}{more}"),
        does,
    };
    if rollout.is_some_and(|rollout| rollout.halted.is_some()) {
        return vec![Next {
            command: format!("driftless resume {name} -n {namespace}"),
            does: "goes on from here",
        }];
    }
    match view.phase {
        RolloutPhase::Held => vec![command(
            "retry",
            "",
            "tries it again; a newer commit goes on, too",
        )],
        RolloutPhase::Stepping if view.waits_for_somebody => {
            let is_approve = rollout.is_some_and(|rollout| {
                let step = rollout.strategy.steps.get(rollout.step);
                matches!(step, Some(Step::Approve(_))) && rollout.paused.is_none()
            });
            let step = view
                .step
                .map(|step| format!(" --step {step}"))
                .unwrap_or_default();
            match is_approve {
                true => vec![command("approve", &step, "approves this step")],
                false => vec![command("promote", "", "goes on")],
            }
        }
        _ => Vec::new(),
    }
}
