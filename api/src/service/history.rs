//! What became of a booking, step by step: what the audit trail tells of it, without saying who anybody is.

use super::{BookingId, booking, caller::Caller};
use crate::{
    app::App,
    error::Error,
    store::{
        self,
        audit_entry::{BookingEntry, Columns},
    },
};
use ::entity::booking::BookingStatus;
use chrono::{DateTime, Utc};
use scheduling::interval::Span;

/// The latest changes of a booking that are told: more than anybody makes but by a program.
pub const MOST_STEPS: i64 = 500;

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// It came to be, or has, this status.
    Status(BookingStatus),
    Rescheduled,
    /// Another tutor has it.
    Reassigned,
    TimeProposed,
    TimeDeclined,
    TimeWithdrawn,
    TimeExpired,
}

/// On whose word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Student,
    Guardian,
    Tutor,
    Admin,
    App,
    /// Nobody's: the server, by itself or by its operator.
    System,
}

/// One step.
#[derive(Clone, Debug)]
pub struct PastStep {
    pub at: DateTime<Utc>,
    pub kind: StepKind,
    /// None: of somebody who is neither any more.
    pub by: Option<By>,
    /// The time before that, of what has another then or is to have.
    pub from: Option<Span>,
    /// The time after that, or that is proposed.
    pub to: Option<Span>,
    /// Why it was cancelled or declined.
    pub reason: Option<String>,
}

/// What became of a booking that the caller sees, the first step first: of the last [`MOST_STEPS`] changes, as far as the
/// audit trail keeps them. One query beside that of the booking.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn of_booking(app: &App, caller: &Caller, id: BookingId) -> Result<Vec<PastStep>, Error> {
    let booking = booking::get(app, caller, id).await?;
    let entries = store::audit_entry::of_booking(&app.db, id, MOST_STEPS).await?;
    Ok(steps(entries, (booking.starts_at, booking.ends_at)))
}

/// The steps of entries, of which the newest come first, of a booking that is at this time now. An entry tells of a time
/// only what changed; so they are read back from the present.
fn steps(entries: Vec<BookingEntry>, now_at: (DateTime<Utc>, DateTime<Utc>)) -> Vec<PastStep> {
    let mut time = now_at;
    let mut steps = Vec::new();
    let ended = entries.iter().position(is_end);
    for (index, entry) in entries.into_iter().enumerate() {
        let (before, after) = (&entry.before, &entry.after);
        let to = Span::new(time.0, time.1);
        time = (
            before.starts_at.unwrap_or(time.0),
            before.ends_at.unwrap_or(time.1),
        );
        let from = Span::new(time.0, time.1);
        if ended.is_some_and(|end| index < end) {
            // A group lesson moves on, with the bookings of those who have left it.
            continue;
        }
        if let Some(kind) = kind(&entry) {
            let (from, to) = match kind {
                StepKind::Rescheduled => (from, to),
                StepKind::TimeProposed => (from, after.proposed()),
                StepKind::Status(_) if entry.is_insert => (None, to),
                _ => (None, None),
            };
            steps.push(PastStep {
                at: entry.at,
                by: by(&entry, &kind),
                kind,
                from,
                to,
                reason: after.cancellation_reason.clone(),
            });
        }
        steps.extend(time_expired(&entry));
    }
    steps.reverse();
    steps
}

/// Whether the booking is nobody's time any more from then on.
fn is_end(entry: &BookingEntry) -> bool {
    let ends = [
        BookingStatus::Cancelled,
        BookingStatus::Declined,
        BookingStatus::Expired,
    ];
    entry
        .after
        .status
        .is_some_and(|status| ends.contains(&status))
}

/// That a proposal had run out that an entry ends, whatever else the entry tells.
fn time_expired(entry: &BookingEntry) -> Option<PastStep> {
    let until = entry.before.proposal_expires_at?;
    (until <= entry.at).then_some(PastStep {
        at: until,
        kind: StepKind::TimeExpired,
        by: Some(By::System),
        from: None,
        to: None,
        reason: None,
    })
}

/// What an entry tells, if it is a step: of several changes at once, what is more than the others.
fn kind(entry: &BookingEntry) -> Option<StepKind> {
    let (before, after) = (&entry.before, &entry.after);
    if let Some(status) = after.status {
        return Some(StepKind::Status(status));
    }
    if after.lesson_id.is_some() {
        return Some(StepKind::Reassigned);
    }
    if after.starts_at.or(after.ends_at).is_some() {
        return Some(StepKind::Rescheduled);
    }
    if after.proposed_starts_at.is_some() {
        return Some(StepKind::TimeProposed);
    }
    // What else ends a proposal is a step itself, or time: see `time_expired`.
    before.proposed_starts_at?;
    match entry.operation.as_deref() {
        Some("decline_reschedule") => Some(StepKind::TimeDeclined),
        Some("withdraw_reschedule") => Some(StepKind::TimeWithdrawn),
        _ => None,
    }
}

/// Time passes on nobody's word, whoever was the first to need that written down.
fn by(entry: &BookingEntry, kind: &StepKind) -> Option<By> {
    if *kind == StepKind::Status(BookingStatus::Expired) {
        return Some(By::System);
    }
    match entry.role.as_deref()? {
        "student" => Some(By::Student),
        "guardian" => Some(By::Guardian),
        "tutor" => Some(By::Tutor),
        "admin" => Some(By::Admin),
        "app" => Some(By::App),
        "system" => Some(By::System),
        _ => None,
    }
}

impl Columns {
    fn proposed(&self) -> Option<Span> {
        let (start, end) = self.proposed_starts_at.zip(self.proposed_ends_at)?;
        Span::new(start, end)
    }
}
