//! Amazon Cognito as identity provider. Tenants share a user pool, in which a group holds each one's people together; or have one
//! of their own.

mod asking;
mod own_pool;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::config::Builder;
use aws_sdk_cognitoidentityprovider::config::retry::RetryConfig;
use aws_sdk_cognitoidentityprovider::types::{
    AttributeType, DeliveryMediumType, MessageActionType, UserStatusType,
};
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tenantry_app::{
    Admitted, Candidate, CognitoSettings, FirstKey, IdentityProvider, IdentityWish, Patience, Progress,
    ProviderError,
};
use tenantry_domain::{Entropy, Identity, Login, ProviderName};

use asking::{
    Answer, Asking, GROUP_EXISTS, NOT_AUTHORIZED, RESOURCE_NOT_FOUND, UNSUPPORTED_USER_STATE, USER_NOT_FOUND,
    USERNAME_EXISTS, noted, provider_id, refused,
};

/// Logins in Cognito. What people may do is not kept there: the token trigger asks our table.
pub struct Cognito {
    client: Client,
    settings: CognitoSettings,
    entropy: Arc<dyn Entropy>,
    patience: Duration,
}

/// How long one attempt may take: making a pool or mailing takes longer than a table does, and a mail whose answer is not
/// waited for goes out twice.
const ATTEMPT: Duration = Duration::from_secs(5);

/// Somebody who is in a pool.
struct Person {
    auth_id: String,
    status: Option<UserStatusType>,
    is_enabled: bool,
    email: Option<String>,
}

/// Somebody whom a pool was searched for.
struct Found {
    username: String,
    is_enabled: bool,
}

impl Cognito {
    /// Each operation may take so long, with all its calls and pauses. The SDK's own retries are off: they know no deadline.
    pub fn new(
        sdk: &SdkConfig,
        settings: CognitoSettings,
        entropy: Arc<dyn Entropy>,
        patience: Duration,
    ) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT)
            .build();
        let config = Builder::from(sdk)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .build();
        Self {
            client: Client::from_conf(config),
            settings,
            entropy,
            patience,
        }
    }

    fn asking(&self) -> Asking<'_> {
        Asking {
            client: &self.client,
            settings: &self.settings,
            patience: Patience::new(ProviderName::Cognito, self.patience, Arc::clone(&self.entropy)),
        }
    }
}

impl IdentityProvider for Cognito {
    fn name(&self) -> ProviderName {
        ProviderName::Cognito
    }

    fn set_up<'a>(
        &'a self,
        wish: &'a IdentityWish,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Identity, ProviderError>> {
        async move {
            let asking = self.asking();
            if wish.is_silo {
                asking.set_up_own(wish, progress).await
            } else {
                asking.set_up_shared(wish, progress).await
            }
        }
        .boxed()
    }

    fn admit<'a>(
        &'a self,
        identity: &'a Identity,
        candidate: &'a Candidate,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Admitted, ProviderError>> {
        async move { self.asking().admit(identity, candidate, progress).await }.boxed()
    }

    fn sign_out<'a>(&'a self, login: &'a Login) -> BoxFuture<'a, Result<(), ProviderError>> {
        async move {
            let asking = self.asking();
            match asking.find(login).await? {
                Some(found) => asking.end_sessions(login.place.as_str(), &found).await,
                None => Ok(()),
            }
        }
        .boxed()
    }

    fn expel<'a>(
        &'a self,
        identity: &'a Identity,
        login: &'a Login,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        async move { self.asking().expel(identity, login).await }.boxed()
    }

    fn forget<'a>(&'a self, login: &'a Login) -> BoxFuture<'a, Result<(), ProviderError>> {
        async move {
            let asking = self.asking();
            let Some(found) = asking.find(login).await? else {
                return Ok(());
            };
            let request = asking.client.admin_delete_user();
            let request = request
                .user_pool_id(login.place.as_str())
                .username(found.username);
            let _: Answer<_> = asking
                .ask("AdminDeleteUser", &[USER_NOT_FOUND], || request.clone().send())
                .await?;
            Ok(())
        }
        .boxed()
    }
}

