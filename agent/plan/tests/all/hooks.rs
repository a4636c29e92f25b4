//! Hooks: what may be one, when they run, and which of their Jobs are kept.

use krm::ObjectId;
use plan::{
    desired::{Desires, RefusalReason},
    diff::{self, AdoptRule, Budget, DriftRule, Plan, PlanInput, Rules},
    health::HealthStatus::{self, Healthy, Progressing},
    hooks::{self, Run, Standing},
    inventory::{Entry, HookRun, Inventory},
    live::{LiveFacts, LiveView},
    point::Point,
    waves::{Ended, Hook, Progress, PruneGate, Step},
};
use serde_json::{Value, json};

use crate::sample::{HERE, desires};

/// A cluster that holds nothing.
struct Nothing;

impl LiveView for Nothing {
    fn get(&self, _: &ObjectId) -> Option<&LiveFacts> {
        None
    }

    fn synced(&self, _: &krm::Gvk) -> bool {
        true
    }
}

fn plan_with(desired: &[plan::desired::Desired], inventory: &Inventory) -> Plan {
    let rules = Rules {
        environment: HERE,
        prune: true,
        budget: Budget {
            objects: 5,
            percent: 30,
        },
        adopt: AdoptRule::Never,
        drift: DriftRule::Repair,
    };
    diff::plan(&PlanInput {
        desired,
        complete: true,
        inventory,
        live: &Nothing,
        rules,
    })
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "written in place at each call"
)]
fn object(api: &str, kind: &str, name: &str, annotations: Value) -> Value {
    json!({ "apiVersion": api, "kind": kind,
        "metadata": { "name": name, "namespace": "shop", "annotations": annotations } })
}

fn map(name: &str) -> Value {
    object("v1", "ConfigMap", name, json!({}))
}

fn deployment(name: &str) -> Value {
    object("apps/v1", "Deployment", name, json!({}))
}

/// A Job that is a hook and reads the ConfigMap `read`.
fn job(name: &str, point: &str, wave: &str) -> Value {
    let mut job = object(
        "batch/v1",
        "Job",
        name,
        json!({ "driftless.dev/hook": point, "driftless.dev/wave": wave }),
    );
    job["spec"] = json!({ "ttlSecondsAfterFinished": 0, "template": { "spec": {
        "containers": [{ "name": "main", "envFrom": [{ "configMapRef": { "name": "read" } }] }],
    } } });
    job
}

/// The plan of a first apply, and hooks that have not run.
fn first(desires: &Desires) -> (Plan, Vec<Hook>) {
    let plan = plan_with(&desires.objects, &Inventory::default());
    let hook = |hook: &plan::desired::Desired| Hook {
        id: hook.id.clone(),
        point: hook.hook.expect("a hook").point,
        wave: hook.wave,
        standing: Standing::Waiting,
    };
    (plan, desires.hooks.iter().map(hook).collect())
}

/// Walks a plan to its end or to where it waits; the steps in words.
fn walk(
    desires: &Desires,
    plan: &Plan,
    hooks: Vec<Hook>,
    health: &dyn Fn(&ObjectId) -> HealthStatus,
) -> Vec<String> {
    let names: Vec<String> = hooks.iter().map(|hook| hook.id.name.clone()).collect();
    let mut progress =
        Progress::new(plan, &desires.objects, PruneGate::Healthy).with_hooks(hooks, true);
    let mut steps = Vec::new();
    loop {
        match progress.next(health) {
            Step::Apply(indices) => {
                let mut step: Vec<&str> = Vec::new();
                for index in indices {
                    step.push(&desires.objects[index].id.name);
                    progress.applied(index, Ended::Well);
                }
                steps.push(format!("apply {}", step.join(" ")));
            }
            Step::Run(indices) => {
                let mut step: Vec<&str> = Vec::new();
                for index in indices {
                    step.push(&names[index]);
                    progress.started_hook(index, Ended::Well);
                }
                steps.push(format!("run {}", step.join(" ")));
            }
            Step::Wait(waiting) => {
                let waiting: Vec<&str> = waiting
                    .iter()
                    .map(|waiting| waiting.id.name.as_str())
                    .collect();
                steps.push(format!("wait {}", waiting.join(" ")));
                return steps;
            }
            Step::Done => return steps,
            Step::Delete(_) => panic!("nothing is deleted"),
        }
    }
}

