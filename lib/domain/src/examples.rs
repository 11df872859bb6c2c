//! Entities for this crate's tests.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, json};

use crate::{
    Actor, BillingInterval, Change, Currency, Deployment, Domain, Email, EntitledPlan, Entitlement, Entropy,
    Id, Job, JobKind, Lead, Limits, Member, Membership, MembershipStatus, Money, NewLead, NewTenant,
    Operator, Permission, PersonName, Plan, PlanTerms, Profile, SystemRole, Tenant, TenantKey, TenantStatus,
    Text, Timestamp, User, Username, Wire,
};

/// Counts up, so that no two ids are alike.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Entropy for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        let drawn = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        for (byte, drawn) in bytes.iter_mut().rev().zip(drawn.iter().rev()) {
            *byte = *drawn;
        }
    }
}

/// The same byte everywhere.
pub(crate) struct Constant(pub(crate) u8);

impl Entropy for Constant {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(1_768_469_400_000)
}

pub(crate) fn id<T>(byte: u8) -> Id<T> {
    Id::new(now(), &Constant(byte))
}

pub(crate) fn name(text: &str) -> PersonName {
    PersonName::parse(text).expect("the example is a name")
}

pub(crate) fn email(text: &str) -> Email {
    Email::parse(text).expect("the example is an e-mail address")
}

pub(crate) fn change() -> Change {
    Change {
        by: Actor::Operator(Text::parse("ada").expect("the example is a text")),
        at: now().plus_ms(1000),
    }
}

pub(crate) fn lead() -> Lead {
    let new = NewLead {
        first_name: name("Ada"),
        last_name: name("Lovelace"),
        company_name: name("Acme"),
        email: email("ada@acme.com"),
        address: None,
    };
    Lead::sign_up(new, now(), &Constant(1))
}

pub(crate) fn new_tenant(domains: &[&str]) -> NewTenant {
    let domain = |text: &&str| Domain::parse(text).expect("the example is a domain");
    NewTenant {
        key: TenantKey::parse("acme").expect("the example is a key"),
        name: name("Acme"),
        domains: domains.iter().map(domain).collect(),
        website: None,
        address: None,
    }
}

pub(crate) fn tenant(status: TenantStatus) -> Tenant {
    let made = Change {
        by: Actor::System,
        at: now(),
    };
    let tenant = Tenant::found(
        new_tenant(&["acme.com"]),
        &email("ada@acme.com"),
        None,
        &made,
        &Constant(2),
    );
    Tenant {
        status,
        ..tenant.expect("the example is valid")
    }
}

pub(crate) fn subscription() -> Entitlement {
    let rest = match json!({ "seats": 5 }) {
        serde_json::Value::Object(rest) => rest,
        _ => Map::new(),
    };
    Entitlement {
        id: Text::parse("sub_1").expect("the example is a text"),
        subscriber_id: None,
        start_date: None,
        end_date: None,
        status: None,
        plan_id: None,
        invoice_id: None,
        plan: EntitledPlan {
            tier: "BASIC".to_owned(),
            rest,
        },
        application_plane: None,
    }
}

pub(crate) fn job(tenant: &Tenant) -> Job {
    job_of_kind(tenant, JobKind::Provision)
}

pub(crate) fn job_of_kind(tenant: &Tenant, kind: JobKind) -> Job {
    Job::request(tenant, kind, subscription(), Wire::default(), now(), &Constant(3))
}

pub(crate) fn operator(permissions: impl IntoIterator<Item = Permission>) -> Operator {
    Operator {
        subject: Text::parse("ada").expect("the example is a text"),
        permissions: permissions.into_iter().collect(),
    }
}

pub(crate) fn member(tenant_id: Id<Tenant>, permissions: impl IntoIterator<Item = Permission>) -> Member {
    Member {
        tenant_id,
        membership_id: id(4),
        permissions: permissions.into_iter().collect(),
    }
}

/// 49.00 EUR a month.
pub(crate) fn plan() -> Plan {
    let currency = Currency::parse("EUR").expect("the example is a currency");
    let terms = PlanTerms {
        name: name("Basic"),
        description: None,
        tier: "BASIC".to_owned(),
        deployment: Deployment::Pooled,
        price: Money::new(4900, currency).expect("the example is an amount"),
        billing_interval: BillingInterval::Month,
        limits: Limits::from([("seats".to_owned(), 5)]),
        self_service: true,
        application_plane: None,
    };
    Plan::offer(terms, &change(), &Constant(5))
}

/// Grace, who belongs to nothing yet.
pub(crate) fn user() -> User {
    let address = email("grace@navy.example");
    let profile = Profile {
        first_name: name("Grace"),
        middle_name: None,
        last_name: Some(name("Hopper")),
        phone: None,
        photo_url: None,
    };
    User::new(id(6), Username::of_email(&address), address, profile, now())
}

/// Grace as a plain member.
pub(crate) fn membership(status: MembershipStatus) -> Membership {
    Membership::new(id(1), &user(), SystemRole::Member.id(id(1)), status, now())
}
