//! The calendars of the Google accounts that tutors have connected.

use super::calendar_event::Synced;
use ::entity::{
    calendar,
    id::{CalendarId, GrantId, UserId},
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult,
    QueryFilter, QueryOrder, raw_sql, sea_query::OnConflict,
};
use std::collections::BTreeSet;
use uuid::Uuid;

pub use calendar::{AccessRole, Model as Calendar};

/// The calendars of a user, the primary one first, then by name.
pub async fn of_user(db: &impl ConnectionTrait, user_id: UserId) -> Result<Vec<Calendar>, DbErr> {
    calendar::Entity::find()
        .filter(calendar::COLUMN.user_id.eq(user_id))
        .order_by_desc(calendar::COLUMN.is_primary)
        .order_by_asc(calendar::COLUMN.summary)
        .order_by_asc(calendar::COLUMN.id)
        .all(db)
        .await
}

/// Of which calendars it is to be read when they are busy.
#[derive(FromQueryResult)]
pub struct Choice {
    /// Moves on with each change of it.
    pub version: i32,
    /// Whether it is known which calendars there are.
    pub is_listed: bool,
}

/// The choice of which calendars block by this grant. None where the grant is gone.
pub async fn choice(db: &impl ConnectionTrait, grant: GrantId) -> Result<Option<Choice>, DbErr> {
    Choice::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT calendars_version AS version, calendars_read_at IS NOT NULL AS is_listed
           FROM google_grants WHERE id = {grant}"#
    ))
    .one(db)
    .await
}

/// A calendar that is read.
#[derive(Clone, Debug)]
pub struct Read {
    pub id: CalendarId,
    pub google_id: String,
    /// Whether it blocks; else it is read for the events of lessons that are in it.
    pub blocks: bool,
    pub is_primary: bool,
    /// Whether it is the user's own, and has a zone that we know, without which its days are at no time.
    pub has_events: bool,
    /// How far its events are known; none: not at all.
    pub synced: Option<Synced>,
}

#[derive(FromQueryResult)]
struct ReadRow {
    id: CalendarId,
    google_id: String,
    blocks: bool,
    is_primary: bool,
    access_role: AccessRole,
    time_zone: Option<String>,
    sync_token: Option<String>,
    synced_time_zone: Option<String>,
    synced_until: Option<DateTime<Utc>>,
}

/// The calendars of a user that block, those that Google told nothing of only `with_unreadable`; and of the user's own also
/// those in which there are events of lessons ahead.
pub async fn to_read(
    db: &impl ConnectionTrait,
    user_id: UserId,
    with_unreadable: bool,
    now: DateTime<Utc>,
) -> Result<Vec<Read>, DbErr> {
    let rows = ReadRow::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT id, google_id, blocks, is_primary, access_role, calendars.time_zone, sync_token, calendar_syncs.time_zone AS synced_time_zone, synced_until
           FROM calendars LEFT JOIN calendar_syncs ON calendar_id = id
           WHERE user_id = {user_id}
             AND CASE WHEN blocks THEN unreadable_since IS NULL OR {with_unreadable}
                 ELSE access_role = 'owner' AND EXISTS (
                     SELECT FROM lessons JOIN tutors ON tutors.id = tutor_id
                     WHERE tutors.user_id = {user_id} AND starts_at > {now} AND calendar_event_id IS NOT NULL
                       AND is_event_in(calendar_event_calendar, calendars)) END
           ORDER BY google_id"#
    ))
    .all(db)
    .await?;
    Ok(rows.into_iter().map(Read::from).collect())
}

impl From<ReadRow> for Read {
    fn from(row: ReadRow) -> Self {
        let synced = row.sync_token.zip(row.synced_time_zone);
        let synced = synced.zip(row.synced_until);
        Self {
            id: row.id,
            google_id: row.google_id,
            blocks: row.blocks,
            is_primary: row.is_primary,
            has_events: row.access_role == AccessRole::Owner && row.time_zone.is_some(),
            synced: synced.map(|((sync_token, time_zone), until)| Synced {
                sync_token,
                time_zone,
                until,
            }),
        }
    }
}

