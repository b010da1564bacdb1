//! What a title contains of those events of a tutor's own that students can join.

use ::entity::id::{CalendarId, SubjectId, TutorId, UserId};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, raw_sql};
use uuid::Uuid;

/// What is to become of the events whose titles contain it.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct BookableTag {
    pub tag: String,
    pub subject_slug: String,
    pub subject_name: String,
    pub level: String,
    pub capacity: i16,
    pub description: String,
}

/// The tags of a tutor; of several in one title the first counts.
pub async fn of_tutor(
    db: &impl ConnectionTrait,
    tutor_id: TutorId,
) -> Result<Vec<BookableTag>, DbErr> {
    BookableTag::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT tag, slug AS subject_slug, name AS subject_name, level, capacity, description
           FROM bookable_tags JOIN subjects ON subjects.id = subject_id
           WHERE tutor_id = {tutor_id} ORDER BY position"#
    ))
    .all(db)
    .await
}

/// A tag that is to be.
#[derive(Clone, Debug)]
pub struct NewBookableTag {
    pub tag: String,
    pub subject_id: SubjectId,
    pub level: String,
    pub capacity: i16,
    pub description: String,
}

/// Replaces all tags of a tutor.
pub async fn replace(
    txn: &impl ConnectionTrait,
    tutor_id: TutorId,
    tags: &[NewBookableTag],
) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"DELETE FROM bookable_tags WHERE tutor_id = {tutor_id}"#
    ))
    .await?;
    if tags.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = tags.iter().map(|it| it.tag.clone()).collect();
    let subjects: Vec<Uuid> = tags.iter().map(|it| it.subject_id.0).collect();
    let levels: Vec<_> = tags.iter().map(|it| it.level.clone()).collect();
    let capacities: Vec<_> = tags.iter().map(|it| it.capacity).collect();
    let descriptions: Vec<_> = tags.iter().map(|it| it.description.clone()).collect();
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"INSERT INTO bookable_tags (tutor_id, position, tag, subject_id, level, capacity, description)
           SELECT {tutor_id}, position, tag, subject_id, level, capacity, description
           FROM unnest({names}::text[], {subjects}::uuid[], {levels}::text[], {capacities}::smallint[], {descriptions}::text[])
               WITH ORDINALITY AS new (tag, subject_id, level, capacity, description, position)"#
    ))
    .await
    .map(|_| ())
}

/// An event whose title contains a tag.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct TaggedEvent {
    pub calendar_id: CalendarId,
    /// What Google calls it.
    pub google_id: String,
    pub starts_at: DateTime<Utc>,
    /// When Google last told of it.
    pub noted_at: DateTime<Utc>,
    /// The code of why students can't join it; none: nobody has tried yet.
    pub refusal: Option<String>,
}

/// Notes which events of a calendar contain a tag, of those of which Google has told, by their ids and those of repeated ones, or of all there are. Whether any of them
/// is to be opened: what was open once is not opened again.
pub async fn note_tagged(
    txn: &impl ConnectionTrait,
    (tutor_id, calendar): (TutorId, CalendarId),
    told: Option<(Vec<String>, Vec<String>)>,
    tagged: &[(String, DateTime<Utc>)],
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let all = told.is_none();
    let (ids, repeated) = told.unwrap_or_default();
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"DELETE FROM tagged_events WHERE calendar_id = {calendar}
             AND ({all} OR google_id = ANY({ids}::text[]) OR regexp_replace(google_id, '_[0-9]+(T[0-9]+Z)?$', '') = ANY({repeated}::text[]))"#
    ))
    .await?;
    if tagged.is_empty() {
        return Ok(false);
    }
    let (ids, starts): (Vec<_>, Vec<_>) = tagged.iter().cloned().unzip();
    let inserted = txn.execute_raw(raw_sql!(
        Postgres,
        r#"INSERT INTO tagged_events (calendar_id, google_id, starts_at, noted_at)
           SELECT {calendar}, google_id, starts_at, {now} FROM unnest({ids}::text[], {starts}::timestamptz[]) AS told (google_id, starts_at)
           WHERE NOT EXISTS (SELECT FROM lessons WHERE tutor_id = {tutor_id} AND own_event_id = told.google_id)"#
    ));
    Ok(inserted.await?.rows_affected() > 0)
}

