use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tenantry_app::Tried;
use tenantry_domain::{Clock, Timestamp};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::HttpClient;
use crate::answer::{Answer, said, text};
use crate::call::Call;
use crate::wait::{ResetHeader, wanted};

/// A provider's API: where it is, and the access token that it wants.
pub(crate) struct Api {
    base: String,
    http: Arc<dyn HttpClient>,
    clock: Arc<dyn Clock>,
    grant: Grant,
    reset: ResetHeader,
    token: Mutex<Option<Token>>,
}

/// Makes the call that fetches an access token (RFC 6749 section 4.4).
pub(crate) type Grant = Box<dyn Fn() -> Call + Send + Sync>;

struct Token {
    secret: SecretString,
    good_until: Timestamp,
}

/// One that is silent for so long is tried again: a lost packet must not cost all the patience.
const LONGEST_SILENCE: Duration = Duration::from_secs(10);

type Step<T> = Result<T, Tried<Answer>>;

impl Api {
    pub(crate) fn new(
        base: &str,
        http: Arc<dyn HttpClient>,
        clock: Arc<dyn Clock>,
        grant: Grant,
        reset: ResetHeader,
    ) -> Self {
        Self {
            base: base.to_owned(),
            http,
            clock,
            grant,
            reset,
            token: Mutex::default(),
        }
    }

    /// Makes a call once; twice if the token at hand is not good for it any more.
    pub(crate) async fn attempt(&self, call: &Call) -> Tried<Answer> {
        self.try_with_token(call).await.unwrap_or_else(|trouble| trouble)
    }

    async fn try_with_token(&self, call: &Call) -> Step<Tried<Answer>> {
        let (token, is_new) = self.token().await?;
        let mut response = self.send(call, Some(&token)).await?;
        // 403, too: the roles stand in Keycloak's tokens, and an older one has none in a realm that was made since.
        if !is_new && [401, 403].contains(&response.status().as_u16()) {
            self.drop_token(&token).await;
            let (token, _) = self.token().await?;
            response = self.send(call, Some(&token)).await?;
        }
        Ok(self.judge(call, &response))
    }

    /// Makes the next call fetch a new token.
    pub(crate) async fn renew_token(&self) {
        *self.token.lock().await = None;
    }

    async fn drop_token(&self, used: &SecretString) {
        let mut held = self.token.lock().await;
        // Another call may have fetched a new one meanwhile.
        if held
            .as_ref()
            .is_some_and(|token| token.secret.expose_secret() == used.expose_secret())
        {
            *held = None;
        }
    }

    /// The token, and whether it was fetched just now. Whoever comes while it is being fetched waits for it.
    async fn token(&self) -> Step<(SecretString, bool)> {
        let mut held = self.token.lock().await;
        if let Some(token) = held.as_ref()
            && self.clock.now() < token.good_until
        {
            return Ok((token.secret.clone(), false));
        }
        let call = (self.grant)();
        let asked_at = self.clock.now();
        let response = self.send(&call, None).await?;
        let answer = match self.judge(&call, &response) {
            Tried::Done(answer) => answer,
            trouble => return Err(trouble),
        };
        let Some(secret) = text(&answer.body, "access_token") else {
            return Err(Tried::Later(
                format!("{call} -> {} without a token", answer.status),
                None,
            ));
        };
        let token = Token {
            secret: secret.into(),
            good_until: asked_at.plus_ms(usable_ms(&answer.body)),
        };
        let secret = token.secret.clone();
        *held = Some(token);
        Ok((secret, true))
    }

    async fn send(&self, call: &Call, token: Option<&SecretString>) -> Step<Response<Bytes>> {
        let request = call
            .request(&self.base, token)
            .map_err(|_| Tried::Never(format!("{call}: the address is unusable")))?;
        match timeout(LONGEST_SILENCE, self.http.send(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(failure)) => Err(Tried::Later(format!("{call}: {failure}"), None)),
            Err(_) => Err(Tried::Later(format!("{call}: no answer in time"), None)),
        }
    }

    fn judge(&self, call: &Call, response: &Response<Bytes>) -> Tried<Answer> {
        let status = response.status().as_u16();
        let body = match response.body().as_ref() {
            [] => Some(Value::Null),
            body => serde_json::from_slice(body).ok(),
        };
        match body {
            Some(body) if call.expects(status) => Tried::Done(Answer::new(response, body)),
            None if call.expects(status) && !response.status().is_success() => {
                Tried::Done(Answer::new(response, Value::Null))
            }
            body => {
                let line = said(call, status, &body.unwrap_or_default());
                match status {
                    // A page of something in between.
                    200..300 => Tried::Later(format!("{line}, which is no answer"), None),
                    429 | 500.. => {
                        Tried::Later(line, wanted(response.headers(), self.clock.now(), self.reset))
                    }
                    _ => Tried::Never(line),
                }
            }
        }
    }
}

/// A token is given up a little early, so that it does not run out on the way: a fifth of its time, at most a minute.
fn usable_ms(body: &Value) -> i64 {
    let lasts_s = body.get("expires_in").and_then(Value::as_i64).unwrap_or_default();
    let lasts_ms = lasts_s.clamp(0, 7 * 86_400) * 1000;
    lasts_ms - (lasts_ms / 5).min(60_000)
}
