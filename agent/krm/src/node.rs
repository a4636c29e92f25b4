//! A YAML value that remembers how and where it was written.
//!
//! kustomize decides on the text, tag and style of a scalar, so a JSON value is not enough while
//! rendering: `1.10` and `"1.10"` differ, and so do `0644` and `"0644"`. A [`Node`] keeps the raw text beside
//! the resolved [`Tag`]; it becomes JSON only at the very end. Each node also keeps its [`Pos`]: since
//! transformers move nodes around whole, a value in the output still knows the file and line that set it.

use std::{fmt, sync::Arc};

use crate::{Remarks, yaml};

/// Names one file among those a render has read; an index into its table of sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// Where a value was written: file and 1-based line. Line 0 means "made by the renderer".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pos {
    /// The file.
    pub source: SourceId,
    /// The 1-based line in it, or 0 where there is none.
    pub line: u32,
}

/// A value and where it came from. Equality looks at the value only.
#[derive(Clone)]
pub struct Node {
    /// The value.
    pub kind: Kind,
    /// Where it was written.
    pub pos: Pos,
    /// What there is to say about it besides; nothing for nearly all values.
    pub note: Option<Box<Note>>,
}

/// What a file says about a value by its key or in a comment.
#[derive(Clone, Default)]
pub struct Note {
    /// Its key was written as a number, a boolean, null or a date. The key is found by its text all the same, but
    /// such an object cannot be printed.
    pub typed_key: bool,
    /// The schema in a comment beside the key, which tells a merge what the value is.
    pub types: Option<Arc<Node>>,
    /// A map or list written in brackets; only known of what was read to be printed in the same layout.
    pub flow: bool,
    /// How its key was written; only known in the same way.
    pub key_style: Style,
    /// The rule that put the value here, where its own position tells where it was taken from.
    pub rule: Option<Pos>,
    /// The comments about it; only known in the same way.
    pub remarks: Remarks,
}

impl Note {
    /// What stays when another value comes under the same key.
    fn of_key(note: Option<Box<Self>>) -> Option<Box<Self>> {
        let mut note = note?;
        (note.flow, note.rule) = (false, None);
        let plain = note.key_style == Style::Plain && note.remarks == Remarks::default();
        (note.typed_key || note.types.is_some() || !plain).then_some(note)
    }
}

/// The three shapes of a value.
#[derive(Clone, PartialEq)]
pub enum Kind {
    /// A single value, null included.
    Scalar(Scalar),
    /// An ordered list.
    Seq(Vec<Node>),
    /// A map in the order it was written.
    Map(Map),
}

/// A single value as written.
#[derive(Clone, PartialEq, Eq)]
pub struct Scalar {
    /// The text, unescaped and unquoted: `010` stays `010`.
    pub text: String,
    /// What the text means.
    pub tag: Tag,
    /// How it was written.
    pub style: Style,
    /// Nobody has said what the text means, so `tag` follows from text and style and changes with them. This is
    /// so for most of what kustomize itself writes; what is read from a file has its tag for good.
    pub untagged: bool,
}

/// What a scalar's text means, resolved by go-yaml v3's rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tag {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false` in the accepted spellings.
    Bool,
    /// An integer in any accepted base.
    Int,
    /// A float.
    Float,
    /// A string.
    Str,
    /// A plain date or time; a string as far as Kubernetes is concerned, but printed otherwise.
    Timestamp,
    /// `!!binary`: base64 text that stands for bytes.
    Binary,
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Style {
    /// Without quotes.
    #[default]
    Plain,
    /// `'…'`
    SingleQuoted,
    /// `"…"`
    DoubleQuoted,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// An ordered map with string keys. Keys are unique.
#[derive(Clone, Default, PartialEq)]
pub struct Map {
    entries: Vec<Entry>,
}

/// One key of a map with its value.
#[derive(Clone, PartialEq)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// The value.
    pub value: Node,
}

