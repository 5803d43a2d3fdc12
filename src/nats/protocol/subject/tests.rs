use proptest::prelude::*;

use super::*;

#[test]
fn what_can_be_published_to_has_no_wildcard() {
    for good in ["a", "a.b", "_INBOX.ada.x1", "a.b*", "a.>b", "ä.é"] {
        assert!(is_subject(good), "{good}");
    }
    for bad in [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "a.*",
        ">",
        "a b",
        "a\r\nPUB x",
        "a\0",
        "a\tb",
    ] {
        assert!(!is_subject(bad), "{bad:?}");
    }
}

#[test]
fn what_does_not_fit_a_line_is_no_subject() {
    let longest = "a".repeat(SUBJECT_BYTES);
    assert!(is_subject(&longest) && is_pattern(&longest));
    let longer = longest + "a";
    assert!(!is_subject(&longer) && !is_pattern(&longer));
}

#[test]
fn a_pattern_ends_at_its_rest() {
    for good in ["a", "*", ">", "a.*.>", "*.*"] {
        assert!(is_pattern(good), "{good}");
    }
    for bad in ["a.>.b", ">.>", "", "a..>", "a b.>"] {
        assert!(!is_pattern(bad), "{bad:?}");
    }
}

#[test]
fn patterns_match_by_token() {
    for (pattern, subject) in [("a.*.c", "a.b.c"), ("a.>", "a.b.c"), (">", "a"), ("a", "a")] {
        assert!(matches_pattern(pattern, subject), "{pattern} {subject}");
    }
    for (pattern, subject) in [
        ("a.>", "a"),
        ("a.*", "a.b.c"),
        ("a.b", ""),
        (">", ""),
        ("a", "b"),
    ] {
        assert!(!matches_pattern(pattern, subject), "{pattern} {subject}");
    }
}

#[test]
fn a_subset_is_within_one_pattern() {
    for (pattern, of) in [
        ("a.b", "a.*"),
        ("a.*", "a.*"),
        ("a.*", "a.>"),
        ("a.b.>", "a.>"),
        ("*.b", ">"),
    ] {
        assert!(is_subset(pattern, of), "{pattern} of {of}");
    }
    for (pattern, of) in [
        ("a.*", "a.b"),
        ("a.>", "a.*"),
        (">", "*"),
        ("*.*", "a.*"),
        ("a", "a.>"),
    ] {
        assert!(!is_subset(pattern, of), "{pattern} of {of}");
    }
}

#[test]
fn what_is_no_text_matches_nothing() {
    let subject = Subject::received(bytes::Bytes::from_static(b"hello.\xff"));
    assert!(subject.is_malformed());
    assert!(!matches_pattern(">", subject.as_str()));
}

/// Few names, so that they meet often.
fn pattern() -> impl Strategy<Value = String> {
    let tokens = proptest::collection::vec("[ab*]", 1..5);
    (tokens, any::<bool>()).prop_map(|(tokens, has_rest)| {
        let rest = if has_rest { ".>" } else { "" };
        format!("{}{rest}", tokens.join("."))
    })
}

proptest! {
    #[test]
    fn a_subset_matches_nothing_that_the_whole_does_not(
        narrow in pattern(),
        wide in pattern(),
        subject in "[ab](\\.[ab]){0,5}",
    ) {
        if is_subset(&narrow, &wide) && matches_pattern(&narrow, &subject) {
            prop_assert!(matches_pattern(&wide, &subject));
        }
    }

    #[test]
    fn a_subject_is_a_subset_of_what_it_matches(
        pattern in pattern(),
        subject in "[ab](\\.[ab]){0,5}",
    ) {
        prop_assert_eq!(is_subset(&subject, &pattern), matches_pattern(&pattern, &subject));
    }
}
