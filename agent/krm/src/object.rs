//! The fields every Kubernetes object has: what it is, what it is called, its labels and annotations.
//!
//! These are readings and writings of a [`Node`] by well-known path. Nothing here validates: a missing or
//! oddly typed field reads as absent, and the caller decides whether that is an error.

use crate::{Gvk, Map, Node, ObjectId, Pos};

impl Node {
    /// The text of `apiVersion`; empty if absent.
    pub fn api_version(&self) -> &str {
        self.text_at(&["apiVersion"]).unwrap_or_default()
    }

    /// The text of `kind`; empty if absent.
    pub fn object_kind(&self) -> &str {
        self.text_at(&["kind"]).unwrap_or_default()
    }

    /// Group, version and kind, empty where absent.
    pub fn gvk(&self) -> Gvk {
        Gvk::new(self.api_version(), self.object_kind())
    }

    /// `metadata.name`; empty if absent.
    pub fn name(&self) -> &str {
        self.text_at(&["metadata", "name"]).unwrap_or_default()
    }

    /// `metadata.namespace`; empty if absent.
    pub fn namespace(&self) -> &str {
        self.text_at(&["metadata", "namespace"]).unwrap_or_default()
    }

    /// The value of the annotation `key`.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.text_at(&["metadata", "annotations", key])
    }

    /// The value of the label `key`.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.text_at(&["metadata", "labels", key])
    }

    /// `metadata.annotations`, if there is such a map.
    pub fn annotations(&self) -> Option<&Map> {
        self.at(&["metadata", "annotations"])?.as_map()
    }

    /// `metadata.labels`, if there is such a map.
    pub fn labels(&self) -> Option<&Map> {
        self.at(&["metadata", "labels"])?.as_map()
    }

    /// What the object is called in a cluster.
    pub fn object_id(&self) -> ObjectId {
        let Gvk { group, kind, .. } = self.gvk();
        ObjectId {
            group,
            kind,
            namespace: self.namespace().into(),
            name: self.name().into(),
        }
    }

    /// Sets `metadata.name`, making `metadata` if need be.
    pub fn set_name(&mut self, name: &str, pos: Pos) {
        self.set_metadata("name", Node::string(name, pos));
    }

    /// Sets `metadata.namespace`, making `metadata` if need be.
    pub fn set_namespace(&mut self, namespace: &str, pos: Pos) {
        self.set_metadata("namespace", Node::string(namespace, pos));
    }

    /// Sets the annotation `key`, making the maps on the way if need be.
    pub fn set_annotation(&mut self, key: &str, value: &str, pos: Pos) {
        self.set_in_metadata("annotations", key, Node::string(value, pos));
    }

    /// Sets the label `key`, making the maps on the way if need be.
    pub fn set_label(&mut self, key: &str, value: &str, pos: Pos) {
        self.set_in_metadata("labels", key, Node::string(value, pos));
    }

    /// Takes the annotation `key` out, and the annotations with it if that was the last.
    pub fn remove_annotation(&mut self, key: &str) -> Option<Node> {
        self.remove_in_metadata("annotations", key)
    }

    /// Takes the label `key` out, and the labels with it if that was the last.
    pub fn remove_label(&mut self, key: &str) -> Option<Node> {
        self.remove_in_metadata("labels", key)
    }

    /// The map under `key`, made empty where there is none; `None` if this node is not a map itself.
    /// A value of another shape under `key` gives way.
    pub fn map_entry(&mut self, key: &str, pos: Pos) -> Option<&mut Map> {
        let map = self.as_map_mut()?;
        if map.get(key).and_then(Node::as_map).is_none() {
            map.set(key, Node::map(Map::new(), pos));
        }
        map.get_mut(key)?.as_map_mut()
    }

    /// The text of the non-null scalar at a path of map keys.
    pub fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path).filter(|node| !node.is_null())?.text()
    }

    fn set_metadata(&mut self, key: &str, value: Node) {
        if let Some(metadata) = self.map_entry("metadata", value.pos) {
            metadata.set(key, value);
        }
    }

    fn remove_in_metadata(&mut self, group: &str, key: &str) -> Option<Node> {
        let metadata = self.get_mut("metadata")?.as_map_mut()?;
        let entries = metadata.get_mut(group)?.as_map_mut()?;
        let removed = entries.remove(key);
        if entries.is_empty() {
            metadata.remove(group);
        }
        removed
    }

    fn set_in_metadata(&mut self, group: &str, key: &str, value: Node) {
        let pos = value.pos;
        if self.map_entry("metadata", pos).is_none() {
            return;
        }
        if let Some(metadata) = self.get_mut("metadata")
            && let Some(map) = metadata.map_entry(group, pos)
        {
            map.set(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> Node {
        let mut node = Node::map(Map::new(), Pos::default());
        let map = node.as_map_mut().expect("a map");
        map.set("apiVersion", Node::string("apps/v1", Pos::default()));
        map.set("kind", Node::string("Deployment", Pos::default()));
        node
    }

    #[test]
    fn reads_absent_fields_as_empty() {
        let node = object();
        assert_eq!(node.name(), "");
        assert_eq!(node.annotation("a"), None);
        assert_eq!(node.gvk(), Gvk::new("apps/v1", "Deployment"));
    }

    #[test]
    fn makes_metadata_on_demand() {
        let mut node = object();
        node.set_name("web", Pos::default());
        node.set_namespace("shop", Pos::default());
        node.set_annotation("a", "1", Pos::default());
        assert_eq!(node.object_id().to_string(), "Deployment/shop/web");
        assert_eq!(node.annotation("a"), Some("1"));
    }

    #[test]
    fn drops_annotations_with_the_last_one() {
        let mut node = object();
        node.set_annotation("a", "1", Pos::default());
        assert!(node.remove_annotation("a").is_some());
        assert!(node.annotations().is_none());
    }
}
