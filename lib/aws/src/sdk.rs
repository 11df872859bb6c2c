//! The SDK's configuration as Lambda gives it: region, credentials and endpoints from the environment. The SDK's own loader
//! also looks into files, other services and STS; none of them exists here, and linking them made every zip 0.15 MB larger.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use tenantry_app::ConfigError;

use crate::https::Https;

/// How long one attempt at a call may take.
const ATTEMPT: Duration = Duration::from_secs(3);

type Lookup = fn(&str) -> Option<String>;

/// Finds what is set for one service, `AWS_ENDPOINT_URL_DYNAMODB` for example.
#[derive(Debug)]
struct OfService(Lookup);

impl LoadServiceConfig for OfService {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace([' ', '-'], "_");
        (self.0)(&format!("{}_{service}", key.env()))
    }
}

/// Reads the configuration through `setting`. The runtime sets region and credentials, and replaces the process when they change.
pub(crate) fn sdk_config(https: Https, setting: Lookup) -> Result<SdkConfig, ConfigError> {
    let needed = |name: &'static str| setting(name).ok_or_else(|| ConfigError::new(name, "is not set"));
    let credentials = Credentials::new(
        needed("AWS_ACCESS_KEY_ID")?,
        needed("AWS_SECRET_ACCESS_KEY")?,
        setting("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT)
        .build();
    let config = SdkConfig::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(Region::new(needed("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .service_config(OfService(setting))
        .sleep_impl(TokioSleep::new())
        .timeout_config(timeouts)
        .http_client(https);
    Ok(match setting("AWS_ENDPOINT_URL") {
        Some(url) => config.endpoint_url(url).build(),
        None => config.build(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::https::aws_roots;

    fn https() -> Https {
        Https::trusting(aws_roots(None).expect("roots are compiled in")).expect("a client can be made")
    }

    fn complete(name: &str) -> Option<String> {
        let value = match name {
            "AWS_REGION" => "eu-central-1",
            "AWS_ACCESS_KEY_ID" => "id",
            "AWS_SECRET_ACCESS_KEY" => "key",
            "AWS_ENDPOINT_URL" => "http://all",
            "AWS_ENDPOINT_URL_SECRETS_MANAGER" => "http://secrets",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn what_lambda_sets_is_all_that_is_needed() {
        let config = sdk_config(https(), complete).expect("everything is set");

        assert_eq!(config.region().map(Region::as_ref), Some("eu-central-1"));
        assert_eq!(config.endpoint_url(), Some("http://all"));
        assert!(config.credentials_provider().is_some());
    }

    #[test]
    fn a_service_may_have_an_endpoint_of_its_own() {
        let key = |service| {
            let key = ServiceConfigKey::builder().service_id(service);
            key.env("AWS_ENDPOINT_URL")
                .profile("endpoint_url")
                .build()
                .expect("all parts are there")
        };

        assert_eq!(
            OfService(complete).load_config(key("Secrets Manager")).as_deref(),
            Some("http://secrets")
        );
        assert_eq!(OfService(complete).load_config(key("DynamoDB")), None);
    }

    #[test]
    fn what_is_missing_is_named() {
        let cases: [(&str, Lookup); 3] = [
            ("AWS_REGION", |name| {
                complete(name).filter(|_| name != "AWS_REGION")
            }),
            ("AWS_ACCESS_KEY_ID", |name| {
                complete(name).filter(|_| name != "AWS_ACCESS_KEY_ID")
            }),
            ("AWS_SECRET_ACCESS_KEY", |name| {
                complete(name).filter(|_| name != "AWS_SECRET_ACCESS_KEY")
            }),
        ];

        for (missing, lookup) in cases {
            let error = sdk_config(https(), lookup).expect_err(missing);

            assert!(error.to_string().starts_with(missing), "{error}");
        }
    }
}
