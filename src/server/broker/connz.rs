//! Reads nats-server's lists of connections on the system account (CONNZ), page by page. A long list in one
//! answer would exceed `max_pending`, and the server would close natter's connection instead of
//! answering.
//!
//! A server sorts by the connections' numbers, which only grow. Connections that end while the pages are
//! read move the later ones up. So each page has to begin before the end of the last one: then no
//! connection that existed throughout is missing.

use std::time::Duration;

use async_nats::Client;
use futures::StreamExt as _;
use futures::future::try_join_all;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, timeout_at};

use super::system::{DEADLINE, SystemError, broker, request, server_count};

/// The length of the first page, and of every page after one that did not arrive. The list has the names
/// that clients gave themselves, so one connection can take 25 kB: this many are less than 8 MB, which is
/// allowed.
pub(super) const FIRST_PAGE: usize = 256;

/// The length of the longest page.
const LONGEST_PAGE: usize = 1_024;

/// Pages grow while they are expected to be smaller than this, in bytes.
const EXPECTED_BYTES: usize = 900_000;

/// How many of the last page's connections are read again with the next one: this many may end in
/// between.
const OVERLAP: usize = 32;

/// The delay before a page is asked for again: natter's connection may have to be made again first.
const PAUSE: Duration = Duration::from_millis(250);

/// A selection of connections. Empty fields select all.
#[derive(Debug, Default, Clone, Serialize)]
pub(super) struct Selection {
    /// The public key of their account.
    #[serde(rename = "acc", skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// A connection as a server shows it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Open {
    pub cid: u64,
    #[serde(default)]
    pub account: String,
    #[serde(default)]
    pub authorized_user: String,
    #[serde(default)]
    pub start: String,
    /// Messages that the server has received from it, forbidden ones too.
    #[serde(default)]
    pub in_msgs: u64,
    #[serde(default)]
    pub subscriptions: u64,
}

/// The order of a list. Numbers grow, so only lists in their order can be read page by page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum Order {
    #[serde(rename = "cid")]
    Number,
    /// Those with the most subscriptions first.
    #[serde(rename = "subs")]
    Subscriptions,
    /// Those from which the most messages came first.
    #[serde(rename = "msgs_from")]
    Messages,
}

/// The open connections of a selection, on all servers, each with its server's id.
pub(super) async fn connections(
    client: &Client,
    selection: &Selection,
) -> Result<Vec<(String, Open)>, SystemError> {
    let mut firsts = first_pages(client, selection, Order::Number).await;
    if firsts.is_err() {
        sleep(PAUSE).await;
        firsts = first_pages(client, selection, Order::Number).await;
    }
    let lists = firsts?.into_iter().map(|(server, first)| async move {
        let list = rest(client, &server, selection, first).await?;
        Ok::<_, SystemError>(list.into_iter().map(move |open| (server.clone(), open)))
    });
    Ok(try_join_all(lists).await?.into_iter().flatten().collect())
}

/// The first page of every server, with the server's id.
pub(super) async fn first_pages(
    client: &Client,
    selection: &Selection,
    order: Order,
) -> Result<Vec<(String, Page)>, SystemError> {
    let deadline = Instant::now() + DEADLINE;
    let all = server_count(client, deadline).await?;
    let inbox = client.new_inbox();
    let mut replies = client.subscribe(inbox.clone()).await.map_err(broker)?;
    let question = question(selection, order, 0, FIRST_PAGE)?;
    client
        .publish_with_reply("$SYS.REQ.SERVER.PING.CONNZ", inbox, question.into())
        .await
        .map_err(broker)?;
    let mut pages = Vec::new();
    while pages.len() < all {
        let Ok(Some(reply)) = timeout_at(deadline, replies.next()).await else {
            let answered = pages.len();
            return Err(SystemError::Incomplete { answered, all });
        };
        pages.push(page(&reply.payload)?);
    }
    Ok(pages)
}

/// All connections of one server, given its first page.
async fn rest(
    client: &Client,
    server: &str,
    selection: &Selection,
    first: Page,
) -> Result<Vec<Open>, SystemError> {
    let mut list = List::new(first);
    while let Some((offset, limit)) = list.wants() {
        let question = question(selection, Order::Number, offset, limit)?;
        let subject = format!("$SYS.REQ.SERVER.{server}.CONNZ");
        let answer = request(client, subject, question, Instant::now() + DEADLINE).await;
        match answer.and_then(|answer| page(&answer)) {
            Ok((_, page)) => list.add(page),
            // It may have been too large.
            Err(error) if !list.shorten() => return Err(error),
            Err(_) => sleep(PAUSE).await,
        }
    }
    Ok(list.found)
}

fn question(
    selection: &Selection,
    order: Order,
    offset: usize,
    limit: usize,
) -> Result<String, SystemError> {
    #[derive(Serialize)]
    struct Question<'a> {
        // Usernames are shown and filtered only with it.
        auth: bool,
        sort: Order,
        offset: usize,
        limit: usize,
        #[serde(flatten)]
        selection: &'a Selection,
    }
    serde_json::to_string(&Question {
        auth: true,
        sort: order,
        offset,
        limit,
        selection,
    })
    .map_err(broker)
}

/// A part of one server's list.
pub(super) struct Page {
    pub open: Vec<Open>,
    bytes: usize,
}

fn page(answer: &[u8]) -> Result<(String, Page), SystemError> {
    #[derive(Deserialize)]
    struct Connz {
        #[serde(default)]
        connections: Vec<Open>,
    }
    let reply: Reply<Connz> = parse(answer)?;
    let open = reply.data.map(|data| data.connections).unwrap_or_default();
    let bytes = answer.len();
    Ok((reply.server.id, Page { open, bytes }))
}

