use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
    /// Add a contact to a tenant.
    CreateContact,
    /// Change a tenant's contacts.
    UpdateContact,
    /// Remove a tenant's contacts.
    DeleteContact,
    /// Read a tenant's contacts.
    ViewContact,
    /// Make an invoice for a tenant by hand.
    CreateInvoice,
    /// Mark an invoice as paid, or change it.
    UpdateInvoice,
    /// Cancel an invoice.
    DeleteInvoice,
    /// Read and download a tenant's invoices.
    ViewInvoice,
    /// Add a plan.
    CreatePlan,
    /// Change a plan.
    UpdatePlan,
    /// Take a plan out of sale.
    DeletePlan,
    /// Read the plans.
    ViewPlan,
    /// Subscribe a tenant to a plan.
    CreateSubscription,
    /// Change a subscription's plan.
    UpdateSubscription,
    /// Cancel a subscription.
    DeleteSubscription,
    /// Read a tenant's subscriptions.
    ViewSubscription,
    /// Add settings to a tenant.
    CreateTenantConfig,
    /// Read a tenant's settings.
    ViewTenantConfig,
    /// Change a tenant's settings.
    UpdateTenantConfig,
    /// Remove a tenant's settings.
    DeleteTenantConfig,
    /// Export everything that is kept of a tenant.
    ExportTenant,
    /// Add people to a tenant.
    CreateTenantUser,
    /// Read a tenant's members.
    ViewTenantUser,
    /// Change, activate and deactivate a tenant's members.
    UpdateTenantUser,
    /// Remove members from a tenant.
    DeleteTenantUser,
    /// Invite people to a tenant.
    CreateUserInvitation,
    /// Read a tenant's invitations.
    ViewUserInvitation,
    /// Send an invitation again.
    UpdateUserInvitation,
    /// Revoke an invitation.
    DeleteUserInvitation,
    /// Add roles to a tenant.
    CreateRoles,
    /// Read a tenant's roles.
    ViewRoles,
    /// Change a tenant's roles.
    UpdateRoles,
    /// Remove a tenant's roles.
    DeleteRoles,
    /// Add groups to a tenant.
    CreateGroup,
    /// Read a tenant's groups.
    ViewGroupList,
    /// Change a tenant's groups.
    UpdateGroup,
    /// Remove a tenant's groups.
    DeleteGroup,
    /// Add a member to a group.
    CreateUserGroup,
    /// Add many members to a group at once.
    CreateMultipleUserGroup,
    /// Read who is in a group.
    ViewUserGroupList,
    /// Make a group's member its owner, or not.
    UpdateMemberInUserGroup,
    /// Take a member out of a group.
    RemoveMemberFromUserGroup,
    /// Leave a group.
    LeaveUserGroup,
    /// Allow or deny a member a permission beside its role.
    CreateUserPermissions,
    /// Read what a member may do, and why.
    ViewUserPermissions,
    /// Change what a member is allowed or denied beside its role.
    UpdateUserPermissions,
    /// Take back what a member is allowed or denied beside its role.
    DeleteUserPermissions,
    /// Read which groups a member is in.
    ViewUserTenant,
    /// Read which tenants one belongs to oneself.
    ViewAllTenantOfSelf,
    /// Set one's own preferences.
    CreateUserTenantPreference,
    /// Read one's own preferences.
    ViewUserTenantPreference,
    /// Change one's own preferences.
    UpdateUserTenantPreference,
    /// Remove one's own preferences.
    DeleteUserTenantPreference,
    /// Export all that is kept of a person.
    ExportUser,
    /// Erase a person.
    DeleteUser,
}

struct Entry {
    permission: Permission,
    name: &'static str,
    /// What the references' tokens carry for it: numeric codes, and names that we have one permission for.
    aliases: &'static [&'static str],
    scope: Scope,
    allows: &'static str,
}

