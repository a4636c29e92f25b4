//! What commits do: changes, additions, removals, renames, reverts, and what must not happen.

use std::collections::BTreeMap;

use anyhow::Result;
use api::v1alpha1::Phase;
use e2e::{PATIENCE, Shop, config_map};
use kube::api::{ListParams, Patch, PatchParams};
use lab::{Commit, eventually};
use serde_json::json;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_changes_only_what_it_touches() -> Result<()> {
    let shop = Shop::new("change").await?;
    let first = shop.push_maps("first", &[("a", "1"), ("b", "1"), ("c", "1")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let mark = shop.mark()?;
    let second = shop.push_maps("second", &[("a", "1"), ("b", "2"), ("c", "1")])?;
    shop.ready_at(&second).await?;
    assert_eq!(
        shop.values().await?,
        map(&[("a", "1"), ("b", "2"), ("c", "1")])
    );
    let writes = shop.requests(mark)?.writes().of("configmaps");
    assert_eq!(writes.len(), 1, "{}", writes.summary());
    assert_eq!(writes[0].name, "b");
    let releases = shop.releases().await?;
    assert_eq!(releases.len(), 2);
    let status = releases[1].status.clone().unwrap_or_default();
    assert_eq!(
        (status.phase, status.counts.updated),
        (Some(Phase::Healthy), 1)
    );
    assert_eq!(releases[1].spec.revision, second);
    assert_eq!(releases[1].spec.previous.as_deref(), Some(first.as_str()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_are_added_removed_and_renamed() -> Result<()> {
    let shop = Shop::new("rename").await?;
    let first = shop.push_maps("first", &[("a", "1"), ("b", "1")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let uid = shop.maps().get("b").await?.metadata.uid;
    let mark = shop.mark()?;
    let second = shop.push_maps("rename b to c", &[("a", "1"), ("c", "1")])?;
    shop.ready_at(&second).await?;
    assert_eq!(shop.values().await?, map(&[("a", "1"), ("c", "1")]));
    let writes = shop.requests(mark)?.writes();
    let place = |verb: &str, name: &str| {
        writes
            .iter()
            .position(|entry| entry.verb == verb && entry.name == name)
    };
    let (made, gone) = (place("patch", "c"), place("delete", "b"));
    assert!(
        made.is_some() && made < gone,
        "made before deleted:\n{}",
        writes.summary()
    );
    let ahead = writes
        .iter()
        .position(|entry| entry.resource == "inventories");
    assert!(ahead < made, "written ahead:\n{}", writes.summary());
    let delete = writes
        .iter()
        .find(|entry| entry.verb == "delete")
        .and_then(|e| e.request.clone());
    let condition = delete.unwrap_or_default()["preconditions"]["uid"].clone();
    assert_eq!(condition.as_str(), uid.as_deref());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revert_rolls_back() -> Result<()> {
    let shop = Shop::new("revert").await?;
    let first = shop.push_maps("first", &[("a", "1")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let second = shop.push_maps("second", &[("a", "2"), ("b", "2")])?;
    shop.ready_at(&second).await?;
    let third = shop.repo.revert("master", &second)?;
    shop.ready_at(&third).await?;
    assert_eq!(shop.values().await?, map(&[("a", "1")]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_overlay_deletes_nothing() -> Result<()> {
    let shop = Shop::new("empty").await?;
    let first = shop.push_maps("first", &[("a", "1"), ("b", "1")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let mark = shop.mark()?;
    shop.push("empty", &[("kustomization.yaml", Some("resources: []\n"))])?;
    let ready = shop.not_ready("EmptyRender").await?;
    assert!(
        ready.message.contains("nothing is deleted"),
        "{}",
        ready.message
    );
    shop.push("gone", &[("kustomization.yaml", None)])?;
    shop.not_ready("RenderFailed").await?;
    let deletes = shop.requests(mark)?.only(|entry| entry.verb == "delete");
    assert!(deletes.is_empty(), "{}", deletes.summary());
    assert_eq!(shop.values().await?, map(&[("a", "1"), ("b", "1")]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prune_beyond_its_budget_waits_for_approval_of_exactly_that_plan() -> Result<()> {
    let shop = Shop::new("budget").await?;
    let names: Vec<String> = (0..12).map(|number| format!("m{number:02}")).collect();
    let all: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let first = shop.push_maps("twelve", &all)?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let mark = shop.mark()?;
    let second = shop.push_maps("two", &all[..2])?;
    shop.not_ready("ApprovalNeeded").await?;
    let status = shop
        .status("a pending plan", |status| status.pending.is_some())
        .await?;
    let pending = status.pending.unwrap_or_else(|| unreachable!());
    assert_eq!(pending.objects.len(), 10);
    assert_eq!(shop.values().await?.len(), 12);
    let approve = |digest: &str| json!({ "metadata": { "annotations": { api::names::APPROVED_PLAN: digest } } });
    shop.change(approve("sha256:0000")).await?;
    shop.looks("wrong").await?;
    shop.not_ready("ApprovalNeeded").await?;
    assert!(
        shop.requests(mark)?
            .only(|entry| entry.verb == "delete")
            .is_empty()
    );
    shop.change(approve(&pending.digest)).await?;
    shop.ready_at(&second).await?;
    assert_eq!(shop.values().await?.len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_force_push_is_held_until_allowed() -> Result<()> {
    let shop = Shop::new("force").await?;
    shop.push_maps("first", &[("a", "1")])?;
    let second = shop.push_maps("second", &[("a", "2")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&second).await?;
    let other = Commit::on("master", "another history")
        .write("kustomization.yaml", "resources: [a.yaml]\n")
        .write("a.yaml", config_map("a", "3"));
    let forced = shop.repo.force_push(other)?;
    let ready = shop.not_ready("HistoryRewritten").await?;
    assert!(
        ready.message.contains("does not descend"),
        "{}",
        ready.message
    );
    assert_eq!(shop.values().await?, map(&[("a", "2")]));
    shop.change(json!({ "spec": { "source": { "allowRewrite": true } } }))
        .await?;
    shop.ready_at(&forced).await?;
    assert_eq!(shop.values().await?, map(&[("a", "3")]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_invalid_object_does_not_stop_the_others() -> Result<()> {
    let shop = Shop::new("invalid").await?;
    let names = (0..49).map(|number| format!("m{number:02}"));
    let mut files: Vec<_> = names
        .map(|name| (name.clone(), config_map(&name, "1")))
        .collect();
    let bad =
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: bad\nspec:\n  ports:\n  - port: 99999\n";
    files.push(("bad".to_owned(), bad.to_owned()));
    shop.push_objects("fifty", files)?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    let ready = shop.not_ready("ApplyFailed").await?;
    assert!(
        ready.message.contains("bad.yaml"),
        "names the file: {}",
        ready.message
    );
    assert!(
        ready.message.contains("Service"),
        "names the object: {}",
        ready.message
    );
    assert!(
        ready.message.contains("65535"),
        "in the server's words: {}",
        ready.message
    );
    assert_eq!(shop.values().await?.len(), 49);
    let fixed = shop.push("fixed", &[("bad.yaml", Some(&bad.replace("99999", "80")))])?;
    shop.ready_at(&fixed).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_custom_object_may_stand_before_its_definition() -> Result<()> {
    let shop = Shop::new("crd").await?;
    let group = format!("{}.example.com", shop.namespace);
    let crd = format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: toys.{group}\nspec:\n  group: {group}\n  scope: Namespaced\n  names: {{ kind: Toy, plural: toys }}\n  versions:\n  - name: v1\n    served: true\n    storage: true\n    schema:\n      openAPIV3Schema:\n        type: object\n        x-kubernetes-preserve-unknown-fields: true\n"
    );
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": { "name": group, "labels": { "driftless.dev/aggregate-to-deployer": "true" } },
        "rules": [{ "apiGroups": [group], "resources": ["toys"], "verbs": ["*"] }],
    });
    let roles: kube::Api<k8s_openapi::api::rbac::v1::ClusterRole> =
        kube::Api::all(shop.client.clone());
    roles
        .patch(&group, &PatchParams::apply("e2e"), &Patch::Apply(role))
        .await?;
    let toy = format!(
        "apiVersion: {group}/v1\nkind: Toy\nmetadata:\n  name: ball\nspec:\n  colour: red\n"
    );
    let list = "resources:\n- toy.yaml\n- crd.yaml\n";
    let files = [
        ("kustomization.yaml", Some(list)),
        ("toy.yaml", Some(&toy)),
        ("crd.yaml", Some(&crd)),
    ];
    let first = shop.push("a toy", &files)?;
    let _agent = shop.agent()?;
    let mark = shop.mark()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let writes = shop.requests(mark)?.writes();
    let toys = writes.of("toys");
    assert!(
        toys.iter().all(lab::audit::Entry::succeeded),
        "no try too early:\n{}",
        toys.summary()
    );
    assert_eq!(toys.len(), 1, "{}", toys.summary());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_exists_is_adopted_only_when_told() -> Result<()> {
    let shop = Shop::new("adopt").await?;
    let foreign = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" }, "data": { "key": "theirs", "extra": "theirs" } });
    let params = PatchParams::apply("somebody");
    shop.maps()
        .patch("a", &params, &Patch::Apply(foreign))
        .await?;
    let first = shop.push_maps("first", &[("a", "ours")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    let ready = shop.not_ready("ApplyFailed").await?;
    assert!(
        ready.message.contains("adopt"),
        "says what to do: {}",
        ready.message
    );
    let data = shop.maps().get("a").await?.data.unwrap_or_default();
    assert_eq!(data["key"], "theirs");
    shop.change(json!({ "spec": { "adopt": "unowned" } }))
        .await?;
    shop.ready_at(&first).await?;
    assert_eq!(
        shop.maps().get("a").await?.data.unwrap_or_default()["key"],
        "ours"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_immutable_field_is_named_and_recreated_only_when_allowed() -> Result<()> {
    let shop = Shop::new("immutable").await?;
    let job = |image: &str, annotation: &str| {
        format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate\n  annotations: {{ {annotation} }}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers:\n      - name: migrate\n        image: {image}\n"
        )
    };
    let list = Some("resources: [job.yaml]\n");
    let first = job("migrate:1", "");
    let first = shop.push(
        "one",
        &[("kustomization.yaml", list), ("job.yaml", Some(&first))],
    )?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let mark = shop.mark()?;
    shop.push("two", &[("job.yaml", Some(&job("migrate:2", "")))])?;
    let ready = shop.not_ready("ApplyFailed").await?;
    assert!(
        ready.message.contains("spec.template"),
        "names the field: {}",
        ready.message
    );
    assert!(
        ready.message.contains("recreate"),
        "says what to do: {}",
        ready.message
    );
    assert!(
        shop.requests(mark)?
            .only(|entry| entry.verb == "delete")
            .is_empty()
    );
    let third = job("migrate:2", "driftless.dev/recreate: allowed");
    let third = shop.push("three", &[("job.yaml", Some(&third))])?;
    shop.ready_at(&third).await?;
    let dry = shop
        .requests(mark)?
        .only(|entry| entry.dry_run && entry.succeeded());
    assert!(!dry.is_empty(), "a dry run comes before the delete");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_image_is_named_and_the_next_commit_takes_over() -> Result<()> {
    let shop = Shop::new("broken").await?;
    let web = |tag: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  selector: {{ matchLabels: {{ app: web }} }}\n  template:\n    metadata: {{ labels: {{ app: web }} }}\n    spec:\n      containers:\n      - name: web\n        image: web:{tag}\n"
        )
    };
    let list = Some("resources: [web.yaml]\n");
    shop.push(
        "bad",
        &[
            ("kustomization.yaml", list),
            ("web.yaml", Some(&web("broken"))),
        ],
    )?;
    let _agent = shop.agent()?;
    shop.environment(json!({ "timeout": "2s" })).await?;
    let ready = shop.not_ready("HealthTimeout").await?;
    assert!(ready.message.contains("Deployment"), "{}", ready.message);
    let good = shop.push("good", &[("web.yaml", Some(&web("1")))])?;
    shop.ready_at(&good).await?;
    let releases = shop.releases().await?;
    let phases: Vec<_> = releases
        .iter()
        .map(|release| release.status.as_ref().and_then(|status| status.phase))
        .collect();
    assert_eq!(phases, [Some(Phase::Degraded), Some(Phase::Healthy)]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_tell_what_happened() -> Result<()> {
    use k8s_openapi::api::core::v1::Event;
    let shop = Shop::new("events").await?;
    let first = shop.push_maps("first", &[("a", "1")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let events: kube::Api<Event> = kube::Api::namespaced(shop.client.clone(), &shop.namespace);
    eventually(PATIENCE, || async {
        let all = events.list(&ListParams::default()).await?;
        let told = all.iter().any(|event| {
            event.reason.as_deref() == Some("InSync")
                && event.involved_object.name.as_deref() == Some("shop")
        });
        anyhow::ensure!(told, "{} events, none says InSync", all.items.len());
        Ok(())
    })
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn environments_wait_for_those_they_depend_on_and_circles_are_named() -> Result<()> {
    let shop = Shop::new("depends").await?;
    let (good, app) = ("resources: [a.yaml]\n", config_map("a", "1"));
    let files = [
        (
            "database/kustomization.yaml",
            Some("resources: [missing.yaml]\n"),
        ),
        ("app/kustomization.yaml", Some(good)),
        ("app/a.yaml", Some(app.as_str())),
    ];
    shop.push("first", &files)?;
    let _agent = shop.agent()?;
    let on = |name: &str| json!([{ "name": name }]);
    shop.environment(json!({ "source": { "path": "app" }, "dependsOn": on("database") }))
        .await?;
    let condition = shop.not_ready("DependencyNotReady").await?;
    assert!(
        condition.message.contains("database"),
        "{}",
        condition.message
    );
    shop.environment_named("database", json!({ "source": { "path": "database" } }))
        .await?;
    shop.not_ready("DependencyNotReady").await?;
    assert!(shop.values().await?.is_empty());
    let fixed = config_map("db", "1");
    let files = [
        (
            "database/kustomization.yaml",
            Some("resources: [db.yaml]\n"),
        ),
        ("database/db.yaml", Some(fixed.as_str())),
    ];
    shop.push("the database works", &files)?;
    shop.status("ready after its dependency", e2e::is_ready)
        .await?;
    assert_eq!(shop.values().await?, map(&[("a", "1"), ("db", "1")]));
    let circle = json!({ "source": { "path": "database" }, "dependsOn": on("shop") });
    shop.environment_named("database", circle).await?;
    shop.change(json!({ "spec": { "interval": "2h" } })).await?;
    let condition = shop.not_ready("DependencyCycle").await?;
    assert!(condition.message.contains(" -> "), "{}", condition.message);
    Ok(())
}
