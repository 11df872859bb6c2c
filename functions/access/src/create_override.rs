use tenantry_api::{
    Body, Created, FromMembers, Members, Operation, Path, Problem, Reply as _, Scope, TenantQuery,
};
use tenantry_app::{Error, look_again};
use tenantry_domain::{Conflict, Id, Membership, Permission, Rule};
use utoipa::ToSchema;

use crate::granted;
use crate::override_guard::{check_not_own, check_within, decided, find_member};
use crate::override_trail::write;
use crate::override_view::OverrideView;
use crate::part_of::PartOf;

/// A decision about one permission of a member.
#[derive(Debug, ToSchema)]
#[schema(as = NewUserLevelPermission, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; what is read is built from the domain's types"
)]
pub(crate) struct NewOverrideDoc {
    /// The permission, by name or alias: one that the caller holds.
    #[schema(example = "ViewContact")]
    permission: String,
    /// Whether the member is allowed it; it is denied it, if not.
    allowed: bool,
}

/// The decision as it was read.
#[derive(Clone, Copy)]
pub(crate) struct NewOverride {
    permission: Permission,
    is_allowed: bool,
}

impl FromMembers for NewOverride {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let permission = members.text("permission", granted::parse);
        let is_allowed = match members.optional_flag("allowed") {
            Some(None) => members.note("allowed", Rule::new("required", "is required")),
            Some(is_allowed) => is_allowed,
            None => None,
        };
        Some(Self {
            permission: permission?,
            is_allowed: is_allowed?,
        })
    }
}

