//! Accepting connections: TLS for the cloud, plain HTTP for the identity door.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use podward_cloud::Caller;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::cut::spoiled;
use crate::patient::Patient;

/// Connections of one listener at once. A pod that opens more waits; others do not.
const MAX_CONNECTIONS: usize = 256;
/// How long a handshake, or the headers of a request, may take, and how long a client may read nothing of its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves `router` on a listener that belongs to one caller.
pub(crate) fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    caller: Caller,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let Ok((stream, peer)) = listener.accept().await else {
                // out of descriptors: wait for some to be closed
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let _ = stream.set_nodelay(true);
            let stream = Patient::new(stream, PATIENCE);
            let (tls, router) = (tls.clone(), TowerToHyperService::new(router.clone()));
            let caller = caller.clone();
            let service = service_fn(move |mut request: hyper::Request<Incoming>| {
                let extensions = request.extensions_mut();
                extensions.insert(ConnectInfo(peer));
                extensions.insert(caller.clone());
                let answer = router.call(request);
                async move {
                    match answer.await {
                        Ok(response) => spoiled(response).await,
                        Err(never) => match never {},
                    }
                }
            });
            tokio::spawn(async move {
                let _place = place;
                let mut http = hyper::server::conn::http1::Builder::new();
                http.timer(TokioTimer::new())
                    .header_read_timeout(PATIENCE)
                    .max_headers(64);
                // an error here is the client's: it has gone or spoke no HTTP
                match tls {
                    Some(tls) => {
                        if let Ok(Ok(stream)) =
                            tokio::time::timeout(PATIENCE, tls.accept(stream)).await
                        {
                            let _ = http.serve_connection(TokioIo::new(stream), service).await;
                        }
                    }
                    None => {
                        let _ = http.serve_connection(TokioIo::new(stream), service).await;
                    }
                }
            });
        }
    })
}
