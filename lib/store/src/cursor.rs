use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::Error;

/// Signs cursors, so that a position cannot be made up, nor carried to another list or caller.
pub struct CursorKey([u8; 32]);

/// The first byte of a cursor; another layout gets another number.
const VERSION: u8 = 1;
const TAG_LEN: usize = 16;

impl CursorKey {
    /// From key material.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The opaque form of a position in the list that `binding` names.
    pub(crate) fn seal(&self, binding: &str, position: &str) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(self.tag(binding, position));
        bytes.extend(position.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position, if the cursor was made for this list.
    pub(crate) fn open(&self, binding: &str, cursor: &str) -> Result<String, Error> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| Error::InvalidCursor)?;
        let (&version, rest) = bytes.split_first().ok_or(Error::InvalidCursor)?;
        let (tag, position) = rest.split_at_checked(TAG_LEN).ok_or(Error::InvalidCursor)?;
        let position = std::str::from_utf8(position).map_err(|_| Error::InvalidCursor)?;
        let is_ours = version == VERSION && bool::from(self.tag(binding, position).ct_eq(tag));
        if is_ours {
            Ok(position.to_owned())
        } else {
            Err(Error::InvalidCursor)
        }
    }

    fn tag(&self, binding: &str, position: &str) -> [u8; TAG_LEN] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(&[VERSION]);
        mac.update(&(binding.len() as u64).to_be_bytes());
        mac.update(binding.as_bytes());
        mac.update(position.as_bytes());
        let full = mac.finalize().into_bytes();
        let mut tag = [0; TAG_LEN];
        tag.copy_from_slice(&full[..TAG_LEN]);
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_opens_only_for_the_list_it_was_made_for() {
        let key = CursorKey::new([7; 32]);

        let cursor = key.seal("operator:ada|tenants|desc", "2026-01-01#x");

        assert_eq!(
            key.open("operator:ada|tenants|desc", &cursor).expect("opens"),
            "2026-01-01#x"
        );
        assert!(matches!(
            key.open("operator:bob|tenants|desc", &cursor),
            Err(Error::InvalidCursor)
        ));
        assert!(matches!(
            CursorKey::new([8; 32]).open("operator:ada|tenants|desc", &cursor),
            Err(Error::InvalidCursor)
        ));
    }

    #[test]
    fn a_cursor_that_was_tampered_with_is_refused() {
        let key = CursorKey::new([7; 32]);
        let cursor = key.seal("list", "position");

        for bad in [
            "",
            "A",
            "!!",
            &cursor[1..],
            &format!("{cursor}AA"),
            &cursor.replace('A', "B"),
        ] {
            if bad != cursor {
                assert!(
                    matches!(key.open("list", bad), Err(Error::InvalidCursor)),
                    "{bad}"
                );
            }
        }
    }
}
