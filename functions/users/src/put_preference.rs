use serde_json::{Map, Value};
use tenantry_api::{
    Body, Created, Found, FromMembers, Members, Operation, Problem, Reply as _, Scope, Upserted,
};
use tenantry_app::{Error, look_again};
use tenantry_domain::{ConfigName, Error as DomainError, Id, Kind, Membership, Preference, TenantScope};
use tenantry_store::Transaction;
use utoipa::ToSchema;

use crate::preference_view::PreferenceView;

/// A preference that is set.
#[derive(Debug, ToSchema)]
#[schema(as = NewUserTenantPreference, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; what is read is a preference of the domain"
)]
pub(crate) struct NewPreferenceDoc {
    /// What it is about: 1 to 100 letters, digits, dots, underscores, hyphens and spaces.
    #[schema(max_length = 100, example = "last-accessed-url")]
    config_key: String,
    /// What is remembered: any object of at most 8 KiB.
    #[schema(value_type = Object)]
    config_value: Map<String, Value>,
}

/// The preference as it was read.
pub(crate) struct NewPreference {
    key: ConfigName,
    value: Map<String, Value>,
}

impl FromMembers for NewPreference {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let key = members.text("configKey", ConfigName::parse);
        let value = members.sized_object("configValue", Preference::MOST_BYTES);
        Some(Self {
            key: key?,
            value: value?,
        })
    }
}

/// Set a preference.
///
/// One value for each key: 201 if it is new, 200 if it was there. A member has at most 25.
#[utoipa::path(post, path = "/user-tenant-prefs", request_body = NewPreferenceDoc)]
pub(crate) async fn put_preference(
    operation: Operation,
    Scope(scope): Scope,
    Body(NewPreference { key, value }): Body<NewPreference>,
) -> Result<Upserted<PreferenceView>, Problem> {
    let context = &operation.context;
    operation.about_tenant(scope.tenant_id());
    let member = own_membership(&operation)?;
    let change = context.change(scope.actor().clone());
    let id = Preference::id_of(member, &key);
    let put = look_again(|| async {
        let found = context.store.find_preference(&scope, member, id).await?;
        let mut transaction = Transaction::new();
        transaction.in_tenant(&scope);
        let lost = operation.lost_race(Kind::Preference, id);
        let reply = match found {
            None => {
                let place = (scope.tenant_id(), member);
                let preference = Preference::new(place, key.clone(), value.clone(), &change);
                transaction.create_preference(&scope, &preference, lost);
                Upserted::Created(Created {
                    location: format!("/user-tenant-prefs/{id}"),
                    body: preference.into(),
                })
            }
            Some(preference) => match preference.clone().set(value.clone(), &change) {
                None => Upserted::Found(Found(preference.into())),
                Some(preference) => {
                    transaction.replace_preference(&scope, &preference, lost);
                    Upserted::Found(Found(preference.into()))
                }
            },
        };
        context.commit(transaction, || reply.stored()).await?;
        Ok(reply)
    })
    .await?;
    Ok(put)
}

/// The membership that the caller acts as: the guard lets nobody in who has none.
pub(crate) fn own_membership(operation: &Operation) -> Result<Id<Membership>, DomainError> {
    let missing = || DomainError::Forbidden("only members have preferences".to_owned());
    operation.membership_id().ok_or_else(missing)
}

