//! Objects as people write them, in many spellings.

use super::{
    dice::Dice,
    pods::{pod, pod_spec},
};

/// An object of a tree, as far as overlays want to know it.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub kind: &'static str,
    pub api: &'static str,
    pub name: String,
    pub namespace: Option<String>,
    /// Names of containers, if it has a Pod.
    pub containers: Vec<String>,
    /// Made by a generator.
    pub generated: bool,
    pub labels: Vec<(String, String)>,
    /// Its labels have an anchor.
    pub anchored: bool,
}

impl Object {
    /// One that a generator makes.
    pub(super) fn generated(kind: &'static str, name: String) -> Self {
        Self {
            kind,
            api: "v1",
            name,
            namespace: None,
            containers: Vec::new(),
            generated: true,
            labels: Vec::new(),
            anchored: false,
        }
    }
}

const KINDS: &[(&str, &str)] = &[
    ("Deployment", "apps/v1"),
    ("Deployment", "apps/v1"),
    ("Deployment", "apps/v1"),
    ("StatefulSet", "apps/v1"),
    ("DaemonSet", "apps/v1"),
    ("Service", "v1"),
    ("Service", "v1"),
    ("ConfigMap", "v1"),
    ("ConfigMap", "v1"),
    ("Secret", "v1"),
    ("Ingress", "networking.k8s.io/v1"),
    ("ServiceAccount", "v1"),
    ("RoleBinding", "rbac.authorization.k8s.io/v1"),
    ("Role", "rbac.authorization.k8s.io/v1"),
    ("ClusterRole", "rbac.authorization.k8s.io/v1"),
    ("ClusterRoleBinding", "rbac.authorization.k8s.io/v1"),
    ("CronJob", "batch/v1"),
    ("Job", "batch/v1"),
    ("HorizontalPodAutoscaler", "autoscaling/v2"),
    ("PodDisruptionBudget", "policy/v1"),
    ("PersistentVolumeClaim", "v1"),
    ("NetworkPolicy", "networking.k8s.io/v1"),
    ("Namespace", "v1"),
    ("Widget", "example.com/v1"),
    ("Pod", "v1"),
    ("PersistentVolume", "v1"),
    ("StorageClass", "storage.k8s.io/v1"),
    ("PriorityClass", "scheduling.k8s.io/v1"),
    (
        "ValidatingWebhookConfiguration",
        "admissionregistration.k8s.io/v1",
    ),
    ("CustomResourceDefinition", "apiextensions.k8s.io/v1"),
    ("APIService", "apiregistration.k8s.io/v1"),
];

/// Kinds that are in no namespace.
const CLUSTER_WIDE: &[&str] = &[
    "ClusterRole",
    "ClusterRoleBinding",
    "Namespace",
    "PersistentVolume",
    "StorageClass",
    "PriorityClass",
    "ValidatingWebhookConfiguration",
    "CustomResourceDefinition",
    "APIService",
];

pub(super) const NAMES: &[&str] = &["web", "api", "db", "cache", "my-app", "worker"];
/// Scalars in spellings that readers and printers disagree about.
pub(super) const SCALARS: &[&str] = &[
    "1",
    "\"1\"",
    "true",
    "\"true\"",
    "yes",
    "\"no\"",
    "1.10",
    "'1.10'",
    "0644",
    "\"0644\"",
    "~",
    "null",
    "\"\"",
    "1e3",
    "\"1e3\"",
    "2020-01-02",
    "'2020-01-02'",
    "plain text",
    "\"quoted # text\"",
    "'it''s'",
    "0x1F",
    "1_000",
    "12:30:45",
    "\"a\\nb\"",
    "é",
    "\"*\"",
    "'{x}'",
    "\"on\"",
    "y",
    "-1",
    "+5",
    ".5",
    "\"trailing \"",
    "http://a.b/c?d=e&f",
    "<tag>",
    "9007199254740993",
];

pub(super) fn object(dice: &mut Dice, taken: &[Object]) -> Option<(Object, String)> {
    let (kind, api) = *dice.pick(KINDS);
    let name = (*dice.pick(NAMES)).to_owned();
    if taken
        .iter()
        .any(|other| other.kind == kind && other.name == name)
    {
        return None;
    }
    let namespace = (!CLUSTER_WIDE.contains(&kind) && dice.chance(20))
        .then(|| (*dice.pick(&["default", "ns-a", "ns-b"])).to_owned());
    let labels: Vec<_> = dice
        .some(&["app", "tier", "app.kubernetes.io/name"], 40)
        .into_iter()
        .map(|key| ((*key).to_owned(), name.clone()))
        .collect();
    let mut object = Object {
        kind,
        api,
        name,
        namespace,
        containers: Vec::new(),
        generated: false,
        anchored: !labels.is_empty() && dice.chance(8),
        labels,
    };
    let body = body(dice, &mut object, taken);
    let text = head(dice, &object) + &body;
    Some((object, text))
}

