use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use futures_util::future::try_join_all;

use crate::call::{Failure, Item};
use crate::entity::{Entity, text_of};
use crate::meter::Side;
use crate::{Error, Store};

/// Which end of a list comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    #[default]
    Descending,
}

/// Which part of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// How many items at most, 1 to 100.
    pub limit: u16,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// Which end comes first.
    pub order: Order,
    /// Names caller and query; a cursor made for another one is refused.
    pub binding: String,
}

/// Part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where to go on, if there is more.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// The same page of other things.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(f).collect(),
            next_cursor: self.next_cursor,
        }
    }
}

/// A list as the table has it: some partitions, and a range of sort keys in each.
pub(crate) struct List {
    /// The index, or the table itself.
    pub(crate) index: Option<&'static str>,
    pub(crate) partitions: Vec<String>,
    /// First and last sort key, both included.
    pub(crate) range: (String, String),
    pub(crate) is_consistent: bool,
}

impl Store {
    /// Reads a page: one call a partition, side by side, merged by sort key.
    pub(crate) async fn page<E: Entity>(&self, list: &List, request: &PageRequest) -> Result<Page<E>, Error> {
        let cursor_key = &self.shared.settings.cursor_key;
        let position = match &request.cursor {
            Some(cursor) => Some(cursor_key.open(&request.binding, cursor)?),
            None => None,
        };
        let limit = usize::from(request.limit);
        let calls = list.partitions.iter().map(|partition| {
            self.query(
                list.index,
                partition,
                &list.range,
                position.as_deref(),
                request.order,
                Some(limit + 1),
                list.is_consistent,
            )
        });
        let sort_key = list.sort_key();
        let mut items: Vec<(String, Item)> = Vec::new();
        for item in try_join_all(calls).await?.into_iter().flatten() {
            let key =
                text_of(&item, sort_key).ok_or_else(|| Error::internal("an item without its sort key"))?;
            items.push((key.to_owned(), item));
        }
        match request.order {
            Order::Ascending => items.sort_by(|a, b| a.0.cmp(&b.0)),
            Order::Descending => items.sort_by(|a, b| b.0.cmp(&a.0)),
        }
        let is_more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = match items.last() {
            Some((key, _)) if is_more => Some(cursor_key.seal(&request.binding, key)),
            _ => None,
        };
        let items = items
            .into_iter()
            .map(|(_, item)| E::from_item(item))
            .collect::<Result<_, _>>()?;
        Ok(Page { items, next_cursor })
    }

    /// A page of a list that is known as a whole, because it is short; each item comes with the text that it is sorted by.
    pub fn page_of<T>(&self, mut items: Vec<(String, T)>, request: &PageRequest) -> Result<Page<T>, Error> {
        let cursor_key = &self.shared.settings.cursor_key;
        let position = match &request.cursor {
            Some(cursor) => Some(cursor_key.open(&request.binding, cursor)?),
            None => None,
        };
        match request.order {
            Order::Ascending => items.sort_by(|a, b| a.0.cmp(&b.0)),
            Order::Descending => items.sort_by(|a, b| b.0.cmp(&a.0)),
        }
        items.retain(|(key, _)| match (&position, request.order) {
            (None, _) => true,
            (Some(position), Order::Ascending) => key > position,
            (Some(position), Order::Descending) => key < position,
        });
        let is_more = items.len() > usize::from(request.limit);
        items.truncate(usize::from(request.limit));
        let next_cursor = match items.last() {
            Some((key, _)) if is_more => Some(cursor_key.seal(&request.binding, key)),
            _ => None,
        };
        Ok(Page {
            items: items.into_iter().map(|(_, item)| item).collect(),
            next_cursor,
        })
    }

    /// Reads a range of a partition, at most `limit` items behind `position`, or all of it.
    #[expect(clippy::too_many_arguments, reason = "private; each is a member of one Query")]
    pub(crate) async fn query(
        &self,
        index: Option<&'static str>,
        partition: &str,
        (first, last): &(String, String),
        position: Option<&str>,
        order: Order,
        limit: Option<usize>,
        is_consistent: bool,
    ) -> Result<Vec<Item>, Error> {
        let (pk, sk) = key_names(index);
        let mut items = Vec::new();
        let mut start = None;
        // BETWEEN includes both ends, so the position itself may come again: one more item, and it is skipped.
        let (from, to) = match (order, position) {
            (_, None) => (first.as_str(), last.as_str()),
            (Order::Ascending, Some(position)) => (position.max(first), last.as_str()),
            (Order::Descending, Some(position)) => (first.as_str(), position.min(last)),
        };
        if from > to {
            return Ok(items);
        }
        loop {
            let wanted = limit.map(|limit| limit + usize::from(position.is_some()) - items.len());
            let output = self
                .call(|| {
                    self.client()
                        .query()
                        .table_name(self.table())
                        .set_index_name(index.map(str::to_owned))
                        .key_condition_expression("#pk = :pk AND #sk BETWEEN :from AND :to")
                        .expression_attribute_names("#pk", pk)
                        .expression_attribute_names("#sk", sk)
                        .expression_attribute_values(":pk", AttributeValue::S(partition.to_owned()))
                        .expression_attribute_values(":from", AttributeValue::S(from.to_owned()))
                        .expression_attribute_values(":to", AttributeValue::S(to.to_owned()))
                        .scan_index_forward(order == Order::Ascending)
                        .set_limit(wanted.and_then(|wanted| i32::try_from(wanted).ok()))
                        .consistent_read(is_consistent)
                        .set_exclusive_start_key(start.clone())
                        .return_consumed_capacity(ReturnConsumedCapacity::Total)
                        .send()
                })
                .await
                .map_err(Failure::into_error)?;
            self.meter().spent(Side::Read, output.consumed_capacity());
            start = output.last_evaluated_key;
            items.extend(output.items.unwrap_or_default());
            let is_enough = limit.is_some_and(|limit| items.len() >= limit + usize::from(position.is_some()));
            if start.is_none() || is_enough {
                break;
            }
        }
        items.retain(|item| position.is_none() || text_of(item, sk) != position);
        if let Some(limit) = limit {
            items.truncate(limit);
        }
        Ok(items)
    }
}

impl List {
    /// The items of one partition whose sort key begins with `prefix`, behind every id.
    pub(crate) fn of_partition(partition: String, prefix: &str) -> Self {
        let range = (prefix.to_owned(), format!("{prefix}{}", crate::key::LAST));
        Self {
            index: None,
            partitions: vec![partition],
            range,
            is_consistent: true,
        }
    }

    fn sort_key(&self) -> &'static str {
        key_names(self.index).1
    }
}

fn key_names(index: Option<&str>) -> (&'static str, &'static str) {
    let found = crate::table::INDEXES
        .into_iter()
        .find(|(name, _, _)| Some(*name) == index);
    found.map_or(crate::table::PRIMARY, |(_, pk, sk)| (pk, sk))
}
