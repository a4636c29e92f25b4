//! `file://`: the repository itself, read in place.

use crate::repository::{Followed, GO, Repository, branches, text, wanted};
use source::{Branch, Credentials, Limits, Mirror, OpenError, Reason, RepoUrl};

#[test]
fn looks_fetches_and_reads_in_place() {
    let (repository, first) = Repository::with(&[("a.yaml", "one"), ("base/b.yaml", "b")]);
    let followed = Followed::new(repository.url());
    let none = Credentials::none();
    assert_eq!(followed.tip(&none, "master"), Some(first));
    assert_eq!(followed.tip(&none, "develop"), None);

    let second = repository.commit("master", Some(first), &[("a.yaml", "two")]);
    assert_eq!(followed.tip(&none, "master"), Some(second));
    let fetched = followed
        .mirror
        .fetch(&none, &wanted(&[("master", second)]), &GO)
        .unwrap();
    assert_eq!((fetched.objects, fetched.bytes), (0, 0));
    let snapshot = followed.mirror.snapshot(&second).unwrap();
    assert_eq!(text(&snapshot, "a.yaml"), "two");
    // The older commit is still read as it was.
    assert_eq!(
        text(&followed.mirror.snapshot(&first).unwrap(), "base/b.yaml"),
        "b"
    );
}

#[test]
fn writes_nothing_into_the_repository() {
    let (repository, first) = Repository::with(&[("a.yaml", "one")]);
    let before = listing(&repository);
    let followed = Followed::new(repository.url());
    let none = Credentials::none();
    followed
        .mirror
        .fetch(&none, &wanted(&[("master", first)]), &GO)
        .unwrap();
    followed.mirror.keep("shop/production", &first).unwrap();
    assert_eq!(listing(&repository), before);
    assert_eq!(std::fs::read_dir(followed.cache.path()).unwrap().count(), 0);
}

fn listing(repository: &Repository) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![repository.path()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn sees_packed_references_and_names_the_paths_to_watch() {
    let (repository, first) = Repository::with(&[("a.yaml", "one")]);
    repository.git(&["update-ref", "refs/heads/team/a", &first.to_string()], "");
    repository.git(&["pack-refs", "--all"], "");
    let followed = Followed::new(repository.url());
    assert_eq!(followed.tip(&Credentials::none(), "team/a"), Some(first));
    let watched = followed.mirror.watch_paths();
    assert!(
        watched.contains(&repository.path().join("refs/heads")),
        "{watched:?}"
    );
    assert!(
        watched.contains(&repository.path().join("packed-refs")),
        "{watched:?}"
    );
}

#[test]
fn a_work_tree_is_as_good_as_a_bare_repository() {
    let (repository, first) = Repository::with(&[("a.yaml", "one")]);
    let tree = repository.root().join("checkout");
    repository.git(&["clone", "-q", ".", tree.to_str().unwrap()], "");
    let url = RepoUrl::parse(&format!("file://{}", tree.display())).unwrap();
    assert_eq!(
        Followed::new(url).tip(&Credentials::none(), "master"),
        Some(first)
    );
}

#[test]
fn paths_without_a_repository_are_named() {
    let directory = tempfile::TempDir::new().unwrap();
    let nowhere = directory.path().join("nowhere");
    for (path, why) in [
        (nowhere.as_path(), "there is nothing at this path"),
        (directory.path(), ""),
    ] {
        let url = RepoUrl::parse(&format!("file://{}", path.display())).unwrap();
        let error = Mirror::open(directory.path(), url, Limits::default())
            .err()
            .unwrap();
        assert!(
            matches!(error, OpenError::NotARepository { .. }),
            "{error:?}"
        );
        let text = error.to_string();
        assert!(
            text.contains(path.to_str().unwrap()) && text.contains(why),
            "{text}"
        );
    }
}

#[test]
fn a_removed_repository_is_no_deleted_branch() {
    let (repository, _) = Repository::with(&[("a.yaml", "one")]);
    let followed = Followed::new(repository.url());
    std::fs::remove_dir_all(repository.path()).unwrap();
    let error = followed
        .mirror
        .look(&Credentials::none(), &branches(&["master"]), &GO)
        .unwrap_err();
    assert_eq!(error.reason(), Reason::RepositoryNotFound, "{error}");
}

#[test]
fn a_deleted_branch_and_a_lost_commit_are_told_apart() {
    let (repository, first) = Repository::with(&[("a.yaml", "one")]);
    let followed = Followed::new(repository.url());
    repository.git(&["update-ref", "-d", "refs/heads/master"], "");
    let none = Credentials::none();
    assert_eq!(followed.tip(&none, "master"), None);
    repository.git(&["reflog", "expire", "--expire=now", "--all"], "");
    repository.git(&["prune", "--expire=now"], "");
    let fresh = Followed::new(repository.url());
    let error = fresh
        .mirror
        .fetch(&none, &wanted(&[("master", first)]), &GO)
        .unwrap_err();
    assert_eq!(error.reason(), Reason::RevisionGone);
    assert!(Branch::parse("master").is_ok());
}
