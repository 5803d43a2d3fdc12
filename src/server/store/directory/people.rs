//! Accounts and roles.

use super::identities::held;
use super::{Directory, DirectoryError, FREE, TRIES, entry};
use crate::domain::{DisplayName, Sequence, Username, subject};
use crate::server::store::{Entry, Expect, PictureName, StoreError};
use crate::wire::v1::{self, AdministratorAct, event::Body};

/// Who joins.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// The identity.
    pub uid: Username,
    /// What others see.
    pub display_name: DisplayName,
    /// The key of the password's hash; empty for who has no password.
    pub credential: String,
    /// What they are to be, unless they are the first.
    pub role: v1::Role,
    /// Where else they may sign in.
    pub identity: Option<v1::Identity>,
}

/// A person as the directory has them.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Who.
    pub person: v1::Person,
    /// The key of the password's hash; empty for who has no password.
    pub credential: String,
    /// Where else they may sign in.
    pub identities: Vec<v1::Identity>,
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
        })
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
}

impl PersonChange {
    fn apply(&self, account: &mut Account) {
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
        }
    }
}

fn is_active_administrator(person: &v1::Person) -> bool {
    person.role() == v1::Role::Administrator && !person.suspended
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
            Some(
                Body::PersonJoined(v1::PersonJoined {
                    person,
                    credential,
                    identities,
                })
                | Body::PersonChanged(v1::PersonChanged {
                    person,
                    credential,
                    identities,
                }),
            ) => person.map(|person| Account {
                person,
                credential,
                identities,
            }),
            _ => None,
        };
        Ok((place, account))
    }

    /// Makes an account. The first one is the administrator's: it founds the workspace in the same
    /// batch, so that two who race for it cannot both be first.
    ///
    /// # Errors
    /// [`DirectoryError::Taken`] when somebody has the username, and
    /// [`DirectoryError::IdentityTaken`] when somebody has the identity.
    pub async fn join(&self, new: &NewPerson) -> Result<v1::Person, DirectoryError> {
        // Who loses the race for the first account is no administrator, and tries again as that.
        for _ in 0..2 {
            let first = !self.is_founded().await?;
            let role = if first {
                v1::Role::Administrator
            } else {
                new.role
            };
            let person = v1::Person {
                uid: new.uid.to_string(),
                display_name: new.display_name.to_string(),
                role: role.into(),
                ..v1::Person::default()
            };
            let joined = v1::PersonJoined {
                person: Some(person.clone()),
                credential: new.credential.clone(),
                identities: new.identity.iter().cloned().collect(),
            };
            let uid = new.uid.to_string();
            let mut entries = vec![entry(
                &new.uid,
                subject::log_person(&new.uid),
                Body::PersonJoined(joined),
                FREE,
            )?];
            if let Some(identity) = &new.identity {
                let (place, holder) = self.holder(&identity.id).await?;
                if holder.is_some() {
                    return Err(DirectoryError::IdentityTaken);
                }
                entries.push(held(&new.uid, &identity.id, &uid, place)?);
            }
            if first {
                let founded = v1::WorkspaceFounded { uid: uid.clone() };
                entries.push(entry(
                    &new.uid,
                    subject::LOG_FOUNDED.into(),
                    Body::WorkspaceFounded(founded),
                    FREE,
                )?);
                entries.push(administrators(&new.uid, vec![uid], Sequence(0))?);
            }
            match self.log.append_all(&entries).await {
                Ok(_) => return Ok(person),
                Err(StoreError::Conflict) if self.person(&new.uid).await?.is_some() => {
                    return Err(DirectoryError::Taken);
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Changes an account. What `by` does to somebody else stands in the audit log.
    ///
    /// # Errors
    /// [`DirectoryError::Missing`], or [`DirectoryError::LastAdministrator`] when nobody would be
    /// left to look after the workspace.
    pub async fn change_person(
        &self,
        by: &Username,
        uid: &Username,
        change: &PersonChange,
    ) -> Result<v1::Person, DirectoryError> {
        Ok(self.replace_person(by, uid, change).await?.1)
    }

    /// Gives somebody another picture, or none, and tells the one that they had.
    ///
    /// # Errors
    /// The broker did not acknowledge it.
    pub async fn change_picture(
        &self,
        uid: &Username,
        picture: Option<&PictureName>,
    ) -> Result<Option<PictureName>, DirectoryError> {
        let change = PersonChange::Picture(picture.cloned());
        let (before, _) = self.replace_person(uid, uid, &change).await?;
        Ok(PictureName::parse(&before.picture))
    }

    /// The person before the change and after it.
    async fn replace_person(
        &self,
        by: &Username,
        uid: &Username,
        change: &PersonChange,
    ) -> Result<(v1::Person, v1::Person), DirectoryError> {
        for _ in 0..TRIES {
            let (place, before) = self.account(uid).await?;
            let before = before.ok_or(DirectoryError::Missing("person"))?;
            let mut after = before.clone();
            change.apply(&mut after);
            if after == before {
                return Ok((before.person, after.person));
            }
            let subject = subject::log_person(uid);
            let mut entries = vec![entry(by, subject, after.changed(), Expect::Last(place))?];
            if is_active_administrator(&before.person) != is_active_administrator(&after.person) {
                entries.push(
                    self.administrators_without_or_with(by, &after.person)
                        .await?,
                );
            }
            if by != uid && change.act() != AdministratorAct::Unspecified {
                entries.push(acted(by, change.act(), uid.as_str(), "")?);
            }
            match self.log.append_all(&entries).await {
                Ok(_) => return Ok((before.person, after.person)),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// The list of administrators as it is after somebody's change.
    async fn administrators_without_or_with(
        &self,
        by: &Username,
        person: &v1::Person,
    ) -> Result<Entry, DirectoryError> {
        let (place, event) = self
            .log
            .last_with_place(subject::LOG_ADMINISTRATORS)
            .await?;
        let mut uids = match event.and_then(|event| event.body) {
            Some(Body::AdministratorsChanged(changed)) => changed.uids,
            _ => Vec::new(),
        };
        uids.retain(|uid| *uid != person.uid);
        if is_active_administrator(person) {
            uids.push(person.uid.clone());
        }
        if uids.is_empty() {
            return Err(DirectoryError::LastAdministrator);
        }
        Ok(administrators(by, uids, place)?)
    }

    /// Writes down what an administrator did that changes nothing else in the directory.
    ///
    /// # Errors
    /// The broker did not acknowledge it.
    pub async fn note(
        &self,
        by: &Username,
        act: AdministratorAct,
        uid: &str,
        detail: &str,
    ) -> Result<(), StoreError> {
        let entry = acted(by, act, uid, detail)?;
        self.log.append(&entry, None).await?;
        Ok(())
    }
}

fn administrators(by: &Username, uids: Vec<String>, place: Sequence) -> Result<Entry, StoreError> {
    entry(
        by,
        subject::LOG_ADMINISTRATORS.into(),
        Body::AdministratorsChanged(v1::AdministratorsChanged { uids }),
        Expect::Last(place),
    )
}

fn acted(
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
