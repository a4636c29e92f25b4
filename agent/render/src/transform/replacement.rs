//! `replacements`: one value, taken from a field of an object or written down, put into fields of others.

mod search;
mod setting;
mod source;
mod structured;
mod target;

use krm::{Kind, Node, Style, Tag};

use super::Context;
use crate::{
    decode::{Decoder, Temper},
    model::{ReplacementEntry, ReplacementSpec, Text, read},
    problem::{Gather, Outcome, Problem},
    session::parse_settings,
    set::ObjectSet,
};
use source::Value;
use target::Target;

/// The field that is meant where none is named.
const DEFAULT_FIELD: &str = "metadata.name";

/// Carries out all entries in order.
pub(crate) fn apply(
    entries: &[ReplacementEntry],
    objects: &mut ObjectSet,
    context: &Context<'_>,
) -> Outcome {
    let mut loaded = Vec::new();
    for entry in entries {
        load(entry, context, &mut loaded)?;
    }
    let mut problems = Gather::default();
    for replacement in &loaded {
        problems.take(carry_out(replacement, objects, context));
    }
    objects.drop_gone();
    problems.finish(())
}

fn load(
    entry: &ReplacementEntry,
    context: &Context<'_>,
    loaded: &mut Vec<ReplacementSpec>,
) -> Outcome {
    let Some(path) = &entry.path else {
        loaded.push(entry.replacement.clone());
        return Ok(());
    };
    if entry.replacement.source.is_some() || !entry.replacement.targets.is_empty() {
        let text = "a replacement has either `path` or `source` and `targets`, not both";
        return Err(Problem::at(path.pos, text).into());
    }
    let documents = parse_settings(&context.files.load(path)?)?;
    let mut decoder = Decoder::new(Temper::Lenient);
    match documents.first().map(|document| (&document.kind, document)) {
        Some((Kind::Seq(items), _)) => {
            let specs = items
                .iter()
                .map(|item| read::replacement(&mut decoder, item));
            loaded.extend(specs.collect::<Vec<_>>());
        }
        Some((Kind::Map(_), document)) => loaded.push(read::replacement(&mut decoder, document)),
        _ => {
            let text = format!(
                "`{}` holds neither a replacement nor a list of them",
                path.value
            );
            return Err(Problem::at(path.pos, text).into());
        }
    }
    decoder.finish(())
}

fn carry_out(
    replacement: &ReplacementSpec,
    objects: &mut ObjectSet,
    context: &Context<'_>,
) -> Outcome {
    let mut value = match (&replacement.source, &replacement.source_value) {
        _ if replacement.targets.is_empty() => return Err(incomplete(replacement).into()),
        (None, None) => return Err(incomplete(replacement).into()),
        (Some(_), Some(value)) => {
            let text = "a replacement has either `source` or `sourceValue`, not both";
            return Err(Problem::at(value.pos, text).into());
        }
        (None, Some(value)) => Value::fixed(literal(value)),
        (Some(source), None) => source::value_of(source, objects)?,
    };
    let weight = value.weight();
    for target in &replacement.targets {
        let (pos, places) = (target.pos, target.field_paths.len().max(1));
        let target = Target::new(target, replacement.pos)?;
        for (at, object) in objects.iter_mut().enumerate() {
            if target.is_for(object, context) {
                context.files.session.spend(weight * places, pos)?;
                target.write(object, &mut value.seen_from(at))?;
            }
        }
    }
    Ok(())
}

fn incomplete(replacement: &ReplacementSpec) -> Problem {
    let text = "a replacement must have a source and at least one target";
    Problem::at(replacement.pos, text)
}

/// A value nobody has given a meaning: what it means follows from where it is written.
fn literal(value: &Text) -> Node {
    let mut node = Node::scalar(value.value.as_str(), Tag::Str, Style::Plain, value.pos);
    if let Some(scalar) = node.as_scalar_mut() {
        scalar.untag();
    }
    node
}
