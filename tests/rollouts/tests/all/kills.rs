//! The agent is killed: at every boundary of a rollout, and for good while another replica stands by.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use api::v1alpha1::{EnvironmentStatus, RolloutPhase};
use e2e::{Agent, AgentOptions, PATIENCE, is_in, is_ready};
use lab::{
    audit::{Entry, Mark},
    eventually,
};
use rollout::wish::Event;
use serde_json::{Value, json};

use crate::{
    canary::nobody_lost,
    figures,
    record::weight,
    show::{Show, Version, canary},
};

/// How often the audit log is looked at: a kill comes within this after the answer to the write.
const GLANCE: Duration = Duration::from_millis(5);
/// How often the status is.
const LOOK: Duration = Duration::from_millis(250);

/// Each start of an agent takes time that is not the new version's fault.
fn patient() -> Value {
    let mut strategy = canary();
    strategy["progressDeadline"] = json!("5m");
    strategy["analysis"]["patience"] = json!("5m");
    strategy
}

pub(crate) async fn at_every_word_of_the_state_a_good_one_goes_on() -> Result<()> {
    a_good_one_goes_on("killed", state_boundary, (8, "of the state")).await
}

pub(crate) async fn at_every_write_of_an_object_a_good_one_goes_on() -> Result<()> {
    a_good_one_goes_on("struck", object_boundary, (6, "of objects")).await
}

/// Killed more than `least` times, each time after a write at a `boundary`.
async fn a_good_one_goes_on(
    name: &str,
    boundary: fn(&Entry) -> Option<String>,
    (least, of): (usize, &str),
) -> Result<()> {
    let (show, agent) = Show::open(name, patient(), &Version::good("v1")).await?;
    let mut agent = show.hasty(agent).await?;
    let load = show.users(100).await?;
    let mark = show.shop.mark()?;
    let commit = show.push(&Version::good("v2"))?;
    let applied = |status: &EnvironmentStatus| {
        status.revision.applied.as_deref() == Some(&commit) && is_ready(status)
    };
    let kills = show.kill_at(boundary, (&mut agent, mark), applied).await?;
    show.share(&load, "v2", 100).await?;
    nobody_lost(&load.since(Duration::ZERO))?;
    went_straight(&show, mark, &[10, 50, 100, 0])?;
    ensure!(kills > least, "killed only {kills} times");
    let title = format!("killed {kills} times, after writes {of}");
    show.note(&title, &load, ("v2", mark)).await
}

pub(crate) async fn at_every_boundary_a_bad_one_goes_back() -> Result<()> {
    let (show, agent) = Show::open("felled", patient(), &Version::good("v1")).await?;
    let mut agent = show.hasty(agent).await?;
    let load = show.users(100).await?;
    let mark = show.shop.mark()?;
    let bad = show.push(&Version::good("v2").with("FAIL_PERCENT", "30"))?;
    let held = is_in(RolloutPhase::Held);
    let both = |entry: &Entry| state_boundary(entry).or_else(|| object_boundary(entry));
    let kills = show.kill_at(both, (&mut agent, mark), held).await?;
    let held = show.held(&bad).await?;
    ensure!(held.reason == "AnalysisFailed", "{held:?}");
    show.share(&load, "v1", 100).await?;
    let weights = show.weights(mark)?;
    ensure!(weights == [10, 0], "{weights:?}");
    eventually(PATIENCE, || tells_all_once(&show)).await?;
    show.note(&format!("5xx, killed {kills} times"), &load, ("v2", mark))
        .await
}

/// Whoever wrote the state and died of it has written no Release: the next one has.
async fn tells_all_once(show: &Show) -> Result<()> {
    let releases = show.shop.releases().await?;
    let last = releases.last().and_then(|release| release.status.as_ref());
    let rollout = last.and_then(|status| status.rollout.as_ref());
    let records = &rollout.context("no rollout in the Release")?.records;
    let told = |event: Event| records.iter().filter(|one| one.event == event).count();
    let once = [Event::Started, Event::Weighted, Event::Ending, Event::Ended];
    for event in once {
        ensure!(told(event) == 1, "{event:?} is told {} times", told(event));
    }
    let why = records.iter().find(|one| one.event == Event::Ending);
    let why = why.and_then(|one| one.decision.as_ref());
    ensure!(why.is_some(), "it is not told why");
    Ok(())
}

/// Nobody jumped, nothing was made twice, and nothing was written more often than a restart explains.
fn went_straight(show: &Show, mark: Mark, wanted: &[u64]) -> Result<()> {
    let weights = show.weights(mark)?;
    ensure!(weights == wanted, "{weights:?}");
    for (resource, name) in [("deployments", "web-canary"), ("services", "web-canary")] {
        let made = show.made(mark, resource, name)?;
        // Of a request whose sender is gone the answer may not be on record.
        ensure!(made <= 1, "{resource}/{name} was made {made} times");
    }
    let stable = show.changes(mark)?.of("deployments").named("web");
    let mut images: Vec<_> = stable.iter().filter_map(image).collect();
    images.dedup();
    ensure!(
        images.len() == 1 && images[0].ends_with(":v2"),
        "{images:?}"
    );
    Ok(())
}

fn image(entry: &Entry) -> Option<String> {
    let containers = &entry.request.as_ref()?["spec"]["template"]["spec"]["containers"];
    containers[0]["image"].as_str().map(str::to_owned)
}

