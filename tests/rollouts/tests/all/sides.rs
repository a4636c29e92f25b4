//! A whole environment in two namespaces that take turns, under load.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use api::{
    names::ENVIRONMENT_LABEL,
    v1alpha1::{EnvironmentStatus, RolloutPhase},
};
use e2e::{Agent, AgentOptions, Number, PATIENCE, Shop};
use lab::{Load, audit::Entry, eventually};
use serde_json::{Value, json};

use crate::{
    show::{Show, Version},
    stage::Stage,
};

/// A shop in two namespaces.
pub(crate) struct Two {
    pub(crate) show: Show,
    pub(crate) blue: String,
    pub(crate) green: String,
}

/// In full beside what serves, then everybody at once.
pub(crate) fn strategy(blue: &str, green: &str, (keep, pause): (&str, i64)) -> Value {
    json!({
        "namespaces": { "blue": blue, "green": green, "keep": keep },
        "steps": [
            { "replicas": "100%" }, { "pause": { "for": format!("{pause}s") } },
            { "weight": 100 }, { "pause": { "for": "3s" } },
        ],
        "progressDeadline": "60s",
        "analysis": {
            "interval": "1s", "patience": "20s",
            "metrics": [{
                "name": "error-rate", "max": 0.02, "minSamples": 5,
                "from": { "template": { "measure": "errorRate", "by": "traefik", "window": "5s" } },
            }],
        },
        "bake": "3s",
    })
}

impl Two {
    /// A shop whose first version serves from `blue`.
    pub(crate) async fn open(name: &str, keep: &str, pause: i64) -> Result<(Self, Agent)> {
        let stage = Stage::shared().await?;
        let shop = Shop::within(stage.world, name).await?;
        let (blue, green) = (
            format!("{}-blue", shop.namespace),
            format!("{}-green", shop.namespace),
        );
        let show = Show {
            host: format!("{}.example", shop.namespace),
            api: stage.api()?,
            prometheus: stage.prometheus.url(),
            stage,
            shop,
        };
        show.strategy(strategy(&blue, &green, (keep, pause)))
            .await?;
        let two = Self { show, blue, green };
        let agent = two.agent()?;
        let commit = two.show.push(&Version::good("v1"))?;
        let spec = json!({
            "strategies": [{ "strategy": "stepwise" }], "timeout": "2m",
            "target": { "createNamespace": true },
        });
        two.show.shop.environment(spec).await?;
        two.show.shop.ready_at(&commit).await?;
        Ok((two, agent))
    }

    pub(crate) fn agent(&self) -> Result<Agent> {
        let options = AgentOptions {
            prometheus: Some(self.show.stage.prometheus.url()),
            lease_seconds: 3,
            ..AgentOptions::alone(&self.show.shop.namespace)
        };
        Agent::start(self.show.stage.world, options)
    }

    fn path(namespace: &str) -> String {
        format!("/apis/apps/v1/namespaces/{namespace}/deployments/web")
    }

    /// The version that is in `namespace`, with all its pods.
    async fn version_in(&self, namespace: &str) -> Result<String> {
        let web = self.show.api.get(&Self::path(namespace)).await?;
        let ready = &web["status"]["readyReplicas"];
        ensure!(*ready == 4, "{ready} pods in {namespace}");
        let image = web["spec"]["template"]["spec"]["containers"][0]["image"].as_str();
        let tag = image.and_then(|image| image.rsplit(':').next());
        Ok(tag.context("no image")?.to_owned())
    }

    /// Somebody changes a Deployment, and it is put right.
    async fn is_repaired(&self, namespace: &str) -> Result<()> {
        let path = Self::path(namespace);
        let patch = json!({ "spec": { "replicas": 1 } });
        self.show.api.patch(&path, &patch).await?;
        eventually(PATIENCE, || async {
            let web = self.show.api.get(&path).await?;
            match web["spec"]["replicas"] == 4 && web["status"]["readyReplicas"] == 4 {
                true => Ok(()),
                false => Err(anyhow!("{}", web["spec"]["replicas"])),
            }
        })
        .await
        .with_context(|| format!("drift in {namespace}"))
    }

