//! Two documents, a JSON patch and an object: patching ends without a panic and within its budget.
#![no_main]

use krm::{SourceId, json6902::JsonPatch, yaml};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = yaml::Limits {
        alias_bytes: 1 << 16,
        nodes: 10_000,
        ..yaml::Limits::default()
    };
    let Ok(nodes) = yaml::read_settings(bytes, SourceId(0), &limits) else {
        return;
    };
    let [operations, target, ..] = nodes.as_slice() else {
        return;
    };
    let Some(patch) = JsonPatch::read(operations) else {
        return;
    };
    let mut target = target.clone();
    if patch.apply(&mut target).is_ok() {
        let _ = yaml::write([&target]);
    }
});
