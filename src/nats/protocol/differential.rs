//! Our codec beside watermelon-proto's: of the same bytes both read the same, and the same is
//! written by both.
//!
//! Left out is where they mean to differ: INFO (theirs wants an IP as the host), what publishers
//! may write and theirs ends the connection over (a subject that is no text, a broken header
//! block), a wildcard within a token (the server takes it), and the order of names in a header
//! block (theirs sorts, and takes `a` and `A` for one name).

use std::fmt::Write as _;
use std::num::NonZero;

use bytes::BufMut as _;
use proptest::prelude::*;
use watermelon_proto::headers::{HeaderMap, HeaderName, HeaderValue};
use watermelon_proto::proto::{self, ClientOp, FramedEncoder, StreamDecoder};
use watermelon_proto::{MessageBase, QueueGroup, error};

use super::{Decoder, Encoder, Headers, Outgoing, ServerError, ServerOp};

/// An operation in terms that both codecs know.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Heard {
    Message {
        sid: u64,
        subject: String,
        reply: Option<String>,
        status: Option<u16>,
        headers: Vec<(String, Vec<String>)>,
        payload: Vec<u8>,
    },
    Ping,
    Pong,
    Ok,
    /// Does it end the connection, if that is known?
    Error(Option<bool>),
}

const NAMES: [&str; 4] = ["A", "B-c", "Nats-Sequence", "x!#"];

fn ours(op: ServerOp) -> Heard {
    match op {
        ServerOp::Message { sid, message } => Heard::Message {
            sid,
            subject: message.subject.to_string(),
            reply: message.reply_str().map(str::to_owned),
            status: message.status.map(super::StatusCode::as_u16),
            headers: by_name(|name| message.headers.values(name).map(str::to_owned).collect()),
            payload: message.payload.to_vec(),
        },
        ServerOp::Ping => Heard::Ping,
        ServerOp::Pong => Heard::Pong,
        ServerOp::Ok => Heard::Ok,
        ServerOp::Error(ServerError::Passing(_)) => Heard::Error(None),
        ServerOp::Error(error) => Heard::Error(Some(error.is_fatal())),
        ServerOp::Info(info) => panic!("{info:?}"),
    }
}

fn theirs(op: proto::ServerOp) -> Heard {
    match op {
        proto::ServerOp::Message { message } => {
            let MessageBase {
                subject,
                reply_subject,
                headers,
                payload,
            } = message.base;
            let values = |name: &str| {
                let name = name.parse::<HeaderName>().unwrap();
                let values = headers.get_all(&name);
                values
                    .map(|value| value.to_str().unwrap().trim().to_owned())
                    .collect()
            };
            Heard::Message {
                sid: message.subscription_id.into(),
                subject: subject.to_string(),
                reply: reply_subject.map(|reply| reply.to_string()),
                status: message.status_code.map(u16::from),
                headers: by_name(values),
                payload: payload.to_vec(),
            }
        }
        proto::ServerOp::Ping => Heard::Ping,
        proto::ServerOp::Pong => Heard::Pong,
        proto::ServerOp::Success => Heard::Ok,
        proto::ServerOp::Error { error } => Heard::Error(is_fatal(&error)),
        proto::ServerOp::Info { info } => panic!("{info:?}"),
    }
}

/// What they do not know, and "Invalid Subject", ends nothing that we know of.
fn is_fatal(error: &error::ServerError) -> Option<bool> {
    match error {
        error::ServerError::InvalidSubject => None,
        error => error.is_fatal(),
    }
}

fn by_name(values: impl Fn(&str) -> Vec<String>) -> Vec<(String, Vec<String>)> {
    let all = NAMES.map(|name| (name.to_owned(), values(name)));
    all.into_iter()
        .filter(|(_, values)| !values.is_empty())
        .collect()
}

fn decoded_by_us(pieces: &[&[u8]]) -> Vec<Heard> {
    let mut decoder = Decoder::new(1_000_000);
    let mut heard = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        while let Some(op) = decoder.decode().unwrap() {
            heard.push(ours(op));
        }
    }
    heard
}

fn decoded_by_them(pieces: &[&[u8]]) -> Vec<Heard> {
    let mut decoder = StreamDecoder::new();
    let mut heard = Vec::new();
    for piece in pieces {
        decoder.read_buf().put_slice(piece);
        while let Some(op) = decoder.decode().unwrap() {
            heard.push(theirs(op));
        }
    }
    heard
}

fn subject() -> &'static str {
    "[a-zA-Z$_é-]{1,8}(\\.[a-zA-Z0-9]{1,8}){0,3}"
}

fn pairs() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    prop::collection::vec(
        (prop::sample::select(&NAMES[..]), "[!-~]([ -~]{0,10}[!-~])?"),
        0..5,
    )
}

/// What a server writes, as bytes.
fn server_bytes() -> impl Strategy<Value = Vec<u8>> {
    let line = |text: &'static str| Just(text.as_bytes().to_vec());
    let error = prop::sample::select(vec![
        "Unknown Protocol Operation",
        "Authorization Violation",
        "authorization violation",
        "Invalid Client Protocol",
        "Maximum Control Line Exceeded",
        "Parser Error",
        "Secure Connection - TLS Required",
        "Stale Connection",
        "maximum connections exceeded",
        "Slow Consumer",
        "Maximum Payload Violation",
        "Invalid Subject",
        "Permissions Violation for Publish to \"a\"",
        "Permissions Violation for Subscription to \"a\" using queue \"q\"",
        "something new",
    ]);
    prop_oneof![
        1 => line("PING\r\n"),
        1 => line("PONG\r\n"),
        1 => line("+OK\r\n"),
        2 => error.prop_map(|text| format!("-ERR '{text}'\r\n").into_bytes()),
        6 => a_message(),
    ]
}

