//! What a server learns from the bytes of a client.

use std::collections::BTreeSet;

/// A server's line may have so many bytes, CONNECT's too.
const CONTROL_LINE: usize = 4_096;

/// One connection, as the server sees it.
#[derive(Debug, Default)]
pub(super) struct ServerSide {
    has_connected: bool,
    /// What it would deliver.
    pub subscribed: BTreeSet<u64>,
    /// The subscription through which answers are heard is the client's own business.
    pub inbox: Option<(u64, String)>,
    /// Where the last request wants its answer.
    pub reply: Option<String>,
    /// PINGs that have no PONG yet.
    pub pings: usize,
}

impl ServerSide {
    /// Whole operations, as they are always written.
    pub fn heard(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = rest.windows(2).position(|two| two == b"\r\n");
            let end = end.expect("a whole line");
            assert!(end + 2 <= CONTROL_LINE, "the server refuses {end} bytes");
            let line = std::str::from_utf8(&rest[..end]).expect("text");
            rest = &rest[end + 2..];
            let payload = self.line(line);
            if let Some(payload) = payload {
                assert_eq!(&rest[payload..payload + 2], b"\r\n");
                rest = &rest[payload + 2..];
            }
        }
    }

    /// How many bytes of a message follow, if any do.
    fn line(&mut self, line: &str) -> Option<usize> {
        let words: Vec<_> = line.split(' ').collect();
        if words[0] == "CONNECT" {
            assert!(!self.has_connected, "CONNECT comes once");
            self.has_connected = true;
            return None;
        }
        assert!(self.has_connected, "{line} comes before CONNECT");
        match *words {
            ["PING"] => self.pings += 1,
            ["PONG"] => {}
            ["SUB", subject, .., sid] => self.subscribe(subject, sid.parse().unwrap()),
            ["UNSUB", sid] => {
                self.subscribed.remove(&sid.parse().unwrap());
            }
            // Ends later: it is told by the client's own word.
            ["UNSUB", _, _] => {}
            ["PUB" | "HPUB", _, ref rest @ ..] => {
                if let Some(reply) = rest.first().filter(|word| word.starts_with("_INBOX")) {
                    self.reply = Some((*reply).to_owned());
                }
                return Some(rest.last().unwrap().parse().unwrap());
            }
            _ => panic!("no operation: {line}"),
        }
        None
    }

    fn subscribe(&mut self, subject: &str, sid: u64) {
        if subject.starts_with("_INBOX") {
            assert_eq!(self.inbox, None, "answers come one way");
            self.inbox = Some((sid, subject.to_owned()));
        } else {
            assert!(self.subscribed.insert(sid), "{sid} is subscribed twice");
        }
    }
}
