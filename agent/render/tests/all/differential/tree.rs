//! Whole trees: bases, components and overlays over one another.

use std::collections::BTreeMap;

use super::{
    dice::Dice,
    objects::{self, NAMES, Object, indent},
    patches, plugins, schemas, settings,
    spelling::{self, Sort},
};

/// Files by path.
pub(super) type Files = BTreeMap<String, String>;

/// The files of the tree with this number, and the directory to build.
pub(super) fn tree(seed: u64) -> (Files, &'static str) {
    let mut maker = Maker {
        dice: Dice::new(seed),
        files: Files::new(),
    };
    let bases = maker.dice.between(1, 2);
    let mut layers = Vec::new();
    for at in 0..bases {
        layers.push(maker.base(&format!("base{at}")));
    }
    let depth = maker.dice.between(0, 2);
    let mut below: Vec<(String, Vec<Object>)> = layers;
    for at in 0..depth {
        let layer = maker.overlay(&format!("middle{at}"), below);
        below = vec![layer];
    }
    maker.overlay("top", below);
    (maker.files, "top")
}

struct Maker {
    dice: Dice,
    files: Files,
}

/// One kustomization file being written.
#[derive(Default)]
struct Layer {
    text: String,
    objects: Vec<Object>,
    files: Vec<(String, String)>,
}

impl Layer {
    fn list(&mut self, field: &str, entries: &[String]) {
        if entries.is_empty() {
            return;
        }
        self.text += &format!("{field}:\n");
        for entry in entries {
            let body = indent(entry, 2);
            self.text += &format!("- {}", body.strip_prefix("  ").unwrap_or(&body));
        }
    }
}

impl Layer {
    fn place(&mut self, dice: &mut Dice, field: &str, text: &str) {
        let placed = plugins::place(dice, field, text);
        self.list(field, &[placed.entry]);
        self.files.extend(placed.files);
    }
}

impl Maker {
    fn base(&mut self, folder: &str) -> (String, Vec<Object>) {
        let mut layer = Layer::default();
        self.resources(&mut layer, 5);
        self.generators(&mut layer);
        self.settings(&mut layer, 15);
        self.schemas(&mut layer);
        self.plugins(&mut layer, 4);
        self.changes(&mut layer, 15);
        self.finish(folder, layer)
    }

    fn overlay(
        &mut self,
        folder: &str,
        below: Vec<(String, Vec<Object>)>,
    ) -> (String, Vec<Object>) {
        let mut layer = Layer::default();
        let mut entries: Vec<String> = Vec::new();
        for (path, objects) in below {
            entries.push(format!("../{path}\n"));
            layer.objects.extend(objects);
        }
        if self.dice.chance(5) {
            // The old way to list them; they come behind what `resources` lists.
            layer.list("bases", &entries);
            layer.text += "resources:\n";
            entries.clear();
        }
        layer.list("resources", &entries);
        if self.dice.chance(40) {
            let mut extra = Layer::default();
            self.resources(&mut extra, 2);
            layer.text += &extra.text.replace("resources:\n", "");
            layer.files.extend(extra.files);
            layer.objects.extend(extra.objects);
        }
        if self.dice.chance(20) {
            self.component(folder, &mut layer);
        }
        self.generators(&mut layer);
        self.settings(&mut layer, 30);
        self.schemas(&mut layer);
        self.plugins(&mut layer, 8);
        self.changes(&mut layer, 40);
        self.finish(folder, layer)
    }

    fn component(&mut self, folder: &str, layer: &mut Layer) {
        let mut inner = Layer {
            objects: layer.objects.clone(),
            ..Layer::default()
        };
        inner.text += "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n";
        if self.dice.chance(20) {
            self.resources(&mut inner, 1);
        }
        self.generators(&mut inner);
        self.settings(&mut inner, 15);
        self.schemas(&mut inner);
        self.plugins(&mut inner, 5);
        self.changes(&mut inner, 40);
        let (path, objects) = self.finish(&format!("{folder}-component"), inner);
        layer.objects = objects;
        layer.list("components", &[format!("../{path}\n")]);
    }

