//! What a render reads and notes, and where it stops.

use render::{MemTree, Options, RenderError, Rendered, TreePath, render};

fn run(tree: &MemTree, dir: &str) -> Result<Rendered, RenderError> {
    let path = TreePath::parse(dir).expect("a path inside");
    render(tree, &path, &Options::default())
}

fn message(tree: &MemTree, dir: &str) -> String {
    run(tree, dir).expect_err("it is refused").to_string()
}

#[test]
fn notes_the_files_it_read_and_those_it_missed() {
    let tree = MemTree::default()
        .with("overlay/kustomization.yaml", "resources: [../base]\n")
        .with("base/kustomization.yml", "resources: [cm.yaml]\n")
        .with(
            "base/cm.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
        )
        .with("base/unused.yaml", "not: read\n");
    let rendered = run(&tree, "overlay").expect("it renders");
    let reads: Vec<&str> = rendered.reads.iter().map(TreePath::as_str).collect();
    let expected = [
        "base/Kustomization",
        "base/cm.yaml",
        "base/kustomization.yaml",
        "base/kustomization.yml",
        "overlay/Kustomization",
        "overlay/kustomization.yaml",
        "overlay/kustomization.yml",
    ];
    assert_eq!(reads, expected);
}

#[test]
fn stops_when_layers_multiply() {
    let mut tree = MemTree::default();
    for level in 0..40 {
        let next = level + 1;
        let text = format!("resources: [../a{next}, ../b{next}]\n");
        tree = tree
            .with(&format!("a{level}/kustomization.yaml"), text.clone())
            .with(&format!("b{level}/kustomization.yaml"), text);
    }
    for last in ["a40", "b40"] {
        tree = tree.with(&format!("{last}/kustomization.yaml"), "resources: []\n");
    }
    let text = message(&tree, "a0");
    assert!(text.contains("more than 20000 kustomizations"), "{text}");
    assert!(text.lines().count() < 100, "one problem is enough: {text}");
}

#[test]
fn stops_when_layers_lie_too_deep() {
    let mut tree = MemTree::default().with("l300/kustomization.yaml", "resources: []\n");
    for level in 0..300 {
        let text = format!("resources: [../l{}]\n", level + 1);
        tree = tree.with(&format!("l{level}/kustomization.yaml"), text);
    }
    let text = message(&tree, "l0");
    assert!(
        text.contains("more than 100 kustomizations inside one another"),
        "{text}"
    );
}

#[test]
fn says_which_line_led_to_a_missing_kustomization() {
    let tree = MemTree::default()
        .with(
            "overlay/kustomization.yaml",
            "namePrefix: a-\nresources:\n- ../base\n",
        )
        .with("base/other.yaml", "x: y\n");
    let text = message(&tree, "overlay");
    assert!(
        text.starts_with("overlay/kustomization.yaml:3: the directory has no kustomization file"),
        "{text}"
    );
}

#[test]
fn never_prints_the_value_of_a_secret() {
    let tree = MemTree::default()
        .with(
            "kustomization.yaml",
            "secretGenerator:\n- name: s\n  literals: [hunter2]\nnamespace: [hunter2]\n",
        )
        .with("x", "");
    let text = message(&tree, "");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn stops_when_a_value_copies_itself_into_itself() {
    let mut text = "resources: [cm.yaml]\nreplacements:\n".to_owned();
    for round in 0..60 {
        let more = format!(
            "- source: {{kind: ConfigMap, name: a, fieldPath: data}}\n  targets:\n  \
             - select: {{kind: ConfigMap, name: a}}\n    fieldPaths: [data.a{round}]\n    \
             options: {{create: true}}\n"
        );
        text.push_str(&more);
    }
    let tree = MemTree::default().with("kustomization.yaml", text).with(
        "cm.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: y}\n",
    );
    let text = message(&tree, "");
    assert!(text.contains("MiB are copied between objects"), "{text}");
}
