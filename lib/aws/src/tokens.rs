//! The cryptography of tokens on `ring`, which TLS links anyway: the backend that comes with the tokens' crate brings RSA,
//! three curves and their big integers a second time. The local product keeps that backend.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{Error as Refused, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::hmac;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};

/// Issuers' RS256 and ES256 are verified, our own HS256 is signed and verified; nothing else is known.
pub(crate) static RING: CryptoProvider = CryptoProvider {
    signer_factory,
    verifier_factory,
    // For making key sets out of private keys, which no function has.
    key_utils: KeyUtils::new_unimplemented(),
};

struct Hs256(hmac::Key);
struct Rs256 {
    n: Vec<u8>,
    e: Vec<u8>,
}
struct Es256(Vec<u8>);

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that the provider has"
)]
fn signer_factory(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    match (algorithm, key.family()) {
        (Algorithm::HS256, AlgorithmFamily::Hmac) => Ok(Box::new(Hs256::new(key.as_bytes()))),
        (Algorithm::HS256, _) => Err(ErrorKind::InvalidKeyFormat.into()),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that the provider has"
)]
fn verifier_factory(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    match (algorithm, key.family(), key.kind()) {
        (Algorithm::HS256, AlgorithmFamily::Hmac, DecodingKeyKind::SecretOrDer(secret)) => {
            Ok(Box::new(Hs256::new(secret)))
        }
        (Algorithm::RS256, AlgorithmFamily::Rsa, DecodingKeyKind::RsaModulusExponent { n, e }) => {
            Ok(Box::new(Rs256 {
                n: without_zeros(n),
                e: without_zeros(e),
            }))
        }
        (Algorithm::ES256, AlgorithmFamily::Ec, DecodingKeyKind::SecretOrDer(point)) => {
            Ok(Box::new(Es256(point.clone())))
        }
        (Algorithm::HS256 | Algorithm::RS256 | Algorithm::ES256, _, _) => {
            Err(ErrorKind::InvalidKeyFormat.into())
        }
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

/// Some issuers write a number with the zero that keeps it positive elsewhere; `ring` refuses that.
fn without_zeros(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number[zeros..].to_vec()
}

impl Hs256 {
    fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, Refused> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Refused> {
        hmac::verify(&self.0, message, signature).map_err(|_| Refused::new())
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl Verifier<Vec<u8>> for Rs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Refused> {
        let (n, e) = (&self.n, &self.e);
        RsaPublicKeyComponents { n, e }
            .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            .map_err(|_| Refused::new())
    }
}

impl JwtVerifier for Rs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RS256
    }
}

impl Verifier<Vec<u8>> for Es256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Refused> {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.0)
            .verify(message, signature)
            .map_err(|_| Refused::new())
    }
}

