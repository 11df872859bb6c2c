use std::collections::BTreeSet;

use serde::Serialize;
use tenantry_api::{Batch, Count, Operation, Problem, Reply as _, Scope};
use tenantry_app::{Error, look_again};
use tenantry_domain::{
    Conflict, Email, Error as DomainError, Event, Id, Invitation, Kind, Membership, MembershipStatus,
    NewInvitation, Offer, Tenant, TenantScope, User,
};
use tenantry_store::{People, Rate, Transaction, Unique};
use utoipa::ToSchema;

use crate::invitation_view::InvitationView;
use crate::member_trail::invitation as shown;
use crate::new_person::{NewInvitationBody, NewInvitationDoc, look, offer};

/// What became of each of many invitations, in their order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BulkInvitationAnswer)]
pub(crate) struct BulkAnswer {
    /// What became of each.
    results: Vec<BulkResult>,
}

/// What became of one of many invitations.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BulkInvitationResult)]
pub(crate) struct BulkResult {
    /// Where it was to be sent.
    #[schema(format = Email)]
    email: String,
    /// `invited`, `exists` if there is one that waits for an answer, `member` if the person is one, or `refused`.
    #[schema(example = "invited")]
    status: &'static str,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The invitation that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    invitation: Option<InvitationView>,
}

type Wishes = Batch<NewInvitationBody, { Invitation::MOST_AT_ONCE }>;

/// Invite many people to a tenant.
///
/// Fifteen at most. Each is answered by itself: those that can be sent are, all at once, whatever becomes of the others. If one of
/// them would be a mail too many to its address, none is sent: 429.
#[utoipa::path(
    post,
    path = "/tenants/{id}/invitations/bulk",
    request_body = Vec<NewInvitationDoc>,
    params(("id" = String, Path, description = "The tenant's id."))
)]
pub(crate) async fn create_invitations(
    operation: Operation,
    Scope(scope): Scope,
    Batch(wishes): Wishes,
) -> Result<Count<BulkAnswer>, Problem> {
    let context = &operation.context;
    operation.about_tenant(scope.tenant_id());
    let change = context.change(scope.actor().clone());
    let wishes: Vec<NewInvitation> = wishes.into_iter().map(|NewInvitationBody(wish)| wish).collect();
    let answer = look_again(|| async {
        let emails: BTreeSet<&Email> = wishes.iter().map(|wish| &wish.email).collect();
        let emails: Vec<&Email> = emails.into_iter().collect();
        let owners_of = emails.iter().map(|email| Unique::UserEmail(email)).collect();
        let (people, tenant) = look(context, &scope, owners_of, emails.clone()).await?;
        let found = Found {
            members: find_members(&operation, &scope, &people).await?,
            people,
            tenant,
            emails,
        };
        let mut transaction = Transaction::new();
        transaction.in_tenant(&scope);
        let (mut results, mut done) = (Vec::new(), BTreeSet::new());
        for wish in &wishes {
            let verdict = found.judge(&operation, wish, &done);
            let (user_id, offer) = match verdict {
                Ok(sendable) => sendable,
                Err((status, refusal)) => {
                    results.push(BulkResult {
                        email: wish.email.as_str().to_owned(),
                        status,
                        detail: refusal.map(|error| error.to_string()),
                        invitation: None,
                    });
                    continue;
                }
            };
            done.insert(&wish.email);
            let place = (scope.tenant_id(), user_id);
            let (invitation, code) = context.new_invitation(place, wish.clone(), offer, &change);
            let event =
                Event::of_invitation("invitation.created", &invitation, context.new_id(), context.now);
            let mut entry = context.audit("invitation.created", &change);
            entry.after = Some(shown(&invitation));
            let by_email = Rate::Email {
                email: &wish.email,
                limit: context.app.config.public_rate_per_minute,
            };
            transaction
                .create_invitation(&scope, &invitation, context.now)
                .charge(&by_email, context.now)
                .audit(&found.people.trail, &entry)
                .send(&context.event(&event))
                .send(&context.invitation_mail(&invitation, &code));
            results.push(BulkResult {
                email: wish.email.as_str().to_owned(),
                status: "invited",
                detail: None,
                invitation: Some(InvitationView::at(context.now, invitation)),
            });
        }
        let answer = Count(BulkAnswer { results });
        match context.commit(transaction, || answer.stored()).await {
            // Somebody else was first to invite one of them: that one is answered otherwise then.
            Err(Error::Refused(DomainError::Conflict(Conflict::InvitationExists))) => {
                Err(Conflict::ModifiedConcurrently {
                    kind: Kind::Tenant,
                    id: scope.tenant_id().to_string(),
                }
                .into())
            }
            committed => committed.map(|()| answer),
        }
    })
    .await?;
    Ok(answer)
}

