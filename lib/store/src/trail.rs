//! The chain of a tenant's audit trail: every entry carries a seal over itself and the seal before it, and the trail's
//! head, an item beside the tenant, carries the last one. Without the key nobody can change, add or take out an entry unnoticed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use tenantry_domain::{AuditEntry, Id, Tenant, TenantScope};

use crate::audit::AuditLine;
use crate::entity::{Entity, text_of};
use crate::key::{self, Key, Keys, TENANT_PREFIX};
use crate::{Error, Order, Store};

/// The keys that seal entries, by the ids that seals name.
pub struct AuditKeys {
    current: String,
    keys: BTreeMap<String, [u8; 32]>,
}

/// Where a tenant's audit trail stands. It is read with the tenant, so that the next entry can be chained to the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trail {
    /// Whose trail it is.
    pub tenant_id: Id<Tenant>,
    /// How many entries there are.
    pub sequence: u64,
    /// The seal of the last one; empty before the first.
    pub seal: String,
}

/// An entry with its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainedEntry {
    /// What was done.
    pub entry: AuditEntry,
    /// Counts the tenant's entries, from 1.
    pub sequence: u64,
    /// Proves this entry and all before it.
    pub seal: String,
}

/// What is wrong with a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The entry with this number is not there.
    Missing(u64),
    /// The entry with this number is not the one that was written, or does not follow the one before it.
    Changed(u64),
    /// The head is not there or does not name the last entry, so entries at the end may be missing.
    Head,
}

/// What a check of part of a chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainCheck {
    /// How many entries fit, on this page.
    pub checked: u64,
    /// How many entries the trail has by its head.
    pub entries: u64,
    /// What is wrong, first of all.
    pub fault: Option<Fault>,
    /// Where to go on, if there is more.
    pub next_cursor: Option<String>,
}

impl AuditKeys {
    /// From key material; entries are sealed with the current one, and checked with the one that they name.
    pub fn new(current: String, keys: BTreeMap<String, [u8; 32]>) -> Self {
        Self { current, keys }
    }

    fn seal(&self, trail: &Trail, entry: &AuditEntry) -> Option<String> {
        self.seal_with(&self.current, trail, entry)
    }

    /// Whether this is the seal of an entry that follows where the trail stands.
    fn fits(&self, trail: &Trail, entry: &AuditEntry, seal: &str) -> bool {
        let expected = seal
            .split_once('.')
            .and_then(|(id, _)| self.seal_with(id, trail, entry));
        expected.is_some_and(|expected| bool::from(expected.as_bytes().ct_eq(seal.as_bytes())))
    }

    fn seal_with(&self, id: &str, trail: &Trail, entry: &AuditEntry) -> Option<String> {
        let key = self.keys.get(id)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        // Every part goes in behind its length, so that no two entries give the same bytes.
        let mut part = |part: Option<&str>| {
            mac.update(&part.map_or(u64::MAX, |part| part.len() as u64).to_be_bytes());
            mac.update(part.unwrap_or_default().as_bytes());
        };
        let AuditEntry {
            id: entry_id,
            action,
            actor,
            at,
            request_id,
            before,
            after,
        } = entry;
        part(Some("tenantry audit 1"));
        part(Some(&trail.tenant_id.to_string()));
        part(Some(&(trail.sequence + 1).to_string()));
        part(Some(&trail.seal));
        part(Some(&entry_id.to_string()));
        part(Some(action));
        part(Some(&actor.to_string()));
        part(Some(&at.to_string()));
        part(Some(request_id));
        part(before.as_ref().map(ToString::to_string).as_deref());
        part(after.as_ref().map(ToString::to_string).as_deref());
        Some(format!(
            "{id}.{}",
            URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
        ))
    }
}

impl Trail {
    /// The trail of a tenant that has none yet.
    pub fn begin(tenant_id: Id<Tenant>) -> Self {
        Self {
            tenant_id,
            sequence: 0,
            seal: String::new(),
        }
    }

    /// The line that follows, and where the trail stands behind it.
    pub(crate) fn append(&self, keys: &AuditKeys, entry: &AuditEntry) -> Result<(AuditLine, Self), Error> {
        let seal = keys
            .seal(self, entry)
            .ok_or_else(|| Error::internal("there is no current audit key"))?;
        let after = Self {
            sequence: self.sequence + 1,
            seal: seal.clone(),
            ..self.clone()
        };
        let line = AuditLine {
            subject: self.tenant_id.to_string(),
            entry: entry.clone(),
            sequence: Some(after.sequence),
            seal: Some(seal),
        };
        Ok((line, after))
    }
}

