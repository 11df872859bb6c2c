use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Caller, Change, Conflict, Email, Error, Group, GroupPlace, Id, Login, Override, Overrides, Patch,
    Permission, Permissions, PersonName, Profile, Role, Roles, Rule, Tenant, Text, Timestamp, User, Username,
    effective,
};

/// Where a membership stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MembershipStatus {
    /// Added, and has not said yes yet.
    Registered,
    /// May act in the tenant.
    Active,
    /// May not act in the tenant until it is activated.
    Inactive,
    /// May not act before it has chosen another password.
    PasswordChangeNeeded,
    /// Said no.
    Rejected,
}

/// What moves a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MembershipCommand {
    /// The person says yes.
    Accept,
    /// The person says no.
    Reject,
    /// Somebody who may lets it act.
    Activate,
    /// Somebody who may keeps it from acting.
    Deactivate,
    /// It has to choose another password.
    RequirePasswordChange,
}

/// One person in one tenant, with one role. Its id follows from both, so it is the same when the person comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Membership {
    /// Its id; `userTenantId` in tokens.
    pub id: Id<Membership>,
    /// The tenant.
    pub tenant_id: Id<Tenant>,
    /// The person.
    pub user_id: Id<User>,
    /// What the person signs in with.
    pub username: Username,
    /// Where the person is written to.
    pub email: Email,
    /// What is known of the person, as the person's own item has it.
    #[serde(flatten)]
    pub profile: Profile,
    /// What it does in the tenant.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub designation: Option<Designation>,
    /// The language that it wants to be spoken to in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub locale: Option<Locale>,
    /// Its role.
    pub role_id: Id<Role>,
    /// Where it stands.
    pub status: MembershipStatus,
    /// What it is allowed or denied beside its role.
    #[serde(default)]
    pub overrides: Overrides,
    /// The groups that it is in.
    #[serde(default)]
    pub groups: BTreeMap<Id<Group>, GroupPlace>,
    /// The login with which the person acts here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub login: Option<Login>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it last changed.
    pub modified_at: Timestamp,
    /// Counts the changes, from 1.
    pub version: u64,
}

/// What somebody is in a company, `Head of Sales` for example.
pub type Designation = Text<50>;

/// A language tag (BCP 47), `en` or `pt-BR` for example: at most 35 characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Locale(String);

/// What may change of a membership, beside what the person owns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MembershipChanges {
    /// Its role.
    pub role_id: Option<Id<Role>>,
    /// What it does in the tenant.
    pub designation: Patch<Designation>,
    /// The language that it wants to be spoken to in.
    pub locale: Patch<Locale>,
}

impl MembershipStatus {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Registered,
        Self::Active,
        Self::Inactive,
        Self::PasswordChangeNeeded,
        Self::Rejected,
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Registered => "REGISTERED",
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
            Self::PasswordChangeNeeded => "PASSWORD_CHANGE_NEEDED",
            Self::Rejected => "REJECTED",
        }
    }
}

impl MembershipCommand {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Accept,
        Self::Reject,
        Self::Activate,
        Self::Deactivate,
        Self::RequirePasswordChange,
    ];

    /// The command as a past participle.
    pub fn participle(self) -> &'static str {
        match self {
            Self::Accept => "accepted",
            Self::Reject => "rejected",
            Self::Activate => "activated",
            Self::Deactivate => "deactivated",
            Self::RequirePasswordChange => "asked for another password",
        }
    }

    /// Where it leads from a status; nowhere if there is no such arrow.
    pub fn leads(self, from: MembershipStatus) -> Option<MembershipStatus> {
        use MembershipStatus::{Active, Inactive, PasswordChangeNeeded, Registered, Rejected};
        match (self, from) {
            (Self::Accept, Registered | Rejected)
            | (Self::Activate, Registered | Inactive | PasswordChangeNeeded) => Some(Active),
            (Self::Reject, Registered) => Some(Rejected),
            (Self::Deactivate, Registered | Active | PasswordChangeNeeded) => Some(Inactive),
            (Self::RequirePasswordChange, Active) => Some(PasswordChangeNeeded),
            (Self::Accept, Active | Inactive | PasswordChangeNeeded)
            | (Self::Activate, Active | Rejected)
            | (Self::Reject, Active | Inactive | PasswordChangeNeeded | Rejected)
            | (Self::Deactivate, Inactive | Rejected)
            | (Self::RequirePasswordChange, Registered | Inactive | PasswordChangeNeeded | Rejected) => None,
        }
    }
}

