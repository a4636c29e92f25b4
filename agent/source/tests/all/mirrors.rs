//! The mirror through what a repository and a disk do over time.

use std::{fs, path::PathBuf};

use crate::{
    https::served,
    remote::Remote,
    repository::{Followed, GO, Repository, branches, text, wanted},
};
use render::tree::{FileTree, TreePath};
use source::{Credentials, Limits, Mirror, OpenError, Reason, Revision};

/// The mirror's packs.
fn packs(followed: &Followed) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(followed.cache.path()).unwrap() {
        let directory = entry.unwrap().path().join("objects/pack");
        for file in fs::read_dir(directory).into_iter().flatten() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|is| is == "pack") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn trusted(remote: &Remote) -> Credentials {
    Credentials::none().with_authority(&remote.authority)
}

#[test]
fn a_rewrite_is_seen_and_the_kept_revision_stays() {
    let (repository, first, remote) = served();
    let trusted = trusted(&remote);
    let followed = Followed::new(remote.url());
    let mirror = &followed.mirror;
    let second = repository.commit("master", Some(first), &[("a.yaml", "two")]);
    mirror
        .fetch(&trusted, &wanted(&[("master", second)]), &GO)
        .unwrap();
    mirror.keep("shop/production", &second).unwrap();

    let rewritten = repository.commit("master", Some(first), &[("a.yaml", "other")]);
    repository.git(&["reflog", "expire", "--expire=now", "--all"], "");
    repository.git(&["prune", "--expire=now"], "");
    assert_eq!(followed.tip(&trusted, "master"), Some(rewritten));
    let fetched = mirror
        .fetch(&trusted, &wanted(&[("master", rewritten)]), &GO)
        .unwrap();
    assert_eq!(fetched.objects, 3, "the common history is not sent again");
    assert_eq!(mirror.descends(&rewritten, &second), Ok(false));
    assert_eq!(text(&mirror.snapshot(&second).unwrap(), "a.yaml"), "two");
    assert_eq!(
        text(&mirror.snapshot(&rewritten).unwrap(), "a.yaml"),
        "other"
    );
}

#[test]
fn what_is_kept_survives_a_restart() {
    let (repository, first, remote) = served();
    let followed = Followed::new(remote.url());
    followed
        .mirror
        .fetch(&trusted(&remote), &wanted(&[("master", first)]), &GO)
        .unwrap();
    followed.mirror.keep("shop/production", &first).unwrap();
    let Followed { mirror, cache } = followed;
    drop(mirror);
    remote.seen();
    let mirror = Mirror::open(cache.path(), remote.url(), Limits::default()).unwrap();
    assert_eq!(text(&mirror.snapshot(&first).unwrap(), "a.yaml"), "one");
    let fetched = mirror
        .fetch(&trusted(&remote), &wanted(&[("master", first)]), &GO)
        .unwrap();
    assert_eq!((fetched.objects, remote.seen().len()), (0, 0));
    drop(repository);
}

#[test]
fn missing_branches_and_empty_repositories_are_no_error() {
    let (repository, first, remote) = served();
    let followed = Followed::new(remote.url());
    assert_eq!(followed.tip(&trusted(&remote), "develop"), None);
    assert_eq!(
        followed.tip(&trusted(&remote), "mast"),
        None,
        "a prefix is no branch"
    );
    followed
        .mirror
        .fetch(&trusted(&remote), &wanted(&[("master", first)]), &GO)
        .unwrap();
    repository.git(&["update-ref", "-d", "refs/heads/master"], "");
    assert_eq!(followed.tip(&trusted(&remote), "master"), None);
    assert_eq!(
        text(&followed.mirror.snapshot(&first).unwrap(), "a.yaml"),
        "one"
    );

    let empty = Repository::empty();
    let remote = Remote::https(empty.root().to_owned());
    assert_eq!(
        Followed::new(remote.url()).tip(&trusted(&remote), "master"),
        None
    );
}

