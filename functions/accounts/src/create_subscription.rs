use tenantry_api::{AccountBody, Created, FromMembers, Members, Operation, Problem, Reply as _};
use tenantry_app::NewSubscription;
use tenantry_domain::{Day, Id, Subscription};
use utoipa::ToSchema;

use crate::subscription_view::SubscriptionView;

/// What a tenant takes.
#[derive(Debug, ToSchema)]
#[schema(as = NewSubscription, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; the operation's own type is what is read"
)]
pub(crate) struct NewSubscriptionDoc {
    /// The tenant. A member may leave its own out; operators and leads must name one.
    #[schema(value_type = Option<String>, format = "uuid")]
    tenant_id: Option<String>,
    /// The plan.
    #[schema(format = "uuid")]
    plan_id: String,
    /// Its first day, from which all periods are counted; today if absent. Only operators may name one in the past.
    #[schema(value_type = Option<String>, format = Date)]
    starts_on: Option<String>,
    /// Its last day; without it, it goes on until it is cancelled.
    #[schema(value_type = Option<String>, format = Date)]
    ends_on: Option<String>,
}

/// The subscription as it was read.
pub(crate) struct SubscriptionBody(NewSubscription);

impl FromMembers for SubscriptionBody {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let plan_id = members.text("planId", Id::parse);
        let starts_on = members.optional_text("startsOn", Day::parse);
        let ends_on = members.optional_text("endsOn", Day::parse);
        Some(Self(NewSubscription {
            plan_id: plan_id?,
            starts_on: starts_on?,
            ends_on: ends_on?,
        }))
    }
}

/// Subscribe a tenant to a plan.
///
/// A tenant has one subscription that is used or will be. Operators may take any plan that is on sale; members, and the lead
/// that became the tenant, those that are for tenants to take. It is billed in arrears: the end of each period makes its invoice.
#[utoipa::path(post, path = "/subscriptions", request_body = NewSubscriptionDoc)]
pub(crate) async fn create_subscription(
    operation: Operation,
    AccountBody(scope, SubscriptionBody(new)): AccountBody<SubscriptionBody>,
) -> Result<Created<SubscriptionView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let reply = |subscription: &Subscription| created(subscription).stored();
    let subscription = tenantry_app::subscribe(&operation.context, &scope, &new, reply).await?;
    Ok(created(&subscription))
}

fn created(subscription: &Subscription) -> Created<SubscriptionView> {
    Created {
        location: format!("/subscriptions/{}", subscription.id),
        body: subscription.clone().into(),
    }
}
