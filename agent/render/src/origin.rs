//! Where an object came from and what changed it, as `buildMetadata` prints it.
//!
//! Only kept when the root asks for it. Paths count from the root's directory.

use krm::Node;

/// The origin of an object and the transformers that touched it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) origin: Option<Origin>,
    pub(crate) transformations: Vec<Origin>,
}

/// A file, or a generator or transformer and the file that configures it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    path: String,
    configured_in: String,
    configured_by: Option<Configurer>,
}

/// What generated or transformed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Configurer {
    api_version: String,
    kind: String,
    name: String,
    namespace: String,
}

/// How the root calls a layer's directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tracked {
    dir: String,
}

impl Tracked {
    /// A layer that this one names.
    pub(crate) fn inner(&self, path: &str) -> Self {
        Self {
            dir: join(&self.dir, path),
        }
    }

    /// The origin of the objects in a file.
    pub(crate) fn file(&self, path: &str) -> Origin {
        Origin {
            path: join(&self.dir, path),
            ..Origin::default()
        }
    }

    /// A built-in generator or transformer that a field of the kustomization asks for.
    pub(crate) fn built_in(&self, file: &str, kind: &str) -> Origin {
        Origin {
            configured_in: join(&self.dir, file),
            configured_by: Some(Configurer {
                api_version: "builtin".to_owned(),
                kind: kind.to_owned(),
                ..Configurer::default()
            }),
            ..Origin::default()
        }
    }
}

impl Trace {
    /// The origin of what this object, as a configuration, makes or changes.
    pub(crate) fn as_configured(&self, object: &Node) -> Option<Origin> {
        let origin = self.origin.as_ref()?;
        Some(Origin {
            path: String::new(),
            configured_in: origin.path.clone(),
            configured_by: Some(Configurer {
                api_version: object.api_version().to_owned(),
                kind: object.object_kind().to_owned(),
                name: object.name().to_owned(),
                namespace: object.namespace().to_owned(),
            }),
        })
    }

    /// The transformers as a YAML list.
    pub(crate) fn transformations_text(&self) -> String {
        let mut text = String::new();
        for origin in &self.transformations {
            let lines = origin.text();
            for (at, line) in lines.lines().enumerate() {
                let mark = if at == 0 { "- " } else { "  " };
                text.extend([mark, line, "\n"]);
            }
        }
        text
    }
}

impl Origin {
    /// The origin as a YAML map.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |indent: &str, key: &str, value: &str| {
            if !value.is_empty() {
                text.extend([indent, key, ": ", &quoted(value), "\n"]);
            }
        };
        line("", "path", &self.path);
        line("", "configuredIn", &self.configured_in);
        if let Some(by) = &self.configured_by {
            text.push_str("configuredBy:\n");
            let fields = [
                ("apiVersion", &by.api_version),
                ("kind", &by.kind),
                ("name", &by.name),
                ("namespace", &by.namespace),
            ];
            for (key, value) in fields {
                if !value.is_empty() {
                    text.extend(["  ", key, ": ", &quoted(value), "\n"]);
                }
            }
        }
        text
    }
}

/// The value as YAML writes it.
fn quoted(value: &str) -> String {
    let node = Node::string(value, krm::Pos::default());
    match krm::yaml::write([&node]) {
        Ok(text) => text.trim_end().to_owned(),
        Err(_) => value.to_owned(),
    }
}

/// Joins two relative paths; `..` stays where nothing is left to go up from.
fn join(dir: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in dir.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_relative_paths() {
        assert_eq!(join("", "a.yaml"), "a.yaml");
        assert_eq!(join("../base", "a.yaml"), "../base/a.yaml");
        assert_eq!(join("../base", "../x"), "../x");
        assert_eq!(join("..", "../x"), "../../x");
    }
}
