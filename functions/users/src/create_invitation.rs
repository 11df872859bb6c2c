use tenantry_api::{Body, Created, Operation, Problem, Reply as _, Scope};
use tenantry_app::look_again;
use tenantry_domain::{Event, User};
use tenantry_store::{Rate, Transaction, Unique};

use crate::invitation_view::InvitationView;
use crate::member_trail::invitation as shown;
use crate::new_person::{NewInvitationBody, NewInvitationDoc, look, offer};

/// Invite a person to a tenant.
///
/// A mail goes out with a link and a code that work once. Nobody becomes a member before it has accepted, known here or not.
/// An address has at most one invitation to a tenant that waits for an answer.
#[utoipa::path(
    post,
    path = "/tenants/{id}/invitations",
    request_body = NewInvitationDoc,
    params(("id" = String, Path, description = "The tenant's id."))
)]
pub(crate) async fn create_invitation(
    operation: Operation,
    Scope(scope): Scope,
    Body(NewInvitationBody(new)): Body<NewInvitationBody>,
) -> Result<Created<InvitationView>, Problem> {
    let context = &operation.context;
    let tenant_id = scope.tenant_id();
    operation.about_tenant(tenant_id);
    let change = context.change(scope.actor().clone());
    let created = look_again(|| async {
        let owners_of = vec![Unique::UserEmail(&new.email)];
        let (people, tenant) = look(context, &scope, owners_of, Vec::new()).await?;
        let offer = offer(&people, &tenant, new.role_id, &operation.held())?;
        let user_id = people.owners[0].unwrap_or_else(|| User::new_id(context.now, &*context.app.entropy));
        let (invitation, code) = context.new_invitation((tenant_id, user_id), new.clone(), offer, &change);
        let event = Event::of_invitation("invitation.created", &invitation, context.new_id(), context.now);
        let mut entry = context.audit("invitation.created", &change);
        entry.after = Some(shown(&invitation));
        let by_email = Rate::Email {
            email: &new.email,
            limit: context.app.config.public_rate_per_minute,
        };
        let mut transaction = Transaction::new();
        transaction
            .in_tenant(&scope)
            .expect_no_member(&scope, user_id)
            .create_invitation(&scope, &invitation, context.now)
            .charge(&by_email, context.now)
            .audit(&people.trail, &entry)
            .send(&context.event(&event))
            .send(&context.invitation_mail(&invitation, &code));
        let created = Created {
            location: format!("/tenants/{tenant_id}/invitations/{}", invitation.id),
            body: InvitationView::at(context.now, invitation),
        };
        context.commit(transaction, || created.stored()).await?;
        Ok(created)
    })
    .await?;
    Ok(created)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::{Permission, SystemRole};
    use tenantry_testing::{Answer, TestApp};

    use crate::scene::{
        GRACE, accept, add_grace, count_of, decline, find, force_status, invitation, invitations_of, invite,
        last_entries, order, path_of, send, told, types_with, won,
    };

    async fn create(app: &TestApp, tenant_id: &str, body: &Value) -> Answer {
        order(app, "POST", &invitations_of(tenant_id), body).await
    }

    #[tokio::test]
    async fn somebody_is_invited() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let body = json!({
            "email": " Grace@Navy.example", "firstName": " Grace ", "lastName": "Hopper",
            "roleId": app.role(&tenant, SystemRole::Admin),
        });

        let answer = create(&app, &tenant, &body).await.expect(201);

        insta::assert_json_snapshot!(answer.json());
        let path = format!("{}/{}", invitations_of(&tenant), answer.text_at("/id"));
        assert_eq!(answer.header("location"), Some(&*path));
        assert_eq!(answer.header("etag"), Some("\"1\""));
        assert_eq!(answer.usage.calls, 2);
        assert_eq!(find(&app, &path).await, answer.json());
        assert_eq!(count_of(&app, "user").await, 0);
        insta::assert_json_snapshot!(app.mails().await);
    }

    #[tokio::test]
    async fn a_member_invites_in_its_own_name() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = app.join_as(&tenant, "ada@acme.com", SystemRole::Admin).await;

        let body = invitation(&app, &tenant, GRACE);
        let answer = send(&app, "POST", &invitations_of(&tenant), &ada.token, &body).await;

        let sender = format!("member:{}", ada.membership_id);
        assert_eq!(answer.expect(201).text_at("/invitedBy"), sender);
    }

    #[tokio::test]
    async fn others_hear_of_it_without_personal_data() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        invite(&app, &tenant, GRACE).await;

        insta::assert_json_snapshot!(app.events_of("invitation.created.v1").await);
    }

    #[tokio::test]
    async fn the_audit_trail_names_nobody() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        invite(&app, &tenant, GRACE).await;

        insta::assert_json_snapshot!(last_entries(&app, &tenant, 1).await);
    }

    #[tokio::test]
    async fn the_answer_does_not_tell_whether_somebody_is_known() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let known = app.join_as(&other, GRACE, SystemRole::Member).await;
        let emails = [GRACE, "alan@park.example"];

        let mut answers = Vec::new();
        for email in emails {
            let answer = create(&app, &tenant, &invitation(&app, &tenant, email)).await;
            answers.push(answer.expect(201));
        }

        let [known_one, unknown_one] = [0, 1].map(|n| {
            let answer: &Answer = &answers[n];
            let own = [answer.text_at("/id"), emails[n].to_owned()];
            own.iter()
                .fold(answer.text.clone(), |text, own| text.replace(own, "…"))
        });
        assert_eq!(known_one, unknown_one);
        assert!(!known_one.contains(&known.user_id));
    }

    #[tokio::test]
    async fn a_member_is_not_invited_unless_it_said_no() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let body = invitation(&app, &tenant, "GRACE@navy.example");

        for status in ["ACTIVE", "REGISTERED", "INACTIVE", "PASSWORD_CHANGE_NEEDED"] {
            force_status(&app, &grace, status).await;
            let answer = create(&app, &tenant, &body).await;
            answer.expect_problem(409, "member_exists");
        }
        force_status(&app, &grace, "REJECTED").await;
        create(&app, &tenant, &body).await.expect(201);
    }

    #[tokio::test]
    async fn an_address_has_one_invitation_that_waits() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let body = invitation(&app, &tenant, GRACE);
        let again = || create(&app, &tenant, &body);

        let (first, _) = invite(&app, &tenant, GRACE).await;
        again().await.expect_problem(409, "invitation_exists");
        invite(&app, &other, GRACE).await;

        order(&app, "DELETE", &first, &Value::Null).await.expect(204);
        again().await.expect(201);
        app.clock.advance_minutes(7 * 24 * 60 - 1);
        again().await.expect_problem(409, "invitation_exists");
        app.clock.advance_minutes(1);
        again().await.expect(201);
        decline(&app, &app.last_invitation_code().await).await.expect(204);
        again().await.expect(201);
    }

    #[tokio::test]
    async fn revoking_one_that_is_over_leaves_the_next_one_in_its_place() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (path, body) = (invitations_of(&tenant), invitation(&app, &tenant, GRACE));
        let over = app.account_thing(&path, &body).await;
        app.clock.advance_minutes(8 * 24 * 60);
        create(&app, &tenant, &body).await.expect(201);

        let revoke = app.delete(&format!("{path}/{over}")).bearer(&app.operator());
        revoke.send().await.expect(204);

        let again = create(&app, &tenant, &body).await;
        again.expect_problem(409, "invitation_exists");
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_said_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let body = json!({
            "email": "a b@navy.example", "roleId": 7, "firstName": "", "lastName": ["Hopper"], "expiresAt": "never",
            "status": "ACCEPTED",
        });

        let answer = create(&app, &tenant, &body).await;
        let empty = create(&app, &tenant, &json!({})).await;

        insta::assert_json_snapshot!(told(&answer.expect_problem(422, "invalid_body")));
        let required = ["/email required", "/roleId required"];
        assert_eq!(told(&empty.expect_problem(422, "invalid_body")), required);
    }

    #[tokio::test]
    async fn the_role_is_one_of_the_tenants_and_within_what_the_caller_holds() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let foreign = app.custom_role(&other, "Editor", [Permission::ViewTenant]).await;
        let admin = app.member_as(&tenant, SystemRole::Admin);
        let before = app.items().await;

        for (role, status, code) in [
            (foreign, 422, "invalid_body"),
            (app.unknown_id(), 422, "invalid_body"),
            (app.role(&tenant, SystemRole::Owner), 403, "forbidden"),
        ] {
            let body = json!({ "email": GRACE, "roleId": role });
            let answer = send(&app, "POST", &invitations_of(&tenant), &admin, &body).await;
            answer.expect_problem(status, code);
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn an_address_gets_ten_mails_a_minute() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let body = invitation(&app, &tenant, GRACE);
        for _ in 0..10 {
            let (path, _) = invite(&app, &tenant, GRACE).await;
            order(&app, "DELETE", &path, &Value::Null).await.expect(204);
        }

        let answer = create(&app, &tenant, &body).await;
        app.clock.advance_minutes(1);

        answer.expect_problem(429, "rate_limited");
        create(&app, &tenant, &body).await.expect(201);
    }

    #[tokio::test]
    async fn of_many_that_invite_an_address_at_once_one_does() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let body = invitation(&app, &tenant, GRACE);

        let answers = join_all((0..50).map(|_| create(&app, &tenant, &body))).await;

        assert_eq!(won(answers, 201, &["invitation_exists"]), 1);
        assert_eq!(count_of(&app, "invitation").await, 1);
        assert_eq!(app.mails().await.len(), 1);
    }

    #[tokio::test]
    async fn the_code_is_kept_as_a_hash_only_however_often_it_is_sent() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (path, first) = invite(&app, &tenant, GRACE).await;
        let call = app.post(&format!("{path}/resend")).bearer(&app.operator());

        call.header("idempotency-key", "k").send().await.expect(202);
        let unsent = format!("{:?}", app.items().await);
        let second = app.last_invitation_code().await;

        assert_ne!(first, second);
        for code in [first, second] {
            // What comes before says where the invitation is, and is no secret.
            let secret = &code[code.len() - 24..];
            assert!(!unsent.contains(secret));
            assert_eq!(types_with(&app, secret).await, [""; 0]);
            assert!(!format!("{:?}", app.events().await).contains(secret));
        }
    }

    #[tokio::test]
    async fn who_was_removed_is_invited_and_comes_back() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (grace, code) = add_grace(&app, &tenant, &app.role(&tenant, SystemRole::Member)).await;
        accept(&app, &code).await.expect(200);
        order(&app, "DELETE", &path_of(&grace), &Value::Null)
            .await
            .expect(204);

        let (_, code) = invite(&app, &tenant, GRACE).await;
        let answer = accept(&app, &code).await.expect(200);

        assert_eq!(answer.text_at("/userTenantId"), grace.membership_id);
        assert_eq!(answer.text_at("/id"), grace.user_id);
    }
}
