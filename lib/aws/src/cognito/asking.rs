use std::future::Future;

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use tenantry_app::{CognitoSettings, Patience, Progress, ProviderError, Tried};
use tenantry_domain::{ProviderId, ProviderName};

/// The requests of one operation, which share its patience.
pub(super) struct Asking<'a> {
    pub(super) client: &'a Client,
    pub(super) settings: &'a CognitoSettings,
    pub(super) patience: Patience,
}

/// What was answered; or the code of an error that was expected.
pub(super) type Answer<T> = Result<T, &'static str>;

pub(super) const ACCESS_DENIED: &str = "AccessDeniedException";
pub(super) const GROUP_EXISTS: &str = "GroupExistsException";
pub(super) const NOT_AUTHORIZED: &str = "NotAuthorizedException";
pub(super) const RESOURCE_NOT_FOUND: &str = "ResourceNotFoundException";
pub(super) const UNSUPPORTED_USER_STATE: &str = "UnsupportedUserStateException";
pub(super) const USERNAME_EXISTS: &str = "UsernameExistsException";
pub(super) const USER_NOT_FOUND: &str = "UserNotFoundException";

/// What passes by itself: too many requests, and errors of Cognito's own or of the functions that it calls. The first four are
/// those of its API reference, the others are common to all of AWS's services.
const PASSING: [&str; 8] = [
    "TooManyRequestsException",
    "InternalErrorException",
    "ConcurrentModificationException",
    "UnexpectedLambdaException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
];
/// Asked too often, where people are concerned; where something is created, a quota that passes when somebody raises it.
const LIMIT_EXCEEDED: &str = "LimitExceededException";

impl Asking<'_> {
    /// Sends a request until it is answered, refused, or too late. Some refusals are answers.
    pub(super) async fn ask<T, E, F>(
        &self,
        operation: &'static str,
        expected: &[&'static str],
        send: impl Fn() -> F,
    ) -> Result<Answer<T>, ProviderError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata,
    {
        self.patience
            .call(|| {
                let sent = send();
                async move { tried(operation, expected, sent.await) }
            })
            .await
    }

    /// The same where every refusal is one.
    pub(super) async fn need<T, E, F>(
        &self,
        operation: &'static str,
        send: impl Fn() -> F,
    ) -> Result<T, ProviderError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata,
    {
        let answer = self.ask(operation, &[], send).await?;
        answer.map_err(|code| refused(format!("{operation}: {code}")))
    }
}

/// How one request went. An error's own text may name an address: only its code is kept.
pub(super) fn tried<T, E: ProvideErrorMetadata>(
    operation: &'static str,
    expected: &[&'static str],
    sent: Result<T, SdkError<E, HttpResponse>>,
) -> Tried<Answer<T>> {
    let error = match sent {
        Ok(answer) => return Tried::Done(Ok(answer)),
        Err(error) => error,
    };
    if let Some(code) = expected.iter().find(|code| error.code() == Some(**code)) {
        return Tried::Done(Err(code));
    }
    let status = match &error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => {
            return Tried::Later(format!("{operation}: no answer"), None);
        }
        SdkError::ResponseError(response) => response.raw().status(),
        SdkError::ServiceError(service) => service.raw().status(),
        // Construction failures, and whatever kinds the SDK adds later.
        _ => return Tried::Never(format!("{operation}: it could not be sent")),
    };
    let is_quota = operation.starts_with("Create");
    let passes = |code| PASSING.contains(&code) || (code == LIMIT_EXCEEDED && !is_quota);
    let (detail, passes) = match error.code() {
        Some(code) => (format!("{operation}: {code}"), passes(code)),
        // Something on the way that is not Cognito, or an answer that breaks off.
        None => (
            format!("{operation}: status {}", status.as_u16()),
            status.is_success(),
        ),
    };
    if passes || status.is_server_error() || status.as_u16() == 429 {
        Tried::Later(detail, None)
    } else {
        Tried::Never(detail)
    }
}

/// What was noted of a step, unless it was taken back.
pub(super) fn noted(progress: &dyn Progress, step: &str) -> Option<String> {
    progress.made(step).filter(|made| !made.is_empty())
}

/// Takes back what was noted of these steps.
pub(super) async fn take_back(progress: &dyn Progress, steps: &[&'static str]) -> Result<(), ProviderError> {
    for step in steps {
        if noted(progress, step).is_some() {
            progress.note(step, "").await?;
        }
    }
    Ok(())
}

/// What Cognito, or we in its place, will say again.
pub(super) fn refused(detail: impl Into<String>) -> ProviderError {
    ProviderError::Refused {
        provider: ProviderName::Cognito,
        detail: detail.into(),
    }
}

/// Reads an id that Cognito, or the settings, gave.
pub(super) fn provider_id(text: &str) -> Result<ProviderId, ProviderError> {
    ProviderId::parse(text).map_err(|rule| refused(format!("an id is unusable: {rule}")))
}
