//! The campaign: people write and read through a network that fails, while natter, its broker and
//! the clients themselves are killed and paused, at random from a seed. In the end everybody's view
//! equals the log.
//!
//! `world` is natter, `pages` those with a real page (the others are `headless`), `faults` and
//! `store_faults` what happens to them all, `visitors` those who only load a page, `verdict` what
//! must be true in the end.

mod faults;
mod pages;
mod report;
mod store_faults;
mod verdict;
mod visitors;
mod world;

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use fastrand::Rng;
use natter::client::{Rules, ask};
use natter::domain::{RoomId, Username};
use natter::wire::v1;
use prost::Message;

use crate::fault_proxy::FaultProxy;
use crate::headless::Headless;
use crate::support::{PASSWORD, Person, cookie_of, stranger};
use faults::Fault;
use pages::Pages;
pub use report::Report;
use store_faults::StoreFault;
use world::World;

/// What a run is like. The same one makes the same choices; what the machine makes of them differs.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub lasts: Duration,
    pub clients: usize,
    pub pages: usize,
    /// Between two messages of all together.
    pub pace: Duration,
    pub rules: Rules,
    pub course: Course,
    /// Two natter servers at a cluster of three, whose servers are killed one at a time.
    pub cluster: bool,
}

/// What happens in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Course {
    /// Each fault of the store once, and then any.
    Everything,
    /// The store is put back from a copy while everybody stays.
    PutBack,
    /// Again and again what people send arrives, and no answer does.
    LostAnswers,
    /// At a cluster: each server is lost for a while, and each natter; and nobody who visits
    /// meanwhile is to be refused anything, or told of it.
    OneLost,
}

/// Between two looks whether something is as it should be.
const LOOK: Duration = Duration::from_millis(10);

/// Everybody is expected to see everything this long after a fault at the latest.
const RECOVERED_WITHIN: Duration = Duration::from_secs(60);

/// The ways to natter; each person takes one of them.
const WAYS: usize = 3;

/// The last number that somebody has sent to a room.
type Sent = HashMap<(RoomId, String), u64>;

/// A run under way.
struct Campaign {
    /// Chooses faults: the same ones for a seed, however fast the machine is.
    fate: Rng,
    /// Chooses who writes where.
    rng: Rng,
    world: World,
    ways: Vec<FaultProxy>,
    people: Vec<Headless>,
    pages: Pages,
    sent: Sent,
    /// A room in which hardly anybody says anything.
    quiet: RoomId,
    /// What each author had sent when the copy was made that may be put back.
    in_copy: HashMap<String, u64>,
    /// What may be gone, since the log went back to before it: these numbers of each author.
    undone: HashMap<String, Vec<RangeInclusive<u64>>>,
    next_message: Instant,
    pace: Duration,
    report: Report,
}

/// Runs a plan.
pub async fn run(plan: &Plan) -> Report {
    let mut campaign = Campaign::set_up(plan).await;
    let end = Instant::now() + plan.lasts;
    match plan.course {
        Course::OneLost => campaign.lose_each().await,
        Course::PutBack => {
            let fault = Fault::of_store(StoreFault::PutBack, &mut campaign.fate);
            campaign.round(fault, None).await;
        }
        Course::LostAnswers => {
            while campaign.goes_on(end) {
                let fault = Fault::lost_answers(&mut campaign.fate);
                campaign.round(fault, None).await;
            }
        }
        Course::Everything => {
            let mut first = StoreFault::all(&mut campaign.fate);
            campaign.fate.shuffle(&mut first);
            let mut first = first.into_iter().peekable();
            // A short run is as long as these take.
            while campaign.goes_on(end) || first.peek().is_some() {
                let fate = &mut campaign.fate;
                let fault = match first.next() {
                    Some(fault) => Fault::of_store(fault, fate),
                    None => Fault::choose(fate),
                };
                let second = (fate.u8(..) < 64).then(|| Fault::choose_beside(fate));
                campaign.round(fault, second).await;
            }
        }
    }
    campaign.judge().await
}

