//! The fields of a kustomization that touch many objects at once.

use super::{dice::Dice, objects::Object};

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
            "- pairs: {s: \"true\"}\n  includeSelectors: true\n  includeTemplates: true\n- pairs: {second: x}",
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
            "- name: nginx\n  newTag: '1.10'\n- name: postgres\n  newTag: \"1234e56\"",
            "- name: app\n  newTag: v2\n  digest: sha256:def\n- name: .*\n  newTag: all",
            "- name: gcr.io/x/y\n  newName: localhost:5000/y\n  newTag: \"2\"",
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
            "  order: legacy\n  legacySortOptions:\n    orderFirst: [Deployment, Namespace]\n    orderLast: [Widget, ConfigMap]",
            "  order: fifo\n  legacySortOptions:\n    orderFirst: [Service]",
            "  order: random",
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
        "nameSuffix:\n- {path: spec/configRef, kind: Widget}\n- {path: metadata/name}\n",
        "namespace:\n- {path: spec/space, create: true, kind: Widget}\n",
        "labels:\n- {path: spec/marks, create: true, kind: Widget}\n",
        "templateLabels:\n- {path: spec/pod/labels, create: true, kind: Widget}\n",
        "commonAnnotations:\n- {path: spec/notes, create: true, kind: Widget}\n",
        "replicas:\n- {path: spec/size, create: true, kind: Widget}\n",
    ];
    let text = dice
        .some(&parts, 25)
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
