//! Events of what was refused, told beside the answers.

use podward_kube::{Kubernetes, Noticed};
use tokio::sync::mpsc::{Sender, channel};

use crate::io::Io;

/// Events that wait for the API server. What is more is lost: the access log has each refusal.
const QUEUE: usize = 256;

/// Tells events for as long as someone holds what it gives.
pub(super) fn tell(kubernetes: &Kubernetes, io: Io) -> Sender<Noticed> {
    let (sender, mut waiting) = channel::<Noticed>(QUEUE);
    let kubernetes = kubernetes.clone();
    tokio::spawn(async move {
        let recorder = kubernetes.recorder(std::env::var("HOSTNAME").ok());
        let mut failing = false;
        while let Some(noticed) = waiting.recv().await {
            match kubernetes.notice(&recorder, noticed).await {
                Ok(()) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    io.note(format_args!("an Event could not be written: {error}"));
                }
                Err(_) => {}
            }
        }
    });
    sender
}
