//! The journeys on a deployed stack: the one at `BASE_URL`, with the desk at `DESK_URL` (see the README). They are ignored
//! where nobody named a stack, so that they cannot pass without one; `.ci/run deployed` runs them on an emulator of AWS.

mod routes;

use crate::journeys::world::deployed;
use crate::journeys::{
    a_year_of_invoices, account_is_kept, application_planes, figures_follow, job_is_overdue,
    job_is_retried_and_cancelled, lead_becomes_tenant, many_want_one_key, members_come_and_go,
    pool_signs_people_in, provisioning_fails, tenant_leaves, webhook_is_abused,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs BASE_URL and DESK_URL"]
async fn a_lead_becomes_an_active_tenant() {
    lead_becomes_tenant::lead_becomes_tenant(&deployed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs BASE_URL and DESK_URL"]
async fn an_account_is_kept() {
    account_is_kept::account_is_kept(&deployed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs BASE_URL and DESK_URL"]
async fn figures_follow_what_happens() {
    figures_follow::figures_follow(&deployed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs BASE_URL and DESK_URL"]
async fn provisioning_fails_and_succeeds_at_the_next_attempt() {
    provisioning_fails::provisioning_fails(&deployed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs BASE_URL and DESK_URL"]
async fn a_webhook_is_replayed_forged_late_and_for_another_tenant() {
    webhook_is_abused::webhook_is_abused(&deployed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs BASE_URL and DESK_URL"]
async fn of_fifty_who_want_one_key_at_once_one_gets_it() {
    many_want_one_key::many_want_one_key(&deployed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs BASE_URL and DESK_URL"]
async fn an_application_plane_answers_over_the_bus() {
    application_planes::application_plane_answers_over_the_bus(&deployed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs BASE_URL and DESK_URL"]
async fn a_failed_job_is_retried_for_the_same_subscription() {
    job_is_retried_and_cancelled::job_is_retried(&deployed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs BASE_URL and DESK_URL"]
async fn of_a_cancellation_and_a_success_one_wins() {
    job_is_retried_and_cancelled::cancellation_races_success(&deployed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs BASE_URL and DESK_URL"]
async fn a_tenant_leaves_and_is_erased() {
    tenant_leaves::tenant_leaves(&deployed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs BASE_URL and DESK_URL"]
async fn a_job_on_which_nobody_reports_fails_at_its_deadline() {
    job_is_overdue::job_is_overdue(&deployed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs BASE_URL and DESK_URL"]
async fn a_subscription_from_a_31st_is_billed_at_each_months_end() {
    a_year_of_invoices::a_year_of_invoices(&deployed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs BASE_URL and DESK_URL"]
async fn members_come_and_go() {
    members_come_and_go::members_come_and_go_in(&deployed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs BASE_URL and DESK_URL"]
async fn a_pool_signs_people_in_and_out() {
    pool_signs_people_in::pool_signs_people_in(&deployed()).await;
}
