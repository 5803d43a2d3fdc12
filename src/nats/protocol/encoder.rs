//! From operations to bytes.

use std::fmt::{self, Write as _};

use bytes::{BufMut as _, Bytes, BytesMut};

use super::{Connect, Outgoing};

/// Collects what is to be sent. It writes what it is given: whoever calls has checked subjects and
/// sizes.
#[derive(Debug, Default)]
pub struct Encoder {
    out: BytesMut,
    /// How many bytes of it are no messages.
    lines: usize,
}

impl Encoder {
    /// Takes what has been collected.
    pub fn take(&mut self) -> Bytes {
        self.lines = 0;
        self.out.split().freeze()
    }

    /// Forgets what has been collected.
    pub fn clear(&mut self) {
        self.lines = 0;
        self.out.clear();
    }

    /// How many bytes wait.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// How many bytes wait that are no messages.
    pub fn lines(&self) -> usize {
        self.lines
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    pub fn connect(&mut self, connect: &Connect) {
        // Strings, numbers and flags: there is nothing in it that JSON cannot say.
        let json = serde_json::to_string(connect).unwrap_or_default();
        self.line(format_args!("CONNECT {json}"));
    }

    pub fn ping(&mut self) {
        self.line(format_args!("PING"));
    }

    pub fn pong(&mut self) {
        self.line(format_args!("PONG"));
    }

    pub fn subscribe(&mut self, subject: &str, queue: Option<&str>, sid: u64) {
        match queue {
            Some(queue) => self.line(format_args!("SUB {subject} {queue} {sid}")),
            None => self.line(format_args!("SUB {subject} {sid}")),
        }
    }

    /// At once, or when the server has sent `after` messages in all.
    pub fn unsubscribe(&mut self, sid: u64, after: Option<u64>) {
        match after {
            Some(after) => self.line(format_args!("UNSUB {sid} {after}")),
            None => self.line(format_args!("UNSUB {sid}")),
        }
    }

    pub fn publish(&mut self, message: &Outgoing) {
        let (subject, size) = (&message.subject, message.size());
        let (space, reply) = match &message.reply {
            Some(reply) => (" ", reply.as_str()),
            None => ("", ""),
        };
        if message.headers.is_empty() {
            self.write(format_args!("PUB {subject}{space}{reply} {size}"));
        } else {
            let headers = message.headers.encoded_len();
            self.write(format_args!(
                "HPUB {subject}{space}{reply} {headers} {size}"
            ));
            message.headers.write(&mut self.out);
        }
        self.out.put_slice(&message.payload);
        self.out.put_slice(b"\r\n");
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        let before = self.out.len();
        self.write(line);
        self.lines += self.out.len() - before;
    }

    fn write(&mut self, line: fmt::Arguments<'_>) {
        // Writing to memory does not fail.
        let _ = self.out.write_fmt(line);
        self.out.put_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nats::protocol::Headers;

    fn encoded(act: impl FnOnce(&mut Encoder)) -> String {
        let mut encoder = Encoder::default();
        act(&mut encoder);
        String::from_utf8(encoder.take().to_vec()).unwrap()
    }

    #[test]
    fn operations_are_lines() {
        assert_eq!(encoded(Encoder::ping), "PING\r\n");
        assert_eq!(encoded(|e| e.subscribe("a.*", None, 3)), "SUB a.* 3\r\n");
        assert_eq!(encoded(|e| e.subscribe("a", Some("q"), 3)), "SUB a q 3\r\n");
        assert_eq!(encoded(|e| e.unsubscribe(3, None)), "UNSUB 3\r\n");
        assert_eq!(encoded(|e| e.unsubscribe(3, Some(5))), "UNSUB 3 5\r\n");
    }

    #[test]
    fn messages_tell_their_lengths() {
        let mut message = Outgoing {
            subject: "a".into(),
            payload: "hé".into(),
            ..Outgoing::default()
        };
        assert_eq!(encoded(|e| e.publish(&message)), "PUB a 3\r\nhé\r\n");
        message.reply = Some("r".into());
        assert_eq!(encoded(|e| e.publish(&message)), "PUB a r 3\r\nhé\r\n");
        message.headers = Headers::new();
        message.headers.append("K", "v").unwrap();
        assert_eq!(
            encoded(|e| e.publish(&message)),
            "HPUB a r 18 21\r\nNATS/1.0\r\nK: v\r\n\r\nhé\r\n"
        );
    }

    #[test]
    fn headers_are_written_as_in_the_examples_of_adr_4() {
        let mut message = Outgoing {
            subject: "SUBJECT".into(),
            reply: Some("REPLY".into()),
            payload: "PAYLOAD".into(),
            ..Outgoing::default()
        };
        message.headers.append("Header", "X").unwrap();
        assert_eq!(
            encoded(|e| e.publish(&message)),
            "HPUB SUBJECT REPLY 23 30\r\nNATS/1.0\r\nHeader: X\r\n\r\nPAYLOAD\r\n"
        );
        message.payload = "".into();
        message.headers = Headers::new();
        for (name, value) in [("Header1", "X"), ("Header1", "Y"), ("Header2", "Z")] {
            message.headers.append(name, value).unwrap();
        }
        assert_eq!(
            encoded(|e| e.publish(&message)),
            "HPUB SUBJECT REPLY 48 48\r\nNATS/1.0\r\nHeader1: X\r\nHeader1: Y\r\nHeader2: Z\r\n\r\n\r\n"
        );
    }
}
