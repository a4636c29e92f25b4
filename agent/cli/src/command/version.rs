//! `driftless version`.

use std::io::Write as _;

use serde::Serialize;

use crate::context::Context;
use crate::error::{Exit, Failure};

/// What this program is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    version: &'static str,
    /// The API version it reads and writes.
    api: &'static str,
}

/// Prints the version.
pub(super) fn run(context: &Context) -> Result<Exit, Failure> {
    let version = Version {
        version: env!("CARGO_PKG_VERSION"),
        api: "driftless.dev/v1alpha1",
    };
    if !context.print(&version)? {
        writeln!(
            context.out(),
            "driftless {} ({})",
            version.version,
            version.api
        )?;
    }
    Ok(Exit::Good)
}
