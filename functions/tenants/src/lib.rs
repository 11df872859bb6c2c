//! Tenants, their life, and their provisioning jobs.

mod cancel_job;
mod change_tier;
mod check_tenant_key;
mod count_tenants;
mod create_tenant;
mod delete_tenant;
mod export_tenant;
mod find_job;
mod find_tenant;
mod include;
mod job_view;
mod list_audit;
mod list_jobs;
mod list_resources;
mod list_tenants;
mod offboard_tenant;
mod provision_tenant;
mod reactivate_tenant;
mod retry_job;
#[cfg(test)]
mod scene;
mod suspend_tenant;
mod update_tenant;
mod verify_audit;
#[cfg(test)]
mod walk;

use tenantry_api::view::{AddressView, ContactView, LeadView, ResourceView, TenantView};
use tenantry_api::{Access, Routes, routes};
use tenantry_domain::Permission::{
    CreateTenant, DeleteTenant, ExportTenant, ProvisionTenant, UpdateTenant, ViewAuditLog, ViewTenant,
};

/// The routes of this group.
pub fn routes() -> Routes {
    Routes::new("tenants")
        .add(
            Access::Operator(CreateTenant),
            routes!(create_tenant::create_tenant),
        )
        .add(Access::Operator(ViewTenant), routes!(list_tenants::list_tenants))
        .add(
            Access::Operator(ViewTenant),
            routes!(count_tenants::count_tenants),
        )
        .add(
            Access::TenantOrItsLead(ViewTenant),
            routes!(find_tenant::find_tenant),
        )
        .add(
            Access::Tenant(UpdateTenant),
            routes!(update_tenant::update_tenant),
        )
        .add(
            Access::TenantByOperator(DeleteTenant),
            routes!(delete_tenant::delete_tenant),
        )
        .add(
            Access::Tenant(ExportTenant),
            routes!(export_tenant::export_tenant),
        )
        .add(
            Access::AnyLeadOr(ViewTenant),
            routes!(check_tenant_key::check_tenant_key),
        )
        .add(
            Access::TenantOrItsLead(ProvisionTenant),
            routes!(provision_tenant::provision_tenant),
        )
        .add(
            Access::TenantByOperator(UpdateTenant),
            routes!(suspend_tenant::suspend_tenant),
        )
        .add(
            Access::TenantByOperator(UpdateTenant),
            routes!(reactivate_tenant::reactivate_tenant),
        )
        .add(
            Access::TenantByOperator(UpdateTenant),
            routes!(change_tier::change_tier),
        )
        .add(
            Access::TenantByOperator(DeleteTenant),
            routes!(offboard_tenant::offboard_tenant),
        )
        .add(Access::Tenant(ViewTenant), routes!(list_jobs::list_jobs))
        .add(Access::Tenant(ViewTenant), routes!(find_job::find_job))
        .add(Access::Tenant(ProvisionTenant), routes!(retry_job::retry_job))
        .add(Access::Tenant(ProvisionTenant), routes!(cancel_job::cancel_job))
        .add(
            Access::Tenant(ViewTenant),
            routes!(list_resources::list_resources),
        )
        .add(Access::Tenant(ViewAuditLog), routes!(list_audit::list_audit))
        .add(Access::Tenant(ViewAuditLog), routes!(verify_audit::verify_audit))
        .schema::<TenantView>()
        .schema::<AddressView>()
        .schema::<ContactView>()
        .schema::<LeadView>()
        .schema::<ResourceView>()
        .schema::<job_view::JobView>()
        .schema::<list_audit::AuditEntryView>()
        .schema::<verify_audit::AuditVerificationView>()
        .schema::<verify_audit::FaultView>()
        .schema::<check_tenant_key::KeyCheck>()
        .schema::<count_tenants::TenantCount>()
}