fn head(dice: &mut Dice, object: &Object) -> String {
    let mut text = format!(
        "apiVersion: {}\nkind: {}\nmetadata:\n  name: {}\n",
        object.api, object.kind, object.name
    );
    if let Some(namespace) = &object.namespace {
        text += &format!("  namespace: {namespace}\n");
    }
    if !object.labels.is_empty() {
        text += match object.anchored {
            true => "  labels: &labels\n",
            false => "  labels:\n",
        };
        for (key, value) in &object.labels {
            text += &format!("    {key}: {value}\n");
        }
    }
    if dice.chance(20) {
        text += &annotations(dice);
    }
    if dice.chance(5) {
        text += "  finalizers: [a.b/c, d.e/f]\n";
    }
    text
}

fn annotations(dice: &mut Dice) -> String {
    let mut text = "  annotations:\n".to_owned();
    for key in ["note", "example.com/x"].iter().take(dice.between(1, 2)) {
        let value = dice.pick(&["x", "\"1\"", "'true'", "\"a b\"", "$(VAR)"]);
        text += &format!("    {key}: {value}\n");
    }
    let meaning = [
        "config.kubernetes.io/local-config: \"true\"",
        "kustomize.config.k8s.io/needs-hash: \"true\"",
        "config.kubernetes.io/index: \"3\"",
        "config.kubernetes.io/path: a.yaml",
    ];
    if dice.chance(12) {
        text += &format!("    {}\n", dice.pick(&meaning));
    }
    text
}

fn body(dice: &mut Dice, object: &mut Object, others: &[Object]) -> String {
    let name = object.name.clone();
    match object.kind {
        "Deployment" | "StatefulSet" | "DaemonSet" => workload(dice, object, others),
        "Job" => format!("spec:\n  template:\n{}", indent(&pod(dice, object, others, "Never"), 4)),
        "CronJob" => format!(
            "spec:\n  schedule: \"*/5 * * * *\"\n  jobTemplate:\n    spec:\n      template:\n{}",
            indent(&pod(dice, object, others, "OnFailure"), 8)
        ),
        "Pod" => pod_spec(dice, object, others),
        "Service" => service(dice, &name),
        "ConfigMap" => data(dice, "data"),
        "Secret" => match dice.chance(50) {
            true => "type: Opaque\ndata:\n  password: c2VjcmV0\n".to_owned(),
            false => data(dice, "stringData"),
        },
        "Ingress" => format!(
            "spec:\n  rules:\n  - host: {name}.example.com\n    http:\n      paths:\n      - path: /\n        pathType: Prefix\n        backend:\n          service:\n            name: {}\n            port:\n              number: 80\n",
            reference(dice, others, "Service")
        ),
        "RoleBinding" | "ClusterRoleBinding" => binding(dice, object.kind, others),
        "Role" | "ClusterRole" => "rules:\n- apiGroups: [\"\"]\n  resources: [configmaps]\n  resourceNames: [web, api]\n  verbs: [get, list]\n".to_owned(),
        "HorizontalPodAutoscaler" => format!(
            "spec:\n  scaleTargetRef:\n    apiVersion: apps/v1\n    kind: Deployment\n    name: {}\n  minReplicas: 1\n  maxReplicas: {}\n",
            reference(dice, others, "Deployment"), dice.between(2, 9)
        ),
        "PodDisruptionBudget" | "NetworkPolicy" => {
            let key = if object.kind == "NetworkPolicy" { "podSelector" } else { "selector" };
            format!("spec:\n  {key}:\n    matchLabels:\n      app: {name}\n")
        }
        "Widget" => widget(dice, others),
        _ => little(dice, object.kind, others),
    }
}