/// Notes of which of these calendars Google told nothing.
pub async fn note_unreadable(
    txn: &impl ConnectionTrait,
    asked: impl Iterator<Item = CalendarId>,
    unreadable: &BTreeSet<CalendarId>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let asked: Vec<Uuid> = asked.map(|id| id.0).collect();
    let unreadable: Vec<Uuid> = unreadable.iter().map(|id| id.0).collect();
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE calendars SET unreadable_since = CASE WHEN unreadable_since IS NULL THEN {now}::timestamptz END
           WHERE id = ANY({asked}::uuid[]) AND (unreadable_since IS NULL) = (id = ANY({unreadable}::uuid[]))"#
    ))
    .await
    .map(|_| ())
}

/// Notes that Google told which calendars there are, as of `read_at`, unless the grant is gone or Google told somebody
/// else later; whether so. Whoever notes it has the list of this user to themselves.
pub async fn note_list_read(
    txn: &impl ConnectionTrait,
    grant: GrantId,
    read_at: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let noted = txn
        .execute_raw(raw_sql!(
            Postgres,
            r#"UPDATE google_grants SET calendars_read_at = {read_at}
               WHERE id = {grant} AND (calendars_read_at IS NULL OR calendars_read_at <= {read_at})"#
        ))
        .await?;
    Ok(noted.rows_affected() == 1)
}

/// A calendar as Google lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub google_id: String,
    pub summary: String,
    pub time_zone: Option<String>,
    pub access_role: AccessRole,
    pub is_primary: bool,
}

impl From<Calendar> for Listed {
    fn from(calendar: Calendar) -> Self {
        Self {
            google_id: calendar.google_id,
            summary: calendar.summary,
            time_zone: calendar.time_zone,
            access_role: calendar.access_role,
            is_primary: calendar.is_primary,
        }
    }
}

/// Makes the calendars of a user those of the list, and moves the version on if they were not. Of those that are new
/// the primary one blocks; of the others stays whether they do.
pub async fn replace(
    txn: &impl ConnectionTrait,
    user_id: UserId,
    mut listed: Vec<Listed>,
) -> Result<(), DbErr> {
    use calendar::Column;
    let known = of_user(txn, user_id).await?;
    let mut known: Vec<_> = known.into_iter().map(Listed::from).collect();
    known.sort_by(|a, b| a.google_id.cmp(&b.google_id));
    listed.sort_by(|a, b| a.google_id.cmp(&b.google_id));
    if known == listed {
        return Ok(());
    }
    let ids = listed.iter().map(|one| one.google_id.clone());
    calendar::Entity::delete_many()
        .filter(calendar::COLUMN.user_id.eq(user_id))
        .filter(Column::GoogleId.is_not_in(ids))
        .exec(txn)
        .await?;
    // Rows are written one after the other, and there are never two primary ones.
    listed.sort_by_key(|one| one.is_primary);
    let rows = listed.into_iter().map(|one| calendar::ActiveModel {
        id: Set(CalendarId::generate()),
        user_id: Set(user_id),
        google_id: Set(one.google_id),
        summary: Set(one.summary),
        time_zone: Set(one.time_zone),
        access_role: Set(one.access_role),
        is_primary: Set(one.is_primary),
        blocks: Set(one.is_primary),
        receives_lessons: Set(false),
        unreadable_since: Set(None),
    });
    let googles = [
        Column::Summary,
        Column::TimeZone,
        Column::AccessRole,
        Column::IsPrimary,
    ];
    calendar::Entity::insert_many(rows)
        .on_conflict(
            OnConflict::columns([Column::UserId, Column::GoogleId])
                .update_columns(googles)
                .to_owned(),
        )
        .exec_without_returning(txn)
        .await?;
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"DELETE FROM calendar_syncs
           WHERE calendar_id IN (SELECT id FROM calendars WHERE user_id = {user_id} AND access_role <> 'owner')"#
    ))
    .await?;
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE google_grants SET calendars_version = calendars_version + 1 WHERE user_id = {user_id}"#
    ))
    .await
    .map(|_| ())
}

