//! The name of a person's connection at the broker, which every natter server can read (CONNZ): the
//! person, the session or file that it was accepted for, and the position in LOG that its rights were
//! computed from.
//!
//! The name is the only part of the callout's answer that CONNZ shows (nats-server drops the tags of
//! its JWT). The start time of a connection does not tell what its rights were computed from: an answer
//! from before a change can arrive after it.

use std::fmt;

use super::store::Epoch;
use crate::domain::Sequence;

/// The position in LOG that rights were computed from. A greater one includes more of LOG.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Judged {
    /// The epoch of the log.
    pub epoch: Epoch,
    /// The last entry that was included.
    pub through: Sequence,
}

/// A connection's name: `<uid>.<hash of the session>.<epoch>-<sequence>`, or with the public key of a
/// `.creds` file in the place of the hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionName {
    /// The id of a session, or the name that [`creds_connection_name`] gives a file.
    ///
    /// [`creds_connection_name`]: super::callout::creds_connection_name
    pub let_in_by: String,
    /// The position in LOG that its rights were computed from.
    pub judged: Judged,
}

impl ConnectionName {
    /// Reads a name that the callout gave. `None`: it is another name, such as that of natter's own.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (let_in_by, judged) = name.rsplit_once('.')?;
        let (epoch, through) = judged.split_once('-')?;
        Some(Self {
            let_in_by: let_in_by.to_owned(),
            judged: Judged {
                epoch: Epoch(epoch.parse().ok()?),
                through: Sequence(through.parse().ok()?),
            },
        })
    }

    /// The holder's name.
    #[must_use]
    pub fn holder(&self) -> &str {
        self.let_in_by.split('.').next().unwrap_or_default()
    }
}

impl fmt::Display for ConnectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Judged { epoch, through } = self.judged;
        write!(f, "{}.{}-{}", self.let_in_by, epoch.0, through.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(epoch: u64, through: u64) -> Judged {
        Judged {
            epoch: Epoch(epoch),
            through: Sequence(through),
        }
    }

    #[test]
    fn a_name_is_read_as_it_is_written() {
        // A session's hash is base64url, so it may hold a dash.
        for let_in_by in ["ada.x-y_z", "ada.UABC"] {
            let name = ConnectionName {
                let_in_by: let_in_by.into(),
                judged: judged(1_700, 42),
            };
            let read = ConnectionName::parse(&name.to_string());
            assert_eq!(read.as_ref(), Some(&name));
            assert_eq!(name.holder(), "ada");
        }
        for other in [
            "natter",
            "",
            "ada.x-y",
            "ada.x.1",
            "ada.x.1-",
            "ada.x.1-2-3",
        ] {
            assert_eq!(ConnectionName::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_later_epoch_is_later_whatever_the_sequence() {
        assert!(judged(0, 1_000) < judged(1, 500));
        assert!(judged(1, 499) < judged(1, 500));
    }
}
