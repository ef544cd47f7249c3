//! Intents, targets and request ids: each is held once.

use super::*;

on_both_engines!(
    an_intent_is_closed_once,
    an_intent_is_held_by_its_own_instance_while_it_is_open,
    a_target_is_held_by_one_intent,
    nobody_holds_what_nobody_named,
    a_request_id_is_taken_once_a_caller,
    a_settled_request_keeps_its_answer_and_a_released_one_goes,
    of_many_that_want_a_target_one_gets_it,
    of_many_that_want_a_request_id_one_gets_it,
    intents_of_others_are_orphans,
);

async fn an_intent_is_closed_once(place: &mut Place) {
    let mut connection = place.connection().await;
    let intents = vec![place.intent(1, None), place.intent(2, Some("b")), place.intent(3, None)];
    add(connection.as_mut(), &Additions { intents, ..records([1, 2, 3]) }).await;
    let mut append = connection.append().await.unwrap();
    let wrong = IntentKey { index: 3, operation_id: operation(2) };
    let keys = [key(2), key(9), key(1), key(2), wrong];
    assert_eq!(append.close_intents(&keys).await.unwrap(), [true, false, true, false, false]);
    assert_eq!(append.close_intents(&[key(1)]).await.unwrap(), [false]);
    assert_eq!(append.close_intents(&[]).await.unwrap(), [] as [bool; 0]);
    append.commit().await.unwrap();
    let left = place.snapshot().await.open_intents(0, 10).await.unwrap();
    assert_eq!(left, [StoredIntent { index: 3, operation_id: operation(3) }]);
    assert_eq!(place.snapshot().await.open_intents(4, 10).await.unwrap(), []);
    assert_eq!(place.snapshot().await.open_intents(0, 0).await.unwrap(), []);
}

async fn an_intent_is_held_by_its_own_instance_while_it_is_open(place: &mut Place) {
    let mut connection = place.connection().await;
    let intents = vec![place.intent(1, None), place.intent(2, Some("b")), place.intent(3, None)];
    add(connection.as_mut(), &Additions { intents, ..records([1, 2, 3]) }).await;
    let mine = place.me.clone();
    let mut append = connection.append().await.unwrap();
    let wrong = IntentKey { index: 3, operation_id: operation(2) };
    let huge = IntentKey { index: u64::MAX, operation_id: operation(2) };
    let keys = [key(2), key(9), wrong, key(1), key(2), huge];
    assert_eq!(append.held(&mine, &keys).await.unwrap(), [true, false, false, true, true, false]);
    assert_eq!(append.held(&Instance::generate(), &keys).await.unwrap(), [false; 6]);
    assert_eq!(append.held(&mine, &[]).await.unwrap(), [] as [bool; 0]);
    append.close_intents(&[key(2)]).await.unwrap();
    assert_eq!(append.held(&mine, &keys).await.unwrap(), [false, false, false, true, false, false]);
}

async fn a_target_is_held_by_one_intent(place: &mut Place) {
    let mut connection = place.connection().await;
    add(connection.as_mut(), &Additions { intents: vec![place.intent(1, Some("bucket"))], ..records([1]) }).await;
    let mut append = connection.append().await.unwrap();
    let targets = ["other".to_owned(), "bucket".to_owned(), "' OR 1=1".to_owned()];
    assert_eq!(append.holders(&targets).await.unwrap(), [("bucket".to_owned(), operation(1))]);
    assert_eq!(append.holders(&[]).await.unwrap(), []);
    append.rollback().await.unwrap();
    let second = Additions { intents: vec![place.intent(2, Some("bucket"))], ..records([2]) };
    assert!(!can_add(connection.as_mut(), &second).await, "the store itself keeps the second out");
    let mut append = connection.append().await.unwrap();
    assert_eq!(append.close_intents(&[key(1)]).await.unwrap(), [true]);
    assert_eq!(append.holders(&targets).await.unwrap(), [], "closed is free, in the same transaction");
    append.add(&second).await.unwrap();
    append.commit().await.unwrap();
}

async fn nobody_holds_what_nobody_named(place: &mut Place) {
    let mut connection = place.connection().await;
    let intents = vec![place.intent(1, None), place.intent(2, None), place.intent(3, Some(""))];
    add(connection.as_mut(), &Additions { intents, ..records([1, 2, 3]) }).await;
    let mut append = connection.append().await.unwrap();
    assert_eq!(append.holders(&["".to_owned()]).await.unwrap(), [("".to_owned(), operation(3))]);
}

async fn a_request_id_is_taken_once_a_caller(place: &mut Place) {
    let mut connection = place.connection().await;
    let requests = vec![request("alice", "r1", 1), request("bob", "r1", 2), request("alice", "r2", 3)];
    add(connection.as_mut(), &Additions { requests, ..records([1, 2, 3]) }).await;
    let again = Additions { requests: vec![request("alice", "r1", 4)], ..records([4]) };
    assert!(!can_add(connection.as_mut(), &again).await);
    let mut append = connection.append().await.unwrap();
    let keys = [request("bob", "r1", 0).key, request("bob", "r2", 0).key, request("alice", "r1", 0).key];
    let mut known = append.requests(&keys).await.unwrap();
    known.sort_by_key(|known| known.intent_index);
    let told: Vec<_> = known.iter().map(|r| (r.key.caller.as_str(), r.intent_index, r.outcome_index)).collect();
    assert_eq!(told, [("alice", 1, None), ("bob", 2, None)], "r2 is alice's, not bob's");
    assert_eq!((known[0].digest.as_str(), &known[0].operation_id), ("d1", &operation(1)));
    assert_eq!(append.requests(&[]).await.unwrap(), []);
    drop(append);
    let found = place.snapshot().await.request(&keys[0]).await.unwrap();
    assert_eq!(found.as_ref(), Some(&known[1]));
}