impl Node {
    /// A string made at `pos`, in quotes if readers of YAML 1.1 would take the bare text for something else.
    pub fn string(text: impl Into<String>, pos: Pos) -> Self {
        let text = text.into();
        let style = match yaml::is_quoted_when_set(&text) {
            true => Style::DoubleQuoted,
            false => Style::Plain,
        };
        Self::scalar(text, Tag::Str, style, pos)
    }

    /// A scalar.
    pub fn scalar(text: impl Into<String>, tag: Tag, style: Style, pos: Pos) -> Self {
        Self {
            kind: Kind::Scalar(Scalar {
                text: text.into(),
                tag,
                style,
                untagged: false,
            }),
            pos,
            note: None,
        }
    }

    /// A scalar that means what its text says, in quotes if readers of YAML 1.1 would take the bare text for
    /// something else than a string.
    pub fn untagged(text: impl Into<String>, pos: Pos) -> Self {
        let mut node = Self::string(text, pos);
        if let Some(scalar) = node.as_scalar_mut() {
            scalar.untag();
        }
        node
    }

    /// A null.
    pub fn null(pos: Pos) -> Self {
        Self::scalar("null", Tag::Null, Style::Plain, pos)
    }

    /// A map.
    pub fn map(map: Map, pos: Pos) -> Self {
        Self {
            kind: Kind::Map(map),
            pos,
            note: None,
        }
    }

    /// A list.
    pub fn seq(items: Vec<Node>, pos: Pos) -> Self {
        Self {
            kind: Kind::Seq(items),
            pos,
            note: None,
        }
    }

