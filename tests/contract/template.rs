use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};
use tenantry_api::Access;
use tenantry_app::metric;
use tenantry_store::table::{INDEXES, PRIMARY, TTL};
use tenantry_testing::TestApp;

/// What a store method asks of the table. Every public method of `Store` and `Transaction` stands here; which actions a
/// function needs follows from the methods that its source calls.
const STORE: &[(&str, &[&str])] = &[
    // Store
    ("new", &[]),
    ("for_request", &[]),
    ("meter", &[]),
    ("commit", &[]),
    ("warm_up", &[GET]),
    ("charge", &[UPDATE]),
    ("check_audit", &[GET, QUERY]),
    ("count_contacts", &[GET]),
    ("count_leads", &[QUERY]),
    ("count_tenant_configs", &[GET]),
    ("count_tenants", &[QUERY]),
    ("find_contact", &[GET]),
    ("find_contacts_to_change", &[QUERY]),
    ("find_figures", &[QUERY]),
    ("find_idempotency_record", &[GET]),
    ("find_job", &[GET]),
    ("find_lead", &[GET]),
    ("find_lead_with_code", &[QUERY]),
    ("find_oldest_undelivered", &[QUERY]),
    ("find_overdue_jobs", &[QUERY]),
    ("export_tenant", &[QUERY]),
    ("find_erasure", &[GET]),
    ("find_open_erasures", &[QUERY]),
    ("find_remains", &[QUERY]),
    ("find_tenant_to_erase", &[QUERY]),
    ("find_owner_of_key", &[GET]),
    ("find_relations", &[QUERY]),
    ("find_tenant", &[GET]),
    ("find_tenant_of_job", &[QUERY]),
    ("find_tenant_config", &[GET]),
    ("find_tenant_config_of_key", &[GET]),
    ("find_tenant_config_of_key_to_change", &[BATCH_GET, GET]),
    ("find_tenant_config_to_change", &[BATCH_GET]),
    ("find_tenant_to_change", &[QUERY]),
    ("find_tenant_with_contacts", &[QUERY]),
    ("find_tenant_with_jobs", &[QUERY]),
    ("find_tenant_with_relations", &[QUERY]),
    ("find_trail", &[GET]),
    ("find_undelivered", &[BATCH_GET]),
    ("job_shards", &[]),
    ("list_audit", &[QUERY]),
    ("list_contacts", &[QUERY]),
    ("list_jobs", &[QUERY]),
    ("list_leads", &[QUERY]),
    ("list_resources", &[QUERY]),
    ("list_tenant_configs", &[GET, QUERY]),
    ("list_tenants", &[GET, QUERY]),
    ("mark_delivered", &[UPDATE]),
    // Transaction
    ("len", &[]),
    ("is_empty", &[]),
    ("append", &[]),
    ("begin_erasure", &[DELETE, PUT, UPDATE]),
    ("continue_erasure", &[DELETE, PUT, UPDATE]),
    ("audit", &[GET, PUT]),
    ("audit_lead", &[PUT]),
    ("check_free", &[CHECK]),
    ("create_contact", &[PUT, UPDATE]),
    ("create_job", &[PUT]),
    ("create_lead", &[PUT, UPDATE]),
    ("create_tenant", &[PUT, UPDATE]),
    ("create_tenant_config", &[PUT, UPDATE]),
    ("delete_contact", &[DELETE, UPDATE]),
    ("delete_lead", &[DELETE, UPDATE]),
    ("delete_tenant_config", &[DELETE, UPDATE]),
    ("expect_lead", &[CHECK]),
    ("in_tenant", &[CHECK]),
    ("onboard_lead", &[PUT]),
    ("put_callback_key", &[PUT]),
    ("put_lead_code", &[PUT]),
    ("put_resource", &[PUT]),
    ("release", &[DELETE]),
    ("remember", &[PUT]),
    ("replace_contact", &[PUT]),
    ("replace_job", &[PUT]),
    ("replace_lead", &[PUT, UPDATE]),
    ("replace_lead_or", &[PUT, UPDATE]),
    ("replace_tenant", &[PUT, UPDATE]),
    ("replace_tenant_config", &[PUT]),
    ("reserve", &[PUT]),
    ("see", &[PUT]),
    ("send", &[PUT]),
    ("spend_lead_code", &[DELETE]),
    // Billing, of both
    ("billing_shards", &[]),
    ("clear_past_due", &[UPDATE]),
    ("create_invoice", &[PUT]),
    ("create_plan", &[PUT]),
    ("create_subscription", &[PUT]),
    ("find_billing", &[BATCH_GET]),
    ("find_due", &[QUERY]),
    ("find_invoice", &[GET]),
    ("find_plan", &[GET]),
    ("find_subscription", &[BATCH_GET, GET]),
    ("list_invoices", &[QUERY]),
    ("list_plans", &[QUERY]),
    ("list_subscriptions", &[QUERY]),
    ("put_account", &[PUT]),
    ("replace_invoice", &[PUT]),
    ("replace_plan", &[PUT]),
    ("replace_subscription", &[PUT]),
    // People, of both
    ("add_invitation", &[PUT]),
    ("audit_user", &[PUT]),
    ("count_preferences", &[GET]),
    ("create_group", &[PUT]),
    ("create_invitation", &[PUT]),
    ("create_membership", &[PUT, UPDATE]),
    ("create_preference", &[PUT, UPDATE]),
    ("create_role", &[PUT, UPDATE]),
    ("create_user", &[PUT]),
    ("delete_group", &[DELETE]),
    ("delete_group_member", &[DELETE]),
    ("delete_invitation", &[DELETE]),
    ("delete_membership", &[DELETE, UPDATE]),
    ("delete_preference", &[DELETE, UPDATE]),
    ("delete_role", &[DELETE, PUT]),
    ("delete_user", &[DELETE]),
    ("expect_active", &[CHECK]),
    ("expect_no_member", &[CHECK]),
    ("expect_other_owner", &[CHECK]),
    ("find_access", &[BATCH_GET]),
    ("find_group", &[GET]),
    ("find_group_members", &[QUERY]),
    ("find_group_to_change", &[BATCH_GET]),
    ("find_groups", &[BATCH_GET]),
    ("find_invitation", &[GET]),
    ("find_invitation_to_change", &[BATCH_GET]),
    ("find_members", &[BATCH_GET]),
    ("find_membership", &[GET]),
    ("find_memberships_of", &[BATCH_GET]),
    ("find_people", &[BATCH_GET]),
    ("find_preference", &[GET]),
    ("find_preferences", &[QUERY]),
    ("find_roles", &[GET]),
    ("find_user", &[GET]),
    ("find_user_with_email", &[GET]),
    ("forget_preferences", &[DELETE]),
    ("in_tenant_as_self", &[CHECK]),
    ("list_group_members", &[QUERY]),
    ("list_groups", &[QUERY]),
    ("list_invitations", &[QUERY]),
    ("list_invitations_to", &[QUERY]),
    ("list_memberships", &[QUERY]),
    ("page_of", &[]),
    ("put_group_member", &[PUT]),
    ("replace_group", &[DELETE, PUT]),
    ("replace_invitation", &[DELETE, PUT]),
    ("replace_membership", &[PUT, UPDATE]),
    ("replace_preference", &[PUT]),
    ("replace_roles", &[PUT]),
    ("replace_user", &[DELETE, PUT]),
    // Identity, of both
    ("find_arrival", &[BATCH_GET]),
    ("find_issuer", &[GET]),
    ("find_owner_of_login", &[GET]),
    ("find_standing", &[BATCH_GET]),
    ("go_to", &[UPDATE]),
    ("note_login", &[PUT]),
    ("put_issuer", &[PUT]),
];

