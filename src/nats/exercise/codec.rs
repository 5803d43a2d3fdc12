//! The decoder, fed with anything.

use super::choices::Choices;
use crate::nats::protocol::{Decoder, ProtocolError, ServerOp};

/// A line may have this many bytes, whatever the limit for messages.
const LINE: usize = 256 * 1_024;

/// The pieces in which bytes come say nothing about what they mean; nothing is held beyond the
/// limit; an error is for ever.
///
/// The first byte chooses a limit, the second how many of the following are lengths of pieces.
pub fn codec(input: &[u8]) {
    let mut choices = Choices::of(input);
    let most = choices.one_of(&[0, 16, 1_000, 100_000]);
    let cuts = choices.below(16);
    let cuts = choices.take(cuts);
    let stream = choices.rest();
    let mut left = stream;
    let mut pieces = Vec::new();
    for cut in cuts {
        let (piece, rest) = left.split_at(usize::from(*cut).min(left.len()));
        pieces.push(piece);
        left = rest;
    }
    pieces.push(left);
    let whole = decode(most, &[stream]);
    assert_eq!(decode(most, &pieces), whole, "in pieces");
    let bytes: Vec<_> = stream.chunks(1).collect();
    assert_eq!(decode(most, &bytes), whole, "byte by byte");
}

fn decode(most: usize, pieces: &[&[u8]]) -> (Vec<ServerOp>, Option<ProtocolError>) {
    let mut decoder = Decoder::new(most);
    let mut ops = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        loop {
            match decoder.decode() {
                Ok(Some(op)) => {
                    is_within(&op, most);
                    ops.push(op);
                }
                Ok(None) => break,
                Err(error) => {
                    stays_broken(&mut decoder, error);
                    return (ops, Some(error));
                }
            }
        }
        assert!(decoder.held() <= LINE.max(most + 2), "{}", decoder.held());
    }
    (ops, None)
}

fn is_within(op: &ServerOp, most: usize) {
    if let ServerOp::Message { message, .. } = op {
        assert!(message.payload.len() <= most);
        assert!(!message.headers.is_malformed() || message.headers.is_empty());
        assert_eq!(
            message.subject.is_malformed(),
            message.subject.as_str().is_empty()
        );
    }
}

fn stays_broken(decoder: &mut Decoder, error: ProtocolError) {
    for bytes in [&b""[..], b"PING\r\n", b"\r\nMSG a 1 2\r\nhi\r\n"] {
        decoder.feed(bytes);
        assert_eq!(decoder.decode(), Err(error));
        assert_eq!(decoder.held(), 0, "nothing is kept for nobody");
    }
}
