//! One connection through the proxy.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::{Fault, Way};

/// How a connection is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Close,
    Reset,
    /// Nothing is passed on any longer, and both sides stay open until another end comes.
    Hold,
}

/// Bytes of one piece, at most.
const PIECE: usize = 16 * 1_024;

/// Pieces that are held for one way of one connection.
const HELD: usize = 16;

/// Carries until one side or the proxy ends it.
pub(super) async fn carry(
    mut near: TcpStream,
    upstreams: Arc<[SocketAddr]>,
    faults: watch::Receiver<Fault>,
    mut ends: broadcast::Receiver<End>,
) {
    let Ok(mut far) = TcpStream::connect(&*upstreams).await else {
        return;
    };
    for side in [&near, &far] {
        let _ = side.set_nodelay(true);
    }
    let mut end = {
        let (near_read, near_write) = near.split();
        let (far_read, far_write) = far.split();
        let up = one_way(near_read, far_write, Way::Up, faults.clone());
        let down = one_way(far_read, near_write, Way::Down, faults);
        tokio::select! {
            // An error on one way ends both.
            _ = async { tokio::try_join!(up, down) } => End::Close,
            end = ends.recv() => end.unwrap_or(End::Close),
        }
    };
    while end == End::Hold {
        end = ends.recv().await.unwrap_or(End::Close);
    }
    if end == End::Reset {
        for side in [&near, &far] {
            let _ = side.set_zero_linger();
        }
    }
}

async fn one_way(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    way: Way,
    mut faults: watch::Receiver<Fault>,
) -> io::Result<()> {
    let (hold, mut held) = mpsc::channel::<(Instant, Vec<u8>)>(HELD);
    let take = async move {
        loop {
            let mut piece = vec![0; PIECE];
            let read = from.read(&mut piece).await?;
            piece.truncate(read);
            if read == 0 || hold.send((Instant::now(), piece)).await.is_err() {
                return Ok(());
            }
        }
    };
    let give = async move {
        while let Some((came, piece)) = held.recv().await {
            let mut rest = piece.as_slice();
            while !rest.is_empty() {
                let next = allowed(&mut faults, way, came).await?.min(rest.len());
                let (now, later) = rest.split_at(next);
                to.write_all(now).await?;
                rest = later;
                tokio::task::yield_now().await;
            }
        }
        // A side that has said all may still listen.
        to.shutdown().await
    };
    tokio::try_join!(take, give).map(drop)
}

/// Waits until something may be passed that way, and says how many bytes at once.
async fn allowed(
    faults: &mut watch::Receiver<Fault>,
    way: Way,
    came: Instant,
) -> io::Result<usize> {
    loop {
        let fault = *faults.borrow_and_update();
        let until = match fault {
            Fault::Pass | Fault::Refuse => return Ok(usize::MAX),
            Fault::Chop => return Ok(1),
            Fault::HalfOpen(stopped) if stopped != way && stopped != Way::Both => {
                return Ok(usize::MAX);
            }
            Fault::HalfOpen(_) => None,
            Fault::Delay(delay) => Some(came + delay),
        };
        let passes = async {
            match until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = faults.changed() => changed.map_err(io::Error::other)?,
            () = passes => return Ok(usize::MAX),
        }
    }
}
