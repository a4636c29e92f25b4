//! A clock on the wall that is set while a revision is on its way: nothing is passed early, nothing lasts for ever, nobody
//! takes anybody's place, and what is written down stays sane.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use api::v1alpha1::{EnvironmentStatus, Release};
use e2e::{Agent, AgentOptions, Clock, Number, PATIENCE, Shop};
use jiff::Timestamp;
use lab::{
    audit::{Entry, Mark},
    eventually,
};
use serde_json::{Value, json};

use crate::canaries::{deployment, push};

const HOUR: i64 = 3600;
/// How long a pause is.
const PAUSE: i64 = 12;
/// How much later it may end, on a busy machine.
const LATE: i64 = 8;

/// Two replicas, each with a clock of its own.
struct Two {
    shop: Shop,
    agents: [(Agent, Clock); 2],
}

impl Two {
    /// A shop with `strategy` whose first version is there. `None` where no clock can be set.
    #[expect(clippy::print_stdout, reason = "a skipped test says so")]
    async fn open(name: &str, strategy: Value) -> Result<Option<Self>> {
        let (Some(one), Some(other)) = (Clock::new()?, Clock::new()?) else {
            println!("skipped: no libfaketime on this machine");
            return Ok(None);
        };
        let shop = Shop::new(name).await?;
        shop.strategy("one", strategy).await?;
        let start = |number: usize, clock: Clock| -> Result<_> {
            let options = AgentOptions {
                identity: format!("{}-r{number}", shop.namespace),
                variables: clock.variables(),
                ..AgentOptions::alone(&shop.namespace)
            };
            Ok((Agent::start(shop.world, options)?, clock))
        };
        let agents = [start(0, one)?, start(1, other)?];
        let first = push(&shop, &[deployment("web", "1", "one")])?;
        shop.environment(json!({})).await?;
        for (agent, _) in &agents {
            eventually(PATIENCE, || async {
                let text = agent.metrics().await?;
                let both = text.lines().any(|line| line == "driftless_replicas 2");
                ensure!(both, "it is alone");
                Ok(())
            })
            .await?;
        }
        shop.ready_at(&first).await?;
        Ok(Some(Self { shop, agents }))
    }

    /// Who cares for the shop, and who does not.
    async fn owner(&self) -> Result<[&(Agent, Clock); 2]> {
        let [one, other] = &self.agents;
        let text = one.0.metrics().await?;
        let cares = text.lines().any(|line| line == "driftless_environments 1");
        Ok(if cares { [one, other] } else { [other, one] })
    }

    /// What was written of the shop since `mark` by anybody but `owner`, Leases apart.
    fn strangers(&self, mark: Mark, owner: &Agent) -> Result<()> {
        let writes = self.shop.requests(mark)?.writes();
        let strange = |entry: &Entry| {
            entry.resource != "leases" && !entry.user_agent.contains(&owner.options.identity)
        };
        let strange = writes.only(strange);
        ensure!(strange.is_empty(), "{}", strange.summary());
        Ok(())
    }

    /// Waits until the state says that the rollout is at `step`, counted from 0.
    async fn at(&self, step: u64) -> Result<()> {
        let there = |status: &EnvironmentStatus| {
            let rollout = status.rollout.as_ref();
            rollout.is_some_and(|rollout| rollout.state["rollout"]["step"] == step)
        };
        let what = format!("step {}", step + 1);
        self.shop.status(&what, there).await?;
        Ok(())
    }

    /// When the API server first heard of `step` or of one after it.
    fn began(&self, mark: Mark, step: u64) -> Result<Timestamp> {
        let writes = self.shop.requests(mark)?.writes().of("environments");
        let first = writes.iter().find(|entry| {
            let body = entry.request.clone().unwrap_or_default();
            let rollout = &body["status"]["rollout"]["state"]["rollout"];
            rollout["step"].as_u64().is_some_and(|at| at >= step)
        });
        Ok(first.context("nothing was written of that step")?.received)
    }

    /// The pause at `step` took its time, by the clock of the API server.
    fn took_its_time(&self, mark: Mark, step: u64) -> Result<()> {
        let took = self.began(mark, step + 1)?;
        let took = took.duration_since(self.began(mark, step)?);
        let seconds = took.as_millis() / 1000;
        ensure!(
            (i128::from(PAUSE)..=i128::from(PAUSE + LATE)).contains(&seconds),
            "the pause took {took:#}"
        );
        Ok(())
    }

    async fn last_release(&self) -> Result<Release> {
        self.shop.releases().await?.pop().context("no Release")
    }
}

