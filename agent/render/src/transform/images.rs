//! `images`: name, tag and digest of container images.
//!
//! An image is looked for in every list called `containers` or `initContainers`, at any depth, and then at the
//! fields of the table.

use krm::{Kind, Node, Pos};
use regex::Regex;

use crate::{
    config::Specs,
    field::Make,
    model::{ImageSpec, Text},
    problem::{Outcome, Problem},
    scalar,
    set::ObjectSet,
};

/// What to make of an image, and where images are.
#[derive(Clone, Debug)]
pub(crate) struct ImagesSpec {
    pub(crate) image: ImageSpec,
    pub(crate) fields: Specs,
}

pub(crate) fn apply(spec: &ImagesSpec, set: &mut ObjectSet) -> Outcome {
    let Some(change) = Change::new(&spec.image) else {
        return Ok(());
    };
    let images = |resource: &&mut crate::resource::Resource| {
        resource.node.object_kind() != "CustomResourceDefinition"
    };
    for resource in set.iter_mut().filter(images) {
        in_containers(&change, &mut resource.node)?;
        for field in spec.fields.iter() {
            resource.visit(field, Make::Nothing, Pos::default(), &mut |node| {
                change.apply(node)
            })?;
        }
    }
    Ok(())
}

struct Change<'s> {
    image: &'s ImageSpec,
    name: Name<'s>,
}

/// What the name of an image must be.
enum Name<'s> {
    /// A name whose only special character is the dot, which stands for any character; compared without a
    /// regular expression, which is faster by far.
    Plain(&'s str),
    Pattern(Regex),
}

/// Tags may hold `{}`: some tools put templates there.
const TAG: &str = r"(:[a-zA-Z0-9_.{}-]*)?(@[a-zA-Z0-9]+([.+_-][a-zA-Z0-9]+)*:[a-zA-Z0-9_.{}-]*)?$";

impl<'s> Change<'s> {
    /// `None` if the name is no valid pattern: it then matches nothing, as in kustomize.
    fn new(image: &'s ImageSpec) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_:@.".contains(&byte);
        let name = match image.name.bytes().all(is_plain) {
            true => Name::Plain(&image.name),
            false => Name::Pattern(pattern(&image.name)?),
        };
        Some(Self { image, name })
    }

    fn apply(&self, node: &mut Node) -> Result<(), Problem> {
        let Some(old) = node.as_scalar() else {
            return Err(Problem::at(
                node.pos,
                "an image must be text, not a map or list",
            ));
        };
        if self.name.matches(&old.text) {
            let (text, pos) = self.changed(&old.text);
            scalar::set_text(node, text, pos);
        }
        Ok(())
    }

    /// The new image and the line that matters most to it.
    fn changed(&self, old: &str) -> (String, Pos) {
        let image = self.image;
        let (mut name, mut tag, mut digest) = split(old);
        let mut tag_text = String::new();
        if let Some(new) = &image.new_name {
            name = &new.value;
        }
        let mut decisive = image.new_name.as_ref();
        if image.new_tag.is_some() || image.digest.is_some() {
            tag = value(image.new_tag.as_ref());
            digest = value(image.digest.as_ref());
            decisive = image.new_tag.as_ref().or(image.digest.as_ref());
        } else if let Some(suffix) = &image.tag_suffix {
            tag_text.push_str(tag);
            tag_text.push_str(&suffix.value);
            tag = &tag_text;
            digest = "";
            decisive = Some(suffix);
        }
        let mut text = name.to_owned();
        for (mark, part) in [(':', tag), ('@', digest)] {
            if !part.is_empty() {
                text.push(mark);
                text.push_str(part);
            }
        }
        (text, decisive.map_or(image.pos, |text| text.pos))
    }
}

impl Name<'_> {
    fn matches(&self, image: &str) -> bool {
        match self {
            Self::Pattern(pattern) => pattern.is_match(image),
            Self::Plain(name) if image.is_ascii() => image
                .split_at_checked(name.len())
                .is_some_and(|(head, rest)| is_like(name, head) && is_tag_and_digest(rest)),
            Self::Plain(name) => pattern(name).is_some_and(|pattern| pattern.is_match(image)),
        }
    }
}

