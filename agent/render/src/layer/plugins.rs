//! `generators`, `transformers` and `validators`: configuration objects, inline or under paths.

use super::{
    Gathered, Layer,
    steps::{GeneratorStep, Step},
};
use crate::{
    model::Text,
    objects,
    plugin::{self, Plugin},
    problem::{Outcome, Problem},
    resource::Resource,
    session,
    set::ObjectSet,
};

impl Layer<'_> {
    /// What `generators` asks for.
    pub(super) fn configured_generators(&self) -> Outcome<Vec<GeneratorStep>> {
        let mut steps = Vec::new();
        for object in self.configurations(&self.spec.generators)?.iter() {
            match plugin::read(&object.node, &self.files)? {
                Plugin::Generator(generator) => steps.push(GeneratorStep {
                    generator: *generator,
                    origin: object.trace.as_configured(&object.node),
                }),
                Plugin::Transformers(_) => return Err(misplaced(object, "transformers").into()),
            }
        }
        Ok(steps)
    }

    /// What `transformers` or `validators` asks for.
    pub(super) fn configured_transformers(&self, entries: &[Text]) -> Outcome<Vec<Step>> {
        let mut steps = Vec::new();
        for object in self.configurations(entries)?.iter() {
            match plugin::read(&object.node, &self.files)? {
                Plugin::Transformers(transformers) => {
                    // All of them are one; the last says where it was configured.
                    let last = transformers.len().saturating_sub(1);
                    let origin = object.trace.as_configured(&object.node);
                    let numbered = transformers.into_iter().enumerate();
                    steps.extend(numbered.map(|(at, transformer)| Step {
                        transformer,
                        origin: origin.clone().filter(|_| at == last),
                    }));
                }
                Plugin::Generator(_) => return Err(misplaced(object, "generators").into()),
            }
        }
        Ok(steps)
    }

    /// The configuration objects: first those written inline, then those under paths.
    fn configurations(&self, entries: &[Text]) -> Outcome<ObjectSet> {
        let mut gathered = Gathered::default();
        let mut paths = Vec::new();
        let origin = self.tracked.as_ref().map(|tracked| tracked.file(self.file));
        for entry in entries {
            let Some(objects) = inline(entry)? else {
                paths.push(entry.clone());
                continue;
            };
            let resources = objects.into_iter().map(|node| {
                self.files.session.note_object(&node);
                let mut resource = Resource::new(node);
                resource.trace.origin.clone_from(&origin);
                resource
            });
            gathered.set.append_all(resources, &self.schema())?;
        }
        Ok(self.resources(gathered, &paths)?.set)
    }
}

/// The objects written in a text; `None` if it is a path.
fn inline(entry: &Text) -> Outcome<Option<Vec<krm::Node>>> {
    let read = session::parse_inline(entry)
        .map_err(Into::into)
        .and_then(|documents| {
            objects::from_documents(documents, krm::yaml::is_cut(entry.value.as_bytes()))
        });
    match read {
        Ok(objects) => Ok(Some(objects)),
        // A path is one line; what has more was meant as YAML.
        Err(_) if !entry.value.trim().contains('\n') => Ok(None),
        Err(problems) => Err(problems),
    }
}

fn misplaced(object: &Resource, place: &str) -> Problem {
    let kind = object.node.object_kind();
    Problem::at(object.pos(), format!("`{kind}` belongs under `{place}`"))
}
