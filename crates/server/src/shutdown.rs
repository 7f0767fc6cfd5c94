//! Which signals end the process, and which make it look again?

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What an operator may tell the running process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    /// End: SIGTERM, or Ctrl-C.
    Stop,
    /// Read the settings and the certificates again: SIGHUP.
    Reload,
}

/// The signals that are listened for, from the moment this is made.
pub(crate) struct Orders {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Orders {
    /// Begins to listen.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Orders {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// The next order.
    pub(crate) async fn next(&mut self) -> Order {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => Order::Stop,
            _ = self.terminate.recv() => Order::Stop,
            _ = self.hang_up.recv() => Order::Reload,
        }
    }

    /// The next order to stop; others are passed over.
    pub(crate) async fn stop(&mut self) {
        while self.next().await != Order::Stop {}
    }
}
