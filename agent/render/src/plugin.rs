//! Built-in generators and transformers given as configuration objects, inline or in files.
//!
//! Such an object has `apiVersion: builtin` and the name of the built-in as its kind. Anything else would be a
//! program, and no program is run.

use krm::{Node, Pos};

use crate::{
    config::Specs,
    decode::{Decoder, Fields, Temper},
    generate::{Generator, IamSpec},
    model::{Text, read},
    problem::{Outcome, Problem},
    session::Files,
    transform::{
        Transformer,
        images::ImagesSpec,
        namespace::{NamespaceSpec, Subjects},
        pairs::PairsSpec,
        prefix::{AffixSpec, End},
        replicas::ReplicasSpec,
        value_add::{Target, ValueAddSpec},
    },
};

/// What a configuration object asks for.
pub(crate) enum Plugin {
    /// It makes objects.
    Generator(Box<Generator>),
    /// It changes objects, in one step or more.
    Transformers(Vec<Transformer>),
}

/// Reads one configuration object.
pub(crate) fn read(object: &Node, files: &Files<'_>) -> Outcome<Plugin> {
    let kind = object.object_kind();
    if object.api_version() != "builtin" {
        return Err(refuse(object, kind).into());
    }
    let mut reader = Reader {
        object,
        decoder: Decoder::new(Temper::Lenient),
    };
    let plugin = match kind {
        "ConfigMapGenerator" => {
            Plugin::Generator(Box::new(Generator::ConfigMap(reader.generator(false))))
        }
        "SecretGenerator" => Plugin::Generator(Box::new(Generator::Secret(reader.generator(true)))),
        "IAMPolicyGenerator" => Plugin::Generator(Box::new(Generator::Iam(reader.iam()))),
        _ => Plugin::Transformers(reader.transformers(kind, files)?),
    };
    reader.decoder.finish(plugin)
}

fn refuse(object: &Node, kind: &str) -> Problem {
    let text = format!("`{kind}` is not built in, and no program or container is run");
    Problem::at(object.pos, text).hint(
        "use a built-in (`apiVersion: builtin`), or run the program in CI and commit what it makes",
    )
}

struct Reader<'n> {
    object: &'n Node,
    decoder: Decoder,
}

impl<'n> Reader<'n> {
    fn transformers(&mut self, kind: &str, files: &Files<'_>) -> Outcome<Vec<Transformer>> {
        Ok(vec![match kind {
            "AnnotationsTransformer" => self.pairs("annotations"),
            "LabelTransformer" => self.pairs("labels"),
            "ImageTagTransformer" => self.image(),
            "ReplicaCountTransformer" => self.replicas(),
            "NamespaceTransformer" => self.namespace(),
            "PrefixTransformer" => self.affix(End::Front),
            "SuffixTransformer" => self.affix(End::Back),
            "PrefixSuffixTransformer" => {
                return Ok(vec![self.affix(End::Front), self.affix(End::Back)]);
            }
            "PatchTransformer" => self.patch(),
            "PatchJson6902Transformer" => self.patch_json(),
            "PatchStrategicMergeTransformer" => self.patch_strategic(),
            "ReplacementTransformer" => {
                let fields = self.known(&["replacements"]);
                let entries = fields.get("replacements");
                Transformer::Replacements(self.decoder.list(entries, read::replacement_entry))
            }
            "ValueAddTransformer" => self.value_add(files)?,
            "HashTransformer" => Transformer::Hash,
            "HelmChartInflationGenerator" => {
                let problem = Problem::at(
                    self.object.pos,
                    "helm charts are refused: no program is run",
                );
                return Err(problem
                    .hint("run `helm template` in CI, commit its output, and list it under `resources`")
                    .into());
            }
            _ => {
                let text = format!("there is no built-in `{kind}`");
                return Err(Problem::at(self.object.pos, text).into());
            }
        }])
    }

