//! Servers that lie, break off, stall, or point elsewhere.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    https::served,
    remote::{Manner, Remote},
    repository::{Followed, GO, Repository, branches, text, wanted},
};
use source::{Credentials, FetchError, Limits, Reason, Revision};

const CANARY: &str = "canary-7f3a";

fn secret(remote: &Remote) -> Credentials {
    Credentials::basic("bob", CANARY).with_authority(&remote.authority)
}

/// Looks, and expects a failure that shows nothing secret.
fn look(followed: &Followed, credentials: &Credentials) -> FetchError {
    let error = followed
        .mirror
        .look(credentials, &branches(&["master"]), &GO)
        .unwrap_err();
    harmless(error)
}

fn harmless(error: FetchError) -> FetchError {
    let shown = format!("{error} {error:?} {:?}", error.hint());
    assert!(!shown.contains(CANARY), "{shown}");
    assert!(!shown.contains("Ym9iOmNhbmFyeS03ZjNh"), "{shown}");
    assert!(!error.to_string().contains(char::is_control), "{shown}");
    error
}

fn fetch(followed: &Followed, credentials: &Credentials, revision: Revision) -> FetchError {
    let all = wanted(&[("master", revision)]);
    harmless(followed.mirror.fetch(credentials, &all, &GO).unwrap_err())
}

#[test]
fn each_status_has_its_reason() {
    let (_repository, _, remote) = served();
    let followed = Followed::new(remote.url());
    let cases = [
        (401, Reason::AuthenticationFailed, false),
        (403, Reason::AccessDenied, false),
        (404, Reason::RepositoryNotFound, false),
        (418, Reason::NotGit, false),
        (500, Reason::ServerFailed, true),
        (503, Reason::ServerFailed, true),
    ];
    for (status, reason, retryable) in cases {
        remote.behave(Manner::Answer(status, vec![], "\u{1b}[31mno"));
        let error = look(&followed, &secret(&remote));
        assert_eq!(
            (error.reason(), error.is_retryable()),
            (reason, retryable),
            "{error}"
        );
        assert_eq!(remote.seen().len(), 1, "{status} is asked once");
    }
    remote.behave(Manner::Answer(429, vec![("Retry-After", "7".into())], ""));
    let error = look(&followed, &secret(&remote));
    assert_eq!(error.reason(), Reason::RateLimited);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
}

#[test]
fn a_failure_in_an_open_session_leads_back_to_a_good_one() {
    let (_repository, first, remote) = served();
    let followed = Followed::new(remote.url());
    assert_eq!(followed.tip(&secret(&remote), "master"), Some(first));
    for status in [401, 500] {
        remote.behave(Manner::Answer(status, vec![], ""));
        remote.seen();
        look(&followed, &secret(&remote));
        assert_eq!(remote.seen().len(), 1, "{status} is asked once");
        remote.behave(Manner::Honest);
        assert_eq!(followed.tip(&secret(&remote), "master"), Some(first));
    }
    // A rotated credential is shown at the next look, not the one of the open session.
    remote.admit("Bearer new");
    assert_eq!(
        look(&followed, &secret(&remote)).reason(),
        Reason::AuthenticationFailed
    );
    let rotated = Credentials::bearer("new").with_authority(&remote.authority);
    assert_eq!(followed.tip(&rotated, "master"), Some(first));
}

#[test]
fn a_redirect_to_another_host_is_refused_and_carries_no_credentials() {
    let (_repository, _, remote) = served();
    let trap = Remote::https(std::env::temp_dir());
    let plain = Remote::http(std::env::temp_dir());
    let followed = Followed::new(remote.url());
    let tail = "config.git/info/refs?service=git-upload-pack";
    let targets = [
        trap.at(tail),
        plain.at(tail),
        "file:///etc/passwd".to_owned(),
        "/elsewhere".to_owned(),
        remote.at(tail).replace("https://", "http://"),
    ];
    for target in targets {
        for status in [301, 302, 307, 308] {
            remote.behave(Manner::Answer(
                status,
                vec![("Location", target.clone())],
                "",
            ));
            let error = look(&followed, &secret(&remote));
            assert_eq!(error.reason(), Reason::Redirected, "{target}: {error}");
        }
    }
    assert_eq!(trap.seen(), []);
    assert_eq!(plain.seen(), []);
}

