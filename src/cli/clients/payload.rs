//! What is sent and what has come, as bytes and as lines.

use std::io::Write as _;

use bytes::Bytes;
use data_encoding::BASE64;
use prost::Message as _;
use serde_json::{Map, Value};

use super::MESSAGE;
use crate::cli::escape::{escaped, json};
use crate::wire::echo::EchoRequest;

/// How payloads are written and lines printed.
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct Format {
    /// The payload is the message itself, without protobuf.
    #[arg(long)]
    raw: bool,

    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// What is to be said.
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct Said {
    /// What to say; - reads standard input. [default: hello world]
    message: Option<String>,

    /// The same as a flag; MESSAGE wins.
    #[arg(short, long, value_name = "DATA")]
    data: Option<String>,
}

impl Said {
    /// The text, or what standard input has.
    pub async fn bytes(self) -> std::io::Result<Vec<u8>> {
        use tokio::io::AsyncReadExt as _;

        match self.message.or(self.data).as_deref() {
            Some("-") => {
                let mut text = Vec::new();
                tokio::io::stdin().read_to_end(&mut text).await?;
                Ok(text)
            }
            Some(text) => Ok(text.into()),
            None => Ok(MESSAGE.into()),
        }
    }
}

impl Format {
    /// The payload of a message: an `EchoRequest`, which reads as an `EchoResponse` too.
    pub fn encode(&self, said: &[u8]) -> Bytes {
        if self.raw {
            return Bytes::copy_from_slice(said);
        }
        let message = String::from_utf8_lossy(said).into_owned();
        EchoRequest { message }.encode_to_vec().into()
    }

    /// Prints one line: `<what> on [<subject>]: '<data>'`, or as JSON.
    pub fn print(&self, event: &Line<'_>) -> std::io::Result<()> {
        let mut terminal = std::io::stdout().lock();
        if self.json {
            writeln!(terminal, "{}", json(&self.value(event))?)?;
        } else {
            writeln!(terminal, "{}", self.text(event))?;
        }
        terminal.flush()
    }

    fn text(&self, line: &Line<'_>) -> String {
        let mut text = line.what.words().to_owned();
        if let Some(subject) = line.subject {
            text.push_str(&format!(" on [{}]", escaped(subject)));
        }
        match line.payload.map(|payload| self.decode(payload)) {
            None => {}
            Some(Decoded::Text(message)) => text.push_str(&format!(": '{}'", escaped(&message))),
            Some(Decoded::Bytes(bytes)) => {
                let shown = escaped(&String::from_utf8_lossy(bytes));
                let note = if self.raw {
                    ""
                } else {
                    " (not an EchoRequest)"
                };
                text.push_str(&format!(": '{shown}'{note}"));
            }
        }
        text
    }

    fn value(&self, line: &Line<'_>) -> Value {
        let mut object = Map::new();
        let mut set = |name: &str, value: &str| object.insert(name.to_owned(), value.into());
        set("event", line.what.name());
        if let Some(subject) = line.subject {
            set("subject", subject);
        }
        if let Some(reply) = line.reply {
            set("reply", reply);
        }
        match line.payload.map(|payload| self.decode(payload)) {
            None => {}
            Some(Decoded::Text(message)) => drop(set("data", &message)),
            Some(Decoded::Bytes(bytes)) => match std::str::from_utf8(bytes) {
                Ok(text) if self.raw => drop(set("data", text)),
                _ => drop(set("data_base64", &BASE64.encode(bytes))),
            },
        }
        object.into()
    }

    fn decode<'a>(&self, payload: &'a [u8]) -> Decoded<'a> {
        if self.raw {
            return Decoded::Bytes(payload);
        }
        match EchoRequest::decode(payload) {
            // Much that is no EchoRequest decodes as one with fields that it does not know.
            Ok(echo) if echo.encode_to_vec() == payload => Decoded::Text(echo.message),
            _ => Decoded::Bytes(payload),
        }
    }
}

/// A payload as it is shown.
enum Decoded<'a> {
    Text(String),
    Bytes(&'a [u8]),
}

/// Something that happened.
pub(in crate::cli) struct Line<'a> {
    pub what: What,
    pub subject: Option<&'a str>,
    pub reply: Option<&'a str>,
    pub payload: Option<&'a [u8]>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum What {
    Published,
    Requested,
    Listening,
    Received,
    Response,
}

impl What {
    fn words(self) -> &'static str {
        match self {
            Self::Published => "Published",
            Self::Requested => "Requested",
            Self::Listening => "Listening",
            Self::Received => "Received",
            Self::Response => "Got a response",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Requested => "requested",
            Self::Listening => "listening",
            Self::Received => "received",
            Self::Response => "response",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(format: &Format, payload: &[u8]) -> (String, String) {
        let line = Line {
            what: What::Received,
            subject: Some("hello"),
            reply: None,
            payload: Some(payload),
        };
        (format.text(&line), json(&format.value(&line)).unwrap())
    }

    #[test]
    fn a_payload_is_shown_as_what_it_is() {
        let proto = Format {
            raw: false,
            json: false,
        };
        let raw = Format {
            raw: true,
            ..proto.clone()
        };
        let (text, json) = received(&proto, &proto.encode("hé\n".as_bytes()));
        assert_eq!(text, "Received on [hello]: 'hé\\n'");
        assert_eq!(
            json,
            r#"{"data":"hé\n","event":"received","subject":"hello"}"#
        );
        let (text, json) = received(&proto, b"hi");
        assert_eq!(text, "Received on [hello]: 'hi' (not an EchoRequest)");
        assert!(json.contains(r#""data_base64":"aGk=""#), "{json}");
        let (text, json) = received(&raw, b"hi");
        assert_eq!(text, "Received on [hello]: 'hi'");
        assert!(json.contains(r#""data":"hi""#), "{json}");
        let (_, json) = received(&raw, b"\xff");
        assert!(json.contains(r#""data_base64":"/w==""#), "{json}");
        let (text, json) = received(&raw, "\u{7f}\u{9b}".as_bytes());
        assert_eq!(text, "Received on [hello]: '\\u{7f}\\u{9b}'");
        assert!(json.contains(r#""data":"\u007f\u009b""#), "{json}");
        assert_eq!(received(&proto, b"").0, "Received on [hello]: ''");
    }
}
