//! What people type as passwords.

use std::fmt;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;

use super::{TextError, limits};

/// A password. Shows itself to nobody.
///
/// It is the same however a keyboard composes its characters: spaces of every kind are one, and letters
/// are composed (RFC 8265, 4.2: OpaqueString).
#[derive(Clone)]
pub struct Password {
    normal: String,
    /// As it was typed, where that differs.
    typed: Option<String>,
}

impl Password {
    /// A password that somebody may choose.
    ///
    /// # Errors
    /// It is too short, or too long to hash.
    pub fn parse(typed: String) -> Result<Self, TextError> {
        let category = CodePointMapData::<GeneralCategory>::new();
        let is_space = |c| category.get(c) == GeneralCategory::SpaceSeparator;
        let spaced: String = typed
            .chars()
            .map(|c| if is_space(c) { ' ' } else { c })
            .collect();
        let normal = ComposingNormalizerBorrowed::new_nfc()
            .normalize(&spaced)
            .into_owned();
        if normal.len() < *limits::PASSWORD_BYTES.start() {
            Err(TextError::PasswordTooShort)
        } else if typed.len().max(normal.len()) > *limits::PASSWORD_BYTES.end() {
            Err(TextError::PasswordTooLong)
        } else {
            let typed = Some(typed).filter(|typed| *typed != normal);
            Ok(Self { normal, typed })
        }
    }

    /// The bytes to hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.normal.as_bytes()
    }

    /// The bytes to check against a hash: those above, and as it was typed where that differs, since older
    /// natters hashed that.
    pub fn forms(&self) -> impl Iterator<Item = &[u8]> {
        let typed = self.typed.as_deref().map(str::as_bytes);
        std::iter::once(self.as_bytes()).chain(typed)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let password = Password::parse("correct horse".into()).unwrap();
        assert_eq!(format!("{password:?}"), "Password(…)");
        assert!(Password::parse("short".into()).is_err());
    }

    #[test]
    fn a_password_is_the_same_however_it_is_composed() {
        let bytes = |text: &str| Password::parse(text.into()).unwrap().as_bytes().to_vec();
        assert_eq!(bytes("cafe\u{301} creme"), bytes("café creme"));
        assert_eq!(bytes("correct\u{a0}horse"), bytes("correct horse"));
        // Neither case nor compatible characters are folded: that would make it easier to guess.
        assert_ne!(bytes("Correct horse"), bytes("correct horse"));
        assert_ne!(bytes("ｃorrect horse"), bytes("correct horse"));
    }

    #[test]
    fn a_password_is_checked_as_it_was_typed_too() {
        let forms = |text: &str| Password::parse(text.into()).unwrap().forms().count();
        assert_eq!(forms("café creme"), 1);
        assert_eq!(forms("cafe\u{301} creme"), 2);
    }
}
