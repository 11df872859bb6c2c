use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use serde_json::{Value, json};
use tenantry_api::{Authenticator, Edge, Routes};
use tenantry_app::{App, Config, IdentityProviders, Keyring};
use tenantry_domain::{Clock, Entropy};
use tenantry_logins::Logins;
use tenantry_provisioning::Provisioning;
use tenantry_relay::Relay;
use tenantry_store::{Settings, Store};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::bus::LocalBus;
use crate::embedded::{Embedded, Stream, TABLE};
use crate::issuer::{IssuerSettings, LocalIssuer};
use crate::local_identity::LocalIdentity;
use crate::local_routes::{Desk, router as local_router};
use crate::mailbox::Mailbox;
use crate::oidc::{IssuerDesk, Sessions, router as issuer_router};
use crate::pattern::Pattern;
use crate::{Error, master_key};

/// What the local product is made with.
pub struct Ingredients {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// The settings; the issuers are added to.
    pub config: Config,
    /// Where data is kept; in memory if absent.
    pub data: Option<PathBuf>,
    /// How long the calls of one request to the table may take together.
    pub patience: Duration,
    /// Providers of identities; the local issuer if absent.
    pub identity: Option<IdentityProviders>,
}

/// The whole product in one process.
pub struct Product {
    /// Serves everything.
    pub router: Router,
    /// What the routes share.
    pub edge: Edge,
    /// The embedded table.
    pub table: Arc<Embedded>,
    /// Receives every mail.
    pub mailbox: Arc<Mailbox>,
    /// Carries every event.
    pub bus: Arc<LocalBus>,
    /// Issues tokens.
    pub issuer: Arc<LocalIssuer>,
    /// The local issuer as a provider of identities.
    pub local_identity: Arc<LocalIdentity>,
    /// Takes what application planes answer over the bus.
    pub provisioning: Provisioning,
    /// Keeps logins in step with memberships.
    pub logins: Logins,
    relay: Relay,
    stream: Mutex<Stream>,
    answers: Mutex<UnboundedReceiver<Value>>,
    member_events: Mutex<UnboundedReceiver<Value>>,
}

/// Every group of routes.
pub fn groups() -> Vec<Routes> {
    vec![
        tenantry_site::routes(),
        tenantry_leads::routes(),
        tenantry_tenants::routes(),
        tenantry_accounts::routes(),
        tenantry_users::routes(),
        tenantry_access::routes(),
        tenantry_callbacks::routes(),
    ]
}

impl Product {
    /// Starts the embedded table and builds everything around it.
    pub async fn start(ingredients: Ingredients) -> Result<Self, Error> {
        Self::start_at(ingredients, IssuerSettings::default()).await
    }

    /// The same for a product that is reached over HTTP, so that people can sign in there.
    pub async fn start_at(ingredients: Ingredients, settings: IssuerSettings) -> Result<Self, Error> {
        let IssuerSettings {
            base_url,
            token_max_bytes,
        } = settings;
        let Ingredients {
            clock,
            entropy,
            mut config,
            data,
            patience,
            identity,
        } = ingredients;
        let table = Embedded::start(data.as_deref()).await?;
        let master = master(data.as_deref(), &*entropy)?;
        let keyring = Keyring::from_bytes(master);
        let seed = master_key::derive_issuer_seed(&master);
        let issuer = Arc::new(LocalIssuer::with_base(&seed, &base_url)?);
        config.issuers.extend(issuer.descriptions());
        let sessions = Arc::new(Sessions::new(Arc::clone(&entropy)));
        let local_identity = Arc::new(LocalIdentity::new(&issuer, Arc::clone(&sessions)));
        let settings = Settings {
            table: TABLE.to_owned(),
            cursor_key: keyring.cursor_key(),
            audit_keys: keyring.audit_keys(),
            entropy: Arc::clone(&entropy),
            patience,
        };
        let store = Store::new(&table.client, settings);
        let issuers = config.issuers.clone();
        let app = Arc::new(App {
            store,
            clock: Arc::clone(&clock),
            entropy,
            config,
            keyring,
            identity: identity.unwrap_or_else(|| IdentityProviders::new([Arc::clone(&local_identity) as _])),
        });
        let authenticator = Arc::new(Authenticator::new(issuers, Arc::clone(&issuer) as _));
        let edge = Edge {
            app: Arc::clone(&app),
            authenticator,
        };
        let (mailbox, bus) = (
            Arc::new(Mailbox::new(Arc::clone(&clock))),
            Arc::new(LocalBus::default()),
        );
        let answers = Mutex::new(listen_for_answers(&bus, &app)?);
        let member_events = Mutex::new(listen_for_members(&bus, &app)?);
        let (provisioning, logins) = (Provisioning::new(Arc::clone(&app)), Logins::new(Arc::clone(&app)));
        let store = app.store.clone();
        let issuer_desk = IssuerDesk {
            app: Arc::clone(&app),
            issuer: Arc::clone(&issuer),
            sessions,
            token_max_bytes,
        };
        let relay = Relay::new(app, Arc::clone(&bus) as _, Arc::clone(&mailbox) as _).map_err(Error::new)?;
        let desk = Desk {
            mailbox: Arc::clone(&mailbox),
            bus: Arc::clone(&bus),
            provisioning: provisioning.clone(),
            store,
            issuer: Arc::clone(&issuer),
            clock,
        };
        let router = tenantry_api::router(groups(), &edge)
            .merge(local_router(desk))
            .merge(issuer_router(issuer_desk));
        let stream = Mutex::new(table.stream());
        Ok(Self {
            router,
            edge,
            table,
            mailbox,
            bus,
            issuer,
            local_identity,
            provisioning,
            logins,
            relay,
            stream,
            answers,
            member_events,
        })
    }

