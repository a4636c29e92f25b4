//! From nodes to the specs of this module: the fields each has, and nothing about what they mean.

use krm::{Gvk, Node};

use super::{
    FieldOptions, GeneratorOptions, GeneratorSpec, ImageSpec, LabelSpec, LegacyOrder, PatchOptions,
    PatchSpec, ReplacementEntry, ReplacementSpec, ReplicaSpec, Selector, SortOptions,
    SourceSelector, TargetSelector, VarSpec,
};
use crate::{
    decode::{Decoder, Fields},
    field::FieldSpec,
    problem::Problem,
    resource::Behavior,
};

const GENERATOR: &[&str] = &[
    "name",
    "namespace",
    "behavior",
    "literals",
    "files",
    "envs",
    "env",
    "options",
];
const SECRET: &[&str] = &[
    "name",
    "namespace",
    "behavior",
    "literals",
    "files",
    "envs",
    "env",
    "options",
    "type",
];
const SELECTOR: &[&str] = &[
    "group",
    "version",
    "kind",
    "name",
    "namespace",
    "labelSelector",
    "annotationSelector",
];

pub(crate) fn check_metadata(decoder: &mut Decoder, node: &Node) {
    let fields = decoder.fields(node, &["name", "namespace", "labels", "annotations"]);
    decoder.text(fields.get("name"));
    decoder.text(fields.get("namespace"));
    decoder.pairs(fields.get("labels"));
    decoder.pairs(fields.get("annotations"));
}

pub(crate) fn config_map(decoder: &mut Decoder, node: &Node) -> GeneratorSpec {
    let fields = decoder.fields(node, GENERATOR);
    generator(decoder, node, &fields)
}

pub(crate) fn secret(decoder: &mut Decoder, node: &Node) -> GeneratorSpec {
    let fields = decoder.fields(node, SECRET);
    generator(decoder, node, &fields)
}

fn generator(decoder: &mut Decoder, node: &Node, fields: &Fields<'_>) -> GeneratorSpec {
    let mut envs = decoder.texts(fields.get("envs"));
    envs.extend(decoder.filled(fields.get("env")));
    let options = fields.get("options");
    GeneratorSpec {
        pos: node.pos,
        name: decoder.filled(fields.get("name")),
        namespace: decoder.filled(fields.get("namespace")),
        behavior: behavior(&decoder.string(fields.get("behavior"))),
        literals: decoder.texts(fields.get("literals")),
        files: decoder.texts(fields.get("files")),
        envs,
        secret_type: decoder.filled(fields.get("type")),
        options: options.map(|node| generator_options(decoder, node)),
    }
}

fn behavior(word: &str) -> Behavior {
    match word {
        "create" => Behavior::Create,
        "replace" => Behavior::Replace,
        "merge" => Behavior::Merge,
        _ => Behavior::Unspecified,
    }
}

pub(crate) fn generator_options(decoder: &mut Decoder, node: &Node) -> GeneratorOptions {
    let known = [
        "labels",
        "annotations",
        "disableNameSuffixHash",
        "immutable",
    ];
    let fields = decoder.fields(node, &known);
    let immutable = fields.get("immutable");
    let is_immutable = decoder.flag(immutable);
    GeneratorOptions {
        labels: decoder.pairs(fields.get("labels")),
        annotations: decoder.pairs(fields.get("annotations")),
        disable_name_suffix_hash: decoder.flag(fields.get("disableNameSuffixHash")),
        immutable: immutable.filter(|_| is_immutable).map(|node| node.pos),
    }
}

pub(crate) fn label(decoder: &mut Decoder, node: &Node) -> LabelSpec {
    let known = [
        "pairs",
        "includeSelectors",
        "includeTemplates",
        "includeVolumeClaimTemplates",
        "fields",
    ];
    let fields = decoder.fields(node, &known);
    LabelSpec {
        pairs: decoder.pairs(fields.get("pairs")),
        include_selectors: decoder.flag(fields.get("includeSelectors")),
        include_templates: decoder.flag(fields.get("includeTemplates")),
        include_volume_claim_templates: decoder.flag(fields.get("includeVolumeClaimTemplates")),
        fields: decoder.list(fields.get("fields"), field_spec),
    }
}

