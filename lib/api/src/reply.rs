use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use tenantry_store::{Page, StoredReply};
use utoipa::openapi::response::{Response as ResponseDoc, ResponseBuilder};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Schema};
use utoipa::{IntoResponses, ToSchema};

/// A success whose type is its status.
pub trait Reply: IntoResponse {
    /// What is remembered under an idempotency key.
    fn stored(&self) -> StoredReply;
}

/// Something that has a version for `ETag` and `If-Match`.
pub trait Tagged {
    /// The version.
    fn version(&self) -> u64;
}

/// 201 with `Location` and `ETag`.
#[derive(Debug)]
pub struct Created<T> {
    /// Where the new thing is.
    pub location: String,
    /// The new thing.
    pub body: T,
}

/// 202: the work goes on; `Location` says where to watch it.
#[derive(Debug)]
pub struct Accepted<T> {
    /// Where to watch.
    pub location: Option<String>,
    /// What is known now.
    pub body: T,
}

/// 200 with `ETag`.
#[derive(Debug)]
pub struct Found<T>(pub T);

/// 201 or 200: what was set is new, or was there already.
#[derive(Debug)]
pub enum Upserted<T> {
    /// It is new.
    Created(Created<T>),
    /// It was there, as it is or otherwise.
    Found(Found<T>),
}

/// 200 with a page of a list.
#[derive(Debug)]
pub struct Paged<T>(pub Page<T>);

/// 200 without `ETag`, for answers that are not a stored thing.
#[derive(Debug)]
pub struct Count<T>(pub T);

/// 204.
#[derive(Debug)]
pub struct NoContent;

/// An answer that is no JSON of ours, a page for example; the handler's attribute documents it.
#[derive(Debug)]
pub struct Raw(pub Response);

/// Part of a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PageOf<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

pub(crate) fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

fn json(status: StatusCode, body: String) -> Response {
    (
        status,
        [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")],
        body,
    )
        .into_response()
}

fn text<T: Serialize>(body: &T) -> String {
    serde_json::to_string(body).expect("views have string keys and finite numbers")
}

fn respond(reply: &StoredReply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    if reply.body.is_empty() {
        return status.into_response();
    }
    let mut response = json(status, reply.body.clone());
    for (name, value) in [(LOCATION, &reply.location), (ETAG, &reply.etag)] {
        if let Some(value) = value
            .as_deref()
            .and_then(|value| HeaderValue::from_str(value).ok())
        {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

impl<T: Serialize + Tagged> Reply for Created<T> {
    fn stored(&self) -> StoredReply {
        let (location, etag) = (Some(self.location.clone()), Some(etag(self.body.version())));
        StoredReply {
            status: 201,
            location,
            etag,
            body: text(&self.body),
        }
    }
}

impl<T: Serialize> Reply for Accepted<T> {
    fn stored(&self) -> StoredReply {
        StoredReply {
            status: 202,
            location: self.location.clone(),
            etag: None,
            body: text(&self.body),
        }
    }
}

impl<T: Serialize + Tagged> Reply for Found<T> {
    fn stored(&self) -> StoredReply {
        StoredReply {
            status: 200,
            location: None,
            etag: Some(etag(self.0.version())),
            body: text(&self.0),
        }
    }
}

impl<T: Serialize + Tagged> Reply for Upserted<T> {
    fn stored(&self) -> StoredReply {
        match self {
            Self::Created(created) => created.stored(),
            Self::Found(found) => found.stored(),
        }
    }
}

impl<T: Serialize> Reply for Count<T> {
    fn stored(&self) -> StoredReply {
        StoredReply {
            status: 200,
            location: None,
            etag: None,
            body: text(&self.0),
        }
    }
}

impl Reply for NoContent {
    fn stored(&self) -> StoredReply {
        StoredReply {
            status: 204,
            location: None,
            etag: None,
            body: String::new(),
        }
    }
}

impl<T: Serialize + Tagged> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        respond(&self.stored())
    }
}

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        respond(&self.stored())
    }
}

impl<T: Serialize + Tagged> IntoResponse for Found<T> {
    fn into_response(self) -> Response {
        respond(&self.stored())
    }
}

impl<T: Serialize + Tagged> IntoResponse for Upserted<T> {
    fn into_response(self) -> Response {
        respond(&self.stored())
    }
}

impl<T: Serialize> IntoResponse for Count<T> {
    fn into_response(self) -> Response {
        respond(&self.stored())
    }
}

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl IntoResponse for Raw {
    fn into_response(self) -> Response {
        self.0
    }
}

impl IntoResponses for Raw {
    fn responses() -> Responses {
        Responses::new()
    }
}

impl<T: Serialize> IntoResponse for Paged<T> {
    fn into_response(self) -> Response {
        let Page { items, next_cursor } = self.0;
        json(StatusCode::OK, text(&PageOf { items, next_cursor }))
    }
}

type Responses = BTreeMap<String, RefOr<ResponseDoc>>;

fn document(status: &str, description: &str, schema: Option<RefOr<Schema>>) -> Responses {
    let mut response = ResponseBuilder::new().description(description);
    if schema.is_some() {
        response = response.content("application/json", ContentBuilder::new().schema(schema).build());
    }
    [(status.to_owned(), response.build().into())].into()
}

fn reference<T: ToSchema>() -> RefOr<Schema> {
    Ref::from_schema_name(T::name()).into()
}

impl<T: ToSchema> IntoResponses for Created<T> {
    fn responses() -> Responses {
        document("201", "Created; `Location` says where.", Some(reference::<T>()))
    }
}

impl<T: ToSchema> IntoResponses for Accepted<T> {
    fn responses() -> Responses {
        document("202", "Accepted; the work goes on.", Some(reference::<T>()))
    }
}

impl<T: ToSchema> IntoResponses for Found<T> {
    fn responses() -> Responses {
        document("200", "Found; `ETag` is its version.", Some(reference::<T>()))
    }
}

impl<T: ToSchema> IntoResponses for Upserted<T> {
    fn responses() -> Responses {
        let mut responses = Created::<T>::responses();
        responses.extend(Found::<T>::responses());
        responses
    }
}

impl<T: ToSchema> IntoResponses for Count<T> {
    fn responses() -> Responses {
        document("200", "The answer.", Some(reference::<T>()))
    }
}

impl IntoResponses for NoContent {
    fn responses() -> Responses {
        document("204", "Done.", None)
    }
}

impl<T: ToSchema> IntoResponses for Paged<T> {
    fn responses() -> Responses {
        let cursor = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .description(Some("Where to go on; null on the last page."));
        let page = ObjectBuilder::new()
            .property("items", ArrayBuilder::new().items(reference::<T>()))
            .required("items")
            .property("nextCursor", cursor)
            .required("nextCursor");
        document(
            "200",
            "A page of the list.",
            Some(Schema::from(page.build()).into()),
        )
    }
}
