//! `IAMPolicyGenerator`: a service account that acts as one of Google Cloud.

use krm::{Map, Node, Pos};

use crate::resource::Resource;

/// Which accounts.
#[derive(Clone, Debug, Default)]
pub(crate) struct IamSpec {
    pub(crate) pos: Pos,
    /// Of the Kubernetes service account.
    pub(crate) name: String,
    /// Of the Kubernetes service account; empty for none.
    pub(crate) namespace: String,
    /// Of the cloud's service account.
    pub(crate) account: String,
    pub(crate) project: String,
}

pub(super) fn make(spec: &IamSpec) -> Resource {
    let mut map = Map::new();
    map.push("apiVersion", Node::string("v1", spec.pos));
    map.push("kind", Node::string("ServiceAccount", spec.pos));
    let mut object = Node::map(map, spec.pos);
    let account = format!("{}@{}.iam.gserviceaccount.com", spec.account, spec.project);
    object.set_annotation("iam.gke.io/gcp-service-account", &account, spec.pos);
    object.set_name(&spec.name, spec.pos);
    if !spec.namespace.is_empty() {
        object.set_namespace(&spec.namespace, spec.pos);
    }
    Resource::new(object)
}
