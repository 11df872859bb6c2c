//! Whom tokens are for, and for which tenant.

use futures_util::future::join_all;
use serde_json::json;
use tenantry_domain::{MembershipStatus, Permission, SystemRole, TenantStatus};
use tenantry_testing::{Person, order};

use crate::scene::{Asked, SUB, Scene};

/// Grace in two tenants, the first one of which is her default.
async fn in_two_tenants(scene: &Scene) -> [Person; 2] {
    let first = scene.member(SystemRole::Member).await;
    let other = scene.app.active_tenant("globex").await;
    let second = scene.join(&other, SystemRole::Admin).await;
    [first, second]
}

/// The tenants that groups are named after.
fn groups(people: &[Person]) -> Vec<&str> {
    people.iter().map(|person| person.tenant_id.as_str()).collect()
}

#[tokio::test]
async fn who_never_chose_a_tenant_goes_to_its_default() {
    let scene = Scene::start().await;
    let people = in_two_tenants(&scene).await;

    let answered = scene.ask(&Asked::of(&people[0], &groups(&people))).await;

    assert_eq!(answered.tenant().as_ref(), Some(&people[0].tenant_id));
    assert_eq!(answered.usage.calls, 1);
}

#[tokio::test]
async fn the_tenant_that_the_client_names_is_chosen_and_survives_refreshes() {
    let scene = Scene::start().await;
    let people = in_two_tenants(&scene).await;
    let asked = Asked::of(&people[0], &groups(&people));
    let chosen = Some(&people[1].tenant_id);

    let named = scene.ask(&asked.clone().wanting(&*people[1].tenant_id)).await;
    let refreshed = scene.ask(&asked.clone().refreshing()).await;
    let again = scene.ask(&asked.clone().wanting(&*people[1].tenant_id)).await;
    let back = scene
        .ask(&asked.clone().refreshing().wanting(&*people[0].tenant_id))
        .await;
    let refreshed_there = scene.ask(&asked.refreshing()).await;

    // To note where somebody goes is a call, once.
    assert_eq!((named.tenant().as_ref(), named.usage.calls), (chosen, 2));
    assert_eq!((refreshed.tenant().as_ref(), refreshed.usage.calls), (chosen, 1));
    assert_eq!((again.tenant().as_ref(), again.usage.calls), (chosen, 1));
    assert_eq!(named.claims(), refreshed.claims());
    assert_eq!(named.claims()["role"], "Admin");
    assert_eq!(back.tenant().as_ref(), Some(&people[0].tenant_id));
    assert_eq!(refreshed_there.tenant().as_ref(), Some(&people[0].tenant_id));
}

#[tokio::test]
async fn without_hints_a_tenant_costs_a_second_call() {
    let scene = Scene::start().await;
    let people = in_two_tenants(&scene).await;
    let (asked, wanted) = (Asked::of(&people[0], &[]), &*people[1].tenant_id);

    let default = scene.ask(&asked).await;
    let wrong = scene
        .ask(&asked.clone().in_groups(&[&people[1].tenant_id, "editors"]))
        .await;
    let named = scene.ask(&asked.clone().wanting(wanted)).await;
    let last = scene.ask(&asked.clone().refreshing()).await;

    assert_eq!(
        (default.tenant().as_ref(), default.usage.calls),
        (Some(&people[0].tenant_id), 2)
    );
    assert_eq!((wrong.claims(), wrong.usage.calls), (default.claims(), 2));
    // The tenant that is named is looked at in the first call; the second notes it.
    assert_eq!((named.tenant().as_deref(), named.usage.calls), (Some(wanted), 2));
    assert_eq!((last.tenant().as_deref(), last.usage.calls), (Some(wanted), 2));
}

#[tokio::test]
async fn who_went_last_to_its_default_arrives_there_without_a_hint() {
    let scene = Scene::start().await;
    let grace = scene.member(SystemRole::Member).await;
    let asked = Asked::of(&grace, &[]);
    scene.ask(&asked.clone().wanting(&*grace.tenant_id)).await;

    let refreshed = scene.ask(&asked.refreshing()).await;

    assert_eq!(refreshed.tenant(), Some(grace.tenant_id));
    assert_eq!(refreshed.usage.calls, 2);
}

