//! Anchors, aliases, tags and directives.

use crate::yaml::cursor::{Cursor, Mark};
use crate::yaml::error::YamlError;
use crate::yaml::token::What;

/// Reads the name after `&` or `*`.
pub(super) fn scan_anchor<'t>(cursor: &mut Cursor<'t>) -> Result<&'t str, YamlError> {
    let start = cursor.mark;
    cursor.skip();
    let name = scan_alphas(cursor);
    let ended = cursor.at_blankz(0)
        || matches!(
            cursor.peek(0),
            b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`'
        );
    match !name.is_empty() && ended {
        true => Ok(name),
        false => {
            Err(start.syntax("an anchor or alias needs a name of letters, digits, `-` and `_`"))
        }
    }
}

/// Reads `!<uri>`, `!suffix`, `!!suffix` or `!handle!suffix`.
pub(super) fn scan_tag<'t>(cursor: &mut Cursor<'t>) -> Result<What<'t>, YamlError> {
    let start = cursor.mark;
    let mut handle = "";
    let mut suffix = String::new();
    if cursor.peek(1) == b'<' {
        cursor.skip_many(2);
        scan_uri(cursor, start, &mut suffix)?;
        if suffix.is_empty() || cursor.peek(0) != b'>' {
            return Err(start.syntax("a tag is not closed by `>`"));
        }
        cursor.skip();
    } else {
        let found = scan_handle(cursor);
        if found.len() > 1 && found.ends_with('!') {
            handle = found;
            scan_uri(cursor, start, &mut suffix)?;
            if suffix.is_empty() {
                return Err(start.syntax("a tag needs a name after its handle"));
            }
        } else {
            suffix.push_str(&found[1..]);
            scan_uri(cursor, start, &mut suffix)?;
            handle = "!";
            if suffix.is_empty() {
                // A lone `!`: the tag itself is `!`.
                handle = "";
                suffix.push('!');
            }
        }
    }
    match cursor.at_blankz(0) {
        true => Ok(What::Tag { handle, suffix }),
        false => Err(start.syntax("a tag must be followed by a blank")),
    }
}

/// Reads a line that starts with `%`.
pub(super) fn scan_directive<'t>(cursor: &mut Cursor<'t>) -> Result<What<'t>, YamlError> {
    let start = cursor.mark;
    cursor.skip();
    let what = match scan_alphas(cursor) {
        "YAML" => scan_version(cursor, start)?,
        "TAG" => scan_tag_directive(cursor, start)?,
        _ => return Err(start.syntax("unknown directive")),
    };
    skip_blanks(cursor);
    if cursor.peek(0) == b'#' {
        cursor.skip_to(cursor.line_end());
    }
    if !cursor.at_breakz(0) {
        return Err(start.syntax("only a comment may follow a directive"));
    }
    cursor.skip_line();
    Ok(what)
}

fn scan_version<'t>(cursor: &mut Cursor<'t>, start: Mark) -> Result<What<'t>, YamlError> {
    skip_blanks(cursor);
    let version = scan_while(cursor, |byte| byte.is_ascii_digit() || byte == b'.');
    let number =
        |text: &str| matches!(text.len(), 1 | 2) && text.bytes().all(|b| b.is_ascii_digit());
    match version.split_once('.') {
        Some((major, minor)) if number(major) && number(minor) => Ok(What::VersionDirective {
            supported: major.trim_start_matches('0') == "1" && minor.trim_start_matches('0') == "1",
        }),
        _ => Err(start.syntax("a version directive needs a version such as 1.1")),
    }
}

fn scan_tag_directive<'t>(cursor: &mut Cursor<'t>, start: Mark) -> Result<What<'t>, YamlError> {
    let wrong = || start.syntax("a tag directive needs a handle and a prefix");
    if !cursor.at_blank(0) {
        return Err(wrong());
    }
    skip_blanks(cursor);
    if cursor.peek(0) != b'!' {
        return Err(wrong());
    }
    let handle = scan_handle(cursor);
    if !handle.ends_with('!') || !cursor.at_blank(0) {
        return Err(wrong());
    }
    skip_blanks(cursor);
    let mut prefix = String::new();
    scan_uri(cursor, start, &mut prefix)?;
    match !prefix.is_empty() && cursor.at_blankz(0) {
        true => Ok(What::TagDirective { handle, prefix }),
        false => Err(wrong()),
    }
}

/// `!`, `!name` or `!name!`
fn scan_handle<'t>(cursor: &mut Cursor<'t>) -> &'t str {
    let from = cursor.pos;
    cursor.skip();
    scan_alphas(cursor);
    if cursor.peek(0) == b'!' {
        cursor.skip();
    }
    cursor.slice(from, cursor.pos)
}

fn scan_uri(cursor: &mut Cursor<'_>, start: Mark, out: &mut String) -> Result<(), YamlError> {
    loop {
        out.push_str(scan_while(cursor, |byte| {
            is_alpha(byte) || b";/?:@&=+$,.!~*'()[]".contains(&byte)
        }));
        if cursor.peek(0) != b'%' {
            return Ok(());
        }
        let escaped = scan_uri_escapes(cursor);
        out.push_str(&escaped.ok_or_else(|| start.syntax("a tag holds a broken `%` escape"))?);
    }
}

/// Reads one or more `%xx`, together valid UTF-8.
fn scan_uri_escapes(cursor: &mut Cursor<'_>) -> Option<String> {
    let mut bytes = Vec::new();
    while cursor.peek(0) == b'%' {
        let high = char::from(cursor.peek(1)).to_digit(16)?;
        let low = char::from(cursor.peek(2)).to_digit(16)?;
        bytes.push(u8::try_from(high * 16 + low).ok()?);
        cursor.skip_many(3);
    }
    String::from_utf8(bytes).ok()
}

fn scan_alphas<'t>(cursor: &mut Cursor<'t>) -> &'t str {
    scan_while(cursor, is_alpha)
}

fn scan_while<'t>(cursor: &mut Cursor<'t>, belongs: impl Fn(u8) -> bool) -> &'t str {
    let from = cursor.pos;
    while belongs(cursor.peek(0)) {
        cursor.skip();
    }
    cursor.slice(from, cursor.pos)
}

fn skip_blanks(cursor: &mut Cursor<'_>) {
    while cursor.at_blank(0) {
        cursor.skip();
    }
}

fn is_alpha(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}