fn fine(_: &ObjectId) -> HealthStatus {
    Healthy
}

#[test]
fn a_before_hook_runs_after_what_it_reads_and_before_the_rest_of_its_wave() {
    let desires = desires(vec![
        deployment("web"),
        map("read"),
        map("other"),
        object("v1", "Service", "web", json!({})),
        object("v1", "ServiceAccount", "migrate", json!({})),
        job("migrate", "before", "0"),
    ]);
    let (plan, mut hooks) = first(&desires);
    let steps = walk(&desires, &plan, hooks.clone(), &fine);
    assert_eq!(
        steps,
        ["apply migrate", "apply read", "run migrate", "wait migrate"]
    );
    hooks[0].standing = Standing::Done;
    let steps = walk(&desires, &plan, hooks.clone(), &fine);
    assert_eq!(
        steps,
        [
            "apply migrate",
            "apply read",
            "apply other web",
            "apply web"
        ]
    );
    hooks[0].standing = Standing::Failed;
    let steps = walk(&desires, &plan, hooks, &fine);
    assert_eq!(
        steps,
        ["apply migrate", "apply read"],
        "the old version keeps serving"
    );
}

#[test]
fn hooks_have_waves() {
    let mut database = deployment("database");
    database["metadata"]["annotations"] = json!({ "driftless.dev/wave": "-1" });
    let desires = desires(vec![
        database,
        deployment("web"),
        job("schema", "before", "0"),
        job("early", "before", "-1"),
    ]);
    let (plan, mut hooks) = first(&desires);
    let standing = |hooks: &mut Vec<Hook>, name: &str, standing: Standing| {
        let hook = hooks.iter_mut().find(|hook| hook.id.name == name).unwrap();
        hook.standing = standing;
    };
    assert_eq!(
        walk(&desires, &plan, hooks.clone(), &fine),
        ["run early", "wait early"]
    );
    standing(&mut hooks, "early", Standing::Done);
    let sick = |id: &ObjectId| {
        if id.name == "database" {
            Progressing
        } else {
            Healthy
        }
    };
    assert_eq!(
        walk(&desires, &plan, hooks.clone(), &sick),
        ["apply database", "wait database"]
    );
    let steps = walk(&desires, &plan, hooks.clone(), &fine);
    assert_eq!(steps, ["apply database", "run schema", "wait schema"]);
    standing(&mut hooks, "schema", Standing::Done);
    assert_eq!(
        walk(&desires, &plan, hooks, &fine),
        ["apply database", "apply web"]
    );
}

#[test]
fn after_hooks_run_once_all_is_healthy_wave_by_wave() {
    let desires = desires(vec![
        deployment("web"),
        job("smoke", "after", "0"),
        job("tell", "after", "1"),
    ]);
    let (plan, mut hooks) = first(&desires);
    let sick = |_: &ObjectId| Progressing;
    assert_eq!(walk(&desires, &plan, hooks.clone(), &sick), ["apply web"]);
    assert_eq!(
        walk(&desires, &plan, hooks.clone(), &fine),
        ["apply web", "run smoke"]
    );
    hooks[0].standing = Standing::Done;
    assert_eq!(
        walk(&desires, &plan, hooks.clone(), &fine),
        ["apply web", "run tell"]
    );
    hooks[0].standing = Standing::Failed;
    assert_eq!(walk(&desires, &plan, hooks, &fine), ["apply web"]);
}

#[test]
fn a_hook_does_not_run_without_what_it_needs() {
    let desires = desires(vec![
        map("read"),
        deployment("web"),
        job("migrate", "before", "0"),
    ]);
    let (plan, hooks) = first(&desires);
    let mut progress =
        Progress::new(&plan, &desires.objects, PruneGate::Healthy).with_hooks(hooks.clone(), true);
    let Step::Apply(indices) = progress.next(&fine) else {
        panic!("the ConfigMap comes first");
    };
    progress.applied(indices[0], Ended::Badly);
    assert_eq!(progress.next(&fine), Step::Done);
    assert_eq!(progress.blocked().len(), 1);
    // Nor while something in git is refused.
    let mut progress =
        Progress::new(&plan, &desires.objects, PruneGate::Healthy).with_hooks(hooks, false);
    let Step::Apply(indices) = progress.next(&fine) else {
        panic!("the ConfigMap comes first");
    };
    progress.applied(indices[0], Ended::Well);
    assert_eq!(progress.next(&fine), Step::Done);
}

