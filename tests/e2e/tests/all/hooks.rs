//! Jobs on the way of a release: what they come before, how often they run, and what their end means.

use anyhow::{Context as _, Result, ensure};
use api::v1alpha1::{HookPoint, HookRecord, HookResult, Phase, Release};
use e2e::{PATIENCE, Shop, config_map};
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{
    Api,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, PostParams},
};
use lab::{audit, eventually};
use serde_json::{Value, json};

/// A Job that reads the ConfigMap `settings`. The image decides how it ends; see the lab's stages.
fn hook(name: &str, point: &str, image: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\n  annotations: {{ driftless.dev/hook: {point} }}\nspec:\n  backoffLimit: 0\n  template:\n    spec:\n      restartPolicy: Never\n      containers:\n      - name: main\n        image: {image}\n        envFrom:\n        - configMapRef: {{ name: settings }}\n"
    )
}

/// Commits `app` (what is new), the settings, and hooks.
fn push(shop: &Shop, value: &str, hooks: &[(&str, &str, &str)]) -> Result<String> {
    let mut files = vec![
        ("settings".to_owned(), config_map("settings", value)),
        ("app".to_owned(), config_map("app", value)),
    ];
    for (name, point, image) in hooks {
        files.push(((*name).to_owned(), hook(name, point, image)));
    }
    shop.push_objects(value, files)
}

fn jobs(shop: &Shop) -> Api<Job> {
    Api::namespaced(shop.client.clone(), &shop.namespace)
}

/// The Jobs that are there, by name.
async fn job_names(shop: &Shop) -> Result<Vec<String>> {
    let all = jobs(shop).list(&ListParams::default()).await?;
    Ok(all
        .into_iter()
        .filter_map(|job| job.metadata.name)
        .collect())
}

/// Jobs that were made since `mark`.
pub(crate) fn made(shop: &Shop, mark: audit::Mark) -> Result<audit::Entries> {
    let made = |entry: &audit::Entry| entry.verb == "patch" && entry.code == 201;
    Ok(shop.requests(mark)?.of("jobs").only(made))
}

async fn app(shop: &Shop) -> Result<String> {
    let data = shop.maps().get("app").await?.data.unwrap_or_default();
    Ok(data.get("key").cloned().unwrap_or_default())
}

async fn last(shop: &Shop) -> Result<Release> {
    shop.releases().await?.pop().context("a Release")
}

async fn records(shop: &Shop) -> Result<Vec<HookRecord>> {
    Ok(last(shop).await?.status.unwrap_or_default().hooks)
}

