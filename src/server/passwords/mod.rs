//! Judging, hashing and checking passwords, each a few at a time. The forms use it.

mod hasher;
mod judge;
mod memory;

use std::sync::Arc;
use std::time::Duration;

use argon2::Block;

use super::Failure;
use super::source::Asker;
use super::turns::{Bounds, Full, Turn, Turns};
use crate::domain::Password;
use hasher::Hasher;
use memory::Buffers;

/// Hashes: each takes 19 MiB and a core for some 20 ms, and its memory is held for as long as its turn.
/// From one address as many wait as are done in half a second, in all as many as in four.
const HASHING: Bounds = Bounds {
    at_once: 2,
    waiting_each: 30,
    waiting: 300,
};

/// Passwords that are judged, outside the turns of the hash: a hostile one takes ten times as long as
/// a hash.
const JUDGING: Bounds = Bounds {
    at_once: 1,
    ..HASHING
};

/// By then the queue has moved on.
pub const QUEUE_IS_SHORTER: Duration = Duration::from_secs(5);

/// A password could not be worked on.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many are waiting.
    #[error("too many passwords are waiting to be processed")]
    Busy,
    /// The hash could not be made or read.
    #[error("a password could not be hashed: {0}")]
    Broken(String),
}

impl From<Full> for PasswordError {
    fn from(_: Full) -> Self {
        Self::Busy
    }
}

/// Works on passwords.
#[derive(Clone)]
pub struct Passwords {
    hashing: Turns<Asker>,
    judging: Turns<Asker>,
    /// At most one for each turn at hashing.
    buffers: Arc<Buffers>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            hashing: Turns::new(HASHING),
            judging: Turns::new(JUDGING),
            buffers: Arc::default(),
        }
    }
}

impl Passwords {
    /// The password, if it takes more than a short list of common ones to guess it. `about` is what
    /// others know of the person: their names make no password.
    ///
    /// # Errors
    /// It is one of the first that anybody would try, or too many are waiting.
    pub async fn not_easily_guessed(
        &self,
        asker: &Asker,
        password: Password,
        about: &[&str],
    ) -> Result<Password, Failure> {
        let about: Vec<String> = about.iter().map(ToString::to_string).collect();
        let turn = self.judging.take(asker).await;
        let judged = run(turn.map_err(PasswordError::from)?, move || {
            let is_common = judge::is_easily_guessed(&password, &about);
            Ok((!is_common).then_some(password))
        });
        judged.await?.ok_or_else(|| {
            Failure::invalid(
                "This password is among the first that anybody would try. Choose a longer one, such as several words.",
            )
        })
    }

    /// The hash to keep, in PHC form, with a salt of its own.
    ///
    /// # Errors
    /// Too many are waiting, or the system has no randomness or no memory to give.
    pub async fn hash(&self, asker: &Asker, password: Password) -> Result<String, PasswordError> {
        self.work_on(None, asker, move |hasher, memory| {
            hasher.hash(&password, memory)
        })
        .await
    }

    /// Is this the password, in one of its forms? Without a hash to check against, as long a calculation says
    /// no: the time it takes tells nobody which names exist.
    ///
    /// # Errors
    /// Too many are waiting, or the hash cannot be read.
    pub async fn verify(
        &self,
        asker: &Asker,
        password: Password,
        hash: Option<String>,
    ) -> Result<bool, PasswordError> {
        self.work_on(hash, asker, move |hasher, memory| {
            for form in password.forms() {
                if hasher.verify(form, memory)? {
                    return Ok(true);
                }
            }
            Ok(false)
        })
        .await
    }

    /// Works on this hash, or on a new one, at a turn and in memory that is lent for it.
    async fn work_on<T: Send + 'static>(
        &self,
        hash: Option<String>,
        asker: &Asker,
        work: impl FnOnce(&Hasher, &mut [Block]) -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let turn = self.hashing.take(asker).await?;
        let (turns, buffers) = (self.hashing.clone(), Arc::clone(&self.buffers));
        run(turn, move || {
            let hasher = match hash {
                Some(hash) => Hasher::of(&hash)?,
                None => Hasher::new()?,
            };
            let others_wait = || turns.waiting() > 0;
            buffers.lend(hasher.blocks(), |memory| work(&hasher, memory), others_wait)
        })
        .await
    }
}

