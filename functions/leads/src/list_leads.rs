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
pub(crate) async fn list_leads(
    operation: Operation,
    Query(query): Query<LeadsQuery>,
) -> Result<Paged<LeadView>, Problem> {
    let LeadsQuery {
        is_validated,
        created_from,
        created_before,
        limit,
        cursor,
        order,
    } = query;
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
        Some(_) => Err(Problem::malformed(
            "invalid_query",
            "isValidated: must be true or false",
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tenantry_domain::{Clock as _, Permission};
    use tenantry_testing::{Answer, TestApp};

    async fn list(app: &TestApp, query: &str) -> Answer {
        let token = app.operator_with([Permission::ViewLead]);
        app.get(&format!("/leads{query}")).bearer(&token).send().await
    }

    /// The local parts of the addresses, in their order.
    fn names(answer: &Answer) -> Vec<String> {
        let json = answer.clone().expect(200).json();
        let items = json["items"].as_array().cloned().unwrap_or_default();
        let name = |email: &str| email.split('@').next().unwrap_or_default().to_owned();
        items
            .iter()
            .map(|item| name(item["email"].as_str().unwrap_or_default()))
            .collect()
    }

    /// Ada (verified), Bob and Cy sign up a minute apart.
    async fn three_leads() -> TestApp {
        let app = TestApp::start().await;
        app.verified_lead("ada@acme.com").await;
        for email in ["bob@acme.com", "cy@acme.com"] {
            app.clock.advance_minutes(1);
            app.sign_up(email).await;
        }
        app
    }

    #[tokio::test]
    async fn leads_are_listed_newest_first() {
        let app = three_leads().await;

        let answer = list(&app, "").await.expect(200);

        insta::assert_json_snapshot!(answer.json());
    }

    #[tokio::test]
    async fn there_may_be_none() {
        let app = TestApp::start().await;

        let answer = list(&app, "").await.expect(200);

        assert_eq!(answer.json(), json!({ "items": [], "nextCursor": null }));
    }

    #[tokio::test]
    async fn filters_and_order_choose() {
        let app = three_leads().await;
        let cases: [(&str, &[&str]); 7] = [
            ("?isValidated=true", &["ada"]),
            ("?isValidated=false", &["cy", "bob"]),
            ("?order=createdAt:asc", &["ada", "bob", "cy"]),
            ("?createdFrom=2026-01-15T09:31:00Z", &["cy", "bob"]),
            ("?createdBefore=2026-01-15T09:31:00Z", &["ada"]),
            (
                "?createdFrom=2026-01-15T10:31:00.000%2B01:00&createdBefore=2026-01-15T09:32:00Z",
                &["bob"],
            ),
            ("?isValidated=false&createdFrom=2026-01-15T09:31:30Z", &["cy"]),
        ];

        for (query, expected) in cases {
            assert_eq!(names(&list(&app, query).await), expected, "{query}");
        }
    }

    #[tokio::test]
    async fn pages_follow_each_other_without_gap_or_repeat() {
        let app = TestApp::start_with(|config| config.public_rate_per_minute = 1_000).await;
        let mut expected = Vec::new();
        for n in 0..25 {
            app.sign_up(&format!("ada{n}@acme.com")).await;
            expected.push(format!("ada{n}"));
            app.clock.advance_ms(1);
        }
        expected.reverse();

        assert_eq!(names(&list(&app, "").await), expected[..20]);
        for limit in [1, 7, 25, 100] {
            let mut read = Vec::new();
            let mut query = format!("?limit={limit}");
            loop {
                let answer = list(&app, &query).await.expect(200);
                assert!(names(&answer).len() <= limit);
                read.extend(names(&answer));
                let json = answer.json();
                let Some(cursor) = json["nextCursor"].as_str() else {
                    break;
                };
                query = format!("?limit={limit}&cursor={cursor}");
            }
            assert_eq!(read, expected, "{limit}");
        }
    }

    #[tokio::test]
    async fn a_cursor_is_good_for_its_caller_and_query_only() {
        let app = three_leads().await;
        let cursor = list(&app, "?limit=1").await.expect(200).text_at("/nextCursor");
        let now = app.clock.now().as_seconds();
        let claims = json!({ "sub": "another", "scope": "platform", "permissions": ["ViewLead"] });
        let another = app
            .product
            .issuer
            .sign(claims, now, now + 60)
            .expect("the local issuer signs");

        let answers = [
            list(&app, &format!("?cursor={cursor}&isValidated=false")).await,
            list(&app, &format!("?cursor={cursor}&order=createdAt:asc")).await,
            list(&app, &format!("?cursor=x{cursor}")).await,
            list(&app, "?cursor=").await,
            app.get(&format!("/leads?cursor={cursor}"))
                .bearer(&another)
                .send()
                .await,
            app.get(&format!("/tenants?cursor={cursor}"))
                .bearer(&app.operator())
                .send()
                .await,
        ];

        for answer in answers {
            answer.expect_problem(400, "invalid_cursor");
        }
    }

    #[tokio::test]
    async fn a_query_that_makes_no_sense_is_refused() {
        let app = TestApp::start().await;
        let cases = [
            ("limit=0", "invalid_query"),
            ("limit=101", "invalid_query"),
            ("limit=-1", "invalid_query"),
            ("limit=ten", "invalid_query"),
            ("limit=", "invalid_query"),
            ("order=email:asc", "invalid_query"),
            ("isValidated=1", "invalid_query"),
            ("createdFrom=yesterday", "invalid_query"),
            ("createdBefore=2026-13-01T00:00:00Z", "invalid_query"),
            ("email=ada@acme.com", "unknown_query_member"),
            ("filter=%7B%7D", "unknown_query_member"),
        ];

        for (query, code) in cases {
            list(&app, &format!("?{query}")).await.expect_problem(400, code);
        }
    }

    #[tokio::test]
    async fn only_operators_with_the_permission_may() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;
        let tenant = app.tenant("acme").await;
        let others = Permission::all().filter(|permission| *permission != Permission::ViewLead);
        let member = app.member_with(&tenant, Permission::all());

        app.get("/leads")
            .send()
            .await
            .expect_problem(401, "token_required");
        app.get("/leads")
            .bearer("x")
            .send()
            .await
            .expect_problem(401, "invalid_token");
        for token in [app.operator_with(others), member, lead.token] {
            app.get("/leads?limit=0")
                .bearer(&token)
                .send()
                .await
                .expect_problem(403, "forbidden");
        }
    }
}
