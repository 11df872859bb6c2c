use aws_sdk_dynamodb::types::{AttributeValue, Update};
use serde::{Deserialize, Serialize};
use tenantry_domain::{Conflict, Error as DomainError, Id, Kind, Lead, LeadCode, Tenant, Timestamp};

use crate::entity::{Entity, Versioned, text_of};
use crate::key::{self, Key, Keys, LAST, LIST_SHARDS};
use crate::page::List;
use crate::table::{GSI1, GSI2};
use crate::{Error, LeadState, Order, Page, PageRequest, Store, Transaction};

/// Which leads are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeadFilter {
    /// In this state only.
    pub state: Option<LeadState>,
    /// Signed up at this instant or later.
    pub created_from: Option<Timestamp>,
    /// Signed up before this instant.
    pub created_before: Option<Timestamp>,
}

/// The copy of a lead that lives with its tenant.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LeadOfTenant {
    pub(crate) tenant: Id<Tenant>,
    pub(crate) lead: Lead,
}

impl Entity for Lead {
    const TYPE: &'static str = "lead";

    fn keys(&self) -> Keys {
        let (shard, sk) = (self.id.shard(LIST_SHARDS), key::by_time(self.created_at, self.id));
        let gsi1 = Key {
            pk: key::leads_in(LeadState::of(self), shard),
            sk: sk.clone(),
        };
        let gsi2 = Key {
            pk: key::leads(shard),
            sk,
        };
        Keys {
            gsi1: Some(gsi1),
            gsi2: Some(gsi2),
            ..Keys::only(key::lead(self.id))
        }
    }
}

impl Versioned for Lead {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Entity for LeadCode {
    const TYPE: &'static str = "lead_code";

    fn keys(&self) -> Keys {
        Keys {
            ttl: Some(self.expires_at),
            ..Keys::only(key::lead_code(self.lead_id))
        }
    }
}

impl Entity for LeadOfTenant {
    const TYPE: &'static str = "tenant_lead";

    fn keys(&self) -> Keys {
        Keys::only(key::lead_of_tenant(self.tenant))
    }
}

impl Transaction {
    /// Adds a lead that has just signed up.
    pub fn create_lead(&mut self, lead: &Lead) -> &mut Self {
        self.create(lead, modified(lead.id))
            .count_lead(lead.id, LeadState::of(lead), 1)
    }

    /// Puts the next version of a lead over the one it was made from, and over the copy that its tenant keeps.
    pub fn replace_lead(&mut self, before: &Lead, after: &Lead) -> &mut Self {
        self.replace_lead_or(before, after, modified(after.id))
    }

    /// The same; `conflict` says what it means when the version it was made from is gone.
    pub fn replace_lead_or(&mut self, before: &Lead, after: &Lead, conflict: DomainError) -> &mut Self {
        self.replace(after, conflict);
        let (was, is) = (LeadState::of(before), LeadState::of(after));
        if was != is {
            self.count_lead(after.id, was, -1).count_lead(after.id, is, 1);
        }
        if let Some(tenant) = after.tenant_id {
            self.add(&LeadOfTenant {
                tenant,
                lead: after.clone(),
            });
        }
        self
    }

    /// Gives the lead its one tenant; a race for it means that the lead has one already.
    pub fn onboard_lead(&mut self, before: &Lead, after: &Lead) -> &mut Self {
        self.replace_lead_or(
            before,
            after,
            Conflict::LeadAlreadyOnboarded(after.id.to_string()).into(),
        )
    }

    /// Goes on only while the lead is as it was read.
    pub fn expect_lead(&mut self, lead: &Lead) -> &mut Self {
        self.expect_version(&key::lead(lead.id), lead.version, modified(lead.id))
    }

    /// Removes a lead, its code and the copy that its tenant keeps.
    pub fn delete_lead(&mut self, lead: &Lead, conflict: DomainError) -> &mut Self {
        self.delete_version(&key::lead(lead.id), lead.version, conflict)
            .delete_any(&key::lead_code(lead.id))
            .count_lead(lead.id, LeadState::of(lead), -1);
        if let Some(tenant) = lead.tenant_id {
            self.delete_any(&key::lead_of_tenant(tenant)).forget_lead(tenant);
        }
        self
    }

    /// Takes the lead out of the tenant that it became, so that its token opens that tenant no more.
    fn forget_lead(&mut self, tenant: Id<Tenant>) -> &mut Self {
        let update = Update::builder()
            .set_key(Some(key::tenant(tenant).to_item()))
            .update_expression("SET version = version + :one REMOVE leadId")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
        let conflict = Conflict::ModifiedConcurrently {
            kind: Kind::Tenant,
            id: tenant.to_string(),
        };
        self.update(update, DomainError::from(conflict))
    }

    /// Puts a code in the place of the one before, which no longer counts.
    pub fn put_lead_code(&mut self, code: &LeadCode) -> &mut Self {
        self.add(code)
    }

    /// Spends a code, unless it was spent or replaced meanwhile.
    pub fn spend_lead_code(&mut self, code: &LeadCode, refusal: DomainError) -> &mut Self {
        self.delete_if(&key::lead_code(code.lead_id), "hash", &code.hash, refusal)
    }
}

fn modified(id: Id<Lead>) -> DomainError {
    Conflict::ModifiedConcurrently {
        kind: Kind::Lead,
        id: id.to_string(),
    }
    .into()
}

impl Store {
    /// Finds a lead.
    pub async fn find_lead(&self, id: Id<Lead>) -> Result<Option<Lead>, Error> {
        self.get(&key::lead(id)).await
    }

    /// Finds a lead and its present code, in one call.
    pub async fn find_lead_with_code(&self, id: Id<Lead>) -> Result<Option<(Lead, Option<LeadCode>)>, Error> {
        let all = (" ".to_owned(), LAST.to_owned());
        let items = self
            .query(None, &key::lead(id).pk, &all, None, Order::Ascending, None, true)
            .await?;
        let (mut lead, mut code) = (None, None);
        for item in items {
            match text_of(&item, "type") {
                Some(Lead::TYPE) => lead = Some(Lead::from_item(item)?),
                Some(LeadCode::TYPE) => code = Some(LeadCode::from_item(item)?),
                _ => {}
            }
        }
        Ok(lead.map(|lead| (lead, code)))
    }

    /// Lists leads by the time they signed up.
    pub async fn list_leads(&self, filter: &LeadFilter, request: &PageRequest) -> Result<Page<Lead>, Error> {
        let shards = 0..LIST_SHARDS;
        let (index, partitions) = match filter.state {
            Some(state) => (GSI1, shards.map(|shard| key::leads_in(state, shard)).collect()),
            None => (GSI2, shards.map(key::leads).collect()),
        };
        let range = time_range(filter.created_from, filter.created_before);
        let list = List {
            index: Some(index),
            partitions,
            range,
            is_consistent: false,
        };
        self.page(&list, request).await
    }
}

/// The sort keys of a list by time, from an instant and up to but without another.
pub(crate) fn time_range(from: Option<Timestamp>, before: Option<Timestamp>) -> (String, String) {
    // A sort key goes on behind the instant, so the instant alone stands before all that was made at it.
    (
        from.map_or_else(|| " ".to_owned(), |at| at.to_string()),
        before.map_or_else(|| LAST.to_owned(), |at| at.to_string()),
    )
}
