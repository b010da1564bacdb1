//! Transactions that are tried again when Postgres asks for it.

use crate::error::Error;
use sea_orm::{DatabaseConnection, DatabaseTransaction, TransactionTrait};
use std::time::Duration;

const TRIES: u32 = 4;

/// Runs `work` in a transaction and commits it. After a deadlock or a serialization failure the whole
/// is run again, a bounded number of times with a random pause.
pub async fn run<T>(
    db: &DatabaseConnection,
    work: impl AsyncFn(&DatabaseTransaction) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut tries = 1;
    loop {
        match once(db, &work).await {
            Err(Error::Contention { cause }) if tries < TRIES => {
                tracing::info!(%cause, tries, "transaction is run again");
                let most = 10 << tries;
                tokio::time::sleep(Duration::from_millis(rand::random_range(0..most))).await;
                tries += 1;
            }
            outcome => return outcome,
        }
    }
}

async fn once<T>(
    db: &DatabaseConnection,
    work: &impl AsyncFn(&DatabaseTransaction) -> Result<T, Error>,
) -> Result<T, Error> {
    let txn = db.begin().await?;
    match work(&txn).await {
        Ok(value) => {
            txn.commit().await?;
            Ok(value)
        }
        Err(error) => {
            if let Err(cause) = txn.rollback().await {
                tracing::warn!(%cause, "rollback failed; the connection is dropped");
            }
            Err(error)
        }
    }
}