/// One server's list, as far as it has been read.
struct List {
    found: Vec<Open>,
    /// The offset and the length of the next page.
    offset: usize,
    limit: usize,
    may_grow: bool,
    is_complete: bool,
}

impl List {
    fn new(first: Page) -> Self {
        let mut list = Self {
            found: Vec::new(),
            offset: 0,
            limit: FIRST_PAGE,
            may_grow: true,
            is_complete: false,
        };
        list.add(first);
        list
    }

    /// The offset and the length of the next page.
    fn wants(&self) -> Option<(usize, usize)> {
        (!self.is_complete).then_some((self.offset, self.limit))
    }

    fn add(&mut self, page: Page) {
        let last = self.found.last().map(|open| open.cid);
        let begins_before = |last: u64| page.open.first().is_some_and(|open| open.cid <= last);
        if self.offset > 0 && !last.is_some_and(begins_before) {
            // More connections have ended than overlap. The missing ones are further up.
            self.offset = self.offset.saturating_sub(self.limit);
            return;
        }
        let count = page.open.len();
        self.is_complete = count < self.limit;
        self.offset = (self.offset + count).saturating_sub(OVERLAP);
        if self.may_grow && count > 0 && page.bytes / count * self.limit * 2 <= EXPECTED_BYTES {
            self.limit = (self.limit * 2).min(LONGEST_PAGE);
        }
        let is_new = |open: &Open| last.is_none_or(|last| open.cid > last);
        self.found.extend(page.open.into_iter().filter(is_new));
    }

    /// Continues with short pages. False: they are short already.
    fn shorten(&mut self) -> bool {
        let was_longer = self.limit > FIRST_PAGE;
        let was_first_time = std::mem::replace(&mut self.may_grow, false);
        self.limit = FIRST_PAGE;
        was_longer || was_first_time
    }
}

/// An answer on the system account: the server, and `data` or `error`.
#[derive(Deserialize)]
pub(super) struct Reply<T> {
    pub server: Server,
    pub data: Option<T>,
}

#[derive(Deserialize)]
pub(super) struct Server {
    pub id: String,
}

pub(super) fn parse<T: DeserializeOwned>(payload: &[u8]) -> Result<Reply<T>, SystemError> {
    #[derive(Deserialize)]
    struct Failed {
        error: Option<Reason>,
    }
    #[derive(Deserialize)]
    struct Reason {
        #[serde(default)]
        description: String,
    }
    let failed: Failed = serde_json::from_slice(payload).map_err(broker)?;
    match failed.error {
        Some(reason) => Err(SystemError::Refused(reason.description)),
        None => serde_json::from_slice(payload).map_err(broker),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page of a server with these connections.
    fn page_of(all: &[u64], offset: usize, limit: usize, bytes_each: usize) -> Page {
        let from = offset.min(all.len());
        let to = (from + limit).min(all.len());
        let open = |cid: &u64| Open {
            cid: *cid,
            account: String::new(),
            authorized_user: String::new(),
            start: String::new(),
            in_msgs: 0,
            subscriptions: 0,
        };
        Page {
            open: all[from..to].iter().map(open).collect(),
            bytes: (to - from) * bytes_each,
        }
    }

    /// Reads the list of a server whose connections `change` between the pages; which were found, and
    /// with how many pages.
    fn read(
        all: &mut Vec<u64>,
        bytes_each: usize,
        mut change: impl FnMut(&mut Vec<u64>),
    ) -> (Vec<u64>, usize) {
        let mut list = List::new(page_of(all, 0, FIRST_PAGE, bytes_each));
        let mut pages = 1;
        while let Some((offset, limit)) = list.wants() {
            change(all);
            list.add(page_of(all, offset, limit, bytes_each));
            pages += 1;
            assert!(pages < 10_000, "it ends");
        }
        (list.found.iter().map(|open| open.cid).collect(), pages)
    }

    #[test]
    fn a_long_list_is_read_to_its_end_by_pages_that_stay_small() {
        for count in [0, 1, 255, 256, 257, 50_000] {
            let mut all: Vec<u64> = (1..=count).collect();
            let (found, _) = read(&mut all, 700, |_| {});
            assert_eq!(found, all);
        }
        let mut all: Vec<u64> = (1..=50_000).collect();
        assert_eq!(read(&mut all, 700, |_| {}).1, 52);
        assert_eq!(read(&mut all, 25_000, |_| {}).1, 224, "they do not grow");
    }

    #[test]
    fn who_was_there_all_the_while_is_found_however_many_go() {
        for at_once in [1, OVERLAP, OVERLAP + 1, 300] {
            let mut all: Vec<u64> = (1..=9_000).collect();
            let (found, _) = read(&mut all, 700, |all| {
                // From the front, which moves all others up, and one more comes.
                all.drain(..at_once.min(all.len() / 2));
                all.push(all.last().map_or(1, |last| last + 1));
            });
            let missing = all
                .iter()
                .filter(|cid| **cid <= 9_000 && !found.contains(cid));
            assert_eq!(missing.count(), 0, "{at_once} at once");
            assert!(found.is_sorted());
        }
    }

    #[test]
    fn a_page_that_does_not_come_is_asked_for_again_shorter_and_not_for_ever() {
        let all: Vec<u64> = (1..=5_000).collect();
        let mut list = List::new(page_of(&all, 0, FIRST_PAGE, 700));
        let (at, longer) = list.wants().unwrap();
        assert!(longer > FIRST_PAGE);
        assert!(list.shorten());
        assert_eq!(list.wants(), Some((at, FIRST_PAGE)));
        assert!(!list.shorten());
    }
}
