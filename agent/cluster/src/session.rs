//! One API server as seen by one user.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use http::HeaderValue;

use crate::{
    ServiceAccount,
    catalogue::Catalogue,
    fence::Fence,
    guard::IMPERSONATE,
    transport::{self, Transport},
};

/// A connection to one API server. Cheap to clone; clones share connections and what is known of the server's kinds.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    transport: Transport,
    /// Made when somebody asks for it: it is a task with a queue of its own.
    client: OnceLock<kube::Client>,
    server: String,
    namespace: String,
    /// Whom the kubeconfig, or we, impersonate.
    user: Option<String>,
    catalogue: Arc<Catalogue>,
}

/// Impersonation cannot be stacked.
#[derive(Debug, thiserror::Error)]
#[error("already acting as {0}, so {1} cannot be impersonated")]
pub struct AlreadyImpersonating(String, ServiceAccount);

impl Cluster {
    pub(crate) fn new(
        transport: Transport,
        server: String,
        namespace: String,
        user: Option<String>,
    ) -> Self {
        Self::with(transport, server, namespace, user, Arc::default())
    }

    fn with(
        transport: Transport,
        server: String,
        namespace: String,
        user: Option<String>,
        catalogue: Arc<Catalogue>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                transport,
                client: OnceLock::new(),
                server,
                namespace,
                user,
                catalogue,
            }),
        }
    }

    /// The same server with the rights of a service account and of nobody else. Shares connections.
    pub fn impersonate(&self, who: &ServiceAccount) -> Result<Self, AlreadyImpersonating> {
        if let Some(user) = &self.inner.user {
            return Err(AlreadyImpersonating(user.clone(), who.clone()));
        }
        let user = who.to_string();
        let value = HeaderValue::from_str(&user)
            .expect("a header value because names are letters and digits");
        let transport = transport::with_header(self.inner.transport.clone(), IMPERSONATE, value);
        let Inner {
            server,
            namespace,
            catalogue,
            ..
        } = &*self.inner;
        Ok(Self::with(
            transport,
            server.clone(),
            namespace.clone(),
            Some(user),
            catalogue.clone(),
        ))
    }

    /// The same server, where nothing is written once `fence` no longer holds: it is asked before every try of every
    /// call that may change something. Shares connections.
    #[must_use]
    pub fn fenced(&self, fence: &Fence) -> Self {
        let Inner {
            server,
            namespace,
            user,
            catalogue,
            ..
        } = &*self.inner;
        Self::with(
            transport::with_fence(self.inner.transport.clone(), fence.clone()),
            server.clone(),
            namespace.clone(),
            user.clone(),
            catalogue.clone(),
        )
    }

    /// A typed client, for our own custom resources.
    ///
    /// Not for Secrets: kube logs the text of an answer that it cannot read.
    pub fn client(&self) -> kube::Client {
        let Inner {
            transport,
            namespace,
            client,
            ..
        } = &*self.inner;
        let made = || kube::Client::new(transport.clone(), namespace.clone());
        client.get_or_init(made).clone()
    }

    /// Where the server is, for messages.
    pub fn server(&self) -> &str {
        &self.inner.server
    }

    /// The namespace of the kubeconfig's context, or of this pod.
    pub fn default_namespace(&self) -> &str {
        &self.inner.namespace
    }

    /// Whom we act as, if not as ourselves.
    pub fn user(&self) -> Option<&str> {
        self.inner.user.as_deref()
    }

    pub(crate) fn transport(&self) -> Transport {
        self.inner.transport.clone()
    }

    pub(crate) fn catalogue(&self) -> &Catalogue {
        &self.inner.catalogue
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { server, user, .. } = &*self.inner;
        f.debug_struct("Cluster")
            .field("server", server)
            .field("user", user)
            .finish_non_exhaustive()
    }
}
