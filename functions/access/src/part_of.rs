use std::borrow::Cow;

use serde::Serialize;
use tenantry_api::Tagged;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A view of what is part of a greater thing: the greater thing's version is the `ETag`.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct PartOf<T> {
    view: T,
    #[serde(skip)]
    version: u64,
}

impl<T> PartOf<T> {
    /// The part, and the version of the whole.
    pub(crate) fn new(view: T, version: u64) -> Self {
        Self { view, version }
    }
}

impl<T> Tagged for PartOf<T> {
    fn version(&self) -> u64 {
        self.version
    }
}

/// The API document shows the part itself.
impl<T: PartialSchema> PartialSchema for PartOf<T> {
    fn schema() -> RefOr<Schema> {
        T::schema()
    }
}

impl<T: ToSchema> ToSchema for PartOf<T> {
    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}
