use tenantry_api::{Found, Operation, Path, Problem, Scope};
use tenantry_domain::{Error as DomainError, Group, Id, Kind};

use crate::group_view::GroupView;

/// Read a group.
#[utoipa::path(
    get,
    path = "/tenants/{id}/groups/{groupId}",
    params(("id" = String, Path, description = "The tenant's id."), ("groupId" = String, Path, description = "The group's id."))
)]
pub(crate) async fn find_group(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Group>>,
) -> Result<Found<GroupView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let group = operation.context.store.find_group(&scope, id).await?;
    let group = group.ok_or_else(|| DomainError::not_found(Kind::Group, id))?;
    Ok(Found(group.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tenantry_testing::TestApp;

    use crate::scene::{add_sales, add_to, order, path_of, somebody};

    #[tokio::test]
    async fn a_group_is_found_in_one_call_with_its_tag() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        for is_owner in [true, false] {
            add_to(&app, &id, &somebody(&app, &tenant), is_owner).await;
        }

        let answer = order(&app, "GET", &path_of(&tenant, &id), &Value::Null)
            .await
            .expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.header("etag"), Some("\"3\""));
        assert_eq!(answer.usage.calls, 1);
    }

    #[tokio::test]
    async fn a_group_that_is_not_there_is_not_found() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("one").await, app.tenant("two").await);
        let of_other = add_sales(&app, &other).await;

        for id in [&app.unknown_id(), &of_other, "Sales"] {
            let answer = order(&app, "GET", &path_of(&tenant, id), &Value::Null).await;
            answer.expect_problem(404, "not_found");
        }
    }
}
