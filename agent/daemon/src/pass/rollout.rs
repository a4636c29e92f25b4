//! Brings a revision out step by step: what stands in its place while it is on its way.
//!
//! ```text
//! head, good, live ─► Observation ─► rollout::step ─► state, written first ─► Wish ─► objects ─► the rest of the pass
//! ```
//! Without a strategy nothing of this happens, and nothing is read for it.

use std::sync::Arc;

use api::Reason;
use jiff::Timestamp;
use rollout::{
    Effects, Observation, State, Strategy, Wish,
    observe::Action,
    split::{Fault, Given, Object, Split, overlay},
    state::{Phase, Revision},
};
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::{Pass, upkeep::Applied};
use crate::{
    chain,
    outcome::Retry,
    rendered::{self, Rendering},
    rollouts::{Chosen, Objects, Rollouts, Stands, digest, said},
};

mod disturb;
mod endpoints;
mod first;
mod flags;
mod hooking;
mod in_place;
mod jobs;
mod lost;
mod observe;
mod resume;
mod sides;
mod still;
mod strategy;
mod tell;
mod view;

pub(super) use hooking::Ahead;
pub(super) use jobs::Sampling;
pub(super) use sides::Reached;
use sides::Two;

/// What one look at a rollout is made from.
struct Look {
    head: Option<Revision>,
    /// True if it cannot be told how the head is to be brought out.
    is_held: bool,
    /// The one that is on its way, or would be next.
    toward: Option<Revision>,
    good: Objects,
    new: Objects,
    strategy: Option<Strategy>,
    chosen: Chosen,
    /// The namespace of objects that name none.
    namespace: String,
    /// When it was begun; nothing that it saw is older.
    began: Timestamp,
}

/// How the way from the good revision to the next one is taken apart.
enum Cut<'a> {
    /// Not at all: nothing of it goes step by step.
    Whole,
    /// Versions stand side by side.
    Beside(Split<'a>),
    /// Two namespaces take turns.
    Sides(Two),
}

