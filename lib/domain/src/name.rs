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
            return Err(Rule::new("too_long", format!("must have at most {MAX} characters")));
        }
        if text.chars().any(is_unprintable) {
            return Err(Rule::new("invalid_text", "must be one line without control characters"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The longest part of `text` that is valid, for text that another system wrote; `fallback` when nothing is left.
    pub fn abridge(text: &str, fallback: &'static str) -> Self {
        let line: String = text.chars().map(|c| if is_unprintable(c) { ' ' } else { c }).collect();
        let line: String = line.trim().chars().take(MAX).collect();
        Self(if line.is_empty() { fallback.to_owned() } else { line.trim_end().to_owned() })
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
