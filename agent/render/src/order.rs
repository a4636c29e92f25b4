//! The order of the output.

use std::{cmp::Ordering, collections::HashMap};

use krm::Node;

use crate::{
    model::{LegacyOrder, SortOptions},
    options::Order,
    problem::Problem,
    resource::Resource,
    session::Session,
    set::ObjectSet,
};

/// Kinds that come first, in this order, unless the kustomization says otherwise. The same order decides among
/// name references.
pub(crate) const FIRST: &[&str] = &[
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];

/// Kinds that come last, in this order.
pub(crate) const LAST: &[&str] = &[
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

/// Puts the objects in the order that the root or the caller asks for.
pub(crate) fn sort(
    set: &mut ObjectSet,
    root: Option<&SortOptions>,
    session: &Session<'_>,
) -> Result<(), Problem> {
    let flag = session.options.order;
    let Some(options) = root else {
        if flag != Order::None {
            legacy(set.items_mut(), FIRST, LAST);
        }
        return Ok(());
    };
    if flag != Order::Unspecified {
        session.warn(
            "Warning: Sorting order is set both in 'kustomization.yaml' ('sortOptions') and in a CLI flag \
             ('--reorder'). Using the kustomization file over the CLI flag.",
        );
    }
    let order = options.order.as_ref();
    match order.map_or("", |order| order.value.as_str()) {
        "legacy" => {
            match &options.legacy {
                None => legacy(set.items_mut(), FIRST, LAST),
                Some(LegacyOrder { first, last }) => legacy(set.items_mut(), first, last),
            }
            Ok(())
        }
        "fifo" if options.legacy.is_some() => Err(Problem::at(
            options.pos,
            "`legacySortOptions` needs `order: legacy`",
        )),
        "fifo" => Ok(()),
        other => {
            let pos = order.map_or(options.pos, |order| order.pos);
            let text = format!("`order` must be legacy or fifo, not `{other}`");
            Err(Problem::at(pos, text))
        }
    }
}

/// The place of a kind in the fixed order; 0 for all that it does not name.
pub(crate) fn rank(kind: &str) -> isize {
    let place = |list: &[&str]| list.iter().position(|name| *name == kind);
    match (place(FIRST), place(LAST)) {
        (Some(at), _) => at.cast_signed() - FIRST.len().cast_signed(),
        (None, Some(at)) => at.cast_signed() + 1,
        (None, None) => 0,
    }
}

fn legacy(items: &mut Vec<Resource>, first: &[impl AsRef<str>], last: &[impl AsRef<str>]) {
    let mut ranks: HashMap<&str, isize> = HashMap::new();
    for (rank, kind) in (0..).zip(first) {
        ranks.insert(kind.as_ref(), rank - first.len().cast_signed());
    }
    for (rank, kind) in (1..).zip(last) {
        ranks.insert(kind.as_ref(), rank);
    }
    let mut keyed: Vec<(Rank, Resource)> = std::mem::take(items)
        .into_iter()
        .map(|resource| (Rank::of(&resource.node, &ranks), resource))
        .collect();
    keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
    items.extend(keyed.into_iter().map(|(_, resource)| resource));
}

/// What the order goes by.
#[derive(PartialEq, Eq)]
struct Rank {
    kind: isize,
    /// `None` for other kinds, else whether it is that of the core group, which comes before any other.
    core_namespace: Option<bool>,
    gvk: String,
    id: String,
}

impl Rank {
    fn of(object: &Node, ranks: &HashMap<&str, isize>) -> Self {
        let kind = object.object_kind();
        let (group, version) = krm::split_api_version(object.api_version());
        Self {
            kind: ranks.get(kind).copied().unwrap_or(0),
            core_namespace: (kind == "Namespace").then_some(group.is_empty()),
            gvk: gvk_text(group, version, kind),
            id: format!(
                "{}|{}",
                or(object.namespace(), "~X"),
                or(object.name(), "~N")
            ),
        }
    }
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_kind = self.kind.cmp(&other.kind);
        let by_gvk = match (self.core_namespace, other.core_namespace) {
            (Some(a), Some(b)) if a || b => other.gvk.cmp(&self.gvk),
            _ => self.gvk.cmp(&other.gvk),
        };
        by_kind.then(by_gvk).then_with(|| self.id.cmp(&other.id))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What kinds of one rank are ordered by.
pub(crate) fn gvk_text(group: &str, version: &str, kind: &str) -> String {
    format!(
        "{}_{}_{}",
        or(group, "~G"),
        or(version, "~V"),
        or(kind, "~K")
    )
}

fn or<'t>(text: &'t str, absent: &'t str) -> &'t str {
    if text.is_empty() { absent } else { text }
}
