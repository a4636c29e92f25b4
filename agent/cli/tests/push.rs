//! `image set` with git: what is committed and pushed, and what happens when others push, too.

use std::path::{Path, PathBuf};

use crate::support::{driftless, git};

const BEFORE: &str = "# tags\nimages:\n- name: a\n  newTag: 1.0.0\n- name: b\n  newTag: 1.0.0\n";

/// A bare repository with one branch and one overlay, beside an empty home.
struct Bed {
    dir: tempfile::TempDir,
}

impl Bed {
    fn new() -> Self {
        let bed = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        git(
            bed.path(),
            &[
                "init",
                "--quiet",
                "--bare",
                "--initial-branch=main",
                "config.git",
            ],
        );
        let work = bed.clone("seed");
        git(&work, &["checkout", "--quiet", "-b", "develop"]);
        Self::commit(&work, "overlays/develop/kustomization.yaml", BEFORE);
        bed
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn url(&self) -> String {
        format!("file://{}", self.path().join("config.git").display())
    }

    fn clone(&self, name: &str) -> PathBuf {
        git(self.path(), &["clone", "--quiet", &self.url(), name]);
        self.path().join(name)
    }

    fn commit(work: &Path, file: &str, text: &str) {
        let path = work.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        git(work, &["add", "."]);
        git(work, &["commit", "--quiet", "-m", "edit"]);
        git(work, &["push", "--quiet", "origin", "HEAD:develop"]);
    }

    fn bare(&self, args: &[&str]) -> String {
        git(&self.path().join("config.git"), args)
    }

    fn text(&self) -> String {
        self.bare(&["show", "develop:overlays/develop/kustomization.yaml"]) + "\n"
    }
}

#[test]
fn commits_one_file_and_pushes() {
    let bed = Bed::new();
    let tip = bed.bare(&["rev-parse", "develop"]);
    let url = bed.url();
    let args = [
        "image", "set", "a=1.1.0", "--repo", &url, "--branch", "develop", "-o", "json",
    ];
    let ran = driftless(bed.path(), &args);
    assert_eq!(ran.code, 0, "{}", ran.talk);
    assert_eq!(bed.text(), BEFORE.replacen("1.0.0", "1.1.0", 1));
    assert_eq!(bed.bare(&["rev-parse", "develop^"]), tip);
    assert_eq!(
        bed.bare(&["show", "--format=%an %ae: %s", "--name-only", "develop"]),
        "Ada ada@example.com: overlays/develop: set a=1.1.0\n\noverlays/develop/kustomization.yaml"
    );
    let new = bed.bare(&["rev-parse", "develop"]);
    assert!(
        ran.out.contains(&format!("\"commit\": \"{new}\"")),
        "{}",
        ran.out
    );
    assert_eq!(bed.bare(&["fsck", "--strict"]), "");
}

#[test]
fn a_tag_that_is_set_already_makes_no_commit() {
    let bed = Bed::new();
    let tip = bed.bare(&["rev-parse", "develop"]);
    let args = [
        "image",
        "set",
        "a=1.0.0",
        "--repo",
        &bed.url(),
        "--branch",
        "develop",
    ];
    let ran = driftless(bed.path(), &args);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    assert_eq!(ran.talk, "develop: already set, nothing to do\n");
    assert_eq!(bed.bare(&["rev-parse", "develop"]), tip);
}

#[test]
fn uses_a_clone_and_leaves_its_files_alone() {
    let bed = Bed::new();
    let work = bed.clone("work");
    git(&work, &["checkout", "--quiet", "develop"]);
    std::fs::write(
        work.join("overlays/develop/kustomization.yaml"),
        "unsaved: work\n",
    )
    .unwrap();
    let args = [
        "image",
        "set",
        "a=1.1.0",
        "-b",
        "develop",
        "--author",
        "CI <ci@example.com>",
        "-m",
        "ship it",
    ];
    let ran = driftless(&work, &args);
    assert_eq!(ran.code, 0, "{}", ran.talk);
    assert_eq!(
        bed.bare(&["log", "-1", "--format=%cn %ce: %s", "develop"]),
        "CI ci@example.com: ship it"
    );
    let kept = std::fs::read_to_string(work.join("overlays/develop/kustomization.yaml")).unwrap();
    assert_eq!(kept, "unsaved: work\n");
    assert_eq!(
        git(&work, &["status", "--short"]),
        " M overlays/develop/kustomization.yaml"
    );
}

#[test]
fn no_push_pushes_nothing() {
    let bed = Bed::new();
    let tip = bed.bare(&["rev-parse", "develop"]);
    let work = bed.clone("work");
    let ran = driftless(
        &work,
        &["image", "set", "a=1.1.0", "-b", "develop", "--no-push"],
    );
    assert_eq!(ran.code, 0, "{}", ran.talk);
    assert!(ran.out.contains("+  newTag: 1.1.0"));
    assert_eq!(bed.bare(&["rev-parse", "develop"]), tip);
    // The commit is there to be pushed, as the message says.
    let id = ran
        .talk
        .split("git push origin ")
        .nth(1)
        .unwrap()
        .split(':')
        .next()
        .unwrap();
    git(
        &work,
        &[
            "push",
            "--quiet",
            "origin",
            &format!("{id}:refs/heads/develop"),
        ],
    );
    assert!(bed.text().contains("newTag: 1.1.0"));
}

/// Both push at once again and again: every edit has to arrive, whoever is first.
#[test]
fn two_who_race_both_arrive() {
    let bed = Bed::new();
    let race = |image: &'static str, repo: bool| {
        let (path, url) = (bed.path().to_owned(), bed.url());
        let work = (!repo).then(|| bed.clone(image));
        std::thread::spawn(move || {
            for round in 0..6 {
                let set = format!("{image}=1.0.{round}x");
                let ran = match &work {
                    Some(work) => driftless(work, &["image", "set", &set, "-b", "develop"]),
                    None => driftless(
                        &path,
                        &["image", "set", &set, "-b", "develop", "--repo", &url],
                    ),
                };
                assert_eq!(ran.code, 0, "{}", ran.talk);
            }
        })
    };
    let racers = [race("a", true), race("b", false)];
    for racer in racers {
        racer.join().unwrap();
    }
    assert_eq!(bed.bare(&["rev-list", "--count", "develop"]), "13");
    assert_eq!(bed.text(), BEFORE.replace("1.0.0", "1.0.5x"));
    assert_eq!(bed.bare(&["log", "--merges", "--oneline", "develop"]), "");
}

