//! The sample config repo on its three branches.

use anyhow::Result;
use api::v1alpha1::Phase;
use e2e::{PATIENCE, Shop, is_ready};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use lab::{BareRepo, eventually};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_branches_become_three_healthy_environments() -> Result<()> {
    let shop = Shop::new("sample").await?;
    let folder = tempfile::tempdir()?;
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let repo = BareRepo::sample(&folder.path().join("config.git"), &root)?;
    let _agent = shop.agent()?;
    let places = [
        ("develop", "shop-develop"),
        ("staging", "shop-green"),
        ("master", "shop-blue"),
    ];
    for (branch, place) in places {
        let source = json!({ "url": repo.file_url(), "branch": branch, "path": format!("overlays/{branch}") });
        let target = json!({ "namespace": place, "createNamespace": true });
        shop.environment_named(branch, json!({ "source": source, "target": target }))
            .await?;
    }
    for (branch, place) in places {
        let status = eventually(PATIENCE, || async {
            let environment = shop.environments().get(branch).await?;
            let status = environment.status.unwrap_or_default();
            anyhow::ensure!(
                is_ready(&status),
                "{branch}: {}",
                serde_json::to_string(&status)?
            );
            Ok(status)
        })
        .await?;
        assert_eq!(
            status.revision.applied.as_deref(),
            Some(repo.tip(branch)?.as_str())
        );
        assert!(status.objects > 10, "{branch}: {} objects", status.objects);
        let web: Api<Deployment> = Api::namespaced(shop.client.clone(), place);
        let web = web.get("web").await?;
        let status = web.status.unwrap_or_default();
        assert_eq!(
            status.available_replicas,
            web.spec.and_then(|spec| spec.replicas)
        );
    }
    let releases = shop.releases().await?;
    assert_eq!(releases.len(), 3);
    for release in releases {
        let status = release.status.unwrap_or_default();
        assert_eq!(
            status.phase,
            Some(Phase::Healthy),
            "{}",
            serde_json::to_string(&status)?
        );
        assert!(status.counts.created > 10);
        assert!(status.ended_at.is_some());
    }
    Ok(())
}
