use serde_json::{Value, json};

use super::realm::Realm;
use super::{body, conflict, error};
use crate::reply::{Asked, Handled, Reply};

const MEMBERS: &[&str] = &[
    "clientId",
    "name",
    "protocol",
    "enabled",
    "publicClient",
    "standardFlowEnabled",
    "implicitFlowEnabled",
    "directAccessGrantsEnabled",
    "serviceAccountsEnabled",
    "fullScopeAllowed",
    "redirectUris",
    "webOrigins",
    "attributes",
    "protocolMappers",
];

/// Every realm has this one.
pub const MANAGEMENT: &str = "00000000-0000-4000-8000-00000000c11e";
pub const VIEW_USERS: &str = "00000000-0000-4000-8000-0000000050fe";

pub fn handle(realm: &mut Realm, asked: &Asked, method: &str, route: &[&str], new_id: String) -> Handled {
    match (method, route) {
        ("GET", []) => Ok(Reply::of(200, find(realm, &asked.query["clientId"]))),
        ("POST", []) => create(realm, asked, new_id),
        ("GET", [MANAGEMENT, "roles", "view-users"]) => Ok(Reply::of(
            200,
            json!({ "id": VIEW_USERS, "name": "view-users", "description": "${role_view-users}", "composite": true, "clientRole": true }),
        )),
        _ => panic!("no such endpoint: {method} clients {route:?}"),
    }
}

fn find(realm: &Realm, client_id: &str) -> Value {
    if client_id == "realm-management" {
        return json!([{ "id": MANAGEMENT, "clientId": client_id, "bearerOnly": true }]);
    }
    let found = realm
        .clients
        .iter()
        .filter(|client| client["clientId"] == client_id);
    found.cloned().collect()
}

fn create(realm: &mut Realm, asked: &Asked, new_id: String) -> Handled {
    let mut client = body(asked, MEMBERS)?;
    if realm.refuses_clients {
        return Err(Reply::of(
            400,
            json!({ "error": "invalid_client_metadata", "error_description": "for acme" }),
        ));
    }
    let client_id = client["clientId"]
        .as_str()
        .expect("a client has an id")
        .to_owned();
    if realm
        .clients
        .iter()
        .any(|other| other["clientId"] == client["clientId"])
    {
        return Err(conflict(&format!("Client {client_id} already exists")));
    }
    for mapper in client["protocolMappers"].as_array().expect("ours has mappers") {
        let is_known = mapper["protocolMapper"].as_str().is_some_and(|kind| {
            [
                "oidc-hardcoded-claim-mapper",
                "oidc-usermodel-attribute-mapper",
                "oidc-audience-mapper",
            ]
            .contains(&kind)
        });
        if !is_known
            || mapper["config"]
                .as_object()
                .is_none_or(|config| !config.values().all(Value::is_string))
        {
            return Err(error(400, "ProtocolMapper provider not found"));
        }
    }
    let location = format!("https://id.example/admin/realms/r/clients/{new_id}");
    client["id"] = json!(new_id);
    realm.clients.push(client);
    Ok(Reply::made(location))
}
