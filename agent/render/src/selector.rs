//! Which objects a patch or a replacement is for: regular expressions over what an object is called, and
//! selectors over its labels and annotations.
//!
//! Every expression must match the whole word; an absent one matches everything. Which of an object's names, old
//! or new, are tried is for the caller to say.

mod labels;

pub(crate) use labels::{LabelSelector, LabelSelectorError};

use krm::{Gvk, Map, Node};
use regex::Regex;

/// What a selector says, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SelectorText {
    pub group: String,
    pub version: String,
    pub kind: String,
    pub name: String,
    pub namespace: String,
    pub labels: String,
    pub annotations: String,
}

/// A selector ready for use.
#[derive(Debug)]
pub(crate) struct Selector {
    group: Pattern,
    version: Pattern,
    kind: Pattern,
    name: Pattern,
    namespace: Pattern,
    labels: LabelSelector,
    annotations: LabelSelector,
}

/// Why a selector cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SelectorError {
    /// A word that is no regular expression.
    #[error("`{field}: {text}` is not a regular expression")]
    Pattern {
        field: &'static str,
        text: String,
        #[source]
        source: Box<regex::Error>,
    },
    /// `labelSelector`
    #[error("cannot read labelSelector `{0}`")]
    Labels(String, #[source] LabelSelectorError),
    /// `annotationSelector`
    #[error("cannot read annotationSelector `{0}`")]
    Annotations(String, #[source] LabelSelectorError),
}

/// An expression for a whole word; `None` matches all.
#[derive(Debug)]
struct Pattern(Option<Regex>);

impl SelectorText {
    /// True if no word about the name of an object is said.
    pub(crate) fn names_nothing(&self) -> bool {
        [
            &self.group,
            &self.version,
            &self.kind,
            &self.name,
            &self.namespace,
        ]
        .iter()
        .all(|word| word.is_empty())
    }

    /// True if neither labels nor annotations are asked for.
    pub(crate) fn marks_nothing(&self) -> bool {
        self.labels.is_empty() && self.annotations.is_empty()
    }

    /// Reads all expressions.
    pub(crate) fn compile(&self) -> Result<Selector, SelectorError> {
        Ok(Selector {
            group: Pattern::new("group", &self.group)?,
            version: Pattern::new("version", &self.version)?,
            kind: Pattern::new("kind", &self.kind)?,
            name: Pattern::new("name", &self.name)?,
            namespace: Pattern::new("namespace", &self.namespace)?,
            labels: LabelSelector::parse(&self.labels)
                .map_err(|error| SelectorError::Labels(self.labels.clone(), error))?,
            annotations: LabelSelector::parse(&self.annotations)
                .map_err(|error| SelectorError::Annotations(self.annotations.clone(), error))?,
        })
    }
}

impl Selector {
    /// Whether the kind fits.
    pub(crate) fn fits_kind(&self, gvk: &Gvk) -> bool {
        self.fits_type(&gvk.group, &gvk.version, &gvk.kind)
    }

    /// Whether a group, version and kind fit.
    pub(crate) fn fits_type(&self, group: &str, version: &str, kind: &str) -> bool {
        self.group.fits(group) && self.version.fits(version) && self.kind.fits(kind)
    }

    /// Whether a name fits.
    pub(crate) fn fits_name(&self, name: &str) -> bool {
        self.name.fits(name)
    }

    /// Whether a namespace fits.
    pub(crate) fn fits_namespace(&self, namespace: &str) -> bool {
        self.namespace.fits(namespace)
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
    fn new(field: &'static str, text: &str) -> Result<Self, SelectorError> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        match Regex::new(&format!("^(?:{text})$")) {
            Ok(regex) => Ok(Self(Some(regex))),
            Err(source) => Err(SelectorError::Pattern {
                field,
                text: text.to_owned(),
                source: Box::new(source),
            }),
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

    fn selector(change: impl FnOnce(&mut SelectorText)) -> Selector {
        let mut text = SelectorText::default();
        change(&mut text);
        text.compile().expect("a selector")
    }

    #[test]
    fn matches_whole_words_only() {
        let selector = selector(|text| text.name = "web|api".into());
        assert!(selector.fits_name("web"));
        assert!(selector.fits_name("api"));
        assert!(!selector.fits_name("web-2"));
        assert!(!selector.fits_name("my-api"));
    }

    #[test]
    fn absent_words_match_everything() {
        let selector = selector(|text| text.kind = "Deploy.*".into());
        assert!(selector.fits_type("apps", "v1", "Deployment"));
        assert!(!selector.fits_type("apps", "v1", "Service"));
        assert!(selector.fits_namespace(""));
    }

    #[test]
    fn names_the_expression_it_cannot_read() {
        let text = SelectorText {
            name: "(".into(),
            ..SelectorText::default()
        };
        let error = text.compile().expect_err("an open bracket");
        assert_eq!(error.to_string(), "`name: (` is not a regular expression");
    }
}
