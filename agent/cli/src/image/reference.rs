//! `NAME=TAG` and its relatives.

use std::fmt;

use crate::error::Explain;

/// The longest tag a registry takes.
const TAG_LENGTH: usize = 128;

/// What to set for one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The image as the overlay names it.
    pub(crate) name: String,
    /// What to call it instead.
    pub(crate) new_name: Option<String>,
    /// Its tag.
    pub(crate) tag: Option<String>,
    /// Its digest.
    pub(crate) digest: Option<String>,
}

/// A text that says nothing about an image.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum RequestError {
    /// Neither `=` nor `@`.
    #[error("`{0}` does not say what to set")]
    Nothing(String),
    /// Not a name.
    #[error("`{name}` in `{text}` is not the name of an image")]
    Name {
        /// The part.
        name: String,
        /// The whole.
        text: String,
    },
    /// Not a tag.
    #[error("`{tag}` in `{text}` is not a tag")]
    Tag {
        /// The part.
        tag: String,
        /// The whole.
        text: String,
    },
    /// Not a digest.
    #[error("`{digest}` in `{text}` is not a digest")]
    Digest {
        /// The part.
        digest: String,
        /// The whole.
        text: String,
    },
    /// Two requests for one image.
    #[error("image `{0}` is given twice")]
    Twice(String),
}

impl Explain for RequestError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Nothing(_) | Self::Name { .. } => "write for example `shop-api=1.2.3`",
            Self::Tag { .. } => "a tag has at most 128 letters, digits, `_`, `.` and `-`, and begins with none of the last two",
            Self::Digest { .. } => "a digest is `sha256:` and 64 hexadecimal digits",
            Self::Twice(_) => return None,
        }
        .to_owned())
    }
}

impl Request {
    /// Reads every text.
    pub(crate) fn parse_all(texts: &[String]) -> Result<Vec<Self>, RequestError> {
        let mut requests: Vec<Self> = Vec::new();
        for text in texts {
            let request = Self::parse(text)?;
            if requests.iter().any(|other| other.name == request.name) {
                return Err(RequestError::Twice(request.name));
            }
            requests.push(request);
        }
        Ok(requests)
    }

    /// Reads `NAME=TAG`, `NAME=REPO:TAG`, `NAME@DIGEST`, `NAME=REPO@DIGEST` or `NAME=TAG@DIGEST`.
    pub(crate) fn parse(text: &str) -> Result<Self, RequestError> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        let (name, value) = match rest.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (rest, None),
        };
        if value.is_none() && digest.is_none() {
            return Err(RequestError::Nothing(text.to_owned()));
        }
        let (new_name, tag) = value.map_or((None, None), split);
        for part in [Some(name), new_name].into_iter().flatten() {
            check(is_name(part), part, |name| RequestError::Name {
                name,
                text: text.to_owned(),
            })?;
        }
        if let Some(tag) = tag {
            check(is_tag(tag), tag, |tag| RequestError::Tag {
                tag,
                text: text.to_owned(),
            })?;
        }
        if let Some(digest) = digest {
            check(is_digest(digest), digest, |digest| RequestError::Digest {
                digest,
                text: text.to_owned(),
            })?;
        }
        Ok(Self {
            name: name.to_owned(),
            new_name: new_name.map(str::to_owned),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match (&self.new_name, &self.tag) {
            (Some(name), Some(tag)) => write!(f, "={name}:{tag}")?,
            (Some(value), None) | (None, Some(value)) => write!(f, "={value}")?,
            (None, None) => {}
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// New name and tag of what stands right of the `=`. A colon left of the last slash belongs to a port.
fn split(value: &str) -> (Option<&str>, Option<&str>) {
    if !value.contains(['/', ':']) {
        return (None, Some(value));
    }
    let path = value.rfind('/').map_or(0, |slash| slash + 1);
    match value[path..].rfind(':') {
        Some(colon) => (
            Some(&value[..path + colon]),
            Some(&value[path + colon + 1..]),
        ),
        None => (Some(value), None),
    }
}

fn check(
    good: bool,
    part: &str,
    error: impl FnOnce(String) -> RequestError,
) -> Result<(), RequestError> {
    match good {
        true => Ok(()),
        false => Err(error(part.to_owned())),
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-/:".contains(c))
        && !text.ends_with('/')
        && text
            .rfind(':')
            .is_none_or(|colon| text[colon..].contains('/'))
}

fn is_tag(text: &str) -> bool {
    text.len() <= TAG_LENGTH
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

fn is_digest(text: &str) -> bool {
    let length = match text.split_once(':') {
        Some(("sha256", _)) => 64,
        Some(("sha512", _)) => 128,
        _ => return false,
    };
    let digits = &text[7..];
    digits.len() == length && digits.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Option<String>, Option<String>, bool) {
        let request = Request::parse(text).unwrap();
        assert_eq!(request.to_string(), text);
        (request.new_name, request.tag, request.digest.is_some())
    }

    #[test]
    fn tells_repo_tag_and_digest_apart() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(parts("web=1.2"), (None, some("1.2"), false));
        assert_eq!(
            parts("web=r.io/web:1"),
            (some("r.io/web"), some("1"), false)
        );
        assert_eq!(
            parts("a:5000/web=b:5000/web"),
            (some("b:5000/web"), None, false)
        );
        assert_eq!(parts("web=nginx:1"), (some("nginx"), some("1"), false));
        assert_eq!(parts(&format!("web@{digest}")), (None, None, true));
        assert_eq!(parts(&format!("web=1@{digest}")), (None, some("1"), true));
        assert_eq!(
            parts(&format!("web=r/web@{digest}")),
            (some("r/web"), None, true)
        );
    }

    #[test]
    fn refuses_what_no_registry_takes() {
        for text in [
            "web",
            "web=",
            "=1",
            "web=-1",
            "web=a b",
            "web=a$b",
            "web@sha256:12",
            "web=r/x:",
            "web=ä",
            "web@md5:0123",
            "-x=1",
        ] {
            assert!(Request::parse(text).is_err(), "{text}");
        }
        let twice = ["a=1".to_owned(), "a=2".to_owned()];
        assert_eq!(
            Request::parse_all(&twice),
            Err(RequestError::Twice("a".to_owned()))
        );
    }
}
