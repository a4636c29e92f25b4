//! The rules. Each names what breaks it and how to mend it.

#[path = "all/documents.rs"]
mod documents;
#[path = "all/shape.rs"]
mod shape;
#[path = "all/walls.rs"]
mod walls;

/// Fails with one line for each offence.
fn none(rule: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{rule}\n  {}\n", offences.join("\n  "));
}
