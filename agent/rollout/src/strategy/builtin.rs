//! Strategies that nobody needs to write.

use super::{
    Amount, Analysis, Compare, Metric, Pause, Source, Step, Strategy, Traffic,
    analysis::{Exporter, Measure, Template},
};
use crate::duration::Interval;

/// The classic way: little at first, then more and more.
const WEIGHTS: [u8; 6] = [1, 5, 10, 25, 50, 100];
/// How long each weight stands: long enough for two windows of a minute.
const STAY: Interval = Interval::seconds(120);
/// Share of 5xx answers that is borne.
const ERRORS: f64 = 0.01;
/// How many times slower than the old version the slowest hundredth may be, and by how many seconds on top.
const SLOWER: (f64, f64) = (1.25, 0.05);
/// Requests in a window below which a share of errors says nothing.
const ENOUGH: u32 = 20;

/// Every name, and what it means in a sentence.
pub const NAMES: [(&str, &str); 6] = [
    (
        "canary",
        "1, 5, 10, 25, 50, 100 per cent, two minutes each, watched by the pods' own health",
    ),
    (
        "canary-traefik",
        "the same, watched by errors and latency as Traefik sees them",
    ),
    (
        "canary-envoy",
        "the same, watched by errors and latency as Envoy sees them",
    ),
    (
        "canary-nginx",
        "the same, watched by errors as the nginx Ingress controller sees them, of both versions together",
    ),
    (
        "canary-app",
        "the same, watched by errors and latency as the pods count them",
    ),
    (
        "blue-green",
        "the new version in full beside the old one, then all at once; the old one stays for five minutes",
    ),
];

/// The strategy called `name`, if it comes with the agent.
pub fn builtin(name: &str) -> Option<Strategy> {
    let watched = |by| Strategy {
        analysis: Some(watch(by)),
        bake: Some(Interval::seconds(300)),
        ..canary()
    };
    Some(match name {
        "canary" => canary(),
        "canary-traefik" => watched(Exporter::Traefik),
        "canary-envoy" => watched(Exporter::Envoy),
        "canary-nginx" => watched(Exporter::Nginx),
        "canary-app" => watched(Exporter::App),
        "blue-green" => blue_green(),
        _ => return None,
    })
}

/// All at once and without a look, for the way back to a release that has served before.
pub(crate) fn way_back(from: &Strategy) -> Strategy {
    Strategy {
        traffic: from.traffic,
        progress_deadline: from.progress_deadline,
        namespaces: from.namespaces.clone(),
        ..Strategy::of(vec![Step::Weight(100)])
    }
}

fn canary() -> Strategy {
    let steps = WEIGHTS.into_iter();
    Strategy::of(
        steps
            .flat_map(|weight| [Step::Weight(weight), stay()])
            .collect(),
    )
}

fn blue_green() -> Strategy {
    let keep = Pause {
        duration: Some(Interval::seconds(300)),
    };
    Strategy {
        traffic: Traffic::Switch,
        ..Strategy::of(vec![
            Step::Replicas(Amount::Percent(100)),
            stay(),
            Step::Weight(100),
            Step::Pause(keep),
        ])
    }
}

const fn stay() -> Step {
    Step::Pause(Pause {
        duration: Some(STAY),
    })
}

fn watch(by: Exporter) -> Analysis {
    let metric = |name: &str, measure| Metric {
        name: name.to_owned(),
        from: Source::Template(Template {
            measure,
            by,
            window: Interval::seconds(60),
            address: None,
        }),
        max: None,
        min: None,
        compare: None,
        condition: None,
        min_samples: ENOUGH,
    };
    let errors = Metric {
        max: Some(ERRORS),
        ..metric("error-rate", Measure::ErrorRate)
    };
    let slower = Metric {
        compare: Some(Compare {
            ratio: SLOWER.0,
            margin: SLOWER.1,
            higher_is_better: false,
        }),
        ..metric("latency-p99", Measure::LatencyP99)
    };
    Analysis::of(match by {
        // An Ingress leads to one Service with the pods of both versions behind it, and that is what it counts by: held
        // against each other they would always be equal.
        Exporter::Nginx => vec![errors],
        Exporter::Traefik | Exporter::Envoy | Exporter::App => vec![errors, slower],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_strategy_without_fault() {
        for (name, _) in NAMES {
            let strategy = builtin(name).expect(name);
            assert_eq!(strategy.faults(), [], "{name}");
        }
        assert!(builtin("blue").is_none());
    }

    #[test]
    fn nothing_is_compared_where_both_versions_are_counted_as_one() {
        let compares = |name: &str| {
            let analysis = builtin(name).and_then(|strategy| strategy.analysis);
            analysis.is_some_and(|all| all.metrics.iter().any(Metric::compares))
        };
        assert!(compares("canary-traefik") && compares("canary-envoy") && compares("canary-app"));
        assert!(!compares("canary-nginx"));
    }

    #[test]
    fn a_strategy_survives_the_way_through_json() {
        for (name, _) in NAMES {
            let strategy = builtin(name).expect(name);
            let text = serde_json::to_string(&strategy).unwrap();
            assert_eq!(serde_json::from_str::<Strategy>(&text).unwrap(), strategy);
        }
    }
}
