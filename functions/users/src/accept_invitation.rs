use tenantry_api::{Body, Found, FromMembers, Members, Operation, Problem, Reply as _};
use tenantry_app::{Error, look_again};
use tenantry_domain::{
    Change, Conflict, Error as DomainError, Event, Id, InvitationStatus, Kind, Membership, MembershipCommand,
    MembershipStatus, PersonName, Rule, User, Username,
};
use tenantry_store::Transaction;
use utoipa::ToSchema;

use crate::invitation_answer::{Asked, Code, Named, find_asked};
use crate::member_trail::{invitation as shown_invitation, shown};
use crate::member_view::MemberView;

/// What a person says who accepts. With the code of the mail all of it may be absent, unless the person is new and nobody has
/// said yet what it is called.
#[derive(Debug, ToSchema)]
#[schema(as = InvitationAcceptance, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; what is read is an answer of the domain"
)]
pub(crate) struct AcceptanceDoc {
    /// First name, of somebody new.
    #[schema(max_length = 100, example = "Grace")]
    first_name: Option<String>,
    /// Last name, of somebody new.
    #[schema(max_length = 100, example = "Hopper")]
    last_name: Option<String>,
    /// What somebody new will sign in with; the e-mail address, if absent.
    #[schema(max_length = 150, example = "grace")]
    username: Option<String>,
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
#[derive(Clone)]
pub(crate) struct Acceptance {
    first_name: Option<PersonName>,
    last_name: Option<PersonName>,
    username: Option<Username>,
    named: Option<Named>,
}

impl FromMembers for Acceptance {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let first_name = members.optional_text("firstName", PersonName::parse_name);
        let last_name = members.optional_text("lastName", PersonName::parse_name);
        let username = members.optional_text("username", Username::parse);
        let named = named_in(members);
        Some(Self {
            first_name: first_name?,
            last_name: last_name?,
            username: username?,
            named: named?,
        })
    }
}

/// The invitation that a body names: all three ids, or none.
#[expect(
    clippy::option_option,
    reason = "the outer one says that it was there and wrong, as with every member of a body"
)]
pub(crate) fn named_in(members: &mut Members<'_>) -> Option<Option<Named>> {
    let tenant_id = members.optional_text("tenantId", Id::parse);
    let invitation_id = members.optional_text("invitationId", Id::parse);
    let user_id = members.optional_text("userId", Id::parse);
    match (tenant_id?, invitation_id?, user_id?) {
        (Some(tenant_id), Some(invitation_id), Some(user_id)) => Some(Some(Named {
            tenant_id,
            invitation_id,
            user_id,
        })),
        (None, None, None) => Some(None),
        (tenant_id, invitation_id, user_id) => {
            let given = [
                ("tenantId", tenant_id.is_some()),
                ("invitationId", invitation_id.is_some()),
                ("userId", user_id.is_some()),
            ];
            for (name, _) in given.into_iter().filter(|(_, is_given)| !is_given) {
                members.note::<()>(name, Rule::new("required", "is required beside the other two"));
            }
            None
        }
    }
}

/// Accept an invitation.
///
/// With the code from the mail as bearer token; or, by somebody who is a member elsewhere, with that token, and in the body
/// which invitation is meant. The person becomes an active member. It works once and in time; the role is looked at again, and so is
/// whether who sent it may still invite.
#[utoipa::path(post, path = "/invitations/accept", request_body = AcceptanceDoc)]
pub(crate) async fn accept_invitation(
    operation: Operation,
    code: Code,
    Body(acceptance): Body<Acceptance>,
) -> Result<Found<MemberView>, Problem> {
    let mut known = None;
    loop {
        let accepted = look_again(|| async {
            let asked = find_asked(&operation, &code, acceptance.named, known).await?;
            accept(&operation, &asked, acceptance.clone()).await
        })
        .await;
        match accepted {
            // Somebody with this address has come to be since the invitation was sent: it is that person that is meant.
            Err(Error::Refused(DomainError::Conflict(Conflict::EmailTaken))) if known.is_none() => {
                let asked = find_asked(&operation, &code, acceptance.named, None).await?;
                let store = &operation.context.store;
                known = store.find_user_with_email(&asked.invitation.email).await?;
                if known.is_none() {
                    return Err(DomainError::from(Conflict::EmailTaken).into());
                }
            }
            accepted => return Ok(accepted?),
        }
    }
}

