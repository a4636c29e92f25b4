//! Pods and what is in them.

use super::{
    dice::Dice,
    objects::{Object, indent, reference},
};

const IMAGES: &[&str] = &[
    "nginx",
    "nginx:1.25",
    "registry.example.com:5000/team/app:v1.2",
    "busybox@sha256:24a0c4b4a4c0eb97a1aabb8e29f18e917d05abfe1b7a7c07857230879ce7d3d3",
    "postgres:16",
    "app:latest",
    "gcr.io/x/y",
];

/// What a workload makes its Pods of, as the value of `template`.
pub(super) fn pod(
    dice: &mut Dice,
    object: &mut Object,
    others: &[Object],
    restart: &str,
) -> String {
    let mut text = match (object.anchored, dice.chance(50)) {
        (true, true) => "metadata:\n  labels: *labels\n".to_owned(),
        (true, false) => format!(
            "metadata:\n  labels:\n    <<: *labels\n    app: {}\n",
            object.name
        ),
        _ => format!("metadata:\n  labels:\n    app: {}\n", object.name),
    };
    if dice.chance(20) {
        text += &format!(
            "  annotations:\n    checksum: {}\n",
            dice.pick(&["\"123\"", "abc", "'1e3'"])
        );
    }
    text += &pod_spec(dice, object, others).replacen(
        "spec:\n",
        &match restart {
            "" => "spec:\n".to_owned(),
            policy => format!("spec:\n  restartPolicy: {policy}\n"),
        },
        1,
    );
    text
}

/// The field `spec` of a Pod.
pub(super) fn pod_spec(dice: &mut Dice, object: &mut Object, others: &[Object]) -> String {
    let mut text = "spec:\n".to_owned();
    if dice.chance(8) {
        text += &format!(
            "  priorityClassName: {}\n",
            reference(dice, others, "PriorityClass")
        );
    }
    if dice.chance(8) {
        text += &format!(
            "  imagePullSecrets:\n  - name: {}\n",
            reference(dice, others, "Secret")
        );
    }
    if dice.chance(25) {
        text += &format!(
            "  serviceAccountName: {}\n",
            reference(dice, others, "ServiceAccount")
        );
    }
    if dice.chance(15) {
        text += &format!(
            "  initContainers:\n  - name: init\n    image: {}\n",
            dice.pick(IMAGES)
        );
    }
    text += "  containers:\n";
    for name in ["main", "sidecar", "log"].iter().take(dice.between(1, 3)) {
        object.containers.push((*name).to_owned());
        text += &indent(&container(dice, name, others), 2);
    }
    if dice.chance(50) {
        text += "  volumes:\n";
        text += &format!(
            "  - name: config\n    configMap:\n      name: {}\n",
            reference(dice, others, "ConfigMap")
        );
        if dice.chance(50) {
            text += &format!(
                "  - name: secret\n    secret:\n      secretName: {}\n",
                reference(dice, others, "Secret")
            );
        }
        if dice.chance(30) {
            text += "  - name: tmp\n    emptyDir: {}\n";
        }
    }
    text
}

fn container(dice: &mut Dice, name: &str, others: &[Object]) -> String {
    let mut text = format!("- name: {name}\n  image: {}\n", dice.pick(IMAGES));
    if dice.chance(30) {
        text += &format!(
            "  args: [\"--name\", \"{}\"]\n",
            dice.pick(&["x", "$(VAR)", "$(VAR)-a-$(OTHER)", "$$(VAR)"])
        );
    }
    if dice.chance(50) {
        text += "  env:\n";
        for key in dice.some(&["A", "B", "C"], 60) {
            text += &env(dice, key, others);
        }
        text += "  - name: LAST\n    value: \"1\"\n";
    }
    if dice.chance(20) {
        let kind = *dice.pick(&["ConfigMap", "Secret"]);
        let field = if kind == "Secret" {
            "secretRef"
        } else {
            "configMapRef"
        };
        text += &format!(
            "  envFrom:\n  - {field}:\n      name: {}\n",
            reference(dice, others, kind)
        );
    }
    if dice.chance(50) {
        text += "  ports:\n";
        for port in dice.some(&["80", "8080", "9090"], 60) {
            text += &format!("  - containerPort: {port}\n");
            if dice.chance(50) {
                text += &format!("    protocol: {}\n", dice.pick(&["TCP", "UDP"]));
            }
        }
        text += "  - containerPort: 7000\n    name: admin\n";
    }
    if dice.chance(30) {
        text += "  volumeMounts:\n  - name: config\n    mountPath: /etc/config\n  - name: tmp\n    mountPath: /tmp\n";
    }
    if dice.chance(20) {
        text += "  resources:\n    limits: {cpu: \"1\", memory: 1Gi}\n";
    }
    text
}

fn env(dice: &mut Dice, key: &str, others: &[Object]) -> String {
    match dice.below(4) {
        0 => format!(
            "  - name: {key}\n    valueFrom:\n      configMapKeyRef:\n        name: {}\n        key: k\n",
            reference(dice, others, "ConfigMap")
        ),
        1 => format!(
            "  - name: {key}\n    valueFrom:\n      secretKeyRef:\n        name: {}\n        key: k\n",
            reference(dice, others, "Secret")
        ),
        2 => format!("  - name: {key}\n    value: \"$(VAR)\"\n"),
        _ => format!(
            "  - name: {key}\n    value: {}\n",
            dice.pick(&["\"x\"", "plain", "'1'", "\"true\"", "\"\""])
        ),
    }
}
