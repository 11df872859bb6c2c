use aws_sdk_dynamodb::types::Update;
use tenantry_domain::{
    Account, Conflict, Error as DomainError, Id, Invoice, InvoiceStatus, Kind, Plan, Subscription, Tenant,
    TenantScope, Timestamp,
};

use crate::entity::{Entity, Versioned, text_of};
use crate::key::{self, INVOICE_PREFIX, Key, Keys, LAST, LIST_SHARDS, SUBSCRIPTION_PREFIX};
use crate::page::List;
use crate::table::{GSI1, GSI2};
use crate::{Error, Order, Page, PageRequest, Store, Trail, Transaction};

/// What is wanted beside the tenant and where its billing stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BillingWish {
    /// This subscription.
    pub subscription: Option<Id<Subscription>>,
    /// This invoice.
    pub invoice: Option<Id<Invoice>>,
    /// This plan.
    pub plan: Option<Id<Plan>>,
}

/// A tenant with where its billing stands, and what was asked for beside it.
#[derive(Clone, Debug)]
pub struct BillingParts {
    /// The tenant.
    pub tenant: Tenant,
    /// Where its audit trail stands.
    pub trail: Trail,
    /// Where its billing stands.
    pub account: Account,
    /// The subscription that was asked for.
    pub subscription: Option<Subscription>,
    /// The invoice that was asked for.
    pub invoice: Option<Invoice>,
    /// The plan that was asked for.
    pub plan: Option<Plan>,
}

/// Something of a tenant's billing whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Whose it is.
    pub tenant_id: Id<Tenant>,
    /// What it is.
    pub thing: DueThing,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueThing {
    /// A subscription begins, is billed, ends, or has ended for too long.
    Subscription(Id<Subscription>),
    /// An invoice is overdue, or has been for too long.
    Invoice(Id<Invoice>),
}

impl Entity for Account {
    const TYPE: &'static str = "account";

    fn keys(&self) -> Keys {
        Keys::only(key::account(self.tenant_id))
    }
}

impl Versioned for Account {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Entity for Subscription {
    const TYPE: &'static str = "subscription";

    fn keys(&self) -> Keys {
        let gsi2 = self
            .due_at
            .map(|due_at| key::billing_due(self.tenant_id, due_at, self.id));
        Keys {
            gsi2,
            ..Keys::only(key::subscription(self.tenant_id, self.id))
        }
    }
}

impl Versioned for Subscription {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Entity for Invoice {
    const TYPE: &'static str = "invoice";

    fn keys(&self) -> Keys {
        let primary = key::invoice(self.tenant_id, self.id);
        let gsi1 = Key {
            pk: key::invoices_in(self.tenant_id, self.status),
            sk: primary.sk.clone(),
        };
        let gsi2 = self
            .due_at
            .map(|due_at| key::billing_due(self.tenant_id, due_at, self.id));
        Keys {
            gsi1: Some(gsi1),
            gsi2,
            ..Keys::only(primary)
        }
    }
}

impl Versioned for Invoice {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Transaction {
    /// Puts where a tenant's billing stands over the version it was made from. Every write of billing does, so that numbers
    /// follow each other and two writes of one tenant never both think that they are alone.
    pub fn put_account(&mut self, scope: &TenantScope, account: &Account) -> &mut Self {
        debug_assert_eq!(scope.tenant_id(), account.tenant_id, "another tenant");
        let conflict = modified(Kind::Tenant, account.tenant_id);
        if account.version == 1 {
            self.create(account, conflict)
        } else {
            self.replace(account, conflict)
        }
    }

    /// Adds a subscription.
    pub fn create_subscription(&mut self, scope: &TenantScope, subscription: &Subscription) -> &mut Self {
        debug_assert_eq!(scope.tenant_id(), subscription.tenant_id, "another tenant");
        self.create(subscription, modified(Kind::Subscription, subscription.id))
    }

    /// Puts the next version of a subscription over the one it was made from.
    pub fn replace_subscription(
        &mut self,
        scope: &TenantScope,
        subscription: &Subscription,
        conflict: DomainError,
    ) -> &mut Self {
        debug_assert_eq!(scope.tenant_id(), subscription.tenant_id, "another tenant");
        self.replace(subscription, conflict)
    }

    /// Nothing is owed for the subscription any more, whatever else became of it meanwhile.
    pub fn clear_past_due(&mut self, scope: &TenantScope, id: Id<Subscription>) -> &mut Self {
        let update = Update::builder()
            .set_key(Some(key::subscription(scope.tenant_id(), id).to_item()))
            .update_expression("REMOVE pastDueSince ADD version :one")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":one", aws_sdk_dynamodb::types::AttributeValue::N("1".to_owned()));
        self.update(update, DomainError::not_found(Kind::Subscription, id))
    }

    /// Adds an invoice. Its id may be one that follows from what it is for, so that there is one of it.
    pub fn create_invoice(&mut self, scope: &TenantScope, invoice: &Invoice) -> &mut Self {
        debug_assert_eq!(scope.tenant_id(), invoice.tenant_id, "another tenant");
        self.create(invoice, modified(Kind::Invoice, invoice.id))
    }

