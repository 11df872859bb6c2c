use serde::Serialize;
use serde_json::Value;
use tenantry_domain::{Contact, Identity, Lead, Resource, Tenant};
use utoipa::ToSchema;

use super::{AddressView, LeadView};
use crate::Tagged;

/// A customer. Relations are there when they were asked for.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Tenant)]
pub struct TenantView {
    /// Its id.
    #[schema(format = "uuid")]
    id: String,
    /// Its short name; never changes.
    key: String,
    /// Its name for people.
    name: String,
    /// PENDING_PROVISION, PROVISIONING, ACTIVE, SUSPENDED, PROVISION_FAILED, DEPROVISIONING or INACTIVE.
    #[schema(example = "ACTIVE")]
    status: &'static str,
    /// Why it has this status, when somebody said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    status_reason: Option<String>,
    /// Mail domains that its people come from.
    domains: Vec<String>,
    /// Its web site.
    #[serde(skip_serializing_if = "Option::is_none")]
    website: Option<String>,
    /// Postal address.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<AddressView>,
    /// The user who is its single point of contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    spoc_user_id: Option<String>,
    /// The lead that it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    lead_id: Option<String>,
    /// Where its people find their application.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_plane_url: Option<String>,
    /// The tier that it is or will be provisioned for.
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<String>,
    /// Where its people sign in, once that is set up.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<IdentityView>,
    /// The job whose report is awaited.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    open_job_id: Option<String>,
    /// From when on it may be erased, once it is INACTIVE.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    erasable_at: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// Who made it, `operator:…`, `member:…` or `lead:…`.
    created_by: String,
    /// When it last changed.
    #[schema(format = DateTime)]
    modified_at: String,
    /// Who changed it.
    modified_by: String,
    /// Counts the changes; the `ETag`.
    version: u64,
    /// People to turn to.
    #[serde(skip_serializing_if = "Option::is_none")]
    contacts: Option<Vec<ContactView>>,
    /// What provisioning made for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<Vec<ResourceView>>,
    /// The lead that it was, unless the lead was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    lead: Option<LeadView>,
}

/// Where a tenant's people sign in.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Identity)]
pub struct IdentityView {
    /// `cognito`, `keycloak` or `auth0`.
    #[schema(example = "cognito")]
    provider: &'static str,
    /// The `iss` of its tokens; below it stands `/.well-known/openid-configuration`.
    #[schema(example = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc")]
    issuer: String,
    /// The client with which its application signs people in.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    /// The group or organization that holds them together.
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<String>,
    /// Whether pool or realm are this tenant's alone.
    is_own: bool,
}

/// A person to turn to about a tenant.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Contact)]
pub struct ContactView {
    /// Its id.
    #[schema(format = "uuid")]
    id: String,
    /// Whose contact it is.
    #[schema(format = "uuid")]
    tenant_id: String,
    /// First name.
    first_name: String,
    /// Last name.
    last_name: String,
    /// E-mail address.
    #[schema(format = Email)]
    email: String,
    /// Whether mails go to this one.
    is_primary: bool,
    /// `admin`, `billing` or `other`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it last changed.
    #[schema(format = DateTime)]
    modified_at: String,
    /// Counts the changes.
    version: u64,
}

/// Something that provisioning made for a tenant.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Resource)]
pub struct ResourceView {
    /// What it is.
    #[serde(rename = "type")]
    #[schema(example = "bucket")]
    kind: String,
    /// How the application plane calls it.
    external_identifier: String,
    /// Whatever else the application plane said about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    /// When it was last reported.
    #[schema(format = DateTime)]
    reported_at: String,
}

impl TenantView {
    /// The view with its contacts.
    #[must_use]
    pub fn with_contacts(self, contacts: Vec<Contact>) -> Self {
        Self {
            contacts: Some(contacts.into_iter().map(ContactView::from).collect()),
            ..self
        }
    }

    /// The view with its resources.
    #[must_use]
    pub fn with_resources(self, resources: Vec<Resource>) -> Self {
        Self {
            resources: Some(resources.into_iter().map(ResourceView::from).collect()),
            ..self
        }
    }

    /// The view with its lead.
    #[must_use]
    pub fn with_lead(self, lead: Option<Lead>) -> Self {
        Self {
            lead: lead.map(LeadView::from),
            ..self
        }
    }
}

impl From<Tenant> for TenantView {
    fn from(tenant: Tenant) -> Self {
        let Tenant {
            id,
            key,
            name,
            status,
            status_reason,
            domains,
            website,
            address,
            spoc_user_id,
            lead_id,
            app_plane_url,
            tier,
            wire: _,
            identity,
            open_job_id,
            job_count: _,
            erasable_at,
            created_at,
            created_by,
            modified_at,
            modified_by,
            version,
        } = tenant;
        Self {
            id: id.to_string(),
            key: key.to_string(),
            name: name.to_string(),
            status: status.name(),
            status_reason: status_reason.map(|reason| reason.to_string()),
            domains: domains.iter().map(ToString::to_string).collect(),
            website: website.map(|website| website.as_str().to_owned()),
            address: address.map(AddressView::from),
            spoc_user_id: spoc_user_id.map(|id| id.to_string()),
            lead_id: lead_id.map(|id| id.to_string()),
            app_plane_url,
            tier,
            identity: identity.map(IdentityView::from),
            open_job_id: open_job_id.map(|id| id.to_string()),
            erasable_at: erasable_at.map(|at| at.to_string()),
            created_at: created_at.to_string(),
            created_by: created_by.to_string(),
            modified_at: modified_at.to_string(),
            modified_by: modified_by.to_string(),
            version,
            contacts: None,
            resources: None,
            lead: None,
        }
    }
}

impl From<Identity> for IdentityView {
    fn from(identity: Identity) -> Self {
        let Identity {
            provider,
            place: _,
            is_own,
            organization,
            issuer,
            client_id,
        } = identity;
        Self {
            provider: provider.name(),
            issuer,
            client_id: client_id.map(|id| id.to_string()),
            organization: organization.map(|id| id.to_string()),
            is_own,
        }
    }
}

impl From<Contact> for ContactView {
    fn from(contact: Contact) -> Self {
        let Contact {
            id,
            tenant_id,
            first_name,
            last_name,
            email,
            is_primary,
            kind,
            created_at,
            modified_at,
            version,
        } = contact;
        Self {
            id: id.to_string(),
            tenant_id: tenant_id.to_string(),
            first_name: first_name.to_string(),
            last_name: last_name.to_string(),
            email: email.as_str().to_owned(),
            is_primary,
            kind: kind.name(),
            created_at: created_at.to_string(),
            modified_at: modified_at.to_string(),
            version,
        }
    }
}

impl From<Resource> for ResourceView {
    fn from(resource: Resource) -> Self {
        let Resource {
            tenant_id: _,
            kind,
            external_identifier,
            metadata,
            reported_at,
        } = resource;
        Self {
            kind: kind.to_string(),
            external_identifier: external_identifier.to_string(),
            metadata,
            reported_at: reported_at.to_string(),
        }
    }
}

impl Tagged for ContactView {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Tagged for TenantView {
    fn version(&self) -> u64 {
        self.version
    }
}
