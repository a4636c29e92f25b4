//! The tour: CI deploys, somebody meddles, a revert rolls back.

use std::time::Instant;

use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::{
    Agent, DemoError, Screen, Target,
    cluster::call,
    follow::{Follow, applied, is_ready, release},
    repo::Repo,
};
use crate::term::short;

/// The Environment the tour plays in.
const ENVIRONMENT: &str = "develop";
const BRANCH: &str = "develop";
const PLACE: &str = "shop-develop";
/// What CI has built.
const IMAGE: &str = "shop-api=6.8.1";

/// Plays all three parts.
pub(crate) async fn play(
    target: &Target,
    repo: &Repo,
    agent: &Agent,
    follow: &mut Follow<'_>,
    screen: &Screen,
) -> Result<(), DemoError> {
    deploy(repo, agent, follow, screen).await?;
    meddle(target, follow, screen).await?;
    roll_back(repo, agent, follow, screen).await
}

async fn deploy(
    repo: &Repo,
    agent: &Agent,
    follow: &mut Follow<'_>,
    screen: &Screen,
) -> Result<(), DemoError> {
    screen.chapter(
        1,
        "CI has built a new image; it commits the tag and does nothing else",
    );
    screen.command(&format!("driftless image set {IMAGE} --branch {BRANCH}"));
    repo.image_set(IMAGE, BRANCH).await?;
    reaches(repo, agent, follow, screen).await
}

async fn meddle(
    target: &Target,
    follow: &mut Follow<'_>,
    screen: &Screen,
) -> Result<(), DemoError> {
    screen.chapter(2, "Somebody scales a Deployment by hand");
    screen.command(&format!(
        "kubectl scale deployment/api -n {PLACE} --replicas=5"
    ));
    let api: Api<Deployment> = Api::namespaced(target.client.clone(), PLACE);
    // The same request, under the same name, that kubectl sends.
    let params = PatchParams {
        field_manager: Some("kubectl".to_owned()),
        ..PatchParams::default()
    };
    let five = Patch::Merge(json!({ "spec": { "replicas": 5 } }));
    let began = Instant::now();
    api.patch_scale("api", &params, &five)
        .await
        .map_err(|error| call("scale the Deployment", error))?;
    let entry = follow
        .until("the repair of the scaled Deployment", |seen| {
            let drift = &seen.get(ENVIRONMENT)?.status.as_ref()?.drift;
            let entry = drift
                .entries
                .iter()
                .find(|entry| entry.object.contains("Deployment"));
            entry.filter(|_| drift.count == 0).cloned()
        })
        .await?;
    let field = entry.field.as_deref().unwrap_or("the object");
    let who = entry.manager.as_deref().unwrap_or("somebody");
    let text = format!("{}: {field} was changed by {who}; put back", entry.object);
    screen.answer(&text, Some(millis(began)));
    Ok(())
}

async fn roll_back(
    repo: &Repo,
    agent: &Agent,
    follow: &mut Follow<'_>,
    screen: &Screen,
) -> Result<(), DemoError> {
    let bad = repo.bare.tip(BRANCH).map_err(DemoError::Git)?;
    screen.chapter(3, "The new version is bad; rollback is a git revert");
    screen.command(&format!(
        "git revert {} && git push origin {BRANCH}",
        short(&bad)
    ));
    repo.bare.revert(BRANCH, &bad).map_err(DemoError::Git)?;
    reaches(repo, agent, follow, screen).await
}

/// Pushes the branch's news to the agent and waits until it is applied and healthy.
async fn reaches(
    repo: &Repo,
    agent: &Agent,
    follow: &mut Follow<'_>,
    screen: &Screen,
) -> Result<(), DemoError> {
    let wanted = repo.bare.tip(BRANCH).map_err(DemoError::Git)?;
    let began = Instant::now();
    agent.webhook().await?;
    let name = follow
        .until("the new release", |seen| {
            let environment = seen.get(ENVIRONMENT)?;
            let there = applied(environment) == Some(wanted.as_str()) && is_ready(environment);
            there.then(|| release(environment).to_owned())
        })
        .await?;
    let text = format!(
        "{ENVIRONMENT}: commit {} is release {name}, healthy",
        short(&wanted)
    );
    screen.answer(&text, Some(millis(began)));
    Ok(())
}

fn millis(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}