#[test]
fn a_redirect_in_the_middle_is_refused_too() {
    let (_repository, first, remote) = served();
    let trap = Remote::https(std::env::temp_dir());
    let followed = Followed::new(remote.url());
    assert_eq!(followed.tip(&secret(&remote), "master"), Some(first));
    let target = trap.at("config.git/git-upload-pack");
    remote.behave(Manner::Answer(307, vec![("Location", target)], ""));
    let error = look(&followed, &secret(&remote));
    assert_eq!(error.reason(), Reason::Redirected, "{error}");
    assert_eq!(trap.seen(), []);
}

#[test]
fn a_rename_on_the_same_server_is_followed() {
    let (_repository, first, remote) = served();
    let old = source::RepoUrl::parse(&remote.at("old")).unwrap();
    let target = remote.at("config.git/info/refs?service=git-upload-pack");
    remote.rename("/old", &target);
    let followed = Followed::new(old);
    assert_eq!(followed.tip(&secret(&remote), "master"), Some(first));
    followed
        .mirror
        .fetch(&secret(&remote), &wanted(&[("master", first)]), &GO)
        .unwrap();
    let lines: Vec<String> = remote.seen().into_iter().map(|seen| seen.line).collect();
    assert_eq!(
        lines.iter().filter(|line| line.contains("/old")).count(),
        1,
        "{lines:?}"
    );
}

#[test]
fn circles_of_redirects_end() {
    let (_repository, _, remote) = served();
    let target = remote.at("config.git/info/refs?service=git-upload-pack");
    remote.behave(Manner::Answer(302, vec![("Location", target)], ""));
    let error = look(&Followed::new(remote.url()), &secret(&remote));
    assert_eq!(error.reason(), Reason::Redirected, "{error}");
    assert!(remote.seen().len() <= 4);
}

#[test]
fn a_login_page_is_no_repository() {
    let (_repository, _, remote) = served();
    let page = vec![("Content-Type", "text/html".to_owned())];
    remote.behave(Manner::Answer(200, page, "<html>sign in</html>"));
    let error = look(&Followed::new(remote.url()), &secret(&remote));
    assert_eq!(error.reason(), Reason::NotGit, "{error}");
    assert!(error.to_string().contains("text/html"), "{error}");
}

#[test]
fn garbage_is_refused_without_harm() {
    let (_repository, first, remote) = served();
    let followed = Followed::new(remote.url());
    let bodies: [&[u8]; 7] = [
        b"",
        b"zzzz",
        b"0000",
        b"fff0abc",
        b"0010ERR go away\n0000",
        b"0005\x1b0000",
        b"00322222222222222222222222222222222222222222 refs/x\n",
    ];
    for body in bodies {
        remote.behave(Manner::Honest);
        assert_eq!(followed.tip(&secret(&remote), "master"), Some(first));
        remote.behave(Manner::Replay(body.to_vec()));
        if let Ok(found) = followed
            .mirror
            .look(&secret(&remote), &branches(&["master"]), &GO)
        {
            assert!(found.into_values().all(|tip| tip.is_none()), "{body:?}");
        }
        fetch(&followed, &secret(&remote), first);
    }
    remote.behave(Manner::Honest);
    let all = wanted(&[("master", first)]);
    followed.mirror.fetch(&secret(&remote), &all, &GO).unwrap();
    assert_eq!(
        text(&followed.mirror.snapshot(&first).unwrap(), "a.yaml"),
        "one"
    );
}

#[test]
fn a_cut_pack_leaves_the_mirror_clean() {
    let (_repository, first, remote) = served();
    let followed = Followed::new(remote.url());
    for cut in [0, 1, 8, 20, 60, 120, 200] {
        remote.behave(Manner::Truncate(cut));
        let error = fetch(&followed, &secret(&remote), first);
        assert!(
            error.is_retryable(),
            "cut at {cut}: {} {error}",
            error.reason().as_str()
        );
    }
    remote.behave(Manner::Honest);
    let all = wanted(&[("master", first)]);
    let fetched = followed.mirror.fetch(&secret(&remote), &all, &GO).unwrap();
    assert!(!fetched.refilled);
    assert_eq!(
        text(&followed.mirror.snapshot(&first).unwrap(), "base/b.yaml"),
        "b"
    );
}

