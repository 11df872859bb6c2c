use secrecy::SecretString;
use tenantry_domain::Entropy;

const CLASSES: [&[u8]; 4] = [
    b"abcdefghijkmnopqrstuvwxyz",
    b"ABCDEFGHJKLMNPQRSTUVWXYZ",
    b"23456789",
    b"!#$%&*+-=?@^_",
];
const LEN: usize = 20;

/// A first password: 20 characters, at least one lower-case letter, upper-case letter, digit and symbol each, every one of
/// them drawn without bias; what is easily mistaken for another is left out. More than 110 random bits.
pub fn new_password(entropy: &dyn Entropy) -> SecretString {
    let all: Vec<u8> = CLASSES.concat();
    let mut drawn: Vec<u8> = CLASSES.iter().map(|class| pick(class, entropy)).collect();
    while drawn.len() < LEN {
        drawn.push(pick(&all, entropy));
    }
    // Fisher and Yates, so that nobody knows where the classes stand.
    for i in (1..drawn.len()).rev() {
        drawn.swap(i, below(i + 1, entropy));
    }
    let text = String::from_utf8(drawn).expect("the classes are ASCII");
    text.into()
}

fn pick(from: &[u8], entropy: &dyn Entropy) -> u8 {
    from[below(from.len(), entropy)]
}

/// An evenly distributed number below `n`, of at most 256: bytes that would favour small numbers are thrown away.
fn below(n: usize, entropy: &dyn Entropy) -> usize {
    let fair = 256 - 256 % n;
    loop {
        let mut byte = [0];
        entropy.fill(&mut byte);
        let byte = usize::from(byte[0]);
        if byte < fair {
            return byte % n;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::atomic::{AtomicU8, Ordering};

    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::OsEntropy;

    #[test]
    fn every_password_has_every_class_and_no_two_are_alike() {
        let passwords: BTreeSet<String> = (0..500)
            .map(|_| new_password(&OsEntropy).expose_secret().to_owned())
            .collect();

        assert_eq!(passwords.len(), 500);
        for password in &passwords {
            assert_eq!(password.len(), LEN);
            for class in CLASSES {
                assert!(password.bytes().any(|byte| class.contains(&byte)), "{password}");
            }
        }
    }

    /// Every byte in its turn.
    struct Every(AtomicU8);

    impl Entropy for Every {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0.fetch_add(1, Ordering::SeqCst));
        }
    }

    #[test]
    fn no_number_is_drawn_more_often_than_another() {
        for n in [3, 13, 71, 200] {
            let every = Every(AtomicU8::new(0));
            let fair = 256 - 256 % n;

            let mut drawn = BTreeMap::<usize, usize>::new();
            for _ in 0..fair {
                *drawn.entry(below(n, &every)).or_default() += 1;
            }

            assert_eq!(drawn.len(), n);
            assert!(drawn.values().all(|times| *times == fair / n), "{n}: {drawn:?}");
        }
    }
}
