use tenantry_api::{Body, Found, FromMembers, Members, Operation, Path, Problem, Reply as _, Scope};
use tenantry_app::{Context, Error, look_again};
use tenantry_domain::{
    Actor, Change, Designation, Email, Error as DomainError, Event, Id, Kind, Locale, Membership,
    MembershipChanges, MembershipStatus, PersonName, Phone, Tenant, TenantScope, User, UserChanges, Username,
    Website,
};
use tenantry_store::{People, Transaction, Wanted};
use utoipa::ToSchema;

use crate::member_trail::{changed, shown};
use crate::member_view::MemberView;

/// Changes (JSON Merge Patch, RFC 7396). The status is not among them: it has its commands.
#[derive(Debug, ToSchema)]
#[schema(as = TenantUserChanges, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; the domain's changes are what is read"
)]
pub(crate) struct TenantUserChangesDoc {
    /// The role: one of the tenant's, and within what the caller holds.
    #[schema(value_type = String, required = false, format = "uuid")]
    role_id: Option<String>,
    /// What the person does in the tenant; null removes it.
    #[schema(max_length = 50)]
    designation: Option<String>,
    /// The language that the person wants to be spoken to in (BCP 47); null removes it.
    #[schema(max_length = 35)]
    locale: Option<String>,
    /// What the person signs in with.
    #[schema(value_type = String, required = false, max_length = 150)]
    username: Option<String>,
    /// E-mail address.
    #[schema(value_type = String, required = false, format = Email, max_length = 254)]
    email: Option<String>,
    /// First name.
    #[schema(value_type = String, required = false, max_length = 100)]
    first_name: Option<String>,
    /// Middle name; null removes it.
    #[schema(max_length = 100)]
    middle_name: Option<String>,
    /// Last name; null removes it.
    #[schema(max_length = 100)]
    last_name: Option<String>,
    /// Telephone number (E.164); null removes it.
    phone: Option<String>,
    /// Where a picture of the person is; null removes it.
    #[schema(max_length = 500)]
    photo_url: Option<String>,
}

/// The changes as they were read: those of the membership, and those of the person in all of its tenants.
#[derive(Clone)]
pub(crate) struct TenantUserPatch(MembershipChanges, UserChanges);

impl FromMembers for TenantUserPatch {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let role_id = members.changed_text("roleId", Id::parse);
        let designation = members.patched_text("designation", Designation::parse);
        let locale = members.patched_text("locale", Locale::parse);
        let username = members.changed_text("username", Username::parse);
        let email = members.changed_text("email", Email::parse);
        let first_name = members.changed_text("firstName", PersonName::parse_name);
        let middle_name = members.patched_text("middleName", PersonName::parse_name);
        let last_name = members.patched_text("lastName", PersonName::parse_name);
        let phone = members.patched_text("phone", Phone::parse);
        let photo_url = members.patched_text("photoUrl", Website::parse);
        let of_membership = MembershipChanges {
            role_id: role_id?,
            designation: designation?,
            locale: locale?,
        };
        let of_person = UserChanges {
            username: username?,
            email: email?,
            first_name: first_name?,
            middle_name: middle_name?,
            last_name: last_name?,
            phone: phone?,
            photo_url: photo_url?,
        };
        Some(Self(of_membership, of_person))
    }
}

