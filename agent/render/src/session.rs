//! What one render has read, and how layers read files.
//!
//! A [`Session`] numbers the files it reads, so that a [`Pos`] can name one, and notes every path it has
//! looked at. A [`Files`] reads as seen from one kustomization's directory, and keeps to it if it must.

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    collections::BTreeSet,
    rc::Rc,
};

use krm::{
    Kind, Node, Pos, SourceId,
    schema::Schema,
    yaml::{self, Limits},
};

use crate::{
    Options,
    model::Text,
    options::LoadRestriction,
    problem::Problem,
    tree::{EntryKind, FileTree, TreeError, TreePath},
};

/// The state of one render.
pub(crate) struct Session<'t> {
    tree: &'t dyn FileTree,
    pub(crate) options: &'t Options,
    sources: RefCell<Vec<TreePath>>,
    reads: RefCell<BTreeSet<TreePath>>,
    warnings: RefCell<Vec<String>>,
    schema: RefCell<Rc<Schema>>,
    /// Whether some layer has already said which schema to use; later ones are not asked.
    pub(crate) schema_is_set: Cell<bool>,
    /// What has been asked of the built-in types so far.
    asked: Cell<Asked>,
    /// How often a patch was merged so far.
    merges: Cell<usize>,
    /// How much was read so far.
    bytes: Cell<usize>,
    /// How many layers were opened so far.
    layers: Cell<usize>,
    /// How much was copied between objects so far.
    copied: Cell<usize>,
}

/// What has been asked of the built-in types: a document that comes later is put over or under them by that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Asked {
    #[default]
    Nothing,
    /// The scope of a kind that none of them has.
    Scope,
    /// How lists merge.
    Merge,
}

/// How much replacements may copy: some that copy an object into itself double it each time.
const MAX_COPIED: usize = 64 << 20;

/// How much one render may read: far above any real tree, and still only seconds.
const MAX_BYTES: usize = 512 << 20;

/// How many kustomizations one render may open, each counted as often as it is listed. A few that list one
/// another twice each would otherwise open millions.
const MAX_LAYERS: usize = 20_000;

/// The files of one layer.
#[derive(Clone)]
pub(crate) struct Files<'s> {
    pub(crate) session: &'s Session<'s>,
    /// The directory of the kustomization file.
    pub(crate) root: TreePath,
}

/// A file and its content.
pub(crate) struct Loaded<'s> {
    pub(crate) source: SourceId,
    pub(crate) bytes: Cow<'s, [u8]>,
}

impl<'t> Session<'t> {
    pub(crate) fn new(tree: &'t dyn FileTree, options: &'t Options) -> Self {
        Self {
            tree,
            options,
            sources: RefCell::default(),
            reads: RefCell::default(),
            warnings: RefCell::default(),
            schema: RefCell::new(Rc::new(Schema::BUILT_IN)),
            schema_is_set: Cell::new(false),
            asked: Cell::default(),
            merges: Cell::new(0),
            bytes: Cell::new(0),
            layers: Cell::new(0),
            copied: Cell::new(0),
        }
    }

    /// The types that hold from now on.
    pub(crate) fn schema(&self) -> Rc<Schema> {
        Rc::clone(&self.schema.borrow())
    }

    /// Takes the types of a document from now on.
    pub(crate) fn set_schema(&self, schema: Schema) {
        let schema = match self.asked.get() {
            Asked::Nothing => schema,
            Asked::Scope => schema.under_built_in(),
            Asked::Merge => schema.over_built_in(),
        };
        *self.schema.borrow_mut() = Rc::new(schema);
    }

    /// Notes that an object is there.
    pub(crate) fn note_object(&self, object: &Node) {
        let is_known = Schema::has_scope(object.api_version(), object.object_kind());
        if self.asked.get() == Asked::Nothing && !is_known {
            self.asked.set(Asked::Scope);
        }
    }

    /// Notes that objects are merged.
    pub(crate) fn note_merge(&self) {
        self.asked.set(Asked::Merge);
        self.merges.set(self.merges.get() + 1);
    }

    /// How often a patch was merged so far.
    pub(crate) fn merges(&self) -> usize {
        self.merges.get()
    }

    /// Counts what is copied into objects, in bytes.
    pub(crate) fn spend(&self, bytes: usize, pos: Pos) -> Result<(), Problem> {
        let total = self.copied.get().saturating_add(bytes);
        self.copied.set(total);
        if total <= MAX_COPIED {
            return Ok(());
        }
        let text = format!(
            "more than {} MiB are copied between objects",
            MAX_COPIED >> 20
        );
        Err(Problem::at(pos, text).hint("a value may be copied into itself again and again"))
    }

    /// Counts a layer.
    pub(crate) fn enter_layer(&self) -> Result<(), Problem> {
        self.layers.set(self.layers.get() + 1);
        match self.layers.get() {
            ..=MAX_LAYERS => Ok(()),
            _ => Err(
                Problem::general(format!("more than {MAX_LAYERS} kustomizations are opened"))
                    .hint("list each base once"),
            ),
        }
    }

    pub(crate) fn warn(&self, text: impl Into<String>) {
        self.warnings.borrow_mut().push(text.into());
    }

    /// What stands at `path`. A look at a directory is not noted: it is of use only for the kustomization file
    /// in it, and that is read.
    pub(crate) fn entry(&self, path: &TreePath) -> Result<Option<EntryKind>, TreeError> {
        let found = self.tree.entry(path);
        if !matches!(found, Ok(Some(EntryKind::Directory))) {
            self.reads.borrow_mut().insert(path.clone());
        }
        found
    }

