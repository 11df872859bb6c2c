use tenantry_api::{Count, Operation, Parent, Path, Problem, Reply as _};
use tenantry_app::{Error, look_again};
use tenantry_domain::{
    Actor, Conflict, Error as DomainError, Id, Kind, Membership, Tenant, TenantScope, TenantStatus, User,
};
use tenantry_store::{Transaction, Wanted};

use crate::list_tenants_of_user::TenantOfUser;

/// Go to another tenant.
///
/// The person's next token, and those that are renewed from it, are for this tenant; tokens that are out already stay what they
/// are. The person must be an active member there, and the tenant ACTIVE.
#[utoipa::path(
    post,
    path = "/user/{id}/tenants/{tenantId}/switch",
    params(
        ("id" = String, Path, description = "The person's id."),
        ("tenantId" = String, Path, description = "The tenant's id.")
    )
)]
pub(crate) async fn switch_tenant(
    operation: Operation,
    Parent(user_id): Parent<Id<User>>,
    Path(tenant_id): Path<Id<Tenant>>,
) -> Result<Count<TenantOfUser>, Problem> {
    operation.about_tenant(tenant_id);
    Ok(look_again(|| go_to(&operation, user_id, tenant_id)).await?)
}

async fn go_to(
    operation: &Operation,
    user_id: Id<User>,
    tenant_id: Id<Tenant>,
) -> Result<Count<TenantOfUser>, Error> {
    let context = &operation.context;
    let membership_id = Membership::id_of(tenant_id, user_id);
    let scope = TenantScope::of_system(tenant_id, Actor::Member(membership_id));
    let wanted = Wanted {
        members: vec![membership_id],
        users: vec![user_id],
        tenant: true,
        ..Wanted::default()
    };
    let people = context.store.find_people(&scope, &wanted).await?;
    let unknown = || DomainError::not_found(Kind::Tenant, tenant_id);
    let people = people.ok_or_else(unknown)?;
    // Where the person does not belong, there is no tenant for it.
    let member = people.member(membership_id).ok_or_else(unknown)?;
    let (user, tenant) = people
        .user(user_id)
        .zip(people.tenant.clone())
        .ok_or_else(unknown)?;
    if !member.is_active() {
        return Err(DomainError::MembershipInactive(membership_id.to_string()).into());
    }
    if tenant.status != TenantStatus::Active {
        let (tenant, status) = (tenant_id.to_string(), tenant.status);
        return Err(Conflict::TenantNotActive { tenant, status }.into());
    }
    let change = context.change(operation.caller.actor());
    let after = user.clone().go_to(tenant_id, &change);
    let reply = Count(TenantOfUser::of(
        after.as_ref().unwrap_or(user),
        (member.clone(), tenant),
    ));
    let mut transaction = Transaction::new();
    if let Some(after) = &after {
        let inactive = DomainError::MembershipInactive(membership_id.to_string());
        transaction
            .in_tenant_as_self(&scope)
            .expect_active(&scope, membership_id, inactive)
            .replace_user(user, after);
    }
    context.commit(transaction, || reply.stored()).await?;
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::SystemRole;
    use tenantry_testing::{Person, TestApp};

    use crate::scene::{GRACE, find, force_status, order, send};

    fn switch(person: &Person, tenant: &str) -> String {
        format!("/user/{}/tenants/{tenant}/switch", person.user_id)
    }

    async fn last_of(app: &TestApp, person: &Person) -> Vec<String> {
        let tenants = find(app, &format!("/user/{}/tenants", person.user_id)).await;
        let items = tenants["items"].as_array().cloned().unwrap_or_default();
        let last = items.iter().filter(|tenant| tenant["isLast"] == json!(true));
        last.filter_map(|tenant| Some(tenant["key"].as_str()?.to_owned()))
            .collect()
    }

    #[tokio::test]
    async fn a_person_goes_to_another_of_its_tenants() {
        let app = TestApp::start().await;
        let (home, away) = (app.active_tenant("home").await, app.active_tenant("away").await);
        let grace = app.join_as(&home, GRACE, SystemRole::Member).await;
        app.join_as(&away, GRACE, SystemRole::Admin).await;

        let answer = send(&app, "POST", &switch(&grace, &away), &grace.token, &Value::Null)
            .await
            .expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.usage.calls, 2);
        assert_eq!(last_of(&app, &grace).await, ["away"]);
        let again = order(&app, "POST", &switch(&grace, &away), &Value::Null)
            .await
            .expect(200);
        assert_eq!(again.json(), answer.json());
        order(&app, "POST", &switch(&grace, &home), &Value::Null)
            .await
            .expect(200);
        assert_eq!(last_of(&app, &grace).await, ["home"]);
    }

    #[tokio::test]
    async fn a_person_goes_nowhere_that_is_not_open_to_it() {
        let app = TestApp::start().await;
        let home = app.active_tenant("home").await;
        let grace = app.join_as(&home, GRACE, SystemRole::Member).await;
        let foreign = app.active_tenant("foreign").await;
        let waiting = app.tenant("waiting").await;
        app.join_as(&waiting, GRACE, SystemRole::Member).await;
        let closed = app.active_tenant("closed").await;
        let there = app.join_as(&closed, GRACE, SystemRole::Member).await;
        force_status(&app, &there, "INACTIVE").await;

        for (tenant, status, code) in [
            (foreign.as_str(), 404, "not_found"),
            ("01890000-0000-7000-8000-000000000000", 404, "not_found"),
            (&waiting, 409, "tenant_not_active"),
            (&closed, 403, "membership_inactive"),
        ] {
            let answer = send(&app, "POST", &switch(&grace, tenant), &grace.token, &Value::Null).await;
            assert_eq!(answer.expect(status).text_at("/code"), code, "{tenant}");
        }
        assert!(last_of(&app, &grace).await.is_empty());
    }

    #[tokio::test]
    async fn nobody_sends_another_person_anywhere() {
        let app = TestApp::start().await;
        let home = app.active_tenant("home").await;
        let grace = app.join_as(&home, GRACE, SystemRole::Member).await;
        let ada = app.join_as(&home, "ada@acme.com", SystemRole::Owner).await;

        let answer = send(&app, "POST", &switch(&grace, &home), &ada.token, &Value::Null).await;

        assert_eq!(answer.expect(404).text_at("/code"), "not_found");
    }

    #[tokio::test]
    async fn of_many_choices_at_once_one_is_the_last() {
        let app = TestApp::start().await;
        let (home, away) = (app.active_tenant("home").await, app.active_tenant("away").await);
        let grace = app.join_as(&home, GRACE, SystemRole::Member).await;
        app.join_as(&away, GRACE, SystemRole::Member).await;
        let (to_home, to_away) = (switch(&grace, &home), switch(&grace, &away));

        let answers = join_all((0..20).map(|n| {
            let path = if n % 2 == 0 { &to_home } else { &to_away };
            send(&app, "POST", path, &grace.token, &Value::Null)
        }))
        .await;

        // Who looked as often as it may and still lost hears so.
        assert!(
            answers
                .iter()
                .all(|answer| [200, 409].contains(&answer.status.as_u16()))
        );
        assert_eq!(last_of(&app, &grace).await.len(), 1);
    }

    #[tokio::test]
    async fn who_leaves_a_tenant_does_not_go_there_any_more() {
        let app = TestApp::start().await;
        let (home, away) = (app.active_tenant("home").await, app.active_tenant("away").await);
        let grace = app.join_as(&home, GRACE, SystemRole::Member).await;
        let there = app.join_as(&away, GRACE, SystemRole::Member).await;
        order(&app, "POST", &switch(&grace, &away), &Value::Null)
            .await
            .expect(200);

        let path = format!("/tenants/{away}/users/{}", there.user_id);
        order(&app, "DELETE", &path, &Value::Null).await.expect(204);

        assert!(last_of(&app, &grace).await.is_empty());
    }
}
