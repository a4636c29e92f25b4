//! Jobs as numbers while the agent is killed at every boundary: none is run twice for the same number, none is left
//! behind, and what one has come to is counted once.

use std::{collections::BTreeSet, time::Duration, time::Instant};

use anyhow::{Context as _, Result, ensure};
use api::v1alpha1::{EnvironmentStatus, RolloutPhase};
use e2e::{Agent, AgentOptions, PATIENCE, Shop, is_in, is_ready};
use lab::{
    audit::{Entry, Mark},
    eventually,
};
use rollout::{judge::Verdict, wish::Event};
use serde_json::{Value, json};

use crate::{
    canaries::command,
    hooks::made,
    job_metrics::{are_gone, held, judged, push, spec, strategy},
};

/// How often the audit log is looked at: a kill comes within this after the answer to the write.
const GLANCE: Duration = Duration::from_millis(5);
/// How often the status is.
const LOOK: Duration = Duration::from_millis(250);

/// An agent whose place another one takes soon after it is gone.
fn quick(shop: &Shop) -> Result<Agent> {
    let options = AgentOptions {
        lease_seconds: 3,
        ..AgentOptions::alone(&shop.namespace)
    };
    Agent::start(shop.world, options)
}

/// A shop whose first version is there.
async fn opened(name: &str, job: Value, analysis: Value) -> Result<(Shop, Agent)> {
    let shop = Shop::new(name).await?;
    strategy(&shop, job, analysis).await?;
    let first = push(&shop, "1", "1")?;
    let agent = quick(&shop)?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    Ok((shop, agent))
}

/// A write that tells where a Job for a number stands: in the inventory, in the cluster, in the rollout's state.
fn boundary(entry: &Entry) -> Option<String> {
    let Entry {
        resource,
        name,
        verb,
        ..
    } = entry;
    let body = entry.request.clone().unwrap_or_default();
    match resource.as_str() {
        "jobs" => Some(format!("{verb} {name}")),
        "inventories" => {
            let lines = body["spec"]["entries"].as_array().cloned();
            let lines = lines.unwrap_or_default().into_iter();
            let entries = lines.filter_map(|line| serde_json::from_str(line.as_str()?).ok());
            let samples = entries.filter(|one: &Value| one["hook"]["point"] == "sample");
            let samples: Vec<String> = samples
                .map(|one| {
                    format!(
                        "{} {} {}",
                        one["id"],
                        one["uid"].is_string(),
                        one["hook"]["result"]
                    )
                })
                .collect();
            Some(format!("inventory {samples:?}"))
        }
        "environments" => {
            let state = &body["status"]["rollout"]["state"]["rollout"];
            let places = ["/step", "/phase/is", "/phase/gate"];
            let parts = places.map(|place| state.pointer(place).filter(|part| !part.is_null()));
            let any = parts.iter().any(Option::is_some);
            any.then(|| format!("{parts:?}"))
        }
        _ => None,
    }
}

/// Kills the agent after each write at a boundary that was not met before, and starts it again, until the status is as
/// `done` says. Gives the boundaries.
async fn kill_at_each(
    shop: &Shop,
    (agent, mut mark): (&mut Agent, Mark),
    done: impl Fn(&EnvironmentStatus) -> bool,
) -> Result<BTreeSet<String>> {
    let (began, mut looked) = (Instant::now(), Instant::now());
    let mut met = BTreeSet::new();
    let mine = |entry: &Entry| entry.user_agent.contains(&shop.namespace);
    loop {
        let log = shop.world.control_plane.audit();
        let writes = log.take(&mut mark)?.writes().only(mine);
        let written = writes.iter().filter(|entry| entry.succeeded());
        let new = written.filter_map(boundary).find(|one| !met.contains(one));
        if let Some(new) = new {
            agent.process.kill();
            met.insert(new);
            *agent = quick(shop)?;
        }
        if looked.elapsed() > LOOK {
            looked = Instant::now();
            let environment = shop.environments().get("shop").await?;
            if done(&environment.status.unwrap_or_default()) {
                return Ok(met);
            }
        }
        ensure!(began.elapsed() < 3 * PATIENCE, "killed at {met:#?}");
        tokio::time::sleep(GLANCE).await; // sleeps because nobody tells when a line is written
    }
}

