use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, Update};
use serde::{Deserialize, Serialize};
use tenantry_domain::{Event, Id, Tally, Timestamp};

use crate::entity::{Entity, text_of};
use crate::key::{self, COUNT_SHARDS, Keys};
use crate::table::TTL;
use crate::transaction::{MAX_STEPS, Refusal};
use crate::{Error, Store, Transaction};

/// How long a delivered message is kept, so that one that comes again from the stream is recognised: 7 days.
/// A stream record lives for 24 hours.
const KEPT_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// `BatchGetItem` takes no more keys at once.
const MAX_KEYS: usize = 100;

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// To the event bus.
    Event,
    /// To an application plane's bus, in its own words.
    Posted,
    /// To a person.
    Mail,
}

/// A message that waits for the relay. What it says is opaque here, and sealed when it holds a secret or personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboxMessage {
    /// Stable: a message that is delivered twice has one id.
    pub id: Id<Event>,
    /// Where it goes.
    pub kind: MessageKind,
    /// What it says.
    pub body: String,
    /// Whether `body` is sealed.
    pub is_sealed: bool,
    /// When it was written.
    pub created_at: Timestamp,
    /// What it adds to the installation's figures when it is out.
    #[serde(default, skip_serializing_if = "Tally::is_empty")]
    pub tally: Tally,
}

impl OutboxMessage {
    /// Reads a message from a stream record's new image.
    pub fn from_image(image: serde_dynamo::Item) -> Result<Self, Error> {
        serde_dynamo::from_item(image).map_err(Error::internal)
    }

    /// Whether a stream record with these keys is about a message.
    pub fn is_key(keys: &serde_dynamo::Item) -> bool {
        matches!(keys.get("pk"), Some(serde_dynamo::AttributeValue::S(pk)) if pk.starts_with("OUTBOX#"))
    }
}

impl Entity for OutboxMessage {
    const TYPE: &'static str = "outbox";

    fn keys(&self) -> Keys {
        Keys {
            gsi2: Some(key::undelivered(self.id, self.created_at)),
            ..Keys::only(key::outbox(self.id))
        }
    }
}

impl Store {
    /// Which of these messages are still to be delivered, in one call per hundred.
    pub async fn find_undelivered(&self, ids: &[Id<Event>]) -> Result<Vec<Id<Event>>, Error> {
        let mut undelivered = Vec::new();
        for ids in ids.chunks(MAX_KEYS) {
            let keys = ids.iter().map(|id| key::outbox(*id).to_item()).collect();
            let projection = Some(("#id, gsi2pk", ("#id", "id")));
            let items = self.get_items(keys, projection).await?;
            let waiting = items.iter().filter(|item| item.contains_key("gsi2pk"));
            undelivered.extend(waiting.filter_map(|item| Id::parse(text_of(item, "id")?).ok()));
        }
        Ok(undelivered)
    }

    /// Marks messages as delivered and books what they add to the figures, together: what they said is gone, their ids stay
    /// for a while, and each is booked once, however often it is delivered. Answers which this call has marked and booked.
    pub async fn mark_delivered(
        &self,
        messages: &[&OutboxMessage],
        now: Timestamp,
    ) -> Result<Vec<Id<Event>>, Error> {
        let mut marked = Vec::new();
        // One step is for the figures.
        for messages in messages.chunks(MAX_STEPS - 1) {
            let mut left: BTreeMap<Id<Event>, &OutboxMessage> =
                messages.iter().map(|message| (message.id, *message)).collect();
            while let Some(first) = left.keys().next() {
                let mut transaction = Transaction::new();
                let mut tally = Tally::default();
                for (id, message) in &left {
                    transaction.mark_delivered(*id, now);
                    tally.merge(&message.tally);
                }
                transaction.book(first.shard(COUNT_SHARDS), &tally);
                match self.commit(transaction).await {
                    // A delivery that ran beside this one has marked some of them.
                    Err(Error::Overtaken) => {
                        let ids: Vec<Id<Event>> = left.keys().copied().collect();
                        let waiting = self.find_undelivered(&ids).await?;
                        left.retain(|id, _| waiting.contains(id));
                    }
                    Ok(()) => marked.extend(std::mem::take(&mut left).into_keys()),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(marked)
    }
}

impl Transaction {
    fn mark_delivered(&mut self, id: Id<Event>, now: Timestamp) -> &mut Self {
        let ttl = now.plus_ms(KEPT_MS).as_seconds();
        let update = Update::builder()
            .set_key(Some(key::outbox(id).to_item()))
            .update_expression("SET deliveredAt = :now, #ttl = :ttl REMOVE body, gsi2pk, gsi2sk")
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(deliveredAt)")
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_values(":now", AttributeValue::S(now.to_string()))
            .expression_attribute_values(":ttl", AttributeValue::N(ttl.to_string()));
        self.update(update, Refusal::Overtaken)
    }
}
