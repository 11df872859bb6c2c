use serde::Deserialize;
use tenantry_domain::{Caller, Timestamp};
use tenantry_store::{Order, PageRequest};
use utoipa::IntoParams;

use crate::Problem;

/// What every list takes.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// How many items at most: 1 to 100, 20 if absent.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100)]
    pub limit: Option<String>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
    /// `createdAt:desc` (newest first, if absent) or `createdAt:asc`.
    pub order: Option<String>,
}

impl ListQuery {
    /// The page that is wanted of the list that `query` names; a cursor of another caller, list or filter is refused.
    pub fn page(&self, caller: &Caller, query: &str) -> Result<PageRequest, Problem> {
        let limit = match &self.limit {
            None => 20,
            Some(text) => match text.parse() {
                Ok(limit) if (1..=100).contains(&limit) => limit,
                _ => {
                    return Err(Problem::malformed(
                        "invalid_query",
                        "limit: must be a whole number from 1 to 100",
                    ));
                }
            },
        };
        let order = match self.order.as_deref() {
            None | Some("createdAt:desc") => Order::Descending,
            Some("createdAt:asc") => Order::Ascending,
            Some(_) => {
                return Err(Problem::malformed(
                    "invalid_query",
                    "order: must be createdAt:asc or createdAt:desc",
                ));
            }
        };
        let binding = format!("{}|{query}|{order:?}", caller.actor());
        Ok(PageRequest {
            limit,
            cursor: self.cursor.clone(),
            order,
            binding,
        })
    }

    /// Reads an instant from a query member.
    pub fn instant(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
        let read = |text| {
            Timestamp::parse(text)
                .map_err(|rule| Problem::malformed("invalid_query", format!("{name}: {rule}")))
        };
        text.map(read).transpose()
    }
}
