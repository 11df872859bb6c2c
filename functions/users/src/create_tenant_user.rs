use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use tenantry_api::{Accepted, Body, Created, FromMembers, Members, Operation, Problem, Reply, Scope};
use tenantry_app::look_again;
use tenantry_domain::{
    Conflict, Designation, Email, Event, Id, Locale, Membership, MembershipStatus, NewInvitation, Profile,
    Role, User, Username,
};
use tenantry_store::{Rate, StoredReply, Transaction, Unique};
use utoipa::openapi::{RefOr, Response as ResponseDoc};
use utoipa::{IntoResponses, ToSchema};

use crate::invitation_view::InvitationView;
use crate::member_trail::{invitation as shown_invitation, shown};
use crate::member_view::MemberView;
use crate::new_person::{look, offer, profile_of};

/// A person who is added to a tenant.
#[derive(Debug, ToSchema)]
#[schema(as = NewTenantUser, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; what is read is a person of the domain"
)]
pub(crate) struct NewTenantUserDoc {
    /// E-mail address; no two persons have the same.
    #[schema(format = Email, max_length = 254, example = "grace@navy.example")]
    email: String,
    /// What the person signs in with; no two persons have the same. The e-mail address, if absent.
    #[schema(max_length = 150, example = "grace")]
    username: Option<String>,
    /// First name.
    #[schema(max_length = 100, example = "Grace")]
    first_name: String,
    /// Middle name.
    #[schema(max_length = 100)]
    middle_name: Option<String>,
    /// Last name.
    #[schema(max_length = 100, example = "Hopper")]
    last_name: Option<String>,
    /// Telephone number (E.164).
    #[schema(example = "+442071234567")]
    phone: Option<String>,
    /// Where a picture of the person is.
    #[schema(max_length = 500)]
    photo_url: Option<String>,
    /// The role: one of the tenant's, and within what the caller holds.
    #[schema(format = "uuid")]
    role_id: String,
    /// What the person does in the tenant.
    #[schema(max_length = 50, example = "Rear admiral")]
    designation: Option<String>,
    /// The language that the person wants to be spoken to in (BCP 47).
    #[schema(max_length = 35, example = "en")]
    locale: Option<String>,
}

/// The person as it was read.
#[derive(Clone)]
pub(crate) struct NewTenantUser {
    email: Email,
    username: Option<Username>,
    profile: Profile,
    role_id: Id<Role>,
    designation: Option<Designation>,
    locale: Option<Locale>,
}

impl FromMembers for NewTenantUser {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let email = members.text("email", Email::parse);
        let person = profile_of(members);
        let role_id = members.text("roleId", Id::parse);
        let designation = members.optional_text("designation", Designation::parse);
        let locale = members.optional_text("locale", Locale::parse);
        let (profile, username) = person?;
        Some(Self {
            email: email?,
            username,
            profile,
            role_id: role_id?,
            designation: designation?,
            locale: locale?,
        })
    }
}

/// Somebody new is added; somebody known is asked.
#[derive(Debug)]
pub(crate) enum Added {
    /// The person is new here, and a member that has not said yes yet.
    Member(Created<MemberView>),
    /// The person is known, and gets an invitation.
    Invited(Accepted<InvitationView>),
}

impl Reply for Added {
    fn stored(&self) -> StoredReply {
        match self {
            Self::Member(created) => created.stored(),
            Self::Invited(accepted) => accepted.stored(),
        }
    }
}

impl IntoResponse for Added {
    fn into_response(self) -> Response {
        match self {
            Self::Member(created) => created.into_response(),
            Self::Invited(accepted) => accepted.into_response(),
        }
    }
}

impl IntoResponses for Added {
    fn responses() -> BTreeMap<String, RefOr<ResponseDoc>> {
        let mut responses = Created::<MemberView>::responses();
        responses.extend(Accepted::<InvitationView>::responses());
        responses
    }
}

