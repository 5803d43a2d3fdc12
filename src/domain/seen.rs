//! What of a text can be seen.

/// Characters that Unicode has shown as nothing (Default_Ignorable_Code_Point, which is stable but for
/// additions inside these ranges), and annotations, which no font shows.
const SHAPELESS: [(char, char); 19] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fff8}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e007f}'),
    ('\u{e0080}', '\u{e0fff}'),
];

/// Looks like a space, and is a sign of braille without dots to Unicode.
pub(super) const BLANK: char = '\u{2800}';

/// Has it no shape of its own? Spaces have none either, and are not meant here.
pub(super) fn is_shapeless(c: char) -> bool {
    SHAPELESS
        .iter()
        .any(|(first, last)| (*first..=*last).contains(&c))
}

/// Is there anything to see in it?
pub(super) fn has_shape(text: &str) -> bool {
    let is_seen = |c: char| !c.is_whitespace() && !c.is_control() && c != BLANK && !is_shapeless(c);
    text.chars().any(is_seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use icu_properties::CodePointSetData;
    use icu_properties::props::DefaultIgnorableCodePoint;

    #[test]
    fn what_unicode_calls_ignorable_has_no_shape() {
        let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
        for c in '\0'..=char::MAX {
            let is_annotation = ('\u{fff9}'..='\u{fffb}').contains(&c);
            let expected = ignorable.contains(c) || is_annotation;
            assert_eq!(is_shapeless(c), expected, "{c:?}");
        }
    }

    #[test]
    fn only_what_can_be_seen_is_something() {
        for nothing in [
            "",
            " \n\t",
            "\u{200b}\u{200d}",
            "\u{3164}",
            "\u{2800}",
            "\u{ad}\u{feff} \u{a0}",
            "\u{fe0f}",
        ] {
            assert!(!has_shape(nothing), "{nothing:?}");
        }
        for something in ["a", ".", "\u{200b}a", "👍", "☕️", "\u{301}", "۝"] {
            assert!(has_shape(something), "{something:?}");
        }
    }
}
