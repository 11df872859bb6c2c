use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::Rule;

/// A host name as in RFC 1123 with at least two labels, lower-cased. International names are given in their A-label form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Domain(String);

/// An e-mail address, lower-cased: the HTML standard's "valid e-mail address" with a `Domain` behind the `@`.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Email(String);

/// An `https` or `http` address of a web site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Website(String);

impl Domain {
    /// Trims, lower-cases and checks.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let name = text.trim().to_ascii_lowercase();
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let all_numeric = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
        let is_host = name.len() <= 253
            && name.contains('.')
            && name.split('.').all(is_label)
            // A last label of digits would make it an IPv4 address (RFC 3696 section 2).
            && !name.rsplit('.').next().is_some_and(all_numeric);
        if is_host { Ok(Self(name)) } else { Err(Rule::new("invalid_domain", "must be a host name such as acme.com")) }
    }

    /// The lower-case name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Email {
    /// Trims, lower-cases and checks.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let rule = || Rule::new("invalid_email", "must be an e-mail address such as ada@acme.com");
        let address = text.trim().to_ascii_lowercase();
        // 254: the longest address that fits an SMTP path (RFC 5321 4.5.3.1.3); 64: its local part (4.5.3.1.1).
        let (local, domain) = address.rsplit_once('@').ok_or_else(rule)?;
        let is_local = |b: u8| b.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&b);
        if address.len() > 254 || !(1..=64).contains(&local.len()) || !local.bytes().all(is_local) {
            return Err(rule());
        }
        Domain::parse(domain).map_err(|_| rule())?;
        Ok(Self(address))
    }

    /// The lower-case address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part behind the `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl Website {
    /// Trims and checks: scheme, host, at most 500 characters, no user information or spaces.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let rule = || Rule::new("invalid_website", "must be an address such as https://acme.com");
        let text = text.trim();
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or_else(rule)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
        if text.len() > 500 || !text.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b)) {
            return Err(rule());
        }
        Domain::parse(host).map_err(|_| rule())?;
        port.parse::<u16>().map_err(|_| rule())?;
        Ok(Self(text.to_owned()))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Personal data: it stays out of logs even when a struct that holds it is printed.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Email(…@{})", self.domain())
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Domain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Website {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