impl Campaign {
    async fn set_up(plan: &Plan) -> Self {
        let world = match plan.cluster {
            true => World::begin_cluster().await,
            false => World::begin().await,
        };
        let mut ways = Vec::new();
        // As behind a balancer: each way has its own natter, and another one while that is gone.
        let mut natters = world.addresses();
        for _ in 0..WAYS {
            ways.push(FaultProxy::balance(&natters).await);
            natters.rotate_left(1);
        }
        let mut accounts = Vec::new();
        for number in 0..plan.clients + plan.pages {
            accounts.push(sign_up(&world, &format!("p-{number}")).await);
        }
        let mut rooms = make_rooms(&world, &accounts).await;
        let quiet = rooms.pop().expect("the quiet room");
        let mut people = Vec::new();
        for (number, (uid, cookie)) in accounts.iter().take(plan.clients).enumerate() {
            let way = ways[number % WAYS].addr();
            // Everybody is in the first, and in two of the others.
            let others = (0..2).map(|n| rooms[1 + (number + n) % (rooms.len() - 1)].clone());
            let rooms = std::iter::once(rooms[0].clone()).chain(others);
            let rooms = rooms.chain([quiet.clone()]).collect();
            people.push(Headless::begin(uid, cookie, way, rooms, plan.rules));
        }
        let with_pages = accounts.into_iter().skip(plan.clients);
        let with_pages = with_pages.zip(ways.iter().map(FaultProxy::addr).cycle());
        let pages = Pages::open(with_pages.collect(), rooms[0].clone()).await;
        Self {
            fate: Rng::with_seed(plan.seed),
            rng: Rng::with_seed(plan.seed),
            world,
            ways,
            people,
            pages,
            sent: Sent::new(),
            quiet,
            in_copy: HashMap::new(),
            undone: HashMap::new(),
            next_message: Instant::now(),
            pace: plan.pace,
            report: Report::default(),
        }
    }

    fn goes_on(&self, end: Instant) -> bool {
        Instant::now() < end && self.report.failures.is_empty()
    }

    /// One fault, or another one during it, and the way back from it.
    async fn round(&mut self, fault: Fault, second: Option<Fault>) {
        let quiet = Duration::from_millis(self.fate.u64(200..800));
        self.write_for(quiet).await;
        fault.begin(self).await;
        if let Some(second) = second {
            second.begin(self).await;
            self.write_for(second.lasts(&self.world)).await;
            second.end(self).await;
        }
        self.write_for(fault.lasts(&self.world)).await;
        fault.end(self).await;
        self.world.healthy().await;
        self.recover(fault.name(), &format!("{fault}")).await;
        fault.tidy_up(self).await;
    }

    /// Everybody says something; until everybody sees that, and all that was sent before.
    async fn recover(&mut self, name: &'static str, fault: &str) {
        let begun = Instant::now();
        for person in &mut self.people {
            let room = person.rooms[0].clone();
            person.say(&room).await;
            self.sent.insert((room, person.uid.clone()), person.sent());
        }
        let wanted = self.sent.clone();
        while !self.is_seen(&wanted) {
            if begun.elapsed() > RECOVERED_WITHIN {
                let missing = self.missing(&wanted);
                self.report
                    .fail(format!("after {fault}: not seen in time: {missing}"));
                return;
            }
            self.write_for(LOOK).await;
        }
        self.report.recovered(name, begun.elapsed());
    }

    fn is_seen(&self, wanted: &Sent) -> bool {
        self.people.iter().all(|person| {
            let seen = person.seen.lock().unwrap();
            let mut wanted = wanted.iter();
            wanted.all(|((room, author), number)| {
                let last = seen.get(room).and_then(|room| room.get(author));
                !person.rooms.contains(room) || last.is_some_and(|last| last >= number)
            })
        })
    }

