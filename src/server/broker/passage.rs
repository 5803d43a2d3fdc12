//! People's connections as natter sees them over SYS: those in CHAT with a name, and those that still wait
//! for the callout's answer.

use std::collections::HashSet;
use std::time::Duration;

use async_nats::Client;
use tokio::time::{Instant, sleep};

use super::connz::{Open, Selection, connections};
use super::system::{Present, SystemError};

/// Between two looks at connections that wait for an answer. An answer takes a few milliseconds.
const BETWEEN_LOOKS: Duration = Duration::from_millis(15);

/// The accounts that connections of people pass through, by their public keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// The account of connections while the callout is asked.
    pub auth: String,
    /// Natter's own user there, which stays there.
    pub callout_user: String,
    /// The account of connections after the answer.
    pub chat: String,
}

/// All people's connections at one moment.
#[derive(Debug, Default)]
pub struct Sighting {
    /// Those in CHAT, with the names that the callout gave them.
    pub named: Vec<Present>,
    /// Those that the callout is or was asked about and that have no name yet, as server id and
    /// connection id.
    pub unnamed: HashSet<(String, u64)>,
}

impl Passage {
    /// Looks at all connections, on all servers.
    ///
    /// The server puts a connection into AUTH before it asks about it. So the question about a
    /// connection that is neither in AUTH nor in CHAT comes after this look.
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

    /// Waits until there is an answer for all of these connections, at most as long as
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
        // Only AUTH is listed, which has few connections at a time.
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
    /// file, the sentinel, or the name that the client gave. After the answer it is in CHAT without a name
    /// for a moment.
    fn is_unnamed(&self, open: &Open) -> bool {
        let is_asked_about = open.account == self.auth && open.authorized_user != self.callout_user;
        let has_no_name = matches!(open.authorized_user.as_str(), "" | "[REDACTED]");
        is_asked_about || (open.account == self.chat && has_no_name)
    }
}
