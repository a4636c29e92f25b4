//! Which fields the transformers of a layer touch: the built-in tables, and what `configurations` and `crds` add.
//!
//! Additions travel up with the objects: a base's configuration holds in its overlays too.

mod crd;
mod fields;
mod names;
mod vars;

use std::borrow::Cow;

use krm::Node;

use crate::{
    decode::{Decoder, Temper},
    field::FieldSpec,
    model::{Text, read},
    order,
    problem::{Outcome, Problem},
    session::Files,
};

/// A table, mostly the built-in one as it is.
pub(crate) type Specs = Cow<'static, [FieldSpec]>;

/// The fields transformers touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) name_prefix: Specs,
    pub(crate) name_suffix: Specs,
    pub(crate) namespace: Specs,
    pub(crate) common_labels: Specs,
    pub(crate) labels: Specs,
    pub(crate) template_labels: Specs,
    pub(crate) volume_claim_labels: Specs,
    pub(crate) common_annotations: Specs,
    pub(crate) images: Specs,
    pub(crate) replicas: Specs,
    pub(crate) vars: Specs,
    pub(crate) names: Cow<'static, [NameReference]>,
}

/// The fields in which objects of some kinds name objects of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameReference {
    /// Empty for any.
    pub(crate) group: Cow<'static, str>,
    /// Empty for any.
    pub(crate) version: Cow<'static, str>,
    pub(crate) kind: Cow<'static, str>,
    pub(crate) referrers: Specs,
}

impl NameReference {
    const fn built_in(
        group: &'static str,
        version: &'static str,
        kind: &'static str,
        referrers: &'static [FieldSpec],
    ) -> Self {
        Self {
            group: Cow::Borrowed(group),
            version: Cow::Borrowed(version),
            kind: Cow::Borrowed(kind),
            referrers: Cow::Borrowed(referrers),
        }
    }

    fn same_target(&self, other: &Self) -> bool {
        self.group == other.group && self.version == other.version && self.kind == other.kind
    }
}

impl Config {
    /// The built-in tables.
    pub(crate) fn built_in() -> Self {
        Self {
            name_prefix: Cow::Borrowed(fields::NAME_PREFIX),
            name_suffix: Cow::Borrowed(fields::NAME_SUFFIX),
            namespace: Cow::Borrowed(fields::NAMESPACE),
            common_labels: Cow::Borrowed(fields::COMMON_LABELS),
            labels: Cow::Borrowed(&[]),
            template_labels: Cow::Borrowed(fields::TEMPLATE_LABELS),
            volume_claim_labels: Cow::Borrowed(fields::VOLUME_CLAIM_LABELS),
            common_annotations: Cow::Borrowed(fields::COMMON_ANNOTATIONS),
            images: Cow::Borrowed(fields::IMAGES),
            replicas: Cow::Borrowed(fields::REPLICAS),
            vars: Cow::Borrowed(vars::VARS),
            names: Cow::Borrowed(names::NAMES),
        }
    }

    /// What the files listed under `configurations` add.
    pub(crate) fn load(&mut self, paths: &[Text], files: &Files<'_>) -> Outcome {
        for path in paths {
            if let Some(document) = files.load_settings(path)?.first() {
                self.merge(read(document)?)
                    .map_err(|text| Problem::at(path.pos, text))?;
            }
        }
        Ok(())
    }

    /// What the OpenAPI documents listed under `crds` add.
    pub(crate) fn load_crds(&mut self, paths: &[Text], files: &Files<'_>) -> Outcome {
        for path in paths {
            if let Some(document) = files.load_types(path)?.first() {
                self.merge(crd::read(document)?)
                    .map_err(|text| Problem::at(path.pos, text))?;
            }
        }
        Ok(())
    }

    /// Whether nothing was added to the built-in tables: true of most layers, and known without a look at entries.
    fn is_built_in(&self) -> bool {
        let tables = [
            &self.name_prefix,
            &self.name_suffix,
            &self.namespace,
            &self.common_labels,
            &self.labels,
            &self.template_labels,
            &self.volume_claim_labels,
            &self.common_annotations,
            &self.images,
            &self.replicas,
            &self.vars,
        ];
        let names = matches!(&self.names, Cow::Borrowed(names) if !names.is_empty());
        names && tables.iter().all(|table| matches!(table, Cow::Borrowed(_)))
    }

