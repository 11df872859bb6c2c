use tenantry_app::{Patience, ProviderError};
use tenantry_domain::{ProviderId, ProviderName};

use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;

/// The calls of one operation, which are patient together.
pub(crate) struct Conversation<'a> {
    pub(crate) provider: ProviderName,
    pub(crate) api: &'a Api,
    pub(crate) patience: Patience,
}

impl Conversation<'_> {
    /// Makes a call until it is answered as expected, refused, or too late. It may have been carried out without our hearing
    /// of it, so whoever makes something expects 409 as well and looks for it then.
    pub(crate) async fn ask(&self, call: Call) -> Result<Answer, ProviderError> {
        self.patience.call(|| self.api.attempt(&call)).await
    }

    pub(crate) async fn renew_token(&self) {
        self.api.renew_token().await;
    }

    pub(crate) fn refusal(&self, detail: impl Into<String>) -> ProviderError {
        ProviderError::Refused {
            provider: self.provider,
            detail: detail.into(),
        }
    }

    /// A refusal, after the attempt to remove what had been made before it.
    pub(crate) fn refusal_after(&self, removed: Result<(), ProviderError>, detail: String) -> ProviderError {
        self.refusal(match removed {
            Ok(()) => detail,
            Err(trouble) => format!("{detail}; what had been made for it is still there: {trouble}"),
        })
    }

    /// The answer lacks what it always has: something in between has answered, and may not the next time.
    pub(crate) fn odd(&self, detail: &str) -> ProviderError {
        ProviderError::Unavailable {
            provider: self.provider,
            detail: detail.to_owned(),
            retry_after_s: None,
        }
    }

    pub(crate) fn id(&self, text: &str) -> Result<ProviderId, ProviderError> {
        ProviderId::parse(text).map_err(|_| self.odd("an id is empty or too long"))
    }
}