fn is_at(commit: &str) -> impl Fn(&EnvironmentStatus) -> bool {
    let commit = commit.to_owned();
    move |status| status.revision.applied.as_deref() == Some(&commit) && is_ready(status)
}

/// The names of the Jobs that were made, each as often as it was.
fn names(shop: &Shop, mark: Mark) -> Result<Vec<String>> {
    let made = made(shop, mark)?;
    Ok(made.iter().map(|entry| entry.name.clone()).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn good_numbers_are_run_once_each_and_none_is_forgotten() -> Result<()> {
    let job = json!({ "template": "smoke" });
    let (shop, mut agent) = opened("jobkilled", job, json!({ "count": 2 })).await?;
    let mark = shop.mark()?;
    let second = push(&shop, "2", "1")?;
    let met = kill_at_each(&shop, (&mut agent, mark), is_at(&second)).await?;
    ensure!(met.len() >= 6, "killed at {met:#?} only");
    // Of a request whose sender is gone the answer may not be on record.
    let names = names(&shop, mark)?;
    ensure!(names.len() <= 2, "{names:?}, killed at {met:#?}");
    are_gone(&shop).await?;
    let told = judged(&shop).await?;
    let told: Vec<_> = told.into_iter().filter_map(|one| one.decision).collect();
    assert_eq!(told.len(), 2, "{told:#?}");
    ensure!(
        told.iter().all(|one| one.verdict == Verdict::Good),
        "{told:#?}"
    );
    ensure!(told[0].query != told[1].query, "{told:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_numbers_are_counted_once_each() -> Result<()> {
    let job = json!({ "spec": spec("failing") });
    let (shop, mut agent) = opened("jobstruck", job, json!({ "failureLimit": 1 })).await?;
    let mark = shop.mark()?;
    let second = push(&shop, "2", "1")?;
    let met = kill_at_each(&shop, (&mut agent, mark), is_in(RolloutPhase::Held)).await?;
    let held = held(&shop, "AnalysisFailed").await?;
    assert_eq!(held.revision, second);
    ensure!(met.len() >= 6, "killed at {met:#?} only");
    let names = names(&shop, mark)?;
    ensure!(names.len() <= 2, "{names:?}, killed at {met:#?}");
    are_gone(&shop).await?;
    // Whoever decided the last one may not have lived to tell of it.
    eventually(PATIENCE, || async {
        let told = judged(&shop).await?;
        let counted = told.iter().filter(|one| one.event == Event::Judged);
        let queries: BTreeSet<_> = counted
            .filter_map(|one| Some(&one.decision.as_ref()?.query))
            .collect();
        ensure!(queries.len() == 2, "the first one is borne: {told:#?}");
        Ok(())
    })
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_is_left_when_it_is_aborted_or_overtaken() -> Result<()> {
    let job = json!({ "template": "smoke" });
    let (shop, mut agent) = opened("jobfelled", job, json!({ "count": 1 })).await?;
    let mark = shop.mark()?;
    // Its pod never starts.
    push(&shop, "2", "broken")?;
    at_work(&shop, mark, 1).await?;
    let from = shop.mark()?;
    command(&shop, "abort").await?;
    kill_at_each(&shop, (&mut agent, from), is_in(RolloutPhase::Held)).await?;
    are_gone(&shop).await?;
    assert_eq!(names(&shop, mark)?.len(), 1, "{:?}", names(&shop, mark)?);

    let mark = shop.mark()?;
    push(&shop, "3", "broken")?;
    at_work(&shop, mark, 1).await?;
    let from = shop.mark()?;
    let fourth = push(&shop, "4", "1")?;
    kill_at_each(&shop, (&mut agent, from), is_at(&fourth)).await?;
    are_gone(&shop).await?;
    let names = names(&shop, mark)?;
    ensure!(names.len() <= 2, "{names:?}");
    Ok(())
}

/// Waits until so many Jobs were made.
async fn at_work(shop: &Shop, mark: Mark, count: usize) -> Result<()> {
    let made = |_: &EnvironmentStatus| names(shop, mark).is_ok_and(|names| names.len() == count);
    shop.status("the Job", made).await.context("at work")?;
    Ok(())
}
