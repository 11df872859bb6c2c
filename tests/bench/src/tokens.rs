use serde::Serialize;
use serde_json::{Value, json};
use tenantry_app::{SystemClock, TenantClaims, TokenClaims};
use tenantry_domain::{
    Actor, Change, Clock as _, Email, Id, Login, Membership, MembershipStatus, Permission, PersonName,
    Profile, ProviderId, ProviderName, Roles, Scope, Tenant, TenantScope, User, Username,
};
use tenantry_store::{Arrival, Transaction};
use tenantry_tokens::{Answer, Event, Settings, Subject, Tokens};
use tokio::time::Instant;

use crate::Error;
use crate::figures::{median, table};
use crate::installation::{Installation, id_of};
use crate::watched::Watched;

/// What is measured.
pub(crate) struct Options {
    /// How often the function is called.
    pub(crate) calls: usize,
    pub(crate) is_json: bool,
}

/// A person in as many tenants, each with as many roles as a tenant can have.
struct Ground {
    installation: Installation,
    tokens: Tokens,
    token_max_bytes: usize,
    user_id: Id<User>,
    tenants: Vec<Id<Tenant>>,
}

/// What a call costs.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Cost {
    what: &'static str,
    cpu_us: f64,
    p50_us: f64,
    table_calls: f64,
    read_units: f64,
}

const TENANTS: usize = 3;
const POOL: &str = "eu-west-1_AbCdEfGhI";
const SUB: &str = "c2a5d4f4-90e1-70d3-5c2f-3f1e8d7a6b5c";
/// What needs no table is quick: so many times more often it is done.
const PURE: usize = 50;

pub(crate) async fn measure(options: &Options) -> Result<(), Error> {
    let ground = Ground::fill().await?;
    let arrival = ground.arrival().await?;
    let (hinted, unhinted) = (ground.event(1), ground.event(0));
    // So many groups leave no room for permissions.
    let crowded = ground.event(14);
    let (sent, calls) = (hinted.to_string(), options.calls);
    let claims = async || ground.answer(&hinted, &arrival).map(drop);
    let reference = async || ground.answer(&crowded, &arrival).map(drop);
    let with_json = async || {
        let answer = ground.answer(&serde_json::from_str(&sent)?, &arrival)?;
        std::hint::black_box(answer.to_string());
        Ok(())
    };
    let costs = [
        ground
            .cost("claims of what was read", calls * PURE, claims)
            .await?,
        ground
            .cost("a reference instead", calls * PURE, reference)
            .await?,
        ground
            .cost("with the JSON around", calls * PURE, with_json)
            .await?,
        ground
            .cost("whole, hints hold", calls, async || ground.ask(&hinted).await)
            .await?,
        ground
            .cost("whole, no hints", calls, async || ground.ask(&unhinted).await)
            .await?,
    ];
    let text = if options.is_json {
        serde_json::to_string_pretty(&costs)?
    } else {
        report(options, &costs)
    };
    crate::print(&text);
    Ok(())
}

impl Ground {
    async fn fill() -> Result<Self, Error> {
        let installation = Installation::start().await?;
        let mut tenants = Vec::new();
        let of_tenant = Permission::all().filter(|permission| permission.scope() == Scope::Tenant);
        let permissions: Vec<&str> = of_tenant.map(Permission::name).collect();
        let mut role_ids = Vec::new();
        for tenant in 0..TENANTS {
            let id = installation.create_tenant(&format!("tokens{tenant}")).await?;
            installation.provision(&id).await?;
            for report in installation.reports(std::slice::from_ref(&id)).await? {
                installation.send(report.request()?).await?;
            }
            let mut role_id = String::new();
            for number in 0..Roles::MOST {
                let role = json!({ "name": format!("Editors {number}"), "permissions": permissions });
                role_id = id_of(
                    &installation
                        .create(&format!("/tenants/{id}/roles"), &role)
                        .await?,
                )?;
            }
            tenants.push(parse::<Tenant>(&id)?);
            role_ids.push(parse(&role_id)?);
        }
        let now = SystemClock.now();
        let change = Change {
            by: Actor::System,
            at: now,
        };
        let email = Email::parse("grace@acme.com").map_err(|rule| rule.code)?;
        let profile = Profile {
            first_name: PersonName::abridge("Grace", "person"),
            middle_name: None,
            last_name: None,
            phone: None,
            photo_url: None,
        };
        let app = &installation.product.edge.app;
        let user_id = User::new_id(now, &*app.entropy);
        let mut user = User::new(user_id, Username::of_email(&email), email, profile, now);
        user = user
            .known_as(login()?, &change)
            .ok_or("the login is known already")?;
        let mut transaction = Transaction::new();
        for (&tenant_id, role_id) in tenants.iter().zip(role_ids) {
            user = user.join(tenant_id, &change)?;
            let member = Membership::new(tenant_id, &user, role_id, MembershipStatus::Active, now);
            let member = member
                .with_login(login()?, &change)
                .ok_or("the login is known already")?;
            transaction.create_membership(&TenantScope::of_system(tenant_id, Actor::System), &member);
        }
        transaction.create_user(&user);
        app.store.commit(transaction).await?;
        let settings = Settings::read(|_| None)?;
        Ok(Self {
            token_max_bytes: settings.token_max_bytes,
            tokens: Tokens::new(app.clone(), settings),
            installation,
            user_id,
            tenants,
        })
    }

