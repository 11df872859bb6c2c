use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use tenantry_app::sha256_hex;
use tenantry_domain::{Entropy, Id, Tenant, Timestamp, User};

use crate::oidc::authorization::Scopes;

/// A code is good for a minute.
const CODE_MS: i64 = 60_000;
/// Who signed in is asked again after twelve hours.
const SESSION_MS: i64 = 12 * 60 * 60_000;
/// So many codes, and sessions, are remembered; then the oldest goes.
const MOST: usize = 500;
/// So many refresh tokens of a session are known again when they come a second time.
const MOST_SPENT: usize = 200;

/// What the issuer remembers: codes and refresh tokens, as hashes, in memory only.
pub struct Sessions {
    entropy: Arc<dyn Entropy>,
    memory: Mutex<Memory>,
}

/// Who signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// An operator.
    Operator,
    /// A person.
    Person(Id<User>),
}

/// What a code is given for.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) challenge: String,
    pub(super) nonce: Option<String>,
    pub(super) scopes: Scopes,
    pub(super) who: Who,
    pub(super) tenant_id: Option<Id<Tenant>>,
}

/// What a client shows with a code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'a> {
    pub(super) code: &'a str,
    pub(super) client_id: &'a str,
    pub(super) redirect_uri: &'a str,
    pub(super) verifier: &'a str,
}

/// Somebody who signed in with a client.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) id: Id<Session>,
    pub(super) client_id: String,
    pub(super) scopes: Scopes,
    pub(super) who: Who,
    pub(super) began_at: Timestamp,
}

/// Why a code or a refresh token is good for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worthless {
    /// There is none such, or none such any more.
    Unknown,
    /// It is too late.
    Expired,
    /// It was given to another client.
    OtherClient,
    /// It was given for another address.
    OtherRedirectUri,
    /// Who shows it is not who asked for it.
    WrongVerifier,
    /// It was used before; whatever came of it is over.
    Reused(Who),
}

#[derive(Default)]
struct Memory {
    codes: BTreeMap<Hash, Code>,
    sessions: BTreeMap<Id<Session>, Held>,
    tokens: BTreeMap<Hash, Id<Session>>,
}

type Hash = String;

struct Code {
    given_at: Timestamp,
    state: CodeState,
}

enum CodeState {
    Open(Grant),
    Spent(Id<Session>),
}

struct Held {
    session: Session,
    current: Option<Hash>,
    spent: VecDeque<Hash>,
}

impl Sessions {
    /// None yet.
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self {
            entropy,
            memory: Mutex::default(),
        }
    }

    /// Ends all of a person's, also those that it has only a code for. Access tokens that are out live to their end.
    pub fn end_all_of(&self, user_id: Id<User>) {
        let who = Who::Person(user_id);
        let mut memory = self.memory();
        memory
            .codes
            .retain(|_, code| !matches!(&code.state, CodeState::Open(grant) if grant.who == who));
        memory.keep_sessions(|held| held.session.who != who);
    }

    pub(super) fn end(&self, id: Id<Session>) -> Option<Session> {
        self.memory().end(id)
    }

    pub(super) fn is_live(&self, id: Id<Session>, now: Timestamp) -> bool {
        self.memory()
            .sessions
            .get(&id)
            .is_some_and(|held| held.is_live(now))
    }

    /// A code for a client that will show it once, soon.
    pub(super) fn give_code(&self, grant: Grant, now: Timestamp) -> SecretString {
        let secret = self.secret("toc_");
        let code = Code {
            given_at: now,
            state: CodeState::Open(grant),
        };
        let mut memory = self.memory();
        memory.tidy(now);
        memory.codes.insert(hash(&secret), code);
        secret
    }

    /// Begins what the code was given for. A code is tried once: also one that is shown by somebody else is spent.
    pub(super) fn redeem(&self, shown: &Shown<'_>, now: Timestamp) -> Result<(Session, Grant), Worthless> {
        let mut memory = self.memory();
        let hash = sha256_hex(shown.code);
        let Code { given_at, state } = memory.codes.remove(&hash).ok_or(Worthless::Unknown)?;
        let grant = match state {
            CodeState::Open(grant) => grant,
            CodeState::Spent(id) => {
                let ended = memory.end(id).ok_or(Worthless::Unknown)?;
                return Err(Worthless::Reused(ended.who));
            }
        };
        if now >= given_at.plus_ms(CODE_MS) {
            return Err(Worthless::Expired);
        }
        grant.check(shown)?;
        let session = Session {
            id: Id::new(now, &*self.entropy),
            client_id: grant.client_id.clone(),
            scopes: grant.scopes.clone(),
            who: grant.who,
            began_at: given_at,
        };
        let held = Held {
            session: session.clone(),
            current: None,
            spent: VecDeque::new(),
        };
        let state = CodeState::Spent(session.id);
        memory.sessions.insert(session.id, held);
        memory.codes.insert(hash, Code { given_at, state });
        memory.tidy(now);
        Ok((session, grant))
    }

    /// The session that a refresh token renews. One that was used before ends it.
    pub(super) fn find(&self, token: &str, client_id: &str, now: Timestamp) -> Result<Session, Worthless> {
        self.memory().find(token, client_id, now).cloned()
    }

    /// The first refresh token of a session, if it was not ended meanwhile.
    pub(super) fn give_token(&self, id: Id<Session>) -> Option<SecretString> {
        let secret = self.secret("tor_");
        self.memory().put_token(id, &secret).then_some(secret)
    }

    /// The next refresh token in exchange for the last one.
    pub(super) fn rotate(
        &self,
        token: &str,
        client_id: &str,
        now: Timestamp,
    ) -> Result<SecretString, Worthless> {
        let secret = self.secret("tor_");
        let mut memory = self.memory();
        let id = memory.find(token, client_id, now)?.id;
        memory.put_token(id, &secret);
        memory.tidy(now);
        Ok(secret)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn secret(&self, prefix: &str) -> SecretString {
        let mut bytes = [0; 24];
        self.entropy.fill(&mut bytes);
        format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)).into()
    }
}