#[test]
fn only_jobs_can_be_hooks_and_others_are_told_what_to_do() {
    let hook = json!({ "driftless.dev/hook": "before" });
    for (object, word) in [
        (object("v1", "Pod", "p", hook.clone()), "spec.template.spec"),
        (
            object("batch/v1", "CronJob", "c", hook.clone()),
            "spec.jobTemplate.spec",
        ),
        (object("v1", "ConfigMap", "m", hook), "only Jobs"),
        (job("j", "first", "0"), "before, after or failed"),
        (
            object(
                "batch/v1",
                "Job",
                "k",
                json!({ "driftless.dev/hook": "after", "driftless.dev/hook-keep": "0" }),
            ),
            "1 to 10",
        ),
    ] {
        let desires = desires(vec![object, map("good")]);
        assert!(desires.lacks_hooks);
        assert_eq!(desires.refused[0].reason, RefusalReason::BadHook);
        assert!(
            desires.refused[0].message.contains(word),
            "{}",
            desires.refused[0].message
        );
    }
    let mut asleep = job("asleep", "before", "0");
    asleep["spec"]["suspend"] = true.into();
    assert!(
        desires(vec![asleep]).refused[0]
            .message
            .contains("never end")
    );
    // Left alone altogether means not run either.
    let mut frozen = job("frozen", "before", "0");
    frozen["metadata"]["annotations"]["driftless.dev/reconcile"] = "disabled".into();
    let desires = desires(vec![frozen]);
    assert!(desires.hooks.is_empty() && desires.objects.is_empty() && !desires.lacks_hooks);
}

#[test]
fn a_job_has_a_name_of_its_own_in_each_release() {
    let desires = desires(vec![job(&"m".repeat(63), "before", "0")]);
    let hook = &desires.hooks[0];
    let (one, again, two) = (
        hooks::job(hook, "shop-000001"),
        hooks::job(hook, "shop-000001"),
        hooks::job(hook, "shop-000002"),
    );
    assert_eq!(one.id, again.id);
    assert_ne!(one.id, two.id);
    assert!(one.id.name.len() <= 63 && one.body["metadata"]["name"] == *one.id.name);
    assert_eq!(one.body["spec"]["activeDeadlineSeconds"], 3600);
    assert!(one.body["spec"].get("ttlSecondsAfterFinished").is_none());
}

fn run(hook: &str, release: &str, ended: Option<bool>) -> HookRun {
    HookRun {
        hook: hook.to_owned(),
        point: Point::Before,
        release: release.to_owned(),
        ended,
        span: None,
    }
}

fn id(name: &str) -> ObjectId {
    ObjectId {
        group: "batch".into(),
        kind: "Job".into(),
        namespace: "shop".into(),
        name: name.into(),
    }
}

#[expect(clippy::too_many_lines, reason = "one case after the other reads best")]
#[test]
fn a_run_stands_as_its_job_does_and_never_starts_twice() {
    let made = |uid: Option<&str>, ended| Entry {
        uid: uid.map(Into::into),
        hook: Some(Box::new(run("migrate", "shop-000001", ended))),
        ..Entry::default()
    };
    let live = |uid: &str| LiveFacts {
        uid: uid.into(),
        owned: Some(plan::inventory::Ownership::default()),
        ..LiveFacts::default()
    };
    let stands = |entry: Option<Entry>, live: Option<LiveFacts>, health| {
        hooks::standing(entry.as_ref(), live.as_ref(), health)
    };
    let missing = HealthStatus::Missing;
    assert_eq!(stands(None, None, missing), Standing::Waiting);
    assert_eq!(
        stands(Some(made(None, None)), None, missing),
        Standing::Waiting
    );
    assert_eq!(
        stands(Some(made(None, None)), Some(live("u")), Progressing),
        Standing::Running
    );
    assert_eq!(
        stands(Some(made(Some("u"), None)), Some(live("u")), Healthy),
        Standing::Done
    );
    assert_eq!(
        stands(
            Some(made(Some("u"), None)),
            Some(live("u")),
            HealthStatus::Degraded
        ),
        Standing::Failed
    );
    // Switched off by hand is not at its end.
    assert_eq!(
        stands(
            Some(made(Some("u"), None)),
            Some(live("u")),
            HealthStatus::Suspended
        ),
        Standing::Running
    );
    assert_eq!(
        stands(Some(made(Some("u"), None)), Some(live("other")), Healthy),
        Standing::Failed
    );
    assert_eq!(
        stands(Some(made(Some("u"), None)), None, missing),
        Standing::Failed
    );
    // What was written down stays true when somebody tidies up.
    assert_eq!(
        stands(Some(made(Some("u"), Some(true))), None, missing),
        Standing::Done
    );
    assert_eq!(
        stands(Some(made(Some("u"), Some(false))), None, missing),
        Standing::Failed
    );
    let foreign = LiveFacts {
        uid: "u".into(),
        ..LiveFacts::default()
    };
    assert_eq!(
        stands(Some(made(None, None)), Some(foreign), Healthy),
        Standing::Failed
    );
}