/// A step, a phase or a weight, as it was written into the status.
fn state_boundary(entry: &Entry) -> Option<String> {
    if entry.resource != "environments" {
        return None;
    }
    let rollout = &entry.request.as_ref()?["status"]["rollout"]["state"];
    let part = |place: &str| rollout.pointer(place).filter(|value| !value.is_null());
    let places = [
        "/rollout/step",
        "/rollout/phase/is",
        "/rollout/weight",
        "/good/digest",
    ];
    let parts = places.map(part);
    let any = parts.iter().any(Option::is_some);
    any.then(|| format!("{parts:?}"))
}

/// An object of the rollout, and the share that a route was given.
fn object_boundary(entry: &Entry) -> Option<String> {
    let kinds = ["deployments", "services", "configmaps", "httproutes"];
    if !kinds.contains(&entry.resource.as_str()) {
        return None;
    }
    let Entry {
        resource,
        name,
        verb,
        ..
    } = entry;
    Some(format!("{verb} {resource} {name} {:?}", weight(entry)))
}

impl Show {
    /// Kills the agent after each write that `boundary` names for the first time, and starts it again, until the status
    /// is as `done` says. Gives how often.
    async fn kill_at(
        &self,
        boundary: impl Fn(&Entry) -> Option<String>,
        (agent, mut mark): (&mut Agent, Mark),
        done: impl Fn(&EnvironmentStatus) -> bool,
    ) -> Result<usize> {
        let (began, mut looked) = (Instant::now(), Instant::now());
        let mut met = BTreeSet::new();
        let mine = |entry: &Entry| entry.user_agent.contains(&self.shop.namespace);
        loop {
            let log = self.stage.world.control_plane.audit();
            let writes = log.take(&mut mark)?.writes().only(mine);
            let new = writes.iter().filter(|entry| entry.succeeded());
            let new: Vec<_> = new
                .filter_map(&boundary)
                .filter(|one| !met.contains(one))
                .collect();
            if !new.is_empty() {
                agent.process.kill();
                met.insert(new[0].clone());
                *agent = Agent::start(self.stage.world, self.quick())?;
            }
            if looked.elapsed() > LOOK {
                looked = Instant::now();
                let environment = self.shop.environments().get("shop").await?;
                if done(&environment.status.unwrap_or_default()) {
                    return Ok(met.len());
                }
            }
            ensure!(began.elapsed() < 3 * PATIENCE, "killed at {met:?}");
            tokio::time::sleep(GLANCE).await; // sleeps because nobody tells when a line is written
        }
    }

    /// In the place of `agent`, which goes in peace: a Lease that nobody has given up is honoured for its whole time.
    pub(crate) async fn hasty(&self, agent: Agent) -> Result<Agent> {
        agent.process.terminate();
        agent.process.wait(PATIENCE).await?;
        self.again()
    }

    /// The same once more.
    pub(crate) fn again(&self) -> Result<Agent> {
        Agent::start(self.stage.world, self.quick())
    }

    /// An agent whose place another one takes soon after it is gone.
    fn quick(&self) -> AgentOptions {
        AgentOptions {
            lease_seconds: 3,
            ..self.options()
        }
    }
}

pub(crate) async fn another_replica_takes_over_where_the_owner_died() -> Result<()> {
    let mut strategy = canary();
    strategy["steps"][1] = json!({ "pause": { "for": "8s" } });
    let (show, first) = Show::open("replicas", strategy, &Version::good("v1")).await?;
    let second = Agent::start(
        show.stage.world,
        AgentOptions {
            identity: format!("{}-second", show.shop.namespace),
            ..show.options()
        },
    )?;
    both_seated(&[&first, &second]).await?;
    let load = show.users(100).await?;
    let mark = show.shop.mark()?;
    let commit = show.push(&Version::good("v2"))?;
    show.share(&load, "v2", 5).await?;
    let changes = show.changes(mark)?;
    let owner = changes
        .last()
        .context("nothing was written")?
        .user_agent
        .clone();
    let (dead, heir) = match owner.contains(&second.options.identity) {
        true => (second, first),
        false => (first, second),
    };
    dead.process.kill();
    let killed = jiff::Timestamp::now();
    // What it had sent is still being written down; the other one has to wait for its Lease.
    let struck = show.shop.settled().await?;
    show.shop.ready_at(&commit).await?;
    show.share(&load, "v2", 100).await?;
    nobody_lost(&load.since(Duration::ZERO))?;
    went_straight(&show, mark, &[10, 50, 100, 0])?;
    let after = show.changes(struck)?;
    let strangers = after.only(|entry| !entry.user_agent.contains(&heir.options.identity));
    ensure!(strangers.is_empty(), "{}", strangers.summary());
    let taken = after
        .first()
        .context("the other one wrote nothing")?
        .received;
    let took = taken.duration_since(killed).as_secs_f64();
    // 12 seconds of silence, and a look at things.
    ensure!(took < 30.0, "took over after {took} s");
    figures::say(format!(
        "the other replica took over {took:.1} s after the kill"
    ));
    show.note("owner of two replicas killed at 10 %", &load, ("v2", mark))
        .await
}

/// Waits until each sees the other.
async fn both_seated(agents: &[&Agent]) -> Result<()> {
    for agent in agents {
        eventually(PATIENCE, || async {
            let text = agent.metrics().await?;
            match text.lines().any(|line| line == "driftless_replicas 2") {
                true => Ok(()),
                false => Err(anyhow!("does not see two replicas")),
            }
        })
        .await?;
    }
    Ok(())
}
