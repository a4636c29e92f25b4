//! What the table and a document of one's own say.

use super::*;
use crate::{Map, Node, Pos};

fn list_at(schema: &Schema, api_version: &str, kind: &str, path: &str) -> Option<Vec<String>> {
    let mut at = schema.object(api_version, kind)?;
    for part in path.split('.') {
        at = match part {
            "[]" => at.items()?,
            name => at.field(name)?,
        };
    }
    match at.list_merge() {
        ListMerge::Replace => None,
        ListMerge::Values => Some(Vec::new()),
        ListMerge::Keyed(keys) => Some(keys.into_iter().map(str::to_owned).collect()),
    }
}

fn built_in(api_version: &str, kind: &str, path: &str) -> Option<Vec<String>> {
    list_at(&Schema::BUILT_IN, api_version, kind, path)
}

fn keys<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}

#[test]
fn knows_the_merge_keys_of_a_pod() {
    let pod = "spec.template.spec";
    let find = |path: &str| built_in("apps/v1", "Deployment", &format!("{pod}.{path}"));
    assert_eq!(find("containers"), Some(keys(["name"])));
    assert_eq!(find("containers.[].env"), Some(keys(["name"])));
    assert_eq!(
        find("containers.[].ports"),
        Some(keys(["containerPort", "protocol"]))
    );
    assert_eq!(
        find("containers.[].volumeMounts"),
        Some(keys(["mountPath"]))
    );
    assert_eq!(find("volumes"), Some(keys(["name"])));
    assert_eq!(find("containers.[].args"), None);
    assert_eq!(find("tolerations"), None);
}

#[test]
fn knows_lists_told_apart_by_value() {
    assert_eq!(
        built_in("v1", "ConfigMap", "metadata.finalizers"),
        Some(keys([]))
    );
    assert_eq!(
        built_in("v1", "Service", "spec.ports"),
        Some(keys(["port", "protocol"]))
    );
}

#[test]
fn knows_nothing_of_other_kinds() {
    assert!(
        Schema::BUILT_IN
            .object("example.com/v1", "Widget")
            .is_none()
    );
    assert!(Schema::BUILT_IN.object("v1", "Deployment").is_none());
}

#[test]
fn tells_cluster_scope_from_unknown() {
    let scope = |version, kind| Schema::BUILT_IN.scope(&Gvk::new(version, kind));
    assert_eq!(scope("v1", "Namespace"), Some(Scope::Cluster));
    assert_eq!(scope("apps/v1", "Deployment"), Some(Scope::Namespaced));
    assert_eq!(scope("example.com/v1", "Widget"), None);
    assert_eq!(
        scope(
            "admissionregistration.k8s.io/v1",
            "ValidatingAdmissionPolicy"
        ),
        Some(Scope::Cluster)
    );
}

#[test]
fn table_is_sorted_and_closed() {
    let mut kinds = 0;
    assert!(table::KINDS.is_sorted_by_key(|group| group.0));
    for (_, entries) in table::KINDS {
        assert!(entries.is_sorted_by_key(|entry| entry.kind));
        kinds += entries.len();
    }
    for shape in table::SHAPES {
        let shape::Fields::Fixed(fields) = &shape.fields else {
            panic!("the table is fixed");
        };
        assert!(fields.is_sorted_by_key(|field| field.0));
        let refers = fields.iter().map(|field| field.1);
        for at in refers.chain(shape.values).chain(shape.items) {
            assert!((at as usize) < table::SHAPES.len());
        }
    }
    assert!(kinds > 80);
    assert!(table::DEFINITIONS.is_sorted_by_key(|entry| entry.0));
    for (name, at) in table::DEFINITIONS {
        assert!((*at as usize) < table::SHAPES.len(), "{name}");
    }
}

fn map<const N: usize>(entries: [(&str, Node); N]) -> Node {
    let mut map = Map::new();
    for (key, value) in entries {
        map.push(key, value);
    }
    Node::map(map, Pos::default())
}

fn string(text: &str) -> Node {
    Node::string(text, Pos::default())
}

fn list(items: Vec<Node>) -> Node {
    Node::seq(items, Pos::default())
}

fn widget_document() -> Node {
    let gvk = || {
        map([
            ("group", string("example.com")),
            ("version", string("v1")),
            ("kind", string("Widget")),
        ])
    };
    let parts = map([
        ("type", string("array")),
        ("items", map([("$ref", string("#/definitions/widget"))])),
        ("x-kubernetes-patch-strategy", string("merge,retainKeys")),
        ("x-kubernetes-patch-merge-key", string("name")),
    ]);
    let widget = map([
        ("properties", map([("parts", parts)])),
        ("x-kubernetes-group-version-kind", list(vec![gvk()])),
    ]);
    let get = || map([("get", map([("x-kubernetes-group-version-kind", gvk())]))]);
    map([
        ("definitions", map([("widget", widget)])),
        (
            "paths",
            map([
                ("/apis/example.com/v1/namespaces/{namespace}/widgets", get()),
                ("/apis/example.com/v1/widgets", get()),
            ]),
        ),
    ])
}

#[test]
fn reads_types_that_contain_themselves() {
    let schema = Schema::from_openapi(&widget_document()).expect("a document");
    let find = |path| list_at(&schema, "example.com/v1", "Widget", path);
    assert_eq!(find("parts.[].parts"), Some(keys(["name"])));
    let scope = schema.scope(&Gvk::new("example.com/v1", "Widget"));
    assert_eq!(scope, Some(Scope::Namespaced));
}

#[test]
fn document_takes_the_place_of_the_built_in_types() {
    let schema = Schema::from_openapi(&widget_document()).expect("a document");
    assert!(schema.object("apps/v1", "Deployment").is_none());
    let schema = schema.over_built_in();
    assert!(schema.object("apps/v1", "Deployment").is_some());
    assert!(schema.object("example.com/v1", "Widget").is_some());
}

#[test]
fn a_document_may_refer_to_built_in_definitions() {
    let pod = "#/definitions/io.k8s.api.core.v1.PodTemplateSpec";
    let gvk = map([
        ("group", string("example.com")),
        ("version", string("v1")),
        ("kind", string("Fleet")),
    ]);
    let fleet = map([
        (
            "properties",
            map([("template", map([("$ref", string(pod))]))]),
        ),
        ("x-kubernetes-group-version-kind", list(vec![gvk])),
    ]);
    let document = map([("definitions", map([("fleet", fleet)]))]);
    let read = || Schema::from_openapi(&document).expect("a document");
    let ports = |schema: &Schema| {
        let path = "template.spec.containers.[].ports";
        list_at(schema, "example.com/v1", "Fleet", path)
    };
    assert_eq!(ports(&read()), None, "alone there is nothing to refer to");
    let both = Some(keys(["containerPort", "protocol"]));
    assert_eq!(ports(&read().over_built_in()), both);
    assert_eq!(ports(&read().under_built_in()), both);
}

#[test]
fn refuses_a_document_that_is_no_map() {
    let error = Schema::from_openapi(&list(vec![])).expect_err("a list");
    assert_eq!(error, OpenApiError::NotAMap(Pos::default()));
}