impl Pass<'_> {
    /// What is to stand for `rendering`. `None` if the pass ends here.
    pub(super) async fn bring_out(&mut self, rendering: Rendering) -> Option<Rendering> {
        if !self.is_rolled_out(&rendering) {
            return Some(rendering);
        }
        if !self.remember() {
            return None;
        }
        if self.rollouts().comes_back() {
            tracing::info!(environment = %self.key, "the rollout could not be looked at for a while; its numbers begin anew");
        }
        self.heed_clock();
        self.adopt().await;
        self.give_up_lost(&rendering);
        self.second_chance(&rendering).await;
        let head = self.head_revision(&rendering);
        let look = self.look(&rendering, head).await?;
        let (cut, uncut) = match self.cut(&look).await? {
            Ok(cut) => (cut, None),
            Err(faults) => (Cut::Whole, Some(self.cannot_cut(&faults, &look))),
        };
        let is_held = look.is_held || uncut.is_some();
        let mut seen = self.seen(&look, &cut).await?;
        let before = self.rollouts().state.clone();
        seen.uncut = uncut.filter(|_| before.rollout.is_some());
        if is_held && seen.uncut.is_none() {
            // No other revision begins before somebody has seen to it; the good one is kept up.
            seen.nothing_begins(&before);
        }
        let (state, mut effects) = self.decide(&before, &mut seen, (&cut, look.began)).await?;
        self.say_unfit(&state, &mut effects);
        self.tell_rollout(&state, &effects, &seen, &look.chosen);
        if !self.write_rollout(&state).await {
            return None;
        }
        if seen.uncut.is_some() && self.stands_still(&state, &effects) {
            return None;
        }
        self.disturb(&effects.wish).await;
        self.replace(&cut, &effects.wish).await;
        if is_held && effects.wish.base.is_none() {
            return None;
        }
        let objects = self.stand(&effects.wish, &cut, &rendering).await?;
        let objects = self
            .take_turns(objects, &state, &effects.wish, &rendering)
            .await?;
        self.wished = Some(Stands::of(&effects.wish));
        self.carry_on(state, &effects, &cut, &look);
        Some(Rendering {
            objects,
            ..rendering
        })
    }

    /// What is known now. `None` if the cluster cannot be asked.
    async fn seen(&mut self, look: &Look, cut: &Cut<'_>) -> Option<Observation> {
        let (at, workloads) = self.view(cut, look.began).await?;
        let chaos = match cut {
            Cut::Beside(split) => self.disturbed(split, look.began).await?,
            Cut::Whole | Cut::Sides(_) => self.undisturbed(),
        };
        let state = self.rollouts().state.clone();
        let mut samples = self.samples();
        if !self.is_resumed() {
            // A look that decides nothing hears nothing, or what it heard would be lost.
            samples.extend(self.job_numbers().await);
        }
        Some(Observation {
            at,
            home: look.namespace.clone(),
            head: look.head.clone(),
            toward: look.toward.clone(),
            strategy: look.strategy.clone().filter(|_| !matches!(cut, Cut::Whole)),
            workloads,
            watched: self.watched(cut, &state),
            samples,
            approvals: self.approvals(),
            command: self.command(),
            alarms: self.alarms(),
            chaos,
            prepared: self.prepared(look),
            flags: flags::in_git(look, &state),
            leaving: self.leaving,
            uncut: None,
        })
    }

    /// True if anything here goes step by step, or did.
    fn is_rolled_out(&self, rendering: &Rendering) -> bool {
        let named =
            |object: &Value| !object["metadata"]["annotations"][api::names::STRATEGY].is_null();
        let stored = self.state.status.rollout.as_ref();
        !self.environment.spec.strategies.is_empty()
            || stored.is_some_and(|rollout| !rollout.state.is_null())
            || rendering.objects.iter().any(|(object, _)| named(object))
    }

    /// Reads what the status remembers, once. False if it cannot be read: then nothing moves.
    pub(super) fn remember(&mut self) -> bool {
        if self.state.rollouts.is_some() {
            return true;
        }
        match Rollouts::read(&self.state.status, self.context.measures.clone()) {
            Ok(rollouts) => {
                self.state.rollouts = Some(rollouts);
                self.remember_release();
                true
            }
            Err(error) => {
                let message = chain::text(&error);
                self.outcome
                    .stop(Reason::RolloutStateUnreadable, message, Retry::OnChange);
                false
            }
        }
    }

    /// A rejected revision that is tried again gets a release of its own: the one that tells of its rejection has ended.
    async fn second_chance(&mut self, rendering: &Rendering) {
        let Some(command) = self.command().filter(|one| one.action == Action::Retry) else {
            return;
        };
        let state = &self.rollouts().state;
        if state.handled.as_ref() == Some(&command.id) || state.rollout.is_some() {
            return;
        }
        let digest = self.digest_of(rendering);
        let state = &self.rollouts().state;
        let meant = command.rollout.as_ref();
        let asked = state.rejected.iter().any(|one| {
            let named = meant.is_none_or(|meant| *meant == one.id());
            one.revision.digest == digest && !one.retry && named
        });
        if let (true, None, Some(head)) = (asked, &self.outcome.stop, self.outcome.head.clone()) {
            self.open_release(&head, "RolloutRetry").await;
        }
    }

    /// The newest revision, unless what was rendered is not it.
    fn head_revision(&mut self, rendering: &Rendering) -> Option<Revision> {
        let is_head = self.outcome.stop.is_none() && !self.leaving;
        let digest = self.digest_of(rendering);
        let release = self
            .state
            .release
            .as_ref()
            .map(|release| release.name.clone());
        let release = release.or_else(|| self.state.status.release.clone());
        is_head.then(|| Revision {
            commit: rendering.revision.to_string(),
            digest,
            release: release.unwrap_or_default(),
            path: self.environment.spec.source.path.clone(),
        })
    }

    /// The objects of the good revision and of the one on its way, and the strategy between them.
    async fn look(&mut self, rendering: &Rendering, head: Option<Revision>) -> Option<Look> {
        if let Some(head) = &head {
            self.rollouts().keep_rendered(&head.digest, rendering);
        }
        let state = self.rollouts().state.clone();
        let target = state.rollout.as_ref().map(|rollout| rollout.target.clone());
        let target = target
            .or_else(|| head.clone())
            .or_else(|| state.good.clone());
        // What bakes is good already; what it changed is told by what was good before it.
        let before = state.former.clone().filter(|_| bakes(&state));
        let good = before.or_else(|| state.good.clone());
        let good = good.or_else(|| head.clone());
        let good = self.objects(good.as_ref(), rendering).await?;
        let new = self.objects(target.as_ref(), rendering).await?;
        let found = match self.leaving && state.rollout.is_none() {
            true => Ok((None, Chosen::default())),
            false => self.strategy(&state, &good, &new).await,
        };
        let is_held = found.is_err();
        let (strategy, chosen) = found.unwrap_or_else(|stop| {
            self.outcome.stop = Some(stop);
            (None, Chosen::default())
        });
        Some(Look {
            is_held,
            head,
            toward: target,
            good,
            new,
            strategy,
            chosen,
            namespace: self.namespace().to_owned(),
            began: self.now(),
        })
    }

    /// The objects of `revision`: remembered, or rendered again from its commit.
    async fn objects(
        &mut self,
        revision: Option<&Revision>,
        rendering: &Rendering,
    ) -> Option<Objects> {
        let Some(revision) = revision else {
            return Some(Arc::new(rendering.objects.clone()));
        };
        match self.known(revision).await {
            Ok(objects) => Some(objects),
            Err(why) => {
                let message = self.cannot_be_had(revision, &why);
                self.outcome
                    .stop(Reason::RenderFailed, message, Retry::Later);
                None
            }
        }
    }

    /// The same, or why they cannot be had.
    async fn known(&mut self, revision: &Revision) -> Result<Objects, String> {
        if let Some(known) = self.rollouts().objects(revision) {
            return Ok(known);
        }
        let objects = Arc::new(self.render_again(self.rendered_as(revision)?).await?);
        self.rollouts().keep(&revision.digest, objects.clone());
        Ok(objects)
    }

    fn digest_of(&mut self, rendering: &Rendering) -> String {
        self.rollouts().digest_of(rendering)
    }

    /// Renders what was rendered before.
    async fn render_again(&self, before: Applied) -> Result<Vec<Object>, String> {
        let Applied { revision, path } = before;
        let mirror = self.mirror_with(&revision);
        let mirror = mirror.ok_or("the repo has not been read yet")?;
        let rendered = spawn_blocking(move || rendered::render(&mirror, &revision, &path)).await;
        let rendered = rendered.map_err(|broken| format!("rendering broke off: {broken}"))?;
        Ok(rendered.map_err(|fault| fault.to_string())?.objects)
    }

    /// The objects that are to stand for `wish`. `None` if they cannot be had.
    async fn stand(
        &mut self,
        wish: &Wish,
        cut: &Cut<'_>,
        rendering: &Rendering,
    ) -> Option<Vec<Object>> {
        if let (Cut::Beside(split), true) = (cut, wish.canary.is_some()) {
            let shape = split.shape(wish);
            self.routing = shape.routing;
            return Some(shape.objects);
        }
        let objects = self.objects(wish.base.as_ref(), rendering).await?;
        if wish.side.is_some() || wish.other.is_some() {
            return self.two_sides(wish, &objects, rendering).await;
        }
        let mut objects = Arc::unwrap_or_clone(objects);
        overlay(&mut objects, wish);
        Some(objects)
    }

    /// What is to stand by the last look; what was rendered, if nothing was looked at or a canary is on its way.
    pub(super) async fn as_it_stands(&mut self, rendering: Rendering) -> Vec<Object> {
        let wish = self
            .state
            .rollouts
            .as_ref()
            .map(|rollouts| rollouts.wish.clone());
        let Some(wish) = wish.filter(|wish| wish.base.is_some() && wish.canary.is_none()) else {
            return rendering.objects;
        };
        let standing = self.stand(&wish, &Cut::Whole, &rendering).await;
        standing.unwrap_or(rendering.objects)
    }

    /// Takes the way to the next revision apart. The outer `None` ends the pass.
    async fn cut<'l>(&mut self, look: &'l Look) -> Option<Result<Cut<'l>, Vec<Fault>>> {
        let Some(strategy) = &look.strategy else {
            return Some(Ok(Cut::Whole));
        };
        if strategy.namespaces.is_some() {
            return self.cut_sides(look, strategy).await;
        }
        if look.chosen.workloads.is_empty() {
            return Some(match self.is_on_its_way() {
                true => Err(vec![still::lost(self.key)]),
                false => Ok(Cut::Whole),
            });
        }
        let given = Given {
            good: &look.good,
            new: &look.new,
            namespace: &look.namespace,
        };
        let split = Split::new(given, &look.chosen.workloads, strategy);
        Some(split.map(Cut::Beside))
    }

    /// Takes what is applied for good, where no rollout has said so yet: it serves already.
    async fn adopt(&mut self) {
        let (None, Some(applied)) = (self.rollouts().state.good.clone(), self.applied()) else {
            return;
        };
        let (commit, path) = (applied.revision.to_string(), applied.path.to_string());
        match self.render_again(applied).await {
            Ok(objects) => {
                let digest = digest(&objects);
                let release = self.state.status.release.clone().unwrap_or_default();
                self.rollouts().keep(&digest, Arc::new(objects));
                self.rollouts().state.good = Some(Revision {
                    commit,
                    digest,
                    release,
                    path,
                });
            }
            Err(why) => {
                tracing::debug!(environment = %self.key, commit, why, "what is applied cannot be rendered again");
            }
        }
    }

    /// Remembers, asks for numbers, and sees to being woken.
    fn carry_on(&mut self, state: State, effects: &Effects, cut: &Cut<'_>, look: &Look) {
        let versions = self.versions(&self.watched(cut, &state), &state);
        let chosen = look.chosen.clone();
        let now = self.now();
        let said = said(self.environment);
        let jobs = self.want_jobs(&effects.wish.checks, &state, &versions, look);
        let wake = if self.is_resumed() {
            Some(now)
        } else {
            let wakes = self.wake_at(effects.wake, now).into_iter();
            wakes.chain(jobs).chain(self.unfit_again(now)).min()
        };
        let rollouts = self.rollouts();
        rollouts.said = said;
        rollouts
            .asking
            .arrange(&effects.wish.checks, &versions, now);
        rollouts.wake_at(wake);
        rollouts.has_looked();
        rollouts.chosen = chosen;
        rollouts.wish = effects.wish.clone();
        rollouts.is_new = false;
        if state.rollout.is_none() && effects.wish.other.is_none() {
            rollouts.rest();
        }
        rollouts.state = state;
    }

    /// Notes that what was wished for is all applied, and sees to another look if that is news.
    pub(super) fn stands_now(&mut self) {
        if !self.outcome.changes.is_empty() {
            self.state.forget_view();
        }
        let fine = self.outcome.failures.is_empty() && self.goes_on() && !self.outcome.waves_wait;
        let (Some(wished), Some(rollouts), true) =
            (self.wished.take(), &mut self.state.rollouts, fine)
        else {
            return;
        };
        if rollouts.stands != wished {
            (rollouts.stands, rollouts.view) = (wished, None);
            if rollouts.state.rollout.is_some() {
                rollouts.wake_at(Some(rollouts.now()));
            }
        }
    }

    /// Sees to another look at the rollout at a time, even if nothing happens.
    pub(super) fn look_again(&mut self, at: Option<Timestamp>) {
        if self.remember() {
            self.rollouts().wake_at(at);
        }
    }

    /// Keeps the times of a rollout as far away as they were if the clock was set since the last look.
    pub(super) fn heed_clock(&mut self) {
        let rollouts = self.state.rollouts.as_mut();
        let set = rollouts.map(Rollouts::heed_clock).unwrap_or_default();
        if !set.is_zero() {
            self.state.forget_view();
            tracing::warn!(environment = %self.key, by = %set, "the clock was set; the rollout's times go with it");
        }
    }

    /// The time, as everything of one look at a rollout is held against it.
    pub(super) fn now(&self) -> Timestamp {
        let rollouts = self.state.rollouts.as_ref();
        rollouts.map_or_else(Timestamp::now, Rollouts::now)
    }

    pub(super) fn rollouts(&mut self) -> &mut Rollouts {
        let measures = &self.context.measures;
        self.state.rollouts.get_or_insert_with(|| {
            Rollouts::read(
                &api::v1alpha1::EnvironmentStatus::default(),
                measures.clone(),
            )
            .expect("readable because nothing is stored")
        })
    }

    /// The namespace of objects that name none.
    pub(super) fn namespace(&self) -> &str {
        let target = &self.environment.spec.target;
        target.namespace.as_deref().unwrap_or(&self.key.namespace)
    }
}

fn bakes(state: &State) -> bool {
    let rollout = state.rollout.as_ref();
    rollout.is_some_and(|rollout| matches!(rollout.phase, Phase::Baking { .. }))
}