/// Nothing ends before it began, or has still to come.
fn is_sane(release: &Release) -> Result<()> {
    let status = release.status.as_ref().context("no status")?;
    let began = status.started_at.as_ref().context("it never began")?;
    let ended = status.ended_at.as_ref().context("it has not ended")?;
    ensure!(
        began.0 <= ended.0,
        "ended {ended:?}, before it began {began:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_in_a_pause_neither_ends_it_nor_prolongs_it() -> Result<()> {
    let pause = json!({ "pause": { "for": format!("{PAUSE}s") } });
    let steps = json!([{ "replicas": 1 }, pause, { "replicas": 2 }, pause, { "replicas": "100%" }]);
    let Some(two) = Two::open("jumps", json!({ "steps": steps })).await? else {
        return Ok(());
    };
    let [(owner, clock), (other, others)] = two.owner().await?;
    let mark = two.shop.mark()?;
    let second = push(&two.shop, &[deployment("web", "2", "one")])?;
    two.at(1).await?;
    clock.set(HOUR)?;
    // In time for the look that the pause ends with, and for one that something else causes.
    tokio::time::sleep(Duration::from_secs(4)).await; // sleeps because a part of the pause is to pass
    two.shop
        .change(json!({ "metadata": { "annotations": { "driftless.dev/requested-at": "ahead" } } }))
        .await?;
    two.at(3).await?;
    two.took_its_time(mark, 1)?;
    // Back, and the other one's ahead, so that both differ from what they wrote before.
    clock.set(0)?;
    others.set(HOUR)?;
    tokio::time::sleep(Duration::from_secs(4)).await; // sleeps because a part of the pause is to pass
    two.shop
        .change(json!({ "metadata": { "annotations": { "driftless.dev/requested-at": "back" } } }))
        .await?;
    two.shop.ready_at(&second).await?;
    two.took_its_time(mark, 3)?;
    two.strangers(mark, owner)?;
    ensure!(owner.process.running() && other.process.running());
    let release = two.last_release().await?;
    is_sane(&release)?;
    let ended = release.status.and_then(|status| status.ended_at);
    let now = Timestamp::now();
    ensure!(
        ended.is_some_and(|ended| ended.0 <= now),
        "it ends later than now"
    );
    Ok(())
}

/// A rollout that is judged by `number`, so often.
fn judged(number: &Number, count: usize) -> Value {
    let metric = json!({ "name": "score", "from": { "web": { "url": number.url() } }, "max": 1 });
    let gate = json!({ "count": count, "interval": "2s", "patience": "60s", "metrics": [metric] });
    json!({ "steps": [{ "replicas": 1 }, { "analysis": gate }, { "replicas": "100%" }] })
}

/// Waits until the number was asked for so often.
async fn asked(number: &Number, times: usize) -> Result<()> {
    eventually(PATIENCE, || async {
        let asked = number.asked();
        ensure!(asked >= times, "asked {asked} times");
        Ok(())
    })
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_in_an_analysis_passes_nothing_and_hides_nothing() -> Result<()> {
    const COUNT: usize = 6;
    let number = Number::start(0.5).await?;
    let Some(two) = Two::open("leaps", judged(&number, COUNT)).await? else {
        return Ok(());
    };
    let [(owner, clock), _] = two.owner().await?;
    let mark = two.shop.mark()?;
    // It begins by a clock that is wrong, and ends by one that is right.
    clock.set(HOUR)?;
    let second = push(&two.shop, &[deployment("web", "2", "one")])?;
    asked(&number, 2).await?;
    clock.set(0)?;
    asked(&number, 4).await?;
    clock.set(-HOUR)?;
    asked(&number, 5).await?;
    clock.set(0)?;
    two.shop.ready_at(&second).await?;
    let times = number.asked();
    // Of those that were under way when it was set, each may have been lost.
    ensure!((COUNT..=COUNT + 4).contains(&times), "asked {times} times");
    let took = two.began(mark, 2)?.duration_since(two.began(mark, 1)?);
    // The first is asked at once.
    let least = i64::try_from(COUNT - 1)? * 2;
    ensure!(took.as_secs() >= least, "passed after {took:#}");
    is_sane(&two.last_release().await?)?;

    // A bad number is heard in whatever year it is.
    push(&two.shop, &[deployment("web", "3", "one")])?;
    asked(&number, times + 1).await?;
    clock.set(-HOUR)?;
    number.says(Some(7.0));
    let held = two.shop.held().await?;
    ensure!(held.reason == "AnalysisFailed", "{held:?}");
    two.strangers(mark, owner)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_in_the_middle_of_a_look_keeps_nobody_from_asking() -> Result<()> {
    const TIMES: i32 = 16;
    let number = Number::start(0.5).await?;
    let Some(two) = Two::open("midlook", judged(&number, 100)).await? else {
        return Ok(());
    };
    let [(owner, clock), _] = two.owner().await?;
    let mark = two.shop.mark()?;
    push(&two.shop, &[deployment("web", "2", "one")])?;
    for time in 0..TIMES {
        let times = number.asked() + 1;
        let asked = async {
            while number.asked() < times {
                tokio::time::sleep(Duration::from_millis(1)).await; // sleeps because the answer is looked at in a few milliseconds
            }
        };
        tokio::time::timeout(PATIENCE, asked).await?;
        tokio::time::sleep(Duration::from_millis(u64::try_from(time)?)).await; // sleeps because each time is to hit another moment of the look
        clock.set(HOUR * i64::from(time % 2 - 1))?;
    }
    number.says(Some(7.0));
    let held = two.shop.held().await?;
    ensure!(held.reason == "AnalysisFailed", "{held:?}");
    two.strangers(mark, owner)
}
