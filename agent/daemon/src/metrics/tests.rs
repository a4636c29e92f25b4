//! What is documented is served, and the other way round.

use std::collections::BTreeSet;

use api::v1alpha1::StageName;

use super::*;

const DOCUMENT: &str = include_str!("../../../../docs/metrics.md");

/// Metrics in which everything was counted once, so that nothing is left out for being empty.
fn all() -> Metrics {
    let metrics = Metrics::new(Meter::default());
    let key = EnvironmentKey {
        namespace: "shop".to_owned(),
        name: "production".to_owned(),
    };
    let standing = Standing {
        ready: true,
        reason: Reason::InSync,
        objects: 3,
        drifted: 1,
    };
    metrics.pass(Reason::InSync, Duration::from_millis(3));
    metrics.stands(&key, standing);
    metrics.stages(&[StageRecord {
        stage: StageName::Render,
        result: api::v1alpha1::StageResult::Done,
        milliseconds: Some(2),
        message: None,
    }]);
    metrics.release(Phase::Healthy, Some(Duration::from_secs(1)));
    metrics.change(Action::Created);
    metrics.drift(1);
    metrics.look(true);
    metrics.hook(true);
    let found = Found {
        fault: None,
        asked: true,
        took: Duration::from_millis(40),
        certificate_days: Some(30),
    };
    metrics.check(&key, "front", &found);
    metrics
}

fn served() -> BTreeSet<String> {
    let text = all().text();
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    names
        .filter_map(|line| Some(line.split_once(' ')?.0.to_owned()))
        .collect()
}

/// The first column of the tables, without the endings that depend on the type.
fn documented() -> BTreeSet<String> {
    let rows = DOCUMENT.lines().filter_map(|line| line.strip_prefix("| `"));
    let names = rows.filter_map(|row| row.split('`').next());
    names
        .map(|name| name.strip_suffix("_total").unwrap_or(name).to_owned())
        .collect()
}

#[test]
fn every_metric_is_documented_and_every_documented_one_exists() {
    let build = |name: &String| name != "driftless_build_info";
    let documented: BTreeSet<_> = documented().into_iter().filter(build).collect();
    let served: BTreeSet<_> = served()
        .into_iter()
        .filter(|name| name != "driftless_build")
        .collect();
    assert_eq!(served, documented);
}

#[test]
fn an_environment_has_one_reason_at_a_time_and_leaves_nothing() {
    let metrics = all();
    let key = EnvironmentKey {
        namespace: "shop".to_owned(),
        name: "production".to_owned(),
    };
    let failing = Standing {
        ready: false,
        reason: Reason::RenderFailed,
        objects: 3,
        drifted: 0,
    };
    metrics.stands(&key, failing);
    let text = metrics.text();
    let ready: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("driftless_environment_ready{"))
        .collect();
    assert_eq!(
        ready,
        [
            r#"driftless_environment_ready{namespace="shop",environment="production",reason="RenderFailed"} 0"#
        ]
    );
    metrics.forget(&key);
    assert!(!metrics.text().contains("production"));
}