    fn finish(&mut self, folder: &str, layer: Layer) -> (String, Vec<Object>) {
        let mut text = layer.text;
        if text.trim().is_empty() || !text.contains(':') {
            "namePrefix: n-\n".clone_into(&mut text);
        }
        let dice = &mut self.dice;
        if dice.chance(10) && !text.contains("apiVersion: kustomize") {
            text.insert_str(
                0,
                "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
            );
        }
        let name = match dice.below(30) {
            0 => "Kustomization",
            1 => "kustomization.yml",
            _ => "kustomization.yaml",
        };
        let text = spelling::respell(dice, Sort::Kustomization, text);
        self.files.insert(format!("{folder}/{name}"), text);
        for (name, content) in layer.files {
            let content = spelling::respell(&mut self.dice, Sort::of(&name), content);
            self.files.insert(format!("{folder}/{name}"), content);
        }
        (folder.to_owned(), layer.objects)
    }

    fn resources(&mut self, layer: &mut Layer, most: usize) {
        let mut entries = Vec::new();
        for at in 0..self.dice.between(1, most) {
            let mut text = String::new();
            for _ in 0..self.dice.between(1, 2) {
                if let Some((object, one)) = objects::object(&mut self.dice, &layer.objects) {
                    text += if text.is_empty() { "" } else { "---\n" };
                    text += &one;
                    layer.objects.push(object);
                }
            }
            if !text.is_empty() {
                let name = format!("file{at}.yaml");
                layer.files.push((name.clone(), text));
                entries.push(name + "\n");
            }
        }
        layer.list("resources", &entries);
    }

    fn generators(&mut self, layer: &mut Layer) {
        for (field, kind) in [
            ("configMapGenerator", "ConfigMap"),
            ("secretGenerator", "Secret"),
        ] {
            if self.dice.chance(25) {
                let entry = self.generator(layer, kind);
                layer.list(field, &[entry]);
            }
        }
        if self.dice.chance(8) {
            layer.text += "generatorOptions:\n";
            layer.text += *self.dice.pick(&[
                "  disableNameSuffixHash: true\n",
                "  labels: {generated: \"true\"}\n",
                "  annotations: {generated: yes-it-is}\n  immutable: true\n",
            ]);
        }
    }

    fn generator(&mut self, layer: &mut Layer, kind: &'static str) -> String {
        let mut text = self.generator_name(layer, kind);
        let dice = &mut self.dice;
        text += "literals:\n";
        for pair in dice.some(&["a=1", "b='x y'", "c=\"true\"", "d=a=b", "e="], 50) {
            text += &format!("- {pair}\n");
        }
        text += "- last=literal\n";
        if dice.chance(30) {
            let name = format!("file-{}.txt", layer.files.len());
            let content = "line one\n  line two\n\ttab\n".to_owned();
            layer.files.push((name.clone(), content));
            let file = dice.pick(&[name.clone(), format!("key={name}")]).clone();
            text += &format!("files:\n- {file}\n");
        }
        if dice.chance(20) {
            let name = format!("vars-{}.env", layer.files.len());
            let content = "# comment\nE1=v1\nE2=\"q\"\n\n  E3 = spaced \nE4\n".to_owned();
            layer.files.push((name.clone(), content));
            text += &format!("envs: [{name}]\n");
        }
        if dice.chance(20) {
            text += *dice.pick(&[
                "options:\n  disableNameSuffixHash: true\n",
                "options:\n  labels: {own: label}\n",
                "options:\n  immutable: true\n",
            ]);
        }
        if kind == "Secret" && dice.chance(20) {
            text += "type: example.com/custom\n";
        }
        text
    }

    /// A new name, or that of an object that is there, with what to do about it.
    fn generator_name(&mut self, layer: &mut Layer, kind: &'static str) -> String {
        let known = layer.objects.iter().filter(|object| object.kind == kind);
        let known: Vec<_> = known.cloned().collect();
        if !known.is_empty() && self.dice.chance(50) {
            let old = self.dice.pick(&known);
            let behavior = self.dice.pick(&["merge", "replace", "merge"]);
            let mut text = format!("name: {}\nbehavior: {behavior}\n", old.name);
            if let Some(namespace) = &old.namespace {
                text += &format!("namespace: {namespace}\n");
            }
            return text;
        }
        let name = format!("gen-{}", self.dice.pick(NAMES));
        let text = format!("name: {name}\n");
        layer.objects.push(Object::generated(kind, name));
        text
    }