/// What the verdicts on all of them are made from.
struct Found<'a> {
    people: People,
    tenant: Tenant,
    emails: Vec<&'a Email>,
    members: Vec<Membership>,
}

type Sendable = (Id<User>, Offer);
type Unsendable = (&'static str, Option<DomainError>);

impl Found<'_> {
    fn judge(
        &self,
        operation: &Operation,
        wish: &NewInvitation,
        done: &BTreeSet<&Email>,
    ) -> Result<Sendable, Unsendable> {
        let context = &operation.context;
        let offer = offer(&self.people, &self.tenant, wish.role_id, &operation.held())
            .map_err(|error| ("refused", Some(error)))?;
        let place = self.emails.iter().position(|email| **email == wish.email);
        let known = place.and_then(|place| self.people.owners.get(place).copied().flatten());
        let waits_until = place.and_then(|place| self.people.invited.get(place).copied().flatten());
        let is_waiting = waits_until.is_some_and(|until| context.now < until);
        if is_waiting || done.contains(&wish.email) {
            return Err(("exists", None));
        }
        let is_member = self
            .members
            .iter()
            .any(|member| Some(member.user_id) == known && member.status != MembershipStatus::Rejected);
        if is_member {
            return Err(("member", None));
        }
        let user_id = known.unwrap_or_else(|| User::new_id(context.now, &*context.app.entropy));
        Ok((user_id, offer))
    }
}

