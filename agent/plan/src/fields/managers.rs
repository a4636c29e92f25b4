//! The field managers that are known by name.

/// Tools that apply whole manifests. What they own becomes ours when an object is taken over, so that it goes
/// when git does not mention it.
pub const APPLIERS: &[&str] = &[
    "argocd-application-controller",
    "argocd-controller",
    "before-first-apply",
    "fleet-agent",
    "fleetagent",
    "helm",
    "helm-controller",
    "kapp",
    "kapp-server-side-apply",
    "kluctl",
    "kluctl-controller",
    "kubectl",
    "kubectl-client-side-apply",
    "kubectl-create",
    "kubectl-replace",
    "kustomize-controller",
];

/// Programs in which a person edits single objects.
const PEOPLE: &[&str] = &[
    "Mozilla",
    "before-first-apply",
    "curl",
    "dashboard",
    "headlamp",
    "k9s",
    "kubectl",
    "node-fetch",
    "oc",
];

/// Field managers that are part of Kubernetes: what they add is nobody's intervention.
const CONTROLLERS: &[&str] = &[
    "cloud-controller-manager",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
];

/// True for a tool that applies whole manifests.
pub fn is_applier(manager: &str) -> bool {
    APPLIERS.contains(&manager)
}

/// True for a part of Kubernetes itself.
pub fn is_controller(manager: &str) -> bool {
    CONTROLLERS.contains(&manager)
}

/// True for a program in which a person edits single objects: `kubectl-edit`, `kubectl-patch`, `k9s`.
pub fn is_person(manager: &str) -> bool {
    PEOPLE.contains(&manager) || manager.starts_with("kubectl-") || manager.starts_with("oc-")
}
