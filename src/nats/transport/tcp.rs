//! TCP, with TLS when the address or the server's INFO asks for it (ADR-40).

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::{SinkExt, StreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::codec::{BytesCodec, Framed};

use super::{TransportError, Wire};
use crate::nats::options::{Scheme, ServerAddr};
use crate::nats::protocol::ServerInfo;

/// The longest INFO.
const INFO_BYTES: usize = 256 * 1_024;

/// How much is read at once.
const READ_BYTES: usize = 64 * 1_024;

pub(super) async fn dial(server: &ServerAddr) -> Result<Wire, TransportError> {
    let mut stream = TcpStream::connect((server.host(), server.port()))
        .await
        .map_err(TransportError::of)?;
    stream.set_nodelay(true).map_err(TransportError::of)?;
    let info = first_line(&mut stream).await?;
    if server.scheme() != Scheme::Tls && !wants_tls(&info) {
        return Ok(wire(info, stream));
    }
    // Whoever stands between could write after the line what then seems to come from the server.
    if info.iter().position(|b| *b == b'\n') != Some(info.len() - 1) {
        return Err(TransportError("the server speaks before TLS".into()));
    }
    let name = ServerName::try_from(server.host().to_owned()).map_err(TransportError::of)?;
    let stream = connector()?
        .connect(name, stream)
        .await
        .map_err(TransportError::of)?;
    Ok(wire(info, stream))
}

/// The server speaks first, in the clear, then waits.
async fn first_line(stream: &mut TcpStream) -> Result<Bytes, TransportError> {
    let mut line = BytesMut::new();
    while !line.contains(&b'\n') {
        let read = stream
            .read_buf(&mut line)
            .await
            .map_err(TransportError::of)?;
        if read == 0 {
            return Err(TransportError("the server closed the connection".into()));
        }
        if line.len() > INFO_BYTES {
            return Err(TransportError(
                "the server’s first line does not end".into(),
            ));
        }
    }
    Ok(line.freeze())
}

fn wants_tls(first: &[u8]) -> bool {
    let info = first.strip_prefix(b"INFO ").map(serde_json::from_slice);
    info.is_some_and(|info| info.is_ok_and(|info: ServerInfo| info.tls_required))
}

fn connector() -> Result<TlsConnector, TransportError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TransportError::of)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn wire(first: Bytes, stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Wire {
    let framed = Framed::with_capacity(stream, BytesCodec::new(), READ_BYTES);
    let carrier = SinkExt::<Bytes>::sink_map_err(framed, TransportError::of)
        .map(|bytes| bytes.map(BytesMut::freeze).map_err(TransportError::of));
    Wire::new(Some(first), carrier)
}