async fn a_settled_request_keeps_its_answer_and_a_released_one_goes(place: &mut Place) {
    let mut connection = place.connection().await;
    let requests = vec![request("alice", "r1", 1), request("alice", "r2", 2), request("alice", "r3", 3)];
    add(connection.as_mut(), &Additions { requests, ..records([1, 2, 3]) }).await;
    let reply = Some(vec![0, 1, 0xff, 0]);
    let settled = vec![
        SettledRequest { intent_index: 1, outcome_index: 4, reply: reply.clone() },
        SettledRequest { intent_index: 2, outcome_index: 5, reply: None },
        // Its request is unknown: nothing happens.
        SettledRequest { intent_index: 99, outcome_index: 6, reply: None },
    ];
    add(connection.as_mut(), &Additions { settled, released: vec![3, 98], ..records([4, 5]) }).await;
    let mut snapshot = place.snapshot().await;
    let first = snapshot.request(&request("alice", "r1", 0).key).await.unwrap().unwrap();
    assert_eq!((first.outcome_index, first.reply), (Some(4), reply));
    let second = snapshot.request(&request("alice", "r2", 0).key).await.unwrap().unwrap();
    assert_eq!((second.outcome_index, second.reply), (Some(5), None));
    assert_eq!(snapshot.request(&request("alice", "r3", 0).key).await.unwrap(), None);
    add(connection.as_mut(), &Additions { requests: vec![request("alice", "r3", 6)], ..records([6]) }).await;
}

/// Four writers at once. Each looks within its transaction whether the claim is free, as a gateway does, and adds it if so.
/// Answers how many did.
async fn claim_at_once(place: &Place, what: fn(&Place, u64) -> Additions) -> usize {
    place.connection().await.close().await.unwrap();
    let claims = place.stores(4).await.into_iter().zip(1..).map(|(store, index)| {
        let additions = what(place, index);
        tokio::spawn(async move {
            let mut connection = store.connect(WhenEmpty::Refuse).await.unwrap();
            let mut append = connection.append().await.unwrap();
            let targets: Vec<String> = additions.intents.iter().filter_map(|intent| intent.target.clone()).collect();
            let keys: Vec<RequestKey> = additions.requests.iter().map(|request| request.key.clone()).collect();
            let holders = append.holders(&targets).await.unwrap();
            if !holders.is_empty() || !append.requests(&keys).await.unwrap().is_empty() {
                append.rollback().await.unwrap();
                return 0;
            }
            append.add(&additions).await.unwrap();
            append.commit().await.unwrap();
            1
        })
    });
    let mut won = 0;
    for claim in claims.collect::<Vec<_>>() {
        won += claim.await.unwrap();
    }
    won
}

async fn of_many_that_want_a_target_one_gets_it(place: &mut Place) {
    let what =
        |place: &Place, index| Additions { intents: vec![place.intent(index, Some("bucket"))], ..records([index]) };
    assert_eq!(claim_at_once(place, what).await, 1);
    assert_eq!(place.snapshot().await.open_intents(0, 10).await.unwrap().len(), 1);
}

async fn of_many_that_want_a_request_id_one_gets_it(place: &mut Place) {
    let what = |_: &Place, index| Additions { requests: vec![request("alice", "r1", index)], ..records([index]) };
    assert_eq!(claim_at_once(place, what).await, 1);
    assert_eq!(place.snapshot().await.records(0, 10).await.unwrap().len(), 1);
}

async fn intents_of_others_are_orphans(place: &mut Place) {
    let mut connection = place.connection().await;
    let other = Instance::generate();
    let mut intents =
        vec![place.intent(1, None), place.intent(2, None), place.intent(3, Some("x")), place.intent(4, None)];
    intents[1].instance = other.clone();
    intents[2].instance = other.clone();
    add(connection.as_mut(), &Additions { intents, ..records([1, 2, 3, 4]) }).await;
    let mut append = connection.append().await.unwrap();
    let mine = place.me.clone();
    let found = append.orphaned(&mine, 0, 10).await.unwrap();
    assert_eq!(found.iter().map(|intent| intent.index).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(found[0].operation_id, operation(2));
    assert_eq!(append.orphaned(&mine, 3, 10).await.unwrap().len(), 1);
    assert_eq!(append.orphaned(&mine, 0, 1).await.unwrap().len(), 1);
    // Whoever has said that it ends, has ended.
    append.renew(&other, Duration::ZERO).await.unwrap();
    assert_eq!(append.orphaned(&mine, 0, 10).await.unwrap().len(), 2);
    let found = append.orphaned(&other, 0, 10).await.unwrap();
    assert_eq!(found.iter().map(|intent| intent.index).collect::<Vec<_>>(), [1, 4], "nobody is an orphan of its own");
}
