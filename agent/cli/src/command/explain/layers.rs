//! Which overlay, base or component a file belongs to.

use std::collections::BTreeMap;

use krm::SourceId;
use krm::yaml::{self, Limits};
use render::TreePath;
use serde::Serialize;

use crate::objects::Output;

/// A directory with a kustomization.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Layer {
    kind: Kind,
    /// The directory.
    path: String,
}

/// What a layer is to the render.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    /// The one that was rendered.
    Overlay,
    /// One below it.
    Base,
    /// A `kind: Component`.
    Component,
    /// A directory of no layer: only read with the load restriction off.
    Directory,
}

/// The layers of a render.
pub(super) struct Layers<'a> {
    output: &'a Output,
    kinds: BTreeMap<TreePath, Kind>,
}

impl<'a> Layers<'a> {
    /// The layers that `output` was rendered from.
    pub(super) fn of(output: &'a Output) -> Self {
        let files = output.rendered.sources.iter();
        let layers = files.filter(|file| is_kustomization(file.name()));
        let kinds = layers.map(|file| (file.parent(), kind(output, file)));
        Self {
            output,
            kinds: kinds.collect(),
        }
    }

    /// The layer that a file belongs to: the nearest at or above it.
    pub(super) fn of_file(&self, file: &TreePath) -> Layer {
        let mut directory = file.parent();
        loop {
            if let Some(kind) = self.kinds.get(&directory) {
                return self.layer(*kind, &directory);
            }
            if directory == TreePath::root() {
                return self.layer(Kind::Directory, &file.parent());
            }
            directory = directory.parent();
        }
    }

    fn layer(&self, kind: Kind, directory: &TreePath) -> Layer {
        Layer {
            kind,
            path: self.output.name(directory),
        }
    }
}

fn is_kustomization(name: &str) -> bool {
    matches!(
        name,
        "kustomization.yaml" | "kustomization.yml" | "Kustomization"
    )
}

fn kind(output: &Output, file: &TreePath) -> Kind {
    if file.parent() == output.path {
        return Kind::Overlay;
    }
    let bytes = output.tree.read(file).unwrap_or_default();
    let documents = yaml::read_settings(&bytes, SourceId::default(), &Limits::default());
    let is_component = documents
        .unwrap_or_default()
        .first()
        .is_some_and(|document| document.object_kind() == "Component");
    match is_component {
        true => Kind::Component,
        false => Kind::Base,
    }
}

impl Layer {
    /// What to say of it beside the name of a file: its directory only if that is not the file's.
    pub(super) fn beside(&self, file: &str) -> String {
        let kind = match self.kind {
            Kind::Overlay => "overlay",
            Kind::Base => "base",
            Kind::Component => "component",
            Kind::Directory => "directory",
        };
        let directory = file
            .rsplit_once('/')
            .map_or(".", |(directory, _)| directory);
        match directory == self.path {
            true => kind.to_owned(),
            false => format!("{kind} {}", self.path),
        }
    }
}
