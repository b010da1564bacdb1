//! The centre as a whole.

use ::entity::centre;
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, ExprTrait, sea_query::Expr};

/// Moves the version on: something that holds for several tutors has changed.
pub async fn bump(txn: &impl ConnectionTrait) -> Result<(), DbErr> {
    centre::Entity::update_many()
        .col_expr(
            centre::Column::Version,
            Expr::col(centre::Column::Version).add(1),
        )
        .exec(txn)
        .await
        .map(|_| ())
}