/// Change a member of a tenant.
///
/// Role, designation and locale belong to the membership. The rest belongs to the person, in all of its tenants, and is changed
/// by the person itself, by an operator, or by the tenant as long as the person is in no other one. The username is changed by
/// them too, but by the tenant only until the person has accepted; the e-mail address, which proves who somebody is, by
/// operators. Nobody changes its own role, or anything of somebody who may do more.
#[utoipa::path(
    patch,
    path = "/tenants/{id}/users/{userId}",
    request_body(content = TenantUserChangesDoc, content_type = "application/merge-patch+json"),
    params(
        ("id" = String, Path, description = "The tenant's id."),
        ("userId" = String, Path, description = "The person's id.")
    )
)]
pub(crate) async fn update_tenant_user(
    operation: Operation,
    Scope(scope): Scope,
    Path(user_id): Path<Id<User>>,
    Body(patch): Body<TenantUserPatch>,
) -> Result<Found<MemberView>, Problem> {
    let context = &operation.context;
    operation.about_tenant(scope.tenant_id());
    let id = Membership::id_of(scope.tenant_id(), user_id);
    let is_self = operation.caller.is_person(user_id);
    let change = context.change(scope.actor().clone());
    let found = look_again(|| async {
        let TenantUserPatch(of_membership, of_person) = patch.clone();
        let wanted = Wanted {
            members: vec![id],
            users: vec![user_id],
            ..Wanted::default()
        };
        let missing = || DomainError::not_found(Kind::User, user_id);
        let people = context
            .store
            .find_people(&scope, &wanted)
            .await?
            .ok_or_else(missing)?;
        let before = people.member(id).ok_or_else(missing)?;
        let person = people.user(user_id).ok_or_else(missing)?;
        operation.require_version(Kind::Member, id, before.version)?;
        check_may(&operation, &people, before, person, &patch)?;
        let updated = person.clone().update(of_person, &change);
        let now = updated.as_ref().unwrap_or(person);
        let after = before.clone().update(of_membership, &change);
        let after = match after {
            // Once: what follows its person is part of the same change.
            Some(after) => Membership {
                version: before.version + 1,
                ..after.clone().follow(now, &change).unwrap_or(after)
            },
            None => match before.clone().follow(now, &change) {
                Some(after) => after,
                None => return Ok(Found(MemberView::of(before.clone(), &people.roles))),
            },
        };
        let mut entry = context.audit("member.updated", &change);
        entry.before = Some(shown(before));
        entry.after = Some(changed((before, person), (&after, now)));
        let event = Event::of_member("member.updated", &after, 0, context.new_id(), context.now)
            .with_previous_role(before);
        let mut transaction = Transaction::new();
        if is_self {
            transaction.in_tenant_as_self(&scope);
        } else {
            transaction.in_tenant(&scope);
        }
        let lost = operation.lost_race(Kind::Member, id);
        transaction
            .replace_membership(&scope, before, &after, lost)
            .audit(&people.trail, &entry)
            .send(&context.event(&event));
        if let Some(updated) = &updated {
            change_person(context, &mut transaction, &scope, person, updated, &change).await?;
        }
        let reply = Found(MemberView::of(after, &people.roles));
        context.commit(transaction, || reply.stored()).await?;
        Ok(reply)
    })
    .await?;
    Ok(found)
}

/// Who may change what, before anything is written.
fn check_may(
    operation: &Operation,
    people: &People,
    member: &Membership,
    person: &User,
    TenantUserPatch(of_membership, of_person): &TenantUserPatch,
) -> Result<(), DomainError> {
    let forbidden = |detail: &str| Err(DomainError::Forbidden(detail.to_owned()));
    let is_self = operation.caller.is_person(person.id);
    let is_operator = operation.membership_id().is_none();
    let held = operation.held();
    if is_self {
        if of_membership.role_id.is_some() {
            return forbidden("nobody may change its own role");
        }
        if !member.is_active() {
            return Err(DomainError::MembershipInactive(member.id.to_string()));
        }
    } else {
        member.check_within(&people.roles, &held)?;
    }
    if let Some(role_id) = of_membership.role_id {
        people.roles.require(role_id)?.check_within(&held)?;
    }
    let is_managed = person.tenants.iter().eq([&member.tenant_id]);
    if !of_person.is_empty() && !is_self && !is_operator && !is_managed {
        return forbidden("the person belongs to other tenants too, and changes this itself");
    }
    if of_person.email.is_some() && !is_operator {
        return forbidden("an e-mail address is changed by an operator");
    }
    let has_accepted = member.status != MembershipStatus::Registered;
    if of_person.username.is_some() && !is_self && !is_operator && has_accepted {
        return forbidden("a username is changed by the person itself, once it has accepted");
    }
    Ok(())
}

