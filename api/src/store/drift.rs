//! What was done in Google with the events of lessons, and what became of it.

use super::conditions::Conditions;
use ::entity::id::{BookingId, CalendarId, DriftId, GrantId, LessonId, TutorId, UserId};
use chrono::{DateTime, Utc};
use scheduling::interval::Span;
use sea_orm::{
    ActiveEnum, ConnectionTrait, DatabaseBackend, DbErr, DeriveActiveEnum, EnumIter,
    FromQueryResult, Statement, raw_sql,
};
use uuid::Uuid;

/// What was done with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum Kind {
    Moved,
    Deleted,
    /// A student said no to the invitation.
    Declined,
    /// The tutor took a student off the guest list.
    Removed,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum Status {
    /// The lesson has moved too.
    Rescheduled,
    /// The event says again what the lesson says.
    PutBack,
    /// The lesson will be cancelled, unless that is undone.
    Pending,
    /// The lesson is cancelled, or the place of the student who declined.
    Cancelled,
    /// The lesson stays.
    Undone,
    /// The student is asked.
    Asked,
    /// The student comes all the same.
    Kept,
    /// The student has taken the no back in Google.
    Withdrawn,
    /// The lesson, or the booking, was changed otherwise before anything became of it.
    Superseded,
    /// The lesson has begun.
    Lapsed,
}

/// One of these.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Drift {
    pub id: DriftId,
    pub kind: Kind,
    pub status: Status,
    pub lesson_id: LessonId,
    /// Of the student who declined, or was removed.
    pub booking_id: Option<BookingId>,
    pub student_id: Option<UserId>,
    pub student_name: Option<String>,
    pub tutor_id: TutorId,
    /// Of the lesson when that was found.
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    /// Where the event was moved to, if at times.
    pub event_starts_at: Option<DateTime<Utc>>,
    pub event_ends_at: Option<DateTime<Utc>>,
    /// Codes of why the lesson did not follow.
    pub reasons: Vec<String>,
    /// Until when a deletion can be undone.
    pub cancels_at: Option<DateTime<Utc>>,
    pub resolved_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

/// One that is found.
#[derive(Clone, Debug)]
pub struct NewDrift {
    pub kind: Kind,
    pub status: Status,
    pub lesson_id: LessonId,
    pub booking_id: Option<BookingId>,
    pub lesson: Span,
    pub event: Option<Span>,
    pub reasons: Vec<String>,
    pub cancels_at: Option<DateTime<Utc>>,
}

/// Notes what is found. What is open already is not found again; whether it was new.
pub async fn insert(
    txn: &impl ConnectionTrait,
    new: NewDrift,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let id = DriftId::generate();
    let NewDrift {
        kind,
        status,
        lesson_id,
        booking_id,
        lesson,
        event,
        reasons,
        cancels_at,
    } = new;
    let is_open = [Status::Pending, Status::Asked].contains(&status);
    let resolved_at = (!is_open).then_some(now);
    let (kind, status) = (kind.to_value(), status.to_value());
    let (start, end) = (lesson.start(), lesson.end());
    let (event_start, event_end) = (event.map(|it| it.start()), event.map(|it| it.end()));
    let inserted = txn
        .execute_raw(raw_sql!(
            Postgres,
            r#"INSERT INTO calendar_drifts (id, kind, status, lesson_id, tutor_id, booking_id, student_id, starts_at, ends_at,
                   event_starts_at, event_ends_at, reasons, cancels_at, resolved_at, created_at)
               SELECT {id}, {kind}, {status}, lessons.id, tutor_id, bookings.id, student_id, {start}, {end},
                   {event_start}, {event_end}, {reasons}, {cancels_at}, {resolved_at}, {now}
               FROM lessons LEFT JOIN bookings ON bookings.id = {booking_id} WHERE lessons.id = {lesson_id}
               ON CONFLICT DO NOTHING"#
        ))
        .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Writes down what became of one that stands so; whether it did.
pub async fn resolve(
    txn: &impl ConnectionTrait,
    id: DriftId,
    step: (Status, Status),
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    resolve_because(txn, id, step, Vec::new(), now).await
}

/// As [`resolve`], with codes of why.
pub async fn resolve_because(
    txn: &impl ConnectionTrait,
    id: DriftId,
    (from, to): (Status, Status),
    reasons: Vec<String>,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let (from, to) = (from.to_value(), to.to_value());
    let resolved = txn
        .execute_raw(raw_sql!(
            Postgres,
            r#"UPDATE calendar_drifts SET status = {to}, reasons = {reasons}, resolved_at = {now}
               WHERE id = {id} AND status = {from}"#
        ))
        .await?;
    Ok(resolved.rows_affected() == 1)
}