#[test]
fn mutated_packs_never_become_other_files() {
    let (repository, first, remote) = served();
    let objects = repository.git(
        &["rev-list", "--objects", "--no-object-names", "master"],
        "",
    );
    let honest = repository.pack(&format!("{objects}\n"));
    let all = wanted(&[("master", first)]);
    let mut followed = Followed::new(remote.url());
    let (mut seed, mut refused) = (7_u64, 0);
    let mut random = |below: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    for _ in 0..160 {
        let mut answer = honest.clone();
        for _ in 0..=random(3) {
            let at = random(answer.len());
            match random(3) {
                0 => answer[at] ^= 1 << random(8),
                1 => drop(answer.remove(at)),
                _ => answer.insert(at, u8::try_from(random(256)).unwrap()),
            }
        }
        remote.behave(Manner::Replay(answer));
        if let Err(error) = followed.mirror.fetch(&secret(&remote), &all, &GO) {
            harmless(error);
            refused += 1;
            continue;
        }
        // The change was in what surrounds the pack.
        let snapshot = followed.mirror.snapshot(&first).unwrap();
        assert_eq!(text(&snapshot, "a.yaml"), "one");
        assert_eq!(text(&snapshot, "base/b.yaml"), "b");
        followed = Followed::new(remote.url());
    }
    assert!(refused > 120, "{refused}");
    remote.behave(Manner::Honest);
    followed.mirror.fetch(&secret(&remote), &all, &GO).unwrap();
    let snapshot = followed.mirror.snapshot(&first).unwrap();
    assert_eq!(text(&snapshot, "a.yaml"), "one");
    assert_eq!(text(&snapshot, "base/b.yaml"), "b");
}

#[test]
fn a_pack_without_its_files_does_not_count_as_fetched() {
    let (repository, first, remote) = served();
    let followed = Followed::new(remote.url());
    followed.tip(&secret(&remote), "master");
    // What an honest server would have sent, less the files.
    let commit = first.to_string();
    let pack = repository.pack(&format!("{commit}\n"));
    remote.behave(Manner::Replay(pack));
    let error = fetch(&followed, &secret(&remote), first);
    assert_eq!(error.reason(), Reason::Corrupt, "{error}");
    remote.behave(Manner::Honest);
    let all = wanted(&[("master", first)]);
    followed.mirror.fetch(&secret(&remote), &all, &GO).unwrap();
    assert_eq!(
        text(&followed.mirror.snapshot(&first).unwrap(), "a.yaml"),
        "one"
    );
}

#[test]
fn stalling_servers_meet_the_deadline() {
    let (_repository, first, remote) = served();
    let short = Duration::from_millis(300);
    let limits = Limits {
        look: short,
        fetch: short,
        ..Limits::default()
    };
    for manner in [Manner::Hang, Manner::Drip] {
        let followed = Followed::limited(remote.url(), limits.clone());
        remote.behave(manner.clone());
        let start = Instant::now();
        let error = look(&followed, &secret(&remote));
        assert_eq!(error.reason(), Reason::Timeout, "{manner:?}: {error}");
        let error = fetch(&followed, &secret(&remote), first);
        assert_eq!(error.reason(), Reason::Timeout, "{manner:?}: {error}");
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{:?}",
            start.elapsed()
        );
    }
}

