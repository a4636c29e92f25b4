//! A rule of an environment: which fields of which objects are left to others.

use krm::ObjectId;

use super::{FieldPath, Pattern, pattern::any};

/// Leaves `fields` to others on every object that all four lists select; an empty list selects all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IgnoreRule {
    /// `apps`; the empty text is the core group.
    pub groups: Vec<Pattern>,
    /// `Deployment`
    pub kinds: Vec<Pattern>,
    /// Of the objects.
    pub names: Vec<Pattern>,
    /// Where they live.
    pub namespaces: Vec<Pattern>,
    /// The fields.
    pub fields: Vec<FieldPath>,
}

impl IgnoreRule {
    /// True if the rule is about `id`.
    pub fn selects(&self, id: &ObjectId) -> bool {
        any(&self.groups, &id.group)
            && any(&self.kinds, &id.kind)
            && any(&self.names, &id.name)
            && any(&self.namespaces, &id.namespace)
    }
}
