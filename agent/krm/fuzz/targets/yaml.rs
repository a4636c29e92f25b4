//! Any bytes: reading ends without a panic, and what it reads is printed as something that reads again.
#![no_main]

use krm::{SourceId, json, yaml};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = yaml::Limits {
        alias_bytes: 1 << 20,
        nodes: 100_000,
        ..yaml::Limits::default()
    };
    let _ = yaml::read_settings(bytes, SourceId(0), &limits);
    let Ok(nodes) = yaml::read(bytes, SourceId(0), &limits) else {
        return;
    };
    let values: Vec<_> = nodes.iter().map(json::to_value).collect();
    let Ok(text) = yaml::write(&nodes) else {
        return;
    };
    values.iter().flatten().for_each(|value| drop(json::digest(value)));
    // A block that ends in one of these is not closed by a line break, as in kustomize: what follows joins its last line.
    if text.contains(['\u{85}', '\u{2028}', '\u{2029}']) {
        return;
    }
    let again = yaml::read(text.as_bytes(), SourceId(0), &yaml::Limits::default());
    assert!(again.is_ok(), "printed what does not read: {again:?}");
});
