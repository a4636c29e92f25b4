//! Patches and replacements for objects that are there, and now and then for some that are not.

use super::{
    dice::Dice,
    objects::{NAMES, Object, SCALARS, indent},
};

/// An entry of `patches`: lines without the leading dash. Files it needs go to `files`.
pub(super) fn patch(
    dice: &mut Dice,
    known: &[Object],
    files: &mut Vec<(String, String)>,
) -> String {
    let Some(object) = some_object(dice, known) else {
        return "target:\n  kind: Nothing\npatch: \"- {op: remove, path: /spec}\"\n".to_owned();
    };
    let json = dice.chance(35);
    let has_target = json || dice.chance(40);
    let text = match (json, has_target) {
        (true, _) => operations(dice, &object),
        (false, true) => strategic(dice, &object),
        (false, false) => several(dice, &object, known),
    };
    let mut entry = if dice.chance(60) {
        format!("patch: |-\n{}", indent(&text, 2))
    } else {
        let name = format!("patch-{}.yaml", files.len());
        files.push((name.clone(), text));
        format!("path: {name}\n")
    };
    if has_target {
        entry += &target(dice, &object);
    }
    if !json && dice.chance(10) {
        let option = dice.pick(&["allowNameChange", "allowKindChange"]);
        entry += &format!("options:\n  {option}: true\n");
    }
    entry
}

/// A strategic merge patch, now and then with a second one behind it.
pub(super) fn several(dice: &mut Dice, object: &Object, known: &[Object]) -> String {
    let text = strategic(dice, object);
    match some_object(dice, known).filter(|_| dice.chance(6)) {
        Some(other) => format!("{text}---\n{}", strategic(dice, &other)),
        None => text,
    }
}

fn some_object(dice: &mut Dice, known: &[Object]) -> Option<Object> {
    let here: Vec<_> = known
        .iter()
        .filter(|object| !object.generated || dice.chance(30))
        .collect();
    match here.is_empty() {
        true => None,
        false => Some((*dice.pick(&here)).clone()),
    }
}

fn target(dice: &mut Dice, object: &Object) -> String {
    let mut text = format!("target:\n  kind: {}\n", object.kind);
    match dice.below(7) {
        0 => text += &format!("  name: {}\n", object.name),
        1 => text += &format!("  name: .*{}.*\n", &object.name[..1]),
        2 => {
            if let Some((key, value)) = object.labels.first() {
                text += &format!("  labelSelector: {key}={value}\n");
            }
        }
        3 => text = format!("target:\n  name: {}|other\n", object.name),
        4 => text += "  namespace: default\n",
        5 => text += "  annotationSelector: note\n",
        _ => {
            let (group, version) = object.api.split_once('/').unwrap_or(("", object.api));
            if !group.is_empty() {
                text += &format!("  group: {group}\n");
            }
            text += &format!("  version: {version}\n");
        }
    }
    text
}

/// A strategic merge patch for one object.
pub(super) fn strategic(dice: &mut Dice, object: &Object) -> String {
    let mut text = format!(
        "apiVersion: {}\nkind: {}\nmetadata:\n  name: {}\n",
        object.api, object.kind, object.name
    );
    if let Some(namespace) = &object.namespace {
        text += &format!("  namespace: {namespace}\n");
    }
    if dice.chance(5) {
        return text + "$patch: delete\n";
    }
    if dice.chance(4) {
        text += *dice.pick(&[
            "  $deleteFromPrimitiveList/finalizers: [a.b/c]\n",
            "  finalizers: [d.e/f, g.h/i]\n  $setElementOrder/finalizers: [g.h/i, d.e/f]\n",
            "  finalizers: [new.example.com/x]\n",
        ]);
    }
    if dice.chance(30) {
        text += &format!(
            "  labels:\n    patched: {}\n",
            dice.pick(&["x", "\"1\"", "null"])
        );
        if let Some((key, _)) = object.labels.first() {
            text += &format!("    {key}: {}\n", dice.pick(&["other", "null", "\"true\""]));
        }
    }
    if dice.chance(25) {
        text += &format!(
            "  annotations:\n    note: {}\n",
            dice.pick(&["y", "null", "\"2\"", "3"])
        );
    }
    if dice.chance(3) {
        text += *dice.pick(&["$patch: replace\n", "$patch: merge\n"]);
    }
    text + &body(dice, object)
}