/// Works beside the threads that serve people. The turn is held until the work is done, also when
/// nobody waits for it any more.
async fn run<T: Send + 'static>(
    turn: Turn<Asker>,
    work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
) -> Result<T, PasswordError> {
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    })
    .await
    .map_err(|error| PasswordError::Broken(error.to_string()))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Username;
    use argon2::{Argon2, PasswordHasher as _};

    fn password(text: &str) -> Password {
        Password::parse(text.into()).unwrap()
    }

    fn ada() -> Asker {
        Asker::Person(Username::parse("ada").unwrap())
    }

    #[tokio::test]
    async fn judging_takes_no_turn_of_the_hash() {
        let (passwords, ada) = (Passwords::default(), ada());
        let first = passwords.hashing.take(&ada).await;
        let second = passwords.hashing.take(&ada).await;
        assert!(first.is_ok() && second.is_ok(), "all turns are taken");
        let judged = passwords.not_easily_guessed(&ada, password("correct horse"), &[]);
        assert!(judged.await.is_ok());
    }

    #[tokio::test]
    async fn who_is_gone_holds_the_turn_until_the_work_is_done() {
        let (passwords, ada) = (Passwords::default(), ada());
        let (let_go, held) = std::sync::mpsc::channel::<()>();
        let turn = passwords.hashing.take(&ada).await.unwrap();
        let other = passwords.hashing.take(&ada).await.unwrap();
        let work = run(turn, move || {
            let _ = held.recv();
            Ok(())
        });
        // As when the connection of a request breaks.
        let asked = tokio::time::timeout(Duration::from_millis(50), work).await;
        assert!(asked.is_err(), "the work takes longer");
        let mut next = std::pin::pin!(passwords.hashing.take(&ada));
        assert!(futures::poll!(&mut next).is_pending());
        let_go.send(()).unwrap();
        assert!(next.await.is_ok());
        drop(other);
    }

    #[tokio::test]
    async fn a_flood_of_passwords_is_hashed_in_one_buffer_a_turn_and_they_are_freed_after_it() {
        let passwords = Passwords::default();
        let first = passwords.hashing.take(&ada()).await.unwrap();
        let second = passwords.hashing.take(&ada()).await.unwrap();
        let wrong = (0..60).map(|n| {
            let (passwords, asker) = (passwords.clone(), format!("p{}", n % 20));
            tokio::spawn(async move {
                let asker = Asker::Person(Username::parse(&asker).unwrap());
                passwords
                    .verify(&asker, password("wrong wrong"), None)
                    .await
            })
        });
        let wrong: Vec<_> = wrong.collect();
        while passwords.hashing.waiting() < wrong.len() {
            tokio::task::yield_now().await;
        }
        drop((first, second));
        for verified in wrong {
            assert!(!verified.await.unwrap().unwrap());
        }
        let (made, kept) = passwords.buffers.count();
        assert!((1..=HASHING.at_once).contains(&made), "{made}");
        assert_eq!(kept, 0);
    }

    #[tokio::test]
    async fn a_hash_of_other_parameters_is_checked_with_those() {
        let (passwords, ada) = (Passwords::default(), ada());
        let params = argon2::Params::new(64, 1, 1, None).unwrap();
        let hash = argon2::password_hash::PasswordHasher::hash_password(
            &argon2::Argon2::from(params),
            b"correct horse",
        );
        let hash = hash.unwrap().to_string();
        for (text, is_right) in [("correct horse", true), ("battery staple", false)] {
            let verified = passwords.verify(&ada, password(text), Some(hash.clone()));
            assert_eq!(verified.await.unwrap(), is_right, "{text}");
        }
        let broken = Some("$argon2id$v=19$m=64,t=1,p=1".to_owned());
        let verified = passwords.verify(&ada, password("correct horse"), broken);
        assert!(matches!(verified.await, Err(PasswordError::Broken(_))));
    }

    #[tokio::test]
    async fn knows_its_password_again() {
        let (passwords, ada) = (Passwords::default(), ada());
        let hashed = passwords.hash(&ada, password("correct horse"));
        let hashed = hashed.await.unwrap();
        assert!(
            hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hashed}"
        );
        for (text, hash, is_right) in [
            ("correct horse", Some(hashed.clone()), true),
            ("battery staple", Some(hashed), false),
            ("correct horse", None, false),
        ] {
            let verified = passwords.verify(&ada, password(text), hash).await;
            assert_eq!(verified.unwrap(), is_right, "{text}");
        }
    }

    #[tokio::test]
    async fn a_password_is_right_however_it_is_composed_and_as_an_older_natter_hashed_it() {
        let (passwords, ada) = (Passwords::default(), ada());
        let (composed, decomposed) = ("café creme", "cafe\u{301} creme");
        for set in [composed, decomposed] {
            let hash = passwords.hash(&ada, password(set)).await.unwrap();
            for typed in [composed, decomposed] {
                let verified = passwords.verify(&ada, password(typed), Some(hash.clone()));
                assert!(verified.await.unwrap(), "{set:?} {typed:?}");
            }
        }
        let older = Argon2::default()
            .hash_password(decomposed.as_bytes())
            .unwrap()
            .to_string();
        let verified = passwords.verify(&ada, password(decomposed), Some(older));
        assert!(verified.await.unwrap(), "what was set before still works");
    }
}
