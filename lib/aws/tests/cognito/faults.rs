//! What Cognito does on a bad day.

use serde_json::{Value, json};
use tenantry_app::{FirstKey, IdentityProvider as _, IdentityWish, Progress as _, ProviderError};
use tenantry_domain::{Identity, Login, ProviderId, ProviderName};

use crate::script::Reply::{Done, Error, Lost, Nobody, Page};
use crate::script::{Reply, SHARED, Script};
use crate::world::{Notes, candidate, wish};

type Line = (&'static str, Reply);

fn done(operation: &'static str) -> Line {
    (operation, Done(json!({})))
}

fn refuses(operation: &'static str) -> Line {
    (operation, Error(400, "InvalidParameterException"))
}

/// Pools of this name, by id and when they were made.
fn pools(wish: &IdentityWish, pools: &[(&str, u32)]) -> Line {
    let name = format!("tenantry-{}", wish.tenant_id);
    let pools: Vec<Value> = pools
        .iter()
        .map(|(id, at)| json!({ "Id": id, "Name": name, "CreationDate": at }))
        .collect();
    ("ListUserPools", Done(json!({ "UserPools": pools })))
}

fn pool_is_made(id: &str, at: u32) -> Line {
    let pool = json!({ "UserPool": { "Id": id, "CreationDate": at } });
    ("CreateUserPool", Done(pool))
}

fn clients(ids: &[&str]) -> Line {
    let clients: Vec<Value> = ids
        .iter()
        .map(|id| json!({ "ClientId": id, "ClientName": "tenantry" }))
        .collect();
    ("ListUserPoolClients", Done(json!({ "UserPoolClients": clients })))
}

fn client(operation: &'static str, id: &str, at: u32) -> Line {
    let client = json!({ "UserPoolClient": { "ClientId": id, "CreationDate": at } });
    (operation, Done(client))
}

fn user(status: &str, is_enabled: bool, email: &str) -> Line {
    let attributes = json!([{ "Name": "sub", "Value": "sub-1" }, { "Name": "email", "Value": email }]);
    let user = json!({
        "Username": "u", "UserAttributes": attributes, "Enabled": is_enabled, "UserStatus": status,
    });
    ("AdminGetUser", Done(user))
}

fn found(username: &str, is_enabled: bool) -> Line {
    let attributes = json!([{ "Name": "sub", "Value": "sub-1" }]);
    let user = json!({ "Username": username, "Attributes": attributes, "Enabled": is_enabled });
    ("ListUsers", Done(json!({ "Users": [user] })))
}

fn nobody_found() -> Line {
    ("ListUsers", Done(json!({ "Users": [] })))
}

fn id(text: &str) -> ProviderId {
    ProviderId::parse(text).expect("it is an id")
}

fn identity(place: &str, is_own: bool) -> Identity {
    Identity {
        provider: ProviderName::Cognito,
        place: id(place),
        is_own,
        organization: Some(id("group-1")),
        issuer: "https://issuer".to_owned(),
        client_id: None,
    }
}

fn login(place: &str) -> Login {
    identity(place, false).login(id("sub-1"))
}

fn detail(error: &ProviderError) -> &str {
    match error {
        ProviderError::Refused { detail, .. } => detail,
        other => panic!("it is refused, but {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_asked_again_until_it_has_passed() {
    let passing = [
        Error(400, "TooManyRequestsException"),
        Error(500, "InternalErrorException"),
        Error(400, "ThrottlingException"),
        Error(400, "ConcurrentModificationException"),
        Page(503),
        Page(429),
        Nobody,
        Lost,
    ];

    for fault in passing {
        let script = Script::new([
            ("CreateGroup", fault.clone()),
            ("CreateGroup", fault.clone()),
            done("CreateGroup"),
        ]);

        let identity = script.cognito().set_up(&wish(false), &Notes::default()).await;

        let identity = identity.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!(identity.place.as_str(), SHARED);
        assert_eq!(script.played().len(), 3, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_stays_busy_is_unavailable_at_the_deadline() {
    for fault in [Error(400, "TooManyRequestsException"), Nobody, Lost, Page(502)] {
        let script = Script::endless([("CreateGroup", fault.clone())]);

        let answer = script.cognito().set_up(&wish(false), &Notes::default()).await;

        assert!(
            matches!(answer, Err(ProviderError::Unavailable { .. })),
            "{fault:?}: {answer:?}"
        );
        assert!(script.played().len() > 3, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_final_and_repeats_nobodys_address() {
    let cases = [
        (
            Error(400, "InvalidParameterException"),
            "AdminCreateUser: InvalidParameterException",
        ),
        (
            Error(400, "AccessDeniedException"),
            "AdminCreateUser: AccessDeniedException",
        ),
        (
            Error(400, "AliasExistsException"),
            "AdminCreateUser: AliasExistsException",
        ),
        (Page(404), "AdminCreateUser: status 404"),
    ];

    for (fault, said) in cases {
        let script = Script::new([("AdminCreateUser", fault.clone())]);
        let candidate = candidate(&wish(false));
        let identity = identity(SHARED, false);

        let error = script
            .cognito()
            .admit(&identity, &candidate, &Notes::default())
            .await
            .expect_err("it is refused");

        assert_eq!(detail(&error), said);
        assert!(!format!("{error} {error:?}").contains('@'), "{error:?}");
        assert_eq!(script.played().len(), 1, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_quota_is_a_refusal_and_a_rate_is_not() {
    let wish = wish(true);
    let quota = Script::new([
        pools(&wish, &[]),
        ("CreateUserPool", Error(400, "LimitExceededException")),
    ]);
    let rate = Script::new([
        found("u", true),
        ("AdminUserGlobalSignOut", Error(400, "LimitExceededException")),
        done("AdminUserGlobalSignOut"),
    ]);

    let set_up = quota.cognito().set_up(&wish, &Notes::default()).await;
    let sign_out = rate.cognito().sign_out(&login(SHARED)).await;

    assert_eq!(
        detail(&set_up.expect_err("the quota is used up")),
        "CreateUserPool: LimitExceededException"
    );
    sign_out.expect("it passes");
    assert_eq!((quota.played().len(), rate.played().len()), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn what_was_noted_is_not_asked_for_again() {
    let shared = Script::new([]);
    let own = Script::new([done("DescribeUserPool")]);

    let notes = Notes::of(&[("group", "g")]);
    let identity = shared.cognito().set_up(&wish(false), &notes).await;
    let notes = Notes::of(&[("pool", "p"), ("client", "c"), ("group", "g")]);
    let own_identity = own.cognito().set_up(&wish(true), &notes).await;

    let group = identity.expect("it is there").organization;
    assert_eq!(group, Some(id("g")));
    let own_identity = own_identity.expect("it is there");
    assert_eq!(own_identity.place, id("p"));
    assert_eq!(own_identity.client_id, Some(id("c")));
    assert!(shared.played().is_empty());
    assert_eq!(own.played().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_made_for_one_tenant_is_closed_and_speaks_to_the_trigger() {
    let wish = wish(true);
    let script = Script::new([
        pools(&wish, &[]),
        pool_is_made("p", 1),
        pools(&wish, &[("p", 1)]),
        clients(&[]),
        client("CreateUserPoolClient", "c", 1),
        clients(&["c"]),
        done("CreateGroup"),
    ]);

    let identity = script.cognito().set_up(&wish, &Notes::default()).await;

    let identity = identity.expect("everything is answered");
    assert_eq!(
        identity.issuer,
        "https://cognito-idp.eu-central-1.amazonaws.com/p"
    );
    let tenant_id = wish.tenant_id.to_string();
    let pool = json!({
        "PoolName": format!("tenantry-{tenant_id}"),
        "Policies": { "PasswordPolicy": {
            "MinimumLength": 12, "RequireUppercase": true, "RequireLowercase": true, "RequireNumbers": true,
            "RequireSymbols": true, "TemporaryPasswordValidityDays": 7,
        } },
        "DeletionProtection": "ACTIVE",
        "LambdaConfig": { "PreTokenGenerationConfig": {
            "LambdaVersion": "V2_0", "LambdaArn": "arn:aws:lambda:eu-central-1:000000000000:function:token-trigger",
        } },
        "AutoVerifiedAttributes": ["email"],
        "AliasAttributes": ["email"],
        "UserPoolTags": { "project": "tenantry", "tenantId": tenant_id },
        "AdminCreateUserConfig": {
            "AllowAdminCreateUserOnly": true,
            "InviteMessageTemplate": {
                "EmailSubject": "Your login",
                "EmailMessage": "You can sign in with this e-mail address, or with the user name {username}. \
                                 Your first password, which is good for 7 days: {####}",
            },
        },
        "UsernameConfiguration": { "CaseSensitive": false },
        "AccountRecoverySetting": { "RecoveryMechanisms": [{ "Priority": 1, "Name": "verified_email" }] },
        "UserPoolTier": "ESSENTIALS",
    });
    assert_eq!(script.body("CreateUserPool"), pool);
    let client = json!({
        "UserPoolId": "p",
        "ClientName": "tenantry",
        "GenerateSecret": false,
        "AccessTokenValidity": 15,
        "IdTokenValidity": 15,
        "RefreshTokenValidity": 30,
        "TokenValidityUnits": { "AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "days" },
        "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        "SupportedIdentityProviders": ["COGNITO"],
        "CallbackURLs": ["https://acme.example.com/signed-in"],
        "AllowedOAuthFlows": ["code"],
        "AllowedOAuthScopes": ["openid", "email", "profile"],
        "AllowedOAuthFlowsUserPoolClient": true,
        "PreventUserExistenceErrors": "ENABLED",
        "EnableTokenRevocation": true,
    });
    assert_eq!(script.body("CreateUserPoolClient"), client);
    let group = json!({ "GroupName": tenant_id, "UserPoolId": "p", "Description": "Acme & Söhne" });
    assert_eq!(script.body("CreateGroup"), group);
}

#[tokio::test(start_paused = true)]
async fn a_pool_or_client_whose_answer_was_lost_is_found_and_not_made_twice() {
    let wish = wish(true);
    let script = Script::new([
        pools(&wish, &[]),
        ("CreateUserPool", Lost),
        pools(&wish, &[("p", 1)]),
        clients(&[]),
        ("CreateUserPoolClient", Lost),
        clients(&["c"]),
        done("CreateGroup"),
    ]);

    let identity = script.cognito().set_up(&wish, &Notes::default()).await;

    let identity = identity.expect("it is found");
    assert_eq!((identity.place, identity.client_id), (id("p"), Some(id("c"))));
    script.played();
}

#[tokio::test(start_paused = true)]
async fn a_pool_is_looked_for_on_every_page() {
    let wish = wish(true);
    let first = json!({
        "UserPools": [{ "Id": "other", "Name": "somebody-elses", "CreationDate": 1 }],
        "NextToken": "more",
    });
    let script = Script::new([
        ("ListUserPools", Done(first)),
        ("ListUserPools", Error(400, "TooManyRequestsException")),
        pools(&wish, &[("p", 1)]),
        clients(&["c"]),
        done("CreateGroup"),
    ]);

    let notes = Notes::default();
    let identity = script.cognito().set_up(&wish, &notes).await;

    assert_eq!(identity.expect("it is found").place, id("p"));
    let group = wish.tenant_id.to_string();
    for (step, made) in [("pool", "p"), ("client", "c"), ("group", &group)] {
        assert_eq!(notes.made(step).as_deref(), Some(made));
    }
    let list = script.body("ListUserPools");
    assert_eq!(list, json!({ "MaxResults": 60, "NextToken": "more" }));
}

#[tokio::test(start_paused = true)]
async fn of_two_pools_made_at_once_the_older_counts_and_who_made_the_other_removes_it() {
    let wish = wish(true);
    let later = Script::new([
        pools(&wish, &[]),
        pool_is_made("mine", 2),
        pools(&wish, &[("mine", 2), ("theirs", 1)]),
        nobody_found(),
        done("UpdateUserPool"),
        done("DeleteUserPool"),
        clients(&["c"]),
        done("CreateGroup"),
    ]);
    let earlier = Script::new([
        pools(&wish, &[]),
        pool_is_made("mine", 1),
        pools(&wish, &[("mine", 1), ("theirs", 2)]),
        clients(&["c"]),
        done("CreateGroup"),
    ]);

    let of_later = later.cognito().set_up(&wish, &Notes::default()).await;
    let of_earlier = earlier.cognito().set_up(&wish, &Notes::default()).await;

    assert_eq!(of_later.expect("theirs is used").place, id("theirs"));
    assert_eq!(later.body("DeleteUserPool"), json!({ "UserPoolId": "mine" }));
    assert_eq!(of_earlier.expect("mine is used").place, id("mine"));
    earlier.played();
}

#[tokio::test(start_paused = true)]
async fn of_two_clients_made_at_once_the_older_counts_whatever_they_are_called() {
    let wish = wish(true);
    let script = Script::new([
        pools(&wish, &[("p", 1)]),
        clients(&[]),
        client("CreateUserPoolClient", "a-mine", 2),
        clients(&["a-mine", "b-theirs", "c-gone"]),
        client("DescribeUserPoolClient", "a-mine", 2),
        client("DescribeUserPoolClient", "b-theirs", 1),
        ("DescribeUserPoolClient", Error(400, "ResourceNotFoundException")),
        done("DeleteUserPoolClient"),
        done("CreateGroup"),
    ]);

    let identity = script.cognito().set_up(&wish, &Notes::default()).await;

    assert_eq!(identity.expect("theirs is used").client_id, Some(id("b-theirs")));
    let removed = json!({ "UserPoolId": "p", "ClientId": "a-mine" });
    assert_eq!(script.body("DeleteUserPoolClient"), removed);
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_cannot_be_furnished_is_removed_again_and_stays_closed_until_it_is() {
    for (furniture, said) in [
        (
            vec![clients(&[]), refuses("CreateUserPoolClient")],
            "CreateUserPoolClient",
        ),
        (vec![clients(&["c"]), refuses("CreateGroup")], "CreateGroup"),
    ] {
        let wish = wish(true);
        let made = [pools(&wish, &[]), pool_is_made("p", 1), pools(&wish, &[("p", 1)])];
        let removal = [nobody_found(), done("UpdateUserPool"), done("DeleteUserPool")];
        let script = Script::new(made.into_iter().chain(furniture).chain(removal));

        let notes = Notes::default();
        let error = script.cognito().set_up(&wish, &notes).await;

        let error = error.expect_err("it is refused");
        assert_eq!(detail(&error), format!("{said}: InvalidParameterException"));
        let change = script.body("UpdateUserPool");
        assert_eq!(change["DeletionProtection"], "INACTIVE");
        assert_eq!(change["UserPoolTags"]["project"], "tenantry");
        assert_eq!(
            change["AdminCreateUserConfig"].get("UnusedAccountValidityDays"),
            None
        );
        assert_eq!(change["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"], true);
        assert_eq!(
            change["LambdaConfig"]["PreTokenGenerationConfig"]["LambdaVersion"],
            "V2_0"
        );
        assert_eq!(script.body("DeleteUserPool"), json!({ "UserPoolId": "p" }));
        for step in ["pool", "client", "group"] {
            assert_eq!(notes.made(step).unwrap_or_default(), "", "{step}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_was_found_or_has_somebody_in_it_is_never_removed() {
    let wish = wish(true);
    let found_pool = Script::new([
        pools(&wish, &[("p", 1)]),
        clients(&[]),
        refuses("CreateUserPoolClient"),
    ]);
    let noted = Script::new([
        done("DescribeUserPool"),
        clients(&[]),
        refuses("CreateUserPoolClient"),
    ]);
    let in_use = Script::new([
        pools(&wish, &[]),
        pool_is_made("p", 1),
        pools(&wish, &[("p", 1)]),
        clients(&["c"]),
        refuses("CreateGroup"),
        found("u", true),
    ]);

    let of_found = found_pool.cognito().set_up(&wish, &Notes::default()).await;
    let of_noted = noted.cognito().set_up(&wish, &Notes::of(&[("pool", "p")])).await;
    let of_used = in_use.cognito().set_up(&wish, &Notes::default()).await;

    for error in [of_found, of_noted] {
        let error = error.expect_err("it is refused");
        assert_eq!(detail(&error), "CreateUserPoolClient: InvalidParameterException");
    }
    let error = of_used.expect_err("it is refused");
    let said = "CreateGroup: InvalidParameterException; the pool p is left: ";
    assert!(detail(&error).starts_with(said), "{error}");
    for script in [found_pool, noted, in_use] {
        script.played();
    }
}

#[tokio::test(start_paused = true)]
async fn a_noted_pool_that_was_removed_again_is_made_anew_with_everything_in_it() {
    for gone in ["ResourceNotFoundException", "AccessDeniedException"] {
        let wish = wish(true);
        let cut_off = Script::endless([
            ("DescribeUserPool", Error(400, gone)),
            pools(&wish, &[]),
            pool_is_made("new", 2),
            pools(&wish, &[("new", 2)]),
            ("ListUserPoolClients", Nobody),
        ]);
        let resumed = Script::new([
            done("DescribeUserPool"),
            clients(&["new-client"]),
            done("CreateGroup"),
        ]);
        let notes = Notes::of(&[("pool", "old"), ("client", "old-client"), ("group", "old-group")]);

        let unfinished = cut_off.cognito().set_up(&wish, &notes).await;
        let identity = resumed.cognito().set_up(&wish, &notes).await;

        assert!(
            matches!(unfinished, Err(ProviderError::Unavailable { .. })),
            "{unfinished:?}"
        );
        let identity = identity.expect("it is made anew");
        assert_eq!(
            (identity.place, identity.client_id),
            (id("new"), Some(id("new-client")))
        );
        resumed.played();
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_that_another_login_has_is_not_taken_over() {
    let script = Script::new([
        ("AdminCreateUser", Error(400, "UsernameExistsException")),
        ("AdminGetUser", Error(400, "UserNotFoundException")),
    ]);
    let candidate = candidate(&wish(false));

    let error = script
        .cognito()
        .admit(&identity(SHARED, false), &candidate, &Notes::default())
        .await;

    let error = error.expect_err("it is refused");
    assert_eq!(detail(&error), "another login has the address");
    let created = script.body("AdminCreateUser");
    assert_eq!(created.get("ForceAliasCreation"), None);
    assert_eq!(created["DesiredDeliveryMediums"], json!(["EMAIL"]));
    assert_eq!(created.get("TemporaryPassword"), None);
}

#[tokio::test(start_paused = true)]
async fn who_was_never_told_or_may_not_have_been_is_told_again() {
    let candidate = candidate(&wish(false));
    let exists = ("AdminCreateUser", Error(400, "UsernameExistsException"));
    let unused = || user("FORCE_CHANGE_PASSWORD", true, candidate.email.as_str());
    let told_again = |first| {
        Script::new([
            first,
            exists.clone(),
            unused(),
            done("AdminCreateUser"),
            done("AdminAddUserToGroup"),
        ])
    };
    let not_told = || Script::new([exists.clone(), unused(), done("AdminAddUserToGroup")]);
    let used = || {
        Script::new([
            exists.clone(),
            user("CONFIRMED", true, "other@acme.com"),
            done("AdminAddUserToGroup"),
        ])
    };
    let cases = [
        (told_again(("AdminCreateUser", Lost)), Notes::default(), true),
        (
            told_again(("AdminCreateUser", Nobody)),
            Notes::of(&[("invited", "sub-0")]),
            true,
        ),
        (not_told(), Notes::of(&[("invited", "sub-1")]), false),
        (used(), Notes::default(), false),
    ];

    for (script, notes, is_told) in cases {
        let admitted = script
            .cognito()
            .admit(&identity(SHARED, false), &candidate, &notes)
            .await
            .expect("it is let in");

        assert_eq!(admitted.auth_id, id("sub-1"));
        assert_eq!(
            matches!(admitted.key, FirstKey::MailedByProvider),
            is_told,
            "{admitted:?}"
        );
        if is_told {
            assert_eq!(script.body("AdminCreateUser")["MessageAction"], "RESEND");
            assert_eq!(notes.made("invited").as_deref(), Some("sub-1"));
        }
        script.played();
    }
}

#[tokio::test(start_paused = true)]
async fn who_signs_in_while_it_is_reminded_is_known() {
    let candidate = candidate(&wish(false));
    let script = Script::new([
        ("AdminCreateUser", Error(400, "UsernameExistsException")),
        user("FORCE_CHANGE_PASSWORD", true, candidate.email.as_str()),
        ("AdminCreateUser", Error(400, "UnsupportedUserStateException")),
        done("AdminAddUserToGroup"),
    ]);

    let admitted = script
        .cognito()
        .admit(&identity(SHARED, false), &candidate, &Notes::default())
        .await;

    let admitted = admitted.expect("it is let in");
    assert!(matches!(admitted.key, FirstKey::Known), "{admitted:?}");
    script.played();
}

#[tokio::test(start_paused = true)]
async fn a_first_password_is_not_sent_to_another_address_than_the_persons() {
    let candidate = candidate(&wish(false));
    let script = Script::new([
        ("AdminCreateUser", Error(400, "UsernameExistsException")),
        user("FORCE_CHANGE_PASSWORD", true, "eve@acme.com"),
    ]);

    let error = script
        .cognito()
        .admit(&identity(SHARED, false), &candidate, &Notes::default())
        .await;

    let error = error.expect_err("it is refused");
    assert!(!detail(&error).contains('@'), "{error}");
    script.played();
}

#[tokio::test(start_paused = true)]
async fn who_left_a_pool_of_its_own_can_come_back_and_who_was_disabled_elsewhere_cannot() {
    let candidate = candidate(&wish(true));
    let exists = ("AdminCreateUser", Error(400, "UsernameExistsException"));
    let own = Script::new([
        exists.clone(),
        user("CONFIRMED", false, candidate.email.as_str()),
        done("AdminEnableUser"),
        done("AdminAddUserToGroup"),
    ]);
    let shared = Script::new([exists, user("CONFIRMED", false, candidate.email.as_str())]);

    let back = own
        .cognito()
        .admit(&identity("own", true), &candidate, &Notes::default())
        .await;
    let kept_out = shared
        .cognito()
        .admit(&identity(SHARED, false), &candidate, &Notes::default())
        .await;

    assert!(matches!(back.expect("it is let in").key, FirstKey::Known));
    let error = kept_out.expect_err("somebody disabled it");
    assert!(detail(&error).contains("disabled"), "{error}");
    own.played();
    shared.played();
}

#[tokio::test(start_paused = true)]
async fn a_person_is_found_by_its_sub_or_asked_for_with_it() {
    let later_page = (
        "ListUsers",
        Done(json!({ "Users": [], "PaginationToken": "more" })),
    );
    let listed = Script::new([later_page, found("u", true), done("AdminUserGlobalSignOut")]);
    let not_listed = Script::new([nobody_found(), done("AdminUserGlobalSignOut")]);
    let not_there = Script::new([
        nobody_found(),
        ("AdminUserGlobalSignOut", Error(400, "UserNotFoundException")),
    ]);

    for script in [&listed, &not_listed, &not_there] {
        let done = script.cognito().sign_out(&login(SHARED)).await;
        done.expect("its sessions are over, or there are none");
    }

    let search = listed.body("ListUsers");
    assert_eq!(search["Filter"], r#"sub = "sub-1""#);
    assert_eq!(search["PaginationToken"], "more");
    assert_eq!(listed.body("AdminUserGlobalSignOut")["Username"], "u");
    assert_eq!(not_listed.body("AdminUserGlobalSignOut")["Username"], "sub-1");
    not_there.played();
}

#[tokio::test(start_paused = true)]
async fn what_is_no_sub_is_not_searched_for() {
    let script = Script::new([]);
    let mut login = login(SHARED);
    login.auth_id = id(r#"x" or username ^= ""#);

    let answer = script.cognito().forget(&login).await;

    detail(&answer.expect_err("it is refused"));
}

#[tokio::test(start_paused = true)]
async fn a_login_is_gone_with_its_pool_unless_everybodys_pool_is_not_found() {
    let gone = ("ListUsers", Error(400, "ResourceNotFoundException"));
    let own = Script::new([gone.clone(), gone.clone(), gone.clone()]);
    let shared = Script::new([gone]);

    let cognito = own.cognito();
    cognito.sign_out(&login("own")).await.expect("it has no sessions");
    let expelled = cognito.expel(&identity("own", true), &login("own")).await;
    expelled.expect("it is not there");
    cognito.forget(&login("own")).await.expect("it is not there");
    let error = shared.cognito().forget(&login(SHARED)).await;

    assert_eq!(
        detail(&error.expect_err("the settings are wrong")),
        "ListUsers: ResourceNotFoundException"
    );
    own.played();
}

#[tokio::test(start_paused = true)]
async fn expelling_can_be_repeated_and_disables_nobody_in_a_shared_pool() {
    let shared = Script::new([
        found("u", true),
        done("AdminRemoveUserFromGroup"),
        done("AdminUserGlobalSignOut"),
    ]);
    let again = Script::new([
        found("u", false),
        (
            "AdminRemoveUserFromGroup",
            Error(400, "ResourceNotFoundException"),
        ),
        ("AdminUserGlobalSignOut", Error(400, "NotAuthorizedException")),
        done("AdminDisableUser"),
    ]);

    let first = shared
        .cognito()
        .expel(&identity(SHARED, false), &login(SHARED))
        .await;
    let second = again.cognito().expel(&identity("own", true), &login("own")).await;

    first.expect("it is taken out");
    second.expect("it is out already");
    let removed = shared.body("AdminRemoveUserFromGroup");
    assert_eq!(
        (&removed["GroupName"], &removed["Username"]),
        (&json!("group-1"), &json!("u"))
    );
    again.played();
}
