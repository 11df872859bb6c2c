//! A user pool for one tenant alone.

use std::collections::HashMap;

use aws_sdk_cognitoidentityprovider::error::BuildError;
use aws_sdk_cognitoidentityprovider::operation::create_user_pool::builders::CreateUserPoolFluentBuilder;
use aws_sdk_cognitoidentityprovider::operation::create_user_pool_client::builders::CreateUserPoolClientFluentBuilder;
use aws_sdk_cognitoidentityprovider::primitives::DateTime;
use aws_sdk_cognitoidentityprovider::types::{
    AccountRecoverySettingType, AdminCreateUserConfigType, AliasAttributeType, DeletionProtectionType,
    ExplicitAuthFlowsType, LambdaConfigType, MessageTemplateType, OAuthFlowType, PasswordPolicyType,
    PreTokenGenerationLambdaVersionType, PreTokenGenerationVersionConfigType, PreventUserExistenceErrorTypes,
    RecoveryOptionNameType, RecoveryOptionType, TimeUnitsType, TokenValidityUnitsType, UserPoolPolicyType,
    UserPoolTierType, UsernameConfigurationType, VerifiedAttributeType,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use tenantry_app::{IdentityWish, Progress, ProviderError, Tried};
use tenantry_domain::{Id, Identity, ProviderName, Tenant};

use super::asking::{
    ACCESS_DENIED, Answer, Asking, RESOURCE_NOT_FOUND, noted, provider_id, refused, take_back, tried,
};

/// Something whose name Cognito lets several have. The first in this order is the one that counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Made {
    at_ns: i128,
    id: String,
}

