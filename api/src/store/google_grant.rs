//! What users let the service do with their Google Calendar.

use super::job::Work;
use ::entity::{
    google_grant::{self, GrantState},
    id::{GrantId, LessonId, TutorId, UserId},
};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveEnum, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, DeriveActiveEnum,
    EntityTrait, EnumIter, FromQueryResult, QueryFilter, raw_sql, sea_query::OnConflict,
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

/// What stays of the grant before.
#[derive(Clone, Copy, Default)]
pub struct Kept {
    /// When busy time was last read, where what was read stays.
    pub busy_read_at: Option<DateTime<Utc>>,
    /// Whether lessons get a Meet link.
    pub meet_links: bool,
}

/// Keeps a grant in place of the one that the user gave before. What is known of the calendars stays, and which of them
/// block: see [`calendar::forget`](super::calendar::forget).
pub async fn put(
    txn: &impl ConnectionTrait,
    new: &NewGrant,
    kept: Kept,
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
        writing_failing_since: Set(None),
        busy_read_at: Set(kept.busy_read_at),
        busy_attempted_at: Set(None),
        calendars_read_at: Set(None),
        calendars_version: Set(1),
        meet_links: Set(kept.meet_links),
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
        Column::WritingFailingSince,
        Column::BusyReadAt,
        Column::BusyAttemptedAt,
        Column::MeetLinks,
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

/// Lets the busy time of a tutor be read now, or once three seconds have passed since it was asked for last, so that a stream of
/// changes is no stream of readings; and once more, if it is just being read and that does not fail. Not where reading waits
/// after a failure.
pub async fn hurry_busy_read(
    db: &impl ConnectionTrait,
    tutor_id: TutorId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let (kind, key) = Work::ReadBusyTime(tutor_id).name();
    let soon = now + TimeDelta::seconds(3);
    db.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE jobs SET revision = revision + 1,
               run_at = CASE WHEN leased_until > {now} THEN {soon} ELSE least(jobs.run_at, soonest.run_at) END
           FROM (SELECT least({soon}, greatest({now}, busy_attempted_at + interval '3 seconds')) AS run_at
                 FROM google_grants JOIN tutors USING (user_id) WHERE tutors.id = {tutor_id}) AS soonest
           WHERE kind = {kind} AND key = {key} AND (failing_since IS NULL OR jobs.run_at <= {now} OR leased_until > {now})"#
    ))
    .await
    .map(|_| ())
}

/// Lets the busy time of all tutors be read soon, over half a minute so that they don't all come at once.
pub async fn hurry_busy_reads(txn: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE jobs SET revision = revision + 1, run_at = least(run_at, {now} + random() * interval '30 seconds')
           WHERE kind = 'read_busy_time' AND (failing_since IS NULL OR run_at <= {now} OR leased_until > {now})"#
    ))
    .await
    .map(|_| ())
}

/// Notes that busy time was read, as of `read_at`, of the calendars that block by this version of them; unless the
/// grant is gone, others block by now, or it was read later by somebody else. Whether so. No reading takes five minutes: what
/// is said to have been read still later was read by a clock that is wrong.
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
                 AND (busy_read_at IS NULL OR busy_read_at NOT BETWEEN {read_at} AND {read_at} + interval '5 minutes'
                     OR busy_read_at = {read_at})"#
        ))
        .await?;
    Ok(noted.rows_affected() == 1)
}

/// Notes that there is nothing in the calendars that may be read.
pub async fn note_nothing_to_read(db: &impl ConnectionTrait, id: GrantId) -> Result<(), DbErr> {
    db.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE google_grants SET failing_since = NULL
           WHERE id = {id} AND state = 'live' AND failing_since IS NOT NULL"#
    ))
    .await
    .map(|_| ())
}

/// Notes that Google could not be asked at `now` when the calendars are busy.
pub async fn note_read_failure(
    db: &impl ConnectionTrait,
    id: GrantId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    db.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE google_grants SET failing_since = {now}
           WHERE id = {id} AND failing_since IS NULL AND (busy_read_at IS NULL OR busy_read_at < {now})"#
    ))
    .await
    .map(|_| ())
}

/// Notes that a lesson could not be written to the calendar.
pub async fn note_write_failure(
    db: &impl ConnectionTrait,
    id: GrantId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    db.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE google_grants SET writing_failing_since = {now} WHERE id = {id} AND writing_failing_since IS NULL"#
    ))
    .await
    .map(|_| ())
}

