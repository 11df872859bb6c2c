use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::Value;
use tenantry_app::{
    Config, Context, Erased, IdentityProviders, TraceContext, Watched, continue_erasures, fail_overdue_jobs,
    sha256_hex,
};
use tenantry_domain::{
    Clock as _, Email, Id, Membership, MembershipStatus, Permission, PersonName, Profile, SystemRole, Tenant,
    User, Username,
};
use tenantry_local::{ForeignEvent, Ingredients, Product, ReceivedMail, Subject};

use crate::{Call, SeededEntropy, TestClock, of_members};

/// Long enough for fifty callers at once on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The whole product, with a clock and chance of its own.
pub struct TestApp {
    /// The product.
    pub product: Product,
    /// The clock.
    pub clock: Arc<TestClock>,
    /// Chance.
    pub entropy: Arc<SeededEntropy>,
}

impl TestApp {
    /// Opens `/metrics`.
    pub const SCRAPE_TOKEN: &str = "scrape";

    /// With the default settings.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// With settings that a test changes.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_patient(PATIENCE, change).await
    }

    /// With a table that is given up on after this time.
    pub async fn start_patient(patience: Duration, change: impl FnOnce(&mut Config)) -> Self {
        Self::start_as(patience, None, change).await
    }

    /// With these providers of identities instead of the local one.
    pub async fn start_identified(identity: IdentityProviders, change: impl FnOnce(&mut Config)) -> Self {
        Self::start_as(PATIENCE, Some(identity), change).await
    }

    async fn start_as(
        patience: Duration,
        identity: Option<IdentityProviders>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let (clock, entropy) = (Arc::new(TestClock::default()), Arc::new(SeededEntropy::default()));
        let mut config = Config::read(|name| match name {
            "API_URL" => Some("https://api.example.com".to_owned()),
            "METRICS_TOKEN_SHA256" => Some(sha256_hex(Self::SCRAPE_TOKEN)),
            "FRONTEND_URL" => Some("https://app.example.com/verify".to_owned()),
            "INVITATION_URL" => Some("https://app.example.com/invitation".to_owned()),
            _ => None,
        })
        .expect("the settings are valid");
        change(&mut config);
        let ingredients = Ingredients {
            clock: Arc::clone(&clock) as _,
            entropy: Arc::clone(&entropy) as _,
            config,
            data: None,
            patience,
            identity,
        };
        let product = Product::start(ingredients).await.expect("the product starts");
        Self {
            product,
            clock,
            entropy,
        }
    }

    /// A GET.
    pub fn get(&self, path: &str) -> Call<'_> {
        Call::new(self, Method::GET, path)
    }

    /// A POST.
    pub fn post(&self, path: &str) -> Call<'_> {
        Call::new(self, Method::POST, path)
    }

    /// A PATCH.
    pub fn patch(&self, path: &str) -> Call<'_> {
        Call::new(self, Method::PATCH, path)
    }

    /// A DELETE.
    pub fn delete(&self, path: &str) -> Call<'_> {
        Call::new(self, Method::DELETE, path)
    }

    /// Any method.
    pub fn call(&self, method: &str, path: &str) -> Call<'_> {
        Call::new(
            self,
            Method::from_bytes(method.as_bytes()).expect("tests name valid methods"),
            path,
        )
    }

    /// The token of an operator with every permission.
    pub fn operator(&self) -> String {
        self.operator_with(Permission::all())
    }

    /// The token of an operator with these permissions.
    pub fn operator_with(&self, permissions: impl IntoIterator<Item = Permission>) -> String {
        let permissions = permissions
            .into_iter()
            .map(|permission| permission.name().to_owned())
            .collect();
        self.token(&Subject::Operator { permissions })
    }

    /// The token of a member of the tenant with every permission that members can have.
    pub fn member(&self, tenant_id: &str) -> String {
        self.member_with(tenant_id, of_members())
    }

    /// The token of a member of the tenant with these permissions, whatever its role grants. The member is active; the stream
    /// does not hear of it.
    pub fn member_with(&self, tenant_id: &str, permissions: impl IntoIterator<Item = Permission>) -> String {
        self.put_and_sign_in(tenant_id, SystemRole::Member, permissions)
    }

    /// The token of a member of the tenant with a role that every tenant has, and what it grants. The stream does not hear of it.
    pub fn member_as(&self, tenant_id: &str, role: SystemRole) -> String {
        self.put_and_sign_in(tenant_id, role, role.permissions().iter())
    }

    fn put_and_sign_in(
        &self,
        tenant_id: &str,
        role: SystemRole,
        permissions: impl IntoIterator<Item = Permission>,
    ) -> String {
        let tenant = Id::parse(tenant_id).expect("tests name tenants by their ids");
        let user_id = User::new_id(self.clock.now(), &*self.entropy);
        self.put_member(tenant, user_id, role);
        self.token_of(tenant_id, &user_id.to_string(), permissions)
    }

    /// A token of this person in this tenant with these permissions, whether it is a member or not.
    pub fn token_of(
        &self,
        tenant_id: &str,
        user_id: &str,
        permissions: impl IntoIterator<Item = Permission>,
    ) -> String {
        let permissions = permissions
            .into_iter()
            .map(|permission| permission.name().to_owned())
            .collect();
        self.token(&Subject::Member {
            tenant_id: Id::parse(tenant_id).expect("tests name tenants by their ids"),
            user_id: Id::parse(user_id).expect("tests name persons by their ids"),
            permissions,
        })
    }

    /// A token of this person, for no tenant.
    pub fn token_in_no_tenant(&self, user_id: &str) -> String {
        let now = self.clock.now();
        let claims = serde_json::json!({ "sub": user_id, "userId": user_id });
        let (issued_at, expires_at) = (now.as_seconds(), now.plus_ms(60 * 60_000).as_seconds());
        let token = self.product.issuer.sign(claims, issued_at, expires_at);
        token.expect("the local issuer signs")
    }

    /// Tokens of three persons that are no active members of the tenant, with every permission that members can have: one was
    /// deactivated, one was removed, and one never was a member.
    pub async fn no_members(&self, tenant_id: &str) -> [String; 3] {
        let tenant = Id::parse(tenant_id).expect("tests name tenants by their ids");
        let users = [(); 3].map(|()| User::new_id(self.clock.now(), &*self.entropy));
        let [deactivated, removed, _] = users;
        let partition = format!("TENANT#{tenant}");
        let place = |user_id| format!("MEMBER#{}", Membership::id_of(tenant, user_id));
        self.put_member(tenant, deactivated, SystemRole::Member);
        self.put_member(tenant, removed, SystemRole::Member);
        let inactive = MembershipStatus::Inactive.name();
        self.overwrite(&partition, &place(deactivated), "status", inactive)
            .await;
        self.delete_item(&partition, &place(removed)).await;
        users.map(|user_id| self.token_of(tenant_id, &user_id.to_string(), of_members()))
    }

    /// Writes an active member past all rules: who tests something else needs somebody who may do it.
    fn put_member(&self, tenant_id: Id<Tenant>, user_id: Id<User>, role: SystemRole) {
        let now = self.clock.now();
        let email = Email::parse(&format!("{user_id}@members.example")).expect("it is an address");
        let profile = Profile {
            first_name: PersonName::abridge("Margaret", "member"),
            middle_name: None,
            last_name: None,
            phone: None,
            photo_url: None,
        };
        let user = User::new(user_id, Username::of_email(&email), email, profile, now);
        let role_id = role.id(tenant_id);
        let member = Membership::new(tenant_id, &user, role_id, MembershipStatus::Active, now);
        let mut item: serde_dynamo::Item = serde_dynamo::to_item(&member).expect("it is stored so");
        let places = [
            ("pk", format!("TENANT#{tenant_id}")),
            ("sk", format!("MEMBER#{}", member.id)),
            ("type", "membership".to_owned()),
        ];
        for (name, value) in places {
            item.insert(name.to_owned(), serde_dynamo::AttributeValue::S(value));
        }
        let item = serde_json::to_value(item).expect("items are JSON");
        self.product.table.import(vec![item]).expect("the table takes it");
    }

    /// The id of a tenant that does not exist.
    pub fn unknown_id(&self) -> String {
        Id::<Tenant>::new(self.clock.now(), &*self.entropy).to_string()
    }

    /// Puts a tenant into a status without any of what leads there.
    pub async fn force_status(&self, tenant_id: &str, status: &str) {
        let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
        let update = self
            .product
            .table
            .client
            .update_item()
            .table_name(tenantry_local::TABLE);
        let update = update
            .key("pk", text(&format!("TENANT#{tenant_id}")))
            .key("sk", text("TENANT"))
            .update_expression("SET #status = :status")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", text(status));
        update.send().await.expect("the table can be written");
    }

    fn token(&self, subject: &Subject) -> String {
        self.product
            .issuer
            .token(subject, self.clock.now())
            .expect("the local issuer signs")
    }

    /// Lets the relay deliver everything that is in the outbox, and answers be taken that came over the bus.
    pub async fn settle(&self) {
        loop {
            self.product.relay_once().await.expect("the stream can be read");
            if self.product.take_answers().await + self.product.follow_members().await == 0 {
                return;
            }
        }
    }

    /// Has an application plane say something over the bus, and everything come of it that does.
    pub async fn hear(&self, source: &str, detail_type: &str, detail: Value) {
        let event = ForeignEvent {
            source: source.to_owned(),
            detail_type: detail_type.to_owned(),
            detail,
        };
        self.product.bus.publish(event, self.clock.now());
        self.settle().await;
    }

    /// Runs a task of the schedule.
    pub async fn run_task(&self, task: &str) {
        let input = serde_json::json!({ "task": task });
        let done = self.product.provisioning.handle(input).await;
        done.expect("the task can be carried out");
    }

    /// Lets the watchdog run once: overdue jobs, and erasures that are not finished.
    pub async fn watch(&self) -> (Watched, Erased) {
        let context = self.context("watchdog");
        let watched = fail_overdue_jobs(&context).await.expect("the index can be read");
        let erased = continue_erasures(&context).await.expect("the index can be read");
        (watched, erased)
    }

    /// What a request works with that comes from no client.
    pub fn context(&self, request_id: &str) -> Context {
        let trace = TraceContext::of_request(None, request_id);
        Context::new(&self.product.edge.app, request_id.to_owned(), trace)
    }

    /// The mails that were delivered, oldest first.
    pub async fn mails(&self) -> Vec<ReceivedMail> {
        self.settle().await;
        self.product.mailbox.mails()
    }

    /// The events that were delivered, oldest first, as a rule's target receives them.
    pub async fn events(&self) -> Vec<Value> {
        self.settle().await;
        self.product.bus.entries()
    }

    /// The events of one type.
    pub async fn events_of(&self, detail_type: &str) -> Vec<Value> {
        self.events()
            .await
            .into_iter()
            .filter(|event| event["detail-type"] == detail_type)
            .collect()
    }

    /// Every item of the table; for tests that ask whether a request changed anything.
    pub async fn items(
        &self,
    ) -> Vec<std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>> {
        let scan = self
            .product
            .table
            .client
            .scan()
            .table_name(tenantry_local::TABLE)
            .consistent_read(true);
        let mut items = scan
            .send()
            .await
            .expect("the table can be read")
            .items
            .unwrap_or_default();
        items.sort_by_key(|item| format!("{:?} {:?}", item.get("pk"), item.get("sk")));
        items
    }

    /// Writes over a text of an item past all rules, as somebody with access to the table can.
    pub async fn overwrite(&self, pk: &str, sk: &str, attribute: &str, text: &str) {
        let value = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
        let update = self
            .product
            .table
            .client
            .update_item()
            .table_name(tenantry_local::TABLE);
        update
            .key("pk", value(pk))
            .key("sk", value(sk))
            .update_expression("SET #attribute = :text")
            .condition_expression("attribute_exists(pk) AND #attribute <> :text")
            .expression_attribute_names("#attribute", attribute)
            .expression_attribute_values(":text", value(text))
            .send()
            .await
            .expect("there is such an item with another text");
    }

    /// Writes an item of this type past all rules.
    pub async fn put_item(&self, pk: &str, sk: &str, kind: &str) {
        let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
        let put = self
            .product
            .table
            .client
            .put_item()
            .table_name(tenantry_local::TABLE);
        put.item("pk", text(pk))
            .item("sk", text(sk))
            .item("type", text(kind))
            .send()
            .await
            .expect("the table takes it");
    }

    /// Deletes an item past all rules.
    pub async fn delete_item(&self, pk: &str, sk: &str) {
        let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
        let delete = self
            .product
            .table
            .client
            .delete_item()
            .table_name(tenantry_local::TABLE);
        delete
            .key("pk", text(pk))
            .key("sk", text(sk))
            .send()
            .await
            .expect("the table takes it");
    }
}