const CATALOGUE: [Entry; 64] = [
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
    Entry {
        permission: Permission::CreateContact,
        name: "CreateContact",
        aliases: &["10208"],
        scope: Scope::Tenant,
        allows: "add contacts to a tenant",
    },
    Entry {
        permission: Permission::UpdateContact,
        name: "UpdateContact",
        aliases: &["10209"],
        scope: Scope::Tenant,
        allows: "change a tenant's contacts",
    },
    Entry {
        permission: Permission::DeleteContact,
        name: "DeleteContact",
        aliases: &["10210"],
        scope: Scope::Tenant,
        allows: "remove a tenant's contacts",
    },
    Entry {
        permission: Permission::ViewContact,
        name: "ViewContact",
        aliases: &["10211"],
        scope: Scope::Tenant,
        allows: "read a tenant's contacts",
    },
    Entry {
        permission: Permission::CreateInvoice,
        name: "CreateInvoice",
        aliases: &["10212"],
        scope: Scope::Platform,
        allows: "make an invoice for a tenant by hand",
    },
    Entry {
        permission: Permission::UpdateInvoice,
        name: "UpdateInvoice",
        aliases: &["10213"],
        scope: Scope::Platform,
        allows: "mark an invoice as paid or change what is not issued yet",
    },
    Entry {
        permission: Permission::DeleteInvoice,
        name: "DeleteInvoice",
        aliases: &["10214"],
        scope: Scope::Platform,
        allows: "cancel an invoice",
    },
    Entry {
        permission: Permission::ViewInvoice,
        name: "ViewInvoice",
        aliases: &["10215"],
        scope: Scope::Tenant,
        allows: "read and download a tenant's invoices",
    },
    Entry {
        permission: Permission::CreatePlan,
        name: "CreatePlan",
        aliases: &["7005"],
        scope: Scope::Platform,
        allows: "add plans",
    },
    Entry {
        permission: Permission::UpdatePlan,
        name: "UpdatePlan",
        aliases: &["7006"],
        scope: Scope::Platform,
        allows: "change plans",
    },
    Entry {
        permission: Permission::DeletePlan,
        name: "DeletePlan",
        aliases: &["7007"],
        scope: Scope::Platform,
        allows: "take plans out of sale",
    },
    Entry {
        permission: Permission::ViewPlan,
        name: "ViewPlan",
        aliases: &["7008"],
        scope: Scope::Tenant,
        allows: "read the plans",
    },
    Entry {
        permission: Permission::CreateSubscription,
        name: "CreateSubscription",
        aliases: &["7001"],
        scope: Scope::Tenant,
        allows: "subscribe a tenant to a plan",
    },
    Entry {
        permission: Permission::UpdateSubscription,
        name: "UpdateSubscription",
        aliases: &["7002"],
        scope: Scope::Tenant,
        allows: "change a subscription's plan",
    },
    Entry {
        permission: Permission::DeleteSubscription,
        name: "DeleteSubscription",
        aliases: &["7003"],
        scope: Scope::Tenant,
        allows: "cancel a subscription",
    },
    Entry {
        permission: Permission::ViewSubscription,
        name: "ViewSubscription",
        aliases: &["7004"],
        scope: Scope::Tenant,
        allows: "read a tenant's subscriptions",
    },
    Entry {
        permission: Permission::CreateTenantConfig,
        name: "CreateTenantConfig",
        aliases: &["10220"],
        scope: Scope::Tenant,
        allows: "add settings to a tenant",
    },
    Entry {
        permission: Permission::ViewTenantConfig,
        name: "ViewTenantConfig",
        aliases: &["10221"],
        scope: Scope::Tenant,
        allows: "read a tenant's settings",
    },
    Entry {
        permission: Permission::UpdateTenantConfig,
        name: "UpdateTenantConfig",
        aliases: &["10222"],
        scope: Scope::Tenant,
        allows: "change a tenant's settings",
    },
    Entry {
        permission: Permission::DeleteTenantConfig,
        name: "DeleteTenantConfig",
        aliases: &["10223"],
        scope: Scope::Tenant,
        allows: "remove a tenant's settings",
    },
    Entry {
        permission: Permission::ExportTenant,
        name: "ExportTenant",
        aliases: &[],
        scope: Scope::Tenant,
        allows: "export everything that is kept of a tenant",
    },
    Entry {
        permission: Permission::CreateTenantUser,
        name: "CreateTenantUser",
        aliases: &["13"],
        scope: Scope::Tenant,
        allows: "add people to a tenant",
    },
    Entry {
        permission: Permission::ViewTenantUser,
        name: "ViewTenantUser",
        aliases: &["12"],
        scope: Scope::Tenant,
        allows: "read a tenant's members",
    },
    Entry {
        permission: Permission::UpdateTenantUser,
        name: "UpdateTenantUser",
        aliases: &["14"],
        scope: Scope::Tenant,
        allows: "change, activate and deactivate a tenant's members",
    },
    Entry {
        permission: Permission::DeleteTenantUser,
        name: "DeleteTenantUser",
        aliases: &["15"],
        scope: Scope::Tenant,
        allows: "remove members from a tenant",
    },
    Entry {
        permission: Permission::CreateUserInvitation,
        name: "CreateUserInvitation",
        aliases: &[],
        scope: Scope::Tenant,
        allows: "invite people to a tenant",
    },
    Entry {
        permission: Permission::ViewUserInvitation,
        name: "ViewUserInvitation",
        aliases: &["27", "ViewUserInvitations"],
        scope: Scope::Tenant,
        allows: "read a tenant's invitations",
    },
    Entry {
        permission: Permission::UpdateUserInvitation,
        name: "UpdateUserInvitation",
        aliases: &[],
        scope: Scope::Tenant,
        allows: "send an invitation again",
    },
    Entry {
        permission: Permission::DeleteUserInvitation,
        name: "DeleteUserInvitation",
        aliases: &[],
        scope: Scope::Tenant,
        allows: "revoke an invitation",
    },
    Entry {
        permission: Permission::CreateRoles,
        name: "CreateRoles",
        aliases: &["8"],
        scope: Scope::Tenant,
        allows: "add roles to a tenant",
    },
    Entry {
        permission: Permission::ViewRoles,
        name: "ViewRoles",
        aliases: &["6"],
        scope: Scope::Tenant,
        allows: "read a tenant's roles",
    },
    Entry {
        permission: Permission::UpdateRoles,
        name: "UpdateRoles",
        aliases: &["9"],
        scope: Scope::Tenant,
        allows: "change a tenant's roles",
    },
    Entry {
        permission: Permission::DeleteRoles,
        name: "DeleteRoles",
        aliases: &["10"],
        scope: Scope::Tenant,
        allows: "remove a tenant's roles",
    },
    Entry {
        permission: Permission::CreateGroup,
        name: "CreateGroup",
        aliases: &["32"],
        scope: Scope::Tenant,
        allows: "add groups to a tenant",
    },
    Entry {
        permission: Permission::ViewGroupList,
        name: "ViewGroupList",
        aliases: &["33"],
        scope: Scope::Tenant,
        allows: "read a tenant's groups",
    },
    Entry {
        permission: Permission::UpdateGroup,
        name: "UpdateGroup",
        aliases: &["34"],
        scope: Scope::Tenant,
        allows: "change a tenant's groups",
    },
    Entry {
        permission: Permission::DeleteGroup,
        name: "DeleteGroup",
        aliases: &["35"],
        scope: Scope::Tenant,
        allows: "remove a tenant's groups",
    },
    Entry {
        permission: Permission::CreateUserGroup,
        name: "CreateUserGroup",
        aliases: &["1", "AddMemberToUserGroup", "20"],
        scope: Scope::Tenant,
        allows: "add a member to a group",
    },
    Entry {
        permission: Permission::CreateMultipleUserGroup,
        name: "CreateMultipleUserGroup",
        aliases: &["31"],
        scope: Scope::Tenant,
        allows: "add many members to a group at once",
    },
    Entry {
        permission: Permission::ViewUserGroupList,
        name: "ViewUserGroupList",
        aliases: &["2"],
        scope: Scope::Tenant,
        allows: "read who is in a group",
    },
    Entry {
        permission: Permission::UpdateMemberInUserGroup,
        name: "UpdateMemberInUserGroup",
        aliases: &["21", "UpdateUserGroup", "3"],
        scope: Scope::Tenant,
        allows: "make a group's member its owner, or not",
    },
    Entry {
        permission: Permission::RemoveMemberFromUserGroup,
        name: "RemoveMemberFromUserGroup",
        aliases: &["22", "DeleteUserGroup", "4"],
        scope: Scope::Tenant,
        allows: "take a member out of a group",
    },
    Entry {
        permission: Permission::LeaveUserGroup,
        name: "LeaveUserGroup",
        aliases: &["23"],
        scope: Scope::Tenant,
        allows: "leave a group that one is in",
    },
    Entry {
        permission: Permission::CreateUserPermissions,
        name: "CreateUserPermissions",
        aliases: &["CreateUserTenant"],
        scope: Scope::Tenant,
        allows: "allow or deny a member a permission beside its role",
    },
    Entry {
        permission: Permission::ViewUserPermissions,
        name: "ViewUserPermissions",
        aliases: &["28"],
        scope: Scope::Tenant,
        allows: "read what a member may do, and why",
    },
    Entry {
        permission: Permission::UpdateUserPermissions,
        name: "UpdateUserPermissions",
        aliases: &["UpdateUserTenant"],
        scope: Scope::Tenant,
        allows: "change what a member is allowed or denied beside its role",
    },
    Entry {
        permission: Permission::DeleteUserPermissions,
        name: "DeleteUserPermissions",
        aliases: &["DeleteUserTenant"],
        scope: Scope::Tenant,
        allows: "take back what a member is allowed or denied beside its role",
    },
    Entry {
        permission: Permission::ViewUserTenant,
        name: "ViewUserTenant",
        aliases: &[],
        scope: Scope::Tenant,
        allows: "read which groups a member is in",
    },
    Entry {
        permission: Permission::ViewAllTenantOfSelf,
        name: "ViewAllTenantOfSelf",
        aliases: &[],
        scope: Scope::Tenant,
        allows: "read which tenants one belongs to, and is invited to, oneself",
    },
    Entry {
        permission: Permission::CreateUserTenantPreference,
        name: "CreateUserTenantPreference",
        aliases: &["29"],
        scope: Scope::Tenant,
        allows: "set one's own preferences",
    },
    Entry {
        permission: Permission::ViewUserTenantPreference,
        name: "ViewUserTenantPreference",
        aliases: &["25"],
        scope: Scope::Tenant,
        allows: "read one's own preferences",
    },
    Entry {
        permission: Permission::UpdateUserTenantPreference,
        name: "UpdateUserTenantPreference",
        aliases: &["24"],
        scope: Scope::Tenant,
        allows: "change one's own preferences",
    },
    Entry {
        permission: Permission::DeleteUserTenantPreference,
        name: "DeleteUserTenantPreference",
        aliases: &["30", "36", "DeleteHardUserTenantPreference"],
        scope: Scope::Tenant,
        allows: "remove one's own preferences",
    },
    Entry {
        permission: Permission::ExportUser,
        name: "ExportUser",
        aliases: &[],
        scope: Scope::Platform,
        allows: "export all that is kept of a person, in every tenant",
    },
    Entry {
        permission: Permission::DeleteUser,
        name: "DeleteUser",
        aliases: &[],
        scope: Scope::Platform,
        allows: "erase a person, in every tenant",
    },
];

