//! Is a password among the first that anybody would try?
//!
//! `zxcvbn` says how many guesses a text takes. The time it needs grows faster than the text: of
//! hostile characters it looks at the first 100, for most of a second, and needs two fifths of that for
//! 64. So it gets the first 64 characters. That is enough, since a text takes at least as many guesses as its
//! beginning, and a beginning of 64 characters that is easily guessed (one word or one key over and over)
//! makes no good password with anything behind it. It is also as much as anybody types, and what NIST SP
//! 800-63B (5.1.1.2) has a verifier take at least.

use crate::domain::Password;

/// A password that is found within 10 to the power of this many tries is refused.
const EASILY_GUESSED: f64 = 6.0;

/// Characters that are looked at.
const JUDGED_CHARS: usize = 64;

/// Takes its time: not for a thread that serves people.
pub(super) fn is_easily_guessed(password: &Password, about: &[String]) -> bool {
    let about: Vec<&str> = about.iter().map(String::as_str).collect();
    zxcvbn::zxcvbn(&beginning(password), &about).guesses_log10() < EASILY_GUESSED
}

fn beginning(password: &Password) -> String {
    let text = String::from_utf8_lossy(password.as_bytes());
    text.chars().take(JUDGED_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(text: &str) -> bool {
        let about = ["ada".to_owned(), "Ada Lovelace".to_owned()];
        is_easily_guessed(&Password::parse(text.into()).unwrap(), &about)
    }

    #[test]
    fn what_anybody_would_try_is_no_password() {
        for common in [
            "password",
            "12345678",
            "Password1",
            "qwertyuiop",
            "iloveyou1",
            "adalovelace",
            "aaaaaaaaaaaa",
        ] {
            assert!(is_refused(common), "{common}");
        }
        for good in ["correct horse", "tr0ub4dor&3x", "kjh2-9sdf-qq"] {
            assert!(!is_refused(good), "{good}");
        }
    }

    #[test]
    fn no_more_than_64_characters_are_judged() {
        let texts = [
            "p4ssw0rd1234qwertz".repeat(14),
            "é".repeat(128),
            "x".repeat(64),
            "correct horse".into(),
        ];
        for text in texts {
            let judged = beginning(&Password::parse(text.clone()).unwrap());
            assert_eq!(judged.chars().count(), text.chars().count().min(64));
            assert!(text.starts_with(&judged));
        }
    }

    #[test]
    fn a_long_password_is_judged_by_its_beginning() {
        assert!(!is_refused(&"correct horse battery staple ".repeat(8)));
        assert!(is_refused(&"a".repeat(256)));
    }
}
