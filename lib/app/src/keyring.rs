use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::Sha256;
use tenantry_domain::Entropy;
use tenantry_store::{AuditKeys, CursorKey};
use thiserror::Error;

const NONCE_LEN: usize = 24;

/// The keys of one deployment, all derived from master keys. Secrets are sealed under the current one and opened under
/// the one they name, so that a new one can be added before the old one goes.
pub struct Keyring {
    current: String,
    masters: BTreeMap<String, Vec<u8>>,
}

/// Why key material or a sealed text is unusable.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The secret is not what the documentation says.
    #[error(
        "the master key secret must be {{\"current\":\"k1\",\"keys\":{{\"k1\":\"<base64 of 32 bytes>\"}}}}"
    )]
    Material,
    /// The text was sealed under another key, for another purpose, or was changed.
    #[error("a sealed text cannot be opened")]
    Seal,
}

#[derive(Deserialize)]
struct Material {
    current: String,
    #[serde(default)]
    keys: BTreeMap<String, String>,
    /// What Secrets Manager generates when the stack is made; it stands for the key `k1`.
    generated: Option<String>,
}

impl Keyring {
    /// Reads the secret's JSON: `{"current":"k1","keys":{"k1":"<base64 of at least 32 bytes>"}}`, or with `generated`.
    pub fn parse(secret: &SecretString) -> Result<Self, KeyError> {
        let material: Material =
            serde_json::from_str(secret.expose_secret()).map_err(|_| KeyError::Material)?;
        let mut masters = BTreeMap::new();
        for (id, key) in material.keys {
            masters.insert(id, STANDARD.decode(key).map_err(|_| KeyError::Material)?);
        }
        if let Some(generated) = material.generated {
            masters
                .entry("k1".to_owned())
                .or_insert_with(|| generated.into_bytes());
        }
        let is_id = |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric());
        let is_usable = masters.iter().all(|(id, key)| key.len() >= 32 && is_id(id))
            && masters.contains_key(&material.current);
        if is_usable {
            Ok(Self {
                current: material.current,
                masters,
            })
        } else {
            Err(KeyError::Material)
        }
    }

    /// A keyring with one key.
    pub fn from_bytes(master: [u8; 32]) -> Self {
        Self {
            current: "k1".to_owned(),
            masters: BTreeMap::from([("k1".to_owned(), master.to_vec())]),
        }
    }

    /// Encrypts a text so that it opens only for the same purpose (the item that it belongs to).
    pub fn seal(&self, purpose: &str, text: &str, entropy: &dyn Entropy) -> String {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce);
        let payload = Payload {
            msg: text.as_bytes(),
            aad: purpose.as_bytes(),
        };
        let sealed = self
            .cipher(&self.current)
            .and_then(|cipher| cipher.encrypt(XNonce::from_slice(&nonce), payload).ok())
            .expect("the current key exists, and texts are far below the cipher's limit");
        format!(
            "{}.{}",
            self.current,
            URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat())
        )
    }

    /// Decrypts what `seal` made for this purpose.
    pub fn open(&self, purpose: &str, sealed: &str) -> Result<SecretString, KeyError> {
        let (id, bytes) = sealed.split_once('.').ok_or(KeyError::Seal)?;
        let bytes = URL_SAFE_NO_PAD.decode(bytes).map_err(|_| KeyError::Seal)?;
        let (nonce, bytes) = bytes.split_at_checked(NONCE_LEN).ok_or(KeyError::Seal)?;
        let payload = Payload {
            msg: bytes,
            aad: purpose.as_bytes(),
        };
        let cipher = self.cipher(id).ok_or(KeyError::Seal)?;
        let text = cipher
            .decrypt(XNonce::from_slice(nonce), payload)
            .map_err(|_| KeyError::Seal)?;
        String::from_utf8(text)
            .map(SecretString::from)
            .map_err(|_| KeyError::Seal)
    }

    /// Signs cursors.
    pub fn cursor_key(&self) -> CursorKey {
        CursorKey::new(
            self.derive(&self.current, "cursor")
                .expect("the current key exists"),
        )
    }

    /// Seal audit entries.
    pub fn audit_keys(&self) -> AuditKeys {
        let keys = self.masters.keys();
        let keys = keys.filter_map(|id| Some((id.clone(), self.derive(id, "audit")?)));
        AuditKeys::new(self.current.clone(), keys.collect())
    }

    /// The id and bytes of the key that signs lead tokens now.
    pub(crate) fn lead_token_key(&self) -> (&str, [u8; 32]) {
        (
            &self.current,
            self.derive(&self.current, "lead-token")
                .expect("the current key exists"),
        )
    }

    /// The key that a lead token names.
    pub(crate) fn lead_token_key_named(&self, id: &str) -> Option<[u8; 32]> {
        self.derive(id, "lead-token")
    }

    fn cipher(&self, id: &str) -> Option<XChaCha20Poly1305> {
        Some(XChaCha20Poly1305::new(&self.derive(id, "seal")?.into()))
    }

    fn derive(&self, id: &str, use_for: &str) -> Option<[u8; 32]> {
        let mut key = [0; 32];
        let info = format!("tenantry/{use_for}/1");
        Hkdf::<Sha256>::new(None, self.masters.get(id)?)
            .expand(info.as_bytes(), &mut key)
            .ok()?;
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Zeroes;

    impl Entropy for Zeroes {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    #[test]
    fn a_sealed_text_opens_for_its_purpose_only() {
        let keyring = Keyring::from_bytes([1; 32]);

        let sealed = keyring.seal("outbox/1", "secret", &Zeroes);

        assert!(!sealed.contains("secret"));
        assert_eq!(
            keyring.open("outbox/1", &sealed).expect("opens").expose_secret(),
            "secret"
        );
        assert!(keyring.open("outbox/2", &sealed).is_err());
        assert!(Keyring::from_bytes([2; 32]).open("outbox/1", &sealed).is_err());
        assert!(keyring.open("outbox/1", &format!("{sealed}A")).is_err());
    }

    #[test]
    fn what_an_old_key_sealed_opens_after_a_new_one_became_current() {
        let (old, new) = (STANDARD.encode([1; 32]), STANDARD.encode([2; 32]));
        let before =
            Keyring::parse(&format!(r#"{{"current":"k1","keys":{{"k1":"{old}"}}}}"#).into()).expect("valid");
        let after =
            Keyring::parse(&format!(r#"{{"current":"k2","keys":{{"k1":"{old}","k2":"{new}"}}}}"#).into())
                .expect("valid");

        let sealed = before.seal("p", "secret", &Zeroes);

        assert_eq!(after.open("p", &sealed).expect("opens").expose_secret(), "secret");
        assert!(after.seal("p", "secret", &Zeroes).starts_with("k2."));
    }

    #[test]
    fn unusable_key_material_is_refused() {
        let short = STANDARD.encode([1; 16]);
        let cases = [
            String::new(),
            r#"{"current":"k1","keys":{}}"#.to_owned(),
            format!(r#"{{"current":"k1","keys":{{"k1":"{short}"}}}}"#),
            r#"{"current":"k1","keys":{"k1":"not base64!"}}"#.to_owned(),
            r#"{"current":"k2","generated":"0123456789012345678901234567890123456789"}"#.to_owned(),
        ];

        for case in cases {
            assert!(Keyring::parse(&case.clone().into()).is_err(), "{case}");
        }
    }

    #[test]
    fn a_generated_secret_is_the_first_key() {
        let secret = r#"{"current":"k1","generated":"0123456789012345678901234567890123456789"}"#;

        assert!(Keyring::parse(&secret.to_owned().into()).is_ok());
    }
}
