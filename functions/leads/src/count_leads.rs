use serde::{Deserialize, Serialize};
use tenantry_api::{Count, Operation, Problem, Query};
use utoipa::{IntoParams, ToSchema};

use crate::list_leads::lead_state;

/// Which leads are counted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct LeadCountQuery {
    /// Only those that are validated (`true`) or not (`false`).
    #[param(value_type = Option<bool>)]
    is_validated: Option<String>,
}

/// How many leads.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LeadCount {
    /// The number.
    count: u64,
}

/// Count leads.
///
/// Exact, and equally cheap however many there are.
#[utoipa::path(get, path = "/leads/count", params(LeadCountQuery))]
pub(crate) async fn count_leads(operation: Operation, Query(query): Query<LeadCountQuery>) -> Result<Count<LeadCount>, Problem> {
    let state = lead_state(query.is_validated.as_deref())?;
    let counts = operation.context.store.count_leads().await?;
    let counted = counts.iter().filter(|(counted, _)| state.is_none_or(|state| state == *counted));
    Ok(Count(LeadCount { count: counted.map(|(_, count)| count).sum() }))
}