/// Those of the addresses' owners who are members: a second call, where an address is known.
async fn find_members(
    operation: &Operation,
    scope: &TenantScope,
    people: &People,
) -> Result<Vec<Membership>, Error> {
    let known = people.owners.iter().flatten();
    let ids: Vec<Id<Membership>> = known
        .map(|user_id| Membership::id_of(scope.tenant_id(), *user_id))
        .collect();
    Ok(operation.context.store.find_members(scope, &ids).await?)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::SystemRole;
    use tenantry_testing::{Answer, TestApp};

    use crate::scene::{
        GRACE, accept, count_of, decline, find, invitation, invitations_of, invite, last_entries, order,
        send, told,
    };

    async fn create(app: &TestApp, tenant_id: &str, token: &str, body: &Value) -> Answer {
        let path = format!("{}/bulk", invitations_of(tenant_id));
        send(app, "POST", &path, token, body).await
    }

    fn many(app: &TestApp, tenant_id: &str, count: usize) -> Value {
        let one = |n| invitation(app, tenant_id, &format!("user{n}@navy.example"));
        (0..count).map(one).collect()
    }

    fn statuses(answer: &Answer) -> Vec<String> {
        let json = answer.json();
        let results = json["results"].as_array().cloned().unwrap_or_default();
        let statuses = results.iter().filter_map(|result| result["status"].as_str());
        statuses.map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn each_is_answered_by_itself() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        app.join_as(&tenant, "member@a.example", SystemRole::Member).await;
        app.join_as(&other, "known@a.example", SystemRole::Member).await;
        invite(&app, &tenant, "invited@a.example").await;
        let (_, code) = invite(&app, &tenant, "declined@a.example").await;
        decline(&app, &code).await.expect(204);
        let admin = app.member_as(&tenant, SystemRole::Admin);
        let mails = app.mails().await.len();
        let with_role = |email: &str, role_id: String| json!({ "email": email, "roleId": role_id });
        let body = json!([
            invitation(&app, &tenant, "New@a.example"),
            invitation(&app, &tenant, "known@a.example"),
            invitation(&app, &tenant, "declined@a.example"),
            invitation(&app, &tenant, "member@a.example"),
            invitation(&app, &tenant, "invited@a.example"),
            invitation(&app, &tenant, "new@a.example"),
            with_role("owner@a.example", app.role(&tenant, SystemRole::Owner)),
            with_role("foreign@a.example", app.role(&other, SystemRole::Member)),
        ]);

        let answer = create(&app, &tenant, &admin, &body).await.expect(200);

        insta::assert_json_snapshot!(answer.json());
        // Whoever is known is looked for among the members.
        assert_eq!(answer.usage.calls, 3);
        assert_eq!(app.mails().await.len(), mails + 3);
        insta::assert_json_snapshot!(last_entries(&app, &tenant, 3).await);
    }

    #[tokio::test]
    async fn fifteen_are_invited_at_once_and_each_can_join() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        // A member's: one condition more than an operator's.
        let admin = app.member_as(&tenant, SystemRole::Admin);
        let call = app.post(&format!("{}/bulk", invitations_of(&tenant)));
        let call = call.bearer(&admin).header("idempotency-key", "k");
        let answer = call.json(&many(&app, &tenant, 15)).send().await.expect(200);

        assert_eq!(statuses(&answer), ["invited"; 15]);
        assert_eq!(answer.usage.calls, 2);
        let mails = app.mails().await;
        assert_eq!(mails.len(), 15);
        assert_eq!(app.events_of("invitation.created.v1").await.len(), 15);
        let last = accept(&app, &app.last_invitation_code().await).await.expect(200);
        assert_eq!(
            Some(last.text_at("/email")),
            mails.last().map(|mail| mail.to.clone())
        );
        let verified = find(&app, &format!("/tenants/{tenant}/audit/verify")).await;
        assert_eq!(verified["isIntact"], true, "{verified}");
    }

    #[tokio::test]
    async fn an_address_gets_ten_mails_a_minute_however_they_are_asked_for() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        for _ in 0..10 {
            let (path, _) = invite(&app, &tenant, GRACE).await;
            order(&app, "DELETE", &path, &Value::Null).await.expect(204);
        }
        let mails = app.mails().await.len();
        let body = json!([
            invitation(&app, &tenant, "joan@navy.example"),
            invitation(&app, &tenant, GRACE)
        ]);

        let answer = create(&app, &tenant, &app.operator(), &body).await;
        let refused = app.mails().await.len();
        app.clock.advance_minutes(1);
        let again = create(&app, &tenant, &app.operator(), &body).await;

        answer.expect_problem(429, "rate_limited");
        assert_eq!(refused, mails, "none is sent");
        assert_eq!(statuses(&again.expect(200)), ["invited"; 2]);
    }

    #[tokio::test]
    async fn all_that_is_wrong_with_all_of_them_is_said_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let good = invitation(&app, &tenant, GRACE);

        for (body, wrong) in [
            (json!([]), &[" invalid_length"][..]),
            (many(&app, &tenant, 16), &[" invalid_length"][..]),
            (good.clone(), &[" invalid_type"][..]),
            (
                json!([good, { "email": "x", "roleId": "y", "status": "ACTIVE" }, 7]),
                &[
                    "/1/email invalid_email",
                    "/1/roleId invalid_id",
                    "/1/status unknown_member",
                    "/2 invalid_type",
                ][..],
            ),
        ] {
            let answer = create(&app, &tenant, &app.operator(), &body).await;
            assert_eq!(told(&answer.expect_problem(422, "invalid_body")), wrong);
        }

        assert_eq!(count_of(&app, "invitation").await, 0);
    }

    #[tokio::test]
    async fn if_nobody_is_left_to_invite_nothing_is_written() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        invite(&app, &tenant, GRACE).await;
        app.settle().await;
        let before = app.items().await;

        let body = json!([invitation(&app, &tenant, GRACE)]);
        let answer = create(&app, &tenant, &app.operator(), &body).await.expect(200);

        assert_eq!(statuses(&answer), ["exists"]);
        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn of_many_lists_at_once_each_address_gets_one_invitation() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (body, token) = (many(&app, &tenant, 3), app.operator());

        let answers = join_all((0..10).map(|_| create(&app, &tenant, &token, &body))).await;

        let statuses: Vec<String> = answers
            .into_iter()
            .flat_map(|answer| statuses(&answer.expect(200)))
            .collect();
        let invited = statuses.iter().filter(|status| *status == "invited").count();
        assert_eq!((invited, statuses.len()), (3, 30));
        assert_eq!(count_of(&app, "invitation").await, 3);
        assert_eq!(app.mails().await.len(), 3);
    }
}
