//! New accounts.

use super::identities::held;
use super::members::came;
use super::people::{acted, administrators};
use super::{Directory, DirectoryError, FREE, Guard, TRIES, entry};
use crate::domain::{DisplayName, RoomId, Sequence, Username, subject};
use crate::server::store::{Entry, StoreError};
use crate::wire::v1::{self, AdministratorAct, MembershipChange, event::Body};

/// The new person.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// The identity.
    pub uid: Username,
    /// What others see.
    pub display_name: DisplayName,
    /// The key of the password's hash; empty without a password.
    pub credential: String,
    /// Where else they may sign in.
    pub identity: Option<v1::Identity>,
}

/// What lets a new person in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// There is no account yet: this one founds the workspace, and is its administrator.
    Founder,
    /// The rules for signing up are met.
    SignUp,
    /// An invitation.
    Invited {
        /// The administrator who made it. They must still be one.
        by: Username,
        /// What the new person is to be.
        role: v1::Role,
        /// The rooms to bring them into. Those that `by` could no longer bring anybody into are left
        /// out.
        rooms: Vec<RoomId>,
    },
}

impl Directory<'_> {
    /// Makes an account, and the memberships that come with it, in one batch: of two who race for a
    /// username or for the first account, one is refused.
    ///
    /// # Errors
    /// [`DirectoryError::Taken`] when somebody has the username, [`DirectoryError::IdentityTaken`] when
    /// somebody has the identity, [`DirectoryError::Founded`] when the first account is made already,
    /// and [`DirectoryError::Outdated`] when the maker of the invitation could not make it any more.
    pub async fn join(
        &self,
        new: &NewPerson,
        admission: &Admission,
    ) -> Result<v1::Person, DirectoryError> {
        for _ in 0..TRIES {
            let (person, entries, guards) = self.joined(new, admission).await?;
            match self.append_guarded(entries, &guards).await {
                Ok(_) => return Ok(person),
                Err(DirectoryError::Store(StoreError::Conflict)) => {
                    if self.person(&new.uid).await?.is_some() {
                        return Err(DirectoryError::Taken);
                    }
                }
                // Something about the invitation's maker has changed: look whether it matters.
                Err(DirectoryError::Outdated) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// The entries of a new account, and what they rest on.
    async fn joined(
        &self,
        new: &NewPerson,
        admission: &Admission,
    ) -> Result<(v1::Person, Vec<Entry>, Vec<Guard>), DirectoryError> {
        let uid = &new.uid;
        let role = match admission {
            Admission::Founder => v1::Role::Administrator,
            Admission::Invited { role, .. } => *role,
            Admission::SignUp => v1::Role::Member,
        };
        let person = v1::Person {
            uid: uid.to_string(),
            display_name: new.display_name.to_string(),
            role: role.into(),
            ..v1::Person::default()
        };
        let joined = v1::PersonJoined {
            person: Some(person.clone()),
            credential: new.credential.clone(),
            identities: new.identity.iter().cloned().collect(),
        };
        let subject = subject::log_person(uid);
        let mut entries = vec![entry(uid, subject, Body::PersonJoined(joined), FREE)?];
        let mut guards = Vec::new();
        if let Some(identity) = &new.identity {
            let (place, holder) = self.holder(&identity.id).await?;
            if holder.is_some() {
                return Err(DirectoryError::IdentityTaken);
            }
            entries.push(held(uid, &identity.id, uid.as_str(), place)?);
        }
        match admission {
            Admission::SignUp => {}
            Admission::Founder => {
                if self.is_founded().await? {
                    return Err(DirectoryError::Founded);
                }
                let founded = v1::WorkspaceFounded {
                    uid: uid.to_string(),
                };
                let founded = Body::WorkspaceFounded(founded);
                entries.push(entry(uid, subject::LOG_FOUNDED.into(), founded, FREE)?);
                entries.push(administrators(uid, vec![uid.to_string()], Sequence(0))?);
            }
            Admission::Invited { by, rooms, .. } => {
                guards.push(self.maker(by).await?);
                let used = AdministratorAct::InvitationUsed;
                entries.push(acted(uid, used, uid.as_str(), by.as_str())?);
                let mut is_somewhere = false;
                for room in rooms {
                    let Some((room, guard)) = self.may_bring_into(by, room).await? else {
                        continue;
                    };
                    is_somewhere = true;
                    // Everybody but guests is in the room that natter made, without a list.
                    if !room.is_home() || role == v1::Role::Guest {
                        let added = MembershipChange::Added;
                        entries.extend(came(by, uid, &room, added, Sequence(0))?);
                        guards.extend(guard);
                    }
                }
                if role == v1::Role::Guest && !is_somewhere {
                    return Err(DirectoryError::Outdated);
                }
            }
        }
        Ok((person, entries, guards))
    }

    /// Holds as long as the maker of a link is an administrator.
    pub(super) async fn maker(&self, by: &Username) -> Result<Guard, DirectoryError> {
        match self.administrator(by).await {
            Err(DirectoryError::NotAdministrator) => Err(DirectoryError::Outdated),
            guard => guard,
        }
    }

    /// The room, when an administrator can bring people into it now, and what that rests on beside
    /// their account: a closed room takes who is in it.
    async fn may_bring_into(
        &self,
        by: &Username,
        id: &RoomId,
    ) -> Result<Option<(v1::Room, Option<Guard>)>, StoreError> {
        let Some(room) = self.room(id).await?.filter(|room| !room.archived) else {
            return Ok(None);
        };
        match room.kind() {
            v1::RoomKind::Open => Ok(Some((room, None))),
            v1::RoomKind::Closed => {
                let (place, change) = self.membership(id, by).await?;
                let guard = Guard::membership(id, by, place);
                Ok(change.is_in().then_some((room, Some(guard))))
            }
            v1::RoomKind::Direct | v1::RoomKind::Unspecified => Ok(None),
        }
    }
}
