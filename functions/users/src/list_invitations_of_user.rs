use tenantry_api::{ListQuery, Operation, Paged, Path, Problem, Query};
use tenantry_domain::{Error as DomainError, Id, Kind, User};

use crate::invitation_view::InvitationView;

/// List a person's invitations.
///
/// Those of all tenants that wait for an answer. They are looked for by the person's address, page by page, so a page may have
/// fewer than were asked for.
#[utoipa::path(
    get,
    path = "/user/{id}/invitations",
    params(("id" = String, Path, description = "The person's id."), ListQuery)
)]
pub(crate) async fn list_invitations_of_user(
    operation: Operation,
    Path(id): Path<Id<User>>,
    Query(query): Query<ListQuery>,
) -> Result<Paged<InvitationView>, Problem> {
    let context = &operation.context;
    let page = query.page(&operation.caller, &format!("invitations of {id}"))?;
    let user = context.store.find_user(id).await?;
    let user = user.ok_or_else(|| DomainError::not_found(Kind::User, id))?;
    let mut invitations = context.store.list_invitations_to(&user.email, &page).await?;
    invitations
        .items
        .retain(|invitation| invitation.is_open(context.now));
    Ok(Paged(
        invitations.map(|invitation| InvitationView::at(context.now, invitation)),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tenantry_domain::SystemRole;
    use tenantry_testing::TestApp;

    use crate::scene::{GRACE, decline, find, invite, order, paged, path_of, send};

    #[tokio::test]
    async fn a_person_sees_what_waits_for_its_answer_in_all_tenants() {
        let app = TestApp::start().await;
        let home = app.tenant("home").await;
        let grace = app.join_as(&home, GRACE, SystemRole::Member).await;
        let mut tenants = Vec::new();
        for key in ["declined", "revoked", "one", "two"] {
            tenants.push(app.tenant(key).await);
            app.clock.advance_ms(1);
        }
        let (_, code) = invite(&app, &tenants[0], GRACE).await;
        decline(&app, &code).await.expect(204);
        let (revoked, _) = invite(&app, &tenants[1], GRACE).await;
        order(&app, "DELETE", &revoked, &Value::Null).await.expect(204);
        invite(&app, &tenants[2], GRACE).await;
        app.clock.advance_minutes(1);
        invite(&app, &tenants[3], GRACE).await;
        invite(&app, &tenants[3], "ada@acme.com").await;
        let path = format!("/user/{}/invitations", grace.user_id);

        let answer = send(&app, "GET", &path, &grace.token, &Value::Null)
            .await
            .expect(200);

        assert_eq!(answer.usage.calls, 2);
        let found = paged(
            &app,
            &format!("{path}?order=createdAt:asc"),
            &grace.token,
            "tenantId",
        )
        .await;
        assert_eq!(found, tenants[2..]);
        assert_eq!(
            answer.text_at("/items/0/tenantId"),
            tenants[3],
            "the newest is first"
        );
        app.clock.advance_minutes(7 * 24 * 60 - 1);
        assert_eq!(find(&app, &path).await["items"].as_array().map(Vec::len), Some(1));
        app.clock.advance_minutes(1);
        assert_eq!(find(&app, &path).await["items"], json!([]));
    }

    #[tokio::test]
    async fn they_are_those_of_the_address_that_it_has_now() {
        let app = TestApp::start().await;
        let (home, one, two) = (
            app.tenant("home").await,
            app.tenant("one").await,
            app.tenant("two").await,
        );
        let grace = app.join_as(&home, GRACE, SystemRole::Member).await;
        invite(&app, &one, GRACE).await;
        invite(&app, &two, "hopper@navy.example").await;
        let body = json!({ "email": "hopper@navy.example" });
        order(&app, "PATCH", &path_of(&grace), &body).await.expect(200);

        let path = format!("/user/{}/invitations", grace.user_id);
        let found = paged(&app, &path, &grace.token, "tenantId").await;

        assert_eq!(found, [two]);
    }
}
