use serde::{Deserialize, Serialize};

use crate::Text;

/// A postal address; whatever part the person gave is kept as given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// Street and number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Text<500>>,
    /// City.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<Text<100>>,
    /// State, province or region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Text<100>>,
    /// Postal code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zip: Option<Text<25>>,
    /// Country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<Text<100>>,
}

impl Address {
    /// This address, or nothing when no part of it was given.
    pub fn if_given(self) -> Option<Self> {
        (self != Self::default()).then_some(self)
    }
}
