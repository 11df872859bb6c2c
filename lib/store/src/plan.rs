use tenantry_domain::{Error as DomainError, Id, Plan};

use crate::entity::{Entity, Versioned};
use crate::key::{self, Key, Keys, PLAN_PREFIX};
use crate::page::List;
use crate::table::GSI1;
use crate::{Error, Page, PageRequest, Store, Transaction};

impl Entity for Plan {
    const TYPE: &'static str = "plan";

    fn keys(&self) -> Keys {
        let is_for_tenants = self.is_on_sale() && self.terms.self_service;
        let gsi1 = is_for_tenants.then(|| Key {
            pk: key::plans_for_tenants(),
            sk: key::plan(self.id).sk,
        });
        Keys {
            gsi1,
            ..Keys::only(key::plan(self.id))
        }
    }
}

impl Versioned for Plan {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Transaction {
    /// Adds a plan.
    pub fn create_plan(&mut self, plan: &Plan) -> &mut Self {
        self.add(plan)
    }

    /// Puts the next version of a plan over the one it was made from.
    pub fn replace_plan(&mut self, plan: &Plan, conflict: DomainError) -> &mut Self {
        self.replace(plan, conflict)
    }
}

impl Store {
    /// Finds a plan.
    pub async fn find_plan(&self, id: Id<Plan>) -> Result<Option<Plan>, Error> {
        self.get(&key::plan(id)).await
    }

    /// Lists plans by the time they were made: all of them, or those that tenants may take themselves.
    pub async fn list_plans(&self, is_for_tenants: bool, request: &PageRequest) -> Result<Page<Plan>, Error> {
        let all = List::of_partition(key::plans(), PLAN_PREFIX);
        let list = if is_for_tenants {
            List {
                index: Some(GSI1),
                partitions: vec![key::plans_for_tenants()],
                is_consistent: false,
                ..all
            }
        } else {
            all
        };
        self.page(&list, request).await
    }
}
