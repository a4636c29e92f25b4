//! In which order objects are applied when nobody says otherwise.
//!
//! The wave a person writes comes first; within a wave, kinds come in phases, so that what others stand on
//! is there before them. Deletions go the other way round. Which objects there are is not known here.

use krm::ObjectId;

/// Sorts objects: by the wave written in git, then by the phase of their kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaveKey {
    /// `driftless.dev/wave`, 0 if not written.
    pub wave: i32,
    /// From the kind; see [`phase`].
    pub phase: u8,
}

impl WaveKey {
    /// The key of an object in `wave`.
    pub fn new(wave: i32, id: &ObjectId) -> Self {
        Self {
            wave,
            phase: phase(&id.group, &id.kind),
        }
    }
}

/// The phase of what workloads read.
pub const READ_BY_WORKLOADS: u8 = 2;
/// The phase of Jobs that run before the rest of a wave; no kind has it by itself.
pub const BEFORE_HOOKS: u8 = 3;
/// The phase of what waits for these Jobs although its kind comes before them; no kind has it by itself.
pub const AFTER_HOOKS: u8 = 4;

/// The phase of a kind within a wave: 0 what others live in, 1 rights and classes, 2 what workloads read,
/// 5 workloads and all custom kinds, 6 routes to them, 7 what can refuse other objects.
pub fn phase(group: &str, kind: &str) -> u8 {
    match (group, kind) {
        ("", "Namespace") | ("apiextensions.k8s.io", "CustomResourceDefinition") => 0,
        ("", "ServiceAccount" | "ResourceQuota" | "LimitRange" | "PersistentVolume")
        | ("rbac.authorization.k8s.io", "Role" | "ClusterRole")
        | ("scheduling.k8s.io", "PriorityClass")
        | ("storage.k8s.io", "StorageClass" | "CSIDriver")
        | ("node.k8s.io", "RuntimeClass")
        | ("networking.k8s.io", "IngressClass")
        | ("gateway.networking.k8s.io", "GatewayClass") => 1,
        // After service accounts: a token Secret made before its account is deleted again. After roles:
        // a binding to a role that is not there yet is refused to those who may not bind everything.
        ("", "ConfigMap" | "Secret" | "PersistentVolumeClaim" | "Service")
        | ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding")
        | ("networking.k8s.io", "NetworkPolicy")
        | ("policy", "PodDisruptionBudget") => READ_BY_WORKLOADS,
        ("networking.k8s.io", "Ingress")
        | (
            "gateway.networking.k8s.io",
            "HTTPRoute" | "GRPCRoute" | "TCPRoute" | "TLSRoute" | "UDPRoute",
        ) => 6,
        ("admissionregistration.k8s.io", _) | ("apiregistration.k8s.io", "APIService") => 7,
        _ => 5,
    }
}
