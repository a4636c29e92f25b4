//! `Secret`s and `ConfigMap`s: their values are what the API server expects, and not too many.
//!
//! A Secret's `stringData` becomes `data`: the API server would record us as the owner of `stringData`, and
//! later changes of `data` would not show as drift. Messages name keys, never values.

use base64::{
    Engine as _, alphabet,
    engine::{GeneralPurpose, GeneralPurposeConfig},
    prelude::BASE64_STANDARD,
};
use krm::ObjectId;
use serde_json::{Map, Value};

use super::{RefusalReason, faults::Faults};

/// What the API server takes as the data of one `Secret` or `ConfigMap`.
const DATA_BYTES: usize = 1024 * 1024;

/// As lenient as the decoder of the API server, which ignores line breaks and stray last bits.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Folds `stringData` into `data` and checks all values.
pub(super) fn settle(body: &mut Value, id: &ObjectId, faults: &mut Faults) {
    let Some(body) = body.as_object_mut() else {
        return;
    };
    let bytes = match (id.group.as_str(), id.kind.as_str()) {
        ("", "Secret") => {
            fold(body, faults);
            encoded(body, "data", faults)
        }
        ("", "ConfigMap") => plain(body, "data", faults) + encoded(body, "binaryData", faults),
        _ => return,
    };
    if bytes > DATA_BYTES {
        let message = format!(
            "holds {} of data; an API server takes at most 1 MiB: split it, or bring the data in an image or a volume",
            size(bytes)
        );
        faults.add(RefusalReason::TooLarge, message);
    }
}

/// `5.0 MiB`
pub(super) fn size(bytes: usize) -> String {
    let tenths = bytes * 10 / (1024 * 1024);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

fn fold(body: &mut Map<String, Value>, faults: &mut Faults) {
    let Some(Value::Object(texts)) = body.remove("stringData") else {
        return;
    };
    let data = body.entry("data").or_insert(Value::Null);
    if data.is_null() {
        *data = Value::Object(Map::new());
    }
    for (key, text) in texts {
        match (text, data.as_object_mut()) {
            (Value::String(text), Some(data)) => {
                data.insert(key, BASE64_STANDARD.encode(text).into());
            }
            (Value::Null, _) => {}
            _ => not_text("stringData", &key, faults),
        }
    }
}

/// The decoded size of the base64 values under `field`.
fn encoded(body: &Map<String, Value>, field: &str, faults: &mut Faults) -> usize {
    let mut bytes = 0;
    for (key, value) in entries(body, field, faults) {
        match value.as_str().map(decoded) {
            None => not_text(field, key, faults),
            Some(Some(size)) => bytes += size,
            Some(None) => {
                let hint = "encode it, or write it as it is under stringData or data";
                let message = format!("has {field} whose {key:?} is not base64; {hint}");
                faults.add(RefusalReason::BadData, message);
            }
        }
    }
    bytes
}

/// The size of the plain values under `field`.
fn plain(body: &Map<String, Value>, field: &str, faults: &mut Faults) -> usize {
    let mut bytes = 0;
    for (key, value) in entries(body, field, faults) {
        match value {
            Value::String(text) => bytes += text.len(),
            _ => not_text(field, key, faults),
        }
    }
    bytes
}

fn entries<'a>(
    body: &'a Map<String, Value>,
    field: &str,
    faults: &mut Faults,
) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
    let map = match body.get(field) {
        Some(Value::Object(map)) => Some(map),
        None | Some(Value::Null) => None,
        Some(_) => {
            faults.add(
                RefusalReason::BadData,
                format!("has {field} that is not a map"),
            );
            None
        }
    };
    // A null stands for nothing, to the API server too.
    map.into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null())
}

fn decoded(text: &str) -> Option<usize> {
    let bare: Vec<u8> = text
        .bytes()
        .filter(|b| !matches!(b, b'\r' | b'\n'))
        .collect();
    BASE64.decode(bare).ok().map(|bytes| bytes.len())
}

fn not_text(field: &str, key: &str, faults: &mut Faults) {
    let message = format!("has {field} whose {key:?} is not text; put the value in quotes");
    faults.add(RefusalReason::BadData, message);
}