impl Locale {
    /// Trims and checks.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let text = text.trim();
        let is_subtag =
            |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
        let mut parts = text.split('-');
        let language = parts.next().unwrap_or_default();
        let is_language =
            (2..=3).contains(&language.len()) && language.bytes().all(|b| b.is_ascii_alphabetic());
        if text.len() <= 35 && is_language && parts.all(is_subtag) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Rule::new(
                "invalid_locale",
                "must be a language tag such as en or pt-BR",
            ))
        }
    }

    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Membership {
    /// So many groups a member is in at most: it leaves them all in one transaction when it leaves the tenant.
    pub const MOST_GROUPS: usize = 25;

    /// The one membership that this person can have in this tenant.
    pub fn id_of(tenant_id: Id<Tenant>, user_id: Id<User>) -> Id<Self> {
        Id::following("membership", &[tenant_id.as_uuid(), user_id.as_uuid()])
    }

    /// A person in a tenant that it was not in.
    pub fn new(
        tenant_id: Id<Tenant>,
        user: &User,
        role_id: Id<Role>,
        status: MembershipStatus,
        at: Timestamp,
    ) -> Self {
        Self {
            id: Self::id_of(tenant_id, user.id),
            tenant_id,
            user_id: user.id,
            username: user.username.clone(),
            email: user.email.clone(),
            profile: user.profile.clone(),
            designation: None,
            locale: None,
            role_id,
            status,
            overrides: Overrides::new(),
            groups: BTreeMap::new(),
            login: None,
            created_at: at,
            modified_at: at,
            version: 1,
        }
    }

    /// Whether it may act.
    pub fn is_active(&self) -> bool {
        self.status == MembershipStatus::Active
    }

    /// Whether its role is one of the tenant's owners.
    pub fn is_owner(&self) -> bool {
        self.role_id == crate::SystemRole::Owner.id(self.tenant_id)
    }

    /// Whether it is an owner who can act: of those there is always one.
    pub fn is_acting_owner(&self) -> bool {
        self.is_owner() && self.is_active()
    }

    /// What it may do, once it may act. A role that is gone grants nothing.
    pub fn permissions(&self, roles: &Roles) -> Permissions {
        let of_role = roles.find(self.role_id);
        let of_role = of_role.map(|role| role.permissions.clone()).unwrap_or_default();
        effective(&of_role, &self.overrides)
    }

    /// Refuses whoever would decide about somebody who may do more.
    pub fn check_within(&self, roles: &Roles, held: &Permissions) -> Result<(), Error> {
        match held.missing_of(&self.permissions(roles)) {
            None => Ok(()),
            Some(permission) => Err(Error::Forbidden(format!(
                "member `{}` holds {}, which the caller does not hold",
                self.id,
                permission.name()
            ))),
        }
    }

    /// Moved by a command.
    pub fn moved(self, command: MembershipCommand, change: &Change) -> Result<Self, Conflict> {
        match command.leads(self.status) {
            Some(status) => Ok(Self { status, ..self }.changed(change)),
            None => Err(Conflict::InvalidMembershipTransition {
                from: self.status,
                command: command.participle(),
            }),
        }
    }

    /// With another role.
    #[must_use]
    pub fn with_role(self, role_id: Id<Role>) -> Self {
        Self { role_id, ..self }
    }

    /// The membership after the changes, or nothing if they change nothing.
    pub fn update(self, changes: MembershipChanges, change: &Change) -> Option<Self> {
        let MembershipChanges {
            role_id,
            designation,
            locale,
        } = changes;
        let before = self.clone();
        let membership = Self {
            role_id: role_id.unwrap_or(self.role_id),
            designation: designation.apply(self.designation),
            locale: locale.apply(self.locale),
            ..self
        };
        (membership != before).then(|| membership.changed(change))
    }

    /// What it repeats of its person, as the person has it now; nothing if it has it so already.
    pub fn follow(self, user: &User, change: &Change) -> Option<Self> {
        let before = self.clone();
        let membership = Self {
            username: user.username.clone(),
            email: user.email.clone(),
            profile: user.profile.clone(),
            ..self
        };
        (membership != before).then(|| membership.changed(change))
    }

    /// Decides about one permission; nothing if it was decided so already.
    pub fn decide(mut self, permission: Permission, is_allowed: bool, change: &Change) -> Option<Self> {
        let before = self.overrides.get(&permission).copied();
        if before.is_some_and(|decision| decision.is_allowed == is_allowed) {
            return None;
        }
        let decision = Override {
            is_allowed,
            created_at: before.map_or(change.at, |decision| decision.created_at),
            modified_at: change.at,
        };
        self.overrides.insert(permission, decision);
        Some(self.changed(change))
    }

    /// Takes a decision back; nothing if there is none.
    pub fn leave_to_role(mut self, permission: Permission, change: &Change) -> Option<Self> {
        self.overrides.remove(&permission)?;
        Some(self.changed(change))
    }

    /// In a group, as its owner or not.
    pub fn join_group(
        mut self,
        group_id: Id<Group>,
        place: GroupPlace,
        change: &Change,
    ) -> Result<Self, Conflict> {
        if !self.groups.contains_key(&group_id) && self.groups.len() >= Self::MOST_GROUPS {
            return Err(Conflict::TooManyGroupsOfMember(self.id.to_string()));
        }
        self.groups.insert(group_id, place);
        Ok(self.changed(change))
    }

    /// Out of a group.
    pub fn leave_group(mut self, group_id: Id<Group>, change: &Change) -> Self {
        self.groups.remove(&group_id);
        self.changed(change)
    }

    /// The person's full name.
    pub fn full_name(&self) -> String {
        full_name(&self.profile.first_name, self.profile.last_name.as_ref())
    }

    /// The membership in which the person acts with this login; nothing if it does already.
    pub fn with_login(self, login: Login, change: &Change) -> Option<Self> {
        (self.login.as_ref() != Some(&login)).then(|| {
            Self {
                login: Some(login),
                ..self
            }
            .changed(change)
        })
    }

    fn changed(self, change: &Change) -> Self {
        Self {
            modified_at: change.at,
            version: self.version + 1,
            ..self
        }
    }
}

