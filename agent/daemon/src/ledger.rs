//! The inventory of one environment, and how it is kept in the cluster.

use std::{collections::BTreeMap, sync::Arc};

use api::{
    names,
    v1alpha1::{
        Environment, HookEntry, HookPoint, HookResult, Inventory as Document, InventoryEntry,
        InventorySpec, OwnerRef, SampleSpan,
    },
};
use futures::{StreamExt as _, stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use krm::Brief;
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions},
};
use plan::{
    inventory::{Entry, HookRun, Inventory, Ownership, Shard, key, parse},
    point::Point,
};

use crate::{
    key::EnvironmentKey,
    shelf::{OWNER_LABEL, Shelf},
};

/// Shards written at once.
const AT_ONCE: usize = 8;

/// What was made, and where that is written down.
pub(crate) struct Ledger {
    pub(crate) inventory: Inventory,
    api: Api<Document>,
    owner: OwnerRef,
    /// The resource version of each stored shard.
    versions: BTreeMap<u32, String>,
    /// How many entries it held when it was last made to take no more room than it needs.
    compacted: usize,
}

/// Why the inventory cannot be read or written. Nothing may be applied then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    /// The API server said no.
    #[error("cannot {verb} the inventory of {key}")]
    Call {
        verb: &'static str,
        key: EnvironmentKey,
        #[source]
        error: Arc<kube::Error>,
    },
    /// Somebody else has written it; it has to be read again.
    #[error("the inventory of {0} was written by somebody else")]
    Conflict(EnvironmentKey),
    /// An entry makes no sense, so nothing may be concluded from the rest.
    #[error("the inventory of {0} holds an entry that is none: {1}")]
    Broken(EnvironmentKey, String),
}

impl Ledger {
    /// Reads all shards. Those of a namesake that is gone are removed: whoever comes after it starts afresh.
    pub(crate) async fn load(
        shelf: &Shelf,
        environment: &EnvironmentKey,
        uid: &str,
    ) -> Result<Self, LedgerError> {
        let call = |error| LedgerError::Call {
            verb: "read",
            key: environment.clone(),
            error,
        };
        let documents = shelf.read(&environment.label()).await.map_err(call)?;
        let owner = OwnerRef {
            namespace: environment.namespace.clone(),
            name: environment.name.clone(),
            uid: uid.to_owned(),
        };
        let mut versions = BTreeMap::new();
        let (mut shards, mut strange) = (Vec::new(), Vec::new());
        for document in documents {
            let same = |a: &OwnerRef, b: &OwnerRef| a.namespace == b.namespace && a.name == b.name;
            if !same(&document.spec.owner, &owner) {
                continue;
            }
            if document.spec.owner.uid != owner.uid {
                strange.push(document);
                continue;
            }
            versions.insert(
                document.spec.shard,
                document.resource_version().unwrap_or_default(),
            );
            let shard = shard(document.spec);
            shards.push(shard.map_err(|id| LedgerError::Broken(environment.clone(), id))?);
        }
        let inventory = Inventory::from_shards(shards);
        let ledger = Self {
            compacted: inventory.len(),
            inventory,
            api: shelf.api().clone(),
            owner,
            versions,
        };
        ledger.forget(&strange).await?;
        Ok(ledger)
    }

    /// Removes shards that another Environment of this name has left, once it is certain that ours is the one
    /// that exists.
    async fn forget(&self, strange: &[Document]) -> Result<(), LedgerError> {
        if strange.is_empty() {
            return Ok(());
        }
        let client = self.api.clone().into_client();
        let environments: Api<Environment> = Api::namespaced(client, &self.owner.namespace);
        let now = environments.get_metadata_opt(&self.owner.name).await;
        let now = now.map_err(|error| self.failed("check the owner of", error))?;
        if now.and_then(|now| now.uid()).as_deref() != Some(&self.owner.uid) {
            return Err(LedgerError::Conflict(self.key()));
        }
        for document in strange {
            self.remove(&document.name_any(), document.resource_version())
                .await?;
        }
        Ok(())
    }

    /// Removes all shards. Only once nothing is in them.
    pub(crate) async fn erase(&mut self) -> Result<(), LedgerError> {
        while let Some((number, version)) = self.versions.pop_first() {
            let name = names::inventory(&self.owner.namespace, &self.owner.name, number as usize);
            self.remove(&name, Some(version)).await?;
        }
        Ok(())
    }

