use tenantry_domain::{Id, Tenant};

use crate::oidc::parameters::{Parameters, Unusable};
use crate::oidc::redirect_uri::RedirectUri;

/// The scopes that there are; others are passed over (RFC 6749 section 3.3). `platform` is an operator's.
pub(super) const SCOPES: [&str; 5] = ["openid", "profile", "email", "offline_access", PLATFORM];
pub(super) const PLATFORM: &str = "platform";
/// A client may have any name of this length.
const MAX_CLIENT_LEN: usize = 200;
/// Base64url of a SHA-256.
const CHALLENGE_LEN: usize = 43;

/// What a client may be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scopes(Vec<&'static str>);

/// A client that wants to know who somebody is (OpenID Connect Core 1.0 section 3.1.2.1, RFC 7636 section 4.3).
#[derive(Clone, Debug)]
pub(super) struct Authorization {
    pub(super) client_id: String,
    pub(super) back: WayBack,
    pub(super) scopes: Scopes,
    pub(super) nonce: Option<String>,
    pub(super) challenge: String,
    pub(super) login_hint: Option<String>,
    /// Where the person is to act.
    pub(super) tenant_id: Option<Id<Tenant>>,
}

/// Where the answer goes.
#[derive(Clone, Debug)]
pub(super) struct WayBack {
    pub(super) redirect_uri: RedirectUri,
    pub(super) state: Option<String>,
}

/// Why there is nothing to sign in for.
#[derive(Debug)]
pub(super) enum Unauthorizable {
    /// Nobody knows where an answer may go: whoever sits there is told.
    Shown(String),
    /// The client is told.
    Returned {
        back: WayBack,
        error: &'static str,
        description: String,
    },
}

impl Scopes {
    pub(super) fn parse(text: &str) -> Self {
        let is_asked = |scope: &&str| text.split(' ').any(|asked| asked == *scope);
        Self(SCOPES.into_iter().filter(is_asked).collect())
    }

    pub(super) fn has(&self, scope: &str) -> bool {
        self.0.contains(&scope)
    }

    pub(super) fn without(mut self, scope: &str) -> Self {
        self.0.retain(|has| *has != scope);
        self
    }

    /// Fewer of them, as text; `None` if these do not hold all that are asked for.
    pub(super) fn narrowed(&self, text: &str) -> Option<Self> {
        let is_held = text
            .split(' ')
            .filter(|asked| !asked.is_empty())
            .all(|asked| self.has(asked));
        is_held.then(|| Self::parse(text))
    }

    pub(super) fn text(&self) -> String {
        self.0.join(" ")
    }
}

impl Authorization {
    /// Nothing is sent anywhere before it is clear that the address may be sent to (RFC 6749 section 4.1.2.1).
    pub(super) fn read(parameters: &Parameters<'_>) -> Result<Self, Unauthorizable> {
        let shown = |unusable: Unusable| Unauthorizable::Shown(unusable.problem);
        let client_id = parameters.need("client_id").map_err(shown)?;
        if client_id.len() > MAX_CLIENT_LEN || !client_id.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
            let rule = format!("client_id must be printable ASCII of {MAX_CLIENT_LEN} characters at most");
            return Err(Unauthorizable::Shown(rule));
        }
        let redirect_uri = RedirectUri::parse(parameters.need("redirect_uri").map_err(shown)?);
        let Some(redirect_uri) = redirect_uri else {
            let rule = "redirect_uri must be on this machine: http or https, localhost, 127.0.0.1 or [::1], no fragment";
            return Err(Unauthorizable::Shown(rule.to_owned()));
        };
        let state = parameters.find("state").map_err(shown)?.map(str::to_owned);
        let back = WayBack { redirect_uri, state };
        Self::read_rest(parameters, client_id, &back).map_err(|(error, description)| {
            Unauthorizable::Returned {
                back,
                error,
                description,
            }
        })
    }

    fn read_rest(
        parameters: &Parameters<'_>,
        client_id: &str,
        back: &WayBack,
    ) -> Result<Self, (&'static str, String)> {
        let find = |name| {
            parameters
                .find(name)
                .map_err(|unusable| ("invalid_request", unusable.problem))
        };
        let invalid = |rule: &str| ("invalid_request", rule.to_owned());
        for (name, error) in [
            ("request", "request_not_supported"),
            ("request_uri", "request_uri_not_supported"),
            ("registration", "registration_not_supported"),
        ] {
            if find(name)?.is_some() {
                return Err((error, format!("{name} is not supported")));
            }
        }
        match find("response_type")? {
            Some("code") => {}
            Some(_) => {
                return Err((
                    "unsupported_response_type",
                    "response_type must be code".to_owned(),
                ));
            }
            None => return Err(invalid("response_type is required")),
        }
        if find("response_mode")?.is_some_and(|mode| mode != "query") {
            return Err(invalid("response_mode must be query"));
        }
        let Some(challenge) = find("code_challenge")? else {
            return Err(invalid("code_challenge is required (RFC 7636)"));
        };
        // Without a method it would be `plain`.
        if find("code_challenge_method")? != Some("S256") {
            return Err(invalid("code_challenge_method must be S256"));
        }
        let is_base64url = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        if challenge.len() != CHALLENGE_LEN || !challenge.bytes().all(is_base64url) {
            return Err(invalid(
                "code_challenge must be the SHA-256 of the code_verifier, in base64url",
            ));
        }
        // Nobody stays signed in here, so there is nobody who could be let through without a page.
        if find("prompt")?.is_some_and(|prompt| prompt.split(' ').any(|wish| wish == "none")) {
            return Err(("login_required", "somebody has to sign in".to_owned()));
        }
        let tenant_id = match find("tenantId")?.or(find("tenant_id")?) {
            Some(text) => Some(Id::parse(text).map_err(|_| invalid("tenantId must be a UUID"))?),
            None => None,
        };
        Ok(Self {
            client_id: client_id.to_owned(),
            back: back.clone(),
            scopes: Scopes::parse(find("scope")?.unwrap_or_default()),
            nonce: find("nonce")?.map(str::to_owned),
            challenge: challenge.to_owned(),
            login_hint: find("login_hint")?.map(str::to_owned),
            tenant_id,
        })
    }

    /// The parameters with which this request is made again.
    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut all = vec![
            ("response_type", "code".to_owned()),
            ("client_id", self.client_id.clone()),
            ("redirect_uri", self.back.redirect_uri.as_str().to_owned()),
            ("scope", self.scopes.text()),
            ("code_challenge", self.challenge.clone()),
            ("code_challenge_method", "S256".to_owned()),
        ];
        all.extend(self.back.state.clone().map(|state| ("state", state)));
        all.extend(self.nonce.clone().map(|nonce| ("nonce", nonce)));
        all.extend(
            self.tenant_id
                .map(|tenant_id| ("tenantId", tenant_id.to_string())),
        );
        all
    }
}

