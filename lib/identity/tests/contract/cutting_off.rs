use crate::wire::Fault;
use crate::world::{Kind, Notes, World};

/// More calls than any set-up makes.
const MANY: usize = 60;

fn notes(are_kept: bool) -> Notes {
    if are_kept {
        Notes::default()
    } else {
        Notes::forgetting()
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_at_any_call_is_followed_by_one_that_completes_its_work() {
    for kind in Kind::ALL {
        let whole = World::new(kind);
        let (identity, admitted) = whole.run(&Notes::default()).await.expect("nothing is in the way");
        let mut ends = 0;
        for (fault, are_kept) in [
            (Fault::CutBefore, true),
            (Fault::CutBefore, false),
            (Fault::CutAfter, true),
            (Fault::CutAfter, false),
        ] {
            for spared in 0..MANY {
                let world = World::new(kind);
                let notes = notes(are_kept);
                world.wire.plan(fault, spared, 1);

                let first = world.unless_cut(world.run(&notes)).await;
                world.wire.heal();
                let second = world.run(&notes).await.expect("everything can be found or made");

                let at = format!("{kind:?}: {fault:?} {spared}, notes are kept: {are_kept}");
                assert_eq!(world.census(), whole.census(), "{at}");
                // Ids of organizations and people are the provider's, and count the calls.
                assert_eq!(second.0.place, identity.place, "{at}");
                assert_eq!(second.0.client_id, identity.client_id, "{at}");
                let third = world.run(&Notes::default()).await.expect("everything is there");
                assert_eq!(
                    (third.0, third.1.auth_id),
                    (second.0, second.1.auth_id.clone()),
                    "{at}"
                );
                if first.is_some() {
                    break;
                }
                ends += 1;
                assert!(spared + 1 < MANY, "{at}");
            }
        }
        assert!(ends > 20, "{kind:?}: {ends} ends, {}", admitted.auth_id);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_at_any_call_makes_nothing_twice() {
    for kind in Kind::ALL {
        let whole = World::new(kind);
        whole.run(&Notes::default()).await.expect("nothing is in the way");
        for fault in [Fault::LoseAnswer, Fault::NoConnection] {
            for spared in 0..MANY {
                let world = World::new(kind);
                world.wire.plan(fault, spared, 1);

                let (identity, admitted) = world.run(&Notes::default()).await.expect("it is tried again");

                let at = format!("{kind:?}: {fault:?} {spared}");
                assert_eq!(world.census(), whole.census(), "{at}");
                let was_met = world.wire.heal();
                let again = world.run(&Notes::default()).await.expect("everything is there");
                assert_eq!((again.0, again.1.auth_id), (identity, admitted.auth_id), "{at}");
                if !was_met {
                    break;
                }
                assert!(spared + 1 < MANY, "{at}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_side_by_side_make_one_of_each() {
    for kind in Kind::ALL {
        let whole = World::new(kind);
        whole.run(&Notes::default()).await.expect("nothing is in the way");
        for seed in 0..150 {
            let world = World::new(kind);
            world.wire.shuffle(seed);
            let (first, second) = (Notes::default(), Notes::default());

            let (one, other) = tokio::join!(world.run(&first), world.run(&second));

            let (one, other) = (one.expect("one can"), other.expect("the other can, too"));
            assert_eq!(one.0, other.0, "{kind:?}: {seed}");
            assert_eq!(one.1.auth_id, other.1.auth_id, "{kind:?}: {seed}");
            assert_eq!(world.census(), whole.census(), "{kind:?}: {seed}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_is_cut_off_misleads_nobody_who_comes_later() {
    for kind in Kind::ALL {
        let whole = World::new(kind);
        whole.run(&Notes::default()).await.expect("nothing is in the way");
        for fault in [Fault::CutBefore, Fault::CutAfter] {
            for spared in 0..MANY {
                let world = World::new(kind);
                let notes = Notes::default();
                world.refuse_what_comes_after_the_container(true);
                world.wire.plan(fault, spared, 1);

                let first = world.unless_cut(world.run(&notes)).await;
                world.wire.heal();
                world.refuse_what_comes_after_the_container(false);
                let second = world.run(&notes).await;

                let at = format!("{kind:?}: {fault:?} {spared}");
                assert!(second.is_ok(), "{at}: {second:?}");
                assert_eq!(world.census(), whole.census(), "{at}");
                if first.is_some() {
                    break;
                }
                assert!(spared + 1 < MANY, "{at}");
            }
        }
    }
}
