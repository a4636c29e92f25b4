//! The work that is done once, when all layers are gathered: hashes, references, vars, order, and the marks
//! that `buildMetadata` asks for.

use krm::Pos;

use crate::{
    Object, Options, RenderError, Rendered, TreePath,
    config::Config,
    field::{FieldSpec, spec},
    layer::{Gathered, Layer},
    model::{Pairs, Text},
    order,
    problem::{Fault, Gather, Outcome, Problem, Problems},
    references,
    rendered::Shown,
    resource::Resource,
    session::{Files, Session},
    set::ObjectSet,
    transform::{Context, Transformer, hash, pairs::PairsSpec, var},
    tree::{EntryKind, FileTree},
};

/// Objects with this annotation, unless it says "false", are for tools and not for the cluster.
const LOCAL_CONFIG: &str = "config.kubernetes.io/local-config";

/// Says which program rendered an object.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The value of [`MANAGED_BY`]: what the release of kustomize writes that this renderer is compared with.
const MANAGER: &str = "kustomize-v5.8.2";

static METADATA_LABELS: &[FieldSpec] = &[spec("", "", "", "metadata/labels", true)];

/// Renders the kustomization in the directory `path` of `tree`.
pub fn render(
    tree: &impl FileTree,
    path: &TreePath,
    options: &Options,
) -> Result<Rendered, RenderError> {
    let session = Session::new(tree, options);
    let result = render_in(&session, path);
    let (sources, reads, warnings) = session.into_parts();
    match result {
        Ok(objects) => Ok(Rendered {
            objects,
            warnings,
            sources,
            reads,
        }),
        Err(problems) => Err(located(problems, &sources, path)),
    }
}

fn render_in(session: &Session<'_>, path: &TreePath) -> Outcome<Vec<Object>> {
    check_root(session, path)?;
    let layer = Layer::root(session, path)?;
    let mut gathered = layer.gather(Gathered::default())?;
    let context = Context {
        files: Files {
            session,
            root: path.clone(),
        },
        schema: session.schema(),
    };
    settle(&mut gathered, &context)?;
    let set = &mut gathered.set;
    order::sort(set, layer.spec.sort_options.as_ref(), session)?;
    let asked = |option: &str| {
        layer
            .spec
            .build_metadata
            .iter()
            .any(|text| text.value == option)
    };
    if session.options.managed_by || asked("managedByLabel") {
        mark_managed(set, &context)?;
    }
    let shown = Shown {
        origins: asked("originAnnotations"),
        transformations: asked("transformerAnnotations"),
    };
    let resources = std::mem::take(set).into_vec();
    let mut problems = Gather::default();
    let objects = resources
        .into_iter()
        .filter_map(|resource| problems.take(Object::new(resource, shown)))
        .collect();
    problems.finish(objects)
}

fn check_root(session: &Session<'_>, path: &TreePath) -> Result<(), Problem> {
    match session.entry(path) {
        Ok(Some(EntryKind::Directory)) => Ok(()),
        Ok(Some(EntryKind::File)) => Err(Problem::general("this is a file")
            .hint("name the directory that holds the kustomization file")),
        Ok(None) => Err(Problem::general("there is no such directory")),
        Err(error) => Err(Problem::general(error.to_string())),
    }
}

/// Gives objects their last names and lets references follow.
fn settle(gathered: &mut Gathered, context: &Context<'_>) -> Outcome {
    let built_in = Config::built_in();
    let config = gathered.config.as_ref().unwrap_or(&built_in);
    let set = &mut gathered.set;
    hash::apply(set, context)?;
    references::fix(set, &config.names, &context.schema)?;
    var::expand(&gathered.vars, &config.vars, set, context)?;
    set.items_mut().retain(is_for_the_cluster);
    set.check_unique(&context.schema)
}

fn is_for_the_cluster(resource: &Resource) -> bool {
    match resource.node.at(&["metadata", "annotations", LOCAL_CONFIG]) {
        Some(value) => value.text() == Some("false"),
        None => true,
    }
}

fn mark_managed(set: &mut ObjectSet, context: &Context<'_>) -> Outcome {
    let value = Text {
        value: MANAGER.to_owned(),
        pos: Pos::default(),
        style: krm::Style::Plain,
    };
    let spec = PairsSpec {
        pairs: Pairs::from([(MANAGED_BY.to_owned(), value)]),
        fields: METADATA_LABELS.into(),
    };
    Transformer::Pairs(spec).apply(set, context)
}

/// Puts problems where they are. What is no file's fault is put at the directory that is rendered.
fn located(problems: Problems, sources: &[TreePath], root: &TreePath) -> RenderError {
    let faults = problems.into_vec().into_iter().map(|problem| {
        let source = problem.pos.map(|pos| pos.source.0);
        let at = source.and_then(|source| usize::try_from(source).ok());
        Fault {
            file: match problem.pos {
                Some(_) => at.and_then(|at| sources.get(at)).cloned(),
                None => Some(root.clone()),
            },
            line: problem.pos.map_or(0, |pos| pos.line),
            message: problem.message,
            hint: problem.hint,
        }
    });
    RenderError {
        faults: faults.collect(),
    }
}
