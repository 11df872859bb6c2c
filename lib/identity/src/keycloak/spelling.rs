//! What Keycloak's default user profile refuses in names, which people have in theirs all the same.

use tenantry_app::Candidate;
use tenantry_domain::PersonName;

/// Of `person-name-prohibited-characters`; control characters are in none of our names.
const NOT_IN_NAMES: &str = "<>&\"$%!#?§;*~/\\|^=[]{}()";

/// Of `username-prohibited-characters`.
const NOT_IN_USER_NAMES: &str = "<>&\"'$%!#?§,;:*~/\\|^=[]{}()`";

/// A name without what Keycloak does not take; none if that is all it is.
pub(super) fn name(name: &PersonName) -> Option<String> {
    let spaced = name.as_str().replace(|c| NOT_IN_NAMES.contains(c), " ");
    let name = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    (!name.is_empty()).then_some(name)
}

/// The address; the person's id if the address has what no user name may have. Both sign in with the address.
pub(super) fn user_name(candidate: &Candidate) -> String {
    let address = candidate.email.as_str();
    if address.contains(|c| NOT_IN_USER_NAMES.contains(c)) {
        candidate.user_id.to_string()
    } else {
        address.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_what_keycloak_takes() {
        let cases = [
            ("O'Neill-Müller", Some("O'Neill-Müller")),
            ("Smith & Sons, Ltd.", Some("Smith Sons, Ltd.")),
            ("<script>alert(1)</script>", Some("script alert 1 script")),
            ("李", Some("李")),
            ("{{7*7}}", Some("7 7")),
            ("???", None),
        ];

        for (given, kept) in cases {
            let given = PersonName::parse(given).expect("it is a name");
            assert_eq!(name(&given).as_deref(), kept, "{given}");
        }
    }
}
