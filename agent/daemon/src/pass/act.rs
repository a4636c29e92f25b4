//! Carries a plan out: as many objects at a time as allowed, in the order the plan's waves say.

use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    pin::Pin,
};

use api::v1alpha1::{Action, ChangeRecord, Failure, Leaving, StageName, StageResult};
use cluster::{Applied, Deleted};
use futures::{StreamExt as _, stream::FuturesUnordered};
use krm::{Brief, ObjectId};
use plan::{
    desired::Desired,
    diff::{Change, Deletion, Plan},
    inventory::{Entry, Fate},
    waves::{Ended, Progress, PruneGate, Step},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Pass,
    apply::{Carried, Carrier, Unapplied},
    scopes::Kinds,
};
use crate::{
    live::{Live, ownership},
    outcome::Retry,
};

/// One thing that can be done now.
#[derive(Clone, Copy)]
enum Job {
    /// A place in the desired objects.
    Apply(usize),
    /// A place in the plan's deletions.
    Delete(usize),
}

/// What came of a job.
enum Done {
    Applied(usize, Result<Box<Carried>, Unapplied>),
    Deleted(usize, Result<Deleted, String>),
}

/// What is to be carried out.
pub(super) struct Work<'w> {
    pub(super) desired: &'w [Desired],
    pub(super) plan: &'w Plan,
    pub(super) gate: PruneGate,
    /// The first wave of which something is not in `desired`, because nobody can say how it stands.
    pub(super) lacking: Option<i32>,
}

impl<'w> Work<'w> {
    /// What git asks for, and deletions once all of it is healthy.
    pub(super) const fn new(desired: &'w [Desired], plan: &'w Plan, lacking: Option<i32>) -> Self {
        let gate = PruneGate::Healthy;
        Self {
            desired,
            plan,
            gate,
            lacking,
        }
    }
}

/// Everything under way.
struct Crew<'w> {
    carrier: &'w Carrier<'w>,
    desired: &'w [Desired],
    plan: &'w Plan,
    changes: BTreeMap<usize, Change>,
    progress: Progress<'w>,
    /// Hooks whose turn has come.
    due: Vec<usize>,
    queue: VecDeque<Job>,
    work: FuturesUnordered<Pin<Box<dyn Future<Output = Done> + Send + 'w>>>,
    /// True if nothing more can be done until something becomes healthy.
    waits: bool,
}

impl<'w> Crew<'w> {
    fn new(
        carrier: &'w Carrier<'w>,
        desired: &'w [Desired],
        plan: &'w Plan,
        progress: Progress<'w>,
    ) -> Self {
        let changes = plan.waves.iter().flat_map(|wave| &wave.changes);
        Self {
            carrier,
            desired,
            plan,
            changes: changes.map(|change| (change.index, *change)).collect(),
            progress,
            due: Vec::new(),
            queue: VecDeque::new(),
            work: FuturesUnordered::new(),
            waits: false,
        }
    }

    /// Takes what can be done next into the queue.
    fn refill(&mut self, live: &Live) {
        if !self.queue.is_empty() {
            return;
        }
        match self.progress.next(&|id: &ObjectId| live.health(id).status) {
            Step::Apply(indices) => self.queue.extend(indices.into_iter().map(Job::Apply)),
            Step::Run(hooks) => self.due = hooks,
            Step::Delete(indices) => self.queue.extend(indices.into_iter().map(Job::Delete)),
            Step::Wait(_) => self.waits = self.work.is_empty(),
            Step::Done => {}
        }
    }

    /// Starts jobs until `most` are under way.
    fn start(&mut self, most: usize) {
        while self.work.len() < most
            && let Some(job) = self.queue.pop_front()
        {
            self.work.push(match job {
                Job::Apply(index) => Box::pin(self.apply(index)),
                Job::Delete(index) => {
                    let (carrier, deletion) = (self.carrier, &self.plan.prune[index]);
                    Box::pin(async move { Done::Deleted(index, carrier.delete(deletion).await) })
                }
            });
        }
    }

