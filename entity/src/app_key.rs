//! A key by which a third-party app identifies itself. Only the hash of its secret is stored.

use crate::id::{AppId, AppKeyId};
use sea_orm::entity::prelude::*;

/// A row of `app_keys`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "app_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AppKeyId,
    pub app_id: AppId,
    /// Which installation of the app holds it, as admins call it.
    pub label: Option<String>,
    /// SHA-256 of the secret half of the key.
    pub secret_hash: Vec<u8>,
    pub scopes: Vec<String>,
    /// Only these tutors, where there are any.
    pub tutor_ids: Option<Vec<Uuid>>,
    /// Only the subjects with these slugs, where there are any.
    pub subjects: Option<Vec<String>>,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub last_used_at: Option<DateTimeUtc>,
    pub revoked_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
