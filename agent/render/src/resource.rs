//! One object on its way through the layers, and every id it has had.
//!
//! Names and namespaces change from layer to layer, while references keep saying the old ones. So a
//! [`Resource`] remembers its former ids until the references are fixed at the top. kustomize keeps them in
//! annotations; here they never touch the object.

use std::borrow::Cow;

use krm::{
    Entry, Kind, Node, Pos, SourceId,
    schema::{Schema, Scope},
};

use crate::{
    field::{FieldSpec, Make},
    origin::Trace,
    problem::Problem,
    shared::Shared,
};

/// The namespace of an object that says none.
pub(crate) const DEFAULT_NAMESPACE: &str = "default";
/// Stands for the namespace of an object that has none.
pub(crate) const NO_NAMESPACE: &str = "_non_namespaceable_";

/// The label that a validator may leave behind.
const VALIDATED_BY: &str = "validated-by";

/// Stands for all annotations that kustomize keeps for itself, while something looks for annotations.
pub(crate) const HIDDEN: &str = "internal.config.kubernetes.io/previousNames";

/// An object and what is known about it besides its content.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    /// The object itself. A deleted object is `null` until the set drops it.
    pub(crate) node: Node,
    /// Former ids, oldest first, without the current one.
    pub(crate) former: Vec<FormerId>,
    /// Name prefixes it was given, innermost first.
    pub(crate) prefixes: Vec<String>,
    /// Name suffixes it was given, innermost first.
    pub(crate) suffixes: Vec<String>,
    /// What a generator wants done with an object of the same id.
    pub(crate) behavior: Behavior,
    /// Whether its name gets a hash of its content at the end, and which line asked for the object.
    pub(crate) hash: Option<Pos>,
    /// Values that stand in several places at once.
    pub(crate) shared: Shared,
    /// The vars that take their value from it.
    pub(crate) vars: Vec<String>,
    /// Where it came from and what changed it, for `buildMetadata`.
    pub(crate) trace: Trace,
}

/// What an object was once called. Group and version are those of the object itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FormerId {
    pub(crate) kind: String,
    pub(crate) name: String,
    /// The effective namespace.
    pub(crate) namespace: String,
}

/// Everything that tells objects apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id<'a> {
    pub(crate) group: &'a str,
    pub(crate) version: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) name: &'a str,
    /// The effective namespace: never empty; [`NO_NAMESPACE`] for a cluster-scoped kind.
    pub(crate) namespace: &'a str,
}

/// What a generator wants done with an object of the same id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Behavior {
    /// No generator made it.
    #[default]
    NotGenerated,
    /// Not said: as [`Behavior::Create`].
    Unspecified,
    /// There must be none.
    Create,
    /// It goes, only its metadata stays.
    Replace,
    /// Its data stays where the new one has none of the same key.
    Merge,
}

/// The same values; of those that were read from `source`, none was written anew.
fn is_same(before: &Node, after: &Node, source: SourceId) -> bool {
    match (&before.kind, &after.kind) {
        (Kind::Map(before), Kind::Map(after)) => {
            let same =
                |(a, b): (&Entry, &Entry)| a.key == b.key && is_same(&a.value, &b.value, source);
            before.len() == after.len() && before.iter().zip(after).all(same)
        }
        (Kind::Seq(before), Kind::Seq(after)) => {
            let same = |(a, b)| is_same(a, b, source);
            before.len() == after.len() && before.iter().zip(after).all(same)
        }
        _ => {
            let was_read = before.pos.source == source && before.pos.line > 0;
            before == after && (!was_read || before.pos == after.pos)
        }
    }
}

impl Resource {
    pub(crate) fn new(node: Node) -> Self {
        Self {
            node,
            former: Vec::new(),
            prefixes: Vec::new(),
            suffixes: Vec::new(),
            behavior: Behavior::NotGenerated,
            hash: None,
            shared: Shared::default(),
            vars: Vec::new(),
            trace: Trace::default(),
        }
    }

    /// Calls `set` on the values of a field as [`FieldSpec::visit`] does, and carries a change on to wherever else
    /// the same value stands.
    pub(crate) fn visit(
        &mut self,
        field: &FieldSpec,
        make: Make,
        pos: Pos,
        set: &mut dyn FnMut(&mut Node) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let mut touched = false;
        field.visit(&mut self.node, make, pos, &mut |node| {
            touched = true;
            set(node)
        })?;
        if touched {
            self.shared.sync(&mut self.node);
        }
        Ok(())
    }

    /// An object from a file, with what its annotations say about its past.
    pub(crate) fn from_file(node: Node) -> Result<Self, Problem> {
        let mut resource = Self::new(node);
        let Some(annotations) = resource.node.annotations() else {
            return Ok(resource);
        };
        let is_carried = |key: &str| key.starts_with("internal.config.kubernetes.io/");
        if !annotations.iter().any(|entry| is_carried(&entry.key)) {
            return Ok(resource);
        }
        let list = |key| -> Vec<String> {
            let text = annotations.get(key).and_then(Node::text);
            text.map_or_else(Vec::new, |text| {
                text.split(',').map(str::to_owned).collect()
            })
        };
        let (names, namespaces, kinds) = (
            list(carried::NAMES),
            list(carried::NAMESPACES),
            list(carried::KINDS),
        );
        if names.len() != namespaces.len() || names.len() != kinds.len() {
            let text = "the annotations about former names, namespaces and kinds differ in length";
            return Err(Problem::at(resource.pos(), text));
        }
        let ids = names.into_iter().zip(namespaces).zip(kinds);
        let former = ids.map(|((name, namespace), kind)| FormerId {
            kind,
            name,
            namespace,
        });
        let (former, prefixes) = (former.collect(), list(carried::PREFIXES));
        let suffixes = list(carried::SUFFIXES);
        let has_hash = resource.node.annotation(carried::HASH) == Some("enabled");
        resource.hash = has_hash.then_some(resource.pos());
        resource.former = former;
        resource.prefixes = prefixes;
        resource.suffixes = suffixes;
        Ok(resource)
    }

