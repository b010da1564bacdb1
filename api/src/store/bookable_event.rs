//! Events of tutors' own that students join as lessons.

use ::entity::id::{BookingId, GrantId, LessonId, TutorId};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, raw_sql};
use uuid::Uuid;

/// Whether students join this event, in a calendar of which the tutor need not be the only owner, as a lesson.
pub async fn is_open(
    txn: &impl ConnectionTrait,
    tutor_id: TutorId,
    (calendar, event): (&str, &str),
) -> Result<bool, DbErr> {
    let found = txn.query_one_raw(raw_sql!(
        Postgres,
        r#"SELECT FROM lessons WHERE own_event_id = {event} AND status <> 'cancelled'
             AND (tutor_id = {tutor_id} OR calendar_event_calendar = {calendar})"#
    ));
    Ok(found.await?.is_some())
}

/// Whether students could ever join this event of the tutor's as a lesson.
pub async fn was_open(
    txn: &impl ConnectionTrait,
    tutor_id: TutorId,
    event: &str,
) -> Result<bool, DbErr> {
    let found = txn.query_one_raw(raw_sql!(
        Postgres,
        r#"SELECT FROM lessons WHERE tutor_id = {tutor_id} AND own_event_id = {event} LIMIT 1"#
    ));
    Ok(found.await?.is_some())
}

/// Forgets that an event was opened where that lesson is over: whoever moves it ahead may open it again. What it showed of the
/// lesson was all there was to show.
pub async fn forget_past(
    txn: &impl ConnectionTrait,
    tutor_id: TutorId,
    event: &str,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE lessons SET own_event_id = NULL, calendar_event_id = NULL, calendar_event_calendar = NULL,
               calendar_event_revision = calendar_revision, calendar_event_guests = ARRAY[]::uuid[]
           WHERE own_event_id = {event} AND tutor_id = {tutor_id} AND status <> 'cancelled' AND ends_at <= {now}"#
    ))
    .await
    .map(|_| ())
}

/// Notes that a tutor's own event has been found again in this calendar of the account that `grant` opens. What it shows is
/// not known. Nothing is noted when another account is connected by now, or the lesson has another event; whether it was.
pub async fn note_found(
    txn: &impl ConnectionTrait,
    id: LessonId,
    grant: GrantId,
    (calendar, event): (&str, &str),
) -> Result<bool, DbErr> {
    let updated = txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE lessons SET calendar_event_id = own_event_id, calendar_event_calendar = {calendar}, calendar_event_revision = 0
           WHERE id = {id} AND own_event_id = {event} AND calendar_event_id IS NULL
             AND EXISTS (SELECT 1 FROM google_grants WHERE id = {grant})"#
    ));
    Ok(updated.await?.rows_affected() == 1)
}

/// Lets a lesson be one with an event of ours, which is yet to be made: there is no such event of the tutor's any more. Not
/// where another account is connected by now.
pub async fn release(
    db: &impl ConnectionTrait,
    id: LessonId,
    grant: GrantId,
    event: &str,
) -> Result<(), DbErr> {
    db.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE lessons SET own_event_id = NULL, calendar_event_id = NULL, calendar_event_calendar = NULL,
               calendar_event_revision = NULL, calendar_event_asked_at = NULL, calendar_event_guests = ARRAY[]::uuid[]
           WHERE id = {id} AND own_event_id = {event} AND EXISTS (SELECT 1 FROM google_grants WHERE id = {grant})"#
    ))
    .await
    .map(|_| ())
}

/// Notes whose students are among the guests of a lesson's event.
pub async fn note_guests(
    db: &impl ConnectionTrait,
    id: LessonId,
    event: &str,
    bookings: &[BookingId],
) -> Result<(), DbErr> {
    let bookings: Vec<Uuid> = bookings.iter().map(|id| id.0).collect();
    db.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE lessons SET calendar_event_guests = {bookings}::uuid[]
           WHERE id = {id} AND own_event_id = {event} AND calendar_event_guests <> {bookings}::uuid[]"#
    ))
    .await
    .map(|_| ())
}

/// Forgets that the student of a booking was among the guests.
pub async fn forget_guest(
    txn: &impl ConnectionTrait,
    id: LessonId,
    booking: BookingId,
) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE lessons SET calendar_event_guests = array_remove(calendar_event_guests, {booking}::uuid) WHERE id = {id}"#
    ))
    .await
    .map(|_| ())
}
