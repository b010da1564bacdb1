//! How much students may book, and how much they have.

use ::entity::id::{BookingId, UserId};
use chrono::{DateTime, NaiveDate, Utc};
use scheduling::{
    interval::Span,
    quota::{Limits, Used},
};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, raw_sql};
use std::collections::HashMap;
use uuid::Uuid;

/// What a student who differs from the centre may book; None: as the centre has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnQuota {
    pub max_active_bookings: Option<i32>,
    pub weekly_minutes: Option<i32>,
    pub term_minutes: Option<i32>,
}

/// Whole days in the zone of the centre.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Term {
    pub name: String,
    pub first_date: NaiveDate,
    pub last_date: NaiveDate,
}

/// What a student may book.
pub struct Allowance {
    pub own: OwnQuota,
    /// Of `own`; 1: there never was any.
    pub version: i32,
    /// What holds.
    pub limits: Limits,
    /// The term that was asked for, if there is one.
    pub term: Option<Term>,
}

/// What a student may book, with the term of a date.
pub async fn allowance(
    db: &impl ConnectionTrait,
    student: UserId,
    date: NaiveDate,
) -> Result<Allowance, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        own_active: Option<i32>,
        own_weekly: Option<i32>,
        own_term: Option<i32>,
        max_active_bookings: Option<i32>,
        weekly_minutes: Option<i32>,
        term_minutes: Option<i32>,
        version: i32,
        term_name: Option<String>,
        first_date: Option<NaiveDate>,
        last_date: Option<NaiveDate>,
    }
    let row = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT own.max_active_bookings AS own_active, own.weekly_minutes AS own_weekly, own.term_minutes AS own_term,
                  coalesce(own.max_active_bookings, centre.max_active_bookings) AS max_active_bookings,
                  coalesce(own.weekly_minutes, centre.weekly_minutes) AS weekly_minutes,
                  coalesce(own.term_minutes, centre.term_minutes) AS term_minutes,
                  coalesce(own.version, 1) AS version, terms.name AS term_name, first_date, last_date
           FROM centre
           LEFT JOIN student_quotas AS own ON own.student_id = {student}
           LEFT JOIN terms ON {date} BETWEEN first_date AND last_date"#
    ))
    .one(db)
    .await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound("centre".to_owned()))?;
    let term = row.term_name.zip(row.first_date).zip(row.last_date);
    Ok(Allowance {
        own: OwnQuota {
            max_active_bookings: row.own_active,
            weekly_minutes: row.own_weekly,
            term_minutes: row.own_term,
        },
        version: row.version,
        limits: Limits {
            active_bookings: row.max_active_bookings.map(Into::into),
            weekly_minutes: row.weekly_minutes.map(Into::into),
            term_minutes: row.term_minutes.map(Into::into),
        },
        term: term.map(|((name, first_date), last_date)| Term {
            name,
            first_date,
            last_date,
        }),
    })
}

/// What a student has at `now`, held and requested lessons included: all that is not over, and what begins in a week and
/// in a term; some bookings left out. A lesson for which another time is proposed counts where it is.
pub async fn used(
    db: &impl ConnectionTrait,
    student: UserId,
    (week, term): (Span, Option<Span>),
    without: &[BookingId],
    now: DateTime<Utc>,
) -> Result<Used, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        active: i64,
        weekly: i64,
        of_term: i64,
    }
    let without: Vec<Uuid> = without.iter().map(|id| id.0).collect();
    let earliest = term.map_or(week.start(), |term| term.start().min(week.start()));
    let earliest = super::occupied::a_lesson_before(earliest.min(now));
    let (week_start, week_end) = (week.start(), week.end());
    let (term_start, term_end) = term.map(|term| (term.start(), term.end())).unzip();
    let row = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT count(*) FILTER (WHERE ends_at > {now}) AS active,
                  coalesce(sum(minutes) FILTER (WHERE starts_at >= {week_start} AND starts_at < {week_end}), 0)::bigint AS weekly,
                  coalesce(sum(minutes) FILTER (WHERE starts_at >= {term_start} AND starts_at < {term_end}), 0)::bigint AS of_term
           FROM bookings, LATERAL (SELECT extract(epoch FROM ends_at - starts_at)::bigint / 60 AS minutes) AS length
           WHERE student_id = {student} AND occupies AND (expires_at IS NULL OR expires_at > {now})
             AND starts_at > {earliest} AND id <> ALL({without}) AND reserved_for IS NULL"#
    ))
    .one(db)
    .await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound("sum".to_owned()))?;
    Ok(Used {
        active_bookings: row.active,
        weekly_minutes: row.weekly,
        term_minutes: row.of_term,
    })
}

