//! Walks through a list as a client does, for this crate's tests.

use serde_json::Value;
use tenantry_testing::TestApp;

/// The pages of a list, each with its items; asserts that only the last one has no cursor.
pub(crate) async fn walk(app: &TestApp, token: &str, list: &str, limit: usize) -> Vec<Vec<Value>> {
    let separator = if list.contains('?') { '&' } else { '?' };
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = app
            .get(&format!("{list}{separator}limit={limit}{cursor}"))
            .bearer(token)
            .send()
            .await
            .expect(200);
        let page = answer.json();
        let items = page["items"].as_array().cloned().expect("a page has items");
        assert!(items.len() <= limit, "{} items", items.len());
        pages.push(items);
        match &page["nextCursor"] {
            Value::Null => return pages,
            Value::String(next) => cursor = format!("&cursor={next}"),
            other => panic!("{other} is no cursor"),
        }
    }
}

/// A member of every item.
pub(crate) fn all(pages: &[Vec<Value>], name: &str) -> Vec<String> {
    pages
        .iter()
        .flatten()
        .map(|item| item[name].as_str().unwrap_or_default().to_owned())
        .collect()
}
