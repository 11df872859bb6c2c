use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    Change, Conflict, Contact, Email, Entropy, Id, Login, Patch, PersonName, ProviderId, ProviderName, Rule,
    Tenant, Timestamp, Website,
};

/// The name under which a person signs in: lower-cased, 1 to 150 letters, digits and any of `. _ - + @`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Username(String);

/// A telephone number as in E.164: an optional plus and at most 15 digits, the first of which is not zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Phone(String);

/// A person who can sign in. There is one of each, however many tenants it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Its id.
    pub id: Id<User>,
    /// Unique among all persons.
    pub username: Username,
    /// Unique among all persons.
    pub email: Email,
    /// What is known of it.
    #[serde(flatten)]
    pub profile: Profile,
    /// Where it is a member, or was added and has not said yes yet.
    #[serde(default)]
    pub tenants: BTreeSet<Id<Tenant>>,
    /// Where it goes when it does not say where.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub default_tenant_id: Option<Id<Tenant>>,
    /// Where it went last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_tenant_id: Option<Id<Tenant>>,
    /// How identity providers know it, one login a place.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub logins: Vec<Login>,
    /// When it came.
    pub created_at: Timestamp,
    /// When it last changed.
    pub modified_at: Timestamp,
    /// Counts the changes, from 1.
    pub version: u64,
}

/// What is known of a person, and what its memberships repeat of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// First name.
    pub first_name: PersonName,
    /// Middle name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub middle_name: Option<PersonName>,
    /// Last name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_name: Option<PersonName>,
    /// Telephone number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub phone: Option<Phone>,
    /// Where a picture of it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub photo_url: Option<Website>,
}

/// What may change of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserChanges {
    /// The name under which it signs in.
    pub username: Option<Username>,
    /// E-mail address.
    pub email: Option<Email>,
    /// First name.
    pub first_name: Option<PersonName>,
    /// Middle name.
    pub middle_name: Patch<PersonName>,
    /// Last name.
    pub last_name: Patch<PersonName>,
    /// Telephone number.
    pub phone: Patch<Phone>,
    /// Where a picture of it is.
    pub photo_url: Patch<Website>,
}

impl Username {
    /// Trims, lower-cases and checks.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let name = text.trim().to_ascii_lowercase();
        let is_known = |b: u8| b.is_ascii_alphanumeric() || b"._-+@".contains(&b);
        if (1..=150).contains(&name.len()) && name.bytes().all(is_known) {
            Ok(Self(name))
        } else {
            Err(Rule::new(
                "invalid_username",
                "must have 1 to 150 letters, digits, dots, underscores, hyphens, plus and at signs",
            ))
        }
    }

    /// The name that somebody has who chose none: its address, without what names cannot hold.
    pub fn of_email(email: &Email) -> Self {
        let is_known = |c: &char| c.is_ascii_alphanumeric() || "._-+@".contains(*c);
        let name: String = email.as_str().chars().filter(is_known).take(150).collect();
        Self(name)
    }

    /// The lower-case name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Phone {
    /// Trims and checks.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let text = text.trim();
        let digits = text.strip_prefix('+').unwrap_or(text);
        let is_number = (2..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0');
        if is_number {
            Ok(Self(text.to_owned()))
        } else {
            Err(Rule::new(
                "invalid_phone",
                "must be a telephone number such as +442071234567 (E.164)",
            ))
        }
    }

    /// The number.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl User {
    /// So many tenants a person belongs to at most: what its memberships repeat of it changes in one transaction with it.
    pub const MOST_TENANTS: usize = 80;

    /// Somebody new, who belongs to nothing yet.
    pub fn new(id: Id<Self>, username: Username, email: Email, profile: Profile, at: Timestamp) -> Self {
        Self {
            id,
            username,
            email,
            profile,
            tenants: BTreeSet::new(),
            default_tenant_id: None,
            last_tenant_id: None,
            logins: Vec::new(),
            created_at: at,
            modified_at: at,
            version: 0,
        }
    }

    /// An id for somebody new.
    pub fn new_id(at: Timestamp, entropy: &dyn Entropy) -> Id<Self> {
        Id::new(at, entropy)
    }

    /// The id of the person that a contact becomes: it follows from tenant and contact, so that asking twice makes one person.
    pub fn id_of_contact(tenant_id: Id<Tenant>, contact_id: Id<Contact>) -> Id<Self> {
        Id::following("administrator", &[tenant_id.as_uuid(), contact_id.as_uuid()])
    }

    /// The person as a member of one tenant more. The first one is where it goes if it does not say where.
    pub fn join(mut self, tenant_id: Id<Tenant>, change: &Change) -> Result<Self, Conflict> {
        if !self.tenants.contains(&tenant_id) && self.tenants.len() >= Self::MOST_TENANTS {
            return Err(Conflict::TooManyTenants(self.id.to_string()));
        }
        self.tenants.insert(tenant_id);
        self.default_tenant_id = self.default_tenant_id.or(Some(tenant_id));
        Ok(self.changed(change))
    }

    /// The person as a member of one tenant less.
    pub fn leave(mut self, tenant_id: Id<Tenant>, change: &Change) -> Self {
        self.tenants.remove(&tenant_id);
        if self.default_tenant_id == Some(tenant_id) {
            self.default_tenant_id = self.tenants.first().copied();
        }
        self.last_tenant_id = self.last_tenant_id.filter(|last| *last != tenant_id);
        self.changed(change)
    }

    /// The person that goes to this tenant, until it says otherwise; nothing if it went there last.
    pub fn go_to(self, tenant_id: Id<Tenant>, change: &Change) -> Option<Self> {
        (self.last_tenant_id != Some(tenant_id)).then(|| {
            Self {
                last_tenant_id: Some(tenant_id),
                ..self
            }
            .changed(change)
        })
    }

    /// The person as a provider knows it, instead of as it did; nothing if that is known.
    pub fn known_as(mut self, login: Login, change: &Change) -> Option<Self> {
        if self.logins.contains(&login) {
            return None;
        }
        self.logins
            .retain(|known| !known.is_at(login.provider, &login.place));
        self.logins.push(login);
        Some(self.changed(change))
    }

    /// How it is known at a place.
    pub fn login_at(&self, provider: ProviderName, place: &ProviderId) -> Option<&Login> {
        self.logins.iter().find(|login| login.is_at(provider, place))
    }

    /// The person after the changes, or nothing if they change nothing.
    pub fn update(self, changes: UserChanges, change: &Change) -> Option<Self> {
        let UserChanges {
            username,
            email,
            first_name,
            middle_name,
            last_name,
            phone,
            photo_url,
        } = changes;
        let before = self.clone();
        let profile = Profile {
            first_name: first_name.unwrap_or(self.profile.first_name),
            middle_name: middle_name.apply(self.profile.middle_name),
            last_name: last_name.apply(self.profile.last_name),
            phone: phone.apply(self.profile.phone),
            photo_url: photo_url.apply(self.profile.photo_url),
        };
        let user = Self {
            username: username.unwrap_or(self.username),
            email: email.unwrap_or(self.email),
            profile,
            ..self
        };
        (user != before).then(|| user.changed(change))
    }

    fn changed(self, change: &Change) -> Self {
        Self {
            modified_at: change.at,
            version: self.version + 1,
            ..self
        }
    }
}

