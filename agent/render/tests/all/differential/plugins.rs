//! Built-in generators, transformers and validators given as configuration objects.

use super::{
    dice::Dice,
    objects::{NAMES, Object, indent},
    patches,
};

/// How a kustomization is given what another field lists: the entry, and the files that it needs.
pub(super) struct Placed {
    pub entry: String,
    pub files: Vec<(String, String)>,
}

/// Puts configuration objects inline, in a file, or in a directory with a kustomization of its own.
pub(super) fn place(dice: &mut Dice, field: &str, text: &str) -> Placed {
    match dice.below(5) {
        0..=2 => Placed {
            entry: format!("|-\n{}", indent(text, 2)),
            files: Vec::new(),
        },
        3 => {
            let name = format!("{field}.yaml");
            Placed {
                entry: format!("{name}\n"),
                files: vec![(name, text.to_owned())],
            }
        }
        _ => {
            let change = dice.pick(&["", "", "namePrefix: p-\n", "commonAnnotations: {c: d}\n"]);
            let kustomization = format!("resources: [all.yaml]\n{change}");
            Placed {
                entry: format!("{field}\n"),
                files: vec![
                    (format!("{field}/kustomization.yaml"), kustomization),
                    (format!("{field}/all.yaml"), text.to_owned()),
                ],
            }
        }
    }
}

