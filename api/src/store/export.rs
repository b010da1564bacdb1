//! All that is kept of a person, in lists.

use ::entity::id::UserId;
use chrono::{DateTime, Utc};
use futures::{Stream, TryStreamExt};
use sea_orm::{
    DatabaseBackend, DatabaseTransaction, DbErr, FromQueryResult, Statement, StreamTrait, raw_sql,
};

/// The longest a list gets.
pub const MOST_ROWS: i64 = 100_000;

/// Lists by name, with the query for each, of which `$1` is the user. The newest first. Never a secret.
pub const LISTS: [(&str, &str); 28] = [
    (
        "profile",
        "SELECT id, name, email, time_zone, suspended_at, suspension_reason, erased_at, created_at, updated_at
         FROM users WHERE id = $1",
    ),
    (
        "roles",
        "SELECT role, created_at FROM user_roles WHERE user_id = $1 ORDER BY role",
    ),
    (
        "identities",
        "SELECT id, issuer, subject, email, email_authoritative, confirmed_at, last_sign_in_at, created_at
         FROM identities WHERE user_id = $1 ORDER BY id DESC",
    ),
    (
        "sessions",
        "SELECT id, user_agent, last_used_at, expires_at, created_at
         FROM sessions WHERE user_id = $1 ORDER BY id DESC",
    ),
    (
        "guardianships",
        "SELECT guardian_id, guardians.name AS guardian, student_id, students.name AS student, guardianships.created_at
         FROM guardianships JOIN users AS guardians ON guardians.id = guardian_id JOIN users AS students ON students.id = student_id
         WHERE guardian_id = $1 OR student_id = $1 ORDER BY guardian_id, student_id",
    ),
    (
        "invitations",
        "SELECT id, invited_by = $1 AS sent, role, email, state, answered_at, expires_at, created_at
         FROM invitations
         WHERE invited_by = $1 OR answered_by = $1
            OR email IN (SELECT lower(email) FROM identities WHERE user_id = $1 AND email_authoritative AND confirmed_at IS NOT NULL)
         ORDER BY id DESC",
    ),
    (
        "bookings",
        "SELECT bookings.id, bookings.status, bookings.starts_at, bookings.ends_at, subjects.slug AS subject, level,
             tutor_users.name AS tutor, cancelled_at, cancellation_reason, cancellation_consequence, cancellation_credit_minutes,
             cancellation_charged_minutes, paid_credit_minutes,
             proposed_starts_at, proposed_ends_at, proposal_expires_at, bookings.created_at
         FROM bookings JOIN lessons ON lessons.id = lesson_id JOIN subjects ON subjects.id = subject_id
             JOIN tutors ON tutors.id = tutor_id JOIN users AS tutor_users ON tutor_users.id = tutors.user_id
         WHERE student_id = $1 AND reserved_for IS NULL ORDER BY bookings.starts_at DESC, bookings.id",
    ),
    (
        "credits",
        "SELECT slug AS subject, remaining_minutes, expires_at, credit_lots.created_at
         FROM credit_lots JOIN subjects ON subjects.id = subject_id WHERE student_id = $1 ORDER BY expires_at DESC, slug",
    ),
    (
        "credit_entries",
        "SELECT entries.created_at AS at, slug AS subject, from_account, to_account, minutes, expires_at, booking_id, reason
         FROM credit_entries AS entries JOIN credit_lots ON credit_lots.id = lot_id JOIN subjects ON subjects.id = entries.subject_id
         WHERE entries.student_id = $1 ORDER BY entries.id DESC",
    ),
    (
        "quota",
        "SELECT max_active_bookings, weekly_minutes, term_minutes FROM student_quotas WHERE student_id = $1",
    ),
    (
        "series",
        "SELECT series.id, subjects.slug AS subject, level, tutor_users.name AS tutor, series.time_zone, local_start, minutes, rule,
             series.created_at
         FROM series JOIN subjects ON subjects.id = subject_id
             JOIN tutors ON tutors.id = tutor_id JOIN users AS tutor_users ON tutor_users.id = tutors.user_id
         WHERE student_id = $1 ORDER BY series.id DESC",
    ),
    (
        "waitlist",
        "SELECT entries.id, entries.status, slug AS subject, coalesce(lessons.level, entries.level) AS level, lesson_id,
             entries.tutor_id, minutes, window_starts, window_ends, booking_id, turned_down, entries.created_at
         FROM waitlist_entries AS entries LEFT JOIN lessons ON lessons.id = lesson_id
             JOIN subjects ON subjects.id = coalesce(lessons.subject_id, entries.subject_id)
         WHERE student_id = $1 ORDER BY entries.id DESC",
    ),
    (
        "tutor",
        "SELECT id, bio, languages, time_zone, visible, end_date, minimum_notice_minutes, horizon_days, start_grid_minutes,
             start_grid_anchor, buffer_before_minutes, buffer_after_minutes, max_lessons_per_day, max_lessons_per_week, requires_approval, approval_minutes,
             created_at, updated_at
         FROM tutors WHERE user_id = $1",
    ),
    (
        "offers",
        "SELECT offers.id, slug AS subject, level, lesson_minutes, offers.created_at
         FROM offers JOIN subjects ON subjects.id = subject_id JOIN tutors ON tutors.id = tutor_id
         WHERE user_id = $1 ORDER BY slug, level",
    ),
    (
        "bookable_tags",
        "SELECT tag, slug AS subject, level, capacity, description
         FROM bookable_tags JOIN subjects ON subjects.id = subject_id JOIN tutors ON tutors.id = tutor_id
         WHERE user_id = $1 ORDER BY position",
    ),
    (
        "weekly_rules",
        "SELECT weekday, local_start, local_end, valid_from, valid_until
         FROM weekly_rules JOIN tutors ON tutors.id = tutor_id WHERE user_id = $1 ORDER BY weekday, local_start",
    ),
    (
        "overrides",
        "SELECT date, local_starts, local_ends
         FROM date_overrides JOIN tutors ON tutors.id = tutor_id WHERE user_id = $1 ORDER BY date DESC",
    ),
    (
        "time_off",
        "SELECT time_off.id, starts_at, ends_at, first_date, last_date, note, time_off.created_at
         FROM time_off JOIN tutors ON tutors.id = tutor_id WHERE user_id = $1 ORDER BY time_off.id DESC",
    ),
    (
        "absences",
        "SELECT absences.id, reason, starts_at, ends_at, time_off_id IS NULL AS taken_back, absences.created_at
         FROM absences JOIN tutors ON tutors.id = tutor_id WHERE user_id = $1 ORDER BY absences.id DESC",
    ),
    (
        "absence_offers",
        "SELECT booking_id, offered.starts_at, offered.ends_at, offered_at
         FROM absence_bookings AS offered JOIN bookings ON bookings.id = booking_id
         WHERE student_id = $1 AND offered_at IS NOT NULL ORDER BY offered.starts_at DESC, booking_id",
    ),
    (
        "google_connection",
        "SELECT subject, email, scopes, state, least(failing_since, writing_failing_since) AS failing_since, busy_read_at, meet_links, connected_at
         FROM google_grants WHERE user_id = $1",
    ),
    (
        "google_calendars",
        "SELECT id, google_id, summary, time_zone, access_role, is_primary, blocks, receives_lessons, unreadable_since
         FROM calendars WHERE user_id = $1 ORDER BY is_primary DESC, summary, id",
    ),
    (
        "google_calendar_events",
        "SELECT calendar_id, calendar_events.google_id, recurring_event_id, starts_at, ends_at, lesson_id
         FROM calendar_events JOIN calendars ON calendars.id = calendar_id
         WHERE user_id = $1 ORDER BY starts_at DESC, calendar_id, calendar_events.google_id",
    ),
    (
        "calendar_drifts",
        "SELECT drifts.id, kind, drifts.status, drifts.lesson_id, booking_id, drifts.starts_at, drifts.ends_at, event_starts_at,
             event_ends_at, reasons, cancels_at, resolved_at, drifts.created_at
         FROM calendar_drifts AS drifts JOIN tutors ON tutors.id = drifts.tutor_id
         WHERE user_id = $1 OR student_id = $1 ORDER BY drifts.id DESC",
    ),
    (
        "busy_times",
        "SELECT starts_at, ends_at FROM busy_spans JOIN tutors ON tutors.id = tutor_id
         WHERE user_id = $1 ORDER BY starts_at DESC",
    ),
    (
        "group_lessons",
        "SELECT lessons.id, lessons.status, starts_at, ends_at, subjects.slug AS subject, level, title, description,
             capacity, minimum, decides_at, own_event_id, lessons.created_at
         FROM lessons JOIN subjects ON subjects.id = subject_id JOIN tutors ON tutors.id = tutor_id
         WHERE user_id = $1 AND capacity > 1 ORDER BY starts_at DESC, lessons.id",
    ),
    (
        "lessons_taught",
        "SELECT bookings.id, bookings.status, bookings.starts_at, bookings.ends_at, subjects.slug AS subject, level,
             students.name AS student, cancelled_at, cancellation_reason, bookings.created_at
         FROM bookings JOIN lessons ON lessons.id = lesson_id JOIN subjects ON subjects.id = subject_id
             JOIN tutors ON tutors.id = tutor_id JOIN users AS students ON students.id = student_id
         WHERE user_id = $1 AND reserved_for IS NULL ORDER BY bookings.starts_at DESC, bookings.id",
    ),
    (
        // What the person did to others tells of the others, and from where others acted tells of them.
        "audit_entries",
        "SELECT at, actor_kind, coalesce(actor_id = $1, false) AS by_you, operation, CASE WHEN actor_id = $1 THEN address END AS address,
             subject_kind, subject_id, table_name, action,
             CASE WHEN subject_id = ANY(own) THEN before END AS before, CASE WHEN subject_id = ANY(own) THEN after END AS after
         FROM audit_entries, (SELECT ARRAY(
             SELECT $1 UNION SELECT id FROM tutors WHERE user_id = $1 UNION SELECT id FROM bookings WHERE student_id = $1) AS own) AS owned
         WHERE actor_id = $1 OR subject_id = ANY(own) ORDER BY at DESC, audit_entries.id DESC",
    ),
];

