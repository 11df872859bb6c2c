use serde::Deserialize;
use tenantry_api::view::TenantView;
use tenantry_api::{ListQuery, Operation, Paged, Problem, Query};
use tenantry_domain::{Permission, TenantKey, TenantStatus};
use tenantry_store::{Page, TenantFilter};
use utoipa::IntoParams;

use crate::include::Include;

/// Which tenants, and which part of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct TenantsQuery {
    /// Only those in this status.
    status: Option<String>,
    /// Only the one with this key.
    key: Option<String>,
    /// Only those made at this instant or later.
    created_from: Option<String>,
    /// Only those made before this instant.
    created_before: Option<String>,
    /// Relations, with commas between them: contacts, resources, lead, address. Costs one more read a tenant.
    include: Option<String>,
    /// How many items at most: 1 to 100, 20 if absent.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// `createdAt:desc` (newest first, if absent) or `createdAt:asc`.
    order: Option<String>,
}

/// List tenants.
#[utoipa::path(get, path = "/tenants", params(TenantsQuery))]
pub(crate) async fn list_tenants(
    operation: Operation,
    Query(query): Query<TenantsQuery>,
) -> Result<Paged<TenantView>, Problem> {
    let TenantsQuery {
        status,
        key,
        created_from,
        created_before,
        include,
        limit,
        cursor,
        order,
    } = query;
    let filter = TenantFilter {
        status: tenant_status(status.as_deref())?,
        key: key
            .as_deref()
            .map(TenantKey::parse)
            .transpose()
            .map_err(|rule| in_query("key", &rule))?,
        created_from: ListQuery::instant("createdFrom", created_from.as_deref())?,
        created_before: ListQuery::instant("createdBefore", created_before.as_deref())?,
    };
    let include = Include::parse(include.as_deref())?;
    let page = ListQuery { limit, cursor, order }.page(&operation.caller, &format!("tenants {filter:?}"))?;
    let store = &operation.context.store;
    let Page { items, next_cursor } = store.list_tenants(&filter, &page).await?;
    let items = if include.is_any() {
        let scopes = items
            .iter()
            .map(|tenant| operation.caller.scope(tenant.id, Permission::ViewTenant));
        let parts = store
            .find_relations(&scopes.collect::<Result<Vec<_>, _>>()?)
            .await?;
        parts.into_iter().map(|parts| include.view(parts)).collect()
    } else {
        items.into_iter().map(TenantView::from).collect()
    };
    Ok(Paged(Page { items, next_cursor }))
}

/// Reads `status`.
pub(crate) fn tenant_status(text: Option<&str>) -> Result<Option<TenantStatus>, Problem> {
    text.map(TenantStatus::parse)
        .transpose()
        .map_err(|rule| in_query("status", &rule))
}

