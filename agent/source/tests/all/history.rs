//! Who, when, what, and which came first.

use crate::repository::{Followed, Repository};
use source::{HistoryError, Revision};

#[test]
fn a_commit_tells_its_facts() {
    let (repository, first) = Repository::with(&[("a", "1")]);
    let second = repository.commit("master", Some(first), &[("a", "2")]);
    let commit = Followed::new(repository.url())
        .mirror
        .commit(&second)
        .unwrap();
    assert_eq!(commit.revision, second);
    assert_eq!(
        (commit.author.as_str(), commit.author_email.as_str()),
        ("Ada", "ada@example.com")
    );
    assert_eq!(commit.committer, "Grace");
    assert_eq!((commit.time, commit.offset), (1_700_000_060, 7200));
    assert_eq!(commit.subject, "web: raise the tag");
    assert_eq!(commit.parents, [first]);
}

#[test]
fn hostile_texts_arrive_on_one_plain_line() {
    let (repository, _) = Repository::with(&[("a", "1")]);
    let tree = repository.git(&["rev-parse", "master^{tree}"], "");
    let raw = format!(
        "tree {tree}\nauthor E\u{1b}[31mve <e@x> 1700000000 +0000\ncommitter C <c@x> 1700000000 +0000\n\nred \u{1b}]0;title\u{7}\u{9b}x\r\nbody\n"
    );
    let id = repository.git(&["hash-object", "-t", "commit", "-w", "--stdin"], &raw);
    let revision = Revision::parse(&id).unwrap();
    let commit = Followed::new(repository.url())
        .mirror
        .commit(&revision)
        .unwrap();
    let shown = format!("{}{}{}", commit.author, commit.committer, commit.subject);
    assert!(!shown.contains(char::is_control), "{shown:?}");
}

#[test]
fn a_revert_descends_and_a_rewrite_does_not() {
    let (repository, first) = Repository::with(&[("a", "1")]);
    let second = repository.commit("master", Some(first), &[("a", "2")]);
    let revert = repository.commit("master", Some(second), &[("a", "1")]);
    let sibling = repository.commit("other", Some(first), &[("a", "3")]);
    let unrelated = repository.commit("else", None, &[("a", "4")]);
    let mirror = Followed::new(repository.url()).mirror;
    for (new, old, is) in [
        (revert, second, true),
        (revert, first, true),
        (second, second, true),
        (first, second, false),
        (sibling, second, false),
        (unrelated, second, false),
    ] {
        assert_eq!(mirror.descends(&new, &old), Ok(is), "{new} {old}");
    }
    let unknown = Revision::parse(&"1".repeat(40)).unwrap();
    assert_eq!(
        mirror.descends(&second, &unknown),
        Err(HistoryError::Missing(unknown))
    );
    assert_eq!(mirror.commit(&unknown), Err(HistoryError::Missing(unknown)));
}

#[test]
fn the_log_is_what_came_since() {
    let (repository, first) = Repository::with(&[("a", "0")]);
    let mut line = vec![first];
    for text in ["1", "2", "3"] {
        let last = line.last().copied();
        line.push(repository.commit("master", last, &[("a", text)]));
    }
    let mirror = Followed::new(repository.url()).mirror;
    let log = |after: Option<&Revision>, most| -> Vec<Revision> {
        let found = mirror.log(after, &line[3], most).unwrap();
        found.into_iter().map(|commit| commit.revision).collect()
    };
    assert_eq!(log(Some(&line[1]), 10), [line[3], line[2]]);
    assert_eq!(log(None, 10), [line[3], line[2], line[1], line[0]]);
    assert_eq!(log(None, 2), [line[3], line[2]]);
    assert_eq!(log(Some(&line[3]), 10), []);
    // After a rewrite, the log ends where both lines meet.
    let other = repository.commit("master", Some(line[1]), &[("a", "x")]);
    assert_eq!(log(Some(&other), 10), [line[3], line[2]]);
}
