//! Every key of the table is made here and nowhere else. A `#` separates parts; no part can contain one.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use tenantry_domain::{
    AuditEntry, ConfigName, Contact, Email, Event, Group, Id, Invitation, Invoice, InvoiceStatus, Job, Lead,
    Login, Membership, Plan, Preference, Role, RoleName, Subscription, Tenant, TenantConfig, TenantKey,
    TenantStatus, Text, Timestamp, User, Username,
};

use crate::{LeadState, Rate};

/// The partitions that a list of all tenants or all leads is spread over, so that no index partition is a ceiling.
pub(crate) const LIST_SHARDS: u8 = 4;

/// The items that a counter is spread over, so that concurrent transactions seldom meet.
pub(crate) const COUNT_SHARDS: u8 = 16;

/// Begins the sort key of what `GET /tenants/{id}` may include.
pub(crate) const TENANT_PREFIX: &str = "TENANT";
/// Begins the sort key of a tenant's contacts.
pub(crate) const CONTACT_PREFIX: &str = "TENANT#CONTACT#";
/// Begins the sort key of a tenant's settings, which are not read with it.
pub(crate) const CONFIG_PREFIX: &str = "CONFIG#";
/// Begins the sort key of a tenant's jobs.
pub(crate) const JOB_PREFIX: &str = "TENANT#JOB#";
/// Begins the sort key of a tenant's resources.
pub(crate) const RESOURCE_PREFIX: &str = "TENANT#RESOURCE#";
/// The head of a tenant's audit trail: right behind the tenant, so that both are read by one short Query.
const TRAIL: &str = "TENANT#AUDIT";
/// Begins the sort key of plans.
pub(crate) const PLAN_PREFIX: &str = "PLAN#";
/// Begins the sort key of a tenant's subscriptions.
pub(crate) const SUBSCRIPTION_PREFIX: &str = "SUBSCRIPTION#";
/// Begins the sort key of a tenant's invoices.
pub(crate) const INVOICE_PREFIX: &str = "INVOICE#";
/// Begins the sort key of a tenant's invitations.
pub(crate) const INVITATION_PREFIX: &str = "INVITATION#";
/// Begins the sort key of a tenant's groups.
pub(crate) const GROUP_PREFIX: &str = "GROUP#";
/// Begins the sort key of how many members a role has.
pub(crate) const ROLE_COUNT_PREFIX: &str = "ROLE_COUNT#";
/// Behind every id in text order.
pub(crate) const LAST: &str = "~";

/// A primary key, of the table or of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Partition key.
    pub(crate) pk: String,
    /// Sort key.
    pub(crate) sk: String,
}

/// Where an item is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    pub(crate) primary: Key,
    pub(crate) gsi1: Option<Key>,
    pub(crate) gsi2: Option<Key>,
    /// When the broom may take it.
    pub(crate) ttl: Option<Timestamp>,
}

