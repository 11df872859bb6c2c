use tenantry_api::{Found, Operation, Path, Problem, Scope};
use tenantry_domain::{Id, MembershipCommand, User};

use crate::member_status::move_member;
use crate::member_view::MemberView;

/// Let a member act.
///
/// From REGISTERED, INACTIVE or PASSWORD_CHANGE_NEEDED. Nobody activates oneself, or somebody who may do more.
#[utoipa::path(
    post,
    path = "/tenants/{id}/users/{userId}/activate",
    params(
        ("id" = String, Path, description = "The tenant's id."),
        ("userId" = String, Path, description = "The person's id.")
    )
)]
pub(crate) async fn activate_tenant_user(
    operation: Operation,
    Scope(scope): Scope,
    Path(user_id): Path<Id<User>>,
) -> Result<Found<MemberView>, Problem> {
    let command = MembershipCommand::Activate;
    Ok(move_member(&operation, &scope, user_id, command, "member.activated").await?)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tenantry_domain::SystemRole;
    use tenantry_testing::TestApp;

    use crate::scene::{
        GRACE, add_grace, force_status, last_entries, of_members, order, path_of, send, status_of,
    };

    #[tokio::test]
    async fn a_member_may_act_from_now_on() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (grace, _) = add_grace(&app, &tenant, &app.role(&tenant, SystemRole::Member)).await;
        app.clock.advance_minutes(1);

        let path = format!("{}/activate", path_of(&grace));
        let answer = order(&app, "POST", &path, &Value::Null).await.expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.header("etag"), Some("\"2\""));
        assert_eq!(answer.usage.calls, 2);
        insta::assert_json_snapshot!(app.events_of("member.activated.v1").await);
        insta::assert_json_snapshot!(last_entries(&app, &tenant, 1).await);
    }

    #[tokio::test]
    async fn there_are_these_arrows_and_no_others() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;

        for (from, command, to) in [
            ("REGISTERED", "activate", Some("ACTIVE")),
            ("INACTIVE", "activate", Some("ACTIVE")),
            ("PASSWORD_CHANGE_NEEDED", "activate", Some("ACTIVE")),
            ("ACTIVE", "activate", None),
            ("REJECTED", "activate", None),
            ("REGISTERED", "deactivate", Some("INACTIVE")),
            ("ACTIVE", "deactivate", Some("INACTIVE")),
            ("PASSWORD_CHANGE_NEEDED", "deactivate", Some("INACTIVE")),
            ("INACTIVE", "deactivate", None),
            ("REJECTED", "deactivate", None),
        ] {
            force_status(&app, &grace, from).await;
            let path = format!("{}/{command}", path_of(&grace));
            let answer = order(&app, "POST", &path, &Value::Null).await;
            match to {
                Some(to) => assert_eq!(answer.expect(200).text_at("/status"), to),
                None => drop(answer.expect_problem(409, "invalid_transition")),
            }
            assert_eq!(status_of(&app, &grace).await, to.unwrap_or(from));
        }
    }

    #[tokio::test]
    async fn nobody_decides_about_oneself_or_somebody_who_may_do_more() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let owner = app.join_as(&tenant, "owner@acme.com", SystemRole::Owner).await;
        let admin = app.join_as(&tenant, "admin@acme.com", SystemRole::Admin).await;
        app.join_as(&tenant, "ada@acme.com", SystemRole::Owner).await;
        let all = app.token_of(&tenant, &admin.user_id, of_members());

        for (person, token, command) in [
            (&owner, &admin.token, "deactivate"),
            (&admin, &all, "deactivate"),
            (&admin, &all, "activate"),
        ] {
            let path = format!("{}/{command}", path_of(person));
            let answer = send(&app, "POST", &path, token, &Value::Null).await;
            answer.expect_problem(403, "forbidden");
        }
        force_status(&app, &owner, "INACTIVE").await;
        let path = format!("{}/activate", path_of(&owner));
        let answer = send(&app, "POST", &path, &admin.token, &Value::Null).await;
        answer.expect_problem(403, "forbidden");
        send(&app, "POST", &path, &all, &Value::Null).await.expect(200);
    }
}
