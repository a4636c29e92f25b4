//! Jobs as numbers: which Job is run, what its end means, and how long it may be waited for.

use plan::health::{Health, HealthStatus};
use rollout::{
    Interval, State,
    job::{self, Occasion},
    judge::{Missing, Numbers, Reading, Verdict, judge},
    observe::{Router, Sample},
    state::{Cause, Phase, Tally},
    strategy::{Analysis, Metric, Source, Step, Strategy, analysis::Job},
};
use serde_json::{Value, json};

use crate::world::{World, error_rate, start};

fn metric(job: Value) -> Metric {
    let job: Job = serde_json::from_value(job).expect("a job");
    Metric {
        name: "Smoke test".to_owned(),
        from: Source::Job(job),
        max: None,
        ..error_rate()
    }
}

fn of(metric: &Metric) -> &Job {
    match &metric.from {
        Source::Job(job) => job,
        other => panic!("{other:?}"),
    }
}

/// A spec that the API server would take.
fn spec() -> Value {
    json!({ "template": { "spec": {
        "restartPolicy": "Never",
        "containers": [{ "name": "main", "image": "smoke:1" }],
    } } })
}

fn strategy(metric: Metric) -> Strategy {
    Strategy::of(vec![
        Step::Weight(10),
        Step::Analysis(Analysis::of(vec![metric])),
    ])
}

fn occasion() -> Occasion {
    Occasion {
        environment: "shop/production".to_owned(),
        release: "production-000007".to_owned(),
        revision: "4f2c".to_owned(),
        weight: 25,
        namespace: "shop".to_owned(),
        workloads: vec!["web-canary".to_owned()],
        services: vec!["web-canary".to_owned()],
    }
}

#[test]
fn a_job_is_the_spec_with_a_limit_one_try_and_what_it_is_run_for() {
    let mut given = spec();
    given["ttlSecondsAfterFinished"] = json!(1);
    given["activeDeadlineSeconds"] = json!(9000);
    given["template"]["spec"]["containers"][0]["env"] = json!([{ "name": "URL", "value": "http://$(DRIFTLESS_SERVICE)" }, { "name": "DRIFTLESS_WEIGHT", "value": "mine" }]);
    let metric = metric(json!({ "spec": given, "timeout": "90s" }));
    let body = of(&metric).body("smoke-1", &[], &occasion()).unwrap();
    assert_eq!(
        body["metadata"],
        json!({ "name": "smoke-1", "namespace": "shop" })
    );
    let spec = &body["spec"];
    assert_eq!(
        (
            &spec["backoffLimit"],
            &spec["activeDeadlineSeconds"],
            &spec["ttlSecondsAfterFinished"]
        ),
        (&json!(0), &json!(90), &Value::Null)
    );
    let variables = spec["template"]["spec"]["containers"][0]["env"]
        .as_array()
        .unwrap();
    let named: Vec<_> = variables
        .iter()
        .map(|one| {
            format!(
                "{}={}",
                one["name"].as_str().unwrap(),
                one["value"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        named,
        [
            "DRIFTLESS_ENVIRONMENT=shop/production",
            "DRIFTLESS_RELEASE=production-000007",
            "DRIFTLESS_REVISION=4f2c",
            "DRIFTLESS_NAMESPACE=shop",
            "DRIFTLESS_WORKLOAD=web-canary",
            "DRIFTLESS_SERVICE=web-canary",
            "URL=http://$(DRIFTLESS_SERVICE)",
            "DRIFTLESS_WEIGHT=mine",
        ]
    );
}

#[test]
fn a_template_is_a_cron_job_or_a_job_of_the_revision_and_is_missed_before_it_begins() {
    let cron = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": { "name": "smoke", "labels": { "not": "these" } },
        "spec": { "suspend": true, "schedule": "0 0 1 1 *", "jobTemplate": { "metadata": { "labels": { "app": "smoke" } }, "spec": spec() } },
    });
    let mut suspended = spec();
    suspended["suspend"] = json!(true);
    suspended["backoffLimit"] = json!(2);
    suspended["activeDeadlineSeconds"] = json!(7);
    let plain = json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "probe" }, "spec": suspended });
    let objects = [(cron, None), (plain, None)];
    let smoke = metric(json!({ "template": "smoke" }));
    let body = of(&smoke).body("smoke-1", &objects, &occasion()).unwrap();
    assert_eq!(body["metadata"]["labels"], json!({ "app": "smoke" }));
    assert_eq!(body["spec"]["activeDeadlineSeconds"], 300);
    let probe = metric(json!({ "template": "probe" }));
    let body = of(&probe).body("probe-1", &objects, &occasion()).unwrap();
    assert_eq!(
        (
            &body["spec"]["suspend"],
            &body["spec"]["backoffLimit"],
            &body["spec"]["activeDeadlineSeconds"]
        ),
        (&Value::Null, &json!(2), &json!(7))
    );
    assert!(job::faults(&strategy(smoke), &objects).is_empty());
    let gone = job::faults(&strategy(metric(json!({ "template": "gone" }))), &objects);
    assert_eq!(
        gone,
        [
            "steps[1].analysis.metrics[0].from.job.template: metric Smoke test: the revision has neither a CronJob nor a Job \"gone\" of batch/v1; add one, suspended"
        ]
    );
}

