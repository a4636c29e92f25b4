//! What could not be written of how things stand is written later, although nothing happens any more.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use api::v1alpha1::{EnvironmentStatus, Phase, Release};
use e2e::{PATIENCE, Shop, is_ready};
use kube::api::{Patch, PatchParams};
use lab::eventually;
use serde_json::json;

/// Where the API server keeps whom it asks.
const WEBHOOKS: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";

/// Makes the API server refuse to write any status of `resources` in the shop's namespace, with the 500 of a webhook that
/// is not there.
async fn refuse(shop: &Shop, resources: &[&str]) -> Result<()> {
    let object = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": { "name": shop.namespace },
        "webhooks": [{
            "name": "nobody.lab.example.com",
            // Port 1: nobody listens there.
            "clientConfig": { "url": "https://127.0.0.1:1/" },
            "rules": [{
                "apiGroups": ["driftless.dev"], "apiVersions": ["*"], "operations": ["UPDATE"], "resources": resources,
            }],
            "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": shop.namespace } },
            "sideEffects": "None", "admissionReviewVersions": ["v1"], "failurePolicy": "Fail",
        }],
    });
    let api = shop.world.control_plane.api()?;
    api.create(WEBHOOKS, &object).await?;
    // The API server takes a moment to learn of a new one.
    let params = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    let patch = Patch::Merge(json!({ "status": { "objects": 7 } }));
    eventually(PATIENCE, || async {
        let environments = shop.environments();
        let asked = environments.patch_status("shop", &params, &patch).await;
        ensure!(asked.is_err(), "statuses are still written");
        Ok(())
    })
    .await?;
    Ok(())
}

async fn allow(shop: &Shop) -> Result<()> {
    let path = format!("{WEBHOOKS}/{}", shop.namespace);
    shop.world.control_plane.api()?.delete(&path).await?;
    Ok(())
}

/// Waits until the agent has tried to write and was refused, and everything that follows from an apply by itself is over.
async fn applied_and_untold(shop: &Shop, value: &str, mark: lab::audit::Mark) -> Result<()> {
    eventually(PATIENCE, || async {
        let values = shop.values().await?;
        ensure!(
            values.get("app").is_some_and(|is| is == value),
            "{values:?}"
        );
        let refused = shop.requests(mark)?.of("environments");
        let refused = refused.only(|entry| entry.code == 500);
        ensure!(!refused.is_empty(), "no status was refused yet");
        Ok(())
    })
    .await?;
    tokio::time::sleep(Duration::from_secs(3)).await; // sleeps because what the watch tells of the apply is to be dealt with
    Ok(())
}

/// The newest Release, once it has ended well.
async fn ended(shop: &Shop) -> Result<Release> {
    let look = || async {
        let mut releases = shop.releases().await?;
        let last = releases.pop().context("no Release")?;
        let status = last.status.clone().unwrap_or_default();
        let well = status.phase == Some(Phase::Healthy) && status.ended_at.is_some();
        ensure!(well, "{status:?}");
        Ok(last)
    };
    Ok(eventually(PATIENCE, look).await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_status_and_release_are_written_once_that_works_again() -> Result<()> {
    let shop = Shop::new("unwritten").await?;
    let first = shop.push_maps("1", &[("app", "1"), ("other", "1")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    ended(&shop).await?;
    refuse(&shop, &["environments/status", "releases/status"]).await?;
    let mark = shop.mark()?;
    let second = shop.push_maps("2", &[("app", "2"), ("other", "1")])?;
    applied_and_untold(&shop, "2", mark).await?;
    allow(&shop).await?;
    shop.ready_at(&second).await?;
    let release = ended(&shop).await?;
    let status = release.status.unwrap_or_default();
    ensure!(
        status.counts.updated == 1 && status.changes.len() == 1 && status.stages.len() >= 3,
        "all of it is told, once: {status:?}"
    );
    let quiet = shop.settled().await?;
    tokio::time::sleep(Duration::from_secs(4)).await; // sleeps because requests that must not come are waited for
    let work = shop.requests(quiet)?.work();
    ensure!(work.is_empty(), "{}", work.summary());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_was_overtaken_while_nothing_could_be_written_ends() -> Result<()> {
    let shop = Shop::new("overtaken").await?;
    let first = shop.push_maps("1", &[("app", "1")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    refuse(&shop, &["environments/status", "releases/status"]).await?;
    for value in ["2", "3"] {
        let mark = shop.mark()?;
        shop.push_maps(value, &[("app", value)])?;
        // A person asks for it, too.
        let request = json!({ api::names::REQUESTED_AT: value });
        shop.change(json!({ "metadata": { "annotations": request } }))
            .await?;
        applied_and_untold(&shop, value, mark).await?;
    }
    allow(&shop).await?;
    ended(&shop).await?;
    eventually(PATIENCE, || async {
        for release in shop.releases().await? {
            let status = release.status.unwrap_or_default();
            let number = release.spec.number;
            ensure!(status.ended_at.is_some(), "Release {number}: {status:?}");
            ensure!(status.changes.len() == 1, "Release {number}: {status:?}");
        }
        Ok(())
    })
    .await?;
    let handled = |status: &EnvironmentStatus| {
        status.handled_request.as_deref() == Some("3") && is_ready(status)
    };
    shop.status("the request is handled", handled).await?;
    Ok(())
}