const GET: &str = "dynamodb:GetItem";
const BATCH_GET: &str = "dynamodb:BatchGetItem";
const QUERY: &str = "dynamodb:Query";
const PUT: &str = "dynamodb:PutItem";
const UPDATE: &str = "dynamodb:UpdateItem";
const DELETE: &str = "dynamodb:DeleteItem";
const CHECK: &str = "dynamodb:ConditionCheckItem";

/// Where the code makes the call that an action is for. What a transaction contains is permitted step by step.
const CALLS: &[(&str, &str, &str)] = &[
    (GET, "lib/store/src", ".get_item()"),
    (BATCH_GET, "lib/store/src", ".batch_get_item()"),
    (QUERY, "lib/store/src", ".query()"),
    (UPDATE, "lib/store/src", ".update_item()"),
    (PUT, "lib/store/src", "Put::builder()"),
    (UPDATE, "lib/store/src", "Update::builder()"),
    (DELETE, "lib/store/src", "Delete::builder()"),
    (CHECK, "lib/store/src", "ConditionCheck::builder()"),
    (
        "secretsmanager:GetSecretValue",
        "lib/aws/src",
        ".get_secret_value()",
    ),
    ("events:PutEvents", "lib/aws/src", ".put_events()"),
    ("ses:SendEmail", "lib/aws/src", ".send_email()"),
    (
        "cognito-idp:AdminAddUserToGroup",
        COGNITO,
        ".admin_add_user_to_group()",
    ),
    ("cognito-idp:AdminCreateUser", COGNITO, ".admin_create_user()"),
    ("cognito-idp:AdminDeleteUser", COGNITO, ".admin_delete_user()"),
    ("cognito-idp:AdminDisableUser", COGNITO, ".admin_disable_user()"),
    ("cognito-idp:AdminEnableUser", COGNITO, ".admin_enable_user()"),
    ("cognito-idp:AdminGetUser", COGNITO, ".admin_get_user()"),
    (
        "cognito-idp:AdminRemoveUserFromGroup",
        COGNITO,
        ".admin_remove_user_from_group()",
    ),
    (
        "cognito-idp:AdminUserGlobalSignOut",
        COGNITO,
        ".admin_user_global_sign_out()",
    ),
    ("cognito-idp:CreateGroup", COGNITO, ".create_group()"),
    ("cognito-idp:CreateUserPool", COGNITO, ".create_user_pool()"),
    (
        "cognito-idp:CreateUserPoolClient",
        COGNITO,
        ".create_user_pool_client()",
    ),
    ("cognito-idp:DeleteUserPool", COGNITO, ".delete_user_pool()"),
    (
        "cognito-idp:DeleteUserPoolClient",
        COGNITO,
        ".delete_user_pool_client()",
    ),
    ("cognito-idp:DescribeUserPool", COGNITO, ".describe_user_pool()"),
    (
        "cognito-idp:DescribeUserPoolClient",
        COGNITO,
        ".describe_user_pool_client()",
    ),
    (
        "cognito-idp:ListUserPoolClients",
        COGNITO,
        ".list_user_pool_clients()",
    ),
    ("cognito-idp:ListUserPools", COGNITO, ".list_user_pools()"),
    ("cognito-idp:ListUsers", COGNITO, ".list_users()"),
    // A pool is made with tags.
    ("cognito-idp:TagResource", COGNITO, ".set_user_pool_tags("),
    ("cognito-idp:UpdateUserPool", COGNITO, ".update_user_pool()"),
];

const COGNITO: &str = "lib/aws/src/cognito";

/// Calls that no function may make: a scan's cost grows with the table, and the others go around the transaction.
const NEVER: &[&str] = &[
    ".scan()",
    ".put_item()",
    ".delete_item()",
    ".batch_write_item()",
    ".transact_get_items()",
    ".execute_statement()",
];

/// What a function does beyond the table.
const BEYOND: &[(&str, &[&str])] = &[
    ("leads", &["secretsmanager:GetSecretValue"]),
    ("tenants", &["secretsmanager:GetSecretValue"]),
    ("accounts", &["secretsmanager:GetSecretValue"]),
    ("users", &["secretsmanager:GetSecretValue"]),
    ("access", &["secretsmanager:GetSecretValue"]),
    (
        "callbacks",
        &[
            "secretsmanager:GetSecretValue",
            "cognito-idp:AdminAddUserToGroup",
            "cognito-idp:AdminCreateUser",
            "cognito-idp:AdminEnableUser",
            "cognito-idp:AdminGetUser",
            "cognito-idp:CreateGroup",
            "cognito-idp:CreateUserPool",
            "cognito-idp:CreateUserPoolClient",
            "cognito-idp:DeleteUserPool",
            "cognito-idp:DeleteUserPoolClient",
            "cognito-idp:DescribeUserPool",
            "cognito-idp:DescribeUserPoolClient",
            "cognito-idp:ListUserPoolClients",
            "cognito-idp:ListUserPools",
            "cognito-idp:ListUsers",
            "cognito-idp:TagResource",
            "cognito-idp:UpdateUserPool",
        ],
    ),
    ("tokens", &[]),
    (
        "logins",
        &[
            "secretsmanager:GetSecretValue",
            "cognito-idp:AdminAddUserToGroup",
            "cognito-idp:AdminCreateUser",
            "cognito-idp:AdminDeleteUser",
            "cognito-idp:AdminDisableUser",
            "cognito-idp:AdminEnableUser",
            "cognito-idp:AdminGetUser",
            "cognito-idp:AdminRemoveUserFromGroup",
            "cognito-idp:AdminUserGlobalSignOut",
            "cognito-idp:ListUsers",
            // Lambda reads the queue in its name.
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ],
    ),
    // What Lambda could not have it take goes to a queue in its name.
    (
        "provisioning",
        &["secretsmanager:GetSecretValue", "sqs:SendMessage"],
    ),
    (
        "relay",
        &[
            "events:PutEvents",
            "secretsmanager:GetSecretValue",
            "ses:SendEmail",
        ],
    ),
    ("site", &[]),
];

