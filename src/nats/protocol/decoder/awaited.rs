//! A message whose line has been read.

use std::str::FromStr;

use bytes::Bytes;

use super::{ProtocolError, is_space};
use crate::nats::protocol::{ReplySubject, Subject};

/// What the line of a message says, until its bytes have come.
#[derive(Debug)]
pub(super) struct Awaited {
    pub subject: Subject,
    pub sid: u64,
    pub reply: Option<ReplySubject>,
    /// Never more than `total_bytes`.
    pub header_bytes: usize,
    pub total_bytes: usize,
}

impl Awaited {
    /// `subject sid [reply] [header bytes] total bytes`. The subjects may be any bytes but space:
    /// publishers chose them.
    pub fn read(line: &Bytes, has_headers: bool, most: usize) -> Result<Self, ProtocolError> {
        let words: Vec<&[u8]> = line
            .split(|b| is_space(*b))
            .filter(|word| !word.is_empty())
            .collect();
        let (subject, sid, reply, header_bytes, total_bytes) = match (words.as_slice(), has_headers)
        {
            ([subject, sid, total], false) => (subject, sid, None, None, total),
            ([subject, sid, reply, total], false) => (subject, sid, Some(reply), None, total),
            ([subject, sid, headers, total], true) => (subject, sid, None, Some(headers), total),
            ([subject, sid, reply, headers, total], true) => {
                (subject, sid, Some(reply), Some(headers), total)
            }
            _ => return Err(ProtocolError::Malformed("message line")),
        };
        let total_bytes = number(total_bytes)?;
        let header_bytes = header_bytes.map_or(Ok(0), |digits| number(digits))?;
        // What does not fit is refused before anything is kept for it.
        if total_bytes > most {
            return Err(ProtocolError::TooLong);
        }
        if header_bytes > total_bytes {
            return Err(ProtocolError::Malformed("length"));
        }
        Ok(Self {
            subject: Subject::received(line.slice_ref(subject)),
            sid: number(sid)?,
            reply: reply.map(|reply| ReplySubject::received(line.slice_ref(reply))),
            header_bytes,
            total_bytes,
        })
    }
}

fn number<N: FromStr>(digits: &[u8]) -> Result<N, ProtocolError> {
    let malformed = ProtocolError::Malformed("number");
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(malformed);
    }
    let text = std::str::from_utf8(digits).map_err(|_| malformed)?;
    text.parse().map_err(|_| malformed)
}
