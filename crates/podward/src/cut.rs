//! Answers that end before their end: what the local cloud's faults ask for.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::response::Response;
use hyper::body::Frame;
use hyper::header::CONTENT_LENGTH;
use podward_cloud::Spoil;
use tokio::time::{Sleep, sleep};

/// Largest body that is cut, bytes.
const MAX_BODY: usize = 1 << 20;
/// How long the bytes that are sent get, before the connection is closed behind them.
const PAUSE: Duration = Duration::from_millis(20);

/// The connection is to be closed.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed, as was asked for")]
pub(crate) struct Closed;

/// The answer as it is to be sent.
pub(crate) async fn spoiled(mut response: Response) -> Result<Response, Closed> {
    let bytes = match response.extensions_mut().remove::<Spoil>() {
        None => return Ok(response),
        Some(Spoil::HangUp) => return Err(Closed),
        Some(Spoil::Cut(bytes)) => bytes,
    };
    let (mut parts, body) = response.into_parts();
    let whole = to_bytes(body, MAX_BODY)
        .await
        .map_err(|_too_large| Closed)?;
    parts.headers.insert(CONTENT_LENGTH, whole.len().into());
    let cut = Cut {
        rest: Some(whole.slice(..bytes.min(whole.len()))),
        pause: Box::pin(sleep(PAUSE)),
    };
    Ok(Response::from_parts(parts, Body::new(cut)))
}

/// A body that breaks off.
struct Cut {
    rest: Option<Bytes>,
    pause: Pin<Box<Sleep>>,
}

impl hyper::body::Body for Cut {
    type Data = Bytes;
    type Error = Closed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Closed>>> {
        if let Some(rest) = self.rest.take().filter(|rest| !rest.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(rest))));
        }
        ready!(self.pause.as_mut().poll(context));
        Poll::Ready(Some(Err(Closed)))
    }
}
