//! Subjects: tokens between dots, in patterns with `*` for one token and a last `>` for the rest.

use bytes::Bytes;

/// The longest subject: with a reply subject as long it fits the server's line of 4,096 bytes.
const SUBJECT_BYTES: usize = 1_024;

/// The subject of a message that arrived. The server checks little of what publishers write, so
/// it may be no UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject(pub(in super::super) Bytes);

impl Subject {
    /// The subject, or an empty one when it is no UTF-8: no pattern matches that.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Can a message be published there? No wildcard, no empty token, nothing that would end the
/// protocol's line.
pub(in super::super) fn is_publishable(subject: &str) -> bool {
    well_formed(subject) && !subject.split('.').any(|token| token == "*" || token == ">")
}

/// Can this be subscribed to?
pub(in super::super) fn is_subscribable(pattern: &str) -> bool {
    let last = pattern.split('.').count();
    well_formed(pattern)
        && pattern
            .split('.')
            .enumerate()
            .all(|(at, token)| token != ">" || at + 1 == last)
}

fn well_formed(subject: &str) -> bool {
    (1..=SUBJECT_BYTES).contains(&subject.len())
        && !subject.bytes().any(|b| b.is_ascii_whitespace() || b == 0)
        && subject.split('.').all(|token| !token.is_empty())
}

/// Does a subject match a pattern?
#[must_use]
pub fn matches_pattern(pattern: &str, subject: &str) -> bool {
    let (mut pattern, mut subject) = (pattern.split('.'), subject.split('.'));
    loop {
        match (pattern.next(), subject.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(wanted), Some(token)) if wanted == token => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_published_to_has_no_wildcard() {
        for good in ["a", "a.b", "_INBOX.ada.x1", "a.b*"] {
            assert!(is_publishable(good), "{good}");
        }
        for bad in [
            "",
            &"a".repeat(1_025),
            ".",
            "a.",
            ".a",
            "a..b",
            "a.*",
            ">",
            "a b",
            "a\r\nPUB x",
            "a\0",
        ] {
            assert!(!is_publishable(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_pattern_ends_at_its_rest() {
        assert!(is_subscribable("a.*.>"));
        assert!(!is_subscribable("a.>.b"));
    }

    #[test]
    fn patterns_match_by_token() {
        assert!(matches_pattern("a.*.c", "a.b.c"));
        assert!(matches_pattern("a.>", "a.b.c"));
        assert!(!matches_pattern("a.>", "a"));
        assert!(!matches_pattern("a.*", "a.b.c"));
        assert!(!matches_pattern("a.b", ""));
    }
}
