//! Which strategy the changed workloads follow.

use std::collections::{BTreeMap, BTreeSet};

use api::{
    Reason,
    v1alpha1::{HttpCheck, Strategy as StrategyDocument, StrategyRule, WorkloadKind},
};
use krm::ObjectId;
use kube::Api;
use rollout::{
    State, Strategy, job,
    split::{Changed, Fault, Given, Object, changed, workloads},
    strategy::{Source, Step, builtin},
};

use serde_json::Value;

use super::{Look, Pass};
use crate::{
    chain,
    outcome::{Retry, Stop},
    rollouts::Chosen,
};

/// The name for all at once.
const NONE: &str = "none";

/// Why a strategy cannot be used.
pub(super) enum Unfit {
    /// The API server did not say what it is.
    Unread(Stop),
    /// There is none of that name.
    Missing(String),
    /// Something is wrong with it.
    Faulty {
        message: String,
        /// True if it is about two namespaces that take turns.
        takes_turns: bool,
    },
}

impl Pass<'_> {
    /// The strategy between `good` and `new`, and the workloads it is for; or why nothing new can be begun.
    pub(super) async fn strategy(
        &mut self,
        state: &State,
        good: &[Object],
        new: &[Object],
    ) -> Result<(Option<Strategy>, Chosen), Stop> {
        let namespace = self.namespace().to_owned();
        let given = Given {
            good,
            new,
            namespace: &namespace,
        };
        let changed = changed(&given);
        let chosen = choose(&changed, &self.environment.spec.strategies);
        // A rollout under way keeps to the strategy and the workloads it began with.
        if let Some(rollout) = &state.rollout {
            let began = |id: &ObjectId| rollout.baseline.contains_key(&id.to_string());
            let changed = changed.into_iter().map(|workload| workload.id);
            let name = self.rollouts().chosen.name.clone();
            let name = [name, chosen.unwrap_or_default().name].into_iter();
            let chosen = Chosen {
                workloads: changed.filter(began).collect(),
                name: name.filter(|name| !name.is_empty()).take(1).collect(),
            };
            return Ok((Some(rollout.strategy.clone()), chosen));
        }
        let chosen = chosen.map_err(|message| invalid(message, Retry::OnChange))?;
        if chosen.workloads.is_empty() {
            if state.good.is_none() && self.has_nothing() {
                return self.first(new).await;
            }
            if state.side.is_some() && changed.is_empty() {
                return self.taking_turns(new).await;
            }
            self.is_it_fit(new).await;
            return Ok((None, chosen));
        }
        let strategy = self.find(&chosen.name, new).await?;
        self.rollouts().unfit = None;
        let is_away = state.side.as_ref().is_some_and(|side| *side != namespace);
        if is_away && strategy.namespaces.is_none() {
            let message = format!(
                "the environment is in two namespaces that take turns, and strategy {} works within one; name one with `namespaces`, or none",
                chosen.name
            );
            return Err(invalid(message, Retry::OnChange));
        }
        Ok((Some(strategy), chosen))
    }

    /// The strategy by which the whole environment goes from one namespace to the other, if there is one.
    async fn taking_turns(&mut self, new: &[Object]) -> Result<(Option<Strategy>, Chosen), Stop> {
        for name in self.asked_for(new) {
            let strategy = self.find(&name, new).await?;
            if strategy.namespaces.is_some() {
                let workloads = Vec::new();
                return Ok((Some(strategy), Chosen { workloads, name }));
            }
        }
        Ok((None, Chosen::default()))
    }

    /// The strategies of all that `new` has.
    pub(super) fn asked_for(&self, new: &[Object]) -> BTreeSet<String> {
        let all = workloads(new, self.namespace());
        let rules = &self.environment.spec.strategies;
        let names = all.iter().filter_map(|workload| named(workload, rules));
        names.collect()
    }

    /// True if nothing was ever made for the environment.
    fn has_nothing(&self) -> bool {
        let ledger = self.state.ledger.as_ref();
        ledger.is_none_or(|ledger| ledger.inventory.is_empty())
    }

    /// The strategy called `name`: one that comes with the agent, one in the cluster, or else the one that comes with the
    /// revision itself, which could never be made if the revision waited for it.
    pub(super) async fn find(&self, name: &str, new: &[Object]) -> Result<Strategy, Unfit> {
        let namespace = &self.key.namespace;
        if let Some(strategy) = builtin(name) {
            return Ok(strategy);
        }
        let api: Api<StrategyDocument> = Api::namespaced(self.context.cluster.client(), namespace);
        let found = api.get_opt(name).await;
        let found = found.map_err(|error| {
            Unfit::Unread(Stop {
                reason: crate::words::kube(&error),
                message: chain::text(&error),
                retry: Retry::Later,
            })
        })?;
        let document = match found {
            Some(document) => document,
            None => self.in_git(name, new)?,
        };
        let strategy = document.spec.strategy;
        let mut faults: Vec<_> = strategy.faults().iter().map(ToString::to_string).collect();
        faults.extend(job::faults(&strategy, new));
        faults.extend(unknown(&strategy, &self.environment.spec.checks));
        if faults.is_empty() {
            return Ok(strategy);
        }
        Err(Unfit::Faulty {
            message: format!("Strategy {namespace}/{name}: {}", faults.join("; ")),
            takes_turns: strategy.namespaces.is_some(),
        })
    }

    fn in_git(&self, name: &str, new: &[Object]) -> Result<StrategyDocument, Unfit> {
        let namespace = &self.key.namespace;
        let is_it = |object: &Value| {
            let metadata = &object["metadata"];
            let place = metadata["namespace"].as_str();
            object["kind"] == "Strategy"
                && object["apiVersion"] == "driftless.dev/v1alpha1"
                && metadata["name"] == name
                && place.unwrap_or_else(|| self.namespace()) == namespace
        };
        let found = new.iter().find(|(object, _)| is_it(object));
        let Some((object, _)) = found else {
            let names: Vec<_> = builtin::NAMES.iter().map(|(name, _)| *name).collect();
            return Err(Unfit::Missing(format!(
                "there is no Strategy {namespace}/{name}, and none of that name comes with the agent ({})",
                names.join(", ")
            )));
        };
        serde_json::from_value(object.clone()).map_err(|error| Unfit::Faulty {
            message: format!("Strategy {namespace}/{name} in git: {error}"),
            takes_turns: !object["spec"]["namespaces"].is_null(),
        })
    }

    /// The revision cannot be taken apart: what stands stays. Says why.
    pub(super) fn cannot_cut(&mut self, faults: &[Fault], look: &Look) -> String {
        let all: Vec<_> = faults.iter().map(ToString::to_string).collect();
        let message = format!("strategy {}: {}", look.chosen.name, all.join("; "));
        // What a rollout under way lacks may come back without a word to anybody here.
        let retry = match self.rollouts().state.rollout {
            Some(_) => Retry::Later,
            None => Retry::OnChange,
        };
        self.outcome
            .stop(Reason::InvalidStrategy, message.clone(), retry);
        message
    }
}

