//! What goes out and comes in, in every dialect, whole and byte by byte.

use serde_json::{Map, Value, json};
use tenantry_domain::{
    Actor, Callback, Change, Contact, ContactKind, Dialect, Domain, Email, EntitledPlan, Entitlement,
    Entropy, Id, Job, JobKind, NewTenant, PersonName, Tenant, TenantKey, Text, Timestamp, Wire, WireChanges,
};

use super::answer::{Answer, BusEvent, Ignored};
use super::{Notice, Said, arc, check_keys, sbt};

/// The same byte everywhere.
struct Constant(u8);

impl Entropy for Constant {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_millis(1_768_469_400_000)
}

fn text<const MAX: usize>(text: &str) -> Text<MAX> {
    Text::parse(text).expect("the example is a text")
}

pub(super) struct Scene {
    pub(super) tenant: Tenant,
    pub(super) contacts: Vec<Contact>,
    pub(super) job: Job,
    pub(super) callback: Callback,
}

/// Acme with a plan that says all that the application planes in use read.
pub(super) fn scene(wire: Wire, kind: JobKind) -> Scene {
    let name = |name: &str| -> PersonName { text(name) };
    let change = Change {
        by: Actor::System,
        at: now(),
    };
    let email = Email::parse("admin@acme.com").expect("the example is an address");
    let new = NewTenant {
        key: TenantKey::parse("acme").expect("the example is a key"),
        name: name("Acme \"Ltd\""),
        domains: vec![Domain::parse("acme.com").expect("the example is a domain")],
        website: None,
        address: Some(tenantry_domain::Address {
            city: Some(text("London")),
            country: Some(text("United Kingdom")),
            ..tenantry_domain::Address::default()
        }),
    };
    let tenant = Tenant::found(new, &email, None, &change, &Constant(1)).expect("the example is sound");
    let contact = Contact::first(
        tenant.id,
        (name("Ada"), name("Lovelace"), email),
        ContactKind::Admin,
        &change,
        &Constant(2),
    );
    let other = Contact {
        id: Id::new(now(), &Constant(3)),
        email: Email::parse("bills@acme.com").expect("the example is an address"),
        is_primary: false,
        kind: ContactKind::Billing,
        ..contact.clone()
    };
    let rest = json!({
        "prices": [{ "id": "price_1", "metricName": "productsSold" }],
        "useFederation": true,
        "useEc2": "false",
        "useRProxy": false,
        "seats": 5,
        "nothing": null,
        "tenantId": "somebody else's",
        "size": "small",
        "sizeConfig": { "CPU": 2, "MEMORY": "4096" },
        "features": [{ "key": "IdP", "defaultValue": "auth0", "value": { "value": "cognito" } }],
    });
    let Value::Object(rest) = rest else {
        panic!("the example is an object")
    };
    let entitlement = Entitlement {
        id: text("sub_1"),
        subscriber_id: None,
        start_date: None,
        end_date: None,
        status: None,
        plan_id: None,
        invoice_id: None,
        plan: EntitledPlan {
            tier: "basic".to_owned(),
            rest,
        },
        application_plane: None,
    };
    let job = Job::request(&tenant, kind, entitlement, wire, now(), &Constant(4));
    let provisioning = tenant
        .clone()
        .provision(&job, &change)
        .expect("a new tenant can be provisioned");
    let tenant = match kind {
        JobKind::Provision => provisioning,
        JobKind::Deprovision | JobKind::ChangeTier => provisioning
            .activate(None, &change)
            .and_then(|active| active.offboard(&job, None, now(), &change))
            .expect("an active tenant can be offboarded"),
    };
    let callback = Callback {
        url: "https://api.example.com/webhook".to_owned(),
        secret: "tws_secret".into(),
        context: "context-1".to_owned(),
    };
    Scene {
        tenant,
        contacts: vec![other, contact],
        job,
        callback,
    }
}

fn wire(dialect: Dialect) -> Wire {
    let changes = WireChanges::parse(json!({
        "attributes": { "appConfig": { "region": "eu-west-1" }, "region": "eu-west-1", "replicas": 3 },
    }));
    Wire::preset(dialect)
        .with(&changes.expect("the example is sound"))
        .expect("the example is sound")
}

