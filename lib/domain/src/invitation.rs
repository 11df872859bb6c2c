use std::fmt;

use serde::{Deserialize, Serialize};

use crate::role::RoleName;
use crate::{
    Actor, Change, Conflict, Email, Entropy, Id, Permissions, PersonName, Profile, Role, Roles, Tenant,
    Timestamp, User,
};

/// What became of an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InvitationStatus {
    /// Nobody has answered yet.
    Pending,
    /// The person said yes.
    Accepted,
    /// The person said no.
    Declined,
    /// Who may took it back.
    Revoked,
}

/// A person is asked to become a member of a tenant, by mail. The code in the mail is stored as a hash only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Invitation {
    /// Its id.
    pub id: Id<Invitation>,
    /// The tenant.
    pub tenant_id: Id<Tenant>,
    /// Who is asked: somebody known, or who the address's owner will be.
    pub user_id: Id<User>,
    /// Where it was sent.
    pub email: Email,
    /// The person's name, where who invites knows it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first_name: Option<PersonName>,
    /// The person's last name, where who invites knows it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_name: Option<PersonName>,
    /// The role that it will have.
    pub role_id: Id<Role>,
    /// What is offered, as it was when it was last looked at.
    pub offer: Offer,
    /// What became of it.
    pub status: InvitationStatus,
    /// SHA-256 of the code that was sent last, in lower-case hex.
    pub code_hash: String,
    /// How often it was sent.
    pub sent: u32,
    /// From when on its code does not count.
    pub expires_at: Timestamp,
    /// Who invites.
    pub invited_by: Actor,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub modified_at: Timestamp,
    /// Counts the changes, from 1.
    pub version: u64,
}

/// What a person is offered: a role in a tenant, by their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Offer {
    /// What the tenant is called.
    pub tenant_name: PersonName,
    /// What the role is called.
    pub role_name: RoleName,
    /// What the role granted when it was checked against what the sender holds.
    pub granted: Permissions,
}

/// Whom to invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInvitation {
    /// Where to write.
    pub email: Email,
    /// The person's name, if it is known.
    pub first_name: Option<PersonName>,
    /// The person's last name, if it is known.
    pub last_name: Option<PersonName>,
    /// The role that it will have.
    pub role_id: Id<Role>,
}

impl InvitationStatus {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Accepted => "ACCEPTED",
            Self::Declined => "DECLINED",
            Self::Revoked => "REVOKED",
        }
    }
}

impl Invitation {
    /// So many are made at once at most: all of them in one transaction.
    pub const MOST_AT_ONCE: usize = 15;
    /// How long one that is over can still be looked up: 30 days.
    pub const KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;

    /// A new one; `code_hash` is that of the code in the mail.
    pub fn new(
        (tenant_id, user_id): (Id<Tenant>, Id<User>),
        new: NewInvitation,
        offer: Offer,
        life_ms: i64,
        change: &Change,
        entropy: &dyn Entropy,
    ) -> Self {
        let NewInvitation {
            email,
            first_name,
            last_name,
            role_id,
        } = new;
        Self {
            id: Id::new(change.at, entropy),
            tenant_id,
            user_id,
            email,
            first_name,
            last_name,
            role_id,
            offer,
            status: InvitationStatus::Pending,
            code_hash: String::new(),
            sent: 1,
            expires_at: change.at.plus_ms(life_ms),
            invited_by: change.by.clone(),
            created_at: change.at,
            modified_at: change.at,
            version: 1,
        }
    }

    /// With the hash of its code.
    #[must_use]
    pub fn with_code(self, code_hash: String) -> Self {
        Self { code_hash, ..self }
    }