impl Entity for Trail {
    const TYPE: &'static str = "trail";

    fn keys(&self) -> Keys {
        Keys::only(key::trail(self.tenant_id))
    }
}

impl Store {
    /// Where the tenant's audit trail stands; a tenant that was never written to has none.
    pub async fn find_trail(&self, scope: &TenantScope) -> Result<Option<Trail>, Error> {
        self.get(&key::trail(scope.tenant_id())).await
    }

    /// Reads something of the tenant and where its audit trail stands, in one call, wherever in the partition it lies.
    pub(crate) async fn get_with_trail<E: Entity>(
        &self,
        scope: &TenantScope,
        key: &Key,
    ) -> Result<Option<(E, Trail)>, Error> {
        let trail_key = key::trail(scope.tenant_id());
        let keys = vec![key.to_item(), trail_key.to_item()];
        let items = self.get_items(keys, None).await?;
        let (mut found, mut trail) = (None, Trail::begin(scope.tenant_id()));
        for item in items {
            if text_of(&item, "type") == Some(Trail::TYPE) {
                trail = Trail::from_item(item)?;
            } else {
                found = Some(E::from_item(item)?);
            }
        }
        Ok(found.map(|found| (found, trail)))
    }

    /// Finds the tenant and where its audit trail stands, in one call.
    pub async fn find_tenant_to_change(&self, scope: &TenantScope) -> Result<Option<(Tenant, Trail)>, Error> {
        let trail = key::trail(scope.tenant_id());
        let range = (TENANT_PREFIX.to_owned(), trail.sk);
        let items = self
            .query(None, &trail.pk, &range, None, Order::Ascending, None, true)
            .await?;
        let (mut tenant, mut trail) = (None, Trail::begin(scope.tenant_id()));
        for item in items {
            match text_of(&item, "type") {
                Some(Tenant::TYPE) => tenant = Some(Tenant::from_item(item)?),
                Some(Trail::TYPE) => trail = Trail::from_item(item)?,
                _ => {}
            }
        }
        let tenant = tenant.filter(|tenant| scope.covers(tenant));
        Ok(tenant.map(|tenant| (tenant, trail)))
    }

