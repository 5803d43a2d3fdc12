//! Requests under way. All hear their answers through one subscription: the last token of the
//! reply subject tells them apart.

use std::collections::{BTreeSet, HashMap};

use super::Moment;
use super::many::{Gathered, Gathering};
use crate::nats::protocol::Message;

/// The requests under way.
#[derive(Debug)]
pub struct Requests {
    inbox: String,
    /// The subscription through which answers come, once there is one.
    pub inbox_sid: Option<u64>,
    under_way: HashMap<u64, Asked>,
    deadlines: BTreeSet<(Moment, u64)>,
    last_id: u64,
}

/// How many answers a request wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The first.
    One,
    /// All that came.
    Many {
        /// At least one did.
        had_any: bool,
    },
}

#[derive(Debug)]
struct Asked {
    subject: String,
    by: Moment,
    /// It wants more than one answer.
    gathering: Option<Gathering>,
}

impl Requests {
    /// `inbox` is where answers go; it must be this client's own.
    pub fn new(inbox: String) -> Self {
        Self {
            inbox,
            inbox_sid: None,
            under_way: HashMap::new(),
            deadlines: BTreeSet::new(),
            last_id: 0,
        }
    }

    /// What to subscribe to.
    pub fn pattern(&self) -> String {
        format!("{}.*", self.inbox)
    }

    /// The number of the next request.
    pub fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Where the answer to a request goes.
    pub fn reply_to(&self, id: u64) -> String {
        format!("{}.{id}", self.inbox)
    }

    /// The request that is answered at this subject.
    pub fn id_of(&self, subject: &str) -> Option<u64> {
        let token = subject.strip_prefix(&self.inbox)?.strip_prefix('.')?;
        token.parse().ok()
    }

    /// One more is under way.
    pub fn begin(&mut self, id: u64, subject: &str, by: Moment, gathering: Option<Gathering>) {
        let asked = Asked {
            subject: subject.to_owned(),
            by,
            gathering,
        };
        self.under_way.insert(id, asked);
        self.deadlines.insert((by, id));
    }

    /// An answer came; what is it, if it is for one who wants many?
    pub fn gathered(&mut self, id: u64, message: &Message, now: Moment) -> Option<Gathered> {
        let asked = self.under_way.get_mut(&id)?;
        let gathered = asked.gathering.as_mut()?.heard(message, now);
        if let Gathered::More(by) = gathered {
            self.deadlines.remove(&(asked.by, id));
            self.deadlines.insert((by, id));
            asked.by = by;
        }
        Some(gathered)
    }

    /// It is over, however. Gives whether it wanted many answers, and had any; `None` when it was
    /// over before.
    pub fn end(&mut self, id: u64) -> Option<Wanted> {
        let asked = self.under_way.remove(&id)?;
        self.deadlines.remove(&(asked.by, id));
        Some(match asked.gathering {
            None => Wanted::One,
            Some(gathering) => Wanted::Many {
                had_any: gathering.has_any,
            },
        })
    }

    /// Those that are sent to a subject.
    pub fn to(&self, subject: &str) -> Vec<u64> {
        let asked = self
            .under_way
            .iter()
            .filter(|(_, asked)| asked.subject == subject);
        asked.map(|(id, _)| *id).collect()
    }

    /// The next one that has run out of time.
    pub fn late(&self, now: Moment) -> Option<u64> {
        self.deadlines
            .first()
            .filter(|(by, _)| *by <= now)
            .map(|(_, id)| *id)
    }

    /// When the next one runs out of time.
    pub fn deadline(&self) -> Option<Moment> {
        self.deadlines.first().map(|(by, _)| *by)
    }

    /// All of them.
    pub fn all(&self) -> Vec<u64> {
        self.under_way.keys().copied().collect()
    }

    /// How many are under way.
    pub fn len(&self) -> usize {
        self.under_way.len()
    }

    /// None is.
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }
}