/// Begins an edit of what calendars are for, if they are still at `version`; whether they are. From now on lessons get a Meet
/// link or don't. The next booking asks
/// Google, however short a time ago it was asked about others.
pub async fn begin_edit(
    txn: &impl ConnectionTrait,
    user_id: UserId,
    version: i32,
    meet_links: bool,
) -> Result<bool, DbErr> {
    let begun = txn
        .execute_raw(raw_sql!(
            Postgres,
            r#"UPDATE google_grants SET calendars_version = calendars_version + 1, meet_links = {meet_links}, busy_attempted_at = NULL
               WHERE user_id = {user_id} AND calendars_version = {version}"#
        ))
        .await?;
    Ok(begun.rows_affected() == 1)
}

/// Lets these calendars of a user block, and no others, of which no events are kept; of those that did not block before it
/// is not known which there are.
pub async fn choose_blocking(
    txn: &impl ConnectionTrait,
    user_id: UserId,
    blocking: &[CalendarId],
) -> Result<(), DbErr> {
    let blocking: Vec<Uuid> = blocking.iter().map(|id| id.0).collect();
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"DELETE FROM calendar_syncs
           WHERE calendar_id IN (
               SELECT id FROM calendars WHERE user_id = {user_id} AND NOT (blocks AND id = ANY({blocking}::uuid[])))"#
    ))
    .await?;
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE calendars SET blocks = NOT blocks, unreadable_since = NULL
           WHERE user_id = {user_id} AND blocks <> (id = ANY({blocking}::uuid[]))"#
    ))
    .await
    .map(|_| ())
}

/// Lets this calendar of a user receive lessons, and no other; none: the primary one.
pub async fn choose_receiving(
    txn: &impl ConnectionTrait,
    user_id: UserId,
    receiving: Option<CalendarId>,
) -> Result<(), DbErr> {
    let receiving = receiving.map(|id| id.0);
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE calendars SET receives_lessons = false
           WHERE user_id = {user_id} AND receives_lessons AND id IS DISTINCT FROM {receiving}"#
    ))
    .await?;
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE calendars SET receives_lessons = true
           WHERE user_id = {user_id} AND NOT receives_lessons AND id = {receiving}"#
    ))
    .await
    .map(|_| ())
}

/// Lets the calendar that Google calls so, and does not find, receive no more lessons.
pub async fn receives_no_more(
    db: &impl ConnectionTrait,
    grant: GrantId,
    google_id: &str,
) -> Result<(), DbErr> {
    db.execute_raw(raw_sql!(
        Postgres,
        r#"WITH moved AS (
               UPDATE google_grants SET calendars_version = calendars_version + 1
               WHERE id = {grant} AND EXISTS (
                   SELECT 1 FROM calendars
                   WHERE calendars.user_id = google_grants.user_id AND google_id = {google_id} AND receives_lessons)
               RETURNING user_id)
           UPDATE calendars SET receives_lessons = false FROM moved
           WHERE calendars.user_id = moved.user_id AND google_id = {google_id} AND receives_lessons"#
    ))
    .await
    .map(|_| ())
}

/// Forgets which calendars a user has, and which of them block: the account is another one, or may not be asked for them.
pub async fn forget(txn: &impl ConnectionTrait, user_id: UserId) -> Result<(), DbErr> {
    // The grant first, as all do who write both.
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE google_grants SET calendars_read_at = NULL, calendars_version = calendars_version + 1
           WHERE user_id = {user_id}"#
    ))
    .await?;
    calendar::Entity::delete_many()
        .filter(calendar::COLUMN.user_id.eq(user_id))
        .exec(txn)
        .await
        .map(|_| ())
}
