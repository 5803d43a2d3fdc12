//! What somebody else wrote, fit for a terminal: on one line, and without what would move the
//! cursor, change the colours or turn the direction of writing.

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
}
