use tenantry_api::view::TenantView;
use tenantry_api::{Body, Found, FromMembers, Members, Operation, Problem, Scope};
use tenantry_domain::{
    Domain, Error as DomainError, Event, Id, Kind, PersonName, Tenant, TenantChanges, Transition, Website,
};
use tenantry_store::Transaction;
use utoipa::ToSchema;

/// Changes (JSON Merge Patch, RFC 7396). Key and status are not among them: the one never changes, the other has its commands.
#[derive(Debug, ToSchema)]
#[schema(as = TenantChanges, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; the domain's changes are what is read"
)]
pub(crate) struct TenantChangesDoc {
    /// Name for people.
    #[schema(value_type = String, required = false, max_length = 100)]
    name: Option<String>,
    /// Mail domains.
    #[schema(value_type = Vec<String>, required = false, min_items = 1, max_items = 20)]
    domains: Option<Vec<String>>,
    /// Web site; null removes it.
    website: Option<String>,
    /// Postal address; a part that is absent stays, null removes the part or the whole.
    address: Option<tenantry_api::view::AddressView>,
    /// The user who is the single point of contact; null removes it.
    #[schema(format = "uuid")]
    spoc_user_id: Option<String>,
}

/// The changes as they were read.
pub(crate) struct TenantPatch(TenantChanges);

impl FromMembers for TenantPatch {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let name = members.changed_text("name", PersonName::parse_name);
        let domains = members.changed_texts("domains", 20, Domain::parse);
        let website = members.patched_text("website", Website::parse);
        let address = members.patched_object("address");
        let spoc_user_id = members.patched_text("spocUserId", Id::parse);
        Some(Self(TenantChanges {
            name: name?,
            domains: domains?,
            website: website?,
            address: address?,
            spoc_user_id: spoc_user_id?,
        }))
    }
}

/// Change a tenant.
#[utoipa::path(
    patch,
    path = "/tenants/{id}",
    request_body(content = TenantChangesDoc, content_type = "application/merge-patch+json"),
    params(("id" = String, Path, description = "The tenant's id."))
)]
pub(crate) async fn update_tenant(
    operation: Operation,
    Scope(scope): Scope,
    Body(TenantPatch(changes)): Body<TenantPatch>,
) -> Result<Found<TenantView>, Problem> {
    let context = &operation.context;
    let id = scope.tenant_id();
    operation.about_tenant(id);
    let (tenant, trail) = context
        .store
        .find_tenant_to_change(&scope)
        .await?
        .ok_or_else(|| DomainError::not_found(Kind::Tenant, id))?;
    operation.check_version(Kind::Tenant, id, tenant.version)?;
    let change = context.change(scope.actor().clone());
    let Some(changed) = tenant.clone().update(changes, &scope, &change)? else {
        return Ok(Found(tenant.into()));
    };
    let event = Event::of_tenant(
        "tenant.updated",
        Transition::Changed(&tenant, &changed),
        None,
        context.new_id(),
        context.now,
    );
    let mut entry = context.audit("tenant.updated", &change);
    (entry.before, entry.after) = difference(&tenant, &changed);
    let mut transaction = Transaction::new();
    transaction
        .replace_tenant(&scope, &tenant, &changed, operation.lost_race(Kind::Tenant, id))
        .audit(&trail, &entry)
        .send(&context.event(&event));
    context.store.commit(transaction).await?;
    Ok(Found(changed.into()))
}

