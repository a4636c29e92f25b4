//! From the documents of a file to objects: checked for kind and name, lists opened.

use std::collections::VecDeque;

use krm::{Kind, Node, json};

use crate::problem::{Gather, Outcome, Problem};

/// The objects in the documents of one file. A list that is all of a file is its items; where the file is cut, be it before
/// nothing, its items come after the other documents by way of JSON, as in kustomize.
pub(crate) fn from_documents(documents: Vec<Node>, is_cut: bool) -> Outcome<Vec<Node>> {
    let mut gather = Gather::default();
    let mut waiting: VecDeque<Node> = match is_cut {
        true => documents.into(),
        false => unwrap_list(documents).into(),
    };
    let mut objects = Vec::new();
    while let Some(mut node) = waiting.pop_front() {
        if is_empty(&node) {
            continue;
        }
        if gather.take(check(&node)).is_none() {
            continue;
        }
        if !node.object_kind().ends_with("List") {
            objects.push(node);
            continue;
        }
        match take_items(&mut node) {
            None => objects.push(node),
            Some(Ok(mut items)) => {
                for item in &mut items {
                    gather.take(as_json(item));
                }
                waiting.extend(items);
            }
            Some(Err(problem)) => gather.add(problem),
        }
    }
    gather.finish(objects)
}

/// A file that is one `List` is its items, in place.
fn unwrap_list(mut documents: Vec<Node>) -> Vec<Node> {
    if let [only] = documents.as_mut_slice()
        && matches!(only.object_kind(), "List" | "ResourceList")
        && let Some(Ok(items)) = take_items(only)
    {
        return items;
    }
    documents
}

/// The items of a list; `None` if it has no such field.
fn take_items(list: &mut Node) -> Option<Result<Vec<Node>, Problem>> {
    let items = list.get_mut("items")?;
    let pos = items.pos;
    Some(match &mut items.kind {
        Kind::Seq(items) => Ok(std::mem::take(items)),
        Kind::Scalar(scalar) if scalar.tag == krm::Tag::Null => Ok(Vec::new()),
        _ => Err(Problem::at(pos, "`items` must be a list")),
    })
}

/// Kustomize opens all other lists by way of JSON.
fn as_json(item: &mut Node) -> Result<(), Problem> {
    json::through_text(item).map_err(|error| Problem::at(error.pos, error.problem.to_string()))
}

fn is_empty(node: &Node) -> bool {
    node.is_null()
        || node.as_map().is_some_and(krm::Map::is_empty)
        || node.as_seq().is_some_and(<[Node]>::is_empty)
}

/// That it is an object with a kind and a name.
fn check(node: &Node) -> Result<(), Problem> {
    if node.as_map().is_none() {
        return Err(Problem::at(
            node.pos,
            "a Kubernetes object must be a map with `apiVersion`, `kind` and `metadata`",
        ));
    }
    let kind = node.object_kind();
    if kind.is_empty() {
        return Err(Problem::at(node.pos, "the object has no `kind`"));
    }
    if !kind.ends_with("List") && node.name().is_empty() {
        let problem = Problem::at(node.pos, format!("the {kind} has no `metadata.name`"));
        return Err(match node.at(&["metadata", "generateName"]) {
            Some(_) => problem.hint("`generateName` cannot be rendered; give the object a name"),
            None => problem,
        });
    }
    Ok(())
}
