//! Credit of students, in minutes of lessons of a subject.

use super::{
    BookingId, UserId, app_key::Access, booking::Detail, caller::Caller, idempotency::Reply,
    subject::is_slug, transaction::transaction,
};
use crate::{
    app::App,
    error::Error,
    store::{self, cancellation_policy::Whose, credit::Taking},
};
use ::entity::id::SubjectId;
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::interval::Span;
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use serde::Serialize;

pub use crate::store::credit::{Entry, Lot};

/// What a student has, by subject and expiry; of the subjects to which the caller's key is limited.
///
/// # Errors
/// [`Error::Forbidden`] for keys that are limited to tutors.
pub async fn lots(app: &App, caller: &Caller, student: UserId) -> Result<Vec<Lot>, Error> {
    check_unlimited(caller, |access| access.tutors().is_none())?;
    let now = app.clock.now();
    Ok(store::credit::lots(&app.db, student, among(caller), now).await?)
}

/// How that came to be, the newest first.
///
/// # Errors
/// As [`lots`].
pub async fn entries(
    app: &App,
    caller: &Caller,
    student: UserId,
    after: Option<i64>,
    limit: u32,
) -> Result<Vec<Entry>, Error> {
    check_unlimited(caller, |access| access.tutors().is_none())?;
    let among = among(caller);
    Ok(store::credit::entries(&app.db, student, among, after, limit.into()).await?)
}

/// Whether a key sees what all tutors have to do with.
pub(super) fn check_unlimited(
    caller: &Caller,
    is_unlimited: impl FnOnce(&Access) -> bool,
) -> Result<(), Error> {
    match caller {
        Caller::App(access) if !is_unlimited(access) => Err(Error::Forbidden {
            code: "insufficient_scope",
            detail: "This key is limited, and what was asked for is of the whole centre.".into(),
        }),
        Caller::App(_) | Caller::Person(_) => Ok(()),
    }
}

fn among(caller: &Caller) -> Option<&[String]> {
    match caller {
        Caller::Person(_) => None,
        Caller::App(access) => Access::subjects(access),
    }
}

/// What the centre does with the credit of a student.
#[derive(Clone, Debug)]
pub struct Change {
    pub student: UserId,
    /// Slug.
    pub subject: String,
    pub minutes: i32,
    pub kind: ChangeKind,
    pub reason: String,
}

/// See [`Change`].
#[derive(Clone, Copy, Debug)]
pub enum ChangeKind {
    /// Good until then, or for as long as credit for a lesson of the subject is.
    Grant {
        expires_at: Option<DateTime<Utc>>,
    },
    Withdraw,
}

/// Grants or withdraws credit; what the student has of the subject then.
///
/// # Errors
/// [`Error::NotFound`] for a student who is not there; [`Error::Invalid`] for a subject that is not, or an expiry that is
/// not ahead; [`Error::Conflict`] with `insufficient_credit`; [`Error::RequestInProgress`] if the claim was lost.
pub async fn change<A: Serialize + Send + Sync>(
    app: &App,
    change: Change,
    reply: Reply<Vec<Lot>, A>,
) -> Result<A, Error> {
    let student = change.student;
    transaction!(app.db, |txn| {
        store::lock_time_of(txn, &[student]).await?;
        let now = app.clock.now();
        if !store::person::hold(txn, student).await? {
            return Err(Error::not_found("student"));
        }
        let subject = find_subject(txn, &change.subject).await?;
        apply(txn, subject, &change, now).await?;
        let of_subject = std::slice::from_ref(&change.subject);
        let lots = store::credit::lots(txn, student, Some(of_subject), now).await?;
        reply.keep(txn, lots).await
    })
}

async fn apply(
    txn: &DatabaseTransaction,
    subject: SubjectId,
    change: &Change,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let (whose, reason) = ((change.student, subject), change.reason.as_str());
    match change.kind {
        ChangeKind::Grant { expires_at } => {
            let expires_at = match expires_at {
                Some(at) if at <= now => {
                    return Err(Error::invalid("expires_at", "not_ahead", "must be ahead"));
                }
                Some(at) => at,
                None => usual_expiry(txn, subject, now).await?,
            };
            let what = (change.minutes, expires_at);
            Ok(store::credit::issue(txn, whose, what, (None, Some(reason)), now).await?)
        }
        ChangeKind::Withdraw => {
            let taking = Taking::Withdrawal { reason };
            check_taken(
                change.minutes,
                store::credit::take(txn, whose, change.minutes, taking, now).await?,
            )
        }
    }
}

async fn usual_expiry(
    txn: &DatabaseTransaction,
    subject: SubjectId,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, Error> {
    let whose = Whose {
        subject: Some(subject),
        ..Whose::default()
    };
    let policy = store::cancellation_policy::effective(txn, whose).await?;
    Ok(now + TimeDelta::days(policy.credit_days.into()))
}

async fn find_subject(db: &impl ConnectionTrait, slug: &str) -> Result<SubjectId, Error> {
    let unknown = || Error::invalid("subject", "unknown_subject", "there is no such subject");
    if !is_slug(slug) {
        return Err(unknown());
    }
    let found = store::subject::by_slugs(db, vec![slug.to_owned()]).await?;
    Ok(found.first().ok_or_else(unknown)?.id)
}

/// Pays for a booking, in the transaction that makes it and holds its student's time.
///
/// # Errors
/// [`Error::Conflict`] with `insufficient_credit`, upon which the transaction is to be undone.
pub(super) async fn pay(
    txn: &DatabaseTransaction,
    (booking, student): (BookingId, UserId),
    span: Span,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let subject = store::credit::subject_of(txn, booking).await?;
    let minutes = i32::try_from(span.duration().num_minutes()).unwrap_or(i32::MAX);
    let taking = Taking::Use(booking);
    let taken = store::credit::take(txn, (student, subject), minutes, taking, now).await?;
    check_taken(minutes, taken)
}

fn check_taken(wanted: i32, taken: i32) -> Result<(), Error> {
    if taken == wanted {
        return Ok(());
    }
    let detail =
        format!("This takes {wanted} minutes of credit for the subject, and there are {taken}.");
    Err(Error::conflict("insufficient_credit", detail))
}

/// Whether a booking can be moved to this time: what credit paid for stays as long as it is.
///
/// # Errors
/// [`Error::Conflict`] with `paid_with_credit`.
pub(super) fn check_length(booking: &Detail, to: Span) -> Result<(), Error> {
    let paid = i64::from(booking.paid_credit_minutes);
    if paid == 0 || paid == to.duration().num_minutes() {
        return Ok(());
    }
    let detail =
        format!("{paid} minutes of credit paid for this lesson: it stays as long as it is.");
    Err(Error::conflict("paid_with_credit", detail))
}

/// Writes down what has expired. Nobody waits for that: who uses credit goes by the time. Whether there may be more.
pub async fn expire(app: &App) -> Result<bool, Error> {
    let now = app.clock.now();
    transaction!(app.db, |txn| {
        Ok(store::credit::expire_any(txn, now).await? > 0)
    })
}
