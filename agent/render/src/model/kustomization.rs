//! The whole file: `kustomization.yaml`.

use krm::{Node, Pos};

use super::{
    GeneratorOptions, GeneratorSpec, ImageSpec, LabelSpec, Pairs, PatchSpec, ReplacementEntry,
    ReplicaSpec, SortOptions, Text, VarSpec, read,
};
use crate::{
    decode::{Decoder, Fields, Temper},
    problem::{Outcome, Problem},
};

/// A kustomization or component.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kustomization {
    pub(crate) pos: Pos,
    pub(crate) is_component: bool,
    pub(crate) openapi: OpenApi,
    pub(crate) name_prefix: Option<Text>,
    pub(crate) name_suffix: Option<Text>,
    pub(crate) namespace: Option<Text>,
    pub(crate) common_labels: Pairs,
    pub(crate) labels: Vec<LabelSpec>,
    pub(crate) common_annotations: Pairs,
    pub(crate) patches_strategic_merge: Vec<Text>,
    pub(crate) patches_json: Vec<PatchSpec>,
    pub(crate) patches: Vec<PatchSpec>,
    pub(crate) images: Vec<ImageSpec>,
    pub(crate) replacements: Vec<ReplacementEntry>,
    pub(crate) replicas: Vec<ReplicaSpec>,
    pub(crate) vars: Vec<VarSpec>,
    pub(crate) sort_options: Option<SortOptions>,
    pub(crate) resources: Vec<Text>,
    pub(crate) components: Vec<Text>,
    pub(crate) crds: Vec<Text>,
    pub(crate) config_maps: Vec<GeneratorSpec>,
    pub(crate) secrets: Vec<GeneratorSpec>,
    pub(crate) generator_options: Option<GeneratorOptions>,
    pub(crate) configurations: Vec<Text>,
    pub(crate) generators: Vec<Text>,
    pub(crate) transformers: Vec<Text>,
    pub(crate) validators: Vec<Text>,
    pub(crate) build_metadata: Vec<Text>,
    /// Kustomize's warnings about deprecated fields.
    pub(crate) warnings: Vec<String>,
}

/// Which types hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenApi {
    pub(crate) path: Option<Text>,
    pub(crate) version: Option<Text>,
}

const FIELDS: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "openapi",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "commonAnnotations",
    "patchesStrategicMerge",
    "patchesJson6902",
    "patches",
    "images",
    "imageTags",
    "replacements",
    "replicas",
    "vars",
    "sortOptions",
    "resources",
    "components",
    "crds",
    "bases",
    "configMapGenerator",
    "secretGenerator",
    "helmGlobals",
    "helmCharts",
    "helmChartInflationGenerator",
    "generatorOptions",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "buildMetadata",
];

/// Deprecated fields, in the order kustomize warns: name, successor, and whether the fix is experimental.
const DEPRECATED: &[(&str, &str, bool)] = &[
    ("bases", "resources", false),
    ("commonLabels", "labels", false),
    ("imageTags", "images", false),
    ("patchesJson6902", "patches", false),
    ("patchesStrategicMerge", "patches", false),
    ("vars", "replacements", true),
];

const KIND: &str = "Kustomization";
const COMPONENT: &str = "Component";

impl Kustomization {
    /// Reads the document of a kustomization file; `None` is an empty file.
    pub(crate) fn read(document: Option<&Node>, start: Pos) -> Outcome<Self> {
        let Some(node) = document else {
            return Err(empty(start).into());
        };
        let mut decoder = Decoder::new(Temper::Strict);
        let fields = decoder.fields(node, FIELDS);
        if node.as_map().is_some() && is_empty(&fields) {
            decoder.problem(empty(start));
        }
        let is_component = type_of(&fields, &mut decoder);
        refuse_helm(&fields, &mut decoder);
        let mut whole = Self {
            pos: start,
            is_component,
            warnings: warnings(&fields),
            ..Self::default()
        };
        whole.read_operands(&fields, &mut decoder);
        whole.read_operators(&fields, &mut decoder);
        decoder.finish(whole)
    }

    /// What the kustomization is made of.
    fn read_operands(&mut self, fields: &Fields<'_>, decoder: &mut Decoder) {
        self.resources = decoder.texts(fields.get("resources"));
        self.resources.extend(decoder.texts(fields.get("bases")));
        self.components = decoder.texts(fields.get("components"));
        self.crds = decoder.texts(fields.get("crds"));
        self.configurations = decoder.texts(fields.get("configurations"));
        self.generators = decoder.texts(fields.get("generators"));
        self.transformers = decoder.texts(fields.get("transformers"));
        self.validators = decoder.texts(fields.get("validators"));
        self.config_maps = decoder.list(fields.get("configMapGenerator"), read::config_map);
        self.secrets = decoder.list(fields.get("secretGenerator"), read::secret);
        let options = fields.get("generatorOptions");
        self.generator_options = options.map(|node| read::generator_options(decoder, node));
    }

