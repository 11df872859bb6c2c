use serde::Serialize;
use serde_json::Value;
use tenantry_api::{ListQuery, Operation, Paged, Problem, Query, Scope};
use tenantry_domain::AuditEntry;
use utoipa::ToSchema;

/// Who did what.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditEntry)]
pub(crate) struct AuditEntryView {
    /// Its id.
    #[schema(format = "uuid")]
    id: String,
    /// What was done.
    #[schema(example = "tenant.created")]
    action: String,
    /// Who did it.
    actor: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// The request in which it was done.
    request_id: String,
    /// The changed fields before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// The changed fields after.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
}

/// List who did what to a tenant.
#[utoipa::path(get, path = "/tenants/{id}/audit", params(("id" = String, Path, description = "The tenant's id."), ListQuery))]
pub(crate) async fn list_audit(
    operation: Operation,
    Scope(scope): Scope,
    Query(query): Query<ListQuery>,
) -> Result<Paged<AuditEntryView>, Problem> {
    let page = query.page(&operation.caller, &format!("audit {}", scope.tenant_id()))?;
    let entries = operation.context.store.list_audit(&scope, &page, operation.context.now).await?;
    Ok(Paged(entries.map(AuditEntryView::from)))
}

impl From<AuditEntry> for AuditEntryView {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { id, action, actor, at, request_id, before, after } = entry;
        Self { id: id.to_string(), action, actor: actor.to_string(), at: at.to_string(), request_id, before, after }
    }
}
