//! The fields of a kustomization that touch many objects at once, and transformers given as configuration.

use super::{
    dice::Dice,
    objects::{Object, indent},
};

/// Fields with some of the values that they may have.
const SETTINGS: &[(&str, &[&str])] = &[
    ("namePrefix: ", &["dev-", "p-"]),
    ("nameSuffix: ", &["-v2", "-s"]),
    ("namespace: ", &["ns-a", "ns-b", "default"]),
    (
        "commonLabels:\n",
        &["  app: common\n  team: a", "  x: \"1\""],
    ),
    (
        "commonAnnotations:\n",
        &["  note: common", "  m: \"2\"\n  b: \"true\""],
    ),
    (
        "labels:\n",
        &[
            "- pairs: {l: m}",
            "- pairs: {l: m, o: \"1\"}\n  includeSelectors: true",
            "- pairs: {t: u}\n  includeTemplates: true",
            "- pairs: {app: renamed}",
            "- pairs: {f: g}\n  fields:\n  - {path: spec/labels, create: true, kind: Widget}",
        ],
    ),
    (
        "images:\n",
        &[
            "- name: nginx\n  newTag: \"1.10\"",
            "- name: registry.example.com:5000/team/app\n  newName: mirror/app\n  digest: sha256:abc",
            "- name: busybox\n  newTag: \"0012345\"\n- name: app\n  newName: other",
            "- name: nginx\n  tagSuffix: -slim",
        ],
    ),
];

/// Fields that few kustomizations have.
const RARE: &[(&str, &[&str])] = &[
    (
        "buildMetadata: ",
        &[
            "[originAnnotations]",
            "[managedByLabel]",
            "[transformerAnnotations, originAnnotations]",
        ],
    ),
    (
        "sortOptions:\n",
        &[
            "  order: fifo",
            "  order: legacy",
            "  order: legacy\n  legacySortOptions:\n    orderFirst: [Service]\n    orderLast: [Secret]",
        ],
    ),
];

/// Settings, each with a chance of `percent`.
pub(super) fn settings(dice: &mut Dice, objects: &[Object], percent: usize) -> String {
    let mut text = String::new();
    for (fields, percent) in [(SETTINGS, percent), (RARE, percent / 4)] {
        for (field, values) in fields {
            if dice.chance(percent) {
                text += &format!("{field}{}\n", dice.pick(values));
            }
        }
    }
    let scaled: Vec<_> = objects
        .iter()
        .filter(|object| ["Deployment", "StatefulSet"].contains(&object.kind))
        .collect();
    if !scaled.is_empty() && dice.chance(percent / 2) {
        let name = &dice.pick(&scaled).name;
        let count = dice.between(0, 9);
        text += &format!("replicas:\n- name: {name}\n  count: {count}\n");
    }
    text
}

/// A file of `configurations`.
pub(super) fn configuration(dice: &mut Dice) -> (String, String) {
    let parts = [
        "nameReference:\n- kind: ConfigMap\n  version: v1\n  fieldSpecs:\n  - {path: spec/configRef, kind: Widget}\n",
        "commonLabels:\n- {path: spec/marks, create: true, kind: Widget}\n",
        "varReference:\n- {path: spec/x, kind: Widget}\n",
        "images:\n- {path: spec/image, kind: Widget}\n",
        "namePrefix:\n- {path: spec/configRef, kind: Widget}\n",
    ];
    let text = dice
        .some(&parts, 40)
        .into_iter()
        .copied()
        .collect::<String>();
    let text = if text.is_empty() {
        parts[0].to_owned()
    } else {
        text
    };
    ("configuration.yaml".to_owned(), text)
}

/// An inline entry of `transformers`.
pub(super) fn transformer(dice: &mut Dice, objects: &[Object]) -> String {
    let scaled = objects.iter().find(|object| object.kind == "Deployment");
    let name = scaled.map_or("web", |object| &object.name);
    let specs = [
        ("PrefixTransformer", "prefix: t-\nfieldSpecs:\n- path: metadata/name\n".to_owned()),
        (
            "LabelTransformer",
            "labels: {by: transformer}\nfieldSpecs:\n- {path: metadata/labels, create: true}\n- {path: spec/selector, kind: Service}\n".to_owned(),
        ),
        (
            "AnnotationsTransformer",
            "annotations: {by: transformer}\nfieldSpecs:\n- {path: metadata/annotations, create: true}\n".to_owned(),
        ),
        (
            "ReplicaCountTransformer",
            format!("replica: {{name: {name}, count: 4}}\nfieldSpecs:\n- {{path: spec/replicas, create: true, kind: Deployment}}\n"),
        ),
        (
            "ImageTagTransformer",
            "imageTag: {name: nginx, newTag: transformed}\nfieldSpecs:\n- {path: spec/template/spec/containers[]/image}\n".to_owned(),
        ),
        (
            "PatchTransformer",
            format!("target: {{name: {name}}}\npatch: '[{{\"op\": \"add\", \"path\": \"/metadata/annotations/pt\", \"value\": \"x\"}}]'\n"),
        ),
        (
            "NamespaceTransformer",
            "metadata:\n  name: t\n  namespace: ns-t\nfieldSpecs:\n- {path: metadata/namespace, create: true}\n".to_owned(),
        ),
    ];
    let (kind, spec) = dice.pick(&specs);
    let metadata = match spec.starts_with("metadata") {
        true => "",
        false => "metadata:\n  name: t\n",
    };
    let text = format!("apiVersion: builtin\nkind: {kind}\n{metadata}{spec}");
    format!("|-\n{}", indent(&text, 2))
}
