//! The ledger of credit: only its entries change a balance, and the database holds both together.

use super::conditions::Conditions;
use ::entity::id::{BookingId, SubjectId, UserId};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseBackend, DbErr, FromQueryResult, Statement, raw_sql};
use uuid::Uuid;

/// Credit that expires at one time.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Lot {
    pub subject_slug: String,
    pub subject_name: String,
    pub minutes: i32,
    pub expires_at: DateTime<Utc>,
}

/// The longest list of lots.
pub const MOST_LOTS: i64 = 1000;

/// What a student has at `now`, by subject, and of each what expires first, of these subjects where there are any.
pub async fn lots(
    db: &impl ConnectionTrait,
    student: UserId,
    among: Option<&[String]>,
    now: DateTime<Utc>,
) -> Result<Vec<Lot>, DbErr> {
    let among = among.map(<[String]>::to_vec);
    Lot::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT slug AS subject_slug, name AS subject_name, sum(remaining_minutes)::integer AS minutes, expires_at
           FROM credit_lots JOIN subjects ON subjects.id = subject_id
           WHERE student_id = {student} AND remaining_minutes > 0 AND expires_at > {now}
             AND ({among}::text[] IS NULL OR slug = ANY({among}))
           GROUP BY slug, name, expires_at ORDER BY slug, expires_at LIMIT {MOST_LOTS}"#
    ))
    .all(db)
    .await
}

/// A transfer.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Entry {
    pub id: i64,
    pub created_at: DateTime<Utc>,
    pub subject_slug: String,
    pub subject_name: String,
    pub from_account: String,
    pub to_account: String,
    pub minutes: i32,
    pub expires_at: DateTime<Utc>,
    pub booking_id: Option<BookingId>,
    pub reason: Option<String>,
}

/// Entries of a student, the newest first, those before `after`; of these subjects where there are any.
pub async fn entries(
    db: &impl ConnectionTrait,
    student: UserId,
    among: Option<&[String]>,
    after: Option<i64>,
    limit: i64,
) -> Result<Vec<Entry>, DbErr> {
    let mut conditions = Conditions::with([student.into()]);
    conditions.add("entries.student_id = $1", []);
    if let Some(slugs) = among {
        conditions.add("slug = ANY(?)", [slugs.to_vec().into()]);
    }
    if let Some(id) = after {
        conditions.add("entries.id < ?", [id.into()]);
    }
    let sql = format!(
        "SELECT entries.id, entries.created_at, slug AS subject_slug, name AS subject_name, from_account, to_account,
                minutes, expires_at, booking_id, reason
         FROM credit_entries AS entries JOIN credit_lots AS lots ON lots.id = lot_id
         JOIN subjects ON subjects.id = entries.subject_id
         WHERE {} ORDER BY entries.id DESC LIMIT {limit}",
        conditions.sql
    );
    Entry::find_by_statement(Statement::from_sql_and_values(
        DatabaseBackend::Postgres,
        sql,
        conditions.values,
    ))
    .all(db)
    .await
}

/// Gives a student credit, for a booking or for a reason.
pub async fn issue(
    txn: &impl ConnectionTrait,
    (student, subject): (UserId, SubjectId),
    (minutes, expires_at): (i32, DateTime<Utc>),
    (booking, reason): (Option<BookingId>, Option<&str>),
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let id = Uuid::now_v7();
    let reason = reason.map(str::to_owned);
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"INSERT INTO credit_lots (id, student_id, subject_id, expires_at, created_at)
           VALUES ({id}, {student}, {subject}, {expires_at}, {now})"#
    ))
    .await?;
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"INSERT INTO credit_entries
               (lot_id, student_id, subject_id, from_account, to_account, minutes, booking_id, reason, created_at)
           VALUES ({id}, {student}, {subject}, 'issued', 'student', {minutes}, {booking}, {reason}, {now})"#
    ))
    .await
    .map(|_| ())
}

/// For what credit is taken.
pub enum Taking<'a> {
    /// It pays for a booking.
    Use(BookingId),
    /// The centre takes it back.
    Withdrawal { reason: &'a str },
}

