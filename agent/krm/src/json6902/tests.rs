//! Each file in `cases` is an object, a patch and what kustomize 5.8.2 made of them.

use super::*;
use crate::{SourceId, testing, yaml};

fn read_patch(text: &str) -> JsonPatch {
    let documents = yaml::read_settings(text.as_bytes(), SourceId(1), &yaml::Limits::default());
    let document = documents.expect("a patch in YAML").into_iter().next();
    let document = document.unwrap_or_else(|| Node::null(crate::Pos::default()));
    JsonPatch::read(&document).expect("a list of operations")
}

/// What kustomize does with annotations after each patch is the renderer's business, not the patch's.
fn patched(case: &testing::Case) -> Result<String, String> {
    let mut target = testing::read(&case.target).expect("an object");
    let patch = read_patch(&case.patch);
    patch
        .apply(&mut target)
        .map_err(|error| error.to_string())?;
    testing::print(&target)
}

#[test]
fn does_what_kustomize_does() {
    let count = testing::check("src/json6902/cases", patched);
    assert!(count > 50, "only {count} cases");
}

#[test]
fn keeps_positions() {
    let mut target = testing::read("a: 1\nb:\n  c: 2\n").expect("an object");
    let patch = read_patch("- op: add\n  path: /b/d\n  value: 3\n");
    patch.apply(&mut target).expect("it applies");
    let line = |path: &[&str]| {
        target
            .at(path)
            .map(|node| (node.pos.source.0, node.pos.line))
    };
    assert_eq!(line(&["b", "c"]), Some((0, 3)));
    assert_eq!(line(&["b", "d"]), Some((1, 3)));
}

#[test]
fn stops_copies_of_copies() {
    let mut target = testing::read("a: [x, x, x, x]\n").expect("an object");
    let double = "- {op: copy, from: /a, path: /a/-}\n";
    let error = read_patch(&double.repeat(40))
        .apply(&mut target)
        .expect_err("a bomb");
    assert_eq!(error.problem, PatchProblem::TooMuch);
    assert!(weight(&target) < 2 * MAX_COPIED);
}

#[test]
fn names_the_operation_that_fails() {
    let mut target = testing::read("a: 1\n").expect("an object");
    let patch = read_patch("- {op: add, path: /b, value: 1}\n- {op: remove, path: /c}\n");
    let error = patch.apply(&mut target).expect_err("no c");
    assert_eq!(
        error.to_string(),
        "operation 2 (remove /c): there is no `c`"
    );
    assert_eq!(error.pos.line, 2);
}
