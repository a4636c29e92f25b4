//! Thousands of scalars through transformers, generators and patches, here and in the real kustomize.
//!
//! Some hundred share a tree, so that the other program need not start for each. What is refused here is tried there
//! one by one. `SCALARS` says how many for each place (300 if unset), `SCALARS_SEED` where to begin.

// The same scalars that the reader of YAML is tried with.
#[path = "../../../krm/tests/all/generate.rs"]
mod generate;

use std::{collections::BTreeMap, env, fs, path::Path, process::Command};

use generate::Random;
use render::{MemTree, Options, TreePath};

use crate::differential::kustomize;

/// For each place.
const SCALARS: usize = 300;
const SEED: usize = 20_261_121;
/// In one tree.
const TOGETHER: usize = 200;
/// For each place, of those refused here: each is a run of its own.
const REFUSED: usize = 12;

type Files = BTreeMap<&'static str, String>;

/// Somewhere a scalar can be written.
struct Place {
    name: &'static str,
    /// How deep the further lines of a scalar are indented.
    indent: usize,
    /// A tree with these scalars.
    tree: fn(&[&str]) -> Files,
}

const PLACES: &[Place] = &[
    Place {
        name: "labels",
        indent: 6,
        tree: |all| {
            overlay(
                all.len(),
                &format!(
                    "labels:\n- includeSelectors: true\n  pairs:\n{}",
                    each(all, |at, text| format!("    k{at}: {text}\n"))
                ),
            )
        },
    },
    Place {
        name: "commonAnnotations",
        indent: 4,
        tree: |all| {
            overlay(
                all.len(),
                &format!(
                    "commonAnnotations:\n{}",
                    each(all, |at, text| format!("  k{at}: {text}\n"))
                ),
            )
        },
    },
    Place {
        name: "newTag",
        indent: 4,
        tree: |all| {
            overlay(
                all.len(),
                &format!(
                    "images:\n{}",
                    each(all, |at, text| format!(
                        "- name: img{at}\n  newTag: {text}\n"
                    ))
                ),
            )
        },
    },
    Place {
        name: "newName and digest",
        indent: 4,
        tree: |all| {
            overlay(
                all.len(),
                &format!(
                    "images:\n{}",
                    each(all, |at, text| match at % 2 {
                        0 => format!("- name: img{at}\n  newName: {text}\n"),
                        _ => format!("- name: img{at}\n  digest: {text}\n"),
                    })
                ),
            )
        },
    },
    Place {
        name: "literals",
        indent: 4,
        tree: |all| {
            overlay(
                all.len(),
                &format!(
                    "configMapGenerator:\n- name: made\n  literals:\n{}",
                    each(all, |at, text| format!("  - k{at}={text}\n"))
                ),
            )
        },
    },
    Place {
        name: "env file",
        indent: 0,
        tree: |all| {
            let mut files = overlay(
                all.len(),
                "secretGenerator:\n- name: made\n  envs: [made.env]\n",
            );
            files.insert(
                "made.env",
                each(all, |at, text| {
                    format!("k{at}={}\n", text.lines().next().unwrap_or_default())
                }),
            );
            files
        },
    },
    Place {
        name: "strategic merge patch",
        indent: 4,
        tree: |all| {
            let mut files = overlay(all.len(), "patches:\n- path: patch.yaml\n");
            let head = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: map\ndata:\n";
            files.insert(
                "patch.yaml",
                head.to_owned() + &each(all, |at, text| format!("  k{at}: {text}\n")),
            );
            files
        },
    },
    Place {
        name: "annotations of a patch with a target",
        indent: 6,
        tree: |all| {
            let mut files = overlay(
                all.len(),
                "patches:\n- path: patch.yaml\n  target: {kind: ConfigMap}\n",
            );
            let head = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: map\n  annotations:\n";
            files.insert(
                "patch.yaml",
                head.to_owned() + &each(all, |at, text| format!("    k{at}: {text}\n")),
            );
            files
        },
    },
    Place {
        name: "JSON patch",
        indent: 4,
        tree: |all| {
            let mut files = overlay(
                all.len(),
                "patches:\n- path: patch.yaml\n  target: {kind: ConfigMap}\n",
            );
            files.insert(
                "patch.yaml",
                each(all, |at, text| {
                    format!("- op: add\n  path: /data/k{at}\n  value: {text}\n")
                }),
            );
            files
        },
    },
    Place {
        name: "data that a generator merges into",
        indent: 4,
        tree: |all| {
            let settings =
                "configMapGenerator:\n- name: mine\n  behavior: merge\n  literals: [last=1]\n";
            overlay_with(settings, mine(all))
        },
    },
    Place {
        name: "data in a list of objects",
        indent: 8,
        tree: |all| {
            let settings = "patches:\n- target: {kind: ConfigMap, name: mine}\n  patch: |-\n    - {op: add, path: /data/last, value: x}\n";
            let items = each(all, |at, text| format!("    k{at}: {text}\n"));
            let head = "apiVersion: v1\nkind: ConfigMapList\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: mine\n  data:\n";
            overlay_with(settings, head.to_owned() + &items)
        },
    },
    Place {
        name: "sources of replacements",
        indent: 4,
        tree: |all| {
            let entries = each(all, |at, _| {
                format!(
                    "- source: {{kind: ConfigMap, name: mine, fieldPath: data.k{at}}}\n  targets:\n  - select: {{kind: ConfigMap, name: map}}\n    fieldPaths: [data.k{at}]\n    options: {{create: true}}\n"
                )
            });
            overlay_with(&format!("replacements:\n{entries}"), mine(all))
        },
    },
];

