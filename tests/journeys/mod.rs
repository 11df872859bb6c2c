//! What people do with Tenantry, from end to end over HTTP. A journey knows a base URL and a mailbox, so that it can be
//! made on any deployment.

mod keeps_data;
mod lead_becomes_tenant;
mod many_want_one_key;
mod provisioning_fails;
mod webhook_is_abused;
mod world;
