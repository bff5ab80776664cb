//! The control socket's side in `up`.

use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use podward_api::SecretString;
use podward_sys::Enter;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use super::node::Node;
use super::run::Progress;
use crate::control::{Answer, MAX_REQUEST, Request};
use crate::report::Report;
use crate::state::State;

/// What is needed to enter a pod.
pub(super) struct Handle {
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) owner: String,
    pub(super) containers: Vec<(String, Enter, Arc<Mutex<Progress>>)>,
}

/// The pods that run now.
pub(super) type Handles = Arc<Mutex<Vec<Handle>>>;

/// Answers on the control socket until aborted.
pub(super) fn serve(
    node: Arc<Node>,
    handles: Handles,
    state: &State,
) -> Result<JoinHandle<()>, Report> {
    let path = state.control();
    let failed = |e: std::io::Error| {
        Report::new(format!("cannot open the control socket: {e}"))
            .at(&path.to_string_lossy(), None)
    };
    let listener = UnixListener::bind(&path).map_err(failed)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    let own = podward_sys::own_uid();
    Ok(tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            // the mode keeps others out; the kernel's word makes sure
            if podward_sys::peer_uid(&stream).ok() != Some(own) {
                continue;
            }
            let (node, handles) = (Arc::clone(&node), Arc::clone(&handles));
            tokio::spawn(async move {
                let _ = tokio::time::timeout(
                    Duration::from_secs(10),
                    converse(stream, &node, &handles),
                )
                .await;
            });
        }
    }))
}

async fn converse(mut stream: UnixStream, node: &Node, handles: &Handles) -> std::io::Result<()> {
    let (read, mut write) = stream.split();
    let mut line = Zeroizing::new(Vec::new());
    BufReader::new(read.take(MAX_REQUEST))
        .read_until(b'\n', &mut line)
        .await?;
    let answer = match serde_json::from_slice::<Request>(&line) {
        Ok(request) => answer(request, node, handles),
        Err(_) => refused(
            "the request cannot be read",
            Some("use the podward that runs `up`"),
        ),
    };
    let mut text = serde_json::to_vec(&answer)?;
    text.push(b'\n');
    write.write_all(&text).await
}

fn refused(message: impl Into<String>, help: Option<&str>) -> Answer {
    Answer::Refused {
        message: message.into(),
        help: help.map(Into::into),
    }
}

fn answer(request: Request, node: &Node, handles: &Handles) -> Answer {
    match request {
        Request::SetSecret { vault, name, value } => {
            match node
                .cloud
                .set_secret(&vault, &name, SecretString::new(value.as_str().to_owned()))
            {
                Ok(version) => Answer::Version(version),
                Err(error) => refused(error.to_string(), None),
            }
        }
        Request::Enter {
            namespace,
            pod,
            container,
        } => enter(
            &handles.lock().unwrap_or_else(PoisonError::into_inner),
            namespace.as_deref(),
            &pod,
            container.as_deref(),
        ),
    }
}

fn enter(
    handles: &[Handle],
    namespace: Option<&str>,
    pod: &str,
    container: Option<&str>,
) -> Answer {
    let in_namespace = |handle: &&Handle| namespace.is_none_or(|wanted| handle.namespace == wanted);
    let mut matching: Vec<&Handle> = handles
        .iter()
        .filter(in_namespace)
        .filter(|handle| handle.pod == pod)
        .collect();
    if matching.is_empty() {
        matching = handles
            .iter()
            .filter(in_namespace)
            .filter(|handle| handle.owner == pod)
            .collect();
    }
    let Some(found) = matching.first() else {
        let known: Vec<String> = handles
            .iter()
            .map(|h| format!("{}/{}", h.namespace, h.pod))
            .collect();
        return refused(
            format!("there is no pod {pod:?}"),
            Some(&format!("there are {}", known.join(", "))),
        );
    };
    if matching
        .iter()
        .any(|other| other.namespace != found.namespace)
    {
        return refused(
            format!("several namespaces have a pod {pod:?}"),
            Some("pick one by -n NAMESPACE"),
        );
    }
    let picked = match container {
        Some(name) => found.containers.iter().find(|(known, _, _)| known == name),
        None => found.containers.first(),
    };
    let Some((_, entrance, progress)) = picked else {
        return refused(
            format!("pod {} has no such container, or was refused", found.pod),
            None,
        );
    };
    let pid = progress.lock().unwrap_or_else(PoisonError::into_inner).pid;
    if pid == 0 {
        return refused(format!("pod {} is not set up", found.pod), None);
    }
    Answer::Container(Enter {
        pid,
        ..entrance.clone()
    })
}
