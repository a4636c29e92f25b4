//! Git over TLS: what is sent, how often, and to whom.

use crate::{
    remote::Remote,
    repository::{Followed, GO, Repository, branches, text, wanted},
};
use source::{Credentials, Reason};

/// A served repository with one commit.
pub(crate) fn served() -> (Repository, source::Revision, Remote) {
    let (repository, first) = Repository::with(&[("a.yaml", "one"), ("base/b.yaml", "b")]);
    let remote = Remote::https(repository.root().to_owned());
    (repository, first, remote)
}

#[test]
fn clones_then_fetches_only_what_is_new() {
    let (repository, first, remote) = served();
    let trusted = Credentials::none().with_authority(&remote.authority);
    let followed = Followed::new(remote.url());
    assert_eq!(followed.tip(&trusted, "master"), Some(first));
    let fetched = followed
        .mirror
        .fetch(&trusted, &wanted(&[("master", first)]), &GO)
        .unwrap();
    assert_eq!(fetched.objects, 5, "a commit, two directories, two files");

    let files = [("a.yaml", "two"), ("base/b.yaml", "b")];
    let second = repository.commit("master", Some(first), &files);
    assert_eq!(followed.tip(&trusted, "master"), Some(second));
    let fetched = followed
        .mirror
        .fetch(&trusted, &wanted(&[("master", second)]), &GO)
        .unwrap();
    assert_eq!(fetched.objects, 3, "a commit, a directory, a file");
    assert!(fetched.bytes > 0);
    assert_eq!(
        text(&followed.mirror.snapshot(&second).unwrap(), "a.yaml"),
        "two"
    );
    assert_eq!(
        text(&followed.mirror.snapshot(&second).unwrap(), "base/b.yaml"),
        "b"
    );
}

#[test]
fn a_look_is_one_request_on_the_open_connection() {
    let (repository, first, remote) = served();
    let trusted = Credentials::none().with_authority(&remote.authority);
    let followed = Followed::new(remote.url());
    followed.tip(&trusted, "master");
    assert_eq!(remote.seen().len(), 2, "a greeting and a question");
    followed.tip(&trusted, "master");
    followed.tip(&trusted, "master");
    let seen = remote.seen();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(
        seen.iter()
            .all(|seen| seen.line.starts_with("POST /config.git/git-upload-pack"))
    );
    assert!(
        seen.iter()
            .all(|request| request.connection == seen[0].connection),
        "{seen:?}"
    );
    // A fetch is one more, and none once everything is here.
    followed
        .mirror
        .fetch(&trusted, &wanted(&[("master", first)]), &GO)
        .unwrap();
    assert_eq!(remote.seen().len(), 1);
    followed
        .mirror
        .fetch(&trusted, &wanted(&[("master", first)]), &GO)
        .unwrap();
    let nothing = followed.mirror.look(&trusted, &branches(&[]), &GO).unwrap();
    assert!(nothing.is_empty());
    assert_eq!(remote.seen().len(), 0);
    drop(repository);
}

#[test]
fn basic_and_bearer_open_the_door() {
    let (_repository, first, remote) = served();
    let cases = [
        (
            "Basic Ym9iOmNhbmFyeQ==",
            Credentials::basic("bob", "canary"),
        ),
        ("Bearer canary", Credentials::bearer("canary")),
    ];
    for (ticket, credentials) in cases {
        remote.admit(ticket);
        let credentials = credentials.with_authority(&remote.authority);
        let followed = Followed::new(remote.url());
        assert_eq!(followed.tip(&credentials, "master"), Some(first));
        followed
            .mirror
            .fetch(&credentials, &wanted(&[("master", first)]), &GO)
            .unwrap();
        assert!(
            remote
                .seen()
                .iter()
                .all(|seen| seen.authorization.as_deref() == Some(ticket))
        );
    }
}

#[test]
fn wrong_credentials_cost_one_request_and_show_nothing() {
    let (_repository, _, remote) = served();
    remote.admit("Bearer right");
    let wrong = Credentials::basic("bob", "canary").with_authority(&remote.authority);
    let followed = Followed::new(remote.url());
    let error = followed
        .mirror
        .look(&wrong, &branches(&["master"]), &GO)
        .unwrap_err();
    assert_eq!(error.reason(), Reason::AuthenticationFailed, "{error}");
    assert!(!error.is_retryable() && error.hint().is_some());
    assert_eq!(remote.seen().len(), 1);
    let shown = format!("{error} {error:?}");
    assert!(
        !shown.contains("canary") && !shown.contains("Ym9i"),
        "{shown}"
    );
}

#[test]
fn a_mirror_may_live_and_end_inside_an_async_program() {
    let (_repository, first, remote) = served();
    let trusted = Credentials::none().with_authority(&remote.authority);
    let followed = Followed::new(remote.url());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async move {
        let look = move || (followed.tip(&trusted, "master"), followed);
        let (tip, followed) = tokio::task::spawn_blocking(look).await.unwrap();
        assert_eq!(tip, Some(first));
        drop(followed);
    });
}

#[test]
fn many_threads_share_one_mirror() {
    let (repository, first, remote) = served();
    let trusted = Credentials::none().with_authority(&remote.authority);
    let limits = source::Limits {
        packs: 2,
        ..source::Limits::default()
    };
    let followed = Followed::limited(remote.url(), limits);
    let names = ["a", "b", "c", "d"];
    let tips = names.map(|name| repository.commit(name, Some(first), &[("a.yaml", name)]));
    std::thread::scope(|scope| {
        for (name, tip) in names.into_iter().zip(tips) {
            let (followed, trusted) = (&followed, &trusted);
            scope.spawn(move || {
                assert_eq!(followed.tip(trusted, name), Some(tip));
                let all = wanted(&[(name, tip)]);
                followed.mirror.fetch(trusted, &all, &GO).unwrap();
                assert_eq!(
                    text(&followed.mirror.snapshot(&tip).unwrap(), "a.yaml"),
                    name
                );
            });
        }
    });
}
