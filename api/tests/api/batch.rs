//! Reads that are asked for at about the same time are made at once.

use api::store::batch::Batch;
use sea_orm::DbErr;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::Semaphore;

/// How many keys each read had.
type Reads = Arc<Mutex<Vec<usize>>>;

/// A batch that squares, one read per permit.
fn squares(at_once: usize) -> (Batch<u32, u32>, Arc<Semaphore>, Reads) {
    let (gate, reads) = (Arc::new(Semaphore::new(0)), Reads::default());
    let (held, counted) = (Arc::clone(&gate), Arc::clone(&reads));
    let batch = Batch::new(at_once, move |keys: Vec<u32>| {
        let (gate, reads) = (Arc::clone(&held), Arc::clone(&counted));
        reads.lock().unwrap().push(keys.len());
        async move {
            gate.acquire().await.unwrap().forget();
            assert!(!keys.contains(&13), "unlucky");
            if keys.contains(&14) {
                return Err(DbErr::Custom("no".to_owned()));
            }
            let found = keys.into_iter().filter(|key| *key < 100);
            Ok(found.map(|key| (key, key * key)).collect())
        }
    });
    (batch, gate, reads)
}

#[tokio::test]
async fn all_who_wait_are_served_by_one_read() {
    let (batch, gate, reads) = squares(1);
    let first = batch.get(vec![2]);
    let others = futures::future::join_all((0..50).map(|_| batch.get(vec![3, 100, 2])));
    let open = async { gate.add_permits(2) };
    let (first, others, ()) = tokio::join!(first, others, open);
    assert_eq!(first, Ok(vec![Some(4)]));
    for other in others {
        assert_eq!(other, Ok(vec![Some(9), None, Some(4)]));
    }
    assert_eq!(
        *reads.lock().unwrap(),
        [1, 3],
        "the first began before the others asked"
    );
}

#[tokio::test]
async fn who_goes_away_holds_up_nobody() {
    let (batch, gate, _) = squares(1);
    let gone = tokio::time::timeout(std::time::Duration::ZERO, batch.get(vec![2])).await;
    assert!(gone.is_err());
    gate.add_permits(2);
    assert_eq!(batch.get(vec![3]).await, Ok(vec![Some(9)]));
}

#[tokio::test]
async fn a_failure_is_told_to_those_who_asked_and_the_next_are_served() {
    let (batch, gate, _) = squares(2);
    gate.add_permits(10);
    for unlucky in [13, 14, 13, 13, 14] {
        assert!(batch.get(vec![unlucky]).await.is_err());
        assert_eq!(batch.get(vec![5]).await, Ok(vec![Some(25)]));
    }
}

#[tokio::test]
async fn no_more_reads_are_under_way_than_may_be() {
    let (under_way, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, peak) = (Arc::clone(&under_way), Arc::clone(&most));
    let batch = Batch::new(2, move |keys: Vec<usize>| {
        let (now, peak) = (Arc::clone(&now), Arc::clone(&peak));
        async move {
            peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(keys.into_iter().map(|key| (key, key)).collect())
        }
    });
    let all = (0..100).map(|key| batch.get(vec![key]));
    for (key, answer) in futures::future::join_all(all).await.into_iter().enumerate() {
        assert_eq!(answer, Ok(vec![Some(key)]));
    }
    assert_eq!(most.load(Ordering::SeqCst), 2);
}
