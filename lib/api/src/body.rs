use axum::extract::{FromRequest, Request};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};
use tenantry_app::Config;
use tenantry_domain::{Error as DomainError, Invalid, Patch, Rule, Violation};

use crate::{Edge, Problem};

/// A body may have so many bytes: 256 KiB.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// A JSON object, read by its own rules; all that it breaks is said at once.
#[derive(Debug)]
pub struct Body<T>(pub T);

/// A list of JSON objects, at least one and at most `MOST`, each read by its own rules; all that they break is said at once.
#[derive(Debug)]
pub struct Batch<T, const MOST: usize>(pub Vec<T>);

/// The bytes of a body as they came, for signatures.
#[derive(Debug)]
pub struct RawBody(pub Vec<u8>);

/// Something that is read from the members of a JSON object.
pub trait FromMembers: Sized {
    /// Reads every member, so that every broken rule is noted, and only then gives up.
    fn from_members(members: &mut Members<'_>) -> Option<Self>;
}

/// The members of a JSON object while they are read: what is not read in the end was not known.
pub struct Members<'a> {
    /// Rules that depend on the deployment.
    pub config: &'a Config,
    pointer: String,
    object: Map<String, Value>,
    violations: &'a mut Vec<Violation>,
}

impl Members<'_> {
    /// Reads an object; every broken rule is an error.
    pub fn read<T: FromMembers>(value: Value, config: &Config) -> Result<T, Invalid> {
        let mut violations = Vec::new();
        let read = read_object(String::new(), value, config, &mut violations);
        match read {
            Some(read) if violations.is_empty() => Ok(read),
            _ => Err(Invalid(violations)),
        }
    }

    /// A text that must be there.
    pub fn text<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, Rule>) -> Option<T> {
        match self.object.shift_remove(name) {
            None | Some(Value::Null) => self.note(name, Rule::new("required", "is required")),
            Some(value) => self.parse_text(name, &value, parse),
        }
    }

    /// A text that may be absent or null. The outer `None` says that it was there and wrong.
    pub fn optional_text<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Rule>,
    ) -> Option<Option<T>> {
        match self.object.shift_remove(name) {
            None | Some(Value::Null) => Some(None),
            Some(value) => self.parse_text(name, &value, parse).map(Some),
        }
    }

    /// A text in a merge patch, of a member that cannot be empty.
    pub fn changed_text<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Rule>,
    ) -> Option<Option<T>> {
        match self.object.shift_remove(name) {
            None => Some(None),
            Some(Value::Null) => self.note(name, Rule::new("required", "must not be null")),
            Some(value) => self.parse_text(name, &value, parse).map(Some),
        }
    }

    /// A text in a merge patch, of a member that null empties.
    pub fn patched_text<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Rule>,
    ) -> Option<Patch<T>> {
        match self.object.shift_remove(name) {
            None => Some(Patch::Keep),
            Some(Value::Null) => Some(Patch::Clear),
            Some(value) => self.parse_text(name, &value, parse).map(Patch::Set),
        }
    }

    /// An object that must be there.
    pub fn object<T: FromMembers>(&mut self, name: &str) -> Option<T> {
        match self.object.shift_remove(name) {
            None | Some(Value::Null) => self.note(name, Rule::new("required", "is required")),
            Some(value) => read_object(self.pointer_to(name), value, self.config, self.violations),
        }
    }

    /// An object that may be absent or null.
    pub fn optional_object<T: FromMembers>(&mut self, name: &str) -> Option<Option<T>> {
        match self.object.shift_remove(name) {
            None | Some(Value::Null) => Some(None),
            Some(value) => read_object(self.pointer_to(name), value, self.config, self.violations).map(Some),
        }
    }

    /// An object in a merge patch that null empties; it is replaced as a whole.
    pub fn patched_object<T: FromMembers>(&mut self, name: &str) -> Option<Patch<T>> {
        match self.object.shift_remove(name) {
            None => Some(Patch::Keep),
            Some(Value::Null) => Some(Patch::Clear),
            Some(value) => {
                read_object(self.pointer_to(name), value, self.config, self.violations).map(Patch::Set)
            }
        }
    }

    /// A list of texts that must be there, with at least one and at most `most` of them; repeats are dropped.
    pub fn texts<T: PartialEq>(
        &mut self,
        name: &str,
        most: usize,
        parse: impl Fn(&str) -> Result<T, Rule>,
    ) -> Option<Vec<T>> {
        match self.object.shift_remove(name) {
            None | Some(Value::Null) => self.note(name, Rule::new("required", "is required")),
            Some(value) => self.parse_texts(name, value, most, parse),
        }
    }

    /// A list of texts that may be absent, null or empty, with at most `most` of them; repeats are dropped. The outer `None`
    /// says that it was there and wrong.
    pub fn optional_texts<T: PartialEq>(
        &mut self,
        name: &str,
        most: usize,
        parse: impl Fn(&str) -> Result<T, Rule>,
    ) -> Option<Option<Vec<T>>> {
        match self.object.shift_remove(name) {
            None | Some(Value::Null) => Some(None),
            Some(Value::Array(values)) if values.is_empty() => Some(Some(Vec::new())),
            Some(value) => self.parse_texts(name, value, most, parse).map(Some),
        }
    }

    /// A list of texts in a merge patch.
    pub fn changed_texts<T: PartialEq>(
        &mut self,
        name: &str,
        most: usize,
        parse: impl Fn(&str) -> Result<T, Rule>,
    ) -> Option<Option<Vec<T>>> {
        match self.object.shift_remove(name) {
            None => Some(None),
            Some(Value::Null) => self.note(name, Rule::new("required", "must not be null")),
            Some(value) => self.parse_texts(name, value, most, parse).map(Some),
        }
    }

    /// A list of objects that may be absent or null, with at most `most` of them.
    pub fn optional_objects<T: FromMembers>(&mut self, name: &str, most: usize) -> Option<Vec<T>> {
        let values = match self.object.shift_remove(name) {
            None | Some(Value::Null) => return Some(Vec::new()),
            Some(Value::Array(values)) => values,
            Some(_) => return self.note(name, Rule::new("invalid_type", "must be a list")),
        };
        if values.len() > most {
            return self.note(
                name,
                Rule::new("too_many", format!("must have at most {most} items")),
            );
        }
        let pointer = self.pointer_to(name);
        let read = values.into_iter().enumerate();
        let read: Vec<Option<T>> = read
            .map(|(n, value)| read_object(format!("{pointer}/{n}"), value, self.config, self.violations))
            .collect();
        read.into_iter().collect()
    }

    /// A whole number that may be absent or null.
    pub fn optional_number(&mut self, name: &str) -> Option<Option<i64>> {
        match self.object.shift_remove(name) {
            None | Some(Value::Null) => Some(None),
            Some(value) => match value.as_i64() {
                Some(number) => Some(Some(number)),
                None => self.note(name, Rule::new("invalid_type", "must be a whole number")),
            },
        }
    }

    /// True or false that may be absent or null.
    pub fn optional_flag(&mut self, name: &str) -> Option<Option<bool>> {
        match self.object.shift_remove(name) {
            None | Some(Value::Null) => Some(None),
            Some(Value::Bool(flag)) => Some(Some(flag)),
            Some(_) => self.note(name, Rule::new("invalid_type", "must be true or false")),
        }
    }

    /// True or false in a merge patch, of a member that cannot be empty.
    pub fn changed_flag(&mut self, name: &str) -> Option<Option<bool>> {
        match self.object.get(name) {
            Some(Value::Null) => {
                self.object.shift_remove(name);
                self.note(name, Rule::new("required", "must not be null"))
            }
            _ => self.optional_flag(name),
        }
    }

    /// An object of any members, at most so many bytes as compact JSON, that must be there.
    pub fn sized_object(&mut self, name: &str, most_bytes: usize) -> Option<Map<String, Value>> {
        match self.patched_sized_object(name, most_bytes)? {
            Patch::Set(object) => Some(object),
            Patch::Keep | Patch::Clear => self.note(name, Rule::new("required", "is required")),
        }
    }

    /// The same in a merge patch; it is replaced as a whole. `None` says that it was there and wrong.
    pub fn patched_sized_object(
        &mut self,
        name: &str,
        most_bytes: usize,
    ) -> Option<Patch<Map<String, Value>>> {
        match self.object.shift_remove(name) {
            None => Some(Patch::Keep),
            Some(Value::Null) => Some(Patch::Clear),
            Some(Value::Object(object)) => {
                let bytes = Value::Object(object.clone()).to_string().len();
                if bytes <= most_bytes {
                    return Some(Patch::Set(object));
                }
                let detail = format!("must have at most {most_bytes} bytes");
                self.note(name, Rule::new("too_large", detail))
            }
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                self.note(name, Rule::new("invalid_type", "must be an object"))
            }
        }
    }

    /// A member as it came, for types with rules of their own; null is a member.
    pub fn raw(&mut self, name: &str) -> Option<Value> {
        self.object.shift_remove(name)
    }

    /// Any JSON that may be absent or null.
    pub fn optional_value(&mut self, name: &str) -> Option<Value> {
        self.object.shift_remove(name).filter(|value| !value.is_null())
    }

    /// Any JSON that must be there.
    pub fn value<T>(&mut self, name: &str, parse: impl FnOnce(&Value) -> Result<T, Rule>) -> Option<T> {
        match self.object.shift_remove(name) {
            None | Some(Value::Null) => self.note(name, Rule::new("required", "is required")),
            Some(value) => parse(&value).map_or_else(|rule| self.note(name, rule), Some),
        }
    }

    /// Any JSON in a merge patch, of a member that cannot be empty.
    pub fn changed_value<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&Value) -> Result<T, Rule>,
    ) -> Option<Option<T>> {
        match self.object.shift_remove(name) {
            None => Some(None),
            Some(Value::Null) => self.note(name, Rule::new("required", "must not be null")),
            Some(value) => parse(&value).map_or_else(|rule| self.note(name, rule), |read| Some(Some(read))),
        }
    }

    /// Any JSON in a merge patch, of a member that null empties.
    pub fn patched_value<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&Value) -> Result<T, Rule>,
    ) -> Option<Patch<T>> {
        match self.object.shift_remove(name) {
            None => Some(Patch::Keep),
            Some(Value::Null) => Some(Patch::Clear),
            Some(value) => {
                parse(&value).map_or_else(|rule| self.note(name, rule), |read| Some(Patch::Set(read)))
            }
        }
    }

    /// All members that were not read yet, for objects that are passed through.
    pub fn rest(&mut self) -> Map<String, Value> {
        std::mem::take(&mut self.object)
    }

    /// Notes a broken rule.
    pub fn note<T>(&mut self, name: &str, rule: Rule) -> Option<T> {
        let pointer = self.pointer_to(name);
        self.violations.push(rule.at(pointer));
        None
    }

    fn parse_text<T>(
        &mut self,
        name: &str,
        value: &Value,
        parse: impl FnOnce(&str) -> Result<T, Rule>,
    ) -> Option<T> {
        let Value::String(text) = value else {
            return self.note(name, Rule::new("invalid_type", "must be a string"));
        };
        parse(text).map_or_else(|rule| self.note(name, rule), Some)
    }

    fn parse_texts<T: PartialEq>(
        &mut self,
        name: &str,
        value: Value,
        most: usize,
        parse: impl Fn(&str) -> Result<T, Rule>,
    ) -> Option<Vec<T>> {
        let Value::Array(values) = value else {
            return self.note(name, Rule::new("invalid_type", "must be a list of strings"));
        };
        if values.is_empty() || values.len() > most {
            return self.note(
                name,
                Rule::new("invalid_length", format!("must have 1 to {most} items")),
            );
        }
        let mut parsed = Vec::new();
        let mut is_valid = true;
        for (position, value) in values.iter().enumerate() {
            match self.parse_text(&format!("{name}/{position}"), value, &parse) {
                Some(text) if parsed.contains(&text) => {}
                Some(text) => parsed.push(text),
                None => is_valid = false,
            }
        }
        is_valid.then_some(parsed)
    }

    fn pointer_to(&self, name: &str) -> String {
        format!("{}/{name}", self.pointer)
    }
}

