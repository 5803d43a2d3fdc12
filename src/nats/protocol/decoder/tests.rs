use proptest::prelude::*;

use super::*;
use crate::nats::protocol::{Encoder, Outgoing, ReplySubject, ServerInfo, StatusCode, Subject};

const MOST: usize = 64 * 1_024 * 1_024;

fn decode(pieces: &[&[u8]]) -> Result<Vec<ServerOp>, ProtocolError> {
    let mut decoder = Decoder::new(MOST);
    let mut ops = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        while let Some(op) = decoder.decode()? {
            ops.push(op);
        }
    }
    Ok(ops)
}

fn only_message(bytes: &[u8]) -> Message {
    let ops = decode(&[bytes]).unwrap();
    let [ServerOp::Message { message, .. }] = ops.as_slice() else {
        panic!("{ops:?}");
    };
    message.clone()
}

/// One of each, and a payload that looks like an operation.
const STREAM: &[u8] = b"INFO {\"server_id\":\"S\",\"host\":\"a name, no address\",\"new\":[1]}\r\n\
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
    let ServerOp::Message { message, .. } = &ops[8] else {
        panic!("{:?}", ops[8]);
    };
    assert_eq!(message.status, Some(StatusCode::NO_RESPONDERS));
}

#[test]
fn the_examples_of_adr_4_are_read() {
    let message = only_message(
        b"HMSG SUBJECT 1 REPLY 48 55\r\nNATS/1.0\r\nHeader1: X\r\nHeader1: Y\r\n\
        Header2: Z\r\n\r\nPAYLOAD\r\n",
    );
    let values: Vec<_> = message.headers.values("Header1").collect();
    assert_eq!(values, ["X", "Y"], "in order");
    assert_eq!(message.headers.last("Header2"), Some("Z"));
    assert_eq!(message.headers.last("header2"), None, "as it is spelled");
    assert_eq!(
        (message.payload.as_ref(), message.reply_str()),
        (&b"PAYLOAD"[..], Some("REPLY"))
    );
    // Space around a value is not of the value; space before the colon is no header.
    let spaced = b"HMSG S 1 24 24\r\nNATS/1.0\r\nA: \t b c  \r\n\r\n\r\n";
    assert_eq!(only_message(spaced).headers.last("A"), Some("b c"));
}

/// Whatever a server may say, of any kind, as it says it.
fn said(op: &ServerOp) -> Vec<u8> {
    let (sid, message) = match op {
        ServerOp::Message { sid, message } => (sid, message),
        ServerOp::Ping => return b"PING\r\n".to_vec(),
        ServerOp::Pong => return b"PONG\r\n".to_vec(),
        ServerOp::Ok => return b"+OK\r\n".to_vec(),
        ServerOp::Error(error) => {
            let ServerError::Passing(text) = error else {
                panic!("{error:?}");
            };
            return format!("-ERR '{text}'\r\n").into_bytes();
        }
        ServerOp::Info(info) => {
            let (id, most) = (&info.server_id, info.max_payload);
            let json = format!("{{\"server_id\":\"{id}\",\"x\":[],\"max_payload\":{most}}}");
            return format!("INFO {json}\r\n").into_bytes();
        }
    };
    let mut encoder = Encoder::default();
    encoder.publish(&Outgoing {
        subject: message.subject.to_string(),
        reply: message.reply_str().map(str::to_owned),
        headers: message.headers.clone(),
        payload: message.payload.clone(),
    });
    delivered(*sid, &encoder.take())
}

fn server_op() -> impl Strategy<Value = ServerOp> {
    let message = (any::<u64>(), outgoing()).prop_map(|(sid, out)| {
        let subject = Subject::received(out.subject.into());
        let message = Message {
            subject,
            reply: out.reply.map(|reply| ReplySubject::received(reply.into())),
            headers: out.headers,
            status: None,
            payload: out.payload,
        };
        ServerOp::Message { sid, message }
    });
    let info = ("[A-Z0-9]{0,20}", 0_usize..1_000_000).prop_map(|(server_id, max_payload)| {
        ServerOp::Info(Box::new(ServerInfo {
            server_id,
            max_payload,
            ..ServerInfo::default()
        }))
    });
    prop_oneof![
        4 => message,
        1 => info,
        1 => "x[a-z ]{0,30}x".prop_map(|text| ServerOp::Error(ServerError::Passing(text))),
        1 => Just(ServerOp::Ping),
        1 => Just(ServerOp::Pong),
        1 => Just(ServerOp::Ok),
    ]
}

#[test]
fn a_reply_that_is_no_subject_is_still_a_message() {
    for reply in [
        &b"_INBOX.\xff\xfe"[..],
        b"\xc3\x28",
        b"a.*",
        b">",
        b"a..b",
        b".",
    ] {
        let message = only_message(&[b"MSG a 1 ", reply, b" 2\r\nhi\r\n"].concat());
        assert!(
            message.reply_is_malformed(),
            "{:?}",
            String::from_utf8_lossy(reply)
        );
        assert_eq!(message.reply_str(), None);
        assert_eq!(message.payload, "hi");
    }
    assert!(!only_message(b"MSG a 1 2\r\nhi\r\n").reply_is_malformed());
}

#[test]
fn a_subject_that_is_no_text_is_still_a_message() {
    let message = only_message(b"MSG hello.\xff 1 2\r\nhi\r\n");
    assert_eq!(message.subject.as_str(), "");
    assert!(message.subject.is_malformed());
}