/// As `PutEvents` takes it.
fn entry(wire: &Wire, said: Said) -> String {
    let entry = json!({
        "Source": wire.source,
        "DetailType": format!("{}{}", wire.prefix, said.name),
        "Detail": said.detail,
    });
    serde_json::to_string_pretty(&entry).expect("an entry is plain data")
}

fn request(dialect: Dialect, kind: JobKind) -> Option<String> {
    let wire = wire(dialect);
    let Scene {
        tenant,
        contacts,
        job,
        callback,
    } = scene(wire.clone(), kind);
    let said = match dialect {
        Dialect::Tenantry => return None,
        Dialect::Arc => arc::job_request(&wire, &job, &tenant, &contacts, &callback),
        Dialect::Sbt09 | Dialect::Sbt058 | Dialect::Sbt05 | Dialect::Sbt03 => {
            sbt::job_request(&wire, &job, &tenant, &contacts)
        }
    };
    Some(entry(&wire, said?))
}

const FOREIGN: [Dialect; 5] = [
    Dialect::Arc,
    Dialect::Sbt09,
    Dialect::Sbt058,
    Dialect::Sbt05,
    Dialect::Sbt03,
];

#[test]
fn requests_are_these_whole() {
    for dialect in FOREIGN {
        for (kind, name) in [
            (JobKind::Provision, "provision"),
            (JobKind::Deprovision, "deprovision"),
        ] {
            let said = request(dialect, kind).expect("every dialect makes and removes tenants");

            insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "golden" }, {
                insta::assert_snapshot!(format!("emitted-{dialect}-{name}"), said);
            });
        }
    }
}

#[test]
fn notices_are_these_whole() {
    for dialect in FOREIGN.into_iter().filter(|dialect| *dialect != Dialect::Arc) {
        let wire = wire(dialect);
        let Scene { tenant, contacts, .. } = scene(wire.clone(), JobKind::Provision);
        for (notice, name) in [
            (Notice::Reactivated, "activate"),
            (Notice::Suspended, "deactivate"),
        ] {
            let said = sbt::notice(notice, &wire, &tenant, &contacts);

            insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "golden" }, {
                insta::assert_snapshot!(format!("emitted-{dialect}-{name}"), entry(&wire, said));
            });
        }
    }
}

#[test]
fn no_foreign_plane_can_be_asked_for_another_tier() {
    for dialect in Dialect::ALL {
        let said = request(dialect, JobKind::ChangeTier);

        assert_eq!(said, None, "{dialect}");
        assert_eq!(dialect.has_tier_changes(), dialect == Dialect::Tenantry);
    }
}

#[test]
fn every_missing_key_is_named() {
    let changes = WireChanges::parse(
        json!({ "requiredKeys": ["tenantId", "email", "colour/shade", "useEc2", "prices"], "requiredKeysToDeprovision": ["a"] }),
    );
    let wire = Wire::preset(Dialect::Sbt09)
        .with(&changes.expect("the example is sound"))
        .expect("the example is sound");
    let mut scene = scene(wire.clone(), JobKind::Provision);
    scene.contacts.clear();
    scene
        .job
        .subscription
        .plan
        .rest
        .insert("useEc2".to_owned(), Value::from(""));
    let said =
        sbt::job_request(&wire, &scene.job, &scene.tenant, &scene.contacts).expect("SBT makes tenants");

    let error = check_keys(&said.detail, &scene.job).expect_err("keys are missing");

    let tenantry_domain::Error::Invalid(tenantry_domain::Invalid(violations)) = error else {
        panic!("{error}")
    };
    let found: Vec<_> = violations
        .iter()
        .map(|violation| (&*violation.pointer, violation.code))
        .collect();
    let code = "required_by_application_plane";
    assert_eq!(
        found,
        [
            ("/contacts", code),
            ("/plan/colour~1shade", code),
            ("/plan/useEc2", code)
        ]
    );
    scene.job.kind = JobKind::Deprovision;
    assert!(check_keys(&said.detail, &scene.job).is_err());
    scene.job.kind = JobKind::ChangeTier;
    assert_eq!(check_keys(&Map::new(), &scene.job), Ok(()));
}

