//! Each file in `cases` is an object, a patch and what kustomize 5.8.2 made of them.

use super::*;
use crate::testing;

fn merged(case: &testing::Case) -> Result<String, String> {
    let mut target = testing::read(&case.target).expect("an object");
    let patch = testing::read_as(&case.patch, 1).expect("a patch");
    match merge(&mut target, &patch, &Schema::BUILT_IN).map_err(|error| error.to_string())? {
        Merged::Patched => testing::print(&target),
        Merged::Deleted => Ok(String::new()),
    }
}

#[test]
fn does_what_kustomize_does() {
    let count = testing::check("src/merge/cases", merged);
    assert!(count > 70, "only {count} cases");
}

#[test]
fn keeps_positions() {
    let mut target = testing::read("apiVersion: v1\nkind: ConfigMap\ndata:\n  a: b\n  c: d\n")
        .expect("an object");
    let patch = testing::read_as("data:\n  c: e\n  f: g\n", 1).expect("a patch");
    let merged = merge(&mut target, &patch, &Schema::BUILT_IN).expect("it merges");
    assert_eq!(merged, Merged::Patched);
    let line = |path: &[&str]| {
        target
            .at(path)
            .map(|node| (node.pos.source.0, node.pos.line))
    };
    assert_eq!(line(&["data", "a"]), Some((0, 4)));
    assert_eq!(line(&["data", "c"]), Some((1, 2)));
    assert_eq!(line(&["data", "f"]), Some((1, 3)));
}

#[test]
fn what_a_patch_only_repeats_keeps_its_position() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  finalizers: [x, y]\nspec:\n  containers:\n  - name: a\n";
    let mut target = testing::read(&format!("{pod}    image: one\n")).expect("an object");
    let patch = testing::read_as(&format!("\n{pod}    image: two\n"), 1).expect("a patch");
    let merged = merge(&mut target, &patch, &Schema::BUILT_IN).expect("it merges");
    assert_eq!(merged, Merged::Patched);
    let place = |node: &Node| (node.pos.source.0, node.pos.line);
    let line = |path: &[&str]| target.at(path).map(place);
    assert_eq!(line(&["kind"]), Some((0, 2)));
    assert_eq!(line(&["metadata", "name"]), Some((0, 4)));
    let items = |path: &[&str]| target.at(path).and_then(Node::as_seq).expect("a list");
    let finalizers = items(&["metadata", "finalizers"]);
    assert!(finalizers.iter().all(|item| place(item) == (0, 5)));
    let container = &items(&["spec", "containers"])[0];
    assert_eq!(container.get("name").map(place), Some((0, 8)));
    assert_eq!(container.get("image").map(place), Some((1, 10)));
}

#[test]
fn names_the_field_that_does_not_fit() {
    let pod = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n";
    let mut target = testing::read(&format!("{pod}    env:\n    - name: X\n")).expect("an object");
    let patch = testing::read(&format!("{pod}    env: 3\n")).expect("a patch");
    let error = merge(&mut target, &patch, &Schema::BUILT_IN).expect_err("a list and a scalar");
    assert_eq!(
        error.to_string(),
        "spec.containers.[name=a].env: the patch has a scalar where the target has a list"
    );
    assert_eq!(error.pos.line, 6);
}
