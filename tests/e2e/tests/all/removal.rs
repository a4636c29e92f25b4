//! What becomes of the objects when their Environment is deleted.

use anyhow::{Context as _, Result, ensure};
use e2e::{Agent, AgentOptions, PATIENCE, Shop, config_map};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use lab::{audit, eventually};
use serde_json::json;

fn annotated(name: &str, annotation: &str) -> String {
    config_map(name, "1").replace(
        "metadata:\n",
        &format!("metadata:\n  annotations: {{ {annotation} }}\n"),
    )
}

const CLAIM: &str = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: data\nspec:\n  accessModes: [ReadWriteOnce]\n  resources:\n    requests:\n      storage: 1Gi\n";

/// Deletions of objects, in order, each with the UID it was for.
fn deletions(shop: &Shop, mark: audit::Mark) -> Result<Vec<(String, bool)>> {
    let deletes = shop.requests(mark)?.writes().only(|entry| {
        let own = ["inventories", "leases"].contains(&&*entry.resource);
        entry.verb == "delete" && !own && entry.succeeded()
    });
    let with_uid = |entry: &audit::Entry| {
        let body = entry.request.as_ref();
        body.is_some_and(|body| body.pointer("/preconditions/uid").is_some())
    };
    Ok(deletes
        .iter()
        .map(|entry| (entry.name.clone(), with_uid(entry)))
        .collect())
}

/// Three maps: one early, one late, one to keep. Returns the commit.
fn push_three(shop: &Shop) -> Result<String> {
    let late = annotated("late", "driftless.dev/wave: \"1\"");
    let kept = annotated("kept", "driftless.dev/prune: disabled");
    let early = config_map("early", "1");
    let list = "resources: [early.yaml, late.yaml, kept.yaml]\n";
    shop.push(
        "all",
        &[
            ("kustomization.yaml", Some(list)),
            ("early.yaml", Some(&early)),
            ("late.yaml", Some(&late)),
            ("kept.yaml", Some(&kept)),
        ],
    )
}

/// The finalizer is on before anything is made.
fn finalizer_first(shop: &Shop, mark: audit::Mark) -> Result<()> {
    let writes = shop.requests(mark)?.writes();
    let first = |resource: &str| {
        let mut own = writes.iter();
        own.position(|entry| entry.resource == resource && entry.subresource.is_empty())
    };
    let finalizer = first("environments").context("no finalizer")?;
    ensure!(
        finalizer < first("configmaps").context("no map")?,
        "{}",
        writes.summary()
    );
    Ok(())
}

