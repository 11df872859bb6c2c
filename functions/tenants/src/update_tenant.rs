use tenantry_api::view::TenantView;
use tenantry_api::{Body, Found, FromMembers, Members, Operation, Problem, Scope};
use tenantry_domain::{Address, Domain, Error as DomainError, Event, Id, Kind, Patch, PersonName, Tenant, TenantChanges, Website};
use tenantry_store::Transaction;
use utoipa::ToSchema;

/// Changes (JSON Merge Patch, RFC 7396). Key and status are not among them: the one never changes, the other has its commands.
#[derive(Debug, ToSchema)]
#[schema(as = TenantChanges, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body in the API document; the domain's changes are what is read")]
pub(crate) struct TenantChangesDoc {
    /// Name for people.
    #[schema(max_length = 100)]
    name: Option<String>,
    /// Mail domains.
    #[schema(min_items = 1, max_items = 20)]
    domains: Option<Vec<String>>,
    /// Web site; null removes it.
    website: Option<String>,
    /// Postal address, replaced as a whole; null removes it.
    address: Option<tenantry_api::view::AddressView>,
    /// The user who is the single point of contact; null removes it.
    #[schema(format = "uuid")]
    spoc_user_id: Option<String>,
}

/// The changes as they were read.
pub(crate) struct TenantPatch(TenantChanges);

impl FromMembers for TenantPatch {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let name = members.changed_text("name", PersonName::parse_name);
        let domains = members.changed_texts("domains", 20, Domain::parse);
        let website = members.patched_text("website", Website::parse);
        let address: Option<Patch<Address>> = members.patched_object("address");
        let spoc_user_id = members.patched_text("spocUserId", Id::parse);
        Some(Self(TenantChanges {
            name: name?,
            domains: domains?,
            website: website?,
            address: address?,
            spoc_user_id: spoc_user_id?,
        }))
    }
}

/// Change a tenant.
#[utoipa::path(
    patch,
    path = "/tenants/{id}",
    request_body(content = TenantChangesDoc, content_type = "application/merge-patch+json"),
    params(("id" = String, Path, description = "The tenant's id."))
)]
pub(crate) async fn update_tenant(
    operation: Operation,
    Scope(scope): Scope,
    Body(TenantPatch(changes)): Body<TenantPatch>,
) -> Result<Found<TenantView>, Problem> {
    let context = &operation.context;
    let id = scope.tenant_id();
    operation.about_tenant(id);
    let tenant = context.store.find_tenant(&scope).await?.ok_or_else(|| DomainError::not_found(Kind::Tenant, id))?;
    operation.check_version(Kind::Tenant, id, tenant.version)?;
    let change = context.change(scope.actor().clone());
    let Some(changed) = tenant.clone().update(changes, &scope, &change)? else {
        return Ok(Found(tenant.into()));
    };
    let event = Event::of_tenant("tenant.updated", &changed, None, context.new_id(), context.now);
    let mut entry = context.audit("tenant.updated", &change);
    (entry.before, entry.after) = difference(&tenant, &changed);
    let mut transaction = Transaction::new();
    transaction
        .replace_tenant(&scope, &tenant, &changed, operation.lost_race(Kind::Tenant, id))
        .audit(id, &entry)
        .send(&context.event(&event));
    context.store.commit(transaction).await?;
    Ok(Found(changed.into()))
}

/// The changed fields before and after, for the audit trail.
fn difference(before: &Tenant, after: &Tenant) -> (Option<serde_json::Value>, Option<serde_json::Value>) {
    let fields = |tenant: &Tenant| {
        serde_json::json!({
            "name": tenant.name,
            "domains": tenant.domains,
            "website": tenant.website,
            "address": tenant.address,
            "spocUserId": tenant.spoc_user_id,
        })
    };
    let (mut before, mut after) = (fields(before), fields(after));
    if let (Some(old), Some(new)) = (before.as_object_mut(), after.as_object_mut()) {
        let same: Vec<String> = old.iter().filter(|(name, value)| new.get(*name) == Some(value)).map(|(name, _)| name.clone()).collect();
        for name in same {
            old.remove(&name);
            new.remove(&name);
        }
    }
    (Some(before), Some(after))
}
