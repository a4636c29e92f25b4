//! Names in objects that mean other objects follow those objects' new names.
//!
//! An object is found by a name it once had. Among several of that name, kind, namespace and the prefixes that
//! both have been given decide. Lookups go through an index by former name, so the work grows with the number
//! of references, not with its square.

mod candidates;

use std::collections::HashMap;

use krm::{Kind, Node, Pos, schema::Schema};

use crate::{
    config::NameReference,
    field::FieldSpec,
    problem::{Outcome, Problem},
    resource::{Id, Resource},
    scalar,
    set::ObjectSet,
};
use candidates::{Candidate, Candidates};

/// Rewrites all names of objects that have new ones.
pub(crate) fn fix(set: &mut ObjectSet, names: &[NameReference], schema: &Schema) -> Outcome {
    let candidates = Candidates::new(set.as_slice(), schema);
    let mut by_kind: HashMap<String, Vec<(&NameReference, &FieldSpec)>> = HashMap::new();
    for (at, resource) in set.iter_mut().enumerate() {
        let id = resource.original_id(schema);
        if !by_kind.contains_key(id.kind) {
            by_kind.insert(id.kind.to_owned(), fields_of(names, id.kind));
        }
        let fields: Vec<_> = by_kind[id.kind]
            .iter()
            .filter(|(_, field)| fits_version(field, id))
            .copied()
            .collect();
        let referrer = Referrer::new(at, resource, &candidates)?;
        for (target, field) in fields {
            referrer.fix(resource, target, field)?;
        }
    }
    Ok(())
}

fn fields_of<'c>(
    names: &'c [NameReference],
    kind: &str,
) -> Vec<(&'c NameReference, &'c FieldSpec)> {
    let all = names
        .iter()
        .flat_map(|name| name.referrers.iter().map(move |field| (name, field)));
    all.filter(|(_, field)| field.kind.is_empty() || field.kind == kind)
        .collect()
}

fn fits_version(field: &FieldSpec, id: Id<'_>) -> bool {
    (field.group.is_empty() || field.group == id.group)
        && (field.version.is_empty() || field.version == id.version)
}

/// An object that may name others.
struct Referrer<'c> {
    own: &'c Candidate,
    candidates: &'c Candidates,
    /// Namespaces of service accounts that a role binding names.
    reachable: Vec<String>,
    /// Group and kind of the role that a binding names.
    role: Option<(String, String)>,
}

/// Which field of which kind is being looked at.
#[derive(Clone, Copy)]
struct Quest<'c> {
    target: &'c NameReference,
    field: &'c FieldSpec,
}

impl<'c> Referrer<'c> {
    fn new(at: usize, resource: &Resource, candidates: &'c Candidates) -> Result<Self, Problem> {
        let own = candidates.get(at);
        let reachable = match own.is_cluster_scoped() {
            true => Vec::new(),
            false => subject_namespaces(&resource.node)?,
        };
        Ok(Self {
            own,
            candidates,
            reachable,
            role: role_of(&resource.node),
        })
    }

    fn fix(
        &self,
        resource: &mut Resource,
        target: &NameReference,
        field: &FieldSpec,
    ) -> Result<(), Problem> {
        let quest = Quest { target, field };
        let mut touched = false;
        field.visit_present(&mut resource.node, &mut |value| {
            touched = true;
            self.value(value, quest)
        })?;
        if touched {
            resource.shared.sync(&mut resource.node);
        }
        Ok(())
    }

    fn value(&self, node: &mut Node, quest: Quest<'_>) -> Result<(), Problem> {
        match &mut node.kind {
            Kind::Scalar(scalar) if scalar.tag == krm::Tag::Null => Ok(()),
            Kind::Scalar(_) => self.scalar(node, quest),
            Kind::Map(_) => self.map(node, quest),
            Kind::Seq(items) => items.iter_mut().try_for_each(|item| match &item.kind {
                Kind::Scalar(scalar) if scalar.tag == krm::Tag::Null => Ok(()),
                Kind::Scalar(_) => self.scalar(item, quest),
                Kind::Map(_) => self.map(item, quest),
                Kind::Seq(_) => Err(Problem::at(
                    item.pos,
                    "a name or a map with a name is needed here, not a list",
                )),
            }),
        }
    }

    fn scalar(&self, node: &mut Node, quest: Quest<'_>) -> Result<(), Problem> {
        let old = node.text().unwrap_or_default();
        let same = |a: &Candidate, b: &Candidate| a.name == b.name;
        let all = self.candidates.formerly(old);
        if let Some(found) = self.select(all, node.pos, quest, &same)?
            && found.name != old
        {
            scalar::set_text(node, found.name.clone(), found.name_pos);
        }
        Ok(())
    }

