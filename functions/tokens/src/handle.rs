use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tenantry_app::{App, Context, Error, SignIn, TraceContext};
use tenantry_domain::Id;
use thiserror::Error as ThisError;

use crate::answer::{Answer, Subject};
use crate::event::{Event, Wish};
use crate::settings::Settings;

/// Cognito waits five seconds for an answer, its start included, and then calls again, three times in all and with the person
/// waiting. An error is taken for what it is at once.
const PATIENCE: Duration = Duration::from_secs(4);

/// Says what goes into tokens.
#[derive(Clone)]
pub struct Tokens {
    app: Arc<App>,
    settings: Settings,
}

/// Why Cognito is to make no tokens. It shows the text to who signs in; the cause is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
pub enum Refusal {
    /// The function was called with something else than events of a pool.
    #[error("this is no event of a user pool")]
    NoEvent,
    /// The table did not do its part.
    #[error("nobody can sign in at the moment, please try again later")]
    Unavailable,
}

impl Tokens {
    /// On this table.
    pub fn new(app: Arc<App>, settings: Settings) -> Self {
        Self { app, settings }
    }

    /// Answers the event with what goes into its tokens, and nothing else of it changed.
    ///
    /// It answers only what the table says now. A token with what it said before, or without a tenant because it said nothing,
    /// would be good until it ends: so while the table cannot be asked there are no tokens, neither new ones nor by a refresh.
    pub async fn handle(&self, mut event: Value) -> Result<Value, Refusal> {
        let read = Event::read(&event).ok_or(Refusal::NoEvent).inspect_err(|refusal| {
            tracing::error!(error = %refusal, "the function was called by something else than a user pool");
        })?;
        let request_id = Id::<Self>::new(self.app.clock.now(), &*self.app.entropy).to_string();
        let trace = TraceContext::of_request(None, &request_id);
        let context = Context::new(&self.app, request_id, trace);
        let found = tokio::time::timeout(PATIENCE, self.find_subject(&context, &read)).await;
        let found = found.unwrap_or_else(|elapsed| Err(Error::Internal(Box::new(elapsed))));
        let subject = found.map_err(|error| {
            tracing::error!(
                request.id = context.request_id,
                trigger.source = read.trigger,
                error = %error,
                "nobody can say what goes into a token"
            );
            Refusal::Unavailable
        })?;
        let answer = Answer::new(&read, &subject, self.settings.token_max_bytes);
        tracing::info!(
            request.id = context.request_id,
            trigger.source = read.trigger,
            subject = subject.kind(),
            tenant.id = subject.tenant_id().map(tracing::field::display),
            permissions.are_referred = answer.refers(),
            "tokens are made"
        );
        let (name, details) = answer.into_details();
        set_details(&mut event, name, details);
        Ok(event)
    }

    async fn find_subject(&self, context: &Context, event: &Event<'_>) -> Result<Subject, Error> {
        // Who has no login is nobody, whatever name it goes by.
        let Some(login) = event.login() else {
            return Ok(Subject::Stranger);
        };
        let wanted = match event.wish {
            Wish::Tenant(tenant_id) => Some(tenant_id),
            Wish::Unsaid | Wish::Unusable => None,
        };
        if let (Wish::Unsaid, Some(permissions)) =
            (event.wish, self.settings.operators.permissions(&event.groups))
        {
            return Ok(Subject::Operator(permissions));
        }
        let sign_in = SignIn {
            user_id: Id::parse(event.user_name).ok(),
            login: Some(login),
            wanted,
            hints: event.hints(),
        };
        let Some(mut claims) = sign_in.claims(context).await? else {
            return Ok(Subject::Stranger);
        };
        if event.wish == Wish::Unusable {
            tracing::warn!(
                request.id = context.request_id,
                "a client asked for a tenant by what is no tenant's id"
            );
            // It is where the client did not want to go.
            claims.tenant = None;
        }
        Ok(Subject::Person(claims))
    }
}

fn set_details(event: &mut Value, name: &str, details: Value) {
    let response = &mut event["response"];
    if !response.is_object() {
        *response = Map::new().into();
    }
    response[name] = details;
}
