use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::get_item::GetItemInput;
use aws_sdk_dynamodb::operation::query::QueryInput;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsInput;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};

use crate::Error;

/// A call that the product made, to be made again without it.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Get(GetItemInput),
    Query(Box<QueryInput>),
    Transact(TransactWriteItemsInput),
}

/// Sees the calls of the client that it is put into.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(Arc<Mutex<Vec<Call>>>);

impl Recorder {
    /// What was seen since it was last asked.
    pub(crate) fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Intercept for Recorder {
    fn name(&self) -> &'static str {
        "Recorder"
    }

    fn read_before_execution(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input();
        let call = if let Some(get) = input.downcast_ref::<GetItemInput>() {
            Call::Get(get.clone())
        } else if let Some(query) = input.downcast_ref::<QueryInput>() {
            Call::Query(Box::new(query.clone()))
        } else if let Some(transact) = input.downcast_ref::<TransactWriteItemsInput>() {
            Call::Transact(transact.clone())
        } else {
            return Err(format!("there is no replay of {input:?}").into());
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        Ok(())
    }
}

impl Call {
    /// The same call about other items, so that it can be made many times: a write goes to keys that nothing has yet, and
    /// its conditions ask for just that.
    pub(crate) fn renewed(&self, number: usize) -> Self {
        let mut call = self.clone();
        if let Self::Transact(input) = &mut call {
            input.client_request_token = Some(format!("replay-{number}"));
            for step in input.transact_items.iter_mut().flatten() {
                renew(step, number);
            }
        }
        call
    }

    pub(crate) async fn make(self, client: &Client) -> Result<(), Error> {
        match self {
            Self::Get(input) => {
                let call = client
                    .get_item()
                    .set_table_name(input.table_name)
                    .set_key(input.key)
                    .set_consistent_read(input.consistent_read)
                    .set_return_consumed_capacity(input.return_consumed_capacity);
                call.send().await?;
            }
            Self::Query(input) => {
                let call = client
                    .query()
                    .set_table_name(input.table_name)
                    .set_index_name(input.index_name)
                    .set_consistent_read(input.consistent_read)
                    .set_exclusive_start_key(input.exclusive_start_key)
                    .set_expression_attribute_names(input.expression_attribute_names)
                    .set_expression_attribute_values(input.expression_attribute_values)
                    .set_filter_expression(input.filter_expression)
                    .set_key_condition_expression(input.key_condition_expression)
                    .set_limit(input.limit)
                    .set_projection_expression(input.projection_expression)
                    .set_return_consumed_capacity(input.return_consumed_capacity)
                    .set_scan_index_forward(input.scan_index_forward)
                    .set_select(input.select);
                call.send().await?;
            }
            Self::Transact(input) => {
                let call = client
                    .transact_write_items()
                    .set_transact_items(input.transact_items)
                    .set_client_request_token(input.client_request_token)
                    .set_return_consumed_capacity(input.return_consumed_capacity);
                call.send().await?;
            }
        }
        Ok(())
    }
}

fn renew(step: &mut TransactWriteItem, number: usize) {
    let fresh = || Some("attribute_not_exists(pk)".to_owned());
    let rename = |item: &mut HashMap<String, AttributeValue>| {
        if let Some(AttributeValue::S(pk)) = item.get_mut("pk") {
            let _ = write!(pk, "~{number}");
        }
    };
    if let Some(put) = &mut step.put {
        rename(&mut put.item);
        if put.condition_expression.is_some() {
            put.condition_expression = fresh();
            put.expression_attribute_names = None;
            put.expression_attribute_values = None;
        }
    }
    if let Some(update) = &mut step.update {
        // The one condition of an update, a rate's limit, holds for what was not counted yet.
        rename(&mut update.key);
    }
    if let Some(delete) = &mut step.delete {
        rename(&mut delete.key);
        delete.condition_expression = None;
        delete.expression_attribute_names = None;
        delete.expression_attribute_values = None;
    }
    if let Some(check) = &mut step.condition_check {
        rename(&mut check.key);
        "attribute_not_exists(pk)".clone_into(&mut check.condition_expression);
        check.expression_attribute_names = None;
        check.expression_attribute_values = None;
    }
}