/// What is to be there once.
enum Wanted<'a> {
    /// A pool of this name, for this tenant.
    Pool(&'a str, Id<Tenant>, Box<CreateUserPoolFluentBuilder>),
    /// A client of this pool.
    Client(&'a str, Box<CreateUserPoolClientFluentBuilder>),
}

/// A pool, and what is known of it.
struct Pool {
    id: String,
    /// Whether this very run has made it.
    is_new: bool,
    /// Whether what an earlier run noted about it holds.
    is_noted: bool,
}

/// What can be changed of a pool, and is set to defaults by a change that does not repeat it.
struct Shape {
    policies: UserPoolPolicyType,
    people: AdminCreateUserConfigType,
    recovery: AccountRecoverySettingType,
    triggers: Option<LambdaConfigType>,
}

const CLIENT_NAME: &str = "tenantry";
/// As many as Cognito lists at once.
const PAGE: i32 = 60;
const TEMPORARY_PASSWORD_DAYS: i32 = 7;
/// As the template has it for the pool that tenants share.
const TOKEN_MINUTES: i32 = 15;
const SESSION_DAYS: i32 = 30;
const INVITATION_SUBJECT: &str = "Your login";
/// Cognito fills in name and password, and wants to see both; the address works like the name.
const INVITATION: &str = "You can sign in with this e-mail address, or with the user name {username}. \
    Your first password, which is good for 7 days: {####}";

impl Asking<'_> {
    /// Makes or finds the tenant's pool, its client and its group. A pool that this run made is removed again if the rest is
    /// refused; one that was found never is, because people may sign in to it already.
    pub(super) async fn set_up_own(
        &self,
        wish: &IdentityWish,
        progress: &dyn Progress,
    ) -> Result<Identity, ProviderError> {
        let pool = self.own_pool(wish, progress).await?;
        match self.furnish(&pool, wish, progress).await {
            Err(ProviderError::Refused { detail, .. }) if pool.is_new => {
                Err(refused(match self.remove_pool(&pool.id, wish.tenant_id).await {
                    Ok(()) => {
                        take_back(progress, &["pool", "client", "group"]).await?;
                        detail
                    }
                    Err(error) => format!("{detail}; the pool {} is left: {error}", pool.id),
                }))
            }
            furnished => furnished,
        }
    }

    async fn own_pool(&self, wish: &IdentityWish, progress: &dyn Progress) -> Result<Pool, ProviderError> {
        // A noted pool may have been removed after the note.
        if let Some(id) = noted(progress, "pool")
            && self.is_there(&id).await?
        {
            let (is_new, is_noted) = (false, true);
            return Ok(Pool { id, is_new, is_noted });
        }
        let name = pool_name(wish.tenant_id);
        let shape = self.shape().map_err(unbuildable)?;
        let request = self.pool_request(&name, wish, &shape).map_err(unbuildable)?;
        let wanted = Wanted::Pool(&name, wish.tenant_id, Box::new(request));
        let (id, is_new) = self.once(&wanted).await?;
        // What was noted of a pool that is gone must not pass for this one's, if we are cut off here.
        take_back(progress, &["client", "group"]).await?;
        progress.note("pool", &id).await?;
        let is_noted = false;
        Ok(Pool { id, is_new, is_noted })
    }

    /// Gives a pool what it needs.
    async fn furnish(
        &self,
        pool: &Pool,
        wish: &IdentityWish,
        progress: &dyn Progress,
    ) -> Result<Identity, ProviderError> {
        let noted = |step| noted(progress, step).filter(|_| pool.is_noted);
        let client_id = if let Some(client_id) = noted("client") {
            client_id
        } else {
            let request = Box::new(self.client_request(&pool.id, wish));
            let (client_id, _) = self.once(&Wanted::Client(&pool.id, request)).await?;
            progress.note("client", &client_id).await?;
            client_id
        };
        let group = match noted("group") {
            Some(group) => group,
            None => self.group(&pool.id, wish, progress).await?,
        };
        Ok(Identity {
            provider: ProviderName::Cognito,
            place: provider_id(&pool.id)?,
            is_own: true,
            organization: Some(provider_id(&group)?),
            issuer: self.issuer(&pool.id),
            client_id: Some(provider_id(&client_id)?),
        })
    }

    /// Finds something by its name, or makes it. Cognito makes another one each time it is asked, so an answer that was lost is
    /// looked for before asking again; and who has made one looks whether somebody else did at the same time, and steps back
    /// unless its own is the first of them.
    ///
    /// Two are left, and the last note wins, if each looks before it can see the other's, which takes a list that lags behind:
    /// then the other is empty, and goes unnoticed until somebody looks. The answer tells whether this call made it.
    async fn once(&self, wanted: &Wanted<'_>) -> Result<(String, bool), ProviderError> {
        if let Some(found) = self.first(wanted).await? {
            return Ok((found.id, false));
        }
        let mut has_asked = false;
        let (made, is_new) = self
            .patience
            .call(|| self.try_to_make(wanted, std::mem::replace(&mut has_asked, true)))
            .await?;
        if !is_new {
            return Ok((made.id, false));
        }
        let first = self.first(wanted).await?;
        let Some(first) = first.filter(|first| first.id != made.id && *first < made) else {
            return Ok((made.id, true));
        };
        if let Err(error) = self.remove(wanted, &made.id).await {
            tracing::warn!(cognito.id = made.id, error = %error, "what was made a second time could not be removed");
        }
        Ok((first.id, false))
    }

    /// Makes it, and says so; or finds it, if it may have been made already.
    async fn try_to_make(&self, wanted: &Wanted<'_>, may_be_there: bool) -> Tried<(Made, bool)> {
        if may_be_there {
            match self.first(wanted).await {
                Ok(None) => {}
                Ok(Some(found)) => return Tried::Done((found, false)),
                Err(ProviderError::Unavailable { detail, .. }) => return Tried::Later(detail, None),
                Err(error @ (ProviderError::Refused { .. } | ProviderError::Progress(_))) => {
                    return Tried::Never(error.to_string());
                }
            }
        }
        let made = match wanted {
            Wanted::Pool(_, _, request) => {
                let request = (**request).clone().customize();
                let sent = request.mutate_request(drop_old_setting).send().await;
                let pool = tried("CreateUserPool", &[], sent.map(|output| output.user_pool));
                made(pool, |pool| Some((nanos(pool.creation_date), pool.id?)))
            }
            Wanted::Client(_, request) => {
                let sent = (**request).clone().send().await;
                let client = sent.map(|output| output.user_pool_client);
                made(tried("CreateUserPoolClient", &[], client), |client| {
                    Some((nanos(client.creation_date), client.client_id?))
                })
            }
        };
        match made {
            Tried::Done(made) => Tried::Done((made, true)),
            Tried::Later(detail, after) => Tried::Later(detail, after),
            Tried::Never(detail) => Tried::Never(detail),
        }
    }

    /// The first there is.
    async fn first(&self, wanted: &Wanted<'_>) -> Result<Option<Made>, ProviderError> {
        match wanted {
            Wanted::Pool(name, ..) => self.find_pool(name).await,
            Wanted::Client(pool, _) => self.find_client(pool).await,
        }
    }

    async fn remove(&self, wanted: &Wanted<'_>, id: &str) -> Result<(), ProviderError> {
        match wanted {
            Wanted::Pool(_, tenant_id, _) => self.remove_pool(id, *tenant_id).await,
            Wanted::Client(pool, _) => {
                let request = self.client.delete_user_pool_client();
                let request = request.user_pool_id(*pool).client_id(id);
                self.need("DeleteUserPoolClient", || request.clone().send())
                    .await?;
                Ok(())
            }
        }
    }

    async fn find_pool(&self, name: &str) -> Result<Option<Made>, ProviderError> {
        let (mut first, mut next) = (None, None);
        loop {
            let request = self
                .client
                .list_user_pools()
                .max_results(PAGE)
                .set_next_token(next);
            let page = self.need("ListUserPools", || request.clone().send()).await?;
            let named = page.user_pools.unwrap_or_default().into_iter();
            let named = named.filter(|pool| pool.name.as_deref() == Some(name));
            let made = named.filter_map(|pool| {
                let (at_ns, id) = (nanos(pool.creation_date), pool.id?);
                Some(Made { at_ns, id })
            });
            first = first.into_iter().chain(made).min();
            next = page.next_token;
            if next.is_none() {
                return Ok(first);
            }
        }
    }

    async fn find_client(&self, pool: &str) -> Result<Option<Made>, ProviderError> {
        let (mut ids, mut next) = (Vec::new(), None);
        loop {
            let request = self.client.list_user_pool_clients();
            let request = request.user_pool_id(pool).max_results(PAGE).set_next_token(next);
            let page = self
                .need("ListUserPoolClients", || request.clone().send())
                .await?;
            let named = page.user_pool_clients.unwrap_or_default().into_iter();
            let named = named.filter(|client| client.client_name.as_deref() == Some(CLIENT_NAME));
            ids.extend(named.filter_map(|client| client.client_id));
            next = page.next_token;
            if next.is_none() {
                break;
            }
        }
        // The list does not say when they were made; that matters only if there are several.
        if ids.len() < 2 {
            let made = ids.pop().map(|id| Made { at_ns: i128::MIN, id });
            return Ok(made);
        }
        let mut first = None;
        for id in ids {
            let request = self.client.describe_user_pool_client();
            let request = request.user_pool_id(pool).client_id(&id);
            let gone = &[RESOURCE_NOT_FOUND];
            let described = self
                .ask("DescribeUserPoolClient", gone, || request.clone().send())
                .await?;
            if let Ok(described) = described {
                let at_ns = nanos(described.user_pool_client.and_then(|client| client.creation_date));
                first = first.into_iter().chain([Made { at_ns, id }]).min();
            }
        }
        Ok(first)
    }

    async fn is_there(&self, pool: &str) -> Result<bool, ProviderError> {
        let request = self.client.describe_user_pool().user_pool_id(pool);
        // A role that may ask about pools with our tag may not ask about one that is gone, and has none.
        let gone = &[RESOURCE_NOT_FOUND, ACCESS_DENIED];
        let described = self
            .ask("DescribeUserPool", gone, || request.clone().send())
            .await?;
        Ok(described.is_ok())
    }

    /// Removes a pool that this run has made, unless somebody is in it: another run may have found it in the meantime.
    async fn remove_pool(&self, pool: &str, tenant_id: Id<Tenant>) -> Result<(), ProviderError> {
        let request = self.client.list_users().user_pool_id(pool).limit(1);
        let listed = self.need("ListUsers", || request.clone().send()).await?;
        if !listed.users.unwrap_or_default().is_empty() {
            return Err(refused("somebody is in it"));
        }
        let shape = self.shape().map_err(unbuildable)?;
        // Whatever a change does not name goes back to Cognito's defaults: were the removal to fail, the pool would be found
        // again, and be one that anybody may sign up to; and without its tag we may not remove it.
        let request = self
            .client
            .update_user_pool()
            .user_pool_id(pool)
            .deletion_protection(DeletionProtectionType::Inactive)
            .set_user_pool_tags(Some(tags(tenant_id)))
            .user_pool_tier(UserPoolTierType::Essentials)
            .auto_verified_attributes(VerifiedAttributeType::Email)
            .policies(shape.policies)
            .admin_create_user_config(shape.people)
            .account_recovery_setting(shape.recovery)
            .set_lambda_config(shape.triggers);
        self.need("UpdateUserPool", || {
            let request = request.clone().customize();
            request.mutate_request(drop_old_setting).send()
        })
        .await?;
        let request = self.client.delete_user_pool().user_pool_id(pool);
        let gone = &[RESOURCE_NOT_FOUND];
        let _: Answer<_> = self
            .ask("DeleteUserPool", gone, || request.clone().send())
            .await?;
        Ok(())
    }

    fn pool_request(
        &self,
        name: &str,
        wish: &IdentityWish,
        shape: &Shape,
    ) -> Result<CreateUserPoolFluentBuilder, BuildError> {
        // `User` and `user` are one name, and so are addresses; it cannot be changed later.
        let names = UsernameConfigurationType::builder()
            .case_sensitive(false)
            .build()?;
        Ok(self
            .client
            .create_user_pool()
            .pool_name(name)
            // Names are our ids of people, so that asking twice finds the same one; people sign in with their address.
            .alias_attributes(AliasAttributeType::Email)
            .username_configuration(names)
            // Below it, access tokens cannot be given claims.
            .user_pool_tier(UserPoolTierType::Essentials)
            .set_user_pool_tags(Some(tags(wish.tenant_id)))
            .deletion_protection(DeletionProtectionType::Active)
            .auto_verified_attributes(VerifiedAttributeType::Email)
            .policies(shape.policies.clone())
            .admin_create_user_config(shape.people.clone())
            .account_recovery_setting(shape.recovery.clone())
            .set_lambda_config(shape.triggers.clone()))
    }

    fn shape(&self) -> Result<Shape, BuildError> {
        let passwords = PasswordPolicyType::builder()
            .minimum_length(12)
            .require_lowercase(true)
            .require_uppercase(true)
            .require_numbers(true)
            .require_symbols(true)
            .temporary_password_validity_days(TEMPORARY_PASSWORD_DAYS)
            .build();
        let invitation = MessageTemplateType::builder()
            .email_subject(INVITATION_SUBJECT)
            .email_message(INVITATION)
            .build();
        let by_address = RecoveryOptionType::builder()
            .priority(1)
            .name(RecoveryOptionNameType::VerifiedEmail)
            .build()?;
        let trigger = |arn: &String| -> Result<_, BuildError> {
            let config = PreTokenGenerationVersionConfigType::builder()
                .lambda_version(PreTokenGenerationLambdaVersionType::V20)
                .lambda_arn(arn)
                .build()?;
            Ok(LambdaConfigType::builder()
                .pre_token_generation_config(config)
                .build())
        };
        Ok(Shape {
            policies: UserPoolPolicyType::builder().password_policy(passwords).build(),
            people: AdminCreateUserConfigType::builder()
                .allow_admin_create_user_only(true)
                .invite_message_template(invitation)
                .build(),
            recovery: AccountRecoverySettingType::builder()
                .recovery_mechanisms(by_address)
                .build(),
            triggers: self
                .settings
                .token_trigger_arn
                .as_ref()
                .map(trigger)
                .transpose()?,
        })
    }

    fn client_request(&self, pool: &str, wish: &IdentityWish) -> CreateUserPoolClientFluentBuilder {
        let units = TokenValidityUnitsType::builder()
            .access_token(TimeUnitsType::Minutes)
            .id_token(TimeUnitsType::Minutes)
            .refresh_token(TimeUnitsType::Days)
            .build();
        // A client in a browser or on a telephone: it keeps no secret, and its codes are bound to it by PKCE.
        let client = self
            .client
            .create_user_pool_client()
            .user_pool_id(pool)
            .client_name(CLIENT_NAME)
            .generate_secret(false)
            .explicit_auth_flows(ExplicitAuthFlowsType::AllowUserSrpAuth)
            .explicit_auth_flows(ExplicitAuthFlowsType::AllowRefreshTokenAuth)
            // What is gone from a membership is gone from its tokens at the next renewal.
            .access_token_validity(TOKEN_MINUTES)
            .id_token_validity(TOKEN_MINUTES)
            .refresh_token_validity(SESSION_DAYS)
            .token_validity_units(units)
            .prevent_user_existence_errors(PreventUserExistenceErrorTypes::Enabled)
            .enable_token_revocation(true)
            .supported_identity_providers("COGNITO");
        let urls = self.settings.callback_urls.iter();
        let urls: Vec<String> = urls.map(|url| url.replace("{key}", wish.key.as_str())).collect();
        // Cognito refuses the flow without an address to come back to.
        if urls.is_empty() {
            return client;
        }
        client
            .set_callback_urls(Some(urls))
            .allowed_o_auth_flows_user_pool_client(true)
            .allowed_o_auth_flows(OAuthFlowType::Code)
            .set_allowed_o_auth_scopes(Some(["openid", "email", "profile"].map(str::to_owned).to_vec()))
    }
}

