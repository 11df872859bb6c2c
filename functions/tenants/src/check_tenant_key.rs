use serde::Serialize;
use tenantry_api::{Count, Operation, Path, Problem};
use tenantry_domain::{Rule, TenantKey};
use utoipa::ToSchema;

/// Whether a key can be had.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyCheck {
    /// The key that was asked for.
    key: String,
    /// Whether a tenant can be created with it now.
    available: bool,
    /// Why not: `taken` or `invalid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// Any text: what is no key is answered, not refused.
pub(crate) struct Asked(String);

impl std::str::FromStr for Asked {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        Ok(Self(text.chars().take(100).collect()))
    }
}

/// Ask whether a key is free.
#[utoipa::path(get, path = "/tenant-keys/{key}", params(("key" = String, Path, description = "The key.")))]
pub(crate) async fn check_tenant_key(
    operation: Operation,
    Path(Asked(key)): Path<Asked>,
) -> Result<Count<KeyCheck>, Problem> {
    let Ok(parsed) = TenantKey::parse(&key) else {
        return Ok(Count(KeyCheck {
            key,
            available: false,
            reason: Some("invalid"),
        }));
    };
    let is_taken = operation
        .context
        .store
        .find_owner_of_key(&parsed)
        .await?
        .is_some();
    Ok(Count(KeyCheck {
        key,
        available: !is_taken,
        reason: is_taken.then_some("taken"),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tenantry_domain::Permission;
    use tenantry_testing::TestApp;

    #[tokio::test]
    async fn a_free_key_is_available() {
        let app = TestApp::start().await;

        let answer = app
            .get("/tenant-keys/acme")
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.usage.calls, 1);
    }

    #[tokio::test]
    async fn a_key_that_a_tenant_has_is_taken() {
        let app = TestApp::start().await;
        app.tenant("acme").await;

        let answer = app
            .get("/tenant-keys/acme")
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);

        insta::assert_json_snapshot!(answer.json());
    }

    #[tokio::test]
    async fn what_can_be_no_key_is_answered_and_not_refused() {
        let app = TestApp::start().await;
        let cases = [
            ("Acme", "Acme"),
            ("acme1234567", "acme1234567"),
            ("a-b", "a-b"),
            ("%C3%A4", "ä"),
            ("a%2Fb", "a/b"),
            ("a%23b", "a#b"),
            ("%20acme", " acme"),
            ("%00", "\0"),
        ];

        for (path, key) in cases {
            let answer = app
                .get(&format!("/tenant-keys/{path}"))
                .bearer(&app.operator())
                .send()
                .await
                .expect(200);

            assert_eq!(
                answer.json(),
                json!({ "key": key, "available": false, "reason": "invalid" }),
                "{path}"
            );
        }
    }

    #[tokio::test]
    async fn an_endless_key_is_not_repeated_whole() {
        let app = TestApp::start().await;

        let path = format!("/tenant-keys/{}", "x".repeat(5000));
        let answer = app.get(&path).bearer(&app.operator()).send().await.expect(200);

        assert_eq!(answer.text_at("/key").len(), 100);
    }

    #[tokio::test]
    async fn a_lead_may_ask_before_it_has_a_tenant() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;

        let answer = app
            .get("/tenant-keys/acme")
            .bearer(&lead.token)
            .send()
            .await
            .expect(200);

        assert_eq!(answer.json(), json!({ "key": "acme", "available": true }));
    }

    #[tokio::test]
    async fn nobody_asks_without_a_token_or_the_permission() {
        let app = TestApp::start().await;
        let others = app.operator_with(Permission::all().filter(|p| *p != Permission::ViewTenant));

        app.get("/tenant-keys/acme")
            .send()
            .await
            .expect_problem(401, "token_required");
        app.get("/tenant-keys/acme")
            .bearer(&others)
            .send()
            .await
            .expect_problem(403, "forbidden");
        app.get("/tenant-keys/acme?x=1")
            .bearer(&app.operator())
            .send()
            .await
            .expect_problem(400, "unknown_query_member");
    }
}
