use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::oidc::IssuerDesk;
use crate::oidc::authorization::SCOPES;

/// OpenID Connect Discovery 1.0 section 3, RFC 8414 and RFC 9207 section 3.
pub(super) async fn find_configuration(State(desk): State<IssuerDesk>) -> Json<Value> {
    let issuer = desk.issuer.url();
    let at = |path: &str| format!("{issuer}/{path}");
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "userinfo_endpoint": at("userinfo"),
        "end_session_endpoint": at("logout"),
        "jwks_uri": at("jwks.json"),
        "scopes_supported": SCOPES,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "authorization_response_iss_parameter_supported": true,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "claims_supported": [
            "iss", "aud", "sub", "iat", "exp", "auth_time", "nonce", "sid", "email", "email_verified", "name", "given_name",
            "family_name", "preferred_username", "tenantId", "userTenantId", "role",
        ],
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        // Absent, this one would be true.
        "request_uri_parameter_supported": false,
    }))
}

pub(super) async fn find_keys(State(desk): State<IssuerDesk>) -> Response {
    let keys = desk.issuer.keys().to_owned();
    ([(CONTENT_TYPE, "application/json")], keys).into_response()
}