    fn missing(&self, wanted: &Sent) -> String {
        let mut missing = Vec::new();
        for person in &self.people {
            let seen = person.seen.lock().unwrap();
            for ((room, author), number) in wanted {
                let last = seen.get(room).and_then(|room| room.get(author));
                if person.rooms.contains(room) && last.is_none_or(|last| last < number) {
                    let state = person.state(room);
                    missing.push(format!(
                        "{} sees {last:?} of {author} {number} in {room} ({state}; outbox {:?})",
                        person.uid,
                        person.posts()
                    ));
                }
            }
        }
        missing.truncate(5);
        missing.join("; ")
    }

    /// Everybody writes, now this one and now that.
    async fn write_for(&mut self, lasts: Duration) {
        let end = Instant::now() + lasts;
        loop {
            let now = Instant::now();
            if now >= self.next_message {
                self.next_message = now + self.pace;
                self.write().await;
            }
            if now >= end {
                return;
            }
            tokio::time::sleep_until(end.min(self.next_message).into()).await;
        }
    }

    async fn write(&mut self) {
        let everybody = self.people.len() + self.pages.count();
        // A page takes its time to type.
        let one = self.rng.usize(..everybody.max(self.people.len() * 4));
        if let Some(person) = self.people.get_mut(one % everybody) {
            // The last one is quiet.
            let room = self.rng.usize(..person.rooms.len() - 1);
            let room = person.rooms[room].clone();
            person.say(&room).await;
            let key = (room, person.uid.clone());
            self.sent.insert(key, person.sent());
        } else if let Some((author, number)) = self.pages.say(one % everybody - self.people.len()) {
            self.sent.insert((self.pages.room(), author), number);
        }
    }
}

async fn sign_up(world: &World, uid: &str) -> (String, String) {
    let form = [
        ("username", uid),
        ("display_name", ""),
        ("password", PASSWORD),
    ];
    let request = stranger().post(world.url("/signup")).form(&form);
    let cookie = cookie_of(&request.send().await.unwrap());
    (uid.into(), cookie.expect("a session"))
}

/// The room that everybody is in, two open ones, a closed one that all are in, and one more, in which
/// nobody says anything for now.
async fn make_rooms(world: &World, accounts: &[(String, String)]) -> Vec<RoomId> {
    let (uid, cookie) = &accounts[0];
    let at = world.addresses()[0];
    let client = Person::dial_as(uid, cookie, &format!("ws://{at}/nats"), at);
    client.connected().await.unwrap();
    let me = Username::parse(uid).unwrap();
    let heads: v1::HeadsResponse = tell(&client, &me, "heads", v1::HeadsRequest::default()).await;
    let mut rooms = Vec::new();
    for head in heads.rooms {
        rooms.extend(head.room.and_then(|room| RoomId::parse(&room.id).ok()));
    }
    let made = [
        (v1::RoomKind::Open, "alpha"),
        (v1::RoomKind::Open, "beta"),
        (v1::RoomKind::Closed, "closed"),
        (v1::RoomKind::Closed, "quiet"),
    ];
    for (kind, name) in made {
        let asked = v1::MakeRoomRequest {
            kind: kind.into(),
            name: name.into(),
            topic: String::new(),
        };
        let made: v1::RoomResponse = tell(&client, &me, "make-room", asked).await;
        rooms.push(RoomId::parse(&made.room.unwrap().id).unwrap());
    }
    for room in &rooms[1..] {
        let asked = v1::InviteRequest {
            room_id: room.to_string(),
            uids: accounts[1..].iter().map(|(uid, _)| uid.clone()).collect(),
        };
        let _: v1::RoomResponse = tell(&client, &me, "invite", asked).await;
    }
    client.close();
    rooms
}

async fn tell<A: Message + Default>(
    client: &natter::nats::Client,
    me: &Username,
    verb: &str,
    question: impl Message,
) -> A {
    let patience = Duration::from_secs(10);
    ask(client, me, verb, &question, patience).await.unwrap()
}
