//! What an actor remembers between passes. All of it can be lost: it is read again from git and the cluster.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use api::{
    ConditionType, Reason,
    conditions::find,
    names,
    v1alpha1::{Environment, EnvironmentStatus, SourceSpec},
};
use krm::ObjectId;
use plan::{health::HealthStatus, inventory::Entry, point::Point};
use source::Revision;
use tokio::time::Instant;

use crate::{
    archive::Archived,
    checks::Checks,
    fields::FieldRules,
    journey::Journey,
    ledger::Ledger,
    outcome::{Outcome, Stop},
    owing::Owing,
    patience::Patience,
    registry::Answers,
    releases::OpenRelease,
    rendered::Memo,
    repos::{Mirrored, Subscription},
    rollouts::Rollouts,
    stored::Stored,
    targets::Aim,
    trigger::Trigger,
};

/// Everything one environment's actor remembers.
pub(crate) struct State {
    /// The status as it was last written.
    pub(crate) status: EnvironmentStatus,
    /// The generation of the spec that was last acted on.
    pub(crate) generation: Option<i64>,
    /// The approval that was last acted on.
    pub(crate) approved: Option<String>,
    /// The revision that was last let through outside of its windows.
    pub(crate) let_through: Option<String>,
    /// The config repo it follows.
    pub(crate) followed: Option<Followed>,
    /// Mirrors of config repos that it followed before, for revisions that the new one does not have.
    pub(crate) left: Vec<Arc<Mirrored>>,
    /// The cluster its objects are in, once found.
    pub(crate) aim: Option<Aim>,
    /// The inventory, once read.
    pub(crate) ledger: Option<Ledger>,
    /// What was applied, as far as it is kept.
    pub(crate) archived: Archived,
    /// What the last render was made from.
    pub(crate) memo: Option<Arc<Memo>>,
    /// The release under way.
    pub(crate) release: Option<OpenRelease>,
    /// What is on its way step by step.
    pub(crate) rollouts: Option<Rollouts>,
    /// What is to be told later.
    pub(crate) owing: Owing,
    /// The HTTP checks that run.
    pub(crate) checks: Checks,
    /// When it passed which stage.
    pub(crate) journey: Option<Journey>,
    /// The outcome of the last full pass.
    pub(crate) last: Option<Outcome>,
    /// What the spec said about single fields.
    pub(crate) fields: FieldRules,
    /// Which objects differ from git and are only told of.
    pub(crate) drifted: BTreeSet<ObjectId>,
    /// Which fields of others the last full pass saw on which objects.
    pub(crate) foreign_seen: BTreeMap<ObjectId, u64>,
    /// Where objects differ of which the watch told nothing, until they are put right.
    pub(crate) audited: BTreeMap<ObjectId, Vec<String>>,
    /// The object that was audited last.
    pub(crate) audited_up_to: Option<ObjectId>,
    /// True while later waves wait for the health of earlier ones: then health is more than a word.
    pub(crate) waves_wait: bool,
    /// Deletions that wait for neighbours.
    pub(crate) patience: Patience,
    /// The request that was last acted on, whether or not the status says so yet.
    pub(crate) request: Option<String>,
    /// Whether it is known what the cluster holds of the rollout.
    pub(crate) stored: Stored,
    /// Whether commits concern environments that are waited for.
    pub(crate) answers: Answers,
    /// True while other environments have to be ready first.
    pub(crate) waits_for_others: bool,
    /// Since when the applied objects have not been healthy.
    pub(crate) unwell_since: Option<Instant>,
    /// Target namespaces that exist and are somebody else's.
    pub(crate) foreign_namespaces: BTreeSet<String>,
}

/// The config repo an environment follows.
pub(crate) struct Followed {
    /// What the spec said when it was subscribed to.
    pub(crate) source: SourceSpec,
    pub(crate) subscription: Subscription,
    /// The state of the branch that the last full pass was made with; the inner `None` is a missing branch.
    #[expect(
        clippy::option_option,
        reason = "not looked yet, looked and not there, there"
    )]
    pub(crate) dealt_with: Option<Option<Revision>>,
    /// Whether reading had failed then.
    pub(crate) faulty: bool,
    /// Whether other credentials may help: then they are read again before the next try.
    pub(crate) refused: bool,
}

impl State {
    /// The memory of an actor that has just begun.
    pub(crate) fn of(environment: &Environment) -> Self {
        let annotations = environment.metadata.annotations.as_ref();
        let status = environment.status.clone().unwrap_or_default();
        Self {
            generation: None,
            approved: annotations.and_then(|all| all.get(names::APPROVED_PLAN).cloned()),
            let_through: None,
            followed: None,
            left: Vec::new(),
            aim: None,
            ledger: None,
            archived: Archived::default(),
            memo: None,
            release: None,
            rollouts: None,
            owing: Owing::default(),
            checks: Checks::default(),
            journey: None,
            last: None,
            fields: FieldRules::default(),
            drifted: BTreeSet::new(),
            foreign_seen: BTreeMap::new(),
            audited: BTreeMap::new(),
            audited_up_to: None,
            waves_wait: false,
            patience: Patience::default(),
            request: status.handled_request.clone(),
            stored: Stored::default(),
            answers: Answers::new(),
            waits_for_others: false,
            unwell_since: None,
            foreign_namespaces: BTreeSet::new(),
            status,
        }
    }

