//! What people do with Tenantry, from end to end over HTTP. A journey knows a base URL and a mailbox, so that it can be
//! made on any deployment: here on the local product, in `deployed` on a stack.

pub(crate) mod a_year_of_invoices;
pub(crate) mod account_is_kept;
pub(crate) mod application_planes;
pub(crate) mod figures_follow;
pub(crate) mod job_is_overdue;
pub(crate) mod job_is_retried_and_cancelled;
mod keeps_data;
pub(crate) mod lead_becomes_tenant;
pub(crate) mod many_want_one_key;
pub(crate) mod members_come_and_go;
pub(crate) mod people_sign_in;
pub(crate) mod pool_signs_people_in;
pub(crate) mod provisioning_fails;
pub(crate) mod tenant_leaves;
pub(crate) mod webhook_is_abused;
pub(crate) mod world;