    async fn remove(&self, name: &str, version: Option<String>) -> Result<(), LedgerError> {
        let only = Preconditions {
            uid: None,
            resource_version: version,
        };
        let params = DeleteParams::default().preconditions(only);
        match self.api.delete(name, &params).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 => {
                Err(LedgerError::Conflict(self.key()))
            }
            Err(error) => Err(self.failed("remove", error)),
        }
    }

    fn failed(&self, verb: &'static str, error: kube::Error) -> LedgerError {
        LedgerError::Call {
            verb,
            key: self.key(),
            error: Arc::new(error),
        }
    }

    /// Writes the shards that changed. What was written by somebody else meanwhile is not overwritten.
    pub(crate) async fn store(&mut self) -> Result<bool, LedgerError> {
        let dirty = self.inventory.dirty();
        let this = &*self;
        let write = |number| async move { (number, this.write(number).await) };
        let writes: Vec<_> = dirty.iter().copied().map(write).collect();
        let written: Vec<_> = stream::iter(writes)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for (number, version) in written {
            self.versions.insert(number, version?);
            self.inventory.stored(number);
        }
        // What only changed takes no more room than before.
        if self.inventory.len() != self.compacted {
            self.inventory.compact();
            self.compacted = self.inventory.len();
        }
        Ok(!dirty.is_empty())
    }

    /// Writes one shard and returns its new resource version.
    async fn write(&self, number: u32) -> Result<String, LedgerError> {
        let document = self.document(number);
        let name = document.name_any();
        let written = match self.versions.get(&number) {
            None => {
                let created = self.api.create(&PostParams::default(), &document).await;
                created.map(|stored| stored.resource_version())
            }
            Some(version) => {
                // A patch of the spec with the version as precondition: the smallest write there is. What was stored is
                // known, so only its version comes back.
                let patch = Patch::Merge(serde_json::json!({
                    "metadata": { "resourceVersion": version },
                    "spec": document.spec,
                }));
                let params = PatchParams::default();
                let patched = self.api.patch_metadata(&name, &params, &patch).await;
                patched.map(|stored| stored.resource_version())
            }
        };
        match written {
            Ok(version) => Ok(version.unwrap_or_default()),
            Err(kube::Error::Api(status)) if status.code == 409 || status.code == 404 => {
                Err(LedgerError::Conflict(self.key()))
            }
            Err(error) => Err(LedgerError::Call {
                verb: "write",
                key: self.key(),
                error: Arc::new(error),
            }),
        }
    }

    fn document(&self, number: u32) -> Document {
        let shard = self.inventory.shard(number);
        let (namespace, name) = (&self.owner.namespace, &self.owner.name);
        let label = names::environment_label(namespace, name);
        let spec = InventorySpec {
            owner: self.owner.clone(),
            shard: number,
            revision: shard.revision,
            entries: shard
                .entries
                .into_iter()
                .map(|(id, entry)| line(&id, entry))
                .collect(),
        };
        let name = names::inventory(namespace, name, number as usize);
        let labels = BTreeMap::from([(OWNER_LABEL.to_owned(), label)]);
        let metadata = ObjectMeta {
            name: Some(name),
            labels: Some(labels),
            ..ObjectMeta::default()
        };
        Document { metadata, spec }
    }

    fn key(&self) -> EnvironmentKey {
        EnvironmentKey {
            namespace: self.owner.namespace.clone(),
            name: self.owner.name.clone(),
        }
    }
}

fn shard(spec: InventorySpec) -> Result<Shard, String> {
    let entries = spec.entries.into_iter().map(|line| {
        let id = parse(&line.id).map_err(|_| line.id.clone())?;
        let owned = line.owned.map(|digest| Ownership {
            digest: digest.into(),
            time: line.time.map(Brief::from),
        });
        let entry = Entry {
            version: line.version.into(),
            uid: line.uid.map(Brief::from),
            applied: line.applied.map(Brief::from),
            owned,
            wave: line.wave,
            keep: line.keep,
            temporary: line.temporary,
            disturbance: line.disturbance,
            // One that cannot be read was written by another version; what it allows is asked for again.
            fate: line.fate.and_then(|fate| fate.parse().ok()),
            hook: line.hook.map(|hook| Box::new(run(hook))),
        };
        Ok((id, entry))
    });
    let entries = entries.collect::<Result<_, String>>()?;
    Ok(Shard {
        number: spec.shard,
        revision: spec.revision,
        entries,
    })
}

fn run(hook: HookEntry) -> HookRun {
    HookRun {
        hook: hook.name,
        point: match hook.point {
            HookPoint::Before => Point::Before,
            HookPoint::After => Point::After,
            HookPoint::Failed => Point::Failed,
            HookPoint::Sample => Point::Sample,
        },
        release: hook.release,
        ended: match hook.result {
            HookResult::Running => None,
            HookResult::Succeeded => Some(true),
            HookResult::Failed => Some(false),
        },
        span: hook.span.map(|span| (span.from.0, span.until.0)),
    }
}

fn hook(run: HookRun) -> HookEntry {
    HookEntry {
        name: run.hook,
        point: crate::words::hook_point(run.point),
        release: run.release,
        result: match run.ended {
            None => HookResult::Running,
            Some(true) => HookResult::Succeeded,
            Some(false) => HookResult::Failed,
        },
        span: run.span.map(|(from, until)| SampleSpan {
            from: MicroTime(from),
            until: MicroTime(until),
        }),
    }
}

fn line(id: &krm::ObjectId, entry: Entry) -> InventoryEntry {
    let (owned, time) = match entry.owned {
        Some(owned) => (Some(owned.digest), owned.time),
        None => (None, None),
    };
    InventoryEntry {
        id: key(id),
        version: entry.version.to_string(),
        uid: text(entry.uid.as_ref()),
        applied: text(entry.applied.as_ref()),
        owned: text(owned.as_ref()),
        time: text(time.as_ref()),
        wave: entry.wave,
        keep: entry.keep,
        temporary: entry.temporary,
        disturbance: entry.disturbance,
        fate: entry.fate.map(|fate| fate.to_string()),
        hook: entry.hook.map(|run| hook(*run)),
    }
}

fn text(brief: Option<&Brief>) -> Option<String> {
    brief.map(ToString::to_string)
}
