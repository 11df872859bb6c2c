use std::borrow::Cow;

/// A longer parameter is refused.
const MAX_LEN: usize = 4_000;

/// The parameters of a request as RFC 6749 section 3.1 reads them: one without a value is absent, and none comes twice.
pub(super) struct Parameters<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// Why a parameter cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unusable {
    pub(super) problem: String,
}

impl<'a> Parameters<'a> {
    /// Those of a query or a form.
    pub(super) fn read(encoded: &'a [u8]) -> Self {
        Self(form_urlencoded::parse(encoded).collect())
    }

    /// One of them.
    pub(super) fn find(&self, name: &str) -> Result<Option<&str>, Unusable> {
        let mut values = self
            .0
            .iter()
            .filter(|(named, value)| named == name && !value.is_empty());
        let unusable = |rule: &str| Unusable {
            problem: format!("{name} {rule}"),
        };
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(_), Some(_)) => Err(unusable("must not come twice")),
            (Some((_, value)), None) if value.len() > MAX_LEN => Err(unusable("is too long")),
            (Some((_, value)), None) => Ok(Some(value)),
        }
    }

    /// One that has to be there.
    pub(super) fn need(&self, name: &str) -> Result<&str, Unusable> {
        self.find(name)?.ok_or_else(|| Unusable {
            problem: format!("{name} is required"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_value_is_absent_and_what_comes_twice_or_is_endless_is_refused() {
        let long = "x".repeat(MAX_LEN + 1);
        let text = format!("a=1&b=&c=1&c=2&d=%20x%2B&e={long}&f=1&f=");

        let parameters = Parameters::read(text.as_bytes());

        assert_eq!(parameters.find("a"), Ok(Some("1")));
        assert_eq!(parameters.find("b"), Ok(None));
        assert_eq!(parameters.find("d"), Ok(Some(" x+")));
        assert_eq!(parameters.find("f"), Ok(Some("1")));
        let refused = |name: &str| parameters.need(name).map_err(|unusable| unusable.problem);
        assert_eq!(refused("b"), Err("b is required".to_owned()));
        assert_eq!(refused("c"), Err("c must not come twice".to_owned()));
        assert_eq!(refused("e"), Err("e is too long".to_owned()));
    }
}
