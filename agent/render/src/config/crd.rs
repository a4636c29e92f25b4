//! `crds`: OpenAPI documents whose `x-kubernetes-…` extensions name fields of custom resources that hold names,
//! labels or annotations. Kustomize predates CRDs with schemas; a CRD object itself says nothing here.

use std::borrow::Cow;

use krm::Node;

use super::{Config, NameReference, Specs};
use crate::{
    field::FieldSpec,
    problem::{Outcome, Problem},
};

/// What the document's types say.
pub(super) fn read(document: &Node) -> Outcome<Config> {
    let mut config = Config::default();
    let Some(types) = document.as_map() else {
        return Ok(config);
    };
    for entry in types {
        if entry.value.as_map().is_none() && !entry.value.is_null() {
            let text = format!("`{}` does not describe a type", entry.key);
            return Err(Problem::at(entry.value.pos, text)
                .hint("a CustomResourceDefinition belongs under `resources`; `crds` takes OpenAPI definitions by type name")
                .into());
        }
        let properties = entry.value.at(&["Schema", "properties"]);
        let looks_like_object = properties.is_some_and(|properties| {
            ["kind", "apiVersion", "metadata"]
                .iter()
                .all(|name| properties.get(name).is_some())
        });
        if looks_like_object {
            let kind = entry.key.rsplit('.').next().unwrap_or_default();
            let mut walk = Walk {
                document,
                kind,
                config: &mut config,
                visited: Vec::new(),
            };
            walk.type_named(&entry.key, "");
        }
    }
    Ok(config)
}

struct Walk<'n> {
    document: &'n Node,
    kind: &'n str,
    config: &'n mut Config,
    /// The types on the way, so that a type that holds itself ends the walk.
    visited: Vec<&'n str>,
}

impl<'n> Walk<'n> {
    fn type_named(&mut self, name: &'n str, path: &str) {
        if self.visited.contains(&name) {
            return;
        }
        let properties = self.document.get(name).and_then(|node| node.get("Schema"));
        let Some(properties) = properties
            .and_then(|schema| schema.get("properties"))
            .and_then(Node::as_map)
        else {
            return;
        };
        self.visited.push(name);
        for entry in properties {
            let path = match path.is_empty() {
                true => entry.key.clone(),
                false => format!("{path}/{}", entry.key),
            };
            self.property(&entry.value, &path);
        }
        self.visited.pop();
    }

    fn property(&mut self, property: &'n Node, path: &str) {
        let says = |name: &str| property.text_at(&[name]);
        if says("x-kubernetes-annotation").is_some() {
            let spec = self.spec(path);
            push(&mut self.config.common_annotations, spec);
        }
        if says("x-kubernetes-label-selector").is_some() {
            let spec = self.spec(path);
            push(&mut self.config.common_labels, spec);
        }
        if says("x-kubernetes-identity").is_some() {
            let spec = self.spec(path);
            push(&mut self.config.name_prefix, spec);
        }
        let version = says("x-kubernetes-object-ref-api-version");
        if let (Some(version), Some(kind)) = (version, says("x-kubernetes-object-ref-kind")) {
            let key = says("x-kubernetes-object-ref-name-key").unwrap_or("name");
            let reference = NameReference {
                group: Cow::Borrowed(""),
                version: Cow::Owned(version.to_owned()),
                kind: Cow::Owned(kind.to_owned()),
                referrers: Cow::Owned(vec![self.spec(&format!("{path}/{key}"))]),
            };
            self.config.names.to_mut().push(reference);
        }
        if let Some(name) = says("$ref") {
            self.type_named(name, path);
        }
    }

    fn spec(&self, path: &str) -> FieldSpec {
        FieldSpec {
            kind: Cow::Owned(self.kind.to_owned()),
            path: Cow::Owned(path.to_owned()),
            ..FieldSpec::default()
        }
    }
}

fn push(specs: &mut Specs, spec: FieldSpec) {
    specs.to_mut().push(spec);
}
