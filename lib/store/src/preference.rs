use aws_sdk_dynamodb::types::{AttributeValue, Update};
use tenantry_domain::{Conflict, Error as DomainError, Id, Membership, Preference, TenantScope};

use crate::entity::{Entity, Versioned, number_of};
use crate::key::{self, Keys, LAST};
use crate::{Error, Order, Store, Transaction};

impl Entity for Preference {
    const TYPE: &'static str = "preference";

    fn keys(&self) -> Keys {
        Keys::only(key::preference(self.tenant_id, self.membership_id, self.id))
    }
}

impl Versioned for Preference {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Transaction {
    /// Adds a preference, if the member has not its most already.
    pub fn create_preference(
        &mut self,
        scope: &TenantScope,
        preference: &Preference,
        conflict: DomainError,
    ) -> &mut Self {
        debug_assert_eq!(
            scope.tenant_id(),
            preference.tenant_id,
            "a preference of another tenant"
        );
        let member = preference.membership_id;
        let most = AttributeValue::N(Preference::MOST.to_string());
        let update = Update::builder()
            .set_key(Some(
                key::preference_count(preference.tenant_id, member).to_item(),
            ))
            .update_expression("ADD #n :one")
            .condition_expression("attribute_not_exists(pk) OR #n < :most")
            .expression_attribute_names("#n", "n")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":most", most);
        let refusal = DomainError::from(Conflict::TooManyPreferences(member.to_string()));
        // The preference first: if it is there meanwhile, that is what the caller has to look at.
        self.create(preference, conflict).update(update, refusal)
    }

    /// Puts the next version of a preference over the one it was made from.
    pub fn replace_preference(
        &mut self,
        scope: &TenantScope,
        preference: &Preference,
        conflict: DomainError,
    ) -> &mut Self {
        debug_assert_eq!(
            scope.tenant_id(),
            preference.tenant_id,
            "a preference of another tenant"
        );
        self.replace(preference, conflict)
    }

    /// Deletes the version of a preference that was read.
    pub fn delete_preference(
        &mut self,
        scope: &TenantScope,
        preference: &Preference,
        conflict: DomainError,
    ) -> &mut Self {
        let (tenant_id, member) = (scope.tenant_id(), preference.membership_id);
        let item = key::preference(tenant_id, member, preference.id);
        self.delete_version(&item, preference.version, conflict)
            .count(&key::preference_count(tenant_id, member), -1)
    }

    /// Deletes these preferences of a member, all that it has, with their count.
    pub fn forget_preferences(
        &mut self,
        scope: &TenantScope,
        member: Id<Membership>,
        preferences: &[Preference],
    ) -> &mut Self {
        let tenant_id = scope.tenant_id();
        for preference in preferences {
            self.delete_any(&key::preference(tenant_id, member, preference.id));
        }
        self.delete_any(&key::preference_count(tenant_id, member))
    }
}

impl Store {
    /// Finds a preference of a member.
    pub async fn find_preference(
        &self,
        scope: &TenantScope,
        member: Id<Membership>,
        id: Id<Preference>,
    ) -> Result<Option<Preference>, Error> {
        self.get(&key::preference(scope.tenant_id(), member, id)).await
    }

    /// Finds all preferences of a member, oldest first: they are few.
    pub async fn find_preferences(
        &self,
        scope: &TenantScope,
        member: Id<Membership>,
    ) -> Result<Vec<Preference>, Error> {
        let prefix = key::preference_prefix(member);
        let range = (prefix.clone(), format!("{prefix}{LAST}"));
        let partition = key::tenant(scope.tenant_id()).pk;
        let items = self
            .query(None, &partition, &range, None, Order::Ascending, None, true)
            .await?;
        let mut preferences = items
            .into_iter()
            .map(Preference::from_item)
            .collect::<Result<Vec<_>, _>>()?;
        preferences.sort_by_key(|preference| (preference.created_at, preference.id));
        Ok(preferences)
    }

    /// How many preferences a member has.
    pub async fn count_preferences(&self, scope: &TenantScope, member: Id<Membership>) -> Result<u64, Error> {
        let count = self
            .get_item(&key::preference_count(scope.tenant_id(), member))
            .await?;
        let n = count.and_then(|count| number_of(&count, "n"));
        Ok(n.and_then(|n| u64::try_from(n).ok()).unwrap_or_default())
    }
}
