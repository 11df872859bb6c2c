use tenantry_api::{Body, Found, FromMembers, Members, Operation, Path, Problem, Scope, TenantQuery};
use tenantry_domain::{Id, Kind, Plan, Subscription};
use utoipa::ToSchema;

use crate::subscription_view::SubscriptionView;

/// Changes (JSON Merge Patch, RFC 7396).
#[derive(Debug, ToSchema)]
#[schema(as = SubscriptionChanges, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body in the API document")]
pub(crate) struct SubscriptionChangesDoc {
    /// The plan that is to hold from today on.
    #[schema(format = "uuid")]
    plan_id: String,
}

/// The same as it was read.
pub(crate) struct SubscriptionPatch(Id<Plan>);

impl FromMembers for SubscriptionPatch {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        members.text("planId", Id::parse).map(Self)
    }
}

/// Move a subscription to another plan.
///
/// The new plan holds from today on. The current period is billed by days: those until yesterday by the plan that held, the
/// others by the new one. It must have the same currency and billing interval. What the tenant is provisioned for does not
/// change by it: `POST /tenants/{id}/change-tier` does that.
#[utoipa::path(
    patch,
    path = "/subscriptions/{id}",
    request_body(content = SubscriptionChangesDoc, content_type = "application/merge-patch+json"),
    params(("id" = String, Path, description = "The subscription's id."), TenantQuery)
)]
pub(crate) async fn update_subscription(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Subscription>>,
    Body(SubscriptionPatch(plan_id)): Body<SubscriptionPatch>,
) -> Result<Found<SubscriptionView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let check = |present: &Subscription| operation.require_version(Kind::Subscription, id, present.version);
    let changed = tenantry_app::change_plan(&operation.context, &scope, id, plan_id, check).await?;
    Ok(Found(changed.into()))
}
