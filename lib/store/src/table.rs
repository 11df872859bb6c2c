//! The table as data: what creates it locally, and what `template.yaml` is checked against.

use aws_sdk_dynamodb::client::Waiters as _;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType, TimeToLiveSpecification,
};

use crate::Error;

/// The attribute that holds an item's expiry in epoch seconds.
pub const TTL: &str = "ttl";

/// Partition and sort key of the table.
pub const PRIMARY: (&str, &str) = ("pk", "sk");

/// The indexes: name, partition key, sort key. `GSI1` finds by another name or state, `GSI2` lists.
pub const INDEXES: [(&str, &str, &str); 2] = [(GSI1, "gsi1pk", "gsi1sk"), (GSI2, "gsi2pk", "gsi2sk")];

pub(crate) const GSI1: &str = "GSI1";
pub(crate) const GSI2: &str = "GSI2";

/// Creates the table if it does not exist, for local use and tests; on AWS `template.yaml` does.
pub async fn create_if_missing(client: &aws_sdk_dynamodb::Client, name: &str) -> Result<(), Error> {
    let mut create = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(key_schema(PRIMARY)?))
        .stream_specification(
            StreamSpecification::builder()
                .stream_enabled(true)
                .stream_view_type(StreamViewType::NewAndOldImages)
                .build()
                .map_err(Error::internal)?,
        );
    for attribute in [PRIMARY.0, PRIMARY.1]
        .into_iter()
        .chain(INDEXES.iter().flat_map(|(_, pk, sk)| [*pk, *sk]))
    {
        let definition = AttributeDefinition::builder()
            .attribute_name(attribute)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .map_err(Error::internal)?;
        create = create.attribute_definitions(definition);
    }
    for (index, pk, sk) in INDEXES {
        let index = GlobalSecondaryIndex::builder()
            .index_name(index)
            .set_key_schema(Some(key_schema((pk, sk))?))
            .projection(Projection::builder().projection_type(ProjectionType::All).build())
            .build()
            .map_err(Error::internal)?;
        create = create.global_secondary_indexes(index);
    }
    match create.send().await {
        Ok(_) => {}
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|e| e.is_resource_in_use_exception()) =>
        {
            return Ok(());
        }
        Err(error) => return Err(Error::internal(error)),
    }
    client
        .wait_until_table_exists()
        .table_name(name)
        .wait(std::time::Duration::from_secs(10))
        .await
        .map_err(Error::internal)?;
    let ttl = TimeToLiveSpecification::builder()
        .enabled(true)
        .attribute_name(TTL)
        .build()
        .map_err(Error::internal)?;
    client
        .update_time_to_live()
        .table_name(name)
        .time_to_live_specification(ttl)
        .send()
        .await
        .map_err(Error::internal)?;
    Ok(())
}

fn key_schema((pk, sk): (&str, &str)) -> Result<Vec<KeySchemaElement>, Error> {
    [(pk, KeyType::Hash), (sk, KeyType::Range)]
        .into_iter()
        .map(|(name, kind)| {
            KeySchemaElement::builder()
                .attribute_name(name)
                .key_type(kind)
                .build()
                .map_err(Error::internal)
        })
        .collect()
}
