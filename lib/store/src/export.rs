use serde_json::{Map, Value};
use tenantry_domain::{Tenant, TenantScope};

use crate::call::Item;
use crate::entity::{Entity, text_of};
use crate::key::{self, LAST, TENANT_PREFIX};
use crate::{CallbackKey, Error, Order, Page, PageRequest, Store};

/// Where an export stands: the tenant and what follows it in its partition, what stands before it, and its audit trail.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Tenant,
    Before,
    Audit,
}

/// Where an item lies in the table says nothing about the tenant.
const PLACES: [&str; 7] = [
    "pk",
    "sk",
    "gsi1pk",
    "gsi1sk",
    "gsi2pk",
    "gsi2sk",
    crate::table::TTL,
];

/// What is kept as a text of JSON, because a map would lose something of it.
const TEXTS: [&str; 7] = [
    "after",
    "applicationPlane",
    "attributes",
    "before",
    "configValue",
    "metadata",
    "rest",
];

impl Section {
    const ALL: [Self; 3] = [Self::Tenant, Self::Before, Self::Audit];

    fn letter(self) -> char {
        match self {
            Self::Tenant => 'T',
            Self::Before => 'B',
            Self::Audit => 'A',
        }
    }

    fn next(self) -> Option<Self> {
        match self {
            Self::Tenant => Some(Self::Before),
            Self::Before => Some(Self::Audit),
            Self::Audit => None,
        }
    }
}

impl Store {
    /// Everything that is kept of a tenant, item by item, without what is secret: a page of it, in one call. A page may have
    /// fewer items than were asked for, or none, and more behind it. `None` if there is no such tenant.
    pub async fn export_tenant(
        &self,
        scope: &TenantScope,
        request: &PageRequest,
    ) -> Result<Option<Page<Value>>, Error> {
        let cursor_key = &self.shared.settings.cursor_key;
        let place = match &request.cursor {
            Some(cursor) => cursor_key.open(&request.binding, cursor)?,
            None => Section::Tenant.letter().to_string(),
        };
        let mut characters = place.chars();
        let letter = characters.next();
        let section = Section::ALL
            .into_iter()
            .find(|section| Some(section.letter()) == letter);
        let section = section.ok_or(Error::InvalidCursor)?;
        let position = Some(characters.as_str()).filter(|position| !position.is_empty());
        let tenant = key::tenant(scope.tenant_id()).pk;
        let (partition, first, last) = match section {
            Section::Tenant => (tenant, TENANT_PREFIX, LAST),
            // Up to the last text before the tenant's own sort key.
            Section::Before => (tenant, " ", "TENANS~"),
            Section::Audit => (key::audit_of(&scope.tenant_id().to_string()), " ", LAST),
        };
        let range = (first.to_owned(), last.to_owned());
        let limit = usize::from(request.limit);
        let mut items = self
            .query(
                None,
                &partition,
                &range,
                position,
                Order::Ascending,
                Some(limit + 1),
                true,
            )
            .await?;
        let is_first = section == Section::Tenant && position.is_none();
        if is_first && items.first().and_then(|item| text_of(item, "type")) != Some(Tenant::TYPE) {
            return Ok(None);
        }
        let is_more = items.len() > limit;
        items.truncate(limit);
        let next = match items.last().and_then(|item| text_of(item, "sk")) {
            Some(sk) if is_more => Some(format!("{}{sk}", section.letter())),
            _ => section.next().map(|section| section.letter().to_string()),
        };
        let lines = items.into_iter().filter_map(line).collect::<Result<_, _>>()?;
        Ok(Some(Page {
            items: lines,
            next_cursor: next.map(|next| cursor_key.seal(&request.binding, &next)),
        }))
    }
}

/// An item as an export shows it; callback keys are not in it.
fn line(item: Item) -> Option<Result<Value, Error>> {
    let kind = text_of(&item, "type")?.to_owned();
    if kind == CallbackKey::TYPE {
        return None;
    }
    let members: Map<String, Value> = match serde_dynamo::aws_sdk_dynamodb_1::from_item(item) {
        Ok(members) => members,
        Err(error) => return Some(Err(Error::internal(error))),
    };
    let mut shown = Map::from_iter([("type".to_owned(), Value::String(kind))]);
    shown.extend(
        in_order(members)
            .into_iter()
            .filter(|(name, _)| !PLACES.contains(&&**name) && name != "type"),
    );
    Some(Ok(Value::Object(shown)))
}

/// The members by name: the table has no order of its own.
fn in_order(members: Map<String, Value>) -> Map<String, Value> {
    let mut members: Vec<_> = members.into_iter().collect();
    members.sort_by(|a, b| a.0.cmp(&b.0));
    let shown = |(name, value): (String, Value)| {
        let value = open(&name, value)?;
        Some((name, value))
    };
    members.into_iter().filter_map(shown).collect()
}

/// A value without what is sealed in it, and with its texts of JSON as JSON.
fn open(name: &str, value: Value) -> Option<Value> {
    if name.to_ascii_lowercase().starts_with("sealed") || name == "codeHash" {
        return None;
    }
    Some(match value {
        Value::String(text) if TEXTS.contains(&name) => {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        }
        Value::Object(members) => Value::Object(in_order(members)),
        Value::Array(values) => {
            Value::Array(values.into_iter().filter_map(|value| open("", value)).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    })
}
