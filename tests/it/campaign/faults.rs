//! What happens to natter, its broker, the network and the clients.

use std::fmt;
use std::time::Duration;

use fastrand::Rng;
use rustix::process::Signal;

use super::{Campaign, WAYS};
use crate::fault_proxy::{Fault as Network, Way};

/// One thing that goes wrong, and for how long.
#[derive(Debug, Clone)]
pub struct Fault {
    what: What,
    lasts: Duration,
}

#[derive(Debug, Clone)]
enum What {
    /// nats-server is killed; natter starts another.
    BrokerKilled,
    /// nats-server does nothing.
    BrokerPaused,
    /// natter is killed, and its broker with it; both are started after a while.
    ServerKilled,
    /// natter does nothing.
    ServerPaused,
    /// What stands on a way is closed, or reset.
    Cut { way: usize, hard: bool },
    /// Nobody gets through on a way, and what stood is closed.
    Refused { way: usize },
    /// A way is slow, or passes single bytes.
    Slow { way: usize, network: Network },
    /// A way passes nothing, and nobody is told; in the end it is all there, or all gone.
    HalfOpen { way: usize, side: Way, gone: bool },
    /// The machines on a way sleep: nothing passes, and when they wake, what stood is gone.
    Asleep { way: usize },
    /// A client ends without a word, and begins again.
    Crashed { person: usize },
}

impl Fault {
    pub fn choose(rng: &mut Rng) -> Self {
        let way = rng.usize(..WAYS);
        let short = Duration::from_millis(rng.u64(100..1_500));
        let long = Duration::from_millis(rng.u64(500..6_500));
        let (what, lasts) = match rng.u32(..12) {
            0 | 1 => (What::BrokerKilled, Duration::ZERO),
            2 => (What::BrokerPaused, long),
            3 => (What::ServerKilled, short),
            4 => (What::ServerPaused, long),
            5 | 6 => {
                let hard = rng.bool();
                (What::Cut { way, hard }, Duration::ZERO)
            }
            7 => (What::Refused { way }, short),
            8 => {
                let slow = Duration::from_millis(rng.u64(50..400));
                let kinds = [Network::Chop, Network::Delay(slow)];
                let network = kinds[rng.usize(..kinds.len())];
                (What::Slow { way, network }, long)
            }
            9 => {
                let side = [Way::Up, Way::Down, Way::Both][rng.usize(..3)];
                let gone = rng.bool();
                (What::HalfOpen { way, side, gone }, long)
            }
            10 => (What::Asleep { way }, long),
            _ => {
                let person = rng.usize(..usize::MAX);
                (What::Crashed { person }, Duration::ZERO)
            }
        };
        Self { what, lasts }
    }

    pub fn lasts(&self) -> Duration {
        self.lasts
    }

    /// As the table of recoveries has it.
    pub fn name(&self) -> &'static str {
        match self.what {
            What::BrokerKilled => "broker killed",
            What::BrokerPaused => "broker paused",
            What::ServerKilled => "natter killed",
            What::ServerPaused => "natter paused",
            What::Cut { .. } => "network cut",
            What::Refused { .. } => "network refused",
            What::Slow { .. } => "network slow",
            What::HalfOpen { .. } => "network half open",
            What::Asleep { .. } => "asleep",
            What::Crashed { .. } => "client crashed",
        }
    }

    pub async fn begin(&self, campaign: &mut Campaign) {
        campaign.report.count_fault(self.name());
        match &self.what {
            What::BrokerKilled => campaign.world.signal_broker(Signal::KILL),
            What::BrokerPaused => campaign.world.signal_broker(Signal::STOP),
            What::ServerKilled => campaign.world.kill(),
            What::ServerPaused => campaign.world.signal_natter(Signal::STOP),
            What::Cut { way, hard: false } => campaign.ways[*way].cut(),
            What::Cut { way, hard: true } => campaign.ways[*way].reset(),
            What::Refused { way } => {
                campaign.ways[*way].set(Network::Refuse);
                campaign.ways[*way].cut();
            }
            What::Slow { way, network } => campaign.ways[*way].set(*network),
            What::HalfOpen { way, side, .. } => campaign.ways[*way].set(Network::HalfOpen(*side)),
            What::Asleep { way } => campaign.ways[*way].set(Network::HalfOpen(Way::Both)),
            What::Crashed { person } => {
                let everybody = campaign.people.len();
                campaign.people[person % everybody].crash();
            }
        }
    }

    pub async fn end(&self, campaign: &mut Campaign) {
        match &self.what {
            What::BrokerPaused => campaign.world.signal_broker(Signal::CONT),
            What::ServerKilled => campaign.world.start(),
            What::ServerPaused => campaign.world.signal_natter(Signal::CONT),
            What::BrokerKilled | What::Cut { .. } | What::Crashed { .. } => {}
            What::Refused { way } | What::Slow { way, .. } => {
                campaign.ways[*way].set(Network::Pass);
            }
            What::HalfOpen { way, gone, .. } => {
                if *gone {
                    campaign.ways[*way].reset();
                }
                campaign.ways[*way].set(Network::Pass);
            }
            What::Asleep { way } => {
                campaign.ways[*way].reset();
                campaign.ways[*way].set(Network::Pass);
                let awake = campaign.people.iter().enumerate();
                for (_, person) in awake.filter(|(number, _)| number % WAYS == *way) {
                    person.wake();
                }
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} for {:?}", self.what, self.lasts)
    }
}
