use tenantry_api::view::ContactView;
use tenantry_api::{Found, Operation, Path, Problem, Scope, TenantQuery};
use tenantry_domain::{Contact, Error as DomainError, Id, Kind};

/// Read a contact.
#[utoipa::path(
    get,
    path = "/contacts/{id}",
    params(("id" = String, Path, description = "The contact's id."), TenantQuery)
)]
pub(crate) async fn find_contact(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Contact>>,
) -> Result<Found<ContactView>, Problem> {
    let contact = operation.context.store.find_contact(&scope, id).await?;
    let contact = contact.ok_or_else(|| DomainError::not_found(Kind::Contact, id))?;
    Ok(Found(contact.into()))
}

#[cfg(test)]
mod tests {
    use tenantry_testing::TestApp;

    use crate::scene::{add_grace, path_of};

    #[tokio::test]
    async fn a_contact_is_found_in_one_call_with_its_tag() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_grace(&app, &tenant).await;

        let answer = app
            .get(&path_of(&tenant, &id))
            .bearer(&app.operator())
            .send()
            .await;

        let answer = answer.expect(200);
        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.header("etag"), Some("\"1\""));
        assert_eq!(answer.usage.calls, 1);
    }

    #[tokio::test]
    async fn what_does_not_exist_for_the_caller_is_not_found() {
        let app = TestApp::start().await;
        let (own, foreign) = (app.tenant("one").await, app.tenant("two").await);
        let (mine, theirs) = (add_grace(&app, &own).await, add_grace(&app, &foreign).await);
        let get = async |token: &str, path: String| app.get(&path).bearer(token).send().await;
        let member = app.member(&own);

        get(&member, format!("/contacts/{mine}")).await.expect(200);
        for path in [
            format!("/contacts/{theirs}"),
            path_of(&own, &theirs),
            path_of(&foreign, &theirs),
            path_of(&foreign, &mine),
        ] {
            get(&member, path).await.expect_problem(404, "not_found");
        }
        for path in [
            path_of(&own, &theirs),
            path_of(&app.unknown_id(), &mine),
            path_of(&own, "x"),
            path_of(&own, "%23"),
        ] {
            get(&app.operator(), path).await.expect_problem(404, "not_found");
        }
    }
}