    /// A map with `name` and perhaps `namespace`.
    fn map(&self, node: &mut Node, quest: Quest<'_>) -> Result<(), Problem> {
        let pos = node.pos;
        let Some(name) = node.get("name") else {
            let text = format!(
                "`{}` should lead to a map with a name, but there is none",
                quest.field.path
            );
            return Err(Problem::at(pos, text));
        };
        let old = name.text().unwrap_or_default();
        let mut all = self.candidates.formerly(old);
        if let Some(namespace) = node.get("namespace") {
            let namespace = namespace.text().unwrap_or_default();
            let is_original = self
                .candidates
                .originally_in(namespace)
                .any(|candidate| self.reaches(candidate));
            all.retain(|candidate| match is_original {
                true => candidate.original_namespace == namespace,
                false => candidate.is_in(namespace),
            });
        }
        let same = |a: &Candidate, b: &Candidate| a.name == b.name && a.namespace == b.namespace;
        let Some(found) = self.select(all, pos, quest, &same)? else {
            return Ok(());
        };
        if found.name == old && found.namespace.is_empty() {
            return Ok(());
        }
        let Some(map) = node.as_map_mut() else {
            return Ok(());
        };
        scalar::set_field(map, "name", &found.name, found.name_pos);
        if !found.namespace.is_empty() {
            scalar::set_field(map, "namespace", &found.namespace, found.namespace_pos);
        }
        Ok(())
    }

    /// The one object that is meant, if there is one.
    fn select(
        &self,
        mut found: Vec<&'c Candidate>,
        pos: Pos,
        quest: Quest<'_>,
        same: &dyn Fn(&Candidate, &Candidate) -> bool,
    ) -> Result<Option<&'c Candidate>, Problem> {
        found.retain(|candidate| {
            self.reaches(candidate)
                && candidate.was(
                    &quest.target.group,
                    &quest.target.version,
                    &quest.target.kind,
                )
                && self.is_the_role(candidate, quest)
                && self.shares_namespace(candidate)
        });
        if found.len() <= 1 {
            return Ok(found.first().copied());
        }
        found.retain(|candidate| candidate.affixes_agree(self.own, true));
        if found.len() > 1 {
            found.retain(|candidate| candidate.affixes_agree(self.own, false));
        }
        match found.as_slice() {
            [] => Ok(None),
            [first, rest @ ..] if rest.iter().all(|other| same(first, other)) => Ok(Some(first)),
            several => Err(ambiguous(several, pos)),
        }
    }

    /// Whether the referrer can refer to that object at all.
    fn reaches(&self, candidate: &Candidate) -> bool {
        self.own.is_cluster_scoped()
            || candidate.is_cluster_scoped()
            || candidate.effective_namespace == self.own.effective_namespace
            || self.reachable.contains(&candidate.namespace)
    }

    fn shares_namespace(&self, candidate: &Candidate) -> bool {
        self.own.is_cluster_scoped()
            || candidate.is_cluster_scoped()
            || candidate.kind == "ServiceAccount"
            || candidate.effective_namespace == self.own.effective_namespace
    }

    fn is_the_role(&self, candidate: &Candidate, quest: Quest<'_>) -> bool {
        match &self.role {
            Some((group, kind)) if quest.field.path.ends_with("roleRef/name") => {
                candidate.was(group, "", kind)
            }
            _ => true,
        }
    }
}

fn ambiguous(several: &[&Candidate], pos: Pos) -> Problem {
    let names: Vec<String> = several
        .iter()
        .map(|candidate| candidate.describe())
        .collect();
    let text = format!("this name may mean any of {}", names.join(", "));
    Problem::at(pos, text).hint("give the objects different names, prefixes or namespaces")
}

fn subject_namespaces(object: &Node) -> Result<Vec<String>, Problem> {
    if object.object_kind() != "RoleBinding" {
        return Ok(Vec::new());
    }
    let subjects = object.get("subjects").and_then(Node::as_seq);
    let accounts = subjects
        .unwrap_or_default()
        .iter()
        .filter(|subject| subject.text_at(&["kind"]) == Some("ServiceAccount"));
    let namespaces = accounts.filter_map(|subject| subject.get("namespace"));
    namespaces
        .map(|namespace| match namespace.as_str() {
            Some(text) => Ok(text.to_owned()),
            None => Err(Problem::at(
                namespace.pos,
                "the namespace of a service account must be text",
            )
            .hint("name the namespace, or leave the field out")),
        })
        .collect()
}

fn role_of(object: &Node) -> Option<(String, String)> {
    let role = object.get("roleRef")?;
    let text = |field| role.get(field)?.text().map(str::to_owned);
    Some((text("apiGroup")?, text("kind")?))
}