impl Permission {
    /// Every permission.
    pub fn all() -> impl Iterator<Item = Self> {
        CATALOGUE.iter().map(|entry| entry.permission)
    }

    /// Finds a permission by its name or by what the references' tokens carry for it.
    pub fn parse(text: &str) -> Option<Self> {
        CATALOGUE
            .iter()
            .find(|e| e.name == text || e.aliases.contains(&text))
            .map(|e| e.permission)
    }

    /// The name in tokens, documents and answers.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// What stands for it in the references' tokens: numeric codes, and other names.
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
        CATALOGUE
            .iter()
            .find(|e| e.permission == self)
            .expect("every permission stands in the catalogue")
    }
}

/// Permissions as a caller holds them, or a role grants them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions(BTreeSet<Permission>);

impl Permissions {
    /// Reads names and numeric codes; what the catalogue does not know grants nothing, `*` included.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self(texts.into_iter().filter_map(Permission::parse).collect())
    }

    /// Whether it is among them.
    pub fn holds(&self, permission: Permission) -> bool {
        self.0.contains(&permission)
    }

    /// In the order of the catalogue.
    pub fn iter(&self) -> impl Iterator<Item = Permission> {
        self.0.iter().copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first of the others that is not among these.
    pub fn missing_of(&self, others: &Self) -> Option<Permission> {
        others.iter().find(|permission| !self.holds(*permission))
    }
}