#[test]
fn broken_headers_are_still_a_message() {
    for block in [
        &b"NATS/1.0\r\nA: b\rc\r\n\r\n"[..],
        b"A: b\r\n\r\n",
        b"\r\n\r\n",
        b"x",
    ] {
        let size = block.len();
        let line = format!("HMSG a 1 {size} {}\r\n", size + 2);
        let message = only_message(&[line.as_bytes(), block, b"hi\r\n"].concat());
        assert!(
            message.headers.is_malformed(),
            "{:?}",
            String::from_utf8_lossy(block)
        );
        assert_eq!(message.payload, "hi");
    }
}

#[test]
fn lengths_are_bounded() {
    for hostile in [
        &b"MSG x 1 99999999999\r\n"[..],
        b"MSG x 1 99999999999999999999999999\r\n",
        b"MSG x 99999999999999999999999999 1\r\n",
        b"MSG x 1 -1\r\n",
        b"MSG x 1 +1\r\n",
        b"HMSG x 1 9 3\r\n",
        b"HMSG x 1 3\r\n",
        b"MSG x\r\n",
        b"MSG\r\n",
        b"MSG x 1 r 3 4\r\n",
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
    let endless = vec![b'x'; LINE_BYTES + 1];
    assert_eq!(decode(&[&endless]), Err(ProtocolError::TooLong));
    assert_eq!(decode(&[&endless, b"\r\n"]), Err(ProtocolError::TooLong));
}

#[test]
fn a_message_is_kept_waiting_in_no_more_than_its_own_bytes() {
    let mut decoder = Decoder::new(10);
    decoder.feed(b"MSG x 1 11\r\n");
    assert_eq!(decoder.decode(), Err(ProtocolError::TooLong));
}

fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.sort_unstable();
    let ends = cuts.iter().copied().chain([bytes.len()]);
    let starts = [0].into_iter().chain(cuts.iter().copied());
    starts
        .zip(ends)
        .map(|(from, to)| &bytes[from..to])
        .collect()
}

fn outgoing() -> impl Strategy<Value = Outgoing> {
    let subject = "[a-z$_]{1,8}(\\.[a-zA-Z0-9é]{1,8}){0,3}";
    let headers = proptest::collection::vec(("[!-9;-~]{1,8}", "[ -~]{0,12}"), 0..4);
    let payload = proptest::collection::vec(any::<u8>(), 0..200);
    let reply = proptest::option::of(subject);
    (subject, reply, headers, payload).prop_map(|(subject, reply, pairs, payload)| {
        let mut headers = Headers::new();
        for (name, value) in &pairs {
            headers.append(name, value).unwrap();
        }
        Outgoing {
            subject,
            reply,
            headers,
            payload: payload.into(),
        }
    })
}

/// What a server makes of a publication: the same, with the number of the subscription.
fn delivered(sid: u64, published: &[u8]) -> Vec<u8> {
    let line_end = published.windows(2).position(|two| two == b"\r\n").unwrap();
    let line = String::from_utf8(published[..line_end].to_vec()).unwrap();
    let mut words = line.split(' ');
    let word = words.next().unwrap().replace("PUB", "MSG");
    let subject = words.next().unwrap();
    let rest: Vec<_> = words.collect();
    let line = format!("{word} {subject} {sid} {}", rest.join(" "));
    [line.as_bytes(), &published[line_end..]].concat()
}

proptest! {
    #[test]
    fn any_operations_however_they_come_are_read_as_they_were_said(
        ops in proptest::collection::vec(server_op(), 0..12),
        cuts in proptest::collection::vec(any::<usize>(), 0..40),
    ) {
        let stream: Vec<_> = ops.iter().flat_map(said).collect();
        prop_assert_eq!(decode(&pieces(&stream, &cuts)), Ok(ops));
    }

    #[test]
    fn any_split_gives_the_same_operations(
        cuts in proptest::collection::vec(any::<usize>(), 0..40),
    ) {
        prop_assert_eq!(decode(&pieces(STREAM, &cuts)), decode(&[STREAM]));
    }

    #[test]
    fn what_is_published_is_what_arrives(
        messages in proptest::collection::vec(outgoing(), 1..5),
        cuts in proptest::collection::vec(any::<usize>(), 0..20),
    ) {
        let mut stream = Vec::new();
        for (sid, message) in (1..).zip(&messages) {
            let mut encoder = Encoder::default();
            encoder.publish(message);
            stream.extend(delivered(sid, &encoder.take()));
        }
        let ops = decode(&pieces(&stream, &cuts)).unwrap();
        prop_assert_eq!(ops.len(), messages.len());
        for (sent, op) in messages.iter().zip(ops) {
            let ServerOp::Message { message, .. } = op else {
                panic!("{op:?}");
            };
            prop_assert_eq!(message.subject.as_str(), &sent.subject);
            prop_assert_eq!(message.reply_str(), sent.reply.as_deref());
            prop_assert_eq!(&message.headers, &sent.headers);
            prop_assert_eq!(&message.payload, &sent.payload);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        cuts in proptest::collection::vec(any::<usize>(), 0..10),
    ) {
        let _ = decode(&pieces(&bytes, &cuts));
    }

    #[test]
    fn no_message_line_makes_it_panic(
        bytes in "(MSG|HMSG|INFO|-ERR) [ a-z.0-9*>\u{e9}\"'{}]{0,40}\r\n[a-zNATS/1.0\r\n:]{0,60}",
    ) {
        let _ = decode(&[bytes.as_bytes()]);
    }
}
