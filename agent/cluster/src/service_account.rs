//! Whose rights are borrowed: a service account that surely has a name.
//!
//! An empty impersonation header means "nobody is impersonated" to the API server, which would lend a tenant the
//! agent's own rights. This type cannot be empty, so such a header cannot be written.

use std::fmt;

/// A service account in a namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceAccount {
    namespace: String,
    name: String,
}

/// The name of a service account or of its namespace cannot be one.
#[derive(Debug, thiserror::Error)]
#[error("{what} {name:?} is not a valid name: lower case letters, digits, '-' and '.' only")]
pub struct InvalidServiceAccount {
    what: &'static str,
    name: String,
}

impl ServiceAccount {
    /// Checks both names.
    pub fn new(namespace: &str, name: &str) -> Result<Self, InvalidServiceAccount> {
        let refused = |what, name: &str| InvalidServiceAccount {
            what,
            name: name.to_owned(),
        };
        if namespace.len() > 63 || namespace.contains('.') || !is_dns_name(namespace) {
            return Err(refused("namespace", namespace));
        }
        if !is_dns_name(name) {
            return Err(refused("service account", name));
        }
        Ok(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    /// Its namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// `system:serviceaccount:shop:deployer`
impl fmt::Display for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "system:serviceaccount:{}:{}", self.namespace, self.name)
    }
}

/// A DNS subdomain, as the API server asks of names.
fn is_dns_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let label = |label: &str| {
        let bytes = label.as_bytes();
        let ends =
            bytes.first().copied().is_some_and(inner) && bytes.last().copied().is_some_and(inner);
        ends && bytes.iter().all(|byte| inner(*byte) || *byte == b'-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_every_name_that_would_lend_other_rights() {
        for (namespace, name) in [
            ("", "deployer"),
            ("shop", ""),
            ("shop", " "),
            ("shop:kube-system", "x"),
            ("shop", "a:b"),
            ("shop", "a\r\nImpersonate-Group: system:masters"),
            ("Shop", "deployer"),
            ("a.b", "deployer"),
            ("shop", "-x"),
            ("shop", "x."),
        ] {
            assert!(
                ServiceAccount::new(namespace, name).is_err(),
                "{namespace:?}/{name:?}"
            );
        }
    }

    #[test]
    fn says_the_user_name_the_api_server_knows() {
        let account = ServiceAccount::new("shop", "deployer.v2").unwrap();
        assert_eq!(
            account.to_string(),
            "system:serviceaccount:shop:deployer.v2"
        );
    }
}
