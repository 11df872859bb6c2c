//! What belongs to a tenant's account: contacts, settings, subscriptions and invoices; and the plans that are sold.

#[cfg(test)]
mod billing_tests;
mod cancel_subscription;
mod config_body;
mod contact_trail;
mod count_contacts;
mod count_invoices;
mod count_tenant_configs;
mod create_contact;
mod create_invoice;
mod create_plan;
mod create_subscription;
mod create_tenant_config;
mod delete_contact;
mod delete_invoice;
mod delete_plan;
mod delete_tenant_config;
mod download_invoice;
mod find_contact;
mod find_invoice;
mod find_plan;
mod find_subscription;
mod find_tenant_config;
mod invoice_pdf;
mod invoice_view;
mod list_contacts;
mod list_invoices;
mod list_plans;
mod list_subscriptions;
mod list_tenant_configs;
#[cfg(test)]
mod member_tests;
mod pdf_text;
mod plan_body;
mod plan_view;
#[cfg(test)]
mod scene;
mod subscription_view;
mod update_contact;
mod update_invoice;
mod update_plan;
mod update_subscription;
mod update_tenant_config;

use tenantry_api::view::{ConfigView, ContactView};
use tenantry_api::{Access, Routes, routes};
use tenantry_domain::Permission::{
    CreateContact, CreateInvoice, CreatePlan, CreateSubscription, CreateTenantConfig, DeleteContact,
    DeleteInvoice, DeletePlan, DeleteSubscription, DeleteTenantConfig, UpdateContact, UpdateInvoice,
    UpdatePlan, UpdateSubscription, UpdateTenantConfig, ViewContact, ViewInvoice, ViewPlan, ViewSubscription,
    ViewTenantConfig,
};

/// The routes of this group.
pub fn routes() -> Routes {
    Routes::new("accounts")
        .add(
            Access::Account(CreateContact),
            routes!(create_contact::create_contact),
        )
        .add(
            Access::Account(ViewContact),
            routes!(list_contacts::list_contacts),
        )
        .add(
            Access::Account(ViewContact),
            routes!(count_contacts::count_contacts),
        )
        .add(Access::Account(ViewContact), routes!(find_contact::find_contact))
        .add(
            Access::Account(UpdateContact),
            routes!(update_contact::update_contact),
        )
        .add(
            Access::Account(DeleteContact),
            routes!(delete_contact::delete_contact),
        )
        .add(
            Access::Account(CreateTenantConfig),
            routes!(create_tenant_config::create_tenant_config),
        )
        .add(
            Access::Account(ViewTenantConfig),
            routes!(list_tenant_configs::list_tenant_configs),
        )
        .add(
            Access::Account(ViewTenantConfig),
            routes!(count_tenant_configs::count_tenant_configs),
        )
        .add(
            Access::Account(ViewTenantConfig),
            routes!(find_tenant_config::find_tenant_config),
        )
        .add(
            Access::Account(UpdateTenantConfig),
            routes!(update_tenant_config::update_tenant_config),
        )
        .add(
            Access::Account(DeleteTenantConfig),
            routes!(delete_tenant_config::delete_tenant_config),
        )
        .add(Access::Operator(CreatePlan), routes!(create_plan::create_plan))
        .add(Access::AnyLeadOr(ViewPlan), routes!(list_plans::list_plans))
        .add(Access::AnyLeadOr(ViewPlan), routes!(find_plan::find_plan))
        .add(Access::Operator(UpdatePlan), routes!(update_plan::update_plan))
        .add(Access::Operator(DeletePlan), routes!(delete_plan::delete_plan))
        .add(
            Access::AccountOrItsLead(CreateSubscription),
            routes!(create_subscription::create_subscription),
        )
        .add(
            Access::Account(ViewSubscription),
            routes!(list_subscriptions::list_subscriptions),
        )
        .add(
            Access::AccountOrItsLead(ViewSubscription),
            routes!(find_subscription::find_subscription),
        )
        .add(
            Access::Account(UpdateSubscription),
            routes!(update_subscription::update_subscription),
        )
        .add(
            Access::Account(DeleteSubscription),
            routes!(cancel_subscription::cancel_subscription),
        )
        .add(
            Access::AccountByOperator(CreateInvoice),
            routes!(create_invoice::create_invoice),
        )
        .add(
            Access::Account(ViewInvoice),
            routes!(list_invoices::list_invoices),
        )
        .add(
            Access::Account(ViewInvoice),
            routes!(count_invoices::count_invoices),
        )
        .add(Access::Account(ViewInvoice), routes!(find_invoice::find_invoice))
        .add(
            Access::Account(ViewInvoice),
            routes!(download_invoice::download_invoice),
        )
        .add(
            Access::AccountByOperator(UpdateInvoice),
            routes!(update_invoice::update_invoice),
        )
        .add(
            Access::AccountByOperator(DeleteInvoice),
            routes!(delete_invoice::delete_invoice),
        )
        .schema::<ContactView>()
        .schema::<ConfigView>()
        .schema::<count_tenant_configs::ConfigCount>()
        .schema::<count_contacts::ContactCount>()
        .schema::<plan_view::PlanView>()
        .schema::<subscription_view::SubscriptionView>()
        .schema::<invoice_view::InvoiceView>()
        .schema::<count_invoices::InvoiceCount>()
}
