//! Everything about the crate that is tested from outside.
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]

mod conformance;
mod generate;
mod hostile;
mod kustomize;
mod laws;
mod patches;
mod table;

use krm::{Node, SourceId, yaml};

/// Reads `text` as a manifest with the default limits.
fn read(text: &str) -> Result<Vec<Node>, yaml::YamlError> {
    yaml::read(text.as_bytes(), SourceId(0), &yaml::Limits::default())
}

/// Reads and prints `text`; the error as text.
fn reprint(text: &str) -> Result<String, String> {
    let nodes = read(text).map_err(|error| error.to_string())?;
    yaml::write(&nodes).map_err(|error| error.to_string())
}
