//! What holds for any operations and any bytes.

use proptest::prelude::*;

use super::*;
use crate::nats::protocol::{Encoder, Outgoing, ReplySubject, ServerInfo, Subject};

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
