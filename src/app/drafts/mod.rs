//! What somebody has typed and not sent, across reloads: one draft for each tab in each room, in the
//! browser's storage. A tab that is gone leaves its drafts to the others. A draft keeps its name when
//! another tab adopts it, so that it disappears from every tab when one of them sends it.

#[cfg(feature = "hydrate")]
mod page;
#[cfg(not(feature = "hydrate"))]
#[path = "no_page.rs"]
mod page;

pub(super) use page::{Draft, count, forget_all_of, on_gone};

/// What all drafts begin with in the browser's storage.
#[cfg(any(feature = "hydrate", test))]
const PREFIX: &str = "natter.draft.";

/// The key of a draft in the browser's storage. None of its parts contains a dot.
#[cfg(any(feature = "hydrate", test))]
#[derive(Debug, Clone, PartialEq, Eq)]
struct DraftKey {
    /// Whose it is.
    uid: String,
    /// The id of the room.
    room: String,
    /// The tab that it belongs to, and what it is called. Drafts of earlier versions have neither.
    place: Option<(String, String)>,
}

#[cfg(any(feature = "hydrate", test))]
impl DraftKey {
    fn parse(key: &str) -> Option<Self> {
        let parts: Vec<_> = key.strip_prefix(PREFIX)?.split('.').collect();
        let (uid, room, place) = match parts.as_slice() {
            [uid, room] => (uid, room, None),
            [uid, room, tab, name] => (uid, room, Some(((*tab).into(), (*name).into()))),
            _ => return None,
        };
        Some(Self {
            uid: (*uid).into(),
            room: (*room).into(),
            place,
        })
    }

    fn tab(&self) -> Option<&str> {
        self.place.as_ref().map(|(tab, _)| tab.as_str())
    }

    fn name(&self) -> Option<&str> {
        self.place.as_ref().map(|(_, name)| name.as_str())
    }
}

#[cfg(any(feature = "hydrate", test))]
impl std::fmt::Display for DraftKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{PREFIX}{}.{}", self.uid, self.room)?;
        match &self.place {
            Some((tab, name)) => write!(f, ".{tab}.{name}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written() {
        for text in ["natter.draft.ada.R1", "natter.draft.ada.R_1.tab-1.dr_2"] {
            let key = DraftKey::parse(text).unwrap();
            assert_eq!((key.uid.as_str(), key.to_string().as_str()), ("ada", text));
        }
        let key = DraftKey::parse("natter.draft.ada.R1.tab-1.dr_2").unwrap();
        assert_eq!((key.tab(), key.name()), (Some("tab-1"), Some("dr_2")));
        for text in ["natter.draft.ada", "natter.draft.a.b.c", "natter.tab", "x"] {
            assert_eq!(DraftKey::parse(text), None, "{text}");
        }
    }
}
