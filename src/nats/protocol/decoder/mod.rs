//! From bytes, in whatever pieces they come, to operations of the server. A WebSocket frame or a
//! TCP segment may end anywhere, so the pieces say nothing about the operations.

mod awaited;
#[cfg(test)]
mod tests;

use bytes::{Buf as _, Bytes, BytesMut};

use super::{Headers, Message, ServerError, ServerOp};
use awaited::Awaited;

/// The longest line: an INFO with the addresses of a large cluster fits.
const LINE_BYTES: usize = 256 * 1_024;

/// The bytes are not what a server sends: the connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A line that begins with no known word.
    #[error("a line that is no operation")]
    UnknownOperation,
    /// More bytes than anything may have.
    #[error("a line or a message that is too long")]
    TooLong,
    /// A known word, and something else than belongs to it.
    #[error("a malformed {0}")]
    Malformed(&'static str),
}

/// Collects bytes until they are an operation.
#[derive(Debug)]
pub struct Decoder {
    bytes: BytesMut,
    /// Up to here there is no end of line.
    searched: usize,
    /// A message whose line has been read, and whose bytes have not.
    awaited: Option<Awaited>,
    most: usize,
    /// Why it cannot go on, once it cannot: where the next operation begins is not known.
    broken: Option<ProtocolError>,
}

impl Decoder {
    /// `most`: how many bytes one message may have.
    pub fn new(most: usize) -> Self {
        Self {
            bytes: BytesMut::new(),
            searched: 0,
            awaited: None,
            most,
            broken: None,
        }
    }

    /// Forgets what has come: a new connection begins.
    pub fn clear(&mut self) {
        *self = Self::new(self.most);
    }

    /// Takes what has come. [`decode`](Self::decode) until there is nothing left before the next.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.broken.is_none() {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// The next operation, when all of it has come. After an error there is only that error.
    pub fn decode(&mut self) -> Result<Option<ServerOp>, ProtocolError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let next = self.next();
        if let Err(error) = next {
            self.clear();
            self.broken = Some(error);
        }
        next
    }

    /// How many bytes wait for the rest of their operation.
    #[allow(dead_code, reason = "for tests of its bound")]
    pub fn held(&self) -> usize {
        self.bytes.len()
    }

    fn next(&mut self) -> Result<Option<ServerOp>, ProtocolError> {
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
            let (word, rest) = match line.iter().position(|b| is_space(*b)) {
                Some(at) => (line.slice(..at), line.slice(at + 1..)),
                None => (line, Bytes::new()),
            };
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            if is("MSG") {
                self.awaited = Some(Awaited::read(&rest, false, self.most)?);
            } else if is("HMSG") {
                self.awaited = Some(Awaited::read(&rest, true, self.most)?);
            } else if is("PING") {
                return Ok(Some(ServerOp::Ping));
            } else if is("PONG") {
                return Ok(Some(ServerOp::Pong));
            } else if is("+OK") {
                return Ok(Some(ServerOp::Ok));
            } else if is("-ERR") {
                let error = ServerError::read(&String::from_utf8_lossy(&rest));
                return Ok(Some(ServerOp::Error(error)));
            } else if is("INFO") {
                let info = serde_json::from_slice(&rest);
                let info = info.map_err(|_| ProtocolError::Malformed("INFO"))?;
                return Ok(Some(ServerOp::Info(Box::new(info))));
            } else {
                return Err(ProtocolError::UnknownOperation);
            }
        }
    }

    /// A line without its end, when one is complete.
    fn line(&mut self) -> Result<Option<Bytes>, ProtocolError> {
        let unseen = self.bytes.get(self.searched..).unwrap_or_default();
        let Some(at) = unseen.iter().position(|b| *b == b'\n') else {
            self.searched = self.bytes.len();
            if self.searched > LINE_BYTES {
                return Err(ProtocolError::TooLong);
            }
            return Ok(None);
        };
        let end = self.searched + at;
        if end > LINE_BYTES {
            return Err(ProtocolError::TooLong);
        }
        self.searched = 0;
        let mut line = self.bytes.split_to(end).freeze();
        self.bytes.advance(1);
        if line.ends_with(b"\r") {
            line.truncate(end - 1);
        }
        Ok(Some(line))
    }

    fn message(&mut self, awaited: Awaited) -> Result<Option<ServerOp>, ProtocolError> {
        if self.bytes.len() < awaited.total_bytes + 2 {
            self.awaited = Some(awaited);
            return Ok(None);
        }
        let mut payload = self.bytes.split_to(awaited.total_bytes).freeze();
        if self.bytes.split_to(2) != b"\r\n"[..] {
            return Err(ProtocolError::Malformed("end of a message"));
        }
        let (headers, status) = match awaited.header_bytes {
            0 => (Headers::new(), None),
            bytes => Headers::read(&payload.split_to(bytes)),
        };
        let message = Message {
            subject: awaited.subject,
            reply: awaited.reply,
            headers,
            status,
            payload,
        };
        let sid = awaited.sid;
        Ok(Some(ServerOp::Message { sid, message }))
    }
}

fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t')
}
