//! Which crate may know which, and what the pure ones must not touch.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use tidy::{Source, root, sources};

use super::none;

/// Crate, and the crates of ours it may import. `lab` is for the demo and for tests.
const EDGES: [(&str, &[&str]); 9] = [
    ("krm", &[]),
    ("render", &["krm"]),
    ("plan", &["krm"]),
    ("rollout", &["krm", "plan"]),
    ("api", &["krm", "rollout"]),
    ("source", &["render"]),
    ("cluster", &["krm", "api"]),
    (
        "daemon",
        &[
            "krm", "render", "plan", "rollout", "api", "source", "cluster",
        ],
    ),
    (
        "cli",
        &[
            "krm", "render", "plan", "rollout", "api", "source", "cluster", "daemon", "lab",
        ],
    ),
];

/// Crates without clock, network, environment, file system, threads or randomness.
const PURE: [&str; 4] = ["krm", "render", "plan", "rollout"];

/// The one file of a pure crate that may read files: the disk as a tree.
const DISK: &str = "agent/render/src/disk.rs";

const IMPURE: [&str; 9] = [
    "std::time::Instant",
    "std::time::SystemTime",
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
];

#[test]
fn crates_import_only_what_lies_below_them() {
    let ours: BTreeSet<_> = EDGES.iter().map(|(name, _)| *name).chain(["lab"]).collect();
    let mut offences = Vec::new();
    for (name, allowed) in EDGES {
        let manifest = fs::read_to_string(root().join(format!("agent/{name}/Cargo.toml"))).unwrap();
        let section = manifest
            .split("\n[dependencies]")
            .nth(1)
            .unwrap_or_default();
        let section = section.split("\n[").next().unwrap_or_default();
        let imports = section
            .lines()
            .filter_map(|line| line.split(['.', ' ', '=']).next());
        let wrong = imports.filter(|import| ours.contains(import) && !allowed.contains(import));
        offences.extend(wrong.map(|import| format!("{name} imports {import}")));
    }
    none("a crate wall is broken; see ARCHITECTURE.md", &offences);
}

#[test]
fn pure_crates_carry_no_runtime_cluster_or_git() {
    let mut offences = Vec::new();
    for name in PURE {
        let tree = Command::new(env!("CARGO"))
            .args([
                "tree",
                "--offline",
                "--locked",
                "-e",
                "normal",
                "--prefix",
                "none",
                "-p",
                name,
            ])
            .current_dir(root())
            .output()
            .unwrap();
        assert!(
            tree.status.success(),
            "{}",
            String::from_utf8_lossy(&tree.stderr)
        );
        let tree = String::from_utf8_lossy(&tree.stdout).into_owned();
        let crates = tree.lines().filter_map(|line| line.split(' ').next());
        let wrong = crates.filter(|c| ["tokio", "kube", "gix", "hyper", "rustls"].contains(c));
        offences.extend(wrong.map(|dependency| format!("{name} depends on {dependency}")));
    }
    none("a pure crate has an impure dependency", &offences);
}

#[test]
fn pure_crates_touch_nothing_outside() {
    let mut offences = Vec::new();
    for source in sources("agent/") {
        if !PURE.contains(&source.krate.as_str()) || source.path == DISK {
            continue;
        }
        for (at, line) in source.production.iter().enumerate() {
            let wrong = IMPURE.iter().filter(|token| line.contains(*token));
            offences.extend(wrong.map(|token| format!("{}:{}: {token}", source.path, at + 1)));
        }
    }
    none(
        "a pure crate touches the world; pass it in as an argument",
        &offences,
    );
}

/// Top-level modules only: a module and its own submodules are one room.
#[test]
fn modules_form_no_cycle() {
    let mut crates: BTreeMap<String, Graph> = BTreeMap::new();
    for source in sources("agent/").iter().chain(&sources("tests/")) {
        let Some(module) = source.modules.first() else {
            continue;
        };
        let graph = crates.entry(source.krate.clone()).or_default();
        graph
            .entry(module.clone())
            .or_default()
            .extend(imports(source));
    }
    let offences: Vec<_> = crates
        .iter()
        .flat_map(|(krate, graph)| graph.keys().map(move |module| (krate, graph, module)))
        .filter_map(|(krate, graph, module)| {
            cycle(graph, module).map(|path| format!("{krate}: {}", path.join(" -> ")))
        })
        .collect();
    none(
        "modules know each other in a circle; draw out what they share",
        &offences,
    );
}

type Graph = BTreeMap<String, BTreeSet<String>>;

/// The other top-level modules that `source` names by `crate::`.
fn imports(source: &Source) -> BTreeSet<String> {
    let code = source
        .production
        .iter()
        .filter(|line| !line.trim_start().starts_with("//"));
    let text = code.map(String::as_str).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for part in text.split("crate::").skip(1) {
        let names: Vec<&str> = match part.strip_prefix('{') {
            Some(group) => top_level(group.split('}').next().unwrap_or_default()),
            None => vec![part],
        };
        for name in names {
            let name: String = name
                .trim()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            found.insert(name);
        }
    }
    found.remove(source.modules.first().map_or("", String::as_str));
    found
}

/// The parts of a `use` group between commas; nested groups add names that are no modules and do no harm.
fn top_level(group: &str) -> Vec<&str> {
    group.split(',').collect()
}

/// A way from `start` back to itself, reported once: from its first module in order.
fn cycle(graph: &Graph, start: &String) -> Option<Vec<String>> {
    let mut paths = vec![vec![start.clone()]];
    let mut seen = BTreeSet::new();
    while let Some(path) = paths.pop() {
        let last = path.last()?;
        for next in graph
            .get(last)
            .into_iter()
            .flatten()
            .filter(|next| graph.contains_key(*next))
        {
            if next == start {
                let mut path = path.clone();
                path.push(next.clone());
                return path.iter().all(|module| module >= start).then_some(path);
            }
            if seen.insert(next.clone()) {
                paths.push([path.as_slice(), std::slice::from_ref(next)].concat());
            }
        }
    }
    None
}
