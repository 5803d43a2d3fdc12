//! TCP, with TLS when the address or the server's INFO asks for it.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::{SinkExt, StreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::codec::{BytesCodec, FramedRead, FramedWrite};

use super::super::options::{Scheme, ServerAddr};
use super::super::protocol::ServerInfo;
use super::{TransportError, Wire};

/// The longest first line.
const INFO_BYTES: usize = 64 * 1_024;

pub(super) async fn dial(server: &ServerAddr) -> Result<Wire, TransportError> {
    let host = server.host.trim_matches(['[', ']']);
    let mut stream = TcpStream::connect((host, server.port))
        .await
        .map_err(TransportError::of)?;
    stream.set_nodelay(true).map_err(TransportError::of)?;
    // The server speaks first, in the clear, and says whether it wants TLS.
    let first = first_line(&mut stream).await?;
    let wants_tls = first
        .strip_prefix(b"INFO ")
        .and_then(|json| serde_json::from_slice::<ServerInfo>(json).ok())
        .is_some_and(|info| info.tls_required);
    if server.scheme == Scheme::Tls || wants_tls {
        let name = ServerName::try_from(host.to_owned()).map_err(TransportError::of)?;
        let stream = connector()?
            .connect(name, stream)
            .await
            .map_err(TransportError::of)?;
        return Ok(wire(first, stream));
    }
    Ok(wire(first, stream))
}

async fn first_line(stream: &mut TcpStream) -> Result<Bytes, TransportError> {
    let mut line = BytesMut::new();
    while !line.ends_with(b"\n") {
        // Byte by byte: what follows the line may be the beginning of TLS.
        line.extend([stream.read_u8().await.map_err(TransportError::of)?]);
        if line.len() > INFO_BYTES {
            return Err(TransportError(
                "the server’s first line does not end".into(),
            ));
        }
    }
    Ok(line.freeze())
}

fn connector() -> Result<TlsConnector, TransportError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TransportError::of)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn wire(first: Bytes, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Wire {
    let (read, write) = tokio::io::split(stream);
    let input = FramedRead::with_capacity(read, BytesCodec::new(), 64 * 1_024)
        .map(|bytes| bytes.map(BytesMut::freeze).map_err(TransportError::of));
    let output = SinkExt::<Bytes>::sink_map_err(
        FramedWrite::new(write, BytesCodec::new()),
        TransportError::of::<std::io::Error>,
    );
    Wire::new(first, input, output)
}
