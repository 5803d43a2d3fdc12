//! Names that people give: to themselves and to rooms. Made on the server alone, since their rules rest
//! on tables of Unicode that the page has no use for.

use std::collections::BTreeSet;
use std::fmt;

use super::{NameError, keys, rules};
use crate::domain::limits;

/// What others see of a person. May change; is nobody's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayName(String);

impl DisplayName {
    /// 1 to 60 characters that can be seen, one line.
    ///
    /// # Errors
    /// Nothing of it can be seen, it is too long, or has characters that stand in no name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        given(text, limits::DISPLAY_NAME_CHARS)
            .map(Self)
            .ok_or(NameError::DisplayName)
    }

    /// A name as an older natter wrote it into the log, by other rules: without what leaks into its
    /// surroundings or cannot be seen. Where nothing is left it is the username.
    #[must_use]
    pub fn of_log(text: &str, uid: &str) -> Self {
        let shown = rules::shown(text);
        Self(if shown.is_empty() {
            uid.to_owned()
        } else {
            shown
        })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What people call a room. Unique among those that it could be taken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomName(String);

impl RoomName {
    /// 1 to 40 characters that can be seen, one line; a leading `#` is left off.
    ///
    /// # Errors
    /// Nothing of it can be seen, it is too long, or has characters that stand in no name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        let text = text.strip_prefix('#').unwrap_or(text);
        given(text, limits::ROOM_NAME_CHARS)
            .map(Self)
            .ok_or(NameError::RoomName)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn given(text: &str, most: usize) -> Option<String> {
    let name = rules::cleaned(text)?;
    (1..=most).contains(&name.chars().count()).then_some(name)
}

/// What two names have in common when one could be taken for the other: they share one of these.
#[must_use]
pub fn name_keys(name: &str) -> BTreeSet<String> {
    keys::of(name)
}

/// The form in which a name is looked up: the same however somebody types it.
#[must_use]
pub fn looked_up(name: &str) -> String {
    keys::folded(&rules::shown(name))
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(text: &str) -> String {
        RoomName::parse(text)
            .unwrap_or_else(|_| panic!("{text:?}"))
            .to_string()
    }

    #[test]
    fn names_of_every_language_are_names() {
        for name in [
            "general",
            "हिन्दी",
            "ภาษาไทย",
            "தமிழ்",
            "עברית",
            "العربية",
            "فارسی‌زبان",
            "日本語",
            "한국어",
            "ไม่เป็นไร",
            "Việt Nam",
            "Français",
            "R&D",
            "C++ / Rust",
            "Ada’s room",
            "O'Brien",
            "what? (old)",
            "100 %",
            "launch 🚀",
            "family 👩‍👩‍👧",
            "☕️",
            "1️⃣ first",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "🇩🇪",
            "क्‍ष",
        ] {
            assert_eq!(room(name), name);
            assert_eq!(DisplayName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn one_name_is_written_in_one_way() {
        assert_eq!(room("cafe\u{301}"), "café");
        assert_eq!(room("  #Release \u{a0} Notes "), "Release Notes");
        assert_eq!(room("a\u{2800}b"), "a b");
        // What cannot be seen is not in it.
        assert_eq!(room("gen\u{200b}eral\u{2060}"), "general");
        assert_eq!(room("\u{202e}lareneg"), "lareneg");
        assert_eq!(room("a\u{200d}b\u{fe0f}"), "ab");
        // Nor are marks in masses.
        assert_eq!(
            room(&format!("q{}", "\u{363}".repeat(40))),
            format!("q{}", "\u{363}".repeat(4))
        );
    }

    #[test]
    fn a_name_has_something_to_see() {
        for bad in [
            "",
            " ",
            "#",
            "\u{200b}",
            "\u{3164}",
            "\u{115f}\u{1160}",
            "\u{2800}\u{2800}",
            "\u{202e}\u{2066}",
            "\u{fe0f}",
            "\u{301}",
            "a \u{301}",
            "a\nb",
            "Ada\u{7}",
            "\u{e000}",
            "\u{378}",
        ] {
            assert_eq!(RoomName::parse(bad), Err(NameError::RoomName), "{bad:?}");
            assert_eq!(
                DisplayName::parse(bad).map_err(|_| ()),
                match bad {
                    "#" => Ok(DisplayName("#".into())),
                    _ => Err(()),
                },
                "{bad:?}"
            );
        }
        assert!(RoomName::parse(&"é".repeat(40)).is_ok());
        assert!(RoomName::parse(&"é".repeat(41)).is_err());
        assert!(DisplayName::parse(&"é".repeat(60)).is_ok());
        assert!(DisplayName::parse(&"é".repeat(61)).is_err());
    }

    #[test]
    fn a_name_of_an_older_natter_leaks_nothing() {
        let shown = |text| DisplayName::of_log(text, "ada").to_string();
        assert_eq!(shown("Ada Kim"), "Ada Kim");
        assert_eq!(shown("\u{202e}adA\u{200b}"), "adA");
        assert_eq!(shown("\u{3164}"), "ada");
        assert_eq!(shown("a\u{7}b"), "ab");
    }
}
