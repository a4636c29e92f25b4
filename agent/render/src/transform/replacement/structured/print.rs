//! How go-yaml v3 lays out a document, two blanks to a level and lists not indented, brackets where they were; and
//! JSON on many lines.

use std::fmt::Write;

use krm::{Entry, Kind, Node, Scalar, Style, Tag, yaml};

/// The document without blanks around it.
pub(super) fn yaml(document: &Node) -> String {
    let mut printer = Printer { out: String::new() };
    match is_block(document) {
        true => printer.node(document, 0),
        false => printer.inline(document, 0),
    }
    printer.out.trim().to_owned()
}

/// Compact JSON text with line breaks and two blanks to a level.
pub(super) fn indented(compact: &str) -> String {
    let mut out = String::with_capacity(compact.len() * 2);
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let mut letters = compact.chars().peekable();
    while let Some(letter) = letters.next() {
        if quoted {
            out.push(letter);
            quoted = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
            continue;
        }
        match letter {
            '"' => {
                quoted = true;
                out.push(letter);
            }
            '{' | '[' if letters.peek().is_some_and(|next| matches!(next, '}' | ']')) => {
                out.push(letter);
                out.extend(letters.next());
            }
            '{' | '[' => {
                depth += 1;
                out.push(letter);
                new_line(&mut out, depth);
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(letter);
            }
            ',' => {
                out.push(letter);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            letter => out.push(letter),
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
}

struct Printer {
    out: String,
}

impl Printer {
    /// A map or list that is not empty, from the start of a line.
    fn node(&mut self, node: &Node, indent: usize) {
        match &node.kind {
            Kind::Map(map) => {
                for (at, entry) in map.iter().enumerate() {
                    if at > 0 {
                        self.pad(indent);
                    }
                    self.key(entry, can_be_plain(&entry.key));
                    self.value(&entry.value, indent, indent + 2);
                }
            }
            Kind::Seq(items) => {
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        self.pad(indent);
                    }
                    self.out.push_str("- ");
                    if is_block(item) {
                        self.node(item, indent + 2);
                    } else {
                        self.inline(item, indent + 2);
                        self.out.push('\n');
                    }
                }
            }
            Kind::Scalar(_) => self.inline(node, indent),
        }
    }

    /// What follows the colon of a key at `indent`.
    fn value(&mut self, value: &Node, indent: usize, deeper: usize) {
        if !is_block(value) {
            self.out.push(' ');
            self.inline(value, deeper);
            self.out.push('\n');
            return;
        }
        let indent = match value.kind {
            Kind::Seq(_) => indent,
            _ => deeper,
        };
        self.out.push('\n');
        self.pad(indent);
        self.node(value, indent);
    }

    fn inline(&mut self, node: &Node, indent: usize) {
        match &node.kind {
            Kind::Scalar(scalar) => self.scalar(scalar, indent),
            _ => self.flow(node),
        }
    }

    /// A value within brackets, or with brackets around it.
    fn flow(&mut self, node: &Node) {
        match &node.kind {
            Kind::Scalar(scalar) => self.flow_scalar(scalar),
            Kind::Seq(items) => {
                self.out.push('[');
                for (at, item) in items.iter().enumerate() {
                    self.out.push_str(if at > 0 { ", " } else { "" });
                    self.flow(item);
                }
                self.out.push(']');
            }
            Kind::Map(map) => {
                self.out.push('{');
                for (at, entry) in map.iter().enumerate() {
                    self.out.push_str(if at > 0 { ", " } else { "" });
                    self.key(entry, can_be_plain_in_brackets(&entry.key));
                    self.out.push(' ');
                    self.flow(&entry.value);
                }
                self.out.push('}');
            }
        }
    }

    fn flow_scalar(&mut self, scalar: &Scalar) {
        let text = scalar.text.as_str();
        let force = self.tag(scalar);
        match scalar.style {
            Style::DoubleQuoted | Style::Literal | Style::Folded => {
                double_quoted(text, &mut self.out);
            }
            _ if text.contains('\n') => double_quoted(text, &mut self.out),
            Style::Plain if force && !text.is_empty() => double_quoted(text, &mut self.out),
            Style::Plain if can_be_plain_in_brackets(text) => self.out.push_str(text),
            Style::SingleQuoted | Style::Plain => single_quoted(text, &mut self.out),
        }
    }

    /// Writes the tag of a scalar that would be taken for something else. True if it needs quotes instead.
    fn tag(&mut self, scalar: &Scalar) -> bool {
        if scalar.tag == yaml::plain_tag(&scalar.text) || scalar.untagged {
            return false;
        }
        self.out.push_str(match scalar.tag {
            Tag::Str => return true,
            Tag::Null => "!!null ",
            Tag::Bool => "!!bool ",
            Tag::Int => "!!int ",
            Tag::Float => "!!float ",
            Tag::Timestamp => "!!timestamp ",
            Tag::Binary => "!!binary ",
        });
        false
    }

    fn key(&mut self, entry: &Entry, fits: bool) {
        let key = entry.key.as_str();
        let note = entry.value.note.as_ref();
        let is_text = yaml::plain_tag(key) == Tag::Str || entry.value.has_typed_key();
        match note.map(|note| note.key_style).unwrap_or_default() {
            Style::SingleQuoted => single_quoted(key, &mut self.out),
            Style::Plain if is_text && fits => self.out.push_str(key),
            Style::Plain if is_text && !key.contains('\n') => single_quoted(key, &mut self.out),
            _ => double_quoted(key, &mut self.out),
        }
        self.out.push(':');
    }

    fn scalar(&mut self, scalar: &Scalar, indent: usize) {
        let text = scalar.text.as_str();
        let force = self.tag(scalar);
        match scalar.style {
            Style::DoubleQuoted => double_quoted(text, &mut self.out),
            Style::SingleQuoted if !text.contains('\n') => single_quoted(text, &mut self.out),
            Style::Folded if !text.trim_end_matches('\n').contains('\n') => {
                self.block('>', text, indent);
            }
            Style::Literal | Style::Folded => self.block('|', text, indent),
            _ if text.contains('\n') => self.block('|', text, indent),
            _ if force => double_quoted(text, &mut self.out),
            _ if can_be_plain(text) || scalar.tag == Tag::Null => self.out.push_str(text),
            _ => single_quoted(text, &mut self.out),
        }
    }

    fn block(&mut self, mark: char, text: &str, indent: usize) {
        self.out.push(mark);
        if text.starts_with([' ', '\n']) {
            self.out.push('2');
        }
        match text.strip_suffix('\n') {
            None => self.out.push('-'),
            Some(rest) if rest.ends_with('\n') || rest.is_empty() => self.out.push('+'),
            Some(_) => {}
        }
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            self.out.push('\n');
            if !line.is_empty() {
                self.pad(indent);
                self.out.push_str(line);
            }
        }
    }

    fn pad(&mut self, indent: usize) {
        self.out.push_str(&" ".repeat(indent));
    }
}