impl From<Unfit> for Stop {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Unread(stop) => stop,
            Unfit::Missing(message) | Unfit::Faulty { message, .. } => {
                invalid(message, Retry::Later)
            }
        }
    }
}

pub(super) const fn invalid(message: String, retry: Retry) -> Stop {
    Stop {
        reason: Reason::InvalidStrategy,
        message,
        retry,
    }
}

/// Checks that the strategy names and the Environment does not have.
fn unknown(strategy: &Strategy, checks: &[HttpCheck]) -> Vec<String> {
    let mut named: Vec<&String> = Vec::new();
    let mut analyses: Vec<_> = strategy.analysis.iter().collect();
    for step in &strategy.steps {
        match step {
            Step::Synthetic(gate) => named.extend(&gate.checks),
            Step::Analysis(own) => analyses.push(own),
            _ => {}
        }
    }
    for metric in analyses.into_iter().flat_map(|analysis| &analysis.metrics) {
        if let Source::Synthetic(name) = &metric.from {
            named.push(name);
        }
    }
    named.retain(|name| !checks.iter().any(|check| check.name == **name));
    let told = named
        .into_iter()
        .map(|name| format!("the Environment has no check {name:?}; add it to spec.checks"));
    told.collect()
}

/// Which of the `changed` workloads are rolled out. What a workload says in git goes before the rules, of which the
/// first that fits counts. A commit goes one way: if it would need two, this says so.
fn choose(changed: &[Changed], rules: &[StrategyRule]) -> Result<Chosen, String> {
    let mut ways: BTreeMap<String, Vec<ObjectId>> = BTreeMap::new();
    for workload in changed {
        if let Some(name) = named(workload, rules) {
            ways.entry(name).or_default().push(workload.id.clone());
        }
    }
    if ways.len() > 1 {
        let first = |(name, ids): (&String, &Vec<ObjectId>)| format!("{} {name}", ids[0]);
        let said: Vec<_> = ways.iter().map(first).collect();
        return Err(format!(
            "the commit changes workloads of different strategies ({}), and goes one way; give them one strategy, or change them in commits of their own",
            said.join(", ")
        ));
    }
    let chosen = ways.into_iter().next();
    Ok(
        chosen.map_or_else(Chosen::default, |(name, workloads)| Chosen {
            workloads,
            name,
        }),
    )
}

/// The strategy of `workload`, unless it goes at once.
fn named(workload: &Changed, rules: &[StrategyRule]) -> Option<String> {
    let rule = rules.iter().find(|rule| fits(rule, workload));
    let by_rule = rule.map(|rule| rule.strategy.clone());
    let name = workload.strategy.clone().or(by_rule);
    name.filter(|name| name != NONE)
}

fn fits(rule: &StrategyRule, workload: &Changed) -> bool {
    let selector = &rule.selector;
    let labelled = |(key, value): (&String, &String)| {
        workload
            .labels
            .iter()
            .any(|(name, text)| name == key && text == value)
    };
    selector.match_labels.iter().all(labelled)
        && (selector.kinds.is_empty() || selector.kinds.iter().any(|kind| is(*kind, &workload.id)))
        && (selector.names.is_empty() || selector.names.contains(&workload.id.name))
}

fn is(kind: WorkloadKind, id: &ObjectId) -> bool {
    let name = match kind {
        WorkloadKind::Deployment => "Deployment",
        WorkloadKind::StatefulSet => "StatefulSet",
        WorkloadKind::DaemonSet => "DaemonSet",
    };
    id.kind == name
}
