use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Rule, Text};

/// The tiers that this platform sells, in the spelling that events use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tiers(Vec<String>);

/// The plan of a subscription: its tier, and whatever else the application plane reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// One of the configured tiers.
    pub tier: String,
    /// Passed through to the application plane.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a tenant is provisioned for, as the billing side described it (the references' `SubscriptionDTO`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Its id on the billing side.
    pub id: Text<200>,
    /// Who subscribed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subscriber_id: Option<Text<200>>,
    /// When it begins.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub start_date: Option<Text<40>>,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub end_date: Option<Text<40>>,
    /// The billing side's status number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<i64>,
    /// The plan's id on the billing side.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub plan_id: Option<Text<200>>,
    /// The invoice that paid for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub invoice_id: Option<Text<200>>,
    /// The plan.
    pub plan: Plan,
}

impl Tiers {
    /// From configuration; the first of two names that differ only in case counts.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut tiers = Vec::<String>::new();
        for name in names.into_iter().map(str::trim).filter(|name| !name.is_empty()) {
            if !tiers.iter().any(|tier| tier.eq_ignore_ascii_case(name)) {
                tiers.push(name.to_owned());
            }
        }
        Self(tiers)
    }

    /// The configured spelling of a tier that was written in any case.
    pub fn find(&self, name: &str) -> Result<String, Rule> {
        let found = self.0.iter().find(|tier| tier.eq_ignore_ascii_case(name.trim()));
        found.cloned().ok_or_else(|| Rule::new("unknown_tier", format!("must be one of {self}")))
    }
}

impl fmt::Display for Tiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}
