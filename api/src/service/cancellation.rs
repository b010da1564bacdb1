//! What cancelling means for the student: told beforehand, and done, by the same function.

use super::{
    BookingId, SubjectId, TutorId,
    booking::{self, BookingStatus, Detail},
    caller::Caller,
    step, subject,
    transaction::transaction,
    tutor,
};
use crate::{
    app::App,
    error::Error,
    store::{self, cancellation_policy::Whose},
};
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::{
    cancellation::{self, Booking},
    lifecycle::{Actor, Step},
};
use sea_orm::{ConnectionTrait, DatabaseTransaction};

pub use crate::store::cancellation_policy::CancellationPolicy;
pub use scheduling::cancellation::{Consequence, Outcome, Policy, Quote, Window};

/// For so many days at least credit is good that comes back because somebody else called the lesson off.
pub(super) const GOOD_FOR_DAYS: i32 = 14;

/// For so many days credit is good where nothing else was said.
const CREDIT_DAYS: i32 = 180;

/// What would happen if the caller cancelled a booking now, and when it becomes worse.
///
/// # Errors
/// As cancelling: [`Error::NotFound`]; [`Error::Conflict`] with the code of what is in the way; [`Error::Forbidden`] with
/// `not_yours_to_decide`.
pub async fn quote(app: &App, caller: &Caller, id: BookingId) -> Result<Quote, Error> {
    let booking = booking::get(app, caller, id).await?;
    let now = app.clock.now();
    step::take(&booking, caller, Step::Cancel, now)?;
    Ok(quoted(&app.db, caller, &booking, now).await?.quote)
}

/// Whether the caller may move a booking: a student as long as cancelling is free, for what has moved far enough ahead
/// could be cancelled freely again.
///
/// # Errors
/// [`Error::Conflict`] with `too_late_to_move`.
pub(super) async fn check_movable(
    db: &impl ConnectionTrait,
    caller: &Caller,
    booking: &Detail,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if booking.absence_offered {
        return Ok(());
    }
    if consequence(db, caller, booking, now).await? == Consequence::Free {
        return Ok(());
    }
    let detail =
        "Cancelling this lesson is not free any more, so only the tutor or the centre moves it.";
    Err(Error::conflict("too_late_to_move", detail))
}

/// What the caller's cancelling of a booking now means for its student.
pub(super) async fn consequence(
    db: &impl ConnectionTrait,
    caller: &Caller,
    booking: &Detail,
    now: DateTime<Utc>,
) -> Result<Consequence, Error> {
    let Quoted { quote, .. } = quoted(db, caller, booking, now).await?;
    Ok(quote.outcome.consequence)
}

/// Does what follows from a booking being cancelled or declined by the caller, with the credit of its student; what that
/// is. None: it was only held.
pub(super) async fn settle(
    txn: &DatabaseTransaction,
    caller: &Caller,
    booking: &Detail,
    now: DateTime<Utc>,
) -> Result<Option<Outcome>, Error> {
    if booking.status == BookingStatus::Held {
        return Ok(None);
    }
    let Quoted {
        quote: Quote { outcome, .. },
        credit_days,
        at_own_risk,
    } = quoted(txn, caller, booking, now).await?;
    let at_least = (!at_own_risk).then_some(GOOD_FOR_DAYS);
    give(
        txn,
        booking,
        outcome.credit_minutes,
        (at_least, credit_days),
        now,
    )
    .await?;
    Ok(Some(outcome))
}

/// Does what follows from a lesson having begun without its tutor; what that is.
pub(super) async fn settle_absence(
    txn: &DatabaseTransaction,
    booking: &Detail,
    now: DateTime<Utc>,
) -> Result<Outcome, Error> {
    let policy = store::cancellation_policy::of_booking(txn, booking.id).await?;
    let paid = booking.paid_credit_minutes;
    let outcome = cancellation::outcome_of_absence(&known(booking, (paid > 0).then_some(paid)));
    let good_for = (Some(GOOD_FOR_DAYS), policy.credit_days);
    give(txn, booking, outcome.credit_minutes, good_for, now).await?;
    Ok(outcome)
}

/// Gives the student credit, which is good for `credit_days`, or gives that back which paid, which is good for
/// `at_least` days.
async fn give(
    txn: &DatabaseTransaction,
    booking: &Detail,
    minutes: i32,
    (at_least, credit_days): (Option<i32>, i32),
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if minutes == 0 {
        return Ok(());
    }
    if booking.paid_credit_minutes > 0 {
        store::credit::give_back(txn, booking.id, at_least, now).await?;
        return Ok(());
    }
    let subject = store::credit::subject_of(txn, booking.id).await?;
    let expires_at = now + TimeDelta::days(credit_days.into());
    let why = (Some(booking.id), None);
    let whose = (booking.student_id, subject);
    Ok(store::credit::issue(txn, whose, (minutes, expires_at), why, now).await?)
}

/// What it meant for the student that a booking was cancelled or declined.
#[derive(Clone, Copy, Debug)]
pub struct Recorded {
    pub consequence: Consequence,
    pub credit_minutes: i32,
    /// None: that was not decided then.
    pub charged_minutes: Option<i32>,
}

