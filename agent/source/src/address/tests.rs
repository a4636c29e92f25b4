//! Addresses taken and refused.

use super::*;

#[test]
fn takes_the_usual_forms() {
    let cases = [
        (
            "https://git.example.com/acme/config.git",
            "https://git.example.com/acme/config.git",
        ),
        (
            "https://Git.Example.com:8443/a/",
            "https://git.example.com:8443/a",
        ),
        ("http://127.0.0.1:8080/a.git", "http://127.0.0.1:8080/a.git"),
        ("http://[::1]/a", "http://[::1]/a"),
        (
            "ssh://git@example.com/acme/config.git",
            "ssh://git@example.com/acme/config.git",
        ),
        ("ssh://example.com:2222/a", "ssh://git@example.com:2222/a"),
        ("ssh://example.com/~bob/a", "ssh://git@example.com/~bob/a"),
        (
            "git@github.com:acme/config.git",
            "git@github.com:acme/config.git",
        ),
        (
            "git@github.com:/srv/config.git",
            "ssh://git@github.com/srv/config.git",
        ),
        ("file:///srv/config%20repo", "file:///srv/config repo"),
        ("file://localhost/srv/a/", "file:///srv/a"),
    ];
    for (text, shown) in cases {
        assert_eq!(
            RepoUrl::parse(text).map(|url| url.to_string()),
            Ok(shown.to_owned()),
            "{text}"
        );
    }
}

#[test]
fn refuses_with_the_reason() {
    use AddressError as E;
    let cases = [
        ("https://bob:hunter2@example.com/a", E::Password),
        ("https://token@example.com/a", E::Password),
        ("ssh://git:pw@example.com/a", E::Password),
        ("http://example.com/a", E::Insecure),
        ("http://localhost.evil.example/a", E::Insecure),
        ("https://example.com/a?x=1", E::Query),
        ("https:///a", E::Path("it is empty")),
        ("https://example.com/", E::Path("it is empty")),
        ("ftp://example.com/a", E::Scheme),
        ("ext::sh -c touch", E::Character),
        ("ext::sh", E::Scheme),
        ("/srv/config", E::Scheme),
        ("example.com/a", E::Scheme),
        ("ssh://-oProxyCommand=x/a", E::Host),
        ("ssh://-l@example.com/a", E::Host),
        ("-x@example.com:a", E::Host),
        ("git@-x:a", E::Host),
        (
            "git@example.com:-a",
            E::Path("it starts with a dash or has a control character"),
        ),
        (
            "ssh://git@example.com/a%0ab",
            E::Path("it starts with a dash or has a control character"),
        ),
        (
            "file://host/a",
            E::Path("file:// needs an absolute path, as in file:///srv/config"),
        ),
        ("file:///a%zz", E::Path("its escapes are not UTF-8 text")),
        ("https://example.com/a\nb", E::Character),
        ("", E::Scheme),
    ];
    for (text, error) in cases {
        assert_eq!(RepoUrl::parse(text), Err(error), "{text}");
    }
}

#[test]
fn a_refusal_never_repeats_the_address() {
    let text = RepoUrl::parse("https://bob:hunter2@example.com/a")
        .unwrap_err()
        .to_string();
    assert!(!text.contains("hunter2") && !text.contains("bob"));
}
