mod properties;

use super::*;
use crate::nats::protocol::StatusCode;

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