    async fn phase(&self) -> Result<String> {
        let environment = self.show.shop.environments().get("shop").await?;
        let rollout = environment.status.and_then(|status| status.rollout);
        let said = rollout.map(|rollout| {
            format!(
                "{:?} {:?} {:?}",
                rollout.phase, rollout.step, rollout.weight
            )
        });
        Ok(said.unwrap_or_default())
    }
}

/// What a write of the route leads to each namespace: `blue 100, green 0`.
fn led(entry: &Entry) -> Vec<String> {
    let body = entry.request.clone().unwrap_or_default();
    let backends = body["spec"]["rules"][0]["backendRefs"].as_array().cloned();
    let backends = backends.unwrap_or_default().into_iter();
    backends
        .filter(|backend| backend["weight"] != 0)
        .map(|backend| backend["namespace"].to_string())
        .collect()
}

fn no_failure(load: &Load, but: Option<&str>) -> Result<()> {
    let failed = load.since(Duration::ZERO).failed();
    let unexpected: Vec<_> = failed
        .0
        .iter()
        .filter(|one| but.is_none() || one.version.as_deref() != but)
        .collect();
    ensure!(
        unexpected.is_empty(),
        "{} failed; the first: {:?}",
        unexpected.len(),
        unexpected.first()
    );
    Ok(())
}

pub(crate) async fn take_turns_without_a_lost_request() -> Result<()> {
    let (two, _agent) = Two::open("turns", "1h", 1).await?;
    ensure!(two.version_in(&two.blue).await? == "v1");
    let load = two.show.users(300).await?;
    let mark = two.show.shop.mark()?;

    let second = two.show.push(&Version::good("v2"))?;
    two.show.shop.ready_at(&second).await?;
    two.show.share(&load, "v2", 100).await?;
    let writes = two.show.shop.requests(mark)?.writes().of("httproutes");
    let mut ways: Vec<_> = writes.iter().filter(|one| !one.dry_run).map(led).collect();
    ways.dedup();
    ensure!(
        ways.len() == 2 && ways.iter().all(|way| way.len() == 1),
        "the switch is no single write: {ways:?}"
    );
    ensure!(two.version_in(&two.green).await? == "v2");
    ensure!(two.version_in(&two.blue).await? == "v1", "it is kept");
    two.is_repaired(&two.blue).await?;
    two.is_repaired(&two.green).await?;

    let third = two.show.push(&Version::good("v3"))?;
    two.show.shop.ready_at(&third).await?;
    two.show.share(&load, "v3", 100).await?;
    ensure!(two.version_in(&two.blue).await? == "v3");
    ensure!(two.version_in(&two.green).await? == "v2");
    no_failure(&load, None)?;
    let show = &two.show;
    show.note("blue/green over namespaces, two turns", &load, ("v2", mark))
        .await?;

    let mark = two.show.shop.mark()?;
    let bad = two
        .show
        .push(&Version::good("v4").with("FAIL_PERCENT", "30"))?;
    let status = two.show.shop.phase(RolloutPhase::Held).await?;
    let held = status.rollout.and_then(|rollout| rollout.held);
    let held = held.context("nothing is held")?;
    ensure!(
        held.revision == bad && held.reason == "AnalysisFailed",
        "{held:?}"
    );
    two.show.share(&load, "v3", 100).await?;
    show.note("blue/green, 5xx", &load, ("v4", mark)).await?;
    // What is kept is the release before again, not what was rejected.
    eventually(PATIENCE, || async {
        let version = two.version_in(&two.green).await?;
        ensure!(version == "v2", "{version} is kept");
        Ok(())
    })
    .await?;
    let fixed = two.show.push(&Version::good("v5"))?;
    two.show.shop.ready_at(&fixed).await?;
    two.show.share(&load, "v5", 100).await?;
    ensure!(two.version_in(&two.green).await? == "v5");
    no_failure(&load, Some("v4"))
}

