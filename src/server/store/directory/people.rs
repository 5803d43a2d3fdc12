//! Accounts and roles.

use super::{Directory, DirectoryError, Guard, TRIES, entry};
use crate::domain::{DisplayName, Sequence, Username, subject};
use crate::server::store::{Entry, Expect, PictureName, StoreError};
use crate::wire::v1::{self, AdministratorAct, event::Body};

/// A person as the directory has them.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Who.
    pub person: v1::Person,
    /// The key of the password's hash; empty for who has no password.
    pub credential: String,
    /// Where else they may sign in.
    pub identities: Vec<v1::Identity>,
    /// Sessions of an earlier generation are not valid.
    pub session_generation: u64,
    /// Reset links of an earlier generation are not valid.
    pub link_generation: u64,
}

impl Account {
    /// May they sign in with an identity of this provider?
    #[must_use]
    pub fn holds_one_of(&self, issuer: &str) -> bool {
        self.identities.iter().any(|held| held.issuer == issuer)
    }

    /// The entry that says all of it.
    pub(super) fn changed(&self) -> Body {
        Body::PersonChanged(v1::PersonChanged {
            person: Some(self.person.clone()),
            credential: self.credential.clone(),
            identities: self.identities.clone(),
            session_generation: self.session_generation,
            link_generation: self.link_generation,
        })
    }

    /// May they do what administrators do?
    #[must_use]
    pub fn is_active_administrator(&self) -> bool {
        self.person.role() == v1::Role::Administrator && !self.person.suspended
    }

    /// Does a session of this generation still hold?
    #[must_use]
    pub fn admits(&self, session_generation: u64) -> bool {
        !self.person.suspended && self.session_generation == session_generation
    }
}

/// What is to become of an account.
#[derive(Debug, Clone, PartialEq)]
pub enum PersonChange {
    /// Another name, or other words about themselves.
    Profile {
        /// What others see.
        display_name: DisplayName,
        /// What they say of themselves.
        about: String,
        /// The IANA name of their time zone, or nothing.
        time_zone: String,
    },
    /// Another password, by the key of its hash.
    Password(String),
    /// Another role.
    Role(v1::Role),
    /// In or out.
    Suspended(bool),
    /// Another picture, or none.
    Picture(Option<PictureName>),
    /// Every session so far is over.
    SessionsEnded,
}

/// What must hold at the moment at which an account changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit<'a> {
    /// The person changes their own account, through a session of this generation.
    Session(u64),
    /// They choose a new password by a link of this generation, which this administrator made.
    Link(u64, &'a Username),
    /// This administrator does it.
    Administrator(&'a Username),
}

/// An account before a change and after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    /// Before.
    pub before: Account,
    /// After; the same where nothing was to be changed.
    pub after: Account,
}

impl PersonChange {
    fn apply(&self, account: &mut Account) {
        let before = (account.person.role, account.person.suspended);
        let person = &mut account.person;
        match self {
            Self::Profile {
                display_name,
                about,
                time_zone,
            } => {
                person.display_name = display_name.to_string();
                person.about.clone_from(about);
                person.time_zone.clone_from(time_zone);
            }
            Self::Password(credential) => account.credential.clone_from(credential),
            Self::Role(role) => person.set_role(*role),
            Self::Suspended(suspended) => person.suspended = *suspended,
            Self::Picture(name) => {
                let name = name.as_ref().map(PictureName::as_str);
                person.picture = name.unwrap_or_default().to_owned();
            }
            Self::SessionsEnded => {}
        }
        let ends_sessions = matches!(self, Self::Password(_) | Self::SessionsEnded)
            || account.person.suspended != before.1;
        if ends_sessions {
            account.session_generation += 1;
        }
        if ends_sessions || account.person.role != before.0 {
            account.link_generation += 1;
        }
    }

    /// How it stands in the audit log, when it is done to somebody else.
    fn act(&self) -> AdministratorAct {
        match self {
            Self::Profile { .. } | Self::Picture(_) => AdministratorAct::Unspecified,
            Self::Password(_) => AdministratorAct::ResetPassword,
            Self::Role(v1::Role::Administrator) => AdministratorAct::MadeAdministrator,
            Self::Role(v1::Role::Guest) => AdministratorAct::MadeGuest,
            Self::Role(_) => AdministratorAct::MadeMember,
            Self::Suspended(true) => AdministratorAct::Suspended,
            Self::Suspended(false) => AdministratorAct::Restored,
            Self::SessionsEnded => AdministratorAct::EndedSessions,
        }
    }
}