#[test]
fn a_branch_that_moves_in_between_gives_the_announced_commit() {
    let (repository, first, remote) = served();
    let followed = Followed::new(remote.url());
    assert_eq!(followed.tip(&trusted(&remote), "master"), Some(first));
    let second = repository.commit("master", Some(first), &[("a.yaml", "two")]);
    let fetched = followed
        .mirror
        .fetch(&trusted(&remote), &wanted(&[("master", first)]), &GO);
    assert_eq!(fetched.unwrap().objects, 5);
    assert!(
        followed.mirror.snapshot(&second).is_err(),
        "nothing newer slipped in"
    );
}

#[test]
fn a_commit_that_is_gone_is_said_to_be_gone() {
    let (_repository, _, remote) = served();
    let followed = Followed::new(remote.url());
    let gone = Revision::parse(&"1".repeat(40)).unwrap();
    let error = followed
        .mirror
        .fetch(&trusted(&remote), &wanted(&[("master", gone)]), &GO);
    let error = error.unwrap_err();
    assert_eq!(error.reason(), Reason::RevisionGone, "{error}");
    assert!(error.is_retryable());
}

#[test]
fn two_branches_come_in_one_fetch() {
    let (repository, first, remote) = served();
    let develop = repository.commit("develop", Some(first), &[("a.yaml", "dev")]);
    let followed = Followed::new(remote.url());
    let names = branches(&["develop", "master"]);
    let found = followed
        .mirror
        .look(&trusted(&remote), &names, &GO)
        .unwrap();
    assert_eq!(
        found.into_values().collect::<Vec<_>>(),
        [Some(develop), Some(first)]
    );
    remote.seen();
    let both = wanted(&[("master", first), ("develop", develop)]);
    followed
        .mirror
        .fetch(&trusted(&remote), &both, &GO)
        .unwrap();
    assert_eq!(remote.seen().len(), 1);
    assert_eq!(
        text(&followed.mirror.snapshot(&develop).unwrap(), "a.yaml"),
        "dev"
    );
}

#[test]
fn a_mirror_that_was_damaged_at_rest_is_made_anew() {
    let (_repository, first, remote) = served();
    let followed = Followed::new(remote.url());
    followed
        .mirror
        .fetch(&trusted(&remote), &wanted(&[("master", first)]), &GO)
        .unwrap();
    let Followed { mirror, cache } = followed;
    drop(mirror);
    for entry in fs::read_dir(cache.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            fs::remove_dir_all(path.join("objects/pack")).unwrap();
        }
    }
    let mirror = Mirror::open(cache.path(), remote.url(), Limits::default()).unwrap();
    let fetched = mirror
        .fetch(&trusted(&remote), &wanted(&[("master", first)]), &GO)
        .unwrap();
    assert_eq!(fetched.objects, 5);
    assert_eq!(text(&mirror.snapshot(&first).unwrap(), "a.yaml"), "one");
}

#[test]
fn a_spoiled_object_is_found_on_reading_and_fetched_again() {
    let (repository, first, remote) = served();
    let number = |n: u32| char::from(b'!' + (n.wrapping_mul(2_654_435_761) >> 26) as u8);
    let noise: String = (0..30_000_u32).map(number).collect();
    let second = repository.commit("master", Some(first), &[("big", &noise)]);
    let followed = Followed::new(remote.url());
    let all = wanted(&[("master", second)]);
    followed.mirror.fetch(&trusted(&remote), &all, &GO).unwrap();
    let pack = packs(&followed).pop().unwrap();
    let mut bytes = fs::read(&pack).unwrap();
    // Within the one big file, whatever surrounds it.
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    let mut rights = fs::metadata(&pack).unwrap().permissions();
    #[expect(
        clippy::permissions_set_readonly_false,
        reason = "a file of this test's own"
    )]
    rights.set_readonly(false);
    fs::set_permissions(&pack, rights).unwrap();
    fs::write(&pack, bytes).unwrap();

    let snapshot = followed.mirror.snapshot(&second).unwrap();
    let big = TreePath::parse("big").unwrap();
    let error = snapshot.read(&big).unwrap_err().to_string();
    assert!(error.contains("an object is lost or damaged"), "{error}");
    let fetched = followed.mirror.fetch(&trusted(&remote), &all, &GO).unwrap();
    assert!(fetched.refilled && fetched.objects > 0, "{fetched:?}");
    assert_eq!(
        text(&followed.mirror.snapshot(&second).unwrap(), "big"),
        noise
    );
    let again = followed.mirror.fetch(&trusted(&remote), &all, &GO).unwrap();
    assert!(!again.refilled, "one fault is healed once");
}

