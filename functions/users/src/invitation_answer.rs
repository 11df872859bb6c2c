//! How an invited person proves who it is, and what its answer has to look at.

use axum::extract::FromRequestParts;
use http::request::Parts;
use secrecy::ExposeSecret as _;
use tenantry_api::{BearerToken, Edge, Operation, Problem};
use tenantry_app::{Error, InvitationCode};
use tenantry_domain::{
    Actor, Conflict, Error as DomainError, Id, Invitation, Kind, Membership, Tenant, TenantScope, User,
};
use tenantry_store::{People, Rate, Transaction, Wanted};

const REFUSED: &str = "the code is not valid, was replaced, or never was one";

/// The code that came as bearer token, if one came and not a member's token.
pub(crate) struct Code(Option<BearerToken>);

impl FromRequestParts<Edge> for Code {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Edge) -> Result<Self, Problem> {
        Ok(Self(parts.extensions.get::<BearerToken>().cloned()))
    }
}

/// Which invitation a member with a token means, and who it is.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "they are called as in the body")]
pub(crate) struct Named {
    pub(crate) tenant_id: Id<Tenant>,
    pub(crate) invitation_id: Id<Invitation>,
    pub(crate) user_id: Id<User>,
}

/// An invitation, who answers it, and what there is of it.
pub(crate) struct Asked {
    pub(crate) scope: TenantScope,
    pub(crate) people: People,
    pub(crate) invitation: Invitation,
    pub(crate) user_id: Id<User>,
}

impl Asked {
    /// The person's membership in the tenant, if there is one.
    pub(crate) fn membership(&self) -> Option<&Membership> {
        let id = Membership::id_of(self.scope.tenant_id(), self.user_id);
        self.people.member(id)
    }

    /// Who has got another address since does not answer what was sent to the one before.
    pub(crate) fn check_address(&self) -> Result<(), Conflict> {
        let person = self.people.user(self.user_id);
        if person.is_some_and(|person| person.email != self.invitation.email) {
            return Err(Conflict::InvitationOutdated(self.invitation.id.to_string()));
        }
        Ok(())
    }

    /// Begins the answer: it is counted, and holds only while the tenant can be joined and its sender may still invite.
    pub(crate) fn begin(&self, operation: &Operation) -> Transaction {
        let mut transaction = Transaction::new();
        transaction
            .charge(&by_client(operation), operation.context.now)
            .in_tenant_as_self(&self.scope);
        if let Actor::Member(sender) = &self.invitation.invited_by {
            let outdated = Conflict::InvitationOutdated(self.invitation.id.to_string());
            let is_own = *sender == Membership::id_of(self.scope.tenant_id(), self.user_id);
            if !is_own {
                transaction.expect_active(&self.scope, *sender, outdated);
            }
        }
        transaction
    }
}

/// Finds the invitation that the code or the body names, if the answer comes from whom it is for. Somebody who came to be since
/// it was sent is looked for under its own id.
pub(crate) async fn find_asked(
    operation: &Operation,
    Code(bearer): &Code,
    named: Option<Named>,
    known: Option<Id<User>>,
) -> Result<Asked, Error> {
    let code = match bearer {
        Some(BearerToken(token)) => match InvitationCode::parse(token.expose_secret()) {
            Some(code) => Some(code),
            None => return refuse(operation).await,
        },
        None => None,
    };
    let place = match (&code, named) {
        (Some(code), _) => Named {
            tenant_id: code.tenant_id,
            invitation_id: code.invitation_id,
            user_id: known.unwrap_or(code.user_id),
        },
        (None, Some(named)) if operation.caller.is_person(named.user_id) => named,
        (None, Some(named)) => {
            return Err(DomainError::not_found(Kind::Invitation, named.invitation_id).into());
        }
        (None, None) => return Err(DomainError::not_found(Kind::Invitation, "").into()),
    };
    let membership_id = Membership::id_of(place.tenant_id, place.user_id);
    let scope = TenantScope::of_system(place.tenant_id, Actor::Member(membership_id));
    let wanted = Wanted {
        members: vec![membership_id],
        users: vec![place.user_id],
        invitation: Some(place.invitation_id),
        ..Wanted::default()
    };
    let found = operation.context.store.find_people(&scope, &wanted).await?;
    let found = found.and_then(|people| {
        let invitation = people.invitation.clone()?;
        // Whoever has the code has the mailbox; whoever has a token must have the address.
        let is_theirs = match &code {
            Some(code) => code.opens(&invitation),
            None => people
                .user(place.user_id)
                .is_some_and(|user| user.email == invitation.email),
        };
        is_theirs.then_some((people, invitation))
    });
    match found {
        Some((people, invitation)) => {
            operation.about_tenant(place.tenant_id);
            Ok(Asked {
                scope,
                people,
                invitation,
                user_id: place.user_id,
            })
        }
        None if code.is_some() => refuse(operation).await,
        None => Err(DomainError::not_found(Kind::Invitation, place.invitation_id).into()),
    }
}

/// A refused code is counted, so that guessing is limited too.
async fn refuse<T>(operation: &Operation) -> Result<T, Error> {
    let context = &operation.context;
    context.store.charge(&by_client(operation), context.now).await?;
    Err(DomainError::Unauthenticated(REFUSED).into())
}

fn by_client(operation: &Operation) -> Rate<'_> {
    Rate::Client {
        address: &operation.client.0,
        limit: operation.context.app.config.public_rate_per_minute,
    }
}
