use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256,
};
use rsa::pkcs8::EncodePrivateKey as _;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::Error;
use crate::token::TokenKey;

/// A chain as AWS's endpoints have it: leaf, intermediate and root, RSA with 2048 bits, so that a function has the same
/// signatures to check as there.
pub(crate) struct Certificates {
    /// Terminates TLS for `localhost`.
    pub(crate) acceptor: TlsAcceptor,
    /// What a function has to trust.
    pub(crate) root_pem: String,
}

impl Certificates {
    /// One key serves all three, because only checking is measured and making keys is slow.
    pub(crate) fn make(key: &TokenKey) -> Result<Self, Error> {
        let pkcs8 = PrivatePkcs8KeyDer::from(key.rsa().to_pkcs8_der()?.as_bytes().to_vec());
        let key = || KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &PKCS_RSA_SHA256);
        let root_params = authority("Bench Root CA")?;
        let root_pem = root_params.self_signed(&key()?)?.pem();
        let root = Issuer::new(root_params, key()?);
        let intermediate_params = authority("Bench RSA 2048 M01")?;
        let intermediate_der = intermediate_params.signed_by(&key()?, &root)?.der().clone();
        let intermediate = Issuer::new(intermediate_params, key()?);
        let mut leaf = CertificateParams::new(vec!["localhost".to_owned()])?;
        leaf.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.distinguished_name.push(DnType::CommonName, "localhost");
        let leaf_der = leaf.signed_by(&key()?, &intermediate)?.der().clone();
        Ok(Self {
            acceptor: acceptor(vec![leaf_der, intermediate_der], pkcs8)?,
            root_pem,
        })
    }
}

fn authority(name: &str) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

fn acceptor(
    chain: Vec<CertificateDer<'static>>,
    key: PrivatePkcs8KeyDer<'static>,
) -> Result<TlsAcceptor, Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::Pkcs8(key))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
