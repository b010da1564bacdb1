//! Bookings that come to be together with their lessons.

use super::{
    booking::Standing,
    job::{self, Work},
    lesson::{self, NewLesson},
};
use ::entity::{
    booking::{self, BookingStatus},
    id::{BookingId, LessonId, SeriesId, UserId},
    job as job_row, lesson as lesson_row,
};
use chrono::{DateTime, NaiveDateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, DbErr, EntityTrait, QueryTrait,
    sea_query::{CommonTableExpression, InsertStatement, WithClause},
};

/// A lesson of one student, to be made with its booking.
#[derive(Clone, Debug)]
pub struct NewBooking {
    pub student_id: UserId,
    pub lesson: NewLesson,
    pub standing: Standing,
    /// Of which series it is, and when the rule wants it, on the wall clock of the series.
    pub occurrence: Option<(SeriesId, NaiveDateTime)>,
    /// The booking that proposes to move here, where this is no booking but time set aside for that.
    pub reserved_for: Option<BookingId>,
}

/// The lessons and their bookings, and the work on the events of those that are confirmed; their ids in the same
/// order. One statement.
///
/// # Errors
/// `lessons_tutor_no_overlap` and `bookings_student_no_overlap` are for the caller to translate.
pub async fn insert(
    txn: &impl ConnectionTrait,
    new: Vec<NewBooking>,
    now: DateTime<Utc>,
) -> Result<Vec<BookingId>, DbErr> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let (mut ids, mut lessons, mut bookings, mut jobs) = (vec![], vec![], vec![], vec![]);
    for new in new {
        let (id, lesson_id) = (BookingId::generate(), LessonId::generate());
        ids.push(id);
        if new.standing.status == BookingStatus::Confirmed {
            jobs.push(job::row(Work::SyncLessonEvent(lesson_id), now));
        }
        bookings.push(row((id, lesson_id), &new, now));
        lessons.push(lesson::row(lesson_id, new.lesson, now));
    }
    let mut with = WithClause::new();
    with.cte(part(
        "lesson",
        lesson_row::Entity::insert_many(lessons).into_query(),
    ));
    if !jobs.is_empty() {
        with.cte(part("job", job_row::Entity::insert_many(jobs).into_query()));
    }
    let bookings = booking::Entity::insert_many(bookings).into_query();
    txn.execute(&bookings.with(with)).await?;
    Ok(ids)
}

fn part(name: &'static str, insert: InsertStatement) -> CommonTableExpression {
    CommonTableExpression::new()
        .query(insert)
        .table_name(name)
        .to_owned()
}

fn row(
    (id, lesson_id): (BookingId, LessonId),
    new: &NewBooking,
    now: DateTime<Utc>,
) -> booking::ActiveModel {
    let (span, standing) = (new.lesson.span, new.standing);
    booking::ActiveModel {
        id: Set(id),
        lesson_id: Set(lesson_id),
        student_id: Set(new.student_id),
        seat: Set(1),
        starts_at: Set(span.start()),
        ends_at: Set(span.end()),
        status: Set(standing.status),
        expires_at: Set(standing.expires_at),
        booked_at: Set(standing.booked_at(now)),
        paid_credit_minutes: Set(0),
        series_id: Set(new.occurrence.map(|(id, _)| id)),
        recurrence_id: Set(new.occurrence.map(|(_, recurrence_id)| recurrence_id)),
        reserved_for: Set(new.reserved_for),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
        ..Default::default()
    }
}
