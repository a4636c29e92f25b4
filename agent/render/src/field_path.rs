//! Paths of fields as kustomize writes them: `spec.containers.[name=web].env.0`, with `\.` for a point in a name.

use krm::{Kind, Node};

/// Splits a path at its points, except at `\.` and within brackets. Brackets that hold no `=` quote a name.
pub(crate) fn split(path: &str) -> Vec<String> {
    let mut parts = split_plain(path, '.').into_iter();
    let mut result = Vec::new();
    while let Some(part) = parts.next() {
        if !part.starts_with('[') || part.ends_with(']') {
            result.push(part);
            continue;
        }
        let mut whole = part;
        for next in parts.by_ref() {
            whole.push('.');
            whole.push_str(&next);
            if next.ends_with(']') {
                break;
            }
        }
        result.push(match whole.contains('=') {
            true => whole,
            false => whole.trim_matches(['[', ']']).to_owned(),
        });
    }
    result
}

/// Splits a path at a delimiter that no backslash stands before. A delimiter at the very start is left out.
pub(crate) fn split_plain(path: &str, delimiter: char) -> Vec<String> {
    let path = path.strip_prefix(delimiter).unwrap_or(path);
    let mut result: Vec<String> = Vec::new();
    let mut escaped = false;
    for part in path.split(delimiter) {
        match result.last_mut() {
            Some(last) if escaped => {
                last.pop();
                last.push(delimiter);
                last.push_str(part);
            }
            _ => result.push(part.to_owned()),
        }
        escaped = result.last().is_some_and(|last| last.ends_with('\\'));
    }
    result
}

/// Why a path leads nowhere.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum PathError {
    /// A map, list or scalar stands where another must.
    #[error("`{part}` is looked for in a {found}, not a {wanted}")]
    Shape {
        part: String,
        found: &'static str,
        wanted: &'static str,
    },
    /// `*` where one value is meant.
    #[error("`*` cannot stand in the path of a source")]
    Wildcard,
    /// `[name]`
    #[error("`{0}` must be [name=value]")]
    Brackets(String),
    /// A number that is no index.
    #[error("`{0}` is a negative index")]
    Negative(String),
    /// A last item of nothing.
    #[error("the list has no last item")]
    Empty,
    /// An index behind the end.
    #[error("index {index} specified but only {length} elements found")]
    Index { index: usize, length: usize },
    /// Text that is no regular expression.
    #[error("`{0}` is not a regular expression")]
    Pattern(String),
    /// A text that is not YAML.
    #[error("the text at `{0}` is not YAML")]
    Text(String),
}

/// The way from a root to a value: positions in maps and lists.
pub(crate) type Way = Vec<usize>;

/// The one value a path leads to. Unlike for targets, `[name=value]` is taken literally.
pub(crate) fn lookup<'n>(root: &'n Node, path: &[String]) -> Result<Option<&'n Node>, PathError> {
    Ok(way_to(root, path)?.map(|(_, node)| node))
}

/// As [`lookup`], with the way there.
pub(crate) fn way_to<'n>(
    root: &'n Node,
    path: &[String],
) -> Result<Option<(Way, &'n Node)>, PathError> {
    let (mut node, mut way) = (root, Way::new());
    for part in path.iter().map(|part| part.trim()) {
        if part.is_empty() {
            continue;
        }
        match step(node, part)? {
            Some((at, next)) => {
                node = next;
                way.push(at);
            }
            None => return Ok(None),
        }
    }
    Ok(Some((way, node)))
}

/// The value at the end of a way.
pub(crate) fn follow<'n>(root: &'n mut Node, way: &[usize]) -> Option<&'n mut Node> {
    way.iter()
        .try_fold(root, |node, position| match &mut node.kind {
            Kind::Seq(items) => items.get_mut(*position),
            Kind::Map(map) => map.iter_mut().nth(*position).map(|entry| &mut entry.value),
            Kind::Scalar(_) => None,
        })
}

fn step<'n>(node: &'n Node, part: &str) -> Result<Option<(usize, &'n Node)>, PathError> {
    if let Some(index) = number(part) {
        let index = usize::try_from(index).map_err(|_| PathError::Negative(part.to_owned()))?;
        return Ok(items(node, part)?.get(index).map(|item| (index, item)));
    }
    if part == "-" {
        let all = items(node, part)?;
        let last = all.last().ok_or(PathError::Empty)?;
        return Ok(Some((all.len() - 1, last)));
    }
    if part == "*" {
        return Err(PathError::Wildcard);
    }
    if is_bracketed(part) {
        let (name, value) = brackets(part)?;
        let mut all = items(node, part)?.iter().enumerate();
        return Ok(all.find(|(_, item)| {
            let fits = |field| raw(field) == value;
            field_of(item, name).is_some_and(fits)
        }));
    }
    match &node.kind {
        _ if node.is_null() => Ok(None),
        Kind::Map(map) => Ok(map
            .iter()
            .enumerate()
            .find(|(_, entry)| entry.key == part)
            .map(|(at, entry)| (at, &entry.value))),
        _ => Err(shape_error(node, part, "map")),
    }
}

/// The field `name` of an item, or with an empty name the item itself.
fn field_of<'n>(item: &'n Node, name: &str) -> Option<&'n Node> {
    match name {
        "" => Some(item),
        name => item.get(name),
    }
}

/// A whole number, as Go reads one.
pub(crate) fn number(part: &str) -> Option<i64> {
    part.parse().ok()
}

/// True for `[…]`.
pub(crate) fn is_bracketed(part: &str) -> bool {
    part.starts_with('[') && part.ends_with(']')
}

/// The two sides of `[name=value]`.
pub(crate) fn brackets(part: &str) -> Result<(&str, &str), PathError> {
    let inner = part.strip_suffix(']').unwrap_or(part);
    let inner = inner.strip_prefix('[').unwrap_or(inner);
    inner
        .split_once('=')
        .ok_or_else(|| PathError::Brackets(part.to_owned()))
}

/// The items of a list; those of a null are none.
pub(crate) fn items<'n>(node: &'n Node, part: &str) -> Result<&'n [Node], PathError> {
    match &node.kind {
        Kind::Seq(items) => Ok(items),
        _ if node.is_null() => Ok(&[]),
        _ => Err(shape_error(node, part, "list")),
    }
}

/// The error for a value of the wrong shape.
pub(crate) fn shape_error(node: &Node, part: &str, wanted: &'static str) -> PathError {
    PathError::Shape {
        part: part.to_owned(),
        found: match node.kind {
            Kind::Map(_) => "map",
            Kind::Seq(_) => "list",
            Kind::Scalar(_) => "scalar",
        },
        wanted,
    }
}

/// A scalar's text whatever its tag; nothing for maps and lists.
pub(crate) fn raw(node: &Node) -> &str {
    node.text().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_points_that_are_not_quoted() {
        let cases = [
            ("a.b.c", vec!["a", "b", "c"]),
            (".a.b", vec!["a", "b"]),
            (r"data.config\.yaml.x", vec!["data", "config.yaml", "x"]),
            ("a.[name=x.y].b", vec!["a", "[name=x.y]", "b"]),
            ("a.[x.io/b.c].d", vec!["a", "x.io/b.c", "d"]),
            ("a.[x].d", vec!["a", "[x]", "d"]),
            ("a.[x.y", vec!["a", "x.y"]),
            ("", vec![""]),
            ("a..b", vec!["a", "", "b"]),
        ];
        for (path, parts) in cases {
            assert_eq!(split(path), parts, "{path}");
        }
    }
}
