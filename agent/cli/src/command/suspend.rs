//! `driftless suspend` and `driftless resume`: the switch in the spec.
//!
//! An Environment that lives in git itself is better switched there; this edit would be drift.

use std::io::Write as _;

use api::v1alpha1::Environment;
use kube::api::{Patch, PatchParams};
use serde::Serialize;
use serde_json::json;

use crate::args::Names;
use crate::connect::{Link, connect};
use crate::context::Context;
use crate::environments;
use crate::error::{Exit, Failure};
use crate::request::{EDITOR, RequestError};

/// What was done to one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Switched<'a> {
    name: &'a str,
    suspended: bool,
    changed: bool,
}

/// Sets `spec.suspend` to `suspend`.
pub(super) async fn run(args: &Names, suspend: bool, context: &Context) -> Result<Exit, Failure> {
    let link = connect(context).await?;
    let mut done = Vec::new();
    for name in &args.names {
        let changed = switch(name, suspend, &link).await?;
        done.push(Switched {
            name,
            suspended: suspend,
            changed,
        });
    }
    if !context.print(&done)? {
        let word = if suspend { "suspended" } else { "resumed" };
        let mut out = context.out();
        for Switched { name, changed, .. } in &done {
            match changed {
                true => writeln!(out, "{name}: {word}")?,
                false => writeln!(out, "{name}: already {word}")?,
            }
        }
    }
    Ok(Exit::Good)
}

/// Whether anything had to be changed.
async fn switch(name: &str, suspend: bool, link: &Link) -> Result<bool, RequestError> {
    let before = environments::get(link, name).await?;
    if before.spec.suspend == suspend {
        return Ok(false);
    }
    let patch = json!({ "spec": { "suspend": suspend } });
    environments::within(link, false)
        .patch(name, &editor(), &Patch::<&serde_json::Value>::Merge(&patch))
        .await
        .map(|_: Environment| true)
        .map_err(|error| RequestError::new(error, &environments::title(name), link))
}

fn editor() -> PatchParams {
    PatchParams {
        field_manager: Some(EDITOR.to_owned()),
        ..PatchParams::default()
    }
}
