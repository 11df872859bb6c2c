use tenantry_api::view::ContactView;
use tenantry_api::{Body, Found, FromMembers, Members, Operation, Path, Problem, Scope, TenantQuery};
use tenantry_domain::{
    Contact, ContactChanges, ContactKind, Email, Error as DomainError, Event, Id, Kind, PersonName,
};
use tenantry_store::Transaction;
use utoipa::ToSchema;

use crate::contact_trail::{changed, shown};

/// Changes (JSON Merge Patch, RFC 7396).
#[derive(Debug, ToSchema)]
#[schema(as = ContactChanges, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; the domain's changes are what is read"
)]
pub(crate) struct ContactChangesDoc {
    /// First name.
    #[schema(value_type = String, required = false, max_length = 100)]
    first_name: Option<String>,
    /// Last name.
    #[schema(value_type = String, required = false, max_length = 100)]
    last_name: Option<String>,
    /// E-mail address, of any domain.
    #[schema(value_type = String, required = false, format = Email, max_length = 254)]
    email: Option<String>,
    /// `true` makes it the primary contact, in the place of the present one; that one cannot be set to `false`.
    #[schema(value_type = bool, required = false)]
    is_primary: Option<bool>,
    /// `admin`, `billing` or `other`.
    #[schema(rename = "type", value_type = String, required = false)]
    kind: Option<String>,
}

/// The changes as they were read.
pub(crate) struct ContactPatch(ContactChanges);

impl FromMembers for ContactPatch {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let first_name = members.changed_text("firstName", PersonName::parse_name);
        let last_name = members.changed_text("lastName", PersonName::parse_name);
        let email = members.changed_text("email", Email::parse);
        let is_primary = members.changed_flag("isPrimary");
        let kind = members.changed_text("type", ContactKind::parse);
        Some(Self(ContactChanges {
            first_name: first_name?,
            last_name: last_name?,
            email: email?,
            is_primary: is_primary?,
            kind: kind?,
        }))
    }
}

