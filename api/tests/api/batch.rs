//! Reads that are asked for at about the same time are made at once.

use api::store::batch::Batch;
use futures::future::join_all;
use sea_orm::DbErr;
use std::sync::{Arc, Mutex};
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

/// Waits until so many reads have begun.
async fn begun(reads: &Reads, count: usize) {
    while reads.lock().unwrap().len() < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn all_who_wait_are_served_by_one_read() {
    let (batch, gate, reads) = squares(1);
    let others = async {
        begun(&reads, 1).await;
        let others = join_all((0..50).map(|_| batch.get(vec![3, 100, 2])));
        let open = async { gate.add_permits(2) };
        tokio::join!(others, open).0
    };
    let (first, others) = tokio::join!(batch.get(vec![2]), others);
    assert_eq!(first, Ok(vec![Some(4)]));
    for other in others {
        assert_eq!(other, Ok(vec![Some(9), None, Some(4)]));
    }
    // The first began before the others asked.
    assert_eq!(*reads.lock().unwrap(), [1, 3]);
}

#[tokio::test]
async fn no_more_reads_are_under_way_than_may_be() {
    let (batch, gate, reads) = squares(2);
    let second = async {
        begun(&reads, 1).await;
        batch.get(vec![2]).await
    };
    let others = async {
        begun(&reads, 2).await;
        let others = join_all((3..9).map(|key| batch.get(vec![key])));
        let open = async {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            assert_eq!(*reads.lock().unwrap(), [1, 1], "two are under way");
            gate.add_permits(3);
        };
        tokio::join!(others, open).0
    };
    let (first, second, others) = tokio::join!(batch.get(vec![1]), second, others);
    assert_eq!((first, second), (Ok(vec![Some(1)]), Ok(vec![Some(4)])));
    for (key, other) in (3..9).zip(others) {
        assert_eq!(other, Ok(vec![Some(key * key)]));
    }
    assert_eq!(*reads.lock().unwrap(), [1, 1, 6]);
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
