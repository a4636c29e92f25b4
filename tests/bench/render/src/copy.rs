//! The least that a render could cost: reading YAML and writing it again.

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use krm::SourceId;
use krm::yaml::{self, Limits};

/// Reads `file` and prints it.
pub(crate) fn run(file: &Path) -> Result<()> {
    let limits = Limits {
        documents: usize::MAX,
        ..Limits::default()
    };
    let objects = yaml::read(&std::fs::read(file)?, SourceId::default(), &limits)?;
    let text = yaml::write(&objects)?;
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}
