//! Other tools that mark objects as theirs.

use serde_json::{Map, Value};

/// Where a tool leaves its mark.
enum Mark {
    Label(&'static str),
    Annotation(&'static str),
}

/// Each mark is one that its tool sets on what it manages, and nobody else does. `app.kubernetes.io/managed-by: Helm`
/// is not among them: charts rendered into git carry it too.
const MARKS: [(Mark, &str); 9] = [
    (Mark::Label("kustomize.toolkit.fluxcd.io/name"), "Flux"),
    (Mark::Label("helm.toolkit.fluxcd.io/name"), "Flux"),
    (
        Mark::Annotation("argocd.argoproj.io/tracking-id"),
        "Argo CD",
    ),
    (Mark::Label("argocd.argoproj.io/instance"), "Argo CD"),
    (Mark::Annotation("meta.helm.sh/release-name"), "Helm"),
    (Mark::Annotation("objectset.rio.cattle.io/id"), "Fleet"),
    (Mark::Label("kapp.k14s.io/app"), "kapp"),
    (
        Mark::Label("applyset.kubernetes.io/part-of"),
        "kubectl apply --applyset",
    ),
    (Mark::Annotation("config.k8s.io/owning-inventory"), "kpt"),
];

/// The name of the tool that says the object is its own.
pub(crate) fn other_tool(metadata: &Map<String, Value>) -> Option<&'static str> {
    let has = |field: &str, key: &str| metadata.get(field).and_then(|map| map.get(key)).is_some();
    let marked = |mark: &Mark| match mark {
        Mark::Label(key) => has("labels", key),
        Mark::Annotation(key) => has("annotations", key),
    };
    MARKS
        .iter()
        .find(|(mark, _)| marked(mark))
        .map(|(_, tool)| *tool)
}
