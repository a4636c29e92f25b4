//! Several replicas that share Environments, and come, go, die and freeze.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use e2e::{Agent, AgentOptions, PATIENCE, Shop, config_map, is_ready};
use jiff::Timestamp;
use kube::api::{ListParams, Patch, PatchParams};
use lab::{SlowWebhook, audit, eventually};
use serde_json::json;

use crate::isolation::{self, SLOW, all_events};

/// What the agents are started with unless told otherwise.
const TTL: u64 = 12;
const SECRET: &str = "between-us";

/// Who of the replicas, by number.
fn identity(shop: &Shop, number: usize) -> String {
    format!("{}-r{number}", shop.namespace)
}

fn replica(shop: &Shop, number: usize, seconds: u64) -> Result<Agent> {
    let options = AgentOptions {
        identity: identity(shop, number),
        lease_seconds: seconds,
        webhook_secret: Some(SECRET.to_owned()),
        ..AgentOptions::alone(&shop.namespace)
    };
    Agent::start(shop.world, options)
}

fn name(number: usize) -> String {
    format!("e{number:02}")
}

/// Commits one overlay for each of `many` Environments, with one ConfigMap of its name.
fn push(shop: &Shop, many: usize, value: &str) -> Result<String> {
    let mut files = Vec::new();
    for name in (0..many).map(name) {
        let list = format!("resources: [{name}.yaml]\n");
        files.push((format!("{name}/kustomization.yaml"), list));
        files.push((format!("{name}/{name}.yaml"), config_map(&name, value)));
    }
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), Some(text.as_str())))
        .collect();
    shop.push(value, &files)
}

async fn environments(shop: &Shop, many: usize) -> Result<()> {
    for name in (0..many).map(name) {
        let spec = json!({ "source": { "path": name } });
        shop.environment_named(&name, spec).await?;
    }
    Ok(())
}

async fn all_ready_at(shop: &Shop, commit: &str) -> Result<()> {
    eventually(PATIENCE, || async {
        for environment in shop.environments().list(&ListParams::default()).await? {
            let status = environment.status.unwrap_or_default();
            let there = status.revision.applied.as_deref() == Some(commit) && is_ready(&status);
            ensure!(there, "{:?}: {status:?}", environment.metadata.name);
        }
        Ok(())
    })
    .await?;
    Ok(())
}

/// How many Environments an agent says it cares for, among how many replicas.
async fn share(agent: &Agent) -> Result<(usize, usize)> {
    let text = agent.metrics().await?;
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|value| value.trim().parse().ok())
    };
    let cared = number("driftless_environments ").context("no metric for environments")?;
    let replicas = number("driftless_replicas ").context("no metric for replicas")?;
    Ok((cared, replicas))
}

/// Waits until `agents` see each other and share `many` Environments, each its part.
async fn shared(agents: &[&Agent], many: usize) -> Result<Vec<usize>> {
    let parts = eventually(PATIENCE, || async {
        let mut parts = Vec::new();
        for agent in agents {
            let (part, replicas) = share(agent).await?;
            ensure!(replicas == agents.len(), "sees {replicas}");
            parts.push(part);
        }
        ensure!(parts.iter().sum::<usize>() == many, "{parts:?}");
        Ok(parts)
    });
    Ok(parts.await?)
}

/// What was written since `mark` but for Leases.
fn writes(shop: &Shop, mark: audit::Mark) -> Result<audit::Entries> {
    let writes = shop.requests(mark)?.writes();
    Ok(writes.only(|entry| entry.resource != "leases"))
}

/// Which Environments' objects each of `replicas` wrote since `mark`, by number.
fn written(shop: &Shop, mark: audit::Mark, replicas: usize) -> Result<Vec<BTreeSet<String>>> {
    let all = writes(shop, mark)?.of("configmaps");
    let of = |number| {
        let who = format!("({})", identity(shop, number));
        let own = all.only(|entry| entry.user_agent.contains(&who));
        own.iter().map(|entry| entry.name.clone()).collect()
    };
    Ok((0..replicas).map(of).collect())
}

/// Whoever wrote an object and was followed by another one never wrote it again.
fn hands_over_once(shop: &Shop, mark: audit::Mark) -> Result<()> {
    let mut hands: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in writes(shop, mark)?.of("configmaps").iter() {
        let hands = hands.entry(entry.name.clone()).or_default();
        if hands.last() != Some(&entry.user_agent) {
            hands.push(entry.user_agent.clone());
        }
    }
    for (name, hands) in hands {
        let different: BTreeSet<_> = hands.iter().collect();
        ensure!(different.len() == hands.len(), "{name} went {hands:?}");
    }
    Ok(())
}