#[test]
fn each_number_has_a_job_of_its_own_and_the_same_whoever_makes_it() {
    let smoke = metric(json!({ "spec": spec() }));
    let name = |key: &str, second| {
        of(&smoke).name(
            &smoke.name,
            key,
            start() + Interval::seconds(second).duration(),
        )
    };
    assert!(name("a", 0).starts_with("smoke-test-"), "{}", name("a", 0));
    assert_eq!(name("a", 0), name("a", 0));
    let names = [name("a", 0), name("a", 1), name("b", 0)];
    let different: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(different.len(), 3);
    let odd = of(&smoke).name(&"ü".repeat(63), "a", start());
    assert!(odd.starts_with("metric-") && odd.len() <= 63, "{odd}");
}

#[test]
fn everything_that_is_wrong_with_a_job_is_told_with_its_field() {
    let wrong = metric(json!({
        "template": "both", "timeout": "0s",
        "spec": { "suspend": true, "template": { "spec": { "restartPolicy": "Always", "containers": [{ "name": "a" }] } } },
    }));
    let told = |metric: Metric| -> Vec<String> {
        let faults = strategy(metric).faults();
        faults.iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        told(wrong),
        [
            "steps[1].analysis.metrics[0].from.job: metric Smoke test: needs either template or spec",
            "steps[1].analysis.metrics[0].from.job.timeout: metric Smoke test: is below a second",
            "steps[1].analysis.metrics[0].from.job.spec.suspend: metric Smoke test: so it would never end; take it out",
            "steps[1].analysis.metrics[0].from.job.spec.template.spec.containers[0].image: metric Smoke test: is missing",
            "steps[1].analysis.metrics[0].from.job.spec.template.spec.restartPolicy: metric Smoke test: has to be Never or OnFailure in a Job",
        ]
    );
    let empty = told(metric(json!({ "spec": { "template": {} } })));
    assert!(
        empty[0].contains("spec.template.spec.containers: metric Smoke test: there are none"),
        "{empty:?}"
    );
    assert!(told(metric(json!({ "spec": spec() }))).is_empty());
}

#[test]
fn completed_is_one_failed_is_none_and_too_late_is_no_number() {
    let health = |status, message: &str| Health::new(status, message);
    let number = |health| job::number(&health).map(|answer| answer.map(|numbers| numbers.canary));
    assert_eq!(
        number(health(HealthStatus::Healthy, "ran to its end")),
        Some(Ok(1.0))
    );
    let failed = health(
        HealthStatus::Degraded,
        "BackoffLimitExceeded: Job has reached the specified backoff limit",
    );
    assert_eq!(number(failed), Some(Ok(0.0)));
    let late = health(
        HealthStatus::Degraded,
        "DeadlineExceeded: Job was active longer than specified deadline",
    );
    assert_eq!(number(late), Some(Err(Missing::Timeout)));
    for status in [
        HealthStatus::Progressing,
        HealthStatus::Suspended,
        HealthStatus::Missing,
        HealthStatus::Unknown,
    ] {
        assert_eq!(number(health(status, "")), None);
    }
}

#[test]
fn a_job_without_a_limit_has_to_complete_and_what_it_said_is_kept() {
    let smoke = metric(json!({ "spec": spec() }));
    let decide = |answer| {
        let log = vec!["first".to_owned(), "last".to_owned()];
        let query = "Job/shop/smoke-1".to_owned();
        judge(&smoke, &Reading { query, answer, log }, start())
    };
    let canary = |canary| {
        Ok(Numbers {
            canary,
            ..Numbers::default()
        })
    };
    let bad = decide(canary(0.0));
    assert_eq!(
        (bad.verdict, bad.limit.as_str(), bad.bound),
        (Verdict::Bad, "at least 1", Some(1.0))
    );
    assert_eq!((bad.why.as_str(), bad.log.len()), ("0 is below 1", 2));
    let good = decide(canary(1.0));
    assert_eq!(
        (good.verdict, good.log),
        (Verdict::Good, vec!["last".to_owned()])
    );
    let missing = decide(Err(Missing::Timeout));
    assert_eq!((missing.verdict, missing.log.len()), (Verdict::Missing, 2));
}

