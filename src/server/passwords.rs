//! Hashing and checking passwords with argon2id.

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash};
use tokio::sync::Semaphore;

use super::Failure;
use crate::domain::Password;

/// A password that is found within 10 to the power of this many tries is refused.
const EASILY_GUESSED: f64 = 6.0;

/// Hashes worked out at once: each takes 19 MiB and a core for a moment.
static TURNS: Semaphore = Semaphore::const_new(2);

/// The hash could not be made or read.
#[derive(Debug, thiserror::Error)]
#[error("a password could not be hashed: {0}")]
pub struct HashError(String);

/// The password, if it takes more than a short list of common ones to guess it. `about` is what
/// others know of the person: their names make no password.
///
/// # Errors
/// It is one of the first that anybody would try.
pub async fn not_easily_guessed(password: Password, about: &[&str]) -> Result<Password, Failure> {
    let about: Vec<String> = about.iter().map(ToString::to_string).collect();
    let checked = in_turn(move || {
        let text = String::from_utf8_lossy(password.as_bytes()).into_owned();
        let known: Vec<&str> = about.iter().map(String::as_str).collect();
        let is_common = zxcvbn::zxcvbn(&text, &known).guesses_log10() < EASILY_GUESSED;
        Ok((!is_common).then_some(password))
    });
    match checked.await {
        Ok(Some(password)) => Ok(password),
        Ok(None) => Err(Failure::invalid(
            "This password is among the first that anybody would try. Choose a longer one, such as several words.",
        )),
        Err(error) => {
            tracing::error!(%error, "a password could not be judged");
            Err(Failure::unavailable())
        }
    }
}

/// The hash to keep, in PHC form, with a salt of its own.
///
/// # Errors
/// The system has no randomness or no memory to give.
pub async fn hash(password: Password) -> Result<String, HashError> {
    in_turn(move || {
        Argon2::default()
            .hash_password(password.as_bytes())
            .map(|hash| hash.to_string())
            .map_err(|error| HashError(error.to_string()))
    })
    .await
}

/// Is this the password? Without a hash to check against, as long a calculation says no: the time
/// it takes tells nobody which names exist.
///
/// # Errors
/// The hash cannot be read.
pub async fn verify(password: Password, hash: Option<String>) -> Result<bool, HashError> {
    in_turn(move || {
        let Some(hash) = hash else {
            let _ = Argon2::default().hash_password(password.as_bytes());
            return Ok(false);
        };
        let hash = PasswordHash::new(&hash).map_err(|error| HashError(error.to_string()))?;
        Ok(Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok())
    })
    .await
}

async fn in_turn<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
) -> Result<T, HashError> {
    let _turn = TURNS
        .acquire()
        .await
        .map_err(|error| HashError(error.to_string()))?;
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| HashError(error.to_string()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::parse(text.into()).unwrap()
    }

    #[tokio::test]
    async fn what_anybody_would_try_is_no_password() {
        for common in [
            "password",
            "12345678",
            "Password1",
            "qwertyuiop",
            "iloveyou1",
            "adalovelace",
            "aaaaaaaaaaaa",
        ] {
            let refused = not_easily_guessed(password(common), &["ada", "Ada Lovelace"]).await;
            assert!(refused.is_err(), "{common}");
        }
        for good in ["correct horse", "tr0ub4dor&3x", "kjh2-9sdf-qq"] {
            let taken = not_easily_guessed(password(good), &["ada", "Ada Lovelace"]).await;
            assert!(taken.is_ok(), "{good}");
        }
    }

    #[tokio::test]
    async fn knows_its_password_again() {
        let hashed = hash(password("correct horse")).await.unwrap();
        assert!(hashed.starts_with("$argon2id$"), "{hashed}");
        assert!(
            verify(password("correct horse"), Some(hashed.clone()))
                .await
                .unwrap()
        );
        assert!(
            !verify(password("battery staple"), Some(hashed))
                .await
                .unwrap()
        );
        assert!(!verify(password("correct horse"), None).await.unwrap());
    }
}
