use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use tenantry_domain::{Email, Error as DomainError, Id, Lead, Timestamp};

use crate::call::Failure;
use crate::key::{self, Key};
use crate::meter::Side;
use crate::{Error, Store};

const WINDOW_MS: i64 = 60_000;

/// Whose requests are counted, and how many a minute are let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rate<'a> {
    /// Of a client address.
    Client {
        /// As the edge saw it.
        address: &'a str,
        /// A minute.
        limit: u32,
    },
    /// About a lead, whether there is one with this id or not.
    Lead {
        /// The id that was asked for.
        id: Id<Lead>,
        /// A minute.
        limit: u32,
    },
    /// About an e-mail address.
    Email {
        /// The address.
        email: &'a Email,
        /// A minute.
        limit: u32,
    },
}

/// The pieces of the update that counts a request.
pub(crate) struct Charge {
    pub(crate) key: Key,
    pub(crate) update: &'static str,
    pub(crate) condition: &'static str,
    pub(crate) names: HashMap<String, String>,
    pub(crate) values: HashMap<String, AttributeValue>,
    pub(crate) refusal: DomainError,
}

impl Rate<'_> {
    pub(crate) fn parts(&self) -> (&'static str, String) {
        match self {
            Self::Client { address, .. } => ("CLIENT", (*address).to_owned()),
            Self::Lead { id, .. } => ("LEAD", id.to_string()),
            Self::Email { email, .. } => ("EMAIL", email.as_str().to_owned()),
        }
    }

    pub(crate) fn charge(&self, now: Timestamp) -> Charge {
        let (Self::Client { limit, .. } | Self::Lead { limit, .. } | Self::Email { limit, .. }) = self;
        let window = now.as_millis() / WINDOW_MS;
        let ends_at = Timestamp::from_millis((window + 1) * WINDOW_MS);
        let wait_ms = ends_at.as_millis() - now.as_millis();
        let names = [("#n", "n"), ("#ttl", crate::table::TTL), ("#type", "type")];
        let values = [
            (":one", AttributeValue::N("1".to_owned())),
            (":limit", AttributeValue::N(limit.to_string())),
            (
                ":ttl",
                AttributeValue::N(ends_at.plus_ms(WINDOW_MS).as_seconds().to_string()),
            ),
            (":type", AttributeValue::S("rate".to_owned())),
        ];
        Charge {
            key: key::rate(self, window),
            update: "SET #ttl = :ttl, #type = :type ADD #n :one",
            condition: "attribute_not_exists(pk) OR #n < :limit",
            names: names
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            values: values.map(|(name, value)| (name.to_owned(), value)).into(),
            refusal: DomainError::RateLimited {
                retry_after_s: u32::try_from((wait_ms + 999) / 1000).unwrap_or(60),
            },
        }
    }
}

impl Store {
    /// Counts a request that changes nothing else: one that was refused, so that guessing is limited too.
    pub async fn charge(&self, rate: &Rate<'_>, now: Timestamp) -> Result<(), Error> {
        let charge = rate.charge(now);
        let result = self
            .call(|| {
                self.client()
                    .update_item()
                    .table_name(self.table())
                    .set_key(Some(charge.key.to_item()))
                    .update_expression(charge.update)
                    .condition_expression(charge.condition)
                    .set_expression_attribute_names(Some(charge.names.clone()))
                    .set_expression_attribute_values(Some(charge.values.clone()))
                    .return_consumed_capacity(ReturnConsumedCapacity::Total)
                    .send()
            })
            .await;
        match result {
            Ok(output) => {
                self.meter().spent(Side::Write, output.consumed_capacity());
                Ok(())
            }
            Err(Failure::Final(error))
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Err(charge.refusal.into())
            }
            Err(failure) => Err(failure.into_error()),
        }
    }
}