/// One of the caller's own preferences.
pub(crate) async fn find_own(
    operation: &Operation,
    scope: &TenantScope,
    id: Id<Preference>,
) -> Result<Preference, Error> {
    let member = own_membership(operation)?;
    let found = operation.context.store.find_preference(scope, member, id).await?;
    Ok(found.ok_or_else(|| DomainError::not_found(Kind::Preference, id))?)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::SystemRole;
    use tenantry_testing::{Answer, Person, TestApp};

    use crate::scene::{GRACE, count_of, prefer, preference, send, told, won};

    async fn put(app: &TestApp, person: &Person, body: &Value) -> Answer {
        send(app, "POST", "/user-tenant-prefs", &person.token, body).await
    }

    async fn counted(app: &TestApp, person: &Person) -> String {
        let answer = send(
            app,
            "GET",
            "/user-tenant-prefs/count",
            &person.token,
            &Value::Null,
        )
        .await;
        answer.expect(200).text_at("/count")
    }

    #[tokio::test]
    async fn a_preference_is_set_and_set_again() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let body = json!({
            "configKey": " last-accessed-url ", "configValue": { "value": "sample value", "n": 1e300, "none": null },
        });

        let first = put(&app, &grace, &body).await.expect(201);
        app.clock.advance_minutes(1);
        let again = put(&app, &grace, &preference("last-accessed-url", 2))
            .await
            .expect(200);
        app.clock.advance_minutes(1);
        let same = put(&app, &grace, &preference("last-accessed-url", 2))
            .await
            .expect(200);

        insta::assert_json_snapshot!(first.json());
        let path = format!("/user-tenant-prefs/{}", first.text_at("/id"));
        assert_eq!(first.header("location"), Some(&*path));
        insta::assert_json_snapshot!(again.json());
        assert_eq!(same.json(), again.json());
        for (answer, tag) in [(first, "\"1\""), (again, "\"2\""), (same, "\"2\"")] {
            assert_eq!(answer.header("etag"), Some(tag));
            assert_eq!(answer.usage.calls, 2);
        }
        assert_eq!(counted(&app, &grace).await, "1");
    }

    #[tokio::test]
    async fn each_membership_has_its_own() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let elsewhere = app.join_as(&other, GRACE, SystemRole::Member).await;
        let ada = app.join_as(&tenant, "ada@acme.com", SystemRole::Member).await;

        let mut paths = Vec::new();
        for person in [&grace, &elsewhere, &ada] {
            paths.push(prefer(&app, person, "theme").await);
        }

        paths.dedup();
        assert_eq!(paths.len(), 3);
        for person in [&grace, &elsewhere, &ada] {
            assert_eq!(counted(&app, person).await, "1");
        }
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_said_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let of_bytes = |bytes: usize| json!({ "x": "x".repeat(bytes - r#"{"x":""}"#.len()) });

        for (body, wrong) in [
            (
                json!({ "configKey": "a#b", "configValue": ["x"], "userTenantId": grace.membership_id, "deleted": true }),
                &[
                    "/configKey invalid_config_key",
                    "/configValue invalid_type",
                    "/userTenantId unknown_member",
                    "/deleted unknown_member",
                ][..],
            ),
            (json!({}), &["/configKey required", "/configValue required"][..]),
            (
                json!({ "configKey": "", "configValue": null }),
                &["/configKey invalid_config_key", "/configValue required"][..],
            ),
            (
                json!({ "configKey": "k".repeat(101), "configValue": of_bytes(8193) }),
                &["/configKey invalid_config_key", "/configValue too_large"][..],
            ),
        ] {
            let answer = put(&app, &grace, &body).await;
            assert_eq!(told(&answer.expect_problem(422, "invalid_body")), wrong);
        }
        let largest = json!({ "configKey": "k".repeat(100), "configValue": of_bytes(8192) });
        put(&app, &grace, &largest).await.expect(201);
    }

    #[tokio::test]
    async fn a_member_has_twenty_five_at_most_however_many_come_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        for n in 0..22 {
            prefer(&app, &grace, &format!("key-{n}")).await;
        }
        let bodies: Vec<Value> = (22..32).map(|n| preference(&format!("key-{n}"), 1)).collect();

        let answers = join_all(bodies.iter().map(|body| put(&app, &grace, body))).await;

        assert_eq!(won(answers, 201, &["too_many_preferences"]), 3);
        assert_eq!(counted(&app, &grace).await, "25");
        assert_eq!(count_of(&app, "preference").await, 25);
        // What is there can still change, and what goes makes room.
        let again = put(&app, &grace, &preference("key-0", 2)).await.expect(200);
        let path = format!("/user-tenant-prefs/{}", again.text_at("/id"));
        send(&app, "DELETE", &path, &grace.token, &Value::Null)
            .await
            .expect(204);
        prefer(&app, &grace, "one more").await;
    }

    #[tokio::test]
    async fn of_many_that_set_it_first_one_does_and_the_others_after_it() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let body = preference("theme", 1);

        let answers = join_all((0..50).map(|_| put(&app, &grace, &body))).await;

        let (made, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
        assert_eq!(made.len(), 1);
        for answer in others {
            assert_eq!(answer.expect(200).json(), made[0].json());
        }
        assert_eq!(counted(&app, &grace).await, "1");
        assert_eq!(count_of(&app, "preference").await, 1);
    }

    #[tokio::test]
    async fn no_change_is_lost_among_many() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let path = prefer(&app, &grace, "theme").await;
        let bodies: Vec<Value> = (2..12).map(|n| preference("theme", n)).collect();

        let answers = join_all(bodies.iter().map(|body| put(&app, &grace, body))).await;

        let set = won(answers, 200, &["modified_concurrently"]);
        let found = send(&app, "GET", &path, &grace.token, &Value::Null).await;
        assert_eq!(found.expect(200).json()["version"], json!(1 + set));
    }

    #[tokio::test]
    async fn a_repeat_with_the_same_idempotency_key_is_answered_as_before() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let send = |body: Value| {
            let call = app.post("/user-tenant-prefs").bearer(&grace.token);
            call.header("idempotency-key", "k").json(&body).send()
        };

        let first = send(preference("theme", 1)).await.expect(201);
        let again = send(preference("theme", 1)).await.expect(201);

        assert_eq!(first.text, again.text);
        send(preference("theme", 2))
            .await
            .expect_problem(422, "idempotency_key_reused");
    }
}
