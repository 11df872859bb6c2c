use serde_json::{Map, Value};
use tenantry_api::{Body, Found, FromMembers, Members, Operation, Path, Problem, Scope};
use tenantry_domain::{Id, Kind, Patch, Preference, Rule};
use tenantry_store::Transaction;
use utoipa::ToSchema;

use crate::preference_view::PreferenceView;
use crate::put_preference::find_own;

/// Changes (JSON Merge Patch, RFC 7396). The value is replaced as a whole.
#[derive(Debug, ToSchema)]
#[schema(as = UserTenantPreferenceChanges, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; what is read is a value of the domain"
)]
pub(crate) struct PreferenceChangesDoc {
    /// What is remembered: any object of at most 8 KiB.
    #[schema(value_type = Object, required = false)]
    config_value: Option<Map<String, Value>>,
}

/// The changes as they were read.
pub(crate) struct PreferencePatch(Option<Map<String, Value>>);

impl FromMembers for PreferencePatch {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        match members.patched_sized_object("configValue", Preference::MOST_BYTES)? {
            Patch::Keep => Some(Self(None)),
            Patch::Set(value) => Some(Self(Some(value))),
            Patch::Clear => members.note("configValue", Rule::new("required", "must not be null")),
        }
    }
}

/// Change one of one's own preferences.
#[utoipa::path(
    patch,
    path = "/user-tenant-prefs/{id}",
    request_body(content = PreferenceChangesDoc, content_type = "application/merge-patch+json"),
    params(("id" = String, Path, description = "The preference's id."))
)]
pub(crate) async fn update_preference(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Preference>>,
    Body(PreferencePatch(value)): Body<PreferencePatch>,
) -> Result<Found<PreferenceView>, Problem> {
    let context = &operation.context;
    operation.about_tenant(scope.tenant_id());
    let preference = find_own(&operation, &scope, id).await?;
    operation.check_version(Kind::Preference, id, preference.version)?;
    let change = context.change(scope.actor().clone());
    let Some(updated) = value.and_then(|value| preference.clone().set(value, &change)) else {
        return Ok(Found(preference.into()));
    };
    let lost = operation.lost_race(Kind::Preference, id);
    let mut transaction = Transaction::new();
    transaction
        .in_tenant(&scope)
        .replace_preference(&scope, &updated, lost);
    context.store.commit(transaction).await?;
    Ok(Found(updated.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tenantry_domain::SystemRole;
    use tenantry_testing::TestApp;

    use crate::scene::{GRACE, of_members, prefer, send, told};

    #[tokio::test]
    async fn a_value_is_replaced_as_a_whole() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let path = prefer(&app, &grace, "theme").await;
        app.clock.advance_minutes(1);

        let body = json!({ "configValue": { "m": 2 } });
        let answer = send(&app, "PATCH", &path, &grace.token, &body).await.expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.header("etag"), Some("\"2\""));
        assert_eq!(answer.usage.calls, 2);
        let found = send(&app, "GET", &path, &grace.token, &Value::Null)
            .await
            .expect(200);
        assert_eq!((found.json(), found.usage.calls), (answer.json(), 1));
    }

    #[tokio::test]
    async fn a_change_of_nothing_is_no_change() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let path = prefer(&app, &grace, "theme").await;
        let before = app.items().await;

        for body in [json!({}), json!({ "configValue": { "n": 1 } })] {
            let answer = send(&app, "PATCH", &path, &grace.token, &body).await.expect(200);
            assert_eq!(answer.header("etag"), Some("\"1\""));
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_said_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let path = prefer(&app, &grace, "theme").await;

        for (body, wrong) in [
            (
                json!({ "configValue": null, "configKey": "x", "version": 1 }),
                &[
                    "/configValue required",
                    "/configKey unknown_member",
                    "/version unknown_member",
                ][..],
            ),
            (json!({ "configValue": "x" }), &["/configValue invalid_type"][..]),
            (
                json!({ "configValue": { "x": "x".repeat(8192) } }),
                &["/configValue too_large"][..],
            ),
        ] {
            let answer = send(&app, "PATCH", &path, &grace.token, &body).await;
            assert_eq!(told(&answer.expect_problem(422, "invalid_body")), wrong);
        }
    }

    #[tokio::test]
    async fn another_membership_has_no_such_preference() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let elsewhere = app.join_as(&other, GRACE, SystemRole::Member).await;
        let owner = app.join_as(&tenant, "ada@acme.com", SystemRole::Owner).await;
        let path = prefer(&app, &grace, "theme").await;
        let everything = app.token_of(&tenant, &owner.user_id, of_members());
        let unknown = format!("/user-tenant-prefs/{}", app.unknown_id());
        app.settle().await;
        let before = app.items().await;

        let body = json!({ "configValue": { "m": 2 } });
        for (path, token) in [
            (&path, &elsewhere.token),
            (&path, &everything),
            (&unknown, &grace.token),
        ] {
            for (method, body) in [("GET", &Value::Null), ("PATCH", &body), ("DELETE", &Value::Null)] {
                send(&app, method, path, token, body)
                    .await
                    .expect_problem(404, "not_found");
            }
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn what_has_another_version_stays_as_it_is() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let path = prefer(&app, &grace, "theme").await;
        let before = app.items().await;
        let call = |method: &str, tag: &str| {
            let call = app
                .call(method, &path)
                .bearer(&grace.token)
                .header("if-match", tag);
            if method == "DELETE" {
                call
            } else {
                call.json(&json!({ "configValue": {} }))
            }
        };

        for method in ["PATCH", "DELETE"] {
            for tag in ["\"2\"", "1", "", "W/\"1\""] {
                let answer = call(method, tag).send().await;
                answer.expect_problem(412, "precondition_failed");
            }
        }
        assert_eq!(app.items().await, before);
        call("PATCH", "\"1\"").send().await.expect(200);
        call("DELETE", "\"2\"").send().await.expect(204);
    }
}