/// Locks a lesson until the end of the transaction, if it is scheduled and still as when its event was read: at `span`, with
/// this event, known to have been there too and to show this revision; whether it is.
pub async fn lock_followed(
    txn: &impl ConnectionTrait,
    id: LessonId,
    (grant, event, revision): (GrantId, &str, Option<i32>),
    span: Span,
) -> Result<bool, DbErr> {
    let (start, end) = (span.start(), span.end());
    let found = txn.query_one_raw(raw_sql!(
        Postgres,
        r#"SELECT FROM lessons
           WHERE id = {id} AND status = 'scheduled' AND calendar_event_id = {event}
             AND calendar_event_revision IS NOT DISTINCT FROM {revision}
             AND starts_at = {start} AND ends_at = {end}
             AND calendar_event_starts_at = {start} AND calendar_event_ends_at = {end}
             AND EXISTS (SELECT FROM google_grants WHERE id = {grant})
           FOR NO KEY UPDATE"#
    ));
    Ok(found.await?.is_some())
}

/// Notes where the event of a lesson is, if at times; where there is none, nowhere.
pub async fn note_event_span(
    txn: &impl ConnectionTrait,
    id: LessonId,
    span: Option<Span>,
) -> Result<(), DbErr> {
    let (start, end) = (span.map(|it| it.start()), span.map(|it| it.end()));
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE lessons SET calendar_event_starts_at = {start}, calendar_event_ends_at = {end}
           WHERE id = {id} AND calendar_event_id IS NOT NULL"#
    ))
    .await
    .map(|_| ())
}

/// Notes that the event of a lesson stands in another calendar of its tutor by now.
pub async fn note_calendar(
    db: &impl ConnectionTrait,
    id: LessonId,
    (event, from, to): (&str, &str, &str),
) -> Result<(), DbErr> {
    db.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE lessons SET calendar_event_calendar = {to}
           WHERE id = {id} AND calendar_event_id = {event} AND coalesce(calendar_event_calendar, 'primary') = {from}"#
    ))
    .await
    .map(|_| ())
}

/// Locks a lesson until the end of the transaction.
pub async fn lock(txn: &impl ConnectionTrait, id: LessonId) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"SELECT FROM lessons WHERE id = {id} FOR NO KEY UPDATE"#
    ))
    .await
    .map(|_| ())
}

/// Whatever is open when the lesson begins comes to nothing.
pub async fn lapse(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<(), DbErr> {
    db.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE calendar_drifts SET status = 'lapsed', resolved_at = {now} WHERE resolved_at IS NULL AND starts_at <= {now}"#
    ))
    .await
    .map(|_| ())
}

/// Lets deletions of events of a tutor come to nothing that could still be undone.
pub async fn supersede(
    txn: &impl ConnectionTrait,
    tutor_id: TutorId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE calendar_drifts SET status = 'superseded', resolved_at = {now}
           WHERE tutor_id = {tutor_id} AND status = 'pending'"#
    ))
    .await
    .map(|_| ())
}

/// The lessons of a tutor that will be cancelled unless that is undone.
pub async fn pending_of(
    txn: &impl ConnectionTrait,
    tutor_id: TutorId,
) -> Result<Vec<LessonId>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        lesson_id: LessonId,
    }
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT lesson_id FROM calendar_drifts WHERE tutor_id = {tutor_id} AND status = 'pending'"#
    ));
    let rows = rows.all(txn).await?;
    Ok(rows.into_iter().map(|row| row.lesson_id).collect())
}

/// As if the lesson had changed of which the event tells: so the event is to be written anew.
pub async fn outdate_event(txn: &impl ConnectionTrait, id: LessonId) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE lessons SET calendar_revision = calendar_revision + 1 WHERE id = {id}"#
    ))
    .await
    .map(|_| ())
}

/// Whose drifts somebody may see.
#[derive(Clone, Debug)]
pub enum Viewer {
    /// Everybody's.
    Centre,
    /// Those of lessons of this tutor, and what became of invitations of these students.
    Person {
        students: Vec<UserId>,
        tutor: Option<TutorId>,
    },
}

