//! Hashing and checking passwords with argon2id.

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash};
use tokio::sync::Semaphore;

use crate::domain::Password;

/// Hashes worked out at once: each takes 19 MiB and a core for a moment.
static TURNS: Semaphore = Semaphore::const_new(2);

/// The hash could not be made or read.
#[derive(Debug, thiserror::Error)]
#[error("a password could not be hashed: {0}")]
pub struct HashError(String);

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
