//! From a [`Node`] tree to the text that `kustomize build` prints.
//!
//! kustomize turns each object into JSON and that into YAML with go-yaml v2: block style throughout, keys
//! sorted, list items at the column of their key, comments and styles forgotten. Here both steps are one.

use super::error::{MAX_WRITE_DEPTH, WriteError, WriteProblem};
use super::number::{self, Int};
use super::order;
use super::quote;
use super::sheet::Sheet;
use super::value::{self, Value};
use crate::{Entry, Kind, Map, Node, Pos, Scalar, Style, Tag};

/// Prints `nodes` as documents, with `---` between them.
pub fn write<'n>(nodes: impl IntoIterator<Item = &'n Node>) -> Result<String, WriteError> {
    let mut out = String::new();
    for (at, node) in nodes.into_iter().enumerate() {
        if at > 0 {
            out.push_str("---\n");
        }
        write_one(node, &mut out)?;
    }
    Ok(out)
}

/// Appends one document to `out`.
pub fn write_one(node: &Node, out: &mut String) -> Result<(), WriteError> {
    let mut sheet = Sheet::new(out);
    let mut emitter = Emitter {
        sheet: &mut sheet,
        depth: 0,
    };
    match &node.kind {
        Kind::Map(map) if !map.is_empty() => emitter.map(map, 0, true, node.pos)?,
        Kind::Seq(items) if !items.is_empty() => emitter.seq(items, 0, true, node.pos)?,
        // At the top, lines that follow are indented by two all the same.
        _ => emitter.leaf(node, 2)?,
    }
    sheet.end_line();
    Ok(())
}

struct Emitter<'s, 'o> {
    sheet: &'s mut Sheet<'o>,
    depth: usize,
}

impl Emitter<'_, '_> {
    /// The entries of a map at column `indent`; `inline`: the first goes onto the current line.
    fn map(&mut self, map: &Map, indent: usize, inline: bool, pos: Pos) -> Result<(), WriteError> {
        self.enter(pos)?;
        for (at, entry) in order::sorted(map).into_iter().enumerate() {
            if at > 0 || !inline {
                self.sheet.start_line(indent);
            }
            self.entry(entry, indent)?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// The items of a list whose dashes are at column `indent`.
    fn seq(
        &mut self,
        items: &[Node],
        indent: usize,
        inline: bool,
        pos: Pos,
    ) -> Result<(), WriteError> {
        self.enter(pos)?;
        for (at, item) in items.iter().enumerate() {
            if at > 0 || !inline {
                self.sheet.start_line(indent);
            }
            self.sheet.push("- ");
            self.inline(item, indent + 2)?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn entry(&mut self, Entry { key, value }: &Entry, indent: usize) -> Result<(), WriteError> {
        let failed = |problem| WriteError {
            pos: value.pos,
            problem,
        };
        if value.has_typed_key() {
            return Err(failed(WriteProblem::TypedKey));
        }
        if quote::fits_key(key) {
            quote::key(self.sheet, key, indent + 2).map_err(failed)?;
            self.sheet.push_char(':');
            return match &value.kind {
                Kind::Map(map) if !map.is_empty() => self.map(map, indent + 2, false, value.pos),
                Kind::Seq(items) if !items.is_empty() => self.seq(items, indent, false, value.pos),
                _ => {
                    self.sheet.push_char(' ');
                    self.leaf(value, indent + 2)
                }
            };
        }
        self.sheet.push("? ");
        quote::long_key(self.sheet, key, indent + 2).map_err(failed)?;
        self.sheet.start_line(indent);
        self.sheet.push(": ");
        self.inline(value, indent + 2)
    }

    /// A value that goes on on the current line and, if it is a collection, aligns with its start.
    fn inline(&mut self, node: &Node, indent: usize) -> Result<(), WriteError> {
        match &node.kind {
            Kind::Map(map) if !map.is_empty() => self.map(map, indent, true, node.pos),
            Kind::Seq(items) if !items.is_empty() => self.seq(items, indent, true, node.pos),
            _ => self.leaf(node, indent),
        }
    }

    /// A scalar or an empty collection, whose further lines are indented by `indent`.
    fn leaf(&mut self, node: &Node, indent: usize) -> Result<(), WriteError> {
        match &node.kind {
            Kind::Map(_) => self.sheet.push("{}"),
            Kind::Seq(_) => self.sheet.push("[]"),
            Kind::Scalar(scalar) => self.scalar(scalar, indent).map_err(|problem| WriteError {
                pos: node.pos,
                problem,
            })?,
        }
        Ok(())
    }

    fn scalar(&mut self, scalar: &Scalar, indent: usize) -> Result<(), WriteProblem> {
        let plain = scalar.style != Style::Folded && !scalar.text.starts_with('\t');
        if scalar.tag == Tag::Str && plain {
            return quote::text(self.sheet, &scalar.text, indent);
        }
        match value::of(scalar)? {
            Value::Null => self.sheet.push("null"),
            Value::Bool(value) => self.sheet.push(if value { "true" } else { "false" }),
            Value::Int(int) => self.int(int),
            Value::Float(float) => self.float(float),
            Value::Text(text) => return quote::text(self.sheet, &text, indent),
        }
        Ok(())
    }

    fn int(&mut self, int: Int) {
        let text = match int {
            Int::Signed(value) => value.to_string(),
            Int::Unsigned(value) => value.to_string(),
        };
        self.sheet.push(&text);
    }

    fn float(&mut self, float: f64) {
        if let Some(int) = value::whole(float) {
            return self.int(int);
        }
        let mut text = String::new();
        number::format_g(float, &mut text);
        self.sheet.push(&text);
    }

    fn enter(&mut self, pos: Pos) -> Result<(), WriteError> {
        self.depth += 1;
        match self.depth > MAX_WRITE_DEPTH {
            true => Err(WriteError {
                pos,
                problem: WriteProblem::TooDeep,
            }),
            false => Ok(()),
        }
    }
}
