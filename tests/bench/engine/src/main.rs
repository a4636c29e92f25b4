//! How fast and how cheap the whole agent is, measured in one run: `cargo run --release -p bench --bin engine`.
//!
//! One control plane, of which etcd and the API server alone run while something is measured, so that no controller loads
//! the machine; the agent is the release build, as a process, with the rights of `deploy/`. Times are taken from the API server's
//! audit log and from the moment the branch's ref file was written, never from the agent's own word.

use std::{io::Write as _, time::Duration};

use anyhow::{Result, ensure};
use e2e::{PATIENCE, World};
use lab::{Options, Part, eventually};

mod bare;
mod commit;
mod drift;
mod idle;
mod load;
mod start;
mod table;

use commit::{Site, Trial, Way};
use load::RESOURCES;

/// Objects in the config repo, and how many commits are measured.
const SIZES: [(usize, usize); 3] = [(10, 5), (500, 3), (2_000, 2)];

/// The agent's role that is put together from others.
const AGGREGATED: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles/driftless-deployer";

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    ensure!(
        !cfg!(debug_assertions),
        "an unoptimised build measures nothing: cargo run --release -p bench --bin engine"
    );
    say(&machine())?;
    let world = world().await?;
    let mut speed = commit::table();
    let mut memory = idle::memory_table();
    for (count, commits) in SIZES {
        let loops = bare::measure(world, count, commits).await?;
        for way in [Way::File, Way::Webhook] {
            let mut site = Site::start(world, way, count).await?;
            let trials = site.commits(commits).await?;
            progress(&site, &trials, &loops)?;
            commit::row(&mut speed, &site, &trials, &loops);
            memory.row(idle::memory(&site).await);
            if way == Way::File && count == 500 {
                say(&idle::requests(&site).await?.to_string())?;
                say(&drift::measure(&site).await?.to_string())?;
            }
        }
    }
    say(&speed.to_string())?;
    say(&memory.to_string())?;
    say(&start::measure(world).await?.to_string())?;
    say(&machine())
}

/// A cluster without controllers. The one of the controller manager that puts the agent's rights together has done so.
async fn world() -> Result<&'static World> {
    let options = Options::default()
        .without(Part::Scheduler)
        .without(Part::Kwok)
        .nodes(0);
    let world = World::start(options).await?;
    let api = world.control_plane.api()?;
    eventually(PATIENCE, || async {
        let role = api.get(AGGREGATED).await?;
        let rules = role["rules"].to_string();
        let is_whole = RESOURCES.iter().all(|kind| rules.contains(kind));
        ensure!(is_whole, "the agent's rights are not put together yet");
        Ok(())
    })
    .await?;
    world.control_plane.kill(Part::ControllerManager);
    Ok(world)
}

/// Single times, for those who wait.
fn progress(site: &Site, trials: &[Trial], loops: &[Duration]) -> Result<()> {
    let (way, count) = (site.way.name(), site.objects.len());
    let text = format!("{way}, {count} objects: {trials:.1?}; bare loop: {loops:.1?}");
    writeln!(std::io::stderr(), "{text}")?;
    Ok(())
}

fn say(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}

/// What it ran on, and how busy that was with other things.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<_> = load.split_whitespace().take(3).collect();
    let load = load.join(" ");
    format!("{cores} cores, load average {load}\n")
}
