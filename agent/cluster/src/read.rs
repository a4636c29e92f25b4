//! Reading: one object, or the metadata of many. Always from the quorum, never from a cache that may lag.

use http::Method;
use serde_json::Value;

use crate::{
    Cluster, Facts, Live, ReadError, Resource,
    answer::{Ask, Failure, JSON, METADATA, METADATA_LIST, METADATA_LIST_ONLY, METADATA_ONLY},
    error::garbage,
    live::{Part, item_facts},
    resource::escape_into,
};

/// How many objects are asked for at once.
pub(crate) const PAGE: u32 = 250;
/// The same where whole objects come.
pub(crate) const FULL_PAGE: u32 = 100;

/// Which objects of a kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// Of one namespace; none means all.
    pub(crate) namespace: Option<String>,
    /// A label selector; empty means all.
    pub(crate) labels: String,
    /// A field selector; empty means all.
    pub(crate) fields: String,
}

/// So many objects of a list cost about as much as a read of one.
const AS_ONE: usize = 12;

/// One page of a list.
pub(crate) struct Page {
    pub(crate) items: Vec<Value>,
    pub(crate) next: Option<String>,
    pub(crate) version: String,
    /// How many objects follow, where the server says so.
    left: Option<usize>,
}

impl Cluster {
    /// One object as it is now; none if there is none.
    pub async fn get(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, ReadError> {
        self.object(resource, namespace, name, JSON).await
    }

    /// One object's metadata as it is now; none if there is no such object.
    pub async fn look(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Live>, ReadError> {
        let accept = if resource.is_secret() {
            METADATA_ONLY
        } else {
            METADATA
        };
        let object = self.object(resource, namespace, name, accept).await?;
        object
            .map(|object| Live::read(resource, object, Part::Metadata))
            .transpose()
    }

    async fn object(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        accept: &'static str,
    ) -> Result<Option<Value>, ReadError> {
        let path = resource.object_path(namespace, name);
        let ask = Ask {
            method: Method::GET,
            path,
            accept,
            body: None,
            about: &resource.gvk,
        };
        let answer = match self.ask(ask).await {
            Ok(answer) => answer,
            Err(failure) if failure.is_missing_object(name) => return Ok(None),
            Err(failure) => return Err(failure.plain()),
        };
        let object = answer.json()?;
        let bare = accept != JSON && object["kind"] == "PartialObjectMetadata";
        let is_kind = bare || object["kind"] == *resource.gvk.kind;
        let facts = item_facts(resource, &object)?;
        match facts.id.name == name && is_kind {
            true => Ok(Some(object)),
            false => Err(garbage("it is another object")),
        }
    }

    /// Whole objects of a kind in one namespace, by labels; a first page of them is all that is asked for.
    pub async fn list(
        &self,
        resource: &Resource,
        namespace: &str,
        labels: &str,
    ) -> Result<Vec<Value>, ReadError> {
        let selection = Selection {
            namespace: Some(namespace.to_owned()),
            labels: labels.to_owned(),
            fields: String::new(),
        };
        let page = self.page(resource, &selection, Part::Whole, None).await;
        let page = page.map_err(Failure::plain)?;
        Ok(page.items)
    }

    /// The metadata of all objects that `selector` (of labels; empty means all) selects.
    ///
    /// Complete or an error: an answer that is cut, of another kind, or has no items is never an empty list.
    pub async fn list_facts(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        selector: &str,
    ) -> Result<Vec<Facts>, ReadError> {
        let selection = Selection {
            namespace: namespace.map(str::to_owned),
            labels: selector.to_owned(),
            fields: String::new(),
        };
        let all = self.facts(resource, &selection, usize::MAX).await?;
        Ok(all.unwrap_or_default())
    }

    /// The metadata of all objects of a kind in `namespace`; `None` if they are so many that reads of `wanted` objects, one
    /// by one, cost less. Complete, too.
    pub async fn list_facts_for(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        wanted: usize,
    ) -> Result<Option<Vec<Facts>>, ReadError> {
        let selection = Selection {
            namespace: namespace.map(str::to_owned),
            ..Selection::default()
        };
        self.facts(resource, &selection, wanted).await
    }

    async fn facts(
        &self,
        resource: &Resource,
        selection: &Selection,
        wanted: usize,
    ) -> Result<Option<Vec<Facts>>, ReadError> {
        let (mut facts, mut next) = (Vec::new(), None);
        // The first page tells how many there are.
        let mut limit =
            u32::try_from(wanted).map_or(PAGE, |wanted| wanted.saturating_mul(2).min(PAGE));
        loop {
            let from = next.as_deref();
            let page = self.limited(resource, selection, (Part::Metadata, limit), from);
            let page = page.await.map_err(Failure::plain)?;
            for item in &page.items {
                facts.push(item_facts(resource, item)?);
            }
            next = page.next;
            if next.is_none() {
                return Ok(Some(facts));
            }
            limit = PAGE;
            let left = page.left.unwrap_or(PAGE as usize);
            if left / AS_ONE >= wanted {
                return Ok(None);
            }
        }
    }

    /// One page of a list.
    pub(crate) async fn page(
        &self,
        resource: &Resource,
        selection: &Selection,
        part: Part,
        next: Option<&str>,
    ) -> Result<Page, Failure> {
        let limit = if part == Part::Whole { FULL_PAGE } else { PAGE };
        self.limited(resource, selection, (part, limit), next).await
    }

    async fn limited(
        &self,
        resource: &Resource,
        selection: &Selection,
        (part, limit): (Part, u32),
        next: Option<&str>,
    ) -> Result<Page, Failure> {
        let mut path = selection.path(resource, &format!("limit={limit}"));
        if let Some(next) = next {
            path.push_str("&continue=");
            escape_into(&mut path, next);
        }
        let accept = match part {
            Part::Whole => JSON,
            Part::Metadata if resource.is_secret() => METADATA_LIST_ONLY,
            Part::Metadata => METADATA_LIST,
        };
        let ask = Ask {
            method: Method::GET,
            path,
            accept,
            body: None,
            about: &resource.gvk,
        };
        let answer = self.ask(ask).await?;
        let list = answer.json().map_err(Failure::Call)?;
        Page::read(resource, list).map_err(|what| Failure::Call(garbage(&what)))
    }
}

impl Selection {
    /// Path and query; more parameters may follow with `&`.
    pub(crate) fn path(&self, resource: &Resource, parameters: &str) -> String {
        let mut path = resource.collection_path(self.namespace.as_deref());
        path.push('?');
        path.push_str(parameters);
        for (key, value) in [
            ("&labelSelector=", &self.labels),
            ("&fieldSelector=", &self.fields),
        ] {
            if !value.is_empty() {
                path.push_str(key);
                escape_into(&mut path, value);
            }
        }
        path
    }
}

impl Page {
    fn read(resource: &Resource, mut list: Value) -> Result<Self, String> {
        let kind = list["kind"].as_str().unwrap_or_default();
        let bare = kind == "PartialObjectMetadataList";
        if !bare && kind.strip_suffix("List") != Some(&resource.gvk.kind) {
            let wanted = &resource.gvk.kind;
            return Err(format!(
                "a list of {wanted} was asked for and {kind:?} came"
            ));
        }
        let items = match list.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => items,
            // So says a real API server of an empty list, where metadata is asked for, and only there.
            Some(Value::Null) if bare => Vec::new(),
            _ => return Err("the list has no items".to_owned()),
        };
        let text = |key: &str| {
            list["metadata"][key]
                .as_str()
                .filter(|text| !text.is_empty())
        };
        let version = text("resourceVersion")
            .ok_or("the list has no resource version")?
            .to_owned();
        let left = list["metadata"]["remainingItemCount"].as_u64();
        Ok(Self {
            items,
            next: text("continue").map(str::to_owned),
            version,
            left: left.and_then(|left| usize::try_from(left).ok()),
        })
    }
}

#[cfg(test)]
mod tests {
    use krm::Gvk;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_real_list_is_a_list() {
        let gvk = Gvk::new("v1", "ConfigMap");
        let resource = Resource {
            gvk,
            plural: "configmaps".into(),
            namespaced: true,
            verbs: vec![],
        };
        let metadata = json!({ "resourceVersion": "7" });
        for bad in [
            json!({}),
            json!([]),
            json!({ "kind": "Status", "items": [], "metadata": metadata }),
            json!({ "kind": "SecretList", "items": [], "metadata": metadata }),
            json!({ "kind": "ConfigMapList", "items": null, "metadata": metadata }),
            json!({ "kind": "ConfigMapList", "metadata": metadata }),
            json!({ "kind": "ConfigMapList", "items": [] }),
            json!({ "kind": "PartialObjectMetadataList", "metadata": metadata }),
            json!({ "kind": "PartialObjectMetadataList", "items": null }),
            json!({ "kind": "ConfigMapList", "items": {}, "metadata": metadata }),
        ] {
            assert!(Page::read(&resource, bad.clone()).is_err(), "{bad}");
        }
        for kind in ["ConfigMapList", "PartialObjectMetadataList"] {
            let list = json!({ "kind": kind, "items": [], "metadata": metadata });
            assert!(Page::read(&resource, list).is_ok());
        }
    }
}
