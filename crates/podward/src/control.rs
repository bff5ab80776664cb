//! The control socket: how `exec` and `cloud` find a running `up`. One JSON line each way.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use podward_sys::Enter;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::report::Report;

/// Longest request, bytes: a secret of 25 KiB, as JSON.
pub(crate) const MAX_REQUEST: u64 = 128 << 10;

/// What is asked of `up`.
#[derive(Serialize, Deserialize)]
pub(crate) enum Request {
    /// How to enter a container.
    Enter {
        namespace: Option<String>,
        pod: String,
        container: Option<String>,
    },
    /// A new version of a secret.
    SetSecret {
        vault: String,
        name: String,
        value: Zeroizing<String>,
    },
}

/// What `up` answers.
#[derive(Serialize, Deserialize)]
pub(crate) enum Answer {
    /// How to enter the container.
    Container(Enter),
    /// The version that was made.
    Version(String),
    /// Why not, and how to go on.
    Refused {
        message: String,
        help: Option<String>,
    },
}

/// Asks the `up` behind the socket.
pub(crate) fn ask(socket: &Path, request: &Request) -> Result<Answer, Report> {
    let failed = |e: std::io::Error| {
        Report::new(format!("cannot speak to `podward up`: {e}"))
            .at(&socket.to_string_lossy(), None)
            .help("is it running, and as this user?")
    };
    let mut stream = UnixStream::connect(socket).map_err(failed)?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .map_err(failed)?;
    let mut line = Zeroizing::new(serde_json::to_vec(request).map_err(|e| failed(e.into()))?);
    line.push(b'\n');
    stream.write_all(&line).map_err(failed)?;
    let mut answer = String::new();
    BufReader::new(stream)
        .read_line(&mut answer)
        .map_err(failed)?;
    match serde_json::from_str(&answer).map_err(|e| failed(e.into()))? {
        Answer::Refused { message, help } => {
            let report = Report::new(message);
            Err(match help {
                Some(help) => report.help(help),
                None => report,
            })
        }
        answer => Ok(answer),
    }
}