fn a_message() -> impl Strategy<Value = Vec<u8>> {
    let message = (
        (any::<u64>(), subject(), prop::option::of(subject())),
        prop::option::of(100_u16..1_000),
        pairs(),
        prop::collection::vec(any::<u8>(), 0..100),
    );
    message.prop_map(|((sid, subject, reply), status, pairs, payload)| {
        message_bytes(sid, &subject, reply.as_deref(), status, &pairs, &payload)
    })
}

fn message_bytes(
    sid: u64,
    subject: &str,
    reply: Option<&str>,
    status: Option<u16>,
    pairs: &[(&str, String)],
    payload: &[u8],
) -> Vec<u8> {
    let reply = reply.map(|reply| format!(" {reply}")).unwrap_or_default();
    let mut block = String::new();
    if status.is_some() || !pairs.is_empty() {
        block.push_str("NATS/1.0");
        if let Some(status) = status {
            let _ = write!(block, " {status} Some Words");
        }
        for (name, value) in pairs {
            let _ = write!(block, "\r\n{name}: {value}");
        }
        block.push_str("\r\n\r\n");
    }
    let total = block.len() + payload.len();
    let line = if block.is_empty() {
        format!("MSG {subject} {sid}{reply} {total}\r\n")
    } else {
        format!("HMSG {subject} {sid}{reply} {} {total}\r\n", block.len())
    };
    [line.as_bytes(), block.as_bytes(), payload, b"\r\n"].concat()
}

fn pieces<'a>(bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut left = bytes;
    let mut pieces = Vec::new();
    for length in lengths {
        let (piece, rest) = left.split_at((*length).min(left.len()));
        pieces.push(piece);
        left = rest;
    }
    pieces.push(left);
    pieces
}

fn written_by_them(op: &ClientOp) -> Vec<u8> {
    FramedEncoder::new().encode(op).to_vec()
}

fn written_by_us(write: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    let mut encoder = Encoder::default();
    write(&mut encoder);
    encoder.take().to_vec()
}

proptest! {
    #[test]
    fn the_same_is_read_in_whatever_pieces(
        ops in prop::collection::vec(server_bytes(), 1..12),
        lengths in prop::collection::vec(0_usize..40, 0..30),
    ) {
        let stream = ops.concat();
        let heard = decoded_by_us(&pieces(&stream, &lengths));
        prop_assert_eq!(heard.len(), ops.len());
        prop_assert_eq!(&heard, &decoded_by_them(&[&stream]));
    }

    /// Messages alone: other lines, when they come in pieces, make theirs (0.2.1) hold back what
    /// comes next, or stop when it is built for debugging.
    #[test]
    fn the_same_messages_are_read_in_the_same_pieces(
        messages in prop::collection::vec(a_message(), 1..8),
        lengths in prop::collection::vec(0_usize..40, 0..30),
    ) {
        let stream = messages.concat();
        let pieces = pieces(&stream, &lengths);
        prop_assert_eq!(decoded_by_us(&pieces), decoded_by_them(&pieces));
    }

    #[test]
    fn the_same_is_written_for_a_publication(
        to in subject(),
        reply in prop::option::of(subject()),
        mut pairs in pairs(),
        payload in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        pairs.sort_by_key(|(name, _)| name.to_ascii_lowercase());
        let mut headers = Headers::new();
        let mut their_headers = HeaderMap::new();
        for (name, value) in &pairs {
            headers.append(name, value).unwrap();
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            their_headers.append(name.parse().unwrap(), value);
        }
        let message = MessageBase {
            subject: to.parse().unwrap(),
            reply_subject: reply.as_deref().map(|reply| reply.parse().unwrap()),
            headers: their_headers,
            payload: payload.clone().into(),
        };
        let outgoing = Outgoing { subject: to, reply, headers, payload: payload.into() };
        let ours = written_by_us(|encoder| encoder.publish(&outgoing));
        prop_assert_eq!(ours, written_by_them(&ClientOp::Publish { message }));
    }

    #[test]
    fn the_same_is_written_for_a_subscription(
        to in subject(),
        queue in prop::option::of("[a-z]{1,8}"),
        sid in any::<u64>(),
        after in any::<u64>(),
    ) {
        let ours = written_by_us(|encoder| encoder.subscribe(&to, queue.as_deref(), sid));
        let theirs = written_by_them(&ClientOp::Subscribe {
            id: sid.into(),
            subject: to.parse().unwrap(),
            queue_group: queue.map(|queue| queue.parse::<QueueGroup>().unwrap()),
        });
        prop_assert_eq!(ours, theirs);
        let after = NonZero::new(after);
        let ours = written_by_us(|encoder| encoder.unsubscribe(sid, after.map(NonZero::get)));
        let theirs = written_by_them(&ClientOp::Unsubscribe { id: sid.into(), max_messages: after });
        prop_assert_eq!(ours, theirs);
    }
}

#[test]
fn the_same_is_written_to_keep_alive() {
    assert_eq!(
        written_by_us(Encoder::ping),
        written_by_them(&ClientOp::Ping)
    );
    assert_eq!(
        written_by_us(Encoder::pong),
        written_by_them(&ClientOp::Pong)
    );
}
