use tenantry_api::{
    Body, Found, FromMembers, Members, Operation, Path, Problem, Reply as _, Scope, TenantQuery,
};
use tenantry_domain::{CancelAt, Id, Subscription};
use utoipa::ToSchema;

use crate::subscription_view::SubscriptionView;

/// When a subscription ends.
#[derive(Debug, ToSchema)]
#[schema(as = Cancellation, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body in the API document")]
pub(crate) struct CancellationDoc {
    /// `period_end`, or `now`: then today is the last day.
    #[schema(example = "period_end")]
    at: String,
}

/// The same as it was read.
pub(crate) struct Cancellation(CancelAt);

impl FromMembers for Cancellation {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        members.text("at", CancelAt::parse).map(Self)
    }
}

/// Cancel a subscription.
///
/// With the current period it goes on until then and is billed as a whole. Now, the invoice for the days that were used, today
/// included, is made at once. A tenant that has no other subscription when the grace is over is suspended.
#[utoipa::path(
    post,
    path = "/subscriptions/{id}/cancel",
    request_body = CancellationDoc,
    params(("id" = String, Path, description = "The subscription's id."), TenantQuery)
)]
pub(crate) async fn cancel_subscription(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Subscription>>,
    Body(Cancellation(at)): Body<Cancellation>,
) -> Result<Found<SubscriptionView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let reply = |subscription: &Subscription| Found(SubscriptionView::from(subscription.clone())).stored();
    let cancelled = tenantry_app::cancel_subscription(&operation.context, &scope, id, at, reply).await?;
    Ok(Found(cancelled.into()))
}
