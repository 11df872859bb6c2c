use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{Rule, Text, WireChanges};

/// The tiers that this platform sells, in the spelling that events use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tiers(Vec<String>);

/// The plan of an entitlement: its tier, and whatever else the application plane reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntitledPlan {
    /// One of the configured tiers.
    pub tier: String,
    /// Passed through to the application plane.
    #[serde(with = "crate::json_text")]
    pub rest: Map<String, Value>,
}

/// What a tenant is provisioned for, as the billing side described it (the references' `SubscriptionDTO`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entitlement {
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
    pub plan: EntitledPlan,
    /// What the plan says of the application plane that differs from the deployment's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub application_plane: Option<WireChanges>,
}

impl EntitledPlan {
    /// The plan as it was sent: its other members beside the tier.
    pub fn as_sent(&self) -> Map<String, Value> {
        let mut plan = Map::from_iter([("tier".to_owned(), Value::from(self.tier.as_str()))]);
        plan.extend(self.rest.clone());
        plan
    }
}

impl Entitlement {
    /// The subscription as it was sent, with the plan's members beside the tier; only the table keeps them as a text.
    pub(crate) fn serialize_as_sent<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sent = serde_json::to_value(self).map_err(serde::ser::Error::custom)?;
        sent["plan"] = Value::Object(self.plan.as_sent());
        if let Value::Object(members) = &mut sent {
            members.shift_remove("applicationPlane");
        }
        sent.serialize(serializer)
    }
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
        found
            .cloned()
            .ok_or_else(|| Rule::new("unknown_tier", format!("must be one of {self}")))
    }
}

impl fmt::Display for Tiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::examples::subscription;

    fn tiers() -> Tiers {
        Tiers::new(["BASIC", "Standard", " premium "])
    }

    #[test]
    fn a_tier_is_found_in_any_case_and_told_in_the_configured_one() {
        let cases = [
            ("basic", "BASIC"),
            ("Basic", "BASIC"),
            ("STANDARD", "Standard"),
            (" Premium ", "premium"),
        ];

        for (text, tier) in cases {
            assert_eq!(tiers().find(text).as_deref(), Ok(tier), "{text:?}");
        }
    }

    #[test]
    fn an_unknown_tier_is_refused_with_those_there_are() {
        for text in ["", " ", "gold", "BASIC2", "BASIC,Standard", "*", "b\u{430}sic"] {
            let rule = tiers().find(text).expect_err("it is not sold");
            assert_eq!(
                (rule.code, &*rule.detail),
                ("unknown_tier", "must be one of BASIC, Standard, premium"),
                "{text:?}"
            );
        }
    }

    #[test]
    fn the_first_of_two_spellings_counts() {
        assert_eq!(Tiers::new(["Basic", "", "  ", "BASIC"]), Tiers::new(["Basic"]));
    }

    #[test]
    fn what_the_plan_says_beside_the_tier_goes_out_beside_the_tier() {
        let sent = subscription()
            .serialize_as_sent(serde_json::value::Serializer)
            .expect("a subscription has only plain members");

        assert_eq!(
            sent,
            json!({ "id": "sub_1", "plan": { "tier": "BASIC", "seats": 5 } })
        );
    }

    #[test]
    fn a_plan_is_read_back_as_it_was_sent() {
        let mut written = subscription();
        for (name, value) in [
            ("z", json!(1e300)),
            ("", json!({ "": [[[1.0]]] })),
            ("a", json!(null)),
        ] {
            written.plan.rest.insert(name.to_owned(), value);
        }

        let text = serde_json::to_string(&written).expect("a subscription has only plain members");
        let read: Entitlement = serde_json::from_str(&text).expect("what was written can be read");

        assert_eq!(read, written);
        assert_eq!(read.plan.rest.keys().collect::<Vec<_>>(), ["seats", "z", "", "a"]);
    }

    proptest! {
        #[test]
        fn letter_case_never_matters(upper in prop::collection::vec(any::<bool>(), 8)) {
            let mixed = |text: &str| -> String {
                let cased = |(c, is_upper): (char, &bool)| if *is_upper { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
                text.chars().zip(&upper).map(cased).collect()
            };

            prop_assert_eq!(tiers().find(&mixed("basic")), Ok("BASIC".to_owned()));
            prop_assert_eq!(tiers().find(&mixed("standard")), Ok("Standard".to_owned()));
        }
    }
}