/// A generator, and what it makes: kind and name.
pub(super) fn generator(dice: &mut Dice) -> (String, Vec<(&'static str, String)>) {
    let name = format!("made-{}", dice.pick(NAMES));
    let behavior = dice.pick(&["", "", "behavior: create\n"]);
    let options = dice.pick(&[
        "",
        "",
        "options: {disableNameSuffixHash: true}\n",
        "options: {labels: {l: \"1\"}, annotations: {n: m}}\n",
        "options: {immutable: true}\n",
    ]);
    let literals = dice.pick(&[
        "literals: [a=1, last=literal]\n",
        "literals:\n- \"t=true\"\n- q='x'\n- last=\n",
    ]);
    match dice.below(5) {
        0 | 1 => {
            let body = format!("{behavior}{options}{literals}");
            (
                object("ConfigMapGenerator", &name, &body),
                vec![("ConfigMap", name)],
            )
        }
        2 | 3 => {
            let kind = dice.pick(&["", "type: kubernetes.io/basic-auth\n"]);
            let body = format!("{behavior}{options}{literals}{kind}");
            (
                object("SecretGenerator", &name, &body),
                vec![("Secret", name)],
            )
        }
        _ => {
            let namespace = dice.pick(&["", "  namespace: ns-a\n"]);
            let body = format!(
                "cloud: gke\nkubernetesService:\n  name: {name}\n{namespace}serviceAccount:\n  name: account\n  projectId: project\n"
            );
            let text = object("IAMPolicyGenerator", &name, &body);
            (text, vec![("ServiceAccount", name)])
        }
    }
}

/// One transformer or several in one text.
pub(super) fn transformers(dice: &mut Dice, known: &[Object]) -> String {
    let mut text = transformer(dice, known, 0);
    if dice.chance(20) {
        text += "---\n";
        text += &transformer(dice, known, 1);
    }
    text
}

/// A validator: mostly one that changes nothing.
pub(super) fn validator(dice: &mut Dice, known: &[Object]) -> String {
    match dice.below(12) {
        0 => transformer(dice, known, 0),
        1 => object("LabelTransformer", "v", "labels: {}\n"),
        2 | 3 => object(
            "ReplicaCountTransformer",
            "v",
            "replica: {name: nobody, count: 1}\nfieldSpecs:\n- {path: spec/replicas, kind: Nothing}\n",
        ),
        4 | 5 => object(
            "ImageTagTransformer",
            "v",
            "imageTag: {name: unheard-of, newTag: \"1\"}\n",
        ),
        _ => object(
            "PatchTransformer",
            "v",
            "target: {kind: Nothing}\npatch: '[{\"op\": \"remove\", \"path\": \"/spec\"}]'\n",
        ),
    }
}

fn transformer(dice: &mut Dice, known: &[Object], at: usize) -> String {
    let name = format!("t{at}");
    let target = known
        .get(dice.below(known.len()))
        .cloned()
        .filter(|object| !object.generated);
    match (dice.below(15), target) {
        (0, Some(target)) => patch(dice, &target, &name),
        (1, Some(target)) => patch_json(dice, &target, &name),
        (2, Some(target)) => patch_strategic(dice, &target, &name),
        (3, Some(_)) => {
            let entry = indent(&patches::replacement(dice, known), 2);
            let entry = entry.strip_prefix("  ").unwrap_or(&entry);
            object(
                "ReplacementTransformer",
                &name,
                &format!("replacements:\n- {entry}"),
            )
        }
        (4 | 5, target) => value_add(dice, target.as_ref(), &name),
        (6, _) => namespace(dice, &name),
        (7, _) => object("HashTransformer", &name, ""),
        (8, target) => {
            let of = target.map_or("web".to_owned(), |target| target.name);
            let specs = dice.pick(&[
                "fieldSpecs:\n- {path: spec/replicas, create: true, kind: Deployment}\n",
                "fieldSpecs:\n- {path: spec/replicas, kind: Deployment}\n- {path: spec/replicas, kind: StatefulSet}\n",
                "",
            ]);
            let body = format!("replica: {{name: {of}, count: 4}}\n{specs}");
            object("ReplicaCountTransformer", &name, &body)
        }
        _ => plain(dice, &name),
    }
}

/// Those that need to know no object.
fn plain(dice: &mut Dice, name: &str) -> String {
    const SPECS: &[(&str, &str)] = &[
        (
            "PrefixTransformer",
            "prefix: t-\nfieldSpecs:\n- path: metadata/name\n",
        ),
        (
            "PrefixTransformer",
            "prefix: t-\nfieldSpecs:\n- {path: metadata/name, kind: Service}\n- {path: metadata/labels/app, kind: Deployment}\n",
        ),
        (
            "SuffixTransformer",
            "suffix: -t\nfieldSpecs:\n- path: metadata/name\n",
        ),
        (
            "SuffixTransformer",
            "suffix: -t\nfieldSpecs:\n- {path: metadata/name, kind: ConfigMap}\n",
        ),
        (
            "PrefixSuffixTransformer",
            "prefix: t-\nsuffix: -u\nfieldSpecs:\n- path: metadata/name\n",
        ),
        (
            "LabelTransformer",
            "labels: {by: transformer}\nfieldSpecs:\n- {path: metadata/labels, create: true}\n- {path: spec/selector, kind: Service}\n",
        ),
        (
            "LabelTransformer",
            "labels: {by: \"1\", app: \"true\"}\nfieldSpecs:\n- {path: spec/template/metadata/labels, create: true, kind: Deployment}\n- {path: spec/selector/matchLabels, group: apps, version: v1}\n",
        ),
        (
            "AnnotationsTransformer",
            "annotations: {by: transformer}\nfieldSpecs:\n- {path: metadata/annotations, create: true}\n",
        ),
        (
            "AnnotationsTransformer",
            "annotations: {by: \"12\"}\nfieldSpecs:\n- {path: metadata/annotations}\n- {path: \"spec/template/metadata/annotations\", create: true, kind: StatefulSet}\n",
        ),
        (
            "ImageTagTransformer",
            "imageTag: {name: nginx, newTag: transformed}\nfieldSpecs:\n- {path: spec/template/spec/containers[]/image}\n",
        ),
        (
            "ImageTagTransformer",
            "imageTag: {name: busybox, newName: b/b, digest: \"sha256:1234\"}\n",
        ),
        (
            "ImageTagTransformer",
            "imageTag: {name: postgres, tagSuffix: -alpine}\nfieldSpecs:\n- {path: spec/template/spec/containers/image}\n",
        ),
    ];
    let (kind, body) = dice.pick(SPECS);
    object(kind, name, body)
}

fn patch(dice: &mut Dice, target: &Object, name: &str) -> String {
    let text = match dice.chance(50) {
        true => patches::operations(dice, target),
        false => patches::strategic(dice, target),
    };
    let options = dice.pick(&["", "", "options: {allowNameChange: true}\n"]);
    let body = format!(
        "target:\n  kind: {}\n  name: {}\n{options}patch: |-\n{}",
        target.kind,
        target.name,
        indent(&text, 2)
    );
    object("PatchTransformer", name, &body)
}

fn patch_json(dice: &mut Dice, target: &Object, name: &str) -> String {
    let (group, version) = target.api.split_once('/').unwrap_or(("", target.api));
    let body = format!(
        "target:\n  group: \"{group}\"\n  version: {version}\n  kind: {}\n  name: {}\njsonOp: |-\n{}",
        target.kind,
        target.name,
        indent(&patches::operations(dice, target), 2)
    );
    object("PatchJson6902Transformer", name, &body)
}

fn patch_strategic(dice: &mut Dice, target: &Object, name: &str) -> String {
    let text = indent(&patches::strategic(dice, target), 2);
    object(
        "PatchStrategicMergeTransformer",
        name,
        &format!("patches: |-\n{text}"),
    )
}

fn value_add(dice: &mut Dice, target: Option<&Object>, name: &str) -> String {
    let value = dice.pick(&[
        "value: added\n",
        "value: \"12\"\n",
        "value: \" spaces \"\n",
        "",
    ]);
    let kind = target.map_or("Service", |target| target.kind);
    let selector = match dice.below(4) {
        0 => String::new(),
        1 => "  selector: {kind: \"Service|ConfigMap\"}\n".to_owned(),
        _ => format!("  selector: {{kind: {kind}}}\n"),
    };
    let path = dice.pick(&[
        "metadata/namespace",
        "metadata/annotations/added",
        "metadata/labels/app",
        "metadata/name",
        "spec/added/deeper",
        "data/last",
    ]);
    let position = dice.pick(&["", "", "  filePathPosition: 1\n", "  filePathPosition: 2\n"]);
    let body = format!("{value}targets:\n- fieldPath: {path}\n{selector}{position}");
    object("ValueAddTransformer", name, &body)
}

fn namespace(dice: &mut Dice, name: &str) -> String {
    let unset = dice.pick(&["", "", "unsetOnly: true\n"]);
    let subjects = dice.pick(&[
        "",
        "setRoleBindingSubjects: allServiceAccounts\n",
        "setRoleBindingSubjects: none\n",
        "setRoleBindingSubjects: defaultOnly\n",
    ]);
    let specs = dice.pick(&[
        "- {path: metadata/namespace, create: true}\n",
        "- {path: metadata/namespace}\n",
    ]);
    format!(
        "apiVersion: builtin\nkind: NamespaceTransformer\nmetadata:\n  name: {name}\n  namespace: ns-t\n{unset}{subjects}fieldSpecs:\n{specs}"
    )
}

fn object(kind: &str, name: &str, body: &str) -> String {
    format!("apiVersion: builtin\nkind: {kind}\nmetadata:\n  name: {name}\n{body}")
}
