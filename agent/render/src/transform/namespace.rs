//! `namespace`: the namespace of every object that has one, of subjects of role bindings, and of some fields.

use krm::{Kind, Node};

use super::Context;
use crate::{
    config::Specs,
    field::{FieldSpec, Make, spec},
    model::Text,
    problem::{Outcome, Problem},
    resource::Resource,
    scalar,
    set::ObjectSet,
};

/// The namespace and how far it reaches.
#[derive(Clone, Debug)]
pub(crate) struct NamespaceSpec {
    pub(crate) namespace: Text,
    pub(crate) fields: Specs,
    /// Fields that say a namespace already keep it.
    pub(crate) unset_only: bool,
    pub(crate) subjects: Subjects,
}

/// Which subjects of role bindings move along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Subjects {
    /// Those named `default`.
    #[default]
    Default,
    /// All service accounts.
    ServiceAccounts,
    /// None.
    None,
}

static METADATA: FieldSpec = spec("", "", "", "metadata/namespace", true);

pub(crate) fn apply(spec: &NamespaceSpec, set: &mut ObjectSet, cx: &Context<'_>) -> Outcome {
    for resource in set.iter_mut() {
        resource.remember_id(&cx.schema);
        let is_cluster_scoped = resource.is_cluster_scoped(&cx.schema);
        in_object(spec, resource, is_cluster_scoped)?;
    }
    set.check_unique(&cx.schema)
}

/// Sets the namespace in one object.
pub(crate) fn in_object(
    spec: &NamespaceSpec,
    object: &mut Resource,
    is_cluster_scoped: bool,
) -> Result<(), Problem> {
    if !is_cluster_scoped {
        set_at(&METADATA, spec, object)?;
    }
    let is_binding = matches!(
        object.node.object_kind(),
        "RoleBinding" | "ClusterRoleBinding"
    );
    if is_binding {
        in_subjects(spec, &mut object.node)?;
    }
    let is_core = object.node.api_version() == "v1";
    for field in spec.fields.iter() {
        let handled = match &*field.path {
            "metadata/namespace" => true,
            "metadata/name" => !is_core,
            "subjects/namespace" => {
                is_binding && matches!(&*field.kind, "RoleBinding" | "ClusterRoleBinding")
            }
            _ => false,
        };
        if !handled {
            set_at(field, spec, object)?;
        }
    }
    Ok(())
}

fn set_at(field: &FieldSpec, spec: &NamespaceSpec, object: &mut Resource) -> Result<(), Problem> {
    let pos = spec.namespace.pos;
    object.visit(field, Make::Scalar, pos, &mut |node| set(spec, node))
}

fn set(spec: &NamespaceSpec, node: &mut Node) -> Result<(), Problem> {
    if spec.unset_only && !node.is_null() && node.text().is_some_and(|text| !text.is_empty()) {
        return Ok(());
    }
    let pos = node.pos;
    scalar::set_string(node, &spec.namespace.value, spec.namespace.pos)
        .ok_or_else(|| Problem::at(pos, "a namespace must be text, not a map or list"))
}

fn in_subjects(spec: &NamespaceSpec, object: &mut Node) -> Result<(), Problem> {
    let (key, wanted) = match spec.subjects {
        Subjects::None => return Ok(()),
        Subjects::Default => ("name", "default"),
        Subjects::ServiceAccounts => ("kind", "ServiceAccount"),
    };
    let Some(subjects) = object
        .get_mut("subjects")
        .filter(|subjects| !subjects.is_null())
    else {
        return Ok(());
    };
    let pos = subjects.pos;
    let Kind::Seq(subjects) = &mut subjects.kind else {
        return Err(Problem::at(pos, "subjects must be a list"));
    };
    for subject in subjects {
        if subject.text_at(&[key]) != Some(wanted) {
            continue;
        }
        let Some(map) = subject.as_map_mut() else {
            continue;
        };
        if !map.contains("namespace") {
            map.push("namespace", Node::string("", spec.namespace.pos));
        }
        if let Some(node) = map.get_mut("namespace") {
            set(spec, node)?;
        }
    }
    Ok(())
}
