//! How much students may book.

use super::{BookingId, UserId, caller::Caller, credit, transaction::transaction};
use crate::{
    app::App,
    error::{Conflict, Error, FieldError, QuotaUse},
    store::{self, timetable::Timetable, violated},
};
use chrono::{DateTime, Utc};
use scheduling::{
    interval::Span,
    quota::{self, Exceeded, Limits, Used},
};
use sea_orm::{ConnectionTrait, DatabaseTransaction};

pub use crate::store::quota::{OwnQuota, Term};

/// Whether a booking must keep to the quotas of its student.
///
/// # Errors
/// [`Error::Forbidden`] where others than admins want to book beyond them.
pub(super) fn binds(caller: &Caller, beyond: bool, timetable: &Timetable) -> Result<bool, Error> {
    if beyond && !caller.is_admin() {
        return Err(Error::Forbidden {
            code: "not_an_admin",
            detail: "Only an admin may book beyond a quota.".into(),
        });
    }
    Ok(timetable.has_quotas && !beyond)
}

/// Whether a student, whose time is locked, may have another lesson at this time.
///
/// # Errors
/// [`Error::Conflict`] with `quota_exceeded`.
pub(super) async fn check(
    app: &App,
    txn: &DatabaseTransaction,
    student: UserId,
    span: Span,
) -> Result<(), Error> {
    let standing = standing(app, txn, student, span.start(), &[]).await?;
    check_fits(&standing.limits, &standing.used, span)
}

/// As [`check`], of lessons that have just been booked together.
///
/// # Errors
/// As [`check`].
pub(super) async fn check_booked(
    app: &App,
    txn: &DatabaseTransaction,
    student: UserId,
    booked: &[(BookingId, Span)],
) -> Result<(), Error> {
    for (id, span) in booked {
        let beside = standing(app, txn, student, span.start(), &[*id]).await?;
        let minutes = span.duration().num_minutes();
        let Some(exceeded) = quota::exceeded(&beside.limits, &beside.used, minutes) else {
            continue;
        };
        let all: Vec<BookingId> = booked.iter().map(|(id, _)| *id).collect();
        let before = standing(app, txn, student, span.start(), &all).await?;
        return Err(refusal(Exceeded {
            used: before.used.of(exceeded.quota),
            ..exceeded
        }));
    }
    Ok(())
}

/// As [`check`], where a lesson that the student has is moved.
///
/// # Errors
/// As [`check`].
pub(super) async fn check_move(
    app: &App,
    txn: &DatabaseTransaction,
    (student, booking): (UserId, BookingId),
    to: Span,
) -> Result<(), Error> {
    let standing = standing(app, txn, student, to.start(), &[booking]).await?;
    let limits = Limits {
        active_bookings: None,
        ..standing.limits
    };
    check_fits(&limits, &standing.used, to)
}

fn check_fits(limits: &Limits, used: &Used, span: Span) -> Result<(), Error> {
    let minutes = span.duration().num_minutes();
    match quota::exceeded(limits, used, minutes) {
        Some(exceeded) => Err(refusal(exceeded)),
        None => Ok(()),
    }
}

fn refusal(exceeded: Exceeded) -> Error {
    let quota = QuotaUse {
        name: exceeded.quota.name(),
        limit: exceeded.limit,
        used: exceeded.used,
    };
    Error::Conflict(Box::new(Conflict {
        code: "quota_exceeded",
        detail: "The student would have more than the centre allows; quota says of what.".into(),
        conflicts: Vec::new(),
        alternatives: Vec::new(),
        quota: Some(quota),
        occurrences: Vec::new(),
    }))
}

/// What a student may book, and has.
#[derive(Debug)]
pub struct Standing {
    pub limits: Limits,
    pub used: Used,
    /// The week in which the time lies that was asked for.
    pub week: Span,
    /// The term in which it lies, if it does in any.
    pub term: Option<Term>,
    /// What is said for this student.
    pub own: OwnQuota,
    /// Of `own`; 1: nothing ever was.
    pub version: i32,
}

