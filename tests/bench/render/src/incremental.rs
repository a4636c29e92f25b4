//! What a commit costs where most environments do not read what it changed.
//!
//! As the agent does it: each render's reads are kept with the fingerprint of what stood there; at a new commit an
//! environment is rendered only if its fingerprint is another.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use render::{Options, TreePath};
use source::{Fingerprint, Limits, Mirror, RepoUrl, Revision, Snapshot};

use crate::{say, tree};

/// How many environments are in the repo.
const ENVIRONMENTS: usize = 1_000;

/// What is kept of a render.
struct Kept {
    path: TreePath,
    reads: BTreeSet<TreePath>,
    fingerprint: Fingerprint,
}

/// Commits one change after the other, and says what each costs.
pub(crate) fn run() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (repo, cache) = (dir.path().join("repo"), dir.path().join("cache"));
    tree::environments(ENVIRONMENTS).write(&repo)?;
    git(&repo, &["init", "-q", "-b", "main"])?;
    let first = commit(&repo)?;
    let url = RepoUrl::parse(&format!("file://{}", repo.display()))?;
    let mirror = Mirror::open(&cache, url, Limits::default())?;
    let began = Instant::now();
    let snapshot = mirror.snapshot(&Revision::parse(&first)?)?;
    let mut kept = (0..ENVIRONMENTS)
        .map(|at| keep(&snapshot, &format!("environments/e{at:04}")))
        .collect::<Result<Vec<_>>>()?;
    say("\n| commit | environments rendered | of | time |\n|---|---|---|---|")?;
    report("the first", ENVIRONMENTS, began.elapsed())?;
    let changes = [
        (
            "one overlay",
            tree::environment_file(417),
            tree::environment(417, "2.0.0"),
            1,
        ),
        (
            "a file that none reads",
            "README.md".to_owned(),
            "Hello.\n".to_owned(),
            0,
        ),
        (
            "the base of all",
            "base/kustomization.yaml".to_owned(),
            "resources: [app.yaml]\nnameSuffix: -x\n".to_owned(),
            ENVIRONMENTS,
        ),
    ];
    for (name, path, text, expected) in changes {
        std::fs::write(repo.join(path), text)?;
        let revision = commit(&repo)?;
        let began = Instant::now();
        let snapshot = mirror.snapshot(&Revision::parse(&revision)?)?;
        let rendered = follow(&snapshot, &mut kept)?;
        report(name, rendered, began.elapsed())?;
        if rendered != expected {
            bail!("{name}: {expected} renders were needed");
        }
    }
    Ok(())
}

/// Renders what has to be rendered, and says how many that were.
fn follow(snapshot: &Snapshot, kept: &mut [Kept]) -> Result<usize> {
    let mut rendered = 0;
    for one in kept {
        if snapshot.fingerprint(&one.reads)? != one.fingerprint {
            *one = keep(snapshot, one.path.as_str())?;
            rendered += 1;
        }
    }
    Ok(rendered)
}

fn keep(snapshot: &Snapshot, path: &str) -> Result<Kept> {
    let path = TreePath::parse(path).context("a path in the repo")?;
    let rendered = render::render(snapshot, &path, &Options::default())?;
    Ok(Kept {
        fingerprint: snapshot.fingerprint(&rendered.reads)?,
        reads: rendered.reads,
        path,
    })
}

fn report(name: &str, rendered: usize, took: Duration) -> Result<()> {
    let took = took.as_secs_f64() * 1_000.0;
    say(&format!(
        "| {name} | {rendered} | {ENVIRONMENTS} | {took:.1} ms |"
    ))
}

fn commit(repo: &Path) -> Result<String> {
    git(repo, &["add", "."])?;
    let author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
    git(
        repo,
        &[&author[..], &["commit", "-q", "-m", "a change"]].concat(),
    )?;
    git(repo, &["rev-parse", "HEAD"])
}

fn git(repo: &Path, args: &[&str]) -> Result<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(repo)
        .args(args)
        .output()?;
    if !output.status.success() {
        bail!(
            "git {}: {}",
            args.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
