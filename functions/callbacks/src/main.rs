//! Runs the group on Lambda.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), tenantry_aws::Error> {
    tenantry_aws::serve_with_identity(tenantry_callbacks::routes()).await
}
