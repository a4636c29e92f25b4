//! Releases of an Environment, as the commands need them: newest first, and found by number or name.

use api::v1alpha1::{Phase, Release};
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};

use crate::connect::Link;
use crate::environments;
use crate::error::Explain;
use crate::request::RequestError;

/// No Release fits.
#[derive(Debug, thiserror::Error)]
#[error("Environment `{environment}` has no Release `{wanted}`")]
pub(crate) struct UnknownRelease {
    environment: String,
    wanted: String,
    newest: Option<u64>,
}

impl Explain for UnknownRelease {
    fn hint(&self) -> Option<String> {
        let name = &self.environment;
        Some(match self.newest {
            Some(newest) => {
                format!("the newest is {newest}; `driftless history {name}` lists them")
            }
            None => "it has none at all yet".to_owned(),
        })
    }
}

/// Those of the Environment `name`, newest first. Fails if there is no such Environment.
pub(crate) async fn of(link: &Link, name: &str) -> Result<Vec<Release>, RequestError> {
    let all: Api<Release> = Api::namespaced(link.client.clone(), &link.namespace);
    let mut found = all
        .list(&ListParams::default())
        .await
        .map_err(|error| RequestError::new(error, "Releases", link))?
        .items;
    found.retain(|release| release.spec.environment == name);
    if found.is_empty() {
        environments::get(link, name).await?;
    }
    found.sort_by_key(|release| std::cmp::Reverse(release.spec.number));
    Ok(found)
}

/// The Release whose number or name is `wanted`.
pub(crate) fn find<'a>(
    releases: &'a [Release],
    environment: &str,
    wanted: &str,
) -> Result<&'a Release, UnknownRelease> {
    let number = wanted.trim_start_matches('#').parse::<u64>().ok();
    releases
        .iter()
        .find(|release| Some(release.spec.number) == number || release.name_any() == wanted)
        .ok_or_else(|| UnknownRelease {
            environment: environment.to_owned(),
            wanted: wanted.to_owned(),
            newest: releases.first().map(|release| release.spec.number),
        })
}

/// Whether `release` ended well.
pub(crate) fn healthy(release: &Release) -> bool {
    release.status.as_ref().and_then(|status| status.phase) == Some(Phase::Healthy)
}
