//! Kustomization trees in the style of real ones, as large as one likes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

/// How many objects an app has.
const PER_APP: usize = 5;

/// Files by path. What is rendered is in `overlay`.
#[derive(Default)]
pub(crate) struct Tree(BTreeMap<String, String>);

impl Tree {
    /// Writes it below `root`.
    pub(crate) fn write(&self, root: &Path) -> Result<()> {
        for (path, text) in &self.0 {
            let path = root.join(path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(path, text)?;
        }
        Ok(())
    }

    fn add(&mut self, path: impl Into<String>, text: impl Into<String>) {
        self.0.insert(path.into(), text.into());
    }
}

/// A base of `size` resources, and an overlay with all that overlays have.
pub(crate) fn overlay(size: usize) -> Tree {
    let mut tree = Tree::default();
    let mut resources = String::from("resources:\n");
    for at in 0..size / PER_APP {
        let name = format!("app-{at:04}");
        tree.add(format!("base/{name}.yaml"), app(&name));
        writeln!(resources, "- {name}.yaml").expect("text grows because memory is there");
    }
    tree.add("base/kustomization.yaml", resources);
    tree.add("overlay/kustomization.yaml", OVERLAY);
    tree.add("overlay/limits.yaml", patch("app-0000"));
    tree
}

/// Services with a base and an overlay each, and one overlay over all of them.
pub(crate) fn services(count: usize) -> Tree {
    let mut tree = Tree::default();
    let mut all =
        String::from("namespace: production\ncommonAnnotations: {stage: production}\nresources:\n");
    for at in 0..count {
        let name = format!("service-{at:03}");
        let base = format!("services/{name}/base");
        tree.add(format!("{base}/app.yaml"), app(&name));
        tree.add(
            format!("{base}/kustomization.yaml"),
            "resources: [app.yaml]\n",
        );
        let overlay = format!("services/{name}/production");
        tree.add(format!("{overlay}/limits.yaml"), patch(&name));
        tree.add(
            format!("{overlay}/kustomization.yaml"),
            format!(
                "resources: [../base]\nlabels:\n- pairs: {{service: {name}}}\n  includeSelectors: true\nimages:\n- name: web\n  newName: registry.example.com/{name}\n  newTag: 1.{at}.0\nreplicas:\n- {{name: {name}, count: 3}}\nconfigMapGenerator:\n- name: {name}\n  literals: [STAGE=production, NUMBER={at}]\npatches:\n- path: limits.yaml\n"
            ),
        );
        writeln!(all, "- ../services/{name}/production")
            .expect("text grows because memory is there");
    }
    tree.add("overlay/kustomization.yaml", all);
    tree
}

/// A repo of `count` environments over one base.
pub(crate) fn environments(count: usize) -> Tree {
    let mut tree = Tree::default();
    tree.add("base/app.yaml", app("app"));
    tree.add("base/kustomization.yaml", "resources: [app.yaml]\n");
    for at in 0..count {
        tree.add(environment_file(at), environment(at, "1.0.0"));
    }
    tree
}

/// Where an environment is written.
pub(crate) fn environment_file(at: usize) -> String {
    format!("environments/e{at:04}/kustomization.yaml")
}

/// An environment that runs `tag`.
pub(crate) fn environment(at: usize, tag: &str) -> String {
    format!(
        "namespace: e{at:04}\nresources:\n- ../../base\nimages:\n- name: web\n  newTag: {tag}\nreplicas:\n- name: app\n  count: {}\n",
        1 + at % 7
    )
}

const OVERLAY: &str = include_str!("overlay.yaml");

fn app(name: &str) -> String {
    include_str!("app.yaml").replace("NAME", name)
}

fn patch(name: &str) -> String {
    include_str!("limits.yaml").replace("NAME", name)
}
