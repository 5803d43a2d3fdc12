//! What must be true in the end: everybody's view equals the log, and the log has each message that
//! was sent once, in its author's order.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use natter::domain::{Key, LogEntry, Place, RoomId};
use natter::wire::log_entry_of;

use super::{Campaign, Report};
use crate::headless::{Headless, number_of, text_of};

/// Everything that waits is sent, and everything sent is seen.
const SETTLED_WITHIN: Duration = Duration::from_secs(90);

/// A room's log by the rule: the first entry of a key counts.
type Truth = HashMap<RoomId, Vec<LogEntry>>;

impl Campaign {
    /// Ends the run.
    pub async fn judge(mut self) -> Report {
        self.settle().await;
        let truth = self.truth().await;
        self.judge_log(&truth);
        self.judge_views(&truth);
        self.judge_pages(&truth).await;
        for person in &self.people {
            person.end();
        }
        self.pages.close().await;
        if !self.report.failures.is_empty() {
            let kept = self.world.keep_logs();
            let line = format!("what everybody had to say is in {}", kept.display());
            self.report.fail(line);
        }
        self.report
    }

    /// Waits until nothing is under way; what is not so in the end is judged like everything else.
    pub(super) async fn settle(&mut self) {
        let wanted = self.sent.clone();
        // What has gone wrong already is not waited for as long again.
        let within = match self.report.failures.is_empty() {
            true => SETTLED_WITHIN,
            false => SETTLED_WITHIN / 9,
        };
        let end = tokio::time::Instant::now() + within;
        loop {
            let is_sent = self.people.iter().all(Headless::is_all_sent);
            if is_sent && self.is_seen(&wanted) && self.pages.are_settled(&wanted).await {
                return;
            }
            if tokio::time::Instant::now() > end {
                let missing = self.missing(&wanted);
                self.report.fail(format!("in the end: not seen: {missing}"));
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The stream as it is.
    async fn truth(&mut self) -> Truth {
        let broker = self.world.broker().await;
        let js = async_nats::jetstream::new(broker);
        let mut stream = js.get_stream("LOG").await.unwrap();
        let last = stream.info().await.unwrap().state.last_sequence;
        let mut truth = Truth::new();
        let mut seen = HashSet::<Key>::new();
        for sequence in 1..=last {
            let Ok(raw) = stream.get_raw_message(sequence).await else {
                continue;
            };
            let Some(place) = Place::of_subject(&raw.subject) else {
                continue;
            };
            let room = match place {
                Place::Open(room) | Place::Closed(room) => room,
                Place::Direct(_) => continue,
            };
            let event = natter::wire::v1::LoggedEvent {
                sequence,
                previous: 0,
                event: prost::Message::decode(raw.payload).ok(),
            };
            let Ok(entry) = log_entry_of(&event) else {
                continue;
            };
            match seen.insert(entry.key.clone()) {
                true => truth.entry(room).or_default().push(entry),
                false => self.report.repeated += 1,
            }
        }
        truth
    }

    fn judge_log(&mut self, truth: &Truth) {
        let mut times = BTreeMap::<(String, u64), usize>::new();
        for (room, entries) in truth {
            let mut last = HashMap::new();
            for (author, number) in entries.iter().filter_map(number_of) {
                *times.entry((author.clone(), number)).or_default() += 1;
                let before = last.insert(author.clone(), number);
                if before.is_some_and(|before| before > number) {
                    let line = format!("{author} {number} is out of order in {room}");
                    self.report.fail(line);
                }
            }
        }
        let people = self.people.iter().map(|p| (p.uid.clone(), p.sent()));
        let senders: Vec<_> = people.chain(self.pages.sent()).collect();
        for (uid, sent) in senders {
            let undone = self.undone.get(&uid).cloned().unwrap_or_default();
            let is_undone = |number| undone.iter().any(|range| range.contains(&number));
            for number in 1..=sent {
                self.report.messages += 1;
                let text = text_of(&uid, number);
                match times.get(&(uid.clone(), number)) {
                    Some(1) => {}
                    None if is_undone(number) => {}
                    Some(times) => self.report.fail(format!("{text} is there {times} times")),
                    None => self.report.fail(format!("{text} is lost")),
                }
            }
        }
    }

    fn judge_views(&mut self, truth: &Truth) {
        for person in &self.people {
            for room in &person.rooms {
                let Some(log) = person.log(room) else {
                    let line = format!("{} does not see {room}", person.uid);
                    self.report.failures.push(line);
                    continue;
                };
                let shown: Vec<_> = log.entries().iter().map(|e| &e.key).collect();
                let truth: Vec<_> = truth[room].iter().map(|e| &e.key).collect();
                self.report.views += 1;
                self.report.entries_compared += shown.len();
                if !truth.ends_with(&shown) || shown.is_empty() {
                    let missing = truth.iter().skip_while(|key| **key != shown[0]);
                    let missing = missing.filter(|key| !shown.contains(key)).count();
                    self.report.failures.push(format!(
                        "{} sees another {room} than there is: {missing} of its last {} entries are missing",
                        person.uid,
                        truth.len().min(shown.len() + missing)
                    ));
                }
            }
        }
    }

    async fn judge_pages(&mut self, truth: &Truth) {
        let room = self.pages.room();
        let texts: Vec<String> = truth[&room]
            .iter()
            .filter_map(number_of)
            .map(|(author, number)| text_of(&author, number))
            .collect();
        for page in 0..self.pages.count() {
            let shown = self.pages.shown(page).await;
            self.report.views += 1;
            self.report.entries_compared += shown.len();
            if !texts.ends_with(&shown) || shown.is_empty() {
                self.report
                    .fail(format!("page {page} shows another {room} than there is"));
            }
        }
    }
}
