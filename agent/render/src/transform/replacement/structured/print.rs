//! How go-yaml v3 lays out a document, two blanks to a level and lists not indented; and JSON on many lines.

use std::fmt::Write;

use krm::{Kind, Node, Scalar, Style, Tag, yaml};

/// The document without blanks around it.
pub(super) fn yaml(document: &Node) -> String {
    let mut printer = Printer { out: String::new() };
    match &document.kind {
        Kind::Map(map) if !map.is_empty() => printer.node(document, 0),
        Kind::Seq(items) if !items.is_empty() => printer.node(document, 0),
        _ => printer.inline(document, 0),
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
                    self.key(&entry.key);
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
            Kind::Map(_) => self.out.push_str("{}"),
            Kind::Seq(_) => self.out.push_str("[]"),
            Kind::Scalar(scalar) => self.scalar(scalar, indent),
        }
    }

    fn key(&mut self, key: &str) {
        match yaml::plain_tag(key) == Tag::Str && can_be_plain(key) {
            true => self.out.push_str(key),
            false => double_quoted(key, &mut self.out),
        }
        self.out.push(':');
    }

    fn scalar(&mut self, scalar: &Scalar, indent: usize) {
        let text = scalar.text.as_str();
        let force = scalar.tag == Tag::Str && yaml::plain_tag(text) != Tag::Str;
        match scalar.style {
            Style::DoubleQuoted => double_quoted(text, &mut self.out),
            Style::SingleQuoted if !text.contains('\n') => single_quoted(text, &mut self.out),
            Style::Literal | Style::Folded => self.literal(text, indent),
            _ if text.contains('\n') => self.literal(text, indent),
            _ if force => double_quoted(text, &mut self.out),
            _ if can_be_plain(text) || scalar.tag == Tag::Null => self.out.push_str(text),
            _ => single_quoted(text, &mut self.out),
        }
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.out.push('|');
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
        Kind::Map(map) => !map.is_empty(),
        Kind::Seq(items) => !items.is_empty(),
        Kind::Scalar(_) => false,
    }
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
