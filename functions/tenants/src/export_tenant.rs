use axum::response::IntoResponse as _;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LINK};
use serde::Deserialize;
use tenantry_api::{ListQuery, Operation, Problem, Query, Raw, Scope};
use tenantry_domain::{Error as DomainError, Kind};
use utoipa::IntoParams;

/// Which part of an export is wanted.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// How many lines at most: 1 to 100, 20 if absent.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// From the `Link` header of the page before.
    cursor: Option<String>,
}

/// Export a tenant.
///
/// Everything that is kept of it as JSON Lines, an object with its `type` on each: the tenant, its contacts, the lead that it
/// was, jobs, resources, the rest of its account, and its audit trail, oldest first. Secrets are not in it. The header `Link`
/// with `rel="next"` says where it goes on; a page may have fewer lines than were asked for, or none, and still not be the last.
#[utoipa::path(
    get,
    path = "/tenants/{id}/export",
    params(("id" = String, Path, description = "The tenant's id."), ExportQuery),
    responses((
        status = 200,
        description = "A page of the export; `Link` says where it goes on.",
        content_type = "application/x-ndjson",
        body = String,
        headers(("link" = String, description = "`<…>; rel=\"next\"`, if there is more."))
    ))
)]
pub(crate) async fn export_tenant(
    operation: Operation,
    Scope(scope): Scope,
    Query(ExportQuery { limit, cursor }): Query<ExportQuery>,
) -> Result<Raw, Problem> {
    let id = scope.tenant_id();
    operation.about_tenant(id);
    let query = ListQuery {
        limit,
        cursor,
        order: None,
    };
    let page = query.page(&operation.caller, &format!("export {id}"))?;
    let found = operation.context.store.export_tenant(&scope, &page).await?;
    let exported = found.ok_or_else(|| DomainError::not_found(Kind::Tenant, id))?;
    let mut lines = String::new();
    for line in &exported.items {
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    let link = exported.next_cursor.map(|cursor| {
        format!(
            "</tenants/{id}/export?limit={}&cursor={cursor}>; rel=\"next\"",
            page.limit
        )
    });
    let head = [
        (CONTENT_TYPE, "application/x-ndjson"),
        (CACHE_CONTROL, "no-store"),
    ];
    let link = link.map(|link| [(LINK, link)]);
    Ok(Raw((head, link, lines).into_response()))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tenantry_domain::Permission;
    use tenantry_testing::{Answer, TestApp};

    use crate::scene::populate;

    fn lines(answer: &Answer) -> Vec<Value> {
        let line = |line| serde_json::from_str(line).expect("every line is JSON");
        answer.text.lines().map(line).collect()
    }

    fn next(answer: &Answer) -> Option<String> {
        let link = answer.header("link")?;
        let (path, rest) = link.strip_prefix('<')?.split_once('>')?;
        assert_eq!(rest, "; rel=\"next\"");
        Some(path.to_owned())
    }

    /// All pages, one behind the other.
    async fn export(app: &TestApp, id: &str, limit: usize) -> Vec<Value> {
        let mut path = format!("/tenants/{id}/export?limit={limit}");
        let mut exported = Vec::new();
        loop {
            let page = app.get(&path).bearer(&app.operator()).send().await.expect(200);
            assert_eq!(page.header("content-type"), Some("application/x-ndjson"));
            assert_eq!(page.usage.calls, 1);
            assert!(lines(&page).len() <= limit);
            exported.extend(lines(&page));
            match next(&page) {
                Some(next) => path = next,
                None => return exported,
            }
        }
    }

    /// A tenant that was a lead, with people.
    async fn known(app: &TestApp) -> String {
        let lead = app.verified_lead("ada@acme.com").await;
        let body = serde_json::json!({ "key": "acme", "domains": ["acme.com"] });
        let path = format!("/leads/{}/tenants", lead.id);
        let founded = app.post(&path).bearer(&lead.token).json(&body).send().await;
        let id = founded.expect(201).text_at("/id");
        let job = app.provision(&id).await;
        app.report(&job, &job.success()).await.expect(204);
        populate(app, &id).await;
        id
    }

    #[tokio::test]
    async fn everything_of_a_tenant_is_exported_once_whatever_the_page_holds() {
        let app = TestApp::start().await;
        let id = known(&app).await;

        let exported = export(&app, &id, 100).await;

        insta::assert_json_snapshot!(exported);
        for limit in [1, 2, 3, 7] {
            assert_eq!(export(&app, &id, limit).await, exported, "{limit}");
        }
    }

    #[tokio::test]
    async fn no_secret_and_no_place_in_the_table_is_exported() {
        let app = TestApp::start().await;
        let id = known(&app).await;
        app.offboard(&id).await;

        let text = export(&app, &id, 100)
            .await
            .iter()
            .map(Value::to_string)
            .collect::<String>();

        let items = app.items().await;
        let hashes = items.iter().filter_map(|item| item.get("codeHash")?.as_s().ok());
        let hashes: Vec<&str> = hashes.map(String::as_str).collect();
        assert!(
            hashes.len() > 2,
            "each invitation has the hash of its code: {hashes:?}"
        );
        for hidden in hashes {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
        for hidden in [
            "ealed", "codeHash", "callback", "tws_", "tic_", "\"pk\"", "\"sk\"", "gsi", "\"ttl\"", "TENANT#",
        ] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
    }

    #[tokio::test]
    async fn a_tenant_that_is_erased_or_not_the_callers_is_not_exported() {
        let app = TestApp::start().await;
        let (own, gone) = (app.tenant("one").await, app.inactive_tenant("two").await);
        app.delete(&format!("/tenants/{gone}"))
            .bearer(&app.operator())
            .send()
            .await
            .expect(204);
        let member = app.member_with(&own, [Permission::ExportTenant]);
        let send = async |id: &str, token: &str| {
            let path = format!("/tenants/{id}/export");
            app.get(&path).bearer(token).send().await
        };

        send(&own, &member).await.expect(200);
        send(&gone, &member).await.expect_problem(404, "not_found");
        for id in [&*gone, &*app.unknown_id(), "x"] {
            send(id, &app.operator()).await.expect_problem(404, "not_found");
        }
        for token in [
            app.member_with(&own, [Permission::ViewTenant]),
            app.operator_with([Permission::ViewTenant]),
        ] {
            send(&own, &token).await.expect_problem(403, "forbidden");
        }
    }

    #[tokio::test]
    async fn a_cursor_serves_one_caller_and_one_tenant() {
        let app = TestApp::start().await;
        let (one, two) = (known(&app).await, app.tenant("two").await);
        let path = format!("/tenants/{one}/export?limit=1");
        let page = app.get(&path).bearer(&app.operator()).send().await.expect(200);
        let next = next(&page).expect("there is more");

        let elsewhere = app
            .get(&next.replace(&one, &two))
            .bearer(&app.operator())
            .send()
            .await;
        let member = app.member_with(&one, [Permission::ExportTenant]);
        let of_another = app.get(&next).bearer(&member).send().await;
        let wrong = app
            .get(&format!("/tenants/{one}/export?limit=0"))
            .bearer(&app.operator())
            .send()
            .await;

        elsewhere.expect_problem(400, "invalid_cursor");
        of_another.expect_problem(400, "invalid_cursor");
        wrong.expect_problem(400, "invalid_query");
    }
}
