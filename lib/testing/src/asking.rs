use serde_json::Value;
use tenantry_domain::{Permission, Scope};

use crate::{Answer, TestApp};

/// What members can be permitted.
pub fn of_members() -> impl Iterator<Item = Permission> {
    Permission::all().filter(|permission| permission.scope() == Scope::Tenant)
}

/// Sends a request; without a body if it is null.
pub async fn send(app: &TestApp, method: &str, path: &str, token: &str, body: &Value) -> Answer {
    let call = app.call(method, path).bearer(token);
    let call = if body.is_null() { call } else { call.json(body) };
    call.send().await
}

/// The same as an operator who may do everything.
pub async fn order(app: &TestApp, method: &str, path: &str, body: &Value) -> Answer {
    send(app, method, path, &app.operator(), body).await
}

/// Reads something as an operator.
pub async fn find(app: &TestApp, path: &str) -> Value {
    order(app, "GET", path, &Value::Null).await.expect(200).json()
}

/// Pointers and codes of all that is wrong with a body.
pub fn told(answer: &Answer) -> Vec<String> {
    let violations = answer.violations().into_iter();
    violations
        .map(|(pointer, code)| format!("{pointer} {code}"))
        .collect()
}

/// One member of every item of a list, one item a page.
pub async fn paged(app: &TestApp, path: &str, token: &str, member: &str) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    let separator = if path.contains('?') { '&' } else { '?' };
    loop {
        let page = format!("{path}{separator}limit=1{cursor}");
        let page = send(app, "GET", &page, token, &Value::Null)
            .await
            .expect(200)
            .json();
        let items = page["items"].as_array().expect("a page has items");
        assert!(items.len() <= 1);
        let items = items.iter().filter_map(|item| item[member].as_str());
        found.extend(items.map(str::to_owned));
        let Value::String(next) = &page["nextCursor"] else {
            return found;
        };
        cursor = format!("&cursor={next}");
    }
}

/// How many requests had this answer; each of the others was refused with one of these codes.
pub fn won(answers: Vec<Answer>, status: u16, lost: &[&str]) -> usize {
    let (won, others): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|answer| answer.status.as_u16() == status);
    for answer in others {
        assert!(lost.contains(&&*answer.text_at("/code")), "{}", answer.text);
    }
    won.len()
}
