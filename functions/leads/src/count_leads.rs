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
pub(crate) async fn count_leads(
    operation: Operation,
    Query(query): Query<LeadCountQuery>,
) -> Result<Count<LeadCount>, Problem> {
    let state = lead_state(query.is_validated.as_deref())?;
    let counts = operation.context.store.count_leads().await?;
    let counted = counts
        .iter()
        .filter(|(counted, _)| state.is_none_or(|state| state == *counted));
    Ok(Count(LeadCount {
        count: counted.map(|(_, count)| count).sum(),
    }))
}

#[cfg(test)]
mod tests {
    use tenantry_domain::Permission;
    use tenantry_testing::TestApp;

    async fn count(app: &TestApp, query: &str) -> String {
        let token = app.operator_with([Permission::ViewLead]);
        app.get(&format!("/leads/count{query}"))
            .bearer(&token)
            .send()
            .await
            .expect(200)
            .text
    }

    #[tokio::test]
    async fn leads_are_counted_by_their_state() {
        let app = TestApp::start().await;
        assert_eq!(count(&app, "").await, r#"{"count":0}"#);
        app.verified_lead("ada@acme.com").await;
        app.sign_up("bob@acme.com").await;
        app.sign_up("cy@acme.com").await;

        let counts = [
            count(&app, "").await,
            count(&app, "?isValidated=true").await,
            count(&app, "?isValidated=false").await,
        ];

        assert_eq!(counts, [r#"{"count":3}"#, r#"{"count":1}"#, r#"{"count":2}"#]);
    }

    #[tokio::test]
    async fn an_erased_lead_is_not_counted() {
        let app = TestApp::start().await;
        let (ada, bob) = (
            app.verified_lead("ada@acme.com").await,
            app.sign_up("bob@acme.com").await,
        );

        for id in [ada.id, bob.id] {
            app.delete(&format!("/leads/{id}"))
                .bearer(&app.operator())
                .send()
                .await
                .expect(204);
        }

        assert_eq!(count(&app, "?isValidated=true").await, r#"{"count":0}"#);
        assert_eq!(count(&app, "?isValidated=false").await, r#"{"count":0}"#);
    }

    #[tokio::test]
    async fn only_operators_with_the_permission_may() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;
        let tenant = app.tenant("acme").await;
        let others = Permission::all().filter(|permission| *permission != Permission::ViewLead);
        let member = app.member_with(&tenant, Permission::all());

        app.get("/leads/count")
            .send()
            .await
            .expect_problem(401, "token_required");
        app.get("/leads/count")
            .bearer("x")
            .send()
            .await
            .expect_problem(401, "invalid_token");
        for token in [app.operator_with(others), member, lead.token] {
            app.get("/leads/count")
                .bearer(&token)
                .send()
                .await
                .expect_problem(403, "forbidden");
        }
    }

    #[tokio::test]
    async fn a_query_that_makes_no_sense_is_refused() {
        let app = TestApp::start().await;
        let cases = [
            ("isValidated=yes", "invalid_query"),
            ("isValidated=true&isValidated=false", "invalid_query"),
            ("where=%7B%7D", "unknown_query_member"),
        ];

        for (query, code) in cases {
            let answer = app
                .get(&format!("/leads/count?{query}"))
                .bearer(&app.operator())
                .send()
                .await;
            answer.expect_problem(400, code);
        }
    }
}
