//! The pages of the issuer: who is there, in which tenant, and why it did not work.

use axum::response::{Html, IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY, X_FRAME_OPTIONS};
use http::{HeaderName, StatusCode};
use minijinja::{Environment, Value, context};
use serde::Serialize;
use tenantry_domain::{Id, Tenant};

use crate::oidc::authorization::{Authorization, PLATFORM};

/// No script, and nothing from outside. Browsers look at where a form's answer leads, too; that is another port.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action http: https:; frame-ancestors 'none'; base-uri 'none'";

/// What somebody gets to see.
pub(super) enum Page<'a> {
    /// Who is there?
    Address {
        authorization: &'a Authorization,
        email: &'a str,
        problem: Option<&'a str>,
    },
    /// In which tenant?
    Tenant {
        authorization: &'a Authorization,
        email: &'a str,
        choices: &'a [Choice],
    },
    /// It does not work.
    Refused(&'a str),
    /// Nobody is signed in any more.
    SignedOut,
}

/// A tenant in which somebody may act.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Choice {
    pub(super) id: Id<Tenant>,
    pub(super) name: String,
    pub(super) key: String,
    /// Whether it was there last, or goes there if it does not say where.
    pub(super) is_usual: bool,
}

/// A page as an answer.
pub(super) fn answer(status: StatusCode, page: &Page<'_>) -> Response {
    (status, careful(), Html(render(page))).into_response()
}

/// Sends the browser on with a GET, whatever it came with (RFC 9700 section 4.12).
pub(super) fn redirect(place: &str) -> Response {
    (StatusCode::SEE_OTHER, careful(), [(LOCATION, place)]).into_response()
}

fn careful() -> [(HeaderName, &'static str); 4] {
    [
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_FRAME_OPTIONS, "DENY"),
        (CACHE_CONTROL, "no-store"),
    ]
}

fn render(page: &Page<'_>) -> String {
    // The name's extension turns HTML escaping on.
    Environment::new()
        .render_named_str("sign_in.html", include_str!("sign_in.html"), shown(page))
        .expect("the template is compiled in and takes any text")
}

fn shown(page: &Page<'_>) -> Value {
    match page {
        Page::Address {
            authorization,
            email,
            problem,
        } => context! {
            step => "address",
            client => authorization.client_id,
            fields => authorization.parameters(),
            is_platform => authorization.scopes.has(PLATFORM),
            email,
            problem,
        },
        Page::Tenant {
            authorization,
            email,
            choices,
        } => context! {
            step => "tenant",
            client => authorization.client_id,
            fields => authorization.parameters(),
            email,
            choices,
        },
        Page::Refused(problem) => context! { step => "refused", problem },
        Page::SignedOut => context! { step => "signed_out" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::parameters::Parameters;

    const HOSTILE: &str =
        r#""></title></form><script>alert(1)</script><img src=x onerror='alert(1)'>{{ 7 * 7 }}"#;

    fn authorization(text: &str) -> Authorization {
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        let all = [
            ("response_type", "code"),
            ("client_id", text),
            ("redirect_uri", "http://localhost:5173/?a='b'"),
            ("scope", "openid platform"),
            ("state", text),
            ("nonce", text),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
        ];
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(all)
            .finish();
        Authorization::read(&Parameters::read(query.as_bytes())).expect("it is sound")
    }

    #[test]
    fn whatever_stands_in_a_request_stays_text_on_the_page() {
        let pages = |text: &str| {
            let authorization = authorization(text);
            let choice = Choice {
                id: Id::from_bytes([1; 16]),
                name: text.to_owned(),
                key: text.to_owned(),
                is_usual: true,
            };
            [
                render(&Page::Address {
                    authorization: &authorization,
                    email: text,
                    problem: Some(text),
                }),
                render(&Page::Tenant {
                    authorization: &authorization,
                    email: text,
                    choices: &[choice],
                }),
                render(&Page::Refused(text)),
            ]
        };

        for (hostile, harmless) in pages(HOSTILE).iter().zip(&pages("harmless")) {
            for markup in ["<script", "<img", "</title>", "</form>", "<input", "\">", "'"] {
                let count = |page: &str| page.matches(markup).count();
                assert_eq!(count(hostile), count(harmless), "{markup} in {hostile}");
            }
            assert!(hostile.contains("{{ 7 * 7 }}"), "{hostile}");
        }
    }

    #[test]
    fn every_page_says_what_it_is_and_loads_nothing() {
        let authorization = authorization("web");
        let pages = [
            render(&Page::Address {
                authorization: &authorization,
                email: "",
                problem: None,
            }),
            render(&Page::Tenant {
                authorization: &authorization,
                email: "ada@acme.com",
                choices: &[],
            }),
            render(&Page::Refused("it does not work")),
            render(&Page::SignedOut),
        ];

        for page in pages {
            assert!(
                page.contains("Local development: no password, anyone can sign in as anyone."),
                "{page}"
            );
            for forbidden in ["<script", "<link", "javascript:", "src=", "url(", "@import"] {
                assert!(!page.contains(forbidden), "{forbidden} in {page}");
            }
        }
    }
}