    /// What the table says of the person and its tenants.
    async fn arrival(&self) -> Result<Arrival, Error> {
        let store = &self.installation.product.edge.app.store;
        let arrival = store
            .find_arrival(self.user_id, Some(&login()?), &self.tenants)
            .await?;
        if arrival.standings.len() == TENANTS {
            Ok(arrival)
        } else {
            Err("the person is not in every tenant".into())
        }
    }

    /// As Cognito sends it, with the groups of all tenants so many times.
    fn event(&self, times: usize) -> Value {
        json!({
            "version": "2",
            "triggerSource": "TokenGeneration_RefreshTokens",
            "region": "eu-west-1",
            "userPoolId": POOL,
            "userName": self.user_id,
            "callerContext": { "awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "5b9b3v2rqkk2fqpnh1hs1p4k1f" },
            "request": {
                "userAttributes": { "sub": SUB, "cognito:user_status": "CONFIRMED", "email": "grace@acme.com" },
                "groupConfiguration": { "groupsToOverride": self.tenants.repeat(times), "iamRolesToOverride": [] },
                "scopes": ["aws.cognito.signin.user.admin", "openid"],
            },
            "response": { "claimsAndScopeOverrideDetails": null },
        })
    }

    /// What the function does between its calls to the table and its answer.
    fn answer(&self, event: &Value, arrival: &Arrival) -> Result<Value, Error> {
        let event = Event::read(event).ok_or("the event is no object")?;
        let chosen = self.tenants.first();
        let standing = arrival
            .standings
            .iter()
            .find(|standing| Some(&standing.tenant.id) == chosen);
        let subject = Subject::Person(TokenClaims {
            user_id: self.user_id,
            tenant: standing.map(TenantClaims::of),
        });
        let (_, details) = Answer::new(&event, &subject, self.token_max_bytes).into_details();
        Ok(std::hint::black_box(details))
    }

    async fn ask(&self, event: &Value) -> Result<(), Error> {
        let answer = self.tokens.handle(event.clone()).await?;
        let details = &answer["response"]["claimsAndScopeOverrideDetails"]["accessTokenGeneration"];
        if details["claimsToAddOrOverride"]["permissions"].is_array() {
            Ok(())
        } else {
            Err(format!("the event was answered {answer}").into())
        }
    }

    async fn cost(
        &self,
        what: &'static str,
        times: usize,
        work: impl AsyncFn() -> Result<(), Error>,
    ) -> Result<Cost, Error> {
        let process = Watched::new(std::process::id())?;
        let meter = self.installation.product.edge.app.store.meter();
        // Whatever is made once is made by the first.
        work().await?;
        let (before, cpu_ms) = (meter.reading(), process.cpu_ms()?);
        let mut took = Vec::with_capacity(times);
        for _ in 0..times {
            let asked = Instant::now();
            work().await?;
            took.push(asked.elapsed().as_secs_f64() * 1_000_000.0);
        }
        let (cpu_ms, usage) = (process.cpu_ms()? - cpu_ms, meter.reading().since(before));
        let times = f64::from(u32::try_from(times)?);
        Ok(Cost {
            what,
            cpu_us: cpu_ms * 1_000.0 / times,
            p50_us: median(&took),
            table_calls: f64::from(u32::try_from(usage.calls)?) / times,
            read_units: usage.read_units / times,
        })
    }
}

fn login() -> Result<Login, Error> {
    Ok(Login {
        provider: ProviderName::Cognito,
        place: ProviderId::parse(POOL).map_err(|rule| rule.code)?,
        auth_id: ProviderId::parse(SUB).map_err(|rule| rule.code)?,
    })
}

fn parse<T>(id: &str) -> Result<Id<T>, Error> {
    Ok(Id::parse(id).map_err(|rule| rule.code)?)
}

fn report(options: &Options, costs: &[Cost]) -> String {
    let head = ["call", "CPU us", "p50 us", "table calls", "read units"];
    let row = |cost: &Cost| {
        vec![
            cost.what.to_owned(),
            format!("{:.1}", cost.cpu_us),
            format!("{:.1}", cost.p50_us),
            format!("{:.0}", cost.table_calls),
            format!("{:.1}", cost.read_units),
        ]
    };
    let rows: Vec<Vec<String>> = costs.iter().map(row).collect();
    format!(
        "{TENANTS} tenants with {} roles each; {} calls, {PURE} times as many of what needs no table. CPU is the process's: with \
         the table, its engine's as well.\n\n{}",
        Roles::MOST,
        options.calls,
        table(&head, &rows)
    )
}
