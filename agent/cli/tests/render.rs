//! `render` beside the real kustomize, on the sample and on what is deployed.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::driftless;

fn root() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .canonicalize()
        .unwrap()
}

/// kustomize on the PATH, or where Go installs programs.
fn kustomize() -> Option<PathBuf> {
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([home.join("go/bin")])
        .map(|dir| dir.join("kustomize"))
        .find(|program| program.is_file())
}

#[test]
fn prints_what_kustomize_prints() {
    let Some(kustomize) = kustomize() else {
        println!("skipped: no kustomize on this machine");
        return;
    };
    for path in [
        "overlays/develop",
        "overlays/staging",
        "overlays/master",
        "deploy",
    ] {
        let expected = Command::new(&kustomize)
            .current_dir(root())
            .args(["build", path])
            .output()
            .unwrap();
        let ran = driftless(&root(), &["render", path]);
        assert_eq!(ran.code, 0, "{path}: {}", ran.talk);
        assert!(
            !ran.out.is_empty() && ran.out.as_bytes() == expected.stdout,
            "{path} differs"
        );
    }
}

#[test]
fn names_the_file_and_line_of_every_fault() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("kustomization.yaml"),
        "resources:\n- gone.yaml\nunknown: field\n",
    )
    .unwrap();
    let ran = driftless(dir.path(), &["render"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(
        ran.talk
            .starts_with("error: cannot render the kustomization\n  kustomization.yaml:"),
        "{}",
        ran.talk
    );
    assert!(ran.talk.contains("unknown"), "{}", ran.talk);
}

#[test]
fn prints_json_for_programs() {
    let ran = driftless(&root(), &["render", "overlays/develop", "-o", "json"]);
    let objects: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(objects.as_array().unwrap().len(), 17);
}