/// A hook lets somebody else's commit in just before the first push is looked at.
#[test]
fn a_branch_that_moves_under_the_push_is_met_again() {
    let bed = Bed::new();
    let other = bed.clone("other");
    git(&other, &["checkout", "--quiet", "develop"]);
    std::fs::write(
        other.join("overlays/develop/kustomization.yaml"),
        BEFORE.replace("name: b", "name: c"),
    )
    .unwrap();
    git(&other, &["commit", "--quiet", "-am", "theirs"]);
    git(
        &other,
        &["push", "--quiet", "origin", "HEAD:refs/theirs/one"],
    );
    let hook = bed.path().join("config.git/hooks/pre-receive");
    let script = "#!/bin/sh\nunset GIT_QUARANTINE_PATH\nif [ ! -e once ]; then touch once; git update-ref refs/heads/develop refs/theirs/one; fi\n";
    std::fs::write(&hook, script).unwrap();
    executable(&hook);
    let args = [
        "image",
        "set",
        "a=2.0.0",
        "-b",
        "develop",
        "--repo",
        &bed.url(),
        "-o",
        "json",
    ];
    let ran = driftless(bed.path(), &args);
    assert_eq!(ran.code, 0, "{}", ran.talk);
    assert!(ran.out.contains("\"attempts\": 2"), "{}", ran.out);
    let both = BEFORE
        .replace("name: b", "name: c")
        .replacen("1.0.0", "2.0.0", 1);
    assert_eq!(bed.text(), both);
}

#[test]
fn a_refusing_server_is_quoted() {
    let bed = Bed::new();
    let hook = bed.path().join("config.git/hooks/pre-receive");
    std::fs::write(&hook, "#!/bin/sh\necho develop is protected\nexit 1\n").unwrap();
    executable(&hook);
    let ran = driftless(
        bed.path(),
        &[
            "image",
            "set",
            "a=2.0.0",
            "-b",
            "develop",
            "--repo",
            &bed.url(),
        ],
    );
    assert_eq!(ran.code, 1);
    assert!(ran.talk.contains("develop is protected"), "{}", ran.talk);
    assert!(ran.talk.contains("hint: "), "{}", ran.talk);
}

#[test]
fn what_is_missing_is_named() {
    let bed = Bed::new();
    let url = bed.url();
    let says = |args: &[&str]| {
        let ran = driftless(bed.path(), &[&["image", "set", "a=2"], args].concat());
        assert_eq!((ran.code, ran.out.as_str()), (2, ""));
        ran.talk
    };
    let text = says(&["--repo", &url, "-b", "gone"]);
    assert!(
        text.contains("the config repo has no branch `gone`"),
        "{text}"
    );
    let text = says(&["--repo", &url, "-b", "bad..name"]);
    assert!(
        text.contains("`bad..name` is not a name for a branch"),
        "{text}"
    );
    let text = says(&["--repo", &url, "-b", "develop", "--path", "overlays/x"]);
    assert!(
        text.contains("no kustomization.yaml in `overlays/x` on branch `develop`"),
        "{text}"
    );
    let text = says(&["--repo", &url, "-b", "develop", "--path", "../x"]);
    assert!(
        text.contains("`../x` is not a path inside the repo"),
        "{text}"
    );
    let text = says(&["-b", "develop"]);
    assert!(
        text.contains("`.` is not a clone with a remote `origin`"),
        "{text}"
    );
    let text = says(&[
        "--repo",
        "https://user:s3cret@127.0.0.1:1/x.git",
        "-b",
        "develop",
    ]);
    assert!(
        text.contains("127.0.0.1") && !text.contains("s3cret"),
        "{text}"
    );
}

fn executable(file: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}
