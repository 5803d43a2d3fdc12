//! Reads the whole body of a request, up to a maximum size and at a minimum rate. `guarded` uses it for
//! every address that takes a body.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use bytes::BytesMut;
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use super::bodies::SMALL;
use crate::server::config::BodyPace;

/// A body, up to the size that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Whole {
    pub bytes: Bytes,
    /// The body was longer.
    pub is_cut_off: bool,
}

/// In a request's extensions: its body was longer than is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct CutOff;

/// How much of a body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// The bytes that are held in memory. Further ones are read and dropped, so that the browser goes on
    /// to read the answer.
    pub kept: usize,
    /// The bytes that are read at all.
    pub read: usize,
}

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    /// It arrived slower than the minimum rate.
    #[error("the body arrived too slowly")]
    TooSlow,
    /// It has more bytes than are read.
    #[error("the body is too large")]
    TooLarge,
    /// Too many bodies of this size are in memory.
    #[error("there is no room for the body")]
    NoRoom,
    /// The connection broke, or the body is malformed.
    #[error("the body did not arrive completely")]
    Broken,
}

impl BodyError {
    /// The retry delay where there is no room.
    pub(super) const RETRY_AFTER: Duration = Duration::from_secs(10);
}

/// Reads a body to its end. `more` is asked once, before more than [`SMALL`] bytes are kept; what it gives
/// is given back with the body, and counts the body for as long as it lives.
pub(super) async fn whole<H>(
    mut body: Body,
    bounds: Bounds,
    pace: BodyPace,
    more: impl FnOnce() -> Option<H>,
) -> Result<(Whole, Option<H>), BodyError> {
    let announced = body.size_hint();
    let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    if bytes(announced.lower()) > bounds.read {
        return Err(BodyError::TooLarge);
    }
    let expected = announced.upper().map_or(bounds.kept, bytes);
    let begun = Instant::now();
    let (mut kept, mut arrived) = (BytesMut::new(), 0_usize);
    let (mut more, mut held) = (Some(more), None);
    loop {
        // Bytes that arrived fast do not allow a long silence afterwards.
        let late = begun + pace.time_for(arrived);
        let silent = Instant::now() + pace.grace;
        let frame = match timeout_at(late.min(silent), body.frame()).await {
            Err(_) => return Err(BodyError::TooSlow),
            Ok(None) => {
                let whole = Whole {
                    is_cut_off: arrived > kept.len(),
                    bytes: kept.freeze(),
                };
                return Ok((whole, held));
            }
            Ok(Some(Err(_))) => return Err(BodyError::Broken),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        arrived += data.len();
        if arrived > bounds.read {
            return Err(BodyError::TooLarge);
        }
        let room = bounds.kept - kept.len();
        let data = data.get(..room).unwrap_or(&data);
        if kept.len() + data.len() > SMALL
            && let Some(more) = more.take()
        {
            held = Some(more().ok_or(BodyError::NoRoom)?);
            // Once, so that it is not copied from one buffer to the next larger one.
            kept.reserve(expected.min(bounds.kept).saturating_sub(kept.len()));
        }
        kept.extend_from_slice(data);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::{StreamExt as _, stream};

    use super::*;

    const BOUNDS: Bounds = Bounds {
        kept: 50_000,
        read: 80_000,
    };

    /// A body of these chunks, which then ends or goes on without a byte.
    fn body(chunks: Vec<usize>, ends: bool) -> Body {
        let chunks = stream::iter(chunks).map(|bytes| Ok::<_, std::io::Error>(vec![b'x'; bytes]));
        match ends {
            true => Body::from_stream(chunks),
            false => Body::from_stream(chunks.chain(stream::pending())),
        }
    }

    async fn read(body: Body, grace: Duration) -> Result<(usize, bool), BodyError> {
        let pace = BodyPace {
            grace,
            bytes_per_second: 1_000,
        };
        let (whole, _) = whole(body, BOUNDS, pace, || Some(())).await?;
        Ok((whole.bytes.len(), whole.is_cut_off))
    }

    #[test]
    fn every_byte_earns_its_time() {
        let pace = BodyPace::default();
        assert_eq!(pace.time_for(0), pace.grace);
        let second = pace.bytes_per_second as usize;
        assert_eq!(
            pace.time_for(3 * second),
            pace.grace + Duration::from_secs(3)
        );
    }

    #[tokio::test]
    async fn a_body_that_stops_is_given_up_also_after_many_bytes() {
        let grace = Duration::from_millis(50);
        for sent in [vec![], vec![3], vec![40_000]] {
            let read = read(body(sent, false), grace).await;
            assert_eq!(read, Err(BodyError::TooSlow));
        }
    }

    #[tokio::test]
    async fn a_body_that_trickles_is_given_up() {
        let trickle = stream::repeat(()).then(|()| async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Ok::<_, std::io::Error>(vec![b'x'])
        });
        let read = read(Body::from_stream(trickle), Duration::from_millis(100)).await;
        assert_eq!(read, Err(BodyError::TooSlow));
    }

    #[tokio::test]
    async fn a_body_past_the_small_size_asks_for_room_once() {
        let pace = BodyPace::default();
        for (chunks, asked) in [
            (vec![SMALL], 0),
            (vec![SMALL, 1], 1),
            (vec![1; SMALL + 1], 1),
            (vec![40_000, 5_000], 1),
        ] {
            let mut asks = 0;
            let more = || {
                asks += 1;
                Some(())
            };
            let read = whole(body(chunks, true), BOUNDS, pace, more).await;
            assert_eq!(read.unwrap().1.is_some(), asked > 0);
            assert_eq!(asks, asked);
        }
        let full = whole(body(vec![9_000], false), BOUNDS, pace, || None::<()>).await;
        assert_eq!(full, Err(BodyError::NoRoom), "although it goes on");
    }

    #[tokio::test]
    async fn what_is_over_the_bounds_is_dropped_or_not_read() {
        let grace = Duration::from_secs(10);
        for (chunks, expected) in [
            (vec![], Ok((0, false))),
            (vec![30_000, 20_000], Ok((50_000, false))),
            (vec![30_000, 30_000], Ok((50_000, true))),
            (vec![81_000], Err(BodyError::TooLarge)),
        ] {
            assert_eq!(read(body(chunks, true), grace).await, expected);
        }
    }
}
