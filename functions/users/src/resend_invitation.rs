use tenantry_api::{Accepted, Operation, Path, Problem, Scope};
use tenantry_app::InvitationCode;
use tenantry_domain::{Error as DomainError, Event, Id, Invitation, Kind};
use tenantry_store::{Rate, Transaction};

use crate::invitation_view::InvitationView;
use crate::member_trail::invitation as shown;

/// Send an invitation again.
///
/// With a new code: the one before does not count any more. The time to accept begins anew, for one that has expired as well.
#[utoipa::path(
    post,
    path = "/tenants/{id}/invitations/{invitationId}/resend",
    params(
        ("id" = String, Path, description = "The tenant's id."),
        ("invitationId" = String, Path, description = "The invitation's id.")
    )
)]
pub(crate) async fn resend_invitation(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Invitation>>,
) -> Result<Accepted<InvitationView>, Problem> {
    let context = &operation.context;
    let tenant_id = scope.tenant_id();
    operation.about_tenant(tenant_id);
    let found = context.store.find_invitation_to_change(&scope, id).await?;
    let (invitation, trail) = found.ok_or_else(|| DomainError::not_found(Kind::Invitation, id))?;
    if let Some(permission) = operation.held().missing_of(&invitation.offer.granted) {
        let detail = format!(
            "the invitation offers {}, which the caller does not hold",
            permission.name()
        );
        return Err(DomainError::Forbidden(detail).into());
    }
    let change = context.change(scope.actor().clone());
    let code = InvitationCode::new(&invitation, &*context.app.entropy);
    let again = invitation
        .clone()
        .again(context.invitation_life_ms(), code.hash(), &change)?;
    let mut entry = context.audit("invitation.sent_again", &change);
    (entry.before, entry.after) = (Some(shown(&invitation)), Some(shown(&again)));
    let event = Event::of_invitation("invitation.sent_again", &again, context.new_id(), context.now);
    let by_email = Rate::Email {
        email: &again.email,
        limit: context.app.config.public_rate_per_minute,
    };
    let lost = operation.lost_race(Kind::Invitation, id);
    let mut transaction = Transaction::new();
    transaction
        .in_tenant(&scope)
        .replace_invitation(&scope, &again, context.now, lost)
        .charge(&by_email, context.now)
        .audit(&trail, &entry)
        .send(&context.event(&event))
        .send(&context.invitation_mail(&again, &code));
    let accepted = Accepted {
        location: Some(format!("/tenants/{tenant_id}/invitations/{id}")),
        body: InvitationView::at(context.now, again),
    };
    operation.finish(transaction, accepted).await
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::{Permission, SystemRole};
    use tenantry_testing::{Answer, TestApp};

    use crate::scene::{
        GRACE, accept, decline, find, invitations_of, invite, last_entries, order, send, won,
    };

    async fn resend(app: &TestApp, path: &str) -> Answer {
        order(app, "POST", &format!("{path}/resend"), &Value::Null).await
    }

    #[tokio::test]
    async fn another_code_takes_the_place_of_the_first() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (path, first) = invite(&app, &tenant, GRACE).await;
        let known = app.events().await.len();
        app.clock.advance_minutes(60);

        let answer = resend(&app, &path).await.expect(202);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.header("location"), Some(&*path));
        assert_eq!(answer.usage.calls, 2);
        assert_eq!(find(&app, &path).await, answer.json());
        insta::assert_json_snapshot!(app.events().await.split_off(known));
        insta::assert_json_snapshot!(last_entries(&app, &tenant, 1).await);
        let second = app.last_invitation_code().await;
        accept(&app, &first).await.expect_problem(401, "invalid_token");
        accept(&app, &second).await.expect(200);
    }

    #[tokio::test]
    async fn one_that_has_expired_gets_a_new_time() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (path, _) = invite(&app, &tenant, GRACE).await;
        app.clock.advance_minutes(8 * 24 * 60);
        assert_eq!(find(&app, &path).await["status"], "EXPIRED");

        let answer = resend(&app, &path).await.expect(202);

        assert_eq!(answer.text_at("/status"), "PENDING");
        let code = app.last_invitation_code().await;
        app.clock.advance_minutes(7 * 24 * 60 - 1);
        accept(&app, &code).await.expect(200);
    }

    #[tokio::test]
    async fn one_that_another_one_followed_is_not_sent_again() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (expired, _) = invite(&app, &tenant, GRACE).await;
        app.clock.advance_minutes(8 * 24 * 60);
        invite(&app, &tenant, GRACE).await;

        resend(&app, &expired)
            .await
            .expect_problem(409, "invitation_exists");
    }

    #[tokio::test]
    async fn what_was_answered_or_taken_back_is_not_sent_again() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (accepted, code) = invite(&app, &tenant, "accepted@a.example").await;
        accept(&app, &code).await.expect(200);
        let (declined, code) = invite(&app, &tenant, "declined@a.example").await;
        decline(&app, &code).await.expect(204);
        let (revoked, _) = invite(&app, &tenant, "revoked@a.example").await;
        order(&app, "DELETE", &revoked, &Value::Null).await.expect(204);
        app.settle().await;
        let before = app.items().await;

        for path in [accepted, declined, revoked] {
            resend(&app, &path).await.expect_problem(409, "invitation_closed");
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn nobody_offers_again_what_is_more_than_it_holds() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let body = json!({ "email": GRACE, "roleId": app.role(&tenant, SystemRole::Owner) });
        let answer = order(&app, "POST", &invitations_of(&tenant), &body).await;
        let path = format!("{}/{}/resend", invitations_of(&tenant), answer.text_at("/id"));
        let (admin, owner) = (
            app.member_as(&tenant, SystemRole::Admin),
            app.member_as(&tenant, SystemRole::Owner),
        );

        let answer = send(&app, "POST", &path, &admin, &Value::Null).await;

        let answer = answer.expect_problem(403, "forbidden");
        assert!(
            answer
                .text_at("/detail")
                .contains(Permission::ProvisionTenant.name())
        );
        send(&app, "POST", &path, &owner, &Value::Null).await.expect(202);
    }

    #[tokio::test]
    async fn an_address_gets_ten_mails_a_minute() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (path, _) = invite(&app, &tenant, GRACE).await;
        for _ in 0..9 {
            resend(&app, &path).await.expect(202);
        }

        let answer = resend(&app, &path).await;
        app.clock.advance_minutes(1);

        answer.expect_problem(429, "rate_limited");
        resend(&app, &path).await.expect(202);
    }

    #[tokio::test]
    async fn of_many_that_send_it_again_at_once_the_last_code_counts() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (path, _) = invite(&app, &tenant, GRACE).await;

        let answers = join_all((0..8).map(|_| resend(&app, &path))).await;

        let sent = won(answers, 202, &["modified_concurrently"]);
        assert!(sent > 0);
        assert_eq!(app.mails().await.len(), 1 + sent);
        let found = find(&app, &path).await;
        assert_eq!(found["sent"], json!(1 + sent));
    }
}
