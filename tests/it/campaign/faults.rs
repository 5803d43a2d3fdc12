//! What happens to natter, its broker, the network and the clients.

use std::fmt;
use std::time::Duration;

use fastrand::Rng;
use rustix::process::Signal;

use super::store_faults::StoreFault;
use super::{Campaign, WAYS, World};
use crate::fault_proxy::{Fault as Network, Way};

/// One thing that goes wrong, and for how long.
#[derive(Debug, Clone)]
pub struct Fault {
    what: What,
    lasts: Duration,
}

#[derive(Debug, Clone)]
enum What {
    /// A nats-server is killed, in a cluster mostly the one that leads the log, and started again.
    BrokerKilled { broker: usize },
    /// A nats-server does nothing.
    BrokerPaused { broker: usize },
    /// A natter is killed, and its own broker with it, and started after a while.
    ServerKilled { natter: usize },
    /// A natter does nothing.
    ServerPaused { natter: usize },
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
    /// What befalls the store itself.
    Store(StoreFault),
}

impl Fault {
    /// Any.
    pub fn choose(rng: &mut Rng) -> Self {
        // One in eight: they take longer than others.
        match rng.u32(..8) {
            0 => Self::of_store(StoreFault::choose(rng), rng),
            _ => Self::choose_beside(rng),
        }
    }

    /// What befalls the store.
    pub fn of_store(fault: StoreFault, rng: &mut Rng) -> Self {
        Self {
            what: What::Store(fault),
            lasts: Duration::from_millis(rng.u64(1_000..3_000)),
        }
    }

    /// One that can happen during another.
    pub fn choose_beside(rng: &mut Rng) -> Self {
        let way = rng.usize(..WAYS);
        let (broker, natter) = (rng.usize(..usize::MAX), rng.usize(..usize::MAX));
        let short = Duration::from_millis(rng.u64(100..1_500));
        let long = Duration::from_millis(rng.u64(500..6_500));
        let (what, lasts) = match rng.u32(..12) {
            0 | 1 => (What::BrokerKilled { broker }, short),
            2 => (What::BrokerPaused { broker }, long),
            3 => (What::ServerKilled { natter }, short),
            4 => (What::ServerPaused { natter }, long),
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

    /// What goes up arrives, nothing comes down, and then the connection is gone.
    pub fn lost_answers(rng: &mut Rng) -> Self {
        let what = What::HalfOpen {
            way: rng.usize(..WAYS),
            side: Way::Down,
            gone: true,
        };
        Self {
            what,
            lasts: Duration::from_millis(rng.u64(300..1_000)),
        }
    }

    pub fn lasts(&self, world: &World) -> Duration {
        match self.what {
            // natter starts its own one again at once.
            What::BrokerKilled { .. } if world.brokers() == 1 => Duration::ZERO,
            _ => self.lasts,
        }
    }

    /// As the table of recoveries has it.
    pub fn name(&self) -> &'static str {
        match self.what {
            What::BrokerKilled { .. } => "broker killed",
            What::BrokerPaused { .. } => "broker paused",
            What::ServerKilled { .. } => "natter killed",
            What::ServerPaused { .. } => "natter paused",
            What::Cut { .. } => "network cut",
            What::Refused { .. } => "network refused",
            What::Slow { .. } => "network slow",
            What::HalfOpen { .. } => "network half open",
            What::Asleep { .. } => "asleep",
            What::Crashed { .. } => "client crashed",
            What::Store(fault) => fault.name(),
        }
    }

    pub async fn begin(&self, campaign: &mut Campaign) {
        campaign.report.count_fault(self.name());
        let natters = campaign.world.addresses().len();
        match &self.what {
            What::BrokerKilled { broker } => {
                let broker = self.broker(campaign, *broker).await;
                campaign.world.kill_broker(broker);
            }
            What::BrokerPaused { broker } => {
                let broker = broker % campaign.world.brokers();
                campaign.world.signal_broker(broker, Signal::STOP);
            }
            What::ServerKilled { natter } => campaign.world.kill_natter(natter % natters),
            What::ServerPaused { natter } => {
                campaign.world.signal_natter(natter % natters, Signal::STOP);
            }
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
            What::Store(fault) => fault.begin(campaign).await,
        }
    }

    /// The one to be killed: three times of four the log’s leader.
    async fn broker(&self, campaign: &Campaign, chosen: usize) -> usize {
        let any = chosen % campaign.world.brokers();
        match campaign.world.leader().await {
            Some(leader) if !chosen.is_multiple_of(4) => leader,
            _ => any,
        }
    }

    pub async fn end(&self, campaign: &mut Campaign) {
        let natters = campaign.world.addresses().len();
        match &self.what {
            What::BrokerKilled { .. } => {
                for broker in 0..campaign.world.brokers() {
                    campaign.world.start_broker(broker);
                }
            }
            What::BrokerPaused { broker } => {
                let broker = broker % campaign.world.brokers();
                campaign.world.signal_broker(broker, Signal::CONT);
            }
            What::ServerKilled { natter } => campaign.world.start_natter(natter % natters),
            What::ServerPaused { natter } => {
                campaign.world.signal_natter(natter % natters, Signal::CONT);
            }
            What::Cut { .. } | What::Crashed { .. } => {}
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
            What::Store(fault) => fault.end(campaign).await,
        }
    }

    /// Once everybody sees everything.
    pub async fn tidy_up(&self, campaign: &Campaign) {
        if let What::Store(fault) = &self.what {
            fault.tidy_up(campaign).await;
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} for {:?}", self.what, self.lasts)
    }
}
