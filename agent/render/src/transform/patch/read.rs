//! The text of a patch, and what can be read from it: objects or operations.

use std::borrow::Cow;

use krm::{
    Node, Pos, SourceId,
    json6902::JsonPatch,
    yaml::{self, Limits},
};

use crate::{
    model::{PatchSpec, Text},
    objects::from_documents,
    problem::{Outcome, Problem},
    session::yaml_problem,
    transform::Context,
};

/// A patch as bytes, and where they stand.
pub(crate) struct PatchText<'s> {
    bytes: Cow<'s, [u8]>,
    source: SourceId,
    /// Lines of the file before the first line of the text.
    offset: u32,
}

/// The text that a spec names or holds.
pub(crate) fn text_of<'s>(
    spec: &PatchSpec,
    context: &Context<'s>,
) -> Result<PatchText<'s>, Problem> {
    let inline = spec
        .patch
        .as_ref()
        .filter(|text| !text.value.trim().is_empty());
    let path = spec.path.as_ref().filter(|path| !path.value.is_empty());
    match (inline, path) {
        (Some(text), None) => Ok(PatchText::inline(text)),
        (None, Some(path)) => PatchText::file(path, context),
        (None, None) => Err(Problem::at(
            spec.pos,
            "a patch needs `path` or `patch`; there is neither",
        )),
        (Some(_), Some(path)) => Err(Problem::at(
            path.pos,
            "a patch has either `path` or `patch`, not both",
        )),
    }
}

impl<'s> PatchText<'s> {
    /// A patch written inside another file. Blanks around it do not count.
    pub(crate) fn inline(text: &Text) -> Self {
        let trimmed = text.value.trim_start();
        let skipped = &text.value[..text.value.len() - trimmed.len()];
        let lines = u32::try_from(skipped.matches('\n').count()).unwrap_or(0);
        Self {
            bytes: Cow::Owned(trimmed.trim_end().as_bytes().to_vec()),
            source: text.pos.source,
            offset: text.line_offset() + lines,
        }
    }

    /// A patch in a file of its own.
    pub(crate) fn file(path: &Text, context: &Context<'s>) -> Result<Self, Problem> {
        let loaded = context.files.load(path)?;
        Ok(Self {
            bytes: loaded.bytes,
            source: loaded.source,
            offset: 0,
        })
    }

    /// Where the text begins.
    pub(crate) fn start(&self) -> Pos {
        Pos {
            source: self.source,
            line: self.offset + 1,
        }
    }

    /// Whether a person would say that this is a list.
    pub(crate) fn looks_like_list(&self) -> bool {
        let text = String::from_utf8_lossy(&self.bytes);
        let lines = text.lines().map(str::trim_start);
        let mut content = lines.filter(|line| !line.is_empty() && !line.starts_with(['#', '%']));
        let first = content.find(|line| !line.starts_with("---"));
        first.is_some_and(|line| line.starts_with("- ") || line.starts_with('['))
    }

    fn place(&self, node: &mut Node) {
        crate::session::shift(node, self.offset);
    }

    fn problem(&self, error: &yaml::YamlError) -> Problem {
        yaml_problem(error, self.source, self.offset)
    }
}

/// The objects in the text. Lists of objects count as their items.
pub(crate) fn objects(text: &PatchText<'_>) -> Outcome<Vec<Node>> {
    let mut documents = yaml::read(&text.bytes, text.source, &Limits::default())
        .map_err(|error| text.problem(&error))?;
    for document in &mut documents {
        text.place(document);
    }
    from_documents(documents, yaml::is_cut(&text.bytes))
}

/// The operations of a JSON patch; of several documents only the first is read.
pub(crate) fn json_operations(text: &PatchText<'_>) -> Result<JsonPatch, Problem> {
    let not_a_patch = || {
        Problem::at(text.start(), "this is not a list of JSON patch operations")
            .hint("each needs `op` and `path`, such as `- {op: remove, path: /spec/replicas}`")
    };
    if text.bytes.is_empty() {
        return Err(not_a_patch());
    }
    if text.bytes[0] == b'[' && serde_json::from_slice::<serde_json::Value>(&text.bytes).is_err() {
        return Err(Problem::at(text.start(), "this is not JSON").hint(
            "a patch that begins with `[` must be JSON; YAML begins each operation with `- `",
        ));
    }
    let documents = yaml::read_settings(&text.bytes, text.source, &Limits::default())
        .map_err(|error| text.problem(&error))?;
    let first = documents.into_iter().next();
    let mut document = first.unwrap_or_else(|| Node::null(Pos::default()));
    text.place(&mut document);
    JsonPatch::read(&document).ok_or_else(not_a_patch)
}
