//! The CRDs as files: `deploy/crds/` is written from the types, and a test fails when it is stale.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;

use crate::v1alpha1::{Environment, Inventory, Release, Strategy};

/// Every CRD, in the order of the files.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![
        Environment::crd(),
        Inventory::crd(),
        Release::crd(),
        Strategy::crd(),
    ]
}

/// File name and text of every CRD.
pub fn files() -> Result<Vec<(String, String)>, serde_yaml::Error> {
    crds()
        .into_iter()
        .map(|crd| {
            let name = format!("{}.yaml", crd.spec.names.plural);
            Ok((
                name,
                format!(
                    "# Generated from agent/api; do not edit.\n{}",
                    serde_yaml::to_string(&crd)?
                ),
            ))
        })
        .collect()
}
