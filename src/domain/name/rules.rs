//! Which characters stand in a name, and how it is written: composed (NFC), with single spaces, without
//! what cannot be seen.

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{Emoji, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

use crate::domain::seen::{BLANK, is_shapeless};

/// Marks on one letter: Unicode TR 39 (5.4) finds more than four in no language.
const MARKS_IN_A_ROW: usize = 4;

const NON_JOINER: char = '\u{200c}';
const JOINER: char = '\u{200d}';
const SELECTORS: [char; 2] = ['\u{fe0e}', '\u{fe0f}'];
const BLACK_FLAG: char = '\u{1f3f4}';

/// A name as it is kept. `None`: it has control characters, what is no character, or marks on nothing.
pub(super) fn cleaned(text: &str) -> Option<String> {
    let name = shown(text);
    let mut words = name.split(' ');
    let is_sound =
        !text.trim().chars().any(is_nothing) && !words.any(|word| word.starts_with(is_mark));
    is_sound.then_some(name)
}

/// What of a text can be seen, on one line, without marks in masses.
pub(super) fn shown(text: &str) -> String {
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(text);
    let mut kept = String::with_capacity(composed.len());
    let mut chars = composed.chars().peekable();
    let (mut before, mut marks) = (None, 0);
    while let Some(c) = chars.next() {
        let c = if c == BLANK || c.is_whitespace() {
            ' '
        } else {
            c
        };
        marks = if is_mark(c) { marks + 1 } else { 0 };
        let is_dropped = is_shapeless(c) && !joins(before, c, chars.peek().copied());
        if is_nothing(c) || is_dropped || marks > MARKS_IN_A_ROW {
            continue;
        }
        kept.push(c);
        before = Some(c);
    }
    // Without what stood between them letters and marks may belong together.
    let kept = ComposingNormalizerBorrowed::new_nfc()
        .normalize(&kept)
        .into_owned();
    kept.split(' ')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Control characters, private ones, and those that Unicode has not given out.
fn is_nothing(c: char) -> bool {
    let category = category(c);
    matches!(
        category,
        GeneralCategory::Control
            | GeneralCategory::PrivateUse
            | GeneralCategory::Surrogate
            | GeneralCategory::Unassigned
    )
}

/// Does it change how its neighbours look? Joiners do in emoji and in scripts other than Latin, selectors
/// after an emoji, tags in flags.
fn joins(before: Option<char>, c: char, after: Option<char>) -> bool {
    let is_tag = |c: char| ('\u{e0020}'..='\u{e007f}').contains(&c);
    let Some(before) = before else {
        return false;
    };
    match c {
        JOINER | NON_JOINER => {
            let is_joined = |c: char| !c.is_ascii() && !c.is_whitespace() && !is_shapeless(c);
            let is_begun = is_joined(before) || SELECTORS.contains(&before);
            is_begun && after.is_some_and(is_joined)
        }
        c if SELECTORS.contains(&c) => CodePointSetData::new::<Emoji>().contains(before),
        c if is_tag(c) => before == BLACK_FLAG || is_tag(before),
        _ => false,
    }
}

/// A mark that takes no room of its own.
fn is_mark(c: char) -> bool {
    let category = category(c);
    let is_mark = matches!(
        category,
        GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark
    );
    is_mark && !is_shapeless(c)
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}
