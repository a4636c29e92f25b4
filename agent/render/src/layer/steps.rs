//! The generators and transformers that the fields of a kustomization stand for, in kustomize's order.

use krm::Pos;

use super::{Gathered, Layer};
use crate::{
    config::{self, Config, Specs},
    field::{FieldSpec, spec},
    generate::{Generator, with_layer_options},
    model::LabelSpec,
    origin::Origin,
    problem::{Outcome, Problem},
    transform::{
        Transformer,
        images::ImagesSpec,
        namespace::{NamespaceSpec, Subjects},
        pairs::PairsSpec,
        prefix::{AffixSpec, End},
        replicas::ReplicasSpec,
    },
};

/// A generator, and where it is configured if that is asked for.
pub(super) struct GeneratorStep {
    pub(super) generator: Generator,
    pub(super) origin: Option<Origin>,
}

/// A transformer, and where it is configured if that is asked for.
pub(super) struct Step {
    pub(super) transformer: Transformer,
    pub(super) origin: Option<Origin>,
}

static METADATA_LABELS: FieldSpec = spec("", "", "", "metadata/labels", true);

impl Layer<'_> {
    /// All generators of the layer.
    pub(super) fn generators(&self) -> Outcome<Vec<GeneratorStep>> {
        let spec = &self.spec;
        let options = spec.generator_options.as_ref();
        let mut steps = Vec::new();
        for one in &spec.config_maps {
            let generator = Generator::ConfigMap(with_layer_options(one.clone(), options));
            let origin = self.built_in("ConfigMapGenerator");
            steps.push(GeneratorStep { generator, origin });
        }
        for one in &spec.secrets {
            let generator = Generator::Secret(with_layer_options(one.clone(), options));
            let origin = self.built_in("SecretGenerator");
            steps.push(GeneratorStep { generator, origin });
        }
        steps.extend(self.configured_generators()?);
        Ok(steps)
    }

    /// All transformers of the layer.
    pub(super) fn steps(&self, gathered: &Gathered) -> Outcome<Vec<Step>> {
        let built_in = Config::built_in();
        let config = gathered.config.as_ref().unwrap_or(&built_in);
        let mut list = List {
            layer: self,
            steps: Vec::new(),
        };
        list.patches();
        list.names(config);
        list.pairs(config)?;
        list.values(config);
        let mut steps = list.steps;
        steps.extend(self.configured_transformers(&self.spec.transformers)?);
        Ok(steps)
    }

    fn built_in(&self, kind: &str) -> Option<Origin> {
        let tracked = self.tracked.as_ref()?;
        Some(tracked.built_in(self.file, kind))
    }
}

struct List<'l, 's> {
    layer: &'l Layer<'s>,
    steps: Vec<Step>,
}

impl List<'_, '_> {
    fn push(&mut self, kind: &str, transformer: Transformer) {
        let origin = self.layer.built_in(kind);
        self.steps.push(Step {
            transformer,
            origin,
        });
    }

    fn patches(&mut self) {
        let spec = &self.layer.spec;
        if !spec.patches_strategic_merge.is_empty() {
            let entries = spec.patches_strategic_merge.clone();
            let transformer = Transformer::PatchStrategic(entries);
            self.push("PatchStrategicMergeTransformer", transformer);
        }
        for patch in &spec.patches {
            self.push("PatchTransformer", Transformer::Patch(patch.clone()));
        }
    }

    fn names(&mut self, config: &Config) {
        let spec = &self.layer.spec;
        if let Some(namespace) = &spec.namespace {
            let transformer = Transformer::Namespace(NamespaceSpec {
                namespace: namespace.clone(),
                fields: config.namespace.clone(),
                unset_only: false,
                subjects: Subjects::Default,
            });
            self.push("NamespaceTransformer", transformer);
        }
        if let Some(text) = &spec.name_prefix {
            let transformer = Transformer::Affix(AffixSpec {
                end: End::Front,
                text: text.clone(),
                fields: config.name_prefix.clone(),
            });
            self.push("PrefixTransformer", transformer);
        }
        if let Some(text) = &spec.name_suffix {
            let transformer = Transformer::Affix(AffixSpec {
                end: End::Back,
                text: text.clone(),
                fields: config.name_suffix.clone(),
            });
            self.push("SuffixTransformer", transformer);
        }
    }

    fn pairs(&mut self, config: &Config) -> Result<(), Problem> {
        let spec = &self.layer.spec;
        for label in &spec.labels {
            let first = label.pairs.values().next();
            let pos = first.map_or(spec.pos, |text| text.pos);
            let fields = label_fields(label, config, pos)?;
            let pairs = label.pairs.clone();
            let transformer = Transformer::Pairs(PairsSpec { pairs, fields });
            self.push("LabelTransformer", transformer);
        }
        if !spec.labels.is_empty() || !spec.common_labels.is_empty() {
            let transformer = Transformer::Pairs(PairsSpec {
                pairs: spec.common_labels.clone(),
                fields: config.common_labels.clone(),
            });
            self.push("LabelTransformer", transformer);
        }
        if !spec.common_annotations.is_empty() {
            let transformer = Transformer::Pairs(PairsSpec {
                pairs: spec.common_annotations.clone(),
                fields: config.common_annotations.clone(),
            });
            self.push("AnnotationsTransformer", transformer);
        }
        Ok(())
    }

    fn values(&mut self, config: &Config) {
        let spec = &self.layer.spec;
        for patch in &spec.patches_json {
            let transformer = Transformer::PatchJson(patch.clone());
            self.push("PatchJson6902Transformer", transformer);
        }
        for replica in &spec.replicas {
            let transformer = Transformer::Replicas(ReplicasSpec {
                replica: replica.clone(),
                fields: config.replicas.clone(),
            });
            self.push("ReplicaCountTransformer", transformer);
        }
        for image in &spec.images {
            let transformer = Transformer::Images(ImagesSpec {
                image: image.clone(),
                fields: config.images.clone(),
            });
            self.push("ImageTagTransformer", transformer);
        }
        if !spec.replacements.is_empty() {
            let entries = spec.replacements.clone();
            self.push("ReplacementTransformer", Transformer::Replacements(entries));
        }
    }
}

fn label_fields(label: &LabelSpec, config: &Config, pos: Pos) -> Result<Specs, Problem> {
    let mut fields = Specs::Owned(label.fields.clone());
    let mut tables = vec![&config.labels];
    if label.include_selectors {
        tables.push(&config.common_labels);
    } else {
        if label.include_templates {
            tables.push(&config.template_labels);
        }
        if label.include_volume_claim_templates {
            tables.push(&config.volume_claim_labels);
        }
    }
    let add_tables = || {
        for table in tables {
            config::add_all(&mut fields, table.clone())?;
        }
        match label.include_selectors {
            true => Ok(()),
            false => config::add(&mut fields, &METADATA_LABELS),
        }
    };
    add_tables().map_err(|text: String| Problem::at(pos, text))?;
    Ok(fields)
}
