//! Valid links: they can still be used, and the person who made them could still make them. Every use
//! of a link starts here.

use std::collections::HashMap;

use super::{Invitation, Store, StoreError};
use crate::domain::Username;
use crate::wire::v1::{InvitationKind, InvitationRecord};

impl Store {
    /// The link of a token, if it is valid for this purpose.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn invitation(
        &self,
        token: &str,
        kind: InvitationKind,
    ) -> Result<Option<Invitation>, StoreError> {
        let found = self.invitations.find(token, kind).await?;
        self.if_it_holds(found).await
    }

    /// The link of this name for making an account, if it is valid.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn invitation_by_id(&self, id: &str) -> Result<Option<Invitation>, StoreError> {
        let found = self.invitations.find_by_id(id).await?;
        self.if_it_holds(found).await
    }

    /// All valid links for making accounts, the newest first.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn good_invitations(&self) -> Result<Vec<Invitation>, StoreError> {
        let mut all = self.invitations.all().await?;
        let mut makers = HashMap::new();
        for invitation in &all {
            let maker = &invitation.record.made_by;
            if !makers.contains_key(maker) {
                makers.insert(maker.clone(), self.is_administrator(maker).await?);
            }
        }
        all.retain(|invitation| makers.get(&invitation.record.made_by) == Some(&true));
        Ok(all)
    }

    async fn if_it_holds(
        &self,
        invitation: Option<Invitation>,
    ) -> Result<Option<Invitation>, StoreError> {
        match invitation {
            Some(found) if self.holds(&found.record).await? => Ok(Some(found)),
            _ => Ok(None),
        }
    }

    /// Could its maker make it now, and is the account that it is for unchanged?
    async fn holds(&self, record: &InvitationRecord) -> Result<bool, StoreError> {
        if !self.is_administrator(&record.made_by).await? {
            return Ok(false);
        }
        if record.kind() != InvitationKind::Reset {
            return Ok(true);
        }
        let Ok(uid) = Username::parse(&record.uid) else {
            return Ok(false);
        };
        let account = self.directory().person(&uid).await?;
        Ok(account.is_some_and(|account| account.link_generation == record.generation))
    }

    async fn is_administrator(&self, uid: &str) -> Result<bool, StoreError> {
        let Ok(uid) = Username::parse(uid) else {
            return Ok(false);
        };
        let account = self.directory().person(&uid).await?;
        Ok(account.is_some_and(|account| account.is_active_administrator()))
    }
}
