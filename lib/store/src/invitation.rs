use aws_sdk_dynamodb::types::{AttributeValue, Put};
use tenantry_domain::{
    Conflict, Email, Error as DomainError, Id, Invitation, InvitationStatus, TenantScope, Timestamp,
};

use crate::entity::{Entity, Versioned};
use crate::key::{self, INVITATION_PREFIX, Key, Keys, LAST};
use crate::page::List;
use crate::table::GSI1;
use crate::transaction::Refusal;
use crate::{Error, Page, PageRequest, Store, Trail, Transaction};

impl Entity for Invitation {
    const TYPE: &'static str = "invitation";

    fn keys(&self) -> Keys {
        let primary = key::invitation(self.tenant_id, self.id);
        // What was answered is not asked any more; until it is forgotten it is found for its person's sake.
        let gsi1 = Key {
            pk: key::invitations_to(&self.email),
            sk: primary.sk.clone(),
        };
        Keys {
            gsi1: Some(gsi1),
            ttl: Some(self.forgotten_at()),
            ..Keys::only(primary)
        }
    }
}

impl Versioned for Invitation {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Transaction {
    /// Adds an invitation, unless the address has one to this tenant that waits for an answer.
    pub fn create_invitation(
        &mut self,
        scope: &TenantScope,
        invitation: &Invitation,
        now: Timestamp,
    ) -> &mut Self {
        self.mark_invited(invitation, now, Conflict::InvitationExists)
            .add_invitation(scope, invitation)
    }

    /// Adds an invitation to a tenant that has invited nobody yet.
    pub fn add_invitation(&mut self, scope: &TenantScope, invitation: &Invitation) -> &mut Self {
        debug_assert_eq!(
            scope.tenant_id(),
            invitation.tenant_id,
            "an invitation of another tenant"
        );
        self.add(invitation)
    }

    /// Puts the next version of an invitation over the one it was made from.
    pub fn replace_invitation(
        &mut self,
        scope: &TenantScope,
        invitation: &Invitation,
        now: Timestamp,
        conflict: DomainError,
    ) -> &mut Self {
        debug_assert_eq!(
            scope.tenant_id(),
            invitation.tenant_id,
            "an invitation of another tenant"
        );
        self.replace(invitation, conflict);
        match invitation.status {
            InvitationStatus::Pending => self.mark_invited(invitation, now, Conflict::InvitationExists),
            // The mark of one that nobody can accept any more may be that of the next one.
            _ if invitation.expires_at <= now => self,
            InvitationStatus::Accepted | InvitationStatus::Declined | InvitationStatus::Revoked => {
                self.delete_any(&key::invited(invitation.tenant_id, &invitation.email))
            }
        }
    }

    /// Removes an invitation for good.
    pub fn delete_invitation(&mut self, invitation: &Invitation, conflict: DomainError) -> &mut Self {
        let item = key::invitation(invitation.tenant_id, invitation.id);
        self.delete_version(&item, invitation.version, conflict)
            .delete_any(&key::invited(invitation.tenant_id, &invitation.email))
    }

    fn mark_invited(&mut self, invitation: &Invitation, now: Timestamp, conflict: Conflict) -> &mut Self {
        let text = |text: String| AttributeValue::S(text);
        let key = key::invited(invitation.tenant_id, &invitation.email);
        let ttl = invitation.expires_at.as_seconds().to_string();
        let put = Put::builder()
            .set_item(Some(key.to_item()))
            .item("type", text("invited".to_owned()))
            .item("owner", text(invitation.id.to_string()))
            .item("expiresAt", text(invitation.expires_at.to_string()))
            .item(crate::table::TTL, AttributeValue::N(ttl))
            // One that nobody can accept any more is in nobody's way, swept or not.
            .condition_expression("attribute_not_exists(pk) OR #owner = :owner OR expiresAt <= :now")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", text(invitation.id.to_string()))
            .expression_attribute_values(":now", text(now.to_string()));
        self.push_put(put, Refusal::Means(conflict.into()))
    }
}

impl Store {
    /// Finds an invitation of the tenant.
    pub async fn find_invitation(
        &self,
        scope: &TenantScope,
        id: Id<Invitation>,
    ) -> Result<Option<Invitation>, Error> {
        self.get(&key::invitation(scope.tenant_id(), id)).await
    }

    /// Finds an invitation and where the tenant's audit trail stands, in one call.
    pub async fn find_invitation_to_change(
        &self,
        scope: &TenantScope,
        id: Id<Invitation>,
    ) -> Result<Option<(Invitation, Trail)>, Error> {
        self.get_with_trail(scope, &key::invitation(scope.tenant_id(), id))
            .await
    }

    /// Lists the invitations of the tenant by the time they were made.
    pub async fn list_invitations(
        &self,
        scope: &TenantScope,
        request: &PageRequest,
    ) -> Result<Page<Invitation>, Error> {
        let list = List::of_partition(key::tenant(scope.tenant_id()).pk, INVITATION_PREFIX);
        self.page(&list, request).await
    }

    /// Lists the invitations of an address, in all tenants, by the time they were made.
    pub async fn list_invitations_to(
        &self,
        email: &Email,
        request: &PageRequest,
    ) -> Result<Page<Invitation>, Error> {
        let list = List {
            index: Some(GSI1),
            partitions: vec![key::invitations_to(email)],
            range: (" ".to_owned(), LAST.to_owned()),
            is_consistent: false,
        };
        self.page(&list, request).await
    }
}