#[test]
fn scalars_come_out_as_from_kustomize() {
    let Some(program) = kustomize() else {
        println!("skipped: no kustomize");
        return;
    };
    let number = |name, default| {
        let text = env::var(name).ok();
        text.and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (count, seed) = (number("SCALARS", SCALARS), number("SCALARS_SEED", SEED));
    println!(
        "{count} scalars for each of {} places from seed {seed}",
        PLACES.len()
    );
    let mut faults = Vec::new();
    for (number, place) in PLACES.iter().enumerate() {
        let mut random = Random::new((seed + number) as u64);
        // go-yaml looks for a byte order mark at the start of its buffer, wherever it is reading: what it makes of one
        // inside a text depends on how much text comes before.
        let scalars = std::iter::repeat_with(|| random.scalar(place.indent));
        let scalars = scalars.filter(|scalar| !scalar.contains('\u{feff}'));
        let scalars: Vec<String> = scalars.take(count).collect();
        let scalars: Vec<&str> = scalars.iter().map(String::as_str).collect();
        try_all(&program, place, &scalars, &mut faults);
    }
    assert!(
        faults.is_empty(),
        "{} faults\n{}",
        faults.len(),
        faults.join("\n")
    );
}

fn try_all(program: &Path, place: &Place, scalars: &[&str], faults: &mut Vec<String>) {
    let (fine, refused): (Vec<&str>, Vec<&str>) = scalars
        .iter()
        .partition(|scalar| ours(&(place.tree)(&[scalar])).is_ok());
    let name = place.name;
    println!("{name}: {} printed, {} refused", fine.len(), refused.len());
    for some in fine.chunks(TOGETHER) {
        compare(program, place, some, faults);
    }
    for scalar in refused.iter().take(REFUSED) {
        let files = (place.tree)(&[scalar]);
        let text = ours(&files).expect_err("sorted out as refused");
        // Refused by name where kustomize would lose something, or look away from a tag.
        let by_name = ["would be ignored", "gets lost", "does not match its tag"];
        let by_name = by_name.iter().any(|reason| text.contains(reason));
        if let (Ok(theirs), false) = (theirs(program, &files), by_name) {
            faults.push(format!(
                "{name}: {scalar:?} refused: {text}\nkustomize:\n{theirs}"
            ));
        }
    }
    assert!(
        fine.len() > scalars.len() / 5,
        "{name}: too few are printed"
    );
}

/// The same bytes for all of them together; if not, each half, down to the one that differs.
fn compare(program: &Path, place: &Place, scalars: &[&str], faults: &mut Vec<String>) {
    let files = (place.tree)(scalars);
    let ours = ours(&files);
    let theirs = theirs(program, &files);
    if ours == theirs || ours.is_err() && theirs.is_err() {
        return;
    }
    if scalars.len() > 1 && faults.len() < 20 {
        let before = faults.len();
        let (a, b) = scalars.split_at(scalars.len() / 2);
        compare(program, place, a, faults);
        compare(program, place, b, faults);
        if faults.len() > before {
            return;
        }
    }
    let lines = |result: &Result<String, String>| -> Vec<String> {
        let text = result.as_ref().unwrap_or_else(|error| error);
        text.lines().map(str::to_owned).collect()
    };
    let (ours, theirs) = (lines(&ours), lines(&theirs));
    let at = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
    let from = |lines: &[String]| {
        lines[at.min(lines.len())..]
            .iter()
            .take(6)
            .cloned()
            .collect::<Vec<_>>()
            .join("\n")
    };
    let name = place.name;
    faults.push(format!(
        "{name}: {scalars:?}\n--- ours\n{}\n--- kustomize\n{}",
        from(&ours),
        from(&theirs)
    ));
}

fn ours(files: &Files) -> Result<String, String> {
    let tree = files.iter().fold(MemTree::default(), |tree, (path, text)| {
        tree.with(path, text.as_str())
    });
    let rendered = render::render(&tree, &TreePath::default(), &Options::default())
        .map_err(|error| error.to_string())?;
    rendered.to_yaml().map_err(|error| error.to_string())
}

fn theirs(program: &Path, files: &Files) -> Result<String, String> {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in files {
        fs::write(folder.path().join(path), text).expect("a file");
    }
    let output = Command::new(program)
        .arg("build")
        .arg(folder.path())
        .output()
        .expect("kustomize runs");
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Objects that labels, annotations, images and data go into.
fn overlay(count: usize, settings: &str) -> Files {
    let containers: String = (0..count)
        .map(|at| format!("      - {{name: c{at}, image: \"img{at}:1\"}}\n"))
        .collect();
    let base = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: map\ndata:\n  k0: word\n  k1: \"1\"\n  k2: 'true'\n---\n\
         apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  selector:\n    matchLabels: {{app: web}}\n  \
         template:\n    metadata:\n      labels: {{app: web}}\n    spec:\n      containers:\n{containers}"
    );
    Files::from([
        (
            "kustomization.yaml",
            format!("resources: [base.yaml]\n{settings}"),
        ),
        ("base.yaml", base),
    ])
}

/// The same with one more file of objects.
fn overlay_with(settings: &str, objects: String) -> Files {
    let mut files = overlay(1, "");
    let text = format!("resources: [base.yaml, mine.yaml]\n{settings}");
    files.insert("kustomization.yaml", text);
    files.insert("mine.yaml", objects);
    files
}

/// A `ConfigMap` of its own with the scalars as data.
fn mine(all: &[&str]) -> String {
    let head = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: mine\ndata:\n";
    head.to_owned() + &each(all, |at, text| format!("  k{at}: {text}\n"))
}

fn each(all: &[&str], line: impl Fn(usize, &str) -> String) -> String {
    all.iter()
        .enumerate()
        .map(|(at, text)| line(at, text))
        .collect()
}
