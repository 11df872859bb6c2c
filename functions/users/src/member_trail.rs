//! What the audit trail says of members and invitations: names and addresses of people stay out of it.

use serde_json::{Value, json};
use tenantry_domain::{Invitation, Membership, User};

/// A member as it is or was.
pub(crate) fn shown(membership: &Membership) -> Value {
    json!({
        "userTenantId": membership.id, "userId": membership.user_id, "roleId": membership.role_id,
        "status": membership.status,
    })
}

/// A member after a change, with the names of what changed of it or of its person.
pub(crate) fn changed(before: (&Membership, &User), after: (&Membership, &User)) -> Value {
    let ((member, person), (now, new)) = (before, after);
    let members = [
        ("roleId", member.role_id != now.role_id),
        ("designation", member.designation != now.designation),
        ("locale", member.locale != now.locale),
        ("username", person.username != new.username),
        ("email", person.email != new.email),
        ("firstName", person.profile.first_name != new.profile.first_name),
        (
            "middleName",
            person.profile.middle_name != new.profile.middle_name,
        ),
        ("lastName", person.profile.last_name != new.profile.last_name),
        ("phone", person.profile.phone != new.profile.phone),
        ("photoUrl", person.profile.photo_url != new.profile.photo_url),
    ];
    let names: Vec<&str> = members
        .into_iter()
        .filter_map(|(name, is_changed)| is_changed.then_some(name))
        .collect();
    let mut shown = shown(now);
    shown["changed"] = json!(names);
    shown
}

/// An invitation as it is or was.
pub(crate) fn invitation(invitation: &Invitation) -> Value {
    json!({
        "invitationId": invitation.id, "roleId": invitation.role_id, "status": invitation.status,
        "expiresAt": invitation.expires_at,
    })
}