    /// True if the status that was last written says that all is well.
    pub(crate) fn was_ready(&self) -> bool {
        find(&self.status.conditions, ConditionType::Ready)
            .is_some_and(|ready| ready.status == "True")
    }

    /// Notes that the Release tells what was decided in a rollout, or that there is none that could.
    pub(crate) fn told(&mut self) {
        self.owing.changes.clear();
        if let Some(rollouts) = &mut self.rollouts {
            rollouts.untold.clear();
        }
    }

    /// Forgets what was read of the workloads of a rollout: something may have happened to them.
    pub(crate) fn forget_view(&mut self) {
        if let Some(rollouts) = &mut self.rollouts {
            rollouts.view = None;
        }
    }

    /// When being unhealthy becomes a failure.
    pub(crate) fn deadline(&self, timeout: Duration) -> Option<Instant> {
        let due = self.unwell_since? + timeout;
        let told = self
            .last
            .as_ref()?
            .health
            .as_ref()
            .is_some_and(|health| health.overdue);
        (!told).then_some(due)
    }

    /// True if `trigger` can have changed nothing but health, so that no new plan is needed.
    pub(crate) fn is_only_health(&self, trigger: &Trigger) -> bool {
        let (Some(_), Some(last)) = (&self.ledger, &self.last) else {
            return false;
        };
        if self.waves_wait
            || last.hook.is_some()
            || last.open.running
            || (last.open.on_failure && *trigger == Trigger::Deadline)
            || last.rollout.is_some()
            || last
                .stop
                .as_ref()
                .is_some_and(|stop| !waits_for_its_time(stop))
            || last.pending.is_some()
            || !last.failures.is_empty()
        {
            return false;
        }
        match trigger {
            Trigger::Live(ids) => {
                self.changed_by_others(ids).is_empty() && self.added_to_by_others(ids).is_empty()
            }
            _ => true,
        }
    }

    /// True if `trigger` says no more than that Jobs which are run for a number are still at work, or are gone as they
    /// were to be.
    pub(crate) fn is_only_work(&self, trigger: &Trigger) -> bool {
        let (Trigger::Live(ids), Some(aim), Some(ledger)) = (trigger, &self.aim, &self.ledger)
        else {
            return false;
        };
        let snapshot = aim.target.live.snapshot(ids.iter());
        let at_work = |id: &ObjectId| {
            let entry = ledger.inventory.get(id);
            let run = entry.and_then(|entry| entry.hook.as_ref());
            let is_sample = run.is_some_and(|run| run.point == Point::Sample);
            match (entry, snapshot.known(id)) {
                (None, None) => id.kind == "Job",
                (Some(entry), Some(known)) => {
                    let health = aim.target.live.health(id).status;
                    is_sample
                        && entry.uid.as_ref() == Some(&known.facts.uid)
                        && health == HealthStatus::Progressing
                }
                _ => false,
            }
        };
        !ids.is_empty() && ids.iter().all(at_work)
    }

    /// Those of `ids` that are no longer as the inventory recorded them.
    pub(crate) fn changed_by_others<'i>(&self, ids: &'i BTreeSet<ObjectId>) -> Vec<&'i ObjectId> {
        let Some(aim) = &self.aim else {
            return Vec::new();
        };
        let snapshot = aim.target.live.snapshot(ids.iter());
        let same = |id: &&ObjectId| {
            let entry = self
                .ledger
                .as_ref()
                .and_then(|ledger| ledger.inventory.get(id));
            match (entry, snapshot.known(id)) {
                (Some(entry), Some(known)) => {
                    entry.uid.as_ref() == Some(&known.facts.uid)
                        && entry.owned == known.facts.owned
                        && !known.facts.deleting
                }
                (None, None) => true,
                _ => false,
            }
        };
        ids.iter().filter(|id| !same(id)).collect()
    }

    /// Takes in what an audit found: these objects are no longer as the inventory recorded them.
    pub(crate) fn audited(&mut self, missed: BTreeMap<ObjectId, Vec<String>>) {
        let Some(ledger) = &mut self.ledger else {
            return;
        };
        for id in missed.keys() {
            if let Some(entry) = ledger.inventory.get(id).cloned() {
                ledger.inventory.applied(
                    id,
                    Entry {
                        owned: None,
                        ..entry
                    },
                );
            }
        }
        self.audited = missed;
    }

    /// Those of `ids` to which people have added fields, or from which they took some away, since the last pass.
    pub(crate) fn added_to_by_others<'i>(&self, ids: &'i BTreeSet<ObjectId>) -> Vec<&'i ObjectId> {
        let Some(aim) = &self.aim else {
            return Vec::new();
        };
        let snapshot = aim.target.live.snapshot(ids.iter());
        let counts = |manager: &str| self.fields.counts(manager);
        let set = |id: &ObjectId| {
            let others = snapshot.known(id)?.others.as_ref()?.set_of(&counts);
            Some(others).filter(|set| *set != 0)
        };
        let moved = ids
            .iter()
            .filter(|id| set(id) != self.foreign_seen.get(*id).copied());
        moved.collect()
    }
}

/// True if a new revision waits while what was applied before is kept up as ever.
pub(crate) fn waits_for_its_time(stop: &Stop) -> bool {
    stop.reason == Reason::OutsideWindow
}
