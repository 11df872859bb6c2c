use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Actor, BillingInterval, Change, Conflict, Currency, Entropy, Error, Id, Money, Patch, PersonName, Reason,
    Rule, Timestamp, WireChanges,
};

/// How the tenants of a plan are housed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Deployment {
    /// With others.
    Pooled,
    /// Each alone.
    Silo,
}

/// What a plan allows, by names that the application plane knows.
pub type Limits = BTreeMap<String, u64>;

/// What a plan says of itself; an agreement keeps it as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanTerms {
    /// Name for people.
    pub name: PersonName,
    /// What it is, for people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<Reason>,
    /// One of the configured tiers.
    pub tier: String,
    /// How its tenants are housed.
    pub deployment: Deployment,
    /// What a billing interval costs.
    pub price: Money,
    /// How often is billed.
    pub billing_interval: BillingInterval,
    /// What it allows.
    pub limits: Limits,
    /// Whether tenants may take it themselves.
    pub self_service: bool,
    /// How its application plane differs from the deployment's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub application_plane: Option<WireChanges>,
}

/// What is sold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Its id.
    pub id: Id<Plan>,
    /// What it says of itself.
    #[serde(flatten)]
    pub terms: PlanTerms,
    /// When it was taken out of sale.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub archived_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: Actor,
    /// When it last changed.
    pub modified_at: Timestamp,
    /// Who changed it.
    pub modified_by: Actor,
    /// Counts the changes, from 1.
    pub version: u64,
}

/// Changes to a plan. They hold for those who take it from then on; what was agreed stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanChanges {
    /// Name for people.
    pub name: Option<PersonName>,
    /// What it is, for people.
    pub description: Patch<Reason>,
    /// One of the configured tiers.
    pub tier: Option<String>,
    /// How its tenants are housed.
    pub deployment: Option<Deployment>,
    /// What a billing interval costs, in minor units.
    pub price: Option<i64>,
    /// In which currency.
    pub currency_code: Option<Currency>,
    /// How often is billed.
    pub billing_interval: Option<BillingInterval>,
    /// What it allows.
    pub limits: Option<Limits>,
    /// Whether tenants may take it themselves.
    pub self_service: Option<bool>,
    /// How its application plane differs from the deployment's.
    pub application_plane: Patch<WireChanges>,
}

impl Deployment {
    /// Every way.
    pub const ALL: [Self; 2] = [Self::Pooled, Self::Silo];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pooled => "POOLED",
            Self::Silo => "SILO",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let found = Self::ALL.into_iter().find(|deployment| deployment.name() == text);
        found.ok_or_else(|| Rule::new("unknown_deployment", "must be POOLED or SILO"))
    }
}

impl Plan {
    /// A plan on sale.
    pub fn offer(terms: PlanTerms, change: &Change, entropy: &dyn Entropy) -> Self {
        Self {
            id: Id::new(change.at, entropy),
            terms,
            archived_at: None,
            created_at: change.at,
            created_by: change.by.clone(),
            modified_at: change.at,
            modified_by: change.by.clone(),
            version: 1,
        }
    }

    /// Whether it can be taken.
    pub fn is_on_sale(&self) -> bool {
        self.archived_at.is_none()
    }

    /// The changed plan; `None` when nothing would change. One that is out of sale does not change any more.
    pub fn update(self, changes: PlanChanges, change: &Change) -> Result<Option<Self>, Error> {
        if !self.is_on_sale() {
            return Err(Conflict::PlanArchived(self.id.to_string()).into());
        }
        let PlanChanges {
            name,
            description,
            tier,
            deployment,
            price,
            currency_code,
            billing_interval,
            limits,
            self_service,
            application_plane,
        } = changes;
        let present = self.terms.clone();
        let price = Money::new(
            price.unwrap_or(present.price.amount()),
            currency_code.unwrap_or(present.price.currency()),
        );
        let terms = PlanTerms {
            name: name.unwrap_or(present.name),
            description: description.apply(present.description),
            tier: tier.unwrap_or(present.tier),
            deployment: deployment.unwrap_or(present.deployment),
            price: price.map_err(|rule| Error::invalid(rule.at("/price")))?,
            billing_interval: billing_interval.unwrap_or(present.billing_interval),
            limits: limits.unwrap_or(present.limits),
            self_service: self_service.unwrap_or(present.self_service),
            application_plane: application_plane.apply(present.application_plane),
        };
        if terms == self.terms {
            return Ok(None);
        }
        Ok(Some(Self { terms, ..self }.changed(change)))
    }

    /// The plan out of sale; `None` when it is already. Who has it keeps it.
    pub fn archive(self, change: &Change) -> Option<Self> {
        self.is_on_sale().then(|| {
            Self {
                archived_at: Some(change.at),
                ..self
            }
            .changed(change)
        })
    }

    fn changed(self, change: &Change) -> Self {
        Self {
            modified_at: change.at,
            modified_by: change.by.clone(),
            version: self.version + 1,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::{change, plan};

    #[test]
    fn a_price_that_is_changed_alone_keeps_its_currency() {
        let changes = PlanChanges {
            price: Some(100),
            ..PlanChanges::default()
        };

        let changed = plan()
            .update(changes, &change())
            .expect("it is on sale")
            .expect("it changed");

        assert_eq!(changed.terms.price.to_string(), "1.00 EUR");
        assert_eq!((changed.version, changed.modified_at), (2, change().at));
    }

    #[test]
    fn a_change_that_changes_nothing_is_none() {
        let same = PlanChanges {
            name: Some(plan().terms.name),
            ..PlanChanges::default()
        };

        assert_eq!(plan().update(PlanChanges::default(), &change()), Ok(None));
        assert_eq!(plan().update(same, &change()), Ok(None));
    }

    #[test]
    fn what_is_out_of_sale_does_not_change_any_more() {
        let archived = plan().archive(&change()).expect("it was on sale");

        let changes = PlanChanges {
            self_service: Some(false),
            ..PlanChanges::default()
        };

        assert!(!archived.is_on_sale());
        assert_eq!(archived.clone().archive(&change()), None);
        assert!(matches!(
            archived.update(changes, &change()),
            Err(Error::Conflict(Conflict::PlanArchived(_)))
        ));
    }
}
