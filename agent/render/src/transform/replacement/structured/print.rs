//! How go-yaml v3 lays out a document, two blanks to a level and lists not indented, brackets where they were; and
//! JSON on many lines.

use std::fmt::Write;

use krm::{Entry, Kind, Node, Remarks, Scalar, Style, Tag, yaml};

/// The document without blanks around it.
pub(super) fn yaml(document: &Node) -> String {
    let mut printer = Printer::default();
    match is_block(document) {
        true => printer.node(document, 0, false),
        false => printer.inline(document, 0, None),
    }
    printer.below(remarks(document), 0);
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

#[derive(Default)]
struct Printer {
    out: String,
    /// The last line is a comment about what is above it, this far in: what comes next there stands apart.
    foot: Option<usize>,
}

impl Printer {
    /// A map or list that is not empty. `begun` if its first line is, behind a dash.
    fn node(&mut self, node: &Node, indent: usize, begun: bool) {
        match &node.kind {
            Kind::Map(map) => {
                for (at, entry) in map.iter().enumerate() {
                    let remarks = remarks(&entry.value);
                    self.above(remarks, indent, begun && at == 0);
                    self.key(entry, can_be_plain(&entry.key));
                    self.value(&entry.value, indent);
                    self.below(remarks, indent);
                }
            }
            Kind::Seq(items) => {
                for (at, item) in items.iter().enumerate() {
                    let remarks = remarks(item);
                    self.above(remarks, indent, begun && at == 0);
                    self.item(item, indent);
                    self.below(remarks, indent);
                }
            }
            Kind::Scalar(_) => self.inline(node, indent, None),
        }
    }

    fn item(&mut self, item: &Node, indent: usize) {
        self.out.push_str(if is_nothing(item) { "-" } else { "- " });
        let behind = remarks(item).and_then(|remarks| remarks.behind.as_deref());
        if !is_block(item) {
            self.inline(item, indent + 2, behind);
            self.out.push('\n');
            return;
        }
        if let Some(comment) = behind {
            self.out.push_str(comment);
            self.out.push('\n');
            self.pad(indent + 2);
        }
        self.node(item, indent + 2, true);
    }

    /// What follows the colon of a key at `indent`.
    fn value(&mut self, value: &Node, indent: usize) {
        let behind = remarks(value).and_then(|remarks| remarks.behind.as_deref());
        if !is_block(value) {
            self.out.push_str(if is_nothing(value) { "" } else { " " });
            self.inline(value, indent + 2, behind);
            self.out.push('\n');
            return;
        }
        self.behind(behind);
        self.out.push('\n');
        match value.kind {
            Kind::Seq(_) => self.node(value, indent, false),
            _ => self.node(value, indent + 2, false),
        }
    }

    /// Begins a line, after the comments that stand before it.
    fn above(&mut self, remarks: Option<&Remarks>, indent: usize, begun: bool) {
        if !begun {
            if self.foot.take() == Some(indent) {
                self.out.push('\n');
            }
            self.pad(indent);
        }
        for line in remarks.iter().flat_map(|remarks| &remarks.above) {
            if line.is_empty() {
                self.out.truncate(self.out.trim_end_matches(' ').len());
            }
            self.out.push_str(line);
            self.out.push('\n');
            self.pad(indent);
        }
    }

    fn behind(&mut self, comment: Option<&str>) {
        if let Some(comment) = comment {
            self.out.push(' ');
            self.out.push_str(comment);
        }
    }

    fn below(&mut self, remarks: Option<&Remarks>, indent: usize) {
        for line in remarks.iter().flat_map(|remarks| &remarks.below) {
            if !line.is_empty() {
                self.pad(indent);
            }
            self.out.push_str(line);
            self.out.push('\n');
            self.foot = Some(indent);
        }
    }

    /// A value on the line of its key or dash, and the comment behind it.
    fn inline(&mut self, node: &Node, indent: usize, behind: Option<&str>) {
        match &node.kind {
            Kind::Scalar(scalar) => match is_lines(scalar) {
                Some(mark) => {
                    self.tag(scalar);
                    yaml::write_block(&mut self.out, mark, &scalar.text, indent, behind);
                    return;
                }
                None => self.scalar(scalar),
            },
            _ => self.flow(node),
        }
        self.behind(behind);
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

    fn scalar(&mut self, scalar: &Scalar) {
        let text = scalar.text.as_str();
        let force = self.tag(scalar);
        match scalar.style {
            Style::DoubleQuoted => double_quoted(text, &mut self.out),
            Style::SingleQuoted => single_quoted(text, &mut self.out),
            _ if force => double_quoted(text, &mut self.out),
            _ if can_be_plain(text) || scalar.tag == Tag::Null => self.out.push_str(text),
            _ => single_quoted(text, &mut self.out),
        }
    }

    fn pad(&mut self, indent: usize) {
        self.out.push_str(&" ".repeat(indent));
    }
}

fn remarks(node: &Node) -> Option<&Remarks> {
    node.note.as_ref().map(|note| &note.remarks)
}

/// The mark of a scalar that is printed as a block of lines.
fn is_lines(scalar: &Scalar) -> Option<char> {
    match scalar.style {
        Style::DoubleQuoted => None,
        Style::Folded => Some('>'),
        Style::Literal => Some('|'),
        Style::SingleQuoted | Style::Plain => scalar.text.contains('\n').then_some('|'),
    }
}

/// A null that nothing is written for.
fn is_nothing(node: &Node) -> bool {
    node.is_null() && node.text() == Some("")
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