impl Grant {
    fn check(&self, shown: &Shown<'_>) -> Result<(), Worthless> {
        if self.client_id != shown.client_id {
            return Err(Worthless::OtherClient);
        }
        if self.redirect_uri != shown.redirect_uri {
            return Err(Worthless::OtherRedirectUri);
        }
        // RFC 7636 section 4.1.
        let is_unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        let is_verifier =
            (43..=128).contains(&shown.verifier.len()) && shown.verifier.bytes().all(is_unreserved);
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(shown.verifier));
        if is_verifier && challenge == self.challenge {
            Ok(())
        } else {
            Err(Worthless::WrongVerifier)
        }
    }
}

impl Who {
    pub(super) fn user_id(self) -> Option<Id<User>> {
        match self {
            Self::Operator => None,
            Self::Person(user_id) => Some(user_id),
        }
    }
}

impl Held {
    fn is_live(&self, now: Timestamp) -> bool {
        now < self.session.began_at.plus_ms(SESSION_MS)
    }
}

impl Memory {
    fn end(&mut self, id: Id<Session>) -> Option<Session> {
        let held = self.sessions.remove(&id)?;
        self.tokens.retain(|_, of| *of != id);
        Some(held.session)
    }

    fn keep_sessions(&mut self, keep: impl Fn(&Held) -> bool) {
        self.sessions.retain(|_, held| keep(held));
        self.tokens.retain(|_, of| self.sessions.contains_key(of));
    }

    fn find(&mut self, token: &str, client_id: &str, now: Timestamp) -> Result<&Session, Worthless> {
        let hash = sha256_hex(token);
        let id = *self.tokens.get(&hash).ok_or(Worthless::Unknown)?;
        let held = self.sessions.get(&id).ok_or(Worthless::Unknown)?;
        if !held.is_live(now) {
            return Err(Worthless::Expired);
        }
        if held.session.client_id != client_id {
            return Err(Worthless::OtherClient);
        }
        if held.current.as_ref() != Some(&hash) {
            let ended = self.end(id).ok_or(Worthless::Unknown)?;
            return Err(Worthless::Reused(ended.who));
        }
        self.sessions
            .get(&id)
            .map(|held| &held.session)
            .ok_or(Worthless::Unknown)
    }

    fn put_token(&mut self, id: Id<Session>, secret: &SecretString) -> bool {
        let Some(held) = self.sessions.get_mut(&id) else {
            return false;
        };
        held.spent.extend(held.current.replace(hash(secret)));
        if held.spent.len() > MOST_SPENT
            && let Some(oldest) = held.spent.pop_front()
        {
            self.tokens.remove(&oldest);
        }
        self.tokens.insert(hash(secret), id);
        true
    }

