//! From operations to bytes.

use std::fmt::Write as _;

use bytes::Bytes;

use super::{Connect, Outgoing};

/// Collects what is to be sent.
#[derive(Debug, Default)]
pub(in super::super) struct Encoder {
    out: Vec<u8>,
}

impl Encoder {
    /// Takes what has been collected.
    pub(in super::super) fn take(&mut self) -> Bytes {
        std::mem::take(&mut self.out).into()
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    pub(in super::super) fn connect(&mut self, connect: &Connect) {
        // Strings, numbers and flags: there is nothing in it that JSON cannot say.
        let json = serde_json::to_string(connect).unwrap_or_default();
        self.line(format_args!("CONNECT {json}"));
    }

    pub(in super::super) fn ping(&mut self) {
        self.line(format_args!("PING"));
    }

    pub(in super::super) fn pong(&mut self) {
        self.line(format_args!("PONG"));
    }

    pub(in super::super) fn subscribe(&mut self, subject: &str, queue: Option<&str>, sid: u64) {
        match queue {
            Some(queue) => self.line(format_args!("SUB {subject} {queue} {sid}")),
            None => self.line(format_args!("SUB {subject} {sid}")),
        }
    }

    pub(in super::super) fn unsubscribe(&mut self, sid: u64) {
        self.line(format_args!("UNSUB {sid}"));
    }

    pub(in super::super) fn publish(&mut self, message: &Outgoing) {
        let (subject, payload) = (&message.subject, &message.payload);
        let mut reply = String::new();
        if let Some(subject) = &message.reply {
            let _ = write!(reply, "{subject} ");
        }
        if message.headers.is_empty() {
            self.line(format_args!("PUB {subject} {reply}{}", payload.len()));
        } else {
            let mut block = Vec::new();
            message.headers.write(&mut block);
            let (headers, total) = (block.len(), block.len() + payload.len());
            self.line(format_args!("HPUB {subject} {reply}{headers} {total}"));
            self.out.extend_from_slice(&block);
        }
        self.out.extend_from_slice(payload);
        self.out.extend_from_slice(b"\r\n");
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        self.out.extend_from_slice(line.to_string().as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nats::Headers;

    fn encoded(act: impl FnOnce(&mut Encoder)) -> String {
        let mut encoder = Encoder::default();
        act(&mut encoder);
        String::from_utf8(encoder.take().to_vec()).unwrap()
    }

    #[test]
    fn operations_are_lines() {
        assert_eq!(encoded(|e| e.subscribe("a.*", None, 3)), "SUB a.* 3\r\n");
        assert_eq!(encoded(|e| e.subscribe("a", Some("q"), 3)), "SUB a q 3\r\n");
        assert_eq!(encoded(|e| e.unsubscribe(3)), "UNSUB 3\r\n");
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
        message.headers.append("K", "v");
        assert_eq!(
            encoded(|e| e.publish(&message)),
            "HPUB a r 18 21\r\nNATS/1.0\r\nK: v\r\n\r\nhé\r\n"
        );
    }
}
