//! `driftless approve`: shows the plan that waits, and lets exactly that plan through.
//!
//! The approval names the plan by its digest. If git or the cluster moves on, the plan is another one, and the
//! approval is worth nothing.

use std::io::Write as _;

use api::names::APPROVED_PLAN;
use api::v1alpha1::{Environment, PendingPlan};
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::args::Approve;
use crate::connect::{Link, connect};
use crate::context::Context;
use crate::environments;
use crate::error::{Exit, Explain, Failure};
use crate::request::{EDITOR, RequestError};
use crate::term::{short, style};

/// The fewest characters that name a plan.
const SHORTEST: usize = 8;

/// The plan that was named is not the one that waits.
#[derive(Debug, thiserror::Error)]
#[error("plan `{wanted}` of Environment `{name}` does not wait for approval")]
struct OtherPlan {
    name: String,
    wanted: String,
}

impl Explain for OtherPlan {
    fn hint(&self) -> Option<String> {
        Some(format!(
            "`driftless approve {}` shows what waits now",
            self.name
        ))
    }

    fn exit(&self) -> Exit {
        Exit::Difference
    }
}

/// Shows, or approves.
pub(super) async fn run(args: &Approve, context: &Context) -> Result<Exit, Failure> {
    let link = connect(context).await?;
    let environment = environments::get(&link, &args.name).await?;
    let pending = environment.status.and_then(|status| status.pending);
    let Some(wanted) = &args.plan else {
        show(pending.as_ref(), args, context)?;
        return Ok(match pending {
            Some(_) => Exit::Difference,
            None => Exit::Good,
        });
    };
    let plan = pending
        .filter(|plan| names(wanted, &plan.digest))
        .ok_or_else(|| OtherPlan {
            name: args.name.clone(),
            wanted: wanted.clone(),
        })?;
    approve(&args.name, &plan, &link).await?;
    if !context.print(&plan)? {
        writeln!(context.out(), "{}: approved {}", args.name, plan.digest)?;
    }
    Ok(Exit::Good)
}

/// Whether `wanted` is `digest` or its beginning, with or without `sha256:`.
fn names(wanted: &str, digest: &str) -> bool {
    let bare = |text: &str| text.trim_start_matches("sha256:").to_owned();
    let (wanted, digest) = (bare(wanted), bare(digest));
    wanted.len() >= SHORTEST && digest.starts_with(&wanted)
}

fn show(pending: Option<&PendingPlan>, args: &Approve, context: &Context) -> Result<(), Failure> {
    let name = &args.name;
    if context.print(&pending)? {
        return Ok(());
    }
    let Some(plan) = pending else {
        return Ok(writeln!(
            context.talk(),
            "{name}: nothing waits for approval"
        )?);
    };
    let mut out = context.out();
    let bad = style::BAD;
    writeln!(
        out,
        "{name}: revision {} waits: {}",
        short(&plan.revision),
        plan.message
    )?;
    for object in &plan.objects {
        writeln!(out, "{bad}-{bad:#} {object}")?;
    }
    out.flush()?;
    let digest = &plan.digest;
    Ok(writeln!(
        context.talk(),
        "approve with `driftless approve {name} --plan {digest}`"
    )?)
}

async fn approve(name: &str, plan: &PendingPlan, link: &Link) -> Result<Environment, RequestError> {
    let patch = json!({ "metadata": { "annotations": { APPROVED_PLAN: plan.digest } } });
    let params = PatchParams {
        field_manager: Some(EDITOR.to_owned()),
        ..PatchParams::default()
    };
    environments::within(link, false)
        .patch(name, &params, &Patch::<&serde_json::Value>::Merge(&patch))
        .await
        .map_err(|error| RequestError::new(error, &environments::title(name), link))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_named_by_enough_of_its_digest() {
        let digest = "sha256:0123456789abcdef";
        assert!(
            names(digest, digest) && names("01234567", digest) && names("sha256:01234567", digest)
        );
        assert!(!names("0123456", digest) && !names("", digest) && !names("123456789", digest));
    }
}