#[tokio::test]
async fn a_tenant_that_is_not_open_is_not_replaced_by_another_one_if_the_client_named_it() {
    let scene = Scene::start().await;
    let people = in_two_tenants(&scene).await;
    let foreign = scene.app.active_tenant("initech").await;
    scene.app.force_status(&people[1].tenant_id, "SUSPENDED").await;
    let asked = Asked::of(&people[0], &groups(&people));

    for wanted in [&people[1].tenant_id, &foreign, &scene.app.unknown_id()] {
        let before = scene.app.items().await;
        let answered = scene.ask(&asked.clone().wanting(&**wanted)).await;
        assert_eq!(answered.names(), ["userId"]);
        assert_eq!(answered.usage.calls, 1);
        assert_eq!(scene.app.items().await, before, "it is not where the person goes");
    }
    let refreshed = scene.ask(&asked.refreshing()).await;
    assert_eq!(refreshed.tenant().as_ref(), Some(&people[0].tenant_id));
}

#[tokio::test]
async fn who_was_last_where_nothing_is_open_any_more_goes_to_its_default() {
    let scene = Scene::start().await;
    let people = in_two_tenants(&scene).await;
    let asked = Asked::of(&people[0], &groups(&people));
    scene.ask(&asked.clone().wanting(&*people[1].tenant_id)).await;
    scene.app.force_status(&people[1].tenant_id, "SUSPENDED").await;

    let refreshed = scene.ask(&asked.clone().refreshing()).await;

    assert_eq!(refreshed.tenant().as_ref(), Some(&people[0].tenant_id));
    scene.app.force_status(&people[1].tenant_id, "ACTIVE").await;
    let later = scene.ask(&asked.refreshing()).await;
    assert_eq!(later.tenant().as_ref(), Some(&people[1].tenant_id));
}

#[tokio::test]
async fn a_tenant_that_was_left_is_not_gone_back_to() {
    let scene = Scene::start().await;
    let people = in_two_tenants(&scene).await;
    let asked = Asked::of(&people[0], &groups(&people));
    scene.ask(&asked.clone().wanting(&*people[1].tenant_id)).await;
    let path = format!("/tenants/{}/users/{}", people[1].tenant_id, people[1].user_id);
    order(&scene.app, "DELETE", &path, &json!(null)).await.expect(204);

    // The pool's group may still name the person.
    let refreshed = scene.ask(&asked.clone().refreshing()).await;
    let named = scene.ask(&asked.wanting(&*people[1].tenant_id)).await;

    assert_eq!(refreshed.tenant().as_ref(), Some(&people[0].tenant_id));
    assert_eq!(named.names(), ["userId"]);
}

#[tokio::test]
async fn a_switch_at_the_api_shows_in_the_next_refresh() {
    let scene = Scene::start().await;
    let people = in_two_tenants(&scene).await;
    let asked = Asked::of(&people[0], &groups(&people));
    let token = scene.token(&scene.ask(&asked).await);
    let path = format!(
        "/user/{}/tenants/{}/switch",
        people[0].user_id, people[1].tenant_id
    );
    scene.app.post(&path).bearer(&token).send().await.expect(200);

    let refreshed = scene.ask(&asked.refreshing()).await;

    assert_eq!(refreshed.tenant().as_ref(), Some(&people[1].tenant_id));
    assert_eq!(refreshed.usage.calls, 1);
}

