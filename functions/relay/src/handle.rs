use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::dynamodb::Event as StreamEvent;
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use futures_util::future::join_all;
use tenantry_app::mail::{Mail, Renderer};
use tenantry_app::{App, Body, BusEntry, Envelope, EventBus, MailPort, Undelivered, open_message};
use tenantry_domain::{Event, Id};
use tenantry_store::OutboxMessage;
use thiserror::Error;

use crate::batch::batches;

/// How often an entry is offered to the bus before the stream has to bring it again.
const ATTEMPTS: u32 = 3;
/// The first pause between two attempts; it doubles.
const PAUSE: Duration = Duration::from_millis(100);

/// Delivers outbox messages.
pub struct Relay {
    app: Arc<App>,
    bus: Arc<dyn EventBus>,
    mail: Arc<dyn MailPort>,
    renderer: Renderer,
}

/// The relay cannot work at all.
#[derive(Debug, Error)]
#[error("a mail template is broken: {0}")]
pub struct BrokenTemplate(String);

/// A message with its place in the stream.
struct Placed {
    place: String,
    message: OutboxMessage,
}

impl Relay {
    /// With the ports that this process delivers through.
    pub fn new(app: Arc<App>, bus: Arc<dyn EventBus>, mail: Arc<dyn MailPort>) -> Result<Self, BrokenTemplate> {
        let renderer = Renderer::new().map_err(|error| BrokenTemplate(error.to_string()))?;
        Ok(Self { app, bus, mail, renderer })
    }

    /// Delivers the messages of a stream batch; answers which places the stream has to bring again.
    pub async fn handle(&self, event: StreamEvent) -> DynamoDbEventResponse {
        let store = self.app.store.for_request();
        let (placed, mut failed) = read_messages(event);
        let ids: Vec<Id<Event>> = placed.iter().map(|placed| placed.message.id).collect();
        let waiting: BTreeSet<_> = match store.find_undelivered(&ids).await {
            Ok(waiting) => waiting.into_iter().collect(),
            Err(error) => {
                tracing::error!(error = %error, "the outbox could not be read");
                failed.extend(placed.into_iter().map(|placed| placed.place));
                return failures(failed);
            }
        };
        let placed: Vec<Placed> = placed.into_iter().filter(|placed| waiting.contains(&placed.message.id)).collect();
        let delivered = self.deliver(&placed).await;
        let (store, delivered) = (&store, &delivered);
        let marks = placed.into_iter().map(|placed| async move {
            let result = if delivered.contains(&placed.message.id) {
                store.mark_delivered(placed.message.id, self.app.clock.now()).await.map_err(|error| error.to_string())
            } else {
                Err("it was not delivered".to_owned())
            };
            result.map_err(|error| {
                tracing::error!(message.id = %placed.message.id, error, "a message has to come again");
                placed.place
            })
        });
        failed.extend(join_all(marks).await.into_iter().filter_map(Result::err));
        failures(failed)
    }

    /// Sends everything that can be opened; answers what went out.
    async fn deliver(&self, placed: &[Placed]) -> BTreeSet<Id<Event>> {
        let (mut entries, mut mails) = (Vec::new(), Vec::new());
        for Placed { message, .. } in placed {
            match open_message(&self.app.keyring, message) {
                Ok(Body::Event(envelope)) => entries.push(entry_of(&envelope)),
                Ok(Body::Mail(mail)) => mails.push((message.id, mail)),
                Err(error) => tracing::error!(message.id = %message.id, error = %error, "a message cannot be opened"),
            }
        }
        let mut delivered = BTreeSet::new();
        for batch in batches(entries) {
            delivered.extend(self.publish(batch).await);
        }
        let sent = join_all(mails.iter().map(|(id, mail)| self.send(*id, mail))).await;
        for ((id, _), result) in mails.iter().zip(sent) {
            match result {
                Ok(()) => {
                    delivered.insert(*id);
                }
                Err(error) => tracing::warn!(message.id = %id, error = %error, "a mail was not sent"),
            }
        }
        delivered
    }

    /// Offers a batch, then only what the bus refused of it.
    async fn publish(&self, mut batch: Vec<BusEntry>) -> Vec<Id<Event>> {
        let mut published = Vec::new();
        let mut pause = PAUSE;
        for attempt in 1..=ATTEMPTS {
            let results = self.bus.put(&batch).await;
            let mut refused = Vec::new();
            // An answer that is missing is none: the entry is offered again.
            let results = results.into_iter().chain(std::iter::repeat_with(|| Err(Undelivered("no answer".to_owned()))));
            for (entry, result) in batch.into_iter().zip(results) {
                match result {
                    Ok(()) => published.push(entry.id),
                    Err(error) => {
                        tracing::warn!(message.id = %entry.id, attempt, error = %error, "an event was not published");
                        refused.push(entry);
                    }
                }
            }
            batch = refused;
            if batch.is_empty() || attempt == ATTEMPTS {
                break;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        published
    }

    async fn send(&self, id: Id<Event>, mail: &Mail) -> Result<(), Undelivered> {
        let rendered = self.renderer.render(&mail.content).map_err(|error| Undelivered(error.kind().to_string()))?;
        self.mail.send(id, &mail.to, &rendered).await
    }
}

fn entry_of(envelope: &Envelope) -> BusEntry {
    BusEntry {
        id: envelope.id,
        source: envelope.source.clone(),
        detail_type: envelope.kind.clone(),
        detail: envelope.to_json(),
        time: envelope.time,
    }
}

/// New outbox messages, and the places of those that cannot be read.
fn read_messages(event: StreamEvent) -> (Vec<Placed>, BTreeSet<String>) {
    let (mut placed, mut unreadable) = (Vec::new(), BTreeSet::new());
    for record in event.records {
        if record.event_name != "INSERT" || !OutboxMessage::is_key(&record.change.keys) {
            continue;
        }
        let place = record.change.sequence_number.unwrap_or_default();
        match OutboxMessage::from_image(record.change.new_image) {
            Ok(message) => placed.push(Placed { place, message }),
            Err(error) => {
                tracing::error!(stream.place = place, error = %error, "a message cannot be read");
                unreadable.insert(place);
            }
        }
    }
    (placed, unreadable)
}

fn failures(places: BTreeSet<String>) -> DynamoDbEventResponse {
    let mut response = DynamoDbEventResponse::default();
    response.batch_item_failures = places
        .into_iter()
        .map(|place| {
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = Some(place);
            failure
        })
        .collect();
    response
}