    /// What is done to it.
    fn read_operators(&mut self, fields: &Fields<'_>, decoder: &mut Decoder) {
        if let Some(node) = fields.get("metadata") {
            read::check_metadata(decoder, node);
        }
        let openapi = decoder.pairs(fields.get("openapi"));
        self.openapi = OpenApi {
            path: openapi.get("path").cloned(),
            version: openapi.get("version").cloned(),
        };
        self.name_prefix = decoder.filled(fields.get("namePrefix"));
        self.name_suffix = decoder.filled(fields.get("nameSuffix"));
        self.namespace = decoder.filled(fields.get("namespace"));
        self.common_labels = decoder.pairs(fields.get("commonLabels"));
        self.labels = decoder.list(fields.get("labels"), read::label);
        self.common_annotations = decoder.pairs(fields.get("commonAnnotations"));
        self.patches_strategic_merge = decoder.texts(fields.get("patchesStrategicMerge"));
        self.patches_json = decoder.list(fields.get("patchesJson6902"), read::patch);
        self.patches = decoder.list(fields.get("patches"), read::patch);
        self.images = decoder.list(fields.get("images"), read::image);
        self.images
            .extend(decoder.list(fields.get("imageTags"), read::image));
        self.replacements = decoder.list(fields.get("replacements"), read::replacement_entry);
        self.replicas = decoder.list(fields.get("replicas"), read::replica);
        let vars = decoder.list(fields.get("vars"), read::var);
        self.vars = vars.into_iter().flatten().collect();
        let sort = fields.get("sortOptions");
        self.sort_options = sort.map(|node| read::sort_options(decoder, node));
        self.build_metadata = decoder.texts(fields.get("buildMetadata"));
    }
}

/// Whether it is a component; checks `kind` and `apiVersion`.
fn type_of(fields: &Fields<'_>, decoder: &mut Decoder) -> bool {
    let kind = decoder.filled(fields.get("kind"));
    let version = decoder.filled(fields.get("apiVersion"));
    let is_component = kind.as_ref().is_some_and(|kind| kind.value == COMPONENT);
    if let Some(kind) = kind.filter(|kind| kind.value != KIND && kind.value != COMPONENT) {
        let text = format!("kind must be {KIND} or {COMPONENT}, not `{}`", kind.value);
        decoder.problem(Problem::at(kind.pos, text));
    }
    let wanted = match is_component {
        true => "kustomize.config.k8s.io/v1alpha1",
        false => "kustomize.config.k8s.io/v1beta1",
    };
    if let Some(version) = version.filter(|version| version.value != wanted) {
        let kind = if is_component { COMPONENT } else { KIND };
        let text = format!(
            "apiVersion of a {kind} must be {wanted}, not `{}`",
            version.value
        );
        decoder.problem(Problem::at(version.pos, text));
    }
    is_component
}

fn refuse_helm(fields: &Fields<'_>, decoder: &mut Decoder) {
    for name in ["helmCharts", "helmChartInflationGenerator"] {
        let Some(node) = fields.get(name) else {
            continue;
        };
        if node.as_seq().is_some_and(|charts| !charts.is_empty()) {
            let problem = Problem::at(node.pos, format!("`{name}` is refused: no program is run"))
                .hint(
                    "run `helm template` in CI, commit its output, and list it under `resources`",
                );
            decoder.problem(problem);
        }
    }
}

/// True if nothing but the type is said. An empty list says something, except in the fields that are merged
/// into others.
fn is_empty(fields: &Fields<'_>) -> bool {
    FIELDS.iter().all(|name| {
        let Some(node) = fields.get(name) else {
            return true;
        };
        match *name {
            "apiVersion" | "kind" => true,
            "bases" | "imageTags" | "helmChartInflationGenerator" => {
                node.as_seq().is_some_and(<[Node]>::is_empty)
            }
            _ => node.text() == Some(""),
        }
    })
}

fn empty(pos: Pos) -> Problem {
    Problem::at(pos, "the kustomization is empty").hint(
        "list something under `resources`, or write `resources: []` for a layer without objects",
    )
}

fn warnings(fields: &Fields<'_>) -> Vec<String> {
    let used = DEPRECATED
        .iter()
        .filter(|(name, ..)| fields.get(name).is_some());
    used.map(|(name, successor, experimental)| {
        let mark = if *experimental { "[EXPERIMENTAL] " } else { "" };
        format!(
            "# Warning: '{name}' is deprecated. Please use '{successor}' instead. \
             {mark}Run 'kustomize edit fix' to update your Kustomization automatically."
        )
    })
    .collect()
}