#[test]
fn the_last_runs_are_kept_and_running_ones_of_other_releases_go() {
    let mut inventory = Inventory::default();
    for (name, release, ended) in [
        ("a", "shop-000001", Some(true)),
        ("b", "shop-000002", Some(false)),
        ("c", "shop-000003", None),
    ] {
        inventory.expect_run(&id(name), "v1", 0, run("migrate", release, ended));
    }
    let names = |found: Vec<(&ObjectId, &Entry)>| -> Vec<String> {
        found.into_iter().map(|(id, _)| id.name.clone()).collect()
    };
    assert_eq!(
        names(hooks::superseded(&inventory, Some("shop-000004"))),
        ["c"]
    );
    assert!(hooks::superseded(&inventory, Some("shop-000003")).is_empty());
    assert_eq!(names(hooks::superseded(&inventory, None)), ["c"]);
    let mut desires = desires(vec![job("migrate", "before", "0")]);
    let of = |hook: &plan::desired::Desired| Run {
        job: hooks::job(hook, "shop-000004"),
        hook: hook.clone(),
        standing: Standing::Waiting,
    };
    let one = of(&desires.hooks[0]);
    assert_eq!(
        names(hooks::former(&inventory, &one, "shop-000004")),
        ["c", "b", "a"]
    );
    desires.hooks[0].hook.as_mut().unwrap().keep = 2;
    let two = of(&desires.hooks[0]);
    assert_eq!(
        names(hooks::former(&inventory, &two, "shop-000004")),
        ["b", "a"]
    );
    assert!(hooks::forgotten(&inventory, &[two]).is_empty());
    assert_eq!(names(hooks::forgotten(&inventory, &[])), ["a", "b"]);
}

#[test]
fn jobs_for_numbers_are_no_hooks_and_get_in_nobodys_way() {
    let mut inventory = Inventory::default();
    let sample = |ended| HookRun {
        point: Point::Sample,
        ..run("migrate", "shop-000003#1/watch/smoke", ended)
    };
    inventory.expect_run(&id("at-work"), "v1", 0, sample(None));
    inventory.expect_run(&id("done"), "v1", 0, sample(Some(true)));
    assert!(hooks::superseded(&inventory, None).is_empty());
    let desires = desires(vec![job("migrate", "before", "0")]);
    let hook = &desires.hooks[0];
    let migrate = Run {
        job: hooks::job(hook, "shop-000004"),
        hook: hook.clone(),
        standing: Standing::Waiting,
    };
    assert!(hooks::former(&inventory, &migrate, "shop-000004").is_empty());
    assert!(hooks::forgotten(&inventory, &[]).is_empty());
    assert_eq!(hooks::samples(&inventory).count(), 2);
    assert_eq!(Point::parse("sample"), None, "nobody writes it into git");
}

#[test]
fn jobs_of_hooks_are_never_pruned_as_if_they_had_left_git() {
    let mut inventory = Inventory::default();
    inventory.expect_run(
        &id("migrate-12345678"),
        "v1",
        0,
        run("migrate", "shop-000001", Some(true)),
    );
    let desires = desires(vec![map("a")]);
    let plan = plan_with(&desires.objects, &inventory);
    assert!(plan.prune.is_empty() && plan.dropped.is_empty());
    assert!(plan_with(&[], &inventory).is_empty());
}
