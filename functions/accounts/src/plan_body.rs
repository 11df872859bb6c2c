use serde_json::Value;
use tenantry_api::Members;
use tenantry_domain::{Invalid, Limits, Money, Patch, Rule, Violation, WireChanges};

const NAME: &str = "applicationPlane";
const MAX_LIMITS: usize = 50;

/// A price in minor units: nothing or more.
pub(crate) fn price(value: &Value) -> Result<i64, Rule> {
    let Some(amount) = value.as_i64() else {
        return Err(Rule::new("invalid_type", "must be a whole number of minor units"));
    };
    if (0..=Money::MAX).contains(&amount) {
        Ok(amount)
    } else {
        let rule = format!("must be from 0 to {}", Money::MAX);
        Err(Rule::new("out_of_range", rule))
    }
}

/// What a plan allows: names with whole numbers.
pub(crate) fn limits(value: &Value) -> Result<Limits, Rule> {
    let Value::Object(members) = value else {
        return Err(Rule::new("invalid_type", "must be an object"));
    };
    if members.len() > MAX_LIMITS {
        return Err(Rule::new(
            "too_many",
            format!("must have at most {MAX_LIMITS} members"),
        ));
    }
    let read = |(name, value): (&String, &Value)| {
        let is_name = (1..=60).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
        let number = value
            .as_u64()
            .filter(|number| is_name && i64::try_from(*number).is_ok());
        let rule = "must have names of letters, digits, `_`, `.` and `-` with whole numbers";
        Ok((
            name.clone(),
            number.ok_or_else(|| Rule::new("invalid_limit", rule))?,
        ))
    };
    members.iter().map(read).collect()
}

/// How the plan's application plane differs from the deployment's. All that it breaks is noted where it stands.
pub(crate) fn application_plane(members: &mut Members<'_>) -> Option<Patch<WireChanges>> {
    let given = members.patched_value(NAME, |value| Ok(value.clone()))?;
    let Patch::Set(value) = given else {
        return Some(if given == Patch::Clear {
            Patch::Clear
        } else {
            Patch::Keep
        });
    };
    if !value.is_object() {
        return members.note(NAME, Rule::new("invalid_type", "must be an object"));
    }
    match WireChanges::parse(value) {
        Ok(changes) => Some(Patch::Set(changes)),
        Err(Invalid(violations)) => {
            for Violation {
                pointer,
                code,
                detail,
            } in violations
            {
                members.note::<()>(&format!("{NAME}{pointer}"), Rule::new(code, detail));
            }
            None
        }
    }
}
