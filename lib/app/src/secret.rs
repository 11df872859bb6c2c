use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use tenantry_domain::Entropy;

/// A verification code: 144 random bits behind a prefix that secret scanners can find.
pub fn new_code(entropy: &dyn Entropy) -> SecretString {
    let mut bytes = [0; 18];
    entropy.fill(&mut bytes);
    format!("tlc_{}", URL_SAFE_NO_PAD.encode(bytes)).into()
}

/// A webhook secret: 256 random bits behind a prefix that secret scanners can find.
pub fn new_webhook_secret(entropy: &dyn Entropy) -> SecretString {
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes);
    format!("tws_{}", hex::encode(bytes)).into()
}

/// The form in which codes are stored and compared: lower-case hex.
pub fn sha256_hex(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(Sha256::digest(bytes))
}
