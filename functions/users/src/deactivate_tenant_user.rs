use tenantry_api::{Found, Operation, Path, Problem, Scope};
use tenantry_domain::{Id, MembershipCommand, User};

use crate::member_status::move_member;
use crate::member_view::MemberView;

/// Keep a member from acting.
///
/// Its writes are refused from now on, whatever token it holds; it reads until its token ends. The last active owner stays active, and nobody
/// deactivates oneself, or somebody who may do more.
#[utoipa::path(
    post,
    path = "/tenants/{id}/users/{userId}/deactivate",
    params(
        ("id" = String, Path, description = "The tenant's id."),
        ("userId" = String, Path, description = "The person's id.")
    )
)]
pub(crate) async fn deactivate_tenant_user(
    operation: Operation,
    Scope(scope): Scope,
    Path(user_id): Path<Id<User>>,
) -> Result<Found<MemberView>, Problem> {
    let command = MembershipCommand::Deactivate;
    Ok(move_member(&operation, &scope, user_id, command, "member.deactivated").await?)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::SystemRole;
    use tenantry_testing::{Answer, Person, TestApp};

    use crate::scene::{GRACE, last_entries, order, path_of, send, status_of, users_of, won};

    async fn deactivate(app: &TestApp, person: &Person, token: &str) -> Answer {
        let path = format!("{}/deactivate", path_of(person));
        send(app, "POST", &path, token, &Value::Null).await
    }

    #[tokio::test]
    async fn a_member_writes_nothing_from_now_on_and_reads() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Admin).await;

        let answer = deactivate(&app, &grace, &app.operator()).await.expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.usage.calls, 2);
        insta::assert_json_snapshot!(app.events_of("member.deactivated.v1").await);
        insta::assert_json_snapshot!(last_entries(&app, &tenant, 1).await);
        let body = TestApp::new_user("ada@acme.com", &app.role(&tenant, SystemRole::Member));
        let path = users_of(&tenant);
        send(&app, "POST", &path, &grace.token, &body)
            .await
            .expect_problem(403, "membership_inactive");
        send(&app, "GET", &path, &grace.token, &Value::Null)
            .await
            .expect(200);
    }

    #[tokio::test]
    async fn the_last_owner_stays_active() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = app.join_as(&tenant, "ada@acme.com", SystemRole::Owner).await;

        deactivate(&app, &ada, &app.operator())
            .await
            .expect_problem(409, "last_owner");
        let grace = app.join_as(&tenant, GRACE, SystemRole::Owner).await;
        deactivate(&app, &ada, &app.operator()).await.expect(200);
        deactivate(&app, &grace, &app.operator())
            .await
            .expect_problem(409, "last_owner");

        // Once the first one is back, there are two again.
        let path = format!("{}/activate", path_of(&ada));
        order(&app, "POST", &path, &Value::Null).await.expect(200);
        deactivate(&app, &grace, &app.operator()).await.expect(200);
    }

    #[tokio::test]
    async fn of_two_owners_who_deactivate_each_other_one_stays() {
        for _ in 0..5 {
            let app = TestApp::start().await;
            let tenant = app.tenant("acme").await;
            let ada = app.join_as(&tenant, "ada@acme.com", SystemRole::Owner).await;
            let grace = app.join_as(&tenant, GRACE, SystemRole::Owner).await;

            let (first, second) = tokio::join!(
                deactivate(&app, &ada, &grace.token),
                deactivate(&app, &grace, &ada.token)
            );

            // Who was first has kept the other one from acting, and is the last one.
            let lost = ["membership_inactive", "last_owner"];
            assert_eq!(won(vec![first, second], 200, &lost), 1);
            let statuses = [status_of(&app, &ada).await, status_of(&app, &grace).await];
            assert!(statuses.contains(&"ACTIVE".to_owned()), "{statuses:?}");
        }
    }

    #[tokio::test]
    async fn of_many_that_deactivate_a_member_at_once_one_does() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let token = app.operator();

        let answers = join_all((0..10).map(|_| deactivate(&app, &grace, &token))).await;

        assert_eq!(won(answers, 200, &["invalid_transition"]), 1);
        assert_eq!(app.find_user(&grace).await["version"], json!(2));
    }
}
