//! A Lease that may not be written: the replica does nothing, says so once, and begins as soon as it may.

use std::{fs, path::PathBuf};

use anyhow::{Result, ensure};
use e2e::{Agent, AgentOptions, PATIENCE, Shop};
use jiff::SignedDuration;
use lab::{audit, eventually};
use serde_json::{Value, json};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
/// Where the agent's own documents are.
const HOME: &str = "driftless-system";

/// Makes an account with the agent's rights, but for writing Leases.
async fn account(shop: &Shop) -> Result<PathBuf> {
    let (name, plane) = (&shop.namespace, shop.world.control_plane);
    let api = plane.api()?;
    let accounts = format!("/api/v1/namespaces/{HOME}/serviceaccounts");
    api.create(&accounts, &json!({ "metadata": { "name": name } }))
        .await?;
    let bindings = format!("{RBAC}/clusterrolebindings");
    for role in ["driftless-agent", "driftless-deployer"] {
        let binding = binding(shop, &format!("{name}-{role}"), ("ClusterRole", role));
        api.create(&bindings, &binding).await?;
    }
    let rules = json!([
        { "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["list", "watch"] },
        { "apiGroups": ["driftless.dev"], "resources": ["inventories"], "verbs": ["list", "create", "patch", "delete"] },
    ]);
    let role = json!({ "metadata": { "name": name }, "rules": rules });
    let place = format!("{RBAC}/namespaces/{HOME}");
    api.create(&format!("{place}/roles"), &role).await?;
    let own = binding(shop, name, ("Role", name));
    api.create(&format!("{place}/rolebindings"), &own).await?;
    Ok(plane.kubeconfig_for_service_account(HOME, name).await?)
}

fn binding(shop: &Shop, name: &str, (kind, role): (&str, &str)) -> Value {
    json!({
        "metadata": { "name": name },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role },
        "subjects": [{ "kind": "ServiceAccount", "name": shop.namespace, "namespace": HOME }],
    })
}

/// What the agent of the shop asked for about Leases since `mark` and was refused.
fn refused(shop: &Shop, mark: audit::Mark) -> Result<audit::Entries> {
    let all = shop.world.control_plane.audit().since(mark)?.of("leases");
    let is_it = |entry: &audit::Entry| {
        entry.user_agent.contains(&shop.namespace) && entry.verb == "create" && entry.code == 403
    };
    Ok(all.only(is_it))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_may_not_be_written_is_tried_ever_more_rarely_and_told_once() -> Result<()> {
    let shop = Shop::new("unwritable").await?;
    let first = shop.push_maps("first", &[("a", "1")])?;
    let options = AgentOptions {
        kubeconfig: Some(account(&shop).await?),
        ..AgentOptions::alone(&shop.namespace)
    };
    let mark = shop.mark()?;
    let agent = Agent::start(shop.world, options)?;
    shop.environment(json!({})).await?;
    let tries = eventually(PATIENCE, || async {
        let tries = refused(&shop, mark)?;
        ensure!(tries.len() >= 7, "tried {} times", tries.len());
        Ok(tries)
    })
    .await?;
    // A quarter of a second, a half, one, two, and then a third of what a Lease lasts: 12 s.
    let span = tries[6].received.duration_since(tries[0].received);
    ensure!(span > SignedDuration::from_secs(9), "{}", tries.summary());
    ensure!(shop.values().await?.is_empty(), "nobody knows of it yet");
    let told = |words: &str| -> Result<usize> {
        let log = fs::read_to_string(agent.process.log())?;
        Ok(log.lines().filter(|line| line.contains(words)).count())
    };
    ensure!(told("cannot write our Lease")? == 1, "told more than once");
    ensure!(told("our Lease is written again")? == 0);

    let place = format!("{RBAC}/namespaces/{HOME}/rolebindings");
    let whole = format!("{}-whole", shop.namespace);
    let binding = binding(&shop, &whole, ("Role", "driftless-agent"));
    let api = shop.world.control_plane.api()?;
    api.create(&place, &binding).await?;
    shop.ready_at(&first).await?;
    ensure!(told("cannot write our Lease")? == 1, "told more than once");
    ensure!(told("our Lease is written again")? == 1);
    Ok(())
}