impl JwtVerifier for Es256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use jsonwebtoken::crypto::rust_crypto;
    use p256::ecdsa::SigningKey;
    use p256::pkcs8::EncodePrivateKey as _;

    use super::*;

    const MESSAGE: &[u8] = b"header.claims";

    fn rsa() -> (EncodingKey, DecodingKey) {
        let text = include_str!("../../../tests/edge/rsa_test_key.txt").trim();
        let (der, n) = text.split_once('\n').expect("the file has two lines");
        let der = STANDARD.decode(der).expect("the file holds base64");
        (
            EncodingKey::from_rsa_der(&der),
            DecodingKey::from_rsa_components(n, "AQAB").expect("the file holds a modulus"),
        )
    }

    fn ec() -> (EncodingKey, DecodingKey) {
        let key = SigningKey::from_slice(&[9; 32]).expect("the seed is a key");
        let der = key.to_pkcs8_der().expect("the key has a DER form");
        let point = key.verifying_key().to_encoded_point(false);
        let text = |coordinate: &[u8]| URL_SAFE_NO_PAD.encode(coordinate);
        let (x, y) = (point.x().expect("a point"), point.y().expect("a point"));
        (
            EncodingKey::from_ec_der(der.as_bytes()),
            DecodingKey::from_ec_components(&text(x), &text(y)).expect("it has coordinates"),
        )
    }

    fn secret() -> (EncodingKey, DecodingKey) {
        (
            EncodingKey::from_secret(&[1; 32]),
            DecodingKey::from_secret(&[1; 32]),
        )
    }

    fn is_taken(algorithm: Algorithm, key: &DecodingKey, message: &[u8], signature: &[u8]) -> bool {
        let verifier = (RING.verifier_factory)(&algorithm, key).expect("the key fits the algorithm");
        verifier.verify(message, &signature.to_vec()).is_ok()
    }

    #[test]
    fn what_another_library_signed_is_taken_and_nothing_else() {
        let cases = [
            (Algorithm::HS256, secret()),
            (Algorithm::RS256, rsa()),
            (Algorithm::ES256, ec()),
        ];
        for (algorithm, (private, public)) in cases {
            let signer = (rust_crypto::DEFAULT_PROVIDER.signer_factory)(&algorithm, &private);
            let signature = signer.expect("the key fits").try_sign(MESSAGE).expect("it signs");
            let mut broken = signature.clone();
            broken[0] ^= 1;

            assert!(is_taken(algorithm, &public, MESSAGE, &signature), "{algorithm:?}");
            assert!(
                !is_taken(algorithm, &public, b"header.claimz", &signature),
                "{algorithm:?}"
            );
            for signature in [&broken[..], &signature[1..], &[]] {
                assert!(!is_taken(algorithm, &public, MESSAGE, signature), "{algorithm:?}");
            }
        }
    }

    #[test]
    fn another_library_takes_what_we_sign() {
        let (private, public) = secret();

        let signer = (RING.signer_factory)(&Algorithm::HS256, &private).expect("the key fits");
        let signature = signer.try_sign(MESSAGE).expect("it signs");

        let verifier = (rust_crypto::DEFAULT_PROVIDER.verifier_factory)(&Algorithm::HS256, &public);
        assert!(
            verifier
                .expect("the key fits")
                .verify(MESSAGE, &signature)
                .is_ok()
        );
    }

    #[test]
    fn a_modulus_with_a_leading_zero_is_the_same_modulus() {
        let (private, _) = rsa();
        let text = include_str!("../../../tests/edge/rsa_test_key.txt").trim();
        let (_, n) = text.split_once('\n').expect("the file has two lines");
        let n = URL_SAFE_NO_PAD.decode(n).expect("the file holds a modulus");
        let padded = DecodingKey::from_rsa_raw_components(&[&[0], n.as_slice()].concat(), &[1, 0, 1]);

        let signer = (rust_crypto::DEFAULT_PROVIDER.signer_factory)(&Algorithm::RS256, &private);
        let signature = signer.expect("the key fits").try_sign(MESSAGE).expect("it signs");

        assert!(is_taken(Algorithm::RS256, &padded, MESSAGE, &signature));
    }

    #[test]
    fn a_key_serves_its_own_algorithm_only() {
        let (rsa_key, ec_key, secret_key) = (rsa().1, ec().1, secret().1);
        let misfits = [
            (Algorithm::HS256, &rsa_key),
            (Algorithm::HS256, &ec_key),
            (Algorithm::RS256, &ec_key),
            (Algorithm::RS256, &secret_key),
            (Algorithm::ES256, &rsa_key),
            (Algorithm::ES256, &secret_key),
            (Algorithm::HS512, &secret_key),
            (Algorithm::PS256, &rsa_key),
            (Algorithm::EdDSA, &ec_key),
        ];

        for (algorithm, key) in misfits {
            assert!((RING.verifier_factory)(&algorithm, key).is_err(), "{algorithm:?}");
        }
        for (algorithm, key) in [
            (Algorithm::HS256, ec().0),
            (Algorithm::ES256, ec().0),
            (Algorithm::HS384, secret().0),
        ] {
            assert!((RING.signer_factory)(&algorithm, &key).is_err(), "{algorithm:?}");
        }
    }
}
