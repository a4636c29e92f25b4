//! What a server is shown to let us read, as it stands in a Secret.
//!
//! Values never leave through `Debug`, `Display` or an error; keys do, since they help and are no secret.

mod secret;

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
        secret::read(data)
    }

    /// Differs whenever anything in here does; for telling whether a connection may be used again.
    pub fn digest(&self) -> [u8; 32] {
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