impl Directory<'_> {
    /// Has the first account been made?
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn is_founded(&self) -> Result<bool, StoreError> {
        Ok(self.log.last_of(subject::LOG_FOUNDED).await?.is_some())
    }

    /// The person of a username with the key of their password, read from the leader: rights are
    /// never judged by stale data.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn person(&self, uid: &Username) -> Result<Option<Account>, StoreError> {
        Ok(self.account(uid).await?.1)
    }

    /// The same, with the place of what says so.
    pub(super) async fn account(
        &self,
        uid: &Username,
    ) -> Result<(Sequence, Option<Account>), StoreError> {
        let (place, event) = self.log.last_with_place(&subject::log_person(uid)).await?;
        let account = match event.and_then(|event| event.body) {
            Some(Body::PersonJoined(joined)) => joined.person.map(|person| Account {
                person,
                credential: joined.credential,
                identities: joined.identities,
                session_generation: 0,
                link_generation: 0,
            }),
            Some(Body::PersonChanged(changed)) => changed.person.map(|person| Account {
                person,
                credential: changed.credential,
                identities: changed.identities,
                session_generation: changed.session_generation,
                link_generation: changed.link_generation,
            }),
            _ => None,
        };
        Ok((place, account))
    }

    /// Changes an account, as long as `permit` holds at the moment at which the change is written.
    /// What an administrator does to an account stands in the audit log.
    ///
    /// # Errors
    /// [`DirectoryError::Missing`]; [`DirectoryError::Outdated`] or
    /// [`DirectoryError::NotAdministrator`] when the permit does not hold;
    /// [`DirectoryError::LastAdministrator`] when nobody would be left to look after the workspace.
    pub async fn change_person(
        &self,
        permit: Permit<'_>,
        uid: &Username,
        change: &PersonChange,
    ) -> Result<Changed, DirectoryError> {
        let by = match permit {
            Permit::Administrator(by) => by,
            Permit::Session(_) | Permit::Link(..) => uid,
        };
        for _ in 0..TRIES {
            let (place, before) = self.account(uid).await?;
            let before = before.ok_or(DirectoryError::Missing("person"))?;
            let guards = self.check(permit, uid, &before).await?;
            let mut after = before.clone();
            change.apply(&mut after);
            if after == before {
                return Ok(Changed { before, after });
            }
            let subject = subject::log_person(uid);
            let mut entries = vec![entry(by, subject, after.changed(), Expect::Last(place))?];
            if before.is_active_administrator() != after.is_active_administrator() {
                let administrators = self.administrators_with(by, &after).await?;
                entries.push(administrators);
            }
            if matches!(permit, Permit::Administrator(_)) {
                entries.push(acted(by, change.act(), uid.as_str(), "")?);
            }
            match self.append_guarded(entries, &guards).await {
                Ok(_) => return Ok(Changed { before, after }),
                Err(DirectoryError::Store(StoreError::Conflict) | DirectoryError::Outdated) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Does the permit hold for an account as it is? Gives what must not change until the batch is
    /// written, beside the account itself.
    async fn check(
        &self,
        permit: Permit<'_>,
        uid: &Username,
        account: &Account,
    ) -> Result<Vec<Guard>, DirectoryError> {
        match permit {
            Permit::Session(generation) if account.admits(generation) => Ok(Vec::new()),
            Permit::Link(generation, by) if account.link_generation == generation => {
                // The change itself expects their own account.
                let maker = self.maker(by).await?;
                Ok((by != uid).then_some(maker).into_iter().collect())
            }
            Permit::Session(_) | Permit::Link(..) => Err(DirectoryError::Outdated),
            Permit::Administrator(by) if by == uid => match account.is_active_administrator() {
                // The change itself expects the entry that says so.
                true => Ok(Vec::new()),
                false => Err(DirectoryError::NotAdministrator),
            },
            Permit::Administrator(by) => Ok(vec![self.administrator(by).await?]),
        }
    }

    /// Holds as long as `by` is an administrator who is not suspended.
    pub(super) async fn administrator(&self, by: &Username) -> Result<Guard, DirectoryError> {
        let (place, account) = self.account(by).await?;
        match account {
            Some(account) if account.is_active_administrator() => Ok(Guard::account(by, place)),
            _ => Err(DirectoryError::NotAdministrator),
        }
    }

    /// The list of administrators as it is after somebody's change.
    async fn administrators_with(
        &self,
        by: &Username,
        account: &Account,
    ) -> Result<Entry, DirectoryError> {
        let (place, event) = self
            .log
            .last_with_place(subject::LOG_ADMINISTRATORS)
            .await?;
        let mut uids = match event.and_then(|event| event.body) {
            Some(Body::AdministratorsChanged(changed)) => changed.uids,
            _ => Vec::new(),
        };
        uids.retain(|uid| *uid != account.person.uid);
        if account.is_active_administrator() {
            uids.push(account.person.uid.clone());
        }
        if uids.is_empty() {
            return Err(DirectoryError::LastAdministrator);
        }
        Ok(administrators(by, uids, place)?)
    }

    /// Writes down what an administrator did that changes nothing else in the directory, if they are
    /// one at that moment. What they did takes effect after this.
    ///
    /// # Errors
    /// [`DirectoryError::NotAdministrator`], or the broker did not acknowledge it.
    pub async fn note(
        &self,
        by: &Username,
        act: AdministratorAct,
        uid: &str,
        detail: &str,
    ) -> Result<(), DirectoryError> {
        for _ in 0..TRIES {
            let guard = self.administrator(by).await?;
            let entries = vec![acted(by, act, uid, detail)?];
            match self.append_guarded(entries, &[guard]).await {
                Ok(_) => return Ok(()),
                Err(DirectoryError::Store(StoreError::Conflict) | DirectoryError::Outdated) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict.into())
    }
}

pub(super) fn administrators(
    by: &Username,
    uids: Vec<String>,
    place: Sequence,
) -> Result<Entry, StoreError> {
    entry(
        by,
        subject::LOG_ADMINISTRATORS.into(),
        Body::AdministratorsChanged(v1::AdministratorsChanged { uids }),
        Expect::Last(place),
    )
}

pub(super) fn acted(
    by: &Username,
    act: AdministratorAct,
    uid: &str,
    detail: &str,
) -> Result<Entry, StoreError> {
    let acted = v1::AdministratorActed {
        act: act.into(),
        uid: uid.into(),
        detail: detail.into(),
    };
    entry(
        by,
        subject::LOG_AUDIT.into(),
        Body::AdministratorActed(acted),
        Expect::Any,
    )
}