pub(crate) async fn forget_nothing_when_the_agent_is_killed() -> Result<()> {
    let (two, mut agent) = Two::open("killed", "2s", 1).await?;
    let load = two.show.users(300).await?;
    let commit = two.show.push(&Version::good("v2"))?;
    let (mut seen, mut kills) = (two.phase().await?, 0);
    loop {
        let next = eventually(PATIENCE, || async {
            let environment = two.show.shop.environments().get("shop").await?;
            let status = environment.status.unwrap_or_default();
            let now = two.phase().await?;
            match now != seen || is_there(&status, &commit) {
                true => Ok((now, is_there(&status, &commit))),
                false => Err(anyhow!("still {now}")),
            }
        });
        let (now, done) = next.await?;
        if done {
            break;
        }
        seen = now;
        agent.process.kill();
        agent = two.agent()?;
        kills += 1;
    }
    ensure!(kills >= 4, "killed {kills} times only");
    two.show.share(&load, "v2", 100).await?;
    ensure!(two.version_in(&two.green).await? == "v2");
    no_failure(&load, None)?;
    // What is kept goes when its time is over, and the namespace stays for the next revision.
    eventually(PATIENCE, || async {
        let path = format!("/apis/apps/v1/namespaces/{}/deployments", two.blue);
        let left = two.show.api.get(&path).await?;
        let left = left["items"].as_array().map_or(0, Vec::len);
        ensure!(left == 0, "{left} Deployments are left");
        Ok(())
    })
    .await?;
    let namespace = format!("/api/v1/namespaces/{}", two.blue);
    ensure!(two.show.api.get(&namespace).await?["status"]["phase"] == "Active");
    no_failure(&load, None)
}

fn is_there(status: &EnvironmentStatus, commit: &str) -> bool {
    let settled = status
        .rollout
        .as_ref()
        .is_some_and(|rollout| rollout.phase == RolloutPhase::Settled);
    settled && status.revision.applied.as_deref() == Some(commit)
}

/// The namespace that serves is taken out of the agent's reach in mid-rollout.
pub(crate) async fn out_of_reach_they_stand_still_and_are_watched() -> Result<()> {
    let number = Number::start(0.5).await?;
    let (two, _agent) = Two::open("adrift", "1h", 1).await?;
    let mut watched = strategy(&two.blue, &two.green, ("1h", 1));
    watched["steps"][3] = json!({ "pause": {} });
    watched["analysis"]["metrics"] =
        json!([{ "name": "score", "from": { "web": { "url": number.url() } }, "max": 1 }]);
    two.show.strategy(watched).await?;
    let load = two.show.users(100).await?;
    let second = two.show.push(&Version::good("v2"))?;
    two.show.share(&load, "v2", 100).await?;

    let namespace = format!("/api/v1/namespaces/{}", two.green);
    let label = |value: Value| json!({ "metadata": { "labels": { ENVIRONMENT_LABEL: value } } });
    let live = two.show.api.get(&namespace).await?;
    let ours = live["metadata"]["labels"][ENVIRONMENT_LABEL].clone();
    two.show.api.patch(&namespace, &label(Value::Null)).await?;
    let told = two.show.shop.not_ready("InvalidStrategy").await?;
    for words in [two.green.as_str(), "its numbers are watched meanwhile"] {
        ensure!(told.message.contains(words), "{}", told.message);
    }
    let before = number.asked();
    eventually(PATIENCE, || async {
        let asked = number.asked() - before;
        ensure!(asked >= 3, "asked {asked} times");
        Ok(())
    })
    .await?;
    two.show.share(&load, "v2", 100).await?;

    number.says(Some(7.0));
    let held = two.show.held(&second).await?;
    ensure!(held.reason == "AnalysisFailed", "{held:?}");
    two.show.share(&load, "v1", 100).await?;
    // What is wrong is still to be mended before the next one.
    two.show.push(&Version::good("v3"))?;
    two.show.shop.not_ready("InvalidStrategy").await?;
    two.show.share(&load, "v1", 100).await?;
    two.show.api.patch(&namespace, &label(ours)).await?;
    number.says(Some(0.5));
    two.show.share(&load, "v3", 100).await?;
    no_failure(&load, None)
}
