//! Absences of tutors, and the bookings that need another tutor because of them.

use ::entity::id::{AbsenceId, BookingId, LessonId, TimeOffId, TutorId};
use chrono::{DateTime, Utc};
use scheduling::interval::Span;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, raw_sql};
use uuid::Uuid;

/// That a tutor is absent.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Absence {
    pub id: AbsenceId,
    pub tutor_id: TutorId,
    /// What closes the time; none where the absence is taken back.
    pub time_off_id: Option<TimeOffId>,
    pub reason: String,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
}

/// Whose absences somebody may see.
#[derive(Clone, Copy, Debug)]
pub enum Viewer {
    Centre,
    /// None: of nobody.
    Tutor(Option<TutorId>),
}

/// An absence, and the bookings that need another tutor because of it. What is offered already, because of another of the
/// same time, stays so when that one is taken back. Two statements.
pub async fn insert(
    txn: &impl ConnectionTrait,
    absence: &Absence,
    bookings: &[BookingId],
) -> Result<(), DbErr> {
    let Absence {
        id,
        tutor_id,
        time_off_id,
        reason,
        starts_at,
        ends_at,
        created_at,
    } = absence.clone();
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"INSERT INTO absences (id, tutor_id, time_off_id, reason, starts_at, ends_at, created_at)
           VALUES ({id}, {tutor_id}, {time_off_id}, {reason}, {starts_at}, {ends_at}, {created_at})"#
    ))
    .await?;
    let bookings: Vec<Uuid> = bookings.iter().map(|id| id.0).collect();
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"INSERT INTO absence_bookings (booking_id, absence_id, lesson_id, starts_at, ends_at, offered_at)
           SELECT bookings.id, {id}, lesson_id, bookings.starts_at, bookings.ends_at,
                  (SELECT min(offered_at) FROM absent_bookings WHERE booking_id = bookings.id)
           FROM bookings WHERE bookings.id = ANY({bookings})"#
    ))
    .await
    .map(|_| ())
}

/// The absence of a tutor of exactly this time that stands, if one does.
pub async fn standing_at(
    db: &impl ConnectionTrait,
    tutor_id: TutorId,
    span: Span,
) -> Result<Option<AbsenceId>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        id: AbsenceId,
    }
    let (start, end) = (span.start(), span.end());
    let found = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT id FROM absences
           WHERE tutor_id = {tutor_id} AND starts_at = {start} AND ends_at = {end} AND time_off_id IS NOT NULL LIMIT 1"#
    ));
    Ok(found.one(db).await?.map(|row| row.id))
}

pub async fn find(
    db: &impl ConnectionTrait,
    id: AbsenceId,
    viewer: Viewer,
) -> Result<Option<Absence>, DbErr> {
    let (sees_all, own) = seen_by(viewer);
    Absence::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT id, tutor_id, time_off_id, reason, starts_at, ends_at, created_at FROM absences
           WHERE id = {id} AND ({sees_all} OR tutor_id = {own})"#
    ))
    .one(db)
    .await
}

/// Locks an absence: it is not taken back before the end of this transaction.
pub async fn lock(txn: &impl ConnectionTrait, id: AbsenceId) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"SELECT FROM absences WHERE id = {id} FOR UPDATE"#
    ))
    .await
    .map(|_| ())
}

/// Which absences are listed, and where the page begins.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    pub viewer: Viewer,
    pub tutor: Option<TutorId>,
    /// Whether they stand, or are taken back.
    pub standing: Option<bool>,
    /// Absences that end after this.
    pub from: Option<DateTime<Utc>>,
    /// Absences that start before this.
    pub until: Option<DateTime<Utc>>,
    /// Absences that were reported after this one.
    pub after: Option<AbsenceId>,
    pub limit: i64,
}

/// Absences in the order in which they were reported.
pub async fn list(db: &impl ConnectionTrait, filter: Filter) -> Result<Vec<Absence>, DbErr> {
    let (sees_all, own) = seen_by(filter.viewer);
    let Filter {
        tutor,
        standing,
        from,
        until,
        after,
        limit,
        ..
    } = filter;
    Absence::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT id, tutor_id, time_off_id, reason, starts_at, ends_at, created_at FROM absences
           WHERE ({sees_all} OR tutor_id = {own}) AND ({tutor}::uuid IS NULL OR tutor_id = {tutor})
             AND ({standing}::boolean IS NULL OR (time_off_id IS NOT NULL) = {standing})
             AND ({from}::timestamptz IS NULL OR ends_at > {from}) AND ({until}::timestamptz IS NULL OR starts_at < {until})
             AND ({after}::uuid IS NULL OR id > {after})
           ORDER BY id LIMIT {limit}"#
    ))
    .all(db)
    .await
}

fn seen_by(viewer: Viewer) -> (bool, Option<TutorId>) {
    match viewer {
        Viewer::Centre => (true, None),
        Viewer::Tutor(own) => (false, own),
    }
}

/// A booking that needed another tutor when the absence was reported, as it was then.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Affected {
    pub booking_id: BookingId,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

/// All of an absence, by start.
pub async fn affected(db: &impl ConnectionTrait, id: AbsenceId) -> Result<Vec<Affected>, DbErr> {
    Affected::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT booking_id, starts_at, ends_at FROM absence_bookings
           WHERE absence_id = {id} ORDER BY starts_at, booking_id"#
    ))
    .all(db)
    .await
}

/// Whether the tutor of a booking is absent.
pub async fn covers(db: &impl ConnectionTrait, id: BookingId) -> Result<bool, DbErr> {
    let found = db.query_one_raw(raw_sql!(
        Postgres,
        r#"SELECT FROM absent_bookings WHERE booking_id = {id} LIMIT 1"#
    ));
    Ok(found.await?.is_some())
}

