//! Strategies: the API server takes those that can be used, and says what is wrong with the others.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use api::v1alpha1::{Strategy, StrategySpec};
use e2e::World;
use kube::{Api, api::PostParams};
use serde_json::{Value, json};

/// Asks the API server whether it would take `strategy`, and makes nothing.
async fn ask(strategies: &Api<Strategy>, spec: &Value) -> Result<(), kube::Error> {
    let strategy = json!({
        "apiVersion": "driftless.dev/v1alpha1",
        "kind": "Strategy",
        "metadata": { "name": "asked", "namespace": "default" },
        "spec": spec,
    });
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    // As people write it, not as our types do.
    let any: Api<kube::api::DynamicObject> = Api::namespaced_with(
        strategies.clone().into_client(),
        "default",
        &kube::api::ApiResource::erase::<Strategy>(&()),
    );
    let object = serde_json::from_value(strategy).map_err(kube::Error::SerdeError)?;
    any.create(&dry, &object).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_server_takes_what_can_be_used_and_says_what_is_wrong() -> Result<()> {
    let world = World::shared().await;
    let strategies: Api<Strategy> = Api::namespaced(world.client().await?, "default");
    for (name, _) in rollout::strategy::builtin::NAMES {
        let strategy = rollout::strategy::builtin(name).context(name)?;
        let spec = serde_json::to_value(StrategySpec { strategy })?;
        ask(&strategies, &spec).await.context(name)?;
    }
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/strategy.yaml");
    let example: Value = serde_yaml::from_str(&fs::read_to_string(example)?)?;
    ask(&strategies, &example["spec"])
        .await
        .context("the example")?;

    let metric = |name: &str| json!({ "name": name, "from": { "synthetic": "front" }, "min": 1 });
    let wrong = [
        (json!({}), "has no steps"),
        (
            json!({ "steps": [{ "weight": 101 }] }),
            "less than or equal to 100",
        ),
        (json!({ "steps": [{ "weight": 5, "pause": {} }] }), "oneOf"),
        (
            json!({ "steps": [{ "pause": { "for": "soon" } }] }),
            "should match",
        ),
        (
            json!({ "traffic": "switch", "steps": [{ "weight": 50 }] }),
            "knows weights 0 and 100 only",
        ),
        (
            json!({ "steps": [{ "weight": 5 }], "bake": "5m" }),
            "nothing is watched",
        ),
        (
            json!({ "steps": [{ "weight": 5 }], "namespaces": { "blue": "a", "green": "a" } }),
            "blue and green are the same",
        ),
        (
            json!({ "steps": [{ "weight": 5 }], "analysis": { "metrics": [metric("a"), { "name": "b" }] } }),
            "from",
        ),
    ];
    for (spec, words) in wrong {
        let Err(error) = ask(&strategies, &spec).await else {
            anyhow::bail!("taken: {spec}");
        };
        ensure!(error.to_string().contains(words), "{spec}: {error}");
    }
    Ok(())
}
