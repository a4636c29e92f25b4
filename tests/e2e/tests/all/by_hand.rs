//! A person brings revisions out by hand, with the program itself: promotes, skips, pauses, approves, aborts, retries.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use api::v1alpha1::{EnvironmentStatus, Phase, RolloutPhase};
use e2e::{Agent, Shop};
use serde_json::json;

/// A shop whose Deployment goes by pods, and whose steps mostly wait for somebody.
struct Hand {
    shop: Shop,
}

/// What a run of the program gave.
struct Said {
    code: i32,
    out: String,
    talk: String,
}

impl Said {
    fn must(&self, fine: bool, of: &[&str]) -> Result<()> {
        let Self { code, out, talk } = self;
        ensure!(fine, "{of:?} gave {code}: {out}{talk}");
        Ok(())
    }
}

impl Hand {
    /// With the first version there, and an agent.
    async fn open() -> Result<(Self, Agent)> {
        let hand = Self::new().await?;
        let agent = hand.shop.agent()?;
        let first = hand.push("1")?;
        let rules = json!({ "strategies": [{ "strategy": "by-hand" }] });
        hand.shop.environment(rules).await?;
        hand.shop.ready_at(&first).await?;
        Ok((hand, agent))
    }

    async fn new() -> Result<Self> {
        let shop = Shop::new("by-hand").await?;
        let steps = json!([
            { "weight": 10 }, { "pause": {} }, { "weight": 20 }, { "pause": { "for": "1h" } }, { "approve": {} },
            { "weight": 50 }, { "pause": {} },
        ]);
        shop.strategy("by-hand", json!({ "steps": steps })).await?;
        Ok(Self { shop })
    }

