//! Git over HTTPS, on a connection that stays open between polls.
//!
//! Git's protocol code asks for a `GET` or `POST` through a trait; this is the answer to it. So credentials, trust,
//! redirects, time and size are decided here and nowhere else. Proxies of the environment are not used.

mod answer;
mod client;
mod exchange;
mod line;
mod setup;

use std::sync::Arc;

use gix::protocol::{
    Handshake,
    transport::{
        Protocol,
        client::{TransportWithoutIO, blocking_io::http::Transport},
    },
};

use crate::{
    Credentials, FetchError, Reason, RepoUrl,
    budget::{Budget, judge},
    wire::{Talk, greet},
};
use client::Client;

/// An open conversation: the connection pool, and what the server said about itself.
pub(crate) struct Session {
    transport: Transport<Client>,
    greeting: Handshake,
    credentials: [u8; 32],
}

/// Talks over the session kept in `slot`, or over a new one that is then kept there.
pub(crate) fn talk<T>(
    slot: &mut Option<Session>,
    url: &RepoUrl,
    credentials: &Credentials,
    budget: &Arc<Budget>,
    work: Talk<'_, T>,
) -> Result<T, FetchError> {
    if let Some(mut session) = slot
        .take()
        .filter(|kept| kept.credentials == credentials.digest())
    {
        match session.talk(budget, work) {
            Ok(out) => {
                *slot = Some(session);
                return Ok(out);
            }
            Err(error) if !is_stale(error.reason()) => return Err(error),
            // The server may have been replaced by another since: meet it anew, once.
            Err(_) => {}
        }
    }
    let mut session = Session::open(url, credentials, budget)?;
    let out = session.talk(budget, work)?;
    // Before version 2 a server lists its references in the greeting, so the next look needs a new one.
    if session.greeting.server_protocol_version == Protocol::V2 {
        *slot = Some(session);
    }
    Ok(out)
}

fn is_stale(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Unreachable | Reason::Interrupted | Reason::NotGit | Reason::Unsupported
    )
}

impl Session {
    fn open(
        url: &RepoUrl,
        credentials: &Credentials,
        budget: &Arc<Budget>,
    ) -> Result<Self, FetchError> {
        let client = Client::new(url, credentials, budget.clone())?;
        let address = gix::url::parse(url.as_str())
            .map_err(|_| FetchError::new(Reason::Unsupported, "git cannot read the address"))?;
        let mut transport = Transport::new_http(client, address, Protocol::V2, false);
        let greeting = greet(&mut transport, budget);
        let greeting = greeting.map_err(|error| budget.fault().unwrap_or_else(|| judge(&error)))?;
        Ok(Self {
            transport,
            greeting,
            credentials: credentials.digest(),
        })
    }

    fn talk<T>(&mut self, budget: &Arc<Budget>, work: Talk<'_, T>) -> Result<T, FetchError> {
        let out = match self.transport.configure(budget) {
            Ok(()) => work(&mut self.transport, &mut self.greeting),
            Err(error) => Err(error),
        };
        out.map_err(|error| budget.fault().unwrap_or_else(|| judge(&error)))
    }
}
