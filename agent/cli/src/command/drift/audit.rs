//! `driftless drift --audit`: has the agent compare all objects with a dry run, and shows what its watch had missed.

use std::io::Write as _;
use std::time::Duration;

use api::names::AUDIT_AT;
use api::v1alpha1::{AuditStatus, Environment};
use kube::api::{Patch, PatchParams};
use kube::runtime::wait::await_condition;
use serde_json::json;

use crate::connect::Link;
use crate::context::Context;
use crate::environments;
use crate::error::{Exit, Explain, Failure};
use crate::request::{EDITOR, RequestError};
use crate::term::style;
use crate::term::table::{Cell, Table};

/// A dry run takes some milliseconds; this is enough for many thousands of objects.
const PATIENCE: Duration = Duration::from_mins(10);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum AuditError {
    #[error("the agent did not audit Environment `{0}` in time")]
    Silent(String),
    #[error("Environment `{0}` cannot be audited: {1}")]
    Unable(String, String),
}

impl Explain for AuditError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Silent(name) => Some(format!(
                "see what it is doing with `driftless status {name}`; an audit waits until a pass has gone well"
            )),
            Self::Unable(..) => None,
        }
    }
}

/// Asks, waits and shows.
pub(super) async fn run(name: &str, link: &Link, context: &Context) -> Result<Exit, Failure> {
    let asked = context.now().to_string();
    let patch = json!({ "metadata": { "annotations": { AUDIT_AT: asked } } });
    let params = PatchParams {
        field_manager: Some(EDITOR.to_owned()),
        ..PatchParams::default()
    };
    let environments = environments::within(link, false);
    environments
        .patch(name, &params, &Patch::<&serde_json::Value>::Merge(&patch))
        .await
        .map_err(|error| RequestError::new(error, &environments::title(name), link))?;
    let done = await_condition(environments, name, |environment: Option<&Environment>| {
        environment.is_some_and(|environment| answer(environment, &asked).is_some())
    });
    let answered = tokio::time::timeout(PATIENCE, done).await;
    let environment = answered.ok().and_then(Result::ok).flatten();
    let audit = environment.and_then(|environment| answer(&environment, &asked));
    let Some(audit) = audit else {
        return Err(AuditError::Silent(name.to_owned()).into());
    };
    if let Some(why) = audit.message {
        return Err(AuditError::Unable(name.to_owned(), why).into());
    }
    if !context.print(&audit)? {
        print(name, &audit, context)?;
    }
    Ok(match audit.missed {
        0 => Exit::Good,
        _ => Exit::Difference,
    })
}

fn answer(environment: &Environment, asked: &str) -> Option<AuditStatus> {
    let audit = environment.status.as_ref()?.audit.as_ref()?;
    (audit.request == asked).then(|| audit.clone())
}

fn print(name: &str, audit: &AuditStatus, context: &Context) -> Result<(), Failure> {
    if !audit.entries.is_empty() {
        let mut table = Table::new(&["ENVIRONMENT", "OBJECT", "FIELD"]);
        for entry in &audit.entries {
            table.row(vec![
                Cell::new(name, style::HEAD),
                entry.object.clone().into(),
                entry.field.clone().into(),
            ]);
        }
        table.write(&mut context.out())?;
    }
    let (checked, missed) = (audit.checked, audit.missed);
    writeln!(
        context.talk(),
        "{checked} objects compared with a dry run; the watch had missed {missed}"
    )?;
    Ok(())
}