/// First and last name.
fn full_name(first_name: &PersonName, last_name: Option<&PersonName>) -> String {
    match last_name {
        Some(last_name) => format!("{first_name} {last_name}"),
        None => first_name.to_string(),
    }
}

impl Caller {
    /// Whether the caller is this person, in no tenant or as a member whose membership is that of the person.
    pub fn is_person(&self, user_id: Id<User>) -> bool {
        match self {
            Self::Member(member) => member.membership_id == Membership::id_of(member.tenant_id, user_id),
            Self::Person(id) => *id == user_id,
            Self::Operator(_) | Self::Lead(_) | Self::Anonymous => false,
        }
    }

    /// Whether the caller acts as this membership.
    pub fn is_membership(&self, id: Id<Membership>) -> bool {
        match self {
            Self::Member(member) => member.membership_id == id,
            Self::Operator(_) | Self::Person(_) | Self::Lead(_) | Self::Anonymous => false,
        }
    }

    /// What the caller holds.
    pub fn permissions(&self) -> Permissions {
        match self {
            Self::Operator(operator) => operator.permissions.clone(),
            Self::Member(member) => member.permissions.clone(),
            Self::Person(_) | Self::Lead(_) | Self::Anonymous => Permissions::default(),
        }
    }
}

impl fmt::Display for MembershipStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Locale {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRole;
    use crate::examples::{change, id, member, membership, user};

