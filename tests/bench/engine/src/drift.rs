//! From an edit by somebody else to its repair.

use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::PATIENCE;
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use lab::{
    audit::{Entries, Entry},
    eventually,
};
use serde_json::json;

use crate::{
    commit::{Site, since},
    load::Object,
    table::{Table, millis, percentile},
};

/// Edits measured, each of another object.
const EDITS: usize = 100;
/// Coprime to the number of objects: steps of it visit all of them in no obvious order.
const STRIDE: usize = 317;
/// Who edits.
const EDITOR: &str = "kubectl-edit";

/// Edits objects here and there, one after the other, and waits for each to be put back.
pub(crate) async fn measure(site: &Site) -> Result<Table> {
    let mark = site.shop.mark()?;
    for number in 0..EDITS {
        edit(site, &site.objects[number * STRIDE % site.objects.len()]).await?;
    }
    let log = site.shop.world.control_plane.audit().since(mark)?;
    let log = log.within(&site.shop.namespace).writes();
    let edits = log.only(|entry| entry.manager == EDITOR);
    let times: Vec<_> = edits
        .iter()
        .map(|edit| repair(&log, edit))
        .collect::<Result<_>>()?;
    let title = "Drift: from the answer to the edit to the answer to the repair";
    let mut table = Table::new(title, ["edits", "p50", "p99", "worst"]);
    table.row(vec![
        times.len().to_string(),
        millis(percentile(&times, 50)),
        millis(percentile(&times, 99)),
        millis(percentile(&times, 100)),
    ]);
    Ok(table)
}

/// One edit; returns when it has been put back.
async fn edit(site: &Site, object: &Object) -> Result<()> {
    let params = PatchParams {
        field_manager: Some(EDITOR.to_owned()),
        ..PatchParams::default()
    };
    let deployments: Api<Deployment> =
        Api::namespaced(site.shop.client.clone(), &site.shop.namespace);
    let maps = site.shop.maps();
    let name = &object.name;
    if object.is_deployment {
        let change = json!({ "spec": { "replicas": 7 } });
        deployments
            .patch(name, &params, &Patch::Merge(change))
            .await?;
    } else {
        let change = json!({ "data": { "colour": "green" } });
        maps.patch(name, &params, &Patch::Merge(change)).await?;
    }
    let repaired = eventually(PATIENCE, || async {
        let is_edited = match object.is_deployment {
            true => deployments
                .get(name)
                .await?
                .spec
                .is_some_and(|spec| spec.replicas == Some(7)),
            false => maps
                .get(name)
                .await?
                .data
                .is_some_and(|data| data["colour"] == "green"),
        };
        anyhow::ensure!(!is_edited, "{name} is not repaired");
        Ok(())
    });
    Ok(repaired.await?)
}

fn repair(log: &Entries, edit: &Entry) -> Result<Duration> {
    let repairs = log.named(&edit.name).of(&edit.resource);
    let repair = repairs
        .iter()
        .find(|entry| entry.manager != EDITOR && entry.succeeded() && entry.written > edit.written);
    since(
        edit.written,
        repair.context("the log has no repair")?.written,
    )
}
