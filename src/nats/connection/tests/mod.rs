//! Scripted servers on a virtual clock.

mod asking;
mod bounds;
mod draining;
mod gathering;
mod handshake;
mod liveness;
mod reconnecting;
mod rights;
mod subscribing;

use std::time::Duration;

use super::*;
use crate::nats::options::ConnectOptions;
use crate::nats::protocol::Outgoing;

const INFO: &[u8] = b"INFO {\"server_id\":\"S\",\"server_name\":\"s\",\"version\":\"2.15.1\",\
    \"max_payload\":1000,\"headers\":true,\"nonce\":\"n\"}\r\n";

const SECOND: Duration = Duration::from_secs(1);

/// A client, its clock, and its server's side.
struct Script {
    connection: Connection,
    now: Moment,
}

impl Script {
    fn new(options: ConnectOptions) -> Self {
        let now = Moment::at(SECOND);
        let servers = if options.servers.is_empty() {
            vec!["nats://one:1".parse().unwrap()]
        } else {
            options.servers.clone()
        };
        let options = ConnectOptions { servers, ..options };
        let connection = Connection::new(options, now, [7; 16]);
        Self { connection, now }
    }

    /// A client that is connected.
    fn up() -> Self {
        Self::up_with(ConnectOptions::default())
    }

    fn up_with(options: ConnectOptions) -> Self {
        let mut script = Self::new(options);
        script.shake_hands();
        script.outputs();
        script.written();
        script
    }

    fn shake_hands(&mut self) {
        self.tick();
        self.connection.dialled();
        self.receive(INFO);
        self.receive(b"PONG\r\n");
        assert_eq!(self.status(), Status::Connected);
    }

    fn status(&self) -> Status {
        self.connection.status(self.now)
    }

    fn tick(&mut self) {
        self.connection.tick(self.now);
    }

    /// Lets time pass as a driver does: from deadline to deadline.
    fn pass(&mut self, wait: Duration) {
        let end = self.now.after(wait);
        while let Some(deadline) = self.connection.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(deadline);
            self.tick();
        }
        self.now = end;
    }

    fn receive(&mut self, bytes: impl AsRef<[u8]>) {
        self.connection.received(bytes.as_ref(), self.now);
    }

    fn cut(&mut self) {
        self.connection.cut("gone".into(), self.now);
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.connection.poll()).collect()
    }

    fn events(&mut self) -> Vec<Event> {
        let outputs = self.outputs().into_iter();
        let events = outputs.filter_map(|output| match output {
            Output::Event(event) => Some(event),
            _ => None,
        });
        events.collect()
    }

    /// Where it has dialled since the last look.
    fn dialled(&mut self) -> Vec<String> {
        let outputs = self.outputs().into_iter();
        let dialled = outputs.filter_map(|output| match output {
            Output::Io(Io::Dial(server)) => Some(server.to_string()),
            _ => None,
        });
        dialled.collect()
    }

    /// Waits for the next try: where it dials.
    fn dial(&mut self) -> String {
        let until = self.connection.next_deadline().unwrap();
        self.now = self.now.max(until);
        self.tick();
        self.dialled().concat()
    }

    fn written(&mut self) -> String {
        String::from_utf8(self.connection.take_unsent().to_vec()).unwrap()
    }

    fn request(&mut self, subject: &str) -> Result<u64, RequestError> {
        self.connection
            .request(subject, "hi".into(), 2 * SECOND, self.now)
    }

    /// Asks, and gives the number of the request and its reply subject.
    fn asked(&mut self, subject: &str) -> (u64, String) {
        let id = self.request(subject).unwrap();
        let written = self.written();
        let line = written.lines().find(|line| line.starts_with("PUB"));
        let reply = line.unwrap().split(' ').nth(2).unwrap();
        (id, reply.to_owned())
    }

    fn answers(&mut self) -> Vec<(u64, Result<String, RequestError>)> {
        answers(self.outputs())
    }
}

fn answers(outputs: Vec<Output>) -> Vec<(u64, Result<String, RequestError>)> {
    let answers = outputs.into_iter().filter_map(|output| match output {
        Output::Answer { id, answer } => {
            let text = answer.map(|message| String::from_utf8(message.payload.to_vec()).unwrap());
            Some((id, text))
        }
        _ => None,
    });
    answers.collect()
}

fn message(subject: &str, bytes: usize) -> Outgoing {
    Outgoing {
        subject: subject.into(),
        payload: vec![b'x'; bytes].into(),
        ..Outgoing::default()
    }
}

fn ended(sid: u64, error: Option<SubscribeError>) -> Output {
    Output::Ended { sid, error }
}

fn disconnected(reason: Reason) -> Output {
    Output::Event(Event::Disconnected(reason))
}