#[test]
fn a_stop_ends_the_wait() {
    let (_repository, _, remote) = served();
    remote.behave(Manner::Hang);
    let followed = Followed::new(remote.url());
    let stop = AtomicBool::new(false);
    let credentials = secret(&remote);
    let start = Instant::now();
    let names = branches(&["master"]);
    let error = thread::scope(|scope| {
        let look = scope.spawn(|| followed.mirror.look(&credentials, &names, &stop));
        while remote.seen().is_empty() {
            thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
        look.join().unwrap().unwrap_err()
    });
    assert_eq!(error.reason(), Reason::Stopped, "{error}");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn floods_are_cut_off() {
    let (repository, first, remote) = served();
    let cases = [
        Limits {
            pack_bytes: 200,
            ..Limits::default()
        },
        Limits {
            pack_objects: 4,
            ..Limits::default()
        },
    ];
    for limits in cases {
        let followed = Followed::limited(remote.url(), limits);
        let error = fetch(&followed, &secret(&remote), first);
        assert_eq!(error.reason(), Reason::TooLarge, "{error}");
        assert!(!error.is_retryable());
    }
    let bomb = "0".repeat(3 << 20);
    let second = repository.commit("master", Some(first), &[("bomb", &bomb)]);
    let limits = Limits {
        object_bytes: 1 << 20,
        ..Limits::default()
    };
    let followed = Followed::limited(remote.url(), limits);
    let error = fetch(&followed, &secret(&remote), second);
    assert_eq!(error.reason(), Reason::TooLarge, "{error}");

    let limits = Limits {
        references: 1,
        ..Limits::default()
    };
    let followed = Followed::limited(remote.url(), limits);
    for name in 0..20 {
        repository.git(
            &[
                "update-ref",
                &format!("refs/heads/master{name}"),
                &first.to_string(),
            ],
            "",
        );
    }
    let error = look(&followed, &secret(&remote));
    assert_eq!(error.reason(), Reason::TooLarge, "{error}");
}

#[test]
fn certificates_of_others_are_not_believed() {
    let (_repository, _, remote) = served();
    let other = Remote::https(std::env::temp_dir());
    let followed = Followed::new(remote.url());
    for credentials in [
        Credentials::basic("bob", CANARY),
        Credentials::basic("bob", CANARY).with_authority(&other.authority),
    ] {
        let error = look(&followed, &credentials);
        assert_eq!(error.reason(), Reason::TlsFailed, "{error}");
    }
    assert_eq!(remote.seen(), []);
}

#[test]
fn credentials_and_addresses_must_fit() {
    let (repository, first) = Repository::with(&[("a.yaml", "one")]);
    let plain = Remote::http(repository.root().to_owned());
    let followed = Followed::new(plain.url());
    let error = look(&followed, &Credentials::basic("bob", CANARY));
    assert_eq!(error.reason(), Reason::CredentialsUnusable, "{error}");
    assert_eq!(plain.seen(), []);
    assert_eq!(followed.tip(&Credentials::none(), "master"), Some(first));
    let error = look(&followed, &Credentials::ssh(CANARY, CANARY));
    assert_eq!(error.reason(), Reason::CredentialsUnusable, "{error}");
}

#[test]
fn an_old_protocol_still_works() {
    let (repository, first, remote) = served();
    remote.behave(Manner::Version0);
    let followed = Followed::new(remote.url());
    assert_eq!(followed.tip(&secret(&remote), "master"), Some(first));
    followed
        .mirror
        .fetch(&secret(&remote), &wanted(&[("master", first)]), &GO)
        .unwrap();
    let second = repository.commit("master", Some(first), &[("a.yaml", "two")]);
    assert_eq!(followed.tip(&secret(&remote), "master"), Some(second));
    let fetched = followed
        .mirror
        .fetch(&secret(&remote), &wanted(&[("master", second)]), &GO);
    assert_eq!(fetched.unwrap().objects, 3);
    assert_eq!(
        text(&followed.mirror.snapshot(&second).unwrap(), "a.yaml"),
        "two"
    );
}

#[test]
fn repositories_with_long_ids_are_refused_by_name() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("config.git");
    let made = std::process::Command::new("git")
        .args(["init", "-q", "--bare", "--object-format=sha256"])
        .arg(&path)
        .status();
    assert!(made.unwrap().success());
    let remote = Remote::https(directory.path().to_owned());
    let error = look(&Followed::new(remote.url()), &secret(&remote));
    assert_eq!(error.reason(), Reason::Unsupported, "{error}");
    assert!(error.to_string().contains("sha256"), "{error}");
}

#[test]
fn an_absent_server_is_unreachable() {
    let (repository, _, remote) = served();
    let (url, credentials) = (remote.url(), secret(&remote));
    drop(remote);
    let error = look(&Followed::new(url), &credentials);
    assert_eq!(error.reason(), Reason::Unreachable, "{error}");
    assert!(error.is_retryable());
    drop(repository);
}

#[test]
fn a_missing_repository_is_named() {
    let (_repository, _, remote) = served();
    let url = source::RepoUrl::parse(&remote.at("nothing.git")).unwrap();
    let error = look(&Followed::new(url), &secret(&remote));
    assert_eq!(error.reason(), Reason::RepositoryNotFound, "{error}");
}