/// The person, and what its other memberships repeat of it.
async fn change_person(
    context: &Context,
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &User,
    after: &User,
    change: &Change,
) -> Result<(), Error> {
    let others: Vec<Id<Tenant>> = before
        .tenants
        .iter()
        .copied()
        .filter(|tenant_id| *tenant_id != scope.tenant_id())
        .collect();
    for (membership, _) in context.store.find_memberships_of(before.id, &others).await? {
        let Some(following) = membership.clone().follow(after, change) else {
            continue;
        };
        let elsewhere = TenantScope::of_system(membership.tenant_id, Actor::System);
        let conflict = tenantry_domain::Conflict::ModifiedConcurrently {
            kind: Kind::Member,
            id: membership.id.to_string(),
        };
        transaction.replace_membership(&elsewhere, &membership, &following, conflict.into());
    }
    let event = Event::of_user("user.updated", after, context.new_id(), context.now);
    transaction
        .replace_user(before, after)
        .audit_user(after.id, &context.audit("user.updated", change))
        .send(&context.event(&event));
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::{Permission, SystemRole};
    use tenantry_testing::{Answer, Person, TestApp};

    use crate::scene::{
        GRACE, accept, add_grace, find, force_status, last_entries, order, path_of, send, status_of, told,
        types_with, users_of, won,
    };

    async fn patch(app: &TestApp, person: &Person, token: &str, body: &Value) -> Answer {
        send(app, "PATCH", &path_of(person), token, body).await
    }

    fn everything(app: &TestApp, tenant_id: &str) -> Value {
        json!({
            "roleId": app.role(tenant_id, SystemRole::Admin), "designation": " Rear admiral ", "locale": "en-US",
            "username": " AmazingGrace ", "email": " Hopper@Navy.example ", "firstName": "Amazing",
            "middleName": "Brewster", "lastName": "Murray", "phone": "+442071234567",
            "photoUrl": "https://navy.example/grace.png",
        })
    }

    #[tokio::test]
    async fn everything_that_may_change_changes() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (grace, _) = add_grace(&app, &tenant, &app.role(&tenant, SystemRole::Member)).await;
        app.clock.advance_minutes(1);

        let body = everything(&app, &tenant);
        let answer = patch(&app, &grace, &app.operator(), &body).await.expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.header("etag"), Some("\"2\""));
        assert_eq!(answer.usage.calls, 2);
        assert_eq!(app.find_user(&grace).await, answer.json());
    }

    #[tokio::test]
    async fn others_hear_of_it_and_the_audit_trail_names_nobody() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (grace, _) = add_grace(&app, &tenant, &app.role(&tenant, SystemRole::Member)).await;
        let known = app.events().await.len();

        let body = everything(&app, &tenant);
        patch(&app, &grace, &app.operator(), &body).await.expect(200);

        insta::assert_json_snapshot!(app.events().await.split_off(known));
        insta::assert_json_snapshot!(last_entries(&app, &tenant, 1).await);
    }

    #[tokio::test]
    async fn what_can_be_absent_is_removed_by_null() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (grace, _) = add_grace(&app, &tenant, &app.role(&tenant, SystemRole::Member)).await;
        let body = everything(&app, &tenant);
        patch(&app, &grace, &app.operator(), &body).await.expect(200);

        let members = [
            "designation",
            "locale",
            "middleName",
            "lastName",
            "phone",
            "photoUrl",
        ];
        let body = Value::Object(
            members
                .map(|name| (name.to_owned(), Value::Null))
                .into_iter()
                .collect(),
        );
        let answer = patch(&app, &grace, &app.operator(), &body).await.expect(200);

        for name in members {
            assert_eq!(answer.json()[name], Value::Null, "{name}");
        }
        assert_eq!(answer.text_at("/firstName"), "Amazing");
    }

    #[tokio::test]
    async fn what_a_person_changes_of_itself_changes_in_all_of_its_tenants() {
        let app = TestApp::start().await;
        let mut memberships = Vec::new();
        for key in ["one", "two", "three"] {
            let tenant = app.tenant(key).await;
            memberships.push(app.join_as(&tenant, GRACE, SystemRole::Admin).await);
        }
        let grace = &memberships[0];
        let changes = json!({ "username": "Amazing", "lastName": "Murray", "phone": "+12" });
        let mut body = changes.clone();
        body["designation"] = json!("Rear admiral");

        let answer = patch(&app, grace, &grace.token, &body).await.expect(200);

        // Its other memberships are looked for.
        assert_eq!(answer.usage.calls, 3);
        for membership in &memberships {
            let found = app.find_user(membership).await;
            assert_eq!(found["username"], "amazing");
            assert_eq!(found["lastName"], "Murray");
            assert_eq!(found["phone"], "+12");
            assert_eq!(found["version"], 2);
            let is_here = membership.tenant_id == grace.tenant_id;
            assert_eq!(found["designation"] == "Rear admiral", is_here);
        }
        assert_eq!(app.events_of("user.updated.v1").await.len(), 1);
    }

    #[tokio::test]
    async fn who_may_change_what_depends_on_whose_it_is() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let role = app.role(&tenant, SystemRole::Admin);
        let (added, _) = add_grace(&app, &tenant, &role).await;
        let own = app.join_as(&tenant, "own@acme.com", SystemRole::Admin).await;
        let shared = app.join_as(&tenant, "shared@acme.com", SystemRole::Admin).await;
        app.join_as(&other, "shared@acme.com", SystemRole::Admin).await;
        let owner = app.join_as(&tenant, "owner@acme.com", SystemRole::Owner).await;
        let (colleague, operator) = (app.member_as(&tenant, SystemRole::Admin), app.operator());

        for (n, (person, by, member, is_right)) in [
            // A person in no other tenant is the tenant's to look after, but for what it signs in with once it has accepted.
            (&added, &colleague, "firstName", true),
            (&added, &colleague, "username", true),
            (&added, &colleague, "email", false),
            (&own, &colleague, "firstName", true),
            (&own, &colleague, "username", false),
            (&own, &colleague, "designation", true),
            // One in others too is its own.
            (&shared, &colleague, "firstName", false),
            (&shared, &colleague, "phone", false),
            (&shared, &colleague, "username", false),
            (&shared, &colleague, "designation", true),
            // Nobody changes who may do more.
            (&owner, &colleague, "firstName", false),
            (&owner, &colleague, "designation", false),
            // The person itself.
            (&shared, &shared.token, "firstName", true),
            (&shared, &shared.token, "username", true),
            (&shared, &shared.token, "designation", true),
            (&shared, &shared.token, "email", false),
            (&shared, &shared.token, "roleId", false),
            // An operator.
            (&shared, &operator, "firstName", true),
            (&shared, &operator, "username", true),
            (&shared, &operator, "email", true),
            (&owner, &operator, "designation", true),
        ]
        .into_iter()
        .enumerate()
        {
            let value = match member {
                "firstName" | "designation" => {
                    format!("Grace {}", char::from(b'a' + u8::try_from(n).expect("few")))
                }
                "username" => format!("grace{n}"),
                "phone" => format!("+1{n:04}"),
                "email" => format!("grace{n}@navy.example"),
                _ => role.clone(),
            };
            // What is refused is refused as a whole.
            let body = json!({ "locale": format!("en-{n:03}"), member: value });
            let before = app.find_user(person).await;

            let answer = patch(&app, person, by, &body).await;

            if is_right {
                assert_eq!(answer.expect(200).json()[member], value);
            } else {
                answer.expect_problem(403, "forbidden");
                assert_eq!(app.find_user(person).await, before, "{member}");
            }
        }
    }

    #[tokio::test]
    async fn who_was_deactivated_does_not_change_itself() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Admin).await;

        for status in ["INACTIVE", "REGISTERED", "PASSWORD_CHANGE_NEEDED", "REJECTED"] {
            force_status(&app, &grace, status).await;
            let body = json!({ "firstName": "Amazing" });
            let answer = patch(&app, &grace, &grace.token, &body).await;
            answer.expect_problem(403, "membership_inactive");
        }
    }

    #[tokio::test]
    async fn nobody_changes_itself_in_a_tenant_that_is_suspended_or_offboarded() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Admin).await;
        let body = json!({ "firstName": "Amazing" });

        for (status, code) in [
            ("SUSPENDED", "tenant_suspended"),
            ("INACTIVE", "invalid_transition"),
        ] {
            app.force_status(&tenant, status).await;
            let answer = patch(&app, &grace, &grace.token, &body).await;
            answer.expect_problem(409, code);
        }
        app.force_status(&tenant, "ACTIVE").await;
        patch(&app, &grace, &grace.token, &body).await.expect(200);
    }

    #[tokio::test]
    async fn a_role_is_given_within_what_the_caller_holds() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let foreign = app.custom_role(&other, "Editor", [Permission::ViewTenant]).await;
        let export = app
            .custom_role(&tenant, "Exporter", [Permission::ExportTenant])
            .await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let admin = app.member_as(&tenant, SystemRole::Admin);
        app.settle().await;
        let before = app.items().await;

        for (role, status, code) in [
            (app.role(&tenant, SystemRole::Owner), 403, "forbidden"),
            (export, 403, "forbidden"),
            (foreign, 422, "invalid_body"),
            (app.role(&other, SystemRole::Member), 422, "invalid_body"),
        ] {
            let answer = patch(&app, &grace, &admin, &json!({ "roleId": role })).await;
            answer.expect_problem(status, code);
        }

        assert_eq!(app.items().await, before);
        let body = json!({ "roleId": app.role(&tenant, SystemRole::Admin) });
        patch(&app, &grace, &admin, &body).await.expect(200);
    }

    #[tokio::test]
    async fn a_role_that_was_left_is_nobodys() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let [first, second] =
            ["First", "Second"].map(|name| app.custom_role(&tenant, name, [Permission::ViewTenant]));
        let (first, second) = (first.await, second.await);
        let (grace, _) = add_grace(&app, &tenant, &first).await;
        let path = |role: &str| format!("/tenants/{tenant}/roles/{role}");

        let body = json!({ "roleId": second });
        patch(&app, &grace, &app.operator(), &body).await.expect(200);

        order(&app, "DELETE", &path(&second), &Value::Null)
            .await
            .expect_problem(409, "role_in_use");
        order(&app, "DELETE", &path(&first), &Value::Null)
            .await
            .expect(204);
    }

    #[tokio::test]
    async fn names_and_addresses_are_one_persons_everywhere() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        app.join_as(&other, "ada@acme.com", SystemRole::Member).await;
        let (grace, _) = add_grace(&app, &tenant, &app.role(&tenant, SystemRole::Member)).await;
        app.settle().await;
        let before = app.items().await;

        for (member, code) in [("username", "username_taken"), ("email", "email_taken")] {
            let body = json!({ "firstName": "Amazing", member: " ADA@acme.com " });
            let answer = patch(&app, &grace, &app.operator(), &body).await;
            answer.expect_problem(409, code);
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn what_somebody_gave_up_is_free_again() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let role = app.role(&tenant, SystemRole::Member);
        let (grace, _) = add_grace(&app, &tenant, &role).await;

        let body = json!({ "username": "hopper", "email": "hopper@navy.example" });
        patch(&app, &grace, &app.operator(), &body).await.expect(200);

        app.clock.advance_minutes(60 * 24 * 8);
        let (other, _) = add_grace(&app, &tenant, &role).await;
        assert_ne!(other.user_id, grace.user_id);
        let path = format!("{}?email=hopper@navy.example", users_of(&tenant));
        assert_eq!(find(&app, &path).await["items"][0]["id"], grace.user_id);
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_said_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (grace, _) = add_grace(&app, &tenant, &app.role(&tenant, SystemRole::Member)).await;
        let body = json!({
            "roleId": null, "designation": "", "locale": 7, "username": null, "email": "nowhere", "firstName": null,
            "middleName": "\u{202e}", "lastName": [], "phone": "+", "photoUrl": "ftp://x.example", "status": 0,
            "tenantId": tenant, "deleted": true, "createdBy": "me",
        });

        let answer = patch(&app, &grace, &app.operator(), &body).await;

        insta::assert_json_snapshot!(told(&answer.expect_problem(422, "invalid_body")));
    }

    #[tokio::test]
    async fn a_change_of_nothing_is_no_change() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let role = app.role(&tenant, SystemRole::Member);
        let (grace, _) = add_grace(&app, &tenant, &role).await;
        let before = app.items().await;

        for body in [
            json!({}),
            json!({ "firstName": " Grace ", "email": "GRACE@navy.example", "roleId": role, "phone": null }),
        ] {
            let answer = patch(&app, &grace, &app.operator(), &body).await.expect(200);
            assert_eq!(answer.header("etag"), Some("\"1\""));
            assert_eq!(answer.usage.calls, 1);
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn a_person_of_another_tenant_is_not_there() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let grace = app.join_as(&other, GRACE, SystemRole::Member).await;
        let before = app.items().await;

        for user_id in [&grace.user_id, &app.unknown_id()] {
            let path = format!("{}/{user_id}", users_of(&tenant));
            for token in [app.operator(), app.member_as(&tenant, SystemRole::Owner)] {
                let body = json!({ "firstName": "Mallory", "username": "mallory" });
                let answer = send(&app, "PATCH", &path, &token, &body).await;
                answer.expect_problem(404, "not_found");
            }
        }

        let kept: Vec<_> = app.items().await;
        assert!(before.iter().all(|item| kept.contains(item)));
    }

    #[tokio::test]
    async fn the_last_owner_stays_one() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = app.join_as(&tenant, "ada@acme.com", SystemRole::Owner).await;
        let body = json!({ "roleId": app.role(&tenant, SystemRole::Admin) });

        patch(&app, &ada, &app.operator(), &body)
            .await
            .expect_problem(409, "last_owner");
        // One who has not accepted, or may not act, is nobody to rely on.
        let (grace, code) = add_grace(&app, &tenant, &app.role(&tenant, SystemRole::Owner)).await;
        patch(&app, &ada, &app.operator(), &body)
            .await
            .expect_problem(409, "last_owner");
        accept(&app, &code).await.expect(200);

        patch(&app, &ada, &app.operator(), &body).await.expect(200);
        patch(&app, &grace, &app.operator(), &body)
            .await
            .expect_problem(409, "last_owner");
    }

    #[tokio::test]
    async fn of_two_owners_who_depose_each_other_one_stays() {
        for _ in 0..5 {
            let app = TestApp::start().await;
            let tenant = app.tenant("acme").await;
            let ada = app.join_as(&tenant, "ada@acme.com", SystemRole::Owner).await;
            let grace = app.join_as(&tenant, GRACE, SystemRole::Owner).await;
            let body = json!({ "roleId": app.role(&tenant, SystemRole::Member) });

            let (first, second) = tokio::join!(
                patch(&app, &ada, &grace.token, &body),
                patch(&app, &grace, &ada.token, &body)
            );

            assert_eq!(won(vec![first, second], 200, &["last_owner"]), 1);
            let roles = [app.find_user(&ada).await, app.find_user(&grace).await];
            let owners = roles
                .iter()
                .filter(|member| member["roleName"] == "Owner")
                .count();
            assert_eq!(owners, 1);
        }
    }

    #[tokio::test]
    async fn no_change_is_lost_among_many_and_none_is_half_done() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let elsewhere = app.join_as(&other, GRACE, SystemRole::Member).await;
        let token = app.operator();
        let bodies: Vec<Value> = (0..20)
            .map(|n| json!({ "username": format!("grace{n}"), "phone": format!("+1{n:04}") }))
            .collect();

        let places = [&grace, &elsewhere].into_iter().cycle();
        let answers = join_all(
            bodies
                .iter()
                .zip(places)
                .map(|(body, person)| patch(&app, person, &token, body)),
        )
        .await;

        let made = won(answers, 200, &["modified_concurrently"]);
        assert!(made > 0);
        let [here, there] = [app.find_user(&grace).await, app.find_user(&elsewhere).await];
        for found in [&here, &there] {
            assert_eq!(found["version"], json!(1 + made));
            assert_eq!(found["username"], here["username"]);
            assert_eq!(found["phone"], here["phone"]);
        }
        let n = here["username"].as_str().unwrap_or_default().replace("grace", "");
        assert_eq!(
            here["phone"],
            format!("+1{:04}", n.parse::<u32>().expect("it is a number"))
        );
        // Of all the names that it had for a moment none is left.
        let names: Vec<String> = app
            .items()
            .await
            .iter()
            .filter_map(|item| item.get("pk")?.as_s().ok().cloned())
            .filter(|pk| pk.starts_with("UNIQUE#USERNAME"))
            .collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }

    #[tokio::test]
    async fn a_change_against_a_removal_leaves_nothing_behind() {
        for _ in 0..5 {
            let app = TestApp::start().await;
            let tenant = app.tenant("acme").await;
            let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
            let (token, path) = (app.operator(), path_of(&grace));
            let body = json!({ "designation": "Rear admiral" });

            let (changed, removed) = tokio::join!(
                patch(&app, &grace, &token, &body),
                order(&app, "DELETE", &path, &Value::Null)
            );

            removed.expect(204);
            assert!([200, 404].contains(&changed.status.as_u16()), "{}", changed.text);
            assert!(
                !types_with(&app, "Rear admiral")
                    .await
                    .contains(&"membership".to_owned())
            );
        }
    }

    #[tokio::test]
    async fn a_person_cannot_be_made_active_by_a_change() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (grace, _) = add_grace(&app, &tenant, &app.role(&tenant, SystemRole::Member)).await;

        let body = json!({ "status": "ACTIVE" });
        let answer = patch(&app, &grace, &app.operator(), &body).await;

        let answer = answer.expect_problem(422, "invalid_body");
        assert_eq!(told(&answer), ["/status unknown_member"]);
        assert_eq!(status_of(&app, &grace).await, "REGISTERED");
    }
}
