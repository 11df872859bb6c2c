use serde::{Deserialize, Serialize};
use tenantry_api::{Count, Operation, Problem, Query, Scope};
use tenantry_domain::{Error as DomainError, Kind};
use tenantry_store::{ChainCheck, Fault};
use utoipa::{IntoParams, ToSchema};

/// More entries than a list has: at half a kilobyte each they are still far below the megabyte that one Query gives.
const MOST: usize = 500;

/// Which part is checked.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct VerifyQuery {
    /// How many entries at most: 1 to 500, 500 if absent.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 500)]
    limit: Option<String>,
    /// `nextCursor` of the part before.
    cursor: Option<String>,
}

/// What a check of an audit trail found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditVerification)]
pub(crate) struct AuditVerificationView {
    /// Whether everything that was checked is as it was written. The whole trail is when that holds for every part.
    is_intact: bool,
    /// How many entries of this part fit.
    checked: u64,
    /// How many entries the trail has.
    entries: u64,
    /// What is wrong, first of all.
    fault: Option<FaultView>,
    /// Where to go on; null after the last part, which also proves that no entry is missing at the end.
    next_cursor: Option<String>,
}

/// What is wrong with an audit trail.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditFault)]
pub(crate) struct FaultView {
    /// `entry_missing`, `entry_changed`, or `end_changed` when entries after the last one may be missing.
    #[schema(example = "entry_changed")]
    code: &'static str,
    /// The number of the entry, if it is known.
    sequence: Option<u64>,
}

/// Verify the audit trail of a tenant.
///
/// Each entry is sealed together with the one before it under a key that is not in the table, so an entry that was edited,
/// added or removed there is found.
#[utoipa::path(
    get,
    path = "/tenants/{id}/audit/verify",
    params(("id" = String, Path, description = "The tenant's id."), VerifyQuery)
)]
pub(crate) async fn verify_audit(
    operation: Operation,
    Scope(scope): Scope,
    Query(query): Query<VerifyQuery>,
) -> Result<Count<AuditVerificationView>, Problem> {
    let id = scope.tenant_id();
    operation.about_tenant(id);
    let limit = match query.limit.as_deref().map(str::parse) {
        None => MOST,
        Some(Ok(limit)) if (1..=MOST).contains(&limit) => limit,
        Some(_) => {
            let detail = format!("limit: must be a whole number from 1 to {MOST}");
            return Err(Problem::malformed("invalid_query", detail));
        }
    };
    let binding = format!("{}|verify audit {id}", operation.caller.actor());
    let check = operation
        .context
        .store
        .check_audit(&scope, limit, query.cursor.as_deref(), &binding)
        .await?
        .ok_or_else(|| DomainError::not_found(Kind::Tenant, id))?;
    if let Some(fault) = check.fault {
        tracing::error!(tenant.id = %id, audit.fault = ?fault, "the audit trail is not as it was written");
    }
    Ok(Count(check.into()))
}

impl From<ChainCheck> for AuditVerificationView {
    fn from(check: ChainCheck) -> Self {
        let ChainCheck {
            checked,
            entries,
            fault,
            next_cursor,
        } = check;
        Self {
            is_intact: fault.is_none(),
            checked,
            entries,
            fault: fault.map(FaultView::from),
            next_cursor,
        }
    }
}

