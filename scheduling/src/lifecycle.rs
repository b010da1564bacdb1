//! Which status a booking may move to, and on whose word.

use chrono::{DateTime, Utc};

/// How things stand with one student's place in a lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BookingStatus {
    /// The place is taken.
    Confirmed,
    /// The place was given back. Nothing follows on this.
    Cancelled,
}

/// On whose word a booking changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The student whose booking it is, or a guardian in their name.
    Student,
    /// The tutor of the lesson.
    Tutor,
    /// The staff of the centre.
    Admin,
}

/// Why a booking can't be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CancelRefusal {
    /// It is cancelled, and stays so.
    #[error("the booking is already cancelled")]
    AlreadyCancelled,
    /// The lesson has begun: what is left to record is attendance.
    #[error("the lesson has already started")]
    AlreadyStarted,
}

impl CancelRefusal {
    /// The stable name of the reason, for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::AlreadyCancelled => "already_cancelled",
            Self::AlreadyStarted => "already_started",
        }
    }
}

/// The status after `actor` cancels, at `now`, a booking of a lesson that begins at `starts_at`.
///
/// A lesson has begun as soon as `now` is `starts_at`. From then on nobody can cancel.
pub fn cancel(
    status: BookingStatus,
    actor: Actor,
    starts_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<BookingStatus, CancelRefusal> {
    match (status, actor) {
        (BookingStatus::Cancelled, _) => Err(CancelRefusal::AlreadyCancelled),
        (BookingStatus::Confirmed, Actor::Student | Actor::Tutor | Actor::Admin) => {
            if now < starts_at {
                Ok(BookingStatus::Cancelled)
            } else {
                Err(CancelRefusal::AlreadyStarted)
            }
        }
    }
}
