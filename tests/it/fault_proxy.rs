//! A network that can be made to fail: a TCP proxy on loopback whose behaviour changes while it
//! runs. It knows nothing of what it carries.
//!
//! ```ignore
//! let proxy = FaultProxy::start(broker_addr).await;
//! let client = connect(&format!("nats://{}", proxy.addr())).await;
//! proxy.set(Fault::HalfOpen(Way::Both)); // both sides believe that they are connected
//! proxy.set(Fault::Pass); // what was held goes on
//! proxy.cut(); // what stands is closed; who dials again gets through
//! ```
//!
//! [`set`](FaultProxy::set) says how bytes fare from now on, on connections that stand and on new
//! ones. [`cut`](FaultProxy::cut) and [`reset`](FaultProxy::reset) happen once, to what stands.
//! Nothing is lost or changed on the way: what is held up is passed on later, or never when the
//! connection ends first.

mod carry;
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{broadcast, watch};
use tokio::task::{JoinHandle, JoinSet};

use carry::{End, carry};

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From who dialled to the upstream.
    Up,
    /// From the upstream to who dialled.
    Down,
    /// Either.
    Both,
}

/// How bytes fare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// As they should.
    Pass,
    /// Each piece arrives so much later, each way; as many are under way as there are.
    Delay(Duration),
    /// Each byte is sent by itself. Who reads slowly may still find several at once.
    Chop,
    /// Nothing is passed that way, and nobody is told. What comes is held, and after a few hundred
    /// KiB, which is what buffers hold, the sender is held up too.
    HalfOpen(Way),
    /// Nobody listens here: who dials is refused by the system. What stands goes on as it should.
    Refuse,
}

/// A proxy, until it is dropped; then all that it carries is closed.
pub struct FaultProxy {
    addr: SocketAddr,
    fault: watch::Sender<Fault>,
    ends: broadcast::Sender<End>,
    accepted: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl FaultProxy {
    /// Listens on a free port and passes on to `upstream`, which is dialled once per connection;
    /// when it does not answer, the connection is closed.
    pub async fn start(upstream: SocketAddr) -> Self {
        Self::balance(&[upstream]).await
    }

    /// The same before several upstreams: a connection goes to the first that takes it.
    pub async fn balance(upstreams: &[SocketAddr]) -> Self {
        let upstreams: Arc<[SocketAddr]> = upstreams.into();
        let port = Port::reserve();
        let (addr, mut listener) = (port.addr, Some(port.listen()));
        let (fault, mut faults) = watch::channel(Fault::Pass);
        let (ends, _) = broadcast::channel(16);
        let accepted = Arc::new(AtomicUsize::new(0));
        let (tell_ends, count) = (ends.clone(), Arc::clone(&accepted));
        let task = tokio::spawn(async move {
            let mut carrying = JoinSet::new();
            loop {
                tokio::select! {
                    // A refusal is in force before one more is let in.
                    biased;
                    changed = faults.changed() => {
                        if changed.is_err() {
                            return;
                        }
                        let refuses = *faults.borrow_and_update() == Fault::Refuse;
                        match (&listener, refuses) {
                            (Some(_), true) => listener = None,
                            (None, false) => listener = Some(port.listen()),
                            _ => {}
                        }
                    }
                    Some(_) = carrying.join_next() => {}
                    near = accept(listener.as_ref()) => {
                        count.fetch_add(1, Ordering::Relaxed);
                        let (faults, ends) = (faults.clone(), tell_ends.subscribe());
                        carrying.spawn(carry(near, Arc::clone(&upstreams), faults, ends));
                    }
                }
            }
        });
        Self {
            addr,
            fault,
            ends,
            accepted,
            task,
        }
    }

    /// Where to dial; the same for as long as it runs.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How bytes fare from now on. [`Fault::Refuse`], and its end, take effect a moment later.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// Closes every connection in order (FIN), on both sides.
    pub fn cut(&self) {
        let _ = self.ends.send(End::Close);
    }

    /// Resets every connection (RST), on both sides: what was under way is lost.
    pub fn reset(&self) {
        let _ = self.ends.send(End::Reset);
    }

    /// Keeps every connection open and passes nothing on any longer; who dials again gets through.
    pub fn hold(&self) {
        let _ = self.ends.send(End::Hold);
    }

    /// How many connections were let in so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    loop {
        match listener {
            // Who hung up before being let in is nobody.
            Some(listener) => match listener.accept().await {
                Ok((near, _)) => return near,
                Err(_) => tokio::task::yield_now().await,
            },
            None => std::future::pending().await,
        }
    }
}

/// A port that stays ours while nobody listens on it, so that a refusal is a real one and nobody
/// else gets the port meanwhile.
struct Port {
    addr: SocketAddr,
    _held: TcpSocket,
}

impl Port {
    fn reserve() -> Self {
        let held = Self::socket(SocketAddr::from(([127, 0, 0, 1], 0)));
        let addr = held.local_addr().unwrap();
        Self { addr, _held: held }
    }

    fn socket(addr: SocketAddr) -> TcpSocket {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.set_reuseport(true).unwrap();
        socket.bind(addr).unwrap();
        socket
    }

    fn listen(&self) -> TcpListener {
        Self::socket(self.addr).listen(1_024).unwrap()
    }
}
