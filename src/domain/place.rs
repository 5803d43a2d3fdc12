//! Where in the subject space a room is: its log, and the feeds that come of it.

use std::fmt;

use super::{RoomId, Username};

/// The place of a room, by its kind, which never changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Every member of the workspace may look in.
    Open(RoomId),
    /// Its members alone.
    Closed(RoomId),
    /// Two people.
    Direct(Pair),
}

/// Two people who talk to each other, in the one order that their subjects have: sorted bytewise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair(Username, Username);

impl Pair {
    /// The two, in whatever order. `None`: they are one.
    #[must_use]
    pub fn of(one: &Username, other: &Username) -> Option<Self> {
        match one.cmp(other) {
            std::cmp::Ordering::Less => Some(Self(one.clone(), other.clone())),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some(Self(other.clone(), one.clone())),
        }
    }

    /// Both.
    #[must_use]
    pub fn both(&self) -> [&Username; 2] {
        [&self.0, &self.1]
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl Place {
    /// Reads the subject of a room's log or of its live feed.
    #[must_use]
    pub fn of_subject(subject: &str) -> Option<Self> {
        let tail = subject
            .strip_prefix("natter.log.")
            .or_else(|| subject.strip_prefix("natter.evt."))?;
        let (kind, tail) = tail.split_once('.')?;
        match kind {
            "open" => RoomId::parse(tail).ok().map(Self::Open),
            "closed" => RoomId::parse(tail).ok().map(Self::Closed),
            "dm" => {
                let (one, other) = tail.split_once('.')?;
                let (one, other) = (Username::parse(one).ok()?, Username::parse(other).ok()?);
                Pair::of(&one, &other)
                    .filter(|pair| pair.0 == one)
                    .map(Self::Direct)
            }
            _ => None,
        }
    }

    /// The subject of the room's own log.
    #[must_use]
    pub fn log(&self) -> String {
        format!("natter.log.{self}")
    }

    /// The subject of its live feed.
    #[must_use]
    pub fn event(&self) -> String {
        format!("natter.evt.{self}")
    }
}

/// The tail that its subjects share.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(room) => write!(f, "open.{room}"),
            Self::Closed(room) => write!(f, "closed.{room}"),
            Self::Direct(pair) => write!(f, "dm.{pair}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let name = |text| Username::parse(text).unwrap();
        let room = RoomId::parse("01J-x_Y").unwrap();
        let pair = Pair::of(&name("ben"), &name("ada")).unwrap();
        assert_eq!(pair.to_string(), "ada.ben");
        for place in [
            Place::Open(room.clone()),
            Place::Closed(room),
            Place::Direct(pair),
        ] {
            assert_eq!(Place::of_subject(&place.log()), Some(place.clone()));
            assert_eq!(Place::of_subject(&place.event()), Some(place));
        }
    }

    #[test]
    fn other_subjects_are_no_place() {
        for subject in [
            "natter.log.dir.room.x",
            "natter.evt.user.ada",
            "natter.log.dm.ben.ada",
            "natter.log.dm.ada.ada",
            "natter.log.dm.ada",
            "natter.log.open.a.b",
            "natter.log.open.",
            "natter.sig.open.x",
            "natter.log.open",
        ] {
            assert_eq!(Place::of_subject(subject), None, "{subject}");
        }
    }
}