    fn known(&mut self, known: &[&'static str]) -> Fields<'n> {
        let object: &'n Node = self.object;
        self.decoder.fields(object, known)
    }

    fn specs(&mut self, fields: &Fields<'n>) -> Specs {
        let list = fields.get("fieldSpecs");
        Specs::Owned(self.decoder.list(list, read::field_spec))
    }

    fn generator(&mut self, is_secret: bool) -> crate::model::GeneratorSpec {
        let mut spec = match is_secret {
            true => read::secret(&mut self.decoder, self.object),
            false => read::config_map(&mut self.decoder, self.object),
        };
        let metadata = self.metadata();
        spec.name = spec.name.or(metadata.0);
        spec.namespace = spec.namespace.or(metadata.1);
        spec
    }

    /// Name and namespace of the configuration object itself.
    fn metadata(&mut self) -> (Option<Text>, Option<Text>) {
        let fields = self.known(&["metadata"]);
        let Some(node) = fields.get("metadata") else {
            return (None, None);
        };
        let fields = self.decoder.fields(node, &["name", "namespace"]);
        let name = self.decoder.filled(fields.get("name"));
        (name, self.decoder.filled(fields.get("namespace")))
    }

    fn iam(&mut self) -> IamSpec {
        let fields = self.known(&["cloud", "kubernetesService", "serviceAccount"]);
        let cloud = self.decoder.string(fields.get("cloud"));
        if cloud != "gke" {
            let text = format!("`cloud` must be gke, not `{cloud}`");
            self.decoder.problem(Problem::at(self.object.pos, text));
        }
        let mut spec = IamSpec {
            pos: self.object.pos,
            ..IamSpec::default()
        };
        if let Some(node) = fields.get("kubernetesService") {
            let fields = self.decoder.fields(node, &["name", "namespace"]);
            spec.name = self.decoder.string(fields.get("name"));
            spec.namespace = self.decoder.string(fields.get("namespace"));
        }
        if let Some(node) = fields.get("serviceAccount") {
            let fields = self.decoder.fields(node, &["name", "projectId"]);
            spec.account = self.decoder.string(fields.get("name"));
            spec.project = self.decoder.string(fields.get("projectId"));
        }
        spec
    }

    fn pairs(&mut self, field: &'static str) -> Transformer {
        let fields = self.known(&[field, "fieldSpecs"]);
        Transformer::Pairs(PairsSpec {
            pairs: self.decoder.pairs(fields.get(field)),
            fields: self.specs(&fields),
        })
    }

    fn image(&mut self) -> Transformer {
        let fields = self.known(&["imageTag", "fieldSpecs"]);
        let image = fields.get("imageTag");
        Transformer::Images(ImagesSpec {
            image: image
                .map(|node| read::image(&mut self.decoder, node))
                .unwrap_or_default(),
            fields: self.specs(&fields),
        })
    }

    fn replicas(&mut self) -> Transformer {
        let fields = self.known(&["replica", "fieldSpecs"]);
        let replica = fields.get("replica");
        Transformer::Replicas(ReplicasSpec {
            replica: replica
                .map(|node| read::replica(&mut self.decoder, node))
                .unwrap_or_default(),
            fields: self.specs(&fields),
        })
    }

    fn namespace(&mut self) -> Transformer {
        let fields = self.known(&["fieldSpecs", "unsetOnly", "setRoleBindingSubjects"]);
        let mode = self.decoder.filled(fields.get("setRoleBindingSubjects"));
        let subjects = match mode.as_ref().map(|mode| mode.value.as_str()) {
            None | Some("defaultOnly") => Subjects::Default,
            Some("allServiceAccounts") => Subjects::ServiceAccounts,
            Some("none") => Subjects::None,
            Some(other) => {
                let text = format!(
                    "`setRoleBindingSubjects` must be defaultOnly, allServiceAccounts or none, not `{other}`"
                );
                let pos = mode.as_ref().map_or(self.object.pos, |mode| mode.pos);
                self.decoder.problem(Problem::at(pos, text));
                Subjects::Default
            }
        };
        let Some(namespace) = self.metadata().1 else {
            return Transformer::Nothing;
        };
        Transformer::Namespace(NamespaceSpec {
            namespace,
            fields: self.specs(&fields),
            unset_only: self.decoder.flag(fields.get("unsetOnly")),
            subjects,
        })
    }

    fn affix(&mut self, end: End) -> Transformer {
        let name = match end {
            End::Front => "prefix",
            End::Back => "suffix",
        };
        let fields = self.known(&["prefix", "suffix", "fieldSpecs"]);
        if fields.get("fieldSpecs").is_none() {
            let text = "`fieldSpecs` is missing: nothing says which fields to change";
            self.decoder.problem(Problem::at(self.object.pos, text));
        }
        let text = self.decoder.text(fields.get(name));
        Transformer::Affix(AffixSpec {
            end,
            text: text.unwrap_or_else(|| self.text("")),
            fields: self.specs(&fields),
        })
    }

    fn patch(&mut self) -> Transformer {
        let fields = self.known(&["path", "patch", "target", "options"]);
        let object = self.object;
        Transformer::Patch(read::patch_spec(
            &mut self.decoder,
            object,
            &fields,
            "patch",
        ))
    }

    fn patch_json(&mut self) -> Transformer {
        let fields = self.known(&["path", "jsonOp", "target"]);
        let object = self.object;
        Transformer::PatchJson(read::patch_spec(
            &mut self.decoder,
            object,
            &fields,
            "jsonOp",
        ))
    }

    fn patch_strategic(&mut self) -> Transformer {
        let fields = self.known(&["paths", "patches"]);
        let mut entries = self.decoder.texts(fields.get("paths"));
        entries.extend(self.decoder.filled(fields.get("patches")));
        if entries.is_empty() {
            let text = "this transformer has neither `paths` nor `patches`";
            self.decoder.problem(Problem::at(self.object.pos, text));
        }
        Transformer::PatchStrategic(entries)
    }

    fn value_add(&mut self, files: &Files<'_>) -> Outcome<Transformer> {
        let fields = self.known(&["value", "targets", "targetFilePath"]);
        let value = self.decoder.text(fields.get("value"));
        let value = match value.filter(|value| !value.value.trim().is_empty()) {
            Some(value) => Text {
                value: value.value.trim().to_owned(),
                ..value
            },
            None => self.text(files.root.name()),
        };
        let mut targets = self.decoder.list(fields.get("targets"), target);
        let path = self.decoder.filled(fields.get("targetFilePath"));
        let shared = path.map(|path| files.load_settings(&path)).transpose()?;
        if let Some(document) = shared.iter().flatten().next() {
            let fields = self.decoder.fields(document, &["targets"]);
            targets.extend(self.decoder.list(fields.get("targets"), target));
        }
        let targets: Vec<Target> = targets.into_iter().flatten().collect();
        if targets.is_empty() {
            let text = "this transformer has no targets";
            self.decoder.problem(Problem::at(self.object.pos, text));
        }
        Ok(Transformer::ValueAdd(ValueAddSpec { value, targets }))
    }

    fn text(&self, value: &str) -> Text {
        Text {
            value: value.to_owned(),
            pos: self.object.pos,
            style: krm::Style::Plain,
        }
    }
}

fn target(decoder: &mut Decoder, node: &Node) -> Option<Target> {
    let fields = decoder.fields(node, &["selector", "fieldPath", "filePathPosition"]);
    let selector = fields.get("selector");
    let selector = selector.map(|node| read::selector(decoder, node));
    let file_path_position = decoder.integer(fields.get("filePathPosition"));
    let mut wrong = |pos: Pos, text: &str| decoder.problem(Problem::at(pos, text));
    if file_path_position < 0 {
        wrong(node.pos, "`filePathPosition` cannot be negative");
    }
    if fields.get("fieldPath").is_none() {
        wrong(node.pos, "`fieldPath` is missing");
    }
    Some(Target {
        selector,
        field_path: decoder.filled(fields.get("fieldPath"))?,
        file_path_position,
    })
}
