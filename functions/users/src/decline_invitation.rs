use tenantry_api::{Body, FromMembers, Members, NoContent, Operation, Problem, Reply as _};
use tenantry_app::look_again;
use tenantry_domain::{Event, InvitationStatus, Kind, MembershipCommand, MembershipStatus};
use utoipa::ToSchema;

use crate::accept_invitation::named_in;
use crate::invitation_answer::{Code, Named, find_asked};
use crate::member_trail::{invitation as shown_invitation, shown};

/// Which invitation is declined. With the code of the mail all of it may be absent.
#[derive(Debug, ToSchema)]
#[schema(as = InvitationRefusal, rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "ids are what the body has")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; what is read is an answer of the domain"
)]
pub(crate) struct RefusalDoc {
    /// The invitation's tenant; needed with a member's token.
    #[schema(format = "uuid")]
    tenant_id: Option<String>,
    /// The invitation's id; needed with a member's token.
    #[schema(format = "uuid")]
    invitation_id: Option<String>,
    /// The person's own id; needed with a member's token.
    #[schema(format = "uuid")]
    user_id: Option<String>,
}

/// The answer as it was read.
pub(crate) struct Refusal(Option<Named>);

impl FromMembers for Refusal {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        named_in(members).map(Self)
    }
}

/// Decline an invitation.
///
/// Its code does not count any more. A member that was added and has not accepted is REJECTED from now on; it can be invited
/// again.
#[utoipa::path(post, path = "/invitations/decline", request_body = RefusalDoc)]
pub(crate) async fn decline_invitation(
    operation: Operation,
    code: Code,
    Body(Refusal(named)): Body<Refusal>,
) -> Result<NoContent, Problem> {
    let context = &operation.context;
    look_again(|| async {
        let asked = find_asked(&operation, &code, named, None).await?;
        let (scope, invitation) = (&asked.scope, &asked.invitation);
        let change = context.change(scope.actor().clone());
        let declined = invitation.clone().close(InvitationStatus::Declined, &change)?;
        asked.check_address()?;
        let mut transaction = asked.begin(&operation);
        let lost = operation.lost_race(Kind::Invitation, invitation.id);
        transaction.replace_invitation(scope, &declined, context.now, lost);
        let waiting = asked
            .membership()
            .filter(|member| member.status == MembershipStatus::Registered);
        if let Some(before) = waiting {
            let after = before.clone().moved(MembershipCommand::Reject, &change)?;
            let lost = operation.lost_race(Kind::Member, after.id);
            let mut entry = context.audit("member.updated", &change);
            (entry.before, entry.after) = (Some(shown(before)), Some(shown(&after)));
            let event = Event::of_member("member.updated", &after, 0, context.new_id(), context.now);
            transaction
                .replace_membership(scope, before, &after, lost)
                .audit(&asked.people.trail, &entry)
                .send(&context.event(&event));
        }
        let mut entry = context.audit("invitation.declined", &change);
        entry.before = Some(shown_invitation(invitation));
        entry.after = Some(shown_invitation(&declined));
        let event = Event::of_invitation("invitation.declined", &declined, context.new_id(), context.now);
        transaction
            .audit(&asked.people.trail, &entry)
            .send(&context.event(&event));
        context.commit(transaction, || NoContent.stored()).await?;
        Ok(())
    })
    .await?;
    Ok(NoContent)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tenantry_domain::SystemRole;
    use tenantry_testing::TestApp;

    use crate::scene::{
        GRACE, accept, add_grace, count_of, decline, find, invite, last_entries, named, send, status_of, won,
    };

    #[tokio::test]
    async fn somebody_says_no_and_is_not_made_a_person() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (path, code) = invite(&app, &tenant, GRACE).await;
        let known = app.events().await.len();

        let answer = decline(&app, &code).await.expect(204);

        assert_eq!(answer.text, "");
        assert_eq!(answer.usage.calls, 2);
        assert_eq!(find(&app, &path).await["status"], "DECLINED");
        assert_eq!(count_of(&app, "user").await, 0);
        insta::assert_json_snapshot!(app.events().await.split_off(known));
    }

    #[tokio::test]
    async fn who_was_added_and_says_no_is_rejected() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (grace, code) = add_grace(&app, &tenant, &app.role(&tenant, SystemRole::Member)).await;

        decline(&app, &code).await.expect(204);

        assert_eq!(status_of(&app, &grace).await, "REJECTED");
        insta::assert_json_snapshot!(app.events_of("member.updated.v1").await);
        insta::assert_json_snapshot!(last_entries(&app, &tenant, 2).await);
    }

    #[tokio::test]
    async fn somebody_known_says_no_with_its_own_token() {
        let app = TestApp::start().await;
        let (home, tenant) = (app.tenant("home").await, app.tenant("acme").await);
        let grace = app.join_as(&home, GRACE, SystemRole::Member).await;
        let (path, code) = invite(&app, &tenant, GRACE).await;

        let body = named(&path, &grace.user_id);
        let answer = send(&app, "POST", "/invitations/decline", &grace.token, &body).await;

        answer.expect(204);
        accept(&app, &code).await.expect_problem(409, "invitation_closed");
        assert_eq!(status_of(&app, &grace).await, "ACTIVE");
    }

    #[tokio::test]
    async fn of_a_yes_and_a_no_at_once_one_counts() {
        for _ in 0..5 {
            let app = TestApp::start().await;
            let tenant = app.tenant("acme").await;
            let (grace, code) = add_grace(&app, &tenant, &app.role(&tenant, SystemRole::Member)).await;

            let (yes, no) = tokio::join!(accept(&app, &code), decline(&app, &code));

            let expected = if yes.status == 200 { "ACTIVE" } else { "REJECTED" };
            assert_eq!(status_of(&app, &grace).await, expected);
            let closed = ["invitation_closed"];
            assert_eq!(won(vec![yes], 200, &closed) + won(vec![no], 204, &closed), 1);
        }
    }

    #[tokio::test]
    async fn what_is_no_body_is_refused() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (_, code) = invite(&app, &tenant, GRACE).await;
        let call = || app.post("/invitations/decline").bearer(&code);

        let answer = call().send().await;
        answer.expect_problem(415, "unsupported_media_type");
        let answer = call().json(&Value::Null).send().await;
        answer.expect_problem(422, "invalid_body");
    }
}
