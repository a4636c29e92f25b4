//! Feature flags of flagd files, laid over what git says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Object;
use crate::{strategy::Flag, wish::Wish};

/// Sets each flag of `wish` in its ConfigMap. What is no flagd file, has no such flag, or says something else of it than
/// when it was set, stays as it is.
pub fn overlay(objects: &mut [Object], wish: &Wish) {
    let any = BTreeSet::new();
    for (id, flag) in &wish.flags {
        let meant = wish.flags_in_git.get(id).unwrap_or(&any);
        for (object, _) in objects.iter_mut() {
            let is_it = object["kind"] == "ConfigMap"
                && object["metadata"]["name"]
                    .as_str()
                    .is_some_and(|name| is_named(name, flag));
            if is_it
                && let Some(text) = object["data"][flag.key.as_str()]
                    .as_str()
                    .and_then(|text| set(text, flag, meant))
            {
                object["data"][flag.key.as_str()] = json!(text);
            }
        }
    }
}

/// What `objects` say of each of `flags`, as digests by [`Flag::id`].
pub fn said<'a>(
    objects: &[Object],
    flags: impl IntoIterator<Item = &'a Flag>,
) -> BTreeMap<String, String> {
    let all = flags.into_iter().filter_map(|flag| {
        let mut maps = objects.iter().map(|(object, _)| object);
        let says = maps.find_map(|object| {
            let name = object["metadata"]["name"].as_str()?;
            let is_it = object["kind"] == "ConfigMap" && is_named(name, flag);
            let text = object["data"][flag.key.as_str()]
                .as_str()
                .filter(|_| is_it)?;
            let file: Value = serde_json::from_str(text).ok()?;
            file["flags"].get(&flag.flag).map(digest)
        })?;
        Some((flag.id(), says))
    });
    all.collect()
}

/// Of what a file says of one flag, however it is laid out.
fn digest(one: &Value) -> String {
    krm::json::sha256_hex(one.to_string().as_bytes())
}

/// By its name in git: the hash that a generator adds is not part of it.
fn is_named(name: &str, flag: &Flag) -> bool {
    let Some(rest) = name.strip_prefix(flag.config_map.as_str()) else {
        return false;
    };
    let hash =
        |rest: &str| rest.len() == 11 && rest.chars().skip(1).all(|c| c.is_ascii_alphanumeric());
    rest.is_empty() || rest == crate::words::SUFFIX || (rest.starts_with('-') && hash(rest))
}

/// The file with the flag's targeting set; `None` if it has no such flag with such a variant, or says something of it that
/// is not `meant`.
fn set(text: &str, flag: &Flag, meant: &BTreeSet<String>) -> Option<String> {
    let mut file: Value = serde_json::from_str(text).ok()?;
    let one = file.get_mut("flags")?.get_mut(&flag.flag)?;
    one["variants"].get(&flag.variant)?;
    if !meant.is_empty() && !meant.contains(&digest(one)) {
        return None;
    }
    let other = one["defaultVariant"].as_str()?.to_owned();
    one["state"] = json!("ENABLED");
    let share = [
        (flag.variant.as_str(), flag.percent),
        (other.as_str(), 100 - flag.percent.min(100)),
    ];
    let buckets: Vec<Value> = share
        .iter()
        .map(|(name, part)| json!([name, part]))
        .collect();
    let mut fractional = vec![json!({ "cat": [{ "var": "$flagd.flagKey" }, { "var": flag.by }] })];
    fractional.extend(buckets);
    one["targeting"] = json!({ "fractional": fractional });
    let mut text = serde_json::to_string_pretty(&file).ok()?;
    text.push('\n');
    Some(text)
}