/// What Lambda itself does in the name of every function.
const PLATFORM: &[&str] = &[
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
];

/// What DynamoDB and Secrets Manager do in the name of their callers.
const ENCRYPTION: &[&str] = &["kms:Decrypt"];

/// And in the relay's: reading its event source, and reporting what it gave up.
const EVENT_SOURCE: &[&str] = &[
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
    "sqs:SendMessage",
];

/// And in that of `logins`: reading its queue.
const QUEUE: &[&str] = &[
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
];

/// The only resources that a policy names by pattern, each with its one statement.
const PATTERNS: &[(&str, &str)] = &[
    ("ListStreams", "${Table.Arn}/stream/*"),
    ("Trace", "*"),
    // Those that the project has tagged as its own, which the statement's condition says.
    (
        "AdministerPools",
        "arn:${AWS::Partition}:cognito-idp:${AWS::Region}:${AWS::AccountId}:userpool/*",
    ),
    ("MakePools", "*"),
    ("FindPools", "*"),
];

/// The settings that each function uses; a setting that another function needs is not given to it.
const SETTINGS: &[(&str, &[&str])] = &[
    (
        "leads",
        &[
            "TABLE_NAME",
            "MASTER_KEY_SECRET_ARN",
            "ISSUERS",
            "POOL_ISSUERS",
            "IDENTITY_PROVIDERS",
            "FRONTEND_URL",
            "CORS_ORIGINS",
            "PUBLIC_RATE_PER_MINUTE",
            "EVENT_SOURCE",
        ],
    ),
    (
        "tenants",
        &[
            "TABLE_NAME",
            "MASTER_KEY_SECRET_ARN",
            "ISSUERS",
            "POOL_ISSUERS",
            "IDENTITY_PROVIDERS",
            "API_URL",
            "CORS_ORIGINS",
            "TIERS",
            "JOB_DEADLINE_MINUTES",
            "APPLICATION_PLANE",
            "APPLICATION_PLANE_BUS",
            "APPLICATION_PLANE_SOURCE",
            "OFFBOARD_GRACE_DAYS",
            "EVENT_SOURCE",
        ],
    ),
    (
        "accounts",
        &[
            "TABLE_NAME",
            "MASTER_KEY_SECRET_ARN",
            "ISSUERS",
            "POOL_ISSUERS",
            "IDENTITY_PROVIDERS",
            "CORS_ORIGINS",
            "EVENT_SOURCE",
            "TIERS",
            "INVOICE_SELLER",
            "INVOICE_DUE_DAYS",
            "BILLING_GRACE_DAYS",
        ],
    ),
    (
        "users",
        &[
            "TABLE_NAME",
            "MASTER_KEY_SECRET_ARN",
            "ISSUERS",
            "POOL_ISSUERS",
            "IDENTITY_PROVIDERS",
            "CORS_ORIGINS",
            "PUBLIC_RATE_PER_MINUTE",
            "INVITATION_URL",
            "INVITATION_DAYS",
            "EVENT_SOURCE",
        ],
    ),
    (
        "access",
        &[
            "TABLE_NAME",
            "MASTER_KEY_SECRET_ARN",
            "ISSUERS",
            "POOL_ISSUERS",
            "IDENTITY_PROVIDERS",
            "CORS_ORIGINS",
            "EVENT_SOURCE",
        ],
    ),
    (
        "callbacks",
        &[
            "TABLE_NAME",
            "MASTER_KEY_SECRET_ARN",
            "CORS_ORIGINS",
            "INVITATION_URL",
            "INVITATION_DAYS",
            "EVENT_SOURCE",
            "IDENTITY_PROVIDERS",
            "IDENTITY_SECRETS_ARN",
        ],
    ),
    ("tokens", &["TABLE_NAME", "TOKEN_MAX_BYTES", "OPERATOR_GROUPS"]),
    (
        "logins",
        &[
            "TABLE_NAME",
            "MASTER_KEY_SECRET_ARN",
            "EVENT_SOURCE",
            "IDENTITY_PROVIDERS",
            "IDENTITY_SECRETS_ARN",
        ],
    ),
    (
        "provisioning",
        &[
            "TABLE_NAME",
            "MASTER_KEY_SECRET_ARN",
            "EVENT_SOURCE",
            "INVITATION_URL",
            "INVITATION_DAYS",
            "INVOICE_SELLER",
            "INVOICE_DUE_DAYS",
            "BILLING_GRACE_DAYS",
        ],
    ),
    (
        "relay",
        &[
            "TABLE_NAME",
            "MASTER_KEY_SECRET_ARN",
            "EVENT_BUS_NAME",
            "MAIL_FROM",
        ],
    ),
    ("site", &["TABLE_NAME", "CORS_ORIGINS", "METRICS_TOKEN_SHA256"]),
];

/// For all functions.
const GLOBAL_SETTINGS: &[&str] = &["LOG_LEVEL", "OTEL_EXPORTER_OTLP_ENDPOINT", "STAGE"];

/// Declared because `sam local` sets only what is declared; empty on AWS. The second is the SDK's own.
const LOCAL_SETTINGS: &[&str] = &["TENANTRY_MASTER_KEY", "AWS_ENDPOINT_URL_DYNAMODB"];

