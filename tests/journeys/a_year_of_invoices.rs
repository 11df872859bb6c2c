use serde_json::{Value, json};
use tenantry_app::SystemClock;
use tenantry_domain::{Clock as _, Day};

use crate::journeys::world::{World, start_without_app_plane};

/// The months that are billed at least. A subscription may begin a year back, and every second month or so has a 31st.
const MONTHS: i64 = 9;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_from_a_31st_is_billed_at_each_months_end() {
    let (server, world) = start_without_app_plane().await;

    a_year_of_invoices(&world).await;

    server.stop().await;
}

/// A subscription that began on the 31st of a month of last year is billed from month's end to month's end, each once.
pub(crate) async fn a_year_of_invoices(world: &World) {
    let tenant_id = world.tenant(&world.key("year")).await;
    let plan_id = world.plan(&json!({})).await;
    let starts_on = last_31st_until(today().plus_months(-MONTHS));
    let subscription_id = world.subscribe(&tenant_id, &plan_id, Some(starts_on)).await;

    world.run_task("sweep_billing").await;
    let look = || async {
        let invoices = invoices(world, &tenant_id).await;
        let is_billed = |last: &Value| !has_come(month_end_after(behind(last)));
        Some(invoices).filter(|invoices| invoices.last().is_some_and(is_billed))
    };
    let made = world.eventually("an invoice for each month", look).await;
    world.run_task("sweep_billing").await;

    assert_eq!(
        invoices(world, &tenant_id).await,
        made,
        "a sweep made more of what was made"
    );
    assert!((9..=12).contains(&made.len()), "{made:?}");
    let mut begins_on = starts_on;
    for (position, invoice) in made.iter().enumerate() {
        let number = format!("{}-{:06}", world.key("year").to_uppercase(), position + 1);
        assert_eq!(invoice["number"], number.as_str());
        assert_eq!(invoice["subscriptionId"], subscription_id.as_str());
        assert_eq!(
            day(invoice, "startDate"),
            begins_on,
            "no day is left out or billed twice"
        );
        begins_on = behind(invoice);
        assert!(is_month_end(begins_on), "{begins_on} has drifted");
        assert_eq!(invoice["amount"], 4900);
        assert_eq!(invoice["lines"][0]["amount"], 4900);
        assert_eq!(invoice["status"], "PENDING");
    }
    assert!(has_come(begins_on), "{begins_on} has not come");
    for invoice in &made {
        let id = invoice["id"].as_str().unwrap_or_default();
        let told = world.event_about(id, "invoice.issued.v1").await;
        assert_eq!(told["detail"]["data"]["invoice"]["number"], invoice["number"]);
    }
    is_on_paper(world, &tenant_id, &made[0]).await;
}

async fn is_on_paper(world: &World, tenant_id: &str, invoice: &Value) {
    let id = invoice["id"].as_str().unwrap_or_default();
    let operator = world.operator_token().await;

    let path = format!("/invoices/{id}/download?tenantId={tenant_id}");
    let paper = world.get(&path).bearer(&operator).send().await.expect(200);

    assert_eq!(paper.headers["content-type"], "application/pdf");
    assert!(paper.text.starts_with("%PDF"), "this is no PDF");
}

async fn invoices(world: &World, tenant_id: &str) -> Vec<Value> {
    let operator = world.operator_token().await;
    let path = format!("/invoices?tenantId={tenant_id}&order=createdAt:asc&limit=100");
    let page = world.get(&path).bearer(&operator).send().await.expect(200);
    page.json["items"].as_array().cloned().unwrap_or_default()
}

fn today() -> Day {
    Day::of(SystemClock.now())
}

fn has_come(day: Day) -> bool {
    day <= today()
}

fn day(invoice: &Value, member: &str) -> Day {
    let text = invoice[member].as_str().unwrap_or_default();
    Day::parse(text).expect("an invoice names days")
}

/// The first day that the invoice is not for any more.
fn behind(invoice: &Value) -> Day {
    day(invoice, "endDate").plus_days(1)
}

fn is_month_end(day: Day) -> bool {
    day.plus_days(1).to_string().ends_with("-01")
}

fn month_end_after(day: Day) -> Day {
    let days = (1..).map(|days| day.plus_days(days));
    days.into_iter()
        .find(|day| is_month_end(*day))
        .expect("every month ends")
}

/// Day by day, so that it cannot be wrong in the same way as what is tried.
fn last_31st_until(day: Day) -> Day {
    let days = (0..).map(|days: i64| day.plus_days(-days));
    days.into_iter()
        .find(|day| day.to_string().ends_with("-31"))
        .expect("every second month has one")
}