/// Changes the ConfigMaps by hand, and waits until all are put right.
async fn repaired(shop: &Shop, names: &BTreeSet<String>) -> Result<()> {
    let theirs = Patch::Merge(json!({ "data": { "key": "theirs" } }));
    for name in names {
        shop.maps()
            .patch(name, &PatchParams::default(), &theirs)
            .await?;
    }
    eventually(PATIENCE, || async {
        let values = shop.values().await?;
        let wrong = names
            .iter()
            .filter(|name| values.get(*name).is_none_or(|value| value == "theirs"));
        let wrong: Vec<_> = wrong.collect();
        ensure!(wrong.is_empty(), "{wrong:?} as others left them");
        Ok(())
    })
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_share_the_work_and_take_over_from_who_joins_leaves_and_dies() -> Result<()> {
    const MANY: usize = 30;
    let shop = Shop::new("share").await?;
    let first = push(&shop, MANY, "1")?;
    let mark = shop.mark()?;
    let agents = [replica(&shop, 0, TTL)?, replica(&shop, 1, TTL)?];
    shared(&[&agents[0], &agents[1]], 0).await?;
    environments(&shop, MANY).await?;
    all_ready_at(&shop, &first).await?;
    let parts = written(&shop, mark, 2)?;
    ensure!(parts.iter().all(|part| part.len() > 4), "{parts:?}");
    ensure!(parts[0].is_disjoint(&parts[1]), "{parts:?}");

    let mark_of_third = shop.settled().await?;
    let third = replica(&shop, 2, TTL)?;
    let parts = shared(&[&agents[0], &agents[1], &third], MANY).await?;
    ensure!(parts.iter().all(|part| *part > 2), "{parts:?}");
    // Nothing is left to do for whoever takes over.
    let more = writes(&shop, mark_of_third)?;
    ensure!(more.is_empty(), "{}", more.summary());
    let mark_of_drift = shop.mark()?;
    let all: BTreeSet<String> = (0..MANY).map(name).collect();
    repaired(&shop, &all).await?;
    // Others see an object a moment before its write is answered and stands in the audit log.
    let parts = eventually(PATIENCE, || async {
        let parts = written(&shop, mark_of_drift, 3)?;
        let many: usize = parts.iter().map(BTreeSet::len).sum();
        ensure!(many == MANY, "{parts:?}");
        Ok(parts)
    })
    .await?;

    let [killed, second] = agents;
    killed.process.kill();
    let died = Instant::now();
    repaired(&shop, &parts[0]).await?;
    let took = died.elapsed();
    ensure!(took < Duration::from_secs(15), "taken over after {took:?}");
    let left = shared(&[&second, &third], MANY).await?;
    ensure!(left[0] + left[1] == MANY, "{left:?}");

    second.process.terminate();
    let asked = Instant::now();
    eventually(PATIENCE, || async {
        let (part, _) = share(&third).await?;
        ensure!(part == MANY, "{part}");
        Ok(())
    })
    .await?;
    let took = asked.elapsed();
    // Of a Lease that is not given back it would be heard no sooner than after eight seconds.
    ensure!(took < Duration::from_secs(6), "taken over after {took:?}");
    second.process.wait(Duration::from_secs(10)).await?;
    repaired(&shop, &all).await?;
    hands_over_once(&shop, mark)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_was_frozen_writes_nothing_that_is_no_longer_its_own() -> Result<()> {
    const MANY: usize = 12;
    let shop = Shop::new("frozen").await?;
    let first = push(&shop, MANY, "1")?;
    let agents = [replica(&shop, 0, 4)?, replica(&shop, 1, 4)?];
    shared(&[&agents[0], &agents[1]], 0).await?;
    environments(&shop, MANY).await?;
    all_ready_at(&shop, &first).await?;

    let mark = shop.mark()?;
    let second = push(&shop, MANY, "2")?;
    eventually(PATIENCE, || async {
        let begun = written(&shop, mark, 1)?;
        ensure!(!begun[0].is_empty(), "not begun");
        Ok(())
    })
    .await?;
    // In the middle of its work, or right after it.
    agents[0].process.pause();
    all_ready_at(&shop, &second).await?;
    eventually(PATIENCE, || async {
        let (part, _) = share(&agents[1]).await?;
        ensure!(part == MANY, "{part} taken over");
        Ok(())
    })
    .await?;
    let third = push(&shop, MANY, "3")?;
    all_ready_at(&shop, &third).await?;
    let mark_of_wake = shop.settled().await?;
    agents[0].process.resume();
    shared(&[&agents[0], &agents[1]], MANY).await?;
    // Nothing is written, and nothing is even tried that the server would have to refuse. An Event may have been between
    // the last look at the fence and the wire: it tells what was done before, and is its own.
    let more = writes(&shop, mark_of_wake)?;
    let more = more.only(|entry| entry.resource != "events" || !entry.succeeded());
    ensure!(more.is_empty(), "{}", more.summary());
    let fourth = push(&shop, MANY, "4")?;
    all_ready_at(&shop, &fourth).await?;
    Ok(())
}

/// Events of `number` that the API server received since `mark` and `from`.
fn events(
    shop: &Shop,
    mark: audit::Mark,
    number: usize,
    from: Timestamp,
) -> Result<audit::Entries> {
    let who = format!("({})", identity(shop, number));
    let all = writes(shop, mark)?.of("events");
    Ok(all.only(|entry| entry.user_agent.contains(&who) && entry.received >= from))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_waited_in_one_that_was_frozen_are_not_sent_when_it_wakes() -> Result<()> {
    const COMMITS: usize = 4;
    let shop = Shop::new("frozen-events").await?;
    let first = push(&shop, 1, "0")?;
    let frozen = replica(&shop, 0, 4)?;
    environments(&shop, 1).await?;
    all_ready_at(&shop, &first).await?;
    let webhook = SlowWebhook::start(SLOW).await?;
    isolation::install(&shop, &webhook, &all_events(), &json!({})).await?;
    // One Event is on its way for ten seconds, and those after it wait for their turn.
    let (mark, mut value) = (shop.mark()?, 0);
    eventually(PATIENCE, || {
        value += 1;
        let commit = push(&shop, 1, &value.to_string());
        let (shop, webhook) = (&shop, &webhook);
        async move {
            all_ready_at(shop, &commit?).await?;
            ensure!(webhook.asked() > 0, "the webhook is not asked");
            anyhow::Ok(())
        }
    })
    .await?;
    for more in 1..=COMMITS {
        let commit = push(&shop, 1, &format!("more {more}"))?;
        all_ready_at(&shop, &commit).await?;
    }
    let asked = webhook.asked();
    ensure!(asked < COMMITS, "{asked} are on their way, and none waits");
    frozen.process.pause();
    let other = replica(&shop, 1, 4)?;
    eventually(PATIENCE, || async {
        let (part, _) = share(&other).await?;
        ensure!(part == 1, "not taken over");
        Ok(())
    })
    .await?;
    isolation::uninstall(&shop).await?;
    let woken = Timestamp::now();
    frozen.process.resume();
    shared(&[&frozen, &other], 1).await?;
    // Whoever waits is told of the end of the first one within ten seconds, and would send the next ones then.
    tokio::time::sleep(SLOW).await; // sleeps because what must not come would come later
    let late = events(&shop, mark, 0, woken)?;
    ensure!(late.is_empty(), "{}", late.summary());
    // What happens from now on is told again.
    let (mark, woken) = (shop.mark()?, Timestamp::now());
    let last = push(&shop, 1, "last")?;
    all_ready_at(&shop, &last).await?;
    eventually(PATIENCE, || async {
        let told = [
            events(&shop, mark, 0, woken)?,
            events(&shop, mark, 1, woken)?,
        ];
        ensure!(told.iter().any(|told| !told.is_empty()), "nothing is told");
        Ok(())
    })
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dependencies_and_webhooks_reach_over_replicas() -> Result<()> {
    const MANY: usize = 8;
    let shop = Shop::new("chain").await?;
    let first = push(&shop, MANY, "1")?;
    let agents = [
        replica(&shop, 0, TTL)?,
        replica(&shop, 1, TTL)?,
        replica(&shop, 2, TTL)?,
    ];
    shared(&[&agents[0], &agents[1], &agents[2]], 0).await?;
    for number in 0..MANY {
        let before: Vec<_> = (0..number)
            .rev()
            .take(1)
            .map(|n| json!({ "name": name(n) }))
            .collect();
        let spec = json!({ "source": { "path": name(number) }, "dependsOn": before });
        shop.environment_named(&name(number), spec).await?;
    }
    all_ready_at(&shop, &first).await?;
    // Nobody asks Git by itself for an hour: only the webhook tells, and it reaches one of them.
    let mark = shop.mark()?;
    let second = push(&shop, MANY, "2")?;
    let hook = format!("http://127.0.0.1:{}/hooks/git", agents[0].port);
    let call = reqwest::Client::new()
        .post(hook)
        .header("x-gitlab-token", SECRET);
    ensure!(call.body("{}").send().await?.status().is_success());
    all_ready_at(&shop, &second).await?;
    let order: Vec<String> = writes(&shop, mark)?
        .of("configmaps")
        .iter()
        .map(|entry| entry.name.clone())
        .collect();
    let wanted: Vec<String> = (0..MANY).map(name).collect();
    ensure!(order == wanted, "{order:?}");
    // Only the last one is concerned: those before have nothing to do and hold nobody up.
    let last = name(MANY - 1);
    let path = format!("{last}/{last}.yaml");
    let third = shop.push("last", &[(&path, Some(&config_map(&last, "3")))])?;
    let call = reqwest::Client::new()
        .post(format!("http://127.0.0.1:{}/hooks/git", agents[1].port))
        .header("x-gitlab-token", SECRET);
    ensure!(call.body("{}").send().await?.status().is_success());
    eventually(PATIENCE, || async {
        let environment = shop.environments().get(&last).await?;
        let status = environment.status.unwrap_or_default();
        let there = status.revision.applied.as_deref() == Some(third.as_str());
        ensure!(there && is_ready(&status), "{status:?}");
        Ok(())
    })
    .await?;
    Ok(())
}