/// What a pool of a tenant is called.
fn pool_name(tenant_id: Id<Tenant>) -> String {
    format!("tenantry-{tenant_id}")
}

/// By the first of them the template's roles tell our pools from others.
fn tags(tenant_id: Id<Tenant>) -> HashMap<String, String> {
    let tags = [
        ("project", "tenantry".to_owned()),
        ("tenantId", tenant_id.to_string()),
    ];
    tags.map(|(key, value)| (key.to_owned(), value)).into()
}

fn made<T>(tried: Tried<Answer<Option<T>>>, read: impl FnOnce(T) -> Option<(i128, String)>) -> Tried<Made> {
    match tried {
        Tried::Done(Ok(thing)) => match thing.and_then(read) {
            Some((at_ns, id)) => Tried::Done(Made { at_ns, id }),
            None => Tried::Never("what was made has no id".to_owned()),
        },
        Tried::Done(Err(code)) => Tried::Never(code.to_owned()),
        Tried::Later(detail, after) => Tried::Later(detail, after),
        Tried::Never(detail) => Tried::Never(detail),
    }
}

/// For a setting that nobody has set the SDK sends a 0; and beside the one that has taken its place, the days in the password
/// policy, Cognito refuses it: "Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays".
fn drop_old_setting(request: &mut HttpRequest) {
    let Some(body) = request.body().bytes().and_then(|body| str::from_utf8(body).ok()) else {
        return;
    };
    let body = body.replace(r#""UnusedAccountValidityDays":0,"#, "");
    request
        .headers_mut()
        .insert("content-length", body.len().to_string());
    *request.body_mut() = SdkBody::from(body);
}

fn nanos(at: Option<DateTime>) -> i128 {
    at.map_or(i128::MAX, |at| at.as_nanos())
}

fn unbuildable(error: BuildError) -> ProviderError {
    refused(format!("a request cannot be built: {error}"))
}
