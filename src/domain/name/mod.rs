//! Names of people and rooms. Each type can only be made from what is right.
//!
//! `given` has the names that people make up, `rules` which characters stand in them, `keys` which of them
//! could be taken for each other.

#[cfg(feature = "ssr")]
mod given;
#[cfg(feature = "ssr")]
mod keys;
#[cfg(feature = "ssr")]
mod rules;

use std::fmt;
use std::sync::Arc;

use super::limits;

#[cfg(feature = "ssr")]
pub use given::{DisplayName, RoomName, looked_up, name_keys};

/// Why a name is not taken as it is. The words are for the person who typed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not 2 to 32 of the allowed characters.
    #[error("A username has 2 to 32 characters: small letters a to z, digits, - and _.")]
    Username,
    /// It would read as a part of a subject, or as somebody who is not a person.
    #[error("This username is reserved. Choose another one.")]
    Reserved,
    /// Nothing to see, too long, or with characters that stand in no name.
    #[error(
        "A display name has 1 to 60 characters: letters, digits, punctuation, emoji and spaces. Something of it has to be seen."
    )]
    DisplayName,
    /// The same of a room.
    #[error(
        "A room’s name has 1 to 40 characters: letters, digits, punctuation, emoji and spaces. Something of it has to be seen."
    )]
    RoomName,
    /// Too long.
    #[error("A topic has at most 200 characters.")]
    Topic,
    /// Not an id that natter makes.
    #[error("Not the id of a room.")]
    RoomId,
}

/// Who natter itself is in the log.
const NATTER: &str = "natter";

/// Words of the subject space, and words that would pass for more than one person.
const RESERVED: [&str; 28] = [
    NATTER, "_inbox", "admin", "all", "api", "channel", "closed", "dir", "dm", "echo", "everyone",
    "evt", "hello", "here", "log", "nats", "nobody", "open", "ping", "pong", "prs", "root", "room",
    "sig", "svc", "sys", "system", "user",
];

/// Who somebody is, in every subject and for ever: 2 to 32 of `a-z 0-9 _ -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Username(Arc<str>);

impl Username {
    /// A name that somebody may have.
    ///
    /// # Errors
    /// It breaks the form, or is reserved.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let name = Self::of_author(text)?;
        if RESERVED.contains(&text) {
            return Err(NameError::Reserved);
        }
        Ok(name)
    }

    /// A name as somebody types it who means a person: “@Ben” is ben.
    ///
    /// # Errors
    /// Nobody can have it.
    pub fn typed(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        Self::parse(&text.strip_prefix('@').unwrap_or(text).to_ascii_lowercase())
    }

    /// A name as it stands in the log, where natter is an author too.
    ///
    /// # Errors
    /// It breaks the form.
    pub fn of_author(text: &str) -> Result<Self, NameError> {
        let formed = limits::USERNAME_CHARS.contains(&text.len())
            && text
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        if formed {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Username)
        }
    }

    /// Natter itself.
    #[must_use]
    pub fn natter() -> Self {
        Self(NATTER.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A room's id, made by natter: `[A-Za-z0-9_-]+`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomId(Arc<str>);

impl RoomId {
    /// Reads an id.
    ///
    /// # Errors
    /// It could not stand in a subject as one token, or is longer than any that natter makes.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let formed = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if formed {
            Ok(Self(text.into()))
        } else {
            Err(NameError::RoomId)
        }
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One line on what a room is for; may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Topic(String);

impl Topic {
    /// Trimmed, 200 characters at most, one line.
    ///
    /// # Errors
    /// It is too long or has control characters.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        one_line(text, 0, limits::TOPIC_CHARS)
            .map(Self)
            .ok_or(NameError::Topic)
    }

    /// The topic.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn one_line(text: &str, least: usize, most: usize) -> Option<String> {
    let text = text.trim();
    let chars = text.chars().count();
    let fits = (least..=most).contains(&chars) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

macro_rules! shown_as_its_text {
    ($($name:ty),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}
shown_as_its_text!(Username, RoomId, Topic);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_fit_a_subject() {
        for good in ["ada", "a1", "x_y-z", "0-0", &"a".repeat(32)] {
            assert!(Username::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "Ada",
            "a.b",
            "a b",
            "a*",
            ">",
            "é1",
            &"a".repeat(33),
        ] {
            assert_eq!(Username::parse(bad), Err(NameError::Username), "{bad}");
        }
    }

    #[test]
    fn words_of_the_subject_space_are_nobody() {
        for word in ["natter", "hello", "open", "dm", "svc"] {
            assert_eq!(Username::parse(word), Err(NameError::Reserved), "{word}");
        }
        assert!(Username::of_author("natter").is_ok());
    }

    #[test]
    fn a_username_is_meant_however_it_is_typed() {
        for typed in ["ben", "Ben", "@ben", " @BEN "] {
            assert_eq!(
                Username::typed(typed).map(|n| n.to_string()),
                Ok("ben".into())
            );
        }
        for typed in ["@", "@@ben", "b en", "ｂｅｎ", "natter"] {
            assert!(Username::typed(typed).is_err(), "{typed}");
        }
    }
}
