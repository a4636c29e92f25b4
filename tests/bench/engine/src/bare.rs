//! The measure of things: the same objects by a loop of server-side applies that does nothing else.

use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::{Shop, World};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::ConfigMap};
use kube::{
    Api,
    api::{Patch, PatchParams},
};

use crate::load::{Object, objects};

/// As many requests at once as the agent makes.
const AT_ONCE: usize = 16;

/// The time of each round over `count` objects; the first makes them, the others change them.
pub(crate) async fn measure(
    world: &'static World,
    count: usize,
    rounds: usize,
) -> Result<Vec<Duration>> {
    at_once(world, count, rounds, AT_ONCE).await
}

/// The same with so many requests at once.
pub(crate) async fn at_once(
    world: &'static World,
    count: usize,
    rounds: usize,
    at_once: usize,
) -> Result<Vec<Duration>> {
    let shop = Shop::within(world, "bare").await?;
    let objects = objects(count);
    let mut times = Vec::new();
    for round in 0..rounds {
        let start = Instant::now();
        apply_all(&shop, &objects, &format!("v{round}"), at_once).await?;
        times.push(start.elapsed());
    }
    Ok(times)
}

async fn apply_all(shop: &Shop, objects: &[Object], value: &str, at_once: usize) -> Result<()> {
    let maps: Api<ConfigMap> = shop.maps();
    let deployments: Api<Deployment> = Api::namespaced(shop.client.clone(), &shop.namespace);
    let params = PatchParams::apply("bare-loop").force();
    let apply = |object: &Object| {
        let (name, body) = (object.name.clone(), Patch::Apply(object.body(value)));
        let (maps, deployments, params) = (maps.clone(), deployments.clone(), params.clone());
        let is_deployment = object.is_deployment;
        async move {
            match is_deployment {
                true => deployments.patch(&name, &params, &body).await.map(drop),
                false => maps.patch(&name, &params, &body).await.map(drop),
            }
        }
    };
    let requests: Vec<_> = objects.iter().map(apply).collect();
    stream::iter(requests)
        .buffer_unordered(at_once)
        .try_collect::<()>()
        .await?;
    Ok(())
}
