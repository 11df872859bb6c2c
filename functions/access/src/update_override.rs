use tenantry_api::{
    Body, Found, FromMembers, Members, Operation, Parent, Path, Problem, Reply as _, Scope, TenantQuery,
};
use tenantry_app::{Error, look_again};
use tenantry_domain::{Id, Kind, Membership};
use utoipa::ToSchema;

use crate::override_guard::{NamedPermission, check_not_own, check_within, decided, find_member};
use crate::override_trail::write;
use crate::override_view::OverrideView;
use crate::part_of::PartOf;

/// Changes (JSON Merge Patch, RFC 7396).
#[derive(Debug, ToSchema)]
#[schema(as = UserLevelPermissionChanges, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; what is read is the flag"
)]
pub(crate) struct OverrideChangesDoc {
    /// Whether the member is allowed it; it is denied it, if not.
    #[schema(value_type = bool, required = false)]
    allowed: Option<bool>,
}

/// The changes as they were read.
pub(crate) struct OverridePatch {
    is_allowed: Option<bool>,
}

impl FromMembers for OverridePatch {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let is_allowed = members.changed_flag("allowed");
        Some(Self {
            is_allowed: is_allowed?,
        })
    }
}

/// Decide otherwise about a permission of a member.
///
/// Nobody decides about itself, about a permission that it does not hold, or about somebody who may do more. The `ETag` is the
/// member's version.
#[utoipa::path(
    patch,
    path = "/user-tenants/{id}/user-level-permissions/{permission}",
    request_body(content = OverrideChangesDoc, content_type = "application/merge-patch+json"),
    params(
        ("id" = String, Path, description = "The member's id."),
        ("permission" = String, Path, description = "The permission, by name or alias."),
        TenantQuery
    )
)]
pub(crate) async fn update_override(
    operation: Operation,
    Scope(scope): Scope,
    Parent(id): Parent<Id<Membership>>,
    Path(NamedPermission(permission)): Path<NamedPermission>,
    Body(OverridePatch { is_allowed }): Body<OverridePatch>,
) -> Result<Found<PartOf<OverrideView>>, Problem> {
    let context = &operation.context;
    operation.about_tenant(scope.tenant_id());
    check_not_own(&operation, id)?;
    let change = context.change(scope.actor().clone());
    let found = look_again(|| async {
        let (member, people) = find_member(&operation, &scope, id).await?;
        let present = decided(&member, permission)?;
        check_within(&operation, &people, &member, permission)?;
        operation.require_version(Kind::Member, id, member.version)?;
        let is_allowed = is_allowed.unwrap_or(present.is_allowed);
        let Some(updated) = member.clone().decide(permission, is_allowed, &change) else {
            let view = OverrideView::new(id, permission, present);
            return Ok::<_, Error>(Found(PartOf::new(view, member.version)));
        };
        let (both, about) = ((&member, &updated), (permission, &change));
        let transaction = write(&operation, &scope, &people.trail, both, about);
        let view = OverrideView::new(id, permission, decided(&updated, permission)?);
        let found = Found(PartOf::new(view, updated.version));
        context.commit(transaction, || found.stored()).await?;
        Ok(found)
    });
    Ok(found.await?)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::{Permission, SystemRole};
    use tenantry_testing::TestApp;

    use crate::scene::{
        decide, find, held, last_entry, nobody, of_members, order, override_of, overrides_of, send, somebody,
        somebody_with, told,
    };

    #[tokio::test]
    async fn it_is_decided_otherwise() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);
        decide(&app, &ada, "ViewContact", true).await;
        app.clock.advance_minutes(1);

        let answer = order(
            &app,
            "PATCH",
            &override_of(&ada, "10211"),
            &json!({ "allowed": false }),
        )
        .await;
        let answer = answer.expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.header("etag"), Some("\"3\""));
        assert_eq!(answer.usage.calls, 2);
        assert_eq!(
            find(&app, &overrides_of(&ada)).await["items"],
            json!([answer.json()])
        );
        assert!(!held(&app, &ada).await.contains(&"ViewContact".to_owned()));
    }

    #[tokio::test]
    async fn the_audit_trail_says_what_was_decided_before_and_after() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);
        decide(&app, &ada, "ViewContact", true).await;

        let path = override_of(&ada, "ViewContact");
        order(&app, "PATCH", &path, &json!({ "allowed": false }))
            .await
            .expect(200);

        insta::assert_json_snapshot!(last_entry(&app, &tenant).await);
        assert_eq!(app.events_of("member.permissions_changed.v1").await.len(), 2);
    }

    #[tokio::test]
    async fn other_decisions_and_those_about_others_stay() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let [ada, grace] = [(); 2].map(|()| somebody(&app, &tenant));
        decide(&app, &grace, "ViewContact", true).await;
        for permission in ["ViewContact", "ViewInvoice"] {
            decide(&app, &ada, permission, true).await;
        }
        let (hers, before) = (find(&app, &overrides_of(&grace)).await, held(&app, &ada).await);

        let path = override_of(&ada, "ViewContact");
        order(&app, "PATCH", &path, &json!({ "allowed": false }))
            .await
            .expect(200);

        assert_eq!(find(&app, &overrides_of(&grace)).await, hers);
        let mut kept = before;
        kept.retain(|permission| permission != "ViewContact");
        assert_eq!(held(&app, &ada).await, kept);
    }

    #[tokio::test]
    async fn a_change_of_nothing_is_no_change() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);
        decide(&app, &ada, "ViewContact", true).await;
        let before = app.items().await;

        for body in [json!({}), json!({ "allowed": true })] {
            let answer = order(&app, "PATCH", &override_of(&ada, "ViewContact"), &body).await;
            let answer = answer.expect(200);
            assert_eq!((answer.header("etag"), answer.usage.calls), (Some("\"2\""), 1));
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_said_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);
        decide(&app, &ada, "ViewContact", true).await;

        for (body, expected) in [
            (json!({ "allowed": null }), vec!["/allowed required"]),
            (
                json!({ "allowed": 1, "permission": "ViewInvoice", "userTenantId": ada.membership_id }),
                vec![
                    "/allowed invalid_type",
                    "/permission unknown_member",
                    "/userTenantId unknown_member",
                ],
            ),
        ] {
            let answer = order(&app, "PATCH", &override_of(&ada, "ViewContact"), &body).await;
            assert_eq!(told(&answer.expect_problem(422, "invalid_body")), expected);
        }
    }

    #[tokio::test]
    async fn what_was_not_decided_is_not_found() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);
        decide(&app, &ada, "ViewContact", true).await;
        let stranger = nobody(&app, &tenant);
        let of_stranger =
            format!("/user-tenants/{stranger}/user-level-permissions/ViewContact?tenantId={tenant}");
        let before = app.items().await;

        for path in [
            override_of(&ada, "ViewInvoice"),
            override_of(&ada, "CreateTenant"),
            override_of(&ada, "Nonsense"),
            override_of(&ada, "viewcontact"),
            of_stranger,
        ] {
            for method in ["PATCH", "DELETE"] {
                let body = if method == "PATCH" {
                    json!({ "allowed": false })
                } else {
                    Value::Null
                };
                let answer = order(&app, method, &path, &body).await;
                answer.expect_problem(404, "not_found");
            }
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn nobody_decides_or_takes_back_what_is_not_for_it_to_decide() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let owner = app.join_as(&tenant, "ada@acme.com", SystemRole::Owner).await;
        let [grace, alan] = [(); 2].map(|()| somebody(&app, &tenant));
        for person in [&owner, &grace, &alan] {
            decide(&app, person, "ViewContact", true).await;
        }
        let admin = app.member_as(&tenant, SystemRole::Admin);
        let others = |permission: &Permission| *permission != Permission::ViewContact;
        let without = somebody_with(&app, &tenant, of_members().filter(others)).token;
        let operator_without = app.operator_with(Permission::all().filter(others));
        let before = app.items().await;

        for (what, token, person) in [
            ("its own", &grace.token, &grace),
            ("of somebody who may do more", &admin, &owner),
            ("what it does not hold", &without, &grace),
            ("what it does not hold", &operator_without, &grace),
        ] {
            let path = override_of(person, "ViewContact");
            for (method, body) in [
                ("PATCH", json!({ "allowed": false })),
                ("PATCH", json!({ "allowed": true })),
                ("DELETE", Value::Null),
            ] {
                let answer = send(&app, method, &path, token, &body).await;
                assert_eq!(answer.status, 403, "{method} {what}: {}", answer.text);
            }
        }

        assert_eq!(app.items().await, before);
        for (method, body) in [("PATCH", json!({ "allowed": false })), ("DELETE", Value::Null)] {
            let answer = send(&app, method, &override_of(&alan, "ViewContact"), &admin, &body).await;
            assert!(answer.status.is_success(), "{}", answer.text);
        }
    }

    #[tokio::test]
    async fn fifty_who_decide_alike_at_once_decide_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);
        decide(&app, &ada, "ViewContact", true).await;
        let (path, body) = (override_of(&ada, "ViewContact"), json!({ "allowed": false }));

        let answers = join_all((0..50).map(|_| order(&app, "PATCH", &path, &body))).await;

        for answer in answers {
            assert_eq!(answer.expect(200).header("etag"), Some("\"3\""));
        }
        assert_eq!(app.events_of("member.permissions_changed.v1").await.len(), 2);
    }
}