/// Change a contact.
///
/// Whoever becomes the primary contact takes the place of the one that is, in the same step.
#[utoipa::path(
    patch,
    path = "/contacts/{id}",
    request_body(content = ContactChangesDoc, content_type = "application/merge-patch+json"),
    params(("id" = String, Path, description = "The contact's id."), TenantQuery)
)]
pub(crate) async fn update_contact(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Contact>>,
    Body(ContactPatch(changes)): Body<ContactPatch>,
) -> Result<Found<ContactView>, Problem> {
    let context = &operation.context;
    operation.about_tenant(scope.tenant_id());
    let found = context.store.find_contacts_to_change(&scope).await?;
    let (contacts, trail) = found.ok_or_else(|| DomainError::not_found(Kind::Contact, id))?;
    let former = contacts
        .iter()
        .find(|contact| contact.is_primary && contact.id != id)
        .cloned();
    let contact = contacts.into_iter().find(|contact| contact.id == id);
    let contact = contact.ok_or_else(|| DomainError::not_found(Kind::Contact, id))?;
    operation.check_version(Kind::Contact, id, contact.version)?;
    let change = context.change(scope.actor().clone());
    let Some(updated) = contact.clone().update(changes, &change)? else {
        return Ok(Found(contact.into()));
    };
    let mut transaction = Transaction::new();
    transaction
        .in_tenant(&scope)
        .replace_contact(&scope, &updated, operation.lost_race(Kind::Contact, id));
    let mut entry = context.audit("contact.updated", &change);
    (entry.before, entry.after) = (Some(shown(&contact)), Some(changed(&contact, &updated)));
    if let Some(former) = former.filter(|_| updated.is_primary) {
        let former = former.succeeded(&change);
        let event = Event::of_contact("contact.updated", &former, context.new_id(), context.now);
        transaction
            .replace_contact(&scope, &former, operation.lost_race(Kind::Contact, id))
            .send(&context.event(&event));
    }
    let event = Event::of_contact("contact.updated", &updated, context.new_id(), context.now);
    transaction.audit(&trail, &entry).send(&context.event(&event));
    context.store.commit(transaction).await?;
    Ok(Found(updated.into()))
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::Permission;
    use tenantry_testing::TestApp;

    use crate::scene::{add_grace, contacts, counted, patch, path_of, primary};

    fn everything() -> Value {
        json!({ "firstName": "Amazing", "lastName": "Murray", "email": "AMAZING@books.example", "type": "admin" })
    }

    #[tokio::test]
    async fn everything_that_may_change_changes() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of(&tenant, &add_grace(&app, &tenant).await);
        app.clock.advance_minutes(1);

        let answer = patch(&app, &path, &everything()).await.expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.header("etag"), Some("\"2\""));
        assert_eq!(answer.usage.calls, 2);
        let found = app.get(&path).bearer(&app.operator()).send().await;
        assert_eq!(found.expect(200).json(), answer.json());
    }

    #[tokio::test]
    async fn the_audit_trail_names_what_changed_and_nobody() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of(&tenant, &add_grace(&app, &tenant).await);

        patch(&app, &path, &everything()).await.expect(200);

        let trail = app
            .get(&format!("/tenants/{tenant}/audit?limit=1"))
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);
        insta::assert_json_snapshot!(trail.json()["items"]);
    }

    #[tokio::test]
    async fn a_contact_becomes_primary_in_the_place_of_the_present_one() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of(&tenant, &add_grace(&app, &tenant).await);

        let answer = patch(&app, &path, &json!({ "isPrimary": true }))
            .await
            .expect(200);

        assert_eq!(answer.text_at("/isPrimary"), "true");
        assert_eq!(answer.usage.calls, 2);
        assert_eq!(primary(&app, &tenant).await, ["Grace"]);
        insta::assert_json_snapshot!(app.events_of("contact.updated.v1").await);
    }

    #[tokio::test]
    async fn the_flag_cannot_be_given_away() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let contacts = contacts(&app, &tenant).await;
        let ada = path_of(&tenant, contacts[0]["id"].as_str().unwrap_or_default());
        let before = app.items().await;

        patch(&app, &ada, &json!({ "isPrimary": false }))
            .await
            .expect_problem(409, "primary_contact_required");

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn a_change_of_nothing_is_no_change() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = path_of(&tenant, &add_grace(&app, &tenant).await);
        let contacts = contacts(&app, &tenant).await;
        let ada = path_of(&tenant, contacts[0]["id"].as_str().unwrap_or_default());
        let before = app.items().await;

        for (path, body) in [
            (&grace, json!({})),
            (&grace, json!({ "firstName": " Grace ", "isPrimary": false })),
            (&ada, json!({ "isPrimary": true })),
        ] {
            let answer = patch(&app, path, &body).await.expect(200);
            assert_eq!(answer.header("etag"), Some("\"1\""), "{body}");
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_said_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of(&tenant, &add_grace(&app, &tenant).await);
        let body = json!({
            "firstName": null, "lastName": "", "email": "x", "isPrimary": null, "type": null, "tenantId": tenant, "version": 1,
        });

        let answer = patch(&app, &path, &body)
            .await
            .expect_problem(422, "invalid_body");

        let violations = answer.violations();
        let told: Vec<(&str, &str)> = violations
            .iter()
            .map(|(pointer, code)| (&**pointer, &**code))
            .collect();
        assert_eq!(
            told,
            [
                ("/firstName", "required"),
                ("/lastName", "blank"),
                ("/email", "invalid_email"),
                ("/isPrimary", "required"),
                ("/type", "required"),
                ("/tenantId", "unknown_member"),
                ("/version", "unknown_member"),
            ]
        );
    }

    #[tokio::test]
    async fn a_change_of_another_version_is_refused() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of(&tenant, &add_grace(&app, &tenant).await);

        for (tag, is_right) in [("\"2\"", false), ("1", false), ("", false), ("\"1\"", true)] {
            let call = app.patch(&path).bearer(&app.operator()).header("if-match", tag);
            let answer = call.json(&json!({ "lastName": "Murray" })).send().await;
            if is_right {
                answer.expect(200);
            } else {
                answer.expect_problem(412, "precondition_failed");
            }
        }
    }

    #[tokio::test]
    async fn of_many_that_become_primary_at_once_one_is() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let mut paths = Vec::new();
        for _ in 0..10 {
            paths.push(path_of(&tenant, &add_grace(&app, &tenant).await));
        }

        let body = json!({ "isPrimary": true });
        let answers = join_all(paths.iter().map(|path| patch(&app, path, &body))).await;

        let (made, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
        assert!(!made.is_empty());
        for answer in lost {
            answer.expect_problem(409, "modified_concurrently");
        }
        assert_eq!(primary(&app, &tenant).await, ["Grace"]);
    }

    #[tokio::test]
    async fn becoming_primary_against_being_removed_leaves_one_primary() {
        for _ in 0..10 {
            let app = TestApp::start().await;
            let tenant = app.tenant("acme").await;
            let path = path_of(&tenant, &add_grace(&app, &tenant).await);
            let operator = app.operator();

            let body = json!({ "isPrimary": true });
            let (promoted, removed) = tokio::join!(
                patch(&app, &path, &body),
                app.delete(&path).bearer(&operator).send()
            );

            let primary = primary(&app, &tenant).await;
            match (promoted.status.as_u16(), removed.status.as_u16()) {
                (200, 409) => assert_eq!(primary, ["Grace"]),
                (404 | 409, 204) => assert_eq!(primary, ["Ada"]),
                other => panic!("{other:?}"),
            }
            let left = contacts(&app, &tenant).await.len();
            assert_eq!(counted(&app, &tenant).await, left.to_string());
        }
    }

    #[tokio::test]
    async fn no_change_is_lost_among_many() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of(&tenant, &add_grace(&app, &tenant).await);
        let bodies: Vec<Value> = (0..20)
            .map(|n| json!({ "lastName": format!("Hopper {n}") }))
            .collect();

        let answers = join_all(bodies.iter().map(|body| patch(&app, &path, body))).await;

        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
        for answer in lost {
            answer.expect_problem(409, "modified_concurrently");
        }
        let found = app.get(&path).bearer(&app.operator()).send().await;
        assert_eq!(found.text_at("/version"), (1 + won.len()).to_string());
        assert_eq!(app.events_of("contact.updated.v1").await.len(), won.len());
    }

    #[tokio::test]
    async fn a_suspended_tenants_members_change_nothing() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_grace(&app, &tenant).await;
        app.force_status(&tenant, "SUSPENDED").await;

        let call = app.patch(&format!("/contacts/{id}")).bearer(&app.member(&tenant));
        let answer = call.json(&everything()).send().await;

        answer.expect_problem(409, "tenant_suspended");
    }

    #[tokio::test]
    async fn what_does_not_exist_for_the_caller_is_not_found() {
        let app = TestApp::start().await;
        let (own, foreign) = (app.tenant("one").await, app.tenant("two").await);
        let theirs = add_grace(&app, &foreign).await;
        let member = app.member(&own);
        let before = app.items().await;

        for path in [
            format!("/contacts/{theirs}"),
            path_of(&own, &theirs),
            path_of(&foreign, &theirs),
        ] {
            for body in [everything(), json!({ "isPrimary": true })] {
                let call = app.patch(&path).bearer(&member).json(&body);
                call.send().await.expect_problem(404, "not_found");
            }
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn nobody_writes_without_a_token_or_the_permission() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of(&tenant, &add_grace(&app, &tenant).await);
        let others = app.operator_with([Permission::ViewContact]);

        app.patch(&path)
            .send()
            .await
            .expect_problem(401, "token_required");
        app.patch(&path)
            .bearer(&others)
            .body("not even read")
            .send()
            .await
            .expect_problem(403, "forbidden");
    }
}
