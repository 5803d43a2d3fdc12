//! Limits on HTTP requests (`http::counted`): by person where there is a session, else by address. The
//! site's own files are not counted.
//!
//! Opening a page costs one request for the page, one for its live connection, and one for each picture
//! that the browser does not have yet.

use std::time::{Duration, Instant};

use super::Allowance;
use super::buckets::Buckets;
use crate::domain::Username;
use crate::server::source::Source;

/// Requests of one person: more pages than 20 tabs open, and then five pages a second.
const PERSON: Allowance = Allowance::new(300, Duration::from_millis(100));
/// Pictures that one person loads: a list of a thousand people, and then as they scroll.
const PERSON_PICTURE: Allowance = Allowance::new(2_000, Duration::from_millis(20));
/// Requests from one address without a session. An office has one address: 500 people come in the
/// morning with three requests each (the page, the form, the form sent).
const SOURCE: Allowance = Allowance::new(2_000, Duration::from_millis(20));
/// Pictures asked for without a session are refused anyway.
const SOURCE_PICTURE: Allowance = Allowance::new(200, Duration::from_millis(100));
/// Requests to `/health`, from monitoring programs.
const HEALTH: Allowance = Allowance::new(100, Duration::from_millis(100));
/// Requests of the browsers known at one account, when their address has used its allowance up: enough to
/// sign in.
const KNOWN: Allowance = Allowance::new(60, Duration::from_secs(1));

/// The most addresses.
const MOST: usize = 100_000;

/// The account in a mark of a known browser (`http::known`).
pub type AccountMark = [u8; 8];

/// The kinds of requests, each with allowances of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A page, a form, a connection, and everything else.
    Page,
    /// A picture of somebody.
    Picture,
    /// `GET /health`.
    Health,
}

/// All requests.
pub(super) struct Requests {
    person: Buckets<Username>,
    person_picture: Buckets<Username>,
    source: Buckets<Source>,
    source_picture: Buckets<Source>,
    health: Buckets<Source>,
    known: Buckets<AccountMark>,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            person: Buckets::new(PERSON, usize::MAX),
            person_picture: Buckets::new(PERSON_PICTURE, usize::MAX),
            source: Buckets::new(SOURCE, MOST),
            source_picture: Buckets::new(SOURCE_PICTURE, MOST),
            health: Buckets::new(HEALTH, MOST),
            known: Buckets::new(KNOWN, usize::MAX),
        }
    }
}

impl Requests {
    pub(super) fn of_person(&self, wanted: Wanted, uid: &Username) -> Result<(), Duration> {
        self.of_persons(wanted).take(uid.clone(), Instant::now())
    }

    pub(super) fn of_source(&self, wanted: Wanted, source: Source) -> Result<(), Duration> {
        self.of_sources(wanted).take(source, Instant::now())
    }

    pub(super) fn look_up(
        &self,
        wanted: Wanted,
        uid: &Username,
        source: Source,
        known: Option<AccountMark>,
    ) -> Result<(), Duration> {
        let now = Instant::now();
        self.of_persons(wanted).wait(uid, now)?;
        let by_source = self.of_sources(wanted).wait(&source, now);
        by_source.or_else(|wait| known.map_or(Err(wait), |known| self.known.wait(&known, now)))
    }

    pub(super) fn of_known(&self, account: AccountMark) -> Result<(), Duration> {
        self.known.take(account, Instant::now())
    }

    fn of_persons(&self, wanted: Wanted) -> &Buckets<Username> {
        match wanted {
            Wanted::Picture => &self.person_picture,
            Wanted::Page | Wanted::Health => &self.person,
        }
    }

    fn of_sources(&self, wanted: Wanted) -> &Buckets<Source> {
        match wanted {
            Wanted::Page => &self.source,
            Wanted::Picture => &self.source_picture,
            Wanted::Health => &self.health,
        }
    }

    pub(super) fn tidy(&self, now: Instant) {
        for by_person in [&self.person, &self.person_picture] {
            by_person.tidy(now);
        }
        for by_source in [&self.source, &self.source_picture, &self.health] {
            by_source.tidy(now);
        }
        self.known.tidy(now);
    }
}
