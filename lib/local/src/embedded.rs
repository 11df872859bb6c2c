use std::path::Path;
use std::sync::{Arc, Mutex};

use aws_lambda_events::event::dynamodb::{Event as StreamEvent, EventRecord};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use dynoxide::actions::describe_stream::DescribeStreamRequest;
use dynoxide::actions::get_records::GetRecordsRequest;
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use dynoxide::actions::list_streams::ListStreamsRequest;
use dynoxide::actions::scan::ScanRequest;
use dynoxide::{Database, ImportOptions, Item};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::Error;

/// The table's name.
pub const TABLE: &str = "tenantry";

/// An embedded DynamoDB that is spoken to as the real one is: by the SDK, over HTTP, on loopback.
pub struct Embedded {
    /// Speaks to it.
    pub client: Client,
    /// Where it listens.
    pub endpoint: String,
    database: Database,
    stop: Mutex<Option<oneshot::Sender<()>>>,
}

/// Reads the table's stream from its beginning; the relay knows what it has delivered.
pub struct Stream {
    database: Database,
    iterator: Option<String>,
}

/// How many records are read at once, as in `template.yaml`.
const BATCH: usize = 50;

impl Embedded {
    /// In memory, or in a file of this folder.
    pub async fn start(folder: Option<&Path>) -> Result<Arc<Self>, Error> {
        let database = match folder {
            Some(folder) => Database::new(&folder.join("table.db").to_string_lossy()).map_err(Error::new)?,
            None => Database::memory().map_err(Error::new)?,
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(Error::new)?;
        let endpoint = format!("http://{}", listener.local_addr().map_err(Error::new)?);
        let (stop, stopped) = oneshot::channel();
        let served = database.clone();
        tokio::spawn(async move {
            let stopped = async {
                // A dropped sender means stop as well.
                let _ = stopped.await;
            };
            if let Err(error) = dynoxide::server::serve_with_shutdown(listener, served, stopped).await {
                tracing::error!(error, "the embedded table stopped");
            }
        });
        let client = client(&endpoint);
        tenantry_store::table::create_if_missing(&client, TABLE)
            .await
            .map_err(Error::new)?;
        Ok(Arc::new(Self {
            client,
            endpoint,
            database,
            stop: Mutex::new(Some(stop)),
        }))
    }

    /// The stream, from its beginning.
    pub fn stream(&self) -> Stream {
        Stream {
            database: self.database.clone(),
            iterator: None,
        }
    }

    /// Removes what has expired, as DynamoDB does within days.
    pub fn sweep(&self) -> Result<usize, Error> {
        self.database.sweep_ttl().map_err(Error::new)
    }

    /// Everything in the table, in DynamoDB's JSON.
    pub fn items(&self) -> Result<Vec<Value>, Error> {
        let (mut items, mut start) = (Vec::new(), None);
        loop {
            let request = ScanRequest {
                table_name: TABLE.to_owned(),
                exclusive_start_key: start,
                ..ScanRequest::default()
            };
            let page = self.database.scan(request).map_err(Error::new)?;
            for item in page.items.unwrap_or_default() {
                items.push(serde_json::to_value(item).map_err(Error::new)?);
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(items);
            }
        }
    }

    /// Puts items in as a restore does: without conditions, and the stream does not hear of them.
    pub fn import(&self, items: Vec<Value>) -> Result<(), Error> {
        let items: Result<Vec<Item>, _> = items.into_iter().map(serde_json::from_value).collect();
        let items = items.map_err(Error::new)?;
        self.database
            .import_items(TABLE, items, ImportOptions::default())
            .map_err(Error::new)?;
        Ok(())
    }

    /// Stops listening.
    pub fn stop(&self) {
        let stop = self
            .stop
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        drop(stop);
    }
}

/// An SDK client for an endpoint on loopback.
pub fn client(endpoint: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .region(Region::new("local"))
        .credentials_provider(Credentials::new("local", "local", None, None, "local"))
        .build();
    Client::from_conf(config)
}

impl Stream {
    /// The next records; none when nothing new happened.
    pub fn next_batch(&mut self) -> Result<StreamEvent, Error> {
        let iterator = match self.iterator.take() {
            Some(iterator) => iterator,
            None => self.first_iterator()?,
        };
        let request = GetRecordsRequest {
            shard_iterator: iterator,
            limit: Some(BATCH),
        };
        let response = self.database.get_records(request).map_err(Error::new)?;
        self.iterator = response.next_shard_iterator;
        let mut event = StreamEvent::default();
        for record in response.records {
            // Both speak the AWS wire, one writing and one reading.
            let record = serde_json::to_value(record).map_err(Error::new)?;
            event
                .records
                .push(serde_json::from_value::<EventRecord>(record).map_err(Error::new)?);
        }
        Ok(event)
    }

    fn first_iterator(&self) -> Result<String, Error> {
        let request = ListStreamsRequest {
            table_name: Some(TABLE.to_owned()),
            ..ListStreamsRequest::default()
        };
        let streams = self.database.list_streams(request).map_err(Error::new)?.streams;
        let stream_arn = streams
            .into_iter()
            .next()
            .ok_or_else(|| Error::because("the table has no stream"))?
            .stream_arn;
        let request = DescribeStreamRequest {
            stream_arn: stream_arn.clone(),
            ..DescribeStreamRequest::default()
        };
        let shards = self
            .database
            .describe_stream(request)
            .map_err(Error::new)?
            .stream_description
            .shards;
        let shard_id = shards
            .into_iter()
            .next()
            .ok_or_else(|| Error::because("the stream has no shard"))?
            .shard_id;
        let request = GetShardIteratorRequest {
            stream_arn,
            shard_id,
            shard_iterator_type: "TRIM_HORIZON".to_owned(),
            ..GetShardIteratorRequest::default()
        };
        let iterator = self
            .database
            .get_shard_iterator(request)
            .map_err(Error::new)?
            .shard_iterator;
        iterator.ok_or_else(|| Error::because("the shard has no iterator"))
    }
}
