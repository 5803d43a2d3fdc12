//! From bytes, in whatever pieces they come, to operations of the server.

use bytes::{Buf as _, Bytes, BytesMut};

use super::{Headers, Message, ServerError, ServerInfo, Subject};

/// The longest line: an INFO with the addresses of a large cluster fits.
const LINE_BYTES: usize = 256 * 1_024;

/// The largest message with its headers: what nats-server allows at most.
const MESSAGE_BYTES: usize = 64 * 1_024 * 1_024;

/// Something the server says.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum ServerOp {
    Info(Box<ServerInfo>),
    Message { sid: u64, message: Message },
    Ping,
    Pong,
    Ok,
    Error(ServerError),
}

/// The bytes are not what a server sends: the connection cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in super::super) enum ProtocolError {
    #[error("a line that is no operation")]
    UnknownOperation,
    #[error("a line or a message that is too long")]
    TooLong,
    #[error("a malformed {0}")]
    Malformed(&'static str),
}

/// Collects bytes until they are an operation.
#[derive(Debug, Default)]
pub(in super::super) struct Decoder {
    bytes: BytesMut,
    /// Up to here there is no end of line.
    searched: usize,
    /// A message whose line has been read.
    awaited: Option<Awaited>,
}

#[derive(Debug)]
struct Awaited {
    subject: Subject,
    sid: u64,
    reply: Option<Subject>,
    header_bytes: usize,
    total_bytes: usize,
}

impl Decoder {
    pub(in super::super) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next operation, when all of it has come.
    pub(in super::super) fn next(&mut self) -> Result<Option<ServerOp>, ProtocolError> {
        loop {
            if let Some(awaited) = self.awaited.take() {
                return self.message(awaited);
            }
            let Some(line) = self.line()? else {
                return Ok(None);
            };
            if line.is_empty() {
                continue;
            }
            let (verb, rest) = match line.iter().position(|b| matches!(b, b' ' | b'\t')) {
                Some(at) => (line.slice(..at), line.slice(at + 1..)),
                None => (line.clone(), Bytes::new()),
            };
            return Ok(Some(match verb.to_ascii_uppercase().as_slice() {
                b"MSG" => {
                    self.awaited = Some(Awaited::read(&rest, false)?);
                    continue;
                }
                b"HMSG" => {
                    self.awaited = Some(Awaited::read(&rest, true)?);
                    continue;
                }
                b"PING" => ServerOp::Ping,
                b"PONG" => ServerOp::Pong,
                b"+OK" => ServerOp::Ok,
                b"-ERR" => ServerOp::Error(ServerError::read(&String::from_utf8_lossy(&rest))),
                b"INFO" => ServerOp::Info(Box::new(
                    serde_json::from_slice(&rest).map_err(|_| ProtocolError::Malformed("INFO"))?,
                )),
                _ => return Err(ProtocolError::UnknownOperation),
            }));
        }
    }

    /// A line without its end, when one is complete.
    fn line(&mut self) -> Result<Option<Bytes>, ProtocolError> {
        let new = self.bytes.get(self.searched..).unwrap_or_default();
        let Some(at) = new.iter().position(|b| *b == b'\n') else {
            self.searched = self.bytes.len();
            return if self.searched > LINE_BYTES {
                Err(ProtocolError::TooLong)
            } else {
                Ok(None)
            };
        };
        let end = self.searched + at;
        self.searched = 0;
        let line = self.bytes.split_to(end).freeze();
        self.bytes.advance(1);
        Ok(Some(match line.strip_suffix(b"\r") {
            Some(bare) => line.slice(..bare.len()),
            None => line,
        }))
    }

    fn message(&mut self, awaited: Awaited) -> Result<Option<ServerOp>, ProtocolError> {
        if self.bytes.len() < awaited.total_bytes + 2 {
            self.awaited = Some(awaited);
            return Ok(None);
        }
        let mut payload = self.bytes.split_to(awaited.total_bytes).freeze();
        if self.bytes.split_to(2).as_ref() != b"\r\n" {
            return Err(ProtocolError::Malformed("end of a message"));
        }
        let headers = if awaited.header_bytes == 0 {
            Headers::default()
        } else {
            Headers::read(&payload.split_to(awaited.header_bytes))
        };
        Ok(Some(ServerOp::Message {
            sid: awaited.sid,
            message: Message {
                subject: awaited.subject,
                reply: awaited.reply,
                headers,
                payload,
            },
        }))
    }
}

