use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::call::Item;
use crate::key::{Key, Keys};
use crate::table;

/// Something that is stored as one item.
pub(crate) trait Entity: Serialize + DeserializeOwned {
    /// The item's `type`.
    const TYPE: &'static str;

    /// Where it is found.
    fn keys(&self) -> Keys;

    /// The item: the entity's own attributes, its keys and its type.
    fn to_item(&self) -> Result<Item, Error> {
        let mut item: Item = serde_dynamo::aws_sdk_dynamodb_1::to_item(self).map_err(Error::internal)?;
        let Keys {
            primary,
            gsi1,
            gsi2,
            ttl,
        } = self.keys();
        item.extend(primary.to_item());
        for ((_, pk, sk), key) in table::INDEXES.into_iter().zip([gsi1, gsi2]) {
            if let Some(key) = key {
                item.insert(pk.to_owned(), AttributeValue::S(key.pk));
                item.insert(sk.to_owned(), AttributeValue::S(key.sk));
            }
        }
        if let Some(ttl) = ttl {
            item.insert(
                table::TTL.to_owned(),
                AttributeValue::N(ttl.as_seconds().to_string()),
            );
        }
        item.insert("type".to_owned(), AttributeValue::S(Self::TYPE.to_owned()));
        Ok(item)
    }

    /// Reads an item back.
    fn from_item(item: Item) -> Result<Self, Error> {
        serde_dynamo::aws_sdk_dynamodb_1::from_item(item).map_err(Error::internal)
    }
}

/// An entity that counts its changes.
pub(crate) trait Versioned: Entity {
    /// The version after the change.
    fn version(&self) -> u64;
}

impl Key {
    pub(crate) fn to_item(&self) -> Item {
        let (pk, sk) = table::PRIMARY;
        Item::from([
            (pk.to_owned(), AttributeValue::S(self.pk.clone())),
            (sk.to_owned(), AttributeValue::S(self.sk.clone())),
        ])
    }
}

/// The text of a string attribute.
pub(crate) fn text_of<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// The value of a number attribute.
pub(crate) fn number_of(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}