fn body(dice: &mut Dice, object: &Object) -> String {
    match object.kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => {
            let strategy = match object.kind == "Deployment" && dice.chance(8) {
                true => *dice.pick(&[
                    "  strategy:\n    $retainKeys: [type]\n    type: Recreate\n",
                    "  strategy:\n    type: Recreate\n    rollingUpdate: null\n",
                    "  strategy:\n    rollingUpdate: {maxSurge: 1}\n",
                ]),
                false => "",
            };
            format!(
                "spec:\n{strategy}  template:\n    spec:\n{}",
                indent(&pod(dice, object), 6)
            )
        }
        "Pod" => format!("spec:\n{}", indent(&pod(dice, object), 2)),
        "CronJob" => format!(
            "spec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n{}",
            indent(&pod(dice, object), 10)
        ),
        "ConfigMap" => map_of_data(dice, "data"),
        "Secret" => map_of_data(dice, "stringData"),
        "Service" => {
            let mut text = "spec:\n  ports:\n".to_owned();
            for port in dice.some(&["80", "443", "9000"], 60) {
                text += &format!("  - port: {port}\n    targetPort: {}\n", dice.between(1, 9));
                if dice.chance(40) {
                    text += "    protocol: TCP\n";
                }
            }
            text + "  - port: 81\n"
        }
        "Widget" => format!(
            "spec:\n  parts:\n  - name: two\n    size: {}\n  x: {}\n",
            dice.between(1, 9),
            dice.pick(SCALARS)
        ),
        "Role" | "ClusterRole" => {
            "rules:\n- apiGroups: [apps]\n  resources: ['*']\n  verbs: [get]\n".to_owned()
        }
        "HorizontalPodAutoscaler" => "spec:\n  maxReplicas: 20\n".to_owned(),
        "Ingress" => "spec:\n  ingressClassName: nginx\n".to_owned(),
        _ => String::new(),
    }
}

fn map_of_data(dice: &mut Dice, field: &str) -> String {
    let mut text = format!("{field}:\n");
    if dice.chance(10) {
        text += "  $patch: replace\n";
    }
    for key in dice.some(&["a", "b", "new"], 50) {
        text += &format!("  {key}: {}\n", dice.pick(SCALARS));
    }
    text + "  last: patched\n"
}

fn pod(dice: &mut Dice, object: &Object) -> String {
    let mut text = String::new();
    if dice.chance(15) {
        text += "hostNetwork: true\n";
    }
    if dice.chance(15) {
        text += "$setElementOrder/containers:\n- name: main\n";
    }
    text += "containers:\n";
    if dice.chance(5) {
        text += "- $patch: replace\n";
    }
    for name in object.containers.clone() {
        if dice.chance(50) {
            text += &container(dice, &name);
        }
    }
    if dice.chance(30) {
        text += &container(dice, "extra");
    }
    text += "- name: main\n  tty: true\n";
    if dice.chance(30) {
        text += "volumes:\n- name: tmp\n";
        text += *dice.pick(&[
            "  emptyDir: null\n  hostPath: {path: /x}\n",
            "  $patch: delete\n",
            "  emptyDir: {medium: Memory}\n",
        ]);
    }
    if dice.chance(15) {
        text += "tolerations:\n- key: a\n  operator: Exists\n";
    }
    text
}

fn container(dice: &mut Dice, name: &str) -> String {
    let mut text = format!("- name: {name}\n");
    match dice.below(12) {
        0 => return text + "  $patch: delete\n",
        1 => text += "  $patch: replace\n",
        _ => {}
    }
    if dice.chance(40) {
        text += "  image: patched:1\n";
    }
    if dice.chance(40) {
        text += "  env:\n";
        for key in dice.some(&["A", "B", "Z"], 60) {
            text += &match dice.below(4) {
                0 => format!("  - name: {key}\n    $patch: delete\n"),
                1 => format!(
                    "  - name: {key}\n    value: null\n    valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}\n"
                ),
                _ => format!(
                    "  - name: {key}\n    value: {}\n",
                    dice.pick(&["\"9\"", "word", "'true'"])
                ),
            };
        }
        text += "  - name: LAST\n    value: patched\n";
    }
    if dice.chance(30) {
        text += "  ports:\n";
        for port in dice.some(&["80", "8080", "7000"], 60) {
            text += &format!("  - containerPort: {port}\n");
            if dice.chance(50) {
                text += &format!("    protocol: {}\n", dice.pick(&["TCP", "UDP"]));
            }
            if dice.chance(30) {
                text += "    hostPort: 1\n";
            }
        }
        text += "  - containerPort: 6000\n    protocol: TCP\n";
    }
    if dice.chance(20) {
        text += "  args: [patched]\n";
    }
    if dice.chance(10) {
        text += "  resources:\n    $patch: delete\n";
    }
    text
}

/// JSON operations, most of which apply.
pub(super) fn operations(dice: &mut Dice, object: &Object) -> String {
    let mut text = String::new();
    for _ in 0..dice.between(1, 3) {
        text += &operation(dice, object);
    }
    text
}

