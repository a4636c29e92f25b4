//! A kind as the API server serves it, and the addresses of its objects.

use std::fmt::Write as _;

use krm::{Gvk, ObjectId};

/// A kind that the API server serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Group, version and kind.
    pub gvk: Gvk,
    /// `deployments`
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// `get`, `list`, `watch`, `patch`, …
    pub verbs: Vec<String>,
}

impl Resource {
    /// The id of one of its objects.
    pub fn id(&self, namespace: &str, name: &str) -> ObjectId {
        let namespace = if self.namespaced { namespace } else { "" };
        ObjectId {
            group: self.gvk.group.clone(),
            kind: self.gvk.kind.clone(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// True if objects of this kind are Secrets, whose contents stay where they are.
    pub fn is_secret(&self) -> bool {
        self.gvk.kind == "Secret" && self.gvk.group.is_empty()
    }

    /// True if it can be asked for this.
    pub fn can(&self, verb: &str) -> bool {
        self.verbs.iter().any(|known| known == verb)
    }

    /// The address of one object.
    pub(crate) fn object_path(&self, namespace: &str, name: &str) -> String {
        let mut path = self.collection_path(Some(namespace));
        path.push('/');
        escape_into(&mut path, name);
        path
    }

    /// The address of all objects, of a namespace or of all.
    pub(crate) fn collection_path(&self, namespace: Option<&str>) -> String {
        let mut path = group_version_path(&self.gvk);
        if let Some(namespace) = namespace.filter(|_| self.namespaced) {
            path.push_str("/namespaces/");
            escape_into(&mut path, namespace);
        }
        path.push('/');
        path.push_str(&self.plural);
        path
    }
}

/// `/apis/apps/v1`, `/api/v1`
pub(crate) fn group_version_path(gvk: &Gvk) -> String {
    let mut path = String::from(if gvk.group.is_empty() {
        "/api/"
    } else {
        "/apis/"
    });
    if !gvk.group.is_empty() {
        escape_into(&mut path, &gvk.group);
        path.push('/');
    }
    escape_into(&mut path, &gvk.version);
    path
}

/// Appends `text` so that it can be nothing but one segment of a path or one value of a query.
pub(crate) fn escape_into(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => out.push(byte.into()),
            // A segment of dots alone would climb.
            b'.' if text.len() > 2 => out.push('.'),
            _ => write!(out, "%{byte:02X}")
                .expect("writing to a String cannot fail because it grows"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(api_version: &str, kind: &str, plural: &str, namespaced: bool) -> Resource {
        Resource {
            gvk: Gvk::new(api_version, kind),
            plural: plural.into(),
            namespaced,
            verbs: vec![],
        }
    }

    #[test]
    fn addresses_objects_of_every_kind() {
        let web = resource("apps/v1", "Deployment", "deployments", true);
        assert_eq!(
            web.object_path("shop", "web"),
            "/apis/apps/v1/namespaces/shop/deployments/web"
        );
        assert_eq!(web.collection_path(None), "/apis/apps/v1/deployments");
        let namespace = resource("v1", "Namespace", "namespaces", false);
        assert_eq!(namespace.object_path("", "shop"), "/api/v1/namespaces/shop");
    }

    #[test]
    fn no_name_can_leave_its_segment() {
        let role = resource(
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            "clusterroles",
            false,
        );
        let path = role.object_path("", "../secrets?x=y#");
        assert!(
            path.ends_with("/clusterroles/..%2Fsecrets%3Fx%3Dy%23"),
            "{path}"
        );
        assert!(role.object_path("", "..").ends_with("/%2E%2E"));
    }
}
