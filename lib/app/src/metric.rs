//! The metrics: their names, units and dimensions. Whoever runs the process decides where they go; by default nowhere.
//!
//! On Lambda they become lines in CloudWatch's embedded metric format, in the namespace [`NAMESPACE`], with the dimension
//! `Stage` and those named here.

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};
use tenantry_domain::{Tally, TenantStatus};

/// The namespace of all of them.
pub const NAMESPACE: &str = "Tenantry";

/// Requests that were answered, by `Route`.
const REQUESTS: &str = "Requests";
/// Those that were answered with 4xx, by `Route`.
const CLIENT_ERRORS: &str = "ClientErrors";
/// Those that were answered with 5xx, by `Route`.
const SERVER_ERRORS: &str = "ServerErrors";
/// How long the answer took, by `Route`.
const LATENCY: &str = "Latency";
/// How old an outbox message was when it went out.
const OUTBOX_AGE: &str = "OutboxAge";
/// Deliveries that failed; the message comes again.
const UNDELIVERED: &str = "Undelivered";
/// How long a tenant took from its creation to its first being active.
const TIME_TO_ACTIVE: &str = "TimeToActive";
/// Events of the bus that were looked at, by `Result`: `taken`, `refused` because nobody waits for it, or `foreign`.
const ANSWERS: &str = "Answers";
/// Jobs that nobody reported on in time, and that are failed now.
const OVERDUE: &str = "JobsOverdue";
/// Overdue jobs that could not be failed; the next run tries again.
const OVERDUE_LEFT: &str = "JobsOverdueLeft";
/// Changes that the billing sweep made: invoices, beginnings, ends, suspensions.
const BILLING_CHANGES: &str = "BillingChanges";
/// What was due and could not be settled; the next sweep tries again.
const BILLING_LEFT: &str = "BillingLeft";
/// Tenants that came into a status, by `Status`.
const TENANT_TRANSITIONS: &str = "TenantTransitions";

/// What is counted when a figure grows.
const GROWTH: [(&str, &str); 10] = [
    ("LeadsCreated", Tally::LEADS_UNVERIFIED),
    ("LeadsVerified", Tally::LEADS_VERIFIED),
    ("JobsRequested", Tally::JOBS_REQUESTED),
    ("JobsSucceeded", Tally::JOBS_SUCCEEDED),
    ("JobsFailed", Tally::JOBS_FAILED),
    ("TenantsActivated", Tally::ACTIVATIONS),
    ("MembersAdded", Tally::MEMBERS),
    ("RolesCreated", Tally::ROLES),
    ("InvitationsSent", Tally::INVITATIONS_SENT),
    ("InvitationsAccepted", Tally::INVITATIONS_ACCEPTED),
];
const TENANTS_CREATED: &str = "TenantsCreated";

/// All of them.
pub const NAMES: [&str; 24] = [
    REQUESTS,
    CLIENT_ERRORS,
    SERVER_ERRORS,
    LATENCY,
    OUTBOX_AGE,
    UNDELIVERED,
    TIME_TO_ACTIVE,
    TENANT_TRANSITIONS,
    TENANTS_CREATED,
    GROWTH[0].0,
    GROWTH[1].0,
    GROWTH[2].0,
    GROWTH[3].0,
    GROWTH[4].0,
    GROWTH[5].0,
    GROWTH[6].0,
    GROWTH[7].0,
    GROWTH[8].0,
    GROWTH[9].0,
    ANSWERS,
    OVERDUE,
    OVERDUE_LEFT,
    BILLING_CHANGES,
    BILLING_LEFT,
];

/// Tells the recorder the units; to be called once it is there.
pub fn describe() {
    for name in NAMES {
        match name {
            LATENCY | OUTBOX_AGE | TIME_TO_ACTIVE => describe_histogram!(name, Unit::Milliseconds, ""),
            _ => describe_counter!(name, Unit::Count, ""),
        }
    }
}

/// A request was answered. The route is the one of the table, never the request's path.
pub fn answered(route: &str, status: u16, latency_ms: f64) {
    let route = route.to_owned();
    counter!(REQUESTS, "Route" => route.clone()).increment(1);
    match status {
        400..=499 => counter!(CLIENT_ERRORS, "Route" => route.clone()).increment(1),
        500..=599 => counter!(SERVER_ERRORS, "Route" => route.clone()).increment(1),
        _ => {}
    }
    histogram!(LATENCY, "Route" => route).record(latency_ms);
}

/// An outbox message went out and was booked.
pub fn delivered(tally: &Tally, age_ms: i64) {
    histogram!(OUTBOX_AGE).record(float(age_ms));
    for (name, figure) in GROWTH {
        grow(name, tally.get(figure));
    }
    grow(
        TENANTS_CREATED,
        tally.get(&Tally::tenants(TenantStatus::PendingProvision)),
    );
    for status in TenantStatus::ALL {
        if let Ok(delta @ 1..) = u64::try_from(tally.get(&Tally::tenants(status))) {
            counter!(TENANT_TRANSITIONS, "Status" => status.name()).increment(delta);
        }
    }
    if tally.get(Tally::ACTIVATIONS) > 0 {
        histogram!(TIME_TO_ACTIVE).record(float(tally.get(Tally::TIME_TO_ACTIVE_MS)));
    }
}

/// A delivery failed.
pub fn undelivered() {
    counter!(UNDELIVERED).increment(1);
}

/// An event of the bus was looked at.
pub fn answer_taken(result: &'static str) {
    counter!(ANSWERS, "Result" => result).increment(1);
}

/// Deadlines were watched.
pub fn watched(failed: usize, left: usize) {
    counter!(OVERDUE).increment(u64::try_from(failed).unwrap_or(u64::MAX));
    counter!(OVERDUE_LEFT).increment(u64::try_from(left).unwrap_or(u64::MAX));
}

/// Subscriptions and invoices were swept.
pub fn swept(changes: usize, left: usize) {
    counter!(BILLING_CHANGES).increment(u64::try_from(changes).unwrap_or(u64::MAX));
    counter!(BILLING_LEFT).increment(u64::try_from(left).unwrap_or(u64::MAX));
}

fn grow(name: &'static str, delta: i64) {
    if let Ok(delta @ 1..) = u64::try_from(delta) {
        counter!(name).increment(delta);
    }
}

/// Milliseconds are far from where a float loses them.
fn float(ms: i64) -> f64 {
    std::time::Duration::from_millis(u64::try_from(ms).unwrap_or_default()).as_secs_f64() * 1000.0
}
