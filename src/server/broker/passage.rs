//! Where connections of people are on their way into CHAT, as natter sees them over SYS: those that
//! have a name there, and those whose answer is still to land.

use std::collections::HashSet;
use std::time::Duration;

use async_nats::Client;
use tokio::time::{Instant, sleep};

use super::connz::{Open, Selection, connections};
use super::system::{Present, SystemError};

/// Between two looks at connections whose answers are to land. An answer takes a few milliseconds.
const BETWEEN_LOOKS: Duration = Duration::from_millis(15);

/// The accounts that connections of people pass through, by their public keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Where they are while the callout is asked.
    pub auth: String,
    /// Natter's own user there, who is not on the way to anything.
    pub callout_user: String,
    /// Where they are when it has answered.
    pub chat: String,
}

/// All connections of people at one moment.
#[derive(Debug, Default)]
pub struct Sighting {
    /// Those in CHAT, with the names that the callout gave them.
    pub named: Vec<Present>,
    /// Those that the callout is or was asked about, and that have no name yet, as server id and
    /// connection id.
    pub unnamed: HashSet<(String, u64)>,
}

impl Passage {
    /// Looks at all connections, on all servers.
    ///
    /// The server puts a connection into AUTH before it asks about it. So one that is neither in AUTH
    /// nor in CHAT is asked about later than this look.
    ///
    /// # Errors
    /// Fails when a server does not answer within 2 s.
    pub async fn look(&self, client: &Client) -> Result<Sighting, SystemError> {
        let mut seen = Sighting::default();
        for (server, open) in connections(client, &Selection::default()).await? {
            if self.is_unnamed(&open) {
                seen.unnamed.insert((server, open.cid));
            } else if open.account == self.chat {
                seen.named.push(open.at(server));
            }
        }
        Ok(seen)
    }

    /// Waits until the callout is asked about none of these connections any more, for as long as
    /// `patience`.
    ///
    /// # Errors
    /// Fails when a server does not answer within 2 s.
    pub async fn settled(
        &self,
        client: &Client,
        unnamed: &HashSet<(String, u64)>,
        patience: Duration,
    ) -> Result<(), SystemError> {
        let until = Instant::now() + patience;
        // Of AUTH alone, where few are at a time.
        let selection = Selection {
            account: Some(self.auth.clone()),
        };
        loop {
            let open = connections(client, &selection).await?.into_iter();
            let mut left = open.filter(|(_, open)| self.is_unnamed(open));
            let is_open = left.any(|(server, open)| unnamed.contains(&(server, open.cid)));
            if !is_open || Instant::now() >= until {
                return Ok(());
            }
            sleep(BETWEEN_LOOKS).await;
        }
    }

    /// While the callout is asked, the server shows a connection in AUTH, as the user of its `.creds`
    /// file, the sentinel, or whatever it called itself. When the answer has come, it is in CHAT without
    /// a name for a moment.
    fn is_unnamed(&self, open: &Open) -> bool {
        let is_asked_about = open.account == self.auth && open.authorized_user != self.callout_user;
        let has_no_name = matches!(open.authorized_user.as_str(), "" | "[REDACTED]");
        is_asked_about || (open.account == self.chat && has_no_name)
    }
}
