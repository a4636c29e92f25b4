//! One environment's life: wait for a reason to look, make a pass, tell what came of it.
//!
//! Nothing is held while waiting. Health, other environments and new commits are events that wake the actor;
//! each pass judges everything anew from git, inventory and cluster, so a missed event costs time, never truth.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use api::{
    ConditionType, Reason,
    conditions::find,
    names,
    v1alpha1::{DriftAction, Environment, Health},
};
use jiff::Timestamp;
use krm::ObjectId;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use audit::turn;
use waits::{news, rolled, stirred, until_changed};

use crate::{
    audit::Turn,
    backoff::{Backoff, reached, seed, until},
    context::Context,
    fights::Fights,
    journey::Journey,
    key::EnvironmentKey,
    metrics::Standing,
    outcome::{Outcome, Retry},
    pass::Pass,
    publish,
    rollouts::said,
    state::State,
    targets::{Aim, Stir},
    trigger::Trigger,
};

mod audit;
mod settling;
mod waits;

/// First and longest wait after a failed pass.
const RETRY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(5));
/// How long further changes in the cluster are gathered before they are judged together.
const GATHER: Duration = Duration::from_millis(20);
/// How long a request waits for the repo to be looked at.
const LOOK: Duration = Duration::from_secs(30);

/// Cares for one environment.
pub(crate) struct Actor {
    key: EnvironmentKey,
    context: Arc<Context>,
    wanted: watch::Receiver<Arc<Environment>>,
    cancel: CancellationToken,
    others: watch::Receiver<u64>,
    neighbours: watch::Receiver<u64>,
    state: State,
    backoff: Backoff,
    retry: Option<Instant>,
    /// When a window lets through what waits.
    opens: Option<Timestamp>,
    /// When a status that differs only in words is written, and what could not be written.
    settle: Option<Instant>,
    telling: Backoff,
    /// What somebody keeps changing, and until when it is left alone.
    fought: Option<(Instant, BTreeSet<ObjectId>)>,
    told: Option<Instant>,
    fights: Fights,
    /// The turn to be audited that is waited for.
    turn: Option<Turn>,
    /// The last audit that was asked for and taken up.
    audited: Option<String>,
    seed: u64,
}

impl Actor {
    pub(crate) fn new(
        key: EnvironmentKey,
        context: Arc<Context>,
        wanted: watch::Receiver<Arc<Environment>>,
        cancel: CancellationToken,
    ) -> Self {
        let state = State::of(&wanted.borrow());
        let seed = seed(&key.to_string());
        Self {
            others: context.registry.watch(),
            neighbours: context.claims.watch(),
            backoff: Backoff::new(RETRY.0, RETRY.1, seed),
            retry: None,
            opens: None,
            settle: None,
            telling: settling::telling(seed),
            fought: None,
            told: None,
            fights: Fights::default(),
            turn: None,
            audited: None,
            seed,
            key,
            context,
            wanted,
            cancel,
            state,
        }
    }

