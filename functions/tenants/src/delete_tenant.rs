use tenantry_api::{NoContent, Operation, Problem, Scope};
use tenantry_app::erase_tenant;
use tenantry_domain::Kind;

/// Erase a tenant.
///
/// Only an INACTIVE tenant, and only from `erasableAt` on. All that is kept of it goes for good: itself, its contacts, jobs,
/// resources and whatever else lies in its account; most of it at once, the rest within minutes. What stays is its key, which
/// nobody else gets, its audit trail, and a record of the erasure. The lead that it was stays a lead, without a tenant. An
/// erased tenant is not found any more, so that erasing it again is a 404.
#[utoipa::path(delete, path = "/tenants/{id}", params(("id" = String, Path, description = "The tenant's id.")))]
pub(crate) async fn delete_tenant(operation: Operation, Scope(scope): Scope) -> Result<NoContent, Problem> {
    let id = scope.tenant_id();
    operation.about_tenant(id);
    let conflict = operation.lost_race(Kind::Tenant, id);
    erase_tenant(
        &operation.context,
        &scope,
        |version| operation.names_version(version),
        conflict,
    )
    .await?;
    Ok(NoContent)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::json;
    use tenantry_domain::Permission;
    use tenantry_testing::{Answer, TestApp};

    use crate::scene::populate;

    async fn erase(app: &TestApp, id: &str) -> Answer {
        app.delete(&format!("/tenants/{id}"))
            .bearer(&app.operator())
            .send()
            .await
    }

    /// How many members and roles all tenants have, as the figures say.
    async fn members_and_roles(app: &TestApp) -> [i64; 2] {
        let figures = app.get("/metrics").bearer(TestApp::SCRAPE_TOKEN).send().await;
        let figures = figures.expect(200).text;
        ["tenantry_members ", "tenantry_roles "].map(|name| {
            let value = figures.lines().find_map(|line| line.strip_prefix(name));
            let value = value.and_then(|value| value.parse().ok());
            value.expect("it is a figure")
        })
    }

    macro_rules! is_a {
        ($item:expr, $kind:expr) => {
            $item
                .get("type")
                .is_some_and(|kind| kind.as_s().is_ok_and(|kind| kind == $kind))
        };
    }

    /// An offboarded tenant that was a lead, with whatever can belong to one.
    async fn with_everything(app: &TestApp) -> (String, String) {
        let lead = app.verified_lead("ada@acme.com").await;
        let body = json!({ "key": "acme", "domains": ["acme.com"], "address": { "city": "Ockham" } });
        let path = format!("/leads/{}/tenants", lead.id);
        let founded = app.post(&path).bearer(&lead.token).json(&body).send().await;
        let id = founded.expect(201).text_at("/id");
        let made = app.provision(&id).await;
        app.report(&made, &made.success()).await.expect(204);
        populate(app, &id).await;
        let removal = app.offboard(&id).await;
        app.report(&removal, &removal.removed()).await.expect(204);
        app.settle().await;
        (id, lead.id)
    }

    #[tokio::test]
    async fn an_erased_tenant_is_gone_and_only_what_names_nobody_is_kept() {
        let app = TestApp::start().await;
        let (id, lead_id) = with_everything(&app).await;
        let before = app.items().await.len();

        let answer = erase(&app, &id).await.expect(204);
        app.clock.advance_minutes(1);
        let (_, erased) = app.watch().await;
        app.settle().await;

        assert_eq!(answer.usage.calls, 2);
        assert_eq!((erased.found, erased.finished, erased.left), (1, 1, 0));
        app.get(&format!("/tenants/{id}"))
            .bearer(&app.operator())
            .send()
            .await
            .expect_problem(404, "not_found");
        let partition = format!("TENANT#{id}");
        let items = app.items().await;
        let kept: Vec<String> = items
            .iter()
            .filter(|item| item["pk"].as_s().ok() == Some(&partition))
            .map(|item| format!("{item:?}"))
            .collect();
        assert_eq!(
            kept.len(),
            2,
            "the record and the head of the audit trail: {kept:?}"
        );
        for personal in ["ada@acme.com", "Lovelace", "Ockham", "grace@", "joan@"] {
            assert!(!kept.iter().any(|item| item.contains(personal)), "{personal}");
        }
        assert!(items.len() < before);
        let lead = app
            .get(&format!("/leads/{lead_id}"))
            .bearer(&app.operator())
            .send()
            .await;
        assert_eq!(lead.expect(200).json().get("tenantId"), None);
        insta::assert_json_snapshot!(app.events_of("tenant.erased.v1").await);
    }

    #[tokio::test]
    async fn the_record_counts_what_is_gone() {
        let app = TestApp::start().await;
        let (id, _) = with_everything(&app).await;
        erase(&app, &id).await.expect(204);
        app.clock.advance_minutes(1);
        app.watch().await;

        let items = app.items().await;
        let record = items
            .iter()
            .find(|item| is_a!(item, "erasure"))
            .expect("the record is kept");

        let counts = record["erased"].as_m().expect("the counts are a map");
        let count = |kind: &str| counts[kind].as_n().cloned().unwrap_or_default();
        assert_eq!(
            ["tenant", "contact", "job", "resource", "tenant_lead"].map(count),
            ["1", "1", "2", "2", "1"]
        );
        assert_eq!(
            [
                "roles",
                "membership",
                "invitation",
                "invited",
                "group",
                "group_member",
                "preference"
            ]
            .map(count),
            ["1", "1", "3", "1", "1", "1", "1"]
        );
        assert!(record.contains_key("finishedAt") && !record.contains_key("gsi2pk"));
        assert_eq!(record["key"].as_s().ok().map(String::as_str), Some("acme"));
    }

    #[tokio::test]
    async fn of_the_people_of_an_erased_tenant_only_who_they_are_is_kept() {
        let app = TestApp::start().await;
        let id = app.active_tenant("acme").await;
        let (grace, code) = populate(&app, &id).await;
        let removal = app.offboard(&id).await;
        app.report(&removal, &removal.removed()).await.expect(204);
        app.settle().await;
        let before = members_and_roles(&app).await;

        erase(&app, &id).await.expect(204);
        app.clock.advance_minutes(1);
        app.watch().await;
        app.settle().await;

        let personal = ["grace@", "Grace", "joan@", "ultraviolet"];
        let items = app.items().await;
        let kept = items.iter().filter(|item| {
            let item = format!("{item:?}");
            personal.iter().any(|text| item.contains(text))
        });
        let mut kept: Vec<_> = kept
            .filter_map(|item| item["type"].as_s().ok().map(String::as_str))
            .collect();
        kept.sort_unstable();
        // A person is no tenant's: it has an erasure of its own.
        assert_eq!(kept, ["unique", "unique", "user"]);
        assert_eq!((before, members_and_roles(&app).await), ([1, 1], [0, 0]));
        let accept = app.post("/invitations/accept").bearer(&code).json(&json!({}));
        accept.send().await.expect_problem(401, "invalid_token");
        let person = format!("/user/{}", grace.user_id);
        let erased = app.delete(&person).bearer(&app.operator()).send().await;
        erased.expect(204);
    }

    #[tokio::test]
    async fn more_than_one_transaction_holds_goes_as_well_and_a_run_that_was_cut_off_is_made_up_for() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        let job = app.provision(&id).await;
        let resources: Vec<_> = (0..85)
            .map(|n| json!({ "type": "bucket", "externalIdentifier": format!("b-{n}") }))
            .collect();
        let mut report = job.success();
        report["data"]["resources"] = json!(resources);
        app.report(&job, &report).await.expect(204);
        let removal = app.offboard(&id).await;
        app.report(&removal, &removal.removed()).await.expect(204);

        erase(&app, &id).await.expect(204);
        let (_, early) = app.watch().await;
        let (_, again) = app.watch().await;
        app.clock.advance_minutes(1);
        let (_, late) = app.watch().await;
        let (_, later) = app.watch().await;

        // Whoever had read the tenant may still be writing: nothing is finished before that is over.
        assert_eq!((early.finished, again.finished, late.finished), (0, 0, 1));
        assert_eq!(later.found, 0);
        let partition = format!("TENANT#{id}");
        let items = app.items().await;
        let kept = items
            .iter()
            .filter(|item| item["pk"].as_s().ok() == Some(&partition));
        assert_eq!(kept.count(), 2);
    }

    #[tokio::test]
    async fn what_was_on_its_way_when_the_tenant_was_erased_is_swept_up() {
        let app = TestApp::start().await;
        let id = app.inactive_tenant("acme").await;
        erase(&app, &id).await.expect(204);
        app.watch().await;
        app.put_item(&format!("TENANT#{id}"), "TENANT#CONTACT#late", "contact")
            .await;

        app.clock.advance_minutes(1);
        app.watch().await;

        assert!(!format!("{:?}", app.items().await).contains("TENANT#CONTACT#late"));
    }

    #[tokio::test]
    async fn the_key_stays_reserved_and_the_audit_trail_readable_and_whole() {
        let app = TestApp::start().await;
        let id = app.inactive_tenant("acme").await;
        erase(&app, &id).await.expect(204);
        app.clock.advance_minutes(1);
        app.watch().await;

        let taken = app
            .post("/tenants")
            .bearer(&app.operator())
            .json(&TestApp::new_tenant("acme"))
            .send()
            .await;
        let trail = app
            .get(&format!("/tenants/{id}/audit"))
            .bearer(&app.operator())
            .send()
            .await;
        let check = app
            .get(&format!("/tenants/{id}/audit/verify"))
            .bearer(&app.operator())
            .send()
            .await;

        taken.expect_problem(409, "tenant_key_taken");
        assert_eq!(trail.expect(200).text_at("/items/0/action"), "tenant.erased");
        assert_eq!(
            check.expect(200).json()["isIntact"],
            json!(true),
            "the chain is whole"
        );
    }

    #[tokio::test]
    async fn the_lead_of_an_erased_tenant_can_be_changed_and_erased() {
        let app = TestApp::start().await;
        let (id, lead_id) = with_everything(&app).await;
        erase(&app, &id).await.expect(204);
        let path = format!("/leads/{lead_id}");
        let changes = json!({ "companyName": "Acme Ltd" });

        let changed = app
            .patch(&path)
            .bearer(&app.operator())
            .json(&changes)
            .send()
            .await;
        let erased = app.delete(&path).bearer(&app.operator()).send().await;

        changed.expect(200);
        erased.expect(204);
        let copies = app.items().await;
        let copy = copies.iter().find(|item| is_a!(item, "tenant_lead"));
        assert_eq!(copy, None);
    }

    #[tokio::test]
    async fn before_the_grace_period_is_over_nothing_is_erased() {
        let app = TestApp::start().await;
        let id = app.active_tenant("acme").await;
        let job = app.command(&id, "offboard", &json!({ "graceDays": 1 })).await;
        let order = app.order(&job.expect(202).text_at("/id")).await;
        erase(&app, &id).await.expect_problem(409, "invalid_transition");
        app.report(&order, &order.removed()).await.expect(204);

        let early = erase(&app, &id).await.expect_problem(409, "grace_period_running");
        app.clock.advance_minutes(24 * 60);
        erase(&app, &id).await.expect(204);

        let until = early.text_at("/detail");
        assert!(until.contains("2026-01-16T09:30:00.000Z"), "{until}");
    }

    #[tokio::test]
    async fn a_tenant_in_any_other_status_is_not_erased() {
        let app = TestApp::start().await;
        let (waiting, active) = (app.tenant("one").await, app.active_tenant("two").await);
        let before = app.items().await;

        for id in [&waiting, &active] {
            erase(&app, id).await.expect_problem(409, "invalid_transition");
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn of_many_that_erase_at_once_one_does() {
        let app = TestApp::start().await;
        let id = app.inactive_tenant("acme").await;

        let answers = join_all((0..10).map(|_| erase(&app, &id))).await;

        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 204);
        assert_eq!(won.len(), 1);
        for answer in lost {
            let is_late = answer.status == 404;
            let (status, code) = if is_late {
                (404, "not_found")
            } else {
                (409, "modified_concurrently")
            };
            answer.expect_problem(status, code);
        }
        assert_eq!(app.events_of("tenant.erased.v1").await.len(), 1);
    }

    #[tokio::test]
    async fn a_version_that_is_gone_is_not_erased_and_what_is_gone_is_not_found() {
        let app = TestApp::start().await;
        let id = app.inactive_tenant("acme").await;
        let path = format!("/tenants/{id}");

        let other = app
            .delete(&path)
            .bearer(&app.operator())
            .header("if-match", "\"1\"");
        other.send().await.expect_problem(412, "precondition_failed");
        let present = app
            .delete(&path)
            .bearer(&app.operator())
            .header("if-match", "\"5\"");
        present.send().await.expect(204);

        for id in [&*id, &*app.unknown_id(), "x"] {
            erase(&app, id).await.expect_problem(404, "not_found");
        }
    }

    #[tokio::test]
    async fn only_operators_with_the_permission_erase() {
        let app = TestApp::start().await;
        let id = app.inactive_tenant("acme").await;

        for token in [
            app.member_with(&id, [Permission::DeleteTenant]),
            app.operator_with([Permission::UpdateTenant]),
        ] {
            app.delete(&format!("/tenants/{id}"))
                .bearer(&token)
                .send()
                .await
                .expect_problem(403, "forbidden");
        }
    }
}