    #[test]
    fn the_machine_has_these_arrows_and_no_others() {
        use MembershipCommand::{Accept, Activate, Deactivate, Reject, RequirePasswordChange};
        use MembershipStatus::{Active, Inactive, PasswordChangeNeeded, Registered, Rejected};
        let arrows = [
            (Registered, Accept, Active),
            (Rejected, Accept, Active),
            (Registered, Reject, Rejected),
            (Registered, Activate, Active),
            (Inactive, Activate, Active),
            (PasswordChangeNeeded, Activate, Active),
            (Registered, Deactivate, Inactive),
            (Active, Deactivate, Inactive),
            (PasswordChangeNeeded, Deactivate, Inactive),
            (Active, RequirePasswordChange, PasswordChangeNeeded),
        ];

        for from in MembershipStatus::ALL {
            for command in MembershipCommand::ALL {
                let expected = arrows
                    .iter()
                    .find(|arrow| (arrow.0, arrow.1) == (from, command))
                    .map(|arrow| arrow.2);
                assert_eq!(command.leads(from), expected, "{from} {command:?}");
                let moved = membership(from).moved(command, &change());
                assert_eq!(moved.ok().map(|membership| membership.status), expected);
            }
        }
    }

    #[test]
    fn a_person_has_one_membership_in_a_tenant_and_others_elsewhere() {
        let once = Membership::new(
            id(1),
            &user(),
            SystemRole::Member.id(id(1)),
            MembershipStatus::Active,
            change().at,
        );

        assert_eq!(once.id, Membership::id_of(id(1), user().id));
        assert_ne!(once.id, Membership::id_of(id(2), user().id));
        assert_ne!(once.id, Membership::id_of(id(1), id(99)));
    }

    #[test]
    fn a_member_is_the_person_whose_membership_it_acts_as() {
        let membership_id = Membership::id_of(id(1), user().id);
        let caller = |tenant_id| {
            Caller::Member(crate::Member {
                membership_id,
                ..member(tenant_id, [])
            })
        };

        assert!(caller(id(1)).is_person(user().id));
        assert!(!caller(id(1)).is_person(id(99)));
        assert!(
            !caller(id(2)).is_person(user().id),
            "it is a membership of another tenant"
        );
        assert!(!Caller::Lead(id(1)).is_person(user().id));
    }

    #[test]
    fn a_decision_is_made_once_and_can_be_taken_back() {
        let member = membership(MembershipStatus::Active);

        let denied = member.clone().decide(Permission::ViewTenant, false, &change());
        let denied = denied.expect("nothing was decided");

        assert_eq!(
            denied.clone().decide(Permission::ViewTenant, false, &change()),
            None
        );
        assert!(
            denied
                .clone()
                .decide(Permission::ViewTenant, true, &change())
                .is_some()
        );
        let back = denied.leave_to_role(Permission::ViewTenant, &change());
        assert!(back.is_some_and(|member| member.overrides.is_empty()));
        assert_eq!(member.leave_to_role(Permission::ViewTenant, &change()), None);
    }

    #[test]
    fn a_role_that_is_gone_grants_nothing() {
        let roles = Roles::begin(id(1), change().at);
        let gone = membership(MembershipStatus::Active).with_role(id(77));

        assert_eq!(gone.permissions(&roles), Permissions::default());
    }

    #[test]
    fn locales_are_language_tags() {
        for text in ["en", "pt-BR", "zh-Hant-TW", " es-419 "] {
            assert!(Locale::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "e",
            "english",
            "en_US",
            "en-",
            "en--US",
            "1a",
            "en-verylongsubtag",
        ] {
            assert_eq!(
                Locale::parse(text).map_err(|rule| rule.code),
                Err("invalid_locale"),
                "{text:?}"
            );
        }
    }
}
