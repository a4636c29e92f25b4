//! Commits, merges and reverts on real repositories.

use std::fs;

use super::{Author, BareRepo, Commit};

fn repo() -> (tempfile::TempDir, BareRepo) {
    let directory = tempfile::tempdir().unwrap();
    let repo = BareRepo::create(&directory.path().join("config.git")).unwrap();
    (directory, repo)
}

#[test]
fn gives_the_same_ids_on_every_machine() {
    let make = || {
        let (_keep, repo) = repo();
        repo.commit(
            Commit::on("master", "first")
                .by(Author::ci())
                .write("a.yaml", "a: 1\n"),
        )
        .unwrap();
        repo.commit(
            Commit::on("master", "second")
                .write("b/c.yaml", "c: 1\n")
                .remove("a.yaml"),
        )
        .unwrap()
    };
    assert_eq!(make(), make());
}

#[test]
fn writes_removes_renames_and_links() {
    let (_keep, repo) = repo();
    repo.commit(
        Commit::on("master", "first")
            .write("a", "1")
            .write("d/b", "2")
            .write("c", "3"),
    )
    .unwrap();
    let change = Commit::on("master", "second")
        .remove("a")
        .rename("d", "e")
        .link("l", "../c");
    repo.commit(change.write("with space \"x\"", "4")).unwrap();
    let files = repo.git(&["ls-tree", "-r", "-z", "master"]).unwrap();
    let files = files.split('\0').filter_map(|line| line.split_once('\t'));
    let files: Vec<_> = files.map(|(kind, path)| (&kind[..6], path)).collect();
    let file = "100644";
    assert_eq!(
        files,
        [
            (file, "c"),
            (file, "e/b"),
            ("120000", "l"),
            (file, "with space \"x\"")
        ]
    );
}

#[test]
fn reverts_on_top_of_later_commits() {
    let (_keep, repo) = repo();
    repo.commit(Commit::on("master", "first").write("a", "1\n"))
        .unwrap();
    let bad = repo
        .edit("master", "a", "bad", |text| text.replace('1', "2"))
        .unwrap();
    repo.commit(Commit::on("master", "later").write("b", "x"))
        .unwrap();
    repo.revert("master", &bad).unwrap();
    assert_eq!(repo.read("master", "a").unwrap(), "1\n");
    assert_eq!(repo.read("master", "b").unwrap(), "x");
    assert_eq!(repo.git(&["rev-list", "--count", "master"]).unwrap(), "4");
    assert!(
        repo.git(&["log", "-1", "--format=%an %aI", "master"])
            .unwrap()
            .contains("2026-01-01T00:03:00")
    );
}

#[test]
fn a_force_push_leaves_the_old_tip_behind() {
    let (_keep, repo) = repo();
    let base = repo
        .commit(Commit::on("master", "first").write("a", "1"))
        .unwrap();
    let old = repo
        .commit(Commit::on("master", "second").write("a", "2"))
        .unwrap();
    let new = repo
        .force_push(Commit::on("master", "other").write("a", "3"))
        .unwrap();
    assert_eq!(repo.tip("master~1").unwrap(), base);
    assert_ne!(old, new);
    assert!(
        repo.git(&["merge-base", "--is-ancestor", &old, &new])
            .is_err()
    );
}

#[test]
fn the_sample_is_promoted_from_branch_to_branch() {
    let directory = tempfile::tempdir().unwrap();
    let tree = directory.path().join("tree");
    for path in ["manifests", "overlays/develop"] {
        fs::create_dir_all(tree.join(path)).unwrap();
    }
    fs::write(tree.join("manifests/web.yaml"), "kind: Deployment\n").unwrap();
    fs::write(
        tree.join("overlays/develop/kustomization.yaml"),
        "resources: [../../manifests]\n",
    )
    .unwrap();
    let repo = BareRepo::sample(&directory.path().join("config.git"), &tree).unwrap();
    for branch in ["develop", "staging", "master"] {
        assert_eq!(
            repo.read(branch, "manifests/web.yaml").unwrap(),
            "kind: Deployment\n"
        );
    }
    repo.git(&["merge-base", "--is-ancestor", "develop", "staging"])
        .unwrap();
    repo.git(&["merge-base", "--is-ancestor", "staging", "master"])
        .unwrap();
}

#[test]
fn an_edit_that_changes_nothing_is_refused() {
    let (_keep, repo) = repo();
    repo.commit(Commit::on("master", "first").write("a", "1\n"))
        .unwrap();
    let error = repo
        .edit("master", "a", "nothing", |text| text)
        .unwrap_err();
    assert!(error.to_string().contains("changes nothing"), "{error}");
}