impl UserChanges {
    /// Whether they would change something, whatever there is.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether they touch what a person signs in with or is written to.
    pub fn touch_identity(&self) -> bool {
        self.username.is_some() || self.email.is_some()
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Username {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Phone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::{change, id, user};

    #[test]
    fn usernames_are_normalised_and_hostile_ones_refused() {
        assert_eq!(
            Username::parse(" NewUser ").as_ref().map(Username::as_str),
            Ok("newuser")
        );
        assert_eq!(
            Username::parse("New@X.com").as_ref().map(Username::as_str),
            Ok("new@x.com")
        );
        for text in ["", "  ", "a b", "a#b", "ä", "a\u{202e}b", "a/b", &"a".repeat(151)] {
            assert_eq!(
                Username::parse(text).map_err(|rule| rule.code),
                Err("invalid_username"),
                "{text:?}"
            );
        }
    }

    #[test]
    fn telephone_numbers_are_those_of_e_164() {
        for text in ["+442071234567", "442071234567", " +12 ", "+123456789012345"] {
            assert!(Phone::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "+",
            "1",
            "+0123",
            "0123",
            "+1234567890123456",
            "+1 23",
            "++12",
            "12a",
        ] {
            assert_eq!(
                Phone::parse(text).map_err(|rule| rule.code),
                Err("invalid_phone"),
                "{text:?}"
            );
        }
    }

    #[test]
    fn an_address_without_what_names_cannot_hold_is_a_name() {
        let email = Email::parse("o'neill#1@acme.com").expect("it is an address");

        let name = Username::of_email(&email);

        assert_eq!(Username::parse(name.as_str()), Ok(name));
    }

    #[test]
    fn leaving_the_default_tenant_makes_another_one_the_default() {
        let (one, two) = (id(1), id(2));
        let both = user()
            .join(one, &change())
            .and_then(|user| user.join(two, &change()));
        let both = both.expect("there is room");

        let without_other = both.clone().leave(two, &change());
        let without_default = both.leave(one, &change());
        let without_any = without_default.clone().leave(two, &change());

        assert_eq!(without_other.default_tenant_id, Some(one));
        assert_eq!(without_default.default_tenant_id, Some(two));
        assert_eq!(without_any.default_tenant_id, None);
    }

    #[test]
    fn a_person_belongs_to_eighty_tenants_at_most() {
        let mut user = user();
        for n in 0..User::MOST_TENANTS {
            let byte = u8::try_from(n + 1).expect("there are few");
            user = user.join(id(byte), &change()).expect("there is room");
        }

        assert!(user.clone().join(id(1), &change()).is_ok(), "it is there already");
        let refused = user.join(id(200), &change()).map_err(|conflict| conflict.code());
        assert_eq!(refused, Err("too_many_tenants"));
    }
}