/// Leaves it to the students of these bookings what becomes of them; the bookings have another version then.
pub async fn offer(
    txn: &impl ConnectionTrait,
    id: AbsenceId,
    bookings: &[BookingId],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let bookings: Vec<Uuid> = bookings.iter().map(|id| id.0).collect();
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"WITH offered AS (
               UPDATE absence_bookings SET offered_at = {now}
               WHERE absence_id = {id} AND booking_id = ANY({bookings}) AND offered_at IS NULL
               RETURNING booking_id)
           UPDATE bookings SET version = version + 1, updated_at = {now} WHERE id IN (SELECT booking_id FROM offered)"#
    ))
    .await
    .map(|_| ())
}

/// Ends what is proposed for a tutor's time, which is locked.
pub async fn drop_proposals(
    txn: &impl ConnectionTrait,
    tutor_id: TutorId,
    span: Span,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let (start, end) = (span.start(), span.end());
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE bookings SET proposed_starts_at = NULL, proposed_ends_at = NULL, proposal_expires_at = NULL,
               version = bookings.version + 1, updated_at = {now}
           FROM lessons
           WHERE lessons.id = lesson_id AND tutor_id = {tutor_id} AND proposal_expires_at IS NOT NULL
             AND proposed_starts_at < {end} AND proposed_ends_at > {start}"#
    ))
    .await
    .map(|_| ())
}

/// What is held of a tutor's time, or offered.
pub async fn holds_in(
    db: &impl ConnectionTrait,
    tutor_id: TutorId,
    span: Span,
) -> Result<Vec<BookingId>, DbErr> {
    #[derive(FromQueryResult)]
    struct Hold {
        id: BookingId,
    }
    let (start, end) = (span.start(), span.end());
    let holds = Hold::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT bookings.id FROM lessons JOIN bookings ON lesson_id = lessons.id
           WHERE tutor_id = {tutor_id} AND bookings.status = 'held'
             AND tstzrange(lessons.starts_at, lessons.ends_at, '[)') && tstzrange({start}, {end}, '[)')"#
    ))
    .all(db)
    .await?;
    Ok(holds.into_iter().map(|hold| hold.id).collect())
}

#[derive(FromQueryResult)]
struct Lesson {
    id: LessonId,
}

/// Group lessons of a tutor in this time that have not begun and that nobody is in.
pub async fn empty_in(
    txn: &impl ConnectionTrait,
    tutor_id: TutorId,
    span: Span,
    now: DateTime<Utc>,
) -> Result<Vec<LessonId>, DbErr> {
    let (start, end) = (span.start(), span.end());
    let lessons = Lesson::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT id FROM lessons
           WHERE tutor_id = {tutor_id} AND capacity > 1 AND status = 'scheduled' AND starts_at > {now}
             AND tstzrange(starts_at, ends_at, '[)') && tstzrange({start}, {end}, '[)')
             AND NOT EXISTS (SELECT FROM bookings WHERE lesson_id = lessons.id AND occupies)
           ORDER BY id"#
    ))
    .all(txn)
    .await?;
    Ok(lessons.into_iter().map(|lesson| lesson.id).collect())
}

/// Group lessons that have begun without their tutor, and that everybody had left by then; of these, this one, where one is
/// given.
pub async fn empty_due(
    db: &impl ConnectionTrait,
    lesson_id: Option<LessonId>,
    now: DateTime<Utc>,
) -> Result<Vec<LessonId>, DbErr> {
    let lessons = Lesson::find_by_statement(raw_sql!(
        Postgres,
        // What has been over for longer is the past, and read by nobody to whom it matters.
        r#"SELECT DISTINCT lessons.id FROM absences JOIN lessons USING (tutor_id)
           WHERE time_off_id IS NOT NULL AND absences.starts_at <= {now} AND absences.ends_at > {now}::timestamptz - interval '7 days'
             AND capacity > 1 AND status = 'scheduled' AND lessons.starts_at <= {now} AND lessons.starts_at > absences.created_at
             AND tstzrange(lessons.starts_at, lessons.ends_at, '[)') && tstzrange(absences.starts_at, absences.ends_at, '[)')
             AND ({lesson_id}::uuid IS NULL OR lessons.id = {lesson_id})
             AND NOT EXISTS (SELECT FROM bookings WHERE lesson_id = lessons.id AND occupies)
           LIMIT 500"#
    ))
    .all(db)
    .await?;
    Ok(lessons.into_iter().map(|lesson| lesson.id).collect())
}

/// A booking whose lesson has begun without its tutor.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Due {
    pub booking_id: BookingId,
    pub lesson_id: LessonId,
}

/// A bounded number of them, of this lesson where one is given.
pub async fn due(
    db: &impl ConnectionTrait,
    lesson_id: Option<LessonId>,
    now: DateTime<Utc>,
) -> Result<Vec<Due>, DbErr> {
    Due::find_by_statement(raw_sql!(
        Postgres,
        // No lesson is longer; so what is looked through are the bookings of this day that are not over.
        r#"SELECT bookings.id AS booking_id, bookings.lesson_id FROM bookings
           WHERE status = 'confirmed' AND starts_at <= {now} AND ends_at <= {now}::timestamptz + interval '8 hours'
             AND ({lesson_id}::uuid IS NULL OR lesson_id = {lesson_id})
             AND EXISTS (SELECT FROM absent_bookings WHERE booking_id = bookings.id)
           ORDER BY ends_at LIMIT 500"#
    ))
    .all(db)
    .await
}