/// A service account that may deploy here, and that the agent may act as.
async fn account(shop: &Shop) -> Result<()> {
    let bind = |name: &str, role: Value, to: Value| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": { "name": name },
            "roleRef": role, "subjects": [to],
        })
    };
    let role = |kind: &str, name: &str| json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name });
    let who = |namespace: &str, name: &str| json!({ "kind": "ServiceAccount", "name": name, "namespace": namespace });
    let deployer = who(&shop.namespace, "deployer");
    let agent = who("driftless-system", "driftless-agent");
    for (plural, object) in [
        (
            "serviceaccounts",
            json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "deployer" } }),
        ),
        (
            "roles",
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": "acts" },
                "rules": [{ "apiGroups": [""], "resources": ["serviceaccounts"], "resourceNames": ["deployer"], "verbs": ["impersonate"] }],
            }),
        ),
        (
            "rolebindings",
            bind(
                "deploys",
                role("ClusterRole", "driftless-deployer"),
                deployer,
            ),
        ),
        ("rolebindings", bind("acts", role("Role", "acts"), agent)),
    ] {
        let object: DynamicObject = serde_json::from_value(object)?;
        let kind = object.types.clone().context("a kind")?;
        let (group, version) = kind
            .api_version
            .rsplit_once('/')
            .unwrap_or(("", &kind.api_version));
        let gvk = GroupVersionKind::gvk(group, version, &kind.kind);
        let resource = ApiResource::from_gvk_with_plural(&gvk, plural);
        let api: Api<DynamicObject> =
            Api::namespaced_with(shop.client.clone(), &shop.namespace, &resource);
        api.create(&PostParams::default(), &object).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_before_hook_runs_once_a_release_before_the_new_version() -> Result<()> {
    let shop = Shop::new("hook").await?;
    account(&shop).await?;
    let migrate = [("migrate", "before", "migrate:1")];
    let first = push(&shop, "1", &migrate)?;
    let agent = shop.agent()?;
    let mark = shop.mark()?;
    shop.environment(json!({ "target": { "serviceAccountName": "deployer" } }))
        .await?;
    shop.ready_at(&first).await?;
    let requests = shop.requests(mark)?;
    let order: Vec<String> = requests
        .writes()
        .only(|entry| matches!(entry.resource.as_str(), "jobs" | "configmaps"))
        .iter()
        .map(|entry| entry.name.clone())
        .collect();
    let [settings, job, new] = &order[..] else {
        anyhow::bail!("three writes: {order:?}");
    };
    assert_eq!((settings.as_str(), new.as_str()), ("settings", "app"));
    ensure!(job.starts_with("migrate-"), "{job}");
    let who = format!("system:serviceaccount:{}:deployer", shop.namespace);
    let touched = requests.only(|entry| {
        matches!(entry.resource.as_str(), "jobs" | "pods")
            && !entry.is_watch()
            && entry.verb != "list"
            || entry.subresource == "log"
    });
    ensure!(
        touched
            .iter()
            .all(|entry| entry.impersonated.as_ref() == Some(&who)),
        "{}",
        touched.summary()
    );
    let record = records(&shop).await?.pop().context("a record")?;
    assert_eq!(
        (record.result, record.point, &record.job),
        (HookResult::Succeeded, HookPoint::Before, job)
    );
    assert_eq!(record.log.len(), 20, "{:?}", record.log);
    assert_eq!(record.log[19], "line 30 of the lab's log");
    // Another agent runs nothing again.
    drop(agent);
    let mark = shop.mark()?;
    let _agent = shop.agent()?;
    let second = push(&shop, "2", &migrate)?;
    shop.ready_at(&second).await?;
    let again = made(&shop, mark)?;
    assert_eq!(again.len(), 1, "{}", again.summary());
    ensure!(again[0].name != *job, "a name of its own");
    assert_eq!(
        job_names(&shop).await?,
        [again[0].name.clone()],
        "the last one is kept"
    );
    assert_eq!(app(&shop).await?, "2");
    let status = shop.status("counted", e2e::is_ready).await?;
    assert_eq!(status.objects, 2, "runs are not objects of the environment");
    Ok(())
}

fn is_told(shop: &Shop, release: u64) -> Result<()> {
    let told = shop.driftless(&["history", "shop", &release.to_string()])?;
    let told = String::from_utf8_lossy(&told.stdout);
    ensure!(
        told.contains("✗ Failed") && told.contains("line 30"),
        "{told}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_hook_leaves_the_old_version_and_is_told() -> Result<()> {
    let shop = Shop::new("hookfails").await?;
    let tell = ("tell", "failed", "tell:1");
    let first = push(&shop, "1", &[("migrate", "before", "migrate:1"), tell])?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let mark = shop.mark()?;
    push(
        &shop,
        "2",
        &[("migrate", "before", "migrate:failing"), tell],
    )?;
    let ready = shop.not_ready("HookFailed").await?;
    ensure!(
        ready.message.contains("BackoffLimitExceeded"),
        "{}",
        ready.message
    );
    assert_eq!(app(&shop).await?, "1");
    eventually(PATIENCE, || async {
        let records = records(&shop).await?;
        let told = records
            .iter()
            .find(|record| record.point == HookPoint::Failed);
        ensure!(
            told.is_some_and(|told| told.result == HookResult::Succeeded),
            "{records:?}"
        );
        Ok(())
    })
    .await?;
    let release = last(&shop).await?;
    let status = release.status.unwrap_or_default();
    assert_eq!((status.phase, status.ended_at), (Some(Phase::Failed), None));
    let failed = status
        .hooks
        .iter()
        .find(|record| record.point == HookPoint::Before);
    let failed = failed.context("the hook that failed")?;
    assert_eq!((failed.result, failed.log.len()), (HookResult::Failed, 20));
    assert_eq!(
        made(&shop, mark)?.len(),
        2,
        "each once: {}",
        made(&shop, mark)?.summary()
    );
    is_told(&shop, release.spec.number)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_hook_survives_the_agent_and_gives_way_to_a_newer_commit() -> Result<()> {
    let shop = Shop::new("hookstuck").await?;
    let first = push(&shop, "1", &[])?;
    let agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let mark = shop.mark()?;
    push(&shop, "2", &[("migrate", "before", "migrate:broken")])?;
    shop.not_ready("HookRunning").await?;
    let stuck = made(&shop, mark)?[0].clone();
    drop(agent);
    let _agent = shop.agent()?;
    // A look of the new agent, told by the request it has handled.
    let asked = json!({ "metadata": { "annotations": { api::names::REQUESTED_AT: "now" } } });
    shop.change(asked).await?;
    let handled = |status: &api::v1alpha1::EnvironmentStatus| {
        status.handled_request.as_deref() == Some("now")
    };
    shop.status("looked at by the new agent", handled).await?;
    assert_eq!(
        made(&shop, mark)?.len(),
        1,
        "it runs once: {}",
        made(&shop, mark)?.summary()
    );
    assert_eq!(
        (shop.releases().await?.len(), app(&shop).await?.as_str()),
        (2, "1")
    );
    let third = push(&shop, "3", &[("migrate", "before", "migrate:3")])?;
    shop.ready_at(&third).await?;
    assert_eq!(app(&shop).await?, "3");
    let names = job_names(&shop).await?;
    ensure!(names.len() == 1 && names[0] != stuck.name, "{names:?}");
    let pods: Api<Pod> = Api::namespaced(shop.client.clone(), &shop.namespace);
    let left = pods
        .list(&ListParams::default().labels(&format!("job-name={}", stuck.name)))
        .await?;
    ensure!(left.items.is_empty(), "its pods go first");
    let requests = shop.requests(mark)?;
    let ended = requests
        .of("jobs")
        .only(|entry| entry.verb == "delete" && entry.name == stuck.name);
    let options = ended[0].request.clone().unwrap_or_default();
    assert_eq!(options["propagationPolicy"], "Foreground");
    ensure!(options["preconditions"]["uid"].is_string(), "{options}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_after_hook_runs_once_all_is_healthy_and_its_failure_rolls_nothing_back() -> Result<()> {
    let shop = Shop::new("hookafter").await?;
    let web = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  selector: { matchLabels: { app: web } }\n  template:\n    metadata: { labels: { app: web } }\n    spec:\n      containers:\n      - name: web\n        image: web:broken\n";
    let list = "resources: [web.yaml, settings.yaml, smoke.yaml]\n";
    let smoke = hook("smoke", "after", "smoke:1");
    let settings = config_map("settings", "1");
    let files = [
        ("kustomization.yaml", Some(list)),
        ("web.yaml", Some(web)),
        ("settings.yaml", Some(settings.as_str())),
        ("smoke.yaml", Some(smoke.as_str())),
    ];
    shop.push("never healthy", &files)?;
    let _agent = shop.agent()?;
    let mark = shop.mark()?;
    shop.environment(json!({})).await?;
    shop.not_ready("WaitingForHealth").await?;
    ensure!(
        made(&shop, mark)?.is_empty(),
        "too early: {}",
        made(&shop, mark)?.summary()
    );
    let fixed = web.replace("broken", "1");
    let second = shop.push("healthy", &[("web.yaml", Some(&fixed))])?;
    shop.ready_at(&second).await?;
    assert_eq!(made(&shop, mark)?.len(), 1);
    let failing = hook("smoke", "after", "smoke:failing");
    let third = shop.push(
        "the test fails",
        &[
            ("smoke.yaml", Some(&failing)),
            ("settings.yaml", Some(&config_map("settings", "3"))),
        ],
    )?;
    let ready = shop.not_ready("HookFailed").await?;
    ensure!(
        ready.message.contains("the new version is applied"),
        "{}",
        ready.message
    );
    let status = shop.status("applied", |_| true).await?;
    assert_eq!(status.revision.applied.as_deref(), Some(third.as_str()));
    assert_eq!(
        last(&shop).await?.status.and_then(|status| status.phase),
        Some(Phase::Failed)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_hook_runs_again_only_when_asked() -> Result<()> {
    let shop = Shop::new("hookagain").await?;
    let first = push(&shop, "1", &[])?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let mark = shop.mark()?;
    push(&shop, "2", &[("migrate", "before", "migrate:failing")])?;
    shop.not_ready("HookFailed").await?;
    assert_eq!(made(&shop, mark)?.len(), 1);
    let sync = shop.driftless(&["sync", "shop", "--wait"])?;
    ensure!(sync.status.code() == Some(1), "{sync:?}");
    shop.not_ready("HookFailed").await?;
    let runs = made(&shop, mark)?.only(|entry| entry.name.starts_with("migrate-"));
    assert_eq!(
        runs.len(),
        2,
        "once more for one request: {}",
        runs.summary()
    );
    assert_eq!(
        (app(&shop).await?.as_str(), shop.releases().await?.len()),
        ("1", 2)
    );
    let third = push(&shop, "3", &[("migrate", "before", "migrate:3")])?;
    shop.ready_at(&third).await?;
    assert_eq!(app(&shop).await?, "3");
    Ok(())
}
