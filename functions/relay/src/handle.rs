use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::dynamodb::Event as StreamEvent;
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use futures_util::future::join_all;
use tenantry_app::mail::{Mail, Renderer};
use tenantry_app::{
    App, Body, BusEntry, EventBus, MailPort, Posted, TraceContext, Undelivered, metric, open_message,
};
use tenantry_domain::{Event, Id};
use tenantry_store::OutboxMessage;
use thiserror::Error;

use crate::batch::batches;

/// How often an entry is offered to the bus before the stream has to bring it again.
const ATTEMPTS: u32 = 3;
/// The first pause between two attempts; it doubles.
const PAUSE: Duration = Duration::from_millis(100);

/// How many mails are under way at once: SES counts sends a second.
const MAILS_AT_ONCE: usize = 5;

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
    pub fn new(
        app: Arc<App>,
        bus: Arc<dyn EventBus>,
        mail: Arc<dyn MailPort>,
    ) -> Result<Self, BrokenTemplate> {
        let renderer = Renderer::new().map_err(|error| BrokenTemplate(error.to_string()))?;
        Ok(Self {
            app,
            bus,
            mail,
            renderer,
        })
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
        let placed: Vec<Placed> = placed
            .into_iter()
            .filter(|placed| waiting.contains(&placed.message.id))
            .collect();
        let delivered = self.deliver(&placed).await;
        let (delivered, undelivered): (Vec<Placed>, Vec<Placed>) = placed
            .into_iter()
            .partition(|placed| delivered.contains(&placed.message.id));
        for Placed { message, .. } in &undelivered {
            tracing::error!(message.id = %message.id, "a message has to come again: it was not delivered");
            metric::undelivered();
        }
        failed.extend(undelivered.into_iter().map(|placed| placed.place));
        let messages: Vec<&OutboxMessage> = delivered.iter().map(|placed| &placed.message).collect();
        let now = self.app.clock.now();
        match store.mark_delivered(&messages, now).await {
            Ok(marked) => {
                for message in messages.iter().filter(|message| marked.contains(&message.id)) {
                    let age_ms = now.as_millis() - message.created_at.as_millis();
                    metric::delivered(&message.tally, age_ms);
                }
            }
            Err(error) => {
                tracing::error!(messages = messages.len(), error = %error, "messages have to come again: they could not be marked");
                failed.extend(delivered.into_iter().map(|placed| placed.place));
            }
        }
        failures(failed)
    }

    /// Sends everything that can be opened; answers what went out.
    async fn deliver(&self, placed: &[Placed]) -> BTreeSet<Id<Event>> {
        let (mut events, mut mails) = (Vec::new(), Vec::new());
        for Placed { message, .. } in placed {
            match open_message(&self.app.keyring, message) {
                Ok(Body::Event(posted)) => events.push(posted),
                Ok(Body::Mail(mail)) => mails.push((message.id, mail)),
                Err(error) => {
                    tracing::error!(message.id = %message.id, error = %error, "a message cannot be opened");
                }
            }
        }
        let mut delivered = BTreeSet::new();
        for batch in batches(events.iter().map(entry_of).collect()) {
            delivered.extend(self.publish(batch).await);
        }
        for event in events.iter().filter(|event| delivered.contains(&event.id)) {
            let trace_id = event.traceparent.as_deref().and_then(TraceContext::trace_of);
            tracing::info!(
                message.id = %event.id,
                event.kind = event.detail_type,
                correlation.id = event.correlationid,
                trace.id = trace_id,
                "an event was published"
            );
        }
        for mails in mails.chunks(MAILS_AT_ONCE) {
            let sent = join_all(mails.iter().map(|(id, mail)| self.send(*id, mail))).await;
            for ((id, _), result) in mails.iter().zip(sent) {
                match result {
                    Ok(()) => {
                        tracing::info!(message.id = %id, "a mail was sent");
                        delivered.insert(*id);
                    }
                    Err(error) => tracing::warn!(message.id = %id, error = %error, "a mail was not sent"),
                }
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
            let results = results.into_iter().chain(std::iter::repeat_with(|| {
                Err(Undelivered("no answer".to_owned()))
            }));
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
        let rendered = self
            .renderer
            .render(&mail.content)
            .map_err(|error| Undelivered(error.kind().to_string()))?;
        self.mail.send(id, &mail.to, &rendered).await
    }
}

fn entry_of(posted: &Posted) -> BusEntry {
    BusEntry {
        id: posted.id,
        bus: posted.bus.clone(),
        source: posted.source.clone(),
        detail_type: posted.detail_type.clone(),
        detail: posted.detail.clone(),
        time: posted.time,
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::FutureExt as _;
    use futures_util::future::BoxFuture;
    use serde_json::Value;
    use tenantry_app::mail::RenderedMail;
    use tenantry_domain::{Email, Tally};
    use tenantry_store::MessageKind;
    use tenantry_testing::TestApp;
    use tokio::sync::Notify;

    use super::*;

    /// A bus that keeps what it takes, refuses some of it, and may never answer.
    #[derive(Default)]
    struct TestBus {
        calls: Mutex<Vec<Vec<BusEntry>>>,
        taken: Mutex<Vec<BusEntry>>,
        /// Refuses entries of this type so many times.
        refusals: Mutex<Option<(&'static str, u32)>>,
        /// Answers for the first so many entries of a call only.
        answers: Option<usize>,
        /// Takes everything and then says nothing.
        is_silent: bool,
        has_taken: Notify,
    }

    impl TestBus {
        fn refusing(detail_type: &'static str, times: u32) -> Arc<Self> {
            Arc::new(Self {
                refusals: Mutex::new(Some((detail_type, times))),
                ..Self::default()
            })
        }

        fn take(&self, entry: &BusEntry) -> Result<(), Undelivered> {
            if let Some((detail_type, left)) = &mut *self.refusals.lock().expect("no test panics here")
                && *detail_type == entry.detail_type
                && *left > 0
            {
                *left -= 1;
                return Err(Undelivered("ThrottlingException".to_owned()));
            }
            self.taken
                .lock()
                .expect("no test panics here")
                .push(entry.clone());
            Ok(())
        }

        fn calls(&self) -> Vec<Vec<String>> {
            let calls = self.calls.lock().expect("no test panics here");
            calls
                .iter()
                .map(|call| call.iter().map(|entry| entry.detail_type.clone()).collect())
                .collect()
        }

        fn taken(&self) -> Vec<BusEntry> {
            self.taken.lock().expect("no test panics here").clone()
        }
    }

    impl EventBus for TestBus {
        fn put<'a>(&'a self, entries: &'a [BusEntry]) -> BoxFuture<'a, Vec<Result<(), Undelivered>>> {
            self.calls
                .lock()
                .expect("no test panics here")
                .push(entries.to_vec());
            let answers = self.answers.unwrap_or(entries.len());
            let results = entries
                .iter()
                .take(answers)
                .map(|entry| self.take(entry))
                .collect();
            self.has_taken.notify_one();
            if self.is_silent {
                std::future::pending().boxed()
            } else {
                std::future::ready(results).boxed()
            }
        }
    }

    /// A mail service that keeps what it takes, and refuses one receiver.
    #[derive(Default)]
    struct TestMail {
        refused: Option<&'static str>,
        sent: Mutex<Vec<(Id<Event>, String, RenderedMail)>>,
    }

    impl TestMail {
        fn receivers(&self) -> Vec<String> {
            self.sent
                .lock()
                .expect("no test panics here")
                .iter()
                .map(|(_, to, _)| to.clone())
                .collect()
        }
    }

    impl MailPort for TestMail {
        fn send<'a>(
            &'a self,
            id: Id<Event>,
            to: &'a Email,
            mail: &'a RenderedMail,
        ) -> BoxFuture<'a, Result<(), Undelivered>> {
            let result = if self.refused == Some(to.as_str()) {
                Err(Undelivered("MessageRejected".to_owned()))
            } else {
                let mail = (id, to.as_str().to_owned(), mail.clone());
                self.sent.lock().expect("no test panics here").push(mail);
                Ok(())
            };
            std::future::ready(result).boxed()
        }
    }

    fn relay(app: &TestApp, bus: &Arc<TestBus>, mail: &Arc<TestMail>) -> Relay {
        let (bus, mail) = (Arc::clone(bus) as _, Arc::clone(mail) as _);
        Relay::new(Arc::clone(&app.product.edge.app), bus, mail).expect("the templates are sound")
    }

    async fn sign_up(app: &TestApp, email: &str) {
        app.post("/leads")
            .from(email)
            .json(&TestApp::new_lead(email))
            .send()
            .await
            .expect(201);
    }

    /// Everything that is in the stream, as one batch.
    fn batch(app: &TestApp) -> StreamEvent {
        let mut stream = app.product.table.stream();
        let mut batch = StreamEvent::default();
        loop {
            let next = stream.next_batch().expect("the stream can be read");
            if next.records.is_empty() {
                return batch;
            }
            batch.records.extend(next.records);
        }
    }

    /// The new messages of a batch.
    fn messages(batch: &StreamEvent) -> Vec<Placed> {
        read_messages(batch.clone()).0
    }

    /// The places of the messages of this kind.
    fn places(batch: &StreamEvent, kind: MessageKind) -> Vec<String> {
        let messages = messages(batch)
            .into_iter()
            .filter(|placed| placed.message.kind == kind);
        messages.map(|placed| placed.place).collect()
    }

    /// The batch with the image of the message at this place changed.
    fn tampered(batch: &StreamEvent, place: &str, change: impl FnOnce(&mut Value)) -> StreamEvent {
        let mut json = serde_json::to_value(batch).expect("a batch is JSON");
        let records = json["Records"].as_array_mut().expect("a batch has records");
        let found = records
            .iter_mut()
            .find(|record| record["dynamodb"]["SequenceNumber"] == place);
        change(&mut found.expect("the place is in the batch")["dynamodb"]["NewImage"]);
        serde_json::from_value(json).expect("it is still a batch")
    }

    fn failed(response: &DynamoDbEventResponse) -> Vec<String> {
        response
            .batch_item_failures
            .iter()
            .filter_map(|failure| failure.item_identifier.clone())
            .collect()
    }

    fn ids(entries: &[BusEntry]) -> BTreeSet<Id<Event>> {
        entries.iter().map(|entry| entry.id).collect()
    }

    async fn outbox(app: &TestApp) -> Vec<String> {
        let items = app.items().await;
        let texts = items.iter().map(|item| format!("{item:?}"));
        texts.filter(|text| text.contains("OUTBOX#")).collect()
    }

    #[tokio::test]
    async fn events_and_mails_go_out_and_are_marked() {
        let app = TestApp::start().await;
        let (bus, mail) = (Arc::default(), Arc::default());
        sign_up(&app, "ada@acme.com").await;
        let batch = batch(&app);

        let response = relay(&app, &bus, &mail).handle(batch.clone()).await;

        assert_eq!(failed(&response), <[&str; 0]>::default());
        assert_eq!(bus.calls(), [["lead.created.v1"]]);
        assert_eq!(mail.receivers(), ["ada@acme.com"]);
        let outbox = outbox(&app).await;
        assert_eq!(outbox.len(), 2);
        for text in outbox {
            assert!(
                text.contains("\"deliveredAt\"") && text.contains("\"ttl\""),
                "{text}"
            );
            assert!(
                !text.contains("\"body\"") && !text.contains("UNDELIVERED"),
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn an_entry_repeats_what_its_event_says() {
        let app = TestApp::start().await;
        let (bus, mail) = (Arc::default(), Arc::default());
        app.tenant("acme").await;

        relay(&app, &bus, &mail).handle(batch(&app)).await;

        let entry = bus.taken().remove(0);
        let detail: Value = serde_json::from_str(&entry.detail).expect("the detail is JSON");
        assert_eq!(detail["id"], entry.id.to_string());
        assert_eq!(detail["source"], *entry.source);
        assert_eq!(detail["type"], *entry.detail_type);
        assert_eq!(detail["time"], entry.time.to_string());
        insta::assert_json_snapshot!(detail);
    }

    #[tokio::test]
    async fn a_sealed_event_goes_out_opened() {
        let app = TestApp::start().await;
        let (bus, mail) = (Arc::default(), Arc::default());
        let tenant_id = app.tenant("acme").await;
        let path = format!("/tenants/{tenant_id}/provision");
        app.post(&path)
            .bearer(&app.operator())
            .json(&TestApp::subscription())
            .send()
            .await
            .expect(202);

        relay(&app, &bus, &mail).handle(batch(&app)).await;

        assert_eq!(
            bus.calls(),
            [["tenant.created.v1", "tenant.provisioning_requested.v1"]]
        );
        let detail: Value = serde_json::from_str(&bus.taken()[1].detail).expect("the detail is JSON");
        insta::assert_json_snapshot!(detail);
    }

    #[tokio::test]
    async fn a_mail_has_the_messages_id_and_escapes_what_people_wrote() {
        let app = TestApp::start().await;
        let (bus, mail) = (Arc::default(), Arc::<TestMail>::default());
        let mut body = TestApp::new_lead("ada@acme.com");
        body["firstName"] = "<b>Ada</b> & \"Co\"".into();
        app.post("/leads").json(&body).send().await.expect(201);
        let batch = batch(&app);

        relay(&app, &bus, &mail).handle(batch.clone()).await;

        let (id, _, rendered) = mail.sent.lock().expect("no test panics here").remove(0);
        let message = messages(&batch)
            .into_iter()
            .find(|placed| placed.message.kind == MessageKind::Mail);
        assert_eq!(Some(id), message.map(|placed| placed.message.id));
        assert!(rendered.text.starts_with("Hi <b>Ada</b> & \"Co\","));
        assert!(rendered.html.contains("Hi &lt;b&gt;Ada&lt;") && !rendered.html.contains("<b>Ada"));
    }

    #[tokio::test]
    async fn a_batch_that_comes_again_sends_nothing_twice() {
        let app = TestApp::start().await;
        let (bus, mail) = (Arc::default(), Arc::default());
        sign_up(&app, "ada@acme.com").await;
        let batch = batch(&app);
        relay(&app, &bus, &mail).handle(batch.clone()).await;

        let response = relay(&app, &bus, &mail).handle(batch).await;

        assert_eq!(failed(&response), <[&str; 0]>::default());
        assert_eq!((bus.taken().len(), mail.receivers().len()), (1, 1));
    }

    #[tokio::test]
    async fn marks_in_the_stream_send_nothing() {
        let app = TestApp::start().await;
        let (bus, mail) = (Arc::default(), Arc::default());
        sign_up(&app, "ada@acme.com").await;
        relay(&app, &bus, &mail).handle(batch(&app)).await;
        let mut later = batch(&app);
        later.records.retain(|record| record.event_name != "INSERT");

        let response = relay(&app, &bus, &mail).handle(later.clone()).await;

        assert!(
            later
                .records
                .iter()
                .any(|record| OutboxMessage::is_key(&record.change.keys))
        );
        assert_eq!(failed(&response), <[&str; 0]>::default());
        assert_eq!(bus.calls().len(), 1);
    }

    #[tokio::test]
    async fn a_crash_between_publishing_and_marking_is_seen_as_the_same_id_twice() {
        let app = TestApp::start().await;
        let (silent, mail) = (
            Arc::new(TestBus {
                is_silent: true,
                ..TestBus::default()
            }),
            Arc::default(),
        );
        sign_up(&app, "ada@acme.com").await;
        let batch = batch(&app);
        let crashing = relay(&app, &silent, &mail);
        tokio::select! {
            _ = crashing.handle(batch.clone()) => panic!("the bus never answers"),
            () = silent.has_taken.notified() => {}
        }
        let bus = Arc::default();

        let response = relay(&app, &bus, &mail).handle(batch.clone()).await;

        assert_eq!(failed(&response), <[&str; 0]>::default());
        assert_eq!(bus.taken(), silent.taken());
        assert_eq!(mail.receivers(), ["ada@acme.com"]);
        relay(&app, &bus, &mail).handle(batch).await;
        assert_eq!(bus.calls().len(), 1);
        let figures = app.product.edge.app.store.find_figures().await;
        let figures = figures.expect("the table answers");
        assert_eq!(
            figures.get(Tally::LEADS_UNVERIFIED),
            1,
            "sent twice, and booked once"
        );
    }

    /// Takes everything, and then the table is gone.
    struct LastBus(Arc<TestApp>);

    impl EventBus for LastBus {
        fn put<'a>(&'a self, entries: &'a [BusEntry]) -> BoxFuture<'a, Vec<Result<(), Undelivered>>> {
            self.0.product.table.stop();
            async move { entries.iter().map(|_| Ok(())).collect() }.boxed()
        }
    }

    #[tokio::test]
    async fn what_went_out_and_cannot_be_marked_comes_again() {
        let app = Arc::new(TestApp::start_patient(Duration::from_millis(300), |_| {}).await);
        app.tenant("acme").await;
        let batch = batch(&app);
        let every_place = places(&batch, MessageKind::Event);
        let relay = Relay::new(
            Arc::clone(&app.product.edge.app),
            Arc::new(LastBus(Arc::clone(&app))),
            Arc::<TestMail>::default(),
        );

        let response = relay.expect("the templates are whole").handle(batch).await;

        assert_eq!(failed(&response), every_place);
    }

    #[tokio::test]
    async fn two_deliveries_at_once_send_the_same_ids() {
        let app = TestApp::start().await;
        let (bus, mail) = (Arc::default(), Arc::default());
        for n in 0..5 {
            sign_up(&app, &format!("ada{n}@acme.com")).await;
        }
        let batch = batch(&app);
        let relay = relay(&app, &bus, &mail);

        let responses = join_all((0..50).map(|_| relay.handle(batch.clone()))).await;

        assert!(
            responses
                .iter()
                .all(|response| response.batch_item_failures.is_empty())
        );
        assert_eq!(ids(&bus.taken()).len(), 5);
        assert!(
            outbox(&app)
                .await
                .iter()
                .all(|text| text.contains("\"deliveredAt\""))
        );
        let figures = app
            .product
            .edge
            .app
            .store
            .find_figures()
            .await
            .expect("the table answers");
        assert_eq!(figures.get(Tally::LEADS_UNVERIFIED), 5, "each is booked once");
    }

    #[tokio::test]
    async fn only_what_the_bus_refused_is_offered_again() {
        let app = TestApp::start().await;
        let (bus, mail) = (TestBus::refusing("lead.created.v1", 1), Arc::default());
        sign_up(&app, "ada@acme.com").await;
        app.tenant("acme").await;

        let response = relay(&app, &bus, &mail).handle(batch(&app)).await;

        assert_eq!(failed(&response), <[&str; 0]>::default());
        assert_eq!(
            bus.calls(),
            [
                vec!["lead.created.v1", "tenant.created.v1"],
                vec!["lead.created.v1"]
            ]
        );
    }

    #[tokio::test]
    async fn what_the_bus_keeps_refusing_is_reported_and_comes_again_alone() {
        let app = TestApp::start().await;
        let (bus, mail) = (TestBus::refusing("lead.created.v1", u32::MAX), Arc::default());
        sign_up(&app, "ada@acme.com").await;
        app.tenant("acme").await;
        let batch = batch(&app);

        let response = relay(&app, &bus, &mail).handle(batch.clone()).await;

        assert_eq!(failed(&response), places(&batch, MessageKind::Event)[..1]);
        assert_eq!(bus.calls().len(), 3);
        assert_eq!(mail.receivers(), ["ada@acme.com"]);
        let healthy = Arc::default();
        let response = relay(&app, &healthy, &mail).handle(batch).await;
        assert_eq!(failed(&response), <[&str; 0]>::default());
        assert_eq!(healthy.calls(), [["lead.created.v1"]]);
        assert_eq!(mail.receivers().len(), 1);
    }

    #[tokio::test]
    async fn what_the_bus_does_not_answer_for_is_offered_again() {
        let app = TestApp::start().await;
        let (bus, mail) = (
            Arc::new(TestBus {
                answers: Some(1),
                ..TestBus::default()
            }),
            Arc::default(),
        );
        sign_up(&app, "ada@acme.com").await;
        app.tenant("acme").await;

        let response = relay(&app, &bus, &mail).handle(batch(&app)).await;

        assert_eq!(failed(&response), <[&str; 0]>::default());
        assert_eq!(
            bus.calls(),
            [
                vec!["lead.created.v1", "tenant.created.v1"],
                vec!["tenant.created.v1"]
            ]
        );
    }

    #[tokio::test]
    async fn the_bus_gets_at_most_ten_entries_at_once() {
        let app = TestApp::start().await;
        let (bus, mail) = (Arc::default(), Arc::default());
        for n in 0..23 {
            sign_up(&app, &format!("ada{n}@acme.com")).await;
        }

        let response = relay(&app, &bus, &mail).handle(batch(&app)).await;

        assert_eq!(failed(&response), <[&str; 0]>::default());
        assert_eq!(bus.calls().iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 3]);
        assert_eq!(mail.receivers().len(), 23);
    }

    #[tokio::test]
    async fn a_mail_that_is_refused_is_reported_and_holds_up_no_other() {
        let app = TestApp::start().await;
        let (bus, mail) = (
            Arc::default(),
            Arc::new(TestMail {
                refused: Some("eve@acme.com"),
                ..TestMail::default()
            }),
        );
        for email in ["ada@acme.com", "eve@acme.com", "bob@acme.com"] {
            sign_up(&app, email).await;
        }
        let batch = batch(&app);

        let response = relay(&app, &bus, &mail).handle(batch.clone()).await;

        assert_eq!(failed(&response), places(&batch, MessageKind::Mail)[1..2]);
        assert_eq!(mail.receivers(), ["ada@acme.com", "bob@acme.com"]);
        let healthy = Arc::default();
        relay(&app, &bus, &healthy).handle(batch).await;
        assert_eq!(healthy.receivers(), ["eve@acme.com"]);
    }

    #[tokio::test]
    async fn a_sealed_message_that_cannot_be_opened_is_reported() {
        let app = TestApp::start().await;
        let (bus, mail) = (Arc::default(), Arc::default());
        sign_up(&app, "ada@acme.com").await;
        sign_up(&app, "bob@acme.com").await;
        let batch = batch(&app);
        let mails: Vec<Placed> = messages(&batch)
            .into_iter()
            .filter(|placed| placed.message.kind == MessageKind::Mail)
            .collect();
        // Sealed by us, but for another message.
        let moved = mails[1].message.body.clone();
        let batch = tampered(&batch, &mails[0].place, |image| image["body"]["S"] = moved.into());

        let response = relay(&app, &bus, &mail).handle(batch).await;

        assert_eq!(failed(&response), [&*mails[0].place]);
        assert_eq!(mail.receivers(), ["bob@acme.com"]);
        assert_eq!(bus.taken().len(), 2);
    }

    #[tokio::test]
    async fn a_message_that_cannot_be_read_is_reported() {
        let app = TestApp::start().await;
        let (bus, mail) = (Arc::default(), Arc::default());
        sign_up(&app, "ada@acme.com").await;
        let batch = batch(&app);
        let place = places(&batch, MessageKind::Event).remove(0);
        let batch = tampered(&batch, &place, |image| image["kind"]["S"] = "pigeon".into());

        let response = relay(&app, &bus, &mail).handle(batch).await;

        assert_eq!(failed(&response), [place]);
        assert_eq!((bus.calls().len(), mail.receivers().len()), (0, 1));
    }

    #[tokio::test]
    async fn a_batch_without_messages_asks_nobody() {
        let app = TestApp::start().await;
        let (bus, mail) = (Arc::default(), Arc::default());
        let before = app.product.edge.app.store.meter().reading();

        let response = relay(&app, &bus, &mail).handle(StreamEvent::default()).await;

        assert_eq!(failed(&response), <[&str; 0]>::default());
        assert_eq!(bus.calls().len(), 0);
        assert_eq!(
            app.product.edge.app.store.meter().reading().since(before).calls,
            0
        );
    }
}