/// What a student may book, and has, around a time.
///
/// # Errors
/// [`Error::Forbidden`] for keys that are limited.
pub async fn get(
    app: &App,
    caller: &Caller,
    student: UserId,
    at: Option<DateTime<Utc>>,
) -> Result<Standing, Error> {
    credit::check_unlimited(caller, |access| {
        access.tutors().is_none() && access.subjects().is_none()
    })?;
    let at = at.unwrap_or_else(|| app.clock.now());
    standing(app, &app.db, student, at, &[]).await
}

async fn standing(
    app: &App,
    db: &impl ConnectionTrait,
    student: UserId,
    at: DateTime<Utc>,
    without: &[BookingId],
) -> Result<Standing, Error> {
    let zone = app.config.centre.time_zone;
    let date = at.with_timezone(&zone).date_naive();
    let allowance = store::quota::allowance(db, student, date).await?;
    let week = quota::week(at, zone)
        .ok_or_else(|| Error::internal(anyhow::anyhow!("a week at the end of all time")))?;
    let days = |term: &Term| quota::days(term.first_date, term.last_date, zone);
    let term = allowance.term.as_ref().and_then(days);
    let now = app.clock.now();
    Ok(Standing {
        used: store::quota::used(db, student, (week, term), without, now).await?,
        limits: allowance.limits,
        week,
        term: allowance.term,
        own: allowance.own,
        version: allowance.version,
    })
}

/// Replaces what is said for a student, if it is still at `version`.
///
/// # Errors
/// [`Error::NotFound`], [`Error::PreconditionFailed`].
pub async fn replace_own(
    app: &App,
    student: UserId,
    version: i32,
    own: &OwnQuota,
    dry_run: bool,
) -> Result<Standing, Error> {
    transaction!(app.db, dry_run, |txn| {
        if !store::person::hold(txn, student).await? {
            return Err(Error::not_found("student"));
        }
        if !store::quota::replace_own(txn, student, version, own).await? {
            return Err(Error::PreconditionFailed);
        }
        standing(app, txn, student, app.clock.now(), &[]).await
    })
}

/// The most terms that a centre can have.
pub const MOST_TERMS: usize = 200;

/// All terms, the first one first, and the version of the centre.
pub async fn terms(app: &App) -> Result<(Vec<Term>, i32), Error> {
    let (_, version) = store::policy::of_centre(&app.db).await?;
    Ok((store::quota::terms(&app.db).await?, version))
}

/// Replaces all terms if the centre is still at `version`; all of them then.
///
/// # Errors
/// [`Error::PreconditionFailed`]; [`Error::Invalid`] where two overlap.
pub async fn replace_terms(
    app: &App,
    version: i32,
    terms: &[Term],
    dry_run: bool,
) -> Result<Vec<Term>, Error> {
    transaction!(app.db, dry_run, |txn| {
        let replaced = store::quota::replace_terms(txn, version, terms).await;
        let replaced = replaced.map_err(|error| match violated(&error) {
            Some("terms_no_overlap" | "terms_pkey") => overlapping(terms),
            _ => error.into(),
        })?;
        if !replaced {
            return Err(Error::PreconditionFailed);
        }
        Ok(store::quota::terms(txn).await?)
    })
}

fn overlapping(terms: &[Term]) -> Error {
    let overlaps = |at: &usize| {
        let term = &terms[*at];
        let overlap =
            |other: &Term| other.first_date <= term.last_date && term.first_date <= other.last_date;
        terms[..*at].iter().any(overlap)
    };
    let at = (0..terms.len()).find(overlaps).unwrap_or_default();
    let field = format!("terms[{at}]");
    let detail = "has days of a term that stands before it";
    Error::Invalid(vec![FieldError::new(field, "overlaps", detail)])
}
