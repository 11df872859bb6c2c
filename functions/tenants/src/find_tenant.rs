use serde::Deserialize;
use tenantry_api::view::TenantView;
use tenantry_api::{Found, Operation, Problem, Query, Scope};
use tenantry_domain::{Error as DomainError, Kind};
use utoipa::IntoParams;

use crate::include::Include;

/// What to read with the tenant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TenantQuery {
    /// Relations, with commas between them: contacts, resources, lead, address.
    include: Option<String>,
}

/// Read a tenant.
#[utoipa::path(get, path = "/tenants/{id}", params(("id" = String, Path, description = "The tenant's id."), TenantQuery))]
pub(crate) async fn find_tenant(
    operation: Operation,
    Scope(scope): Scope,
    Query(query): Query<TenantQuery>,
) -> Result<Found<TenantView>, Problem> {
    let include = Include::parse(query.include.as_deref())?;
    operation.about_tenant(scope.tenant_id());
    let store = &operation.context.store;
    let view = if include.is_any() {
        store
            .find_tenant_with_relations(&scope)
            .await?
            .map(|parts| include.view(parts))
    } else {
        store.find_tenant(&scope).await?.map(TenantView::from)
    };
    Ok(Found(view.ok_or_else(|| {
        DomainError::not_found(Kind::Tenant, scope.tenant_id())
    })?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tenantry_domain::Permission;
    use tenantry_testing::TestApp;

    #[tokio::test]
    async fn a_tenant_is_found() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;

        let answer = app
            .get(&format!("/tenants/{id}"))
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.header("etag"), Some("\"1\""));
        assert_eq!(answer.usage.calls, 1);
    }

    #[tokio::test]
    async fn an_active_tenant_is_found_with_all_that_belongs_to_it() {
        let app = TestApp::start().await;
        let id = app.active_tenant("acme").await;

        let path = format!("/tenants/{id}?include=contacts,resources,lead,address");
        let answer = app.get(&path).bearer(&app.operator()).send().await.expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.usage.calls, 1);
    }

    #[tokio::test]
    async fn a_lead_finds_the_tenant_it_became_and_no_other() {
        let app = TestApp::start().await;
        let (ada, eve) = (
            app.verified_lead("ada@acme.com").await,
            app.verified_lead("eve@evil.com").await,
        );
        let body = json!({ "key": "acme", "domains": ["acme.com"] });
        let created = app
            .post(&format!("/leads/{}/tenants", ada.id))
            .bearer(&ada.token)
            .json(&body)
            .send()
            .await;
        let path = format!("/tenants/{}", created.expect(201).text_at("/id"));
        let unrelated = format!("/tenants/{}", app.tenant("other").await);

        let found = app
            .get(&format!("{path}?include=lead,contacts"))
            .bearer(&ada.token)
            .send()
            .await
            .expect(200);

        insta::assert_json_snapshot!(found.json());
        app.get(&path)
            .bearer(&eve.token)
            .send()
            .await
            .expect_problem(404, "not_found");
        app.get(&unrelated)
            .bearer(&ada.token)
            .send()
            .await
            .expect_problem(404, "not_found");
        app.get(&format!("{unrelated}?include=lead"))
            .bearer(&ada.token)
            .send()
            .await
            .expect_problem(404, "not_found");
    }

    #[tokio::test]
    async fn only_what_is_asked_for_is_included() {
        let app = TestApp::start().await;
        let id = app.active_tenant("acme").await;
        let cases = [
            ("contacts", [true, false]),
            ("resources", [false, true]),
            ("address", [false, false]),
            ("lead", [false, false]),
            ("resources,contacts,contacts", [true, true]),
        ];

        for (include, expected) in cases {
            let path = format!("/tenants/{id}?include={include}");
            let found = app
                .get(&path)
                .bearer(&app.operator())
                .send()
                .await
                .expect(200)
                .json();
            assert_eq!(
                [found.get("contacts").is_some(), found.get("resources").is_some()],
                expected,
                "{include}"
            );
        }
    }

    #[tokio::test]
    async fn a_query_that_is_not_understood_is_refused() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        let cases = [
            ("include=", "invalid_query"),
            ("include=jobs", "invalid_query"),
            ("include=contacts,", "invalid_query"),
            ("include=Contacts", "invalid_query"),
            ("include=contacts&include=lead", "invalid_query"),
            ("filter=%7B%7D", "unknown_query_member"),
        ];

        for (query, code) in cases {
            app.get(&format!("/tenants/{id}?{query}"))
                .bearer(&app.operator())
                .send()
                .await
                .expect_problem(400, code);
        }
    }

    #[tokio::test]
    async fn what_does_not_exist_for_the_caller_is_not_found() {
        let app = TestApp::start().await;
        let (own, foreign) = (app.tenant("one").await, app.tenant("two").await);
        let member = app.member(&own);

        app.get(&format!("/tenants/{own}"))
            .bearer(&member)
            .send()
            .await
            .expect(200);
        let answer = app
            .get(&format!("/tenants/{foreign}"))
            .bearer(&member)
            .send()
            .await
            .expect_problem(404, "not_found");
        let detail = answer.text_at("/detail").replace(&foreign, "");
        let unknown = app.unknown_id();
        let answer = app
            .get(&format!("/tenants/{unknown}"))
            .bearer(&member)
            .send()
            .await
            .expect_problem(404, "not_found");
        assert_eq!(answer.text_at("/detail").replace(&unknown, ""), detail);
        let bare = own.replace('-', "");
        for id in [
            &*unknown,
            "x",
            "%00",
            "%23",
            "ffffffff-ffff-7fff-bfff-ffffffffffff",
            "00000000-0000-0000-0000-000000000000",
            &bare,
        ] {
            for include in ["", "?include=contacts"] {
                let path = format!("/tenants/{id}{include}");
                app.get(&path)
                    .bearer(&app.operator())
                    .send()
                    .await
                    .expect_problem(404, "not_found");
            }
        }
    }

    #[tokio::test]
    async fn another_letter_case_is_the_same_id() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;

        let answer = app
            .get(&format!("/tenants/{}", id.to_uppercase()))
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);

        assert_eq!(answer.text_at("/id"), id);
    }

    #[tokio::test]
    async fn nobody_reads_without_a_token_or_the_permission() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        let others = app.member_with(&id, [Permission::UpdateTenant]);

        app.get(&format!("/tenants/{id}"))
            .send()
            .await
            .expect_problem(401, "token_required");
        app.get(&format!("/tenants/{id}"))
            .bearer(&others)
            .send()
            .await
            .expect_problem(403, "forbidden");
    }
}