/// Objects that say little but whom they belong to.
fn little(dice: &mut Dice, kind: &str, others: &[Object]) -> String {
    match kind {
        "PersistentVolumeClaim" => format!(
            "spec:\n  accessModes: [ReadWriteOnce]\n  volumeName: {}\n  resources:\n    requests:\n      storage: 1Gi\n  storageClassName: {}\n",
            reference(dice, others, "PersistentVolume"),
            reference(dice, others, "StorageClass")
        ),
        "PersistentVolume" => format!(
            "spec:\n  capacity: {{storage: 1Gi}}\n  claimRef:\n    name: {}\n    namespace: default\n",
            reference(dice, others, "PersistentVolumeClaim")
        ),
        "StorageClass" => "provisioner: example.com/disk\n".to_owned(),
        "PriorityClass" => "value: 100000\n".to_owned(),
        "ServiceAccount" => format!(
            "secrets:\n- name: {}\nimagePullSecrets:\n- name: {}\n",
            reference(dice, others, "Secret"),
            reference(dice, others, "Secret")
        ),
        "ValidatingWebhookConfiguration" => format!(
            "webhooks:\n- name: a.example.com\n  clientConfig:\n    service:\n      name: {}\n      namespace: {}\n",
            reference(dice, others, "Service"),
            dice.pick(&["default", "ns-a"])
        ),
        "CustomResourceDefinition" => format!(
            "spec:\n  group: example.com\n  conversion:\n    strategy: Webhook\n    webhook:\n      clientConfig:\n        service:\n          name: {}\n          namespace: default\n",
            reference(dice, others, "Service")
        ),
        "APIService" => format!(
            "spec:\n  service:\n    name: {}\n    namespace: default\n",
            reference(dice, others, "Service")
        ),
        _ => String::new(),
    }
}

fn workload(dice: &mut Dice, object: &mut Object, others: &[Object]) -> String {
    let name = object.name.clone();
    let mut text = "spec:\n".to_owned();
    if dice.chance(60) && object.kind != "DaemonSet" {
        text += &format!("  replicas: {}\n", dice.between(0, 5));
    }
    text += &format!("  selector:\n    matchLabels:\n      app: {name}\n");
    if object.kind == "StatefulSet" {
        text += &format!("  serviceName: {}\n", reference(dice, others, "Service"));
        if dice.chance(50) {
            text += "  volumeClaimTemplates:\n  - metadata:\n      name: data\n    spec:\n      accessModes: [ReadWriteOnce]\n";
        }
    }
    text + &format!("  template:\n{}", indent(&pod(dice, object, others, ""), 4))
}

fn service(dice: &mut Dice, name: &str) -> String {
    let mut text = format!("spec:\n  selector:\n    app: {name}\n  ports:\n");
    for port in dice.some(&["443", "8080"], 50) {
        text += &format!("  - port: {port}\n    name: p{port}\n");
        if dice.chance(40) {
            text += "    protocol: TCP\n";
        }
    }
    text + "  - port: 80\n    targetPort: 8080\n"
}

pub(super) fn data(dice: &mut Dice, field: &str) -> String {
    let mut text = format!("{field}:\n");
    for key in dice.some(&["a", "b", "key.with.dot", "n10", "n9"], 50) {
        let value = *dice.pick(SCALARS);
        text += &format!("  {key}: {value}\n");
    }
    if dice.chance(20) {
        text += "  file.yaml: |\n    server:\n      port: 80\n      host: a.example.com\n    list:\n    - x\n    - y\n";
    }
    if dice.chance(10) {
        text += "  file.json: '{\"a\": {\"b\": 1}, \"c\": [1, 2]}'\n";
    }
    if dice.chance(6) {
        text += "  anchored: &word some\n  alias: *word\n";
    }
    text + "  last: word\n"
}

fn binding(dice: &mut Dice, kind: &str, others: &[Object]) -> String {
    let role = if kind == "RoleBinding" {
        *dice.pick(&["Role", "ClusterRole"])
    } else {
        "ClusterRole"
    };
    format!(
        "roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: {role}\n  name: {}\nsubjects:\n- kind: ServiceAccount\n  name: {}\n  namespace: {}\n",
        reference(dice, others, role),
        reference(dice, others, "ServiceAccount"),
        dice.pick(&["default", "ns-a"])
    )
}

fn widget(dice: &mut Dice, others: &[Object]) -> String {
    let mut text = format!(
        "spec:\n  configRef: {}\n  parts:\n  - name: one\n    size: 1\n  - name: two\n    size: 2\n",
        reference(dice, others, "ConfigMap")
    );
    if dice.chance(30) {
        text += &format!(
            "  secretRef:\n    name: {}\n  mapRef:\n    map: {}\n  marks: {{a: b}}\n",
            reference(dice, others, "Secret"),
            reference(dice, others, "ConfigMap")
        );
    }
    for key in dice.some(&["x", "y", "z"], 60) {
        text += &format!("  {key}: {}\n", dice.pick(SCALARS));
    }
    text
}

/// The name of some object of a kind, mostly one that is there.
pub(super) fn reference(dice: &mut Dice, others: &[Object], kind: &str) -> String {
    let fitting: Vec<_> = others.iter().filter(|other| other.kind == kind).collect();
    match fitting.is_empty() || dice.chance(10) {
        true => (*dice.pick(NAMES)).to_owned(),
        false => dice.pick(&fitting).name.clone(),
    }
}

pub(super) fn indent(text: &str, by: usize) -> String {
    let pad = " ".repeat(by);
    text.lines()
        .fold(String::new(), |all, line| all + &pad + line + "\n")
}
