//! Any bytes as a kustomization, and as one file that it may name: a render ends without a panic and within its
//! bounds, and what it prints reads again.
#![no_main]

use krm::{SourceId, yaml};
use libfuzzer_sys::fuzz_target;
use render::{MemTree, Options, TreePath};

/// Files that a kustomization may name.
const FILES: &[(&str, &str)] = &[
    ("base/kustomization.yaml", "resources: [web.yaml]\nnamePrefix: a-\nconfigMapGenerator: [{name: c, literals: [a=b]}]\n"),
    ("base/web.yaml", WEB),
    ("component/kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnameSuffix: -c\n"),
    ("web.yaml", WEB),
    ("c.env", "A=1\nB\n# c\n"),
    ("patch.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3, template: {spec: {containers: [{name: b}]}}}\n"),
    ("json.yaml", "- {op: add, path: /metadata/labels, value: {a: b}}\n- {op: copy, from: /spec, path: /copy}\n"),
    ("t.yaml", "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: l}\nlabels: {a: b}\nfieldSpecs: [{path: metadata/labels, create: true}]\n"),
];

const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: &l {app: web}
spec:
  replicas: 1
  selector: {matchLabels: *l}
  template:
    metadata: {labels: {<<: *l, x: 'y'}}
    spec:
      containers:
      - name: a
        image: nginx:1.10
        args: [$(VAR), 1e3]
        envFrom: [{configMapRef: {name: c}}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: n}
spec: {ports: [{port: 80}, {port: 81, protocol: UDP}], selector: {app: web}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {a: b, f.yaml: 'x: {y: z}'}
";

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let mut tree = MemTree::default();
    for (path, text) in FILES {
        tree = tree.with(path, *text);
    }
    tree = tree.with("kustomization.yaml", parts.next().unwrap_or_default());
    tree = tree.with("mine.yaml", parts.next().unwrap_or_default());
    let Ok(rendered) = render::render(&tree, &TreePath::default(), &Options::default()) else {
        return;
    };
    let Ok(text) = rendered.to_yaml() else {
        return;
    };
    let limits = yaml::Limits {
        documents: usize::MAX,
        ..yaml::Limits::default()
    };
    let again = yaml::read(text.as_bytes(), SourceId(0), &limits);
    assert!(again.is_ok(), "printed what does not read: {again:?}");
});