fn operation(dice: &mut Dice, object: &Object) -> String {
    let image = match object.kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => "/spec/template/spec/containers/0",
        "Pod" => "/spec/containers/0",
        "CronJob" => "/spec/jobTemplate/spec/template/spec/containers/0",
        _ => "",
    };
    let value = *dice.pick(SCALARS);
    match dice.below(10) {
        0 => format!("- op: add\n  path: /metadata/annotations/j\n  value: {value}\n"),
        1 => "- op: add\n  path: /metadata/labels\n  value: {j: k}\n".to_owned(),
        2 if !image.is_empty() => {
            format!("- op: replace\n  path: {image}/image\n  value: json:1\n")
        }
        3 if !image.is_empty() => {
            format!("- op: add\n  path: {image}/env\n  value:\n  - name: J\n    value: \"1\"\n")
        }
        4 if !image.is_empty() => format!("- op: test\n  path: {image}/name\n  value: main\n"),
        5 => format!("- op: add\n  path: /extra\n  value:\n    a: {value}\n    b: [1, {value}]\n"),
        6 => "- op: copy\n  from: /metadata/name\n  path: /metadata/annotations/from-name\n"
            .to_owned(),
        7 if object.kind == "ConfigMap" => {
            "- op: move\n  from: /data/last\n  path: /data/moved~1key\n".to_owned()
        }
        8 if object.kind == "ConfigMap" => {
            format!("- op: replace\n  path: /data/last\n  value: {value}\n")
        }
        9 if dice.chance(20) => format!(
            "- op: replace\n  path: /metadata/name\n  value: {}\n",
            dice.pick(NAMES)
        ),
        _ => format!(
            "- op: add\n  path: /metadata/annotations/k\n  value: \"{}\"\n",
            dice.below(9)
        ),
    }
}

/// An entry of `replacements`.
pub(super) fn replacement(dice: &mut Dice, known: &[Object]) -> String {
    let Some(source) = some_object(dice, known) else {
        return "sourceValue: x\ntargets:\n- select: {kind: ConfigMap}\n  fieldPaths: [data.last]\n"
            .to_owned();
    };
    let mut text = match dice.below(10) {
        0 => "sourceValue: given\n".to_owned(),
        _ => replacement_source(dice, &source),
    };
    text += "targets:\n";
    for _ in 0..dice.between(1, 2) {
        let Some(object) = some_object(dice, known) else {
            continue;
        };
        text += &replacement_target(dice, &object);
    }
    text
}

fn replacement_source(dice: &mut Dice, source: &Object) -> String {
    let path = match source.kind {
        "ConfigMap" if dice.chance(10) => "data.file\\.yaml",
        "ConfigMap" => *dice.pick(&["data.last", "metadata.name"]),
        "Service" => *dice.pick(&[
            "metadata.name",
            "spec.ports.[port=80].port",
            "spec.ports.0.port",
        ]),
        "Deployment" => *dice.pick(&[
            "metadata.name",
            "spec.template.spec.containers.0.image",
            "spec.template.spec.containers.[name=main].image",
        ]),
        _ => "metadata.name",
    };
    let mut text = format!(
        "source:\n  kind: {}\n  name: {}\n  fieldPath: {path}\n",
        source.kind, source.name
    );
    if dice.chance(20) {
        let index = usize::from(dice.chance(20));
        let delimiter = dice.pick(&["-", ":", "/"]);
        text += &format!("  options: {{delimiter: \"{delimiter}\", index: {index}}}\n");
    }
    text
}

fn replacement_target(dice: &mut Dice, object: &Object) -> String {
    let mut text = format!("- select:\n    kind: {}\n", object.kind);
    if dice.chance(50) {
        text += &format!("    name: {}\n", object.name);
    }
    if dice.chance(15) {
        text += &format!("  reject:\n  - name: {}\n", dice.pick(NAMES));
    }
    let path = match object.kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => *dice.pick(&[
            "spec.template.spec.containers.*.image",
            "spec.template.spec.containers.[name=main].image",
            "spec.template.metadata.labels.copied",
            "metadata.annotations.[example.com/copied]",
        ]),
        "ConfigMap" => *dice.pick(&[
            "data.last",
            "data.file\\.yaml.server.host",
            "data.file\\.json.a.b",
            "data.made",
            "metadata.labels.copied",
        ]),
        "Service" => *dice.pick(&[
            "spec.ports.[port=80].targetPort",
            "spec.selector.app",
            "metadata.annotations.copied",
        ]),
        _ => *dice.pick(&["metadata.labels.copied", "metadata.annotations.copied"]),
    };
    text += &format!("  fieldPaths:\n  - {path}\n");
    let made = ["copied", "made", "a.b", "host"]
        .iter()
        .any(|end| path.contains(end));
    let create = if made && dice.chance(97) {
        ", create: true"
    } else {
        ""
    };
    match dice.below(4) {
        0 => {
            text += &format!(
                "  options: {{delimiter: \"{}\", index: {}{create}}}\n",
                dice.pick(&["-", ":", "/"]),
                dice.pick(&["0", "1", "-1", "9"])
            );
        }
        _ if !create.is_empty() => text += "  options: {create: true}\n",
        _ => {}
    }
    text
}
