//! Two documents, an object and a patch: merging ends without a panic, and so does a second time.
#![no_main]

use krm::{SourceId, merge, schema::Schema, yaml};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = yaml::Limits {
        alias_bytes: 1 << 16,
        nodes: 10_000,
        ..yaml::Limits::default()
    };
    let Ok(nodes) = yaml::read(bytes, SourceId(0), &limits) else {
        return;
    };
    let [target, patch, ..] = nodes.as_slice() else {
        return;
    };
    let mut merged = target.clone();
    if merge::merge(&mut merged, patch, &Schema::BUILT_IN).is_ok() {
        let _ = yaml::write([&merged]);
        let _ = merge::merge(&mut merged, patch, &Schema::BUILT_IN);
    }
});
