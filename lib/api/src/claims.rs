//! What a verified token says of its bearer, in the words of its issuer.

use serde_json::{Map, Value};
use tenantry_app::Issuer;
use tenantry_domain::{Caller, Id, Member, Membership, Operator, Permissions, Text};

use crate::caller::Proof;

/// How far an issuer's clock may run before ours.
const NBF_LEEWAY_S: i64 = 10;

/// The claims of a token whose signature holds.
pub(crate) struct Claims<'a> {
    claims: &'a Map<String, Value>,
    issuer: &'a Issuer,
}

impl<'a> Claims<'a> {
    pub(crate) fn of(issuer: &'a Issuer, claims: &'a Map<String, Value>) -> Self {
        Self { claims, issuer }
    }

    /// Whether the token counts at this instant (RFC 7519 sections 4.1.4 and 4.1.5; fractions are cut).
    pub(crate) fn is_current(&self, now_s: i64) -> bool {
        let instant = |name: &str| match self.claims.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => seconds(value).map(Some).ok_or(()),
        };
        matches!(instant("exp"), Ok(Some(exp)) if now_s < exp)
            && matches!(instant("nbf"), Ok(nbf) if nbf.is_none_or(|nbf| nbf <= now_s + NBF_LEEWAY_S))
    }

    /// Whether the token is for us: `aud`, or where there is none, as in Cognito's access tokens, `client_id`.
    pub(crate) fn is_for_us(&self) -> bool {
        let is_known = |name: &str| self.issuer.audiences.iter().any(|audience| audience == name);
        match self.claims.get("aud") {
            Some(Value::String(audience)) => is_known(audience),
            Some(Value::Array(audiences)) => audiences.iter().filter_map(Value::as_str).any(is_known),
            None | Some(Value::Null) => self
                .claims
                .get("client_id")
                .and_then(Value::as_str)
                .is_some_and(is_known),
            Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => false,
        }
    }

    /// A tenant with a membership is a member, platform scope without a tenant an operator, somebody we know without either a
    /// person, anything else nobody here. An issuer that is a tenant's own speaks of that tenant, and of people who belong to it.
    /// `None` if the token contradicts itself, or speaks of what is not its issuer's.
    pub(crate) fn proof(&self) -> Option<Proof> {
        let names = &self.issuer.claims;
        let subject = Text::parse(self.claims.get("sub")?.as_str()?).ok()?;
        let user_id = self.id(&names.user_id)?;
        let membership_id = self.id(&names.user_tenant_id)?;
        let Some(tenant_id) = self.id(&names.tenant_id)? else {
            if membership_id.is_some() {
                return None;
            }
            if self.is_operators() {
                let permissions = self.permissions();
                return Some(Proof::Whole(Caller::Operator(Operator { subject, permissions })));
            }
            return Some(match (user_id, self.issuer.tenant_id) {
                (Some(user_id), Some(tenant_id)) if !self.is_tenants_word() => {
                    Proof::Vouched { tenant_id, user_id }
                }
                (Some(user_id), None) => Proof::Whole(Caller::Person(user_id)),
                _ => Proof::Whole(Caller::Operator(Operator {
                    subject,
                    permissions: Permissions::default(),
                })),
            });
        };
        if self.issuer.tenant_id.is_some_and(|own| own != tenant_id) {
            return None;
        }
        let follows = user_id.map(|user_id| Membership::id_of(tenant_id, user_id));
        let membership_id = match (membership_id, follows) {
            (Some(named), Some(follows)) if named != follows => return None,
            (named, follows) => named.or(follows)?,
        };
        let member = Member {
            tenant_id,
            membership_id,
            permissions: Permissions::default(),
        };
        let refers = self.find(&names.permissions).is_none() && self.find(&names.permissions_ref).is_some();
        Some(if self.issuer.resolve_permissions || refers {
            Proof::Referring {
                member,
                user_id,
                is_bound: self.issuer.tenant_id.is_some(),
                is_tenants_word: self.is_tenants_word(),
            }
        } else {
            let permissions = self.permissions();
            Proof::Whole(Caller::Member(Member {
                permissions,
                ..member
            }))
        })
    }

    /// Whether a tenant may decide what the token says: a realm of its own may be administered by it. The pools of single tenants are
    /// not, their tokens are written by our own trigger.
    fn is_tenants_word(&self) -> bool {
        self.issuer.tenant_id.is_some() && self.issuer.resolve_permissions
    }

    fn is_operators(&self) -> bool {
        self.issuer.is_platform && self.issuer.tenant_id.is_none() && self.has_platform_scope()
    }

    /// What a claim says that is there.
    fn find(&self, name: &str) -> Option<&Value> {
        let found = match name.strip_prefix('/') {
            None => self.claims.get(name),
            Some(rest) => {
                let (first, deeper) = match rest.split_once('/') {
                    Some((first, deeper)) => (first, Some(deeper)),
                    None => (rest, None),
                };
                let claim = self.claims.get(&first.replace("~1", "/").replace("~0", "~"));
                match deeper {
                    Some(deeper) => claim.and_then(|claim| claim.pointer(&format!("/{deeper}"))),
                    None => claim,
                }
            }
        };
        found.filter(|value| !value.is_null())
    }

    /// The id in a claim, if it is there; `None` outside if it is there and no id.
    #[expect(clippy::option_option, reason = "absent is not the same as wrong")]
    fn id<T>(&self, name: &str) -> Option<Option<Id<T>>> {
        match self.find(name) {
            None => Some(None),
            Some(value) => Some(Some(Id::parse(value.as_str()?).ok()?)),
        }
    }

    fn has_platform_scope(&self) -> bool {
        self.words(&self.issuer.claims.scope)
            .contains(&self.issuer.platform_scope)
    }

    fn permissions(&self) -> Permissions {
        let names = self.words(&self.issuer.claims.permissions);
        Permissions::parse(names.iter().map(String::as_str))
    }

    /// An array's texts, or the words of a text. The references' tokens carry codes as strings, some issuers as numbers.
    fn words(&self, name: &str) -> Vec<String> {
        match self.find(name) {
            Some(Value::String(text)) => text.split_ascii_whitespace().map(str::to_owned).collect(),
            Some(Value::Array(values)) => values.iter().filter_map(word).collect(),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => Vec::new(),
        }
    }
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn seconds(value: &Value) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "fractions are cut, and what is too large is the end of time"
    )]
    value
        .as_i64()
        .or_else(|| value.as_f64().map(|seconds| seconds as i64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tenantry_app::ClaimNames;
    use tenantry_domain::{Permission, Tenant, User};

    use super::*;

    const NOW_S: i64 = 1_768_469_400;
    const TENANT: &str = "01890000-0000-7000-8000-000000000001";
    const OTHER: &str = "01890000-0000-7000-8000-000000000002";
    const USER: &str = "01890000-0000-7000-8000-000000000003";

    fn id<T>(text: &str) -> Id<T> {
        Id::parse(text).expect("it is an id")
    }

    fn membership() -> Id<Membership> {
        Membership::id_of(id::<Tenant>(TENANT), id::<User>(USER))
    }

    fn issuer() -> Issuer {
        let audiences = vec!["tenantry".to_owned(), "client-1".to_owned()];
        Issuer::new(
            "https://issuer.example".to_owned(),
            audiences,
            String::new(),
            true,
        )
    }

    fn members(claims: Value) -> Map<String, Value> {
        serde_json::from_value(claims).expect("claims are an object")
    }

    /// What a token proves, as a sentence.
    fn told(issuer: &Issuer, claims: Value) -> String {
        let mut all = members(json!({ "sub": "ada" }));
        all.extend(members(claims));
        let names =
            |permissions: &Permissions| -> Vec<&str> { permissions.iter().map(Permission::name).collect() };
        match Claims::of(issuer, &all).proof() {
            None => "nothing".to_owned(),
            Some(Proof::Whole(Caller::Operator(operator))) => {
                format!("operator {} {:?}", operator.subject, names(&operator.permissions))
            }
            Some(Proof::Whole(Caller::Member(member))) => {
                format!(
                    "{} {:?}",
                    of_tenant("member", &member),
                    names(&member.permissions)
                )
            }
            Some(Proof::Whole(Caller::Person(user_id))) => format!("person {user_id}"),
            Some(Proof::Whole(caller @ (Caller::Lead(_) | Caller::Anonymous))) => format!("{caller:?}"),
            Some(Proof::Referring {
                member,
                user_id,
                is_bound,
                is_tenants_word,
            }) => {
                let named = if user_id.is_some() { " named" } else { "" };
                let bound = match (is_bound, is_tenants_word) {
                    (false, _) => "",
                    (true, false) => " bound",
                    (true, true) => " bound to it",
                };
                format!(
                    "{}{named}{bound} {:?}",
                    of_tenant("reference", &member),
                    names(&member.permissions)
                )
            }
            Some(Proof::Vouched { tenant_id, user_id }) => format!("person {user_id} if of {tenant_id}"),
        }
    }

    fn of_tenant(kind: &str, member: &Member) -> String {
        let whose = if member.membership_id == membership() {
            "ours"
        } else {
            "other"
        };
        format!("{kind} {whose} of {}", member.tenant_id)
    }

    #[test]
    fn a_token_counts_from_its_beginning_to_its_end() {
        let cases = [
            (json!({ "exp": NOW_S + 1 }), true),
            (json!({ "exp": NOW_S }), false),
            (json!({}), false),
            (json!({ "exp": null }), false),
            (json!({ "exp": (NOW_S + 60).to_string() }), false),
            (json!({ "exp": [NOW_S + 60] }), false),
            (json!({ "exp": true }), false),
            // Fractions are cut.
            (json!({ "exp": 1_768_469_401.0 }), true),
            (json!({ "exp": 1_768_469_400.9 }), false),
            (json!({ "exp": 1e300 }), true),
            (json!({ "exp": u64::MAX }), true),
            (json!({ "exp": -1 }), false),
            (json!({ "exp": -1e300 }), false),
            (json!({ "exp": NOW_S + 60, "nbf": NOW_S + 10 }), true),
            (json!({ "exp": NOW_S + 60, "nbf": NOW_S + 11 }), false),
            (json!({ "exp": NOW_S + 60, "nbf": 1_768_469_410.5 }), true),
            (json!({ "exp": NOW_S + 60, "nbf": 1e300 }), false),
            (json!({ "exp": NOW_S + 60, "nbf": null }), true),
            (json!({ "exp": NOW_S + 60, "nbf": "now" }), false),
            (json!({ "exp": NOW_S + 60, "nbf": {} }), false),
        ];

        for (claims, expected) in cases {
            let members = members(claims.clone());

            let is_current = Claims::of(&issuer(), &members).is_current(NOW_S);

            assert_eq!(is_current, expected, "{claims}");
        }
    }

    #[test]
    fn a_token_is_for_whom_its_audience_names_or_else_its_client() {
        let cases = [
            (json!({ "aud": "tenantry" }), true),
            (json!({ "aud": ["other", "tenantry"] }), true),
            (json!({ "aud": ["other", 1, null] }), false),
            (json!({ "aud": [] }), false),
            (json!({ "aud": "Tenantry" }), false),
            (json!({ "aud": "tenantry " }), false),
            (json!({ "client_id": "client-1" }), true),
            (json!({ "aud": null, "client_id": "client-1" }), true),
            (json!({ "client_id": ["client-1"] }), false),
            (json!({ "aud": "other", "client_id": "client-1" }), false),
            (json!({ "aud": [], "client_id": "client-1" }), false),
            (json!({ "aud": 1, "client_id": "client-1" }), false),
            (
                json!({ "aud": { "tenantry": true }, "client_id": "client-1" }),
                false,
            ),
            (json!({ "aud": true, "client_id": "client-1" }), false),
            (json!({ "azp": "client-1" }), false),
            (json!({}), false),
        ];

        for (claims, expected) in cases {
            let members = members(claims.clone());

            let is_for_us = Claims::of(&issuer(), &members).is_for_us();

            assert_eq!(is_for_us, expected, "{claims}");
        }
    }

    #[test]
    fn a_token_proves_one_kind_of_caller() {
        let whole = format!("member ours of {TENANT}");
        let reference = format!("reference ours of {TENANT}");
        let cases = [
            (
                json!({ "scope": "openid platform", "permissions": ["ViewTenant", "*"] }),
                "operator ada [\"ViewTenant\"]".to_owned(),
            ),
            (json!({ "scope": ["platform"] }), "operator ada []".to_owned()),
            (
                json!({ "scope": "platform", "userId": USER }),
                "operator ada []".to_owned(),
            ),
            (
                json!({ "scope": "platforms", "permissions": ["ViewTenant"] }),
                "operator ada []".to_owned(),
            ),
            (
                json!({ "userId": USER, "permissions": ["ViewTenant"] }),
                format!("person {USER}"),
            ),
            (
                json!({ "userId": USER, "tenantId": null }),
                format!("person {USER}"),
            ),
            (
                json!({ "userId": USER, "tenantId": TENANT, "permissions": ["ViewTenant"] }),
                format!("{whole} [\"ViewTenant\"]"),
            ),
            (
                json!({ "userTenantId": membership(), "tenantId": TENANT }),
                format!("{whole} []"),
            ),
            (
                json!({ "userTenantId": OTHER, "tenantId": TENANT }),
                format!("member other of {TENANT} []"),
            ),
            (
                json!({ "userTenantId": membership(), "tenantId": TENANT, "userId": USER, "scope": "platform" }),
                format!("{whole} []"),
            ),
            (
                json!({ "userId": USER, "tenantId": TENANT, "permissionsRef": "membership" }),
                format!("{reference} named []"),
            ),
            (
                json!({ "userTenantId": membership(), "tenantId": TENANT, "permissionsRef": 1 }),
                format!("{reference} []"),
            ),
            (
                json!({ "userId": USER, "tenantId": TENANT, "permissionsRef": null }),
                format!("{whole} []"),
            ),
            // What is said counts, and what is referred to does not.
            (
                json!({ "userId": USER, "tenantId": TENANT, "permissionsRef": "membership", "permissions": [] }),
                format!("{whole} []"),
            ),
            (json!({ "userId": "ada" }), "nothing".to_owned()),
            (json!({ "userId": 1 }), "nothing".to_owned()),
            (json!({ "userId": "" }), "nothing".to_owned()),
            (
                json!({ "scope": "platform", "userId": "ada" }),
                "nothing".to_owned(),
            ),
            (json!({ "tenantId": TENANT }), "nothing".to_owned()),
            (
                json!({ "tenantId": "acme", "userId": USER }),
                "nothing".to_owned(),
            ),
            (
                json!({ "tenantId": [TENANT], "userId": USER }),
                "nothing".to_owned(),
            ),
            (json!({ "userTenantId": membership() }), "nothing".to_owned()),
            (
                json!({ "userTenantId": membership(), "userId": USER }),
                "nothing".to_owned(),
            ),
            (
                json!({ "userTenantId": membership(), "scope": "platform" }),
                "nothing".to_owned(),
            ),
            (
                json!({ "userTenantId": OTHER, "tenantId": TENANT, "userId": USER }),
                "nothing".to_owned(),
            ),
            (json!({ "sub": null }), "nothing".to_owned()),
            (json!({ "sub": " " }), "nothing".to_owned()),
            (json!({ "sub": 7 }), "nothing".to_owned()),
        ];

        for (claims, expected) in cases {
            assert_eq!(told(&issuer(), claims.clone()), expected, "{claims}");
        }
    }

    #[test]
    fn an_issuer_that_looks_permissions_up_says_nothing_about_them() {
        let looking_up = Issuer {
            resolve_permissions: true,
            ..issuer()
        };
        let claims = json!({ "userId": USER, "tenantId": TENANT, "permissions": ["ViewTenant"] });

        assert_eq!(
            told(&looking_up, claims),
            format!("reference ours of {TENANT} named []")
        );
        let operator = json!({ "scope": "platform", "permissions": "ViewTenant ViewLead" });
        assert_eq!(
            told(&looking_up, operator),
            "operator ada [\"ViewLead\", \"ViewTenant\"]"
        );
    }

    #[test]
    fn an_issuer_that_is_a_tenants_own_speaks_of_that_tenant_and_its_people() {
        let own = Issuer {
            tenant_id: Some(id(TENANT)),
            ..issuer()
        };
        let cases = [
            (
                json!({ "userId": USER, "tenantId": TENANT, "permissions": "ViewTenant" }),
                format!("member ours of {TENANT} [\"ViewTenant\"]"),
            ),
            (
                json!({ "userId": USER, "tenantId": TENANT, "permissionsRef": "membership" }),
                format!("reference ours of {TENANT} named bound []"),
            ),
            (json!({ "userId": USER }), format!("person {USER} if of {TENANT}")),
            (json!({ "userId": USER, "tenantId": OTHER }), "nothing".to_owned()),
            (
                json!({ "userId": USER, "tenantId": OTHER, "permissionsRef": "membership" }),
                "nothing".to_owned(),
            ),
            (
                json!({ "scope": "platform", "permissions": ["ViewTenant"] }),
                "operator ada []".to_owned(),
            ),
            (
                json!({ "scope": "platform", "userId": USER }),
                format!("person {USER} if of {TENANT}"),
            ),
        ];

        for (claims, expected) in cases {
            assert_eq!(told(&own, claims.clone()), expected, "{claims}");
        }
    }

    #[test]
    fn a_realm_that_its_tenant_may_administer_speaks_of_nobody_outside() {
        let own = Issuer {
            tenant_id: Some(id(TENANT)),
            resolve_permissions: true,
            ..issuer()
        };

        let member = json!({ "userId": USER, "tenantId": TENANT, "permissions": "ViewTenant" });
        assert_eq!(
            told(&own, member),
            format!("reference ours of {TENANT} named bound to it []")
        );
        assert_eq!(told(&own, json!({ "userId": USER })), "operator ada []");
        assert_eq!(
            told(&own, json!({ "userId": USER, "scope": "platform" })),
            "operator ada []"
        );
    }

    #[test]
    fn an_issuer_that_is_not_the_platforms_makes_no_operators() {
        let foreign = Issuer {
            is_platform: false,
            ..issuer()
        };

        assert_eq!(
            told(
                &foreign,
                json!({ "scope": "platform", "permissions": ["ViewTenant"] })
            ),
            "operator ada []"
        );
        assert_eq!(
            told(&foreign, json!({ "scope": "platform", "userId": USER })),
            format!("person {USER}")
        );
    }

    #[test]
    fn a_claim_is_found_by_its_name_or_by_a_pointer_into_one() {
        let claims = json!({
            "plain": 1,
            "https://acme.example/tenantId": 2,
            "realm_access": { "roles": [3, { "deep": 4 }], "a/b": 5, "m~n": 6, "none": null },
            "with/slash": 7,
            "with~tilde": { "x": 8 },
            "": 9,
            "none": null,
        });
        let claims = members(claims);
        let cases = [
            ("plain", json!(1)),
            ("/plain", json!(1)),
            ("https://acme.example/tenantId", json!(2)),
            ("/https:~1~1acme.example~1tenantId", json!(2)),
            ("/realm_access/roles/0", json!(3)),
            ("/realm_access/roles/1/deep", json!(4)),
            ("/realm_access/a~1b", json!(5)),
            ("/realm_access/m~0n", json!(6)),
            ("with/slash", json!(7)),
            ("/with~1slash", json!(7)),
            ("/with~0tilde/x", json!(8)),
            ("/", json!(9)),
            ("", json!(9)),
            ("/realm_access/none", Value::Null),
            ("/realm_access/missing/deeper", Value::Null),
            ("/realm_access/roles/2", Value::Null),
            ("/realm_access/roles/-", Value::Null),
            ("realm_access/roles", Value::Null),
            ("/plain/deeper", Value::Null),
            ("none", Value::Null),
            ("missing", Value::Null),
            ("/missing", Value::Null),
        ];

        for (name, expected) in cases {
            let issuer = issuer();

            let found = Claims::of(&issuer, &claims).find(name).cloned();

            assert_eq!(found, Some(expected).filter(|value| !value.is_null()), "{name}");
        }
    }

    #[test]
    fn an_issuer_is_read_in_its_own_words() {
        let mapped = Issuer {
            platform_scope: "tenantry/operator".to_owned(),
            claims: ClaimNames {
                tenant_id: "https://acme.example/tenant".to_owned(),
                user_id: "/org/person".to_owned(),
                permissions: "/realm_access/roles".to_owned(),
                scope: "scp".to_owned(),
                ..ClaimNames::default()
            },
            ..issuer()
        };
        let member = json!({
            "https://acme.example/tenant": TENANT, "org": { "person": USER }, "realm_access": { "roles": ["offline_access", "10207", 10216] },
        });
        let operator = json!({
            "scp": "openid tenantry/operator", "realm_access": { "roles": "ViewLead" }, "permissions": ["ViewTenant"], "tenantId": OTHER,
        });
        let impostor =
            json!({ "scope": "platform tenantry/operator", "permissions": ["ViewTenant"], "userId": USER });

        assert_eq!(
            told(&mapped, member),
            format!("member ours of {TENANT} [\"ViewTenant\", \"ProvisionTenant\"]")
        );
        assert_eq!(told(&mapped, operator), "operator ada [\"ViewLead\"]");
        assert_eq!(told(&mapped, impostor), "operator ada []");
    }

    #[test]
    fn words_are_what_stands_in_an_array_or_between_spaces() {
        let cases = [
            (
                json!("ViewTenant  ViewLead\tViewPlan\n"),
                vec!["ViewTenant", "ViewLead", "ViewPlan"],
            ),
            (
                json!(["ViewTenant", 17, "", null, true, ["ViewLead"], { "a": 1 }]),
                vec!["ViewTenant", "17", ""],
            ),
            (json!(["ViewTenant ViewLead"]), vec!["ViewTenant ViewLead"]),
            (json!(17), vec![]),
            (json!({ "ViewTenant": true }), vec![]),
            (json!(true), vec![]),
            (json!(""), vec![]),
        ];

        for (value, expected) in cases {
            let claims = members(json!({ "permissions": value }));

            let words = Claims::of(&issuer(), &claims).words("permissions");

            assert_eq!(words, expected, "{value}");
        }
    }
}
