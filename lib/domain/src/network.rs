use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::Rule;

/// A host name as in RFC 1123 with at least two labels, lower-cased. International names are given in their A-label form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Domain(String);

/// An e-mail address, lower-cased: the HTML standard's "valid e-mail address" with a `Domain` behind the `@`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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
        if is_host {
            Ok(Self(name))
        } else {
            Err(Rule::new(
                "invalid_domain",
                "must be a host name such as acme.com",
            ))
        }
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
        // `Domain` trims: `ada@ acme.com` would be an address with a space in it.
        let is_host = Domain::parse(domain).is_ok_and(|parsed| parsed.as_str() == domain);
        if is_host { Ok(Self(address)) } else { Err(rule()) }
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
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .ok_or_else(rule)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
        if text.len() > 500
            || !text
                .bytes()
                .all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b))
        {
            return Err(rule());
        }
        Domain::parse(host).map_err(|_| rule())?;
        // `u16` reads a plus sign as well.
        if port.starts_with('+') || port.parse::<u16>().is_err() {
            return Err(rule());
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn host_names_are_taken_and_lower_cased() {
        let cases = [
            ("acme.com", "acme.com"),
            ("  ACME.Co.UK ", "acme.co.uk"),
            ("a.b", "a.b"),
            ("xn--mller-kva.de", "xn--mller-kva.de"),
            ("1.2.3.example", "1.2.3.example"),
            ("a-b.c-d.io", "a-b.c-d.io"),
        ];

        for (text, name) in cases {
            assert_eq!(
                Domain::parse(text).as_ref().map(Domain::as_str),
                Ok(name),
                "{text:?}"
            );
        }
        assert!(Domain::parse(&format!("{}.com", "a".repeat(63))).is_ok());
        assert!(Domain::parse(&format!("{}com", "a.".repeat(125))).is_ok());
    }

    #[test]
    fn what_is_no_host_name_is_refused() {
        let long_label = format!("{}.com", "a".repeat(64));
        let long_name = format!("{}comm", "a.".repeat(125));
        let hostile = [
            "",
            "acme",
            "acme.",
            ".acme.com",
            "acme..com",
            "-acme.com",
            "acme-.com",
            "ac me.com",
            "acme.com\nx.com",
            "acme.com#1",
            "127.0.0.1",
            "[::1]",
            "acme.com:80",
            "https://acme.com",
            "ada@acme.com",
            "müller.de",
            "\u{430}cme.com",
            "acme_1.com",
            "*.com",
            "acme.com/",
            "acme\0.com",
            "acme.com\u{202e}",
            "localhost",
            &long_label,
            &long_name,
        ];

        for text in hostile {
            assert_eq!(
                Domain::parse(text).map_err(|rule| rule.code),
                Err("invalid_domain"),
                "{text:?}"
            );
        }
    }

    #[test]
    fn addresses_are_taken_and_lower_cased() {
        let cases = [
            ("ada@acme.com", "ada@acme.com", "acme.com"),
            (
                " Ada.Lovelace+x@Mail.ACME.com\n",
                "ada.lovelace+x@mail.acme.com",
                "mail.acme.com",
            ),
            ("o'neill@acme.com", "o'neill@acme.com", "acme.com"),
            ("!#$%&'*+/=?^_`{|}~-@a.bc", "!#$%&'*+/=?^_`{|}~-@a.bc", "a.bc"),
        ];

        for (text, address, domain) in cases {
            let email = Email::parse(text).expect("it is an address");
            assert_eq!((email.as_str(), email.domain()), (address, domain));
        }
        assert!(Email::parse(&format!("{}@acme.com", "a".repeat(64))).is_ok());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long_local = format!("{}@acme.com", "a".repeat(65));
        let long = format!("{}@{}com", "a".repeat(60), "b.".repeat(100));
        let hostile = [
            "",
            "ada",
            "@acme.com",
            "ada@",
            "ada@acme",
            "ada@@acme.com",
            "a@b@acme.com",
            "ada @acme.com",
            "ada@ acme.com",
            "ada@\tacme.com",
            "ada@\r\nacme.com",
            "ada@\u{a0}acme.com",
            "a\nb@acme.com",
            "ada@acme.com, eve@evil.com",
            "ada@acme.com>",
            "<ada@acme.com>",
            "\"a b\"@acme.com",
            "ada@[127.0.0.1]",
            "ada@127.0.0.1",
            "ädä@acme.com",
            "ada@acme..com",
            "ada\0@acme.com",
            "ada#1",
            "ada@acme.com#",
            "ada(x)@acme.com",
            &long_local,
            &long,
        ];

        for text in hostile {
            assert_eq!(
                Email::parse(text).map_err(|rule| rule.code),
                Err("invalid_email"),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_printed_address_hides_the_person() {
        let email = Email::parse("ada@acme.com").expect("it is an address");

        assert_eq!(format!("{email:?}"), "Email(…@acme.com)");
    }

    #[test]
    fn web_addresses_are_taken() {
        let sites = [
            "https://acme.com",
            "http://acme.com/",
            "https://acme.com:8443/a/b?c=d&e=%20#f",
            "https://ACME.com/Path",
            "https://a.b?x",
        ];

        for text in sites {
            assert_eq!(Website::parse(text).as_ref().map(Website::as_str), Ok(text));
        }
        assert_eq!(
            Website::parse(" https://acme.com\n")
                .as_ref()
                .map(Website::as_str),
            Ok("https://acme.com")
        );
    }

    #[test]
    fn what_is_no_web_address_is_refused() {
        let long = format!("https://acme.com/{}", "a".repeat(500));
        let hostile = [
            "",
            "acme.com",
            "//acme.com",
            "ftp://acme.com",
            "javascript:alert(1)",
            "javascript://acme.com/%0aalert(1)",
            "https://",
            "https:///x",
            "https://localhost",
            "https://127.0.0.1",
            "https://ada@acme.com",
            "https://ada:pw@acme.com",
            "https://acme.com:80@evil.com",
            "https://acme.com:",
            "https://acme.com:x",
            "https://acme.com:+80",
            "https://acme.com:65536",
            "https://acme.com/a b",
            "https:// acme.com",
            "https://acme.com/\"><script>",
            "https://acme.com\\@evil.com",
            "https://acme.com/\u{202e}",
            "https://acme.com/ä",
            "https://acme.com/\nx",
            "data:text/html,x",
            &long,
        ];

        for text in hostile {
            assert_eq!(
                Website::parse(text).map_err(|rule| rule.code),
                Err("invalid_website"),
                "{text:?}"
            );
        }
    }

    #[test]
    fn what_is_stored_is_checked_when_it_is_read() {
        assert!(serde_json::from_str::<Domain>("\"no domain\"").is_err());
        assert!(serde_json::from_str::<Email>("\"no address\"").is_err());
        assert!(serde_json::from_str::<Website>("\"no site\"").is_err());
    }

    const DOMAIN: &str =
        "[a-zA-Z0-9]([a-zA-Z0-9-]{0,20}[a-zA-Z0-9])?(\\.[a-zA-Z0-9]{1,10}){0,3}\\.[a-zA-Z]{2,8}";
    const LOCAL: &str = "[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}";

    proptest! {
        #[test]
        fn a_domain_is_the_same_in_any_case_and_after_printing(text in DOMAIN) {
            let domain = Domain::parse(&text).expect("it is a host name");

            prop_assert_eq!(Domain::parse(&text.to_ascii_uppercase()), Ok(domain.clone()));
            prop_assert_eq!(Domain::parse(&domain.to_string()), Ok(domain.clone()));
            prop_assert_eq!(domain.as_str(), text.to_ascii_lowercase());
        }

        #[test]
        fn an_address_is_the_same_in_any_case_and_after_printing(local in LOCAL, domain in DOMAIN) {
            let text = format!("{local}@{domain}");
            let email = Email::parse(&text).expect("it is an address");

            prop_assert_eq!(Email::parse(&text.to_ascii_uppercase()), Ok(email.clone()));
            prop_assert_eq!(Email::parse(email.as_str()), Ok(email.clone()));
            prop_assert_eq!(email.domain(), domain.to_ascii_lowercase());
        }

        #[test]
        fn a_site_is_the_same_after_printing(domain in DOMAIN, port in any::<Option<u16>>(), path in "(/[a-zA-Z0-9_.%-]{0,20}){0,4}") {
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            let site = Website::parse(&format!("https://{domain}{port}{path}")).expect("it is a web address");

            prop_assert_eq!(Website::parse(site.as_str()), Ok(site.clone()));
        }

        #[test]
        fn no_text_puts_spaces_or_separators_into_an_address(text in "[a-c]{1,3}[@ \t\r\n#,;<>\u{a0}]{1,3}[a-c. ]{1,4}\\.[a-c# ]{1,3}") {
            if let Ok(email) = Email::parse(&text) {
                prop_assert!(email.as_str().bytes().all(|b| b.is_ascii_graphic()), "{:?}", email.as_str());
                prop_assert_eq!(Email::parse(email.as_str()), Ok(email.clone()));
                prop_assert!(Domain::parse(email.domain()).is_ok());
            }
            if let Ok(domain) = Domain::parse(&text) {
                prop_assert_eq!(Domain::parse(domain.as_str()), Ok(domain.clone()));
                prop_assert!(!domain.as_str().contains('#'));
            }
        }

        #[test]
        fn no_text_makes_the_checks_panic(text in any::<String>()) {
            let _ = (Email::parse(&text), Domain::parse(&text), Website::parse(&text), Website::parse(&format!("https://{text}")));
        }
    }
}
