//! The centre as a whole.

use ::entity::centre;
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QuerySelect};

/// Lets whoever else takes this lock wait until the end of the transaction.
pub async fn lock(txn: &impl ConnectionTrait) -> Result<(), DbErr> {
    centre::Entity::find()
        .lock_exclusive()
        .one(txn)
        .await
        .map(|_| ())
}
