//! What application planes answer over the bus, and what is done because it is time.
//!
//! EventBridge delivers at least once and late, and its buses are shared: an answer that came before, that nobody waits for,
//! or that is none of ours is taken and forgotten. Only what may succeed later is an error, so that Lambda tries again.

mod handle;
mod take_answer;

pub use handle::{Provisioning, Task};

/// The rules that bring answers, as the template has them: one for each dialect that can be told from the others. A prefix of
/// the deployment's own stands before the names, so it is their ends that count.
pub const RULES: [(&str, &str); 4] = [
    (
        "TenantryAnswers",
        r#"{"source":["tenantry.application-plane"],"detail-type":[{"suffix":"job.succeeded.v1"},{"suffix":"job.failed.v1"}]}"#,
    ),
    // No source: each answer proves itself, and the sandbox's pipelines have several.
    (
        "ArcAnswers",
        r#"{"detail-type":[{"suffix":"TENANT_PROVISIONING_SUCCESS"},{"suffix":"TENANT_PROVISIONING_FAILURE"},{"suffix":"TENANT_DEPLOYMENT_SUCCESS"},{"suffix":"TENANT_DEPLOYMENT_FAILURE"},{"suffix":"TENANT_DEPROVISIONING_SUCCESS"},{"suffix":"TENANT_DEPROVISIONING_FAILURE"}]}"#,
    ),
    // `deprovisionSuccess` ends like `provisionSuccess`.
    (
        "SbtAnswers",
        r#"{"source":["sbt.application.plane"],"detail-type":[{"suffix":"provisionSuccess"},{"suffix":"provisionFailure"}]}"#,
    ),
    // What 0.3 to 0.8 answer cannot be told apart by a rule.
    (
        "OlderSbtAnswers",
        r#"{"source":["applicationPlaneEventSource"],"detail-type":[{"suffix":"provisionSuccess"},{"suffix":"provisionFailure"}]}"#,
    ),
];