/// Takes credit of a student that has not expired, what expires first before the rest; how many minutes, at most so many.
/// Whoever asked for more undoes it.
pub async fn take(
    txn: &impl ConnectionTrait,
    (student, subject): (UserId, SubjectId),
    minutes: i32,
    taking: Taking<'_>,
    now: DateTime<Utc>,
) -> Result<i32, DbErr> {
    #[derive(FromQueryResult)]
    struct Taken {
        minutes: i64,
    }
    let (account, booking, reason) = match taking {
        Taking::Use(booking) => ("used", Some(booking), None),
        Taking::Withdrawal { reason } => ("withdrawn", None, Some(reason.to_owned())),
    };
    let taken = Taken::find_by_statement(raw_sql!(
        Postgres,
        r#"WITH lots AS (
               SELECT id, remaining_minutes, expires_at FROM credit_lots
               WHERE student_id = {student} AND subject_id = {subject} AND remaining_minutes > 0 AND expires_at > {now}
               ORDER BY expires_at, id FOR UPDATE),
           counted AS (
               SELECT id, remaining_minutes,
                      sum(remaining_minutes) OVER (ORDER BY expires_at, id) - remaining_minutes AS before
               FROM lots),
           taken AS (
               INSERT INTO credit_entries
                   (lot_id, student_id, subject_id, from_account, to_account, minutes, booking_id, reason, created_at)
               SELECT id, {student}, {subject}, 'student', {account}, least(remaining_minutes, {minutes} - before),
                      {booking}, {reason}, {now}
               FROM counted WHERE before < {minutes}
               RETURNING minutes),
           paid AS (UPDATE bookings SET paid_credit_minutes = {minutes} WHERE id = {booking})
           SELECT coalesce(sum(minutes), 0) AS minutes FROM taken"#
    ))
    .one(txn)
    .await?;
    let taken = taken.map_or(0, |taken| taken.minutes);
    Ok(i32::try_from(taken).unwrap_or(i32::MAX))
}

/// What a lesson is about.
pub async fn subject_of(txn: &impl ConnectionTrait, id: BookingId) -> Result<SubjectId, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        subject_id: SubjectId,
    }
    let row = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT subject_id FROM bookings JOIN lessons ON lessons.id = lesson_id WHERE bookings.id = {id}"#
    ))
    .one(txn)
    .await?;
    row.map(|row| row.subject_id)
        .ok_or_else(|| DbErr::RecordNotFound("lesson".to_owned()))
}

/// How many minutes of what a booking took have not expired.
pub async fn still_good(
    db: &impl ConnectionTrait,
    id: BookingId,
    now: DateTime<Utc>,
) -> Result<i32, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        minutes: i64,
    }
    let row = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT coalesce(sum(CASE WHEN to_account = 'used' THEN minutes ELSE -minutes END), 0) AS minutes
           FROM credit_entries JOIN credit_lots ON credit_lots.id = lot_id
           WHERE booking_id = {id} AND 'used' IN (from_account, to_account) AND expires_at > {now}"#
    ))
    .one(db)
    .await?;
    Ok(row.map_or(0, |row| i32::try_from(row.minutes).unwrap_or_default()))
}

/// Gives back what a booking took: what expires within so many days from now on is good for that long; where none is
/// given, what has expired stays where it is.
pub async fn give_back(
    txn: &impl ConnectionTrait,
    id: BookingId,
    at_least_days: Option<i32>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"SELECT give_credit_back({id}, {now}, make_interval(days => {at_least_days}))"#
    ))
    .await
    .map(|_| ())
}

/// Writes down what has expired, a bounded number of lots at a time; how many there were.
pub async fn expire_any(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<u64, DbErr> {
    let expired = db.execute_raw(raw_sql!(
        Postgres,
        r#"WITH due AS (
               SELECT id, student_id, subject_id, remaining_minutes FROM credit_lots
               WHERE remaining_minutes > 0 AND expires_at <= {now}
               ORDER BY expires_at LIMIT 500 FOR UPDATE SKIP LOCKED)
           INSERT INTO credit_entries (lot_id, student_id, subject_id, from_account, to_account, minutes, created_at)
           SELECT id, student_id, subject_id, 'student', 'expired', remaining_minutes, {now} FROM due"#
    ));
    Ok(expired.await?.rows_affected())
}
