//! What a member may do, and why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Permission, Permissions, Scope, Timestamp};

/// What one member is allowed or denied beside its role: one decision a permission.
pub type Overrides = BTreeMap<Permission, Override>;

/// A decision about one permission of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Override {
    /// Allowed, or denied.
    #[serde(rename = "allowed")]
    pub is_allowed: bool,
    /// When it was first decided.
    pub created_at: Timestamp,
    /// When it was last decided otherwise.
    pub modified_at: Timestamp,
}

/// One permission of a member: whether it holds it, and where that comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The permission.
    pub permission: Permission,
    /// Whether the member's role grants it.
    pub is_in_role: bool,
    /// What was decided about the member itself.
    pub decision: Option<bool>,
}

impl Grant {
    /// Whether the member holds it: a decision about the member counts before its role.
    pub fn is_held(self) -> bool {
        self.decision.unwrap_or(self.is_in_role)
    }
}

/// Every permission that role or decisions say something about. Members hold nothing of the platform, whatever either says.
pub fn explain(role: &Permissions, overrides: &Overrides) -> Vec<Grant> {
    let of_tenant = Permission::all().filter(|permission| permission.scope() == Scope::Tenant);
    of_tenant
        .map(|permission| Grant {
            permission,
            is_in_role: role.holds(permission),
            decision: overrides.get(&permission).map(|decision| decision.is_allowed),
        })
        .filter(|grant| grant.is_in_role || grant.decision.is_some())
        .collect()
}

/// What a member may do: its role's permissions and those that it is allowed, without those that it is denied.
pub fn effective(role: &Permissions, overrides: &Overrides) -> Permissions {
    let held = explain(role, overrides)
        .into_iter()
        .filter(|grant| grant.is_held());
    held.map(|grant| grant.permission).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::examples::now;

    fn permissions() -> impl Strategy<Value = Permissions> {
        proptest::collection::vec(any::<bool>(), Permission::all().count()).prop_map(|chosen| {
            let all = Permission::all().zip(chosen);
            all.filter_map(|(permission, is_chosen)| is_chosen.then_some(permission))
                .collect()
        })
    }

    fn decided(allowed: &Permissions, denied: &Permissions) -> Overrides {
        let decide = |is_allowed| Override {
            is_allowed,
            created_at: now(),
            modified_at: now(),
        };
        let mut overrides: Overrides = allowed
            .iter()
            .map(|permission| (permission, decide(true)))
            .collect();
        overrides.extend(denied.iter().map(|permission| (permission, decide(false))));
        overrides
    }

    proptest! {
        #[test]
        fn a_member_holds_what_its_role_or_a_decision_gives_and_no_decision_takes(
            role in permissions(), allowed in permissions(), denied in permissions(),
        ) {
            let held = effective(&role, &decided(&allowed, &denied));

            for permission in Permission::all() {
                let expected = permission.scope() == Scope::Tenant
                    && !denied.holds(permission)
                    && (role.holds(permission) || allowed.holds(permission));
                prop_assert_eq!(held.holds(permission), expected, "{:?}", permission);
            }
        }

        #[test]
        fn what_is_explained_as_held_is_what_is_held(role in permissions(), allowed in permissions(), denied in permissions()) {
            let overrides = decided(&allowed, &denied);

            let explained: Permissions = explain(&role, &overrides)
                .into_iter()
                .filter(|grant| grant.is_held())
                .map(|grant| grant.permission)
                .collect();

            prop_assert_eq!(explained, effective(&role, &overrides));
        }
    }
}
