//! The program itself: help, completions, exit codes, pipes.

use std::process::Stdio;

use crate::support::{command, driftless};

fn here() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn helps() {
    let ran = driftless(here().path(), &["help"]);
    assert_eq!(ran.code, 0);
    expect_test::expect_file!["help.txt"].assert_eq(&ran.out);
}

#[test]
fn every_command_has_help_in_words() {
    let dir = here();
    for line in driftless(dir.path(), &["help"]).out.lines() {
        let Some(name) = line
            .strip_prefix("  ")
            .and_then(|line| line.split("  ").next())
        else {
            continue;
        };
        if name.starts_with(['-', ' ']) || name.is_empty() || name == "help" {
            continue;
        }
        let ran = driftless(dir.path(), &[name, "--help"]);
        assert_eq!(ran.code, 0, "{name}: {}", ran.talk);
        assert!(ran.out.contains("Usage: driftless"), "{name}");
    }
}

#[test]
fn prints_its_version() {
    let ran = driftless(here().path(), &["version"]);
    assert_eq!(
        ran.out,
        format!(
            "driftless {} (driftless.dev/v1alpha1)\n",
            env!("CARGO_PKG_VERSION")
        )
    );
    let ran = driftless(here().path(), &["version", "-o", "yaml"]);
    assert_eq!(
        ran.out,
        format!(
            "version: {}\napi: driftless.dev/v1alpha1\n",
            env!("CARGO_PKG_VERSION")
        )
    );
}

#[test]
fn completes_in_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = driftless(here().path(), &["completions", shell]);
        assert_eq!(ran.code, 0);
        assert!(
            ran.out.contains("rollback") || ran.out.contains("history"),
            "{shell}"
        );
    }
}

#[test]
fn wrong_arguments_end_with_2() {
    for args in [
        &["nonsense"][..],
        &["image", "set"],
        &["status", "--watch=x"],
        &["sync"],
        &[],
    ] {
        assert_eq!(driftless(here().path(), args).code, 2, "{args:?}");
    }
}

#[test]
fn prints_the_crds_that_are_deployed() {
    let ran = driftless(here().path(), &["schema"]);
    assert_eq!(ran.code, 0);
    let deployed = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/crds/");
    for name in ["environments", "inventories", "releases", "strategies"] {
        let file = std::fs::read_to_string(format!("{deployed}{name}.yaml")).unwrap();
        assert!(ran.out.contains(&file), "{name}");
    }
}

#[test]
fn a_missing_kubeconfig_is_named_once() {
    let ran = driftless(
        here().path(),
        &["status", "--kubeconfig", "/nowhere/config"],
    );
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert_eq!(
        ran.talk.matches("/nowhere/config").count(),
        2,
        "{}",
        ran.talk
    );
    assert!(
        ran.talk
            .starts_with("error: cannot use kubeconfig /nowhere/config\n"),
        "{}",
        ran.talk
    );
    assert!(
        ran.talk.contains("No such file or directory"),
        "{}",
        ran.talk
    );
    assert!(ran.talk.contains("\n\nhint: "), "{}", ran.talk);
}

#[test]
fn an_unreachable_server_is_named() {
    let dir = here();
    let text = "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters:\n- {name: x, cluster: {server: 'http://127.0.0.1:1'}}\ncontexts:\n- {name: x, context: {cluster: x, user: x}}\nusers:\n- {name: x, user: {}}\n";
    std::fs::write(dir.path().join("config"), text).unwrap();
    let ran = driftless(dir.path(), &["status", "--kubeconfig", "config"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.talk
            .starts_with("error: cannot reach the API server at http://127.0.0.1:1\n"),
        "{}",
        ran.talk
    );
}

/// `driftless … | head -0` is no error.
#[test]
fn a_reader_that_leaves_is_no_error() {
    let dir = here();
    let mut child = command(dir.path(), env!("CARGO_BIN_EXE_driftless"))
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn colour_follows_the_flag_and_not_the_pipe() {
    let dir = here();
    std::fs::write(
        dir.path().join("kustomization.yaml"),
        "images:\n- name: a\n",
    )
    .unwrap();
    let set = ["image", "set", "a=1.0.0", "--dir", ".", "--color", "always"];
    assert!(
        driftless(dir.path(), &set)
            .out
            .contains("\x1b[32m+  newTag: 1.0.0")
    );
    let set = ["image", "set", "a=1.0.1", "--dir", "."];
    assert!(!driftless(dir.path(), &set).out.contains('\x1b'));
}
