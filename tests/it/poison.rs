//! Nothing that a user may send, whatever its bytes, stops natter from serving others (Must
//! hold, 10).

use natter::wire::v1;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::support::{Natter, Person};

/// A connection whose bytes the test writes itself.
pub struct Raw {
    stream: BufReader<TcpStream>,
}

impl Raw {
    pub async fn connect(natter: &Natter, token: &str) -> Self {
        let url = natter.server.broker().unwrap().client_url();
        Self::connect_to(url.trim_start_matches("nats://"), token).await
    }

    /// To the broker at an address.
    pub async fn connect_to(broker: &str, token: &str) -> Self {
        let stream = TcpStream::connect(broker).await.unwrap();
        let mut raw = Self {
            stream: BufReader::new(stream),
        };
        raw.read_until("INFO").await;
        let connect = format!(
            "CONNECT {{\"verbose\":false,\"headers\":true,\"no_responders\":true,\
             \"protocol\":1,\"auth_token\":\"{token}\"}}\r\n"
        );
        raw.write(connect.as_bytes()).await;
        raw.settle().await;
        raw
    }

    /// The connection, after what it was used for.
    pub fn into_stream(self) -> TcpStream {
        self.stream.into_inner()
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).await.unwrap();
    }

    /// Until the broker has taken all that was written.
    pub async fn settle(&mut self) {
        self.write(b"PING\r\n").await;
        self.read_until("PONG").await;
    }

    async fn read_until(&mut self, word: &str) {
        loop {
            let mut line = Vec::new();
            let read = self.stream.read_until(b'\n', &mut line).await.unwrap();
            assert_ne!(read, 0, "the broker closed the connection");
            if line.starts_with(word.as_bytes()) {
                return;
            }
        }
    }

    pub async fn publish_with_headers(&mut self, subject: &str, reply: &[u8], headers: &[u8]) {
        let mut bytes = format!("HPUB {subject} ").into_bytes();
        bytes.extend_from_slice(reply);
        let lengths = format!(" {} {}\r\n", headers.len(), headers.len() + 2);
        bytes.extend_from_slice(lengths.as_bytes());
        bytes.extend_from_slice(headers);
        bytes.extend_from_slice(b"hi\r\n");
        self.write(&bytes).await;
    }
}

impl Raw {
    /// The three messages that were seen to take a NATS client down, and their like.
    pub async fn poison(&mut self, uid: &str, subject: &str) {
        let inbox = format!("_INBOX.{uid}.x");
        for headers in [
            &b"NATS/1.0\r\nKey: a\rb\r\n\r\n"[..],
            b"Key: no version\r\n\r\n",
            b"\r\n\r\n",
        ] {
            self.publish_with_headers(subject, inbox.as_bytes(), headers)
                .await;
        }
        for bytes in [&b".\xff\xfe"[..], b"\xff", b".\xc3\x28.x"] {
            let mut reply = Vec::new();
            if bytes.first() == Some(&b'.') {
                reply.extend_from_slice(format!("_INBOX.{uid}").as_bytes());
            }
            reply.extend_from_slice(bytes);
            self.publish_with_headers(subject, &reply, b"NATS/1.0\r\n\r\n")
                .await;
            let mut bare = format!("PUB {subject} ").into_bytes();
            bare.extend_from_slice(&reply);
            bare.extend_from_slice(b" 2\r\nhi\r\n");
            self.write(&bare).await;
        }
    }
}

#[tokio::test]
async fn the_three_poisoned_messages_harm_nobody() {
    let natter = Natter::start().await;
    let eve = Person::sign_up(&natter, "eve").await;
    let ben = Person::sign_up(&natter, "ben").await;
    let bens = ben.connect().await;
    let room = ben.general(&bens).await;
    let length = natter.log_length().await;
    let mut raw = Raw::connect(&natter, &eve.token).await;
    let commands = [
        "post",
        "sync",
        "heads",
        "history",
        "people",
        "browse",
        "members",
        "make-room",
        "talk-to",
        "join",
        "leave",
        "invite",
        "remove",
        "mute",
        "change-room",
        "nothing.such",
    ];
    let mut subjects: Vec<_> = commands
        .iter()
        .map(|verb| format!("natter.svc.eve.{verb}"))
        .collect();
    for subject in ["eve.echo", "eve.echo.x", "eve.ping", "hello", "hello.x"] {
        subjects.push(subject.into());
    }
    for subject in &subjects {
        raw.poison("eve", subject).await;
        raw.settle().await;
        // Each is followed by somebody else's work, which goes on.
        let heads = ben
            .ask::<v1::HeadsResponse>(&bens, "heads", &v1::HeadsRequest::default())
            .await;
        assert!(heads.is_ok(), "after {subject}");
    }
    ben.post(&bens, &room, "still here").await.unwrap();
    assert_eq!(
        natter.log_length().await,
        length + 1,
        "nothing else was written"
    );
    assert!(ben.page("/").await.contains("still here"));
}