/// Add a person to a tenant.
///
/// Somebody who is new here becomes a member that is REGISTERED until the code in the mail is used: 201. Somebody who is known
/// already is not taken but asked, by an invitation, and of what the body says only the role counts: 202. E-mail address and
/// username each belong to one person.
#[utoipa::path(
    post,
    path = "/tenants/{id}/users",
    request_body = NewTenantUserDoc,
    params(("id" = String, Path, description = "The tenant's id."))
)]
pub(crate) async fn create_tenant_user(
    operation: Operation,
    Scope(scope): Scope,
    Body(new): Body<NewTenantUser>,
) -> Result<Added, Problem> {
    let context = &operation.context;
    let tenant_id = scope.tenant_id();
    operation.about_tenant(tenant_id);
    let change = context.change(scope.actor().clone());
    let added = look_again(|| async {
        let new = new.clone();
        let username = new
            .username
            .clone()
            .unwrap_or_else(|| Username::of_email(&new.email));
        let owners_of = vec![Unique::UserEmail(&new.email), Unique::Username(&username)];
        let (people, tenant) = look(context, &scope, owners_of, Vec::new()).await?;
        let offer = offer(&people, &tenant, new.role_id, &operation.held())?;
        let (known, of_username) = (people.owners[0], people.owners[1]);
        if new.username.is_some() && known != of_username {
            // A name and an address that are not one person's would add somebody else than who was meant.
            return Err(match of_username {
                Some(_) => Conflict::UsernameTaken(username.to_string()).into(),
                None => Conflict::EmailTaken.into(),
            });
        }
        let user_id = known.unwrap_or_else(|| User::new_id(context.now, &*context.app.entropy));
        let wish = NewInvitation {
            email: new.email.clone(),
            first_name: Some(new.profile.first_name.clone()),
            last_name: new.profile.last_name.clone(),
            role_id: new.role_id,
        };
        let (invitation, code) = context.new_invitation((tenant_id, user_id), wish, offer, &change);
        let event = Event::of_invitation("invitation.created", &invitation, context.new_id(), context.now);
        let mut entry = context.audit("invitation.created", &change);
        entry.after = Some(shown_invitation(&invitation));
        let by_email = Rate::Email {
            email: &new.email,
            limit: context.app.config.public_rate_per_minute,
        };
        let mut transaction = Transaction::new();
        transaction
            .in_tenant(&scope)
            .charge(&by_email, context.now)
            .audit(&people.trail, &entry)
            .send(&context.event(&event))
            .send(&context.invitation_mail(&invitation, &code));
        let added = if known.is_some() {
            transaction.expect_no_member(&scope, user_id);
            Added::Invited(Accepted {
                location: Some(format!("/tenants/{tenant_id}/invitations/{}", invitation.id)),
                body: InvitationView::at(context.now, invitation.clone()),
            })
        } else {
            let user = User::new(user_id, username, new.email.clone(), new.profile, context.now);
            let user = user.join(tenant_id, &change)?;
            let registered = MembershipStatus::Registered;
            let membership = Membership {
                designation: new.designation,
                locale: new.locale,
                ..Membership::new(tenant_id, &user, new.role_id, registered, context.now)
            };
            let event = Event::of_member("member.created", &membership, 1, context.new_id(), context.now);
            let mut entry = context.audit("member.created", &change);
            entry.after = Some(shown(&membership));
            transaction
                .create_user(&user)
                .create_membership(&scope, &membership)
                .audit(&people.trail, &entry)
                .send(&context.event(&event));
            Added::Member(Created {
                location: format!("/tenants/{tenant_id}/users/{user_id}"),
                body: MemberView::of(membership, &people.roles),
            })
        };
        transaction.create_invitation(&scope, &invitation, context.now);
        context.commit(transaction, || added.stored()).await?;
        Ok(added)
    })
    .await?;
    Ok(added)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::{Permission, SystemRole};
    use tenantry_testing::{Answer, TestApp};

    use crate::scene::{
        GRACE, accept, count_of, find, invite, last_entries, order, send, told, types_with, users_of, won,
    };

    /// Grace with all that can be known of her.
    fn grace(app: &TestApp, tenant_id: &str) -> Value {
        json!({
            "email": " Grace@Navy.example ", "username": " AmazingGrace ", "firstName": "Grace", "middleName": "Brewster",
            "lastName": "Hopper", "phone": "+442071234567", "photoUrl": "https://navy.example/grace.png",
            "roleId": app.role(tenant_id, SystemRole::Member), "designation": "Rear admiral", "locale": "en-US",
        })
    }

    fn with(mut body: Value, member: &str, value: Value) -> Value {
        body[member] = value;
        body
    }

    async fn add(app: &TestApp, tenant_id: &str, body: &Value) -> Answer {
        order(app, "POST", &users_of(tenant_id), body).await
    }

    #[tokio::test]
    async fn somebody_new_is_added_and_asked() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        let answer = add(&app, &tenant, &grace(&app, &tenant)).await.expect(201);

        insta::assert_json_snapshot!(answer.json());
        let path = format!("{}/{}", users_of(&tenant), answer.text_at("/id"));
        assert_eq!(answer.header("location"), Some(&*path));
        assert_eq!(answer.header("etag"), Some("\"1\""));
        assert_eq!(answer.usage.calls, 2);
        assert_eq!(find(&app, &path).await, answer.json());
        let mails = app.mails().await;
        assert_eq!((mails.len(), &*mails[0].to), (1, GRACE));
    }

    #[tokio::test]
    async fn others_hear_of_it_without_personal_data() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        app.settle().await;
        let known = app.events().await.len();

        add(&app, &tenant, &grace(&app, &tenant)).await.expect(201);

        insta::assert_json_snapshot!(app.events().await.split_off(known));
    }

    #[tokio::test]
    async fn the_audit_trail_names_nobody() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        add(&app, &tenant, &grace(&app, &tenant)).await.expect(201);

        insta::assert_json_snapshot!(last_entries(&app, &tenant, 2).await);
    }

    #[tokio::test]
    async fn somebody_known_is_asked_and_neither_taken_nor_changed() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let known = app.join_as(&other, GRACE, SystemRole::Member).await;
        let before = app.find_user(&known).await;
        let mut body = with(grace(&app, &tenant), "username", json!("GRACE@navy.example"));
        body["firstName"] = json!("Mallory");

        let answer = add(&app, &tenant, &body).await.expect(202);

        insta::assert_json_snapshot!(answer.json());
        let path = answer.header("location").unwrap_or_default();
        assert_eq!(find(&app, path).await, answer.json());
        assert_eq!(answer.usage.calls, 2);
        assert_eq!(find(&app, &users_of(&tenant)).await["items"], json!([]));
        let code = app.last_invitation_code().await;
        let joined = accept(&app, &code).await.expect(200);
        assert_eq!(joined.text_at("/id"), known.user_id);
        assert_eq!(joined.text_at("/firstName"), "Grace");
        assert_eq!(app.find_user(&known).await, before);
    }

    #[tokio::test]
    async fn name_and_address_of_two_persons_add_neither() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        for name in ["grace", "ada"] {
            let role = app.role(&other, SystemRole::Member);
            let email = format!("{name}@navy.example");
            let body = with(TestApp::new_user(&email, &role), "username", json!(name));
            add(&app, &other, &body).await.expect(201);
        }
        let before = app.items().await;

        for (email, username, code) in [
            ("grace@navy.example", json!("ada"), "username_taken"),
            ("grace@navy.example", json!("alan"), "email_taken"),
            ("alan@navy.example", json!("ADA"), "username_taken"),
        ] {
            let body = with(
                with(grace(&app, &tenant), "email", json!(email)),
                "username",
                username,
            );
            add(&app, &tenant, &body).await.expect_problem(409, code);
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn an_address_that_is_somebody_elses_username_needs_another_one() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let body = with(grace(&app, &tenant), "username", json!("alan@park.example"));
        add(&app, &tenant, &body).await.expect(201);
        let mut body = TestApp::new_user("Alan@park.example", &app.role(&tenant, SystemRole::Member));

        add(&app, &tenant, &body)
            .await
            .expect_problem(409, "username_taken");
        body["username"] = json!("alan");
        add(&app, &tenant, &body).await.expect(201);
    }

    #[tokio::test]
    async fn who_is_a_member_or_invited_already_is_not_added_again() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let role = app.role(&tenant, SystemRole::Member);
        app.join_as(&tenant, "member@acme.com", SystemRole::Member).await;
        add(&app, &tenant, &TestApp::new_user("added@acme.com", &role))
            .await
            .expect(201);
        app.join_as(&other, "known@acme.com", SystemRole::Member).await;
        for email in ["known@acme.com", "unknown@acme.com"] {
            invite(&app, &tenant, email).await;
        }
        app.settle().await;
        let before = app.items().await;

        for (email, code) in [
            ("member@acme.com", "member_exists"),
            ("Added@acme.com", "member_exists"),
            ("known@acme.com", "invitation_exists"),
            ("unknown@acme.com", "invitation_exists"),
        ] {
            let body = TestApp::new_user(email, &role);
            add(&app, &tenant, &body).await.expect_problem(409, code);
        }

        assert_eq!(app.items().await, before, "not even the person came to be");
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_said_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let body = json!({
            "email": "nowhere", "username": "a b", "firstName": " ", "middleName": 7, "lastName": "http://x.example",
            "phone": "0123", "photoUrl": "javascript:alert(1)", "roleId": "admin", "designation": "x".repeat(51),
            "locale": "english", "status": "ACTIVE", "id": "x", "tenantId": tenant, "deleted": true,
        });

        let answer = add(&app, &tenant, &body).await;
        let empty = add(&app, &tenant, &json!({})).await;

        insta::assert_json_snapshot!(told(&answer.expect_problem(422, "invalid_body")));
        insta::assert_json_snapshot!(told(&empty.expect_problem(422, "invalid_body")));
    }

    #[tokio::test]
    async fn the_role_is_one_of_the_tenants() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let foreign = app.custom_role(&other, "Editor", [Permission::ViewTenant]).await;
        let before = app.items().await;

        for role in [foreign, app.role(&other, SystemRole::Member), app.unknown_id()] {
            let answer = add(&app, &tenant, &TestApp::new_user(GRACE, &role)).await;
            let answer = answer.expect_problem(422, "invalid_body");
            assert_eq!(told(&answer), ["/roleId unknown_role"]);
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn nobody_gives_a_role_that_holds_more_than_the_caller() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let export = app
            .custom_role(&tenant, "Exporter", [Permission::ExportTenant])
            .await;
        let admin = app.member_as(&tenant, SystemRole::Admin);
        let before = app.items().await;

        for role in [app.role(&tenant, SystemRole::Owner), export] {
            let body = TestApp::new_user(GRACE, &role);
            let answer = send(&app, "POST", &users_of(&tenant), &admin, &body).await;
            answer.expect_problem(403, "forbidden");
        }
        assert_eq!(app.items().await, before);
        let body = TestApp::new_user(GRACE, &app.role(&tenant, SystemRole::Admin));
        let answer = send(&app, "POST", &users_of(&tenant), &admin, &body).await;
        answer.expect(201);
    }

    #[tokio::test]
    async fn an_address_gets_ten_mails_a_minute_from_all_tenants_together() {
        let app = TestApp::start().await;
        for n in 0..10 {
            let tenant = app.tenant(&format!("acme{n}")).await;
            let answer = add(&app, &tenant, &grace(&app, &tenant)).await;
            answer.expect(if n == 0 { 201 } else { 202 });
        }
        let tenant = app.tenant("onemore").await;
        let body = grace(&app, &tenant);

        let answer = add(&app, &tenant, &body)
            .await
            .expect_problem(429, "rate_limited");
        app.clock.advance_minutes(1);

        assert_eq!(answer.header("retry-after"), Some("60"));
        assert_eq!(app.mails().await.len(), 10);
        add(&app, &tenant, &body).await.expect(202);
    }

    #[tokio::test]
    async fn of_many_that_add_somebody_at_once_one_does() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let body = grace(&app, &tenant);

        let answers = join_all((0..50).map(|_| add(&app, &tenant, &body))).await;

        let lost = [
            "email_taken",
            "username_taken",
            "member_exists",
            "modified_concurrently",
        ];
        assert_eq!(won(answers, 201, &lost), 1);
        for kind in ["user", "membership", "invitation"] {
            assert_eq!(count_of(&app, kind).await, 1, "{kind}");
        }
        assert_eq!(app.mails().await.len(), 1);
    }

    #[tokio::test]
    async fn of_two_tenants_that_add_somebody_at_once_one_makes_the_person() {
        for _ in 0..5 {
            let app = TestApp::start().await;
            let (one, two) = (app.tenant("one").await, app.tenant("two").await);
            let bodies = [grace(&app, &one), grace(&app, &two)];

            let (first, second) = tokio::join!(add(&app, &one, &bodies[0]), add(&app, &two, &bodies[1]));

            let asked = usize::from(first.status == 202 || second.status == 202);
            let taken = ["email_taken"];
            let answers = [first, second].into_iter().filter(|answer| answer.status != 202);
            assert_eq!(won(answers.collect(), 201, &taken), 1);
            assert_eq!(count_of(&app, "user").await, 1);
            assert_eq!(count_of(&app, "membership").await, 1);
            assert_eq!(app.mails().await.len(), 1 + asked);
        }
    }

    #[tokio::test]
    async fn the_code_is_kept_as_a_hash_only() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let call = app.post(&users_of(&tenant)).bearer(&app.operator());
        let call = call.header("idempotency-key", "k").json(&grace(&app, &tenant));

        call.send().await.expect(201);
        let unsent = format!("{:?}", app.items().await);
        let code = app.last_invitation_code().await;

        let secret = &code[code.len() - 24..];
        assert!(!unsent.contains(secret));
        assert_eq!(types_with(&app, secret).await, [""; 0]);
        assert!(!format!("{:?}", app.events().await).contains(secret));
    }
}
