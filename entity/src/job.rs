//! Work to be done outside a request.

use crate::id::JobId;
use sea_orm::entity::prelude::*;

/// A row of `jobs`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: JobId,
    pub kind: String,
    /// What the work is about. There is one row per kind and key.
    pub key: String,
    /// Grows when the same work is asked for again; a run that began under an older one does not
    /// count as done.
    pub revision: i32,
    pub run_at: DateTimeUtc,
    pub attempts: i32,
    /// Until when a worker has the job to itself.
    pub leased_until: Option<DateTimeUtc>,
    pub last_error: Option<String>,
    /// When the last attempt was used up.
    pub dead_at: Option<DateTimeUtc>,
    /// From where on the next run goes on; none: from the first.
    pub progress: Option<i64>,
    /// It was asked for in case there is something to do, and comes after what there is.
    pub in_background: bool,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
