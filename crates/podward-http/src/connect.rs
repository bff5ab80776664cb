//! TCP and TLS to a host, under a name that may be overridden.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::Overrides;

/// Opens connections for the pool.
#[derive(Clone)]
pub(crate) struct Connector {
    tls: TlsConnector,
    overrides: Arc<Overrides>,
}

impl Connector {
    pub(crate) fn new(config: Arc<rustls::ClientConfig>, overrides: Overrides) -> Self {
        Self {
            tls: TlsConnector::from(config),
            overrides: Arc::new(overrides),
        }
    }

    fn overridden(&self, host: &str) -> Option<SocketAddr> {
        let below = |host: &str| {
            host.split_once('.')
                .map(|(_, suffix)| format!("*.{suffix}"))
        };
        self.overrides
            .get(host)
            .or_else(|| self.overrides.get(&below(host)?))
            .copied()
    }

    async fn open(self, uri: Uri) -> io::Result<Stream> {
        let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
        if uri.scheme_str() != Some("https") {
            return Err(invalid("only https is spoken"));
        }
        let host = uri
            .host()
            .ok_or_else(|| invalid("the URL has no host"))?
            .to_owned();
        let tcp = match self.overridden(&host) {
            Some(address) => TcpStream::connect(address).await?,
            None => TcpStream::connect((host.as_str(), uri.port_u16().unwrap_or(443))).await?,
        };
        tcp.set_nodelay(true)?;
        let name = rustls::pki_types::ServerName::try_from(host).map_err(io::Error::other)?;
        Ok(Stream(TokioIo::new(self.tls.connect(name, tcp).await?)))
    }
}

impl tower::Service<Uri> for Connector {
    type Response = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().open(uri))
    }
}

/// One TLS connection.
pub(crate) struct Stream(TokioIo<TlsStream<TcpStream>>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
