//! The one place where a password that somebody offers is checked: it is counted as a guess, waits for
//! its turn, and costs nothing when it was right.

use super::super::AppState;
use super::super::known::Mark;
use super::super::signed_in::SignedIn;
use crate::domain::{Password, Username};
use crate::server::Failure;
use crate::server::limits::Guesser;
use crate::server::source::{Asker, Source};
use crate::server::store::Account;

/// The client that sends a password.
pub(super) enum Offered<'a> {
    /// Somebody who wants to sign in, from there, in a browser with these marks.
    By(Source, &'a [Mark]),
    /// Somebody with a session, to show that it is they.
    InSession(&'a SignedIn),
}

impl Offered<'_> {
    /// Who the guess and the turn are counted for. Whoever is known at the account, or is in it, is
    /// counted for themselves, whatever others do at the same address.
    fn by(&self, state: &AppState, uid: &Username, account: Option<&Account>) -> (Guesser, Asker) {
        let own = || Asker::Person(uid.clone());
        match self {
            Self::InSession(me) => (Guesser::Session(me.session.id.clone()), own()),
            Self::By(source, marks) => {
                let generation = account.map(|account| account.session_generation);
                let known = &state.known_browsers;
                match generation.and_then(|generation| known.find(marks, uid, generation)) {
                    Some(mark) => (Guesser::Browser(mark.browser), own()),
                    None => (Guesser::Source(*source), Asker::Source(*source)),
                }
            }
        }
    }
}

/// Is this the password of the account, that of `uid`? It takes as long when there is no such account,
/// or none with a password, or when the text cannot be anybody's password.
///
/// # Errors
/// Too many wrong passwords came before it, too many others are waiting, or nothing is known now.
pub(super) async fn is_password_of(
    state: &AppState,
    offered: Offered<'_>,
    uid: &Username,
    account: Option<&Account>,
    text: String,
) -> Result<bool, Failure> {
    let (guesser, asker) = offered.by(state, uid, account);
    // First by address: one that makes names up fills no memory with them.
    if let Guesser::Source(source) = &guesser {
        state.limits.sign_in(*source)?;
    }
    let guess = state.limits.guess(guesser, uid, account.is_some())?;
    let checked = verify(state, &asker, account, text).await;
    // A password that was not checked is no guess. A client that leaves before the answer has made one.
    if !matches!(checked, Ok(false)) {
        guess.give_back();
    }
    checked
}

/// The same for a name that nobody can have: there is no account to guess the password of.
pub(super) async fn is_nobodys_password(
    state: &AppState,
    source: Source,
    text: String,
) -> Result<bool, Failure> {
    state.limits.sign_in(source)?;
    verify(state, &Asker::Source(source), None, text).await
}

async fn verify(
    state: &AppState,
    asker: &Asker,
    account: Option<&Account>,
    text: String,
) -> Result<bool, Failure> {
    let credential = account.map(|account| account.credential.as_str());
    let hash = match credential.unwrap_or_default() {
        "" => None,
        key => state.store.credentials.get(key).await?,
    };
    let password = Password::parse(text);
    let hash = hash.filter(|_| password.is_ok());
    let password = match password {
        Ok(password) => password,
        Err(_) => Password::parse("no password at all".into())?,
    };
    Ok(state.passwords.verify(asker, password, hash).await?)
}
