//! One kustomization: its directory, its file, and what it adds to those below it.
//!
//! The order of work in a layer is kustomize's: resources and bases, configuration, generators, components, then
//! all transformers, validators, and at last its vars. Names and references are only settled at the top.

mod plugins;
mod steps;

use std::{mem::discriminant, rc::Rc};

use krm::{Pos, schema::Schema};

use crate::{
    absorb::absorb,
    config::Config,
    model::{Kustomization, Text, VarSpec},
    objects,
    origin::{Origin, Tracked},
    problem::{Gather, Outcome, Problem},
    resource::Resource,
    session::{self, Files, Session},
    set::ObjectSet,
    transform::{Context, var},
    tree::{EntryKind, TreePath},
};
use steps::{GeneratorStep, Step};

/// The names of a kustomization file.
const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// How deep bases may lie inside one another.
const MAX_DEPTH: usize = 100;

/// What has been gathered so far.
#[derive(Default)]
pub(crate) struct Gathered {
    pub(crate) set: ObjectSet,
    /// `None` before the first layer has said anything.
    pub(crate) config: Option<Config>,
    pub(crate) vars: Vec<VarSpec>,
}

/// A kustomization, ready to be carried out.
pub(crate) struct Layer<'s> {
    pub(crate) spec: Kustomization,
    files: Files<'s>,
    /// The name of its file.
    file: &'static str,
    /// How the root calls its directory; `None` if nobody asked for origins.
    tracked: Option<Tracked>,
    /// The directories of the layers around it, this one last.
    visited: Vec<TreePath>,
}

impl<'s> Layer<'s> {
    /// The layer at the top.
    pub(crate) fn root(session: &'s Session<'s>, dir: &TreePath) -> Outcome<Self> {
        let mut layer = Self::open(session, dir, vec![dir.clone()])?;
        if !layer.spec.build_metadata.is_empty() {
            layer.tracked = Some(Tracked::default());
        }
        layer.set_schema()?;
        Ok(layer)
    }

    fn open(session: &'s Session<'s>, dir: &TreePath, visited: Vec<TreePath>) -> Outcome<Self> {
        session.enter_layer()?;
        if visited.len() > MAX_DEPTH {
            let text = format!("more than {MAX_DEPTH} kustomizations inside one another");
            return Err(Problem::general(text).into());
        }
        let (file, loaded) = find_file(session, dir)?;
        let start = Pos {
            source: loaded.source,
            line: 1,
        };
        let documents = session::parse_settings(&loaded)?;
        let spec = Kustomization::read(documents.first(), start)?;
        for warning in &spec.warnings {
            session.warn(warning.as_str());
        }
        let files = Files {
            session,
            root: dir.clone(),
        };
        Ok(Self {
            spec,
            files,
            file,
            tracked: None,
            visited,
        })
    }

    /// The types this layer brings along, unless one around it already did.
    fn set_schema(&self) -> Outcome {
        let session = self.files.session;
        let openapi = &self.spec.openapi;
        if session.schema_is_set.get() {
            return Ok(());
        }
        if let Some(version) = openapi.version.as_ref() {
            check_version(version, openapi.path.as_ref())?;
        }
        if let Some(path) = &openapi.path {
            let document = self.files.load_types(path)?;
            let schema = document.first().map(Schema::from_openapi).transpose();
            let schema = schema.map_err(|error| Problem::at(path.pos, error.to_string()))?;
            let Some(schema) = schema else { return Ok(()) };
            session.set_schema(schema);
            session.schema_is_set.set(true);
        } else if openapi.version.is_some() {
            session.schema_is_set.set(true);
        }
        Ok(())
    }

    /// Carries the layer out on top of what is there: nothing for a kustomization, the objects of the layer
    /// around it for a component.
    pub(crate) fn gather(&self, mut gathered: Gathered) -> Outcome<Gathered> {
        gathered = self.resources(gathered, &self.spec.resources)?;
        let mut config = Config::built_in();
        config.load(&self.spec.configurations, &self.files)?;
        config.load_crds(&self.spec.crds, &self.files)?;
        gathered
            .merge_config(config)
            .map_err(|text| Problem::at(self.spec.pos, text))?;
        self.generate(&mut gathered)?;
        gathered = self.components(gathered)?;
        self.transform(&mut gathered)?;
        self.validate(&mut gathered)?;
        let context = self.context();
        var::mark(&self.spec.vars, &mut gathered.set, &context)?;
        var::collect(&mut gathered.vars, &self.spec.vars)?;
        Ok(gathered)
    }

    /// Adds what a list of paths leads to.
    fn resources(&self, mut gathered: Gathered, paths: &[Text]) -> Outcome<Gathered> {
        let mut problems = Gather::default();
        for path in paths {
            problems.take(self.resource(&mut gathered, path));
        }
        problems.finish(gathered)
    }

