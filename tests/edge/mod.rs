//! What is true at the edge of every route: tokens, headers, problems, logs.

mod answers;
mod life;
mod local_issuer;
mod logs;
mod metrics;
mod tokens;
mod watchdog;
