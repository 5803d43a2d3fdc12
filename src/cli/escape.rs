//! What somebody else wrote, fit for a terminal: on one line, and without what would move the
//! cursor, change the colours or turn the direction of writing. As text, and as JSON.

use serde::Serialize;

/// Escapes control characters, line ends and bidirectional controls.
pub(super) fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut shown, c| {
        match c {
            '\t' | '\n' | '\r' => shown.extend(c.escape_default()),
            _ if c.is_control() || turns(c) => shown.extend(c.escape_unicode()),
            _ => shown.push(c),
        }
        shown
    })
}

/// A value as JSON on one line. JSON itself allows DEL, the C1 control characters and characters that
/// change the direction of writing unescaped (RFC 8259, 7); here they are escaped.
///
/// # Errors
/// The value cannot be written as JSON.
pub(super) fn json(value: &impl Serialize) -> serde_json::Result<String> {
    let json = serde_json::to_string(value)?;
    // Outside strings JSON is printable ASCII, so these characters are always in a string. All of them
    // are in the basic plane, so one escape is one character.
    Ok(json.chars().fold(String::new(), |mut shown, c| {
        match c {
            _ if c.is_control() || turns(c) => shown.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => shown.push(c),
        }
        shown
    }))
}

/// Ends a line, or turns the direction of writing (UAX #9).
fn turns(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_written_to_by_strangers() {
        assert_eq!(escaped("naïve ❤️ 'x' \\"), "naïve ❤️ 'x' \\");
        assert_eq!(escaped("a\r\nb\tc"), "a\\r\\nb\\tc");
        assert_eq!(escaped("\u{1b}[2J\u{9b}"), "\\u{1b}[2J\\u{9b}");
        assert_eq!(escaped("\u{202e}\u{2066}"), "\\u{202e}\\u{2066}");
    }

    #[test]
    fn json_has_nothing_in_it_that_a_terminal_obeys_and_reads_as_the_same() {
        let all: String = (0..=0x2fff).filter_map(char::from_u32).collect();
        let shown = json(&all).unwrap();
        let obeyed = |c: char| c.is_control() || turns(c);
        assert!(!shown.contains(obeyed), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), all);
        assert_eq!(
            json(&"\u{7f}\u{9b}é\u{1b}").unwrap(),
            r#""\u007f\u009bé\u001b""#
        );
    }
}
