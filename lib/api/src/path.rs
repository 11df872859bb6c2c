use axum::extract::{FromRequestParts, RawPathParams};
use http::StatusCode;
use http::request::Parts;
use tenantry_domain::{Id, Lead, Rule, Tenant};

use crate::{Edge, Problem};

/// The id of a lead in a path.
pub type LeadId = Id<Lead>;
/// The id of a tenant in a path.
pub type TenantId = Id<Tenant>;

/// A value from the path: the last one that the route names. What cannot be one does not exist.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T: std::str::FromStr<Err = Rule>> FromRequestParts<Edge> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Edge) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| not_found())?;
        let (_, text) = params.iter().last().ok_or_else(not_found)?;
        text.parse().map(Self).map_err(|_: Rule| not_found())
    }
}

/// A value from the path: the one that the route calls `id`, where it names two.
#[derive(Clone, Copy, Debug)]
pub struct Parent<T>(pub T);

impl<T: std::str::FromStr<Err = Rule>> FromRequestParts<Edge> for Parent<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Edge) -> Result<Self, Problem> {
        param(parts, state, "id").await.map(Self)
    }
}

/// The value of a named path parameter.
pub(crate) async fn param<T: std::str::FromStr<Err = Rule>>(
    parts: &mut Parts,
    state: &Edge,
    name: &str,
) -> Result<T, Problem> {
    let params = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| not_found())?;
    let text = params
        .iter()
        .find(|(param, _)| *param == name)
        .map(|(_, text)| text.to_owned());
    text.ok_or_else(not_found)?.parse().map_err(|_: Rule| not_found())
}

fn not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is nothing with this id",
    )
}