    fn resource(&self, gathered: &mut Gathered, path: &Text) -> Outcome {
        if path.value.is_empty() {
            return Err(Problem::at(path.pos, "a path is empty").into());
        }
        if session::is_url(&path.value) {
            return Err(session::refuse_url(path).into());
        }
        match self.entry(path)? {
            EntryKind::Directory => {
                let layer = self.inner(path, false)?;
                gathered.merge(layer.gather(Gathered::default())?, &self.schema(), path.pos)
            }
            EntryKind::File => {
                let (documents, is_cut) = self.files.load_yaml(path)?;
                let objects = objects::from_documents(documents, is_cut)?;
                let origin = self
                    .tracked
                    .as_ref()
                    .map(|tracked| tracked.file(&path.value));
                for node in objects {
                    self.files.session.note_object(&node);
                    let mut resource = Resource::from_file(node)?;
                    resource.trace.origin.clone_from(&origin);
                    gathered.set.append(resource, &self.schema())?;
                }
                Ok(())
            }
        }
    }

    fn components(&self, mut gathered: Gathered) -> Outcome<Gathered> {
        for path in &self.spec.components {
            if session::is_url(&path.value) {
                return Err(session::refuse_url(path).into());
            }
            if self.entry(path)? != EntryKind::Directory {
                let text = format!("`{}` is a file; a component is a directory", path.value);
                return Err(Problem::at(path.pos, text).into());
            }
            let layer = self.inner(path, true)?;
            gathered = layer.gather(gathered)?;
            gathered.set.check_unique(&self.schema())?;
        }
        Ok(gathered)
    }

    /// The layer in a directory that this one names.
    fn inner(&self, path: &Text, is_component: bool) -> Outcome<Layer<'s>> {
        let dir = self.directory(path)?;
        let mut visited = self.visited.clone();
        visited.push(dir.clone());
        let mut layer = Self::open(self.files.session, &dir, visited)
            .map_err(|problems| problems.placed(path.pos))?;
        layer.tracked = self
            .tracked
            .as_ref()
            .map(|tracked| tracked.inner(&path.value));
        layer.set_schema()?;
        match (is_component, layer.spec.is_component) {
            (true, false) => {
                let text = format!("`{}` is not a component", path.value);
                Err(Problem::at(path.pos, text)
                    .hint("list it under `resources`, or say `kind: Component` in it")
                    .into())
            }
            (false, true) => {
                let text = format!("`{}` is a component", path.value);
                Err(Problem::at(path.pos, text)
                    .hint("list it under `components`")
                    .into())
            }
            _ => Ok(layer),
        }
    }

    fn entry(&self, path: &Text) -> Result<EntryKind, Problem> {
        let missing = |why: String| Problem::at(path.pos, why);
        let Some(found) = self.files.root.join(&path.value) else {
            let text = format!("`{}` is outside the tree that is rendered", path.value);
            return Err(missing(text));
        };
        match self.files.session.entry(&found) {
            Ok(Some(kind)) => Ok(kind),
            Ok(None) => Err(missing(format!("`{}` does not exist", path.value))
                .hint("paths count from the directory of this file")),
            Err(error) => Err(missing(error.to_string())),
        }
    }

    fn directory(&self, path: &Text) -> Result<TreePath, Problem> {
        let is_odd = |part: &str| part != ".." && part.contains("..");
        if path.value.starts_with('/') {
            let text = format!("`{}` is an absolute path", path.value);
            return Err(
                Problem::at(path.pos, text).hint("write it from the directory of this file")
            );
        }
        if path.value.split('/').any(is_odd) {
            let text = format!("`{}` has `..` inside a name", path.value);
            return Err(Problem::at(path.pos, text)
                .hint("two list items may have become one; check the indentation"));
        }
        let dir = self.files.root.join(&path.value).unwrap_or_default();
        match self.visited.iter().find(|visited| visited.is_within(&dir)) {
            Some(visited) => {
                let how = if *visited == dir {
                    "is"
                } else {
                    "holds what is"
                };
                let text = format!("`{}` {how} being rendered already: a cycle", path.value);
                Err(Problem::at(path.pos, text).hint("a base must not be at or above its overlay"))
            }
            None => Ok(dir),
        }
    }

    fn generate(&self, gathered: &mut Gathered) -> Outcome {
        let mut problems = Gather::default();
        for GeneratorStep { generator, origin } in self.generators()? {
            let Some(mut made) = problems.take(generator.run(&self.files)) else {
                continue;
            };
            if made.trace.origin.is_none() {
                made.trace.origin = origin;
            }
            problems.take(absorb(&mut gathered.set, made, &self.schema()));
        }
        problems.finish(())
    }

    /// The entries of one list do not depend on each other, so all that is wrong with them is told at once; what
    /// comes after the list might only fail because of them.
    fn transform(&self, gathered: &mut Gathered) -> Outcome {
        let context = self.context();
        let mut problems = Gather::default();
        let mut failed = None;
        for Step {
            transformer,
            origin,
        } in self.steps(gathered)?
        {
            let kind = discriminant(&transformer);
            if failed.is_some_and(|failed| failed != kind) {
                break;
            }
            let applied = transformer.apply(&mut gathered.set, &context);
            if problems.take(applied).is_none() {
                failed = Some(kind);
            }
            if let Some(origin) = origin {
                record(&mut gathered.set, &origin);
            }
            gathered.set.drop_gone();
        }
        problems.finish(())
    }

    /// Validators are transformers that must find nothing to change.
    fn validate(&self, gathered: &mut Gathered) -> Outcome {
        let context = self.context();
        for step in self.configured_transformers(&self.spec.validators)? {
            let before: Vec<Resource> = gathered.set.as_slice().to_vec();
            let merges = context.files.session.merges();
            step.transformer.apply(&mut gathered.set, &context)?;
            // A merge writes kind and name anew, which kustomize takes for a change.
            let same = merges == context.files.session.merges()
                && before.len() == gathered.set.len()
                && before
                    .iter()
                    .zip(gathered.set.iter())
                    .all(|(before, after)| before.is_unchanged(after));
            if !same {
                let pos = self
                    .spec
                    .validators
                    .first()
                    .map_or(self.spec.pos, |text| text.pos);
                return Err(Problem::at(pos, "a validator changes objects")
                    .hint("list it under `transformers` if it should")
                    .into());
            }
        }
        Ok(())
    }

    fn context(&self) -> Context<'s> {
        Context {
            files: self.files.clone(),
            schema: self.schema(),
        }
    }

    fn schema(&self) -> Rc<Schema> {
        self.files.session.schema()
    }
}

