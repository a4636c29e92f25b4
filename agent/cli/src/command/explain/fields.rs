//! The fields of an object: how they are written, and which of them a user means.
//!
//! Written as `driftless drift` writes them: `spec.template.spec.containers[name=web].image`, items of lists by the
//! keys that tell them apart in Kubernetes, else by place, names that are not plain as `["a.b/c"]`. Read in more
//! ways: any key of an item will do, its place always, and quotes may be left out.

use krm::schema::{ListMerge, Schema, Type};
use krm::{Node, Pos};

/// A value that has no fields below it.
#[derive(Clone)]
pub(super) struct Leaf<'a> {
    steps: Vec<Step<'a>>,
    /// The value.
    pub(super) node: &'a Node,
    /// The rule that put it here, or what it is in, if its own place is that of the source.
    pub(super) rule: Option<Pos>,
}

/// One step down.
#[derive(Clone)]
enum Step<'a> {
    Field(&'a str),
    Item {
        place: usize,
        node: &'a Node,
        /// How it is written.
        label: String,
    },
}

/// All leaves of `object`, in its order.
pub(super) fn leaves(object: &Node) -> Vec<Leaf<'_>> {
    let known = Schema::BUILT_IN.object(object.api_version(), object.object_kind());
    let mut leaves = Vec::new();
    walk((object, None), known, &mut Vec::new(), &mut leaves);
    leaves
}

impl Leaf<'_> {
    /// How it is written.
    pub(super) fn path(&self) -> String {
        written(&self.steps)
    }

    /// How the fields on the way to it are written, itself last.
    pub(super) fn way(&self) -> impl Iterator<Item = String> {
        (1..=self.steps.len()).map(|end| written(&self.steps[..end]))
    }

    /// Whether `field` names it or a field that it is in.
    pub(super) fn is_in(&self, field: &str) -> bool {
        fits(&self.steps, field)
    }

    /// The names of the fields that it is in from the top, up to the first list.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map_while(|step| match step {
            Step::Field(name) => Some(*name),
            Step::Item { .. } => None,
        })
    }
}

fn walk<'a>(
    (node, rule): (&'a Node, Option<Pos>),
    known: Option<Type<'_>>,
    steps: &mut Vec<Step<'a>>,
    leaves: &mut Vec<Leaf<'a>>,
) {
    let rule = node.rule().or(rule);
    let mut below = |step, value: &'a Node, known| {
        steps.push(step);
        walk((value, rule), known, steps, leaves);
        steps.pop();
    };
    match (node.as_map(), node.as_seq()) {
        (Some(map), _) if !map.is_empty() => {
            for entry in map {
                let known = known.and_then(|known| known.field(&entry.key));
                below(Step::Field(&entry.key), &entry.value, known);
            }
        }
        (_, Some(items)) if !items.is_empty() => {
            let labels = labels(items, known);
            let known = known.and_then(Type::items);
            for (place, (node, label)) in items.iter().zip(labels).enumerate() {
                below(Step::Item { place, node, label }, node, known);
            }
        }
        _ => leaves.push(Leaf {
            steps: steps.clone(),
            node,
            rule,
        }),
    }
}

/// How items are written: by their keys, if these tell them apart, else by place.
fn labels(items: &[Node], known: Option<Type<'_>>) -> Vec<String> {
    let keys = match known.map(Type::list_merge) {
        Some(ListMerge::Keyed(keys)) => keys,
        _ => vec!["name"],
    };
    let labels: Vec<String> = items.iter().map(|item| label(item, &keys)).collect();
    let mut distinct: Vec<&String> = labels.iter().filter(|label| !label.is_empty()).collect();
    distinct.sort();
    distinct.dedup();
    match distinct.len() == items.len() {
        true => labels,
        false => (0..items.len()).map(|place| format!("[{place}]")).collect(),
    }
}

/// `[name=web]`; empty if it has none of these keys.
fn label(item: &Node, keys: &[&str]) -> String {
    let pairs = keys.iter().filter_map(|key| {
        let text = item.get(key).filter(|value| !value.is_null())?.text()?;
        Some(format!("{key}={text}"))
    });
    let pairs: Vec<String> = pairs.collect();
    match pairs.is_empty() {
        true => String::new(),
        false => format!("[{}]", pairs.join(",")),
    }
}

fn written(steps: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Item { label, .. } => text.push_str(label),
            Step::Field(name) if is_plain(name) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(name);
            }
            Step::Field(name) => text.push_str(&quoted(name)),
        }
    }
    text
}

fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    !name.is_empty() && name.chars().all(plain)
}

fn quoted(name: &str) -> String {
    format!("[{name:?}]")
}

/// Whether `text` is the way along `steps`, or along the first of them.
fn fits(steps: &[Step<'_>], text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    let Some((first, steps)) = steps.split_first() else {
        return false;
    };
    let bare = text.strip_prefix('.').unwrap_or(text);
    let plain = |name: &str| {
        let rest = bare.strip_prefix(name)?;
        (rest.is_empty() || rest.starts_with(['.', '['])).then_some(rest)
    };
    let rests = match first {
        Step::Field(name) => [plain(name), text.strip_prefix(&*quoted(name))],
        Step::Item { place, node, label } => [
            plain(&place.to_string()),
            text.strip_prefix(&**label)
                .or_else(|| after_item(text, *place, node)),
        ],
    };
    rests.into_iter().flatten().any(|rest| fits(steps, rest))
}

/// What follows `[2]` or `[name=web]`, if that is this item.
fn after_item<'t>(text: &'t str, place: usize, item: &Node) -> Option<&'t str> {
    let (inside, rest) = text.strip_prefix('[')?.split_once(']')?;
    let has = |pair: &str| {
        pair.split_once('=')
            .is_some_and(|(key, value)| item.get(key).and_then(Node::text) == Some(value))
    };
    (inside == place.to_string() || inside.split(',').all(has)).then_some(rest)
}
