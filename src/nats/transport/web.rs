//! The browser's own WebSocket.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::channel::{mpsc, oneshot};
use futures::{FutureExt as _, StreamExt as _};
use wasm_bindgen::JsCast as _;
use wasm_bindgen::closure::Closure;
use web_sys::{BinaryType, CloseEvent, Event, MessageEvent, WebSocket};

use super::{Incoming, TransportError};
use crate::nats::options::{ConnectOptions, Scheme, ServerAddr};
use crate::nats::runtime::{BoxFuture, sleep};

/// Frames that wait to be read. A browser cannot slow the server down: when they are more, the
/// page cannot keep up, and starts afresh from what it has.
const INCOMING: usize = 8_192;

/// What the browser may hold of what was sent, in bytes, before it gets more.
const OUTGOING: u32 = 256 * 1_024;

/// A browser does not tell when it holds less, so it is asked again and again.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// A transport that is there.
pub struct Wire {
    socket: Socket,
    incoming: mpsc::Receiver<Incoming>,
    asking: Option<BoxFuture<()>>,
}

/// A socket that is closed when it is dropped, open or not, and then calls nobody any more.
struct Socket {
    socket: WebSocket,
    _open: Closure<dyn FnMut(Event)>,
    _message: Closure<dyn FnMut(MessageEvent)>,
    _close: Closure<dyn FnMut(CloseEvent)>,
}

/// Connects to a server. The browser sends its cookies itself, and no headers of ours.
pub async fn dial(server: ServerAddr, _: ConnectOptions) -> Result<Wire, TransportError> {
    if matches!(server.scheme(), Scheme::Nats | Scheme::Tls) {
        return Err(TransportError("a page has no TCP".into()));
    }
    let socket = WebSocket::new(&server.to_string())
        .map_err(|_| TransportError("the browser does not open the socket".into()))?;
    socket.set_binary_type(BinaryType::Arraybuffer);
    let (tell, incoming) = mpsc::channel(INCOMING);
    let (opened, is_open) = oneshot::channel();
    let socket = Socket::listening(socket, tell, opened);
    // It is dropped when the socket closes before it opens.
    is_open
        .await
        .map_err(|_| TransportError("the socket did not open".into()))?;
    Ok(Wire {
        socket,
        incoming,
        asking: None,
    })
}

impl Socket {
    fn listening(
        socket: WebSocket,
        tell: mpsc::Sender<Incoming>,
        opened: oneshot::Sender<()>,
    ) -> Self {
        let opened = Rc::new(RefCell::new(Some(opened)));
        let never = Rc::clone(&opened);
        let open = Closure::<dyn FnMut(Event)>::new(move |_| {
            if let Some(opened) = opened.borrow_mut().take() {
                let _ = opened.send(());
            }
        });
        let (mut frames, cut) = (tell.clone(), socket.clone());
        let message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let bytes = js_sys::Uint8Array::new(&event.data()).to_vec();
            if frames.try_send(Incoming::Bytes(bytes.into())).is_err() {
                let _ = cut.close();
            }
        });
        let mut ends = tell;
        let close = Closure::<dyn FnMut(CloseEvent)>::new(move |event: CloseEvent| {
            never.borrow_mut().take();
            let reason = format!("the socket closed with {}", event.code());
            // Where there is no room, the end of the channel says the same.
            let _ = ends.try_send(Incoming::Closed(reason));
            ends.close_channel();
        });
        socket.set_onopen(Some(open.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(close.as_ref().unchecked_ref()));
        Self {
            socket,
            _open: open,
            _message: message,
            _close: close,
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        let _ = self.socket.close();
    }
}

impl Wire {
    /// Ready when the browser holds little of what was sent.
    pub fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        while self.socket.socket.buffered_amount() > OUTGOING {
            let asking = self
                .asking
                .get_or_insert_with(|| Box::pin(sleep(ASK_AGAIN)));
            ready!(asking.poll_unpin(context));
            self.asking = None;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends bytes. Only after [`poll_ready`](Self::poll_ready).
    pub fn send(&mut self, bytes: Bytes) -> Result<(), TransportError> {
        self.socket
            .socket
            .send_with_u8_array(&bytes)
            .map_err(|_| TransportError("the socket is not open".into()))
    }

    /// What comes in next.
    pub fn poll_incoming(&mut self, context: &mut Context<'_>) -> Poll<Incoming> {
        let incoming = ready!(self.incoming.poll_next_unpin(context));
        let over = || Incoming::Closed("the socket closed".into());
        Poll::Ready(incoming.unwrap_or_else(over))
    }
}
