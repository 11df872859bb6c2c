//! What an emulator of Cognito has, and how people sign in to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::error::ProvideErrorMetadata as _;
use aws_sdk_cognitoidentityprovider::types::{
    AliasAttributeType, AuthFlowType, AuthenticationResultType, ChallengeNameType, ExplicitAuthFlowsType,
    UserStatusType, UserType,
};
use aws_smithy_types::body::SdkBody;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;
use tenantry_app::{CognitoSettings, IdentityWish};
use tenantry_aws::Cognito;
use tenantry_domain::{Email, Identity};

use crate::faulty::Faulty;
use crate::wire::Over;
use crate::world::{PATIENCE, cognito, sdk, settings};

const NEW_PASSWORD: &str = "Correct-Horse-7-Battery";

/// An emulator of Cognito, with a pool that tenants share.
pub(crate) struct Emulator {
    url: String,
    client: Client,
    network: Arc<Faulty>,
    settings: CognitoSettings,
}

impl Emulator {
    #[expect(
        clippy::disallowed_methods,
        reason = "who runs these tests says where the emulator is"
    )]
    pub(crate) async fn start() -> Self {
        let url = std::env::var("COGNITO_URL").expect("COGNITO_URL is the address of an emulator");
        let network = Faulty::never();
        let client = Client::new(&sdk(&url, Over(Arc::clone(&network))));
        let pool = client
            .create_user_pool()
            .pool_name("shared")
            .alias_attributes(AliasAttributeType::Email)
            .send()
            .await
            .expect("a pool can be made");
        let pool = pool.user_pool.and_then(|pool| pool.id).expect("it has an id");
        let mut emulator = Self {
            settings: settings(&pool, ""),
            url,
            client,
            network,
        };
        emulator.settings.client_id = emulator.client_with_passwords(&pool).await;
        emulator
    }

    /// The provider, over a network.
    pub(crate) fn cognito(&self, network: &Arc<Faulty>) -> Cognito {
        let sdk = sdk(&self.url, Over(Arc::clone(network)));
        cognito(&sdk, self.settings.clone(), PATIENCE)
    }

    /// A client with which the password itself may be sent, which saves the tests the arithmetic of SRP.
    pub(crate) async fn client_with_passwords(&self, pool: &str) -> String {
        let client = self
            .client
            .create_user_pool_client()
            .user_pool_id(pool)
            .client_name("for-tests")
            .explicit_auth_flows(ExplicitAuthFlowsType::AllowUserPasswordAuth)
            .explicit_auth_flows(ExplicitAuthFlowsType::AllowRefreshTokenAuth)
            .send()
            .await
            .expect("a client can be made");
        let client = client.user_pool_client.and_then(|client| client.client_id);
        client.expect("it has an id")
    }

    /// The ids of the tenant's own pools.
    pub(crate) async fn own_pools(&self, wish: &IdentityWish) -> Vec<String> {
        let name = format!("tenantry-{}", wish.tenant_id);
        let (mut pools, mut next) = (Vec::new(), None);
        loop {
            let request = self.client.list_user_pools().max_results(60).set_next_token(next);
            let page = request.send().await.expect("pools can be listed");
            let named = page.user_pools.unwrap_or_default().into_iter();
            let named = named.filter(|pool| pool.name.as_deref() == Some(&name));
            pools.extend(named.filter_map(|pool| pool.id));
            next = page.next_token;
            if next.is_none() {
                return pools;
            }
        }
    }

    /// The ids of the clients that the product has made.
    pub(crate) async fn own_clients(&self, pool: &str) -> Vec<String> {
        let list = self
            .client
            .list_user_pool_clients()
            .user_pool_id(pool)
            .max_results(60);
        let list = list.send().await.expect("clients can be listed");
        let clients = list.user_pool_clients.unwrap_or_default().into_iter();
        let named = clients.filter(|client| client.client_name.as_deref() == Some("tenantry"));
        named.filter_map(|client| client.client_id).collect()
    }

    /// Everybody with this address.
    pub(crate) async fn people(&self, pool: &str, email: &Email) -> Vec<UserType> {
        let list = self.client.list_users().user_pool_id(pool);
        let list = list.filter(format!("email = \"{}\"", email.as_str()));
        list.send()
            .await
            .expect("people can be listed")
            .users
            .unwrap_or_default()
    }

    pub(crate) async fn members(&self, identity: &Identity) -> Vec<String> {
        let group = identity.organization.as_ref().expect("there is a group").as_str();
        let list = self
            .client
            .list_users_in_group()
            .user_pool_id(identity.place.as_str());
        let list = list.group_name(group).send().await.expect("the group is there");
        let members = list.users.unwrap_or_default().into_iter();
        members.filter_map(|user| user.username).collect()
    }

    pub(crate) async fn groups(&self, pool: &str) -> Vec<String> {
        let list = self.client.list_groups().user_pool_id(pool).send().await;
        let groups = list.expect("groups can be listed").groups.unwrap_or_default();
        groups.into_iter().filter_map(|group| group.group_name).collect()
    }

    /// The passwords that were mailed to somebody, the oldest first.
    pub(crate) async fn mailed_passwords(&self, email: &Email) -> Vec<String> {
        let mails = self.get("/_ministack/ses/messages").await;
        let mails = mails["messages"].as_object().expect("mails by account").values();
        let mails = mails.filter_map(Value::as_array).flatten();
        let to = mails.filter(|mail| mail["To"] == serde_json::json!([email.as_str()]));
        let words = to.filter_map(|mail| mail["BodyText"].as_str()?.split_whitespace().last());
        words.map(|word| word.trim_end_matches('.').to_owned()).collect()
    }

    /// Signs in for the first time, by address, and chooses a password.
    pub(crate) async fn sign_in_first(
        &self,
        client_id: &str,
        email: &Email,
        password: &str,
    ) -> AuthenticationResultType {
        let begun = self
            .begin(client_id, email, password)
            .await
            .expect("the password fits");
        let Begun::NewPassword(session) = begun else {
            panic!("the first password has to be changed");
        };
        let answer = self
            .client
            .respond_to_auth_challenge()
            .client_id(client_id)
            .challenge_name(ChallengeNameType::NewPasswordRequired)
            .session(session)
            .challenge_responses("USERNAME", email.as_str())
            .challenge_responses("NEW_PASSWORD", NEW_PASSWORD)
            .send()
            .await
            .expect("the password is good");
        answer.authentication_result.expect("there are tokens")
    }

    /// Signs in with the password that was chosen.
    pub(crate) async fn sign_in(
        &self,
        client_id: &str,
        email: &Email,
    ) -> Result<AuthenticationResultType, String> {
        match self.begin(client_id, email, NEW_PASSWORD).await? {
            Begun::Tokens(tokens) => Ok(*tokens),
            Begun::NewPassword(_) => Err("the password has to be changed".to_owned()),
        }
    }

    async fn begin(&self, client_id: &str, email: &Email, password: &str) -> Result<Begun, String> {
        let begun = self
            .client
            .initiate_auth()
            .client_id(client_id)
            .auth_flow(AuthFlowType::UserPasswordAuth)
            .auth_parameters("USERNAME", email.as_str())
            .auth_parameters("PASSWORD", password)
            .send()
            .await
            .map_err(|error| error.code().unwrap_or_default().to_owned())?;
        Ok(match begun.authentication_result {
            Some(tokens) => Begun::Tokens(Box::new(tokens)),
            None => Begun::NewPassword(begun.session.expect("it goes on")),
        })
    }

    /// Renews tokens, or says why not.
    pub(crate) async fn renew(
        &self,
        client_id: &str,
        tokens: &AuthenticationResultType,
    ) -> Result<(), String> {
        let token = tokens.refresh_token.as_deref().expect("there is one");
        let renewed = self
            .client
            .initiate_auth()
            .client_id(client_id)
            .auth_flow(AuthFlowType::RefreshTokenAuth)
            .auth_parameters("REFRESH_TOKEN", token)
            .send()
            .await;
        renewed
            .map(drop)
            .map_err(|error| error.code().unwrap_or_default().to_owned())
    }

    /// What stands in an access token that the tenant's issuer has signed.
    pub(crate) async fn claims(
        &self,
        identity: &Identity,
        tokens: &AuthenticationResultType,
    ) -> BTreeMap<String, Value> {
        let token = tokens.access_token.as_deref().expect("there is one");
        let keys = self
            .get(&format!("/{}/.well-known/jwks.json", identity.place))
            .await;
        let keys: JwkSet = serde_json::from_value(keys).expect("it is a key set");
        let header = jsonwebtoken::decode_header(token).expect("it is a token");
        assert_eq!(header.alg, Algorithm::RS256);
        let key = keys
            .find(&header.kid.expect("it names its key"))
            .expect("the key is published");
        let mut rules = Validation::new(Algorithm::RS256);
        rules.set_issuer(&[&identity.issuer]);
        rules.validate_aud = false;
        let key = DecodingKey::from_jwk(key).expect("it is a key");
        let token = jsonwebtoken::decode(token, &key, &rules).expect("it is signed by the issuer");
        token.claims
    }

    async fn get(&self, path: &str) -> Value {
        let request = http::Request::get(format!("{}{path}", self.url)).body(SdkBody::empty());
        let answer = self.network.send(request.expect("it is an address")).await;
        serde_json::from_slice(answer.body()).expect("it is JSON")
    }
}

enum Begun {
    Tokens(Box<AuthenticationResultType>),
    NewPassword(String),
}

/// Looks until it is so.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, look: impl Fn() -> F) {
    let looking = async {
        while !look().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"));
}

pub(crate) fn sub(user: &UserType) -> Option<&str> {
    let attribute = user
        .attributes()
        .iter()
        .find(|attribute| attribute.name == "sub")?;
    attribute.value()
}

pub(crate) fn is_new(user: &UserType) -> bool {
    user.user_status == Some(UserStatusType::ForceChangePassword)
}
