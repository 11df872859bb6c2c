use serde::{Deserialize, Serialize};

use crate::{Patch, Text};

/// A postal address; whatever part the person gave is kept as given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

/// Changes to an address, part by part (RFC 7396 merges objects member by member).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressChanges {
    /// Street and number.
    pub address: Patch<Text<500>>,
    /// City.
    pub city: Patch<Text<100>>,
    /// State, province or region.
    pub state: Patch<Text<100>>,
    /// Postal code.
    pub zip: Patch<Text<25>>,
    /// Country.
    pub country: Patch<Text<100>>,
}

impl Patch<AddressChanges> {
    /// The address after the patch; an address without any part is none.
    pub fn merge(self, present: Option<Address>) -> Option<Address> {
        let changes = match self {
            Self::Keep => return present,
            Self::Clear => return None,
            Self::Set(changes) => changes,
        };
        let AddressChanges {
            address,
            city,
            state,
            zip,
            country,
        } = changes;
        let present = present.unwrap_or_default();
        let merged = Address {
            address: address.apply(present.address),
            city: city.apply(present.city),
            state: state.apply(present.state),
            zip: zip.apply(present.zip),
            country: country.apply(present.country),
        };
        merged.if_given()
    }
}
