//! Headers of a message (ADR-4): names with one or more values each, below a first line that may
//! have a status.

use bytes::{BufMut as _, BytesMut};

use super::StatusCode;

/// What the first line begins with.
const VERSION: &str = "NATS/1.0";

/// The headers of a message. Names are compared as they are spelled (ADR-4).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers {
    pairs: Vec<(String, String)>,
    is_malformed: bool,
}

/// Why something is no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The name is empty, or has something else than printable ASCII without the colon.
    #[error("not the name of a header")]
    Name,
    /// The value has a line end, or something that is not ASCII.
    #[error("not the value of a header")]
    Value,
}

impl Headers {
    /// No headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value. Space around it is lost on the way, so it is dropped at once.
    ///
    /// # Errors
    /// ADR-4 does not allow the name or the value.
    pub fn append(&mut self, name: &str, value: &str) -> Result<(), HeaderError> {
        if !is_name(name) {
            return Err(HeaderError::Name);
        }
        // A line end would begin a header of the value's own.
        if !value.is_ascii() || value.contains(['\r', '\n']) {
            return Err(HeaderError::Value);
        }
        self.pairs.push((name.to_owned(), value.trim().to_owned()));
        Ok(())
    }

    /// The last value of a name. JetStream appends what it says itself after all that a publisher
    /// may have set (ADR-28), so for its names the last value is the true one.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .rfind(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every value of a name, in order.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs
            .iter()
            .filter(move |(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// The publisher wrote something that is no header block; nothing of it is here.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        self.is_malformed
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// How many bytes they are on the wire.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let pairs = self.pairs.iter();
        let lines = pairs.map(|(name, value)| name.len() + value.len() + ": \r\n".len());
        VERSION.len() + "\r\n\r\n".len() + lines.sum::<usize>()
    }

    /// Reads a block as it arrived. Publishers write these bytes, so anything may stand there.
    pub(super) fn read(block: &[u8]) -> (Self, Option<StatusCode>) {
        let malformed = Self {
            pairs: Vec::new(),
            is_malformed: true,
        };
        Self::parse(block).unwrap_or((malformed, None))
    }

    fn parse(block: &[u8]) -> Option<(Self, Option<StatusCode>)> {
        let text = std::str::from_utf8(block).ok()?.strip_suffix("\r\n\r\n")?;
        let mut lines = text.split("\r\n");
        let first = lines.next()?.strip_prefix(VERSION)?;
        let status = match first.split_ascii_whitespace().next() {
            None => None,
            Some(code) => Some(StatusCode::parse(code)?),
        };
        let pairs = lines.map(pair).collect::<Option<_>>()?;
        let headers = Self {
            pairs,
            is_malformed: false,
        };
        Some((headers, status))
    }

    pub(super) fn write(&self, out: &mut BytesMut) {
        out.put_slice(VERSION.as_bytes());
        for (name, value) in &self.pairs {
            for part in ["\r\n", name, ": ", value] {
                out.put_slice(part.as_bytes());
            }
        }
        out.put_slice(b"\r\n\r\n");
    }
}

fn pair(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    let is_one_line = !value.contains(['\r', '\n']);
    (is_name(name) && is_one_line).then(|| (name.to_owned(), value.trim().to_owned()))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_counts() {
        let block = b"NATS/1.0\r\nNats-Sequence: 1\r\nA: b\r\nNats-Sequence: 7\r\n\r\n";
        let (headers, status) = Headers::read(block);
        assert_eq!(headers.last("Nats-Sequence"), Some("7"));
        assert_eq!(
            headers.values("Nats-Sequence").collect::<Vec<_>>(),
            ["1", "7"]
        );
        assert_eq!(
            headers.last("nats-sequence"),
            None,
            "names are spelled one way"
        );
        assert_eq!(status, None);
    }

    #[test]
    fn a_status_stands_in_the_first_line() {
        let status = |block| Headers::read(block).1.map(StatusCode::as_u16);
        assert_eq!(status(b"NATS/1.0 503\r\n\r\n"), Some(503));
        assert_eq!(
            status(b"NATS/1.0 408 Request Timeout\r\nA: b\r\n\r\n"),
            Some(408)
        );
    }

    #[test]
    fn what_is_no_block_is_marked_and_empty() {
        for block in [
            &b""[..],
            b"\r\n\r\n",
            b"Name: value\r\n\r\n",
            b"NATS/1.0\r\nA: b\rc\r\n\r\n",
            b"NATS/1.0\r\nA: b\nc\r\n\r\n",
            b"NATS/1.0\r\nno colon\r\n\r\n",
            b"NATS/1.0\r\nA : b\r\n\r\n",
            b"NATS/1.0\r\n: b\r\n\r\n",
            b"NATS/1.0\r\nA: \xff\r\n\r\n",
            b"NATS/1.0 abc\r\n\r\n",
            b"NATS/1.0",
        ] {
            let (headers, status) = Headers::read(block);
            assert!(
                headers.is_malformed(),
                "{:?}",
                String::from_utf8_lossy(block)
            );
            assert!(headers.is_empty() && status.is_none());
        }
    }

    #[test]
    fn a_value_cannot_end_its_line() {
        let mut headers = Headers::new();
        assert_eq!(headers.append("A", "b\r\nC: d"), Err(HeaderError::Value));
        assert_eq!(headers.append("A", "é"), Err(HeaderError::Value));
        for name in ["", "A:", "A B", "A\r", "é"] {
            assert_eq!(
                headers.append(name, "b"),
                Err(HeaderError::Name),
                "{name:?}"
            );
        }
        assert!(headers.is_empty());
    }

    #[test]
    fn what_is_written_is_read() {
        let mut headers = Headers::new();
        for (name, value) in [("A", "1"), ("B", " x:y "), ("A", "")] {
            headers.append(name, value).unwrap();
        }
        let mut out = BytesMut::new();
        headers.write(&mut out);
        assert_eq!(out.len(), headers.encoded_len());
        assert_eq!(Headers::read(&out), (headers, None));
    }
}
