use tenantry_api::{NoContent, Operation, Path, Problem, Scope};
use tenantry_domain::{Id, Kind, Preference};
use tenantry_store::Transaction;

use crate::put_preference::find_own;

/// Remove one of one's own preferences.
///
/// For good: there is nothing that a second, harder removal would have to take away.
#[utoipa::path(
    delete,
    path = "/user-tenant-prefs/{id}",
    params(("id" = String, Path, description = "The preference's id."))
)]
pub(crate) async fn delete_preference(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Preference>>,
) -> Result<NoContent, Problem> {
    let context = &operation.context;
    operation.about_tenant(scope.tenant_id());
    let preference = find_own(&operation, &scope, id).await?;
    operation.check_version(Kind::Preference, id, preference.version)?;
    let lost = operation.lost_race(Kind::Preference, id);
    let mut transaction = Transaction::new();
    transaction
        .in_tenant(&scope)
        .delete_preference(&scope, &preference, lost);
    context.store.commit(transaction).await?;
    Ok(NoContent)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::Value;
    use tenantry_domain::SystemRole;
    use tenantry_testing::TestApp;

    use crate::scene::{GRACE, count_of, prefer, send, won};

    #[tokio::test]
    async fn a_preference_is_gone_for_good() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let path = prefer(&app, &grace, "theme").await;
        let delete = || send(&app, "DELETE", &path, &grace.token, &Value::Null);

        let answer = delete().await.expect(204);

        assert_eq!(answer.usage.calls, 2);
        assert_eq!(count_of(&app, "preference").await, 0);
        delete().await.expect_problem(404, "not_found");
        let again = prefer(&app, &grace, "theme").await;
        assert_eq!(again, path, "its id follows from its key");
    }

    #[tokio::test]
    async fn of_many_that_remove_it_at_once_one_does() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let path = prefer(&app, &grace, "theme").await;
        prefer(&app, &grace, "language").await;

        let answers = join_all((0..8).map(|_| send(&app, "DELETE", &path, &grace.token, &Value::Null))).await;

        assert_eq!(won(answers, 204, &["not_found", "modified_concurrently"]), 1);
        let count = app.get("/user-tenant-prefs/count").bearer(&grace.token);
        assert_eq!(count.send().await.expect(200).text_at("/count"), "1");
    }
}
