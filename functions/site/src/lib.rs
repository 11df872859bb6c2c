//! The site: home page, health, figures, the API document, and the schemas of events.

mod docs;
mod event_schemas;
mod find_health;
mod find_home;
mod find_metrics;
mod find_ping;
mod openapi;

use tenantry_api::{Access, Routes, routes};

pub use openapi::DOCUMENT;

/// The routes of this group.
pub fn routes() -> Routes {
    Routes::new("site")
        .add(Access::Public, routes!(find_home::find_home))
        .add(Access::Public, routes!(find_ping::find_ping))
        .add(Access::Public, routes!(find_health::find_health))
        .add(Access::ScrapeToken, routes!(find_metrics::find_metrics))
        .add(Access::Public, routes!(openapi::find_openapi))
        .add(Access::Public, routes!(event_schemas::list_event_schemas))
        .add(Access::Public, routes!(event_schemas::find_event_schema))
        .add(Access::Public, routes!(docs::find_docs))
        .add(Access::Public, routes!(docs::find_docs_file))
        .schema::<find_ping::Ping>()
        .schema::<find_health::Health>()
}
