//! `Environment`: one branch and one overlay of a config repo, kept equal to one target.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rollout::{RolloutStatus, StrategyRule};
use crate::{
    Interval,
    v1alpha1::{
        AuditStatus, CheckStatus, ForeignFields, ForeignStatus, HttpCheck, IgnoreRule, Leaving,
        OnDelete, WaitingRevision, Window,
    },
};

/// What to keep equal to what.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "driftless.dev",
    version = "v1alpha1",
    kind = "Environment",
    plural = "environments",
    shortname = "env",
    category = "driftless",
    namespaced,
    status = "EnvironmentStatus",
    derive = "PartialEq",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#
    ),
    printcolumn(name = "Branch", type_ = "string", json_path = ".spec.source.branch"),
    printcolumn(
        name = "Revision",
        type_ = "string",
        json_path = ".status.revision.applied"
    ),
    printcolumn(name = "Release", type_ = "string", json_path = ".status.release"),
    printcolumn(name = "Health", type_ = "string", json_path = ".status.health"),
    printcolumn(
        name = "Rollout",
        type_ = "string",
        json_path = ".status.rollout.phase"
    ),
    printcolumn(
        name = "Weight",
        type_ = "integer",
        json_path = ".status.rollout.weight",
        priority = 1
    ),
    printcolumn(name = "Drift", type_ = "integer", json_path = ".status.drift.count"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnvironmentSpec {
    /// Where the desired state comes from.
    pub source: SourceSpec,
    /// Where it goes. Left out: this cluster, with the agent's own rights.
    #[serde(default)]
    pub target: TargetSpec,
    /// How often to ask the Git server for news when no webhook tells: at most once a second. Default `1m`.
    #[serde(default = "EnvironmentSpec::default_interval")]
    pub interval: Interval,
    /// How long a release may take until it is healthy before it counts as degraded. Default `5m`.
    #[serde(default = "EnvironmentSpec::default_timeout")]
    pub timeout: Interval,
    /// Whether objects that leave git are deleted. Default true.
    #[serde(default = "EnvironmentSpec::default_prune")]
    pub prune: bool,
    /// How many objects one revision may delete without approval.
    #[serde(default)]
    pub prune_budget: PruneBudget,
    /// What becomes of the objects when this Environment is deleted. Default `orphan`: they stay.
    #[serde(default)]
    pub on_delete: OnDelete,
    /// What to do when somebody changes an object by hand. Default `repair`.
    #[serde(default)]
    pub drift: DriftMode,
    /// Fields that are left to others once an object is made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub ignore: Vec<IgnoreRule>,
    /// What becomes of fields that people have added by hand and git does not mention. Default `report`.
    #[serde(default)]
    pub foreign_fields: ForeignFields,
    /// Field managers whose additions count as made by hand, beside `kubectl`, `k9s` and the like: `my-tool`,
    /// `team-*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub foreign_managers: Vec<String>,
    /// Whether an object that exists and is nobody's may be taken over. Default `never`.
    #[serde(default)]
    pub adopt: Adopt,
    /// True stops everything for this Environment; objects stay as they are.
    #[serde(default)]
    pub suspend: bool,
    /// Environments that must be ready at their newest revision before this one is applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<DependencyRef>,
    /// When new revisions may be applied. Left out: always. Drift is put right at any time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub windows: Vec<Window>,
    /// How new revisions reach users; the first rule that picks a workload counts. Left out: all at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub strategies: Vec<StrategyRule>,
    /// HTTP checks that the agent runs all the time: gates and alarms of rollouts, with metrics and events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub checks: Vec<HttpCheck>,
}

/// One branch and one path of a config repo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceSpec {
    /// `https://`, `ssh://` or, for development on one machine, `file://`. No user name or password in it.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = Rule::new("self.matches('^(https|ssh|file|http)://.+') || self.matches('^[^@/ ]+@[^:/ ]+:.+')").message("must be an https://, ssh:// or file:// address, or user@host:path"))]
    pub url: String,
    /// The branch this environment follows.
    #[schemars(length(min = 1, max = 244))]
    pub branch: String,
    /// The directory of the overlay's `kustomization.yaml`, from the root of the repo. Default `.`.
    #[serde(default = "SourceSpec::default_path")]
    pub path: String,
    /// Secret in this namespace with `username` and `password`, or `bearerToken`, or `identity` and
    /// `known_hosts`; `ca.crt` may stand beside each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<SecretRef>,
    /// True follows the branch even when its history is rewritten. Default false: a force-push is held.
    #[serde(default)]
    pub allow_rewrite: bool,
}

/// Where objects go, and with whose rights.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetSpec {
    /// Namespace for objects that name none. Default: the Environment's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// True makes that namespace if it is missing.
    #[serde(default)]
    pub create_namespace: bool,
    /// Service account whose rights are used for every object, in the namespace of this one's name and in the target's
    /// cluster. Default: the agent's own, or those of the kubeconfig.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub service_account_name: Option<String>,
    /// Secret in this namespace with a kubeconfig under `value`: a token or a client certificate, no program and no
    /// file. Default: the cluster the agent runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kube_config: Option<SecretRef>,
}

