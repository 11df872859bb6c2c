use serde::Serialize;
use tenantry_api::Tagged;
use tenantry_domain::Group;
use utoipa::ToSchema;

/// Members of a tenant who belong together.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Group)]
pub(crate) struct GroupView {
    /// Its id.
    #[schema(format = "uuid")]
    id: String,
    /// Whose it is.
    #[schema(format = "uuid")]
    tenant_id: String,
    /// What it is called.
    #[schema(example = "Sales")]
    name: String,
    /// What it is for.
    #[schema(required = true)]
    description: Option<String>,
    /// Where a picture of it is.
    #[schema(required = true)]
    photo_url: Option<String>,
    /// How many members it has.
    members: u64,
    /// How many of them are its owners.
    owners: u64,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it last changed, or who is in it.
    #[schema(format = DateTime)]
    modified_at: String,
    /// Counts the changes, of its members too; the `ETag`.
    version: u64,
}

impl From<Group> for GroupView {
    fn from(group: Group) -> Self {
        let Group {
            id,
            tenant_id,
            name,
            description,
            photo_url,
            members,
            owners,
            created_at,
            modified_at,
            version,
        } = group;
        Self {
            id: id.to_string(),
            tenant_id: tenant_id.to_string(),
            name: name.to_string(),
            description: description.map(|description| description.to_string()),
            photo_url: photo_url.map(|url| url.as_str().to_owned()),
            members,
            owners,
            created_at: created_at.to_string(),
            modified_at: modified_at.to_string(),
            version,
        }
    }
}

impl Tagged for GroupView {
    fn version(&self) -> u64 {
        self.version
    }
}