/// Allow or deny a member a permission beside its role.
///
/// There is one decision for each permission. Nobody decides about itself, about a permission that it does not hold, or about
/// somebody who may do more. The `ETag` is the member's version.
#[utoipa::path(
    post,
    path = "/user-tenants/{id}/user-level-permissions",
    request_body = NewOverrideDoc,
    params(("id" = String, Path, description = "The member's id."), TenantQuery)
)]
pub(crate) async fn create_override(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Membership>>,
    Body(new): Body<NewOverride>,
) -> Result<Created<PartOf<OverrideView>>, Problem> {
    let context = &operation.context;
    operation.about_tenant(scope.tenant_id());
    let NewOverride {
        permission,
        is_allowed,
    } = new;
    check_not_own(&operation, id)?;
    let change = context.change(scope.actor().clone());
    let created = look_again(|| async {
        let (member, people) = find_member(&operation, &scope, id).await?;
        check_within(&operation, &people, &member, permission)?;
        let exists = || Error::from(Conflict::OverrideExists(permission.name()));
        if member.overrides.contains_key(&permission) {
            return Err(exists());
        }
        let updated = member.clone().decide(permission, is_allowed, &change);
        let updated = updated.ok_or_else(exists)?;
        let (both, about) = ((&member, &updated), (permission, &change));
        let transaction = write(&operation, &scope, &people.trail, both, about);
        let location = format!("/user-tenants/{id}/user-level-permissions/{}", permission.name());
        let view = OverrideView::new(id, permission, decided(&updated, permission)?);
        let body = PartOf::new(view, updated.version);
        let created = Created { location, body };
        context.commit(transaction, || created.stored()).await?;
        Ok(created)
    });
    Ok(created.await?)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::{Permission, SystemRole};
    use tenantry_testing::TestApp;

    use crate::scene::{
        decide, decision, find, held, last_entry, nobody, of_members, order, overrides_of, send, somebody,
        somebody_with, told, won,
    };

    #[tokio::test]
    async fn a_member_is_allowed_something_beside_its_role() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);
        let before = held(&app, &ada).await;

        let answer = order(&app, "POST", &overrides_of(&ada), &decision("ViewContact", true)).await;
        let answer = answer.expect(201);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.header("etag"), Some("\"2\""));
        assert_eq!(answer.usage.calls, 2);
        let id = &ada.membership_id;
        let location = format!("/user-tenants/{id}/user-level-permissions/ViewContact");
        assert_eq!(answer.header("location"), Some(&*location));
        let mut after = held(&app, &ada).await;
        after.retain(|permission| !before.contains(permission));
        assert_eq!(after, ["ViewContact"]);
    }

    #[tokio::test]
    async fn a_member_is_denied_something_that_its_role_grants() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = app.join_as(&tenant, "ada@acme.com", SystemRole::Admin).await;

        decide(&app, &ada, "ViewRoles", false).await;

        let token = app.sign_in(&ada).await;
        let roles = send(
            &app,
            "GET",
            &format!("/tenants/{tenant}/roles"),
            &token,
            &Value::Null,
        )
        .await;
        roles.expect_problem(403, "forbidden");
        send(&app, "GET", "/contacts", &token, &Value::Null)
            .await
            .expect(200);
    }

    #[tokio::test]
    async fn others_hear_of_it_without_personal_data() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);

        decide(&app, &ada, "ViewContact", true).await;

        insta::assert_json_snapshot!(app.events_of("member.permissions_changed.v1").await);
    }

    #[tokio::test]
    async fn the_audit_trail_says_what_was_decided() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);

        decide(&app, &ada, "ViewContact", true).await;

        insta::assert_json_snapshot!(last_entry(&app, &tenant).await);
    }

    #[tokio::test]
    async fn there_is_one_decision_for_each_permission_by_whichever_name() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);
        let path = overrides_of(&ada);
        let first = order(&app, "POST", &path, &decision("22", true))
            .await
            .expect(201);
        let before = app.items().await;

        for name in ["22", "DeleteUserGroup", "4", "RemoveMemberFromUserGroup"] {
            for is_allowed in [true, false] {
                let answer = order(&app, "POST", &path, &decision(name, is_allowed)).await;
                answer.expect_problem(409, "override_exists");
            }
        }

        assert_eq!(first.text_at("/permission"), "RemoveMemberFromUserGroup");
        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_said_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = overrides_of(&somebody(&app, &tenant));
        let with = |name: &str, value: Value| {
            let mut body = decision("ViewContact", true);
            body[name] = value;
            body
        };

        for (body, expected) in [
            (json!({}), vec!["/permission required", "/allowed required"]),
            (
                json!({ "permission": 7, "allowed": "yes", "userTenantId": "x", "id": "y" }),
                vec![
                    "/permission invalid_type",
                    "/allowed invalid_type",
                    "/userTenantId unknown_member",
                    "/id unknown_member",
                ],
            ),
            (with("allowed", Value::Null), vec!["/allowed required"]),
            (
                with("permission", json!("viewcontact")),
                vec!["/permission unknown_permission"],
            ),
            (
                with("permission", json!("*")),
                vec!["/permission unknown_permission"],
            ),
            (
                with("permission", json!("CreateTenant")),
                vec!["/permission platform_permission"],
            ),
            (
                with("permission", json!("10204")),
                vec!["/permission platform_permission"],
            ),
        ] {
            let answer = order(&app, "POST", &path, &body).await;
            let answer = answer.expect_problem(422, "invalid_body");
            assert_eq!(told(&answer), expected);
            assert_eq!(answer.usage.calls, 0);
        }
    }

    #[tokio::test]
    async fn nobody_decides_about_itself() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);
        let unnamed = format!("/user-tenants/{}/user-level-permissions", ada.membership_id);
        let before = app.items().await;

        for path in [&overrides_of(&ada), &unnamed] {
            for body in [decision("ViewContact", true), decision("ViewRoles", false)] {
                let answer = send(&app, "POST", path, &ada.token, &body).await;
                answer.expect_problem(403, "forbidden");
            }
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn nobody_decides_about_what_it_does_not_hold() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = overrides_of(&somebody(&app, &tenant));
        let refused: Vec<(Permission, [String; 2])> = of_members()
            .filter(|permission| *permission != Permission::CreateUserPermissions)
            .map(|given| {
                let others = |permission: &Permission| *permission != given;
                let member = app.member_with(&tenant, of_members().filter(others));
                (
                    given,
                    [member, app.operator_with(Permission::all().filter(others))],
                )
            })
            .collect();
        let before = app.items().await;

        for (given, tokens) in &refused {
            for (token, is_allowed) in tokens.iter().zip([true, false]) {
                let body = decision(given.name(), is_allowed);
                let answer = send(&app, "POST", &path, token, &body).await;
                answer.expect_problem(403, "forbidden");
            }
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn nobody_decides_about_somebody_who_may_do_more() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let owner = app.join_as(&tenant, "ada@acme.com", SystemRole::Owner).await;
        let [grace, alan, raised] = [(); 3].map(|()| somebody(&app, &tenant));
        decide(&app, &raised, "ExportTenant", true).await;
        let admin = app.member_as(&tenant, SystemRole::Admin);
        let few = [Permission::CreateUserPermissions, Permission::ViewContact];
        let weak_operator = app.operator_with(few);
        let before = app.items().await;

        for (token, person) in [
            (&admin, &owner),
            (&admin, &raised),
            (&weak_operator, &grace),
            (&somebody_with(&app, &tenant, few).token, &grace),
        ] {
            for is_allowed in [true, false] {
                let body = decision("ViewContact", is_allowed);
                let answer = send(&app, "POST", &overrides_of(person), token, &body).await;
                answer.expect_problem(403, "forbidden");
            }
        }

        // The weak member itself is new since.
        assert_eq!(app.items().await.len(), before.len() + 1);
        let body = decision("ViewContact", true);
        for (token, person) in [
            (&admin, &grace),
            (&owner.token, &raised),
            (&app.operator(), &owner),
            (&admin, &alan),
        ] {
            send(&app, "POST", &overrides_of(person), token, &body)
                .await
                .expect(201);
        }
    }

    #[tokio::test]
    async fn who_is_no_member_is_not_found() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let token = app.member(&tenant);

        for id in [&nobody(&app, &tenant), &app.unknown_id(), "me"] {
            for token in [&token, &app.operator()] {
                let path = format!("/user-tenants/{id}/user-level-permissions?tenantId={tenant}");
                let answer = send(&app, "POST", &path, token, &decision("ViewContact", true)).await;
                answer.expect_problem(404, "not_found");
            }
        }
    }

    #[tokio::test]
    async fn an_operator_names_the_tenant() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = somebody(&app, &tenant).membership_id;
        let path = format!("/user-tenants/{id}/user-level-permissions");

        let unnamed = order(&app, "POST", &path, &decision("ViewContact", true)).await;
        unnamed.expect_problem(400, "tenant_required");
        let member = app.member(&tenant);
        let unnamed = send(&app, "POST", &path, &member, &decision("ViewContact", true)).await;
        unnamed.expect(201);
    }

    #[tokio::test]
    async fn of_fifty_decisions_about_one_permission_one_is_made() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);
        let path = overrides_of(&ada);
        let bodies: Vec<Value> = (0..50).map(|n| decision("ViewContact", n % 2 == 0)).collect();

        let answers = join_all(bodies.iter().map(|body| order(&app, "POST", &path, body))).await;

        let made = answers.iter().find(|answer| answer.status == 201);
        let made = made.expect("one of them is made").json();
        assert_eq!(won(answers, 201, &["override_exists"]), 1);
        assert_eq!(find(&app, &path).await["items"], json!([made]));
        assert_eq!(app.events_of("member.permissions_changed.v1").await.len(), 1);
    }

    #[tokio::test]
    async fn no_decision_is_lost_among_many() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);
        let path = overrides_of(&ada);
        let bodies: Vec<Value> = of_members()
            .take(20)
            .map(|permission| decision(permission.name(), true))
            .collect();

        let answers = join_all(bodies.iter().map(|body| order(&app, "POST", &path, body))).await;

        let won = won(answers, 201, &["modified_concurrently"]);
        assert!(won > 0);
        let decided = find(&app, &format!("{path}&limit=100")).await;
        assert_eq!(decided["items"].as_array().map(Vec::len), Some(won));
        assert_eq!(app.events_of("member.permissions_changed.v1").await.len(), won);
    }
}
