//! What people type as messages, and why a text is not taken.

use std::sync::Arc;

use super::{limits, seen};

/// Why a text is not taken. The words are for the person who typed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing that can be seen.
    #[error("There is nothing to send yet. Write a message first.")]
    Empty,
    /// Longer than a message may be.
    #[error("A message has at most 4,000 characters; this one has {0}. Shorten it or split it.")]
    TooLong(usize),
    /// Outside 8 to 256 bytes.
    #[error("A password has at least 8 characters.")]
    PasswordTooShort,
    /// Outside 8 to 256 bytes.
    #[error("A password has at most 256 bytes.")]
    PasswordTooLong,
}

/// The source text of a message: something to read, 4,000 Unicode scalar values at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageText(Arc<str>);

impl MessageText {
    /// Line ends become `\n`, white space at the end goes, indentation at the start stays.
    ///
    /// # Errors
    /// Nothing is left, or too much.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let text = text
            .replace('\0', "")
            .replace("\r\n", "\n")
            .replace('\r', "\n");
        let text = text.trim_end().trim_start_matches('\n');
        if !seen::has_shape(text) {
            return Err(TextError::Empty);
        }
        match text.chars().count() {
            chars if chars > limits::MESSAGE_CHARS => Err(TextError::TooLong(chars)),
            _ => Ok(Self(text.into())),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_something() {
        for nothing in [
            "",
            " ",
            "\n\r\n\t",
            "\0",
            "\u{200b}",
            "\u{3164} \u{2800}",
            "\u{202e}",
        ] {
            assert_eq!(MessageText::parse(nothing), Err(TextError::Empty));
        }
    }

    #[test]
    fn indentation_stays_and_line_ends_are_one_kind() {
        let text = MessageText::parse("\n    let x = 1;\r\n    x\r\n\n").unwrap();
        assert_eq!(text.as_str(), "    let x = 1;\n    x");
    }

    #[test]
    fn length_counts_scalar_values_not_bytes() {
        assert!(MessageText::parse(&"é".repeat(4_000)).is_ok());
        assert_eq!(
            MessageText::parse(&"é".repeat(4_001)),
            Err(TextError::TooLong(4_001))
        );
    }
}