/// As it was written down, if it was decided: what has become of the lesson since changes nothing.
pub fn recorded(booking: &Detail) -> Option<Recorded> {
    Some(Recorded {
        consequence: Consequence::named(booking.cancellation_consequence.as_deref()?)?,
        credit_minutes: booking.cancellation_credit_minutes?,
        charged_minutes: booking.cancellation_charged_minutes,
    })
}

fn minutes(booking: &Detail) -> i32 {
    let length = booking.ends_at - booking.starts_at;
    i32::try_from(length.num_minutes()).unwrap_or_default()
}

/// What the caller's cancelling leads to.
struct Quoted {
    quote: Quote,
    /// For how many days credit is good that it gives.
    credit_days: i32,
    /// Whether what expired meanwhile of the credit that paid is lost to the student.
    at_own_risk: bool,
}

/// What the caller's cancelling leads to. Only of students anything is looked up, and the policy only where they cancel what is
/// confirmed: whoever else calls a lesson off, it costs the student nothing, nor does it where the tutor is absent.
async fn quoted(
    db: &impl ConnectionTrait,
    caller: &Caller,
    booking: &Detail,
    now: DateTime<Utc>,
) -> Result<Quoted, Error> {
    let by = step::actor(booking, caller);
    let is_student = by == Actor::Student;
    let tutor_absent = is_student && store::absence::covers(db, booking.id).await?;
    let policy = if is_student && booking.status == BookingStatus::Confirmed {
        store::cancellation_policy::of_booking(db, booking.id).await?
    } else {
        CancellationPolicy {
            rules: Policy::default(),
            credit_days: CREDIT_DAYS,
        }
    };
    let at_own_risk = is_student && !tutor_absent;
    let paid = match booking.paid_credit_minutes {
        0 => None,
        _ if at_own_risk => Some(store::credit::still_good(db, booking.id, now).await?),
        paid => Some(paid),
    };
    let known = Booking {
        tutor_absent,
        ..known(booking, paid)
    };
    Ok(Quoted {
        quote: cancellation::quote(&policy.rules, by, &known, now),
        credit_days: policy.credit_days,
        at_own_risk,
    })
}

/// A booking as the rules know it, of which so many minutes of credit can come back.
fn known(booking: &Detail, paid: Option<i32>) -> Booking {
    Booking {
        starts_at: booking.starts_at,
        booked_at: booking.booked_at.unwrap_or(booking.created_at),
        moved_at: booking.moved_at,
        tutor_absent: false,
        minutes: minutes(booking),
        paid,
    }
}

/// Whose policy is asked for: of the centre, where nothing is named.
#[derive(Clone, Debug, Default)]
pub struct Of {
    pub tutor: Option<TutorId>,
    /// Slug.
    pub subject: Option<String>,
}

/// What is said for a tutor, or else a subject, or else the centre, if anything, and the version of that.
#[derive(Debug)]
pub struct Stated {
    pub own: Option<CancellationPolicy>,
    pub version: i32,
    /// What holds: of the tutor, or else the subject, or else the centre.
    pub effective: CancellationPolicy,
}

/// # Errors
/// [`Error::NotFound`] for a tutor or subject that there is not, or that the caller may not see.
pub async fn policy(app: &App, caller: &Caller, of: &Of) -> Result<Stated, Error> {
    let whose = whose(app, caller, of).await?;
    stated(&app.db, whose).await
}

async fn stated(db: &impl ConnectionTrait, whose: Whose) -> Result<Stated, Error> {
    let (own, version) = store::cancellation_policy::own(db, most_particular(whose)).await?;
    Ok(Stated {
        own,
        version,
        effective: store::cancellation_policy::effective(db, whose).await?,
    })
}

async fn whose(app: &App, caller: &Caller, of: &Of) -> Result<Whose, Error> {
    if let Some(id) = of.tutor {
        tutor::get(app, caller, id).await?;
    }
    let mut subject_id: Option<SubjectId> = None;
    if let Some(slug) = &of.subject {
        subject_id = Some(subject::get(app, caller, slug).await?.id);
    }
    Ok(Whose {
        tutor: of.tutor,
        subject: subject_id,
    })
}

fn most_particular(whose: Whose) -> Whose {
    match whose.tutor {
        Some(_) => Whose {
            subject: None,
            ..whose
        },
        None => whose,
    }
}

/// Replaces what is said for a tutor, a subject or the centre, if it is still at `version`. None: the more general policy
/// is to hold.
///
/// # Errors
/// [`Error::NotFound`], [`Error::PreconditionFailed`]; [`Error::Invalid`] where both a tutor and a subject are named, or
/// the centre is to have none.
pub async fn replace(
    app: &App,
    caller: &Caller,
    of: &Of,
    version: i32,
    policy: Option<CancellationPolicy>,
    dry_run: bool,
) -> Result<Stated, Error> {
    let whose = whose(app, caller, of).await?;
    if whose.tutor.is_some() && whose.subject.is_some() {
        let detail = "is either of a tutor or of a subject";
        return Err(Error::invalid("subject", "not_allowed", detail));
    }
    if whose == Whose::default() && policy.is_none() {
        let detail = "the centre needs a policy";
        return Err(Error::invalid("policy", "needs_policy", detail));
    }
    transaction!(app.db, dry_run, |txn| {
        let replaced =
            store::cancellation_policy::replace(txn, whose, version, policy.as_ref()).await?;
        if !replaced {
            return Err(Error::PreconditionFailed);
        }
        stated(txn, whose).await
    })
}
