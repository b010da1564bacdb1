//! A request that its caller may repeat without doing it twice.

use sea_orm::entity::prelude::*;

/// A row of `idempotency_keys`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_keys")]
pub struct Model {
    /// A user, or a key of a third-party app.
    #[sea_orm(primary_key, auto_increment = false, column_name = "user_id")]
    pub caller_id: Uuid,
    /// Chosen by the caller.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// SHA-256 of what was asked.
    pub request_hash: Vec<u8>,
    /// Until when the request counts as being answered; none once it is.
    pub in_flight_until: Option<DateTimeUtc>,
    /// What was answered.
    pub answer: Option<Json>,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
