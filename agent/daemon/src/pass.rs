//! One pass: from the newest commit to the cluster, as far as it can be got right now.
//!
//! ```text
//! read ─► verify ─► desire ─► plan ─► write ahead ─► apply ─► prune ─► judge health
//! ```
//! Every pass starts from what git, inventory and cluster say now and returns an [`Outcome`]; it tells nobody.

use std::collections::BTreeSet;

use api::{
    Reason, names,
    v1alpha1::{Environment, Health, StageName, StageResult, WaitingFor},
};
use cluster::Cluster;
use krm::ObjectId;
use plan::{
    diff::approval::Recreation,
    inventory::{Fate, Inventory},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    checks::Probe,
    context::Context,
    fields::FieldRules,
    key::EnvironmentKey,
    outcome::{Outcome, Retry, Wellbeing},
    state::State,
    trigger::Trigger,
};

mod act;
mod ahead;
mod aim;
mod apply;
mod approval;
mod audit;
mod calm;
mod choose;
mod compare;
mod drift;
mod follow;
mod foreign;
mod handover;
mod headless;
mod hooks;
mod look;
mod makeup;
mod others;
mod release;
pub(crate) mod removal;
mod repair;
mod retreat;
mod rights;
mod rollout;
mod scopes;
mod stock;
mod suspended;
mod upkeep;
mod windows;

pub(crate) use audit::{Audit, NoAudit};

/// One pass over one environment.
pub(crate) struct Pass<'a> {
    context: &'a Context,
    key: &'a EnvironmentKey,
    label: String,
    environment: &'a Environment,
    state: &'a mut State,
    /// The cluster, with the rights of the environment.
    acting: Cluster,
    hooks: hooks::Hooks,
    /// The part of the inventory that is compared; none while all of it is.
    part: Option<Inventory>,
    /// What a revision asks for that has to wait.
    soon: Vec<ObjectId>,
    /// Why nobody knows what the branch says now.
    unheard: Option<String>,
    /// True while nothing new is made: what was applied before is kept up.
    upkeep: bool,
    /// True while what a rollout made is taken back, because the environment goes.
    leaving: bool,
    /// What was to be changed and has to wait, for whatever reason.
    left: BTreeSet<ObjectId>,
    /// What was not known to be applied, and turned out to be.
    repeated: BTreeSet<ObjectId>,
    /// What would have to be deleted and made anew.
    recreations: Vec<Recreation>,
    /// Objects that decide who gets what: written before anything else.
    routing: Vec<krm::ObjectId>,
    /// Whether a chaos step is under way, once the rollout was looked at.
    disturbs: Option<bool>,
    /// The revisions that are to stand after this pass.
    wished: Option<crate::rollouts::Stands>,
    /// What is known of Jobs that a rollout is judged by.
    sampling: rollout::Sampling,
    /// The hooks that come before the revision on its way, as the rollout saw them.
    ahead: Option<rollout::Ahead>,
    /// The namespaces that this pass reaches.
    reached: rollout::Reached,
    outcome: Outcome,
    /// What the spec says about single fields.
    fields: FieldRules,
}

impl<'a> Pass<'a> {
    pub(crate) fn new(
        context: &'a Context,
        key: &'a EnvironmentKey,
        environment: &'a Environment,
        state: &'a mut State,
    ) -> Self {
        let (label, outcome) = (key.label(), Outcome::default());
        Self {
            context,
            key,
            label,
            environment,
            state,
            acting: context.cluster.clone(),
            hooks: hooks::Hooks::default(),
            part: None,
            soon: Vec::new(),
            unheard: None,
            upkeep: false,
            leaving: false,
            left: BTreeSet::new(),
            repeated: BTreeSet::new(),
            recreations: Vec::new(),
            routing: Vec::new(),
            disturbs: None,
            wished: None,
            sampling: rollout::Sampling::default(),
            ahead: None,
            reached: rollout::Reached::new(key, environment),
            outcome,
            fields: FieldRules::default(),
        }
    }

    /// Goes all the way.
    pub(crate) async fn run(mut self, trigger: &Trigger, cancel: &CancellationToken) -> Outcome {
        self.state.generation = self.environment.metadata.generation;
        self.state.owing.ahead = false;
        self.state.waits_for_others = false;
        self.state.let_through = self.annotation(names::OUTSIDE_WINDOW).map(str::to_owned);
        self.state.waves_wait = false;
        let going = self.environment.metadata.deletion_timestamp.is_some();
        self.check(going);
        if let Some(rollouts) = &mut self.state.rollouts {
            rollouts.sets_out();
        }
        match self.environment.spec.suspend {
            _ if going => self.remove(cancel).await,
            true => self.rest().await,
            false => {
                self.work(trigger, cancel).await;
                self.calm().await;
                self.run_jobs().await;
            }
        }
        if self.outcome.objects == 0 {
            let known = self
                .state
                .ledger
                .as_ref()
                .map_or(0, |ledger| ledger.inventory.objects());
            let known = u32::try_from(known).unwrap_or(u32::MAX);
            self.outcome.objects = known.max(match self.state.ledger {
                Some(_) => 0,
                None => self.state.status.objects,
            });
        }
        self.end()
    }

    /// Judges health alone, when nothing else can have changed.
    pub(crate) fn glance(mut self) -> Outcome {
        self.outcome = self.as_before();
        self.judge_health();
        self.end()
    }

