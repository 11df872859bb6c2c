use tenantry_api::{Found, Operation, Path, Problem, Scope, TenantQuery};
use tenantry_domain::{Error as DomainError, Id, Kind, Subscription};

use crate::subscription_view::SubscriptionView;

/// Read a subscription.
#[utoipa::path(
    get,
    path = "/subscriptions/{id}",
    params(("id" = String, Path, description = "The subscription's id."), TenantQuery)
)]
pub(crate) async fn find_subscription(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Subscription>>,
) -> Result<Found<SubscriptionView>, Problem> {
    let subscription = operation.context.store.find_subscription(&scope, id).await?;
    let subscription = subscription.ok_or_else(|| DomainError::not_found(Kind::Subscription, id))?;
    Ok(Found(subscription.into()))
}