/// The rows of one of [`LISTS`], as JSON objects.
pub async fn rows<'a>(
    txn: &'a DatabaseTransaction,
    query: &str,
    id: UserId,
) -> Result<impl Stream<Item = Result<String, DbErr>> + 'a, DbErr> {
    let sql =
        format!("SELECT row_to_json(row)::text AS row FROM ({query} LIMIT {MOST_ROWS}) AS row");
    let statement = Statement::from_sql_and_values(DatabaseBackend::Postgres, sql, [id.into()]);
    let rows = txn.stream_raw(statement).await?;
    Ok(rows.and_then(async |row| row.try_get("", "row")))
}

/// A lesson of the person, as the student or as the tutor.
#[derive(FromQueryResult)]
pub struct OwnLesson {
    pub booking_id: uuid::Uuid,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub cancelled: bool,
    pub subject: String,
    pub level: String,
    /// The tutor, or the student.
    pub with: String,
}

/// The lessons of a person, the newest first.
pub async fn lessons(
    txn: &DatabaseTransaction,
    id: UserId,
) -> Result<impl Stream<Item = Result<OwnLesson, DbErr>>, DbErr> {
    let rows = txn
        .stream_raw(raw_sql!(
            Postgres,
            r#"SELECT bookings.id AS booking_id, bookings.starts_at, bookings.ends_at, bookings.status = 'cancelled' AS cancelled,
                   subjects.name AS subject, level,
                   CASE WHEN student_id = {id} THEN tutor_users.name ELSE students.name END AS with
               FROM bookings JOIN lessons ON lessons.id = lesson_id JOIN subjects ON subjects.id = subject_id
                   JOIN tutors ON tutors.id = tutor_id JOIN users AS tutor_users ON tutor_users.id = tutors.user_id
                   JOIN users AS students ON students.id = student_id
               WHERE (student_id = {id} OR tutors.user_id = {id}) AND reserved_for IS NULL
               ORDER BY bookings.starts_at DESC, bookings.id LIMIT {MOST_ROWS}"#
        ))
        .await?;
    Ok(rows.and_then(async |row| OwnLesson::from_query_result(&row, "")))
}