/// Which drifts are listed, and where the page begins.
#[derive(Clone, Debug)]
pub struct Filter {
    pub viewer: Viewer,
    pub id: Option<DriftId>,
    pub lesson: Option<LessonId>,
    pub status: Option<Vec<Status>>,
    /// Those that were found after this one.
    pub after: Option<DriftId>,
    pub limit: i64,
}

impl Filter {
    /// All of these.
    pub fn all(viewer: Viewer) -> Self {
        Self {
            viewer,
            id: None,
            lesson: None,
            status: None,
            after: None,
            limit: i64::MAX,
        }
    }
}

const SELECT: &str = r"SELECT drifts.id, drifts.kind, drifts.status, drifts.lesson_id, drifts.booking_id,
       drifts.student_id, students.name AS student_name, drifts.tutor_id,
       drifts.starts_at, drifts.ends_at, drifts.event_starts_at, drifts.event_ends_at,
       drifts.reasons, drifts.cancels_at, drifts.resolved_at, drifts.created_at
FROM calendar_drifts AS drifts
LEFT JOIN users AS students ON students.id = drifts.student_id
WHERE ";

/// Drifts in the order in which they were found.
pub async fn list(db: &impl ConnectionTrait, filter: Filter) -> Result<Vec<Drift>, DbErr> {
    let mut conditions = Conditions::default();
    match filter.viewer {
        Viewer::Centre => conditions.add("true", []),
        Viewer::Person { students, tutor } => {
            let students: Vec<Uuid> = students.into_iter().map(|id| id.0).collect();
            let condition = "(drifts.tutor_id = ? OR drifts.student_id = ANY(?))";
            conditions.add(condition, [tutor.into(), students.into()]);
        }
    }
    if let Some(id) = filter.id {
        conditions.add("drifts.id = ?", [id.into()]);
    }
    if let Some(id) = filter.lesson {
        conditions.add("drifts.lesson_id = ?", [id.into()]);
    }
    if let Some(statuses) = filter.status {
        let statuses: Vec<String> = statuses.iter().map(ActiveEnum::to_value).collect();
        conditions.add("drifts.status = ANY(?)", [statuses.into()]);
    }
    if let Some(id) = filter.after {
        conditions.add("drifts.id > ?", [id.into()]);
    }
    let limit = filter.limit;
    let sql = format!(
        "{SELECT} {} ORDER BY drifts.id LIMIT {limit}",
        conditions.sql
    );
    Drift::find_by_statement(Statement::from_sql_and_values(
        DatabaseBackend::Postgres,
        sql,
        conditions.values,
    ))
    .all(db)
    .await
}

/// The deletion of a lesson's event that can still be undone, if there is one.
pub async fn pending(db: &impl ConnectionTrait, lesson: LessonId) -> Result<Option<Drift>, DbErr> {
    let filter = Filter {
        lesson: Some(lesson),
        status: Some(vec![Status::Pending]),
        ..Filter::all(Viewer::Centre)
    };
    Ok(list(db, filter).await?.pop())
}

/// How often the event of a lesson was followed, or put back, since then.
pub async fn count_changes(
    db: &impl ConnectionTrait,
    lesson: LessonId,
    since: DateTime<Utc>,
) -> Result<i64, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        count: i64,
    }
    let row = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT count(*) AS count FROM calendar_drifts WHERE lesson_id = {lesson} AND status IN ('rescheduled', 'put_back') AND created_at > {since}"#
    ));
    Ok(row.one(db).await?.map_or(0, |row| row.count))
}

/// A student who is invited to the event of a lesson.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Guest {
    pub booking_id: BookingId,
    pub student_id: UserId,
    pub email: String,
    /// What is known of their no, if it is: that they are asked, or come all the same.
    pub known: Option<DriftId>,
    pub known_status: Option<Status>,
    /// Whether they have left the lesson before by saying no.
    pub has_left: bool,
}

/// The students who are to come to a lesson.
pub async fn guests(db: &impl ConnectionTrait, lesson: LessonId) -> Result<Vec<Guest>, DbErr> {
    Guest::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT bookings.id AS booking_id, bookings.student_id, email, drifts.id AS known, drifts.status AS known_status,
                  EXISTS (SELECT FROM calendar_drifts AS before
                          WHERE before.lesson_id = {lesson} AND before.student_id = bookings.student_id
                            AND before.kind = 'declined' AND before.status = 'cancelled') AS has_left
           FROM bookings JOIN users ON users.id = bookings.student_id
           LEFT JOIN calendar_drifts AS drifts ON drifts.booking_id = bookings.id AND drifts.lesson_id = bookings.lesson_id
               AND drifts.status IN ('asked', 'kept')
           WHERE bookings.lesson_id = {lesson} AND bookings.status = 'confirmed' ORDER BY bookings.id"#
    ))
    .all(db)
    .await
}

