//! Credentials out of a Secret's data, with everything that is wrong about it said at once.

use std::collections::BTreeMap;

use super::{Credentials, CredentialsError, Method};

pub(super) fn read(data: &BTreeMap<String, Vec<u8>>) -> Result<Credentials, CredentialsError> {
    let mut secret = Secret {
        data,
        faults: Vec::new(),
    };
    let found = Found {
        username: secret.word("username"),
        password: secret.word("password"),
        token: secret.word("bearerToken"),
        identity: secret
            .text("identity")
            .or_else(|| secret.text("ssh-privatekey")),
        known_hosts: secret.text("known_hosts"),
        authority: secret.text("ca.crt"),
    };
    secret.judge(&found);
    match secret.faults.is_empty() {
        true => Ok(found.into_credentials()),
        false => Err(CredentialsError(secret.faults)),
    }
}

struct Secret<'a> {
    data: &'a BTreeMap<String, Vec<u8>>,
    faults: Vec<String>,
}

struct Found {
    username: Option<String>,
    password: Option<String>,
    token: Option<String>,
    identity: Option<String>,
    known_hosts: Option<String>,
    authority: Option<String>,
}

impl Secret<'_> {
    /// Says what is missing or odd about the keys taken together.
    fn judge(&mut self, found: &Found) {
        let pem = found.authority.as_deref();
        if pem.is_some_and(|pem| !pem.contains("-----BEGIN CERTIFICATE-----")) {
            self.fault("key \"ca.crt\" holds no PEM certificate");
        }
        if found
            .username
            .as_deref()
            .is_some_and(|name| name.contains(':'))
        {
            self.fault("key \"username\" holds a colon, which HTTP cannot carry");
        }
        self.pair(("username", &found.username), ("password", &found.password));
        self.pair(
            ("identity", &found.identity),
            ("known_hosts", &found.known_hosts),
        );
        let kinds = [&found.username, &found.token, &found.identity];
        let kinds = kinds.iter().filter(|kind| kind.is_some()).count();
        if kinds > 1 {
            self.fault("it holds more than one kind of credential; keep one of username + password, bearerToken, identity + known_hosts");
        }
        if kinds == 0 && found.authority.is_none() {
            let keys: Vec<String> = self.data.keys().map(|key| format!("{key:?}")).collect();
            let keys = if keys.is_empty() {
                "none".into()
            } else {
                keys.join(", ")
            };
            self.fault(format!("it needs username + password, bearerToken, or identity + known_hosts; its keys are: {keys}"));
        }
    }

    fn pair(&mut self, one: (&str, &Option<String>), other: (&str, &Option<String>)) {
        match (one.1, other.1) {
            (Some(_), None) => self.missing(other.0, one.0),
            (None, Some(_)) => self.missing(one.0, other.0),
            _ => {}
        }
    }

    fn fault(&mut self, text: impl Into<String>) {
        self.faults.push(text.into());
    }

    fn missing(&mut self, key: &str, beside: &str) {
        // A key that is there but unreadable has been reported already.
        if !self.data.contains_key(key) {
            self.fault(format!("key {key:?} is missing beside {beside:?}"));
        }
    }

    /// A text that may have lines.
    fn text(&mut self, key: &str) -> Option<String> {
        let bytes = self.data.get(key)?;
        match std::str::from_utf8(bytes) {
            Ok(text) if text.trim().is_empty() => self.fault(format!("key {key:?} is empty")),
            Ok(text) if text.contains('\0') => self.fault(format!("key {key:?} holds a zero byte")),
            Ok(text) => return Some(text.to_owned()),
            Err(_) => self.fault(format!("key {key:?} is not UTF-8 text")),
        }
        None
    }

    /// One line; the line end that editors and `echo` leave is no part of it.
    fn word(&mut self, key: &str) -> Option<String> {
        let text = self.text(key)?;
        let word = text.trim_end_matches(['\r', '\n']);
        if word.contains(char::is_control) {
            self.fault(format!("key {key:?} holds a control character"));
            return None;
        }
        Some(word.to_owned())
    }
}

impl Found {
    fn into_credentials(self) -> Credentials {
        let basic = self.username.zip(self.password);
        let ssh = self.identity.zip(self.known_hosts);
        let method = match (basic, self.token, ssh) {
            (Some((username, password)), ..) => Method::Basic { username, password },
            (_, Some(token), _) => Method::Bearer { token },
            (.., Some((identity, known_hosts))) => Method::Ssh {
                identity,
                known_hosts,
            },
            _ => Method::None,
        };
        Credentials {
            method,
            authority: self.authority,
        }
    }
}
