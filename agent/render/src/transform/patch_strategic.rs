//! `patchesStrategicMerge`: each entry is a patch itself or the path of a file with patches.

use crate::{
    model::{PatchOptions, Text},
    problem::{Gather, Outcome, Problem},
    set::ObjectSet,
};

use super::{
    Context,
    patch::{PatchText, objects as read_objects, strategic_selected, the_target_of},
};

/// Applies all entries in order.
pub(crate) fn apply(entries: &[Text], objects: &mut ObjectSet, context: &Context<'_>) -> Outcome {
    let mut problems = Gather::default();
    let read = |entry| problems.take(read(entry, context));
    let patches: Vec<_> = entries.iter().filter_map(read).flatten().collect();
    problems.finish(())?;
    if patches.is_empty()
        && let Some(first) = entries.first()
    {
        return Err(Problem::at(first.pos, "there is no patch in this").into());
    }
    let mut problems = Gather::default();
    for patch in &patches {
        problems.take(apply_one(patch, objects, context));
    }
    problems.finish(())
}

fn apply_one(patch: &krm::Node, objects: &mut ObjectSet, context: &Context<'_>) -> Outcome {
    let at = the_target_of(patch, objects, &context.schema)?;
    let targets: Vec<_> = (0..objects.len()).map(|index| index == at).collect();
    let options = PatchOptions::default();
    strategic_selected(patch, options, (objects, &targets), context)
}

/// A text that reads as objects is taken for the patch itself, else for a path.
fn read(entry: &Text, context: &Context<'_>) -> Outcome<Vec<krm::Node>> {
    let inline = PatchText::inline(entry);
    match read_objects(&inline) {
        Ok(patches) => Ok(patches),
        Err(problem) if entry.value.contains('\n') => Err(problem),
        Err(_) => read_objects(&PatchText::file(entry, context)?),
    }
}
