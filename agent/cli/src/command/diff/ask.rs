//! Asks the API server what each object would become.

use std::collections::{BTreeMap, BTreeSet};

use cluster::{Apply, ApplyError, CallError, Cluster, Resource};
use futures::{StreamExt as _, TryStreamExt as _};
use krm::Gvk;
use plan::desired::{ApplyMode, Desired, Scopes, Target, desire};
use plan::{drift, fields};
use serde_json::Value;

use super::normal::{mask, normal, text};
use super::rollout;
use super::scope::Scope;
use super::{Action, Answer, Change, Hook, Refused};
use crate::connect::Link;
use crate::error::{Explain, Failure};
use crate::objects::Object;
use crate::term::unified;

/// How many objects are asked about at a time.
const AT_ONCE: usize = 16;

/// The cluster could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("cannot ask the API server about {0}")]
struct AskError(String, #[source] CallError);

/// An object could not be written as text.
#[derive(Debug, thiserror::Error)]
#[error("cannot print {0}")]
struct TextError(String, #[source] serde_yaml::Error);

impl Explain for AskError {}
impl Explain for TextError {}

/// Kinds as the cluster serves them.
struct Kinds(BTreeMap<Gvk, Resource>);

impl Scopes for Kinds {
    fn namespaced(&self, gvk: &Gvk) -> Option<bool> {
        self.0.get(gvk).map(|resource| resource.namespaced)
    }
}

/// What became of one object.
enum Outcome {
    Change(Change),
    Refused(Refused),
    Unchanged,
}

/// Compares all of `objects`, and what was made with them.
pub(super) async fn ask(
    objects: Vec<Object>,
    scope: &Scope,
    link: &Link,
) -> Result<Answer, Failure> {
    let cluster = &link.cluster;
    let kinds = learn(&objects, cluster).await;
    let label = scope.label.clone().unwrap_or_else(|| "none".to_owned());
    let target = Target {
        environment: &label,
        namespace: &scope.namespace,
        ignore: &scope.fields.ignore,
    };
    let desires = desire(objects, &target, &kinds);
    let mut answer = Answer::default();
    answer
        .failures
        .extend(desires.refused.iter().map(|refusal| Refused {
            object: refusal.object.clone(),
            at: refusal.origin.as_ref().map(ToString::to_string),
            message: refusal.message.clone(),
        }));
    let outcomes: Vec<Outcome> = futures::stream::iter(&desires.objects)
        .map(|desired| one(desired, &kinds, scope.label.is_some(), cluster))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let mut unchanged = 0;
    for outcome in outcomes {
        match outcome {
            Outcome::Change(change) => answer.changes.push(rollout::told(change, scope.on_its_way)),
            Outcome::Refused(refused) => answer.failures.push(refused),
            Outcome::Unchanged => unchanged += 1,
        }
    }
    // What a render lacks by mistake is never deleted, so an incomplete one deletes nothing.
    if desires.refused.is_empty() && !desires.objects.is_empty() {
        answer.changes.extend(deletions(scope, &desires.objects));
    }
    if !answer.changes.is_empty() {
        answer.hooks.extend(desires.hooks.iter().filter_map(hook));
    }
    answer.sum(unchanged);
    Ok(answer)
}

/// A Job that would run on the way of the release.
fn hook(desired: &Desired) -> Option<Hook> {
    Some(Hook {
        object: desired.id.to_string(),
        at: at(desired),
        point: desired.hook.as_ref()?.point.as_str(),
    })
}

/// Asks the cluster for every kind there is among the objects.
async fn learn(objects: &[Object], cluster: &Cluster) -> Kinds {
    let part = |object: &Value, key: &str| object[key].as_str().unwrap_or_default().to_owned();
    let wanted: BTreeSet<Gvk> = objects
        .iter()
        .map(|(object, _)| Gvk::new(&part(object, "apiVersion"), &part(object, "kind")))
        .collect();
    let mut kinds = BTreeMap::new();
    for gvk in wanted {
        // A kind that is not served yet may come with the render itself; `desire` tells the difference.
        if let Ok(resource) = cluster.resolve(&gvk).await {
            kinds.insert(gvk, resource);
        }
    }
    Kinds(kinds)
}

async fn one(
    desired: &Desired,
    kinds: &Kinds,
    labelled: bool,
    cluster: &Cluster,
) -> Result<Outcome, Failure> {
    if desired.apply == ApplyMode::Never {
        return Ok(Outcome::Unchanged);
    }
    let Some(resource) = kinds.0.get(&desired.gvk) else {
        return created(desired, labelled, Some("its kind comes with this revision"));
    };
    let (namespace, name) = (&*desired.id.namespace, &*desired.id.name);
    let live = cluster
        .get(resource, namespace, name)
        .await
        .map_err(|error| AskError(desired.id.to_string(), error))?;
    if desired.apply == ApplyMode::Once && live.is_some() {
        return Ok(Outcome::Unchanged);
    }
    let taken = live.as_ref().and_then(|live| takes_over(desired, live));
    let applied = cluster.apply(Apply {
        resource,
        namespace,
        name,
        // With all that git says: what is left to others is not compared.
        body: desired.whole(),
        force: true,
        dry_run: true,
    });
    match applied.await {
        Ok(applied) => {
            let after = applied.body.unwrap_or_else(|| desired.whole().clone());
            let action = if live.is_none() {
                Action::Create
            } else {
                Action::Update
            };
            let outcome = compared(desired, action, live.unwrap_or_default(), after, labelled)?;
            Ok(noted(outcome, taken))
        }
        Err(ApplyError::NamespaceMissing(_)) => {
            created(desired, labelled, Some("its namespace would be made first"))
        }
        Err(ApplyError::Immutable { .. }) if desired.recreate => {
            let after = desired.whole().clone();
            compared(
                desired,
                Action::Recreate,
                live.unwrap_or_default(),
                after,
                labelled,
            )
        }
        Err(ApplyError::Call(error)) => Err(AskError(desired.id.to_string(), error).into()),
        Err(error) => Ok(Outcome::Refused(Refused {
            object: desired.id.to_string(),
            at: at(desired),
            message: error.to_string(),
        })),
    }
}

/// An object that the server cannot be asked about yet.
fn created(desired: &Desired, labelled: bool, note: Option<&str>) -> Result<Outcome, Failure> {
    let outcome = compared(
        desired,
        Action::Create,
        Value::Null,
        desired.whole().clone(),
        labelled,
    )?;
    Ok(noted(outcome, note.map(str::to_owned)))
}

fn noted(outcome: Outcome, note: Option<String>) -> Outcome {
    match outcome {
        Outcome::Change(change) => Outcome::Change(Change { note, ..change }),
        other => other,
    }
}

/// Says whose fields would become ours, and which of them would go because git does not mention them: a dry
/// run cannot show that, since it takes a step of its own.
fn takes_over(desired: &Desired, live: &Value) -> Option<String> {
    let metadata = &live["metadata"];
    let known = !metadata["labels"][api::names::ENVIRONMENT_LABEL].is_null();
    let from = fields::sources(&metadata["managedFields"]);
    if known || from.is_empty() || desired.apply == ApplyMode::Merge {
        return None;
    }
    let gone = drift::foreign(
        desired.whole(),
        &metadata["managedFields"],
        &fields::is_applier,
    );
    let gone: Vec<_> = gone.into_iter().map(|field| field.path).collect();
    let removes = match gone.is_empty() {
        true => String::new(),
        false => format!("; removes {}", gone.join(", ")),
    };
    Some(format!("takes over from {}{removes}", from.join(", ")))
}

fn compared(
    desired: &Desired,
    action: Action,
    before: Value,
    after: Value,
    labelled: bool,
) -> Result<Outcome, Failure> {
    let (mut before, mut after) = (normal(before, labelled), normal(after, labelled));
    if !before.is_null() {
        for path in &desired.left {
            // A path that does not fit one side leaves nothing out of it.
            drop(fields::take_out(&mut before, path));
            drop(fields::take_out(&mut after, path));
        }
    }
    if before == after && action == Action::Update {
        return Ok(Outcome::Unchanged);
    }
    mask(&mut before, &mut after);
    let object = desired.id.to_string();
    let text = |value| text(value).map_err(|error| TextError(object.clone(), error));
    let diff = unified::text(&text(&before)?, &text(&after)?, ("live", "desired"));
    Ok(Outcome::Change(Change {
        action,
        object,
        at: at(desired),
        diff,
        note: None,
    }))
}

fn at(desired: &Desired) -> Option<String> {
    desired.origin.as_ref().map(ToString::to_string)
}

/// What was made and is no longer asked for.
fn deletions(scope: &Scope, desired: &[Desired]) -> Vec<Change> {
    let wanted: BTreeSet<String> = desired
        .iter()
        .map(|desired| {
            let id = &desired.id;
            format!("{}/{}/{}/{}", id.group, id.kind, id.namespace, id.name)
        })
        .collect();
    scope
        .made
        .iter()
        // Of hooks and of rollouts nothing is in git: they are made and removed on the way of a release.
        .filter(|entry| !entry.temporary && entry.hook.is_none())
        .filter(|entry| !entry.keep && !wanted.contains(&entry.id))
        .map(|entry| Change {
            action: Action::Delete,
            object: spoken(&entry.id),
            at: None,
            diff: String::new(),
            note: None,
        })
        .collect()
}

/// `apps/Deployment/shop/web` as messages call it: `Deployment/shop/web`.
fn spoken(id: &str) -> String {
    let parts: Vec<&str> = id
        .split('/')
        .skip(1)
        .filter(|part| !part.is_empty())
        .collect();
    parts.join("/")
}
