//! What users let the service do with their Google Calendar.

use super::job::Work;
use ::entity::{
    google_grant::{self, GrantState},
    id::{GrantId, TutorId, UserId},
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult,
    QueryFilter, raw_sql, sea_query::OnConflict,
};

pub async fn of_user(
    db: &impl ConnectionTrait,
    user_id: UserId,
) -> Result<Option<google_grant::Model>, DbErr> {
    google_grant::Entity::find()
        .filter(google_grant::COLUMN.user_id.eq(user_id))
        .one(db)
        .await
}

/// The grant, if it stands and Google was not seen to refuse it.
pub async fn live(
    db: &impl ConnectionTrait,
    id: GrantId,
) -> Result<Option<google_grant::Model>, DbErr> {
    google_grant::Entity::find_by_id(id)
        .filter(google_grant::COLUMN.state.eq(GrantState::Live))
        .one(db)
        .await
}

/// A grant to be kept.
pub struct NewGrant {
    pub user_id: UserId,
    pub subject: String,
    pub email: String,
    pub scopes: Vec<String>,
    pub refresh_token: Vec<u8>,
    pub refresh_token_key_id: String,
}

/// Keeps a grant in place of the one that the user gave before. What is known of the calendars stays, and which of them
/// block: see [`calendar::forget`](super::calendar::forget).
pub async fn put(
    txn: &impl ConnectionTrait,
    new: &NewGrant,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    use google_grant::Column;
    let row = google_grant::ActiveModel {
        id: Set(GrantId::generate()),
        user_id: Set(new.user_id),
        subject: Set(new.subject.clone()),
        email: Set(new.email.clone()),
        scopes: Set(new.scopes.clone()),
        refresh_token: Set(new.refresh_token.clone()),
        refresh_token_key_id: Set(new.refresh_token_key_id.clone()),
        state: Set(GrantState::Live),
        failing_since: Set(None),
        busy_read_at: Set(None),
        busy_attempted_at: Set(None),
        calendars_read_at: Set(None),
        calendars_version: Set(1),
        connected_at: Set(now),
        updated_at: Set(now),
    };
    let every_column = [
        Column::Id,
        Column::Subject,
        Column::Email,
        Column::Scopes,
        Column::RefreshToken,
        Column::RefreshTokenKeyId,
        Column::State,
        Column::FailingSince,
        Column::BusyReadAt,
        Column::BusyAttemptedAt,
        Column::ConnectedAt,
        Column::UpdatedAt,
    ];
    google_grant::Entity::insert(row)
        .on_conflict(
            OnConflict::column(Column::UserId)
                .update_columns(every_column)
                .to_owned(),
        )
        .exec_without_returning(txn)
        .await
        .map(|_| ())
}

/// Replaces the refresh token of a grant.
pub async fn rotate_refresh_token(
    db: &impl ConnectionTrait,
    id: GrantId,
    (key_id, sealed): (String, Vec<u8>),
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    google_grant::Entity::update_many()
        .set(google_grant::ActiveModel {
            refresh_token: Set(sealed),
            refresh_token_key_id: Set(key_id),
            updated_at: Set(now),
            ..Default::default()
        })
        .filter(google_grant::COLUMN.id.eq(id))
        .exec(db)
        .await
        .map(|_| ())
}

/// Notes that Google no longer honours a grant.
pub async fn mark_dead(
    db: &impl ConnectionTrait,
    id: GrantId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    db.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE google_grants
           SET state = 'dead', failing_since = coalesce(failing_since, {now}), updated_at = {now}
           WHERE id = {id}"#
    ))
    .await
    .map(|_| ())
}

pub async fn delete(txn: &impl ConnectionTrait, user_id: UserId) -> Result<(), DbErr> {
    google_grant::Entity::delete_many()
        .filter(google_grant::COLUMN.user_id.eq(user_id))
        .exec(txn)
        .await
        .map(|_| ())
}

/// The right to read the busy time of a tutor.
#[derive(FromQueryResult)]
pub struct BusyReadClaim {
    /// The grant to use.
    pub id: GrantId,
    /// The tutor as a user.
    pub user_id: UserId,
    pub scopes: Vec<String>,
    pub connected_at: DateTime<Utc>,
    pub calendars_read_at: Option<DateTime<Utc>>,
}

/// Takes the right to read the busy time of a tutor now.
pub async fn claim_busy_read(
    db: &impl ConnectionTrait,
    tutor_id: TutorId,
    now: DateTime<Utc>,
) -> Result<Option<BusyReadClaim>, DbErr> {
    BusyReadClaim::find_by_statement(raw_sql!(
        Postgres,
        r#"UPDATE google_grants SET busy_attempted_at = {now} FROM tutors
           WHERE tutors.id = {tutor_id} AND google_grants.user_id = tutors.user_id AND state = 'live'
           RETURNING google_grants.id, google_grants.user_id, scopes, connected_at, calendars_read_at"#
    ))
    .one(db)
    .await
}

/// Takes the right to read the busy time of a tutor now, unless somebody took it after `before`, is just
/// taking it, or the job that reads it waits after a failure. Never waits for a lock: who books would hold
/// a connection meanwhile.
pub async fn claim_stale_busy_read(
    db: &impl ConnectionTrait,
    tutor_id: TutorId,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<BusyReadClaim>, DbErr> {
    let (kind, key) = Work::ReadBusyTime(tutor_id).name();
    BusyReadClaim::find_by_statement(raw_sql!(
        Postgres,
        r#"UPDATE google_grants SET busy_attempted_at = {now}
           WHERE id = (
               SELECT id FROM google_grants
               WHERE user_id = (SELECT user_id FROM tutors WHERE id = {tutor_id}) AND state = 'live'
                 AND (busy_attempted_at IS NULL OR busy_attempted_at <= {before})
                 AND NOT EXISTS (
                     SELECT 1 FROM jobs
                     WHERE kind = {kind} AND key = {key} AND failing_since IS NOT NULL AND run_at > {now})
               FOR UPDATE SKIP LOCKED)
           RETURNING id, user_id, scopes, connected_at, calendars_read_at"#
    ))
    .one(db)
    .await
}

/// Notes that busy time was read, as of `read_at`, of the calendars that block by this version of them; unless the
/// grant is gone, others block by now, or it was read later by somebody else. Whether so.
pub async fn note_busy_read(
    txn: &impl ConnectionTrait,
    id: GrantId,
    calendars_version: i32,
    read_at: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let noted = txn
        .execute_raw(raw_sql!(
            Postgres,
            r#"UPDATE google_grants SET busy_read_at = {read_at}, failing_since = NULL
               WHERE id = {id} AND calendars_version = {calendars_version}
                 AND (busy_read_at IS NULL OR busy_read_at <= {read_at})"#
        ))
        .await?;
    Ok(noted.rows_affected() == 1)
}

/// Notes that Google could be reached.
pub async fn note_success(db: &impl ConnectionTrait, id: GrantId) -> Result<(), DbErr> {
    db.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE google_grants SET failing_since = NULL
           WHERE id = {id} AND state = 'live' AND failing_since IS NOT NULL"#
    ))
    .await
    .map(|_| ())
}

/// Notes that Google could not be reached.
pub async fn note_failure(
    db: &impl ConnectionTrait,
    id: GrantId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    db.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE google_grants SET failing_since = {now} WHERE id = {id} AND failing_since IS NULL"#
    ))
    .await
    .map(|_| ())
}