#[test]
fn the_template_routes_what_the_code_routes_to_the_same_function() {
    let template = template();
    let mut in_template = BTreeMap::new();
    for (name, function) in functions(&template) {
        let routes = http_events(&function)
            .into_iter()
            .filter(|route| route != "OPTIONS /{proxy+}")
            .collect::<BTreeSet<_>>();
        if !routes.is_empty() {
            in_template.insert(name, routes);
        }
    }

    let in_code = routes_by_group();

    assert_eq!(in_template, in_code);
}

#[test]
fn preflight_requests_of_every_path_go_to_one_function() {
    let template = template();

    let with_preflight: Vec<String> = functions(&template)
        .into_iter()
        .filter(|(_, function)| http_events(function).contains(&"OPTIONS /{proxy+}".to_owned()))
        .map(|(name, _)| name)
        .collect();

    assert_eq!(with_preflight, ["site"]);
}

#[test]
fn functions_are_the_crates_and_each_has_its_own_role_and_log() {
    let template = template();
    let crates: BTreeSet<String> = fs::read_dir(in_workspace("functions"))
        .expect("the workspace has functions")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();

    let functions = functions(&template);

    assert_eq!(functions.keys().cloned().collect::<BTreeSet<_>>(), crates);
    for (name, function) in functions {
        let properties = &function["Properties"];
        let logical = capitalized(&name);
        assert_eq!(
            properties["Role"],
            json!({ "Fn::GetAtt": format!("{logical}Role.Arn") }),
            "{name}"
        );
        assert_eq!(
            properties["LoggingConfig"]["LogGroup"],
            json!({ "Ref": format!("{logical}Logs") }),
            "{name}"
        );
        let logs = &template["Resources"][format!("{logical}Logs")]["Properties"];
        assert_eq!(
            logs["RetentionInDays"],
            json!({ "Ref": "LogRetentionDays" }),
            "{name}"
        );
        assert!(
            in_workspace(&format!("functions/{name}/src/main.rs")).exists(),
            "{name} has no main.rs"
        );
    }
}

#[test]
fn every_public_store_method_has_a_line_here_and_every_line_a_method() {
    let listed: BTreeSet<&str> = STORE.iter().map(|(name, _)| *name).collect();
    let sources = source_of("lib/store/src");

    let mut methods = BTreeSet::new();
    for (_, source) in &sources {
        let mut is_inside = false;
        for line in source.lines() {
            if !line.starts_with(' ') && !line.is_empty() {
                is_inside = line == "impl Store {" || line == "impl Transaction {";
            }
            let declared = line
                .strip_prefix("    pub fn ")
                .or_else(|| line.strip_prefix("    pub async fn "));
            if let Some(name) = declared
                .filter(|_| is_inside)
                .and_then(|rest| rest.split(['(', '<']).next())
            {
                methods.insert(name);
            }
        }
    }

    assert_eq!(methods, listed);
}

#[test]
fn a_role_permits_what_its_function_does_and_nothing_else() {
    let template = template();

    for name in functions(&template).keys() {
        let permitted: BTreeSet<String> = statements(&template, name)
            .iter()
            .flat_map(|statement| texts(&statement["Action"]))
            .collect();
        let mut needed = table_actions(name);
        needed.extend(
            PLATFORM
                .iter()
                .chain(ENCRYPTION)
                .map(|action| (*action).to_owned()),
        );
        let beyond = BEYOND
            .iter()
            .find(|(function, _)| function == name)
            .map(|(_, actions)| *actions);
        let beyond = beyond.unwrap_or_else(|| panic!("say in BEYOND what {name} does beyond the table"));
        needed.extend(beyond.iter().map(|action| (*action).to_owned()));
        if name == "relay" {
            needed.extend(EVENT_SOURCE.iter().map(|action| (*action).to_owned()));
        }

        assert_eq!(
            permitted, needed,
            "{name}: permitted on the left, needed on the right"
        );
    }
}

#[test]
fn every_action_belongs_to_a_call_in_the_source_and_the_source_makes_no_other() {
    let template = template();
    let (store, aws) = (joined("lib/store/src"), joined("lib/aws/src"));
    let cognito = [&aws, &joined(COGNITO)].map(String::as_str).concat();

    for (action, folder, call) in CALLS {
        let source = match *folder {
            "lib/store/src" => &store,
            COGNITO => &cognito,
            _ => &aws,
        };
        assert!(source.contains(call), "{action}: {folder} has no {call}");
    }
    for call in NEVER {
        assert!(
            !store.contains(call) && !aws.contains(call),
            "{call} is in lib/store or lib/aws"
        );
    }
    let known: BTreeSet<&str> = CALLS
        .iter()
        .map(|(action, _, _)| *action)
        .chain(
            PLATFORM
                .iter()
                .chain(ENCRYPTION)
                .chain(EVENT_SOURCE)
                .chain(QUEUE)
                .copied(),
        )
        .collect();
    for name in functions(&template).keys() {
        for statement in statements(&template, name) {
            for action in texts(&statement["Action"]) {
                assert!(
                    known.contains(action.as_str()),
                    "{name}: {action} belongs to no call"
                );
            }
        }
    }
}

#[test]
fn every_statement_allows_named_actions_on_named_resources() {
    let template = template();

    for name in functions(&template).keys() {
        for statement in statements(&template, name) {
            let sid = statement["Sid"].as_str().unwrap_or_default().to_owned();
            assert!(!sid.is_empty(), "{name}: a statement without a name");
            assert_eq!(statement["Effect"], "Allow", "{name} {sid}");
            for action in texts(&statement["Action"]) {
                assert!(!action.contains('*'), "{name} {sid}: {action}");
            }
            for resource in texts(&statement["Resource"]) {
                let is_listed = PATTERNS.contains(&(&*sid, &*resource));
                assert!(!resource.contains('*') || is_listed, "{name} {sid}: {resource}");
            }
            assert!(
                statement.get("NotAction").is_none() && statement.get("NotResource").is_none(),
                "{name} {sid}"
            );
        }
    }
}

