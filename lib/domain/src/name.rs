use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::Rule;

/// One line of text for people: trimmed, not empty, at most `MAX` characters, no control characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Text<const MAX: usize>(String);

/// A first, last or company name.
pub type PersonName = Text<100>;

/// Why something was done or went wrong.
pub type Reason = Text<1000>;

impl<const MAX: usize> Text<MAX> {
    /// Trims and checks.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Rule::new("blank", "must not be blank"));
        }
        if text.chars().count() > MAX {
            return Err(Rule::new(
                "too_long",
                format!("must have at most {MAX} characters"),
            ));
        }
        if text.chars().any(is_unprintable) {
            return Err(Rule::new(
                "invalid_text",
                "must be one line without control characters",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The longest part of `text` that is valid, for text that another system wrote; `fallback` when nothing is left.
    pub fn abridge(text: &str, fallback: &'static str) -> Self {
        let line: String = text
            .chars()
            .map(|c| if is_unprintable(c) { ' ' } else { c })
            .collect();
        let line: String = line.trim().chars().take(MAX).collect();
        Self(if line.is_empty() {
            fallback.to_owned()
        } else {
            line.trim_end().to_owned()
        })
    }
}

impl PersonName {
    /// A name that strangers write and others read in mails: what mail clients would turn into a link is refused.
    pub fn parse_name(text: &str) -> Result<Self, Rule> {
        let name = Self::parse(text)?;
        let lower = name.0.to_ascii_lowercase();
        if ["://", "www.", "mailto:"].iter().any(|part| lower.contains(part)) {
            return Err(Rule::new("invalid_name", "must not contain a link"));
        }
        Ok(name)
    }
}

/// Control characters, and the bidirectional overrides that let text pretend to be other text.
fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
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
    fn names_of_people_are_taken_as_they_are() {
        for name in [
            "Ada",
            "O'Neill",
            "Jean-Luc",
            "Müller",
            "李",
            "محمد",
            "Ng",
            "Smith & Sons, Ltd.",
            "<b>",
            "{{7*7}}",
            "a@b",
            "🚀",
        ] {
            assert_eq!(PersonName::parse_name(name).as_ref().map(Text::as_str), Ok(name));
        }
    }

    #[test]
    fn text_is_trimmed() {
        assert_eq!(
            PersonName::parse("\t Ada \u{a0}\n").as_ref().map(Text::as_str),
            Ok("Ada")
        );
    }

    #[test]
    fn hostile_text_is_refused_by_name() {
        let cases = [
            ("", "blank"),
            (" \t\n", "blank"),
            ("\u{3000}", "blank"),
            ("a\nb", "invalid_text"),
            ("a\r\nBcc: x@y.zz", "invalid_text"),
            ("a\0b", "invalid_text"),
            ("a\u{7f}", "invalid_text"),
            ("a\u{85}b", "invalid_text"),
            ("a\u{2028}b", "invalid_text"),
            ("a\u{202e}b", "invalid_text"),
            ("a\u{2066}b", "invalid_text"),
        ];

        for (text, code) in cases {
            assert_eq!(
                PersonName::parse(text).map_err(|rule| rule.code),
                Err(code),
                "{text:?}"
            );
        }
    }

    #[test]
    fn length_is_counted_in_characters() {
        for letter in ["a", "ä", "李", "🚀"] {
            assert!(Text::<10>::parse(&letter.repeat(10)).is_ok(), "{letter}");
            assert_eq!(
                Text::<10>::parse(&letter.repeat(11)).map_err(|rule| rule.code),
                Err("too_long"),
                "{letter}"
            );
        }
        assert!(Text::<10>::parse(&format!("   {}   ", "a".repeat(10))).is_ok());
    }

    #[test]
    fn a_name_with_a_link_is_refused() {
        let links = [
            "https://evil.example",
            "click HTTP://x",
            "www.evil.example",
            "Win at WWW.evil.example",
            "mailto:a@b.cc",
            "ftp://x",
        ];

        for name in links {
            assert_eq!(
                PersonName::parse_name(name).map_err(|rule| rule.code),
                Err("invalid_name"),
                "{name}"
            );
        }
    }

    #[test]
    fn abridged_text_says_something_in_any_case() {
        assert_eq!(Text::<5>::abridge("disk\nfull", "?").as_str(), "disk");
        assert_eq!(Text::<5>::abridge("\n\0 ", "none").as_str(), "none");
        assert_eq!(Text::<5>::abridge("a\u{202e}b", "none").as_str(), "a b");
    }

    proptest! {
        #[test]
        fn text_that_was_printed_is_the_same_text(text in any::<String>()) {
            if let Ok(parsed) = Text::<100>::parse(&text) {
                let json = serde_json::to_string(&parsed).expect("it is a text");

                prop_assert_eq!(Text::parse(&parsed.to_string()), Ok(parsed.clone()));
                prop_assert_eq!(serde_json::from_str::<Text<100>>(&json).expect("what was written can be read"), parsed);
            }
        }

        #[test]
        fn abridged_text_is_valid_text(text in any::<String>()) {
            let abridged = Text::<7>::abridge(&text, "none");

            prop_assert_eq!(Text::parse(abridged.as_str()), Ok(abridged));
        }
    }
}
