use tenantry_api::view::ContactView;
use tenantry_api::{ListQuery, Operation, Paged, Problem, Query, Scope, TenantQuery};

/// List a tenant's contacts.
#[utoipa::path(get, path = "/contacts", params(TenantQuery, ListQuery))]
pub(crate) async fn list_contacts(
    operation: Operation,
    Scope(scope): Scope,
    Query(query): Query<ListQuery>,
) -> Result<Paged<ContactView>, Problem> {
    let page = query.page(&operation.caller, &format!("contacts {}", scope.tenant_id()))?;
    let contacts = operation.context.store.list_contacts(&scope, &page).await?;
    operation.check_known(&scope, &contacts.items).await?;
    Ok(Paged(contacts.map(ContactView::from)))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tenantry_domain::Permission;
    use tenantry_testing::TestApp;

    use crate::scene::add_grace;

    #[tokio::test]
    async fn contacts_are_listed_page_by_page() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let other = app.tenant("other").await;
        for _ in 0..4 {
            app.clock.advance_minutes(1);
            add_grace(&app, &tenant).await;
        }
        add_grace(&app, &other).await;

        let (mut names, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/contacts?tenantId={tenant}&limit=2&order=createdAt:asc{cursor}");
            let answer = app.get(&path).bearer(&app.operator()).send().await.expect(200);
            assert_eq!(answer.usage.calls, 1);
            let page = answer.json();
            let items = page["items"].as_array().expect("a page has items");
            names.extend(items.iter().map(|item| item["firstName"].clone()));
            let Value::String(next) = &page["nextCursor"] else {
                break;
            };
            cursor = format!("&cursor={next}");
        }

        assert_eq!(names, ["Ada", "Grace", "Grace", "Grace", "Grace"]);
    }

    #[tokio::test]
    async fn a_member_sees_its_own_and_names_no_other() {
        let app = TestApp::start().await;
        let (own, foreign) = (app.tenant("one").await, app.tenant("two").await);
        let member = app.member(&own);

        for path in ["/contacts".to_owned(), format!("/contacts?tenantId={own}")] {
            let answer = app.get(&path).bearer(&member).send().await.expect(200);
            assert_eq!(answer.text_at("/items/0/tenantId"), own);
        }
        app.get(&format!("/contacts?tenantId={foreign}"))
            .bearer(&member)
            .send()
            .await
            .expect_problem(404, "not_found");
    }

    #[tokio::test]
    async fn an_operator_names_the_tenant_once_and_properly() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let get = async |query: &str| {
            let path = format!("/contacts{query}");
            app.get(&path).bearer(&app.operator()).send().await
        };

        get("").await.expect_problem(400, "tenant_required");
        get("?limit=1").await.expect_problem(400, "tenant_required");
        get("?tenantId=acme").await.expect_problem(400, "invalid_query");
        get(&format!("?tenantId={tenant}&tenantId={tenant}"))
            .await
            .expect_problem(400, "invalid_query");
        get(&format!("?tenantId={tenant}&x=1"))
            .await
            .expect_problem(400, "unknown_query_member");
        get(&format!("?tenantId={}", app.unknown_id()))
            .await
            .expect_problem(404, "not_found");
    }

    #[tokio::test]
    async fn a_cursor_is_good_for_its_tenant_only() {
        let app = TestApp::start().await;
        let (one, two) = (app.tenant("one").await, app.tenant("two").await);
        add_grace(&app, &one).await;
        let path = format!("/contacts?tenantId={one}&limit=1");
        let page = app.get(&path).bearer(&app.operator()).send().await.expect(200);
        let cursor = page.text_at("/nextCursor");

        let path = format!("/contacts?tenantId={two}&limit=1&cursor={cursor}");
        let answer = app.get(&path).bearer(&app.operator()).send().await;

        answer.expect_problem(400, "invalid_cursor");
    }

    #[tokio::test]
    async fn nobody_reads_without_a_token_or_the_permission() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = format!("/contacts?tenantId={tenant}");
        let others = app.operator_with([Permission::CreateContact]);

        app.get(&path).send().await.expect_problem(401, "token_required");
        app.get(&path)
            .bearer(&others)
            .send()
            .await
            .expect_problem(403, "forbidden");
    }
}
