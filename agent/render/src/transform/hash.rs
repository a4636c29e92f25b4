//! The hash of a generated object's content at the end of its name, so that a change of content is a new object.

use krm::{Kind, Node, json};
use serde_json::{Value, json};

use super::Context;
use crate::{
    problem::{Outcome, Problem},
    resource::Resource,
    scalar,
    set::ObjectSet,
};

pub(crate) fn apply(set: &mut ObjectSet, cx: &Context<'_>) -> Outcome {
    for resource in set.iter_mut() {
        if let Some(pos) = resource.hash {
            let hash = hash(resource)?;
            resource.remember_id(&cx.schema);
            let name = format!("{}-{hash}", resource.node.name());
            scalar::set_name(&mut resource.node, &name, pos);
        }
    }
    Ok(())
}

/// kustomize means the name to count, but looks it up under a path that never exists; so it is always empty.
fn hash(resource: &Resource) -> Result<String, Problem> {
    let node = &resource.node;
    let content = match node.object_kind() {
        "Secret" => {
            let mut content = json!({
                "kind": "Secret", "name": "", "type": part(node, "type")?, "data": part(node, "data")?
            });
            add_map(&mut content, node, "stringData")?;
            content
        }
        "ConfigMap" => {
            let mut content =
                json!({ "kind": "ConfigMap", "name": "", "data": part(node, "data")? });
            add_map(&mut content, node, "binaryData")?;
            content
        }
        _ => to_json(node)?,
    };
    Ok(encode(&json::digest(&content)))
}

fn part(node: &Node, field: &str) -> Result<Value, Problem> {
    let Some(node) = node.get(field) else {
        return Ok(Value::String(String::new()));
    };
    match &node.kind {
        Kind::Scalar(scalar) => Ok(Value::String(scalar.text.clone())),
        // Go leaves a nil map where the value is a list.
        Kind::Seq(_) => Ok(Value::Null),
        Kind::Map(_) => Ok(with_floats(to_json(node)?)),
    }
}

/// Data passes through JSON once more than the rest, where every number is a 64-bit float.
fn with_floats(value: Value) -> Value {
    match value {
        Value::Number(number) if !number.is_f64() => {
            number.as_f64().map_or(Value::Number(number), Value::from)
        }
        Value::Array(items) => items.into_iter().map(with_floats).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter();
            Value::Object(
                fields
                    .map(|(key, value)| (key, with_floats(value)))
                    .collect(),
            )
        }
        other => other,
    }
}

fn add_map(content: &mut Value, node: &Node, field: &str) -> Result<(), Problem> {
    if node.get(field).and_then(Node::as_map).is_some() {
        content[field] = part(node, field)?;
    }
    Ok(())
}

fn to_json(node: &Node) -> Result<Value, Problem> {
    json::to_value(node).map_err(|error| Problem::at(error.pos, error.problem.to_string()))
}

/// Ten digits, with those replaced that could form bad words.
fn encode(hex: &str) -> String {
    let letter = |digit| match digit {
        '0' => 'g',
        '1' => 'h',
        '3' => 'k',
        'a' => 'm',
        'e' => 't',
        other => other,
    };
    hex.chars().take(10).map(letter).collect()
}
