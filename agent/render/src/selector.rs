//! Which objects a patch or a replacement is for: regular expressions over what an object is called, and
//! selectors over its labels and annotations.
//!
//! Every expression must match the whole word; an absent one matches everything. Which of an object's names, old
//! or new, are tried is for the caller to say.

mod labels;

use krm::{Map, Node, Pos, schema::Schema};
use regex::Regex;

use crate::{
    model::Selector,
    problem::Problem,
    resource::{Id, Resource},
};
use labels::LabelSelector;

/// A selector ready for use.
#[derive(Debug)]
pub(crate) struct Matcher {
    group: Pattern,
    version: Pattern,
    kind: Pattern,
    name: Pattern,
    namespace: Pattern,
    labels: LabelSelector,
    annotations: LabelSelector,
}

/// An expression for a whole word; `None` matches all.
#[derive(Debug)]
struct Pattern(Option<Regex>);

impl Selector {
    /// True if it says nothing about what an object is called.
    pub(crate) fn names_nothing(&self) -> bool {
        let words = [
            &self.group,
            &self.version,
            &self.kind,
            &self.name,
            &self.namespace,
        ];
        words.iter().all(|word| word.is_empty())
    }

    /// True if it asks for neither labels nor annotations.
    pub(crate) fn marks_nothing(&self) -> bool {
        self.labels.is_empty() && self.annotations.is_empty()
    }
}

impl Matcher {
    /// Reads all expressions of a selector.
    pub(crate) fn new(selector: &Selector) -> Result<Self, Problem> {
        let pos = selector.pos;
        let pattern = |field, text| Pattern::new(field, text, pos);
        let labels = |field, text| {
            LabelSelector::parse(text).map_err(|error| {
                Problem::at(pos, format!("cannot read `{field}: {text}`: {error}"))
            })
        };
        Ok(Self {
            group: pattern("group", &selector.group)?,
            version: pattern("version", &selector.version)?,
            kind: pattern("kind", &selector.kind)?,
            name: pattern("name", &selector.name)?,
            namespace: pattern("namespace", &selector.namespace)?,
            labels: labels("labelSelector", &selector.labels)?,
            annotations: labels("annotationSelector", &selector.annotations)?,
        })
    }

    /// Whether an object is meant, by its first or its current name and namespace.
    pub(crate) fn matches(&self, resource: &Resource, schema: &Schema) -> bool {
        let (first, now) = (resource.original_id(schema), resource.id(schema));
        let either = |pattern: &Pattern, a: &str, b: &str| pattern.fits(a) || pattern.fits(b);
        either(&self.namespace, first.namespace, now.namespace)
            && either(&self.name, first.name, now.name)
            && self.fits_type(now.group, now.version, now.kind)
            && self.fits_marks(&resource.node)
    }

    /// Whether it fits one id, with the namespace given apart. Labels are not looked at.
    pub(crate) fn fits_id(&self, id: Id<'_>, namespace: &str) -> bool {
        self.fits_type(id.group, id.version, id.kind)
            && self.name.fits(id.name)
            && self.namespace.fits(namespace)
    }

    fn fits_type(&self, group: &str, version: &str, kind: &str) -> bool {
        self.group.fits(group) && self.version.fits(version) && self.kind.fits(kind)
    }

    /// Whether the object's labels and annotations fit.
    pub(crate) fn fits_marks(&self, object: &Node) -> bool {
        self.labels.fits(|key| marked(object.labels(), key))
            && self
                .annotations
                .fits(|key| marked(object.annotations(), key))
    }
}

impl Pattern {
    fn new(field: &str, text: &str, pos: Pos) -> Result<Self, Problem> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        match Regex::new(&format!("^(?:{text})$")) {
            Ok(regex) => Ok(Self(Some(regex))),
            Err(_) => Err(Problem::at(
                pos,
                format!("`{field}: {text}` is not a regular expression"),
            )),
        }
    }

    fn fits(&self, word: &str) -> bool {
        self.0.as_ref().is_none_or(|regex| regex.is_match(word))
    }
}

/// The text of a label, whatever its tag.
fn marked<'n>(map: Option<&'n Map>, key: &str) -> Option<&'n str> {
    Some(map?.get(key)?.text().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(change: impl FnOnce(&mut Selector)) -> Matcher {
        let mut text = Selector::default();
        change(&mut text);
        Matcher::new(&text).expect("a selector")
    }

    #[test]
    fn matches_whole_words_only() {
        let matcher = matcher(|text| text.name = "web|api".into());
        assert!(matcher.name.fits("web"));
        assert!(matcher.name.fits("api"));
        assert!(!matcher.name.fits("web-2"));
        assert!(!matcher.name.fits("my-api"));
    }

    #[test]
    fn absent_words_match_everything() {
        let matcher = matcher(|text| text.kind = "Deploy.*".into());
        assert!(matcher.fits_type("apps", "v1", "Deployment"));
        assert!(!matcher.fits_type("apps", "v1", "Service"));
        assert!(matcher.namespace.fits(""));
    }

    #[test]
    fn names_the_expression_it_cannot_read() {
        let text = Selector {
            name: "(".into(),
            ..Selector::default()
        };
        let problem = Matcher::new(&text).expect_err("an open bracket");
        assert_eq!(problem.message, "`name: (` is not a regular expression");
    }
}