fn pattern(name: &str) -> Option<Regex> {
    Regex::new(&format!("^{name}{TAG}")).ok()
}

fn is_like(name: &str, text: &str) -> bool {
    let fits = |(wanted, found)| wanted == found || wanted == b'.' && found != b'\n';
    name.bytes().zip(text.bytes()).all(fits)
}

/// The same as [`TAG`] says.
fn is_tag_and_digest(rest: &str) -> bool {
    let is_tag = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.{}-".contains(&byte))
    };
    let (tag, digest) = match rest.split_once('@') {
        Some((tag, digest)) => (tag, Some(digest)),
        None => (rest, None),
    };
    let tag_fits = tag.is_empty() || tag.strip_prefix(':').is_some_and(is_tag);
    let digest_fits = digest.is_none_or(|digest| {
        digest
            .split_once(':')
            .is_some_and(|(algorithm, value)| is_algorithm(algorithm) && is_tag(value))
    });
    tag_fits && digest_fits
}

fn is_algorithm(text: &str) -> bool {
    text.split(['.', '+', '_', '-'])
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn value(text: Option<&Text>) -> &str {
    text.map_or("", |text| &text.value)
}

/// Name, tag and digest. A colon before the first slash belongs to a port.
fn split(image: &str) -> (&str, &str, &str) {
    let from = image.find('/').unwrap_or(0);
    let at = image[from..].find('@').map(|at| at + from);
    let colon = image[from..].find(':').map(|at| at + from);
    match (colon, at) {
        (None, None) => (image, "", ""),
        (Some(colon), None) => (&image[..colon], &image[colon + 1..], ""),
        (Some(colon), Some(at)) if colon < at => {
            (&image[..colon], &image[colon + 1..at], &image[at + 1..])
        }
        (_, Some(at)) => (&image[..at], "", &image[at + 1..]),
    }
}

/// Every `image` in a list called `containers` or `initContainers`, at any depth.
fn in_containers(change: &Change<'_>, node: &mut Node) -> Result<(), Problem> {
    match &mut node.kind {
        Kind::Scalar(_) => Ok(()),
        Kind::Seq(items) => items
            .iter_mut()
            .try_for_each(|item| in_containers(change, item)),
        Kind::Map(map) => map.iter_mut().try_for_each(|entry| {
            in_containers(change, &mut entry.value)?;
            match entry.key.as_str() {
                "containers" | "initContainers" => in_list(change, &mut entry.value),
                _ => Ok(()),
            }
        }),
    }
}

fn in_list(change: &Change<'_>, node: &mut Node) -> Result<(), Problem> {
    let Some(items) = node.as_seq_mut() else {
        return Ok(());
    };
    items
        .iter_mut()
        .filter_map(|item| item.get_mut("image"))
        .filter(|image| !image.is_null())
        .try_for_each(|image| change.apply(image))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_an_image() {
        assert_eq!(split("nginx"), ("nginx", "", ""));
        assert_eq!(split("nginx:1.10"), ("nginx", "1.10", ""));
        assert_eq!(split("r.io:5000/a/b"), ("r.io:5000/a/b", "", ""));
        assert_eq!(split("r:5/a:1@sha256:x"), ("r:5/a", "1", "sha256:x"));
        assert_eq!(split("a@sha256:x"), ("a", "", "sha256:x"));
    }

    #[test]
    fn knows_the_rest_of_an_image_by_hand_as_by_pattern() {
        let pattern = Regex::new(&format!("^{TAG}")).expect("a valid pattern");
        let rests = [
            "",
            ":",
            ":1.10",
            ":a b",
            "x",
            "@",
            "@sha256:ab",
            "@sha256",
            ":1@sha256:ab",
            ":1@a+b:c",
            ":1@a+:c",
            "@sha256:a:b",
            ":{tag}",
            ":1:2",
            "@a:b@c:d",
            "/x:1",
            "é",
        ];
        for rest in rests {
            assert_eq!(is_tag_and_digest(rest), pattern.is_match(rest), "{rest}");
        }
    }
}
