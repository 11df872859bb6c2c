use aws_sdk_dynamodb::types::{AttributeValue, Update};
use serde::{Deserialize, Serialize};
use tenantry_domain::{Conflict, Contact, Error as DomainError, Id, Tenant, TenantScope};

use crate::entity::{Entity, Versioned, text_of};
use crate::key::{self, CONTACT_PREFIX, Keys, LAST};
use crate::page::List;
use crate::{Error, Order, Page, PageRequest, Store, Trail, Transaction};

/// How many contacts a tenant has: counted where they are written, so that it is known in one read and never exceeded.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContactCount {
    pub(crate) tenant_id: Id<Tenant>,
    pub(crate) n: u64,
}

impl Entity for Contact {
    const TYPE: &'static str = "contact";

    fn keys(&self) -> Keys {
        Keys::only(key::contact(self.tenant_id, self.id))
    }
}

impl Versioned for Contact {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Entity for ContactCount {
    const TYPE: &'static str = "contact_count";

    fn keys(&self) -> Keys {
        Keys::only(key::contact_count(self.tenant_id))
    }
}

impl Transaction {
    /// Adds the contact that a new tenant begins with.
    pub(crate) fn add_first_contact(&mut self, contact: &Contact) -> &mut Self {
        let count = ContactCount {
            tenant_id: contact.tenant_id,
            n: 1,
        };
        self.add(contact).add(&count)
    }

    /// Adds a contact, if the tenant has not its most already.
    pub fn create_contact(&mut self, scope: &TenantScope, contact: &Contact) -> &mut Self {
        debug_assert_eq!(
            scope.tenant_id(),
            contact.tenant_id,
            "a contact of another tenant"
        );
        let most = AttributeValue::N(Contact::MOST.to_string());
        let update = Update::builder()
            .set_key(Some(key::contact_count(contact.tenant_id).to_item()))
            .update_expression("ADD #n :one")
            .condition_expression("#n < :most")
            .expression_attribute_names("#n", "n")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":most", most);
        let refusal = DomainError::from(Conflict::TooManyContacts(contact.tenant_id.to_string()));
        self.update(update, refusal).add(contact)
    }

    /// Puts the next version of a contact over the one it was made from.
    pub fn replace_contact(
        &mut self,
        scope: &TenantScope,
        contact: &Contact,
        conflict: DomainError,
    ) -> &mut Self {
        debug_assert_eq!(
            scope.tenant_id(),
            contact.tenant_id,
            "a contact of another tenant"
        );
        self.replace(contact, conflict)
    }

    /// Deletes the version of a contact that was read.
    pub fn delete_contact(
        &mut self,
        scope: &TenantScope,
        contact: &Contact,
        conflict: DomainError,
    ) -> &mut Self {
        debug_assert_eq!(
            scope.tenant_id(),
            contact.tenant_id,
            "a contact of another tenant"
        );
        self.delete_version(
            &key::contact(contact.tenant_id, contact.id),
            contact.version,
            conflict,
        )
        .count(&key::contact_count(contact.tenant_id), -1)
    }
}

impl Store {
    /// Finds a contact of the tenant.
    pub async fn find_contact(&self, scope: &TenantScope, id: Id<Contact>) -> Result<Option<Contact>, Error> {
        self.get(&key::contact(scope.tenant_id(), id)).await
    }

    /// Finds all contacts of the tenant, oldest first, and where its audit trail stands: one call, because they are few and
    /// neighbours. `None` if there is no such tenant.
    pub async fn find_contacts_to_change(
        &self,
        scope: &TenantScope,
    ) -> Result<Option<(Vec<Contact>, Trail)>, Error> {
        let trail = key::trail(scope.tenant_id());
        let range = (trail.sk, format!("{CONTACT_PREFIX}{LAST}"));
        let items = self
            .query(None, &trail.pk, &range, None, Order::Ascending, None, true)
            .await?;
        let (mut contacts, mut trail) = (Vec::new(), None);
        for item in items {
            match text_of(&item, "type") {
                Some(Contact::TYPE) => contacts.push(Contact::from_item(item)?),
                Some(Trail::TYPE) => trail = Some(Trail::from_item(item)?),
                _ => {}
            }
        }
        Ok(trail.map(|trail| (contacts, trail)))
    }

    /// Lists the contacts of the tenant by the time they were made.
    pub async fn list_contacts(
        &self,
        scope: &TenantScope,
        request: &PageRequest,
    ) -> Result<Page<Contact>, Error> {
        let list = List::of_partition(key::tenant(scope.tenant_id()).pk, CONTACT_PREFIX);
        self.page(&list, request).await
    }

    /// How many contacts the tenant has; `None` if there is no such tenant.
    pub async fn count_contacts(&self, scope: &TenantScope) -> Result<Option<u64>, Error> {
        let count: Option<ContactCount> = self.get(&key::contact_count(scope.tenant_id())).await?;
        Ok(count.map(|count| count.n))
    }
}
