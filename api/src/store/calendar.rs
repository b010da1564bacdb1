//! The calendars of the Google accounts that tutors have connected.

use ::entity::{
    calendar,
    id::{CalendarId, GrantId, UserId},
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult,
    QueryFilter, QueryOrder, raw_sql, sea_query::OnConflict,
};
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

/// Of which calendars Google is to be asked when they are busy.
#[derive(FromQueryResult)]
pub struct Blocking {
    /// That of the choice.
    pub version: i32,
    /// Whether it is known which calendars there are.
    pub is_listed: bool,
    /// None where it is not known, and where none blocks.
    pub google_ids: Vec<String>,
    /// The primary one; none where that is not known.
    pub primary: Option<String>,
}

/// The calendars that block by this grant, those that Google told nothing of only `with_unreadable`. None where the
/// grant is gone.
pub async fn blocking(
    db: &impl ConnectionTrait,
    grant: GrantId,
    with_unreadable: bool,
) -> Result<Option<Blocking>, DbErr> {
    Blocking::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT calendars_version AS version, calendars_read_at IS NOT NULL AS is_listed,
               ARRAY(SELECT google_id FROM calendars
                     WHERE calendars.user_id = google_grants.user_id AND blocks
                       AND (unreadable_since IS NULL OR {with_unreadable})
                     ORDER BY google_id) AS google_ids,
               (SELECT google_id FROM calendars WHERE calendars.user_id = google_grants.user_id AND is_primary) AS primary
           FROM google_grants WHERE id = {grant}"#
    ))
    .one(db)
    .await
}

/// Notes which of the calendars that Google was asked about it told nothing of.
pub async fn note_unreadable(
    txn: &impl ConnectionTrait,
    user_id: UserId,
    asked: &[String],
    unreadable: &[String],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let (asked, unreadable) = (asked.to_vec(), unreadable.to_vec());
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE calendars SET unreadable_since = CASE WHEN unreadable_since IS NULL THEN {now}::timestamptz END
           WHERE user_id = {user_id} AND google_id = ANY({asked}::text[])
             AND (unreadable_since IS NULL) = (google_id = ANY({unreadable}::text[]))"#
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
        r#"UPDATE google_grants SET calendars_version = calendars_version + 1 WHERE user_id = {user_id}"#
    ))
    .await
    .map(|_| ())
}

/// Begins an edit of which calendars block, if they are still at `version`; whether they are. The next booking asks
/// Google, however short a time ago it was asked about others.
pub async fn begin_edit(
    txn: &impl ConnectionTrait,
    user_id: UserId,
    version: i32,
) -> Result<bool, DbErr> {
    let begun = txn
        .execute_raw(raw_sql!(
            Postgres,
            r#"UPDATE google_grants SET calendars_version = calendars_version + 1, busy_attempted_at = NULL
               WHERE user_id = {user_id} AND calendars_version = {version}"#
        ))
        .await?;
    Ok(begun.rows_affected() == 1)
}

/// Lets these calendars of a user block, and no others.
pub async fn choose_blocking(
    txn: &impl ConnectionTrait,
    user_id: UserId,
    blocking: &[CalendarId],
) -> Result<(), DbErr> {
    let blocking: Vec<Uuid> = blocking.iter().map(|id| id.0).collect();
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE calendars SET blocks = NOT blocks, unreadable_since = NULL
           WHERE user_id = {user_id} AND blocks <> (id = ANY({blocking}::uuid[]))"#
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
