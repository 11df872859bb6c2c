use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, Update};
use tenantry_domain::{Id, Lead, Tenant, TenantStatus};

use crate::entity::{number_of, text_of};
use crate::key::{self, COUNT_SHARDS, LAST};
use crate::transaction::Refusal;
use crate::{Error, Order, Store, Transaction};

/// The two states that leads are counted and listed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeadState {
    /// The e-mail address is proved.
    Verified,
    /// It is not.
    Unverified,
}

impl LeadState {
    /// The state that a lead is in.
    pub fn of(lead: &Lead) -> Self {
        if lead.is_verified() {
            Self::Verified
        } else {
            Self::Unverified
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Verified => "VERIFIED",
            Self::Unverified => "UNVERIFIED",
        }
    }
}

impl Transaction {
    /// A tenant comes into another status.
    pub(crate) fn move_tenant(&mut self, id: Id<Tenant>, from: TenantStatus, to: TenantStatus) -> &mut Self {
        self.count_tenants_in(id, &[(from, -1), (to, 1)])
    }

    pub(crate) fn count_tenant(&mut self, id: Id<Tenant>, status: TenantStatus, delta: i64) -> &mut Self {
        self.count_tenants_in(id, &[(status, delta)])
    }

    fn count_tenants_in(&mut self, id: Id<Tenant>, deltas: &[(TenantStatus, i64)]) -> &mut Self {
        let key = key::count_of_tenants(id.shard(COUNT_SHARDS));
        let mut update = Update::builder().set_key(Some(key.to_item()));
        let mut terms = Vec::new();
        for (position, (status, delta)) in deltas.iter().enumerate() {
            terms.push(format!("#s{position} :s{position}"));
            update = update
                .expression_attribute_names(format!("#s{position}"), status.name())
                .expression_attribute_values(format!(":s{position}"), AttributeValue::N(delta.to_string()));
        }
        let update = update.update_expression(format!("ADD {}", terms.join(", ")));
        self.update(update, Refusal::Never)
    }

    pub(crate) fn count_lead(&mut self, id: Id<Lead>, state: LeadState, delta: i64) -> &mut Self {
        self.count(&key::count_of_leads(state, id.shard(COUNT_SHARDS)), delta)
    }
}

impl Store {
    /// How many tenants there are in each status: one call, however many there are.
    pub async fn count_tenants(&self) -> Result<BTreeMap<TenantStatus, u64>, Error> {
        let all = (" ".to_owned(), LAST.to_owned());
        let partition = key::count_of_tenants(0).pk;
        let items = self
            .query(None, &partition, &all, None, Order::Ascending, None, true)
            .await?;
        let sum = |status: TenantStatus| -> i64 {
            let counts = items.iter().filter_map(|item| number_of(item, status.name()));
            counts.sum()
        };
        Ok(TenantStatus::ALL
            .map(|status| (status, u64::try_from(sum(status)).unwrap_or_default()))
            .into())
    }

    /// How many leads there are that are verified, and that are not.
    pub async fn count_leads(&self) -> Result<[(LeadState, u64); 2], Error> {
        let counts = self
            .read_counts(&key::count_of_leads(LeadState::Verified, 0).pk)
            .await?;
        Ok([LeadState::Verified, LeadState::Unverified].map(|state| (state, sum(&counts, state.name()))))
    }

    async fn read_counts(&self, partition: &str) -> Result<Vec<(String, i64)>, Error> {
        let all = (" ".to_owned(), LAST.to_owned());
        let items = self
            .query(None, partition, &all, None, Order::Ascending, None, true)
            .await?;
        let count = |item| {
            Some((
                text_of(item, "sk")?.split('#').next()?.to_owned(),
                number_of(item, "n")?,
            ))
        };
        Ok(items.iter().filter_map(count).collect())
    }
}

fn sum(counts: &[(String, i64)], name: &str) -> u64 {
    let total: i64 = counts
        .iter()
        .filter(|(counted, _)| counted == name)
        .map(|(_, n)| n)
        .sum();
    u64::try_from(total).unwrap_or_default()
}
