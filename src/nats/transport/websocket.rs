//! WebSocket natively, with tungstenite. A message of it may hold part of an operation, or many.

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _, future};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{TransportError, Wire};
use crate::nats::options::{ConnectOptions, ServerAddr};

pub(super) async fn dial(
    server: &ServerAddr,
    options: &ConnectOptions,
) -> Result<Wire, TransportError> {
    let mut request = server
        .to_string()
        .into_client_request()
        .map_err(TransportError::of)?;
    for (name, value) in &options.ws_headers {
        let name: HeaderName = name.parse().map_err(TransportError::of)?;
        let value = HeaderValue::from_str(value).map_err(TransportError::of)?;
        request.headers_mut().append(name, value);
    }
    let nagle_off = true;
    let (socket, _) = tokio_tungstenite::connect_async_with_config(request, None, nagle_off)
        .await
        .map_err(TransportError::of)?;
    let carrier = socket
        .with(|bytes: Bytes| future::ready(Ok::<_, Error>(Message::Binary(bytes))))
        .sink_map_err(TransportError::of)
        .filter_map(|message| future::ready(bytes_of(message)));
    Ok(Wire::new(None, carrier))
}

/// The bytes of a message; tungstenite itself answers pings and closing.
fn bytes_of(message: Result<Message, Error>) -> Option<Result<Bytes, TransportError>> {
    match message {
        Ok(Message::Binary(bytes)) => Some(Ok(bytes)),
        Ok(Message::Text(text)) => Some(Ok(text.into())),
        Ok(Message::Close(_)) => Some(Err(TransportError("the server closed the socket".into()))),
        Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => None,
        Err(error) => Some(Err(TransportError::of(error))),
    }
}