async fn accept(
    operation: &Operation,
    asked: &Asked,
    acceptance: Acceptance,
) -> Result<Found<MemberView>, Error> {
    let context = &operation.context;
    let (scope, people, invitation) = (&asked.scope, &asked.people, &asked.invitation);
    let change = context.change(scope.actor().clone());
    let accepted = invitation.clone().close(InvitationStatus::Accepted, &change)?;
    asked.check_address()?;
    let mut transaction = asked.begin(operation);
    let lost = operation.lost_race(Kind::Invitation, invitation.id);
    transaction.replace_invitation(scope, &accepted, context.now, lost);
    let (before, after) = match asked.membership() {
        Some(member) if member.is_active() => (Some(member), member.clone()),
        Some(member) => (Some(member), welcome_back(asked, member, &change)?),
        None => {
            invitation.check_role(&people.roles)?;
            let user = join(asked, acceptance, &mut transaction, &change)?;
            let (tenant_id, active) = (scope.tenant_id(), MembershipStatus::Active);
            let member = Membership::new(tenant_id, &user, invitation.role_id, active, context.now);
            (None, member)
        }
    };
    let mut entry = context.audit("member.joined", &change);
    entry.before = before.map(shown);
    entry.after = Some(shown(&after));
    match before {
        Some(before) if *before == after => {}
        Some(before) => {
            let lost = operation.lost_race(Kind::Member, after.id);
            let event = Event::of_member("member.joined", &after, 0, context.new_id(), context.now);
            transaction
                .replace_membership(scope, before, &after, lost)
                .audit(&people.trail, &entry)
                .send(&context.event(&event));
        }
        None => {
            let event = Event::of_member("member.joined", &after, 1, context.new_id(), context.now);
            transaction
                .create_membership(scope, &after)
                .audit(&people.trail, &entry)
                .send(&context.event(&event));
        }
    }
    let mut entry = context.audit("invitation.accepted", &change);
    entry.before = Some(shown_invitation(invitation));
    entry.after = Some(shown_invitation(&accepted));
    let event = Event::of_invitation("invitation.accepted", &accepted, context.new_id(), context.now);
    transaction
        .audit(&people.trail, &entry)
        .send(&context.event(&event));
    let reply = Found(MemberView::of(after, &people.roles));
    match context.commit(transaction, || reply.stored()).await {
        // The role was removed since it was looked at: the next look says what that means for the invitation.
        Err(Error::Refused(DomainError::Invalid(_))) => Err(Conflict::ModifiedConcurrently {
            kind: Kind::Role,
            id: invitation.role_id.to_string(),
        }
        .into()),
        committed => committed.map(|()| reply),
    }
}

/// A member that was added, or said no before. Who was added has the role that it was given since; who said no gets what the
/// invitation offers.
fn welcome_back(asked: &Asked, member: &Membership, change: &Change) -> Result<Membership, Error> {
    let invitation = &asked.invitation;
    let joined = member.clone().moved(MembershipCommand::Accept, change)?;
    if member.status == MembershipStatus::Rejected {
        invitation.check_role(&asked.people.roles)?;
        return Ok(joined.with_role(invitation.role_id));
    }
    Ok(joined)
}

