use tenantry_domain::{
    Change, Contact, ContactKind, Email, Error, Event, Lead, NewTenant, PersonName, Tenant, Transition,
};
use tenantry_store::{Trail, Transaction};

use crate::Context;

/// A new tenant with its first contact.
#[derive(Clone, Debug)]
pub struct Onboarded {
    /// The tenant.
    pub tenant: Tenant,
    /// Its first contact.
    pub contact: Contact,
}

/// Founds a tenant for a lead or for a contact that an operator named, and adds all that goes with it to the transaction.
pub fn found_tenant(
    context: &Context,
    transaction: &mut Transaction,
    new: NewTenant,
    (first_name, last_name, email): (PersonName, PersonName, Email),
    lead: Option<&Lead>,
    change: &Change,
) -> Result<Onboarded, Error> {
    let entropy = &*context.app.entropy;
    let tenant = Tenant::found(new, &email, lead.map(|lead| lead.id), change, entropy)?;
    let person = (first_name, last_name, email);
    let contact = Contact::first(tenant.id, person, ContactKind::Admin, change, entropy);
    let event = Event::of_tenant(
        "tenant.created",
        Transition::Created(&tenant),
        None,
        context.new_id(),
        change.at,
    );
    let mut entry = context.audit("tenant.created", change);
    entry.after = Some(
        serde_json::json!({ "key": tenant.key, "name": tenant.name, "domains": tenant.domains, "status": tenant.status }),
    );
    transaction
        .create_tenant(&tenant, &contact)
        .audit(&Trail::begin(tenant.id), &entry)
        .send(&context.event(&event));
    Ok(Onboarded { tenant, contact })
}
