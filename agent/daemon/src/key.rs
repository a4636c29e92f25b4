//! Which Environment.

use std::fmt;

use api::{names, v1alpha1::Environment};
use kube::ResourceExt as _;

/// Namespace and name of an Environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EnvironmentKey {
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
}

impl EnvironmentKey {
    /// The key of `environment`.
    pub(crate) fn of(environment: &Environment) -> Self {
        Self {
            namespace: environment.namespace().unwrap_or_default(),
            name: environment.name_any(),
        }
    }

    /// The key that is written so: `shop/production`.
    pub(crate) fn parse(text: &str) -> Self {
        let (namespace, name) = text.split_once('/').unwrap_or(("", text));
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Another Environment in the same namespace.
    #[must_use]
    pub(crate) fn beside(&self, name: &str) -> Self {
        Self {
            namespace: self.namespace.clone(),
            name: name.to_owned(),
        }
    }

    /// The value of the label that its objects carry.
    pub(crate) fn label(&self) -> String {
        names::environment_label(&self.namespace, &self.name)
    }
}

/// `shop/production`
impl fmt::Display for EnvironmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
