//! Headers of a message (ADR-4): names with one or more values, and a status in the first line.

/// The first line of a header block.
const VERSION: &str = "NATS/1.0";

/// The headers of a message. Names are compared as they are spelled (ADR-4).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers {
    pairs: Vec<(String, String)>,
    status: Option<u16>,
    malformed: bool,
}

impl Headers {
    /// No headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value. A line end in name or value becomes a space: it would end the header.
    pub fn append(&mut self, name: &str, value: &str) {
        let clean = |text: &str| text.replace(['\r', '\n'], " ");
        self.pairs
            .push((clean(name), clean(value).trim().to_owned()));
    }

    /// The last value of a name: what the server itself appended comes after all that a publisher
    /// may have set.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<&str> {
        self.values(name).last()
    }

    /// Every value of a name, in order.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs
            .iter()
            .filter(move |(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// The status in the first line, such as 503 for "no responders".
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// The publisher wrote something that is no header block; nothing of it is here.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        self.malformed
    }

    /// Is there nothing to send?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Reads a block as it arrived. Publishers write these bytes, so anything may stand there.
    pub(super) fn read(block: &[u8]) -> Self {
        Self::parse(block).unwrap_or(Self {
            malformed: true,
            ..Self::default()
        })
    }

    fn parse(block: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(block).ok()?;
        let mut lines = text.strip_suffix("\r\n\r\n")?.split("\r\n");
        let first = lines.next()?.strip_prefix(VERSION)?.trim();
        let status = match first.split(' ').next() {
            None | Some("") => None,
            Some(code) => Some(code.parse().ok()?),
        };
        let pairs = lines
            .map(|line| {
                let (name, value) = line.split_once(':')?;
                let is_one_line = !line.contains(['\r', '\n']);
                (is_one_line && !name.is_empty())
                    .then(|| (name.to_owned(), value.trim().to_owned()))
            })
            .collect::<Option<_>>()?;
        Some(Self {
            pairs,
            status,
            malformed: false,
        })
    }

    /// How many bytes they are when sent.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let pairs = self
            .pairs
            .iter()
            .map(|(name, value)| name.len() + value.len() + 4);
        VERSION.len() + 4 + pairs.sum::<usize>()
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(VERSION.as_bytes());
        for (name, value) in &self.pairs {
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
        }
        out.extend_from_slice(b"\r\n\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_counts() {
        let headers =
            Headers::read(b"NATS/1.0\r\nNats-Sequence: 1\r\nA: b\r\nNats-Sequence: 7\r\n\r\n");
        assert_eq!(headers.last("Nats-Sequence"), Some("7"));
        assert_eq!(
            headers.values("Nats-Sequence").collect::<Vec<_>>(),
            ["1", "7"]
        );
        assert_eq!(headers.last("nats-sequence"), None);
    }

    #[test]
    fn a_status_stands_in_the_first_line() {
        assert_eq!(Headers::read(b"NATS/1.0 503\r\n\r\n").status(), Some(503));
        assert_eq!(
            Headers::read(b"NATS/1.0 408 Timeout\r\n\r\n").status(),
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
            b"NATS/1.0\r\nno colon\r\n\r\n",
            b"NATS/1.0\r\nA: \xff\r\n\r\n",
            b"NATS/1.0 abc\r\n\r\n",
            b"NATS/1.0",
        ] {
            let headers = Headers::read(block);
            assert!(
                headers.is_malformed(),
                "{:?}",
                String::from_utf8_lossy(block)
            );
            assert!(headers.is_empty());
        }
    }

    #[test]
    fn a_value_cannot_end_its_line() {
        let mut headers = Headers::new();
        headers.append("A", "b\r\nC: d");
        let mut out = Vec::new();
        headers.write(&mut out);
        let read = Headers::read(&out);
        assert_eq!(read.last("A"), Some("b  C: d"));
        assert_eq!(read.last("C"), None);
        assert_eq!(out.len(), headers.encoded_len());
    }
}