    /// Runs until the environment goes or this replica no longer leads. In a box, or the task would hold it twice over.
    pub(crate) async fn run(mut self: Box<Self>) {
        let mut trigger = Trigger::Start;
        loop {
            // In a box, so that an actor at rest does not hold the room that a pass takes.
            Box::pin(self.act(&trigger)).await;
            // It may name thousands of objects, and the next one may be hours away.
            drop(trigger);
            let cancel = self.cancel.clone();
            trigger = tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                trigger = self.woken() => trigger,
            };
        }
        tracing::debug!(environment = %self.key, "no longer cared for");
    }

    /// Waits for a reason to look that may change something.
    async fn woken(&mut self) -> Trigger {
        loop {
            // Asked anew each time: a pass takes note of a changed Environment without a word about this.
            if self.retry.is_none() && self.audit_asked().is_some() {
                return Trigger::Audit;
            }
            let deadline = self.state.deadline(self.timeout());
            let fought = self.fought.as_ref().map(|(until, _)| *until);
            let trigger = tokio::select! {
                biased;
                changed = self.wanted.changed() => match changed {
                    Ok(()) => self.spec_change(),
                    Err(_) => std::future::pending().await,
                },
                () = news(&mut self.state.followed) => self.news(),
                _ = self.others.changed(), if self.state.waits_for_others => Some(Trigger::Dependency),
                _ = self.neighbours.changed(), if self.state.patience.until().is_some() => {
                    self.have_looked().then_some(Trigger::Dependency)
                }
                stir = stirred(&mut self.state.aim) => match stir {
                    Stir::Objects => Some(self.gathered().await),
                    Stir::Reach => Some(Trigger::Reach),
                },
                () = until(self.retry) => Some(Trigger::Retry),
                () = rolled(self.state.rollouts.as_ref()) => Some(Trigger::Rollout),
                () = self.state.checks.some() => Some(Trigger::Check),
                () = reached(self.opens) => Some(Trigger::Window),
                () = until(self.settle) => Some(Trigger::Live(BTreeSet::new())),
                () = until(fought) => self.fought.take().map(|(_, objects)| Trigger::Live(objects)),
                () = until(deadline) => Some(Trigger::Deadline),
                objects = turn(&mut self.turn, &self.context, self.seed) => Some(Trigger::Turn(objects)),
            };
            if let Some(trigger) = trigger {
                return trigger;
            }
        }
    }

    /// Takes what changed in the cluster, and what changes in the next moment.
    async fn gathered(&self) -> Trigger {
        tokio::time::sleep(GATHER).await;
        let aim = self.state.aim.as_ref();
        Trigger::Live(aim.map(Aim::changed).unwrap_or_default())
    }

    /// True if no neighbour is waited for any more.
    fn have_looked(&self) -> bool {
        let Some(followed) = &self.state.followed else {
            return true;
        };
        let heads = followed.subscription.heads();
        let head = |branch: &str| heads.get(branch).cloned();
        let (claims, url) = (&self.context.claims, &followed.source.url);
        claims.patience(&self.key, url, head).is_none()
    }

    /// A changed Environment matters if its spec or a request in its annotations did change.
    fn spec_change(&mut self) -> Option<Trigger> {
        let environment = self.wanted.borrow_and_update().clone();
        if self.state.generation != environment.metadata.generation {
            return Some(Trigger::Spec);
        }
        let asked = |name: &str| {
            environment
                .metadata
                .annotations
                .as_ref()?
                .get(name)
                .cloned()
        };
        let request = asked(names::REQUESTED_AT);
        if request.is_some() && request != self.state.request {
            return Some(Trigger::Request);
        }
        let rollouts = self.state.rollouts.as_ref();
        if rollouts.is_some_and(|rollouts| rollouts.said != said(&environment)) {
            return Some(Trigger::Rollout);
        }
        let approved = asked(names::APPROVED_PLAN);
        let let_through = asked(names::OUTSIDE_WINDOW);
        let news = approved != self.state.approved || let_through != self.state.let_through;
        news.then_some(Trigger::Request)
    }

    /// News of the repo matter if the branch moved or reading it failed or works again.
    fn news(&mut self) -> Option<Trigger> {
        let followed = self.state.followed.as_mut()?;
        let news = followed.subscription.news();
        let head = news.heads.get(&followed.subscription.branch).copied();
        let moved = head != followed.dealt_with || news.fault.is_some() != followed.faulty;
        moved.then_some(match news.cause {
            crate::repos::Cause::Poke => Trigger::Push,
            crate::repos::Cause::Start | crate::repos::Cause::Poll => Trigger::Poll,
        })
    }

    async fn act(&mut self, trigger: &Trigger) {
        // A change of the spec that came in the same moment must not be taken for seen.
        let asked = self.spec_change().filter(|_| *trigger != Trigger::Start);
        let trigger = asked.as_ref().unwrap_or(trigger);
        let environment = self.wanted.borrow().clone();
        let began = Instant::now();
        if *trigger == Trigger::Request
            && let Some(followed) = &mut self.state.followed
            && tokio::time::timeout(LOOK, followed.subscription.look())
                .await
                .is_err()
        {
            tracing::debug!(environment = %self.key, "the repo takes long to answer; going on with what is known");
        }
        let told = publish::checks(&self.context, &self.key, &environment, &mut self.state).await;
        if !told {
            self.retry = Some(Instant::now() + self.backoff.next());
        }
        match trigger {
            // A rollout under way has to know.
            Trigger::Check if !self.is_rolling() => return,
            Trigger::Live(_) if self.state.is_only_work(trigger) => return,
            Trigger::Turn(objects) => return self.audit(&environment, *objects).await,
            Trigger::Audit => return self.audit_all(&environment).await,
            _ => {}
        }
        if let Some(wait) = self.is_fought_over(trigger) {
            self.leave_alone(trigger, began + wait);
            return;
        }
        if matches!(trigger, Trigger::Poll | Trigger::Push) && self.is_untouched().await {
            return;
        }
        let quick = matches!(trigger, Trigger::Live(_) | Trigger::Deadline)
            && self.state.is_only_health(trigger);
        let outcome = if quick {
            self.pass(&environment).glance()
        } else {
            let (halt, wanted) = (self.cancel.child_token(), self.wanted.clone());
            let pass = Box::pin(self.look(&environment, trigger, &halt));
            until_changed(pass, wanted, &halt).await
        };
        if outcome.departed {
            // The Environment is gone, or will be in a moment; there is nobody to tell.
            (self.retry, self.settle) = (None, None);
            return;
        }
        self.plan_retry(&outcome);
        if !told && self.retry.is_none() {
            self.retry = Some(Instant::now() + self.telling.next());
        }
        self.tell(&environment, &outcome, trigger, began).await;
    }

    /// Looks at what was changed alone where that is enough, and else at everything.
    async fn look(
        &mut self,
        environment: &Environment,
        trigger: &Trigger,
        halt: &CancellationToken,
    ) -> Outcome {
        if let Trigger::Live(ids) = trigger
            && let Some(outcome) = Box::pin(self.pass(environment).repair(ids, halt)).await
        {
            return outcome;
        }
        Box::pin(self.pass(environment).run(trigger, halt)).await
    }

    fn pass<'p>(&'p mut self, environment: &'p Environment) -> Pass<'p> {
        Pass::new(&self.context, &self.key, environment, &mut self.state)
    }

    fn is_rolling(&self) -> bool {
        let rollouts = self.state.rollouts.as_ref();
        rollouts.is_some_and(|rollouts| rollouts.state.rollout.is_some())
    }

    /// True if the new head touches nothing that this environment reads, so that nothing is to be done or told.
    async fn is_untouched(&mut self) -> bool {
        let settled = self.state.last.as_ref().is_some_and(Outcome::is_applied);
        let (Some(memo), Some(followed)) = (&self.state.memo, &mut self.state.followed) else {
            return false;
        };
        let news = followed.subscription.news();
        let head = news
            .heads
            .get(&followed.subscription.branch)
            .copied()
            .flatten();
        let (Some(head), Some(mirror), None, true) = (head, news.mirror, &news.fault, settled)
        else {
            return false;
        };
        // Opened before waiting for a core, so that all environments of a repo share what is read of it.
        let Ok(snapshot) = mirror.shared(&head) else {
            return false;
        };
        let memo = memo.clone();
        let differs = self.context.on_a_core(move || memo.differs(&snapshot));
        let untouched = differs.await.is_ok_and(|differs| !differs);
        if untouched {
            followed.dealt_with = Some(Some(head));
            followed.faulty = false;
            let ready = self.is_ready();
            let head_text = head.to_string();
            self.context.claims.looked(&self.key, Some(&head_text));
            self.context
                .registry
                .settled(&self.key, Some(&head_text), ready);
            tracing::debug!(environment = %self.key, revision = head.short(), "the commit touches nothing here");
        }
        untouched
    }

    /// True if the last outcome was a good one.
    fn is_ready(&self) -> bool {
        self.state.last.as_ref().is_some_and(|outcome| {
            let health = outcome.health.as_ref();
            outcome.is_applied()
                && outcome.hook.is_none()
                && health.is_some_and(|health| health.worst <= Health::Suspended)
        })
    }

    /// How long to leave alone what somebody changes again and again.
    fn is_fought_over(&self, trigger: &Trigger) -> Option<Duration> {
        let Trigger::Live(ids) = trigger else {
            return None;
        };
        let mut changed = self.state.changed_by_others(ids);
        changed.extend(self.state.added_to_by_others(ids));
        let names = changed.into_iter().map(ToString::to_string);
        self.fights.wait(names, Instant::now())
    }

    /// Comes back to what is fought over then, and with it to what was left alone before.
    fn leave_alone(&mut self, trigger: &Trigger, until: Instant) {
        if let Trigger::Live(ids) = trigger {
            let mut objects = self
                .fought
                .take()
                .map_or_else(BTreeSet::new, |(_, ids)| ids);
            let mut changed = self.state.changed_by_others(ids);
            changed.extend(self.state.added_to_by_others(ids));
            // Told once: whoever keeps changing it may do so many times a second.
            for id in changed.into_iter().filter(|id| !objects.contains(*id)) {
                let seconds = until.saturating_duration_since(Instant::now()).as_secs();
                tracing::warn!(environment = %self.key, object = %id, seconds, "somebody keeps changing what is put back; waiting");
            }
            objects.extend(ids.iter().cloned());
            self.fought = Some((until, objects));
        }
    }

    fn plan_retry(&mut self, outcome: &Outcome) {
        let again = match &outcome.stop {
            Some(stop) => stop.retry == Retry::Later,
            // Of what another environment has, its letting go tells.
            None => outcome.failures.len() > outcome.claims.len(),
        };
        self.opens = match outcome.stop.as_ref().map(|stop| stop.retry) {
            Some(Retry::At(opens)) => Some(opens),
            _ => None,
        };
        self.retry = match (again, &outcome.stop) {
            (true, _) => Some(Instant::now() + self.backoff.next()),
            (false, Some(stop)) if stop.retry == Retry::Now => Some(Instant::now()),
            (false, _) if outcome.deletions_wait => self.state.patience.until(),
            (false, _) => {
                self.backoff.reset();
                None
            }
        };
    }

    /// Writes what changed, unless more is about to come.
    async fn tell(
        &mut self,
        environment: &Environment,
        outcome: &Outcome,
        trigger: &Trigger,
        began: Instant,
    ) {
        let reason = crate::report::Judgement::of(outcome).ready.reason;
        if let Some(until) = self.may_wait(outcome, trigger, reason) {
            self.settle = Some(until);
            return;
        }
        let repaired = outcome
            .drift
            .iter()
            .filter(|entry| matches!(entry.action, DriftAction::Repaired | DriftAction::Removed));
        for object in repaired.map(|entry| &entry.object).collect::<BTreeSet<_>>() {
            self.fights.repaired(object, began);
        }
        self.note_journey(outcome);
        let wrote = publish::publish(
            &self.context,
            &self.key,
            environment,
            &mut self.state,
            outcome,
        )
        .await;
        if wrote || self.state.owing.ahead {
            self.told = Some(Instant::now());
        }
        self.settle = self.owes();
        let head = outcome.head.as_ref().map(|head| head.revision.short());
        let took = began.elapsed();
        self.context.metrics.pass(reason, took);
        self.context.metrics.stages(&outcome.stages);
        self.context
            .metrics
            .stands(&self.key, self.standing(outcome, reason));
        tracing::info!(
            environment = %self.key, %trigger, %reason, revision = head.as_deref().unwrap_or("-"),
            changed = outcome.changes.len(), failed = outcome.failures.len(), drift = outcome.drift.len(),
            milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX), "pass ended"
        );
        let ready = self.is_ready();
        let dealt = self
            .state
            .followed
            .as_ref()
            .and_then(|followed| followed.dealt_with.flatten());
        let head_text = dealt.map(|head| head.to_string());
        self.context.claims.looked(&self.key, head_text.as_deref());
        self.context.registry.settled(
            &self.key,
            dealt.map(|head| head.to_string()).as_deref(),
            ready,
        );
    }

    /// Remembers when the revision passed which stage.
    fn note_journey(&mut self, outcome: &Outcome) {
        let Some(head) = &outcome.head else { return };
        let known = self.state.journey.as_ref();
        if known.is_none_or(|journey| journey.revision != head.revision) {
            let fetched = self
                .state
                .followed
                .as_ref()
                .and_then(|it| it.subscription.fetched());
            self.state.journey = Some(Journey::new(head.revision, fetched.as_ref()));
        }
        if let Some(journey) = &mut self.state.journey {
            journey.extend(&outcome.legs);
        }
    }

    fn standing(&self, outcome: &Outcome, reason: Reason) -> Standing {
        Standing {
            ready: self.is_ready(),
            reason,
            objects: outcome.objects,
            drifted: self.state.status.drift.count,
        }
    }

    fn reason_told(&self) -> Option<&str> {
        find(&self.state.status.conditions, ConditionType::Ready).map(|ready| ready.reason.as_str())
    }

    fn timeout(&self) -> Duration {
        self.wanted.borrow().spec.timeout.duration()
    }
}
