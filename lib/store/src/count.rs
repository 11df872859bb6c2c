use std::collections::BTreeMap;

use tenantry_domain::{Id, Lead, Tenant, TenantStatus};

use crate::entity::{number_of, text_of};
use crate::key::{self, COUNT_SHARDS, LAST};
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
    pub(crate) fn count_tenant(&mut self, id: Id<Tenant>, status: TenantStatus, delta: i64) -> &mut Self {
        self.count(&key::count_of_tenants(status, id.shard(COUNT_SHARDS)), delta)
    }

    pub(crate) fn count_lead(&mut self, id: Id<Lead>, state: LeadState, delta: i64) -> &mut Self {
        self.count(&key::count_of_leads(state, id.shard(COUNT_SHARDS)), delta)
    }
}

impl Store {
    /// How many tenants there are in each status: one call, however many there are.
    pub async fn count_tenants(&self) -> Result<BTreeMap<TenantStatus, u64>, Error> {
        let counts = self
            .read_counts(&key::count_of_tenants(TenantStatus::Active, 0).pk)
            .await?;
        Ok(TenantStatus::ALL
            .map(|status| (status, sum(&counts, status.name())))
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
