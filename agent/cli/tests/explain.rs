//! `explain` on a repo that sets fields in every way there is, with commits of two people and an edit of today.

use std::path::Path;

use expect_test::{ExpectFile, expect_file};

use crate::support::{Ran, command, driftless, git};

/// The files of the first commit, and those of the second.
const FILES: [&[(&str, &str)]; 2] = [
    &[
        (
            "base/kustomization.yaml",
            "resources:\n- apps/web.yaml\n- keys.yaml\n",
        ),
        ("base/apps/web.yaml", include_str!("explain/web.yaml")),
        ("base/keys.yaml", include_str!("explain/keys.yaml")),
    ],
    &[
        (
            "parts/debug/kustomization.yaml",
            include_str!("explain/debug.yaml"),
        ),
        (
            "overlays/develop/kustomization.yaml",
            include_str!("explain/develop.yaml"),
        ),
        (
            "overlays/develop/limits.yaml",
            include_str!("explain/limits.yaml"),
        ),
        ("overlays/develop/web.env", "# Settings.\nA=1\nB=2\n"),
        ("overlays/develop/motd", "hello\nthere\n"),
    ],
];

const OVERLAY: &str = "overlays/develop/kustomization.yaml";

fn write(root: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn edit(root: &Path, from: &str, to: &str) {
    let path = root.join(OVERLAY);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches(from).count(), 1);
    std::fs::write(path, text.replace(from, to)).unwrap();
}

fn commit(root: &Path, author: &str, date: &str, subject: &str) {
    git(root, &["add", "."]);
    let mail = format!("{author} <{author}@example.com>");
    let done = command(root, "git")
        .env("GIT_COMMITTER_DATE", date)
        .args([
            "commit", "-q", "--author", &mail, "--date", date, "-m", subject,
        ])
        .status()
        .unwrap();
    assert!(done.success());
}

/// A clone: the base by Ada, the overlay by Grace, a tag by Ada, and replicas that are in no commit yet.
fn clone() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    git(root, &["init", "-q", "-b", "main"]);
    write(root, FILES[0]);
    commit(root, "Ada", "2026-01-02T03:04:05Z", "the base");
    write(root, FILES[1]);
    commit(root, "Grace", "2026-02-03T23:30:00Z", "the overlay");
    edit(root, "newTag: 2.0.0", "newTag: 2.1.0");
    commit(root, "Ada", "2026-03-04T05:06:07Z", "web 2.1.0");
    edit(root, "count: 3", "count: 5");
    dir
}

fn explain(root: &Path, args: &[&str]) -> Ran {
    let path = ["--path", "overlays/develop"];
    driftless(root, &[&["explain"], args, &path].concat())
}

#[track_caller]
fn check(ran: &Ran, expected: &ExpectFile) {
    assert_eq!((ran.code, ran.talk.as_str()), (0, ""));
    expected.assert_eq(&ran.out);
}

#[test]
fn names_line_layer_and_commit_of_every_field() {
    let dir = clone();
    let of = |object| explain(dir.path(), &[object]);
    check(
        &of("deployment/dev-web"),
        &expect_file!["explain/deployment.txt"],
    );
    check(
        &of("Service/shop/dev-web"),
        &expect_file!["explain/service.txt"],
    );
    check(
        &of("ConfigMap/dev-settings-5t8d46b244"),
        &expect_file!["explain/config_map.txt"],
    );
}

#[test]
fn never_prints_a_secret_not_even_its_copy() {
    let dir = clone();
    let ran = explain(dir.path(), &["Secret/dev-keys"]);
    check(&ran, &expect_file!["explain/secret.txt"]);
    let ran = explain(dir.path(), &["Deployment/dev-web"]);
    assert!(ran.out.contains("annotations.copy"));
    for format in ["text", "json", "yaml"] {
        for object in ["Secret/dev-keys", "Deployment/dev-web"] {
            let ran = explain(dir.path(), &[object, "-o", format]);
            let all = ran.out + &ran.talk;
            assert!(
                !all.contains("aHVudGVyMg") && !all.contains("hunter2"),
                "{all}"
            );
        }
    }
}

