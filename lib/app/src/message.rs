use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenantry_domain::{Event, Id, Tally};
use tenantry_store::{MessageKind, OutboxMessage};

use crate::mail::Mail;
use crate::{Context, KeyError, Keyring};

/// The `detail` of an event: CloudEvents 1.0 attributes around the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Always `1.0`.
    pub specversion: String,
    /// Stable: an event that comes twice has one id.
    pub id: Id<Event>,
    /// Who says it.
    pub source: String,
    /// What kind of event; it ends with the version of its schema.
    #[serde(rename = "type")]
    pub kind: String,
    /// The lead or tenant that it is about.
    pub subject: String,
    /// When it happened.
    pub time: tenantry_domain::Timestamp,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// The tenant, if there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tenantid: Option<Id<tenantry_domain::Tenant>>,
    /// The request that began what it belongs to.
    pub correlationid: String,
    /// The request, or the event of somebody else, that led to it.
    #[serde(default)]
    pub causationid: String,
    /// W3C trace context: what led to it is the parent of whatever happens because of this event.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub traceparent: Option<String>,
    /// What happened.
    pub data: Value,
}

impl Envelope {
    /// As it goes over the bus.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("an envelope has string keys and finite numbers")
    }
}

/// An event on its way, in whatever words its listener knows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Posted {
    /// The event's id.
    pub id: Id<Event>,
    /// The bus; our own if absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bus: Option<String>,
    /// Who says it.
    pub source: String,
    /// What kind of event.
    pub detail_type: String,
    /// When it happened.
    pub time: tenantry_domain::Timestamp,
    /// The request that led to it.
    pub correlationid: String,
    /// W3C trace context of that request.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub traceparent: Option<String>,
    /// What it says, as JSON: it goes out byte for byte.
    pub detail: String,
}

impl std::fmt::Debug for Posted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Posted")
            .field("id", &self.id)
            .field("detail_type", &self.detail_type)
            .finish_non_exhaustive()
    }
}

impl From<Envelope> for Posted {
    fn from(envelope: Envelope) -> Self {
        Self {
            detail: envelope.to_json(),
            id: envelope.id,
            bus: None,
            source: envelope.source,
            detail_type: envelope.kind,
            time: envelope.time,
            correlationid: envelope.correlationid,
            traceparent: envelope.traceparent,
        }
    }
}

/// What an outbox message says, once opened.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// An event.
    Event(Posted),
    /// A mail.
    Mail(Mail),
}

impl Context {
    /// An event for the outbox.
    pub fn event(&self, event: &Event) -> OutboxMessage {
        OutboxMessage {
            tally: event.tally.clone(),
            ..self.message(event.id, MessageKind::Event, &self.envelope(event), false)
        }
    }

    /// An event that carries a secret: sealed until the relay opens it.
    pub fn sealed_event(&self, event: &Event) -> OutboxMessage {
        OutboxMessage {
            tally: event.tally.clone(),
            ..self.message(event.id, MessageKind::Event, &self.envelope(event), true)
        }
    }

    /// A mail for the outbox; sealed, because it names a person and may carry a code.
    pub fn mail(&self, mail: &Mail) -> OutboxMessage {
        self.message(self.new_id(), MessageKind::Mail, mail, true)
    }

    /// An event in an application plane's words; it may carry a secret or name a person.
    pub(crate) fn sealed_post(&self, posted: &Posted, tally: Tally) -> OutboxMessage {
        OutboxMessage {
            tally,
            ..self.message(posted.id, MessageKind::Posted, posted, true)
        }
    }

    pub(crate) fn envelope(&self, event: &Event) -> Envelope {
        Envelope {
            specversion: "1.0".to_owned(),
            id: event.id,
            source: self.app.config.event_source.clone(),
            kind: format!("{}.v1", event.kind),
            subject: event.subject.clone(),
            time: event.at,
            datacontenttype: "application/json".to_owned(),
            tenantid: event.tenant_id,
            correlationid: self.correlation_id.clone(),
            causationid: self.request_id.clone(),
            traceparent: Some(self.trace.traceparent()),
            data: serde_json::to_value(&event.data).expect("event data has string keys and finite numbers"),
        }
    }

    fn message(
        &self,
        id: Id<Event>,
        kind: MessageKind,
        body: &impl Serialize,
        is_sealed: bool,
    ) -> OutboxMessage {
        let plain = serde_json::to_string(body).expect("messages have string keys and finite numbers");
        let body = if is_sealed {
            self.app.keyring.seal(&purpose(id), &plain, &*self.app.entropy)
        } else {
            plain
        };
        OutboxMessage {
            id,
            kind,
            body,
            is_sealed,
            created_at: self.now,
            tally: Tally::default(),
        }
    }
}

/// Reads a message, opening it if it is sealed.
pub fn open_message(keyring: &Keyring, message: &OutboxMessage) -> Result<Body, KeyError> {
    let sealed;
    let body = if message.is_sealed {
        sealed = keyring.open(&purpose(message.id), &message.body)?;
        sealed.expose_secret()
    } else {
        message.body.as_str()
    };
    match message.kind {
        MessageKind::Event => {
            serde_json::from_str(body).map(|envelope: Envelope| Body::Event(envelope.into()))
        }
        MessageKind::Posted => serde_json::from_str(body).map(Body::Event),
        MessageKind::Mail => serde_json::from_str(body).map(Body::Mail),
    }
    .map_err(|_| KeyError::Seal)
}

fn purpose(id: Id<Event>) -> String {
    format!("outbox/{id}")
}
