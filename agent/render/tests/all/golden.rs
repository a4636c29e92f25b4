//! Golden cases: a folder per behaviour, each with `in/` and what it renders to.
//!
//! `expected.yaml` is what the real kustomize prints; where the program is at hand, that is checked anew. A
//! case that must be refused has `error.txt` with our own words instead, and kustomize must refuse it too.
//! `warnings.txt` and `origins.txt` (`Kind/name path = file:line`) are looked at where they exist.
//! `UPDATE_GOLDEN=1` writes them all.

use std::{
    env,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use krm::Node;
use render::{DiskTree, Options, RenderError, Rendered, TreePath};

use crate::differential::kustomize;

/// Fewer cases than this means that the folder was not found whole.
const AT_LEAST: usize = 40;

#[test]
fn golden_cases_come_out_as_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let program = kustomize();
    if program.is_none() {
        println!("golden cases are not compared with kustomize: it is not there");
    }
    let cases = cases(&root);
    assert!(cases.len() >= AT_LEAST, "only {} cases", cases.len());
    let mut wrong = String::new();
    for case in &cases {
        if let Err(text) = check(case, program.as_deref()) {
            let name = case.strip_prefix(&root).unwrap_or(case).display();
            writeln!(wrong, "== {name}\n{text}").expect("strings can be written");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn cases(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for behaviour in folders(root) {
        found.extend(folders(&behaviour).filter(|case| case.join("in").is_dir()));
    }
    found.sort();
    found
}

fn folders(dir: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(dir).expect("a folder of cases");
    entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir())
}

/// The layer that is rendered.
fn layer(case: &Path) -> &'static str {
    match case.join("in/overlay").is_dir() {
        true => "overlay",
        false => "",
    }
}

fn check(case: &Path, program: Option<&Path>) -> Result<(), String> {
    let update = env::var_os("UPDATE_GOLDEN").is_some();
    let layer = layer(case);
    let real = program.map(|program| run(program, case, layer));
    let tree = DiskTree::new(case.join("in"));
    let path = TreePath::parse(layer).expect("a path inside");
    let ours = render::render(&tree, &path, &Options::default());
    let must_fail = case
        .parent()
        .is_some_and(|parent| parent.ends_with("refused"));
    match (must_fail, ours) {
        (true, Err(error)) => {
            if let Some(Ok(text)) = real {
                return Err(format!("kustomize renders it:\n{text}"));
            }
            same(case, "error.txt", &with_newline(&error), update)
        }
        (false, Ok(rendered)) => {
            let text = rendered.to_yaml().map_err(|error| error.to_string())?;
            if let Some(real) = real {
                let real = real?;
                if update {
                    fs::write(case.join("expected.yaml"), &real).expect("a file can be written");
                }
            }
            same(case, "expected.yaml", &text, false)?;
            extras(case, &rendered, update)
        }
        (true, Ok(_)) => Err("it should be refused, but is rendered".to_owned()),
        (false, Err(error)) => Err(format!("it is refused: {error}")),
    }
}

fn extras(case: &Path, rendered: &Rendered, update: bool) -> Result<(), String> {
    let mut warnings = rendered.warnings.join("\n");
    if !warnings.is_empty() {
        warnings.push('\n');
        same(case, "warnings.txt", &warnings, update)?;
    }
    if case.join("origins.txt").exists() {
        same(case, "origins.txt", &origins(rendered), update)?;
    }
    Ok(())
}

fn same(case: &Path, name: &str, text: &str, update: bool) -> Result<(), String> {
    let path = case.join(name);
    if update {
        fs::write(&path, text).expect("a file can be written");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    match expected == text {
        true => Ok(()),
        false => Err(format!("{name} says:\n{expected}\nbut it is:\n{text}")),
    }
}

fn with_newline(error: &RenderError) -> String {
    format!("{error}\n")
}

fn run(program: &Path, case: &Path, layer: &str) -> Result<String, String> {
    let output = Command::new(program)
        .args(["build", if layer.is_empty() { "." } else { layer }])
        .current_dir(case.join("in"))
        .output()
        .map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Every scalar of the output and the line that set it.
fn origins(rendered: &Rendered) -> String {
    let mut text = String::new();
    for object in &rendered.objects {
        let name = format!("{}/{}", object.id.kind, object.id.name);
        walk(&object.node, "", &mut |path, node| {
            let file = rendered.source(node.pos.source);
            let file = file.map_or_else(String::new, ToString::to_string);
            writeln!(text, "{name} {path} = {file}:{}", node.pos.line)
                .expect("strings can be written");
        });
    }
    text
}

fn walk(node: &Node, path: &str, see: &mut dyn FnMut(&str, &Node)) {
    let below = |part: &str| match path.is_empty() {
        true => part.to_owned(),
        false => format!("{path}.{part}"),
    };
    if let Some(map) = node.as_map() {
        for entry in map {
            walk(&entry.value, &below(&entry.key), see);
        }
    } else if let Some(items) = node.as_seq() {
        for (at, item) in items.iter().enumerate() {
            walk(item, &below(&at.to_string()), see);
        }
    } else {
        see(path, node);
    }
}