    /// Forgets what is over. A spent code is remembered as long as what came of it.
    fn tidy(&mut self, now: Timestamp) {
        self.keep_sessions(|held| held.is_live(now));
        // Ids sort by the time they were made.
        while self.sessions.len() > MOST
            && let Some(oldest) = self.sessions.keys().next().copied()
        {
            self.end(oldest);
        }
        let sessions = &self.sessions;
        self.codes.retain(|_, code| match &code.state {
            CodeState::Open(_) => now < code.given_at.plus_ms(CODE_MS),
            CodeState::Spent(id) => sessions.contains_key(id),
        });
        let open = self
            .codes
            .iter()
            .filter(|(_, code)| matches!(code.state, CodeState::Open(_)));
        if open.clone().count() > MOST
            && let Some(oldest) = open
                .min_by_key(|(_, code)| code.given_at)
                .map(|(hash, _)| hash.clone())
        {
            self.codes.remove(&oldest);
        }
    }
}

fn hash(secret: &SecretString) -> Hash {
    sha256_hex(secret.expose_secret())
}

impl fmt::Display for Worthless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "it is unknown, or of a sign-in that is over",
            Self::Expired => "it is too late for it",
            Self::OtherClient => "it was given to another client",
            Self::OtherRedirectUri => "it was given for another redirect_uri",
            Self::WrongVerifier => "code_verifier does not fit the code_challenge",
            Self::Reused(_) => "it was used before, so the sign-in that it is of is over",
        })
    }
}

#[cfg(test)]
mod tests {
    use tenantry_app::OsEntropy;

    use super::*;

