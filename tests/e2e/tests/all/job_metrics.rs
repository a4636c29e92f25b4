//! Jobs as numbers of a rollout: what their end does to it, how many there are, and with whose rights they run.

use anyhow::{Context as _, Result, ensure};
use api::v1alpha1::{EnvironmentStatus, Release};
use e2e::{Agent, PATIENCE, Shop};
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{
    Api,
    api::{ListParams, Patch, PatchParams},
};
use lab::eventually;
use rollout::{judge::Verdict, wish::Record};
use serde_json::{Value, json};

use crate::{canaries, hooks::made};

/// A CronJob that never runs by itself. The image decides how its Jobs end; see the lab's stages.
fn smoke(tag: &str) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": { "name": "smoke" },
        "spec": { "suspend": true, "schedule": "0 0 1 1 *", "jobTemplate": { "spec": spec(tag) } },
    })
}

pub(crate) fn spec(tag: &str) -> Value {
    let main = json!({ "name": "main", "image": format!("smoke:{tag}"), "args": ["$(DRIFTLESS_WORKLOAD)"] });
    json!({ "template": { "spec": { "restartPolicy": "Never", "containers": [main] } } })
}

pub(crate) fn push(shop: &Shop, tag: &str, smoke_tag: &str) -> Result<String> {
    let web = canaries::deployment("web", tag, "tested");
    canaries::push(shop, &[web, smoke(smoke_tag)])
}

/// One pod of the new version, then as many Jobs as `count` says.
pub(crate) async fn strategy(shop: &Shop, job: Value, analysis: Value) -> Result<()> {
    let mut gate =
        json!({ "interval": "1s", "metrics": [{ "name": "smoke", "from": { "job": job } }] });
    for (key, value) in analysis.as_object().into_iter().flatten() {
        gate[key] = value.clone();
    }
    let spec =
        json!({ "steps": [{ "replicas": 1 }, { "analysis": gate }], "progressDeadline": "60s" });
    shop.strategy("tested", spec).await
}

/// A shop whose first version is there, with an agent.
async fn opened(name: &str, job: Value, analysis: Value) -> Result<(Shop, Agent)> {
    let shop = Shop::new(name).await?;
    strategy(&shop, job, analysis).await?;
    let agent = with_the_first(&shop, json!({})).await?;
    Ok((shop, agent))
}

/// Brings out a first version by an Environment with `spec`.
async fn with_the_first(shop: &Shop, spec: Value) -> Result<Agent> {
    let first = push(shop, "1", "1")?;
    let agent = shop.agent()?;
    shop.environment(spec).await?;
    shop.ready_at(&first).await?;
    Ok(agent)
}

/// Waits until the rollout says all of `words`.
async fn jobs(shop: &Shop) -> Result<Vec<Job>> {
    let api: Api<Job> = Api::namespaced(shop.client.clone(), &shop.namespace);
    Ok(api.list(&ListParams::default()).await?.items)
}

/// Waits until no Job is left, in the cluster and in the records.
pub(crate) async fn are_gone(shop: &Shop) -> Result<()> {
    eventually(PATIENCE, || async {
        let left = jobs(shop).await?;
        ensure!(left.is_empty(), "{} Jobs are left", left.len());
        let records: Api<api::v1alpha1::Inventory> =
            Api::namespaced(shop.client.clone(), "driftless-system");
        for record in records.list(&ListParams::default()).await?.items {
            let mine = record.spec.owner.namespace == shop.namespace;
            let held = record.spec.entries.iter().any(|entry| entry.hook.is_some());
            ensure!(!mine || !held, "still in the inventory");
        }
        Ok(())
    })
    .await?;
    Ok(())
}

/// Numbers that were judged, of the newest release.
pub(crate) async fn judged(shop: &Shop) -> Result<Vec<Record>> {
    let release: Release = shop.releases().await?.pop().context("a Release")?;
    let rollout = release.status.unwrap_or_default().rollout;
    let records = rollout.map(|rollout| rollout.records).unwrap_or_default();
    let judged = records.into_iter().filter(|one| one.decision.is_some());
    Ok(judged.collect())
}