    /// Puts the next version of an invoice over the one it was made from.
    pub fn replace_invoice(
        &mut self,
        scope: &TenantScope,
        invoice: &Invoice,
        conflict: DomainError,
    ) -> &mut Self {
        debug_assert_eq!(scope.tenant_id(), invoice.tenant_id, "another tenant");
        self.replace(invoice, conflict)
    }
}

fn modified<T>(kind: Kind, id: Id<T>) -> DomainError {
    Conflict::ModifiedConcurrently {
        kind,
        id: id.to_string(),
    }
    .into()
}

impl Store {
    /// Finds the tenant with where its billing stands, and what else is wished for, in one call.
    pub async fn find_billing(
        &self,
        scope: &TenantScope,
        wish: BillingWish,
    ) -> Result<Option<BillingParts>, Error> {
        let id = scope.tenant_id();
        let keys = [key::tenant(id), key::trail(id), key::account(id)]
            .map(Some)
            .into_iter()
            .chain([
                wish.subscription.map(|wanted| key::subscription(id, wanted)),
                wish.invoice.map(|wanted| key::invoice(id, wanted)),
                wish.plan.map(key::plan),
            ])
            .flatten();
        let (mut tenant, mut trail, mut account) = (None, Trail::begin(id), Account::new(id));
        let (mut subscription, mut invoice, mut plan) = (None, None, None);
        for item in self
            .get_items(keys.map(|key| key.to_item()).collect(), None)
            .await?
        {
            match text_of(&item, "type") {
                Some(Tenant::TYPE) => tenant = Some(Tenant::from_item(item)?),
                Some(Trail::TYPE) => trail = Trail::from_item(item)?,
                Some(Account::TYPE) => account = Account::from_item(item)?,
                Some(Subscription::TYPE) => subscription = Some(Subscription::from_item(item)?),
                Some(Invoice::TYPE) => invoice = Some(Invoice::from_item(item)?),
                Some(Plan::TYPE) => plan = Some(Plan::from_item(item)?),
                _ => {}
            }
        }
        let tenant = tenant.filter(|tenant| scope.covers(tenant));
        Ok(tenant.map(|tenant| BillingParts {
            tenant,
            trail,
            account,
            subscription,
            invoice,
            plan,
        }))
    }

    /// Finds a subscription of the tenant.
    pub async fn find_subscription(
        &self,
        scope: &TenantScope,
        id: Id<Subscription>,
    ) -> Result<Option<Subscription>, Error> {
        if scope.lead_id().is_none() {
            return self.get(&key::subscription(scope.tenant_id(), id)).await;
        }
        let wish = BillingWish {
            subscription: Some(id),
            ..BillingWish::default()
        };
        let parts = self.find_billing(scope, wish).await?;
        Ok(parts.and_then(|parts| parts.subscription))
    }

    /// Finds an invoice of the tenant.
    pub async fn find_invoice(&self, scope: &TenantScope, id: Id<Invoice>) -> Result<Option<Invoice>, Error> {
        self.get(&key::invoice(scope.tenant_id(), id)).await
    }

    /// Lists the tenant's subscriptions by the time they were made.
    pub async fn list_subscriptions(
        &self,
        scope: &TenantScope,
        request: &PageRequest,
    ) -> Result<Page<Subscription>, Error> {
        let list = List::of_partition(key::tenant(scope.tenant_id()).pk, SUBSCRIPTION_PREFIX);
        self.page(&list, request).await
    }

    /// Lists the tenant's invoices by the time from which they are owed: all, or those in one status.
    pub async fn list_invoices(
        &self,
        scope: &TenantScope,
        status: Option<InvoiceStatus>,
        request: &PageRequest,
    ) -> Result<Page<Invoice>, Error> {
        let all = List::of_partition(key::tenant(scope.tenant_id()).pk, INVOICE_PREFIX);
        let list = match status {
            Some(status) => List {
                index: Some(GSI1),
                partitions: vec![key::invoices_in(scope.tenant_id(), status)],
                is_consistent: false,
                ..all
            },
            None => all,
        };
        self.page(&list, request).await
    }

    /// The shards that what is due is spread over.
    pub fn billing_shards() -> std::ops::Range<u8> {
        0..LIST_SHARDS
    }

    /// Finds what is due at this instant, longest due first, in one call; and where to go on, if there may be more. The index
    /// may be behind: who acts on it looks at the thing itself.
    pub async fn find_due(
        &self,
        shard: u8,
        now: Timestamp,
        limit: usize,
        position: Option<&str>,
    ) -> Result<(Vec<Due>, Option<String>), Error> {
        let range = (" ".to_owned(), format!("{now}#{LAST}"));
        let partition = key::billing_due_of(shard);
        let items = self
            .query(
                Some(GSI2),
                &partition,
                &range,
                position,
                Order::Ascending,
                Some(limit),
                false,
            )
            .await?;
        let last = items.last().and_then(|item| text_of(item, "gsi2sk"));
        let next = last.filter(|_| items.len() >= limit).map(str::to_owned);
        let due = items.iter().filter_map(|item| {
            let (tenant_id, id) = (text_of(item, "tenantId")?, text_of(item, "id")?);
            let thing = match text_of(item, "type") {
                Some(Subscription::TYPE) => DueThing::Subscription(Id::parse(id).ok()?),
                Some(Invoice::TYPE) => DueThing::Invoice(Id::parse(id).ok()?),
                _ => return None,
            };
            Some(Due {
                tenant_id: Id::parse(tenant_id).ok()?,
                thing,
            })
        });
        Ok((due.collect(), next))
    }
}