#[test]
fn an_index_is_queried_only_by_functions_that_list() {
    let template = template();

    for name in functions(&template).keys() {
        let resources: BTreeSet<String> = statements(&template, name)
            .iter()
            .filter(|statement| texts(&statement["Action"]).contains(&QUERY.to_owned()))
            .flat_map(|statement| texts(&statement["Resource"]))
            .collect();
        let source = function_source(name);
        let calls = |methods: &[&str]| {
            methods
                .iter()
                .any(|method| source.contains(&format!("store.{method}(")))
        };
        let both = calls(&["list_leads", "list_tenants", "find_tenant_of_job"]);
        let first = calls(&["list_plans", "list_invitations_to"]);
        let second = calls(&[
            "find_oldest_undelivered",
            "list_group_members",
            "list_memberships",
        ]);
        let indexes: BTreeSet<String> = INDEXES
            .iter()
            .filter(|(index, _, _)| both || (first && *index == "GSI1") || (second && *index == "GSI2"))
            .map(|(index, _, _)| format!("${{Table.Arn}}/index/{index}"))
            .collect();
        let found: BTreeSet<String> = resources
            .into_iter()
            .filter(|resource| resource.contains("/index/"))
            .collect();

        assert_eq!(found, indexes, "{name}");
    }
}

#[test]
fn the_rules_bring_what_the_code_takes() {
    let template = template();
    let events = functions(&template)["provisioning"]["Properties"]["Events"].clone();
    let rules: BTreeMap<String, Value> = events
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, event)| event["Type"] == "EventBridgeRule")
        .map(|(name, event)| (name.clone(), event["Properties"].clone()))
        .collect();
    let bus = json!({ "Fn::If": ["HasPlaneBus", { "Ref": "ApplicationPlaneBus" }, { "Ref": "EventBus" }] });
    let other_source = json!({ "Fn::If": ["HasPlaneSource", { "Ref": "ApplicationPlaneSource" }, { "Ref": "AWS::NoValue" }] });

    let in_code: BTreeMap<String, Value> = tenantry_provisioning::RULES
        .iter()
        .map(|(name, pattern)| {
            let mut pattern: Value = serde_json::from_str(pattern).expect("a pattern is JSON");
            if let Some(sources) = pattern["source"].as_array_mut() {
                sources.push(other_source.clone());
            }
            if pattern["source"].is_null() {
                pattern.as_object_mut().map(|pattern| pattern.remove("source"));
            }
            ((*name).to_owned(), pattern)
        })
        .collect();

    assert_eq!(
        rules
            .iter()
            .map(|(name, rule)| (name.clone(), rule["Pattern"].clone()))
            .collect::<BTreeMap<_, _>>(),
        in_code
    );
    let dead_letters = json!({ "Fn::GetAtt": "ProvisioningDeadLetters.Arn" });
    for (name, rule) in &rules {
        assert_eq!(rule["EventBusName"], bus, "{name}");
        assert_eq!(rule["DeadLetterConfig"]["Arn"], dead_letters, "{name}");
    }
    let function = &functions(&template)["provisioning"]["Properties"];
    assert_eq!(
        function["EventInvokeConfig"]["DestinationConfig"]["OnFailure"],
        json!({ "Type": "SQS", "Destination": dead_letters })
    );
}

