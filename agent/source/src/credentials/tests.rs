//! Secrets read and refused.

use super::*;

fn secret(pairs: &[(&str, &str)]) -> Result<Credentials, CredentialsError> {
    let data = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()))
        .collect();
    Credentials::from_secret(&data)
}

const CA: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

#[test]
fn reads_each_kind() {
    let basic = secret(&[("username", "bob\n"), ("password", "canary-1\r\n")]);
    assert_eq!(basic, Ok(Credentials::basic("bob", "canary-1")));
    let bearer = secret(&[("bearerToken", "canary-2"), ("ca.crt", CA)]);
    assert_eq!(
        bearer,
        Ok(Credentials::bearer("canary-2").with_authority(CA))
    );
    let ssh = secret(&[
        ("identity", "KEY\n"),
        ("known_hosts", "h ssh-ed25519 A\n"),
        ("identity.pub", "x"),
    ]);
    assert_eq!(ssh, Ok(Credentials::ssh("KEY\n", "h ssh-ed25519 A\n")));
    assert_eq!(
        secret(&[("ca.crt", CA)]),
        Ok(Credentials::none().with_authority(CA))
    );
}

#[test]
fn names_what_is_missing_or_odd() {
    let cases: [(&[(&str, &str)], &str); 8] = [
        (
            &[],
            "it needs username + password, bearerToken, or identity + known_hosts; its keys are: none",
        ),
        (&[("pasword", "x")], "its keys are: \"pasword\""),
        (
            &[("username", "bob")],
            "key \"password\" is missing beside \"username\"",
        ),
        (
            &[("identity", "k")],
            "key \"known_hosts\" is missing beside \"identity\"",
        ),
        (
            &[("username", "b"), ("password", " ")],
            "key \"password\" is empty",
        ),
        (
            &[("bearerToken", "a\nb")],
            "key \"bearerToken\" holds a control character",
        ),
        (
            &[("ca.crt", "hello")],
            "key \"ca.crt\" holds no PEM certificate",
        ),
        (
            &[("username", "b"), ("password", "c"), ("bearerToken", "d")],
            "more than one kind",
        ),
    ];
    for (pairs, text) in cases {
        let error = secret(pairs).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    let data = BTreeMap::from([("password".to_owned(), vec![0xff, 0xfe])]);
    let error = Credentials::from_secret(&data).unwrap_err().to_string();
    assert!(
        error.contains("key \"password\" is not UTF-8 text"),
        "{error}"
    );
}

#[test]
fn no_value_is_ever_shown() {
    let shown = [
        format!("{:?}", Credentials::basic("user-canary", "canary")),
        format!("{:?}", Credentials::ssh("canary", "canary")),
        secret(&[("password", "canary\u{1}"), ("ca.crt", "canary")])
            .unwrap_err()
            .to_string(),
    ];
    for text in shown {
        assert!(!text.contains("canary"), "{text}");
    }
}

#[test]
fn the_digest_tells_credentials_apart() {
    let all = [
        Credentials::none(),
        Credentials::basic("a", "bc"),
        Credentials::basic("ab", "c"),
        Credentials::bearer("a"),
        Credentials::none().with_authority("a"),
    ];
    let digests: std::collections::BTreeSet<_> = all.iter().map(Credentials::digest).collect();
    assert_eq!(digests.len(), all.len());
}
