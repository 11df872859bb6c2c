use std::io::Write as _;

use metrics_cloudwatch_embedded::{Builder, Collector};
use tenantry_app::metric;

use crate::Error;

/// The metrics of this process. CloudWatch reads them out of the log, so a flush costs a line and no call.
#[derive(Clone, Copy)]
pub(crate) struct Metrics(&'static Collector);

impl Metrics {
    /// Becomes the recorder of the process; each metric has the stage as its dimension.
    pub(crate) fn install(stage: &str) -> Result<Self, Error> {
        let collector = Builder::new()
            .cloudwatch_namespace(metric::NAMESPACE)
            .with_dimension("Stage", stage.to_owned())
            .init()?;
        metric::describe();
        Ok(Self(collector))
    }

    /// Writes what was counted since the last time, with the id of the request that it belongs to. Between two requests
    /// Lambda may stop the process for good, so this happens before the answer leaves.
    pub(crate) fn flush(self, request_id: &str) {
        let mut lines = Vec::new();
        let written = self
            .0
            .set_property("request.id", request_id)
            .flush(&mut lines)
            // In one piece, so that no other line gets in between.
            .and_then(|()| std::io::stdout().write_all(&lines));
        if let Err(error) = written {
            tracing::warn!(error = %error, "the metrics could not be written");
        }
    }
}
