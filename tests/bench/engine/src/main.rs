//! How fast and how cheap the whole agent is, measured in one run: `cargo run --release -p bench --bin engine`.
//!
//! One control plane, of which etcd and the API server alone run while something is measured, so that no controller loads
//! the machine; the agent is the release build, as a process, with the rights of `deploy/`. Times are taken from the API server's
//! audit log and from the moment the branch's ref file was written, never from the agent's own word.

use std::{io::Write as _, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use e2e::{PATIENCE, World};
use lab::{Options, Part, eventually};

mod bare;
mod commit;
mod drift;
mod estate;
mod kubectl;
mod load;
mod memory;
mod neighbours;
mod scale;
mod start;
mod table;

use commit::{Site, Trial, Way};
use estate::Shape;
use load::RESOURCES;

/// Objects in the config repo, and how many commits are measured.
const SIZES: [(usize, usize); 3] = [(10, 5), (500, 3), (2_000, 2)];
/// Environments and objects of each. The first three show how cost grows with objects, the others with Environments.
const SHAPES: [(usize, usize); 7] = [
    (1, 10),
    (1, 500),
    (1, 2_000),
    (1, 5_000),
    (10, 5),
    (200, 50),
    (1_000, 5),
];
/// The parts that can be named; all of them where none is.
const PARTS: [&str; 7] = [
    "commits",
    "shapes",
    "memory",
    "neighbours",
    "chain",
    "start",
    "kubectl",
];

/// The agent's role that is put together from others.
const AGGREGATED: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles/driftless-deployer";

/// What was asked for: `engine [--quiet-seconds N] [--shape 200x50]… [--objects 2000]… [PART]…`
struct Wish {
    quiet: Duration,
    shapes: Vec<Shape>,
    /// Sizes of `memory`, where not the usual ones.
    objects: Vec<usize>,
    parts: Vec<String>,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    ensure!(
        !cfg!(debug_assertions) || std::env::var_os("DRIFTLESS_PROGRAM").is_some(),
        "an unoptimised build measures nothing: cargo run --release -p bench --bin engine"
    );
    let wish = Wish::read(std::env::args().skip(1))?;
    say(&machine())?;
    let world = world().await?;
    start::warm_up(world).await?;
    if wish.wants("commits") {
        commits(world).await?;
    }
    if wish.wants("memory") {
        say(&memory::measure(world, &wish.objects).await?.to_string())?;
    }
    if wish.wants("start") {
        say(&start::measure(world).await?.to_string())?;
    }
    if wish.wants("chain") {
        say(&neighbours::chain(world).await?.to_string())?;
    }
    if wish.wants("neighbours") {
        say(&neighbours::failing(world).await?.to_string())?;
    }
    if wish.wants("kubectl") {
        match kubectl::measure(world).await? {
            Some(table) => say(&table.to_string())?,
            None => say("kubectl is not installed; skipped\n")?,
        }
    }
    if wish.wants("shapes") {
        let mut tables = scale::Tables::new();
        for shape in &wish.shapes {
            tables.measure(world, *shape, wish.quiet).await?;
        }
        tables.print()?;
    }
    say(&machine())
}

impl Wish {
    fn read(mut args: impl Iterator<Item = String>) -> Result<Self> {
        let mut wish = Self {
            quiet: Duration::from_mins(1),
            shapes: Vec::new(),
            objects: Vec::new(),
            parts: Vec::new(),
        };
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--quiet-seconds" => {
                    let seconds = args.next().context("--quiet-seconds N")?.parse()?;
                    wish.quiet = Duration::from_secs(seconds);
                }
                "--shape" => {
                    let text = args.next().context("--shape 200x50")?;
                    let (environments, objects) = text.split_once('x').context("--shape 200x50")?;
                    wish.shapes.push(Shape {
                        environments: environments.parse()?,
                        objects: objects.parse()?,
                    });
                }
                "--objects" => {
                    let objects = args.next().context("--objects N")?.parse()?;
                    wish.objects.push(objects);
                }
                part if PARTS.contains(&part) => wish.parts.push(arg),
                other => {
                    bail!("{other:?} is none of {PARTS:?}, --shape, --objects or --quiet-seconds")
                }
            }
        }
        if wish.shapes.is_empty() {
            let shape = |(environments, objects)| Shape {
                environments,
                objects,
            };
            wish.shapes = SHAPES.map(shape).to_vec();
        }
        Ok(wish)
    }

    fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }
}

/// One Environment, all objects changed by every commit.
async fn commits(world: &'static World) -> Result<()> {
    let mut speed = commit::table();
    for (count, commits) in SIZES {
        let loops = bare::measure(world, count, commits).await?;
        for way in [Way::File, Way::Webhook] {
            let mut site = Site::start(world, way, count).await?;
            let trials = site.commits(commits).await?;
            progress(&site, &trials, &loops)?;
            commit::row(&mut speed, &site, &trials, &loops);
        }
    }
    say(&speed.to_string())
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
    note(&format!(
        "{way}, {count} objects: {trials:.1?}; bare loop: {loops:.1?}"
    ))
}

fn note(text: &str) -> Result<()> {
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