    fn apply(&self, index: usize) -> impl Future<Output = Done> + Send + use<'w> {
        let change = self.changes.get(&index);
        let force = change.is_some_and(|change| change.force);
        let adopt = change.is_some_and(|change| change.action == plan::diff::Action::Adopt);
        let (carrier, object) = (self.carrier, &self.desired[index]);
        async move {
            let carried = carrier.apply(object, force, adopt).await;
            Done::Applied(index, carried.map(Box::new))
        }
    }
}

impl Pass<'_> {
    /// Who carries objects with the rights of the environment.
    pub(super) fn carrier<'k>(&self, kinds: &'k Kinds) -> Carrier<'k>
    where
        Self: 'k,
    {
        let entries = self.state.ledger.iter();
        let entries = entries.flat_map(|ledger| ledger.inventory.iter());
        let granted = entries.filter_map(|(id, entry)| match &entry.fate {
            Some(Fate::Recreate(_)) => Some((id.clone(), entry.uid.as_ref()?.to_string())),
            _ => None,
        });
        let (target, acting) = (self.target().clone(), self.acting.clone());
        Carrier::new(self.context, target, kinds, acting, granted.collect())
    }

    /// Does what can be done now. What has to wait for health is left to a later pass.
    pub(super) async fn act(
        &mut self,
        carrier: &Carrier<'_>,
        work: Work<'_>,
        cancel: &CancellationToken,
    ) {
        let began = Instant::now();
        let (hooks, complete) = self.hooks.states();
        let progress = Progress::new(work.plan, work.desired, work.gate);
        let progress = progress.lacking(work.lacking).with_hooks(hooks, complete);
        let mut crew = Crew::new(carrier, work.desired, work.plan, progress);
        loop {
            if self.interrupted(cancel) || carrier.lost().is_some() {
                crew.queue.clear();
            } else {
                crew.refill(&carrier.target.live);
            }
            let due = std::mem::take(&mut crew.due);
            if !due.is_empty() {
                for (index, ended) in self.start_hooks(&due, carrier).await {
                    crew.progress.started_hook(index, ended);
                }
                continue;
            }
            crew.start(self.context.concurrency);
            let Some(done) = crew.work.next().await else {
                break;
            };
            self.take(done, &mut crew);
        }
        let left = crew.progress.changes_left().into_iter();
        self.left = left.map(|index| work.desired[index].id.clone()).collect();
        let blocked = crew.progress.blocked().into_iter();
        self.outcome.held_back = blocked
            .map(|index| work.desired[index].id.clone())
            .collect();
        self.state.waves_wait = crew.waits && !self.interrupted(cancel);
        self.outcome.waves_wait = self.state.waves_wait;
        let result = match (self.outcome.failures.is_empty(), self.state.waves_wait) {
            (false, _) => StageResult::Failed,
            (true, true) => StageResult::Running,
            (true, false) => StageResult::Done,
        };
        // That something newer is there wakes the environment by itself; that its cluster is gone has to be told first.
        match carrier.lost() {
            Some((reason, message)) => self.no_cluster(reason, &message),
            None if self.interrupted(cancel) => self.interrupt(),
            None => {}
        }
        self.outcome
            .timed(StageName::Apply, result, began.elapsed(), None);
    }

    /// Takes in what came of one job.
    fn take(&mut self, done: Done, crew: &mut Crew<'_>) {
        match done {
            Done::Applied(index, result) => {
                let action = crew.changes.get(&index).map(|change| change.action);
                let ended = self.carried(&crew.desired[index], action, result);
                crew.progress.applied(index, ended);
            }
            Done::Deleted(index, result) => {
                let ended = self.deleted(&crew.plan.prune[index], result);
                crew.progress.deleted(index, ended);
            }
        }
    }

    /// True if something newer is there, or this replica has to stop.
    pub(super) fn interrupted(&self, cancel: &CancellationToken) -> bool {
        let newer = self.state.followed.as_ref().is_some_and(|followed| {
            let head = followed.subscription.peek();
            head.is_some_and(|head| followed.dealt_with.flatten() != Some(head))
        });
        newer || cancel.is_cancelled() || !self.context.fence.holds()
    }

    pub(super) fn interrupt(&mut self) {
        let message =
            "a newer commit or spec is there, or another replica took over; stopped in between";
        self.outcome
            .stop(api::Reason::Superseded, message, Retry::Now);
    }

    /// Takes in what came of applying one object.
    pub(super) fn carried(
        &mut self,
        object: &Desired,
        action: Option<plan::diff::Action>,
        result: Result<Box<Carried>, Unapplied>,
    ) -> Ended {
        let carried = match result {
            Ok(carried) => carried,
            Err(Unapplied::Anew(recreation)) => {
                self.recreations.push(recreation);
                return Ended::Badly;
            }
            Err(Unapplied::Told(message)) => {
                self.outcome.failures.push(Failure {
                    object: Some(object.id.to_string()),
                    at: object.origin.as_ref().map(ToString::to_string),
                    message,
                });
                return Ended::Badly;
            }
        };
        self.wrote(object, &carried.applied);
        let action = match carried.recreated {
            true => Some(Action::Recreated),
            false => action.and_then(crate::words::action),
        };
        if action.is_some() && !carried.applied.changed {
            self.repeated.insert(object.id.clone());
        }
        match action.filter(|_| carried.applied.changed || carried.recreated) {
            Some(action) => {
                self.changed(action, &object.id);
                if let Some(change) = self.outcome.changes.last_mut() {
                    change.from = carried.from;
                }
            }
            None => self.outcome.unchanged += 1,
        }
        Ended::Well
    }

    /// Records what the API server said in answer to an apply.
    pub(super) fn wrote(&mut self, object: &Desired, applied: &Applied) {
        let rest = Entry {
            wave: object.wave_in_git(),
            keep: object.keep,
            temporary: object.temporary,
            disturbance: object.disturbance,
            ..Entry::default()
        };
        self.record(object, applied, rest);
    }

    /// Records the answer to an apply, and of what the object is besides the `rest`.
    pub(super) fn record(&mut self, object: &Desired, applied: &Applied, rest: Entry) {
        let facts = &applied.facts;
        if let Some(ledger) = &mut self.state.ledger {
            let entry = Entry {
                version: Brief::from(&object.gvk.version),
                uid: Some(Brief::from(&facts.uid)),
                applied: Some(Brief::from(&object.digest)),
                owned: facts.owner.as_ref().map(ownership),
                ..rest
            };
            ledger.inventory.applied(&object.id, entry);
        }
        self.target().live.wrote(facts, applied.changed);
    }

    fn deleted(&mut self, deletion: &Deletion, result: Result<Deleted, String>) -> Ended {
        let id = &deletion.id;
        match result {
            Ok(Deleted::Gone | Deleted::OtherUid) => {
                if let Some(ledger) = &mut self.state.ledger
                    && let Some(entry) = ledger.inventory.confirmed_gone(id)
                {
                    self.target().live.gone(id, &entry.uid.unwrap_or_default());
                }
                self.changed(Action::Deleted, id);
                Ended::Well
            }
            Ok(Deleted::Pending(finalizers)) => {
                // It stays in the inventory; the watch tells when it is gone, and the next pass takes it out.
                if !deletion.deleting {
                    self.changed(Action::Deleted, id);
                }
                self.leaves(id, &finalizers);
                Ended::Badly
            }
            Err(message) => {
                self.outcome.undeleted += 1;
                self.outcome.failures.push(Failure {
                    object: Some(id.to_string()),
                    at: None,
                    message: format!("has left git and is not deleted: {message}"),
                });
                Ended::Badly
            }
        }
    }

    pub(super) fn leaves(&mut self, id: &ObjectId, finalizers: &[String]) {
        let message = match finalizers {
            [] => "is being deleted".to_owned(),
            who => format!(
                "waits for its finalizers {}, which whoever set them takes off",
                who.join(", ")
            ),
        };
        tracing::info!(environment = %self.key, object = %id, message, "is being deleted");
        let object = id.to_string();
        self.outcome.leaving.push(Leaving { object, message });
    }

    pub(super) fn changed(&mut self, action: Action, id: &ObjectId) {
        self.context.metrics.change(action);
        self.outcome.changes.push(ChangeRecord {
            action,
            object: id.to_string(),
            from: Vec::new(),
        });
    }
}
