//! A `ConfigMap`: text into `data`, other bytes into `binaryData`.

use super::{base, datum, finish, pairs};
use crate::{model::GeneratorSpec, problem::Outcome, resource::Resource, scalar, session::Files};

pub(super) fn make(spec: &GeneratorSpec, files: &Files<'_>) -> Outcome<Resource> {
    let mut resource = base(spec, "ConfigMap")?;
    for (key, value) in pairs::load(spec, files)? {
        scalar::check_key(&key, value.pos)?;
        let (field, text) = match String::from_utf8(value.bytes) {
            Ok(text) => ("data", text),
            Err(error) => ("binaryData", pairs::base64(error.as_bytes())),
        };
        if let Some(map) = resource.node.map_entry(field, spec.pos) {
            map.push(key, datum(&text, value.pos));
        }
    }
    finish(&mut resource, spec)?;
    Ok(resource)
}
