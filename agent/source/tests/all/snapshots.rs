//! What a render may read of a commit, and what it may not.

use std::collections::BTreeSet;

use crate::repository::{Followed, Repository};
use render::tree::{EntryKind, FileTree, TreeError, TreePath};
use source::{Limits, Revision, Snapshot};

fn path(text: &str) -> TreePath {
    TreePath::parse(text).unwrap()
}

fn snapshot(repository: &Repository, revision: Revision) -> Snapshot {
    Followed::new(repository.url())
        .mirror
        .snapshot(&revision)
        .unwrap()
}

#[test]
fn tells_files_directories_and_nothing_apart() {
    let (repository, revision) = Repository::with(&[("a.yaml", "one"), ("base/b.yaml", "b")]);
    let snapshot = snapshot(&repository, revision);
    assert_eq!(snapshot.entry(&path("")), Ok(Some(EntryKind::Directory)));
    assert_eq!(
        snapshot.entry(&path("base")),
        Ok(Some(EntryKind::Directory))
    );
    assert_eq!(
        snapshot.entry(&path("base/b.yaml")),
        Ok(Some(EntryKind::File))
    );
    assert_eq!(snapshot.entry(&path("base/c.yaml")), Ok(None));
    assert_eq!(snapshot.entry(&path("a.yaml/b")), Ok(None));
    assert_eq!(
        snapshot.read(&path("c")),
        Err(TreeError::Missing(path("c")))
    );
    assert_eq!(
        snapshot.read(&path("base")),
        Err(TreeError::Directory(path("base")))
    );
    assert_eq!(snapshot.revision(), &revision);
}

#[test]
fn the_fingerprint_follows_only_what_was_read() {
    let files = [("a.yaml", "one"), ("base/b.yaml", "b"), ("other", "x")];
    let (repository, first) = Repository::with(&files);
    let before = snapshot(&repository, first);
    before.read(&path("a.yaml")).unwrap();
    before.entry(&path("base")).unwrap();
    before.entry(&path("absent")).unwrap();
    let reads = before.reads();
    let names = ["a.yaml", "absent", "base"];
    assert_eq!(reads, names.into_iter().map(path).collect::<BTreeSet<_>>());
    let print = before.fingerprint(&reads).unwrap();

    let same = [
        ("a.yaml", "one"),
        ("base/b.yaml", "changed"),
        ("other", "y"),
        ("new", ""),
    ];
    let same = repository.commit("master", Some(first), &same);
    assert_eq!(snapshot(&repository, same).fingerprint(&reads), Ok(print));
    let changes: [&[(&str, &str)]; 3] = [
        &[("a.yaml", "two"), ("base/b.yaml", "b")],
        &[("a.yaml", "one"), ("base/b.yaml", "b"), ("absent", "")],
        &[("a.yaml", "one"), ("base", "a file now")],
    ];
    for files in changes {
        let other = repository.commit("master", Some(first), files);
        assert_ne!(
            snapshot(&repository, other).fingerprint(&reads),
            Ok(print),
            "{files:?}"
        );
    }
}

#[test]
fn ids_are_those_of_git() {
    let (repository, revision) = Repository::with(&[("base/b.yaml", "b")]);
    let snapshot = snapshot(&repository, revision);
    for name in ["base/b.yaml", "base"] {
        let id = repository.git(&["rev-parse", &format!("{revision}:{name}")], "");
        assert_eq!(
            snapshot.id_of(&path(name)).unwrap().unwrap().to_string(),
            id
        );
    }
    assert_eq!(snapshot.id_of(&path("nothing")), Ok(None));
}

#[test]
fn links_and_submodules_are_never_followed() {
    let repository = Repository::empty();
    let target = repository.blob("/etc/passwd");
    let file = repository.blob("x");
    let commit = "1".repeat(40);
    let inner = repository.tree(&[format!("100644 blob {file}\tx")]);
    let tree = repository.tree(&[
        format!("120000 blob {target}\tlink"),
        format!("160000 commit {commit}\tmodule"),
        format!("040000 tree {inner}\tdirectory"),
        format!("100755 blob {file}\tscript"),
    ]);
    let revision = repository.commit_tree("master", None, &tree);
    let snapshot = snapshot(&repository, revision);
    for (name, kind) in [("link", "symbolic link"), ("module", "submodule")] {
        let refused = || TreeError::Refused(path(name), kind);
        assert_eq!(snapshot.entry(&path(name)), Err(refused()));
        assert_eq!(snapshot.read(&path(name)), Err(refused()));
        // A path through one is refused where it leaves the tree.
        assert_eq!(snapshot.read(&path(&format!("{name}/x"))), Err(refused()));
    }
    assert_eq!(snapshot.read(&path("script")).unwrap().as_ref(), b"x");
}

