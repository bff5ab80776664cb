//! How a command that serves is told to end.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::report::Report;

/// Ctrl-C and SIGTERM.
pub(crate) struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    pub(crate) fn new() -> Result<Self, Report> {
        let listen =
            |kind| signal(kind).map_err(|e| Report::new(format!("cannot listen for signals: {e}")));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    pub(crate) async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