/// A claim beside them, which never becomes bound here.
async fn add_claim(shop: &Shop) -> Result<()> {
    let list = "resources: [early.yaml, late.yaml, kept.yaml, claim.yaml]\n";
    let files = [
        ("kustomization.yaml", Some(list)),
        ("claim.yaml", Some(CLAIM)),
    ];
    let commit = shop.push("data", &files)?;
    let applied = |status: &api::v1alpha1::EnvironmentStatus| {
        status.revision.applied.as_deref() == Some(&commit)
    };
    shop.status("the claim applied", applied).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pruned_in_reverse_and_data_only_with_approval() -> Result<()> {
    let shop = Shop::new("prune").await?;
    let commit = push_three(&shop)?;
    let mark = shop.mark()?;
    let _agent = shop.agent()?;
    shop.environment(json!({ "onDelete": "prune" })).await?;
    shop.ready_at(&commit).await?;
    finalizer_first(&shop, mark)?;
    add_claim(&shop).await?;
    let (uid, _) = shop.facts("kept").await?;
    let mark = shop.mark()?;
    shop.delete("shop").await?;
    let message = shop.not_ready("ApprovalNeeded").await?.message;
    assert!(
        message.contains("data") && message.contains("orphan"),
        "{message}"
    );
    let order = deletions(&shop, mark)?;
    assert_eq!(
        order,
        [("late".to_owned(), true), ("early".to_owned(), true)]
    );
    assert_eq!(
        shop.facts("kept").await?,
        (uid, None),
        "kept, and no longer ours"
    );
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(shop.client.clone(), &shop.namespace);
    assert!(
        claims
            .get("data")
            .await?
            .metadata
            .deletion_timestamp
            .is_none()
    );
    let pending = shop
        .status("a plan", |status| status.pending.is_some())
        .await?
        .pending;
    shop.approve(&pending.context("no plan")?.digest).await?;
    // Its own finalizer keeps the claim; that is told, and nothing hangs on it but the Environment.
    let message = shop.not_ready("Removing").await?.message;
    assert!(
        message.contains("kubernetes.io/pvc-protection"),
        "{message}"
    );
    let patch = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    claims
        .patch("data", &PatchParams::default(), &patch)
        .await?;
    shop.gone("shop").await?;
    shop.no_inventory().await?;
    let order = deletions(&shop, mark)?;
    assert!(
        order.len() == 3 && order.iter().all(|(_, with_uid)| *with_uid),
        "{order:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn left_behind_by_default_and_taken_up_again_by_a_namesake() -> Result<()> {
    let shop = Shop::new("orphan").await?;
    let commit = shop.push_maps("two", &[("a", "1"), ("b", "1")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&commit).await?;
    let (uid, label) = shop.facts("a").await?;
    assert!(label.is_some());
    let mark = shop.mark()?;
    shop.delete("shop").await?;
    shop.gone("shop").await?;
    shop.no_inventory().await?;
    assert_eq!(shop.facts("a").await?, (uid.clone(), None));
    assert_eq!(deletions(&shop, mark)?, []);
    shop.environment(json!({})).await?;
    shop.ready_at(&commit).await?;
    assert_eq!(
        shop.facts("a").await?,
        (uid, label),
        "the same object, taken over"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_one_waits_and_can_be_let_go() -> Result<()> {
    let shop = Shop::new("asleep").await?;
    let commit = shop.push_maps("one", &[("a", "1")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({ "onDelete": "prune" })).await?;
    shop.ready_at(&commit).await?;
    let mark = shop.mark()?;
    shop.change(json!({ "spec": { "suspend": true } })).await?;
    shop.not_ready("Suspended").await?;
    shop.delete("shop").await?;
    let waits = |status: &api::v1alpha1::EnvironmentStatus| {
        e2e::ready(status).is_some_and(|ready| ready.message.contains("resume"))
    };
    shop.status("waits", waits).await?;
    shop.facts("a").await?;
    shop.change(json!({ "spec": { "onDelete": "orphan" } }))
        .await?;
    shop.gone("shop").await?;
    assert_eq!(shop.facts("a").await?.1, None);
    assert_eq!(deletions(&shop, mark)?, []);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_rights_it_says_so_and_goes_on_when_they_are_back() -> Result<()> {
    let shop = Shop::new("noright").await?;
    let commit = shop.push_maps("one", &[("a", "1")])?;
    let _agent = shop.agent()?;
    shop.lend("tenant").await?;
    shop.entitle("tenant").await?;
    shop.environment(json!({ "onDelete": "prune", "target": { "serviceAccountName": "tenant" } }))
        .await?;
    shop.ready_at(&commit).await?;
    let binding = shop.bindings().get("tenant").await?;
    shop.bindings()
        .delete("tenant", &DeleteParams::default())
        .await?;
    shop.lacks_rights("tenant").await?;
    shop.delete("shop").await?;
    let message = shop.not_ready("PruneFailed").await?.message;
    assert!(
        message.contains("tenant") && message.contains("orphan"),
        "{message}"
    );
    shop.facts("a").await?;
    let again = json!({ "metadata": { "name": "tenant" }, "roleRef": binding.role_ref, "subjects": binding.subjects });
    let again = serde_json::from_value(again)?;
    shop.bindings()
        .create(&PostParams::default(), &again)
        .await?;
    shop.gone("shop").await?;
    assert!(shop.values().await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_of_what_was_removed_by_force_are_collected_and_objects_left() -> Result<()> {
    let shop = Shop::new("force-off").await?;
    let commit = shop.push_maps("two", &[("a", "1"), ("b", "1")])?;
    let agent = shop.agent()?;
    shop.environment(json!({ "onDelete": "prune" })).await?;
    shop.ready_at(&commit).await?;
    let mark = shop.mark()?;
    // While the agent looks on.
    shop.force_off("shop").await?;
    shop.delete("shop").await?;
    shop.no_inventory().await?;
    // A namesake starts afresh: what is not in its git is none of its business.
    let next = shop.push_maps("one", &[("a", "1")])?;
    shop.environment(json!({ "onDelete": "prune" })).await?;
    shop.ready_at(&next).await?;
    let inventories = shop.inventories().await?;
    assert_eq!(inventories.len(), 1);
    assert_eq!(inventories[0].spec.entries.len(), 1);
    // While it is away, with a namesake there already when it comes back.
    drop(agent);
    shop.force_off("shop").await?;
    shop.delete("shop").await?;
    shop.environment(json!({})).await?;
    let options = AgentOptions {
        identity: format!("{}-again", shop.namespace),
        ..AgentOptions::alone(&shop.namespace)
    };
    let _agent = Agent::start(shop.world, options)?;
    shop.ready_at(&next).await?;
    let uid = shop.environments().get("shop").await?.metadata.uid;
    eventually(PATIENCE, || async {
        let owners: Vec<_> = shop
            .inventories()
            .await?
            .into_iter()
            .map(|found| found.spec.owner.uid)
            .collect();
        ensure!(owners == [uid.clone().unwrap_or_default()], "{owners:?}");
        Ok(())
    })
    .await?;
    assert_eq!(deletions(&shop, mark)?, []);
    assert!(shop.facts("b").await?.1.is_some(), "left as it was");
    Ok(())
}