#[test]
fn a_field_is_itself_and_all_below() {
    let dir = clone();
    let fields = |field| {
        let ran = explain(dir.path(), &["Deployment/dev-web", field]);
        assert_eq!(ran.code, 0, "{}", ran.talk);
        let lines = ran.out.lines().skip(1);
        let names = lines.map(|line| line.split(' ').next().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let image = ["spec.template.spec.containers[name=web].image"];
    for spelling in [
        image[0],
        ".spec.template.spec.containers[0].image",
        "spec.template.spec.containers.0.image",
        "spec.template.spec.containers[image=registry.example.com/shop/web:2.1.0].image",
    ] {
        assert_eq!(fields(spelling), image, "{spelling}");
    }
    let note = ["metadata.annotations[\"example.com/note\"]"];
    assert_eq!(fields(note[0]), note);
    assert_eq!(fields("metadata.annotations.example.com/note"), note);
    assert_eq!(
        fields("spec.selector"),
        [
            "spec.selector.matchLabels.app",
            "spec.selector.matchLabels.team"
        ]
    );
}

#[test]
fn reads_a_revision_from_anywhere_in_the_clone() {
    let dir = clone();
    let args = ["explain", "Deployment/dev-web", "spec.replicas", "--branch"];
    let at = |place: &str, revision, path| {
        let place = dir.path().join(place);
        driftless(&place, &[&args[..], &[revision, "--path", path]].concat())
    };
    let root = at("", "main", "overlays/develop");
    let expected = expect_file!["explain/revision.txt"];
    check(&root, &expected);
    check(&at("overlays", "HEAD", "develop"), &expected);
    check(
        &at("parts/debug", "main", "../../overlays/develop"),
        &expected,
    );
    let ran = at("", "gone", "overlays/develop");
    assert_eq!(ran.code, 2);
    assert!(ran.talk.contains("git rev-parse"), "{}", ran.talk);
}

#[test]
fn programs_get_the_same() {
    let dir = clone();
    let args = [
        "Deployment/dev-web",
        "spec.template.spec.containers",
        "-o",
        "yaml",
    ];
    check(
        &explain(dir.path(), &args),
        &expect_file!["explain/fields.yaml"],
    );
    let ran = explain(
        dir.path(),
        &["Deployment/dev-web", "spec.replicas", "-o", "json"],
    );
    let answer: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let field = &answer["fields"][0];
    assert_eq!((&field["value"], &field["line"]), (&5.into(), &21.into()));
    assert!(field.get("commit").is_none());
}

#[test]
fn says_when_it_is_no_clone() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), FILES[0]);
    let args = [
        "explain",
        "Deployment/web",
        "spec.replicas",
        "--path",
        "base",
    ];
    let ran = driftless(dir.path(), &args);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (
            0,
            "FIELD          VALUE  SET AT                IN\nspec.replicas  1      base/apps/web.yaml:8  overlay base\n"
        )
    );
    assert_eq!(ran.talk, "note: no commits are told: this is no clone\n");
}

#[test]
fn offers_the_nearest_names() {
    let dir = clone();
    let refused = |args: &[&str]| {
        let ran = explain(dir.path(), args);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""));
        ran.talk
    };
    assert_eq!(
        refused(&["Deployment/web"]),
        "error: overlays/develop has no object Deployment/web\n\nhint: did you mean `Deployment/shop/dev-web`?\n"
    );
    assert_eq!(
        refused(&["Widget/none"]),
        "error: overlays/develop has no object Widget/none\n\nhint: `driftless render overlays/develop` prints its objects\n"
    );
    assert_eq!(
        refused(&["Deployment/dev-web", "spec.replica"]),
        "error: Deployment/shop/dev-web has no field `spec.replica`\n\nhint: did you mean `spec.replicas`?\n"
    );
    assert_eq!(
        refused(&["web"]),
        "error: `web` does not name an object\n\nhint: say KIND/NAME, such as Deployment/web, or KIND/NAMESPACE/NAME\n"
    );
}