impl From<Fault> for FaultView {
    fn from(fault: Fault) -> Self {
        let (code, sequence) = match fault {
            Fault::Missing(sequence) => ("entry_missing", Some(sequence)),
            Fault::Changed(sequence) => ("entry_changed", Some(sequence)),
            Fault::Head => ("end_changed", None),
        };
        Self { code, sequence }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_app::{Context, TraceContext};
    use tenantry_domain::{Actor, Id, Permission, TenantScope};
    use tenantry_store::Transaction;
    use tenantry_testing::TestApp;

    /// A tenant with as many entries in its trail.
    async fn tenant_with(app: &TestApp, entries: usize) -> String {
        let tenant = app.tenant("acme").await;
        for n in 1..entries {
            rename(app, &tenant, n).await;
        }
        tenant
    }

    async fn rename(app: &TestApp, tenant: &str, n: usize) -> u16 {
        let body = json!({ "name": format!("Acme {n}") });
        let answer = app
            .patch(&format!("/tenants/{tenant}"))
            .bearer(&app.operator())
            .json(&body)
            .send()
            .await;
        answer.status.as_u16()
    }

    async fn verify(app: &TestApp, tenant: &str) -> Value {
        let path = format!("/tenants/{tenant}/audit/verify");
        app.get(&path)
            .bearer(&app.operator())
            .send()
            .await
            .expect(200)
            .json()
    }

    /// Edits the entry with this number as somebody with access to the table can.
    async fn tamper(app: &TestApp, tenant: &str, sequence: usize, attribute: &str, value: &str) {
        let (pk, sk) = (format!("AUDIT#{tenant}"), format!("{sequence:012}"));
        app.overwrite(&pk, &sk, attribute, value).await;
    }

    #[tokio::test]
    async fn a_trail_is_intact_from_the_first_day_on() {
        let app = TestApp::start().await;
        let tenant = app.active_tenant("acme").await;
        rename(&app, &tenant, 1).await;

        let answer = app
            .get(&format!("/tenants/{tenant}/audit/verify"))
            .bearer(&app.member(&tenant))
            .send()
            .await
            .expect(200);

        let expected =
            json!({ "isIntact": true, "checked": 4, "entries": 4, "fault": null, "nextCursor": null });
        assert_eq!(answer.json(), expected);
    }

    #[tokio::test]
    async fn what_is_edited_is_found() {
        let cases = [
            ("action", "tenant.erased"),
            ("actor", "operator:mallory"),
            ("at", "2026-01-01T00:00:00.000Z"),
            ("requestId", "other"),
            ("after", "{\"name\":\"Mallory\"}"),
            ("before", "{}"),
            ("seal", "k1.AAAA"),
            ("id", "no id at all"),
        ];
        for (attribute, value) in cases {
            let app = TestApp::start().await;
            let tenant = tenant_with(&app, 4).await;

            tamper(&app, &tenant, 3, attribute, value).await;

            let found = verify(&app, &tenant).await;
            assert_eq!(
                (&found["isIntact"], &found["checked"]),
                (&json!(false), &json!(2)),
                "{attribute}"
            );
            assert_eq!(
                found["fault"],
                json!({ "code": "entry_changed", "sequence": 3 }),
                "{attribute}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_removed_is_found_wherever_it_stood() {
        for (removed, checked) in [(1, 0), (2, 1), (4, 3)] {
            let app = TestApp::start().await;
            let tenant = tenant_with(&app, 4).await;

            app.delete_item(&format!("AUDIT#{tenant}"), &format!("{removed:012}"))
                .await;

            let found = verify(&app, &tenant).await;
            assert_eq!(
                (&found["checked"], &found["entries"]),
                (&json!(checked), &json!(4))
            );
            assert_eq!(
                found["fault"],
                json!({ "code": "entry_missing", "sequence": removed })
            );
        }
    }

    #[tokio::test]
    async fn a_head_that_is_gone_is_found_and_nothing_is_written_over_the_trail() {
        let app = TestApp::start().await;
        let tenant = tenant_with(&app, 3).await;

        app.delete_item(&format!("TENANT#{tenant}"), "TENANT#AUDIT").await;

        assert_eq!(
            verify(&app, &tenant).await["fault"],
            json!({ "code": "end_changed", "sequence": null })
        );
        assert_eq!(rename(&app, &tenant, 9).await, 500);
        assert_eq!(verify(&app, &tenant).await["checked"], 3);
    }

    #[tokio::test]
    async fn fifty_writers_make_one_chain() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        let answers = join_all((0..50).map(|n| rename(&app, &tenant, n))).await;

        let written = answers.iter().filter(|status| **status == 200).count();
        let found = verify(&app, &tenant).await;
        assert!(
            answers.iter().all(|status| [200, 409].contains(status)),
            "{answers:?}"
        );
        assert_eq!(
            (&found["isIntact"], &found["checked"]),
            (&json!(true), &json!(written + 1))
        );
    }

    #[tokio::test]
    async fn writers_that_have_nothing_else_in_common_are_chained_one_behind_the_other() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let context = Context::new(
            &app.product.edge.app,
            "request".to_owned(),
            TraceContext::of_request(None, "request"),
        );
        let scope = TenantScope::of_system(Id::parse(&tenant).expect("an id"), Actor::System);
        let trail = context
            .store
            .find_trail(&scope)
            .await
            .expect("the table answers")
            .expect("it began");
        let write = async |n: usize| {
            let mut transaction = Transaction::new();
            let entry = context.audit(&format!("test.{n}"), &context.change(Actor::System));
            transaction.audit(&trail, &entry);
            context.store.commit(transaction).await
        };

        let written = join_all((0..20).map(write)).await;

        let found = verify(&app, &tenant).await;
        assert!(written.iter().all(Result::is_ok), "{written:?}");
        assert_eq!(
            (&found["isIntact"], &found["checked"]),
            (&json!(true), &json!(21))
        );
    }

    #[tokio::test]
    async fn a_long_trail_is_checked_in_parts_that_hang_together() {
        let app = TestApp::start().await;
        let tenant = tenant_with(&app, 7).await;
        let path = format!("/tenants/{tenant}/audit/verify?limit=3");
        let (mut checked, mut cursor) = (Vec::new(), String::new());

        loop {
            let part = app
                .get(&format!("{path}{cursor}"))
                .bearer(&app.operator())
                .send()
                .await
                .expect(200)
                .json();
            assert_eq!(part["isIntact"], true, "{part}");
            checked.push(part["checked"].as_u64().unwrap_or_default());
            match part["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(checked, [3, 3, 1]);

        // The seal of the entry where a part begins is what the next one hangs on.
        let first = app.get(&path).bearer(&app.operator()).send().await.expect(200);
        tamper(&app, &tenant, 3, "seal", "k1.AAAA").await;
        let second = app
            .get(&format!("{path}&cursor={}", first.text_at("/nextCursor")))
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);
        assert_eq!(
            second.json()["fault"],
            json!({ "code": "entry_changed", "sequence": 4 })
        );
    }

    #[tokio::test]
    async fn what_does_not_exist_for_the_caller_is_not_found() {
        let app = TestApp::start().await;
        let (own, foreign) = (app.tenant("one").await, app.tenant("two").await);

        app.get(&format!("/tenants/{foreign}/audit/verify"))
            .bearer(&app.member(&own))
            .send()
            .await
            .expect_problem(404, "not_found");
        app.get(&format!("/tenants/{}/audit/verify", app.unknown_id()))
            .bearer(&app.operator())
            .send()
            .await
            .expect_problem(404, "not_found");
    }

    #[tokio::test]
    async fn a_query_that_is_not_understood_is_refused() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let cases = [
            ("limit=0", "invalid_query"),
            ("limit=501", "invalid_query"),
            ("cursor=x", "invalid_cursor"),
            ("order=createdAt:asc", "unknown_query_member"),
        ];

        for (query, code) in cases {
            app.get(&format!("/tenants/{tenant}/audit/verify?{query}"))
                .bearer(&app.operator())
                .send()
                .await
                .expect_problem(400, code);
        }
    }

    #[tokio::test]
    async fn nobody_verifies_without_a_token_or_the_permission() {
        let app = TestApp::start().await;
        let path = format!("/tenants/{}/audit/verify", app.tenant("acme").await);
        let others = app.operator_with(Permission::all().filter(|p| *p != Permission::ViewAuditLog));

        app.get(&path).send().await.expect_problem(401, "token_required");
        app.get(&path)
            .bearer(&others)
            .send()
            .await
            .expect_problem(403, "forbidden");
    }
}