pub(crate) fn field_spec(decoder: &mut Decoder, node: &Node) -> FieldSpec {
    let fields = decoder.fields(node, &["group", "version", "kind", "path", "create"]);
    FieldSpec {
        group: decoder.string(fields.get("group")).into(),
        version: decoder.string(fields.get("version")).into(),
        kind: decoder.string(fields.get("kind")).into(),
        path: decoder.string(fields.get("path")).into(),
        create: decoder.flag(fields.get("create")),
    }
}

pub(crate) fn image(decoder: &mut Decoder, node: &Node) -> ImageSpec {
    let fields = decoder.fields(node, &["name", "newName", "tagSuffix", "newTag", "digest"]);
    ImageSpec {
        pos: node.pos,
        name: decoder.string(fields.get("name")),
        new_name: decoder.filled(fields.get("newName")),
        new_tag: decoder.filled(fields.get("newTag")),
        tag_suffix: decoder.filled(fields.get("tagSuffix")),
        digest: decoder.filled(fields.get("digest")),
    }
}

pub(crate) fn replica(decoder: &mut Decoder, node: &Node) -> ReplicaSpec {
    let fields = decoder.fields(node, &["name", "count"]);
    let count = fields.get("count");
    ReplicaSpec {
        pos: node.pos,
        name: decoder.string(fields.get("name")),
        count: decoder.integer(count),
        count_pos: count.map_or(node.pos, |node| node.pos),
    }
}

pub(crate) fn sort_options(decoder: &mut Decoder, node: &Node) -> SortOptions {
    let fields = decoder.fields(node, &["order", "legacySortOptions"]);
    let order = decoder.filled(fields.get("order"));
    let legacy = fields.get("legacySortOptions").map(|node| {
        let fields = decoder.fields(node, &["orderFirst", "orderLast"]);
        let mut kinds = |name| {
            let texts = decoder.texts(fields.get(name));
            texts.into_iter().map(|text| text.value).collect()
        };
        LegacyOrder {
            first: kinds("orderFirst"),
            last: kinds("orderLast"),
        }
    });
    SortOptions {
        pos: node.pos,
        order,
        legacy,
    }
}

pub(crate) fn patch(decoder: &mut Decoder, node: &Node) -> PatchSpec {
    let fields = decoder.fields(node, &["path", "patch", "target", "options"]);
    patch_spec(decoder, node, &fields, "patch")
}

/// `text` is the field that holds the patch.
pub(crate) fn patch_spec(
    decoder: &mut Decoder,
    node: &Node,
    fields: &Fields<'_>,
    text: &str,
) -> PatchSpec {
    let target = fields.get("target");
    PatchSpec {
        pos: node.pos,
        path: decoder.filled(fields.get("path")),
        patch: decoder.filled(fields.get(text)),
        target: target.map(|node| selector(decoder, node)),
        options: fields
            .get("options")
            .map(|node| patch_options(decoder, node))
            .unwrap_or_default(),
    }
}

fn patch_options(decoder: &mut Decoder, node: &Node) -> PatchOptions {
    let fields = decoder.fields(node, &["allowNameChange", "allowKindChange"]);
    PatchOptions {
        allow_name_change: decoder.flag(fields.get("allowNameChange")),
        allow_kind_change: decoder.flag(fields.get("allowKindChange")),
    }
}

pub(crate) fn selector(decoder: &mut Decoder, node: &Node) -> Selector {
    let fields = decoder.fields(node, SELECTOR);
    selector_of(decoder, node, &fields)
}

fn selector_of(decoder: &mut Decoder, node: &Node, fields: &Fields<'_>) -> Selector {
    Selector {
        pos: node.pos,
        group: decoder.string(fields.get("group")),
        version: decoder.string(fields.get("version")),
        kind: decoder.string(fields.get("kind")),
        name: decoder.string(fields.get("name")),
        namespace: decoder.string(fields.get("namespace")),
        labels: decoder.string(fields.get("labelSelector")),
        annotations: decoder.string(fields.get("annotationSelector")),
    }
}