    /// Whether it waits for an answer.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.status == InvitationStatus::Pending && now < self.expires_at
    }

    /// Sent once more: the code before does not count any more, and the time begins anew.
    pub fn again(self, life_ms: i64, code_hash: String, change: &Change) -> Result<Self, Conflict> {
        self.check_pending()?;
        let (expires_at, sent) = (change.at.plus_ms(life_ms), self.sent + 1);
        Ok(Self {
            code_hash,
            sent,
            expires_at,
            ..self
        }
        .changed(change))
    }

    /// Answered, or taken back.
    pub fn close(self, status: InvitationStatus, change: &Change) -> Result<Self, Conflict> {
        self.check_pending()?;
        if status != InvitationStatus::Revoked && change.at >= self.expires_at {
            return Err(Conflict::InvitationExpired(self.id.to_string()));
        }
        Ok(Self { status, ..self }.changed(change))
    }

    /// The role is looked at again before it is given: it must be there, and not grant more than it did. The system's roles
    /// grow with us, not by a member's hand.
    pub fn check_role(&self, roles: &Roles) -> Result<(), Conflict> {
        let is_system = Role::system(self.tenant_id, self.role_id).is_some();
        let role = roles.find(self.role_id);
        let is_same =
            role.is_some_and(|role| is_system || self.offer.granted.missing_of(&role.permissions).is_none());
        if is_same {
            Ok(())
        } else {
            Err(Conflict::InvitationOutdated(self.id.to_string()))
        }
    }

    /// What is known of the person, with what it says itself.
    pub fn profile(&self, first_name: Option<PersonName>, last_name: Option<PersonName>) -> Option<Profile> {
        Some(Profile {
            first_name: first_name.or_else(|| self.first_name.clone())?,
            middle_name: None,
            last_name: last_name.or_else(|| self.last_name.clone()),
            phone: None,
            photo_url: None,
        })
    }

    /// When the table may forget it.
    pub fn forgotten_at(&self) -> Timestamp {
        match self.status {
            InvitationStatus::Pending => self.expires_at,
            InvitationStatus::Accepted | InvitationStatus::Declined | InvitationStatus::Revoked => {
                self.modified_at
            }
        }
        .plus_ms(Self::KEPT_MS)
    }

    fn check_pending(&self) -> Result<(), Conflict> {
        if self.status == InvitationStatus::Pending {
            return Ok(());
        }
        Err(Conflict::InvitationClosed {
            id: self.id.to_string(),
            status: self.status,
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

impl fmt::Display for InvitationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::{Counter, change, email, id, name};
    use crate::{NewRole, Permission, RoleChanges, Text};

    const LIFE_MS: i64 = 1_000;

    fn roles_with_editor() -> (Roles, Role) {
        let new = NewRole {
            name: Text::parse("Editor").expect("the example is a name"),
            description: None,
            permissions: [Permission::ViewTenant].into_iter().collect(),
        };
        let roles = Roles::begin(id(1), change().at);
        roles
            .create(new, &change(), &Counter::default())
            .expect("the name is free")
    }

    fn invitation(role: &Role) -> Invitation {
        let new = NewInvitation {
            email: email("grace@navy.example"),
            first_name: None,
            last_name: None,
            role_id: role.id,
        };
        Invitation::new(
            (id(1), id(2)),
            new,
            Offer {
                tenant_name: name("Acme"),
                role_name: role.name.clone(),
                granted: role.permissions.clone(),
            },
            LIFE_MS,
            &change(),
            &Counter::default(),
        )
    }

    fn later(ms: i64) -> Change {
        Change {
            at: change().at.plus_ms(ms),
            ..change()
        }
    }

    #[test]
    fn an_invitation_is_answered_once_and_in_time() {
        let open = invitation(&roles_with_editor().1);

        let accepted = open
            .clone()
            .close(InvitationStatus::Accepted, &later(LIFE_MS - 1));
        let late = open.clone().close(InvitationStatus::Accepted, &later(LIFE_MS));
        let revoked = open.clone().close(InvitationStatus::Revoked, &later(LIFE_MS));

        let accepted = accepted.expect("it is in time");
        assert_eq!(
            late.map_err(|conflict| conflict.code()),
            Err("invitation_expired")
        );
        assert!(revoked.is_ok(), "what nobody can accept can still be taken back");
        for status in [
            InvitationStatus::Accepted,
            InvitationStatus::Declined,
            InvitationStatus::Revoked,
        ] {
            let again = accepted.clone().close(status, &later(1));
            assert_eq!(
                again.map_err(|conflict| conflict.code()),
                Err("invitation_closed")
            );
        }
    }

    #[test]
    fn sending_it_again_voids_the_code_and_begins_the_time_anew() {
        let open = invitation(&roles_with_editor().1).with_code("one".to_owned());

        let again = open.again(LIFE_MS, "two".to_owned(), &later(LIFE_MS + 5));

        let again = again.expect("it waits for an answer");
        assert_eq!((again.code_hash.as_str(), again.sent), ("two", 2));
        assert!(again.is_open(later(2 * LIFE_MS).at));
    }

    #[test]
    fn a_role_that_grants_more_than_was_looked_at_is_not_given() {
        let (roles, role) = roles_with_editor();
        let open = invitation(&role);
        let granting = |permissions: &[Permission]| RoleChanges {
            permissions: Some(permissions.iter().copied().collect()),
            ..RoleChanges::default()
        };
        let changed = |permissions| {
            let changed = roles.clone().update(role.id, granting(permissions), &change());
            changed.expect("it can be changed").expect("it changes").0
        };

        assert_eq!(open.check_role(&roles), Ok(()));
        assert_eq!(open.check_role(&changed(&[])), Ok(()));
        for refused in [
            changed(&[Permission::ViewTenant, Permission::UpdateTenant]),
            roles.clone().delete(role.id).expect("it can be removed"),
        ] {
            let refusal = open.check_role(&refused).map_err(|conflict| conflict.code());
            assert_eq!(refusal, Err("invitation_outdated"));
        }
    }
}
