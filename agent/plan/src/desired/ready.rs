//! Makes one rendered object ready to apply.

use krm::{Gvk, ObjectId, json};
use serde_json::{Map, Value};

use super::{
    Desired, Hook, Origin, Refusal, RefusalReason, Target, annotations, data, faults::Faults, hook,
    keys, left, scope::RenderedScopes, words,
};
use crate::order::WaveKey;

/// What only the API server writes.
const SERVER_FIELDS: &[&str] = &[
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];
/// Hex digits kept of a digest: 128 bits tell objects apart as well as 256 and cost half in the inventory.
const DIGEST_DIGITS: usize = 32;
/// Bytes of JSON that etcd takes at most, by its default.
const OBJECT_BYTES: usize = 1536 * 1024;
/// What the API server takes as a name.
const NAME_BYTES: usize = 253;
const NAMESPACE_BYTES: usize = 63;

/// The object with all that goes on and off, or everything that is wrong with it.
pub(super) fn ready(
    mut body: Value,
    origin: Option<Origin>,
    target: &Target<'_>,
    scopes: &RenderedScopes<'_>,
) -> Result<Desired, Vec<Refusal>> {
    let gvk = gvk(&body);
    let mut faults = Faults::default();
    check_identity(&body, &gvk, scopes, &mut faults);
    let Some(id) = id_in_target(&body, target, scopes).filter(|_| faults.is_empty()) else {
        return Err(refusals(
            None,
            (&named(&body, &gvk), annotations::wave_of(&body)),
            origin.as_ref(),
            faults,
        ));
    };
    let marks = annotations::read(&body, &mut faults);
    stamp(&mut body, &id, target);
    data::settle(&mut body, &id, &mut faults);
    keys::check(&body, &gvk, &mut faults);
    if marks.hook.is_some() {
        hook::check(&body, &mut faults);
    }
    let text = json::go_text(&body);
    if faults.is_empty() {
        check_size(&body, text.len(), &mut faults);
    }
    let version = body.pointer(words::VERSION_POINTER).and_then(Value::as_str);
    // What git asks for is no disturbance, whatever its labels say.
    let disturbance = version == Some(words::CHAOS) && origin.is_none();
    let temporary = version == Some(words::CANARY) || disturbance;
    let left = left::take(body, &id, marks.ignore, target.ignore, &mut faults);
    let text = left.text.unwrap_or(text);
    if !faults.is_empty() {
        return Err(refusals(
            Some(&id),
            (&id.to_string(), marks.wave),
            origin.as_ref(),
            faults,
        ));
    }
    let mut digest = json::sha256_hex(text.as_bytes());
    digest.truncate(DIGEST_DIGITS);
    Ok(Desired {
        wave: WaveKey::new(marks.wave, &id),
        put_from: None,
        id,
        gvk,
        body: left.body,
        first: left.first,
        left: left.paths,
        digest,
        origin,
        keep: marks.keep,
        temporary,
        disturbance,
        apply: marks.apply.unwrap_or_default(),
        recreate: marks.recreate,
        adopt: marks.adopt,
        hook: marks.hook.map(|point| Hook {
            point,
            keep: marks.hook_keep.unwrap_or(1),
            log: !marks.hook_silent,
        }),
    })
}

/// What the object will be called in the cluster; `None` if it cannot have a name.
pub(super) fn id_in_target(
    body: &Value,
    target: &Target<'_>,
    scopes: &RenderedScopes<'_>,
) -> Option<ObjectId> {
    let gvk = gvk(body);
    let namespace = match scopes.namespaced(&gvk)? {
        false => "",
        true => match text(body, &["metadata", "namespace"]) {
            "" => target.namespace,
            namespace => namespace,
        },
    };
    let name = text(body, &["metadata", "name"]);
    (!name.is_empty()).then(|| ObjectId {
        group: gvk.group,
        kind: gvk.kind,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    })
}