pub(crate) async fn held(shop: &Shop, reason: &str) -> Result<api::v1alpha1::HeldRevision> {
    let held = shop.held().await?;
    ensure!(held.reason == reason, "{held:?}");
    Ok(held)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_number_is_one_job_and_enough_good_ones_let_it_pass() -> Result<()> {
    let (shop, _agent) = opened(
        "jobgood",
        json!({ "template": "smoke" }),
        json!({ "count": 3 }),
    )
    .await?;
    let mark = shop.mark()?;
    let second = push(&shop, "2", "1")?;
    shop.ready_at(&second).await?;
    let made = made(&shop, mark)?;
    assert_eq!(made.len(), 3, "{}", made.summary());
    ensure!(
        made.iter().all(|one| one.name.starts_with("smoke-")),
        "{}",
        made.summary()
    );
    let body = made[0].request.clone().context("what was sent")?;
    let env = &body["spec"]["template"]["spec"]["containers"][0]["env"];
    let workload = json!({ "name": "DRIFTLESS_WORKLOAD", "value": "web-canary" });
    ensure!(
        env.as_array().is_some_and(|all| all.contains(&workload)),
        "{env}"
    );
    are_gone(&shop).await?;
    let told = judged(&shop).await?;
    assert_eq!(told.len(), 3, "{told:?}");
    for record in told {
        let decision = record.decision.context("a number")?;
        assert_eq!(
            (decision.verdict, decision.number),
            (Verdict::Good, Some(1.0))
        );
        assert_eq!(decision.log, ["line 30 of the lab's log"]);
        ensure!(
            decision
                .query
                .starts_with(&format!("Job/{}/smoke-", shop.namespace))
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_job_sends_the_revision_back_with_its_last_words() -> Result<()> {
    let (shop, _agent) = opened(
        "jobbad",
        json!({ "spec": spec("failing") }),
        json!({ "failureLimit": 1 }),
    )
    .await?;
    let mark = shop.mark()?;
    let second = push(&shop, "2", "1")?;
    let held = held(&shop, "AnalysisFailed").await?;
    assert_eq!(held.revision, second);
    let decision = held.decision.context("the number")?;
    assert_eq!(
        (decision.metric.as_str(), decision.number),
        ("smoke", Some(0.0))
    );
    assert_eq!(decision.log.len(), 20, "{:?}", decision.log);
    assert_eq!(
        made(&shop, mark)?.len(),
        2,
        "one bad one is borne: {}",
        made(&shop, mark)?.summary()
    );
    are_gone(&shop).await?;
    let view = shop.driftless(&["rollout", "shop"])?;
    let view = String::from_utf8_lossy(&view.stdout);
    ensure!(
        view.contains("✗ smoke") && view.contains("line 30 of the lab's log"),
        "{view}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_takes_too_long_is_no_number_and_lets_nothing_pass() -> Result<()> {
    let (shop, _agent) = opened(
        "joblate",
        json!({ "template": "smoke", "timeout": "3s" }),
        json!({ "patience": "5s" }),
    )
    .await?;
    let second = push(&shop, "2", "broken")?;
    let held = held(&shop, "AnalysisMissing").await?;
    assert_eq!(held.revision, second);
    ensure!(
        held.message.contains("no answer in time"),
        "{}",
        held.message
    );
    are_gone(&shop).await?;
    let told = judged(&shop).await?;
    ensure!(!told.is_empty(), "nothing was told");
    for record in told {
        let decision = record.decision.context("a number")?;
        assert_eq!(
            (decision.verdict, decision.number),
            (Verdict::Missing, None),
            "{decision:?}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_agent_makes_no_second_job_for_a_number_and_hears_of_the_first() -> Result<()> {
    let (shop, agent) = opened(
        "jobkill",
        json!({ "template": "smoke" }),
        json!({ "count": 1 }),
    )
    .await?;
    let mark = shop.mark()?;
    // Its pod never starts until somebody gives it an image that does.
    let second = push(&shop, "2", "broken")?;
    let at_work = |_: &EnvironmentStatus| made(&shop, mark).is_ok_and(|made| made.len() == 1);
    shop.status("the Job", at_work).await?;
    let job = jobs(&shop)
        .await?
        .pop()
        .context("a Job")?
        .metadata
        .name
        .context("a name")?;
    drop(agent);
    let _agent = shop.agent()?;
    let asked = json!({ "metadata": { "annotations": { api::names::REQUESTED_AT: "now" } } });
    shop.change(asked).await?;
    let handled = |status: &EnvironmentStatus| status.handled_request.as_deref() == Some("now");
    shop.status("looked at by the new agent", handled).await?;
    heal(&shop, &job).await?;
    shop.ready_at(&second).await?;
    let all = made(&shop, mark)?;
    assert_eq!(all.len(), 1, "{}", all.summary());
    are_gone(&shop).await?;
    let told = judged(&shop).await?;
    ensure!(
        told.len() == 1
            && told[0]
                .decision
                .as_ref()
                .is_some_and(|one| one.query.contains(&job)),
        "{told:?}"
    );
    Ok(())
}

/// Gives the pod of `job` an image that can be had.
pub(crate) async fn heal(shop: &Shop, job: &str) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(shop.client.clone(), &shop.namespace);
    let of_job = ListParams::default().labels(&format!("job-name={job}"));
    let pod = eventually(PATIENCE, || async {
        let found = pods.list(&of_job).await?.items.pop();
        found.context("its pod")
    });
    let name = pod.await?.metadata.name.context("a name")?;
    let image = json!({ "spec": { "containers": [{ "name": "main", "image": "smoke:1" }] } });
    pods.patch(&name, &PatchParams::default(), &Patch::Strategic(image))
        .await?;
    Ok(())
}

/// Waits until there are so many Jobs.
async fn runs(shop: &Shop, count: usize) -> Result<()> {
    eventually(PATIENCE, || async {
        let jobs = jobs(shop).await?;
        ensure!(jobs.len() == count, "{} Jobs", jobs.len());
        Ok(())
    })
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_that_is_over_takes_its_job_along() -> Result<()> {
    let shop = Shop::new("jobover").await?;
    strategy(&shop, json!({ "template": "smoke" }), json!({ "count": 1 })).await?;
    let _agent = with_the_first(&shop, json!({ "onDelete": "prune" })).await?;
    let mark = shop.mark()?;
    push(&shop, "2", "broken")?;
    runs(&shop, 1).await?;
    // A newer commit, of which the Job is another one.
    push(&shop, "3", "broken")?;
    eventually(PATIENCE, || async {
        ensure!(
            made(&shop, mark)?.len() == 2,
            "{}",
            made(&shop, mark)?.summary()
        );
        Ok(())
    })
    .await?;
    runs(&shop, 1).await?;
    let abort = json!({ "id": "stop", "action": "abort", "by": "ada" });
    let annotations = json!({ api::names::ROLLOUT_COMMAND: abort.to_string() });
    shop.change(json!({ "metadata": { "annotations": annotations } }))
        .await?;
    held(&shop, "RolloutAborted").await?;
    are_gone(&shop).await?;
    let retry = json!({ "id": "again", "action": "retry", "by": "ada" });
    let annotations = json!({ api::names::ROLLOUT_COMMAND: retry.to_string() });
    shop.change(json!({ "metadata": { "annotations": annotations } }))
        .await?;
    runs(&shop, 1).await?;
    eventually(PATIENCE, || async {
        ensure!(made(&shop, mark)?.len() >= 3, "not written down yet");
        Ok(())
    })
    .await?;
    let all = made(&shop, mark)?;
    assert_eq!(
        all.len(),
        3,
        "a second chance has numbers of its own: {}",
        all.summary()
    );
    shop.delete("shop").await?;
    shop.gone("shop").await?;
    runs(&shop, 0).await
}

/// Gives the account `tenant` what a canary takes, and `more`.
async fn may(shop: &Shop, more: &[Value]) -> Result<()> {
    let all = ["get", "list", "watch", "create", "patch", "delete"];
    let mut rules = vec![
        json!({ "apiGroups": ["apps"], "resources": ["deployments"], "verbs": all }),
        json!({ "apiGroups": ["batch"], "resources": ["cronjobs"], "verbs": all }),
        json!({ "apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"] }),
    ];
    rules.extend_from_slice(more);
    let group = "rbac.authorization.k8s.io";
    let version = format!("{group}/v1");
    let account =
        json!({ "kind": "ServiceAccount", "name": "tenant", "namespace": shop.namespace });
    let api = shop.world.control_plane.api()?;
    for (plural, object) in [
        (
            "roles",
            json!({ "apiVersion": version, "kind": "Role", "metadata": { "name": "tenant" }, "rules": rules }),
        ),
        (
            "rolebindings",
            json!({
                "apiVersion": version, "kind": "RoleBinding", "metadata": { "name": "tenant" },
                "roleRef": { "apiGroup": group, "kind": "Role", "name": "tenant" }, "subjects": [account],
            }),
        ),
    ] {
        let path = format!(
            "/apis/{version}/namespaces/{}/{plural}/tenant",
            shop.namespace
        );
        api.apply(&path, &object).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_without_the_right_to_run_jobs_is_told_which_it_takes() -> Result<()> {
    let shop = Shop::new("jobright").await?;
    shop.lend("tenant").await?;
    strategy(
        &shop,
        json!({ "spec": spec("1") }),
        json!({ "onMissing": "hold", "count": 1 }),
    )
    .await?;
    may(&shop, &[]).await?;
    let target = json!({ "target": { "serviceAccountName": "tenant" } });
    let _agent = with_the_first(&shop, target).await?;
    let mark = shop.mark()?;
    let second = push(&shop, "2", "1")?;
    shop.rollout_says(&[
        "smoke: its Job may not be run",
        "create, get, patch and delete on jobs.batch",
    ])
    .await?;
    assert!(made(&shop, mark)?.is_empty());
    let jobs = json!({ "apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "patch", "delete"] });
    let logs = json!({ "apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"] });
    may(&shop, &[jobs, logs]).await?;
    shop.ready_at(&second).await?;
    let who = format!("system:serviceaccount:{}:tenant", shop.namespace);
    let asked = shop.requests(mark)?.of("jobs");
    let own = asked.only(|entry| {
        !entry.is_watch() && entry.verb != "list" && entry.impersonated.as_deref() != Some(&who)
    });
    ensure!(own.is_empty() && !asked.is_empty(), "{}", own.summary());
    assert_eq!(made(&shop, mark)?.len(), 1);
    are_gone(&shop).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_cannot_be_is_refused_with_strategy_metric_and_field() -> Result<()> {
    let (shop, _agent) = opened("jobwrong", json!({ "template": "smoke" }), json!({})).await?;
    strategy(&shop, json!({ "template": "gone" }), json!({})).await?;
    let mark = shop.mark()?;
    push(&shop, "2", "1")?;
    let message = shop.not_ready("InvalidStrategy").await?.message;
    for words in [
        "/tested: steps[1].analysis.metrics[0].from.job.template: metric smoke",
        "\"gone\"",
    ] {
        ensure!(message.contains(words), "{message}");
    }
    assert!(made(&shop, mark)?.is_empty());
    // What only the API server can tell: found out when the number is due, and never a pass.
    let mut wrong = spec("1");
    wrong["template"]["spec"]["containers"][0]["volumeMounts"] =
        json!([{ "name": "nowhere", "mountPath": "/data" }]);
    strategy(
        &shop,
        json!({ "spec": wrong }),
        json!({ "onMissing": "hold" }),
    )
    .await?;
    push(&shop, "3", "1")?;
    shop.rollout_says(&[
        "/tested, metric smoke, from.job.spec: ",
        "spec.template.spec.containers[0].volumeMounts[0].name",
    ])
    .await?;
    assert!(made(&shop, mark)?.is_empty());
    Ok(())
}