    fn push(&self, version: &str) -> Result<String> {
        let labels = json!({ "app": "web" });
        let web = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
            "spec": { "replicas": 4, "selector": { "matchLabels": labels }, "template": {
                "metadata": { "labels": labels },
                "spec": { "containers": [{ "name": "app", "image": format!("registry.example/web:{version}") }] },
            } },
        });
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" },
            "spec": { "selector": labels, "ports": [{ "port": 80 }] },
        });
        let text = format!("{web:#}\n---\n{service:#}\n");
        let files = [
            ("kustomization.yaml", Some("resources: [web.yaml]\n")),
            ("web.yaml", Some(text.as_str())),
        ];
        self.shop.push(&format!("web {version}"), &files)
    }

    /// Runs `driftless rollout`.
    fn say(&self, arguments: &[&str]) -> Result<Said> {
        let output = self.shop.driftless(&[&["rollout"], arguments].concat())?;
        Ok(Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout)?,
            talk: String::from_utf8(output.stderr)?,
        })
    }

    /// Runs it, and it must answer `words`.
    fn hear(&self, arguments: &[&str], words: &str) -> Result<()> {
        let said = self.say(arguments)?;
        said.must(said.code == 0 && said.out.contains(words), arguments)
    }

    /// Waits until it stands at `step`, for the reason that holds `words`.
    async fn at(&self, step: &str, words: &str) -> Result<EnvironmentStatus> {
        let there = |status: &EnvironmentStatus| {
            status.rollout.as_ref().is_some_and(|rollout| {
                rollout.step.as_deref() == Some(step) && rollout.message.contains(words)
            })
        };
        self.shop.status(step, there).await
    }

    /// Runs it, and it must be refused with `words`.
    fn refused(&self, arguments: &[&str], words: &str) -> Result<()> {
        let said = self.say(arguments)?;
        said.must(said.code == 1 && said.talk.contains(words), arguments)
    }

    /// Lines of `driftless rollout shop --watch`, from now on; it ends when the returned child is killed.
    fn watch(&self) -> Result<(std::process::Child, impl Iterator<Item = String> + use<>)> {
        let mut child = self.shop.command(&["rollout", "shop", "--watch"])?;
        let mut child = child.stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().context("no output")?;
        Ok((child, BufReader::new(out).lines().map_while(Result::ok)))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_brings_a_revision_out_step_by_step() -> Result<()> {
    let (hand, _agent) = Hand::open().await?;
    hand.refused(&["promote", "shop"], "no rollout")?;
    let (mut watcher, lines) = hand.watch()?;

    hand.hear(&["status", "shop"], "Settled")?;
    let second = hand.push("2")?;
    hand.shop.driftless(&["sync", "shop"])?;
    hand.at("2/7 pause", "promote").await?;
    hand.hear(&["promote", "shop", "--wait"], "goes on; at step")?;
    hand.at("4/7 pause", "paused until").await?;
    hand.refused(&["promote", "shop", "--step", "2"], "not at step 2")?;
    hand.hear(
        &["skip", "shop", "--wait"],
        "has left the step out; at step 5 of 7 (approval)",
    )?;
    let said = hand.say(&["pause", "shop", "--wait"])?;
    ensure!(said.code == 0, "{}", said.talk);
    hand.hear(&["promote", "shop", "--wait"], "goes on; at step 5 of 7")?;
    hand.hear(
        &["approve", "shop", "--step", "5", "--wait"],
        "the approval counts; at step",
    )?;
    hand.at("7/7 pause", "promote").await?;
    let said = hand.say(&["status", "shop"])?;
    ensure!(
        said.code == 1 && said.out.contains("└─ web-canary-") && said.out.contains("4/4 ready"),
        "{}",
        said.out
    );
    hand.hear(&["promote", "shop", "--wait"], "goes on")?;
    hand.shop.ready_at(&second).await?;
    hand.shop.phase(RolloutPhase::Settled).await?;
    hand.hear(&["status", "shop"], "Promoted")?;

    watcher.kill()?;
    watcher.wait()?;
    let lines: Vec<String> = lines.collect();
    // What lasted shorter than a look takes may be missing: here the wait at step 2, which a program ends at once.
    for words in ["✓ Settled", "step 5 of 7", "… Promoting"] {
        ensure!(
            lines.iter().any(|line| line.contains(words)),
            "no {words} in {lines:#?}"
        );
    }
    on_record(&hand).await
}

/// All that was said is on record with a name.
async fn on_record(hand: &Hand) -> Result<()> {
    let releases = hand.shop.releases().await?;
    let told = releases
        .last()
        .and_then(|release| release.status.as_ref()?.rollout.clone());
    let records = told.context("nothing is told")?.records;
    let by = |word: &str| {
        records
            .iter()
            .filter(|one| one.by.is_some() && one.message == word)
            .count()
    };
    let counts = ["promote", "skip", "pause", "step 5 approved"].map(by);
    ensure!(counts == [3, 1, 1, 1], "{counts:?} in {records:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_stops_a_revision_and_gives_it_a_second_chance() -> Result<()> {
    let (hand, _agent) = Hand::open().await?;
    let first = hand.shop.repo.tip("master")?;
    let second = hand.push("2")?;
    hand.shop.driftless(&["sync", "shop"])?;
    hand.at("2/7 pause", "promote").await?;

    hand.hear(&["abort", "shop", "--wait"], "goes back")?;
    let held = hand.shop.phase(RolloutPhase::Held).await?;
    ensure!(
        held.revision.applied.as_deref() == Some(first.as_str()),
        "{held:?}"
    );
    let said = hand.say(&["shop"])?;
    ensure!(
        said.code == 1 && said.out.contains("because   aborted by "),
        "{}",
        said.out
    );
    let status = hand.shop.driftless(&["status"])?;
    ensure!(
        String::from_utf8(status.stdout)?.contains("✗ Held"),
        "not held"
    );
    hand.refused(&["skip", "shop"], "rollout retry shop")?;

    hand.hear(&["retry", "shop", "--wait"], "tries the revision again")?;
    hand.at("2/7 pause", "promote").await?;
    hand.hear(
        &["promote", "shop", "--full", "--wait"],
        "leaves all steps out",
    )?;
    hand.shop.ready_at(&second).await?;
    hand.shop.phase(RolloutPhase::Settled).await?;

    has_two_releases(&hand, &second).await
}

/// One tells of the rejection, and one of the second chance.
async fn has_two_releases(hand: &Hand, commit: &str) -> Result<()> {
    let releases = hand.shop.releases().await?;
    let tried: Vec<_> = releases
        .iter()
        .filter(|one| one.spec.revision == commit)
        .collect();
    let phases: Vec<_> = tried
        .iter()
        .filter_map(|one| one.status.as_ref()?.phase)
        .collect();
    ensure!(phases == [Phase::Failed, Phase::Healthy], "{phases:?}");
    ensure!(
        tried[1].spec.trigger == "RolloutRetry",
        "{}",
        tried[1].spec.trigger
    );
    let history = hand
        .shop
        .driftless(&["history", "shop", &tried[0].spec.number.to_string()])?;
    let history = String::from_utf8(history.stdout)?;
    for words in ["✗ Rejected", "RolloutAborted: aborted by", "Commanded"] {
        ensure!(history.contains(words), "no {words} in {history}");
    }
    Ok(())
}
