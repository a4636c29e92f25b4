//! `driftless schema`: the CRDs this program was built with, ready for `kubectl apply -f -`.

use std::io::Write as _;

use crate::context::Context;
use crate::error::{Exit, Explain, Failure};

/// A CRD could not be written as YAML.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the schema")]
struct SchemaError(#[source] serde_yaml::Error);

impl Explain for SchemaError {}

/// Prints them.
pub(super) fn run(context: &Context) -> Result<Exit, Failure> {
    let mut out = context.out();
    for (_, text) in api::schema::files().map_err(SchemaError)? {
        write!(out, "---\n{text}")?;
    }
    Ok(Exit::Good)
}