/// The event of a lesson, perhaps, of which Google has told.
#[derive(Clone, Debug)]
pub struct ToldEvent {
    pub google_id: String,
    /// None: it no longer stands, or is for whole days.
    pub span: Option<Span>,
    /// Whether a guest has declined.
    pub declined: bool,
}

/// Notes of events in this calendar that Google tells to be when their lessons are, and to show all there is to show, that
/// they are known to be, where that was not known.
pub async fn note_where_told(
    txn: &impl ConnectionTrait,
    calendar: CalendarId,
    told: &[ToldEvent],
) -> Result<(), DbErr> {
    let at_times = told
        .iter()
        .filter_map(|it| Some((it.google_id.clone(), it.span?)));
    let (ids, spans): (Vec<_>, Vec<_>) = at_times.unzip();
    if ids.is_empty() {
        return Ok(());
    }
    let starts: Vec<_> = spans.iter().map(Span::start).collect();
    let ends: Vec<_> = spans.iter().map(Span::end).collect();
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE lessons SET calendar_event_starts_at = lessons.starts_at, calendar_event_ends_at = lessons.ends_at
           FROM calendars JOIN tutors ON tutors.user_id = calendars.user_id,
               unnest({ids}::text[], {starts}::timestamptz[], {ends}::timestamptz[]) AS told (google_id, starts_at, ends_at)
           WHERE calendars.id = {calendar} AND lessons.tutor_id = tutors.id AND calendar_event_id = told.google_id
             AND is_event_in(calendar_event_calendar, calendars) AND status = 'scheduled'
             AND calendar_event_starts_at IS NULL AND calendar_event_revision = calendar_revision
             AND (told.starts_at, told.ends_at) = (lessons.starts_at, lessons.ends_at)"#
    ))
    .await
    .map(|_| ())
}

/// The lessons that are ahead, and were known to be where their events in this calendar are, of which that may be so no longer
/// by what Google has told; and where that was `all` there is until then, also those of which it told nothing. Of a tutor's own
/// event that may be so whatever was told, for of its guests nothing is; and an occurrence may have gone with what is repeated.
pub async fn suspected(
    txn: &impl ConnectionTrait,
    calendar: CalendarId,
    told: &[ToldEvent],
    all: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Vec<LessonId>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        id: LessonId,
    }
    if told.is_empty() && all.is_none() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = told.iter().map(|it| it.google_id.clone()).collect();
    // No array of a parameter has nulls in it, and no lesson is as long ago.
    let none = DateTime::UNIX_EPOCH;
    let starts = told.iter().map(|it| it.span.map_or(none, |it| it.start()));
    let starts: Vec<DateTime<Utc>> = starts.collect();
    let ends = told.iter().map(|it| it.span.map_or(none, |it| it.end()));
    let ends: Vec<DateTime<Utc>> = ends.collect();
    let declined: Vec<bool> = told.iter().map(|it| it.declined).collect();
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT DISTINCT lessons.id FROM calendars
           JOIN tutors ON tutors.user_id = calendars.user_id
           JOIN lessons ON lessons.tutor_id = tutors.id
           LEFT JOIN unnest({ids}::text[], {starts}::timestamptz[], {ends}::timestamptz[], {declined}::boolean[])
               AS told (google_id, starts_at, ends_at, declined) ON told.google_id = calendar_event_id
           WHERE calendars.id = {calendar} AND lessons.starts_at > {now} AND status = 'scheduled'
             AND (calendar_event_starts_at, calendar_event_ends_at) = (lessons.starts_at, lessons.ends_at)
             AND is_event_in(calendar_event_calendar, calendars)
             AND CASE WHEN told.google_id IS NULL THEN coalesce(lessons.starts_at < {all}::timestamptz, false)
                     OR own_event_id IS NOT NULL AND regexp_replace(own_event_id, '_[0-9]+(T[0-9]+Z)?$', '') = ANY({ids}::text[])
                 ELSE own_event_id IS NOT NULL OR told.declined OR (told.starts_at, told.ends_at) <> (lessons.starts_at, lessons.ends_at)
                     OR EXISTS (SELECT FROM calendar_drifts
                         WHERE lesson_id = lessons.id AND calendar_drifts.status IN ('pending', 'asked', 'kept')) END"#
    ))
    .all(txn)
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}
