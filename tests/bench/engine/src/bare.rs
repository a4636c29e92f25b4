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

/// Objects in a namespace of their own, and who applies them.
pub(crate) struct Bare {
    shop: Shop,
    objects: Vec<Object>,
    at_once: usize,
    rounds: usize,
}

impl Bare {
    /// A loop over `count` objects with so many requests at once.
    pub(crate) async fn new(world: &'static World, count: usize, at_once: usize) -> Result<Self> {
        Ok(Self {
            shop: Shop::within(world, "bare").await?,
            objects: objects(count),
            at_once,
            rounds: 0,
        })
    }

    /// The time that one round takes; the first makes the objects, the others change them.
    pub(crate) async fn round(&mut self) -> Result<Duration> {
        let value = format!("v{}", self.rounds);
        self.rounds += 1;
        let start = Instant::now();
        apply_all(&self.shop, &self.objects, &value, self.at_once).await?;
        Ok(start.elapsed())
    }
}

/// The time of each round over `count` objects, with as many requests at once as the agent makes.
pub(crate) async fn measure(
    world: &'static World,
    count: usize,
    rounds: usize,
) -> Result<Vec<Duration>> {
    let mut bare = Bare::new(world, count, AT_ONCE).await?;
    let mut times = Vec::new();
    for _ in 0..rounds {
        times.push(bare.round().await?);
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