#[tokio::test]
async fn the_login_of_a_tenants_own_pool_counts_in_that_tenant_only() {
    const OWN_POOL: &str = "eu-west-1_JkLmNoPqR";
    let scene = Scene::start().await;
    let shared = scene.member(SystemRole::Member).await;
    let other = scene.app.active_tenant("globex").await;
    let own = scene
        .app
        .join_as(&other, "grace@acme.com", SystemRole::Admin)
        .await;
    scene.know_at(&own, OWN_POOL, "grace-there").await;
    let there = Asked::by(&own.user_id, "grace-there").with("/userPoolId", json!(OWN_POOL));
    let here = Asked::of(&shared, &[&shared.tenant_id]);

    let named = scene
        .ask(&there.clone().in_groups(&[&other]).wanting(&*other))
        .await;
    let refreshed = scene.ask(&there.clone().in_groups(&[&other]).refreshing()).await;
    let foreign = scene.ask(&there.wanting(&*shared.tenant_id)).await;
    let default = scene.ask(&here).await;
    let foreign_here = scene.ask(&here.wanting(&*other)).await;

    for answered in [&named, &refreshed] {
        assert_eq!(answered.tenant().as_ref(), Some(&other));
    }
    // Who went to a tenant of another pool last is where this pool lets it be.
    assert_eq!(default.tenant().as_ref(), Some(&shared.tenant_id));
    assert_eq!(
        (foreign.names(), foreign_here.names()),
        (named.names()[..1].to_vec(), named.names()[..1].to_vec())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn switches_at_once_each_get_what_they_asked_for_and_the_last_one_stays() {
    let scene = Scene::start().await;
    let people = in_two_tenants(&scene).await;
    let asked = Asked::of(&people[0], &groups(&people));
    let switches: Vec<Asked> = (0..10)
        .map(|n| asked.clone().wanting(&*people[n % 2].tenant_id))
        .collect();

    let answers = join_all(switches.iter().map(|asked| scene.ask(asked))).await;

    for (n, answered) in answers.iter().enumerate() {
        assert_eq!(answered.tenant().as_ref(), Some(&people[n % 2].tenant_id));
    }
    let refreshed = scene.ask(&asked.clone().refreshing()).await;
    let refreshed_again = scene.ask(&asked.refreshing()).await;
    assert!(groups(&people).contains(&refreshed.tenant().as_deref().unwrap_or_default()));
    assert_eq!(refreshed.claims(), refreshed_again.claims());
}

#[tokio::test]
async fn only_active_members_of_active_tenants_act_there() {
    let scene = Scene::start().await;
    let grace = scene.member(SystemRole::Owner).await;
    let asked = Asked::of(&grace, &[&grace.tenant_id]);
    let named = asked.clone().wanting(&*grace.tenant_id);
    let all = [
        "userId",
        "tenantId",
        "userTenantId",
        "role",
        "status",
        "permissions",
    ];

    for status in MembershipStatus::ALL {
        if status != MembershipStatus::Active {
            scene.overwrite(&grace, "status", status.name()).await;
        }
        let expected = if status == MembershipStatus::Active {
            &all[..]
        } else {
            &all[..1]
        };
        for asked in [&asked, &named] {
            assert_eq!(scene.ask(asked).await.names(), expected, "{status}");
        }
        if status != MembershipStatus::Active {
            scene.overwrite(&grace, "status", "ACTIVE").await;
        }
    }
    for status in TenantStatus::ALL {
        scene.app.force_status(&grace.tenant_id, status.name()).await;
        let expected = if status == TenantStatus::Active {
            &all[..]
        } else {
            &all[..1]
        };
        for asked in [&asked, &named] {
            assert_eq!(scene.ask(asked).await.names(), expected, "{status}");
        }
    }
}

#[tokio::test]
async fn a_tenant_that_is_erased_is_no_tenant() {
    let scene = Scene::start().await;
    let grace = scene.member(SystemRole::Owner).await;
    let tenant_id = grace.tenant_id.as_str();
    let asked = Asked::of(&grace, &[tenant_id]);
    let order = scene.app.offboard(tenant_id).await;
    scene.app.report(&order, &order.removed()).await.expect(204);
    let path = format!("/tenants/{tenant_id}");
    let erased = scene.app.delete(&path).bearer(&scene.app.operator()).send().await;
    assert!(erased.status.is_success(), "{}", erased.text);
    scene.app.watch().await;

    let refreshed = scene.ask(&asked.clone().refreshing()).await;
    let named = scene.ask(&asked.wanting(tenant_id)).await;

    assert_eq!((refreshed.tenant(), named.tenant()), (None, None));
}

#[tokio::test]
async fn a_person_is_known_by_its_login_whatever_its_name_in_the_pool() {
    let scene = Scene::start().await;
    let grace = scene.member(SystemRole::Member).await;
    let by_id = scene.ask(&Asked::of(&grace, &[&grace.tenant_id])).await;

    for name in [
        "grace@acme.com",
        SUB,
        "google_1234567890",
        "",
        &scene.app.unknown_id(),
    ] {
        let answered = scene
            .ask(&Asked::by(name, SUB).in_groups(&[&grace.tenant_id]))
            .await;
        assert_eq!(answered.claims(), by_id.claims(), "{name}");
        assert_eq!(answered.usage.calls, 2, "{name}");
    }
}

#[tokio::test]
async fn nobody_becomes_somebody_by_choosing_its_name() {
    let scene = Scene::start().await;
    let grace = scene.member(SystemRole::Member).await;
    let hopper = scene.other(&grace.tenant_id).await;
    let hints = [&*grace.tenant_id];
    let own = scene.ask(&Asked::of(&grace, &hints)).await;

    let stranger = Asked::by(&hopper.user_id, "a-login-of-nobody").in_groups(&hints);
    let named = scene.ask(&stranger.clone().wanting(&*grace.tenant_id)).await;
    let unnamed = scene.ask(&stranger).await;
    let disguised = scene
        .ask(&Asked::by(&hopper.user_id, SUB).in_groups(&hints))
        .await;

    assert_eq!(named.names(), <[&str; 0]>::default());
    assert_eq!(unnamed.names(), <[&str; 0]>::default());
    assert_eq!(unnamed.usage.calls, 1);
    // Whose login was proved is who it is.
    assert_eq!(disguised.claims(), own.claims());
    assert_eq!(disguised.usage.calls, 2);
}

#[tokio::test]
async fn a_login_counts_in_its_own_pool_only() {
    let scene = Scene::start().await;
    let grace = scene.member(SystemRole::Member).await;
    let asked = Asked::of(&grace, &[&grace.tenant_id]);

    let elsewhere = scene
        .ask(&asked.with("/userPoolId", json!("eu-west-1_JkLmNoPqR")))
        .await;

    assert_eq!(elsewhere.names(), <[&str; 0]>::default());
}

#[tokio::test]
async fn without_a_login_nobody_is_anybody_and_nothing_is_asked() {
    let scene = Scene::start().await;
    let grace = scene.member(SystemRole::Owner).await;
    let asked = Asked::of(&grace, &[&grace.tenant_id]).wanting(&*grace.tenant_id);
    let cases = [
        ("/request/userAttributes/sub", json!(null)),
        ("/request/userAttributes/sub", json!("")),
        ("/request/userAttributes/sub", json!(" ")),
        ("/request/userAttributes/sub", json!("a".repeat(201))),
        ("/request/userAttributes/sub", json!([SUB])),
        ("/request/userAttributes", json!(null)),
        ("/request", json!("none")),
        ("/userPoolId", json!("")),
        ("/userPoolId", json!(7)),
    ];

    for (pointer, value) in cases {
        let answered = scene.ask(&asked.clone().with(pointer, value.clone())).await;
        assert_eq!(answered.names(), <[&str; 0]>::default(), "{pointer} {value}");
        assert_eq!(answered.usage.calls, 0, "{pointer} {value}");
    }
}

#[tokio::test]
async fn a_membership_with_another_login_or_none_is_not_acted_in() {
    let scene = Scene::start().await;
    let grace = scene.member(SystemRole::Owner).await;
    let unknown_there = scene.app.active_tenant("globex").await;
    let uninvited = scene
        .app
        .join_as(&unknown_there, "grace@acme.com", SystemRole::Owner)
        .await;
    let asked = Asked::of(&grace, &[&grace.tenant_id, &unknown_there]);

    let none = scene.ask(&asked.clone().wanting(&*unknown_there)).await;
    scene.know(&uninvited, "another-login-in-the-pool").await;
    let replaced = scene.ask(&asked.clone().wanting(&*unknown_there)).await;
    let default = scene.ask(&asked).await;

    assert_eq!(none.names(), ["userId"]);
    // There is one login of a person in a pool: the first one is nobody's now.
    assert_eq!(replaced.names(), <[&str; 0]>::default());
    assert_eq!(default.names(), <[&str; 0]>::default());
    let now =
        Asked::by(&grace.user_id, "another-login-in-the-pool").in_groups(&[&grace.tenant_id, &unknown_there]);
    assert_eq!(
        scene.ask(&now).await.names(),
        ["userId"],
        "the default knows the first login"
    );
    let there = scene.ask(&now.wanting(&*unknown_there)).await;
    assert_eq!(there.tenant(), Some(unknown_there));
}

#[tokio::test]
async fn a_role_that_is_gone_grants_nothing() {
    let scene = Scene::start().await;
    let grace = scene.member(SystemRole::Member).await;
    scene.overwrite(&grace, "roleId", &scene.app.unknown_id()).await;

    let answered = scene.ask(&Asked::of(&grace, &[&grace.tenant_id])).await;

    let claims = answered.claims();
    assert_eq!(
        (&claims["role"], &claims["permissions"]),
        (&json!(""), &json!([]))
    );
    assert_eq!(claims["tenantId"], json!(grace.tenant_id));
}

#[tokio::test]
async fn decisions_about_a_member_count_beside_its_role() {
    let scene = Scene::start().await;
    let tenant_id = scene.app.active_tenant("acme").await;
    let granted = [
        Permission::ViewContact,
        Permission::ViewInvoice,
        Permission::ViewRoles,
    ];
    let role = scene.app.custom_role(&tenant_id, "Books", granted).await;
    let grace = scene.app.join(&tenant_id, "grace@acme.com", &role).await;
    scene.know(&grace, SUB).await;
    let asked = Asked::of(&grace, &[&tenant_id]);
    let before = scene.ask(&asked).await;
    let path = format!(
        "/user-tenants/{}/user-level-permissions?tenantId={tenant_id}",
        grace.membership_id
    );
    for (permission, is_allowed) in [("ViewRoles", false), ("CreateContact", true)] {
        let decision = json!({ "permission": permission, "allowed": is_allowed });
        order(&scene.app, "POST", &path, &decision).await.expect(201);
    }

    let after = scene.ask(&asked.refreshing()).await;

    assert_eq!(
        before.claims()["permissions"],
        json!(["ViewContact", "ViewInvoice", "ViewRoles"])
    );
    assert_eq!(
        after.claims()["permissions"],
        json!(["CreateContact", "ViewContact", "ViewInvoice"])
    );
    assert_eq!((&after.claims()["role"], after.usage.calls), (&json!("Books"), 1));
}

#[tokio::test]
async fn of_more_groups_than_can_be_looked_at_the_first_are() {
    let scene = Scene::start().await;
    let grace = scene.member(SystemRole::Member).await;
    let strange: Vec<String> = (0..40).map(|_| scene.app.unknown_id()).collect();
    let strange: Vec<&str> = strange.iter().map(String::as_str).collect();
    let asked = |at: usize| {
        let mut groups = strange.clone();
        groups.insert(at, &grace.tenant_id);
        // One that is named twice is looked at once.
        groups.push(strange[0]);
        groups.insert(0, strange[0]);
        Asked::of(&grace, &groups)
    };

    let early = scene.ask(&asked(5)).await;
    let late = scene.ask(&asked(35)).await;
    let named = scene.ask(&asked(35).wanting(&*grace.tenant_id)).await;

    assert_eq!(
        (early.tenant().as_ref(), early.usage.calls),
        (Some(&grace.tenant_id), 1)
    );
    assert_eq!(
        (late.tenant().as_ref(), late.usage.calls),
        (Some(&grace.tenant_id), 2)
    );
    assert_eq!(named.tenant().as_ref(), Some(&grace.tenant_id));
}
