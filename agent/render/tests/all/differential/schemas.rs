//! What a tree may say about types of its own: `crds` and `openapi`.

use super::{dice::Dice, spelling};

/// A file of `crds`: definitions that mark fields of a Widget, or a real CustomResourceDefinition.
pub(super) fn crds(dice: &mut Dice) -> (String, String) {
    if dice.chance(10) {
        let text = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: widgets.example.com\nspec:\n  group: example.com\n";
        return ("crd.yaml".to_owned(), text.to_owned());
    }
    let marks: &[&str] = &[
        r#""x": {"x-kubernetes-annotation": ""}"#,
        r#""marks": {"x-kubernetes-label-selector": ""}"#,
        r#""y": {"x-kubernetes-identity": ""}"#,
        r#""secretRef": {"x-kubernetes-object-ref-api-version": "v1", "x-kubernetes-object-ref-kind": "Secret"}"#,
        r#""mapRef": {"x-kubernetes-object-ref-api-version": "v1", "x-kubernetes-object-ref-kind": "ConfigMap", "x-kubernetes-object-ref-name-key": "map"}"#,
    ];
    let marked: Vec<&str> = dice.some(marks, 50).into_iter().copied().collect();
    let text = format!(
        "{{\n \"example.com/v1.Widget\": {{\"Schema\": {{\"properties\": {{\"apiVersion\": {{}}, \"kind\": {{}}, \"metadata\": {{}}, \"spec\": {{\"$ref\": \"example.com/v1.WidgetSpec\"}}}}}}}},\n \"example.com/v1.WidgetSpec\": {{\"Schema\": {{\"properties\": {{{}}}}}}}\n}}\n",
        marked.join(", ")
    );
    match dice.chance(30) {
        true => ("crd.yaml".to_owned(), spelling::block(dice, &text)),
        false => ("crd.json".to_owned(), text),
    }
}

/// The field `openapi`, and the file it names.
pub(super) fn openapi(dice: &mut Dice) -> (String, Option<(String, String)>) {
    match dice.below(20) {
        0 => return ("openapi: {version: v1.21.2}\n".to_owned(), None),
        1 => return ("openapi: {version: v1.99.0}\n".to_owned(), None),
        _ => {}
    }
    let parts = dice.pick(&[
        r#", "x-kubernetes-patch-merge-key": "name", "x-kubernetes-patch-strategy": "merge""#,
        r#", "x-kubernetes-list-map-keys": ["name"], "x-kubernetes-list-type": "map""#,
        r#", "x-kubernetes-patch-merge-key": "size", "x-kubernetes-patch-strategy": "merge""#,
        "",
    ]);
    let workload = dice.pick(&["", "", DEPLOYMENT]);
    let text = format!(
        r##"{{"definitions": {{
  "com.example.v1.Part": {{"type": "object", "properties": {{"name": {{"type": "string"}}, "size": {{"type": "integer"}}}}}},
  "com.example.v1.Widget": {{
    "type": "object",
    "properties": {{
      "metadata": {{"type": "object"}},
      "spec": {{
        "type": "object",
        "properties": {{
          "parts": {{"type": "array", "items": {{"$ref": "#/definitions/com.example.v1.Part"}}{parts}}}
        }}
      }}
    }},
    "x-kubernetes-group-version-kind": [{{"group": "example.com", "kind": "Widget", "version": "v1"}}]
  }}{workload}
}}}}
"##
    );
    let (name, text) = match dice.chance(30) {
        true => ("schema.yaml", spelling::block(dice, &text)),
        false => ("schema.json", text),
    };
    let file = (name.to_owned(), text);
    (format!("openapi:\n  path: {name}\n"), Some(file))
}

/// A Deployment whose containers are one by image.
const DEPLOYMENT: &str = r#",
  "io.k8s.api.apps.v1.Deployment": {
    "type": "object",
    "properties": {"spec": {"type": "object", "properties": {"template": {"type": "object", "properties": {"spec": {"type": "object", "properties": {
      "containers": {"type": "array", "items": {"type": "object"}, "x-kubernetes-patch-merge-key": "image", "x-kubernetes-patch-strategy": "merge"}
    }}}}}}},
    "x-kubernetes-group-version-kind": [{"group": "apps", "kind": "Deployment", "version": "v1"}]
  }"#;
