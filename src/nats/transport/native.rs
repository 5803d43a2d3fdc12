//! The wire natively: whatever is a stream and a sink of bytes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::{Sink, Stream};

use super::{Incoming, TransportError, tcp, websocket};
use crate::nats::options::{ConnectOptions, Scheme, ServerAddr};

/// Bytes in and bytes out, over TCP or WebSocket, with TLS or without.
pub(super) trait Carrier:
    Stream<Item = Result<Bytes, TransportError>> + Sink<Bytes, Error = TransportError> + Send
{
}

impl<T> Carrier for T where
    T: Stream<Item = Result<Bytes, TransportError>> + Sink<Bytes, Error = TransportError> + Send
{
}

/// A transport that is there.
pub struct Wire {
    /// What was read while dialling.
    first: Option<Bytes>,
    carrier: Pin<Box<dyn Carrier>>,
}

/// Connects to a server.
pub async fn dial(server: ServerAddr, options: ConnectOptions) -> Result<Wire, TransportError> {
    match server.scheme() {
        Scheme::Nats | Scheme::Tls => tcp::dial(&server).await,
        Scheme::Ws | Scheme::Wss => websocket::dial(&server, &options).await,
    }
}

impl Wire {
    pub(super) fn new(first: Option<Bytes>, carrier: impl Carrier + 'static) -> Self {
        let carrier = Box::pin(carrier);
        Self { first, carrier }
    }

    /// Moves on what was sent; ready when it has left.
    pub fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        ready!(self.carrier.as_mut().poll_flush(context))?;
        self.carrier.as_mut().poll_ready(context)
    }

    /// Sends bytes. Only after [`poll_ready`](Self::poll_ready), which also moves them on.
    pub fn send(&mut self, bytes: Bytes) -> Result<(), TransportError> {
        self.carrier.as_mut().start_send(bytes)
    }

    /// What comes in next.
    pub fn poll_incoming(&mut self, context: &mut Context<'_>) -> Poll<Incoming> {
        if let Some(bytes) = self.first.take() {
            return Poll::Ready(Incoming::Bytes(bytes));
        }
        Poll::Ready(match ready!(self.carrier.as_mut().poll_next(context)) {
            Some(Ok(bytes)) => Incoming::Bytes(bytes),
            Some(Err(error)) => Incoming::Closed(error.0),
            None => Incoming::Closed("the server closed the connection".into()),
        })
    }
}
