use std::collections::BTreeMap;

use tenantry_app::ConfigError;
use tenantry_domain::{Id, Permission, Permissions, Tenant};

/// How this function is set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Who operates the platform.
    pub operators: Operators,
    /// An access token is to be no longer; permissions that would make it so are referred to.
    pub token_max_bytes: usize,
}

/// The groups of the pool whose people operate the platform, and what they may do. Only who may administer the pool puts
/// people into groups; and where a tenant has a pool of its own, the API takes no operator from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operators(BTreeMap<String, Permissions>);

/// Less has no room for a token at all.
const LEAST_TOKEN_BYTES: usize = 1024;
/// The API reads no longer ones.
const MOST_TOKEN_BYTES: usize = 8 * 1024;
/// In the place of names, everything that operators can be allowed.
const EVERYTHING: &str = "*";

impl Settings {
    /// Reads the settings through `lookup`, by the names of environment variables.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let text = |name: &str, default: &str| {
            let text = lookup(name).filter(|text| !text.is_empty());
            text.unwrap_or_else(|| default.to_owned())
        };
        let token_max_bytes = text("TOKEN_MAX_BYTES", "4096").trim().parse();
        let token_max_bytes = token_max_bytes
            .ok()
            .filter(|bytes| (LEAST_TOKEN_BYTES..=MOST_TOKEN_BYTES).contains(bytes));
        Ok(Self {
            operators: Operators::parse(&text("OPERATOR_GROUPS", "{}"))?,
            token_max_bytes: token_max_bytes.ok_or_else(|| {
                let rule = format!("must be a number from {LEAST_TOKEN_BYTES} to {MOST_TOKEN_BYTES}");
                ConfigError::new("TOKEN_MAX_BYTES", rule)
            })?,
        })
    }
}

impl Operators {
    /// Reads the setting: permissions by the name of a group, `["*"]` for all of them.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let refused = |problem: String| ConfigError::new("OPERATOR_GROUPS", problem);
        let groups: BTreeMap<String, Vec<String>> =
            serde_json::from_str(text).map_err(|error| refused(error.to_string()))?;
        let mut operators = BTreeMap::new();
        for (group, names) in groups {
            // Groups of that name are made for tenants, and their people are members.
            if Id::<Tenant>::parse(&group).is_ok() {
                return Err(refused(format!("group `{group}` has the name of a tenant's")));
            }
            let mut allowed = Vec::new();
            for name in names {
                match Permission::parse(&name) {
                    Some(permission) => allowed.push(permission),
                    None if name == EVERYTHING => allowed.extend(Permission::all()),
                    None => return Err(refused(format!("group `{group}`: `{name}` is no permission"))),
                }
            }
            operators.insert(group, allowed.into_iter().collect());
        }
        Ok(Self(operators))
    }

    /// What somebody in these groups may do as an operator; `None` if it is none.
    pub(crate) fn permissions(&self, groups: &[&str]) -> Option<Permissions> {
        let of_groups: Vec<&Permissions> = groups.iter().filter_map(|group| self.0.get(*group)).collect();
        (!of_groups.is_empty()).then(|| of_groups.into_iter().flat_map(Permissions::iter).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<Settings, ConfigError> {
        Settings::read(|asked| (asked == name).then(|| value.to_owned()))
    }

    #[test]
    fn nothing_set_is_four_kilobytes_and_no_operator() {
        let settings = Settings::read(|_| None).expect("defaults are valid");

        assert_eq!(settings.token_max_bytes, 4096);
        assert_eq!(settings.operators.permissions(&["admins", ""]), None);
    }

    #[test]
    fn an_unusable_setting_says_what_is_wrong() {
        let tenant = r#"{"01991c3e-8a80-7cc1-b3a5-2f4d6e8091a2":["*"]}"#;
        let cases = [
            ("TOKEN_MAX_BYTES", "1023", "1024 to 8192"),
            ("TOKEN_MAX_BYTES", "8193", "1024 to 8192"),
            ("TOKEN_MAX_BYTES", "4k", "TOKEN_MAX_BYTES"),
            ("TOKEN_MAX_BYTES", "-4096", "TOKEN_MAX_BYTES"),
            ("OPERATOR_GROUPS", "{", "OPERATOR_GROUPS"),
            ("OPERATOR_GROUPS", "[]", "OPERATOR_GROUPS"),
            ("OPERATOR_GROUPS", r#"{"admins":"*"}"#, "OPERATOR_GROUPS"),
            (
                "OPERATOR_GROUPS",
                r#"{"admins":["ViewTenants"]}"#,
                "group `admins`: `ViewTenants`",
            ),
            ("OPERATOR_GROUPS", r#"{"admins":["*","**"]}"#, "`**`"),
            ("OPERATOR_GROUPS", tenant, "has the name of a tenant's"),
            (
                "OPERATOR_GROUPS",
                &tenant.to_uppercase(),
                "has the name of a tenant's",
            ),
        ];

        for (name, value, named) in cases {
            let error = read(name, value).expect_err(value);
            assert!(error.to_string().contains(named), "{error}");
        }
    }

    #[test]
    fn who_is_in_several_groups_may_do_what_each_of_them_may() {
        let groups = r#"{"support":["ViewTenant","ViewLead"],"sales":["10203","CreatePlan"],"admins":["*"],"guests":[]}"#;
        let operators = read("OPERATOR_GROUPS", groups).expect("it is valid").operators;

        let held = |groups: &[&str]| operators.permissions(groups).map(|held| held.len());

        assert_eq!(held(&["support"]), Some(2));
        assert_eq!(held(&["other", "support", "sales"]), Some(3));
        assert_eq!(held(&["admins", "support"]), Some(Permission::all().count()));
        assert_eq!(held(&["guests"]), Some(0));
        assert_eq!(held(&["Support", "support ", "*"]), None);
    }
}