    /// Checks at most so many of the next entries of the tenant's audit trail, from the first one on; the last page checks the head as well.
    /// Two calls, one behind the other: an entry that is written between them is not counted as a surplus.
    pub async fn check_audit(
        &self,
        scope: &TenantScope,
        most: usize,
        cursor: Option<&str>,
        binding: &str,
    ) -> Result<Option<ChainCheck>, Error> {
        let cursor_key = &self.shared.settings.cursor_key;
        let position = cursor
            .map(|cursor| cursor_key.open(binding, cursor))
            .transpose()?;
        let head = self.find_trail(scope).await?;
        // The entry at the position was checked by the page before: its seal is what the next one is chained to.
        let range = (
            position.clone().unwrap_or_else(|| " ".to_owned()),
            key::LAST.to_owned(),
        );
        let partition = key::audit_of(&scope.tenant_id().to_string());
        let limit = most + usize::from(position.is_some());
        let items = self
            .query(
                None,
                &partition,
                &range,
                None,
                Order::Ascending,
                Some(limit),
                true,
            )
            .await?;
        if head.is_none() && items.is_empty() {
            return Ok(None);
        }
        let is_last = items.len() < limit;
        let mut lines = items.into_iter().map(AuditLine::from_item);
        let mut trail = Trail::begin(scope.tenant_id());
        if position.is_some() {
            match lines.next().and_then(Result::ok).and_then(AuditLine::chained) {
                Some(before) => (trail.sequence, trail.seal) = (before.sequence, before.seal),
                None => return Err(Error::InvalidCursor),
            }
        }
        let start = trail.sequence;
        let mut fault = None;
        for line in lines {
            let expected = trail.sequence + 1;
            // A line that cannot be read any more is not the one that was written.
            fault = match line.ok().and_then(AuditLine::chained) {
                Some(chained) if chained.sequence > expected => Some(Fault::Missing(expected)),
                Some(chained)
                    if chained.sequence == expected
                        && self
                            .shared
                            .settings
                            .audit_keys
                            .fits(&trail, &chained.entry, &chained.seal) =>
                {
                    (trail.sequence, trail.seal) = (chained.sequence, chained.seal);
                    None
                }
                Some(_) | None => Some(Fault::Changed(expected)),
            };
            if fault.is_some() {
                break;
            }
        }
        let entries = head.as_ref().map_or(0, |head| head.sequence);
        if fault.is_none() {
            fault = match &head {
                None => Some(Fault::Head),
                // An entry behind the head is one that was written since the head was read, or its seal would not fit.
                Some(head) if is_last && trail.sequence < head.sequence => {
                    Some(Fault::Missing(trail.sequence + 1))
                }
                Some(head) if trail.sequence == head.sequence && trail.seal != head.seal => Some(Fault::Head),
                Some(_) => None,
            };
        }
        let next_cursor = (fault.is_none() && !is_last)
            .then(|| cursor_key.seal(binding, &key::audit_place(trail.sequence)));
        Ok(Some(ChainCheck {
            checked: trail.sequence - start,
            entries: entries.max(trail.sequence),
            fault,
            next_cursor,
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tenantry_domain::{Actor, Entropy, Timestamp};

    use super::*;

    struct Sevens;

    impl Entropy for Sevens {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    fn keys() -> AuditKeys {
        let keys = [("k1".to_owned(), [1; 32]), ("k2".to_owned(), [2; 32])];
        AuditKeys::new("k2".to_owned(), keys.into())
    }

    fn entry(action: &str) -> AuditEntry {
        let at = Timestamp::from_millis(1_000);
        AuditEntry {
            id: Id::new(at, &Sevens),
            action: action.to_owned(),
            actor: Actor::System,
            at,
            request_id: "r".to_owned(),
            before: None,
            after: None,
        }
    }

    fn trail() -> Trail {
        Trail::begin(Id::new(Timestamp::from_millis(0), &Sevens))
    }

    #[test]
    fn an_entry_fits_only_where_it_was_written() {
        let (line, after) = trail().append(&keys(), &entry("a")).expect("there is a key");
        let (second, _) = after.append(&keys(), &entry("a")).expect("there is a key");
        let (seal, second) = (line.seal.expect("chained"), second.seal.expect("chained"));

        assert!(keys().fits(&trail(), &entry("a"), &seal));
        assert!(keys().fits(&after, &entry("a"), &second));
        assert!(!keys().fits(&trail(), &entry("a"), &second));
        assert!(!keys().fits(&after, &entry("a"), &seal));
    }

    #[test]
    fn seals_of_a_former_key_still_fit_and_those_of_no_key_do_not() {
        let former = AuditKeys::new("k1".to_owned(), keys().keys);
        let (line, _) = trail().append(&former, &entry("a")).expect("there is a key");
        let seal = line.seal.expect("chained");

        assert!(seal.starts_with("k1."));
        assert!(keys().fits(&trail(), &entry("a"), &seal));
        for forged in [
            seal.replacen("k1", "k2", 1),
            seal.replacen("k1", "k3", 1),
            String::new(),
            ".".to_owned(),
        ] {
            assert!(!keys().fits(&trail(), &entry("a"), &forged), "{forged}");
        }
    }

    #[test]
    fn every_part_of_an_entry_is_sealed() {
        let (line, _) = trail().append(&keys(), &entry("a")).expect("there is a key");
        let seal = line.seal.expect("chained");
        let value = |text: &str| Some(serde_json::Value::from(text));
        let changed = [
            entry("b"),
            AuditEntry {
                actor: Actor::Anonymous,
                ..entry("a")
            },
            AuditEntry {
                at: Timestamp::from_millis(1_001),
                ..entry("a")
            },
            AuditEntry {
                id: Id::new(Timestamp::from_millis(2_000), &Sevens),
                ..entry("a")
            },
            AuditEntry {
                request_id: "s".to_owned(),
                ..entry("a")
            },
            AuditEntry {
                before: value("x"),
                ..entry("a")
            },
            AuditEntry {
                after: value("x"),
                ..entry("a")
            },
        ];

        for entry in changed {
            assert!(!keys().fits(&trail(), &entry, &seal), "{entry:?}");
        }
    }

    proptest! {
        #[test]
        fn no_two_entries_share_a_seal(a in "[a-c]{0,3}", b in "[a-c]{0,3}", c in "[a-c]{0,3}", d in "[a-c]{0,3}") {
            let make = |action: &str, request: &str| AuditEntry { request_id: request.to_owned(), ..entry(action) };
            let seal = keys().seal(&trail(), &make(&a, &b)).expect("there is a key");

            prop_assert_eq!(keys().fits(&trail(), &make(&c, &d), &seal), (a, b) == (c, d));
        }
    }
}
