//! Data for programs.

use std::io::{self, Write};

use serde::Serialize;

/// Writes indented JSON and a line end.
pub(crate) fn json(out: &mut impl Write, data: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, data)?;
    writeln!(out)
}

/// Writes YAML.
pub(crate) fn yaml(out: &mut impl Write, data: &impl Serialize) -> io::Result<()> {
    let text = serde_yaml::to_string(data).map_err(io::Error::other)?;
    out.write_all(text.as_bytes())
}
