use tenantry_api::{NoContent, Operation, Path, Problem, Scope, TenantQuery};
use tenantry_domain::{Contact, Error as DomainError, Event, Id, Kind};
use tenantry_store::Transaction;

use crate::contact_trail::shown;

/// Remove a contact.
///
/// Its personal data is gone for good. The primary contact stays until another one takes its place.
#[utoipa::path(
    delete,
    path = "/contacts/{id}",
    params(("id" = String, Path, description = "The contact's id."), TenantQuery)
)]
pub(crate) async fn delete_contact(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Contact>>,
) -> Result<NoContent, Problem> {
    let context = &operation.context;
    operation.about_tenant(scope.tenant_id());
    let found = context.store.find_contacts_to_change(&scope).await?;
    let (contacts, trail) = found.ok_or_else(|| DomainError::not_found(Kind::Contact, id))?;
    let contact = contacts.into_iter().find(|contact| contact.id == id);
    let contact = contact.ok_or_else(|| DomainError::not_found(Kind::Contact, id))?;
    operation.check_version(Kind::Contact, id, contact.version)?;
    contact.check_removable()?;
    let change = context.change(scope.actor().clone());
    let mut entry = context.audit("contact.deleted", &change);
    entry.before = Some(shown(&contact));
    let event = Event::of_contact("contact.deleted", &contact, context.new_id(), context.now);
    let mut transaction = Transaction::new();
    transaction
        .in_tenant(&scope)
        .delete_contact(&scope, &contact, operation.lost_race(Kind::Contact, id))
        .audit(&trail, &entry)
        .send(&context.event(&event));
    context.store.commit(transaction).await?;
    Ok(NoContent)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tenantry_domain::Permission;
    use tenantry_testing::TestApp;

    use crate::scene::{add_grace, contacts, counted, path_of};

    #[tokio::test]
    async fn a_contact_is_removed_with_all_that_it_said_of_a_person() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of(&tenant, &add_grace(&app, &tenant).await);
        app.settle().await;

        let answer = app.delete(&path).bearer(&app.operator()).send().await.expect(204);

        assert_eq!(answer.usage.calls, 2);
        app.get(&path)
            .bearer(&app.operator())
            .send()
            .await
            .expect_problem(404, "not_found");
        app.settle().await;
        let left = format!("{:?}", app.items().await).to_lowercase();
        assert!(!left.contains("hopper") && !left.contains("books.example"));
        insta::assert_json_snapshot!(app.events_of("contact.deleted.v1").await);
    }

    #[tokio::test]
    async fn the_primary_contact_stays() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        add_grace(&app, &tenant).await;
        let contacts = contacts(&app, &tenant).await;
        let ada = path_of(&tenant, contacts[0]["id"].as_str().unwrap_or_default());

        let answer = app.delete(&ada).bearer(&app.operator()).send().await;

        answer.expect_problem(409, "primary_contact_required");
        assert_eq!(counted(&app, &tenant).await, "2");
    }

    #[tokio::test]
    async fn it_is_removed_once_however_many_try() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of(&tenant, &add_grace(&app, &tenant).await);
        let token = app.operator();

        let answers = join_all((0..5).map(|_| app.delete(&path).bearer(&token).send())).await;

        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 204);
        assert_eq!((won.len(), lost.len()), (1, 4));
        for answer in lost {
            assert!(answer.status == 404 || answer.status == 409, "{}", answer.text);
        }
        assert_eq!(counted(&app, &tenant).await, "1");
    }

    #[tokio::test]
    async fn another_version_is_not_removed() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of(&tenant, &add_grace(&app, &tenant).await);
        let call = || app.delete(&path).bearer(&app.operator());

        call()
            .header("if-match", "\"2\"")
            .send()
            .await
            .expect_problem(412, "precondition_failed");
        call().header("if-match", "\"1\"").send().await.expect(204);
    }

    #[tokio::test]
    async fn what_does_not_exist_for_the_caller_is_not_found() {
        let app = TestApp::start().await;
        let (own, foreign) = (app.tenant("one").await, app.tenant("two").await);
        let theirs = add_grace(&app, &foreign).await;
        let member = app.member(&own);
        let before = app.items().await;

        for path in [
            format!("/contacts/{theirs}"),
            path_of(&own, &theirs),
            path_of(&foreign, &theirs),
        ] {
            let call = app.delete(&path).bearer(&member);
            call.send().await.expect_problem(404, "not_found");
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn nobody_removes_without_a_token_or_the_permission_or_from_a_suspended_tenant() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of(&tenant, &add_grace(&app, &tenant).await);
        let others = app.operator_with([Permission::UpdateContact]);

        app.delete(&path)
            .send()
            .await
            .expect_problem(401, "token_required");
        app.delete(&path)
            .bearer(&others)
            .send()
            .await
            .expect_problem(403, "forbidden");
        app.force_status(&tenant, "SUSPENDED").await;
        app.delete(&path)
            .bearer(&app.member(&tenant))
            .send()
            .await
            .expect_problem(409, "tenant_suspended");
    }
}
