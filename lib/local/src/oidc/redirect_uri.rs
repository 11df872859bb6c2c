/// An address on this machine that a browser may be sent to: `http` or `https`, a loopback host, any port. This alone makes the
/// issuer useless for anything but a laptop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RedirectUri(String);

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

impl RedirectUri {
    /// What a browser could read in another way than we do is refused.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = without_scheme(text)?;
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let is_plain = path
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"#\\\"<>^`{|}".contains(&b));
        (is_loopback(authority) && is_plain).then(|| Self(text.to_owned()))
    }

    /// The address with more in its query.
    pub(super) fn with(&self, parameters: &[(&str, &str)]) -> String {
        if parameters.is_empty() {
            return self.0.clone();
        }
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(parameters)
            .finish();
        let separator = if self.0.contains('?') { '&' } else { '?' };
        format!("{}{separator}{query}", self.0)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a page comes from this machine.
pub(super) fn is_loopback_origin(origin: &str) -> bool {
    without_scheme(origin).is_some_and(is_loopback)
}

fn without_scheme(text: &str) -> Option<&str> {
    text.strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"))
}

fn is_loopback(authority: &str) -> bool {
    let is_port = |text: &str| {
        let digits = text.strip_prefix(':').unwrap_or_default();
        // `u16` reads a plus sign as well.
        digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok_and(|port| port > 0)
    };
    LOOPBACK.iter().any(|host| {
        let rest = authority.strip_prefix(host);
        rest.is_some_and(|rest| rest.is_empty() || is_port(rest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_this_machine_are_taken_on_any_port() {
        for text in [
            "http://localhost",
            "http://localhost:5173",
            "http://localhost:5173/callback?from=here&a=%2F",
            "http://localhost?x",
            "http://127.0.0.1:8080/",
            "http://[::1]:65535/callback",
            "https://localhost:8443/callback",
        ] {
            assert_eq!(
                RedirectUri::parse(text).as_ref().map(RedirectUri::as_str),
                Some(text)
            );
        }
    }

    #[test]
    fn addresses_of_elsewhere_are_refused_however_they_are_written() {
        for text in [
            "",
            "localhost:5173",
            "//localhost",
            "https://evil.example",
            "http://evil.example/http://localhost",
            "http://localhost.evil.example/",
            "http://localhost@evil.example/",
            "http://localhost:80@evil.example/",
            "http://user@localhost/",
            "http://localhost\\@evil.example/",
            "http://localhost%2eevil.example/",
            "http://evil.example#@localhost",
            "http://127.0.0.1.nip.io/",
            "http://127.0.0.2/",
            "http://0.0.0.0/",
            "http://[::1].evil.example/",
            "http://[::2]/",
            "http://::1/",
            "http://LOCALHOST/",
            "HTTP://localhost/",
            " http://localhost/",
            "http:/localhost/",
            "http://localhost:/",
            "http://localhost:0/",
            "http://localhost:+80/",
            "http://localhost:65536/",
            "http://localhost:5173x/",
            "http://localhost/#fragment",
            "http://localhost/a b",
            "http://localhost/\r\nset-cookie: a",
            "http://localhost/\\evil.example",
            "http://localhost/ä",
            "javascript:alert(1)//http://localhost",
            "data:text/html,http://localhost",
            "app.example:/callback",
        ] {
            assert_eq!(RedirectUri::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn parameters_are_added_to_those_that_are_there() {
        let with = |text: &str| {
            let uri = RedirectUri::parse(text).expect(text);
            uri.with(&[("code", "a+b/c"), ("state", "x y&z=1")])
        };
        let added = "code=a%2Bb%2Fc&state=x+y%26z%3D1";

        assert_eq!(with("http://localhost/c"), format!("http://localhost/c?{added}"));
        assert_eq!(
            with("http://localhost/c?a=1"),
            format!("http://localhost/c?a=1&{added}")
        );
        let plain = RedirectUri::parse("http://localhost/c").expect("it is one");
        assert_eq!(plain.with(&[]), "http://localhost/c");
    }

    #[test]
    fn pages_of_this_machine_are_told_from_others() {
        for origin in [
            "http://localhost:5173",
            "https://localhost",
            "http://127.0.0.1:1",
            "http://[::1]:1",
        ] {
            assert!(is_loopback_origin(origin), "{origin}");
        }
        for origin in [
            "null",
            "https://evil.example",
            "http://localhost:5173/",
            "http://localhost.evil.example",
        ] {
            assert!(!is_loopback_origin(origin), "{origin}");
        }
    }
}