impl WayBack {
    /// Where the browser goes with an answer.
    pub(super) fn with(&self, issuer: &str, answer: &[(&str, &str)]) -> String {
        let mut answer = answer.to_vec();
        answer.extend(self.state.as_deref().map(|state| ("state", state)));
        // RFC 9207: the client knows of whom the answer is.
        answer.push(("iss", issuer));
        self.redirect_uri.with(&answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "response_type=code&client_id=web&redirect_uri=http%3A%2F%2Flocalhost%3A5173%2Fcallback&state=s&nonce=n\
        &scope=openid+platform+other&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

    #[test]
    fn a_request_is_read_and_can_be_made_again() {
        let read = |text: &str| Authorization::read(&Parameters::read(text.as_bytes())).expect("it is sound");
        let extras = "&resource=a&resource=b&audience=c&audience=d&prompt=login&max_age=0&ui_locales=de&response_mode=query";

        let request = read(&format!(
            "{GOOD}{extras}&login_hint=ada&tenant_id=01890000-0000-7000-8000-000000000001"
        ));

        assert_eq!(request.scopes.text(), "openid platform");
        assert_eq!(request.login_hint.as_deref(), Some("ada"));
        let text = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(request.parameters())
            .finish();
        assert_eq!(read(&text).parameters(), request.parameters());
    }

    #[test]
    fn what_has_no_address_to_go_to_is_shown() {
        for (without, with) in [
            ("client_id=web", ""),
            ("client_id=web", "client_id=a&client_id=b"),
            ("client_id=web", "client_id=%0Aforged+line"),
            ("redirect_uri=http%3A%2F%2Flocalhost%3A5173%2Fcallback", ""),
            (
                "redirect_uri=http",
                "redirect_uri=http%3A%2F%2Flocalhost&redirect_uri=http",
            ),
            ("http%3A%2F%2Flocalhost", "http%3A%2F%2Fevil.example"),
            ("state=s", "state=s&state=t"),
        ] {
            let text = GOOD.replace(without, with);

            let refused = Authorization::read(&Parameters::read(text.as_bytes()));

            assert!(
                matches!(refused, Err(Unauthorizable::Shown(_))),
                "{with} for {without}: {refused:?}"
            );
        }
    }

    #[test]
    fn what_else_is_wrong_the_client_is_told() {
        let challenge = "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        for (without, with, expected) in [
            ("response_type=code&", "", "invalid_request"),
            (
                "response_type=code",
                "response_type=token",
                "unsupported_response_type",
            ),
            (
                "response_type=code",
                "response_type=code+id_token",
                "unsupported_response_type",
            ),
            (challenge, "", "invalid_request"),
            (challenge, "code_challenge=short", "invalid_request"),
            ("&code_challenge_method=S256", "", "invalid_request"),
            ("_method=S256", "_method=plain", "invalid_request"),
            ("nonce=n", "nonce=n&nonce=m", "invalid_request"),
            ("nonce=n", "prompt=none", "login_required"),
            ("nonce=n", "response_mode=fragment", "invalid_request"),
            ("nonce=n", "request=eyJ", "request_not_supported"),
            (
                "nonce=n",
                "request_uri=https%3A%2F%2Fevil.example",
                "request_uri_not_supported",
            ),
            ("nonce=n", "registration=x", "registration_not_supported"),
            ("nonce=n", "tenantId=acme", "invalid_request"),
        ] {
            let text = GOOD.replace(without, with);

            match Authorization::read(&Parameters::read(text.as_bytes())) {
                Err(Unauthorizable::Returned { error, .. }) => assert_eq!(error, expected, "{with}"),
                other => panic!("{with}: {other:?}"),
            }
        }
    }
}
