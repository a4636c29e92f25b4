//! Which strategy the changed workloads follow.

use api::{
    Reason,
    v1alpha1::{Strategy as StrategyDocument, StrategyRule, WorkloadKind},
};
use krm::ObjectId;
use kube::Api;
use rollout::{
    State, Strategy,
    split::{Changed, Fault, Given, Object, changed},
    strategy::{Source, Step, builtin},
};

use super::{Look, Pass};
use crate::{chain, outcome::Retry, rendered::Rendering, rollouts::Chosen};

/// The name for all at once.
const NONE: &str = "none";

impl Pass<'_> {
    /// The strategy between `good` and `new`, and the workloads it is for. `None` if the pass ends here.
    pub(super) async fn strategy(
        &mut self,
        state: &State,
        good: &[Object],
        new: &[Object],
    ) -> Option<(Option<Strategy>, Chosen)> {
        let given = Given {
            good,
            new,
            namespace: self.namespace(),
        };
        let chosen = choose(&changed(&given), &self.environment.spec.strategies);
        // A rollout under way keeps to the strategy it began with.
        if let Some(rollout) = &state.rollout {
            return Some((Some(rollout.strategy.clone()), chosen));
        }
        if chosen.workloads.is_empty() {
            return Some((None, chosen));
        }
        match self.find(&chosen.name).await {
            Ok(strategy) => Some((Some(strategy), chosen)),
            Err((reason, message, retry)) => {
                self.outcome.stop(reason, message, retry);
                None
            }
        }
    }

    async fn find(&self, name: &str) -> Result<Strategy, (Reason, String, Retry)> {
        let namespace = &self.key.namespace;
        if let Some(strategy) = builtin(name) {
            return Ok(strategy);
        }
        let api: Api<StrategyDocument> = Api::namespaced(self.context.cluster.client(), namespace);
        let found = api.get_opt(name).await;
        let found = found.map_err(|error| {
            (
                crate::words::kube(&error),
                chain::text(&error),
                Retry::Later,
            )
        })?;
        let Some(document) = found else {
            let names: Vec<_> = builtin::NAMES.iter().map(|(name, _)| *name).collect();
            let message = format!(
                "there is no Strategy {namespace}/{name}, and none of that name comes with the agent ({})",
                names.join(", ")
            );
            return Err((Reason::InvalidStrategy, message, Retry::Later));
        };
        let strategy = document.spec.strategy;
        let mut faults: Vec<_> = strategy.faults().iter().map(ToString::to_string).collect();
        faults.extend(unserved(&strategy));
        if faults.is_empty() {
            return Ok(strategy);
        }
        let message = format!("Strategy {namespace}/{name}: {}", faults.join("; "));
        Err((Reason::InvalidStrategy, message, Retry::Later))
    }

    /// The revision cannot be taken apart: the good one stays.
    pub(super) fn cannot_split(
        &mut self,
        faults: &[Fault],
        look: &Look,
        rendering: Rendering,
    ) -> Rendering {
        let all: Vec<_> = faults.iter().map(ToString::to_string).collect();
        let message = format!("strategy {}: {}", look.chosen.name, all.join("; "));
        self.outcome
            .stop(Reason::InvalidStrategy, message, Retry::OnChange);
        Rendering {
            objects: look.good.clone(),
            ..rendering
        }
    }
}

/// What this agent does not do yet. To leave it out without a word would bring out what nobody has watched.
fn unserved(strategy: &Strategy) -> Vec<String> {
    let mut faults = Vec::new();
    let mut add = |at: String, what: &str| {
        faults.push(format!(
            "{at}: {what} is not served by this version; take it out"
        ));
    };
    if strategy.namespaces.is_some() {
        add("namespaces".to_owned(), "a blue/green of two namespaces");
    }
    let analyses = strategy
        .analysis
        .iter()
        .map(|one| ("analysis".to_owned(), one));
    let mut gates = Vec::new();
    for (place, step) in strategy.steps.iter().enumerate() {
        let at = format!("steps[{place}]");
        match step {
            Step::Synthetic(_) => add(at, "a synthetic check"),
            Step::Analysis(own) => gates.push((format!("{at}.analysis"), own)),
            _ => {}
        }
    }
    for (at, analysis) in analyses.chain(gates) {
        for metric in &analysis.metrics {
            let at = format!("{at}.metrics.{}", metric.name);
            match metric.from {
                Source::Job(_) => add(at, "a Job as a metric"),
                Source::Synthetic(_) => add(at, "a synthetic check as a metric"),
                Source::Template(_) | Source::Prometheus(_) | Source::Web(_) => {}
            }
        }
    }
    faults
}

/// Which of the `changed` workloads are rolled out. What a workload says in git goes before the rules, of which the
/// first that fits counts. All that are rolled out go the way of the first.
fn choose(changed: &[Changed], rules: &[StrategyRule]) -> Chosen {
    let mut chosen = Chosen::default();
    for workload in changed {
        let by_rule = || {
            let rule = rules.iter().find(|rule| fits(rule, workload));
            rule.map(|rule| rule.strategy.clone())
        };
        let Some(name) = workload
            .strategy
            .clone()
            .or_else(by_rule)
            .filter(|name| name != NONE)
        else {
            continue;
        };
        if chosen.name.is_empty() {
            chosen.name = name;
        }
        chosen.workloads.push(workload.id.clone());
    }
    chosen
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
