use tenantry_api::{NoContent, Operation, Path, Problem};
use tenantry_app::{Error, look_again};
use tenantry_domain::{
    Actor, Conflict, Error as DomainError, Event, Id, Kind, Membership, Tenant, TenantScope, User,
};
use tenantry_store::{Transaction, Wanted};

use crate::export_user::find_invitations;
use crate::member_removal::{let_go, remove_member};

/// Erase a person.
///
/// It leaves every tenant, and is gone for good with all that is kept of it: its memberships, preferences, places in groups, and
/// the invitations to its address. Its username and e-mail address are free again. What stays in audit trails are ids. Where it
/// is the last active owner, it is refused before anything is done, and somebody else has to be made one first. A tenant at a
/// time: what was cut off is finished by asking again.
#[utoipa::path(
    delete,
    path = "/user/{id}",
    params(("id" = String, Path, description = "The person's id."))
)]
pub(crate) async fn delete_user(
    operation: Operation,
    Path(id): Path<Id<User>>,
) -> Result<NoContent, Problem> {
    let context = &operation.context;
    let user = context.store.find_user(id).await?;
    let user = user.ok_or_else(|| DomainError::not_found(Kind::User, id))?;
    operation.check_version(Kind::User, id, user.version)?;
    check_owners(&operation, &user).await?;
    for tenant_id in &user.tenants {
        leave(&operation, id, *tenant_id).await?;
    }
    for invitation in find_invitations(&operation, &user).await? {
        let gone = Conflict::ModifiedConcurrently {
            kind: Kind::Invitation,
            id: invitation.id.to_string(),
        };
        let mut transaction = Transaction::new();
        transaction.delete_invitation(&invitation, gone.into());
        context.store.commit(transaction).await?;
    }
    look_again(|| async {
        let Some(user) = context.store.find_user(id).await? else {
            return Ok(());
        };
        if let Some(tenant_id) = user.tenants.first() {
            // Joined meanwhile: left as well, and looked at again.
            leave(&operation, id, *tenant_id).await?;
            return Err(lost(id).into());
        }
        let change = context.change(operation.caller.actor());
        let event = Event::of_user("user.erased", &user, context.new_id(), context.now);
        let mut transaction = Transaction::new();
        transaction
            .delete_user(&user, lost(id))
            .audit_user(id, &context.audit("user.erased", &change))
            .send(&context.event(&event));
        Ok(context.store.commit(transaction).await?)
    })
    .await?;
    Ok(NoContent)
}

fn lost(id: Id<User>) -> DomainError {
    Conflict::ModifiedConcurrently {
        kind: Kind::User,
        id: id.to_string(),
    }
    .into()
}

/// Looks first, so that a person who cannot go everywhere goes nowhere.
async fn check_owners(operation: &Operation, user: &User) -> Result<(), Error> {
    let tenants: Vec<Id<Tenant>> = user.tenants.iter().copied().collect();
    let store = &operation.context.store;
    let memberships = store.find_memberships_of(user.id, &tenants).await?;
    let mut transaction = Transaction::new();
    for (membership, _) in memberships.iter().filter(|(member, _)| member.is_acting_owner()) {
        let scope = TenantScope::of_system(membership.tenant_id, Actor::System);
        transaction.expect_other_owner(&scope);
    }
    if transaction.is_empty() {
        return Ok(());
    }
    Ok(store.commit(transaction).await?)
}

