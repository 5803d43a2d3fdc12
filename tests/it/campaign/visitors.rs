//! Those who only load a page, again and again, and what they and everybody else notice when a part
//! of a cluster is lost.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use natter::domain::RoomId;
use reqwest::header;
use tokio::task::JoinSet;

use super::Campaign;

/// Between two pages of one visitor.
const PACE: Duration = Duration::from_millis(100);

/// Nobody waits longer for a page.
const LOADED_WITHIN: Duration = Duration::from_secs(15);

/// Between two losses, and after one.
const QUIET: Duration = Duration::from_secs(2);

/// How the visits went.
#[derive(Debug, Clone, Default)]
pub struct Visits {
    pages: usize,
    slowest: Duration,
    /// Loaded at the second try, as a balancer or a person makes one.
    again: usize,
    /// Not loaded then either.
    failed: Vec<String>,
}

/// Visitors under way, until they are dropped.
pub struct Visitors {
    _tasks: JoinSet<()>,
    visits: Arc<Mutex<Visits>>,
}

impl Visitors {
    /// One visitor by each way, with a session each.
    pub fn start(sessions: &[String], ways: &[SocketAddr], room: &RoomId) -> Self {
        let visits = Arc::new(Mutex::new(Visits::default()));
        let mut tasks = JoinSet::new();
        for (cookie, way) in sessions.iter().zip(ways) {
            let url = format!("http://{way}/r/{room}");
            tasks.spawn(visit(url, cookie.clone(), Arc::clone(&visits)));
        }
        Self {
            _tasks: tasks,
            visits,
        }
    }

    /// How it went since this was last asked.
    pub fn take(&self) -> Visits {
        std::mem::take(&mut self.visits.lock().unwrap())
    }
}

async fn visit(url: String, cookie: String, visits: Arc<Mutex<Visits>>) {
    // As of somebody who comes from elsewhere: nobody's old connection is in use.
    let http = reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .timeout(LOADED_WITHIN)
        .build()
        .unwrap();
    let load = async || {
        let request = http.get(&url).header(header::COOKIE, &cookie);
        let answer = request.send().await.map_err(|error| error.to_string())?;
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(format!("{url}: {}", answer.status())),
        }
    };
    loop {
        let begun = Instant::now();
        let first = load().await;
        let second = match &first {
            Ok(()) => Ok(()),
            Err(_) => {
                tokio::time::sleep(PACE).await;
                load().await
            }
        };
        {
            let mut visits = visits.lock().unwrap();
            visits.pages += 1;
            visits.slowest = visits.slowest.max(begun.elapsed());
            visits.again += usize::from(first.is_err());
            visits.failed.extend(second.err());
        }
        tokio::time::sleep(PACE).await;
    }
}

impl fmt::Display for Visits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} pages loaded, the slowest in {:.2} s, {} at the second try, {} not at all",
            self.pages,
            self.slowest.as_secs_f64(),
            self.again,
            self.failed.len()
        )
    }
}

impl Campaign {
    /// A server is stopped in order, then each is killed and comes back, and then each natter.
    pub(super) async fn lose_each(&mut self) {
        let sessions: Vec<_> = self.people.iter().map(|p| p.cookie.clone()).collect();
        let ways: Vec<_> = self.ways.iter().map(|way| way.addr()).collect();
        let visitors = Visitors::start(&sessions, &ways, &self.people[0].rooms[0]);
        let killed = (0..self.world.brokers()).map(|broker| (broker, true));
        for (broker, is_killed) in [(0, false)].into_iter().chain(killed) {
            self.world.whole().await;
            self.write_for(QUIET).await;
            let leads = self.world.leader().await == Some(broker);
            let name = match (is_killed, leads) {
                (false, _) => "leader stopped",
                (true, true) => "leader killed",
                (true, false) => "another killed",
            };
            self.report.count_fault(name);
            match is_killed {
                true => self.world.kill_broker(broker),
                false => self.world.stop_broker(broker).await,
            }
            self.recover(name, &format!("{name}: {broker}")).await;
            self.write_for(QUIET).await;
            self.world.start_broker(broker);
        }
        self.world.whole().await;
        let visits = visitors.take();
        let line = format!("while each nats-server was lost: {visits}");
        for failed in &visits.failed {
            self.report.fail(format!("a page was not loaded: {failed}"));
        }
        if visits.again > 0 {
            self.report.fail(line.clone());
        }
        self.report.lines.push(line);
        self.note_what_people_noticed();
        for natter in 0..self.world.addresses().len() {
            self.report.count_fault("natter killed");
            self.world.kill_natter(natter);
            self.recover("natter killed", &format!("natter {natter} was killed"))
                .await;
            self.write_for(QUIET).await;
            self.world.start_natter(natter);
            self.world.healthy().await;
        }
        let visits = visitors.take();
        for failed in &visits.failed {
            self.report
                .fail(format!("a page was not loaded at the second try: {failed}"));
        }
        let line = format!("while each natter was lost: {visits}");
        self.report.lines.push(line);
    }

    fn note_what_people_noticed(&mut self) {
        let longest = self.people.iter().map(|p| p.longest_wait()).max();
        let told: Vec<_> = self.people.iter().filter(|p| p.was_told()).collect();
        let line = format!(
            "{} of {} people were told that they are not connected; the longest that a message said “Sending…” was {:.2} s",
            told.len(),
            self.people.len(),
            longest.unwrap_or_default().as_secs_f64()
        );
        if !told.is_empty() {
            self.report.fail(line.clone());
        }
        self.report.lines.push(line);
    }
}