/// The changed fields before and after, for the audit trail.
fn difference(before: &Tenant, after: &Tenant) -> (Option<serde_json::Value>, Option<serde_json::Value>) {
    let fields = |tenant: &Tenant| {
        serde_json::json!({
            "name": tenant.name,
            "domains": tenant.domains,
            "website": tenant.website,
            "address": tenant.address,
            "spocUserId": tenant.spoc_user_id,
        })
    };
    let (mut before, mut after) = (fields(before), fields(after));
    if let (Some(old), Some(new)) = (before.as_object_mut(), after.as_object_mut()) {
        let same: Vec<String> = old
            .iter()
            .filter(|(name, value)| new.get(*name) == Some(value))
            .map(|(name, _)| name.clone())
            .collect();
        for name in same {
            old.remove(&name);
            new.remove(&name);
        }
    }
    (Some(before), Some(after))
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::Permission;
    use tenantry_testing::{Answer, TestApp};

    async fn patch(app: &TestApp, id: &str, body: &Value) -> Answer {
        app.patch(&format!("/tenants/{id}"))
            .bearer(&app.operator())
            .json(body)
            .send()
            .await
    }

    fn everything() -> Value {
        json!({
            "name": " Acme Ltd ",
            "domains": ["acme.com", "ACME.org"],
            "website": "https://acme.com",
            "address": { "city": "London", "country": "GB" },
            "spocUserId": "019BC0F7-6E40-7FFF-BFFF-FFFFFFFFFFFF",
        })
    }

    #[tokio::test]
    async fn everything_that_may_change_changes() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        app.clock.advance_minutes(1);

        let answer = patch(&app, &id, &everything()).await.expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.header("etag"), Some("\"2\""));
        assert_eq!(answer.usage.calls, 2);
        let found = app
            .get(&format!("/tenants/{id}"))
            .bearer(&app.operator())
            .send()
            .await;
        assert_eq!(found.expect(200).json(), answer.json());
    }

    #[tokio::test]
    async fn others_hear_of_a_change() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        patch(&app, &id, &everything()).await.expect(200);

        let events = app.events_of("tenant.updated.v1").await;

        insta::assert_json_snapshot!(events);
    }

    #[tokio::test]
    async fn what_is_absent_stays_and_what_is_null_goes() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        let all = patch(&app, &id, &everything()).await.expect(200).json();
        let differing = |before: &Value, after: &Value| {
            let members = before.as_object().expect("a tenant is an object").iter();
            members
                .filter(|(name, value)| after.get(*name) != Some(value))
                .map(|(name, _)| name.clone())
                .collect::<Vec<_>>()
        };

        let renamed = patch(&app, &id, &json!({ "name": "New" }))
            .await
            .expect(200)
            .json();
        let without_site = patch(&app, &id, &json!({ "website": null }))
            .await
            .expect(200)
            .json();
        let bare = patch(&app, &id, &json!({ "address": null, "spocUserId": null }))
            .await
            .expect(200)
            .json();

        assert_eq!(differing(&all, &renamed), ["name", "version"]);
        assert_eq!(differing(&renamed, &without_site), ["website", "version"]);
        assert_eq!(
            differing(&without_site, &bare),
            ["address", "spocUserId", "version"]
        );
        for name in ["website", "address", "spocUserId"] {
            assert_eq!(bare.get(name), None);
        }
    }

    #[tokio::test]
    async fn an_address_is_merged_part_by_part_and_one_without_parts_is_none() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        patch(&app, &id, &everything()).await.expect(200);

        let paris = json!({ "address": { "city": "Paris", "country": null } });
        let moved = patch(&app, &id, &paris).await.expect(200).json();
        let kept = patch(&app, &id, &json!({ "address": {} }))
            .await
            .expect(200)
            .json();
        let nowhere = patch(&app, &id, &json!({ "address": { "city": null } }))
            .await
            .expect(200)
            .json();

        assert_eq!(moved["address"], json!({ "city": "Paris" }));
        assert_eq!(kept["address"], moved["address"]);
        assert_eq!(nowhere.get("address"), None);
    }

    #[tokio::test]
    async fn a_change_of_nothing_is_no_change() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        patch(&app, &id, &everything()).await.expect(200);
        let before = app.items().await;
        app.clock.advance_minutes(1);

        for body in [json!({}), everything(), json!({ "name": "Acme Ltd" })] {
            let answer = patch(&app, &id, &body).await.expect(200);
            assert_eq!(answer.header("etag"), Some("\"2\""), "{body}");
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn what_the_server_owns_is_never_accepted() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        let before = app.items().await;
        let owned = [
            "key",
            "status",
            "statusReason",
            "id",
            "createdAt",
            "createdBy",
            "modifiedAt",
            "modifiedBy",
            "version",
            "leadId",
            "tier",
            "openJobId",
            "appPlaneUrl",
            "contacts",
            "resources",
            "jobCount",
            "pk",
            "type",
        ];

        for name in owned {
            let answer = patch(&app, &id, &json!({ "name": "New", name: "acme" }))
                .await
                .expect_problem(422, "invalid_body");
            assert_eq!(
                answer.violations(),
                [(format!("/{name}"), "unknown_member".to_owned())]
            );
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_said_at_once() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        let body = json!({
            "name": null, "domains": [], "website": "acme.com", "address": { "city": "", "street": "x" }, "spocUserId": "ada", "x": 1,
        });

        let answer = patch(&app, &id, &body).await.expect_problem(422, "invalid_body");

        let violations = answer.violations();
        let told: Vec<(&str, &str)> = violations
            .iter()
            .map(|(pointer, code)| (&**pointer, &**code))
            .collect();
        assert_eq!(
            told,
            [
                ("/name", "required"),
                ("/domains", "invalid_length"),
                ("/website", "invalid_website"),
                ("/address/city", "blank"),
                ("/address/street", "unknown_member"),
                ("/spocUserId", "invalid_id"),
                ("/x", "unknown_member"),
            ]
        );
    }

    #[tokio::test]
    async fn bodies_that_cannot_be_read_are_refused() {
        let app = TestApp::start().await;
        let path = format!("/tenants/{}", app.tenant("acme").await);
        let send = async |media_type: &str, body: &str| {
            app.patch(&path)
                .bearer(&app.operator())
                .header("content-type", media_type)
                .body(body)
                .send()
                .await
        };

        send("application/json", "{")
            .await
            .expect_problem(400, "malformed_json");
        send("application/json", "")
            .await
            .expect_problem(400, "malformed_json");
        send("application/json-patch+json", "[]")
            .await
            .expect_problem(415, "unsupported_media_type");
        send("application/json", &" ".repeat(256 * 1024 + 1))
            .await
            .expect_problem(413, "body_too_large");
        send("application/merge-patch+json", r#"{"name":"New"}"#)
            .await
            .expect(200);
    }

    #[tokio::test]
    async fn a_change_of_another_version_is_refused() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        let path = format!("/tenants/{id}");
        let before = app.items().await;

        for tag in ["\"2\"", "\"0\"", "1", "W/\"1\"", "\"\"", "\"x\", \"y\"", ""] {
            let call = app.patch(&path).bearer(&app.operator()).header("if-match", tag);
            call.json(&json!({ "name": "New" }))
                .send()
                .await
                .expect_problem(412, "precondition_failed");
        }
        assert_eq!(app.items().await, before);
        for (tag, name) in [("\"1\"", "One"), ("\"9\", \"2\"", "Two"), ("*", "Three")] {
            let call = app.patch(&path).bearer(&app.operator()).header("if-match", tag);
            assert_eq!(
                call.json(&json!({ "name": name }))
                    .send()
                    .await
                    .expect(200)
                    .text_at("/name"),
                name
            );
        }
    }

    #[tokio::test]
    async fn of_two_changes_of_one_version_one_is_made() {
        let app = TestApp::start().await;
        let path = format!("/tenants/{}", app.tenant("acme").await);
        let token = app.operator();
        let send = |name: &str| {
            let call = app.patch(&path).bearer(&token).header("if-match", "\"1\"");
            call.json(&json!({ "name": name })).send()
        };

        let answers = join_all(["One", "Two"].map(send)).await;

        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!((won.len(), lost.len()), (1, 1));
        lost[0].clone().expect_problem(412, "precondition_failed");
        let found = app.get(&path).bearer(&token).send().await;
        assert_eq!(found.text_at("/name"), won[0].text_at("/name"));
        assert_eq!(app.events_of("tenant.updated.v1").await.len(), 1);
    }

    #[tokio::test]
    async fn no_change_is_lost_among_many() {
        let app = TestApp::start().await;
        let path = format!("/tenants/{}", app.tenant("acme").await);
        let token = app.operator();
        let send = |n: usize| {
            app.patch(&path)
                .bearer(&token)
                .json(&json!({ "name": format!("Acme {n}") }))
                .send()
        };

        let answers = join_all((0..20).map(send)).await;

        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
        for answer in lost {
            answer.expect_problem(409, "modified_concurrently");
        }
        let found = app.get(&path).bearer(&token).send().await;
        assert_eq!(found.text_at("/version"), (1 + won.len()).to_string());
        assert_eq!(app.events_of("tenant.updated.v1").await.len(), won.len());
    }

    #[tokio::test]
    async fn what_does_not_exist_for_the_caller_is_not_found() {
        let app = TestApp::start().await;
        let (own, foreign) = (app.tenant("one").await, app.tenant("two").await);
        let (member, body) = (app.member(&own), json!({ "name": "New" }));
        let before = app.items().await;

        let path = format!("/tenants/{foreign}");
        app.patch(&path)
            .bearer(&member)
            .json(&body)
            .send()
            .await
            .expect_problem(404, "not_found");
        for id in [&*app.unknown_id(), "x", "%00"] {
            patch(&app, id, &body).await.expect_problem(404, "not_found");
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn nobody_writes_without_a_token_or_the_permission() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        let path = format!("/tenants/{id}");

        app.patch(&path)
            .send()
            .await
            .expect_problem(401, "token_required");
        for others in [
            app.member_with(&id, [Permission::ViewTenant]),
            app.operator_with([Permission::ViewTenant]),
        ] {
            app.patch(&path)
                .bearer(&others)
                .body("not even read")
                .send()
                .await
                .expect_problem(403, "forbidden");
        }
        let answer = app
            .patch(&format!("{path}?x=1"))
            .bearer(&app.operator())
            .json(&json!({}))
            .send()
            .await;
        answer.expect_problem(400, "unknown_query_member");
    }

    #[tokio::test]
    async fn who_is_no_active_member_reads_and_changes_nothing() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        let path = format!("/tenants/{id}");
        let tokens = app.no_members(&id).await;
        let before = app.items().await;

        for token in tokens {
            let call = app.patch(&path).bearer(&token).json(&json!({ "name": "New" }));
            let answer = call.send().await.expect_problem(403, "membership_inactive");
            assert_eq!(answer.usage.calls, 2);
            app.get(&path).bearer(&token).send().await.expect(200);
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn a_version_that_is_no_text_is_another_version() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;

        for tag in ["\"99é\"", "é", "\"2\"", ""] {
            let call = app
                .patch(&format!("/tenants/{id}"))
                .bearer(&app.operator())
                .header("if-match", tag);
            let answer = call.json(&json!({ "name": "Other" })).send().await;

            answer.expect_problem(412, "precondition_failed");
        }
    }
}