/// Those of a tutor that nobody has tried to open yet, the first to begin first.
pub async fn to_open(
    db: &impl ConnectionTrait,
    tutor_id: TutorId,
    limit: i64,
) -> Result<Vec<TaggedEvent>, DbErr> {
    TaggedEvent::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT calendar_id, tagged_events.google_id, starts_at, noted_at, refusal
           FROM tagged_events JOIN calendars ON calendars.id = calendar_id JOIN tutors ON tutors.user_id = calendars.user_id
           WHERE tutors.id = {tutor_id} AND blocks AND refusal IS NULL ORDER BY starts_at, tagged_events.google_id LIMIT {limit}"#
    ))
    .all(db)
    .await
}

/// Those of a tutor that are ahead and could not be opened, the first to begin first.
pub async fn refused(
    db: &impl ConnectionTrait,
    tutor_id: TutorId,
    (limit, now): (i64, DateTime<Utc>),
) -> Result<Vec<TaggedEvent>, DbErr> {
    TaggedEvent::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT calendar_id, tagged_events.google_id, starts_at, noted_at, refusal
           FROM tagged_events JOIN calendars ON calendars.id = calendar_id JOIN tutors ON tutors.user_id = calendars.user_id
           WHERE tutors.id = {tutor_id} AND blocks AND refusal IS NOT NULL AND starts_at > {now} ORDER BY starts_at, tagged_events.google_id LIMIT {limit}"#
    ))
    .all(db)
    .await
}

/// Takes it upon the caller to open an event, or not, as it was last noted; whether it still is so noted.
pub async fn take(txn: &impl ConnectionTrait, event: &TaggedEvent) -> Result<bool, DbErr> {
    let TaggedEvent {
        calendar_id: calendar,
        google_id: id,
        noted_at,
        ..
    } = event.clone();
    let taken = txn.execute_raw(raw_sql!(
        Postgres,
        r#"DELETE FROM tagged_events WHERE calendar_id = {calendar} AND google_id = {id} AND noted_at = {noted_at} AND refusal IS NULL"#
    ));
    Ok(taken.await?.rows_affected() == 1)
}

/// Notes why an event can't be opened, as it was last noted.
pub async fn note_refused(
    db: &impl ConnectionTrait,
    event: &TaggedEvent,
    code: &str,
) -> Result<(), DbErr> {
    let TaggedEvent {
        calendar_id: calendar,
        google_id: id,
        noted_at,
        ..
    } = event.clone();
    db.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE tagged_events SET refusal = {code} WHERE calendar_id = {calendar} AND google_id = {id} AND noted_at = {noted_at}"#
    ))
    .await
    .map(|_| ())
}

/// Lets those events of a tutor be tried again that could not be opened and are ahead. Whether there are any.
pub async fn try_again(
    db: &impl ConnectionTrait,
    tutor_id: TutorId,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let updated = db.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE tagged_events SET refusal = NULL FROM calendars JOIN tutors ON tutors.user_id = calendars.user_id
           WHERE calendars.id = calendar_id AND tutors.id = {tutor_id} AND refusal IS NOT NULL AND starts_at > {now}"#
    ));
    Ok(updated.await?.rows_affected() > 0)
}

/// Forgets which events of a user have a tag.
pub async fn forget_all(txn: &impl ConnectionTrait, user_id: UserId) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"DELETE FROM tagged_events WHERE calendar_id IN (SELECT id FROM calendars WHERE user_id = {user_id})"#
    ))
    .await
    .map(|_| ())
}
