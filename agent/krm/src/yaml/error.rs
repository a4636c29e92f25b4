//! What can be wrong with a YAML text or with a tree to be printed, and where.
//!
//! Messages describe; they never quote the text, since it may hold a Secret.

use thiserror::Error;

use crate::Pos;

/// Deeper trees than this are not printed. Reading allows far less; a program could still build one.
pub(super) const MAX_WRITE_DEPTH: usize = 500;

/// A place in a text: 1-based line and column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
}

/// Why a text is not read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {}, column {}: {problem}", place.line, place.column)]
pub struct YamlError {
    /// Where reading stopped.
    pub place: Place,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a YAML text.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Problem {
    /// The bytes are not UTF-8.
    #[error("not valid UTF-8; save the file as UTF-8")]
    NotUtf8,
    /// A byte order mark says UTF-16.
    #[error("the file is UTF-16; save it as UTF-8")]
    Utf16,
    /// A character that YAML forbids.
    #[error("control character U+{0:04X} is not allowed; write it as an escape in double quotes")]
    ControlCharacter(u32),
    /// `---something` at the start of a line.
    #[error("invalid document separator: only a comment may follow `---`")]
    Separator,
    /// Text that kustomize would silently ignore.
    #[error("text after the end of the document would be ignored; separate documents with `---`")]
    TrailingText,
    /// A grammar error.
    #[error("{0}")]
    Syntax(&'static str),
    /// A bracket after which, on some later line, something comes that is neither a comma nor its end.
    #[error("this bracket is not closed, or a comma is missing before line {0}")]
    OpenBracket(u32),
    /// A quote that is closed on a later line, in the middle of other text.
    #[error("this quote is not closed before the next one, on line {0}; close it on its own line")]
    OpenQuote(u32),
    /// A key that occurs twice in one map.
    #[error("this key is already set on line {first}")]
    DuplicateKey {
        /// The line of the first one.
        first: u32,
    },
    /// A key that is no scalar, or no string where that must be.
    #[error("a map key must be a string; quote it")]
    KeyNotString,
    /// `"<<"`, which kustomize takes out of every map, merge or not.
    #[error("a key `<<` in quotes gets lost in kustomize; rename it")]
    LostKey,
    /// `*name` without `&name` before it.
    #[error("unknown anchor")]
    UnknownAnchor,
    /// `&a [*a]`
    #[error("an anchor's value contains itself")]
    RecursiveAlias,
    /// `<<` with something that is not a map.
    #[error("`<<` needs a map, or a list of maps")]
    MergeNotMap,
    /// A `!!int`, `!!float`, `!!bool`, `!!null`, `!!timestamp` or `!!binary` whose text is not one.
    #[error("the value does not match its tag {0}")]
    TagMismatch(&'static str),
    /// More than the limits allow.
    #[error("more than {limit} {what}; split the file or raise the limit")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

impl YamlError {
    pub(crate) fn new(line: u32, column: u32, problem: Problem) -> Self {
        Self {
            place: Place { line, column },
            problem,
        }
    }
}

/// Why a tree cannot be printed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {}: {problem}", pos.line)]
pub struct WriteError {
    /// Where the value was written that cannot be printed.
    pub pos: Pos,
    /// What is wrong with it.
    pub problem: WriteProblem,
}

/// What cannot be printed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum WriteProblem {
    /// A value that JSON does not know.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// A character that kustomize cannot print either.
    #[error("control character U+{0:04X} cannot be printed")]
    ControlCharacter(u32),
    /// A key of more than about 1,000 characters, or with a `NEL` in it.
    #[error("a key is too long or holds a line break that YAML cannot express")]
    Key,
    /// A key that is a number, a boolean, null or a date.
    #[error("a map key must be a string; quote it")]
    TypedKey,
    /// Maps and lists too deep inside one another.
    #[error("more than {MAX_WRITE_DEPTH} levels of nesting")]
    TooDeep,
}

/// Why a scalar has no value in JSON.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ValueError {
    /// `.inf` or `.nan`
    #[error("infinity and NaN cannot be expressed in JSON")]
    NotFinite,
    /// The text is not what the tag says.
    #[error("the value is not the {0} its tag says")]
    Mismatch(&'static str),
    /// A block scalar that kustomize cannot read back.
    #[error("a block scalar that starts with a tab cannot be printed; use double quotes")]
    LeadingTab,
    /// A time zone of a day or more.
    #[error("the time zone of a timestamp is a day or more")]
    Zone,
}