#[test]
fn the_site_reads_no_tenant_no_lead_and_no_secret() {
    let template = template();
    let on_table: Vec<Value> = statements(&template, "site")
        .into_iter()
        .filter(|statement| {
            texts(&statement["Action"])
                .iter()
                .any(|action| action.starts_with("dynamodb:"))
        })
        .collect();

    let allowed: BTreeSet<String> = on_table
        .iter()
        .map(|statement| format!("{} {}", statement["Action"], statement["Condition"]))
        .collect();
    let exactly = |keys: &[&str]| json!({ "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": keys } });
    let undelivered =
        json!({ "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["OUTBOX#UNDELIVERED#*"] } });
    let expected = [
        (GET, exactly(&["WARM"])),
        (QUERY, exactly(&["FIGURES"])),
        (QUERY, undelivered),
    ];
    let expected = expected.map(|(action, condition)| format!("\"{action}\" {condition}"));
    assert_eq!(allowed, expected.into());
    assert!(
        !template["Resources"]["SiteRole"]
            .to_string()
            .contains("secretsmanager")
    );
    assert!(
        joined("lib/store/src").contains(r#"pk: "WARM".to_owned()"#),
        "the store warms up with another key"
    );
}

#[test]
fn the_relay_touches_outbox_and_figures_only() {
    let template = template();

    for statement in statements(&template, "relay") {
        let actions = texts(&statement["Action"]);
        if actions
            .iter()
            .any(|action| [BATCH_GET, UPDATE, PUT, DELETE, QUERY].contains(&action.as_str()))
        {
            let outbox = json!({ "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["OUTBOX#*"] } });
            let figures = json!({ "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": ["FIGURES"] } });
            let condition = &statement["Condition"];
            assert!(*condition == outbox || *condition == figures, "{statement}");
        }
    }
    assert!(
        joined("lib/store/src").contains(r#"format!("OUTBOX#{id}")"#),
        "the store keeps messages elsewhere"
    );
}

#[test]
fn callbacks_query_tenants_only() {
    let template = template();
    let queries: Vec<Value> = statements(&template, "callbacks")
        .into_iter()
        .filter(|statement| statement["Action"] == QUERY)
        .collect();

    let keys = json!({ "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["TENANT#*"] } });
    assert_eq!(
        queries
            .iter()
            .map(|query| &query["Condition"])
            .collect::<Vec<_>>(),
        [&keys]
    );
}

#[test]
fn the_table_is_the_one_that_the_store_describes() {
    let template = template();
    let table = &template["Resources"]["Table"];
    let properties = &table["Properties"];

    let mut attributes = vec![PRIMARY.0, PRIMARY.1];
    attributes.extend(INDEXES.iter().flat_map(|(_, pk, sk)| [*pk, *sk]));
    let attributes: Vec<Value> = attributes
        .iter()
        .map(|name| json!({ "AttributeName": name, "AttributeType": "S" }))
        .collect();
    let indexes = INDEXES.map(|(name, pk, sk)| {
        json!({ "IndexName": name, "KeySchema": key_schema((pk, sk)), "Projection": { "ProjectionType": "ALL" } })
    });

    assert_eq!(properties["AttributeDefinitions"], Value::from(attributes));
    assert_eq!(properties["KeySchema"], key_schema(PRIMARY));
    assert_eq!(
        properties["GlobalSecondaryIndexes"],
        Value::from(indexes.to_vec())
    );
    assert_eq!(
        properties["TimeToLiveSpecification"],
        json!({ "AttributeName": TTL, "Enabled": true })
    );
    assert_eq!(
        properties["StreamSpecification"],
        json!({ "StreamViewType": "NEW_AND_OLD_IMAGES" })
    );
    assert_eq!(properties["BillingMode"], "PAY_PER_REQUEST");
    assert_eq!(
        properties["PointInTimeRecoverySpecification"],
        json!({ "PointInTimeRecoveryEnabled": true })
    );
    assert_eq!(table["UpdateReplacePolicy"], "Retain");
    assert_eq!(table["DeletionPolicy"], "RetainExceptOnCreate");
}

fn key_schema((pk, sk): (&str, &str)) -> Value {
    json!([{ "AttributeName": pk, "KeyType": "HASH" }, { "AttributeName": sk, "KeyType": "RANGE" }])
}

#[test]
fn the_stream_brings_the_relay_new_messages_and_takes_partial_answers() {
    let template = template();
    let events = &functions(&template)["relay"]["Properties"]["Events"];
    let source = &events["Outbox"]["Properties"];

    let filter = source["FilterCriteria"]["Filters"][0]["Pattern"]
        .as_str()
        .unwrap_or_default();
    let filter: Value = serde_json::from_str(filter).expect("the filter is JSON");

    assert_eq!(
        filter,
        json!({ "eventName": ["INSERT"], "dynamodb": { "Keys": { "pk": { "S": [{ "prefix": "OUTBOX#" }] } } } })
    );
    assert_eq!(
        source["FunctionResponseTypes"],
        json!(["ReportBatchItemFailures"])
    );
    assert_eq!(source["BisectBatchOnFunctionError"], true);
    assert_eq!(source["StartingPosition"], "TRIM_HORIZON");
    assert_eq!(
        source["DestinationConfig"]["OnFailure"]["Destination"],
        json!({ "Fn::GetAtt": "RelayDeadLetters.Arn" })
    );
    let batch = source["BatchSize"].as_u64().unwrap_or_default();
    assert!(
        joined("lib/local/src").contains(&format!("const BATCH: usize = {batch};")),
        "the local stream's batches have another size"
    );
}

#[test]
fn every_function_is_given_the_settings_that_it_uses_and_no_others() {
    let template = template();

    for (name, function) in functions(&template) {
        let variables = function["Properties"]["Environment"]["Variables"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        let given: BTreeSet<&str> = variables
            .keys()
            .map(String::as_str)
            .filter(|name| !LOCAL_SETTINGS.contains(name))
            .collect();
        let used = SETTINGS
            .iter()
            .find(|(function, _)| *function == name)
            .map(|(_, names)| *names);
        let used = used.unwrap_or_else(|| panic!("say in SETTINGS what {name} uses"));

        assert_eq!(given, used.iter().copied().collect(), "{name}");
        for local in LOCAL_SETTINGS
            .iter()
            .filter(|local| variables.contains_key(**local))
        {
            let only_locally = json!({ "Fn::If": ["IsLocal", "", { "Ref": "AWS::NoValue" }] });
            assert_eq!(
                variables[*local], only_locally,
                "{name}: {local} would be set on AWS"
            );
        }
    }
}

#[test]
fn settings_have_one_name_in_the_code_and_in_the_template() {
    let template = template();
    let globals = template["Globals"]["Function"]["Environment"]["Variables"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let mut in_template: BTreeSet<String> = globals.keys().cloned().collect();
    assert_eq!(
        in_template,
        GLOBAL_SETTINGS.iter().map(|name| (*name).to_owned()).collect()
    );
    for function in functions(&template).values() {
        let variables = function["Properties"]["Environment"]["Variables"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        in_template.extend(variables.keys().cloned());
    }

    // The SDK reads the one, the exporter of spans the other.
    let mut in_code =
        BTreeSet::from(["AWS_ENDPOINT_URL_DYNAMODB", "OTEL_EXPORTER_OTLP_ENDPOINT"].map(str::to_owned));
    for path in [
        "lib/app/src/config.rs",
        "lib/aws/src/start.rs",
        "lib/aws/src/telemetry.rs",
        "lib/aws/src/providers.rs",
        "functions/tokens/src/settings.rs",
    ] {
        let source = fs::read_to_string(in_workspace(path)).expect("the source is there");
        in_code.extend(names_of_settings(
            source.split("#[cfg(test)]").next().unwrap_or_default(),
        ));
    }

    // The AWS SDKs' own name, for proxies and benchmarks: the template leaves the roots that are compiled in.
    assert!(in_code.remove("AWS_CA_BUNDLE"));
    // For runs outside AWS, in the place of the secret.
    assert!(in_code.remove("IDENTITY_SECRETS"));

    assert_eq!(in_template, in_code);
}

#[test]
fn a_function_behind_the_gateway_ends_its_request_before_it_is_ended() {
    let template = template();
    let start = fs::read_to_string(in_workspace("lib/aws/src/start.rs")).expect("the source is there");
    let patience = start
        .split("const PATIENCE: Duration = Duration::from_secs(")
        .nth(1)
        .and_then(|rest| rest.split(')').next());
    let patience: u64 = patience
        .and_then(|text| text.parse().ok())
        .expect("the code says how patient it is");

    for (name, function) in functions(&template) {
        let own = function["Properties"]["Timeout"].as_u64();
        let timeout = own
            .or(template["Globals"]["Function"]["Timeout"].as_u64())
            .expect("functions have a timeout");

        // The trigger has less, as its code says.
        let patience = if name == "tokens" { 4 } else { patience };
        assert!(
            timeout > patience,
            "{name} is ended after {timeout} s, while it waits {patience} s for the table"
        );
        assert!(
            http_events(&function).is_empty() || timeout < 30,
            "{name} goes on after the gateway has given up"
        );
    }
}

#[test]
fn routes_that_ask_for_no_access_token_have_a_rate_of_their_own() {
    let template = template();
    let settings = template["Resources"]["HttpApi"]["Properties"]["RouteSettings"].clone();
    let settings = settings.as_object().cloned().unwrap_or_default();

    let tables = tenantry_local::groups()
        .into_iter()
        .flat_map(|group| group.table());
    // Any lead may ask whether a key is free or what permissions there are, and anybody becomes a lead by proving an address.
    let is_open = |access: Access| {
        !access.needs_bearer()
            || matches!(
                access,
                Access::LeadCode
                    | Access::Invitation
                    | Access::AnyLeadOr(_)
                    | Access::AnyCaller
                    | Access::ScrapeToken
            )
    };
    let open: BTreeSet<String> = tables
        .filter(|route| is_open(route.access))
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();

    assert_eq!(settings.keys().cloned().collect::<BTreeSet<_>>(), open);
    let rate = json!({
        "ThrottlingRateLimit": { "Ref": "PublicThrottlingRatePerSecond" },
        "ThrottlingBurstLimit": { "Ref": "PublicThrottlingBurst" },
    });
    for (route, setting) in settings {
        assert_eq!(setting, rate, "{route}");
    }
}

#[test]
fn what_is_kept_is_encrypted_under_our_key_and_functions_use_it_through_services_only() {
    let template = template();
    let key = json!({ "Fn::GetAtt": "Key.Arn" });
    let resources = template["Resources"]
        .as_object()
        .expect("the template has resources");

    for (name, resource) in resources {
        let properties = &resource["Properties"];
        let used = match resource["Type"].as_str().unwrap_or_default() {
            "AWS::DynamoDB::Table" => &properties["SSESpecification"]["KMSMasterKeyId"],
            "AWS::SecretsManager::Secret" | "AWS::Logs::LogGroup" => &properties["KmsKeyId"],
            "AWS::Events::Archive" => &properties["KmsKeyIdentifier"],
            _ => continue,
        };
        assert_eq!(*used, key, "{name}");
    }
    for retained in ["Key", "Table", "MasterKey"] {
        assert_eq!(resources[retained]["UpdateReplacePolicy"], "Retain", "{retained}");
        assert_eq!(
            resources[retained]["DeletionPolicy"], "RetainExceptOnCreate",
            "{retained}"
        );
    }
    for name in functions(&template).keys() {
        let mut services = vec![json!({ "Fn::Sub": "dynamodb.${AWS::Region}.${AWS::URLSuffix}" })];
        if !matches!(name.as_str(), "site" | "tokens") {
            services.push(json!({ "Fn::Sub": "secretsmanager.${AWS::Region}.${AWS::URLSuffix}" }));
        }
        let uses: Vec<Value> = statements(&template, name)
            .into_iter()
            .filter(|statement| texts(&statement["Action"]).contains(&"kms:Decrypt".to_owned()))
            .collect();
        assert_eq!(uses.len(), 1, "{name}");
        assert_eq!(uses[0]["Resource"], key, "{name}");
        assert_eq!(
            uses[0]["Condition"],
            json!({ "StringEquals": { "kms:ViaService": services } }),
            "{name}"
        );
    }
}

#[tokio::test]
async fn the_archive_keeps_every_event_but_those_with_a_secret() {
    let template = template();
    let pattern = &template["Resources"]["EventArchive"]["Properties"]["EventPattern"];
    assert_eq!(pattern["source"], json!([{ "Ref": "EventSource" }]));
    let excluded = texts(&pattern["detail-type"][0]["anything-but"]);
    let app = TestApp::start().await;

    app.verified_lead("ada@acme.com").await;
    app.active_tenant("acme").await;
    let failed = app.tenant("globex").await;
    let failed = app.provision(&failed).await;
    app.report(&failed, &failed.failure("no room")).await.expect(204);
    let events = app.events().await;

    let mut with_secret = 0;
    for event in events {
        let kind = event["detail-type"].as_str().unwrap_or_default().to_owned();
        let has_secret = event.to_string().contains("tws_");
        assert_eq!(has_secret, excluded.contains(&kind), "{kind}");
        with_secret += usize::from(has_secret);
    }
    assert_eq!(with_secret, 2);
}

#[test]
fn every_alarm_says_what_to_do_is_sent_somewhere_and_is_on_the_dashboard() {
    let template = template();
    let dashboard = dashboard(&template);
    let shown = &dashboard["widgets"][0]["properties"]["alarms"];
    let topic = json!([{ "Ref": "AlarmTopic" }]);

    let mut alarms = BTreeSet::new();
    for (name, resource) in template["Resources"].as_object().into_iter().flatten() {
        if resource["Type"] != "AWS::CloudWatch::Alarm" {
            continue;
        }
        let properties = &resource["Properties"];
        let description = properties["AlarmDescription"].as_str().unwrap_or_default();
        assert!(
            description.len() > 80 && description.len() < 1024,
            "{name}: {description}"
        );
        assert_eq!(properties["AlarmActions"], topic, "{name}");
        assert_eq!(properties["OKActions"], topic, "{name}");
        assert_eq!(properties["TreatMissingData"], "notBreaching", "{name}");
        alarms.insert(format!("${{{name}.Arn}}"));
    }

    assert_eq!(texts(shown).into_iter().collect::<BTreeSet<_>>(), alarms);
}

#[test]
fn alarms_and_dashboard_watch_metrics_that_the_functions_write() {
    let template = template();
    let mut watched = BTreeSet::new();

    for resource in template["Resources"]
        .as_object()
        .into_iter()
        .flat_map(Map::values)
    {
        if resource["Properties"]["Namespace"] == metric::NAMESPACE {
            watched.insert(
                resource["Properties"]["MetricName"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            );
        }
    }
    for widget in dashboard(&template)["widgets"].as_array().into_iter().flatten() {
        for line in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            if line[0] == metric::NAMESPACE {
                watched.insert(line[1].as_str().unwrap_or_default().to_owned());
            }
            let search = line[0]["expression"].as_str().unwrap_or_default();
            if search.contains("{Tenantry,") {
                let name = search
                    .split("MetricName=\"")
                    .nth(1)
                    .and_then(|rest| rest.split('"').next());
                watched.insert(name.unwrap_or_default().to_owned());
            }
        }
    }

    assert_eq!(
        watched,
        metric::NAMES
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<BTreeSet<_>>()
    );
}

/// The dashboard's body, its references left as they are.
fn dashboard(template: &Value) -> Value {
    let body = &template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"];
    serde_json::from_str(body.as_str().unwrap_or_default()).expect("the dashboard is JSON")
}

/// The template, intrinsic functions in their long form.
pub(crate) fn template() -> Value {
    let text = fs::read_to_string(in_workspace("template.yaml")).expect("the template is there");
    let documents = Yaml::load_from_str(&text).expect("the template is YAML");
    plain(&documents[0])
}

fn plain(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(flag)) => json!(flag),
        Yaml::Value(Scalar::Integer(number)) => json!(number),
        Yaml::Value(Scalar::FloatingPoint(number)) => json!(number.into_inner()),
        Yaml::Value(Scalar::String(text)) | Yaml::Representation(text, ..) => json!(text),
        Yaml::Sequence(items) => items.iter().map(plain).collect(),
        Yaml::Mapping(members) => {
            let members = members
                .iter()
                .map(|(name, value)| (plain(name).as_str().unwrap_or_default().to_owned(), plain(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Yaml::Tagged(tag, value) => {
            let name = if tag.suffix == "Ref" {
                "Ref".to_owned()
            } else {
                format!("Fn::{}", tag.suffix)
            };
            json!({ name: plain(value) })
        }
        Yaml::Alias(_) | Yaml::BadValue => panic!("the template has an alias or a bad value"),
    }
}

/// The functions by the name of their crate.
pub(crate) fn functions(template: &Value) -> BTreeMap<String, Value> {
    let resources = template["Resources"]
        .as_object()
        .expect("the template has resources");
    let functions = resources
        .iter()
        .filter(|(_, resource)| resource["Type"] == "AWS::Serverless::Function");
    let named = functions.map(|(logical, function)| {
        let name = function["Metadata"]["BuildProperties"]["Binary"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert_eq!(
            *logical,
            format!("{}Function", capitalized(&name)),
            "a function is named after its crate"
        );
        (name, function.clone())
    });
    named.collect()
}

fn http_events(function: &Value) -> Vec<String> {
    let events = function["Properties"]["Events"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let http = events.values().filter(|event| event["Type"] == "HttpApi");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    http.map(|event| {
        format!(
            "{} {}",
            text(&event["Properties"]["Method"]),
            text(&event["Properties"]["Path"])
        )
    })
    .collect()
}

pub(crate) fn routes_by_group() -> BTreeMap<String, BTreeSet<String>> {
    let document = tenantry_api::openapi(&tenantry_local::groups());
    let document = serde_json::to_value(document).expect("the API document is plain data");
    let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let group = operation["tags"][0].as_str().unwrap_or_default().to_owned();
            groups
                .entry(group)
                .or_default()
                .insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    groups
}

pub(crate) fn statements(template: &Value, function: &str) -> Vec<Value> {
    let role = &template["Resources"][format!("{}Role", capitalized(function))]["Properties"];
    assert!(
        role.get("ManagedPolicyArns").is_none(),
        "{function}: a managed policy permits more than this function does"
    );
    let policies = role["Policies"].as_array().cloned().unwrap_or_default();
    policies
        .iter()
        .flat_map(|policy| {
            policy["PolicyDocument"]["Statement"]
                .as_array()
                .cloned()
                .unwrap_or_default()
        })
        // What is there under a condition counts as there.
        .map(|statement| match &statement["Fn::If"] {
            Value::Array(branches) => branches[1].clone(),
            _ => statement,
        })
        .collect()
}

/// One text or several; of an intrinsic function its argument.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// What a function asks of the table: what the methods that its source calls need, and what every function does.
fn table_actions(function: &str) -> BTreeSet<String> {
    let mut source = function_source(function);
    for (operation, path) in [
        ("found_tenant(", "lib/app/src/onboarding.rs"),
        ("close_job(", "lib/app/src/job_report.rs"),
        ("fail_overdue_jobs(", "lib/app/src/watchdog.rs"),
        ("continue_erasures(", "lib/app/src/erasure.rs"),
        ("start_job(", "lib/app/src/start_job.rs"),
        ("suspend_tenant(", "lib/app/src/tenant_status.rs"),
        ("erase_tenant(", "lib/app/src/erasure.rs"),
        ("tenantry_app::subscribe(", "lib/app/src/billing.rs"),
        ("sweep_billing(", "lib/app/src/billing.rs"),
        ("tenantry_app::set_up_identity", "lib/app/src/identity_setup.rs"),
        (".claims(", "lib/app/src/sign_in.rs"),
    ] {
        if source.contains(operation) {
            let operation = fs::read_to_string(in_workspace(path)).expect("the source is there");
            source.extend(operation.split_whitespace());
        }
    }
    // Ports and iterators have methods of the same names; steps exist only where a transaction does.
    let has_transaction = source.contains("Transaction");
    let mut actions = BTreeSet::from([GET.to_owned()]);
    // Members have to be active ones; whoever has no token is none.
    if source.contains(".replace_tenant(") && !source.contains("Access::Signature") {
        actions.insert(CHECK.to_owned());
    }
    if source.contains(".finish(") {
        actions.insert(PUT.to_owned());
    }
    for (method, needed) in STORE {
        let is_on_store = source.contains(&format!("store.{method}("));
        let is_step = has_transaction && source.contains(&format!(".{method}("));
        if is_on_store || is_step {
            actions.extend(needed.iter().map(|action| (*action).to_owned()));
        }
    }
    actions
}

/// Without white space, so that it does not matter where a line is broken.
fn function_source(function: &str) -> String {
    joined(&format!("functions/{function}/src"))
        .split_whitespace()
        .collect()
}

fn joined(folder: &str) -> String {
    source_of(folder).into_iter().map(|(_, source)| source).collect()
}

/// The files of a folder, without their tests.
fn source_of(folder: &str) -> Vec<(PathBuf, String)> {
    let files = fs::read_dir(in_workspace(folder))
        .expect("the folder is there")
        .filter_map(|entry| Some(entry.ok()?.path()));
    let is_for_tests = |path: &PathBuf| {
        let stem = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        stem == "scene" || stem.ends_with("_tests")
    };
    let rust = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs") && !is_for_tests(path));
    let read = |path: PathBuf| {
        let source = fs::read_to_string(&path).expect("source is text");
        let source = source.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
        (path, source)
    };
    rust.map(read).collect()
}

/// Texts in quotes that are in capitals, as the names of environment variables are.
fn names_of_settings(source: &str) -> BTreeSet<String> {
    let quoted = source.split('"').skip(1).step_by(2);
    let is_name = |text: &&str| {
        text.len() > 3
            && text.starts_with(|first: char| first.is_ascii_uppercase())
            && text
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    quoted.filter(is_name).map(str::to_owned).collect()
}

fn capitalized(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

fn in_workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
