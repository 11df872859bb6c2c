//! Leads: sign-up, verified e-mail, and the tenant that a lead becomes.

mod count_leads;
mod create_lead;
mod create_tenant_of_lead;
mod delete_lead;
mod find_lead;
mod list_leads;
mod resend_code;
mod update_lead;
mod verification_mail;
mod verify_lead;

use tenantry_api::view::{AddressView, ContactView, LeadView, TenantView};
use tenantry_api::{Access, Routes, routes};
use tenantry_domain::Permission::{DeleteLead, UpdateLead, ViewLead};

/// The routes of this group.
pub fn routes() -> Routes {
    Routes::new("leads")
        .add(Access::Public, routes!(create_lead::create_lead))
        .add(Access::Public, routes!(resend_code::resend_code))
        .add(Access::LeadCode, routes!(verify_lead::verify_lead))
        .add(
            Access::OwnLead,
            routes!(create_tenant_of_lead::create_tenant_of_lead),
        )
        .add(Access::Operator(ViewLead), routes!(list_leads::list_leads))
        .add(Access::Operator(ViewLead), routes!(count_leads::count_leads))
        .add(Access::OwnLeadOr(ViewLead), routes!(find_lead::find_lead))
        .add(Access::Operator(UpdateLead), routes!(update_lead::update_lead))
        .add(Access::Operator(DeleteLead), routes!(delete_lead::delete_lead))
        .schema::<LeadView>()
        .schema::<AddressView>()
        .schema::<TenantView>()
        .schema::<ContactView>()
        .schema::<verify_lead::VerifiedLead>()
        .schema::<resend_code::CodeSent>()
        .schema::<count_leads::LeadCount>()
}
