//! Many answers to one request (ADR-47).

use super::*;

impl Script {
    fn gather(&mut self, many: Many) -> (u64, String) {
        let asked = self
            .connection
            .request_many("svc", "hi".into(), &many, self.now);
        let written = self.written();
        let line = written.lines().find(|line| line.starts_with("PUB"));
        let reply = line.unwrap().split(' ').nth(2).unwrap();
        (asked.unwrap(), reply.to_owned())
    }

    fn reply(&mut self, reply: &str, payload: &str) {
        let size = payload.len();
        self.receive(format!("MSG {reply} 1 {size}\r\n{payload}\r\n"));
    }

    /// The answers since the last look, and how it ended if it has.
    fn gathered(&mut self) -> (Vec<String>, Option<Result<(), RequestError>>) {
        let (mut replies, mut ended) = (Vec::new(), None);
        for output in self.outputs() {
            match output {
                Output::Reply { message, .. } => {
                    assert_eq!(ended, None, "nothing comes after the end");
                    replies.push(String::from_utf8(message.payload.to_vec()).unwrap());
                }
                Output::RepliesEnded { end, .. } => {
                    assert_eq!(ended.replace(end), None, "it ends once");
                }
                _ => {}
            }
        }
        (replies, ended)
    }
}

#[test]
fn time_in_all_ends_it_and_is_the_clients_by_default() {
    for (timeout, seconds) in [(None, 10), (Some(3 * SECOND), 3)] {
        let mut script = Script::up();
        let (_, reply) = script.gather(Many {
            timeout,
            ..Many::default()
        });
        for _ in 1..seconds {
            script.pass(SECOND);
            script.reply(&reply, "yes");
        }
        assert_eq!(script.gathered().1, None);
        script.pass(SECOND);
        assert_eq!(script.gathered(), (vec![], Some(Ok(()))));
        script.reply(&reply, "late");
        assert_eq!(script.gathered(), (vec![], None));
    }
}

#[test]
fn no_answer_at_all_is_an_error() {
    let mut script = Script::up();
    let stall = Some(Duration::from_millis(10));
    script.gather(Many {
        stall,
        ..Many::default()
    });
    script.pass(9 * SECOND);
    assert_eq!(script.gathered().1, None, "the first may take all the time");
    script.pass(SECOND);
    assert_eq!(script.gathered().1, Some(Err(RequestError::Timeout)));
}

#[test]
fn a_pause_ends_it_and_never_later_than_its_time() {
    let mut script = Script::up();
    let many = Many {
        timeout: Some(10 * SECOND),
        stall: Some(4 * SECOND),
        ..Many::default()
    };
    let (_, reply) = script.gather(many);
    script.pass(9 * SECOND);
    script.reply(&reply, "one");
    script.pass(SECOND);
    assert_eq!(script.gathered(), (vec!["one".into()], Some(Ok(()))));
    let (_, reply) = script.gather(many);
    for _ in 0..2 {
        script.pass(3 * SECOND);
        script.reply(&reply, "more");
    }
    assert_eq!(script.gathered().1, None);
    script.pass(4 * SECOND - Duration::from_millis(1));
    assert_eq!(script.gathered().1, None);
    script.pass(Duration::from_millis(1));
    assert_eq!(script.gathered().1, Some(Ok(())));
}

#[test]
fn a_pause_of_no_length_is_none() {
    let mut script = Script::up();
    let (_, reply) = script.gather(Many {
        stall: Some(Duration::ZERO),
        ..Many::default()
    });
    script.reply(&reply, "one");
    script.pass(SECOND);
    script.reply(&reply, "two");
    let both = vec!["one".to_owned(), "two".to_owned()];
    assert_eq!(script.gathered(), (both, None));
}

#[test]
fn so_many_answers_end_it() {
    let mut script = Script::up();
    let (_, reply) = script.gather(Many {
        most: Some(2),
        ..Many::default()
    });
    for text in ["one", "two", "three"] {
        script.reply(&reply, text);
    }
    let two = vec!["one".to_owned(), "two".to_owned()];
    assert_eq!(script.gathered(), (two, Some(Ok(()))));
}

#[test]
fn an_empty_answer_ends_it_for_those_who_say_so() {
    for (until_empty, ended, count) in [(true, Some(Ok(())), 1), (false, None, 2)] {
        let mut script = Script::up();
        let (_, reply) = script.gather(Many {
            until_empty,
            ..Many::default()
        });
        script.reply(&reply, "one");
        script.reply(&reply, "");
        let (replies, end) = script.gathered();
        assert_eq!((replies.len(), end), (count, ended));
    }
}

#[test]
fn a_status_in_place_of_an_answer_ends_it() {
    let mut script = Script::up();
    let (_, reply) = script.gather(Many::default());
    script.receive(format!("HMSG {reply} 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n"));
    let nobody = Some(Err(RequestError::NoResponders));
    assert_eq!(script.gathered(), (vec![], nobody));
    let (_, reply) = script.gather(Many::default());
    script.reply(&reply, "one");
    script.receive(format!("HMSG {reply} 1 16 16\r\nNATS/1.0 408\r\n\r\n\r\n"));
    let (replies, end) = script.gathered();
    assert_eq!((replies.len(), end), (2, Some(Ok(()))), "it is told too");
}

#[test]
fn a_cut_a_refusal_and_a_close_end_it_and_say_why() {
    type End = fn(&mut Script);
    let ends: [(End, RequestError); 3] = [
        (Script::cut, RequestError::Disconnected),
        (
            |script| script.receive(b"-ERR 'Permissions Violation for Publish to \"svc\"'\r\n"),
            RequestError::PermissionDenied,
        ),
        (|script| script.connection.close(), RequestError::Closed),
    ];
    for (end, why) in ends {
        let mut script = Script::up();
        let (_, reply) = script.gather(Many::default());
        script.reply(&reply, "one");
        end(&mut script);
        assert_eq!(script.gathered(), (vec!["one".into()], Some(Err(why))));
    }
}

#[test]
fn who_reads_no_further_leaves_nothing_behind() {
    let mut script = Script::up();
    let (id, reply) = script.gather(Many::default());
    script.connection.forget_request(id);
    script.reply(&reply, "one");
    script.pass(20 * SECOND);
    assert_eq!(script.gathered(), (vec![], None));
}
