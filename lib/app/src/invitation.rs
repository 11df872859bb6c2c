//! Invitations: their codes, and what it takes to ask somebody to become a member.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq as _;
use tenantry_domain::{
    Actor, Change, Contact, Entropy, Id, Invitation, NewInvitation, Offer, SystemRole, Tenant, User,
};
use tenantry_store::OutboxMessage;

use crate::mail::{Content, Invite, Mail};
use crate::{Context, sha256_hex};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const PREFIX: &str = "tic_";

/// The code in an invitation's mail: where the invitation is and whom it is for, which is no secret, and 144 random bits
/// behind a prefix that secret scanners can find. Only the hash of all of it is stored.
pub struct InvitationCode {
    /// The tenant.
    pub tenant_id: Id<Tenant>,
    /// The invitation.
    pub invitation_id: Id<Invitation>,
    /// Whom it is for.
    pub user_id: Id<User>,
    text: SecretString,
}

impl InvitationCode {
    /// A new one.
    pub fn new(invitation: &Invitation, entropy: &dyn Entropy) -> Self {
        let mut secret = [0; 18];
        entropy.fill(&mut secret);
        let (tenant_id, invitation_id, user_id) = (invitation.tenant_id, invitation.id, invitation.user_id);
        let places = [
            tenant_id.as_bytes().as_slice(),
            invitation_id.as_bytes(),
            user_id.as_bytes(),
        ];
        let bytes = [places.concat(), secret.to_vec()].concat();
        Self {
            tenant_id,
            invitation_id,
            user_id,
            text: format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)).into(),
        }
    }

    /// Whether a bearer token is meant to be a code.
    pub fn is_one(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Reads a code; whether it is the one that was sent is for the invitation to say.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let bytes: [u8; 66] = bytes.try_into().ok()?;
        let id = |from: usize| {
            let mut id = [0; 16];
            id.copy_from_slice(&bytes[from..from + 16]);
            id
        };
        Some(Self {
            tenant_id: Id::from_bytes(id(0)),
            invitation_id: Id::from_bytes(id(16)),
            user_id: Id::from_bytes(id(32)),
            text: text.to_owned().into(),
        })
    }

    /// The form in which it is stored.
    pub fn hash(&self) -> String {
        sha256_hex(self.text.expose_secret())
    }

    /// Whether it is the code that was sent last.
    pub fn opens(&self, invitation: &Invitation) -> bool {
        bool::from(self.hash().as_bytes().ct_eq(invitation.code_hash.as_bytes()))
    }
}

impl Context {
    /// How long an invitation can be accepted.
    pub fn invitation_life_ms(&self) -> i64 {
        self.app.config.invitation_days * DAY_MS
    }

    /// An invitation with a code that nobody knows but its mail.
    pub fn new_invitation(
        &self,
        place: (Id<Tenant>, Id<User>),
        new: NewInvitation,
        offer: Offer,
        change: &Change,
    ) -> (Invitation, InvitationCode) {
        let entropy = &*self.app.entropy;
        let life_ms = self.invitation_life_ms();
        let invitation = Invitation::new(place, new, offer, life_ms, change, entropy);
        let code = InvitationCode::new(&invitation, entropy);
        (invitation.with_code(code.hash()), code)
    }

    /// The mail that asks the person.
    pub fn invitation_mail(&self, invitation: &Invitation, code: &InvitationCode) -> OutboxMessage {
        let content = Content::Invitation {
            first_name: invitation.first_name.as_ref().map(ToString::to_string),
            tenant_name: invitation.offer.tenant_name.to_string(),
            role_name: invitation.offer.role_name.to_string(),
            invitation: self.invite(code),
        };
        self.mail(&Mail {
            to: invitation.email.clone(),
            content,
        })
    }

    /// The invitation of a tenant's first owner: whom the platform turns to about it.
    pub(crate) fn owner_invitation(&self, tenant: &Tenant, contact: &Contact) -> (Invitation, Invite) {
        let owner = SystemRole::Owner;
        let new = NewInvitation {
            email: contact.email.clone(),
            first_name: Some(contact.first_name.clone()),
            last_name: Some(contact.last_name.clone()),
            role_id: owner.id(contact.tenant_id),
        };
        let offer = Offer {
            tenant_name: tenant.name.clone(),
            role_name: owner.role_name(),
            granted: owner.permissions(),
        };
        // Nobody of the tenant invites: there is nobody yet.
        let change = self.change(Actor::System);
        let place = (contact.tenant_id, self.new_id());
        let (invitation, code) = self.new_invitation(place, new, offer, &change);
        let invite = self.invite(&code);
        (invitation, invite)
    }

    fn invite(&self, code: &InvitationCode) -> Invite {
        // Behind `#` the code stays in the browser: it reaches no server's log and no referrer.
        let text = code.text.expose_secret();
        Invite {
            link: format!("{}#code={text}", self.app.config.invitation_url),
            code: text.to_owned(),
            expires_days: self.app.config.invitation_days,
        }
    }
}

#[cfg(test)]
mod tests {
    use tenantry_domain::{Email, PersonName, Timestamp};

    use super::*;

    struct Sevens(u8);

    impl Entropy for Sevens {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    fn invitation(byte: u8) -> Invitation {
        let entropy = Sevens(byte);
        let at = Timestamp::from_millis(1_768_469_400_000);
        let new = NewInvitation {
            email: Email::parse("grace@navy.example").expect("it is an address"),
            first_name: None,
            last_name: None,
            role_id: Id::new(at, &entropy),
        };
        let change = Change {
            by: Actor::System,
            at,
        };
        let place = (Id::new(at, &entropy), Id::new(at, &entropy));
        let offer = Offer {
            tenant_name: PersonName::parse("Acme").expect("it is a name"),
            role_name: SystemRole::Member.role_name(),
            granted: SystemRole::Member.permissions(),
        };
        Invitation::new(place, new, offer, 1_000, &change, &entropy)
    }

    #[test]
    fn a_code_says_where_its_invitation_is_and_opens_no_other() {
        let code = InvitationCode::new(&invitation(1), &Sevens(9));
        let sent = invitation(1).with_code(code.hash());
        let sent_again = invitation(1).with_code(InvitationCode::new(&invitation(1), &Sevens(8)).hash());

        let read = InvitationCode::parse(code.text.expose_secret()).expect("it is a code");

        assert_eq!(
            (read.tenant_id, read.invitation_id, read.user_id),
            (sent.tenant_id, sent.id, sent.user_id)
        );
        assert!(read.opens(&sent));
        assert!(!read.opens(&sent_again));
        assert!(!read.opens(&invitation(1)), "there is no code");
    }

    #[test]
    fn what_is_no_code_is_none() {
        let code = InvitationCode::new(&invitation(1), &Sevens(9));
        let text = code.text.expose_secret();

        for hostile in [
            "",
            "tic_",
            "tic_!",
            &text[4..],
            &text[..text.len() - 2],
            &format!("{text}AA"),
            &text.replacen("tic_", "tlc_", 1),
        ] {
            assert!(InvitationCode::parse(hostile).is_none(), "{hostile}");
        }
    }
}
