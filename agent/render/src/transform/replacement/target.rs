//! One entry of `targets`: which objects it is for, and how the value gets into their fields.

use krm::{Pos, Style};

use super::{
    DEFAULT_FIELD,
    search::{self, Place},
    setting::{Setting, WriteFailure},
    source::Seen,
    structured,
};
use crate::{
    field_path::{self, follow},
    model::{Selector, TargetSelector, Text},
    problem::Problem,
    resource::Resource,
    selector::Matcher,
    transform::Context,
};

/// One entry of `targets`, ready for use.
pub(super) struct Target<'t> {
    spec: &'t TargetSelector,
    setting: Setting<'t>,
    select: Matcher,
    reject: Vec<(&'t Selector, Matcher)>,
}

impl<'t> Target<'t> {
    /// `rule` is where the replacement is written.
    pub(super) fn new(spec: &'t TargetSelector, rule: Pos) -> Result<Self, Problem> {
        let select = spec
            .select
            .as_ref()
            .ok_or_else(|| Problem::at(spec.pos, "a target must say which objects to `select`"))?;
        let reject = spec.reject.iter();
        Ok(Self {
            spec,
            setting: Setting {
                options: spec.options.as_ref(),
                rule,
            },
            select: Matcher::new(select)?,
            reject: reject
                .map(|selector| Ok((selector, Matcher::new(selector)?)))
                .collect::<Result<_, Problem>>()?,
        })
    }

    pub(super) fn is_for(&self, object: &Resource, context: &Context<'_>) -> bool {
        let now = object.id(&context.schema);
        let ids: Vec<_> = [(now, object.node.namespace())]
            .into_iter()
            .chain(object.former_ids().map(|id| (id, id.namespace)))
            .collect();
        let any = |matcher: &Matcher| ids.iter().any(|(id, space)| matcher.fits_id(*id, space));
        let rejected = self.reject.iter().any(|(selector, matcher)| {
            (!selector.marks_nothing() && matcher.fits_marks(&object.node))
                || (!selector.names_nothing() && any(matcher))
        });
        !rejected && self.select.fits_marks(&object.node) && any(&self.select)
    }

    pub(super) fn write(&self, object: &mut Resource, value: &mut Seen<'_>) -> Result<(), Problem> {
        let default = [Text {
            value: DEFAULT_FIELD.to_owned(),
            pos: self.spec.pos,
            style: Style::Plain,
        }];
        let paths = match self.spec.field_paths.as_slice() {
            [] => &default,
            paths => paths,
        };
        for path in paths {
            let parts = field_path::split(&path.value);
            if !structured::write(&mut object.node, &parts, value.node, self.setting) {
                self.write_at(object, &parts, value)
                    .map_err(|failure| failure.at(path))?;
            }
            object.shared.sync(&mut object.node);
        }
        Ok(())
    }

    fn write_at(
        &self,
        object: &mut Resource,
        path: &[String],
        value: &mut Seen<'_>,
    ) -> Result<(), WriteFailure> {
        let node = &mut object.node;
        let places = search::find(node, path, self.setting.create(value.node))?;
        if places.is_empty() {
            return Err(WriteFailure::Missing);
        }
        for place in places {
            match place {
                Place::At(way) => {
                    self.setting.set(follow(node, &way), value.node)?;
                    if value.home == Some(&way)
                        && let Some(now) = follow(node, &way)
                    {
                        value.node.clone_from(now);
                    }
                }
                Place::Aside(mut node) => self.setting.set(Some(&mut node), value.node)?,
            }
        }
        Ok(())
    }
}
