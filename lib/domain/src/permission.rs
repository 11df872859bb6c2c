use std::collections::BTreeSet;

/// Whose things a permission is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All tenants and leads; held by operators.
    Platform,
    /// One tenant; held by operators and by members of that tenant.
    Tenant,
}

/// What a caller may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Correct a lead.
    UpdateLead,
    /// Erase a lead.
    DeleteLead,
    /// Read leads.
    ViewLead,
    /// Create a tenant without a lead.
    CreateTenant,
    /// Change a tenant.
    UpdateTenant,
    /// Offboard and erase a tenant.
    DeleteTenant,
    /// Read a tenant.
    ViewTenant,
    /// Start, retry and cancel provisioning.
    ProvisionTenant,
    /// Read who did what.
    ViewAuditLog,
}

struct Entry {
    permission: Permission,
    name: &'static str,
    /// The numeric codes that the references' tokens carry for it.
    aliases: &'static [&'static str],
    scope: Scope,
    allows: &'static str,
}

const CATALOGUE: [Entry; 9] = [
    Entry {
        permission: Permission::UpdateLead,
        name: "UpdateLead",
        aliases: &["10201"],
        scope: Scope::Platform,
        allows: "correct a lead",
    },
    Entry {
        permission: Permission::DeleteLead,
        name: "DeleteLead",
        aliases: &["10202"],
        scope: Scope::Platform,
        allows: "erase a lead and its personal data",
    },
    Entry {
        permission: Permission::ViewLead,
        name: "ViewLead",
        aliases: &["10203"],
        scope: Scope::Platform,
        allows: "read leads",
    },
    Entry {
        permission: Permission::CreateTenant,
        name: "CreateTenant",
        aliases: &["10204", "16"],
        scope: Scope::Platform,
        allows: "create a tenant without a lead",
    },
    Entry {
        permission: Permission::UpdateTenant,
        name: "UpdateTenant",
        aliases: &["10205", "18"],
        scope: Scope::Tenant,
        allows: "change a tenant's name, domains, website, address and contact person",
    },
    Entry {
        permission: Permission::DeleteTenant,
        name: "DeleteTenant",
        aliases: &["10206", "19"],
        scope: Scope::Platform,
        allows: "offboard a tenant and erase it",
    },
    Entry {
        permission: Permission::ViewTenant,
        name: "ViewTenant",
        aliases: &["10207", "17"],
        scope: Scope::Tenant,
        allows: "read a tenant, its resources and its provisioning jobs",
    },
    Entry {
        permission: Permission::ProvisionTenant,
        name: "ProvisionTenant",
        aliases: &["10216"],
        scope: Scope::Tenant,
        allows: "start, retry and cancel provisioning",
    },
    Entry {
        permission: Permission::ViewAuditLog,
        name: "ViewAuditLog",
        aliases: &[],
        scope: Scope::Tenant,
        allows: "read a tenant's audit trail",
    },
];

impl Permission {
    /// Every permission.
    pub fn all() -> impl Iterator<Item = Self> {
        CATALOGUE.iter().map(|entry| entry.permission)
    }

    /// Finds a permission by its name or by one of the references' numeric codes.
    pub fn parse(text: &str) -> Option<Self> {
        CATALOGUE.iter().find(|e| e.name == text || e.aliases.contains(&text)).map(|e| e.permission)
    }

    /// The name in tokens, documents and answers.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The numeric codes that stand for it in the references' tokens.
    pub fn aliases(self) -> &'static [&'static str] {
        self.entry().aliases
    }

    /// Whose things it is about.
    pub fn scope(self) -> Scope {
        self.entry().scope
    }

    /// What its holder may do, as a verb phrase.
    pub fn allows(self) -> &'static str {
        self.entry().allows
    }

    fn entry(self) -> &'static Entry {
        CATALOGUE.iter().find(|e| e.permission == self).expect("every permission stands in the catalogue")
    }
}

/// The permissions that a caller holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions(BTreeSet<Permission>);

impl Permissions {
    /// Reads names and numeric codes; what the catalogue does not know grants nothing, `*` included.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self(texts.into_iter().filter_map(Permission::parse).collect())
    }

    /// Whether the caller holds it.
    pub fn holds(&self, permission: Permission) -> bool {
        self.0.contains(&permission)
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().collect())
    }
}