fn consumed() -> Vec<(String, BusEvent)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dialect/golden/consumed");
    let files = std::fs::read_dir(folder).expect("the folder is there");
    let mut events: Vec<_> = files
        .map(|file| {
            let path = file.expect("the folder can be read").path();
            let name = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .unwrap_or_default()
                .to_owned();
            let text = std::fs::read_to_string(path).expect("the file can be read");
            (name, serde_json::from_str(&text).expect("the file is an event"))
        })
        .collect();
    events.sort_by(|(one, _), (other, _)| one.cmp(other));
    events
}

#[test]
fn answers_are_read_like_this() {
    for (name, event) in consumed() {
        let read = Answer::read(&event);

        assert_eq!(read.is_err(), name.starts_with("ignored-"), "{name}: {read:?}");
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "golden" }, {
            insta::assert_debug_snapshot!(format!("consumed-{name}"), read);
        });
    }
}

#[test]
fn an_answer_fits_the_jobs_of_its_own_plane_only() {
    let of = |name: &str| {
        let found = consumed().into_iter().find(|(file, _)| file == name);
        found.map(|(_, event)| event).expect("there is such a file")
    };
    let cases = [
        ("sbt-0.9-provision-success", vec![Dialect::Sbt09]),
        (
            "sbt-0.5.8-provision-success",
            vec![Dialect::Sbt058, Dialect::Sbt05, Dialect::Sbt03],
        ),
        (
            "sbt-0.3-provision-success",
            vec![Dialect::Sbt058, Dialect::Sbt05, Dialect::Sbt03],
        ),
        ("arc-deployment-success", vec![Dialect::Arc]),
        ("tenantry-succeeded", vec![Dialect::Tenantry]),
        ("sbt-0.9-deprovision-success", vec![]),
    ];
    for (name, fitting) in cases {
        let event = of(name);
        let answer = Answer::read(&event).expect("it is an answer");

        let fits =
            |dialect: &Dialect| answer.fits(&event, &scene(Wire::preset(*dialect), JobKind::Provision).job);

        assert_eq!(
            Dialect::ALL.into_iter().filter(fits).collect::<Vec<_>>(),
            fitting,
            "{name}"
        );
    }
    let event = of("sbt-0.9-provision-success");
    let answer = Answer::read(&event).expect("it is an answer");
    for changes in [
        json!({ "answersFrom": ["another"] }),
        json!({ "answersFrom": [] }),
        json!({ "prefix": "other_" }),
    ] {
        let changes = WireChanges::parse(changes).expect("the example is sound");
        let wire = Wire::preset(Dialect::Sbt09)
            .with(&changes)
            .expect("the example is sound");
        assert!(
            !answer.fits(&event, &scene(wire, JobKind::Provision).job),
            "{changes:?}"
        );
    }
}

#[test]
fn infrastructure_ends_a_job_only_where_nothing_is_deployed_after_it() {
    let (_, event) = consumed().remove(
        consumed()
            .iter()
            .position(|(name, _)| name == "arc-provisioning-success")
            .expect("there is such a file"),
    );
    let answer = Answer::read(&event).expect("it is an answer");
    let ends_with = |changes: Value| {
        let changes = WireChanges::parse(changes).expect("the example is sound");
        let wire = Wire::preset(Dialect::Arc)
            .with(&changes)
            .expect("the example is sound");
        answer.outcome(&scene(wire, JobKind::Provision).job).is_some()
    };

    assert!(!ends_with(json!({})));
    assert!(ends_with(json!({ "finalEvent": "TENANT_PROVISIONING_SUCCESS" })));
    assert_eq!(
        Answer::read(&BusEvent {
            detail: json!({ "tenant": 5 }),
            ..event
        })
        .map(|_| ()),
        Err(Ignored("it names no tenant"))
    );
}

#[test]
fn what_was_said_before_the_job_was_asked_for_is_stale() {
    let job = scene(Wire::preset(Dialect::Sbt03), JobKind::Provision).job;
    let (_, event) = consumed().remove(0);
    let at = |ms: i64| BusEvent {
        time: job.created_at.plus_ms(ms),
        ..event.clone()
    };

    assert!(Answer::is_stale(&at(-1000), &job));
    assert!(!Answer::is_stale(&at(0), &job));
}