/// The person leaves one tenant, in its own name or an operator's.
async fn leave(operation: &Operation, user_id: Id<User>, tenant_id: Id<Tenant>) -> Result<(), Error> {
    let context = &operation.context;
    let scope = TenantScope::of_system(tenant_id, operation.caller.actor());
    let id = Membership::id_of(tenant_id, user_id);
    let change = context.change(scope.actor().clone());
    look_again(|| async {
        let wanted = Wanted {
            members: vec![id],
            users: vec![user_id],
            ..Wanted::default()
        };
        let people = context.store.find_people(&scope, &wanted).await?;
        let mut transaction = Transaction::new();
        let user = match &people {
            Some(people) => people.user(user_id).cloned(),
            // The tenant was erased, and the membership with it.
            None => context.store.find_user(user_id).await?,
        };
        let Some(user) = user else {
            return Ok(());
        };
        if let Some(people) = &people
            && let Some(member) = people.member(id)
        {
            let at = (member, &people.trail);
            remove_member(context, &mut transaction, &scope, at, lost(user_id), &change).await?;
        }
        let_go(&mut transaction, &scope, &user, &change);
        Ok(context.store.commit(transaction).await?)
    })
    .await
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tenantry_domain::{Permission, SystemRole};
    use tenantry_testing::{Answer, Person, TestApp, cut_off};

    use crate::scene::{
        GRACE, accept, add_grace, allow, count_of, find, group, invite, order, prefer, send, types_with,
        users_of, won,
    };

    async fn erase(app: &TestApp, person: &Person, token: &str) -> Answer {
        send(
            app,
            "DELETE",
            &format!("/user/{}", person.user_id),
            token,
            &Value::Null,
        )
        .await
    }

    #[tokio::test]
    async fn a_person_erases_itself_and_nothing_but_ids_stays() {
        let app = TestApp::start().await;
        let (home, other, third) = (
            app.tenant("home").await,
            app.tenant("other").await,
            app.tenant("third").await,
        );
        let grace = app.join_as(&home, GRACE, SystemRole::Member).await;
        let elsewhere = app.join_as(&other, GRACE, SystemRole::Admin).await;
        let named = json!({ "username": "amazing", "lastName": "Hopper", "phone": "+442071234567" });
        let path = format!("{}/{}", users_of(&home), grace.user_id);
        order(&app, "PATCH", &path, &named).await.expect(200);
        let sales = group(&app, &home, &[&grace]).await;
        allow(&app, &grace, "ViewContact").await;
        prefer(&app, &grace, "theme").await;
        let (waiting, _) = invite(&app, &third, GRACE).await;
        let known = app.events().await.len();

        let answer = erase(&app, &grace, &grace.token).await.expect(204);

        assert_eq!(answer.text, "");
        insta::assert_json_snapshot!(app.events().await.split_off(known));
        app.settle().await;
        for text in [GRACE, "amazing", "Hopper", "+442071234567"] {
            assert_eq!(types_with(&app, text).await, [""; 0], "{text}");
        }
        for id in [&grace.user_id, &grace.membership_id, &elsewhere.membership_id] {
            assert_eq!(types_with(&app, id).await, ["audit"]);
        }
        assert_eq!(find(&app, &sales).await["members"], 0);
        order(&app, "GET", &waiting, &Value::Null)
            .await
            .expect_problem(404, "not_found");
        erase(&app, &grace, &grace.token)
            .await
            .expect_problem(404, "not_found");
        let (again, code) = add_grace(&app, &home, &app.role(&home, SystemRole::Member)).await;
        assert_ne!(again.user_id, grace.user_id);
        accept(&app, &code).await.expect(200);
    }

    #[tokio::test]
    async fn an_operator_erases_somebody_who_never_accepted() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (grace, code) = add_grace(&app, &tenant, &app.role(&tenant, SystemRole::Member)).await;
        let operator = app.operator_with([Permission::DeleteUser]);

        erase(&app, &grace, &operator).await.expect(204);

        accept(&app, &code).await.expect_problem(401, "invalid_token");
        for kind in ["user", "membership", "invitation", "invited"] {
            assert_eq!(count_of(&app, kind).await, 0, "{kind}");
        }
    }

    #[tokio::test]
    async fn an_erasure_that_is_cut_off_anywhere_is_finished_by_the_next_one() {
        let app = TestApp::start().await;
        let (home, other) = (app.tenant("home").await, app.tenant("other").await);
        let mut was_halfway = false;

        for steps in 1.. {
            let email = format!("grace{steps}@navy.example");
            let grace = app.join_as(&home, &email, SystemRole::Member).await;
            app.join_as(&other, &email, SystemRole::Member).await;
            let sales = group(&app, &home, &[&grace]).await;
            let path = format!("/user/{}", grace.user_id);
            let first = cut_off(order(&app, "DELETE", &path, &Value::Null), steps).await;
            let is_answered = first.is_some();
            was_halfway |= count_of(&app, "membership").await == 1;

            let second = order(&app, "DELETE", &path, &Value::Null).await;

            assert!([204, 404].contains(&second.status.as_u16()), "{}", second.text);
            app.settle().await;
            assert_eq!(types_with(&app, &email).await, [""; 0]);
            for kind in ["user", "membership", "group_member"] {
                assert_eq!(count_of(&app, kind).await, 0, "{kind} after {steps} steps");
            }
            order(&app, "DELETE", &sales, &Value::Null).await.expect(204);
            if is_answered {
                break;
            }
        }

        assert!(was_halfway, "it was never cut off between two transactions");
    }

    #[tokio::test]
    async fn nobody_else_erases_a_person() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let owner = app.join_as(&tenant, "ada@acme.com", SystemRole::Owner).await;
        app.settle().await;
        let before = app.items().await;

        let path = format!("/user/{}", grace.user_id);
        app.delete(&path)
            .send()
            .await
            .expect_problem(401, "token_required");
        let others = Permission::all().filter(|permission| *permission != Permission::DeleteUser);
        erase(&app, &grace, &app.operator_with(others))
            .await
            .expect_problem(403, "forbidden");
        erase(&app, &grace, &owner.token)
            .await
            .expect_problem(404, "not_found");
        let unknown = format!("/user/{}", app.unknown_id());
        order(&app, "DELETE", &unknown, &Value::Null)
            .await
            .expect_problem(404, "not_found");
        let call = app
            .delete(&path)
            .bearer(&app.operator())
            .header("if-match", "\"7\"");
        call.send().await.expect_problem(412, "precondition_failed");

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn who_is_the_last_owner_somewhere_goes_nowhere() {
        let app = TestApp::start().await;
        let first = app.tenant("first").await;
        // Tenants are left by when they were made.
        app.clock.advance_ms(1);
        let last = app.tenant("last").await;
        let grace = app.join_as(&first, GRACE, SystemRole::Member).await;
        app.join_as(&last, GRACE, SystemRole::Owner).await;
        app.settle().await;
        let before = app.items().await;

        erase(&app, &grace, &grace.token)
            .await
            .expect_problem(409, "last_owner");

        assert_eq!(app.items().await, before);
        app.join_as(&last, "ada@acme.com", SystemRole::Owner).await;
        erase(&app, &grace, &grace.token).await.expect(204);
    }

    #[tokio::test]
    async fn of_two_owners_who_erase_themselves_one_stays() {
        for _ in 0..5 {
            let app = TestApp::start().await;
            let tenant = app.tenant("acme").await;
            let ada = app.join_as(&tenant, "ada@acme.com", SystemRole::Owner).await;
            let grace = app.join_as(&tenant, GRACE, SystemRole::Owner).await;

            let (first, second) =
                tokio::join!(erase(&app, &ada, &ada.token), erase(&app, &grace, &grace.token));

            assert_eq!(won(vec![first, second], 204, &["last_owner"]), 1);
            let members = find(&app, &users_of(&tenant)).await["items"].take();
            assert_eq!(members.as_array().map(Vec::len), Some(1));
            assert_eq!(count_of(&app, "user").await, 1);
        }
    }

    #[tokio::test]
    async fn who_joins_a_tenant_meanwhile_leaves_that_too() {
        for _ in 0..5 {
            let app = TestApp::start().await;
            let (home, other) = (app.tenant("home").await, app.tenant("other").await);
            let grace = app.join_as(&home, GRACE, SystemRole::Member).await;
            let (_, code) = invite(&app, &other, GRACE).await;

            let (erased, accepted) = tokio::join!(erase(&app, &grace, &grace.token), accept(&app, &code));

            erased.expect(204);
            assert!(
                [200, 401].contains(&accepted.status.as_u16()),
                "{}",
                accepted.text
            );
            for kind in ["user", "membership", "invitation"] {
                assert_eq!(count_of(&app, kind).await, 0, "{kind}");
            }
        }
    }
}