pub(crate) fn replacement_entry(decoder: &mut Decoder, node: &Node) -> ReplacementEntry {
    let fields = decoder.fields(node, &["path", "source", "targets", "sourceValue"]);
    ReplacementEntry {
        path: decoder.filled(fields.get("path")),
        replacement: replacement_of(decoder, node, &fields),
    }
}

/// One replacement of a file of replacements.
pub(crate) fn replacement(decoder: &mut Decoder, node: &Node) -> ReplacementSpec {
    let fields = decoder.fields(node, &["source", "targets", "sourceValue"]);
    replacement_of(decoder, node, &fields)
}

fn replacement_of(decoder: &mut Decoder, node: &Node, fields: &Fields<'_>) -> ReplacementSpec {
    let source = fields.get("source");
    ReplacementSpec {
        pos: node.pos,
        source: source.map(|node| source_selector(decoder, node)),
        source_value: decoder.text(fields.get("sourceValue")),
        targets: decoder.list(fields.get("targets"), target_selector),
    }
}

fn source_selector(decoder: &mut Decoder, node: &Node) -> SourceSelector {
    let known = [
        "group",
        "version",
        "kind",
        "name",
        "namespace",
        "fieldPath",
        "options",
    ];
    let fields = decoder.fields(node, &known);
    let options = fields.get("options");
    SourceSelector {
        selector: selector_of(decoder, node, &fields),
        field_path: decoder.filled(fields.get("fieldPath")),
        options: options.map(|node| field_options(decoder, node)),
    }
}

fn target_selector(decoder: &mut Decoder, node: &Node) -> TargetSelector {
    let fields = decoder.fields(node, &["select", "reject", "fieldPaths", "options"]);
    let options = fields.get("options");
    let select = fields.get("select");
    TargetSelector {
        pos: node.pos,
        select: select.map(|node| selector(decoder, node)),
        reject: decoder.list(fields.get("reject"), selector),
        field_paths: decoder.texts(fields.get("fieldPaths")),
        options: options.map(|node| field_options(decoder, node)),
    }
}

fn field_options(decoder: &mut Decoder, node: &Node) -> FieldOptions {
    let fields = decoder.fields(node, &["delimiter", "index", "encoding", "create"]);
    FieldOptions {
        pos: node.pos,
        delimiter: decoder.string(fields.get("delimiter")),
        index: decoder.integer(fields.get("index")),
        encoding: decoder.string(fields.get("encoding")),
        create: decoder.flag(fields.get("create")),
    }
}

pub(crate) fn var(decoder: &mut Decoder, node: &Node) -> Option<VarSpec> {
    let fields = decoder.fields(node, &["name", "objref", "fieldref"]);
    let mut field_path = String::new();
    if let Some(node) = fields.get("fieldref") {
        let fields = decoder.fields(node, &["fieldPath"]);
        field_path = decoder.string(fields.get("fieldPath"));
    }
    if field_path.is_empty() {
        "metadata.name".clone_into(&mut field_path);
    }
    let Some(objref) = fields.get("objref") else {
        let name = decoder.string(fields.get("name"));
        decoder.problem(Problem::at(node.pos, format!("var `{name}` has no objref")));
        return None;
    };
    let known = [
        "apiVersion",
        "group",
        "version",
        "kind",
        "name",
        "namespace",
    ];
    let target = decoder.fields(objref, &known);
    let mut gvk = Gvk {
        group: decoder.string(target.get("group")),
        version: decoder.string(target.get("version")),
        kind: decoder.string(target.get("kind")),
    };
    if let Some(api_version) = decoder.filled(target.get("apiVersion")) {
        let (group, version) = krm::split_api_version(&api_version.value);
        if !group.is_empty() {
            group.clone_into(&mut gvk.group);
        }
        version.clone_into(&mut gvk.version);
    }
    Some(VarSpec {
        pos: node.pos,
        name: decoder.string(fields.get("name")),
        gvk,
        object_name: decoder.string(target.get("name")),
        namespace: decoder.string(target.get("namespace")),
        field_path,
    })
}
