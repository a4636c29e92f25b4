//! `patchesJson6902`: operations with a target that must name objects.

use super::{
    Context,
    patch::{Hidden, json, json_operations, text_of},
};
use crate::{
    model::PatchSpec,
    problem::{Outcome, Problem},
    selector::Matcher,
    set::ObjectSet,
};

/// Applies one entry.
pub(crate) fn apply(spec: &PatchSpec, objects: &mut ObjectSet, context: &Context<'_>) -> Outcome {
    let target = spec
        .target
        .as_ref()
        .filter(|target| !target.name.is_empty());
    let Some(target) = target else {
        return Err(Problem::at(spec.pos, "a JSON patch needs a `target` with a `name`").into());
    };
    let text = text_of(spec, context)?;
    let patch = json_operations(&text)?;
    if patch.is_empty() {
        return Err(Problem::at(text.start(), "there is no operation in this patch").into());
    }
    let matcher = Matcher::new(target)?;
    for object in objects.iter_mut() {
        if matcher.matches(object, &context.schema) {
            // Unlike `patches`, this writes no annotation of its own before it begins; an earlier step may have.
            let hidden = match object.is_marked() {
                true => Hidden::Annotations,
                false => Hidden::Nothing,
            };
            json(object, &patch, hidden)?;
        }
    }
    objects.drop_gone();
    Ok(())
}
