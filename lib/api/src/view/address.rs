use serde::Serialize;
use tenantry_domain::{Address, AddressChanges, Text};
use utoipa::ToSchema;

use crate::{FromMembers, Members};

/// A postal address; every part may be left out.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Address)]
pub struct AddressView {
    /// Street and number.
    #[schema(max_length = 500)]
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// City.
    #[schema(max_length = 100)]
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<String>,
    /// State, province or region.
    #[schema(max_length = 100)]
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    /// Postal code.
    #[schema(max_length = 25)]
    #[serde(skip_serializing_if = "Option::is_none")]
    zip: Option<String>,
    /// Country.
    #[schema(max_length = 100)]
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
}

impl From<Address> for AddressView {
    fn from(address: Address) -> Self {
        let Address {
            address,
            city,
            state,
            zip,
            country,
        } = address;
        Self {
            address: address.map(|part| part.to_string()),
            city: city.map(|part| part.to_string()),
            state: state.map(|part| part.to_string()),
            zip: zip.map(|part| part.to_string()),
            country: country.map(|part| part.to_string()),
        }
    }
}

impl FromMembers for Address {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let address = members.optional_text("address", Text::parse);
        let city = members.optional_text("city", Text::parse);
        let state = members.optional_text("state", Text::parse);
        let zip = members.optional_text("zip", Text::parse);
        let country = members.optional_text("country", Text::parse);
        Some(Self {
            address: address?,
            city: city?,
            state: state?,
            zip: zip?,
            country: country?,
        })
    }
}

impl FromMembers for AddressChanges {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let address = members.patched_text("address", Text::parse);
        let city = members.patched_text("city", Text::parse);
        let state = members.patched_text("state", Text::parse);
        let zip = members.patched_text("zip", Text::parse);
        let country = members.patched_text("country", Text::parse);
        Some(Self {
            address: address?,
            city: city?,
            state: state?,
            zip: zip?,
            country: country?,
        })
    }
}