    pub(crate) fn read(&self, path: &TreePath) -> Result<Loaded<'t>, TreeError> {
        self.reads.borrow_mut().insert(path.clone());
        let bytes = self.tree.read(path)?;
        let total = self.bytes.get().saturating_add(bytes.len());
        self.bytes.set(total);
        if total > MAX_BYTES {
            let text = format!("more than {} MiB are read in all", MAX_BYTES >> 20);
            return Err(TreeError::Io(path.clone(), text));
        }
        let mut sources = self.sources.borrow_mut();
        let source = SourceId(u32::try_from(sources.len()).unwrap_or(u32::MAX));
        sources.push(path.clone());
        Ok(Loaded { source, bytes })
    }

    /// The files by number, the paths looked at, and the warnings.
    pub(crate) fn into_parts(self) -> (Vec<TreePath>, BTreeSet<TreePath>, Vec<String>) {
        (
            self.sources.into_inner(),
            self.reads.into_inner(),
            self.warnings.into_inner(),
        )
    }
}

impl<'s> Files<'s> {
    /// Reads the file at `path`, as a kustomization's field says it.
    pub(crate) fn load(&self, path: &Text) -> Result<Loaded<'s>, Problem> {
        let found = self.resolve(path)?;
        self.session
            .read(&found)
            .map_err(|error| Problem::at(path.pos, error.to_string()))
    }

    /// Reads the documents of the YAML file at `path`, and says whether it is cut into pieces.
    pub(crate) fn load_yaml(&self, path: &Text) -> Result<(Vec<Node>, bool), Problem> {
        let loaded = self.load(path)?;
        Ok((parse(&loaded)?, yaml::is_cut(&loaded.bytes)))
    }

    /// Reads the documents of a settings file at `path`.
    pub(crate) fn load_settings(&self, path: &Text) -> Result<Vec<Node>, Problem> {
        parse_settings(&self.load(path)?)
    }

    /// Reads the documents of a file that describes types. What begins as JSON must be JSON.
    pub(crate) fn load_types(&self, path: &Text) -> Result<Vec<Node>, Problem> {
        let loaded = self.load(path)?;
        if loaded.bytes.starts_with(b"{") {
            serde_json::from_slice::<serde_json::Value>(&loaded.bytes).map_err(|error| {
                let line = u32::try_from(error.line()).unwrap_or_default();
                let pos = Pos {
                    source: loaded.source,
                    line,
                };
                Problem::at(pos, format!("this begins as JSON, but is none: {error}"))
            })?;
        }
        parse_settings(&loaded)
    }

    /// The path in the tree that `path` means, if it may be read.
    pub(crate) fn resolve(&self, path: &Text) -> Result<TreePath, Problem> {
        if is_url(&path.value) {
            return Err(refuse_url(path));
        }
        let outside = || {
            Problem::at(
                path.pos,
                format!("`{}` is outside the tree that is rendered", path.value),
            )
        };
        let found = self.root.join(&path.value).ok_or_else(outside)?;
        let restricted = self.session.options.load_restriction == LoadRestriction::RootOnly;
        if restricted && !found.is_within(&self.root) {
            let text = format!(
                "`{}` is not in or below the directory of this kustomization",
                path.value
            );
            return Err(Problem::at(path.pos, text).hint(
                "move the file, make its directory a base or component, \
                 or render with --load-restrictor LoadRestrictionsNone",
            ));
        }
        Ok(found)
    }
}

/// The documents of a YAML file.
pub(crate) fn parse(loaded: &Loaded<'_>) -> Result<Vec<Node>, Problem> {
    yaml::read(&loaded.bytes, loaded.source, &Limits::default())
        .map_err(|error| yaml_problem(&error, loaded.source, 0))
}

/// The documents of a settings file.
pub(crate) fn parse_settings(loaded: &Loaded<'_>) -> Result<Vec<Node>, Problem> {
    yaml::read_settings(&loaded.bytes, loaded.source, &Limits::default())
        .map_err(|error| yaml_problem(&error, loaded.source, 0))
}

/// The documents of YAML inside a YAML string; lines count in the file around it.
pub(crate) fn parse_inline(text: &Text) -> Result<Vec<Node>, Problem> {
    let (source, offset) = (text.pos.source, text.line_offset());
    let mut documents = yaml::read(text.value.as_bytes(), source, &Limits::default())
        .map_err(|error| yaml_problem(&error, source, offset))?;
    for document in &mut documents {
        shift(document, offset);
    }
    Ok(documents)
}

pub(crate) fn yaml_problem(error: &yaml::YamlError, source: SourceId, offset: u32) -> Problem {
    let line = error.place.line + offset;
    let message = format!("column {}: {}", error.place.column, error.problem);
    Problem::at(Pos { source, line }, message)
}

/// True for what kustomize would fetch over the network.
pub(crate) fn is_url(path: &str) -> bool {
    let scheme = [
        "http://", "https://", "ssh://", "git://", "file://", "git::",
    ];
    scheme.iter().any(|scheme| path.starts_with(scheme))
        || path.starts_with("git@")
        || path.starts_with("github.com/")
}

pub(crate) fn refuse_url(path: &Text) -> Problem {
    Problem::at(path.pos, format!("remote path `{}` is refused", path.value)).hint(
        "copy what it holds into this repository, so that every commit says all that it deploys",
    )
}

/// Moves all positions down by some lines.
pub(crate) fn shift(node: &mut Node, offset: u32) {
    node.pos.line += offset;
    match &mut node.kind {
        Kind::Scalar(_) => {}
        Kind::Seq(items) => items.iter_mut().for_each(|item| shift(item, offset)),
        Kind::Map(map) => map
            .iter_mut()
            .for_each(|entry| shift(&mut entry.value, offset)),
    }
}