#[test]
fn one_mirror_has_one_owner() {
    let (_repository, _, remote) = served();
    let followed = Followed::new(remote.url());
    let error = Mirror::open(followed.cache.path(), remote.url(), Limits::default());
    assert!(matches!(error.err().unwrap(), OpenError::Locked { .. }));
    let Followed { mirror, cache } = followed;
    drop(mirror);
    Mirror::open(cache.path(), remote.url(), Limits::default()).unwrap();
}

#[test]
fn leftovers_of_a_killed_process_are_swept() {
    let (_repository, _, remote) = served();
    let followed = Followed::new(remote.url());
    let lock = fs::read_dir(followed.cache.path()).unwrap();
    let lock = lock
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|is| is == "lock"));
    let name = lock
        .unwrap()
        .file_stem()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let Followed { mirror, cache } = followed;
    drop(mirror);
    for leftover in [".ssh-abc", ".new", ".old"] {
        fs::create_dir(cache.path().join(format!("{name}{leftover}"))).unwrap();
    }
    fs::create_dir(cache.path().join("somebody-else")).unwrap();
    let inside = cache.path().join(format!("{name}.git"));
    let halves = [
        inside.join("refs/driftless/tip/a.lock"),
        inside.join("objects/pack/.tmpAbC"),
    ];
    fs::create_dir_all(halves[0].parent().unwrap()).unwrap();
    for half in &halves {
        fs::write(half, "").unwrap();
    }
    let _mirror = Mirror::open(cache.path(), remote.url(), Limits::default()).unwrap();
    assert!(halves.iter().all(|half| !half.exists()));
    let mut left: Vec<_> = fs::read_dir(cache.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(
        left,
        [
            format!("{name}.git"),
            format!("{name}.lock"),
            "somebody-else".to_owned()
        ]
    );
}

#[test]
fn many_packs_become_few_and_readers_go_on() {
    let (repository, first, remote) = served();
    let limits = Limits {
        packs: 36,
        ..Limits::default()
    };
    let followed = Followed::limited(remote.url(), limits);
    let credentials = trusted(&remote);
    let mut line = vec![first];
    let mut early = None;
    for round in 0..40 {
        let (name, rest) = (format!("round {round}"), "b".repeat(500));
        let files = [("a.yaml", name.as_str()), ("base/b.yaml", &rest)];
        let next = repository.commit("master", line.last().copied(), &files);
        followed
            .mirror
            .fetch(&credentials, &wanted(&[("master", next)]), &GO)
            .unwrap();
        line.push(next);
        if round == 2 {
            early = Some(followed.mirror.snapshot(&next).unwrap());
        }
        assert!(
            packs(&followed).len() <= 36,
            "round {round}: {:?}",
            packs(&followed)
        );
    }
    assert_eq!(
        text(&early.unwrap(), "a.yaml"),
        "round 2",
        "opened before the packs were rewritten"
    );
    for (round, revision) in line[1..].iter().enumerate() {
        let snapshot = followed.mirror.snapshot(revision).unwrap();
        assert_eq!(text(&snapshot, "a.yaml"), format!("round {round}"));
    }
    assert_eq!(followed.mirror.descends(&line[40], &line[0]), Ok(true));
    let Followed { mirror, cache } = followed;
    drop(mirror);
    for entry in fs::read_dir(cache.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // Git itself has nothing to complain about.
            let path = path.to_str().unwrap();
            repository.git(&["--git-dir", path, "fsck", "--full", "--strict"], "");
        }
    }
}