    /// The map, if this is one.
    pub fn as_map(&self) -> Option<&Map> {
        match &self.kind {
            Kind::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The map, if this is one.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match &mut self.kind {
            Kind::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The items, if this is a list.
    pub fn as_seq(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// The items, if this is a list.
    pub fn as_seq_mut(&mut self) -> Option<&mut Vec<Node>> {
        match &mut self.kind {
            Kind::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// The scalar, if this is one.
    pub fn as_scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The scalar, if this is one.
    pub fn as_scalar_mut(&mut self) -> Option<&mut Scalar> {
        match &mut self.kind {
            Kind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The raw text of any scalar, whatever its tag. Null gives its text too.
    pub fn text(&self) -> Option<&str> {
        self.as_scalar().map(|scalar| scalar.text.as_str())
    }

    /// The text of a string scalar; `None` for other tags.
    pub fn as_str(&self) -> Option<&str> {
        self.as_scalar()
            .filter(|scalar| matches!(scalar.tag, Tag::Str | Tag::Timestamp))
            .map(|scalar| scalar.text.as_str())
    }

    /// True for a null scalar. A text that happens to read as null is none as long as nobody has said so.
    pub fn is_null(&self) -> bool {
        self.as_scalar()
            .is_some_and(|scalar| scalar.tag == Tag::Null && !scalar.untagged)
    }

    /// The value under `key`, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.get(key)
    }

    /// The value under `key`, if this is a map that has it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.as_map_mut()?.get_mut(key)
    }

    /// Whether its key was written as something else than a string.
    pub fn has_typed_key(&self) -> bool {
        self.note.as_ref().is_some_and(|note| note.typed_key)
    }

    /// Takes the place of this value. What is noted of the key stays.
    pub fn put(&mut self, value: Self) {
        let key = Note::of_key(self.note.take());
        let (rule, flow) = (value.rule(), value.is_flow());
        *self = value;
        self.note = key;
        if rule.is_some() || flow {
            let note = self.note.get_or_insert_default();
            (note.rule, note.flow) = (rule, flow);
        }
    }

    /// The rule that put it here, if its position is that of its source.
    pub fn rule(&self) -> Option<Pos> {
        self.note.as_ref()?.rule
    }

    /// Says which rule put it here; `None` if it is from where its position says.
    pub fn set_rule(&mut self, rule: Option<Pos>) {
        if rule.is_some() || self.note.is_some() {
            self.note.get_or_insert_default().rule = rule;
        }
    }

    /// Whether it is known to be written in brackets.
    pub fn is_flow(&self) -> bool {
        self.note.as_ref().is_some_and(|note| note.flow)
    }

    /// The value at the end of a path of map keys.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The value at the end of a path of map keys.
    pub fn at_mut(&mut self, path: &[&str]) -> Option<&mut Node> {
        path.iter().try_fold(self, |node, key| node.get_mut(key))
    }
}

impl Scalar {
    /// Another text. A tag that somebody has given stays.
    pub fn set_text(&mut self, text: String) {
        self.text = text;
        self.settle();
    }

    /// Another style. A tag that somebody has given stays.
    pub fn set_style(&mut self, style: Style) {
        self.style = style;
        self.settle();
    }

    /// Forgets what the text was said to mean.
    pub fn untag(&mut self) {
        self.untagged = true;
        self.settle();
    }

    /// Gives the text a meaning for good.
    pub fn set_tag(&mut self, tag: Tag) {
        self.tag = tag;
        self.untagged = false;
    }

    /// Whether kustomize takes this for text: a string, or what has no tag, even if it looks like a number.
    pub fn is_text(&self) -> bool {
        self.untagged || self.tag == Tag::Str
    }

    fn settle(&mut self) {
        if self.untagged {
            self.tag = match self.style {
                // On many lines it is printed as a literal.
                Style::Plain if !self.text.contains('\n') => yaml::plain_tag(&self.text),
                _ => Tag::Str,
            };
        }
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Map {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many keys it has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True without any key.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.entries.iter()
    }

    /// The entries in order; keys must stay unique.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, Entry> {
        self.entries.iter_mut()
    }

    /// True if `key` is there.
    pub fn contains(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.value)
    }

    /// The value under `key`.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries
            .iter_mut()
            .find(|entry| entry.key == key)
            .map(|entry| &mut entry.value)
    }

    /// Sets `key`, in place if it is there, else at the end. What is noted of a key that is there stays.
    pub fn set(&mut self, key: impl Into<String>, value: Node) {
        let key = key.into();
        match self.get_mut(&key) {
            Some(old) => {
                old.put(value);
            }
            None => self.entries.push(Entry { key, value }),
        }
    }

    /// Appends an entry whose key the caller knows to be new.
    pub fn push(&mut self, key: impl Into<String>, value: Node) {
        self.entries.push(Entry {
            key: key.into(),
            value,
        });
    }

    /// Takes `key` out, keeping the order of the rest.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(at).value)
    }

    /// Keeps the entries for which `keep` says so.
    pub fn retain(&mut self, keep: impl FnMut(&Entry) -> bool) {
        self.entries.retain(keep);
    }
}

impl IntoIterator for Map {
    type Item = Entry;
    type IntoIter = std::vec::IntoIter<Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = &'a Entry;
    type IntoIter = std::slice::Iter<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a mut Map {
    type Item = &'a mut Entry;
    type IntoIter = std::slice::IterMut<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl FromIterator<Entry> for Map {
    /// Later entries win over earlier ones of the same key.
    fn from_iter<T: IntoIterator<Item = Entry>>(entries: T) -> Self {
        let mut map = Self::new();
        for Entry { key, value } in entries {
            map.set(key, value);
        }
        map
    }
}

/// Prints shapes, never values: a node may hold a Secret.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Scalar(scalar) => write!(f, "Scalar({:?}, {:?})", scalar.tag, scalar.style),
            Kind::Seq(items) => write!(f, "Seq({})", items.len()),
            Kind::Map(map) => f
                .debug_list()
                .entries(map.iter().map(|entry| &entry.key))
                .finish(),
        }
    }
}
