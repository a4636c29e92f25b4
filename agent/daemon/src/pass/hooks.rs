//! Hooks: which Jobs of a release have run, and how they ended.
//!
//! Nothing waits here. A Job is written into the inventory, made, and left alone; that it has ended is an event of the
//! watch, and the next pass sees how. What to run when is judged in [`plan::hooks`] and [`plan::waves`].

use api::{
    Reason, names,
    v1alpha1::{HookRecord, HookResult},
};
use cluster::{Deleted, Propagation};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use krm::{Gvk, ObjectId};
use plan::{
    desired::Desired,
    health::{self, Health, HealthStatus},
    hooks::{self, Run, Standing},
    live::LiveFacts,
    order::BEFORE_HOOKS,
    point::Point,
    waves::Hook,
};
use rollout::hooks::Turn;

use super::{Pass, apply::Carrier, scopes::Kinds};
use crate::{
    outcome::{HookState, OpenHooks, Retry},
    words,
};

pub(in crate::pass) mod log;
mod start;

/// The hooks of the release under way.
#[derive(Default)]
pub(super) struct Hooks {
    /// The release; none if nothing is to run.
    release: String,
    pub(super) runs: Vec<Run>,
    /// Jobs of other releases that have to be gone before anything is run.
    leaving: Vec<ObjectId>,
    /// False if something in git was refused.
    complete: bool,
    /// True if a hook was refused, so that nothing of its revision may be applied.
    pub(super) lacking: bool,
    /// Which of them may run, where a rollout decides that.
    pub(super) turn: Turn,
    /// What the cluster serves, for hooks that run at the end of the pass.
    kinds: Option<Kinds>,
}

impl Hooks {
    /// Keeps what the cluster serves for the end of the pass.
    pub(super) fn keep(&mut self, kinds: Kinds) {
        self.kinds = Some(kinds);
    }

    /// What the order needs to know of them.
    pub(super) fn states(&self) -> (Vec<Hook>, bool) {
        let mut states: Vec<Hook> = self.runs.iter().map(state).collect();
        for hook in states.iter_mut().filter(|hook| !self.turn.lets(hook.point)) {
            // Nothing of this order waits for it.
            hook.standing = Standing::Done;
        }
        // Whatever is still at work has its turn before the first.
        if let Some(first) = states.iter().map(|hook| hook.wave).min() {
            states.extend(self.leaving.iter().map(|id| Hook {
                id: id.clone(),
                point: Point::Before,
                wave: first,
                standing: Standing::Running,
            }));
        }
        (states, self.complete)
    }

    /// Those that may run now, or have.
    fn in_turn(&self) -> impl Iterator<Item = &Run> + Clone {
        let runs = self.runs.iter();
        runs.filter(|run| self.turn.lets(run.point()))
    }
}

fn state(run: &Run) -> Hook {
    let mut wave = run.job.wave;
    wave.phase = BEFORE_HOOKS;
    Hook {
        id: run.job.id.clone(),
        point: run.point(),
        wave,
        standing: run.standing,
    }
}

