//! The wire natively: two tasks, one for each direction.

use bytes::Bytes;
use futures::channel::mpsc;
use futures::{Sink, SinkExt as _, Stream, StreamExt as _};
use tokio::task::JoinSet;

use super::super::options::{ConnectOptions, Scheme, ServerAddr};
use super::{Incoming, TransportError, tcp, websocket};

/// Pieces that wait to be sent.
const OUTGOING: usize = 1_024;

/// Pieces that wait to be read; the reader waits while they do.
const INCOMING: usize = 64;

/// A transport that is there.
pub(in super::super) struct Wire {
    out: mpsc::Sender<Bytes>,
    incoming: mpsc::Receiver<Incoming>,
    _tasks: JoinSet<()>,
}

/// Connects to a server.
pub(in super::super) async fn dial(
    server: ServerAddr,
    options: ConnectOptions,
) -> Result<Wire, TransportError> {
    match server.scheme {
        Scheme::Nats | Scheme::Tls => tcp::dial(&server).await,
        Scheme::Ws | Scheme::Wss => websocket::dial(&server, &options.ws_headers).await,
    }
}

impl Wire {
    /// Joins the two directions of a transport. `first`: bytes that have been read already.
    pub(super) fn new<I, O>(first: Bytes, mut input: I, mut output: O) -> Self
    where
        I: Stream<Item = Result<Bytes, TransportError>> + Send + Unpin + 'static,
        O: Sink<Bytes> + Send + Unpin + 'static,
        O::Error: std::fmt::Display + Send,
    {
        let (out, mut outgoing) = mpsc::channel::<Bytes>(OUTGOING);
        let (mut tell, incoming) = mpsc::channel(INCOMING);
        let mut failed = tell.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            if !first.is_empty() && tell.send(Incoming::Bytes(first)).await.is_err() {
                return;
            }
            let reason = loop {
                match input.next().await {
                    Some(Ok(bytes)) => {
                        if tell.send(Incoming::Bytes(bytes)).await.is_err() {
                            return;
                        }
                    }
                    Some(Err(error)) => break error.0,
                    None => break "the server closed the connection".into(),
                }
            };
            let _ = tell.send(Incoming::Closed(reason)).await;
        });
        tasks.spawn(async move {
            while let Some(bytes) = outgoing.next().await {
                if let Err(error) = output.send(bytes).await {
                    let _ = failed.send(Incoming::Closed(error.to_string())).await;
                    return;
                }
            }
            let _ = output.close().await;
        });
        Self {
            out,
            incoming,
            _tasks: tasks,
        }
    }

    /// Sends bytes, soon.
    pub(in super::super) fn send(&mut self, bytes: Bytes) -> Result<(), TransportError> {
        self.out
            .try_send(bytes)
            .map_err(|_| TransportError("the server does not take what is sent".into()))
    }

    /// What comes in next.
    pub(in super::super) async fn next(&mut self) -> Incoming {
        let over = || Incoming::Closed("the connection ended".into());
        self.incoming.next().await.unwrap_or_else(over)
    }
}