impl Gathered {
    /// Adds what an inner layer has gathered.
    fn merge(&mut self, inner: Self, schema: &Schema, pos: Pos) -> Outcome {
        self.set.append_all(inner.set.into_vec(), schema)?;
        if let Some(config) = inner.config {
            self.merge_config(config)
                .map_err(|text| Problem::at(pos, text))?;
        }
        var::collect(&mut self.vars, &inner.vars)
    }

    fn merge_config(&mut self, config: Config) -> Result<(), String> {
        self.config.get_or_insert_default().merge(config)
    }
}

fn record(set: &mut ObjectSet, origin: &Origin) {
    for resource in set.iter_mut() {
        match resource.trace.origin {
            None => resource.trace.origin = Some(origin.clone()),
            Some(_) => resource.trace.transformations.push(origin.clone()),
        }
        // Noting this among the annotations makes new values of all of them.
        resource.shared.part(&["metadata", "annotations"]);
    }
}

fn find_file<'s>(
    session: &'s Session<'s>,
    dir: &TreePath,
) -> Outcome<(&'static str, session::Loaded<'s>)> {
    let mut found = Vec::new();
    for name in FILE_NAMES {
        let path = dir.join(name).unwrap_or_default();
        if matches!(session.entry(&path), Ok(Some(EntryKind::File))) {
            found.push((name, path));
        }
    }
    match found.as_slice() {
        [] => Err(Problem::general("the directory has no kustomization file")
            .hint(format!("add one of {}", FILE_NAMES.join(", ")))
            .into()),
        [(name, path)] => {
            let loaded = session
                .read(path)
                .map_err(|error| Problem::general(error.to_string()))?;
            Ok((*name, loaded))
        }
        several => {
            let names: Vec<&str> = several.iter().map(|(name, _)| *name).collect();
            let text = format!(
                "the directory has more than one kustomization file: {}",
                names.join(", ")
            );
            Err(Problem::general(text).hint("keep one of them").into())
        }
    }
}

fn check_version(version: &Text, path: Option<&Text>) -> Result<(), Problem> {
    /// The one document that kustomize v5.8 carries.
    const CARRIED: &str = "v1.21.2";
    if path.is_some() {
        let text = "`openapi` has both a path and a version";
        return Err(Problem::at(version.pos, text).hint("keep one of them"));
    }
    match version.value.as_str() {
        CARRIED => Ok(()),
        other => {
            let text = format!("the OpenAPI document `{other}` is not built in");
            Err(Problem::at(version.pos, text).hint(format!("leave it out, or say {CARRIED}")))
        }
    }
}