/// The person as one of the tenant: somebody known, or somebody new.
fn join(
    asked: &Asked,
    acceptance: Acceptance,
    transaction: &mut Transaction,
    change: &Change,
) -> Result<User, Error> {
    let (tenant_id, invitation) = (asked.scope.tenant_id(), &asked.invitation);
    if let Some(user) = asked.people.user(asked.user_id) {
        let joined = user.clone().join(tenant_id, change)?;
        transaction.replace_user(user, &joined);
        return Ok(joined);
    }
    let profile = invitation.profile(acceptance.first_name, acceptance.last_name);
    let profile = profile.ok_or_else(|| {
        DomainError::invalid(Rule::new("required", "is required of somebody new").at("/firstName"))
    })?;
    let email = invitation.email.clone();
    let username = acceptance.username.unwrap_or_else(|| Username::of_email(&email));
    let user = User::new(asked.user_id, username, email, profile, change.at);
    let joined = user.join(tenant_id, change)?;
    transaction.create_user(&joined);
    Ok(joined)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::{Permission, SystemRole};
    use tenantry_testing::{Answer, Person, TestApp};

    use crate::scene::{
        GRACE, accept, add_grace, count_of, decline, find, force_status, invitation, invitations_of, invite,
        last_entries, named, of_members, order, path_of, send, status_of, told, users_of, won,
    };

    const ACCEPT: &str = "/invitations/accept";

    /// Has a member invite Grace; answers the invitation's path and the code of its mail.
    async fn invite_as(app: &TestApp, sender: &Person) -> (String, String) {
        let path = invitations_of(&sender.tenant_id);
        let body = invitation(app, &sender.tenant_id, GRACE);
        let answer = send(app, "POST", &path, &sender.token, &body).await.expect(201);
        let path = format!("{path}/{}", answer.text_at("/id"));
        (path, app.last_invitation_code().await)
    }

    #[tokio::test]
    async fn somebody_new_becomes_a_member_with_what_it_says_of_itself() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (path, code) = invite(&app, &tenant, GRACE).await;
        app.clock.advance_minutes(1);

        let body = json!({ "firstName": " Amazing ", "lastName": "Hopper", "username": " AmazingGrace " });
        let answer = send(&app, "POST", ACCEPT, &code, &body).await.expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.header("etag"), Some("\"1\""));
        assert_eq!(answer.usage.calls, 2);
        let grace = format!("{}/{}", users_of(&tenant), answer.text_at("/id"));
        assert_eq!(find(&app, &grace).await, answer.json());
        assert_eq!(find(&app, &path).await["status"], "ACCEPTED");
    }

    #[tokio::test]
    async fn others_hear_of_it_without_personal_data() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (_, code) = invite(&app, &tenant, GRACE).await;
        let known = app.events().await.len();

        accept(&app, &code).await.expect(200);

        insta::assert_json_snapshot!(app.events().await.split_off(known));
    }

    #[tokio::test]
    async fn the_audit_trail_names_nobody() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (_, code) = invite(&app, &tenant, GRACE).await;

        accept(&app, &code).await.expect(200);

        insta::assert_json_snapshot!(last_entries(&app, &tenant, 2).await);
    }

    #[tokio::test]
    async fn who_was_added_becomes_active_in_the_role_that_it_was_given_since() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (grace, code) = add_grace(&app, &tenant, &app.role(&tenant, SystemRole::Member)).await;
        let admin = app.role(&tenant, SystemRole::Admin);
        order(&app, "PATCH", &path_of(&grace), &json!({ "roleId": admin }))
            .await
            .expect(200);

        let answer = accept(&app, &code).await.expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.text_at("/userTenantId"), grace.membership_id);
        insta::assert_json_snapshot!(last_entries(&app, &tenant, 2).await);
    }

    #[tokio::test]
    async fn somebody_known_joins_with_its_own_token_or_the_code_as_it_is() {
        let app = TestApp::start().await;
        let (home, one, two) = (
            app.tenant("home").await,
            app.tenant("one").await,
            app.tenant("two").await,
        );
        let grace = app.join_as(&home, GRACE, SystemRole::Member).await;
        let (path, _) = invite(&app, &one, GRACE).await;
        let (_, code) = invite(&app, &two, GRACE).await;

        let mut body = named(&path, &grace.user_id);
        body["firstName"] = json!("Mallory");
        let by_token = send(&app, "POST", ACCEPT, &grace.token, &body).await.expect(200);
        let body = json!({ "firstName": "Mallory", "username": "mallory" });
        let by_code = send(&app, "POST", ACCEPT, &code, &body).await.expect(200);

        assert_eq!(by_token.usage.calls, 2);
        for answer in [by_token, by_code] {
            assert_eq!(answer.text_at("/id"), grace.user_id);
            assert_eq!(answer.text_at("/firstName"), "Grace");
            assert_eq!(answer.text_at("/username"), GRACE);
            assert_eq!(answer.text_at("/status"), "ACTIVE");
        }
        let tenants = find(&app, &format!("/user/{}/tenants", grace.user_id)).await;
        assert_eq!(tenants["items"].as_array().map(Vec::len), Some(3));
        assert_eq!(app.find_user(&grace).await["version"], 1);
    }

    #[tokio::test]
    async fn a_token_opens_the_invitation_of_its_own_person_only() {
        let app = TestApp::start().await;
        let (home, tenant) = (app.tenant("home").await, app.tenant("acme").await);
        let grace = app.join_as(&home, GRACE, SystemRole::Member).await;
        let alan = app.join_as(&home, "alan@park.example", SystemRole::Member).await;
        let (path, _) = invite(&app, &tenant, GRACE).await;
        let (of_alan, _) = invite(&app, &tenant, "alan@park.example").await;
        let elsewhere = path.replace(&tenant, &home);
        let unknown = format!("{}/{}", invitations_of(&tenant), app.unknown_id());
        let before = app.items().await;

        for route in [ACCEPT, "/invitations/decline"] {
            for (token, body) in [
                (&alan.token, named(&path, &grace.user_id)),
                (&alan.token, named(&path, &alan.user_id)),
                (&grace.token, named(&of_alan, &grace.user_id)),
                (&grace.token, named(&elsewhere, &grace.user_id)),
                (&grace.token, named(&unknown, &grace.user_id)),
                (&grace.token, json!({})),
            ] {
                let answer = send(&app, "POST", route, token, &body).await;
                answer.expect_problem(404, "not_found");
            }
            let body = named(&path, &grace.user_id);
            let answer = order(&app, "POST", route, &body).await;
            answer.expect_problem(403, "forbidden");
            let answer = app.post(route).json(&body).send().await;
            answer.expect_problem(401, "token_required");
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn a_code_that_was_not_sent_last_opens_nothing() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (path, replaced) = invite(&app, &tenant, GRACE).await;
        let resend = format!("{path}/resend");
        order(&app, "POST", &resend, &Value::Null).await.expect(202);
        let code = app.last_invitation_code().await;
        let (_, of_alan) = invite(&app, &tenant, "alan@park.example").await;
        let at = code.len() - 10;
        let flipped = if &code[at..=at] == "A" { "B" } else { "A" };
        let tampered = format!("{}{flipped}{}", &code[..at], &code[at + 1..]);
        let crossed = format!("{}{}", &of_alan[..60], &code[60..]);
        let before = app.items().await;

        for (n, code) in [&*replaced, &tampered, &crossed, &code[..code.len() - 4], "tic_"]
            .into_iter()
            .enumerate()
        {
            for route in [ACCEPT, "/invitations/decline"] {
                let call = app.post(route).from(&format!("192.0.2.{n}")).bearer(code);
                let answer = call.json(&json!({})).send().await;
                let answer = answer.expect_problem(401, "invalid_token");
                assert!(answer.header("www-authenticate").is_some());
            }
        }

        let (rates, others): (Vec<_>, Vec<_>) = app.items().await.into_iter().partition(|item| {
            let kind = item.get("type").and_then(|kind| kind.as_s().ok());
            kind.is_some_and(|kind| kind == "rate") && !before.contains(item)
        });
        assert_eq!(rates.len(), 5, "guessing is counted");
        assert_eq!(others, before);
        accept(&app, &code).await.expect(200);
    }

    #[tokio::test]
    async fn an_invitation_is_answered_once_and_in_time() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let mut codes = Vec::new();
        for email in [
            "used@a.example",
            "declined@a.example",
            "revoked@a.example",
            "late@a.example",
        ] {
            codes.push(invite(&app, &tenant, email).await);
        }
        let [(_, used), (_, declined), (revoked_path, revoked), (_, late)] =
            codes.try_into().expect("there are four");
        accept(&app, &used).await.expect(200);
        decline(&app, &declined).await.expect(204);
        order(&app, "DELETE", &revoked_path, &Value::Null)
            .await
            .expect(204);
        app.settle().await;
        let before = app.items().await;

        for code in [&used, &declined, &revoked] {
            accept(&app, code).await.expect_problem(409, "invitation_closed");
            decline(&app, code).await.expect_problem(409, "invitation_closed");
        }
        app.clock.advance_minutes(7 * 24 * 60);
        accept(&app, &late)
            .await
            .expect_problem(409, "invitation_expired");
        decline(&app, &late)
            .await
            .expect_problem(409, "invitation_expired");

        assert_eq!(app.items().await, before);
        app.clock.advance_ms(-1);
        accept(&app, &late).await.expect(200);
    }

    #[tokio::test]
    async fn what_who_invited_may_not_any_more_does_not_hold() {
        let app = TestApp::start().await;

        for (n, command) in ["deactivate", ""].into_iter().enumerate() {
            let tenant = app.tenant(&format!("acme{n}")).await;
            let ada = app.join_as(&tenant, "ada@acme.com", SystemRole::Admin).await;
            let (path, code) = invite_as(&app, &ada).await;
            if command.is_empty() {
                order(&app, "DELETE", &path_of(&ada), &Value::Null)
                    .await
                    .expect(204);
            } else {
                order(
                    &app,
                    "POST",
                    &format!("{}/{command}", path_of(&ada)),
                    &Value::Null,
                )
                .await
                .expect(200);
            }

            accept(&app, &code)
                .await
                .expect_problem(409, "invitation_outdated");
            assert_eq!(find(&app, &path).await["status"], "PENDING");
        }
    }

    #[tokio::test]
    async fn a_role_that_has_grown_or_gone_is_not_given() {
        let app = TestApp::start().await;

        for (n, (method, permissions, status)) in [
            ("PATCH", vec!["ViewTenant", "ViewContact"], 409),
            ("DELETE", vec![], 409),
            ("PATCH", vec!["ViewTenant"], 200),
            ("PATCH", vec![], 200),
        ]
        .into_iter()
        .enumerate()
        {
            let tenant = app.tenant(&format!("acme{n}")).await;
            let role = app.custom_role(&tenant, "Editor", [Permission::ViewTenant]).await;
            let email = format!("grace{n}@navy.example");
            let code = app.invite(&tenant, &email, &role).await;
            let path = format!("/tenants/{tenant}/roles/{role}");
            let body = match method {
                "DELETE" => Value::Null,
                _ => json!({ "name": "Redactor", "permissions": permissions }),
            };
            let answer = order(&app, method, &path, &body).await;
            assert!(answer.status.is_success());

            let answer = accept(&app, &code).await.expect(status);

            if status == 409 {
                answer.expect_problem(409, "invitation_outdated");
                assert_eq!(find(&app, &users_of(&tenant)).await["items"], json!([]));
            } else {
                assert_eq!(answer.text_at("/roleName"), "Redactor");
            }
        }
    }

    #[tokio::test]
    async fn an_address_that_is_not_the_persons_any_more_proves_nothing() {
        let app = TestApp::start().await;
        let (home, tenant) = (app.tenant("home").await, app.tenant("acme").await);
        let (grace, added) = add_grace(&app, &home, &app.role(&home, SystemRole::Member)).await;
        let (path, invited) = invite(&app, &tenant, GRACE).await;
        let body = json!({ "email": "hopper@navy.example" });
        order(&app, "PATCH", &path_of(&grace), &body).await.expect(200);

        for code in [added, invited] {
            accept(&app, &code)
                .await
                .expect_problem(409, "invitation_outdated");
        }
        let body = named(&path, &grace.user_id);
        let answer = send(&app, "POST", ACCEPT, &grace.token, &body).await;
        answer.expect_problem(404, "not_found");

        assert_eq!(status_of(&app, &grace).await, "REGISTERED");
        assert_eq!(find(&app, &users_of(&tenant)).await["items"], json!([]));
    }

    #[tokio::test]
    async fn who_was_removed_before_it_accepted_does_not_come_back_with_its_code() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (grace, code) = add_grace(&app, &tenant, &app.role(&tenant, SystemRole::Member)).await;
        order(&app, "DELETE", &path_of(&grace), &Value::Null)
            .await
            .expect(204);

        accept(&app, &code).await.expect_problem(409, "invitation_closed");

        assert_eq!(find(&app, &users_of(&tenant)).await["items"], json!([]));
        let (_, code) = invite(&app, &tenant, GRACE).await;
        accept(&app, &code).await.expect(200);
    }

    #[tokio::test]
    async fn who_was_kept_from_acting_does_not_let_itself_in() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (grace, code) = add_grace(&app, &tenant, &app.role(&tenant, SystemRole::Member)).await;
        let deactivate = format!("{}/deactivate", path_of(&grace));
        order(&app, "POST", &deactivate, &Value::Null).await.expect(200);

        accept(&app, &code)
            .await
            .expect_problem(409, "invalid_transition");

        assert_eq!(status_of(&app, &grace).await, "INACTIVE");
    }

    #[tokio::test]
    async fn who_is_active_already_answers_and_stays_as_it_is() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (grace, code) = add_grace(&app, &tenant, &app.role(&tenant, SystemRole::Member)).await;
        let activate = format!("{}/activate", path_of(&grace));
        let active = order(&app, "POST", &activate, &Value::Null).await.expect(200);

        let answer = accept(&app, &code).await.expect(200);

        assert_eq!(answer.json(), active.json());
        assert_eq!(app.events_of("member.joined.v1").await, [] as [Value; 0]);
        assert_eq!(app.events_of("invitation.accepted.v1").await.len(), 1);
    }

    #[tokio::test]
    async fn an_address_that_two_tenants_invited_becomes_one_person() {
        let app = TestApp::start().await;
        let (one, two) = (app.tenant("one").await, app.tenant("two").await);
        let (_, first) = invite(&app, &one, GRACE).await;
        let (_, second) = invite(&app, &two, GRACE).await;

        let first = accept(&app, &first).await.expect(200);
        let second = accept(&app, &second).await.expect(200);

        assert_eq!(first.text_at("/id"), second.text_at("/id"));
        assert_eq!(second.text_at("/tenantId"), two);
        assert_eq!(count_of(&app, "user").await, 1);
        // It looks, is told that there is such a person, looks who that is, and for it, and joins.
        assert_eq!(second.usage.calls, 6);
    }

    #[tokio::test]
    async fn an_address_that_answers_two_tenants_at_once_becomes_one_person() {
        for _ in 0..5 {
            let app = TestApp::start().await;
            let (one, two) = (app.tenant("one").await, app.tenant("two").await);
            let codes = [
                invite(&app, &one, GRACE).await.1,
                invite(&app, &two, GRACE).await.1,
            ];

            let (first, second) = tokio::join!(accept(&app, &codes[0]), accept(&app, &codes[1]));

            let (first, second) = (first.expect(200), second.expect(200));
            assert_eq!(first.text_at("/id"), second.text_at("/id"));
            assert_eq!(count_of(&app, "user").await, 1);
            assert_eq!(count_of(&app, "membership").await, 2);
        }
    }

    #[tokio::test]
    async fn a_username_that_somebody_has_is_not_taken_twice() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        app.join_as(&tenant, "ada@acme.com", SystemRole::Member).await;
        let (path, code) = invite(&app, &tenant, GRACE).await;

        let body = json!({ "username": "ADA@acme.com" });
        let answer = send(&app, "POST", ACCEPT, &code, &body).await;

        answer.expect_problem(409, "username_taken");
        assert_eq!(find(&app, &path).await["status"], "PENDING");
        accept(&app, &code).await.expect(200);
    }

    #[tokio::test]
    async fn somebody_new_says_what_it_is_called_if_nobody_did() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let body = json!({ "email": GRACE, "roleId": app.role(&tenant, SystemRole::Member) });
        order(&app, "POST", &invitations_of(&tenant), &body)
            .await
            .expect(201);
        let code = app.last_invitation_code().await;

        let answer = accept(&app, &code).await.expect_problem(422, "invalid_body");

        assert_eq!(told(&answer), ["/firstName required"]);
        let body = json!({ "firstName": "Grace" });
        send(&app, "POST", ACCEPT, &code, &body).await.expect(200);
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_said_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (_, code) = invite(&app, &tenant, GRACE).await;

        for (body, wrong) in [
            (
                json!({ "firstName": "", "lastName": 7, "username": "a b", "tenantId": "x", "roleId": "owner" }),
                &[
                    "/firstName blank",
                    "/lastName invalid_type",
                    "/username invalid_username",
                    "/tenantId invalid_id",
                    "/roleId unknown_member",
                ][..],
            ),
            (
                json!({ "tenantId": tenant }),
                &["/invitationId required", "/userId required"][..],
            ),
        ] {
            let answer = send(&app, "POST", ACCEPT, &code, &body).await;
            assert_eq!(told(&answer.expect_problem(422, "invalid_body")), wrong);
        }
        accept(&app, &code).await.expect(200);
    }

    #[tokio::test]
    async fn nobody_joins_a_tenant_that_is_suspended_or_offboarded() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (_, code) = invite(&app, &tenant, GRACE).await;

        for (status, refusal) in [
            ("SUSPENDED", "tenant_suspended"),
            ("INACTIVE", "invalid_transition"),
        ] {
            app.force_status(&tenant, status).await;
            let before = app.items().await;
            accept(&app, &code).await.expect_problem(409, refusal);
            decline(&app, &code).await.expect_problem(409, refusal);
            assert_eq!(app.items().await, before);
        }
        app.force_status(&tenant, "ACTIVE").await;
        accept(&app, &code).await.expect(200);
    }

    #[tokio::test]
    async fn a_client_guesses_ten_times_a_minute() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (_, code) = invite(&app, &tenant, GRACE).await;
        for _ in 0..10 {
            accept(&app, "tic_guess")
                .await
                .expect_problem(401, "invalid_token");
        }

        for code in ["tic_guess", &code] {
            let answer = accept(&app, code).await.expect_problem(429, "rate_limited");
            assert_eq!(answer.header("retry-after"), Some("60"));
        }
        let body = json!({});
        let call = app.post(ACCEPT).from("192.0.2.9").bearer("tic_guess").json(&body);
        call.send().await.expect_problem(401, "invalid_token");
        app.clock.advance_minutes(1);
        accept(&app, &code).await.expect(200);
    }

    #[tokio::test]
    async fn of_many_that_accept_at_once_one_does() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (_, code) = invite(&app, &tenant, GRACE).await;

        let answers = join_all((0..50).map(|_| accept(&app, &code))).await;

        let lost = ["invitation_closed", "modified_concurrently"];
        assert_eq!(won(answers, 200, &lost), 1);
        assert_eq!(count_of(&app, "user").await, 1);
        assert_eq!(count_of(&app, "membership").await, 1);
        assert_eq!(app.events_of("member.joined.v1").await.len(), 1);
    }

    #[tokio::test]
    async fn an_invitation_is_accepted_or_taken_back() {
        for _ in 0..5 {
            let app = TestApp::start().await;
            let tenant = app.tenant("acme").await;
            let (path, code) = invite(&app, &tenant, GRACE).await;

            let (accepted, revoked) =
                tokio::join!(accept(&app, &code), order(&app, "DELETE", &path, &Value::Null));

            let members = count_of(&app, "membership").await;
            match (accepted.status.as_u16(), revoked.status.as_u16()) {
                (200, 409) => assert_eq!(members, 1),
                (409, 204) => assert_eq!(members, 0),
                other => panic!("{other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn an_owner_who_comes_is_one_who_counts() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let owner = SystemRole::Owner;
        let ada = app.join_as(&tenant, "ada@acme.com", owner).await;
        let remove = path_of(&ada);
        let answer = order(&app, "DELETE", &remove, &Value::Null).await;
        answer.expect_problem(409, "last_owner");

        app.join_as(&tenant, GRACE, owner).await;

        order(&app, "DELETE", &remove, &Value::Null).await.expect(204);
    }

    #[tokio::test]
    async fn a_rejected_member_accepts_in_the_role_that_it_is_offered_now() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let first = app.custom_role(&tenant, "Editor", [Permission::ViewTenant]).await;
        let (grace, code) = add_grace(&app, &tenant, &first).await;
        decline(&app, &code).await.expect(204);

        let (_, code) = invite(&app, &tenant, GRACE).await;
        let answer = accept(&app, &code).await.expect(200);

        assert_eq!(answer.text_at("/userTenantId"), grace.membership_id);
        assert_eq!(answer.text_at("/roleName"), "Member");
        // The role that it would have had is nobody's any more.
        let role = format!("/tenants/{tenant}/roles/{first}");
        order(&app, "DELETE", &role, &Value::Null).await.expect(204);
    }

    #[tokio::test]
    async fn a_rejected_member_is_not_given_a_role_that_has_grown_either() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (grace, code) = add_grace(&app, &tenant, &app.role(&tenant, SystemRole::Member)).await;
        decline(&app, &code).await.expect(204);
        let role = app.custom_role(&tenant, "Editor", [Permission::ViewTenant]).await;
        let code = app.invite(&tenant, GRACE, &role).await;
        let grown = json!({ "permissions": ["ViewTenant", "ViewContact"] });
        order(&app, "PATCH", &format!("/tenants/{tenant}/roles/{role}"), &grown)
            .await
            .expect(200);

        accept(&app, &code)
            .await
            .expect_problem(409, "invitation_outdated");

        assert_eq!(status_of(&app, &grace).await, "REJECTED");
    }

    #[tokio::test]
    async fn a_member_that_is_not_active_at_home_answers_for_itself_all_the_same() {
        let app = TestApp::start().await;
        let (home, tenant) = (app.tenant("home").await, app.tenant("acme").await);
        let grace = app.join_as(&home, GRACE, SystemRole::Member).await;
        force_status(&app, &grace, "INACTIVE").await;
        let (path, _) = invite(&app, &tenant, GRACE).await;

        let body = named(&path, &grace.user_id);
        let token = app.token_of(&home, &grace.user_id, of_members());
        let answer: Answer = send(&app, "POST", ACCEPT, &token, &body).await.expect(200);

        assert_eq!(answer.text_at("/tenantId"), tenant);
        assert_eq!(status_of(&app, &grace).await, "INACTIVE");
    }
}
