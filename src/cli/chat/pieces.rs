//! A long text as messages: cut at the ends of lines, so that each fits.

use crate::domain::limits::MESSAGE_CHARS;

/// What stands around code.
const FENCE: &str = "```";

/// Cuts a text into messages of at most [`MESSAGE_CHARS`], between lines where it can. With
/// `as_code` each is a fenced block of its own. Empty for a text without anything to see.
pub(super) fn pieces(text: &str, as_code: bool) -> Vec<String> {
    let text = text.trim_end();
    let text = text.trim_start_matches(['\r', '\n']);
    if text.is_empty() {
        return Vec::new();
    }
    if !as_code {
        let cut = cut(text, MESSAGE_CHARS);
        return cut
            .into_iter()
            .filter(|piece| !piece.trim().is_empty())
            .collect();
    }
    // Longer than any run of backquotes in it, so that it ends where it should.
    let fence = "`".repeat(FENCE.len().max(longest_run(text) + 1));
    let room = MESSAGE_CHARS.saturating_sub(2 * (fence.len() + 1)).max(1);
    let fenced = |piece: String| format!("{fence}\n{piece}\n{fence}");
    cut(text, room).into_iter().map(fenced).collect()
}

/// Runs of whole lines of at most `most` characters; a longer line is cut where it must be.
fn cut(text: &str, most: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut length = 0;
    for line in text.lines() {
        let mut rest: Vec<char> = line.chars().collect();
        while rest.len() > most {
            finish(&mut pieces, &mut piece, &mut length);
            let after = rest.split_off(most);
            pieces.push(rest.into_iter().collect());
            rest = after;
        }
        let needs = rest.len() + usize::from(!piece.is_empty());
        if length + needs > most {
            finish(&mut pieces, &mut piece, &mut length);
        }
        if length > 0 {
            piece.push('\n');
            length += 1;
        }
        length += rest.len();
        piece.extend(rest);
    }
    finish(&mut pieces, &mut piece, &mut length);
    pieces
}

fn finish(pieces: &mut Vec<String>, piece: &mut String, length: &mut usize) {
    if !piece.is_empty() {
        pieces.push(std::mem::take(piece));
    }
    *length = 0;
}

fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_fits_is_one_message() {
        assert_eq!(pieces("one\ntwo\n", false), ["one\ntwo"]);
        assert_eq!(pieces("one\n", true), ["```\none\n```"]);
        assert_eq!(pieces("a ```b``` c", true), ["````\na ```b``` c\n````"]);
        assert_eq!(pieces(" \n\n", false), Vec::<String>::new());
        assert_eq!(pieces("  indented", false), ["  indented"]);
    }

    #[test]
    fn what_does_not_is_cut_between_lines() {
        let long = format!("{}\n{}", "a".repeat(3_000), "b".repeat(3_000));
        let cut = pieces(&long, false);
        assert_eq!(cut, ["a".repeat(3_000), "b".repeat(3_000)]);
        let one_line = pieces(&"x".repeat(9_000), false);
        let lengths: Vec<_> = one_line.iter().map(String::len).collect();
        assert_eq!(lengths, [4_000, 4_000, 1_000]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_everything_fits(text in "[a-z`é \n]{0,200}", most in 1usize..30) {
            let cut = cut(&text, most);
            for piece in &cut {
                prop_assert!(!piece.is_empty() && piece.chars().count() <= most, "{piece:?}");
            }
            let visible = |text: &str| text.chars().filter(|c| *c != '\n').collect::<String>();
            prop_assert_eq!(visible(&cut.concat()), visible(&text));
        }

        #[test]
        fn code_fits_too(text in "[a-z`\n]{1,9000}") {
            for piece in pieces(&text, true) {
                prop_assert!(piece.chars().count() <= MESSAGE_CHARS);
            }
        }
    }
}