    /// Adds what `other` has and this has not, and sorts all tables.
    pub(crate) fn merge(&mut self, other: Self) -> Result<(), String> {
        if self.is_built_in() && other.is_built_in() || *self == other {
            return Ok(());
        }
        add_all(&mut self.name_prefix, other.name_prefix)?;
        add_all(&mut self.name_suffix, other.name_suffix)?;
        add_all(&mut self.namespace, other.namespace)?;
        add_all(&mut self.common_labels, other.common_labels)?;
        add_all(&mut self.labels, other.labels)?;
        add_all(&mut self.template_labels, other.template_labels)?;
        add_all(&mut self.volume_claim_labels, other.volume_claim_labels)?;
        add_all(&mut self.common_annotations, other.common_annotations)?;
        add_all(&mut self.images, other.images)?;
        add_all(&mut self.replicas, other.replicas)?;
        add_all(&mut self.vars, other.vars)?;
        match other.names {
            names @ Cow::Borrowed(_) if self.names.is_empty() => self.names = names,
            names => names.iter().try_for_each(|name| self.add_name(name))?,
        }
        self.sort();
        Ok(())
    }

    /// By type, as kustomize does: it matters, since a spec for any type goes unless it comes first.
    fn sort(&mut self) {
        let tables = [
            &mut self.name_prefix,
            &mut self.name_suffix,
            &mut self.namespace,
            &mut self.common_labels,
            &mut self.labels,
            &mut self.template_labels,
            &mut self.volume_claim_labels,
            &mut self.common_annotations,
            &mut self.images,
            &mut self.replicas,
            &mut self.vars,
        ];
        for table in tables {
            if let Cow::Owned(specs) = table {
                specs.sort_by_cached_key(|spec| rank(&spec.group, &spec.version, &spec.kind));
            }
        }
        if let Cow::Owned(names) = &mut self.names {
            names.sort_by_cached_key(|name| rank(&name.group, &name.version, &name.kind));
        }
    }

    fn add_name(&mut self, reference: &NameReference) -> Result<(), String> {
        let at = self.names.iter().position(|own| own.same_target(reference));
        match at {
            Some(at) if self.names[at] == *reference => Ok(()),
            Some(at) => {
                let own = &mut self.names.to_mut()[at];
                add_all(&mut own.referrers, reference.referrers.clone())
            }
            None => {
                self.names.to_mut().push(reference.clone());
                Ok(())
            }
        }
    }
}

fn rank(group: &str, version: &str, kind: &str) -> (isize, String) {
    (order::rank(kind), order::gvk_text(group, version, kind))
}

/// Adds the specs that are new.
pub(crate) fn add_all(own: &mut Specs, more: Specs) -> Result<(), String> {
    if own.is_empty() && matches!(more, Cow::Borrowed(_)) {
        *own = more;
        return Ok(());
    }
    more.iter().try_for_each(|spec| add(own, spec))
}

/// Adds a spec, unless one for the same path is there whose type is at least as narrow.
pub(crate) fn add(own: &mut Specs, spec: &FieldSpec) -> Result<(), String> {
    let covers = |old: &&FieldSpec| {
        let selects = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        old.path == spec.path
            && selects(&spec.group, &old.group)
            && selects(&spec.version, &old.version)
            && selects(&spec.kind, &old.kind)
    };
    match own.iter().find(covers) {
        Some(old) if old.create == spec.create => Ok(()),
        Some(_) => Err(format!(
            "the field path `{}` is configured twice, with `create` once true and once false",
            spec.path
        )),
        None => {
            own.to_mut().push(spec.clone());
            Ok(())
        }
    }
}

const TABLES: &[&str] = &[
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "templateLabels",
    "volumeClaimTemplateLabels",
    "commonAnnotations",
    "nameReference",
    "varReference",
    "images",
    "replicas",
];

/// A file of `configurations`.
fn read(document: &Node) -> Outcome<Config> {
    let mut decoder = Decoder::new(Temper::Strict);
    let fields = decoder.fields(document, TABLES);
    let mut table = |name| Cow::Owned(decoder.list(fields.get(name), read::field_spec));
    let config = Config {
        name_prefix: table("namePrefix"),
        name_suffix: table("nameSuffix"),
        namespace: table("namespace"),
        common_labels: table("commonLabels"),
        labels: table("labels"),
        template_labels: table("templateLabels"),
        volume_claim_labels: table("volumeClaimTemplateLabels"),
        common_annotations: table("commonAnnotations"),
        images: table("images"),
        replicas: table("replicas"),
        vars: table("varReference"),
        names: Cow::Owned(decoder.list(fields.get("nameReference"), name_reference)),
    };
    decoder.finish(config)
}

fn name_reference(decoder: &mut Decoder, node: &Node) -> NameReference {
    let fields = decoder.fields(node, &["group", "version", "kind", "fieldSpecs"]);
    NameReference {
        group: decoder.string(fields.get("group")).into(),
        version: decoder.string(fields.get("version")).into(),
        kind: decoder.string(fields.get("kind")).into(),
        referrers: Cow::Owned(decoder.list(fields.get("fieldSpecs"), read::field_spec)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So that a layer which adds nothing can leave them as they are.
    #[test]
    fn built_in_names_stand_in_order() {
        let mut sorted = Config::built_in();
        sorted.names.to_mut();
        sorted.sort();
        assert!(sorted.names == Config::built_in().names);
    }
}
