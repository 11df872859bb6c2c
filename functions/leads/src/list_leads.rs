use serde::Deserialize;
use tenantry_api::view::LeadView;
use tenantry_api::{ListQuery, Operation, Paged, Problem, Query};
use tenantry_store::{LeadFilter, LeadState};
use utoipa::IntoParams;

/// Which leads, and which part of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct LeadsQuery {
    /// Only those that are validated (`true`) or not (`false`).
    #[param(value_type = Option<bool>)]
    is_validated: Option<String>,
    /// Only those that signed up at this instant or later.
    created_from: Option<String>,
    /// Only those that signed up before this instant.
    created_before: Option<String>,
    /// How many items at most: 1 to 100, 20 if absent.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// `createdAt:desc` (newest first, if absent) or `createdAt:asc`.
    order: Option<String>,
}

/// List leads.
#[utoipa::path(get, path = "/leads", params(LeadsQuery))]
pub(crate) async fn list_leads(operation: Operation, Query(query): Query<LeadsQuery>) -> Result<Paged<LeadView>, Problem> {
    let LeadsQuery { is_validated, created_from, created_before, limit, cursor, order } = query;
    let filter = LeadFilter {
        state: lead_state(is_validated.as_deref())?,
        created_from: ListQuery::instant("createdFrom", created_from.as_deref())?,
        created_before: ListQuery::instant("createdBefore", created_before.as_deref())?,
    };
    let page = ListQuery { limit, cursor, order }.page(&operation.caller, &format!("leads {filter:?}"))?;
    let leads = operation.context.store.list_leads(&filter, &page).await?;
    Ok(Paged(leads.map(LeadView::from)))
}

/// Reads `isValidated`.
pub(crate) fn lead_state(text: Option<&str>) -> Result<Option<LeadState>, Problem> {
    match text {
        None => Ok(None),
        Some("true") => Ok(Some(LeadState::Verified)),
        Some("false") => Ok(Some(LeadState::Unverified)),
        Some(_) => Err(Problem::malformed("invalid_query", "isValidated: must be true or false")),
    }
}
