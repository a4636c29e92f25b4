//! Being asked to end: by Ctrl-C, by whoever started the program, or by a terminal that is closed.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask. From now on they do nothing by themselves.
pub(crate) struct Signals([Signal; 3]);

impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    /// Waits until one of them comes.
    pub(crate) async fn asked_to_end(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
