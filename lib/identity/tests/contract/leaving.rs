use serde_json::json;
use tenantry_app::FirstKey;
use tenantry_domain::{Id, Identity, Login};

use crate::wire::Fault;
use crate::world::{ADDRESS, Kind, Notes, World, candidate};

async fn settled(kind: Kind) -> (World, Identity, Login) {
    let world = World::new(kind);
    let (identity, admitted) = world.run(&Notes::default()).await.expect("nothing is in the way");
    let login = identity.login(admitted.auth_id);
    if kind == Kind::Auth0 {
        world.auth0.state().user(ADDRESS)["logins_count"] = json!(1);
    } else {
        let mut state = world.keycloak.state();
        state
            .realms
            .get_mut(identity.place.as_str())
            .expect("it is there")
            .user(ADDRESS)
            .come_in();
    }
    (world, identity, login)
}

fn sign_outs(world: &World, login: &Login) -> usize {
    if world.kind == Kind::Auth0 {
        let state = world.auth0.state();
        let ended = state
            .sign_outs
            .get(login.auth_id.as_str())
            .cloned()
            .unwrap_or_default();
        assert!(
            ended.chunks(2).all(|pair| pair == ["sessions", "refresh-tokens"]),
            "{ended:?}"
        );
        return ended.len() / 2;
    }
    let state = world.keycloak.state();
    let users = &state.realms[login.place.as_str()].users;
    users.iter().map(|user| user.sign_outs as usize).sum()
}

#[tokio::test(start_paused = true)]
async fn whoever_is_signed_out_stays_who_it_was() {
    for kind in Kind::ALL {
        let (world, identity, login) = settled(kind).await;
        let census = world.census();

        for times in 1..=2 {
            world
                .provider()
                .sign_out(&login)
                .await
                .expect("it can be repeated");
            assert_eq!(sign_outs(&world, &login), times, "{kind:?}");
        }

        assert_eq!(world.census(), census, "{kind:?}");
        let admitted = world.admit(&identity, &candidate()).await.expect("it is there");
        assert_eq!(admitted.auth_id, login.auth_id);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_is_expelled_is_out_of_this_tenant_and_can_be_let_in_again() {
    for kind in Kind::ALL {
        let (world, identity, login) = settled(kind).await;
        let census = world.census();

        for _ in 0..2 {
            world
                .provider()
                .expel(&identity, &login)
                .await
                .expect("it can be repeated");
        }

        let mut expected = census.clone();
        expected.insert("members", 0);
        expected.insert("roles", 0);
        assert_eq!(world.census(), expected, "{kind:?}");
        assert!(sign_outs(&world, &login) >= 1, "{kind:?}");
        if kind.is_silo() {
            assert_eq!(is_enabled(&world, &identity), json!(false));
        }
        let admitted = world
            .admit(&identity, &candidate())
            .await
            .expect("it is let in again");
        assert_eq!(admitted.auth_id, login.auth_id, "{kind:?}");
        assert!(matches!(admitted.key, FirstKey::Known), "{kind:?}");
        assert_eq!(world.census(), census, "{kind:?}");
        if kind.is_silo() {
            assert_eq!(is_enabled(&world, &identity), json!(true));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_back_as_an_ordinary_member_has_no_role_left() {
    for kind in [Kind::OwnRealm, Kind::OwnRealmThatMails, Kind::Auth0] {
        let (world, identity, login) = settled(kind).await;
        assert_eq!(world.census()["roles"], 1, "{kind:?}");
        world
            .provider()
            .expel(&identity, &login)
            .await
            .expect("it is there");
        let mut candidate = candidate();
        candidate.is_administrator = false;

        world
            .admit(&identity, &candidate)
            .await
            .expect("it is let in again");

        assert_eq!(world.census()["roles"], 0, "{kind:?}");
    }
}

fn is_enabled(world: &World, identity: &Identity) -> serde_json::Value {
    let state = world.keycloak.state();
    state.realms[identity.place.as_str()].users[0].shown["enabled"].clone()
}

#[tokio::test(start_paused = true)]
async fn whoever_is_locked_out_for_a_while_is_expelled_for_good() {
    for kind in [Kind::OwnRealm, Kind::OwnRealmThatMails] {
        let (world, identity, login) = settled(kind).await;
        let lock = |is_locked_out| {
            let mut state = world.keycloak.state();
            state
                .realms
                .get_mut(login.place.as_str())
                .expect("it is there")
                .user(ADDRESS)
                .is_locked_out = is_locked_out;
        };
        lock(true);

        world
            .provider()
            .expel(&identity, &login)
            .await
            .expect("it is there");

        lock(false);
        assert_eq!(is_enabled(&world, &identity), json!(false));
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_is_expelled_from_one_tenant_stays_in_the_other() {
    for kind in [Kind::SharedRealm, Kind::SharedRealmThatMails, Kind::Auth0] {
        let (world, identity, login) = settled(kind).await;
        let mut wish = world.wish();
        wish.tenant_id = Id::parse("019bc0ff-ee00-7000-8000-0000000007e5").expect("it is an id");
        wish.key = tenantry_domain::TenantKey::parse("other").expect("it is a key");
        let other = world
            .provider()
            .set_up(&wish, &Notes::default())
            .await
            .expect("another tenant");
        let admitted = world.admit(&other, &candidate()).await.expect("the same person");
        assert_eq!(
            (&admitted.auth_id, world.census()["members"]),
            (&login.auth_id, 2),
            "{kind:?}"
        );

        world
            .provider()
            .expel(&identity, &login)
            .await
            .expect("it is there");

        assert_eq!(
            (world.census()["members"], world.census()["users"]),
            (1, 1),
            "{kind:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_is_forgotten_is_gone_and_nobody_minds_that_it_is() {
    for kind in Kind::ALL {
        let (world, identity, login) = settled(kind).await;

        for _ in 0..2 {
            world.provider().forget(&login).await.expect("it can be repeated");
            world
                .provider()
                .sign_out(&login)
                .await
                .expect("one who is not there has no sessions");
            world
                .provider()
                .expel(&identity, &login)
                .await
                .expect("one who is not there is out");
        }

        let census = world.census();
        assert_eq!((census["users"], census["members"]), (0, 0), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn leaving_is_completed_wherever_it_was_cut_off() {
    for kind in Kind::ALL {
        for fault in [
            Fault::CutBefore,
            Fault::CutAfter,
            Fault::LoseAnswer,
            Fault::Say(503, "", None),
        ] {
            for spared in 0..12 {
                let (world, identity, login) = settled(kind).await;
                let provider = world.provider();
                world.wire.plan(fault, spared, 1);

                let work = async {
                    provider
                        .expel(&identity, &login)
                        .await
                        .and(provider.forget(&login).await)
                };
                if world.unless_cut(work).await.is_none() {
                    world.wire.heal();
                    world
                        .provider()
                        .expel(&identity, &login)
                        .await
                        .expect("it goes on");
                    world.provider().forget(&login).await.expect("it goes on");
                }

                let census = world.census();
                assert_eq!(
                    (census["users"], census["members"]),
                    (0, 0),
                    "{kind:?}: {fault:?} {spared}"
                );
            }
        }
    }
}