    /// What the last pass left behind, without what it did.
    fn as_before(&self) -> Outcome {
        Outcome {
            changes: Vec::new(),
            drift: Vec::new(),
            stages: Vec::new(),
            legs: Vec::new(),
            overridden: None,
            ..self.state.last.clone().unwrap_or_default()
        }
    }

    /// Remembers what came of it.
    fn end(self) -> Outcome {
        // What was changed is told once and needed no more.
        self.state.last = Some(Outcome {
            changes: Vec::new(),
            ..self.outcome.clone()
        });
        self.outcome
    }

    async fn work(&mut self, trigger: &Trigger, cancel: &CancellationToken) {
        self.doubt(trigger);
        self.heed_changes(trigger);
        match FieldRules::read(&self.environment.spec) {
            Ok(rules) => self.fields = rules,
            Err(faults) => {
                self.outcome
                    .stop(Reason::InvalidSpec, faults, Retry::OnChange);
                return;
            }
        }
        self.state.fields = self.fields.clone();
        let faults = ::rollout::synthetic::faults(&self.environment.spec.checks);
        if !faults.is_empty() {
            let all: Vec<_> = faults.iter().map(|fault| format!("spec.{fault}")).collect();
            self.outcome
                .stop(Reason::InvalidSpec, all.join("; "), Retry::OnChange);
            return;
        }
        // First, because at a start all environments can then read theirs together.
        if !self.load().await {
            return;
        }
        let Some(news) = self.follow_at_last(cancel).await else {
            return;
        };
        let began = Instant::now();
        self.resume().await;
        let mut choice = self.choose(&news).await;
        let preview = choice.take_preview();
        let rendering = self.accept(choice, began);
        if rendering.is_none() && preview.is_none() {
            return;
        }
        if let Some(preview) = preview {
            if self.aim().await.is_none() || !self.take_rights() {
                return;
            }
            self.preview(preview).await;
        }
        let Some(rendering) = rendering else {
            return;
        };
        let Some(rendering) = self.after_others(rendering, &news).await else {
            return;
        };
        if self.aim().await.is_none()
            || !self.take_rights()
            || !self.begin(&rendering, trigger).await
        {
            return;
        }
        if let Some(rendering) = Box::pin(self.bring_out(rendering)).await {
            self.bring_in(rendering, cancel).await;
            self.stands_now();
            self.wind_up().await;
        }
    }

    /// Takes note of what changed up to here: everything is about to be looked at.
    fn heed_changes(&mut self, trigger: &Trigger) {
        let aim = self.state.aim.as_ref();
        let stirred = aim.is_some_and(|aim| !aim.changed().is_empty());
        if stirred || !trigger.tells_of_no_object() {
            self.state.forget_view();
        }
    }

    /// Sees to it that the checks of the spec run, unless nothing is to be looked at any more.
    fn check(&mut self, going: bool) {
        let spec = &self.environment.spec;
        let sound = ::rollout::synthetic::faults(&spec.checks).is_empty();
        let wanted: &[_] = match going || spec.suspend || !sound {
            true => &[],
            false => &spec.checks,
        };
        let known = &self.state.status.checks;
        let (key, context) = (self.key, self.context);
        self.state.checks.arrange(wanted, known, || {
            let (cluster, metrics) = (context.cluster.clone(), context.metrics.clone());
            Probe::new(key.clone(), cluster, metrics, context.visitor.clone())
        });
    }

    /// Sums up, once everything that can be done now is done.
    async fn wind_up(&mut self) {
        if self
            .state
            .ledger
            .as_ref()
            .is_some_and(|ledger| !ledger.inventory.is_empty())
            || self.outcome.is_applied()
        {
            self.judge_health();
        }
        self.react().await;
    }

    /// Sums up the health of everything in the inventory.
    fn judge_health(&mut self) {
        let (Some(ledger), Some(aim)) = (&self.state.ledger, &self.state.aim) else {
            return;
        };
        let mut worst = (Health::Healthy, None);
        let stays = |fate: &Option<Fate>| !matches!(fate, Some(Fate::Delete | Fate::Release));
        let entries = ledger.inventory.iter();
        let kept = entries.filter(|(_, entry)| stays(&entry.fate) && entry.hook.is_none());
        for (id, _) in kept {
            let health = aim.target.live.health(id);
            let status = crate::words::health(health.status);
            if status > worst.0 {
                let message = health.message;
                worst = (
                    status,
                    Some(WaitingFor {
                        object: id.to_string(),
                        health: status,
                        message,
                    }),
                );
            }
        }
        self.outcome.objects = u32::try_from(ledger.inventory.objects()).unwrap_or(u32::MAX);
        let fine = worst.0 <= Health::Suspended;
        self.state.unwell_since = match fine {
            true => None,
            false => self.state.unwell_since.or_else(|| Some(Instant::now())),
        };
        let timeout = self.environment.spec.timeout.duration();
        let overdue = self
            .state
            .unwell_since
            .is_some_and(|since| since.elapsed() >= timeout);
        let result = match (fine, overdue || worst.0 == Health::Degraded) {
            (true, _) => StageResult::Done,
            (false, true) => StageResult::Failed,
            (false, false) => StageResult::Running,
        };
        self.outcome.stage(StageName::Health, result, None);
        let waiting_for = if fine { None } else { worst.1 };
        self.outcome.health = Some(Wellbeing {
            worst: worst.0,
            waiting_for,
            overdue,
        });
    }
}
