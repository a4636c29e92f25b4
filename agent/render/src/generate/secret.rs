//! A Secret: everything in base64.

use super::{base, datum, finish, pairs, string};
use crate::{model::GeneratorSpec, problem::Outcome, resource::Resource, scalar, session::Files};

pub(super) fn make(spec: &GeneratorSpec, files: &Files<'_>) -> Outcome<Resource> {
    let mut resource = base(spec, "Secret")?;
    let (kind, pos) = match &spec.secret_type {
        Some(text) => (text.value.as_str(), text.pos),
        None => ("Opaque", spec.pos),
    };
    if let Some(map) = resource.node.as_map_mut() {
        map.push("type", string(kind, pos));
    }
    let pairs = pairs::load(spec, files)?;
    if let Some(data) = resource.node.map_entry("data", spec.pos) {
        for (key, value) in pairs {
            scalar::check_key(&key, value.pos)?;
            data.push(key, datum(&pairs::base64(&value.bytes), value.pos));
        }
    }
    finish(&mut resource, spec)?;
    Ok(resource)
}