/// By their names.
impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Permission::name))
    }
}

/// A name that the catalogue does not know any more grants nothing.
impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Ok(Self::parse(names.iter().map(String::as_str)))
    }
}

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| serde::de::Error::custom("must name a permission"))
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COUNT: usize = CATALOGUE.len();

    /// Names every permission: a new one does not compile until it stands here.
    fn expected(permission: Permission) -> (&'static str, &'static [&'static str], Scope) {
        use Scope::{Platform, Tenant};
        match permission {
            Permission::UpdateLead => ("UpdateLead", &["10201"], Platform),
            Permission::DeleteLead => ("DeleteLead", &["10202"], Platform),
            Permission::ViewLead => ("ViewLead", &["10203"], Platform),
            Permission::CreateTenant => ("CreateTenant", &["10204", "16"], Platform),
            Permission::UpdateTenant => ("UpdateTenant", &["10205", "18"], Tenant),
            Permission::DeleteTenant => ("DeleteTenant", &["10206", "19"], Platform),
            Permission::ViewTenant => ("ViewTenant", &["10207", "17"], Tenant),
            Permission::ProvisionTenant => ("ProvisionTenant", &["10216"], Tenant),
            Permission::ViewAuditLog => ("ViewAuditLog", &[], Tenant),
            Permission::CreateContact => ("CreateContact", &["10208"], Tenant),
            Permission::UpdateContact => ("UpdateContact", &["10209"], Tenant),
            Permission::DeleteContact => ("DeleteContact", &["10210"], Tenant),
            Permission::ViewContact => ("ViewContact", &["10211"], Tenant),
            Permission::CreateInvoice => ("CreateInvoice", &["10212"], Platform),
            Permission::UpdateInvoice => ("UpdateInvoice", &["10213"], Platform),
            Permission::DeleteInvoice => ("DeleteInvoice", &["10214"], Platform),
            Permission::ViewInvoice => ("ViewInvoice", &["10215"], Tenant),
            Permission::CreatePlan => ("CreatePlan", &["7005"], Platform),
            Permission::UpdatePlan => ("UpdatePlan", &["7006"], Platform),
            Permission::DeletePlan => ("DeletePlan", &["7007"], Platform),
            Permission::ViewPlan => ("ViewPlan", &["7008"], Tenant),
            Permission::CreateSubscription => ("CreateSubscription", &["7001"], Tenant),
            Permission::UpdateSubscription => ("UpdateSubscription", &["7002"], Tenant),
            Permission::DeleteSubscription => ("DeleteSubscription", &["7003"], Tenant),
            Permission::ViewSubscription => ("ViewSubscription", &["7004"], Tenant),
            Permission::CreateTenantConfig => ("CreateTenantConfig", &["10220"], Tenant),
            Permission::ViewTenantConfig => ("ViewTenantConfig", &["10221"], Tenant),
            Permission::UpdateTenantConfig => ("UpdateTenantConfig", &["10222"], Tenant),
            Permission::DeleteTenantConfig => ("DeleteTenantConfig", &["10223"], Tenant),
            Permission::ExportTenant => ("ExportTenant", &[], Tenant),
            Permission::CreateTenantUser => ("CreateTenantUser", &["13"], Tenant),
            Permission::ViewTenantUser => ("ViewTenantUser", &["12"], Tenant),
            Permission::UpdateTenantUser => ("UpdateTenantUser", &["14"], Tenant),
            Permission::DeleteTenantUser => ("DeleteTenantUser", &["15"], Tenant),
            Permission::CreateUserInvitation => ("CreateUserInvitation", &[], Tenant),
            Permission::ViewUserInvitation => ("ViewUserInvitation", &["27", "ViewUserInvitations"], Tenant),
            Permission::UpdateUserInvitation => ("UpdateUserInvitation", &[], Tenant),
            Permission::DeleteUserInvitation => ("DeleteUserInvitation", &[], Tenant),
            Permission::CreateRoles => ("CreateRoles", &["8"], Tenant),
            Permission::ViewRoles => ("ViewRoles", &["6"], Tenant),
            Permission::UpdateRoles => ("UpdateRoles", &["9"], Tenant),
            Permission::DeleteRoles => ("DeleteRoles", &["10"], Tenant),
            Permission::CreateGroup => ("CreateGroup", &["32"], Tenant),
            Permission::ViewGroupList => ("ViewGroupList", &["33"], Tenant),
            Permission::UpdateGroup => ("UpdateGroup", &["34"], Tenant),
            Permission::DeleteGroup => ("DeleteGroup", &["35"], Tenant),
            Permission::CreateUserGroup => ("CreateUserGroup", &["1", "AddMemberToUserGroup", "20"], Tenant),
            Permission::CreateMultipleUserGroup => ("CreateMultipleUserGroup", &["31"], Tenant),
            Permission::ViewUserGroupList => ("ViewUserGroupList", &["2"], Tenant),
            Permission::UpdateMemberInUserGroup => {
                ("UpdateMemberInUserGroup", &["21", "UpdateUserGroup", "3"], Tenant)
            }
            Permission::RemoveMemberFromUserGroup => (
                "RemoveMemberFromUserGroup",
                &["22", "DeleteUserGroup", "4"],
                Tenant,
            ),
            Permission::LeaveUserGroup => ("LeaveUserGroup", &["23"], Tenant),
            Permission::CreateUserPermissions => ("CreateUserPermissions", &["CreateUserTenant"], Tenant),
            Permission::ViewUserPermissions => ("ViewUserPermissions", &["28"], Tenant),
            Permission::UpdateUserPermissions => ("UpdateUserPermissions", &["UpdateUserTenant"], Tenant),
            Permission::DeleteUserPermissions => ("DeleteUserPermissions", &["DeleteUserTenant"], Tenant),
            Permission::ViewUserTenant => ("ViewUserTenant", &[], Tenant),
            Permission::ViewAllTenantOfSelf => ("ViewAllTenantOfSelf", &[], Tenant),
            Permission::CreateUserTenantPreference => ("CreateUserTenantPreference", &["29"], Tenant),
            Permission::ViewUserTenantPreference => ("ViewUserTenantPreference", &["25"], Tenant),
            Permission::UpdateUserTenantPreference => ("UpdateUserTenantPreference", &["24"], Tenant),
            Permission::DeleteUserTenantPreference => (
                "DeleteUserTenantPreference",
                &["30", "36", "DeleteHardUserTenantPreference"],
                Tenant,
            ),
            Permission::ExportUser => ("ExportUser", &[], Platform),
            Permission::DeleteUser => ("DeleteUser", &[], Platform),
        }
    }

    #[test]
    fn the_catalogue_says_what_the_documents_say() {
        for permission in Permission::all() {
            assert_eq!(
                (permission.name(), permission.aliases(), permission.scope()),
                expected(permission)
            );
            assert_eq!(format!("{permission:?}"), permission.name());
            assert!(!permission.allows().is_empty());
        }
    }

    #[test]
    fn every_permission_stands_in_the_catalogue_once() {
        let distinct: BTreeSet<Permission> = Permission::all().collect();

        // The last one declared has the greatest discriminant, so none is missing before it.
        assert_eq!(Permission::DeleteUser as usize + 1, COUNT);
        assert_eq!(distinct.len(), COUNT);
    }

    #[test]
    fn names_and_aliases_belong_to_one_permission_each() {
        let mut seen = BTreeSet::new();

        for permission in Permission::all() {
            for text in permission.aliases().iter().copied().chain([permission.name()]) {
                assert!(seen.insert(text), "{text} stands for two permissions");
                assert_eq!(Permission::parse(text), Some(permission));
            }
        }
    }

    #[test]
    fn what_the_catalogue_does_not_know_grants_nothing() {
        let unknown = [
            "*",
            "",
            " ",
            "viewtenant",
            "VIEWTENANT",
            " ViewTenant",
            "ViewTenant ",
            "0",
            "10217",
            "ViewTenant,ViewLead",
            "admin",
            "10207.0",
            "010207",
        ];

        let held = Permissions::parse(unknown);

        assert_eq!(held, Permissions::default());
        assert!(!Permission::all().any(|permission| held.holds(permission)));
    }

    #[test]
    fn names_and_codes_grant_the_same() {
        assert_eq!(
            Permissions::parse(["10207", "CreateTenant"]),
            Permissions::parse(["16", "ViewTenant", "17"])
        );
    }

    proptest! {
        #[test]
        fn no_other_text_grants_anything(text in "\\PC{0,20}|[0-9]{1,6}") {
            let is_known = Permission::all().any(|p| p.name() == text || p.aliases().contains(&&*text));

            prop_assert_eq!(Permission::parse(&text).is_some(), is_known);
        }

        #[test]
        fn callers_hold_what_they_were_given_and_nothing_else(given in prop::collection::vec(0..COUNT, 0..COUNT)) {
            let all: Vec<Permission> = Permission::all().collect();

            let held = Permissions::parse(given.iter().map(|n| all[*n].name()));

            for (n, permission) in all.into_iter().enumerate() {
                prop_assert_eq!(held.holds(permission), given.contains(&n));
            }
        }
    }
}
