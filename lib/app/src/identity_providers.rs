use std::collections::BTreeMap;
use std::sync::Arc;

use tenantry_domain::{Conflict, Error as DomainError, Job, ProviderName, Rule, Tenant};

use crate::{IdentityProvider, IdentitySettings};

/// The providers of identities that this process can speak to.
#[derive(Clone, Default)]
pub struct IdentityProviders(BTreeMap<ProviderName, Arc<dyn IdentityProvider>>);

impl IdentityProviders {
    /// These.
    pub fn new(providers: impl IntoIterator<Item = Arc<dyn IdentityProvider>>) -> Self {
        let named = providers.into_iter().map(|provider| (provider.name(), provider));
        Self(named.collect())
    }

    /// One by its name.
    pub fn find(&self, name: ProviderName) -> Option<&Arc<dyn IdentityProvider>> {
        self.0.get(&name)
    }

    /// The one that a tenant has, its plan names, the application plane asks for, or the deployment has for all, in this order.
    /// One that is asked for and is another one is refused; so is one that is not there.
    pub(crate) fn choose(
        &self,
        settings: &IdentitySettings,
        (tenant, job): (&Tenant, &Job),
        asked: Option<ProviderName>,
    ) -> Result<&Arc<dyn IdentityProvider>, DomainError> {
        let only = (self.0.len() == 1)
            .then(|| self.0.keys().next().copied())
            .flatten();
        let begun = job.identity.as_ref().map(|setup| setup.provider);
        let has = tenant
            .identity
            .as_ref()
            .map(|identity| identity.provider)
            .or(begun);
        let planned = planned(job)?;
        let chosen = has.or(planned).or(asked).or(settings.default).or(only);
        if let (Some(asked), Some(chosen)) = (asked, chosen)
            && asked != chosen
        {
            return Err(Conflict::IdentityProviderFixed(chosen.to_string()).into());
        }
        chosen.and_then(|chosen| self.find(chosen)).ok_or_else(|| {
            let names: Vec<&str> = self.0.keys().map(|name| name.name()).collect();
            let rule = match names[..] {
                [] => "must be absent: no identity provider is configured".to_owned(),
                _ => format!("must be one that is configured: {}", names.join(", ")),
            };
            let pointer = if planned.is_some() { PLAN } else { TENANT };
            DomainError::invalid(Rule::new("unknown_identity_provider", rule).at(pointer))
        })
    }
}

const TENANT: &str = "/tenant/identityProvider";
const PLAN: &str = "/plan/identityProvider";

/// What the plan of the job says: `identityProvider`, or as in the reference's plans the feature `IdP`.
fn planned(job: &Job) -> Result<Option<ProviderName>, DomainError> {
    let rest = &job.subscription.plan.rest;
    let features = rest.get("features").and_then(serde_json::Value::as_array);
    let feature = features.into_iter().flatten().find(|feature| {
        let key = feature.get("key").and_then(serde_json::Value::as_str);
        key.is_some_and(|key| key.eq_ignore_ascii_case("IdP"))
    });
    let named = rest
        .get("identityProvider")
        .or_else(|| feature.and_then(|feature| feature.get("value")))
        .and_then(serde_json::Value::as_str);
    named
        .map(|named| ProviderName::parse(named).map_err(|rule| DomainError::invalid(rule.at(PLAN))))
        .transpose()
}
