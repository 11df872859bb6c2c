use std::fmt::Write as _;

use serde_json::json;
use tenantry_testing::{Answer, TestApp};

use crate::contract::scene::{Scene, routes, split};

/// Lists of all tenants or leads ask their four shards at once: four calls, one round trip.
const LIST_CALLS: u64 = 4;

#[tokio::test]
async fn what_each_endpoint_costs() {
    let mut table = "calls   read  write  request\n".to_owned();
    let mut wrong = Vec::new();

    for route in routes() {
        let scene = Scene::of(&route).await;
        let answer = scene.carry_out(&route).await;
        write_line(&mut table, &route, &answer);
        let most = match (split(&route).0, route.as_str()) {
            (_, "GET /leads" | "GET /tenants") => LIST_CALLS,
            // The figures, and beside it the list of what is undelivered, in its four shards.
            (_, "GET /metrics") => 1 + LIST_CALLS,
            // The trail's head first, then entries up to it.
            (_, "GET /tenants/{id}/audit/verify") => 2,
            ("GET", _) => 1,
            _ => 2,
        };
        if answer.usage.calls > most {
            wrong.push(format!("{route}: {} calls, {most} at most", answer.usage.calls));
        }
        if answer.usage.attempts != answer.usage.calls {
            wrong.push(format!(
                "{route}: a call had to be retried although nobody else was there"
            ));
        }
    }
    write_variants(&mut table).await;

    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("capacity", table);
    });
}

/// Requests whose cost is another one than that of the route's sample.
async fn write_variants(table: &mut String) {
    let scene = Scene::of("GET /tenants/{id}/jobs/{jobId}").await;
    let (app, operator) = (&scene.app, scene.app.operator());
    let tenant = format!("/tenants/{}", scene.tenant_id);
    table.push('\n');

    let everything = format!("{tenant}?include=contacts,resources,lead,address");
    write_line(
        table,
        "GET /tenants/{id} with all relations",
        &app.get(&everything).bearer(&operator).send().await.expect(200),
    );
    let own = app
        .get(&tenant)
        .bearer(&scene.founder.token)
        .send()
        .await
        .expect(200);
    write_line(table, "GET /tenants/{id} by its lead", &own);
    let elsewhere = app
        .get(&tenant)
        .bearer(&app.member(&scene.elsewhere))
        .send()
        .await
        .expect(404);
    write_line(table, "GET /tenants/{id} by another tenant's member", &elsewhere);
    let jobs = app
        .get(&format!("/tenants/{}/jobs", scene.elsewhere))
        .bearer(&operator)
        .send()
        .await
        .expect(200);
    write_line(table, "GET /tenants/{id}/jobs of a tenant without any", &jobs);
    let by_key = app
        .get("/tenants?key=acme")
        .bearer(&operator)
        .send()
        .await
        .expect(200);
    write_line(table, "GET /tenants of one key", &by_key);
    let by_status = app
        .get("/tenants?status=PENDING_PROVISION")
        .bearer(&operator)
        .send()
        .await
        .expect(200);
    write_line(table, "GET /tenants of one status", &by_status);
    let related = app
        .get("/tenants?include=contacts")
        .bearer(&operator)
        .send()
        .await
        .expect(200);
    write_line(table, "GET /tenants with contacts (2 tenants)", &related);

    let create = || {
        app.post("/tenants")
            .bearer(&operator)
            .header("idempotency-key", "k")
            .json(&TestApp::new_tenant("globex"))
    };
    write_line(
        table,
        "POST /tenants with an idempotency key",
        &create().send().await.expect(201),
    );
    write_line(
        table,
        "POST /tenants repeated",
        &create().send().await.expect(201),
    );
    let taken = app
        .post("/tenants")
        .bearer(&operator)
        .json(&TestApp::new_tenant("globex"))
        .send()
        .await;
    write_line(
        table,
        "POST /tenants with a taken key",
        &taken.expect_problem(409, "tenant_key_taken"),
    );
    let unchanged = app
        .patch(&tenant)
        .bearer(&operator)
        .json(&json!({}))
        .send()
        .await
        .expect(200);
    write_line(table, "PATCH /tenants/{id} without a change", &unchanged);
    let again = app
        .post(&format!("{tenant}/provision"))
        .bearer(&operator)
        .json(&TestApp::subscription())
        .send()
        .await;
    write_line(
        table,
        "POST /tenants/{id}/provision while a job is open",
        &again.expect(202),
    );

    let plan = app.plan(json!({})).await;
    let subscription = app.subscribe(&scene.elsewhere, &plan).await;
    let ours = app
        .post(&format!("/tenants/{}/provision", scene.elsewhere))
        .bearer(&operator)
        .json(&json!({ "subscriptionId": subscription }))
        .send()
        .await;
    write_line(
        table,
        "POST /tenants/{id}/provision for a subscription of ours",
        &ours.expect(202),
    );

    let job = scene.job();
    write_line(
        table,
        "POST /webhook with a failure",
        &app.report(job, &job.failure("no room")).await.expect(204),
    );
    write_line(
        table,
        "POST /webhook repeated",
        &app.report(job, &job.failure("no room")).await.expect(204),
    );
    write_line(
        table,
        "POST /webhook, late success",
        &app.report(job, &job.success()).await.expect(409),
    );

    let path = format!("/leads/{}/verify", scene.lead.id);
    write_line(
        table,
        "POST /leads/{id}/verify with a wrong code",
        &app.post(&path).bearer("tlc_x").send().await.expect(401),
    );
    let known = app
        .post("/leads")
        .json(&TestApp::new_lead("founder@acme.com"))
        .send()
        .await;
    write_line(
        table,
        "POST /leads with a verified address",
        &known.expect_problem(409, "lead_already_verified"),
    );
    write_line(
        table,
        "GET /leads without a token",
        &app.get("/leads").send().await.expect(401),
    );
}

fn write_line(table: &mut String, request: &str, answer: &Answer) {
    let usage = answer.usage;
    let _ = writeln!(
        table,
        "{:5} {:6.1} {:6.1}  {request}",
        usage.calls, usage.read_units, usage.write_units
    );
}