/// A value that only one owner may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unique<'a> {
    /// The short name of a tenant.
    TenantKey(&'a TenantKey),
    /// The proved address of a lead.
    LeadEmail(&'a Email),
    /// What a person signs in with.
    Username(&'a Username),
    /// The address of a person.
    UserEmail(&'a Email),
    /// How a provider knows a person; the key holds its hash.
    Login(&'a Login),
    /// The name of a tenant's group, in any letter case; it stands in the tenant's partition and goes with it.
    GroupName(Id<Tenant>, &'a RoleName),
    /// The key of a tenant's setting; it stands in the tenant's partition and goes with it.
    TenantConfig(Id<Tenant>, &'a ConfigName),
}

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }
}

impl Keys {
    pub(crate) fn only(primary: Key) -> Self {
        Self {
            primary,
            gsi1: None,
            gsi2: None,
            ttl: None,
        }
    }
}

pub(crate) fn lead(id: Id<Lead>) -> Key {
    Key::new(format!("LEAD#{id}"), "LEAD")
}

pub(crate) fn lead_code(id: Id<Lead>) -> Key {
    Key::new(format!("LEAD#{id}"), "CODE")
}

pub(crate) fn leads(shard: u8) -> String {
    format!("LEADS#{shard}")
}

pub(crate) fn leads_in(state: LeadState, shard: u8) -> String {
    format!("LEADS#{}#{shard}", state.name())
}

pub(crate) fn tenant(id: Id<Tenant>) -> Key {
    Key::new(format!("TENANT#{id}"), TENANT_PREFIX)
}

pub(crate) fn tenants(shard: u8) -> String {
    format!("TENANTS#{shard}")
}

pub(crate) fn tenants_in(status: TenantStatus, shard: u8) -> String {
    format!("TENANTS#{}#{shard}", status.name())
}

pub(crate) fn trail(tenant: Id<Tenant>) -> Key {
    Key::new(format!("TENANT#{tenant}"), TRAIL)
}

pub(crate) fn callback_key(tenant: Id<Tenant>, job: Id<Job>) -> Key {
    Key::new(format!("TENANT#{tenant}"), format!("TENANT#CALLBACK#{job}"))
}

pub(crate) fn contact(tenant: Id<Tenant>, id: Id<Contact>) -> Key {
    Key::new(format!("TENANT#{tenant}"), format!("{CONTACT_PREFIX}{id}"))
}

pub(crate) fn tenant_config(tenant: Id<Tenant>, id: Id<TenantConfig>) -> Key {
    Key::new(format!("TENANT#{tenant}"), format!("{CONFIG_PREFIX}{id}"))
}

pub(crate) fn config_count(tenant: Id<Tenant>) -> Key {
    Key::new(format!("TENANT#{tenant}"), "COUNT#CONFIGS")
}

/// Outside the range that is read with the tenant.
pub(crate) fn contact_count(tenant: Id<Tenant>) -> Key {
    Key::new(format!("TENANT#{tenant}"), "COUNT#CONTACTS")
}

pub(crate) fn job(tenant: Id<Tenant>, id: Id<Job>) -> Key {
    Key::new(format!("TENANT#{tenant}"), format!("{JOB_PREFIX}{id}"))
}

/// Open jobs by deadline, for the watchdog.
pub(crate) fn open_jobs(id: Id<Job>, deadline: Timestamp) -> Key {
    Key::new(open_jobs_of(id.shard(LIST_SHARDS)), by_time(deadline, id))
}

pub(crate) fn open_jobs_of(shard: u8) -> String {
    format!("JOBS#OPEN#{shard}")
}

/// Whose a job is, for results that name nothing else.
pub(crate) fn tenant_of_job(job: Id<Job>, tenant: Id<Tenant>) -> Key {
    Key::new(jobs_with(job), format!("TENANT#{tenant}"))
}

pub(crate) fn jobs_with(id: Id<Job>) -> String {
    format!("JOB#{id}")
}

/// What is kept of an erased tenant.
pub(crate) fn erasure(tenant: Id<Tenant>) -> Key {
    Key::new(format!("TENANT#{tenant}"), "ERASED")
}

/// Erasures that are not finished: few enough for one partition.
pub(crate) const OPEN_ERASURES: &str = "ERASURES#OPEN";

pub(crate) fn open_erasures(tenant: Id<Tenant>, at: Timestamp) -> Key {
    Key::new(OPEN_ERASURES.to_owned(), by_time(at, tenant))
}

/// A message from outside that was acted upon. Whoever sends it chooses its id: the key holds a hash.
pub(crate) fn seen(sender: &str, id: &str) -> Key {
    Key::new(format!("SEEN#{}", hash(&[sender, id])), "SEEN")
}

/// The lead's copy in its tenant's partition, so that a tenant is read with its lead in one call.
pub(crate) fn lead_of_tenant(tenant: Id<Tenant>) -> Key {
    Key::new(format!("TENANT#{tenant}"), "TENANT#LEAD")
}

/// External identifiers are foreign text of any length up to the item's limit: the key holds their hash.
pub(crate) fn resource(tenant: Id<Tenant>, kind: &Text<100>, external_identifier: &Text<200>) -> Key {
    let hash = hash(&[kind.as_str(), external_identifier.as_str()]);
    Key::new(format!("TENANT#{tenant}"), format!("{RESOURCE_PREFIX}{hash}"))
}

pub(crate) fn plan(id: Id<Plan>) -> Key {
    Key::new(plans(), format!("{PLAN_PREFIX}{id}"))
}

/// There are few plans: one partition holds them.
pub(crate) fn plans() -> String {
    "PLANS".to_owned()
}

/// What tenants may take themselves.
pub(crate) fn plans_for_tenants() -> String {
    "PLANS#SELF_SERVICE".to_owned()
}

pub(crate) fn account(tenant: Id<Tenant>) -> Key {
    Key::new(format!("TENANT#{tenant}"), "BILLING")
}

pub(crate) fn subscription(tenant: Id<Tenant>, id: Id<Subscription>) -> Key {
    Key::new(format!("TENANT#{tenant}"), format!("{SUBSCRIPTION_PREFIX}{id}"))
}

pub(crate) fn invoice(tenant: Id<Tenant>, id: Id<Invoice>) -> Key {
    Key::new(format!("TENANT#{tenant}"), format!("{INVOICE_PREFIX}{id}"))
}

pub(crate) fn invoices_in(tenant: Id<Tenant>, status: InvoiceStatus) -> String {
    format!("INVOICES#{tenant}#{}", status.name())
}

/// Subscriptions and invoices for which something is to be done, by when.
pub(crate) fn billing_due<T>(tenant: Id<Tenant>, due_at: Timestamp, id: Id<T>) -> Key {
    Key::new(billing_due_of(tenant.shard(LIST_SHARDS)), by_time(due_at, id))
}

pub(crate) fn billing_due_of(shard: u8) -> String {
    format!("BILLING#DUE#{shard}")
}

pub(crate) fn user(id: Id<User>) -> Key {
    Key::new(format!("USER#{id}"), "USER")
}

pub(crate) fn membership(tenant: Id<Tenant>, id: Id<Membership>) -> Key {
    Key::new(format!("TENANT#{tenant}"), format!("MEMBER#{id}"))
}

/// The members of a tenant by when they came: their ids say nothing of that.
pub(crate) fn members_of(tenant: Id<Tenant>) -> String {
    format!("MEMBERS#{tenant}")
}

/// All roles that a tenant made.
pub(crate) fn roles(tenant: Id<Tenant>) -> Key {
    Key::new(format!("TENANT#{tenant}"), "ROLES")
}

/// How many members have a role that the tenant made.
pub(crate) fn role_count(tenant: Id<Tenant>, role: Id<Role>) -> Key {
    Key::new(format!("TENANT#{tenant}"), format!("{ROLE_COUNT_PREFIX}{role}"))
}

/// How many owners of a tenant can act.
pub(crate) fn owners(tenant: Id<Tenant>) -> Key {
    Key::new(format!("TENANT#{tenant}"), "COUNT#OWNERS")
}

pub(crate) fn group(tenant: Id<Tenant>, id: Id<Group>) -> Key {
    Key::new(format!("TENANT#{tenant}"), format!("{GROUP_PREFIX}{id}"))
}

pub(crate) fn group_member(tenant: Id<Tenant>, group: Id<Group>, member: Id<Membership>) -> Key {
    Key::new(
        format!("TENANT#{tenant}"),
        format!("{}{member}", group_member_prefix(group)),
    )
}

pub(crate) fn group_member_prefix(group: Id<Group>) -> String {
    format!("GROUP_MEMBER#{group}#")
}

/// The members of a group by when they were added.
pub(crate) fn members_of_group(group: Id<Group>) -> String {
    format!("GROUP_MEMBERS#{group}")
}

pub(crate) fn invitation(tenant: Id<Tenant>, id: Id<Invitation>) -> Key {
    Key::new(format!("TENANT#{tenant}"), format!("{INVITATION_PREFIX}{id}"))
}

/// Whether an address is invited to a tenant and has not answered. Addresses are personal data: the key holds a hash.
pub(crate) fn invited(tenant: Id<Tenant>, email: &Email) -> Key {
    Key::new(
        format!("TENANT#{tenant}"),
        format!("INVITED#{}", hash(&[email.as_str()])),
    )
}

/// The invitations of an address, in all tenants.
pub(crate) fn invitations_to(email: &Email) -> String {
    format!("INVITATIONS#{}", hash(&[email.as_str()]))
}

pub(crate) fn preference(tenant: Id<Tenant>, member: Id<Membership>, id: Id<Preference>) -> Key {
    Key::new(
        format!("TENANT#{tenant}"),
        format!("{}{id}", preference_prefix(member)),
    )
}

pub(crate) fn preference_prefix(member: Id<Membership>) -> String {
    format!("PREFERENCE#{member}#")
}

pub(crate) fn preference_count(tenant: Id<Tenant>, member: Id<Membership>) -> Key {
    Key::new(format!("TENANT#{tenant}"), format!("COUNT#PREFERENCES#{member}"))
}

pub(crate) fn unique(unique: &Unique<'_>) -> Key {
    let (kind, value) = match unique {
        Unique::TenantKey(key) => ("TENANT_KEY", key.as_str()),
        Unique::LeadEmail(email) => ("LEAD_EMAIL", email.as_str()),
        Unique::Username(username) => ("USERNAME", username.as_str()),
        Unique::UserEmail(email) => ("USER_EMAIL", email.as_str()),
        Unique::GroupName(tenant, name) => {
            return Key::new(
                format!("TENANT#{tenant}"),
                format!("GROUP_NAME#{}", escape(&name.as_str().to_lowercase())),
            );
        }
        Unique::Login(login) => {
            let parts = [
                login.provider.name(),
                login.place.as_str(),
                login.auth_id.as_str(),
            ];
            return Key::new(format!("UNIQUE#LOGIN#{}", hash(&parts)), "UNIQUE");
        }
        Unique::TenantConfig(tenant, key) => {
            return Key::new(
                format!("TENANT#{tenant}"),
                format!("CONFIG_KEY#{}", escape(key.as_str())),
            );
        }
    };
    Key::new(format!("UNIQUE#{kind}#{}", escape(value)), "UNIQUE")
}

/// An issuer of one tenant's tokens. Its name is a URL of any length: the key holds its hash.
pub(crate) fn issuer(issuer: &str) -> Key {
    Key::new(format!("ISSUER#{}", hash(&[issuer])), "ISSUER")
}

/// The text by which a list is ordered: the time, made unique by the id.
pub(crate) fn by_time<T>(created_at: Timestamp, id: Id<T>) -> String {
    format!("{created_at}#{id}")
}

pub(crate) fn audit(subject: &str, at: Timestamp, id: Id<AuditEntry>) -> Key {
    Key::new(audit_of(subject), by_time(at, id))
}

/// The place of an entry in a tenant's chain, with as many digits as no chain will outgrow.
pub(crate) fn audit_place(sequence: u64) -> String {
    format!("{sequence:012}")
}

pub(crate) fn chained_audit(subject: &str, sequence: u64) -> Key {
    Key::new(audit_of(subject), audit_place(sequence))
}

/// The whole trail of a lead or tenant: DynamoDB splits a partition key that grows large by its sort keys.
pub(crate) fn audit_of(subject: &str) -> String {
    format!("AUDIT#{}", escape(subject))
}

pub(crate) fn outbox(id: Id<Event>) -> Key {
    Key::new(format!("OUTBOX#{id}"), "OUTBOX")
}

/// Messages that were not delivered yet, by age.
pub(crate) fn undelivered(id: Id<Event>, created_at: Timestamp) -> Key {
    Key::new(undelivered_of(id.shard(LIST_SHARDS)), by_time(created_at, id))
}

pub(crate) fn undelivered_of(shard: u8) -> String {
    format!("OUTBOX#UNDELIVERED#{shard}")
}

/// The installation's figures; what they are is the sum over the shards.
pub(crate) fn figures(shard: u8) -> Key {
    Key::new("FIGURES".to_owned(), shard.to_string())
}

pub(crate) fn idempotency(caller: &str, key: &str) -> Key {
    Key::new(format!("IDEMPOTENCY#{}", hash(&[caller, key])), "IDEMPOTENCY")
}

/// Addresses of clients and people are personal data: the key holds their hash.
pub(crate) fn rate(rate: &Rate<'_>, window: i64) -> Key {
    let (kind, value) = rate.parts();
    Key::new(format!("RATE#{kind}#{}#{window}", hash(&[&value])), "RATE")
}

/// How many tenants there are in each status: an item has all of them, so that a change of status is one update.
pub(crate) fn count_of_tenants(shard: u8) -> Key {
    Key::new("COUNT#TENANTS".to_owned(), shard.to_string())
}

pub(crate) fn count_of_leads(state: LeadState, shard: u8) -> Key {
    Key::new("COUNT#LEADS".to_owned(), format!("{}#{shard}", state.name()))
}

/// Writes `#` and `%` as in URLs, so that two values never share a key and none reaches into the next part.
fn escape(value: &str) -> String {
    value.replace('%', "%25").replace('#', "%23")
}

fn hash(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        // The length goes first: ("ab", "c") is not ("a", "bc").
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_can_forge_a_part_of_a_key() {
        let hostile = ["a#b", "a%23b", "a%b", "#", "%", "a#b#c", "a", "b"];

        let escaped: Vec<String> = hostile.iter().map(|value| escape(value)).collect();

        for (position, value) in escaped.iter().enumerate() {
            assert!(!value.contains('#'), "{value}");
            assert!(!escaped[..position].contains(value), "two values share {value}");
        }
    }

    #[test]
    fn an_email_with_a_hash_sign_stays_in_its_part() {
        let email = Email::parse("x#UNIQUE@acme.com").expect("valid");

        let key = unique(&Unique::LeadEmail(&email));

        assert_eq!(key.pk, "UNIQUE#LEAD_EMAIL#x%23unique@acme.com");
    }

    #[test]
    fn hashed_parts_keep_their_borders() {
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        assert_ne!(hash(&["ab"]), hash(&["ab", ""]));
    }
}
