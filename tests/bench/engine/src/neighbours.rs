//! Whether Environments that fail slow the others down, and how long a chain of Environments takes.

use std::time::Duration;

use anyhow::Result;
use e2e::World;
use serde_json::{Value, json};

use crate::{
    estate::{Estate, Shape, name},
    load::Object,
    table::{Table, millis, percentile},
};

/// Environments side by side.
const SHAPE: Shape = Shape {
    environments: 100,
    objects: 5,
};
/// One in so many fails.
const FAILING: usize = 5;
/// Commits in each of the two times.
const ROUNDS: usize = 8;
/// Environments that wait for one another.
const CHAIN: usize = 10;

/// An object that no API server takes.
const INVALID: &str =
    r#"{ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "-Not-A-Name-" } }"#;

/// Commits to all: while all is well, while one in five fails, and while all is well again.
pub(crate) async fn failing(world: &'static World) -> Result<Table> {
    let estate = Estate::start(world, SHAPE, "v0").await?;
    let made = estate.watch(SHAPE.all(), async || {
        estate.environments(|_| json!({})).await
    });
    made.await?;
    let calm = rounds(&estate, "calm").await?;
    // The first object of each takes the place of itself: it was good, and is not any more.
    firsts(&estate, |_| INVALID.to_owned()).await?;
    let failing = rounds(&estate, "failing").await?;
    // An API server gets slower with all that it has been told, so calm is measured on both sides.
    firsts(&estate, |first| format!("{:#}\n", first.body("well"))).await?;
    let mut calm = calm;
    calm.extend(rounds(&estate, "calm-again").await?);
    let ratio = percentile(&failing, 99).as_secs_f64() / percentile(&calm, 99).as_secs_f64();
    let title = "One Environment in five fails: from a commit to all to the last write of each of the good ones";
    let mut table = Table::new(
        title,
        ["while", "environments", "commits", "p50", "p99", "of calm"],
    );
    for (what, times, of) in [
        ("all is well", calm, 1.0),
        ("one in five fails", failing, ratio),
    ] {
        table.row(vec![
            what.to_owned(),
            SHAPE.environments.to_string(),
            ROUNDS.to_string(),
            millis(percentile(&times, 50)),
            millis(percentile(&times, 99)),
            format!("{of:.2}"),
        ]);
    }
    Ok(table)
}

/// Ten Environments of which each waits for the one before.
pub(crate) async fn chain(world: &'static World) -> Result<Table> {
    // One ConfigMap each, which is ready as soon as it is there; no controller makes a Deployment so.
    let shape = Shape {
        environments: CHAIN,
        objects: 1,
    };
    let before = |number: usize| -> Value {
        match number.checked_sub(1) {
            Some(before) => json!({ "dependsOn": [{ "name": name(before) }] }),
            None => json!({}),
        }
    };
    let estate = Estate::start(world, shape, "v0").await?;
    let made = estate.watch(shape.all(), async || estate.environments(before).await);
    let made = made.await?.all()?;
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let value = format!("v{}", round + 1);
        estate.commit(0..CHAIN, &value)?;
        let seen = estate.watch(shape.all(), async || estate.publish());
        times.push(seen.await?.all()?);
    }
    let title = "A chain of ten Environments, each ready at once: from the commit to the last write of the last";
    let mut table = Table::new(
        title,
        ["commits", "create", "change p50", "worst", "per link"],
    );
    let p50 = percentile(&times, 50);
    let links = u32::try_from(CHAIN).unwrap_or(1);
    table.row(vec![
        ROUNDS.to_string(),
        millis(made),
        millis(p50),
        millis(percentile(&times, 100)),
        millis(p50 / links),
    ]);
    Ok(table)
}

/// Gives the first object of those that may fail another content.
async fn firsts(estate: &Estate, text: impl Fn(&Object) -> String) -> Result<()> {
    for number in (0..SHAPE.environments).filter(|number| fails(*number)) {
        let first = estate.objects(number).swap_remove(0);
        estate.write(number, &format!("{}.yaml", first.name), &text(&first))?;
    }
    estate.watch(0, async || estate.publish()).await?;
    Ok(())
}

/// The times of the Environments that never fail.
async fn rounds(estate: &Estate, value: &str) -> Result<Vec<Duration>> {
    let good = || (0..SHAPE.environments).filter(|number| !fails(*number));
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let value = format!("{value}-{round}");
        let objects = good().count() * SHAPE.objects;
        estate.commit(good(), &value)?;
        // The failing ones get the commit too, for an object that is not the invalid one.
        for number in (0..SHAPE.environments).filter(|number| fails(*number)) {
            let last = &estate.objects(number)[SHAPE.objects - 1];
            let text = format!("{:#}\n", last.body(&value));
            estate.write(number, &format!("{}.yaml", last.name), &text)?;
        }
        let seen = estate.watch(objects, async || estate.publish()).await?;
        times.extend(seen.each(good())?);
    }
    Ok(times)
}

const fn fails(number: usize) -> bool {
    number.is_multiple_of(FAILING)
}