    /// Hands the relay what is new in the stream, until nothing is. Returns how many records there were.
    pub async fn relay_once(&self) -> Result<usize, Error> {
        let mut stream = self.stream.lock().await;
        let mut count = 0;
        loop {
            let batch = stream.next_batch()?;
            if batch.records.is_empty() {
                return Ok(count);
            }
            count += batch.records.len();
            self.relay_batch(batch).await;
        }
    }

    /// Takes what application planes have answered since; returns how many answers there were.
    pub async fn take_answers(&self) -> usize {
        const ATTEMPTS: u32 = 3;
        let mut answers = self.answers.lock().await;
        let mut count = 0;
        while let Ok(answer) = answers.try_recv() {
            count += 1;
            // As Lambda does: twice more, and then the dead-letter queue would have it.
            for _ in 0..ATTEMPTS {
                if self.provisioning.handle(answer.clone()).await.is_ok() {
                    break;
                }
            }
        }
        count
    }

    /// Has providers of identities follow what became of members since; returns how many events there were.
    pub async fn follow_members(&self) -> usize {
        const ATTEMPTS: u32 = 3;
        let mut events = self.member_events.lock().await;
        let mut count = 0;
        while let Ok(event) = events.try_recv() {
            count += 1;
            let Ok(task) = serde_json::from_value(event) else {
                continue;
            };
            // The queue brings again what failed, and then has it among its dead letters.
            for _ in 0..ATTEMPTS {
                if self.logins.take(&task).await.is_ok() {
                    break;
                }
            }
        }
        count
    }

    /// Begins again with the stream, as where the relay stopped before it could say that it was done: everything comes again.
    pub async fn relay_again(&self) {
        *self.stream.lock().await = self.table.stream();
    }

    /// As Lambda does with a batch: what failed comes again, a few times.
    async fn relay_batch(&self, mut batch: aws_lambda_events::event::dynamodb::Event) {
        const ATTEMPTS: u32 = 5;
        for _ in 0..ATTEMPTS {
            let response = self.relay.handle(batch.clone()).await;
            let failed: Vec<String> = response
                .batch_item_failures
                .into_iter()
                .filter_map(|f| f.item_identifier)
                .collect();
            if failed.is_empty() {
                return;
            }
            let is_failed =
                |place: &Option<String>| place.as_ref().is_some_and(|place| failed.contains(place));
            batch
                .records
                .retain(|record| is_failed(&record.change.sequence_number));
        }
        tracing::error!(
            records = batch.records.len(),
            "messages could not be delivered; a dead-letter queue would have them now"
        );
    }
}

/// The rules of the template, and one for the sources that only this deployment knows.
fn listen_for_answers(bus: &LocalBus, app: &App) -> Result<UnboundedReceiver<Value>, Error> {
    let (target, answers) = unbounded_channel();
    let mut patterns: Vec<String> = tenantry_provisioning::RULES
        .iter()
        .map(|(_, pattern)| (*pattern).to_owned())
        .collect();
    let own: Vec<&String> = app
        .config
        .application_plane
        .answers_from
        .iter()
        .filter(|source| !patterns.iter().any(|pattern| pattern.contains(source.as_str())))
        .collect();
    if !own.is_empty() {
        patterns.push(json!({ "source": own }).to_string());
    }
    for pattern in patterns {
        bus.add_rule(Pattern::parse(&pattern).map_err(Error::new)?, target.clone());
    }
    Ok(answers)
}

/// The rule of the template that brings members' events.
fn listen_for_members(bus: &LocalBus, app: &App) -> Result<UnboundedReceiver<Value>, Error> {
    let (target, events) = unbounded_channel();
    let pattern = json!({ "source": [app.config.event_source], "detail-type": tenantry_logins::EVENTS });
    let pattern = Pattern::parse(&pattern.to_string()).map_err(Error::new)?;
    bus.add_rule(pattern, target);
    Ok(events)
}

fn master(folder: Option<&Path>, entropy: &dyn Entropy) -> Result<[u8; 32], Error> {
    match folder {
        Some(folder) => master_key::read_or_make(&folder.join("master.key"), entropy),
        None => Ok(master_key::make(entropy)),
    }
}
