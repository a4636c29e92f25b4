//! From an edit by somebody else to its repair.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use e2e::{Agent, PATIENCE, Shop};
use lab::audit::{Entries, Entry};
use serde_json::{Value, json};

use crate::{
    commit::since,
    load::Object,
    table::{Table, millis, percentile},
};

/// How many edits.
const EDITS: u32 = 100;
/// A prime: steps of it visit all objects in no obvious order.
const STRIDE: usize = 317;
/// Who edits.
const EDITOR: &str = "kubectl-edit";
/// How often the log is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// What is done to an object, and to a container of it.
enum Edit {
    Merge(Value),
    Container(fn(&mut Value)),
    Delete,
}

/// The table of edits.
pub(crate) fn table() -> Table {
    let title = "Drift: from the answer to an edit (strings, numbers, quantities, list entries, list keys, removed fields, removed label, deleted object) to the answer to its repair";
    let columns = [
        "objects",
        "edits",
        "p50",
        "p99",
        "worst",
        "CPU ms/edit",
        "reads",
        "writes",
    ];
    Table::new(title, columns)
}

/// Edits objects here and there, one after the other, and waits for each to be put back.
pub(crate) async fn measure(
    table: &mut Table,
    (shop, agent): (&Shop, &Agent),
    objects: &[Object],
    value: &str,
) -> Result<()> {
    let mut times = Vec::new();
    let (mark, processor) = (shop.mark()?, agent.process.processor_time());
    for number in 0..EDITS as usize {
        let object = &objects[number * STRIDE % objects.len()];
        let edits = edits(object);
        let edit = &edits[number / 2 % edits.len()];
        times.push(one(shop, object, edit, value).await?);
    }
    let processor = agent.process.processor_time().saturating_sub(processor);
    let work = shop.requests(mark)?.work();
    let writes = work.writes().len();
    table.row(vec![
        objects.len().to_string(),
        times.len().to_string(),
        millis(percentile(&times, 50)),
        millis(percentile(&times, 99)),
        millis(percentile(&times, 100)),
        (processor / EDITS).as_millis().to_string(),
        (work.len() - writes).to_string(),
        writes.to_string(),
    ]);
    Ok(())
}

/// What can be done to an object.
fn edits(object: &Object) -> Vec<Edit> {
    let unlabel = json!({ "metadata": { "labels": { (api::names::ENVIRONMENT_LABEL): null } } });
    if !object.is_deployment {
        return vec![
            Edit::Merge(json!({ "data": { "colour": "green" } })),
            Edit::Merge(json!({ "data": { "colour": null } })),
            Edit::Merge(json!({ "data": { "settings.yaml": "retries: 4\n" } })),
            Edit::Merge(unlabel),
            Edit::Delete,
        ];
    }
    vec![
        Edit::Merge(json!({ "spec": { "replicas": 7 } })),
        Edit::Merge(json!({ "spec": { "replicas": null } })),
        Edit::Container(|container| container["image"] = "registry.example.com/other:v1".into()),
        Edit::Container(|container| container["env"][0]["value"] = "other".into()),
        Edit::Container(|container| container["env"] = Value::Null),
        Edit::Container(|container| container["ports"][0]["containerPort"] = 9090.into()),
        Edit::Container(|container| container["readinessProbe"]["periodSeconds"] = 11.into()),
        Edit::Container(|container| container["readinessProbe"] = Value::Null),
        Edit::Container(|container| container["resources"]["limits"]["memory"] = "128Mi".into()),
        Edit::Container(|container| container["resources"]["requests"]["cpu"] = "1".into()),
        Edit::Merge(unlabel),
        Edit::Delete,
    ]
}

/// One edit; the time until it has been put back.
async fn one(shop: &Shop, object: &Object, edit: &Edit, value: &str) -> Result<Duration> {
    let api = shop.world.control_plane.api()?;
    let log = shop.world.control_plane.audit();
    let (group, kind) = match object.is_deployment {
        true => ("apis/apps/v1", "deployments"),
        false => ("api/v1", "configmaps"),
    };
    let (namespace, name) = (&shop.namespace, &object.name);
    let path = format!("/{group}/namespaces/{namespace}/{kind}/{name}?fieldManager={EDITOR}");
    let mut mark = log.mark()?;
    match edit {
        Edit::Merge(change) => drop(api.patch(&path, change).await?),
        Edit::Container(change) => {
            let mut body = object.body(value);
            let containers = body["spec"]["template"]["spec"]["containers"].take();
            let mut container = containers[0].clone();
            change(&mut container);
            let change =
                json!({ "spec": { "template": { "spec": { "containers": [container] } } } });
            drop(api.patch(&path, &change).await?);
        }
        Edit::Delete => drop(api.delete(&path).await?),
    }
    let (began, mut seen) = (Instant::now(), Entries::default());
    loop {
        seen.extend(
            log.take(&mut mark)?
                .within(namespace)
                .of(kind)
                .named(name)
                .writes(),
        );
        if let Some(time) = repair(&seen)? {
            return Ok(time);
        }
        if began.elapsed() > PATIENCE {
            bail!("{name} is not repaired:\n{}", seen.summary());
        }
        tokio::time::sleep(LOOK).await; // sleeps so that looking costs little of what is measured
    }
}

fn repair(log: &Entries) -> Result<Option<Duration>> {
    let by_editor = |entry: &&Entry| entry.manager == EDITOR;
    let edit = log.iter().find(by_editor).context("the log has no edit")?;
    ensure!(edit.succeeded(), "the edit failed: {edit}");
    let repair = log
        .iter()
        .find(|entry| !by_editor(entry) && entry.succeeded() && entry.written > edit.written);
    let time = repair.map(|repair| since(edit.written, repair.written));
    time.transpose()
}
