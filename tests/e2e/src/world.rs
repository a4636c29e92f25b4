//! The cluster that all scenarios of a test binary share.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use kube::{Client, Config, config::KubeConfigOptions, config::Kubeconfig};
use lab::ControlPlane;
use tokio::sync::OnceCell;

use crate::install;

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A control plane with `deploy/` installed.
pub struct World {
    /// The control plane.
    pub control_plane: &'static ControlPlane,
    /// A kubeconfig with the agent's rights.
    pub agent_kubeconfig: PathBuf,
}

impl World {
    /// The one world of this process.
    pub async fn shared() -> &'static Self {
        static WORLD: OnceCell<World> = OnceCell::const_new();
        let make = || async {
            Self::make()
                .await
                .expect("the world is made or no test can run")
        };
        WORLD.get_or_init(make).await
    }

    /// A client with all rights, for this test's own runtime.
    pub async fn client(&self) -> Result<Client> {
        client(&self.control_plane.kubeconfig()).await
    }

    /// A world of its own, for as long as this process runs.
    pub async fn start(options: lab::Options) -> Result<&'static Self> {
        let control_plane = Box::leak(Box::new(ControlPlane::start(options).await?));
        Ok(Box::leak(Box::new(Self::on(control_plane).await?)))
    }

    async fn make() -> Result<Self> {
        Self::on(ControlPlane::shared().await).await
    }

    async fn on(control_plane: &'static ControlPlane) -> Result<Self> {
        install::install(&control_plane.kubeconfig())
            .await
            .context("deploy/ was not installed")?;
        let agent_kubeconfig = control_plane
            .kubeconfig_for_service_account(install::NAMESPACE, install::ACCOUNT)
            .await?;
        Ok(Self {
            control_plane,
            agent_kubeconfig,
        })
    }
}

/// A client of `kubeconfig`.
pub(crate) async fn client(kubeconfig: &std::path::Path) -> Result<Client> {
    let file = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}
