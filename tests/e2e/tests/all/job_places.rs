//! Jobs as numbers: in which cluster they run, what each costs in writes, and the example that people copy.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use e2e::{PATIENCE, Shop};
use lab::{Options, audit::Entry, eventually};
use rollout::judge::Verdict;
use serde_json::{Value, json};

use crate::{
    canaries,
    hooks::made,
    job_metrics::{are_gone, judged, push, spec, strategy},
    remote::{Far, away, lend},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_runs_in_the_cluster_of_its_environment_and_is_heard_there() -> Result<()> {
    let far = Far::start_with(Options::default()).await?;
    let shop = Shop::new("jobabroad").await?;
    let analysis = json!({ "count": 2 });
    strategy(&shop, json!({ "spec": spec("1") }), analysis).await?;
    lend(&shop, &far.kubeconfig("driftless").await?).await?;
    let first = push(&shop, "1", "1")?;
    let agent = shop.agent()?;
    shop.environment(away(&shop)).await?;
    shop.ready_at(&first).await?;
    let mark = shop.mark()?;
    let second = push(&shop, "2", "1")?;
    shop.ready_at(&second).await?;
    drop(agent);
    let here = shop.requests(mark)?.of("jobs");
    let here = here.only(|entry| !entry.is_watch() && entry.verb != "list");
    ensure!(here.is_empty(), "{}", here.summary());
    let there = far.plane.audit().entries()?.of("jobs");
    let made = there.only(|entry| entry.verb == "patch" && entry.code == 201);
    assert_eq!(made.len(), 2, "{}", made.summary());
    let told = judged(&shop).await?;
    assert_eq!(told.len(), 2, "{told:?}");
    for record in told {
        let decision = record.decision.context("a number")?;
        assert_eq!(decision.verdict, Verdict::Good, "{decision:?}");
        assert_eq!(decision.log, ["line 30 of the lab's log"], "heard there");
    }
    let api = far.plane.api()?;
    let path = format!("/apis/batch/v1/namespaces/{}/jobs", shop.namespace);
    eventually(PATIENCE, || async {
        let left = api.get(&path).await?["items"]
            .as_array()
            .map_or(0, Vec::len);
        ensure!(left == 0, "{left} Jobs are left there");
        Ok(())
    })
    .await?;
    are_gone(&shop).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_costs_one_write_of_the_inventory_and_the_last_one_more() -> Result<()> {
    let shop = Shop::new("jobcost").await?;
    strategy(&shop, json!({ "spec": spec("1") }), json!({ "count": 5 })).await?;
    let first = push(&shop, "1", "1")?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let mark = shop.mark()?;
    let second = push(&shop, "2", "1")?;
    shop.ready_at(&second).await?;
    are_gone(&shop).await?;
    let made = made(&shop, mark)?;
    assert_eq!(made.len(), 5, "{}", made.summary());
    let writes = shop.requests(mark)?.of("inventories").writes();
    // From the first Job to the last, so that what the canary itself costs is left out.
    let (from, to) = (made[0].received, made[4].received);
    let between = writes.only(|entry| entry.received > from && entry.received < to);
    ensure!(between.len() <= 4, "{}", between.summary());
    Ok(())
}

/// What people copy is applied as it is, and what it says of the Job is what is run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_with_a_job_works_as_it_is() -> Result<()> {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/strategy-job.yaml");
    let text = fs::read_to_string(file)?;
    let (example, smoke) = text.split_once("\n---\n").context("two documents")?;
    let example: Value = serde_yaml::from_str(example)?;
    let mut smoke: Value = serde_yaml::from_str(smoke)?;
    let shop = Shop::new("jobexample").await?;
    let mut spec = example["spec"].clone();
    // Nobody waits half a minute between two numbers here, and the lab has no route for the weights that follow.
    spec["steps"][1]["analysis"]["interval"] = "1s".into();
    spec["steps"].as_array_mut().context("steps")?.truncate(2);
    shop.strategy("tested", spec).await?;
    smoke["metadata"]["namespace"] = shop.namespace.as_str().into();
    let version = |tag: &str| {
        let web = canaries::deployment("web", tag, "tested");
        canaries::push(&shop, &[web, smoke.clone()])
    };
    let first = version("1")?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let mark = shop.mark()?;
    let second = version("2")?;
    shop.ready_at(&second).await?;
    let made = made(&shop, mark)?;
    let wanted = example["spec"]["steps"][1]["analysis"]["count"].as_u64();
    assert_eq!(u64::try_from(made.len()).ok(), wanted, "{}", made.summary());
    let named = |entry: &Entry| entry.name.starts_with("smoke-");
    ensure!(made.iter().all(named), "{}", made.summary());
    are_gone(&shop).await
}