    /// Whether kustomize would have annotations of its own on the object by now.
    pub(crate) fn is_marked(&self) -> bool {
        let is_untouched = self.former.is_empty()
            && self.prefixes.is_empty()
            && self.suffixes.is_empty()
            && self.hash.is_none()
            && self.behavior == Behavior::NotGenerated
            && self.trace == Trace::default();
        !is_untouched
    }

    /// Whether `after` is this object as a validator must leave it: it may only add a label that says so.
    pub(crate) fn is_unchanged(&self, after: &Self) -> bool {
        let is_kept = self.former.len() == after.former.len()
            && self.prefixes == after.prefixes
            && self.suffixes == after.suffixes;
        let node = match after.node.label(VALIDATED_BY).is_some() {
            true => {
                let mut node = after.node.clone();
                node.remove_label(VALIDATED_BY);
                Cow::Owned(node)
            }
            false => Cow::Borrowed(&after.node),
        };
        is_kept && is_same(&self.node, &node, self.pos().source)
    }

    /// The line the object was written on.
    pub(crate) fn pos(&self) -> Pos {
        self.node.pos
    }

    /// What it is called now.
    pub(crate) fn id(&self, schema: &Schema) -> Id<'_> {
        let (group, version) = self.group_version();
        let kind = self.node.object_kind();
        Id {
            group,
            version,
            kind,
            name: self.node.name(),
            namespace: self.effective_namespace(schema),
        }
    }

    /// What it was called first.
    pub(crate) fn original_id(&self, schema: &Schema) -> Id<'_> {
        match self.former.first() {
            Some(former) => self.with_type(former),
            None => self.id(schema),
        }
    }

    /// What it was called before, oldest first.
    pub(crate) fn former_ids(&self) -> impl Iterator<Item = Id<'_>> {
        self.former.iter().map(|former| self.with_type(former))
    }

    /// All it was ever called, oldest first, the current id last.
    pub(crate) fn all_ids(&self, schema: &Schema) -> impl Iterator<Item = Id<'_>> {
        self.former_ids().chain([self.id(schema)])
    }

    /// Keeps the current id among the former ones; to be called before an id changes.
    pub(crate) fn remember_id(&mut self, schema: &Schema) {
        let id = self.id(schema);
        let former = FormerId {
            kind: id.kind.to_owned(),
            name: id.name.to_owned(),
            namespace: id.namespace.to_owned(),
        };
        self.former.push(former);
    }

    /// Whether its kind certainly has no namespace.
    pub(crate) fn is_cluster_scoped(&self, schema: &Schema) -> bool {
        is_cluster_scoped(schema, self.node.api_version(), self.node.object_kind())
    }

    /// Group and version.
    pub(crate) fn group_version(&self) -> (&str, &str) {
        krm::split_api_version(self.node.api_version())
    }

    /// True after a patch has deleted the whole object.
    pub(crate) fn is_gone(&self) -> bool {
        match self.node.as_map() {
            Some(map) => map.is_empty(),
            None => true,
        }
    }

    fn effective_namespace(&self, schema: &Schema) -> &str {
        if self.is_cluster_scoped(schema) {
            return NO_NAMESPACE;
        }
        match self.node.namespace() {
            "" => DEFAULT_NAMESPACE,
            namespace => namespace,
        }
    }

    fn with_type<'a>(&'a self, former: &'a FormerId) -> Id<'a> {
        let (group, version) = self.group_version();
        Id {
            group,
            version,
            kind: &former.kind,
            name: &former.name,
            namespace: &former.namespace,
        }
    }
}

impl Id<'_> {
    /// `Deployment shop/web`, `Namespace shop`.
    pub(crate) fn describe(&self) -> String {
        match self.namespace {
            NO_NAMESPACE => format!("{} {}", self.kind, self.name),
            namespace => format!("{} {}/{}", self.kind, namespace, self.name),
        }
    }
}

/// Whether a kind certainly has no namespace.
pub(crate) fn is_cluster_scoped(schema: &Schema, api_version: &str, kind: &str) -> bool {
    schema.scope_of(api_version, kind) == Some(Scope::Cluster)
}

/// The annotations in which kustomize keeps what a [`Resource`] keeps beside the object. An object that was
/// put together by another program may bring them along.
mod carried {
    pub(super) const NAMES: &str = "internal.config.kubernetes.io/previousNames";
    pub(super) const NAMESPACES: &str = "internal.config.kubernetes.io/previousNamespaces";
    pub(super) const KINDS: &str = "internal.config.kubernetes.io/previousKinds";
    pub(super) const PREFIXES: &str = "internal.config.kubernetes.io/prefixes";
    pub(super) const SUFFIXES: &str = "internal.config.kubernetes.io/suffixes";
    pub(super) const HASH: &str = "internal.config.kubernetes.io/needsHashSuffix";
}