/// Names a Secret in the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretRef {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Names another Environment in the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DependencyRef {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// How much one revision may delete without approval. Whichever is larger counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PruneBudget {
    /// Objects. Default 5.
    #[serde(default = "PruneBudget::default_objects")]
    pub objects: u32,
    /// Per cent of the inventory. Default 30.
    #[serde(default = "PruneBudget::default_percent")]
    #[schemars(range(max = 100))]
    pub percent: u32,
}

/// What happens to drift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DriftMode {
    /// Put it right at once.
    #[default]
    Repair,
    /// Only say so.
    Report,
}

/// What happens to objects that exist already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Adopt {
    /// Refuse, unless the object carries `driftless.dev/adopt: allowed` in git.
    #[default]
    Never,
    /// Take over what no other Environment or tool manages.
    Unowned,
}

/// What the agent has seen and done. Written only when it changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentStatus {
    /// The generation of the spec this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Commits.
    #[serde(default)]
    pub revision: RevisionStatus,
    /// The Release under way or last ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// The worst health among the objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// How many objects are managed.
    #[serde(default)]
    pub objects: u32,
    /// Differences between git and the cluster.
    #[serde(default)]
    pub drift: DriftStatus,
    /// Fields that people have added by hand and git does not mention; not counted as drift.
    #[serde(default, skip_serializing_if = "ForeignStatus::is_empty")]
    pub foreign: ForeignStatus,
    /// The last audit that somebody asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<AuditStatus>,
    /// What keeps single objects from being applied, at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// The plan that waits for approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingPlan>,
    /// Objects that were deleted and are not gone yet, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaving: Vec<Leaving>,
    /// Objects that git asks for here and that belong to another Environment: `<group>/<kind>/<namespace>/<name>`.
    /// Once that one lets go, they are handed over instead of being deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<String>,
    /// The revision that waits until `spec.windows` let it through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<WaitingRevision>,
    /// Progressive delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutStatus>,
    /// How the HTTP checks stand. Written when that changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckStatus>,
    /// The value of `driftless.dev/requested-at` that was last acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handled_request: Option<String>,
    /// `Ready`, `Reconciling`, `Stalled`, `Healthy`, `Drifted`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// Commits seen and applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevisionStatus {
    /// The newest commit of the branch that touched anything this environment reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
    /// The commit the cluster was last made equal to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<String>,
    /// The directory of that commit which it was made equal to. Drift is put right by it for as long as another
    /// `spec.source.path` cannot be applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// Health of an object or of all of them, from best to worst.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Health {
    /// Does what it is for.
    Healthy,
    /// Switched off on purpose.
    Suspended,
    /// On the way.
    Progressing,
    /// Not there.
    Missing,
    /// Failed, or stuck.
    Degraded,
    /// Cannot be told.
    Unknown,
}

/// Differences between git and the cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DriftStatus {
    /// How many objects differ now.
    #[serde(default)]
    pub count: u32,
    /// What was found last, newest first, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<DriftEntry>,
}

/// One field that somebody else changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DriftEntry {
    /// `Deployment/shop/web`
    pub object: String,
    /// `spec.replicas`; absent when the whole object was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The field manager that did it, as the API server recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
    /// When, as the API server recorded it; where it recorded no time, when it was noticed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// What was done about it.
    pub action: DriftAction,
}

/// What was done about drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DriftAction {
    /// Put back to what git says.
    Repaired,
    /// Taken out, because git does not mention it.
    Removed,
    /// Only told.
    Reported,
    /// Tried and failed.
    Failed,
}

/// What is wrong with one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// `Deployment/shop/web`; absent when it concerns the whole environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Where it is written in git: `manifests/web.yaml:12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What is wrong, and what to do.
    pub message: String,
}

/// A plan that waits for somebody's approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PendingPlan {
    /// `sha256:…` over exactly what would be done.
    pub digest: String,
    /// The commit it belongs to.
    pub revision: String,
    /// What would be deleted or recreated, at most 50.
    pub objects: Vec<String>,
    /// Why it waits.
    pub message: String,
}

impl EnvironmentSpec {
    const fn default_interval() -> Interval {
        Interval::seconds(60)
    }

    const fn default_timeout() -> Interval {
        Interval::seconds(300)
    }

    const fn default_prune() -> bool {
        true
    }
}

impl SourceSpec {
    fn default_path() -> String {
        ".".to_owned()
    }
}

impl PruneBudget {
    const fn default_objects() -> u32 {
        5
    }

    const fn default_percent() -> u32 {
        30
    }
}

impl Default for PruneBudget {
    fn default() -> Self {
        Self {
            objects: Self::default_objects(),
            percent: Self::default_percent(),
        }
    }
}

impl Health {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Suspended => "Suspended",
            Self::Progressing => "Progressing",
            Self::Missing => "Missing",
            Self::Degraded => "Degraded",
            Self::Unknown => "Unknown",
        }
    }
}