impl Awaited {
    /// `subject sid [reply] [header bytes] total bytes`. The subjects may be any bytes but white
    /// space: publishers chose them.
    fn read(line: &Bytes, has_headers: bool) -> Result<Self, ProtocolError> {
        let malformed = ProtocolError::Malformed("message line");
        let parts: Vec<Bytes> = line
            .split(|b| matches!(b, b' ' | b'\t'))
            .filter(|part| !part.is_empty())
            .map(|part| line.slice_ref(part))
            .collect();
        let numbers = if has_headers { 2 } else { 1 };
        let (subject, sid, reply, lengths) = match parts.as_slice() {
            [subject, sid, lengths @ ..] if lengths.len() == numbers => {
                (subject, sid, None, lengths)
            }
            [subject, sid, reply, lengths @ ..] if lengths.len() == numbers => {
                (subject, sid, Some(reply), lengths)
            }
            _ => return Err(malformed),
        };
        let (header_bytes, total_bytes) = match lengths {
            [total] => (0, number(total)?),
            [headers, total] => (number(headers)?, number(total)?),
            _ => return Err(malformed),
        };
        if total_bytes > MESSAGE_BYTES {
            return Err(ProtocolError::TooLong);
        }
        if header_bytes > total_bytes {
            return Err(malformed);
        }
        Ok(Self {
            subject: Subject(subject.clone()),
            sid: number(sid)? as u64,
            reply: reply.map(|reply| Subject(reply.clone())),
            header_bytes,
            total_bytes,
        })
    }
}

fn number(digits: &[u8]) -> Result<usize, ProtocolError> {
    std::str::from_utf8(digits)
        .ok()
        .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
        .ok_or(ProtocolError::Malformed("number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(pieces: &[&[u8]]) -> Result<Vec<ServerOp>, ProtocolError> {
        let mut decoder = Decoder::default();
        let mut ops = Vec::new();
        for piece in pieces {
            decoder.feed(piece);
            while let Some(op) = decoder.next()? {
                ops.push(op);
            }
        }
        Ok(ops)
    }

    const STREAM: &[u8] =
        b"INFO {\"server_id\":\"S\",\"host\":\"a name, no address\",\"unknown\":[1]}\r\n\
        PING\r\n+OK\r\nMSG a.b 7 5\r\nhello\r\nMSG a.b 7 _INBOX.x 0\r\n\r\n\
        HMSG a 8 r 23 28\r\nNATS/1.0\r\nKey: vals\r\n\r\nMSG 1\r\n\
        -ERR 'Permissions Violation for Publish to \"x\"'\r\nPONG\r\n\
        HMSG a 9 16 16\r\nNATS/1.0 503\r\n\r\n\r\n";

    #[test]
    fn operations_follow_each_other() {
        let ops = decode(&[STREAM]).unwrap();
        assert_eq!(ops.len(), 9);
        let ServerOp::Message { sid, message } = &ops[5] else {
            panic!("{:?}", ops[5]);
        };
        assert_eq!(*sid, 8);
        assert_eq!(message.headers.last("Key"), Some("vals"));
        assert_eq!(message.payload, "MSG 1");
        assert_eq!(message.reply_str(), Some("r"));
    }

    #[test]
    fn a_reply_that_is_no_text_is_still_a_message() {
        let ops = decode(&[b"MSG a 1 _INBOX.\xff\xfe 2\r\nhi\r\n"]).unwrap();
        let [ServerOp::Message { message, .. }] = ops.as_slice() else {
            panic!("{ops:?}");
        };
        assert!(message.reply_is_malformed());
        assert_eq!(message.reply_str(), None);
    }

    #[test]
    fn lengths_are_bounded() {
        for hostile in [
            &b"MSG x 1 99999999999\r\n"[..],
            b"MSG x 1 99999999999999999999999999\r\n",
            b"MSG x 1 -1\r\n",
            b"HMSG x 1 9 3\r\n",
            b"MSG x\r\n",
            b"HELLO\r\n",
            b"INFO {\r\n",
            b"MSG x 1 1\r\nabc",
        ] {
            assert!(
                decode(&[hostile]).is_err(),
                "{:?}",
                String::from_utf8_lossy(hostile)
            );
        }
        assert_eq!(
            decode(&[&vec![b'x'; LINE_BYTES + 1]]),
            Err(ProtocolError::TooLong)
        );
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_operations(mut cuts in proptest::collection::vec(0..STREAM.len(), 0..40)) {
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&STREAM[from..cut]);
                from = cut;
            }
            pieces.push(&STREAM[from..]);
            prop_assert_eq!(decode(&pieces), decode(&[STREAM]));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(&[&bytes]);
        }

        #[test]
        fn no_message_line_makes_it_panic(line in "(MSG|HMSG) [ a-z.0-9*>\u{e9}]{0,40}\r\n[a-z\r\n:/]{0,60}") {
            let _ = decode(&[line.as_bytes()]);
        }
    }
}
