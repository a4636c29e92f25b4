//! Many Environments on one repo: cost follows change, at a commit and at a start.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::{Agent, AgentOptions, PATIENCE, Shop, config_map, is_ready};
use lab::{Commit, audit::Entry, eventually};
use serde_json::json;

/// Environments.
const MANY: usize = 60;
/// After this the last writes have ended.
const SETTLE: Duration = Duration::from_secs(3);

fn folder(number: usize) -> String {
    format!("environments/e{number:03}")
}

/// A commit in which each of `which` has one ConfigMap of its own with `value`.
fn push(shop: &Shop, which: impl Iterator<Item = usize>, value: &str) -> Result<String> {
    let mut commit = Commit::on("master", value);
    for number in which {
        let (folder, name) = (folder(number), format!("m{number:03}"));
        commit = commit
            .write(
                &format!("{folder}/kustomization.yaml"),
                format!("resources:\n- {name}.yaml\n"),
            )
            .write(&format!("{folder}/{name}.yaml"), config_map(&name, value));
    }
    Ok(shop.repo.commit(commit)?)
}

async fn all_ready(shop: &Shop) -> Result<()> {
    eventually(PATIENCE, || async {
        let all = shop
            .environments()
            .list(&kube::api::ListParams::default())
            .await?;
        let ready = all
            .iter()
            .filter(|one| one.status.as_ref().is_some_and(is_ready));
        let ready = ready.count();
        ensure!(ready == MANY, "{ready} of {MANY} are ready");
        Ok(())
    })
    .await?;
    shop.settled().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_commit_for_one_of_many_costs_little_and_a_restart_writes_nothing() -> Result<()> {
    let shop = Shop::new("many").await?;
    push(&shop, 0..MANY, "1")?;
    let options = AgentOptions::alone(&shop.namespace);
    let agent = Agent::start(shop.world, options.clone())?;
    for number in 0..MANY {
        let spec = json!({ "source": { "path": folder(number) } });
        shop.environment_named(&format!("e{number:03}"), spec)
            .await?;
    }
    all_ready(&shop).await?;

    let mark = shop.mark()?;
    push(&shop, [7].into_iter(), "2")?;
    eventually(PATIENCE, || async {
        let values = shop.values().await?;
        ensure!(values["m007"] == "2", "not written");
        Ok(())
    })
    .await?;
    all_ready(&shop).await?;
    let work = shop.requests(mark)?.work();
    ensure!(
        work.len() <= 30,
        "{} requests:\n{}",
        work.len(),
        work.summary()
    );
    let others = work.writes().only(|entry: &Entry| {
        let its = ["e007", "m007"].iter().any(|name| entry.uri.contains(name));
        !its && entry.resource != "events" && entry.verb != "create"
    });
    ensure!(others.is_empty(), "{}", others.summary());

    agent.process.terminate();
    agent.process.wait(PATIENCE).await?;
    let mark = shop.mark()?;
    let _again = Agent::start(shop.world, options)?;
    let watches = |entry: &Entry| entry.is_watch() && entry.resource == "configmaps";
    eventually(PATIENCE, || async {
        ensure!(
            !shop.requests(mark)?.only(watches).is_empty(),
            "not started"
        );
        Ok(())
    })
    .await?;
    tokio::time::sleep(SETTLE).await; // sleeps because writes that must not come would come later
    // A replica that starts takes its seat: a Lease of its own, made once.
    let all = shop.requests(mark)?.work();
    let all = all.only(|entry| entry.resource != "leases");
    let writes = all.writes();
    ensure!(writes.is_empty(), "a restart wrote:\n{}", writes.summary());
    ensure!(
        all.len() <= 30,
        "{} reads for {MANY} environments:\n{}",
        all.len(),
        all.summary()
    );
    Ok(())
}