impl Pass<'_> {
    /// Sees how the hooks of this release stand, and ends those of other releases. False if the pass ends here.
    pub(super) async fn see_hooks(
        &mut self,
        hooks: Vec<Desired>,
        carrier: &Carrier<'_>,
        (revision, complete): (&str, bool),
    ) -> bool {
        let release = match &self.hooks.turn {
            Turn::Whole => self.release_of(revision),
            Turn::Ahead(release) | Turn::Rejected(release) => Some(release.clone()),
            Turn::Nobody => None,
        };
        self.hooks.complete = complete;
        self.end_superseded(carrier, release.as_deref()).await;
        if hooks.is_empty() {
            return true;
        }
        let Some(release) = release.filter(|release| !release.is_empty()) else {
            return !self.needs_release();
        };
        let retry = self.is_asked_again();
        for hook in hooks {
            let job = hooks::job(&hook, &release);
            let mut run = Run {
                hook,
                job,
                standing: Standing::Waiting,
            };
            let (standing, health) = self.stands(&run, carrier).await;
            run.standing = standing;
            if standing == Standing::Failed && retry {
                run.standing = self.run_again(&run, carrier).await;
            }
            self.note(&run, &health, carrier).await;
            self.hooks.runs.push(run);
        }
        self.hooks.release = release;
        true
    }

    /// Sums up what the hooks say, once all was done that can be done now.
    pub(super) fn judge_hooks(&mut self) {
        let held = |run: &Run| run.point() == Point::Before && run.standing != Standing::Done;
        if self.hooks.in_turn().any(held) {
            self.state.waves_wait = true;
            self.outcome.waves_wait = true;
        }
        let told = |run: &Run| run.point() == Point::Failed && run.standing == Standing::Waiting;
        let works = |run: &Run| run.standing == Standing::Running;
        self.outcome.open = OpenHooks {
            running: self.hooks.in_turn().any(works),
            on_failure: self.hooks.in_turn().any(told),
        };
        self.outcome.hook = self.hook_state();
        self.note_prepared();
    }

    /// Runs what is to run when a release fails, once it has.
    pub(super) async fn react(&mut self) {
        if !self.hooks.turn.lets(Point::Failed) {
            return;
        }
        let waits = |run: &Run| run.point() == Point::Failed && run.standing == Standing::Waiting;
        let runs = 0..self.hooks.runs.len();
        let due: Vec<usize> = runs
            .filter(|index| waits(&self.hooks.runs[*index]))
            .collect();
        let Some(kinds) = self.hooks.kinds.take() else {
            return;
        };
        if due.is_empty() || !self.has_failed() {
            return;
        }
        let carrier = self.carrier(&kinds);
        self.start_hooks(&due, &carrier).await;
        self.outcome.open = OpenHooks {
            running: true,
            on_failure: false,
        };
        self.store().await;
    }

    /// The release under way of what is being applied. A commit that changes nothing here goes with the one before it.
    fn release_of(&self, revision: &str) -> Option<String> {
        let told = self
            .outcome
            .head
            .as_ref()
            .map(|head| head.revision.to_string());
        let about = match self.outcome.stop {
            // Something older than the head is kept up.
            Some(_) => revision.to_owned(),
            None => told?,
        };
        let applied = self.state.status.revision.applied.as_deref() == Some(about.as_str());
        let release = self.state.release.as_ref();
        let release = release.filter(|release| release.revision == about);
        release
            .filter(|release| !(release.has_ended() && applied))
            .map(|release| release.name.clone())
    }

    /// True if hooks have to run and there is no release to run them for; then the pass ends.
    fn needs_release(&mut self) -> bool {
        let told = self
            .outcome
            .head
            .as_ref()
            .map(|head| head.revision.to_string());
        let applied = self.state.status.revision.applied == told;
        let needs = self.outcome.stop.is_none() && !applied;
        if needs {
            let message = "hooks run once a Release, and none could be opened";
            self.outcome
                .stop(Reason::Progressing, message, Retry::Later);
        }
        needs
    }

    /// True if somebody asked for a pass since the last one.
    fn is_asked_again(&self) -> bool {
        let asked = self.annotation(names::REQUESTED_AT);
        asked.is_some() && asked != self.state.request.as_deref()
    }

    async fn stands(&mut self, run: &Run, carrier: &Carrier<'_>) -> (Standing, Health) {
        let id = &run.job.id;
        let target = self.target().clone();
        let snapshot = target.live.snapshot(std::iter::once(id));
        let mut health = target.live.health(id);
        let mut facts = snapshot.known(id).map(|known| known.facts.clone());
        let ledger = self.state.ledger.as_ref();
        let entry = ledger.and_then(|ledger| ledger.inventory.get(id)).cloned();
        let open = entry
            .as_ref()
            .and_then(|entry| entry.hook.as_ref())
            .is_some_and(|run| run.ended.is_none());
        if facts.is_none() && open {
            // The watch shows only what carries our label, and somebody may have taken that off.
            match self.read_job(id, carrier).await {
                Ok(Some((live, is))) => (facts, health) = (Some(live), is),
                Ok(None) => {
                    health = Health::new(HealthStatus::Degraded, "was deleted before it ended");
                }
                Err(()) => return (Standing::Running, health),
            }
        }
        (
            hooks::standing(entry.as_ref(), facts.as_ref(), health.status),
            health,
        )
    }

    async fn read_job(
        &self,
        id: &ObjectId,
        carrier: &Carrier<'_>,
    ) -> Result<Option<(LiveFacts, Health)>, ()> {
        let gvk = Gvk::new("batch/v1", "Job");
        let resource = carrier.resource(&gvk).await.map_err(drop)?;
        let read = self.acting.get(&resource, &id.namespace, &id.name).await;
        let Some(body) = read.map_err(drop)? else {
            return Ok(None);
        };
        let look = self.acting.look(&resource, &id.namespace, &id.name).await;
        let live = look.map_err(drop)?;
        let known = live.map(|live| crate::live::facts(&live.facts));
        Ok(known.map(|facts| (facts, health::assess(&gvk, &body))))
    }

    /// Takes the state of a run into the outcome, and how it ended into the inventory.
    async fn note(&mut self, run: &Run, health: &Health, carrier: &Carrier<'_>) {
        let result = match run.standing {
            Standing::Waiting => return,
            Standing::Running => HookResult::Running,
            Standing::Done => HookResult::Succeeded,
            Standing::Failed => HookResult::Failed,
        };
        let mut record = record(run, result);
        let id = &run.job.id;
        let ledger = self.state.ledger.as_ref();
        let before = ledger.and_then(|ledger| ledger.inventory.get(id)?.hook.clone());
        let ends = before.is_some_and(|run| run.ended.is_none()) && result != HookResult::Running;
        if result == HookResult::Failed {
            record.message = Some(match health.message.is_empty() {
                true => "its Job is gone".to_owned(),
                false => health.message.clone(),
            });
        }
        if ends {
            record.ended_at = Some(Time(Timestamp::now()));
            if run.hook.hook.is_none_or(|hook| hook.log) {
                record.log = log::tail(carrier.acting(), &id.namespace, &id.name).await;
            }
            tracing::info!(environment = %self.key, job = %id, result = result.as_str(), "a hook has ended");
            if let Some(ledger) = &mut self.state.ledger {
                ledger.inventory.ended(id, result == HookResult::Succeeded);
            }
        }
        self.outcome.hooks.push(record);
    }

    /// Jobs that are still at work for another release get in the way of everything that comes now.
    async fn end_superseded(&mut self, carrier: &Carrier<'_>, release: Option<&str>) {
        let Some(ledger) = &self.state.ledger else {
            return;
        };
        let runs = hooks::superseded(&ledger.inventory, release);
        let ids: Vec<ObjectId> = runs.into_iter().map(|(id, _)| id.clone()).collect();
        for id in ids {
            // Their pods go first: two migrations at once would be worse than one that waits.
            if !self.remove_run(&id, Propagation::Foreground, carrier).await {
                self.hooks.leaving.push(id);
            }
        }
    }

    /// Deletes a Job of a hook, and only the one that was made. True once it is gone.
    pub(super) async fn remove_run(
        &mut self,
        id: &ObjectId,
        propagation: Propagation,
        carrier: &Carrier<'_>,
    ) -> bool {
        let ledger = self.state.ledger.as_ref();
        let Some(entry) = ledger.and_then(|ledger| ledger.inventory.get(id)) else {
            return true;
        };
        let snapshot = self.target().live.snapshot(std::iter::once(id));
        if snapshot.known(id).is_some_and(|known| known.facts.deleting) {
            // Asked for before; the watch tells when it is gone.
            return false;
        }
        let entry = entry.clone();
        match carrier.end(id, &entry, propagation).await {
            Ok(Deleted::Gone | Deleted::OtherUid) => {
                self.target().live.gone(id, &entry.uid.unwrap_or_default());
                if let Some(ledger) = &mut self.state.ledger {
                    ledger.inventory.confirmed_gone(id);
                }
                true
            }
            Ok(Deleted::Pending(_)) => false,
            Err(message) => {
                tracing::warn!(environment = %self.key, job = %id, message, "cannot delete the Job of a hook");
                false
            }
        }
    }

    async fn run_again(&mut self, run: &Run, carrier: &Carrier<'_>) -> Standing {
        tracing::info!(environment = %self.key, job = %run.job.id, "a failed hook runs again, as asked");
        // It has ended, so nothing of it is at work any more.
        match self
            .remove_run(&run.job.id, Propagation::Background, carrier)
            .await
        {
            true => Standing::Waiting,
            false => Standing::Failed,
        }
    }

    fn hook_state(&self) -> Option<HookState> {
        let runs = self.hooks.in_turn();
        let mut runs = runs.filter(|run| run.point() != Point::Failed);
        if let Some(run) = runs.clone().find(|run| run.standing == Standing::Failed) {
            let records = &self.outcome.hooks;
            let record = records.iter().find(|record| record.job == run.job.id.name);
            let why = record.and_then(|record| record.message.clone());
            return Some(HookState::Failed {
                job: run.job.id.to_string(),
                before: run.point() == Point::Before,
                why: why.unwrap_or_default(),
            });
        }
        let leaving = self
            .hooks
            .leaving
            .first()
            .filter(|_| !self.hooks.runs.is_empty());
        let running = runs.clone().find(|run| run.standing == Standing::Running);
        if let Some(id) = leaving.or(running.map(|run| &run.job.id)) {
            let health = self.target().live.health(id);
            return Some(HookState::Running {
                job: id.to_string(),
                why: health.message,
            });
        }
        runs.any(|run| run.standing == Standing::Waiting)
            .then_some(HookState::Coming)
    }

    /// True once the release will not become healthy by itself.
    fn has_failed(&self) -> bool {
        if matches!(self.hooks.turn, Turn::Rejected(_)) {
            return true;
        }
        let hook = matches!(self.outcome.hook, Some(HookState::Failed { .. }));
        let overdue = self
            .outcome
            .health
            .as_ref()
            .is_some_and(|health| health.overdue);
        let timeout = self.environment.spec.timeout.duration();
        let release = self.state.release.as_ref();
        let began = release.and_then(|release| release.status.started_at.as_ref());
        let late = began.is_some_and(|began| {
            let since = Timestamp::now().duration_since(began.0);
            since.unsigned_abs() >= timeout
        });
        hook || overdue || (late && !self.outcome.failures.is_empty())
    }
}

fn record(run: &Run, result: HookResult) -> HookRecord {
    HookRecord {
        hook: run.hook.id.to_string(),
        point: words::hook_point(run.point()),
        job: run.job.id.name.clone(),
        result,
        started_at: None,
        ended_at: None,
        message: None,
        log: Vec::new(),
    }
}