    /// RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_768_469_400_000 + ms)
    }

    fn sessions() -> Sessions {
        Sessions::new(Arc::new(OsEntropy))
    }

    fn grant(who: Who) -> Grant {
        Grant {
            client_id: "web".to_owned(),
            redirect_uri: "http://localhost/".to_owned(),
            challenge: CHALLENGE.to_owned(),
            nonce: None,
            scopes: Scopes::parse("openid"),
            who,
            tenant_id: None,
        }
    }

    fn shown(code: &SecretString) -> Shown<'_> {
        Shown {
            code: code.expose_secret(),
            client_id: "web",
            redirect_uri: "http://localhost/",
            verifier: VERIFIER,
        }
    }

    /// A session that has its first refresh token.
    fn begun(sessions: &Sessions, who: Who, ms: i64) -> (Session, SecretString) {
        let code = sessions.give_code(grant(who), at(ms));
        let (session, _) = sessions.redeem(&shown(&code), at(ms)).expect("it is good");
        let token = sessions.give_token(session.id).expect("it is live");
        (session, token)
    }

    #[test]
    fn a_code_is_good_until_its_minute_is_over() {
        let sessions = sessions();
        let (first, second) = (
            sessions.give_code(grant(Who::Operator), at(0)),
            sessions.give_code(grant(Who::Operator), at(0)),
        );

        assert!(sessions.redeem(&shown(&first), at(CODE_MS - 1)).is_ok());
        let late = sessions.redeem(&shown(&second), at(CODE_MS)).map(|_| ());
        assert_eq!(late, Err(Worthless::Expired));
    }

    #[test]
    fn a_code_is_tried_once_by_whomever() {
        let long = VERIFIER.repeat(3);
        for (other, expected) in [
            ((Some("other"), None, None), Worthless::OtherClient),
            (
                (None, Some("http://localhost"), None),
                Worthless::OtherRedirectUri,
            ),
            ((None, None, Some(CHALLENGE)), Worthless::WrongVerifier),
            ((None, None, Some("")), Worthless::WrongVerifier),
            ((None, None, Some(long.as_str())), Worthless::WrongVerifier),
        ] {
            let sessions = sessions();
            let code = sessions.give_code(grant(Who::Operator), at(0));
            let good = shown(&code);
            let (client_id, redirect_uri, verifier) = other;
            let bad = Shown {
                client_id: client_id.unwrap_or(good.client_id),
                redirect_uri: redirect_uri.unwrap_or(good.redirect_uri),
                verifier: verifier.unwrap_or(good.verifier),
                ..good
            };

            assert_eq!(sessions.redeem(&bad, at(0)).map(|_| ()), Err(expected));
            assert_eq!(sessions.redeem(&good, at(0)).map(|_| ()), Err(Worthless::Unknown));
        }
    }

    #[test]
    fn a_code_that_comes_again_ends_what_came_of_it_however_late() {
        let sessions = sessions();
        let code = sessions.give_code(grant(Who::Operator), at(0));
        let (session, _) = sessions.redeem(&shown(&code), at(0)).expect("it is good");
        let token = sessions.give_token(session.id).expect("it is live");
        let _ = sessions.give_code(grant(Who::Operator), at(CODE_MS * 10));

        let again = sessions.redeem(&shown(&code), at(CODE_MS * 10)).map(|_| ());

        assert_eq!(again, Err(Worthless::Reused(Who::Operator)));
        let token = sessions.find(token.expose_secret(), "web", at(CODE_MS * 10));
        assert_eq!(token.map(|_| ()), Err(Worthless::Unknown));
        assert!(!sessions.is_live(session.id, at(CODE_MS * 10)));
        assert!(
            sessions.give_token(session.id).is_none(),
            "nor does a slow answer bring it back"
        );
    }

    #[test]
    fn a_refresh_token_that_comes_again_ends_the_session() {
        let sessions = sessions();
        let (session, first) = begun(&sessions, Who::Operator, 0);
        let second = sessions
            .rotate(first.expose_secret(), "web", at(1))
            .expect("it is good");

        let foreign = sessions.find(first.expose_secret(), "other", at(1)).map(|_| ());
        assert_eq!(foreign, Err(Worthless::OtherClient));
        assert!(sessions.is_live(session.id, at(1)), "another client ends nothing");
        let again = sessions.rotate(first.expose_secret(), "web", at(1)).map(|_| ());

        assert_eq!(again, Err(Worthless::Reused(Who::Operator)));
        let second = sessions.find(second.expose_secret(), "web", at(1)).map(|_| ());
        assert_eq!(second, Err(Worthless::Unknown));
    }

    #[test]
    fn a_session_ends_after_its_time_however_often_it_was_renewed() {
        let sessions = sessions();
        let (_, token) = begun(&sessions, Who::Operator, 0);
        let token = sessions
            .rotate(token.expose_secret(), "web", at(SESSION_MS - 1))
            .expect("it is good");

        let late = sessions
            .find(token.expose_secret(), "web", at(SESSION_MS))
            .map(|_| ());

        assert_eq!(late, Err(Worthless::Expired));
    }

    #[test]
    fn signing_a_person_out_ends_all_that_it_began_and_nothing_of_others() {
        let sessions = sessions();
        let ada = Id::new(at(0), &OsEntropy);
        let (_, of_ada) = begun(&sessions, Who::Person(ada), 0);
        let (_, of_operator) = begun(&sessions, Who::Operator, 0);
        let code = sessions.give_code(grant(Who::Person(ada)), at(0));

        sessions.end_all_of(ada);

        assert!(sessions.find(of_ada.expose_secret(), "web", at(0)).is_err());
        assert!(sessions.redeem(&shown(&code), at(0)).is_err());
        assert!(sessions.find(of_operator.expose_secret(), "web", at(0)).is_ok());
    }

    #[test]
    fn what_is_remembered_does_not_grow_without_end() {
        let sessions = sessions();
        let (_, mut token) = begun(&sessions, Who::Operator, 0);
        for _ in 0..MOST_SPENT + 10 {
            token = sessions
                .rotate(token.expose_secret(), "web", at(0))
                .expect("it is good");
        }
        assert_eq!(sessions.memory().tokens.len(), MOST_SPENT + 1);

        for ms in 0..600 {
            begun(&sessions, Who::Operator, ms);
        }
        for ms in 0..600 {
            let _ = sessions.give_code(grant(Who::Operator), at(600 + ms));
        }

        let memory = sessions.memory();
        assert_eq!((memory.sessions.len(), memory.tokens.len()), (MOST, MOST));
        // The open ones, those that sessions came of, and the one that was just given.
        assert_eq!(memory.codes.len(), 2 * MOST + 1);
    }

    #[test]
    fn secrets_are_kept_as_hashes_only() {
        let sessions = sessions();
        let (_, token) = begun(&sessions, Who::Operator, 0);
        let code = sessions.give_code(grant(Who::Operator), at(0));

        let memory = sessions.memory();

        assert!(token.expose_secret().starts_with("tor_") && code.expose_secret().starts_with("toc_"));
        assert!(
            memory
                .tokens
                .keys()
                .chain(memory.codes.keys())
                .all(|key| key.len() == 64)
        );
    }
}