fn is_block(node: &Node) -> bool {
    match &node.kind {
        Kind::Map(map) => !map.is_empty() && !node.is_flow(),
        Kind::Seq(items) => !items.is_empty() && !node.is_flow(),
        Kind::Scalar(_) => false,
    }
}

/// The same within brackets, where more characters mean something.
fn can_be_plain_in_brackets(text: &str) -> bool {
    can_be_plain(text)
        && !text.starts_with('?')
        && !text.contains([',', '[', ']', '{', '}', ':', '?'])
}

/// Whether a text reads back as itself without quotes.
fn can_be_plain(text: &str) -> bool {
    let first_is_free = match text.as_bytes() {
        [] => return false,
        [b'-' | b'?' | b':', rest @ ..] => {
            rest.first().is_some_and(|byte| !byte.is_ascii_whitespace())
        }
        [first, ..] => !b"#,[]{}&*!|>'\"%@`".contains(first),
    };
    first_is_free
        && text.trim() == text
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with(':')
        && !text.contains('\t')
        && !text.starts_with("---")
        && !text.starts_with("...")
        && text.chars().all(|letter| !letter.is_control())
}

fn single_quoted(text: &str, out: &mut String) {
    out.push('\'');
    out.push_str(&text.replace('\'', "''"));
    out.push('\'');
}

fn double_quoted(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            letter if letter.is_control() => {
                write!(out, "\\x{:02X}", u32::from(letter)).expect("a string takes all text");
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
}
