use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use tenantry_domain::{Clock as _, Timestamp};

use super::error;
use crate::reply::{Asked, Handled, Reply};
use crate::world::StandingClock;

/// A minute, as the realm `master` has it.
pub const LIFESPAN_S: i64 = 60;

/// The access tokens of the service account. What one may do is what the account might when it was issued.
#[derive(Default)]
pub struct Tokens(BTreeMap<String, Token>);

struct Token {
    realms: BTreeSet<String>,
    until: Timestamp,
}

impl Tokens {
    pub fn grant(
        &mut self,
        asked: &Asked,
        realm: &str,
        realms: BTreeSet<String>,
        clock: &StandingClock,
    ) -> Handled {
        let form = asked
            .form()
            .ok_or_else(|| error(415, "HTTP 415 Unsupported Media Type"))?;
        let is = |name: &str, value: &str| form.get(name).is_some_and(|given| given == value);
        if realm != "master" {
            return Err(error(404, "Realm does not exist"));
        }
        if !is("grant_type", "client_credentials") {
            return Err(error(400, "unsupported_grant_type"));
        }
        if !is("client_id", "tenantry-service") || !is("client_secret", "service-s3cret") {
            let body = json!({ "error": "unauthorized_client", "error_description": "Invalid client or Invalid client credentials" });
            return Err(Reply::of(401, body));
        }
        let name = format!("access-t0ken-{}", self.0.len() + 1);
        let until = clock.now().plus_ms(LIFESPAN_S * 1000);
        self.0.insert(name.clone(), Token { realms, until });
        let body = json!({ "access_token": name, "expires_in": LIFESPAN_S, "token_type": "Bearer", "scope": "email profile" });
        Ok(Reply::of(200, body))
    }

    /// The realms that the bearer may administer.
    pub fn check(&self, asked: &Asked, clock: &StandingClock) -> Result<BTreeSet<String>, Reply> {
        let token = asked.bearer.as_ref().and_then(|name| self.0.get(name));
        match token.filter(|token| clock.now() < token.until) {
            Some(token) => Ok(token.realms.clone()),
            None => Err(error(401, "HTTP 401 Unauthorized")),
        }
    }

    /// As when the keys of the realm are changed.
    pub fn revoke_all(&mut self) {
        for token in self.0.values_mut() {
            token.until = Timestamp::from_millis(0);
        }
    }
}

impl super::State {
    pub fn revoke_tokens(&mut self) {
        self.tokens.revoke_all();
    }
}