impl Asking<'_> {
    async fn set_up_shared(
        &self,
        wish: &IdentityWish,
        progress: &dyn Progress,
    ) -> Result<Identity, ProviderError> {
        let pool = &self.settings.user_pool_id;
        let group = match noted(progress, "group") {
            Some(group) => group,
            None => self.group(pool, wish, progress).await?,
        };
        Ok(Identity {
            provider: ProviderName::Cognito,
            place: provider_id(pool)?,
            is_own: false,
            organization: Some(provider_id(&group)?),
            issuer: self.issuer(pool),
            client_id: Some(provider_id(&self.settings.client_id)?),
        })
    }

    /// Makes or finds the tenant's group. It is named with the tenant's id: the token trigger reads a person's groups and looks
    /// these tenants up first. A pool of the tenant's own has it, too, so that the trigger need not tell them apart.
    async fn group(
        &self,
        pool: &str,
        wish: &IdentityWish,
        progress: &dyn Progress,
    ) -> Result<String, ProviderError> {
        let name = wish.tenant_id.to_string();
        let request = self
            .client
            .create_group()
            .user_pool_id(pool)
            .group_name(&name)
            // For who reads the console. Of descriptions Cognito says only that 2,048 characters are enough.
            .description(wish.name.as_str());
        let _: Answer<_> = self
            .ask("CreateGroup", &[GROUP_EXISTS], || request.clone().send())
            .await?;
        progress.note("group", &name).await?;
        Ok(name)
    }

    fn issuer(&self, pool: &str) -> String {
        format!("{}/{pool}", self.settings.issuer_base)
    }

    /// Whether somebody administers the tenant makes no difference here: the token trigger reads the role from our table.
    async fn admit(
        &self,
        identity: &Identity,
        candidate: &Candidate,
        progress: &dyn Progress,
    ) -> Result<Admitted, ProviderError> {
        let (pool, username) = (identity.place.as_str(), candidate.user_id.to_string());
        let (auth_id, key) = match self.create_user(pool, &username, candidate).await? {
            Ok(auth_id) => {
                progress.note("invited", &auth_id).await?;
                (auth_id, FirstKey::MailedByProvider)
            }
            Err(_) => self.readmit(identity, &username, candidate, progress).await?,
        };
        if let Some(group) = &identity.organization {
            let request = self.client.admin_add_user_to_group();
            let request = request
                .user_pool_id(pool)
                .username(&username)
                .group_name(group.as_str());
            self.need("AdminAddUserToGroup", || request.clone().send())
                .await?;
        }
        Ok(Admitted {
            auth_id: provider_id(&auth_id)?,
            key,
        })
    }

    /// Makes a login, and has Cognito mail the password that it has chosen for it: we never know one.
    ///
    /// The address counts as verified from the start. Only a verified address is an alias to sign in with, and only one can
    /// recover a forgotten password; and nothing is given away, because the one password that opens the login is sent to this
    /// address and nowhere else. Without `ForceAliasCreation` an address that another login has stays there.
    async fn create_user(
        &self,
        pool: &str,
        username: &str,
        candidate: &Candidate,
    ) -> Result<Answer<String>, ProviderError> {
        let attributes = [
            ("email", Some(candidate.email.as_str())),
            ("email_verified", Some("true")),
            ("given_name", Some(candidate.first_name.as_str())),
            (
                "family_name",
                candidate.last_name.as_ref().map(|name| name.as_str()),
            ),
            ("locale", candidate.locale.as_ref().map(|locale| locale.as_str())),
        ];
        let attributes = attributes.into_iter().filter_map(|(name, value)| {
            let attribute = AttributeType::builder().name(name).value(value?);
            Some(attribute.build().expect("it has a name"))
        });
        let request = self
            .client
            .admin_create_user()
            .user_pool_id(pool)
            .username(username)
            .set_user_attributes(Some(attributes.collect()))
            .desired_delivery_mediums(DeliveryMediumType::Email);
        let created = self
            .ask("AdminCreateUser", &[USERNAME_EXISTS], || request.clone().send())
            .await?;
        let Ok(output) = created else {
            return Ok(Err(USERNAME_EXISTS));
        };
        let attributes = output.user.and_then(|user| user.attributes).unwrap_or_default();
        let auth_id = attribute(&attributes, "sub").ok_or_else(|| refused("AdminCreateUser: no sub"))?;
        Ok(Ok(auth_id))
    }

    /// Lets somebody in whose login is there, and reminds it of a first password that it may not have been told: the answer that
    /// would have told us may have been lost, before the mail went out or after it. A second mail is the lesser harm, though
    /// the password in the first is void then.
    async fn readmit(
        &self,
        identity: &Identity,
        username: &str,
        candidate: &Candidate,
        progress: &dyn Progress,
    ) -> Result<(String, FirstKey), ProviderError> {
        let pool = identity.place.as_str();
        let person = self.person(pool, username).await?;
        if !person.is_enabled {
            // In a pool of its own a tenant's people are switched off when they leave; in a shared one only an operator does that.
            if !identity.is_own {
                return Err(refused("the login is there, and somebody has disabled it"));
            }
            let request = self.client.admin_enable_user();
            let request = request.user_pool_id(pool).username(username);
            self.need("AdminEnableUser", || request.clone().send()).await?;
        }
        let is_told = progress.made("invited").as_ref() == Some(&person.auth_id);
        if person.status != Some(UserStatusType::ForceChangePassword) || is_told {
            return Ok((person.auth_id, FirstKey::Known));
        }
        // The password would go to an address that is not the person's, or not any more. Cognito takes an address away from
        // whoever else has it when an administrator changes it, so that is not done here.
        if !person
            .email
            .is_some_and(|email| email.eq_ignore_ascii_case(candidate.email.as_str()))
        {
            return Err(refused(
                "the login is there, was never used, and has another address",
            ));
        }
        let request = self
            .client
            .admin_create_user()
            .user_pool_id(pool)
            .username(username)
            .message_action(MessageActionType::Resend)
            .desired_delivery_mediums(DeliveryMediumType::Email);
        let resent = self
            .ask("AdminCreateUser", &[UNSUPPORTED_USER_STATE], || {
                request.clone().send()
            })
            .await?;
        if resent.is_err() {
            // It has signed in since we looked.
            return Ok((person.auth_id, FirstKey::Known));
        }
        progress.note("invited", &person.auth_id).await?;
        Ok((person.auth_id, FirstKey::MailedByProvider))
    }

    async fn person(&self, pool: &str, username: &str) -> Result<Person, ProviderError> {
        let request = self.client.admin_get_user();
        let request = request.user_pool_id(pool).username(username);
        let found = self
            .ask("AdminGetUser", &[USER_NOT_FOUND], || request.clone().send())
            .await?;
        // What exists is the address: Cognito has one error for both.
        let person = found.map_err(|_| refused("another login has the address"))?;
        let attributes = person.user_attributes.unwrap_or_default();
        Ok(Person {
            auth_id: attribute(&attributes, "sub").ok_or_else(|| refused("AdminGetUser: no sub"))?,
            email: attribute(&attributes, "email"),
            status: person.user_status,
            is_enabled: person.enabled,
        })
    }

    /// Takes somebody out of the tenant's group, and ends its sessions. The tokens that it holds go on to name the group until
    /// they end; the API asks the table.
    async fn expel(&self, identity: &Identity, login: &Login) -> Result<(), ProviderError> {
        let Some(found) = self.find(login).await? else {
            return Ok(());
        };
        let pool = login.place.as_str();
        if let Some(group) = &identity.organization {
            let request = self.client.admin_remove_user_from_group();
            let request = request
                .user_pool_id(pool)
                .username(&found.username)
                .group_name(group.as_str());
            let _: Answer<_> = self
                .ask(
                    "AdminRemoveUserFromGroup",
                    &[USER_NOT_FOUND, RESOURCE_NOT_FOUND],
                    || request.clone().send(),
                )
                .await?;
        }
        self.end_sessions(pool, &found).await?;
        if identity.is_own && identity.place == login.place {
            let request = self.client.admin_disable_user();
            let request = request.user_pool_id(pool).username(&found.username);
            let _: Answer<_> = self
                .ask("AdminDisableUser", &[USER_NOT_FOUND], || request.clone().send())
                .await?;
        }
        Ok(())
    }

    async fn end_sessions(&self, pool: &str, found: &Found) -> Result<(), ProviderError> {
        let request = self.client.admin_user_global_sign_out();
        let request = request.user_pool_id(pool).username(&found.username);
        // Who is disabled has no sessions.
        let expected: &[_] = if found.is_enabled {
            &[USER_NOT_FOUND]
        } else {
            &[USER_NOT_FOUND, NOT_AUTHORIZED]
        };
        let _: Answer<_> = self
            .ask("AdminUserGlobalSignOut", expected, || request.clone().send())
            .await?;
        Ok(())
    }

    /// Finds a person's name by the `sub` of its tokens.
    ///
    /// Cognito says that where it asks for a name a `sub` will do "if `username` isn't an alias attribute in your user pool".
    /// Others have met pools in which it did not find anybody, or somebody else (awslabs/aws-api-gateway-developer-portal#367),
    /// and both would pass for success here. A search by `sub` knows; but it may lag behind, so that the `sub` itself is tried
    /// where it finds nobody.
    async fn find(&self, login: &Login) -> Result<Option<Found>, ProviderError> {
        let (pool, sub) = (login.place.as_str(), login.auth_id.as_str());
        // It becomes part of an expression.
        if !sub
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        {
            return Err(refused("the id of a login is not a sub"));
        }
        let mut next = None;
        loop {
            let request = self
                .client
                .list_users()
                .user_pool_id(pool)
                .attributes_to_get("sub")
                .filter(format!("sub = \"{sub}\""))
                .set_pagination_token(next);
            let page = self
                .ask("ListUsers", &[RESOURCE_NOT_FOUND], || request.clone().send())
                .await?;
            let page = match page {
                Ok(page) => page,
                // Without its pool a login is gone; but tenants' shared pool is not, where we look for it in the wrong place.
                Err(_) if pool != self.settings.user_pool_id => return Ok(None),
                Err(code) => return Err(refused(format!("ListUsers: {code}"))),
            };
            for user in page.users.unwrap_or_default() {
                let attributes = user.attributes.unwrap_or_default();
                if let Some(username) = user.username
                    && attribute(&attributes, "sub").as_deref() == Some(sub)
                {
                    let is_enabled = user.enabled;
                    return Ok(Some(Found { username, is_enabled }));
                }
            }
            next = page.pagination_token;
            if next.is_none() {
                let username = sub.to_owned();
                let is_enabled = true;
                return Ok(Some(Found { username, is_enabled }));
            }
        }
    }
}

fn attribute(attributes: &[AttributeType], name: &str) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.name == name)?;
    attribute.value.clone()
}
