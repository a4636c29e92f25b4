//! Random trees through this renderer and through the real kustomize: the same bytes, or both fail.
//!
//! `DIFFERENTIAL_TREES` says how many (300 if unset), `DIFFERENTIAL_SEED` where to begin, `KUSTOMIZE` which program.
//! `DIFFERENTIAL_KEEP` names a folder for the trees that differ.
#![expect(
    clippy::format_push_string,
    reason = "a text is put together from pieces; nobody counts these allocations"
)]

mod dice;
mod objects;
mod patches;
mod plugins;
mod pods;
mod schemas;
mod settings;
mod spelling;
mod tree;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicU64, Ordering},
};

use render::{MemTree, Options, TreePath};
use tree::Files;

const TREES: u64 = 300;

#[test]
fn random_trees_come_out_as_from_kustomize() {
    let Some(program) = kustomize() else {
        println!("skipped: no kustomize");
        return;
    };
    let number = |name, default| {
        env::var(name)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (count, first) = (
        number("DIFFERENTIAL_TREES", TREES),
        number("DIFFERENTIAL_SEED", 1),
    );
    println!("{count} trees from seed {first}");
    let next = AtomicU64::new(first);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let mut outcomes = Vec::new();
    std::thread::scope(|scope| {
        let work = || {
            let folder = tempfile::tempdir().expect("a folder for trees");
            let mut outcomes = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= first + count {
                    return outcomes;
                }
                outcomes.push((seed, compare(seed, &program, folder.path())));
            }
        };
        let handles: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        for handle in handles {
            outcomes.extend(handle.join().expect("a worker that ends"));
        }
    });
    report(outcomes);
}

/// How one tree came out.
enum Outcome {
    Same,
    BothFail,
    /// kustomize prints a comment where it cannot read it back, and then gives up on its own text.
    TheirComment,
    Differs(String),
}

fn report(mut outcomes: Vec<(u64, Outcome)>) {
    outcomes.sort_by_key(|(seed, _)| *seed);
    let same = outcomes
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Same))
        .count();
    let fail = outcomes
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::BothFail))
        .count();
    let differ = |(_, outcome): &&(u64, Outcome)| matches!(outcome, Outcome::Differs(_));
    let differ = outcomes.iter().filter(differ).count();
    println!(
        "{same} trees the same, {fail} failed by both, {differ} differ; in {} kustomize trips over a comment",
        outcomes.len() - same - fail - differ
    );
    let mut all = String::new();
    for (seed, outcome) in &outcomes {
        if let Outcome::Differs(text) = outcome {
            all += &format!("=== seed {seed}\n{text}\n");
        }
    }
    assert!(all.is_empty(), "{all}");
    let good_enough = same * 5 > outcomes.len() * 2;
    assert!(
        good_enough || outcomes.len() < 100,
        "too few trees are good ones"
    );
}

fn compare(seed: u64, program: &Path, folder: &Path) -> Outcome {
    let (files, root) = tree::tree(seed);
    let place = folder.join(seed.to_string());
    write(&files, &place);
    let theirs = build(program, &place, root);
    let ours = render_text(&files, root);
    let outcome = match (theirs.status.success(), ours) {
        (true, Ok(ours)) if ours.as_bytes() == theirs.stdout => Outcome::Same,
        (true, Ok(ours)) => {
            Outcome::Differs(difference(&String::from_utf8_lossy(&theirs.stdout), &ours))
        }
        (false, Err(error)) => {
            if env::var_os("DIFFERENTIAL_FAILS").is_some() {
                println!("FAIL {seed} {}", error.replace('\n', " // "));
            }
            Outcome::BothFail
        }
        (true, Err(error)) => Outcome::Differs(format!("only we fail: {error}")),
        (false, Ok(ours)) if trips_over_comment(program, &files, root, &ours) => {
            Outcome::TheirComment
        }
        (false, Ok(_)) => Outcome::Differs(format!(
            "only kustomize fails: {}",
            String::from_utf8_lossy(&theirs.stderr)
        )),
    };
    if let (Outcome::Differs(_), Ok(keep)) = (&outcome, env::var("DIFFERENTIAL_KEEP")) {
        write(&files, &PathBuf::from(keep).join(seed.to_string()));
    }
    fs::remove_dir_all(&place).expect("the tree goes");
    outcome
}

/// go-yaml puts a comment between a key and its list, or into brackets, where it swallows what comes behind it. That the
/// comments are to blame is proved by the same tree without them: kustomize renders it, to what we made of the tree with them.
fn trips_over_comment(program: &Path, files: &Files, root: &str, ours: &str) -> bool {
    let plain: Files = files
        .iter()
        .map(|(path, text)| (path.clone(), spelling::uncommented(text)))
        .collect();
    let folder = tempfile::tempdir().expect("a folder for a tree");
    write(&plain, folder.path());
    let theirs = build(program, folder.path(), root);
    theirs.status.success() && theirs.stdout == spelling::uncommented(ours).as_bytes()
}

fn build(program: &Path, place: &Path, root: &str) -> Output {
    Command::new(program)
        .args(["build", root])
        .current_dir(place)
        .output()
        .expect("kustomize runs")
}

fn render_text(files: &Files, root: &str) -> Result<String, String> {
    let tree = files.iter().fold(MemTree::default(), |tree, (path, text)| {
        tree.with(path, text.as_str())
    });
    let path = TreePath::parse(root).expect("a path in the tree");
    let rendered =
        render::render(&tree, &path, &Options::default()).map_err(|error| error.to_string())?;
    rendered.to_yaml().map_err(|error| error.to_string())
}

/// The lines around the first difference.
fn difference(theirs: &str, ours: &str) -> String {
    let (theirs, ours): (Vec<_>, Vec<_>) = (theirs.lines().collect(), ours.lines().collect());
    let at = theirs.iter().zip(&ours).take_while(|(a, b)| a == b).count();
    let around = |lines: &[&str]| {
        lines[at.saturating_sub(6).min(lines.len())..(at + 6).min(lines.len())].join("\n")
    };
    format!(
        "line {}\n--- kustomize\n{}\n--- ours\n{}",
        at + 1,
        around(&theirs),
        around(&ours)
    )
}

fn write(files: &Files, place: &Path) {
    for (path, text) in files {
        let path = place.join(path);
        fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
}

/// The real program, if it is at hand.
pub(crate) fn kustomize() -> Option<PathBuf> {
    let named = env::var_os("KUSTOMIZE").map(PathBuf::from);
    let installed = env::var_os("HOME").map(|home| Path::new(&home).join("go/bin/kustomize"));
    named.or(installed).filter(|path| path.is_file())
}
