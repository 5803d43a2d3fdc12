//! What befalls the log while everybody stays.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::jetstream::stream::Republish;
use fastrand::Rng;
use natter::domain::subject;

use super::{Campaign, RECOVERED_WITHIN, WAYS, World};
use crate::fault_proxy::{Fault as Network, Way};
use crate::headless::Headless;

/// What the broker remembers ids for at the least that it can be told to.
const NO_WINDOW: Duration = Duration::from_millis(100);

/// And as natter wants it.
const WINDOW: Duration = Duration::from_secs(120);

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFault {
    /// A copy is made, people go on, and then the copy is put back: what was written in between is
    /// gone for everybody, and each of them goes on with the log as it is.
    PutBack,
    /// The broker does not know again what it has taken, while answers are lost: what people send
    /// again is new to it.
    NoWindow { way: usize },
    /// The broker takes a message in a room in which nobody says anything after it, and tells
    /// nobody, as when a leader dies in between.
    Unheard { person: usize },
}

impl StoreFault {
    pub fn choose(rng: &mut Rng) -> Self {
        let all = Self::all(rng);
        all[rng.usize(..all.len())]
    }

    /// One of each.
    pub fn all(rng: &mut Rng) -> [Self; 3] {
        let way = rng.usize(..WAYS);
        let person = rng.usize(..usize::MAX);
        [
            Self::PutBack,
            Self::NoWindow { way },
            Self::Unheard { person },
        ]
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::PutBack => "store put back",
            Self::NoWindow { .. } => "no dedupe window",
            Self::Unheard { .. } => "nobody was told",
        }
    }

    pub async fn begin(self, campaign: &mut Campaign) {
        match self {
            Self::PutBack => campaign.make_a_copy().await,
            Self::NoWindow { way } => {
                set_window(&campaign.world, NO_WINDOW).await;
                campaign.ways[way].set(Network::HalfOpen(Way::Down));
            }
            Self::Unheard { person } => {
                set_republish(&campaign.world, false).await;
                campaign.say_in_the_quiet_room(person).await;
                set_republish(&campaign.world, true).await;
            }
        }
    }

    pub async fn end(self, campaign: &mut Campaign) {
        match self {
            Self::PutBack => campaign.go_back_to_the_copy().await,
            Self::NoWindow { way } => {
                campaign.ways[way].reset();
                campaign.ways[way].set(Network::Pass);
            }
            // Some look at their page; the others find it in their own time.
            Self::Unheard { .. } => campaign.people.iter().step_by(2).for_each(Headless::wake),
        }
    }

    pub async fn tidy_up(self, campaign: &Campaign) {
        if let Self::NoWindow { .. } = self {
            set_window(&campaign.world, WINDOW).await;
        }
    }
}

async fn set_window(world: &World, window: Duration) {
    world
        .change_log(|config| config.duplicate_window = window)
        .await;
}

async fn set_republish(world: &World, is_on: bool) {
    let republish = Republish {
        source: subject::LOG_ALL.into(),
        destination: subject::EVENT_ALL.into(),
        headers_only: false,
    };
    world
        .change_log(|config| config.republish = is_on.then(|| republish.clone()))
        .await;
}

impl Campaign {
    async fn make_a_copy(&mut self) {
        self.settle().await;
        self.world.kill_store();
        self.world.back_up();
        self.world.start_store();
        self.in_copy = self.sent_by_each();
        self.world.healthy().await;
    }

    async fn go_back_to_the_copy(&mut self) {
        // All of it has been seen by everybody, and goes all the same.
        self.settle().await;
        self.world.kill_store();
        self.world.put_back();
        for (uid, sent) in self.sent_by_each() {
            let kept = self.in_copy.get(&uid).copied().unwrap_or_default();
            self.undone.entry(uid).or_default().push(kept + 1..=sent);
        }
        self.sent.clear();
        self.world.start_store();
    }

    fn sent_by_each(&self) -> HashMap<String, u64> {
        let people = self.people.iter().map(|p| (p.uid.clone(), p.sent()));
        people.chain(self.pages.sent()).collect()
    }

    async fn say_in_the_quiet_room(&mut self, person: usize) {
        let everybody = self.people.len();
        let person = &mut self.people[person % everybody];
        person.say(&self.quiet).await;
        let key = (self.quiet.clone(), person.uid.clone());
        self.sent.insert(key, person.sent());
        let is_taken = async {
            while !person.is_all_sent() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(RECOVERED_WITHIN, is_taken)
            .await
            .is_err()
        {
            let line = format!("{} cannot say anything in the quiet room", person.uid);
            self.report.fail(line);
        }
    }
}