/// Notes that the calendar says what this lesson says. It is no sign that lessons can be written while others can't.
pub async fn note_written(
    db: &impl ConnectionTrait,
    id: GrantId,
    lesson: LessonId,
) -> Result<(), DbErr> {
    db.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE google_grants SET writing_failing_since = NULL
           WHERE id = {id} AND writing_failing_since IS NOT NULL AND NOT EXISTS (
               SELECT FROM jobs JOIN lessons ON lessons.id::text = jobs.key JOIN tutors ON tutors.id = lessons.tutor_id
               WHERE kind = 'sync_lesson_event' AND jobs.failing_since IS NOT NULL AND dead_at IS NULL
                 AND tutors.user_id = google_grants.user_id AND lessons.id <> {lesson})"#
    ))
    .await
    .map(|_| ())
}

/// How the connection of a calendar stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum State {
    NotConnected,
    /// All that was asked for was granted, and works.
    Connected,
    /// Some of what was asked for was not granted.
    Limited,
    /// Google no longer honours the grant: the tutor must connect again.
    NeedsConsent,
}

/// A tutor, and how the connection of their calendar stands.
#[derive(Debug, FromQueryResult)]
pub struct Standing {
    pub tutor_id: TutorId,
    pub user_id: UserId,
    pub name: String,
    pub state: State,
    /// Of the Google account.
    pub email: Option<String>,
    /// What was granted.
    pub scopes: Option<Vec<String>>,
    pub failing_since: Option<DateTime<Utc>>,
    pub busy_read_at: Option<DateTime<Utc>>,
    /// When busy time is to be read next.
    pub next_read_at: Option<DateTime<Utc>>,
    /// Until when what was read last holds, unless that is for ever.
    pub busy_known_until: Option<DateTime<Utc>>,
    pub connected_at: Option<DateTime<Utc>>,
}

/// Whose connections are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// That of this user, who may be a tutor no longer; else those of all who are.
    pub user_id: Option<UserId>,
    pub state: Option<State>,
    /// Only those that are connected and don't do all that they could.
    pub needs_attention: bool,
    /// Tutors after this one.
    pub after: Option<TutorId>,
    pub limit: i64,
}

/// How the connections of tutors stand, the longest-serving first; `all_scopes` are those of one that does everything.
pub async fn standings(
    db: &impl ConnectionTrait,
    filter: Filter,
    all_scopes: &[&str],
    now: DateTime<Utc>,
) -> Result<Vec<Standing>, DbErr> {
    let Filter {
        user_id,
        state,
        needs_attention,
        after,
        limit,
    } = filter;
    let state = state.map(|state| state.to_value());
    let all_scopes: Vec<_> = all_scopes.iter().copied().map(str::to_owned).collect();
    Standing::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT * FROM (
               SELECT tutors.id AS tutor_id, tutors.user_id, users.name, granted.email, granted.scopes,
                      least(granted.failing_since, granted.writing_failing_since) AS failing_since,
                      granted.busy_read_at, granted.connected_at, jobs.run_at AS next_read_at,
                      busy_known_until(granted, calendar_unknown_after_hours) AS busy_known_until,
                      CASE WHEN granted.id IS NULL THEN 'not_connected' WHEN granted.state = 'dead' THEN 'needs_consent'
                           WHEN granted.scopes @> {all_scopes} THEN 'connected' ELSE 'limited' END AS state
               FROM tutors JOIN users ON users.id = tutors.user_id CROSS JOIN centre
               LEFT JOIN google_grants AS granted ON granted.user_id = tutors.user_id
               LEFT JOIN jobs ON kind = 'read_busy_time' AND key = tutors.id::text AND dead_at IS NULL AND granted.state = 'live'
           ) AS standings
           WHERE ({user_id}::uuid IS NULL AND EXISTS (
                     SELECT FROM user_roles WHERE user_roles.user_id = standings.user_id AND role = 'tutor')
                  OR user_id = {user_id})
             AND ({state}::text IS NULL OR state = {state})
             AND (NOT {needs_attention} OR state IN ('limited', 'needs_consent') OR failing_since IS NOT NULL
                  OR busy_known_until <= {now} OR EXISTS (
                     SELECT FROM calendars WHERE calendars.user_id = standings.user_id AND unreadable_since IS NOT NULL))
             AND ({after}::uuid IS NULL OR tutor_id > {after})
           ORDER BY tutor_id LIMIT {limit}"#
    ))
    .all(db)
    .await
}