pub(crate) fn read_object<T: FromMembers>(
    pointer: String,
    value: Value,
    config: &Config,
    violations: &mut Vec<Violation>,
) -> Option<T> {
    let Value::Object(object) = value else {
        violations.push(Rule::new("invalid_type", "must be an object").at(pointer));
        return None;
    };
    let mut members = Members {
        config,
        pointer,
        object,
        violations,
    };
    let read = T::from_members(&mut members);
    for name in std::mem::take(&mut members.object).keys() {
        // RFC 6901 section 3.
        let escaped = name.replace('~', "~0").replace('/', "~1");
        members.note::<()>(&escaped, Rule::new("unknown_member", "is not known here"));
    }
    read
}

impl<T: FromMembers + Send> FromRequest<Edge> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, edge: &Edge) -> Result<Self, Problem> {
        let value = read_json(request).await?;
        Ok(Self(
            Members::read(value, &edge.app.config).map_err(DomainError::Invalid)?,
        ))
    }
}

impl<T: FromMembers + Send, const MOST: usize> FromRequest<Edge> for Batch<T, MOST> {
    type Rejection = Problem;

    async fn from_request(request: Request, edge: &Edge) -> Result<Self, Problem> {
        let refused = |violations| Problem::from(DomainError::Invalid(Invalid(violations)));
        let Value::Array(values) = read_json(request).await? else {
            return Err(refused(vec![Rule::new("invalid_type", "must be a list").at("")]));
        };
        if values.is_empty() || values.len() > MOST {
            let rule = Rule::new("invalid_length", format!("must have 1 to {MOST} items"));
            return Err(refused(vec![rule.at("")]));
        }
        let mut violations = Vec::new();
        let read = values.into_iter().enumerate();
        let read: Vec<Option<T>> = read
            .map(|(n, value)| read_object(format!("/{n}"), value, &edge.app.config, &mut violations))
            .collect();
        match read.into_iter().collect::<Option<Vec<T>>>() {
            Some(read) if violations.is_empty() => Ok(Self(read)),
            _ => Err(refused(violations)),
        }
    }
}

impl FromRequest<Edge> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Edge) -> Result<Self, Problem> {
        read_bytes(request).await.map(Self)
    }
}

/// A body that says that it is JSON, and is.
pub(crate) async fn read_json(request: Request) -> Result<Value, Problem> {
    let content_type = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    if !content_type.is_some_and(is_json) {
        let detail = "the body must be sent as content-type application/json";
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            detail,
        ));
    }
    let bytes = read_bytes(request).await?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Problem::malformed(
            "malformed_json",
            "the body is empty; a JSON object is expected",
        ));
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| Problem::malformed("malformed_json", format!("the body is not JSON: {error}")))
}

pub(crate) async fn read_bytes(request: Request) -> Result<Vec<u8>, Problem> {
    let body = Limited::new(request.into_body(), MAX_BODY_BYTES);
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            let detail = format!("the body must have at most {MAX_BODY_BYTES} bytes");
            Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                detail,
            ))
        }
        Err(_) => Err(Problem::malformed("incomplete_body", "the body ended early")),
    }
}

fn is_json(content_type: &str) -> bool {
    let media_type = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    matches!(&*media_type, "application/json" | "application/merge-patch+json")
}
