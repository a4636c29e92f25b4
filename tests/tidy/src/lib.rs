//! Reads the source of the workspace as text, for the rules in `tests/`.
//!
//! The measures are lexical on purpose: they need no compiler, run in a second and are easy to argue with.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// One Rust file.
#[derive(Debug)]
pub struct Source {
    /// The crate it belongs to: the name of its folder.
    pub krate: String,
    /// Path from the root of the workspace.
    pub path: String,
    /// Its modules from the crate's root: empty for `lib.rs` and `main.rs`.
    pub modules: Vec<String>,
    /// The whole text.
    pub text: String,
    /// The lines outside `#[cfg(test)]` items.
    pub production: Vec<String>,
}

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every file that git tracks or would track, from the root.
pub fn files() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git is there because this is a checkout");
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    text.lines()
        .filter(|path| root().join(path).is_file())
        .map(str::to_owned)
        .collect()
}

/// The Rust files of all crates below `folder`, without generated tables and tests' fixtures.
pub fn sources(folder: &str) -> Vec<Source> {
    let rust = files()
        .into_iter()
        .filter(|path| path.starts_with(folder) && ends(path, "rs") && path.contains("/src/"));
    rust.map(|path| source(&path)).collect()
}

/// Whether the file's name ends with a dot and `ending`.
pub fn ends(path: &str, ending: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|found| found == ending)
}

fn source(path: &str) -> Source {
    let text =
        fs::read_to_string(root().join(path)).expect("the file is there because git lists it");
    let (folder, inside) = path
        .split_once("/src/")
        .expect("the path was chosen for its `/src/`");
    let modules = inside
        .trim_end_matches(".rs")
        .split('/')
        .filter(|name| !["lib", "main"].contains(name))
        .map(str::to_owned)
        .collect();
    Source {
        krate: folder.rsplit('/').next().unwrap_or_default().to_owned(),
        path: path.to_owned(),
        modules,
        production: production(&text),
        text,
    }
}

/// The lines of `text` without items under `#[cfg(test)]`.
fn production(text: &str) -> Vec<String> {
    let mut kept = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            skip_item(&mut lines);
        } else {
            kept.push(line.to_owned());
        }
    }
    kept
}

/// Skips one item: up to the line that closes its first brace, or to a semicolon before any.
fn skip_item<'a>(lines: &mut impl Iterator<Item = &'a str>) {
    let mut depth = 0_i64;
    for line in lines {
        let opened = line.matches('{').count();
        let closed = line.matches('}').count();
        depth += i64::try_from(opened).unwrap_or(0) - i64::try_from(closed).unwrap_or(0);
        if depth <= 0 && (opened > 0 || closed > 0 || line.trim_end().ends_with(';')) {
            return;
        }
    }
}