#[test]
fn hostile_names_cannot_be_reached_and_harm_nobody() {
    let repository = Repository::empty();
    let file = repository.blob("x");
    let raw = |names: &[&[u8]]| {
        let mut bytes = Vec::new();
        for name in names {
            bytes.extend_from_slice(b"100644 ");
            bytes.extend_from_slice(name);
            bytes.push(0);
            for at in (0..40).step_by(2) {
                bytes.push(u8::from_str_radix(&file[at..at + 2], 16).unwrap());
            }
        }
        let arguments = ["hash-object", "-w", "-t", "tree", "--literally", "--stdin"];
        repository.git_bytes(&arguments, &bytes)
    };
    let tree = raw(&[
        b"..", b".git", b"A", b"a", b"a/b", b"caf\xe9", b"good", b"twin", b"twin",
    ]);
    let revision = repository.commit_tree("master", None, &tree);
    let snapshot = snapshot(&repository, revision);
    assert_eq!(snapshot.read(&path("good")).unwrap().as_ref(), b"x");
    assert_eq!(snapshot.read(&path("A")).unwrap().as_ref(), b"x");
    assert_eq!(snapshot.entry(&path("a/b")), Ok(None));
    assert_eq!(snapshot.entry(&path("caf\u{fffd}")), Ok(None));
    let error = snapshot.read(&path("twin")).unwrap_err().to_string();
    assert_eq!(error, "twin: stands twice in its directory");

    let broken = repository.git_bytes(
        &["hash-object", "-w", "-t", "tree", "--literally", "--stdin"],
        b"100644 no end",
    );
    let revision = repository.commit_tree("master", None, &broken);
    let snapshot = self::snapshot(&repository, revision);
    assert!(matches!(snapshot.entry(&path("a")), Err(TreeError::Io(..))));
}

#[test]
fn sizes_and_depths_have_bounds() {
    let deep = format!("{}x", "d/".repeat(70));
    let files = [
        ("big", "0123456789"),
        ("fits", "01234"),
        (deep.as_str(), "x"),
    ];
    let (repository, revision) = Repository::with(&files);
    let limits = Limits {
        file_bytes: 5,
        ..Limits::default()
    };
    let followed = Followed::limited(repository.url(), limits);
    let snapshot = followed.mirror.snapshot(&revision).unwrap();
    assert_eq!(snapshot.read(&path("fits")).unwrap().as_ref(), b"01234");
    let error = snapshot.read(&path("big")).unwrap_err().to_string();
    assert_eq!(error, "big: has 10 bytes, more than the 5 that are read");
    let error = snapshot.read(&path(&deep)).unwrap_err().to_string();
    assert!(error.contains("more than 64 directories deep"), "{error}");
}

#[test]
fn an_lfs_pointer_is_no_file() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    let (repository, revision) = Repository::with(&[("a.yaml", pointer)]);
    let error = snapshot(&repository, revision)
        .read(&path("a.yaml"))
        .unwrap_err();
    assert!(matches!(error, TreeError::Refused(..)), "{error}");
    assert!(error.to_string().contains("Git LFS pointer"), "{error}");
}

#[test]
fn a_commit_that_is_not_here_is_said_to_be_missing() {
    let (repository, _) = Repository::with(&[("a.yaml", "one")]);
    let followed = Followed::new(repository.url());
    let unknown = Revision::parse(&"1".repeat(40)).unwrap();
    let error = followed.mirror.snapshot(&unknown).err().unwrap();
    assert_eq!(error, source::SnapshotError::Missing(unknown));
    let blob = Revision::parse(&repository.blob("x")).unwrap();
    assert!(followed.mirror.snapshot(&blob).is_err());
}