fn in_query(name: &str, rule: &tenantry_domain::Rule) -> Problem {
    Problem::malformed("invalid_query", format!("{name}: {rule}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;
    use tenantry_domain::Permission;
    use tenantry_testing::TestApp;

    use crate::walk::{all, walk};

    /// Tenants with different times of creation, `a` first.
    async fn tenants_apart(app: &TestApp, count: u8) -> Vec<String> {
        let mut keys = Vec::new();
        for n in 0..count {
            let key = char::from(b'a' + n).to_string();
            app.tenant(&key).await;
            app.clock.advance_ms(1);
            keys.push(key);
        }
        keys
    }

    async fn keys(app: &TestApp, query: &str) -> String {
        let answer = app
            .get(&format!("/tenants?order=createdAt:asc&{query}"))
            .bearer(&app.operator())
            .send()
            .await;
        let page = answer.expect(200).json();
        let items = page["items"].as_array().cloned().unwrap_or_default();
        items
            .iter()
            .filter_map(|item| item["key"].as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[tokio::test]
    async fn an_empty_list_is_a_page() {
        let app = TestApp::start().await;

        let answer = app
            .get("/tenants")
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);

        assert_eq!(answer.text, r#"{"items":[],"nextCursor":null}"#);
    }

    #[tokio::test]
    async fn the_newest_tenant_comes_first() {
        let app = TestApp::start().await;
        app.active_tenant("acme").await;
        app.clock.advance_minutes(1);
        app.tenant("other").await;

        let answer = app
            .get("/tenants?include=contacts,resources")
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);

        insta::assert_json_snapshot!(answer.json());
    }

    #[tokio::test]
    async fn a_walk_meets_every_tenant_once_and_in_order() {
        let app = TestApp::start().await;
        let mut expected = tenants_apart(&app, 25).await;

        let upwards = walk(&app, &app.operator(), "/tenants?order=createdAt:asc", 10).await;
        let downwards = walk(&app, &app.operator(), "/tenants?order=createdAt:desc", 10).await;
        let by_default = walk(&app, &app.operator(), "/tenants", 10).await;

        assert_eq!(upwards.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5]);
        assert_eq!(all(&upwards, "key"), expected);
        expected.reverse();
        assert_eq!(all(&downwards, "key"), expected);
        assert_eq!(by_default, downwards);
    }

    #[tokio::test]
    async fn a_walk_ends_where_the_list_ends() {
        let app = TestApp::start().await;
        let expected = tenants_apart(&app, 4).await;

        for (limit, sizes) in [
            (1, vec![1, 1, 1, 1]),
            (2, vec![2, 2]),
            (3, vec![3, 1]),
            (4, vec![4]),
            (100, vec![4]),
        ] {
            for filter in ["", "&status=PENDING_PROVISION"] {
                let pages = walk(
                    &app,
                    &app.operator(),
                    &format!("/tenants?order=createdAt:asc{filter}"),
                    limit,
                )
                .await;
                assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), sizes, "{limit}");
                assert_eq!(all(&pages, "key"), expected);
            }
        }
    }

    #[tokio::test]
    async fn tenants_of_one_millisecond_are_all_met() {
        let app = TestApp::start().await;
        for n in 0..12 {
            app.tenant(&format!("t{n}")).await;
        }

        for order in ["asc", "desc"] {
            let pages = walk(
                &app,
                &app.operator(),
                &format!("/tenants?order=createdAt:{order}"),
                5,
            )
            .await;
            let met = all(&pages, "key");
            assert_eq!(
                (met.len(), met.iter().collect::<BTreeSet<_>>().len()),
                (12, 12),
                "{order}"
            );
        }
    }

    #[tokio::test]
    async fn a_tenant_that_comes_during_a_walk_disturbs_no_other() {
        let app = TestApp::start().await;
        tenants_apart(&app, 4).await;
        let first = app
            .get("/tenants?limit=2")
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);
        app.tenant("late").await;

        let path = format!("/tenants?limit=2&cursor={}", first.text_at("/nextCursor"));
        let second = app
            .get(&path)
            .bearer(&app.operator())
            .send()
            .await
            .expect(200)
            .json();

        assert_eq!(
            (&second["items"][0]["key"], &second["items"][1]["key"]),
            (&json!("b"), &json!("a"))
        );
        assert_eq!(second["nextCursor"], json!(null));
    }

    #[tokio::test]
    async fn twenty_are_listed_when_no_limit_is_given() {
        let app = TestApp::start().await;
        tenants_apart(&app, 21).await;

        let page = app
            .get("/tenants")
            .bearer(&app.operator())
            .send()
            .await
            .expect(200)
            .json();

        assert_eq!(page["items"].as_array().map(Vec::len), Some(20));
    }

    #[tokio::test]
    async fn a_cursor_is_good_for_its_caller_and_its_list_only() {
        let app = TestApp::start().await;
        let tenant = app.tenant("one").await;
        app.tenant("two").await;
        let claims = json!({ "sub": "other-operator", "scope": "platform", "permissions": ["ViewTenant"] });
        let other = app
            .product
            .issuer
            .sign(claims, 1_768_469_400, 1_768_473_000)
            .expect("the local issuer signs");
        let first = app
            .get("/tenants?limit=1")
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);
        let cursor = first.text_at("/nextCursor");
        let path = format!("/tenants?limit=1&cursor={cursor}");

        app.get(&path).bearer(&app.operator()).send().await.expect(200);
        app.get(&path)
            .bearer(&other)
            .send()
            .await
            .expect_problem(400, "invalid_cursor");
        for query in [
            "status=PENDING_PROVISION",
            "order=createdAt:asc",
            "createdFrom=2026-01-01T00:00:00Z",
        ] {
            app.get(&format!("{path}&{query}"))
                .bearer(&app.operator())
                .send()
                .await
                .expect_problem(400, "invalid_cursor");
        }
        for list in ["jobs", "audit", "resources"] {
            let path = format!("/tenants/{tenant}/{list}?cursor={cursor}");
            app.get(&path)
                .bearer(&app.operator())
                .send()
                .await
                .expect_problem(400, "invalid_cursor");
        }
        for hostile in ["", "x", "AQ", "%00", &cursor[1..], &format!("{cursor}A")] {
            let path = format!("/tenants?cursor={hostile}");
            app.get(&path)
                .bearer(&app.operator())
                .send()
                .await
                .expect_problem(400, "invalid_cursor");
        }
    }

    #[tokio::test]
    async fn filters_keep_what_they_name() {
        let app = TestApp::start().await;
        let from = "2026-01-15T09:30:00";
        app.active_tenant("a").await;
        app.clock.advance_ms(1000);
        let b = app.tenant("b").await;
        app.clock.advance_ms(1000);
        app.tenant("c").await;
        app.provision(&b).await;
        let cases = [
            ("status=ACTIVE".to_owned(), "a"),
            ("status=PROVISIONING".to_owned(), "b"),
            ("status=PENDING_PROVISION".to_owned(), "c"),
            ("status=INACTIVE".to_owned(), ""),
            ("key=b".to_owned(), "b"),
            ("key=zz".to_owned(), ""),
            ("key=b&status=PROVISIONING".to_owned(), "b"),
            ("key=b&status=ACTIVE".to_owned(), ""),
            (format!("createdFrom={from}.000Z"), "a b c"),
            (format!("createdFrom={from}.001Z"), "b c"),
            ("createdFrom=2026-01-15T09:30:01Z".to_owned(), "b c"),
            ("createdFrom=2026-01-15T10:30:02%2B01:00".to_owned(), "c"),
            ("createdBefore=2026-01-15T09:30:02Z".to_owned(), "a b"),
            ("createdBefore=2026-01-15T09:30:02.001Z".to_owned(), "a b c"),
            (format!("createdBefore={from}Z"), ""),
            (
                format!("createdFrom={from}.500Z&createdBefore=2026-01-15T09:30:01.001Z"),
                "b",
            ),
            (
                "createdFrom=2026-01-16T00:00:00Z&createdBefore=2026-01-01T00:00:00Z".to_owned(),
                "",
            ),
            ("key=b&createdBefore=2026-01-15T09:30:01Z".to_owned(), ""),
            ("key=b&createdFrom=2026-01-15T09:30:01Z".to_owned(), "b"),
            ("status=ACTIVE&createdFrom=2026-01-15T09:30:01Z".to_owned(), ""),
        ];

        for (query, expected) in cases {
            assert_eq!(keys(&app, &query).await, expected, "{query}");
        }
    }

    #[tokio::test]
    async fn a_query_that_is_not_understood_is_refused() {
        let app = TestApp::start().await;
        let cases = [
            ("limit=0", "invalid_query"),
            ("limit=101", "invalid_query"),
            ("limit=-1", "invalid_query"),
            ("limit=1.5", "invalid_query"),
            ("limit=", "invalid_query"),
            ("limit=99999999999999999999", "invalid_query"),
            ("limit=1&limit=2", "invalid_query"),
            ("order=name:asc", "invalid_query"),
            ("order=createdAt", "invalid_query"),
            ("order=", "invalid_query"),
            ("status=1", "invalid_query"),
            ("key=Acme", "invalid_query"),
            ("key=", "invalid_query"),
            ("createdFrom=yesterday", "invalid_query"),
            ("createdFrom=", "invalid_query"),
            ("createdBefore=2026-01-15", "invalid_query"),
            ("createdBefore=0001-01-01T00:00:00Z", "invalid_query"),
            ("include=users", "invalid_query"),
            ("cursor=x", "invalid_cursor"),
            ("filter=%7B%22limit%22%3A1%7D", "unknown_query_member"),
            ("Limit=1", "unknown_query_member"),
            ("=", "unknown_query_member"),
        ];

        for (query, code) in cases {
            app.get(&format!("/tenants?{query}"))
                .bearer(&app.operator())
                .send()
                .await
                .expect_problem(400, code);
        }
    }

    #[tokio::test]
    async fn nobody_but_operators_with_the_permission_lists_tenants() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let others = app.operator_with(Permission::all().filter(|p| *p != Permission::ViewTenant));

        app.get("/tenants")
            .send()
            .await
            .expect_problem(401, "token_required");
        app.get("/tenants")
            .bearer(&others)
            .send()
            .await
            .expect_problem(403, "forbidden");
        app.get("/tenants")
            .bearer(&app.member(&tenant))
            .send()
            .await
            .expect_problem(403, "forbidden");
    }

    #[tokio::test]
    async fn a_list_of_one_key_takes_no_cursor() {
        let app = TestApp::start().await;
        app.tenant("acme").await;

        let answer = app
            .get("/tenants?key=acme&cursor=x")
            .bearer(&app.operator())
            .send()
            .await;

        answer.expect_problem(400, "invalid_cursor");
    }
}
