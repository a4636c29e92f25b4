//! Any document as an OpenAPI schema: reading it ends, and so does every walk through its types.
#![no_main]

use krm::{SourceId, schema::Schema, yaml};
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
    for node in &nodes {
        let Ok(schema) = Schema::from_openapi(node) else {
            continue;
        };
        let Some(mut at) = schema.object("v1", "A") else {
            continue;
        };
        for name in ["a", "b", "c", "a", "b", "c"] {
            let _ = at.list_merge();
            match at.field(name).or_else(|| at.items()) {
                Some(next) => at = next,
                None => break,
            }
        }
    }
});
