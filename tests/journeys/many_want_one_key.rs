use std::collections::BTreeMap;

use serde_json::json;
use tenantry_local::Options;

use crate::journeys::world::{World, code_in, start};

/// How many leads want the same key at once.
const LEADS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_who_want_one_key_at_once_one_gets_it() {
    let options = Options {
        no_app_plane: true,
        ..Options::default()
    };
    let (server, world) = start(options, &[("PUBLIC_RATE_PER_MINUTE", "100000")]).await;

    many_want_one_key(&world).await;

    let operator = world.operator_token().await;
    let count = world
        .get("/tenants/count")
        .bearer(&operator)
        .send()
        .await
        .expect(200);
    assert_eq!(count.json["count"], 1);
    server.stop().await;
}

/// Of many leads who onboard at once under one key, one becomes a tenant. Needs a stack that lets one address sign up often.
pub(crate) async fn many_want_one_key(world: &World) {
    let key = world.key("acme");
    let mut leads = Vec::new();
    for number in 0..LEADS {
        let email = format!("lead{number}@{key}.com");
        let person =
            json!({ "firstName": "Ada", "lastName": "Lovelace", "companyName": "Acme", "email": email });
        leads.push((
            email,
            world
                .post("/leads")
                .json(&person)
                .send()
                .await
                .expect(201)
                .text_at("/id"),
        ));
    }
    let mut tokens = Vec::new();
    for (email, id) in leads {
        let mail = world.mail_to(&email, "Confirm your e-mail address").await;
        let verify = world.post(&format!("/leads/{id}/verify")).bearer(&code_in(&mail));
        tokens.push((id, verify.send().await.expect(200).text_at("/token")));
    }

    let onboardings: Vec<_> = tokens
        .into_iter()
        .map(|(id, token)| {
            let body = json!({ "key": key, "domains": [format!("{key}.com")] });
            tokio::spawn(
                world
                    .post(&format!("/leads/{id}/tenants"))
                    .bearer(&token)
                    .json(&body)
                    .send(),
            )
        })
        .collect();
    let mut outcomes: BTreeMap<(u16, String), usize> = BTreeMap::new();
    for onboarding in onboardings {
        let reply = onboarding.await.expect("the request was made");
        let code = reply.json["code"].as_str().unwrap_or_default().to_owned();
        *outcomes.entry((reply.status.as_u16(), code)).or_default() += 1;
    }

    let one_and_the_rest = [
        ((201, String::new()), 1),
        ((409, "tenant_key_taken".to_owned()), LEADS - 1),
    ];
    assert_eq!(outcomes, BTreeMap::from(one_and_the_rest));
    let operator = world.operator_token().await;
    let list = world
        .get(&format!("/tenants?key={key}"))
        .bearer(&operator)
        .send()
        .await
        .expect(200);
    assert_eq!(list.json["items"].as_array().map(Vec::len), Some(1));
}
