use axum::extract::FromRequestParts;
use axum::extract::Query as AxumQuery;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::{Edge, Problem};

/// The members of the query string. Unknown ones were refused by the guard, which knows them from the API document.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Edge> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Edge) -> Result<Self, Problem> {
        match AxumQuery::<T>::try_from_uri(&parts.uri) {
            Ok(AxumQuery(query)) => Ok(Self(query)),
            Err(error) => Err(Problem::malformed("invalid_query", error.body_text())),
        }
    }
}
