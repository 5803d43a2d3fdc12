//! The chat in a terminal: `natter say` and `natter tail`, as the holder of a `.creds` file.

mod pieces;
mod say;
mod tail;

use std::time::Duration;

pub(super) use say::{SayOptions, run as say};
pub(super) use tail::{TailOptions, run as tail};

use prost::Message;

use crate::client::{self, AskError};
use crate::domain::{NameError, RoomId, Username};
use crate::nats::{Client, RequestError, SubscribeError};
use crate::wire::place_of;
use crate::wire::v1::{self, FailureKind};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The first wait before another try; it doubles from there, to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChatError {
    /// Natter says no, or nobody answered for too long.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// What natter sent is not what it should be.
    #[error("natter's answer cannot be read")]
    Answer,
    /// A name in it.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The room's live feed ended, or never began.
    #[error("the room's live feed is not to be heard{}", .0.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    Feed(Option<SubscribeError>),
    /// The person was sent away, or went.
    #[error("this room is no longer yours to read")]
    Gone,
    /// There is nothing to say.
    #[error("there is nothing to say: the message is empty")]
    Empty,
    /// Two things to say.
    #[error("--lines posts what comes by standard input: leave the message out, or give - for it")]
    LinesOfMessage,
    /// Standard input or output.
    #[error("{0}")]
    Terminal(#[from] std::io::Error),
    /// Part of it was said.
    #[error("{said} of {all} parts were posted, and then: {why}")]
    Partly {
        /// Parts in the room.
        said: usize,
        /// Parts there were.
        all: usize,
        /// Why not the next.
        why: AskError,
    },
    /// There is no randomness for a message's key.
    #[error("no randomness: {0}")]
    Random(#[from] getrandom::Error),
}

/// Natter, as the holder of the credentials speaks with it.
pub(super) struct Chat {
    pub client: Client,
    pub me: Username,
}

impl Chat {
    /// Asks, again and again until there is an answer that trying again would not change, or until
    /// `patience` is over. What changes something has a key, so that it happens once.
    async fn ask<Q: Message, A: Message + Default>(
        &self,
        verb: &str,
        question: &Q,
        patience: Duration,
    ) -> Result<A, AskError> {
        let give_up = tokio::time::Instant::now() + patience;
        let mut wait = FIRST_WAIT;
        loop {
            let error = match client::ask(&self.client, &self.me, verb, question, PATIENCE).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Some(at_least) = try_again(&error) else {
                return Err(error);
            };
            let pause = wait.max(at_least);
            if tokio::time::Instant::now() + pause > give_up {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// The room that is called so, or has this id.
    async fn room(&self, room: &str, patience: Duration) -> Result<RoomId, ChatError> {
        Ok(RoomId::parse(&self.find(room, patience).await?.id)?)
    }

    /// The subject of its live feed.
    async fn feed_of(&self, room: &RoomId, patience: Duration) -> Result<String, ChatError> {
        let room = self.find(room.as_str(), patience).await?;
        let place = place_of(&room).map_err(|_| ChatError::Answer)?;
        Ok(place.event())
    }

    async fn find(&self, room: &str, patience: Duration) -> Result<v1::Room, ChatError> {
        let asked = v1::HistoryRequest {
            room: room.to_owned(),
            before: 0,
            limit: 1,
        };
        let answer: v1::HistoryResponse = self.ask("history", &asked, patience).await?;
        let found = answer.view.and_then(|view| view.room);
        found.ok_or(ChatError::Answer)
    }
}

/// Would the same again have another answer, and after how long at least?
fn try_again(error: &AskError) -> Option<Duration> {
    match error {
        AskError::Refused(failure) => match failure.kind() {
            FailureKind::TooMany | FailureKind::Unavailable => {
                Some(Duration::from_millis(failure.retry_after_ms.into()))
            }
            _ => None,
        },
        AskError::NoAnswer(
            RequestError::Timeout
            | RequestError::NoResponders
            | RequestError::Disconnected
            | RequestError::Full,
        ) => Some(Duration::ZERO),
        AskError::NoAnswer(_) | AskError::Unreadable => None,
    }
}
