//! Transactions that are tried again when Postgres asks for it.

use crate::{error::Error, origin, store};
use sea_orm::{DatabaseConnection, DatabaseTransaction, TransactionTrait};
use std::time::Duration;

const TRIES: u32 = 4;

/// Runs a block in a transaction and commits it if the block is `Ok`. After a deadlock or a
/// serialization failure the whole is run again, a bounded number of times with a random pause.
///
/// Where it is told that this is a dry run, what the block did is undone, so that the outcome is that of the real
/// thing, and nothing is written.
///
/// It begins by telling PostgreSQL on whose behalf it is, for the audit trail.
///
/// A macro because a closure that borrows both the transaction and its surroundings makes a future that
/// can't be shown to be `Send`.
macro_rules! transaction {
    ($db:expr, |$txn:ident| $body:expr) => {
        $crate::service::transaction::transaction!($db, false, |$txn| $body)
    };
    ($db:expr, $dry_run:expr, |$txn:ident| $body:expr) => {{
        let mut tries = 1;
        loop {
            let transaction = match $crate::service::transaction::begin(&$db).await {
                Ok(transaction) => transaction,
                Err(error) => break Err(error),
            };
            let $txn = &transaction;
            let outcome: Result<_, $crate::error::Error> = async { $body }.await;
            let ended = $crate::service::transaction::end(transaction, outcome, $dry_run).await;
            if !$crate::service::transaction::runs_again(&ended, &mut tries).await {
                break ended;
            }
        }
    }};
}

pub(super) use transaction;

pub(super) async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, Error> {
    let txn = db.begin().await?;
    if let Some(origin) = origin::current() {
        store::audit_entry::tell(&txn, &origin).await?;
    }
    Ok(txn)
}

/// Commits or rolls back, by the outcome.
pub(super) async fn end<T>(
    transaction: DatabaseTransaction,
    outcome: Result<T, Error>,
    dry_run: bool,
) -> Result<T, Error> {
    if outcome.is_ok() && !dry_run {
        transaction.commit().await?;
    } else if let Err(cause) = transaction.rollback().await {
        tracing::warn!(%cause, "rollback failed; the connection is dropped");
    }
    outcome
}

/// Waits a little and says yes, while the transaction failed only for others being in its way.
pub(super) async fn runs_again<T>(ended: &Result<T, Error>, tries: &mut u32) -> bool {
    let Err(Error::Contention { cause }) = ended else {
        return false;
    };
    if *tries >= TRIES {
        return false;
    }
    tracing::info!(%cause, tries, "transaction is run again");
    let most = 10 << *tries;
    tokio::time::sleep(Duration::from_millis(rand::random_range(0..most))).await;
    *tries += 1;
    true
}
