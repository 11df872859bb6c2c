use aws_sdk_dynamodb::types::{AttributeValue, Update};
use futures_util::future::try_join_all;
use tenantry_domain::{Tally, Timestamp};

use crate::entity::text_of;
use crate::key::{self, LAST, LIST_SHARDS};
use crate::table::GSI2;
use crate::transaction::Refusal;
use crate::{Error, Order, Store, Transaction};

impl Transaction {
    /// Adds to the installation's figures: one item of a few, so that deliveries side by side seldom meet.
    pub(crate) fn book(&mut self, shard: u8, tally: &Tally) -> &mut Self {
        if tally.is_empty() {
            return self;
        }
        let mut update = Update::builder().set_key(Some(key::figures(shard).to_item()));
        let mut terms = Vec::new();
        for (position, (figure, delta)) in tally.iter().enumerate() {
            terms.push(format!("#f{position} :f{position}"));
            update = update
                .expression_attribute_names(format!("#f{position}"), figure)
                .expression_attribute_values(format!(":f{position}"), AttributeValue::N(delta.to_string()));
        }
        self.update(
            update.update_expression(format!("ADD {}", terms.join(", "))),
            Refusal::Never,
        )
    }
}

impl Store {
    /// The installation's figures, as far as events have been delivered: one call, however much there is of everything.
    pub async fn find_figures(&self) -> Result<Tally, Error> {
        let all = (" ".to_owned(), LAST.to_owned());
        let partition = key::figures(0).pk;
        let items = self
            .query(None, &partition, &all, None, Order::Ascending, None, true)
            .await?;
        let figures = items.into_iter().flatten().filter_map(|(figure, value)| {
            let AttributeValue::N(number) = value else {
                return None;
            };
            Some((figure, number.parse::<i64>().ok()?))
        });
        Ok(figures.collect())
    }

    /// When the oldest message was written that is not delivered yet: one call for each shard of the list, side by side.
    pub async fn find_oldest_undelivered(&self) -> Result<Option<Timestamp>, Error> {
        let all = (" ".to_owned(), LAST.to_owned());
        let partitions: Vec<String> = (0..LIST_SHARDS).map(key::undelivered_of).collect();
        let calls = partitions.iter().map(|partition| {
            self.query(
                Some(GSI2),
                partition,
                &all,
                None,
                Order::Ascending,
                Some(1),
                false,
            )
        });
        let items = try_join_all(calls).await?;
        let ages = items
            .iter()
            .flatten()
            .filter_map(|item| Timestamp::parse(text_of(item, "createdAt")?).ok());
        Ok(ages.min())
    }
}