/// A rollout whose gate waits for a Job of at most five minutes, asked for every 30 s.
fn at_the_gate() -> (World, String) {
    let mut world = World::new(Router::Route);
    world.metrics = crate::world::Metrics::Silent;
    world.push("b", Some(strategy(metric(json!({ "spec": spec() })))));
    world.until(1, |world| {
        world.at_step() == Some(1) && !world.seen.samples.is_empty() || is_asked(world)
    });
    let key = world.look().wish.checks[0].key.clone();
    (world, key)
}

fn is_asked(world: &World) -> bool {
    let effects = rollout::machine::resume(&world.state, &world.seen, world.now);
    !effects.wish.checks.is_empty()
}

fn sample(world: &World, key: &str, seconds_ago: i64, canary: f64) -> Sample {
    Sample {
        key: key.to_owned(),
        at: world.now - jiff::SignedDuration::from_secs(seconds_ago),
        reading: Reading {
            query: "Job/shop/smoke-1".to_owned(),
            answer: Ok(Numbers {
                canary,
                ..Numbers::default()
            }),
            log: Vec::new(),
        },
    }
}

#[test]
fn a_job_may_take_its_time_before_it_counts_as_silent() {
    let (mut world, key) = at_the_gate();
    // Longer than three intervals, and no longer than those and its own time.
    for _ in 0..38 {
        world.pass(10);
        world.turn();
        assert!(world.state.rollout.is_some());
    }
    let rollout = world.state.rollout.clone().unwrap();
    let Phase::Stepping(stepping) = &rollout.phase else {
        panic!("{rollout:?}")
    };
    assert_eq!(stepping.gate["Smoke test"].missing, None);
    world.seen.samples = vec![sample(&world, &key, 300, 1.0)];
    world.look();
    let rollout = world.state.rollout.clone().unwrap();
    let Phase::Stepping(stepping) = &rollout.phase else {
        panic!("{rollout:?}")
    };
    assert_eq!(stepping.gate["Smoke test"].good, 1);
}

#[test]
fn a_job_of_which_nothing_is_heard_holds_and_then_ends_it() {
    let (mut world, _) = at_the_gate();
    world.until(10, |world: &World| {
        let State { rollout, .. } = &world.state;
        rollout
            .as_ref()
            .is_none_or(|rollout| matches!(rollout.phase, Phase::Ending { .. }))
    });
    let cause = match world.state.rollout.map(|rollout| rollout.phase) {
        Some(Phase::Ending { cause, .. }) => cause,
        _ => world.state.rejected.pop().unwrap().cause,
    };
    assert!(
        matches!(&cause, Cause::AnalysisMissing { metric, .. } if metric == "Smoke test"),
        "{cause:?}"
    );
}

#[test]
fn one_failed_job_sends_it_back() {
    let (mut world, key) = at_the_gate();
    world.pass(20);
    world.seen.at = world.now;
    world.seen.samples = vec![sample(&world, &key, 10, 0.0)];
    world.look();
    let rollout = world.state.rollout.unwrap();
    assert!(
        matches!(
            rollout.phase,
            Phase::Ending {
                cause: Cause::AnalysisFailed { .. },
                ..
            }
        ),
        "{rollout:?}"
    );
}

/// A restart, as the next agent finds it.
fn restart(world: &mut World) {
    world.state = State::read(&world.state.write()).expect("what was written");
}

fn gate(world: &World) -> Tally {
    match world.state.rollout.as_ref().map(|rollout| &rollout.phase) {
        Some(Phase::Stepping(stepping)) => stepping.gate["Smoke test"].clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_restart_neither_forgets_a_good_job_nor_counts_a_bad_one_twice() {
    let (mut world, key) = at_the_gate();
    let rollout = world.state.rollout.as_mut().unwrap();
    let Some(Step::Analysis(analysis)) = rollout.strategy.steps.get_mut(1) else {
        panic!("{rollout:?}")
    };
    analysis.failure_limit = 1;
    world.pass(20);
    world.seen.at = world.now;
    let (good, bad) = (sample(&world, &key, 15, 1.0), sample(&world, &key, 5, 0.0));
    world.seen.samples = vec![good.clone()];
    let effects = world.look();
    assert_eq!(effects.wish.checks[0].last, Some(good.at));
    restart(&mut world);
    assert_eq!((gate(&world).good, gate(&world).last), (1, Some(good.at)));
    // Heard again by somebody who does not know that it was counted.
    for _ in 0..2 {
        world.seen.samples = vec![good.clone(), bad.clone()];
        world.look();
        restart(&mut world);
        assert_eq!((gate(&world).good, gate(&world).bad), (1, 1));
    }
    // Of others a restart forgets what was good: to ask them again costs nothing.
    let mut tally = gate(&world);
    tally.kept = false;
    let stored = serde_json::to_value(&tally).unwrap();
    let tally: Tally = serde_json::from_value(stored).unwrap();
    assert_eq!((tally.good, tally.bad, tally.last), (0, 1, None));
}