/// What each of these students may book; who may book anything is not among them.
pub async fn limits(
    db: &impl ConnectionTrait,
    students: &[UserId],
) -> Result<Vec<(UserId, Limits)>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        student_id: UserId,
        active: Option<i32>,
        weekly: Option<i32>,
        of_term: Option<i32>,
    }
    let students: Vec<Uuid> = students.iter().map(|id| id.0).collect();
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT students.id AS student_id, coalesce(own.max_active_bookings, centre.max_active_bookings) AS active,
                  coalesce(own.weekly_minutes, centre.weekly_minutes) AS weekly,
                  coalesce(own.term_minutes, centre.term_minutes) AS of_term
           FROM centre CROSS JOIN unnest({students}::uuid[]) AS students (id)
           LEFT JOIN student_quotas AS own ON own.student_id = students.id
           WHERE coalesce(own.max_active_bookings, own.weekly_minutes, own.term_minutes, centre.max_active_bookings,
                          centre.weekly_minutes, centre.term_minutes) IS NOT NULL"#
    ))
    .all(db)
    .await?;
    let limits = rows.into_iter().map(|row| {
        let limits = Limits {
            active_bookings: row.active.map(Into::into),
            weekly_minutes: row.weekly.map(Into::into),
            term_minutes: row.of_term.map(Into::into),
        };
        (row.student_id, limits)
    });
    Ok(limits.collect())
}

/// When a lesson is that counts.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

/// What these students have, as [`used`] counts it, that begins at `since` or later, or is not over at `now`.
pub async fn counted(
    db: &impl ConnectionTrait,
    students: &[UserId],
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<HashMap<UserId, Vec<Counted>>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        student_id: UserId,
        starts_at: DateTime<Utc>,
        ends_at: DateTime<Utc>,
    }
    let students: Vec<Uuid> = students.iter().map(|id| id.0).collect();
    let earliest = super::occupied::a_lesson_before(since.min(now));
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT student_id, starts_at, ends_at FROM bookings
           WHERE student_id = ANY({students}) AND occupies AND (expires_at IS NULL OR expires_at > {now})
             AND starts_at > {earliest} AND reserved_for IS NULL"#
    ))
    .all(db)
    .await?;
    let mut counted: HashMap<UserId, Vec<Counted>> = HashMap::new();
    for Row {
        student_id,
        starts_at,
        ends_at,
    } in rows
    {
        let of_student = counted.entry(student_id).or_default();
        of_student.push(Counted { starts_at, ends_at });
    }
    Ok(counted)
}

/// The version of what nothing was ever said of.
const NEVER_EDITED: i32 = 1;

/// Replaces what a student may book who differs from the centre, if it is still at `version`; whether it was.
pub async fn replace_own(
    txn: &impl ConnectionTrait,
    student: UserId,
    version: i32,
    own: &OwnQuota,
) -> Result<bool, DbErr> {
    let OwnQuota {
        max_active_bookings,
        weekly_minutes,
        term_minutes,
    } = own.clone();
    let statement = if version == NEVER_EDITED {
        raw_sql!(
            Postgres,
            r#"INSERT INTO student_quotas (student_id, max_active_bookings, weekly_minutes, term_minutes, version)
               VALUES ({student}, {max_active_bookings}, {weekly_minutes}, {term_minutes}, {version} + 1)
               ON CONFLICT ON CONSTRAINT student_quotas_pkey DO NOTHING"#
        )
    } else {
        raw_sql!(
            Postgres,
            r#"UPDATE student_quotas SET max_active_bookings = {max_active_bookings}, weekly_minutes = {weekly_minutes},
                   term_minutes = {term_minutes}, version = version + 1
               WHERE student_id = {student} AND version = {version}"#
        )
    };
    Ok(txn.execute_raw(statement).await?.rows_affected() == 1)
}

/// All terms, the first one first.
pub async fn terms(db: &impl ConnectionTrait) -> Result<Vec<Term>, DbErr> {
    Term::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT name, first_date, last_date FROM terms ORDER BY first_date"#
    ))
    .all(db)
    .await
}

/// Replaces all terms if the centre is still at `version`; whether it was.
///
/// # Errors
/// `terms_no_overlap` and `terms_pkey` are for the caller to translate.
pub async fn replace_terms(
    txn: &impl ConnectionTrait,
    version: i32,
    terms: &[Term],
) -> Result<bool, DbErr> {
    let moved = txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE centre SET version = version + 1 WHERE version = {version}"#
    ));
    if moved.await?.rows_affected() != 1 {
        return Ok(false);
    }
    let names: Vec<String> = terms.iter().map(|term| term.name.clone()).collect();
    let first: Vec<NaiveDate> = terms.iter().map(|term| term.first_date).collect();
    let last: Vec<NaiveDate> = terms.iter().map(|term| term.last_date).collect();
    txn.execute_raw(raw_sql!(Postgres, r#"DELETE FROM terms"#))
        .await?;
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"INSERT INTO terms (name, first_date, last_date)
           SELECT * FROM unnest({names}::text[], {first}::date[], {last}::date[])"#
    ))
    .await?;
    Ok(true)
}
