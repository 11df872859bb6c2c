use serde::Serialize;
use serde_json::Value;
use tenantry_api::{ListQuery, Operation, Paged, Problem, Query, Scope};
use tenantry_domain::AuditEntry;
use tenantry_store::ChainedEntry;
use utoipa::ToSchema;

/// Who did what.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditEntry)]
pub(crate) struct AuditEntryView {
    /// Its id.
    #[schema(format = "uuid")]
    id: String,
    /// Counts the tenant's entries, from 1.
    sequence: u64,
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
    /// Proves this entry and all before it: `GET /tenants/{id}/audit/verify` checks it. Whoever keeps the last one knows later
    /// that nothing before it was changed.
    seal: String,
}

/// List who did what to a tenant.
#[utoipa::path(get, path = "/tenants/{id}/audit", params(("id" = String, Path, description = "The tenant's id."), ListQuery))]
pub(crate) async fn list_audit(
    operation: Operation,
    Scope(scope): Scope,
    Query(query): Query<ListQuery>,
) -> Result<Paged<AuditEntryView>, Problem> {
    let page = query.page(&operation.caller, &format!("audit {}", scope.tenant_id()))?;
    let entries = operation.context.store.list_audit(&scope, &page).await?;
    operation.check_known(&scope, &entries.items).await?;
    Ok(Paged(entries.map(AuditEntryView::from)))
}

impl From<ChainedEntry> for AuditEntryView {
    fn from(chained: ChainedEntry) -> Self {
        let ChainedEntry {
            entry,
            sequence,
            seal,
        } = chained;
        let AuditEntry {
            id,
            action,
            actor,
            at,
            request_id,
            before,
            after,
        } = entry;
        Self {
            id: id.to_string(),
            sequence,
            action,
            actor: actor.to_string(),
            at: at.to_string(),
            request_id,
            before,
            after,
            seal,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tenantry_domain::Permission;
    use tenantry_testing::TestApp;

    use crate::walk::{all, walk};

    #[tokio::test]
    async fn the_trail_says_who_did_what_from_the_first_day_on() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        app.clock.advance_minutes(1);
        let provisioning = app.provision(&tenant).await;
        app.clock.advance_minutes(1);
        app.report(&provisioning, &provisioning.success())
            .await
            .expect(204);
        let path = format!("/tenants/{tenant}");
        let body =
            json!({ "name": "Acme Ltd", "website": "https://acme.com", "domains": ["acme.com", "acme.org"] });
        app.clock.advance_minutes(1);
        app.patch(&path)
            .bearer(&app.member(&tenant))
            .json(&body)
            .send()
            .await
            .expect(200);

        let answer = app
            .get(&format!("{path}/audit?order=createdAt:asc"))
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.usage.calls, 1);
    }

    #[tokio::test]
    async fn the_trail_holds_no_personal_data_and_no_secret() {
        let app = TestApp::start().await;
        let tenant = app.active_tenant("acme").await;

        let answer = app
            .get(&format!("/tenants/{tenant}/audit"))
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);

        for hidden in ["Ada", "Lovelace", "ada@acme.com", "tws_"] {
            assert!(!answer.text.contains(hidden), "{hidden}: {}", answer.text);
        }
    }

    #[tokio::test]
    async fn a_walk_meets_every_entry_once_and_in_order_over_months() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let mut expected = vec!["tenant.created".to_owned()];
        for n in 0..9 {
            // Two entries a month, then one month without any.
            app.clock.advance_minutes(60 * 24 * if n == 4 { 45 } else { 16 });
            let body = json!({ "name": format!("Acme {n}") });
            app.patch(&format!("/tenants/{tenant}"))
                .bearer(&app.operator())
                .json(&body)
                .send()
                .await
                .expect(200);
            expected.push("tenant.updated".to_owned());
        }

        for limit in [1, 2, 3, 7, 10] {
            let path = format!("/tenants/{tenant}/audit");
            let upwards = walk(
                &app,
                &app.operator(),
                &format!("{path}?order=createdAt:asc"),
                limit,
            )
            .await;
            let mut downwards = all(&walk(&app, &app.operator(), &path, limit).await, "id");

            assert_eq!(all(&upwards, "action"), expected, "{limit}");
            assert!(all(&upwards, "at").is_sorted());
            downwards.reverse();
            assert_eq!(all(&upwards, "id"), downwards, "{limit}");
        }
    }

    #[tokio::test]
    async fn what_does_not_exist_for_the_caller_is_not_found() {
        let app = TestApp::start().await;
        let (own, foreign) = (app.tenant("one").await, app.tenant("two").await);
        let member = app.member(&own);

        app.get(&format!("/tenants/{own}/audit"))
            .bearer(&member)
            .send()
            .await
            .expect(200);
        app.get(&format!("/tenants/{foreign}/audit"))
            .bearer(&member)
            .send()
            .await
            .expect_problem(404, "not_found");
        for id in [&*app.unknown_id(), "x", "%00"] {
            app.get(&format!("/tenants/{id}/audit"))
                .bearer(&app.operator())
                .send()
                .await
                .expect_problem(404, "not_found");
        }
    }

    #[tokio::test]
    async fn a_query_that_is_not_understood_is_refused() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let cases = [
            ("limit=0", "invalid_query"),
            ("order=at:asc", "invalid_query"),
            ("cursor=x", "invalid_cursor"),
            ("actor=ada", "unknown_query_member"),
        ];

        for (query, code) in cases {
            let path = format!("/tenants/{tenant}/audit?{query}");
            app.get(&path)
                .bearer(&app.operator())
                .send()
                .await
                .expect_problem(400, code);
        }
    }

    #[tokio::test]
    async fn nobody_reads_without_a_token_or_the_permission() {
        let app = TestApp::start().await;
        let path = format!("/tenants/{}/audit", app.tenant("acme").await);
        let others = app.operator_with([Permission::ViewTenant]);

        app.get(&path).send().await.expect_problem(401, "token_required");
        app.get(&path)
            .bearer(&others)
            .send()
            .await
            .expect_problem(403, "forbidden");
    }

    #[tokio::test]
    async fn a_page_costs_one_call_however_old_the_tenant_is() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        app.clock.advance_minutes(20 * 365 * 24 * 60);

        let answer = app
            .get(&format!("/tenants/{id}/audit"))
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);

        assert_eq!(answer.usage.calls, 1);
        assert_eq!(answer.json()["items"].as_array().map(Vec::len), Some(1));
    }
}
