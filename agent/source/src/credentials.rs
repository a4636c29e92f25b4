//! What a server is shown to let us read, as it stands in a Secret.
//!
//! Values never leave through `Debug`, `Display` or an error; keys do, since they help and are no secret.

use std::{collections::BTreeMap, fmt};

use sha2::{Digest, Sha256};

/// How to authenticate, and whose certificates to trust.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    pub(crate) method: Method,
    pub(crate) authority: Option<String>,
}

#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) enum Method {
    #[default]
    None,
    Basic {
        username: String,
        password: String,
    },
    Bearer {
        token: String,
    },
    Ssh {
        identity: String,
        known_hosts: String,
    },
}

/// What is wrong with a Secret. All of it is reported.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{}", .0.join("; "))]
pub struct CredentialsError(Vec<String>);

impl Credentials {
    /// Nothing to show; public repositories and files.
    pub fn none() -> Self {
        Self::default()
    }

    /// A user name with a password or token.
    pub fn basic(username: impl Into<String>, password: impl Into<String>) -> Self {
        let (username, password) = (username.into(), password.into());
        Self {
            method: Method::Basic { username, password },
            authority: None,
        }
    }

    /// A token for `Authorization: Bearer`.
    pub fn bearer(token: impl Into<String>) -> Self {
        Self {
            method: Method::Bearer {
                token: token.into(),
            },
            authority: None,
        }
    }

    /// A private key, and the host keys we accept.
    pub fn ssh(identity: impl Into<String>, known_hosts: impl Into<String>) -> Self {
        let (identity, known_hosts) = (identity.into(), known_hosts.into());
        Self {
            method: Method::Ssh {
                identity,
                known_hosts,
            },
            authority: None,
        }
    }

    /// Trusts servers certified by these PEM certificates, and no others.
    #[must_use]
    pub fn with_authority(mut self, pem: impl Into<String>) -> Self {
        self.authority = Some(pem.into());
        self
    }

    /// Reads the data of a Secret: `username` + `password`, `bearerToken`, or `identity` + `known_hosts`
    /// (also under the names of Kubernetes' own types), and `ca.crt` beside any of them.
    pub fn from_secret(data: &BTreeMap<String, Vec<u8>>) -> Result<Self, CredentialsError> {
        let mut secret = Secret {
            data,
            faults: Vec::new(),
        };
        let username = secret.word("username");
        let password = secret.word("password");
        let token = secret.word("bearerToken");
        let identity = secret
            .text("identity")
            .or_else(|| secret.text("ssh-privatekey"));
        let known_hosts = secret.text("known_hosts");
        let authority = secret.text("ca.crt");
        if authority
            .as_deref()
            .is_some_and(|pem| !pem.contains("-----BEGIN CERTIFICATE-----"))
        {
            secret.fault("key \"ca.crt\" holds no PEM certificate");
        }
        if username.as_deref().is_some_and(|name| name.contains(':')) {
            secret.fault("key \"username\" holds a colon, which HTTP cannot carry");
        }
        let pairs = [
            (
                "username",
                username.is_some(),
                "password",
                password.is_some(),
            ),
            (
                "identity",
                identity.is_some(),
                "known_hosts",
                known_hosts.is_some(),
            ),
        ];
        for (one, has_one, other, has_other) in pairs {
            match (has_one, has_other) {
                (true, false) => secret.missing(other, one),
                (false, true) => secret.missing(one, other),
                _ => {}
            }
        }
        let kinds = [username.is_some(), token.is_some(), identity.is_some()];
        if kinds.iter().filter(|is| **is).count() > 1 {
            secret.fault("it holds more than one kind of credential; keep one of username + password, bearerToken, identity + known_hosts");
        }
        if !kinds.contains(&true) && authority.is_none() {
            let keys: Vec<String> = data.keys().map(|key| format!("{key:?}")).collect();
            let keys = if keys.is_empty() {
                "none".into()
            } else {
                keys.join(", ")
            };
            secret.fault(format!("it needs username + password, bearerToken, or identity + known_hosts; its keys are: {keys}"));
        }
        secret.end()?;
        let method = match (username.zip(password), token, identity.zip(known_hosts)) {
            (Some((username, password)), ..) => Method::Basic { username, password },
            (_, Some(token), _) => Method::Bearer { token },
            (.., Some((identity, known_hosts))) => Method::Ssh {
                identity,
                known_hosts,
            },
            _ => Method::None,
        };
        Ok(Self { method, authority })
    }

    /// Differs whenever anything in here does; for telling whether a connection may be used again.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let fields: [&str; 4] = match &self.method {
            Method::None => ["none", "", "", ""],
            Method::Basic { username, password } => ["basic", username, password, ""],
            Method::Bearer { token } => ["bearer", token, "", ""],
            Method::Ssh {
                identity,
                known_hosts,
            } => ["ssh", identity, known_hosts, ""],
        };
        let mut hash = Sha256::new();
        for field in fields
            .into_iter()
            .chain([self.authority.as_deref().unwrap_or_default()])
        {
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field);
        }
        hash.finalize().into()
    }
}

struct Secret<'a> {
    data: &'a BTreeMap<String, Vec<u8>>,
    faults: Vec<String>,
}

impl Secret<'_> {
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

    fn end(self) -> Result<(), CredentialsError> {
        match self.faults.is_empty() {
            true => Ok(()),
            false => Err(CredentialsError(self.faults)),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.method {
            Method::None => "None",
            Method::Basic { .. } => "Basic",
            Method::Bearer { .. } => "Bearer",
            Method::Ssh { .. } => "Ssh",
        };
        write!(
            f,
            "Credentials({kind}, authority: {})",
            self.authority.is_some()
        )
    }
}

#[cfg(test)]
mod tests;