fn check_identity(body: &Value, gvk: &Gvk, scopes: &RenderedScopes<'_>, faults: &mut Faults) {
    use RefusalReason::{GeneratedName, Nameless, UnknownKind};
    if !body.is_object() {
        return faults.add(
            Nameless,
            "is not an object: it has to begin with apiVersion and kind",
        );
    }
    for field in ["apiVersion", "kind"] {
        if text(body, &[field]).is_empty() {
            faults.add(Nameless, format!("has no {field}; add it"));
        }
    }
    let (name, namespace) = (
        text(body, &["metadata", "name"]),
        text(body, &["metadata", "namespace"]),
    );
    if body["metadata"].get("generateName").is_some() {
        let why =
            "has metadata.generateName, which makes a new object each time; write metadata.name";
        faults.add(GeneratedName, why);
    } else if name.is_empty() {
        faults.add(
            Nameless,
            "has no metadata.name, or one that is not text; add it",
        );
    } else if !is_name(name) {
        let rule =
            "has a metadata.name that no API server takes: no `/`, `%`, blanks, `.` or `..` alone";
        faults.add(Nameless, rule);
    }
    if !namespace.is_empty() && !is_namespace(namespace) {
        let rule = "has a metadata.namespace that is none: a-z, 0-9 and `-`, at most 63";
        faults.add(Nameless, rule);
    }
    let written = !gvk.version.is_empty() && !gvk.kind.is_empty();
    if written && scopes.namespaced(gvk).is_none() {
        let hint = "check apiVersion and kind, or add its CustomResourceDefinition";
        faults.add(
            UnknownKind,
            format!("is of a kind the cluster does not serve ({gvk}); {hint}"),
        );
    }
}

/// Takes off what only a server writes; puts on label and namespace.
fn stamp(body: &mut Value, id: &ObjectId, target: &Target<'_>) {
    let Some(body) = body.as_object_mut() else {
        return;
    };
    body.remove("status");
    let metadata = map_at(body, "metadata");
    for field in SERVER_FIELDS {
        metadata.remove(*field);
    }
    match id.namespace.is_empty() {
        true => metadata.remove("namespace"),
        false => metadata.insert("namespace".to_owned(), id.namespace.clone().into()),
    };
    let labels = map_at(metadata, "labels");
    labels.insert(
        words::ENVIRONMENT_LABEL.to_owned(),
        target.environment.into(),
    );
}

/// The map under `key`, made where there is none.
fn map_at<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let value = map.entry(key).or_insert(Value::Null);
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value
        .as_object_mut()
        .expect("an object because it was made one")
}

fn check_size(body: &Value, at_most: usize, faults: &mut Faults) {
    // `at_most` counts characters that JSON for Go escapes; count exactly only where it matters.
    if at_most <= OBJECT_BYTES {
        return;
    }
    let bytes = body.to_string().len();
    if bytes > OBJECT_BYTES {
        let message = format!(
            "has {} of JSON; an API server takes at most 1.5 MiB",
            data::size(bytes)
        );
        faults.add(RefusalReason::TooLarge, message);
    }
}

fn refusals(
    id: Option<&ObjectId>,
    (object, wave): (&str, i32),
    origin: Option<&Origin>,
    faults: Faults,
) -> Vec<Refusal> {
    let refusal = |(reason, message)| Refusal {
        object: object.to_owned(),
        id: id.cloned(),
        origin: origin.cloned(),
        wave,
        reason,
        message,
    };
    faults.into_iter().map(refusal).collect()
}

/// As much of the name as there is.
fn named(body: &Value, gvk: &Gvk) -> String {
    let name = match text(body, &["metadata", "name"]) {
        "" => text(body, &["metadata", "generateName"]),
        name => name,
    };
    match (gvk.kind.as_str(), name) {
        ("", "") => "an object without kind and name".to_owned(),
        ("", name) => format!("an object without kind named {name:?}"),
        (kind, "") => format!("{kind} without name"),
        (kind, name) => format!("{kind}/{name}"),
    }
}

fn gvk(body: &Value) -> Gvk {
    Gvk::new(text(body, &["apiVersion"]), text(body, &["kind"]))
}

fn text<'a>(body: &'a Value, path: &[&str]) -> &'a str {
    // Not by JSON pointer, which allocates for each step.
    let end = path.iter().try_fold(body, |value, key| value.get(key));
    end.and_then(Value::as_str).unwrap_or_default()
}

/// True for what can stand in the path of a request without changing its meaning.
fn is_name(name: &str) -> bool {
    let bad = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '/' | '%' | '?' | '#');
    name.len() <= NAME_BYTES && !matches!(name, "." | "..") && !name.chars().any(bad)
}

fn is_namespace(name: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.len() <= NAMESPACE_BYTES && name.chars().all(good)
}
