//! The browser's own WebSocket.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::channel::{mpsc, oneshot};
use wasm_bindgen::JsCast as _;
use wasm_bindgen::closure::Closure;
use web_sys::{BinaryType, CloseEvent, Event, MessageEvent, WebSocket};

use super::super::options::{ConnectOptions, ServerAddr};
use super::{Incoming, TransportError};

/// Frames that wait to be read. A browser cannot be slowed down: when they are more, the page
/// cannot keep up, and starts afresh from what it has.
const INCOMING: usize = 8_192;

/// What the browser may hold of what was sent, in bytes.
const OUTGOING: u32 = 4 * 1_024 * 1_024;

/// A transport that is there.
pub(in super::super) struct Wire {
    socket: WebSocket,
    incoming: mpsc::Receiver<Incoming>,
    _handlers: Handlers,
}

struct Handlers {
    _open: Closure<dyn FnMut(Event)>,
    _message: Closure<dyn FnMut(MessageEvent)>,
    _close: Closure<dyn FnMut(CloseEvent)>,
}

/// Connects to a server. The browser sends its cookies itself, and no headers of ours.
pub(in super::super) async fn dial(
    server: ServerAddr,
    _: ConnectOptions,
) -> Result<Wire, TransportError> {
    let socket = WebSocket::new(&server.to_string())
        .map_err(|_| TransportError("the browser does not open the socket".into()))?;
    socket.set_binary_type(BinaryType::Arraybuffer);
    let (tell, incoming) = mpsc::channel(INCOMING);
    let (opened, is_open) = oneshot::channel();
    let handlers = listen(&socket, tell, opened);
    let wire = Wire {
        socket,
        incoming,
        _handlers: handlers,
    };
    // Dropped when the socket closes before it opens; the wire then closes what is left.
    is_open
        .await
        .map_err(|_| TransportError("the socket did not open".into()))?;
    Ok(wire)
}

fn listen(
    socket: &WebSocket,
    tell: mpsc::Sender<Incoming>,
    opened: oneshot::Sender<()>,
) -> Handlers {
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
    Handlers {
        _open: open,
        _message: message,
        _close: close,
    }
}

impl Wire {
    /// Sends bytes, soon.
    pub(in super::super) fn send(&mut self, bytes: Bytes) -> Result<(), TransportError> {
        if self.socket.buffered_amount() > OUTGOING {
            return Err(TransportError(
                "the network does not take what is sent".into(),
            ));
        }
        self.socket
            .send_with_u8_array(&bytes)
            .map_err(|_| TransportError("the socket is not open".into()))
    }

    /// What comes in next.
    pub(in super::super) async fn next(&mut self) -> Incoming {
        let over = || Incoming::Closed("the socket closed".into());
        self.incoming.next().await.unwrap_or_else(over)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        let _ = self.socket.close();
    }
}
