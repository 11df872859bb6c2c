use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use tenantry_app::sha256_hex;
use tenantry_domain::Entropy;

use crate::Error;

/// A fresh key.
pub(crate) fn make(entropy: &dyn Entropy) -> [u8; 32] {
    let mut key = [0; 32];
    entropy.fill(&mut key);
    key
}

/// The key in the file; a new one is written there if there is none, readable by its owner only.
pub(crate) fn read_or_make(path: &Path, entropy: &dyn Entropy) -> Result<[u8; 32], Error> {
    match fs::read(path) {
        Ok(bytes) => bytes
            .try_into()
            .map_err(|_| Error::because("the file `master.key` does not hold a key")),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let key = make(entropy);
            let mut options = fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options
                .open(path)
                .and_then(|mut file| file.write_all(&key))
                .map_err(Error::new)?;
            Ok(key)
        }
        Err(error) => Err(Error::new(error)),
    }
}

/// The issuer's key, so that tokens stay good over a restart with kept data.
pub(crate) fn derive_issuer_seed(master: &[u8; 32]) -> [u8; 32] {
    let hash = sha256_hex([b"tenantry/local-issuer/1".as_slice(), master].concat());
    let mut seed = [0; 32];
    for (byte, pair) in seed.iter_mut().zip(hash.as_bytes().chunks(2)) {
        *byte = std::str::from_utf8(pair)
            .ok()
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
            .unwrap_or_default();
    }
    seed
}
