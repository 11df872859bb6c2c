use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageHeader};
use aws_types::SdkConfig;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tenantry_app::mail::RenderedMail;
use tenantry_app::{BusEntry, EventBus, MailPort, Undelivered};
use tenantry_domain::{Email, Event, Id};

/// The event bus on EventBridge.
pub struct EventBridge {
    client: aws_sdk_eventbridge::Client,
    bus: String,
}

/// Mail through SES.
pub struct Ses {
    client: aws_sdk_sesv2::Client,
    from: String,
}

impl EventBridge {
    /// The named bus, or the bus with this ARN.
    pub fn new(sdk: &SdkConfig, bus: &str) -> Self {
        Self {
            client: aws_sdk_eventbridge::Client::new(sdk),
            bus: bus.to_owned(),
        }
    }
}

impl Ses {
    /// Mails from this sender.
    pub fn new(sdk: &SdkConfig, from: &str) -> Self {
        Self {
            client: aws_sdk_sesv2::Client::new(sdk),
            from: from.to_owned(),
        }
    }
}

impl EventBus for EventBridge {
    fn put<'a>(&'a self, entries: &'a [BusEntry]) -> BoxFuture<'a, Vec<Result<(), Undelivered>>> {
        async move {
            let request = entries.iter().map(|entry| {
                PutEventsRequestEntry::builder()
                    .event_bus_name(entry.bus.as_deref().unwrap_or(&self.bus))
                    .source(&entry.source)
                    .detail_type(&entry.detail_type)
                    .detail(&entry.detail)
                    .resources(format!("tenantry:event/{}", entry.id))
                    .time(aws_sdk_eventbridge::primitives::DateTime::from_millis(
                        entry.time.as_millis(),
                    ))
                    .build()
            });
            match self
                .client
                .put_events()
                .set_entries(Some(request.collect()))
                .send()
                .await
            {
                Ok(output) => {
                    let results =
                        output
                            .entries
                            .unwrap_or_default()
                            .into_iter()
                            .map(|entry| match entry.error_code {
                                None => Ok(()),
                                Some(code) => Err(Undelivered(format!("the bus refused an entry: {code}"))),
                            });
                    results.collect()
                }
                Err(error) => {
                    let error = Undelivered(format!("PutEvents failed: {}", code_of(&error)));
                    entries.iter().map(|_| Err(error.clone())).collect()
                }
            }
        }
        .boxed()
    }
}

impl MailPort for Ses {
    fn send<'a>(
        &'a self,
        id: Id<Event>,
        to: &'a Email,
        mail: &'a RenderedMail,
    ) -> BoxFuture<'a, Result<(), Undelivered>> {
        async move {
            let text = |data: &str| Content::builder().data(data).charset("UTF-8").build();
            let header = MessageHeader::builder()
                .name("X-Tenantry-Message-Id")
                .value(id.to_string())
                .build();
            let unusable = |error: aws_sdk_sesv2::error::BuildError| Undelivered(error.to_string());
            let body = Body::builder()
                .text(text(&mail.text).map_err(unusable)?)
                .html(text(&mail.html).map_err(unusable)?);
            let message = Message::builder()
                .subject(text(&mail.subject).map_err(unusable)?)
                .body(body.build())
                .headers(header.map_err(unusable)?)
                .build();
            self.client
                .send_email()
                .from_email_address(&self.from)
                .destination(Destination::builder().to_addresses(to.as_str()).build())
                .content(EmailContent::builder().simple(message).build())
                .send()
                .await
                // The error's own text names addresses; its code says enough.
                .map_err(|error| Undelivered(format!("SendEmail failed: {}", code_of(&error))))?;
            Ok(())
        }
        .boxed()
    }
}

fn code_of<E: aws_sdk_dynamodb::error::ProvideErrorMetadata>(error: &E) -> &str {
    error.code().unwrap_or("no answer")
}