    fn settings(&mut self, layer: &mut Layer, percent: usize) {
        layer.text += &settings::settings(&mut self.dice, &layer.objects, percent);
        if self.dice.chance(percent / 4) {
            let (name, text) = settings::configuration(&mut self.dice);
            layer.list("configurations", &[format!("{name}\n")]);
            layer.files.push((name, text));
        }
    }

    fn schemas(&mut self, layer: &mut Layer) {
        let dice = &mut self.dice;
        if dice.chance(5) {
            let (name, text) = schemas::crds(dice);
            layer.list("crds", &[format!("{name}\n")]);
            layer.files.push((name, text));
        }
        if dice.chance(4) {
            let (field, file) = schemas::openapi(dice);
            layer.text += &field;
            layer.files.extend(file);
        }
    }

    /// Built-ins as configuration objects.
    fn plugins(&mut self, layer: &mut Layer, percent: usize) {
        let dice = &mut self.dice;
        if dice.chance(percent) {
            let (text, made) = plugins::generator(dice);
            let made = made.into_iter();
            layer
                .objects
                .extend(made.map(|(kind, name)| Object::generated(kind, name)));
            layer.place(dice, "generators", &text);
        }
        if dice.chance(percent) {
            let text = plugins::transformers(dice, &layer.objects);
            layer.place(dice, "transformers", &text);
        }
        if dice.chance(percent / 2) {
            let text = plugins::validator(dice, &layer.objects);
            layer.place(dice, "validators", &text);
        }
    }

    fn changes(&mut self, layer: &mut Layer, percent: usize) {
        let dice = &mut self.dice;
        if dice.chance(percent) {
            let entries: Vec<_> = (0..dice.between(1, 3))
                .map(|_| patches::patch(dice, &layer.objects, &mut layer.files))
                .collect();
            layer.list("patches", &entries);
        }
        let plain: Vec<_> = layer
            .objects
            .iter()
            .filter(|object| !object.generated)
            .cloned()
            .collect();
        if !plain.is_empty() && dice.chance(percent / 4) {
            let object = dice.pick(&plain).clone();
            let text = patches::several(dice, &object, &layer.objects);
            let entry = match dice.chance(50) {
                true => format!("|-\n{}", indent(&text, 2)),
                false => "strategic.yaml\n".to_owned(),
            };
            if !entry.starts_with('|') {
                layer.files.push(("strategic.yaml".to_owned(), text));
            }
            layer.list("patchesStrategicMerge", &[entry]);
        }
        if !plain.is_empty() && dice.chance(percent / 5) {
            let object = dice.pick(&plain).clone();
            let text = patches::operations(dice, &object);
            let entry = format!(
                "target:\n  version: {}\n  kind: {}\n  name: {}\npatch: |-\n{}",
                object.api.rsplit('/').next().unwrap_or_default(),
                object.kind,
                object.name,
                indent(&text, 2)
            );
            layer.list("patchesJson6902", &[entry]);
        }
        if dice.chance(percent / 2) {
            let entries: Vec<_> = (0..dice.between(1, 2))
                .map(|_| patches::replacement(dice, &layer.objects))
                .collect();
            match dice.chance(15) {
                true => {
                    let mut list = Layer::default();
                    list.list("x", &entries);
                    let text = list.text.trim_start_matches("x:\n").to_owned();
                    layer.files.push(("replacements.yaml".to_owned(), text));
                    layer.list("replacements", &["path: replacements.yaml\n".to_owned()]);
                }
                false => layer.list("replacements", &entries),
            }
        }
        self.vars(layer, percent / 4);
    }

    fn vars(&mut self, layer: &mut Layer, percent: usize) {
        let dice = &mut self.dice;
        if layer.objects.is_empty() || !dice.chance(percent) {
            return;
        }
        let object = dice.pick(&layer.objects).clone();
        let name = if dice.chance(70) { "VAR" } else { "OTHER" };
        let mut text = format!(
            "name: {name}\nobjref:\n  kind: {}\n  apiVersion: {}\n  name: {}\n",
            object.kind, object.api, object.name
        );
        if dice.chance(30) {
            let path = match object.kind {
                "Service" => "spec.ports[0].port",
                "Deployment" => "spec.template.spec.containers[0].image",
                "ConfigMap" => "data.last",
                _ => "kind",
            };
            text += &format!("fieldref:\n  fieldPath: {path}\n");
        }
        layer.list("vars", &[text]);
    }
}
