use serde_json::{Value, json};

use crate::journeys::world::{World, invitation_in, success};

/// From sign-up to an API call with a token of the pool: the application plane has the tenant's identity set up, its owner signs
/// in and invites somebody, who gets a login, acts with its token, and is signed out when it may not act any more.
pub(crate) async fn pool_signs_people_in(world: &World) {
    let key = world.key("pool");
    let (ada, grace) = (format!("ada@{key}.com"), format!("grace@{key}.com"));
    let tenant = world.tenant(&key).await;
    let order = world.provision_and_receive(&tenant).await;
    let wish = json!({ "tenant": { "id": tenant, "identityProvider": "cognito" } });

    let made = world
        .signed_call(&order, "/manage/users", &wish)
        .send()
        .await
        .expect(200);
    let again = world
        .signed_call(&order, "/manage/users", &wish)
        .send()
        .await
        .expect(200);
    assert_eq!(made.json, again.json);
    assert!(!made.text_at("/authId").is_empty());
    world.report(&order, &success(&tenant)).send().await.expect(204);
    world.tenant_in(&tenant, "ACTIVE").await;

    let (token, _) = signed_in(world, &ada).await;
    let claims = claims_of(&token);
    assert_eq!(
        (&claims["tenantId"], &claims["role"], &claims["status"]),
        (&json!(tenant), &json!("Owner"), &json!("ACTIVE"))
    );
    assert_eq!(claims["sub"], made.json["authId"]);
    let users = format!("/tenants/{tenant}/users");
    let list = world.get(&users).bearer(&token).send().await.expect(200);
    assert_eq!(list.json["items"][0]["authId"], made.json["authId"]);

    let role = role_named(world, &tenant, &token, "Member").await;
    let invitation = json!({ "email": grace, "firstName": "Grace", "roleId": role });
    let path = format!("/tenants/{tenant}/invitations");
    world
        .post(&path)
        .bearer(&token)
        .json(&invitation)
        .send()
        .await
        .expect(201);
    let code = invitation_in(&world.mail_to(&grace, &format!("You are invited to {key}")).await);
    let joined = world
        .post("/invitations/accept")
        .bearer(&code)
        .json(&json!({}))
        .send()
        .await
        .expect(200);
    let id = joined.text_at("/id");

    let (token_of_grace, refresh) = signed_in(world, &grace).await;
    let own = world
        .get(&format!("/user/{id}/tenants"))
        .bearer(&token_of_grace)
        .send()
        .await
        .expect(200);
    assert_eq!(own.json["items"][0]["key"], json!(key));
    let renewed = world
        .renew_at_pool(&refresh)
        .await
        .expect("she may renew her token");
    assert_eq!(claims_of(&renewed)["tenantId"], json!(tenant));

    // The emulator notes only the second of a sign-out; what was given out in the same one outlives it.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let deactivate = format!("{users}/{id}/deactivate");
    world
        .post(&deactivate)
        .bearer(&token)
        .json(&json!({}))
        .send()
        .await
        .expect(200);
    let signed_out = || async { world.renew_at_pool(&refresh).await.is_none().then_some(()) };
    world.eventually("Grace is signed out", signed_out).await;
    let (token_of_grace, _) = world.sign_in_at_pool(&grace).await.expect("her login is there");
    let claims = claims_of(&token_of_grace);
    assert_eq!(
        (&claims["tenantId"], &claims["userId"]),
        (&Value::Null, &json!(id))
    );
    let refused = world.get(&users).bearer(&token_of_grace).send().await;
    refused.expect_problem(403, "forbidden");
}

/// The tokens of somebody who has a login by and by, and has it noted on its membership.
async fn signed_in(world: &World, email: &str) -> (String, String) {
    let look = || async {
        let tokens = world.sign_in_at_pool(email).await?;
        (!claims_of(&tokens.0)["tenantId"].is_null()).then_some(tokens)
    };
    world
        .eventually(&format!("a token of {email} for its tenant"), look)
        .await
}

async fn role_named(world: &World, tenant: &str, token: &str, name: &str) -> String {
    let path = format!("/tenants/{tenant}/roles");
    let roles = world.get(&path).bearer(token).send().await.expect(200);
    let roles = roles.json["items"].as_array().cloned().unwrap_or_default();
    let role = roles.iter().find(|role| role["name"] == name);
    role.and_then(|role| role["id"].as_str())
        .expect("every tenant has the role")
        .to_owned()
}

fn claims_of(token: &str) -> Value {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let claims = token.split('.').nth(1).expect("a token has three parts");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("claims are base64");
    serde_json::from_slice(&claims).expect("claims are JSON")
}
