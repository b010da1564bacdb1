//! What becomes of a lesson when its event in somebody's calendar no longer says what the lesson does.
//!
//! Nothing here is decided from what could not be read: who calls has read the event.

use chrono::{DateTime, TimeDelta, Timelike, Utc};

use crate::{cancellation::Consequence, interval::Span, policy::LONGEST_LESSON};

/// What the centre wants to become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Of an event that was moved.
    pub moved: Moved,
    /// Of one that was deleted.
    pub deleted: Deleted,
    /// For how long a deletion can be undone.
    pub grace: TimeDelta,
    /// Of an invitation that a student has declined.
    pub declined: Declined,
}

/// What becomes of a lesson whose event was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moved {
    /// It moves too, where that is possible.
    Reschedule,
    /// It stays, and the event is put back.
    PutBack,
}

/// What becomes of a lesson whose event was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deleted {
    /// It is cancelled after a while.
    Cancel,
    /// It stays, and the event is made anew.
    PutBack,
}

/// What becomes of the place of a student who has declined the invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Declined {
    /// It is given back where that is free, and else the student is asked.
    Cancel,
    /// The student is asked.
    Ask,
}

/// What an event shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// It stands at this time.
    At(DateTime<Utc>, DateTime<Utc>),
    /// It stands, for whole days.
    Days,
    /// It was there, and has been deleted.
    Nothing,
}

/// What is to be done about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: it says what the lesson says, or the lesson has begun.
    Nothing,
    /// Move the lesson there, if that is possible.
    Reschedule(Span),
    /// Make the event say what the lesson says.
    PutBack(Why),
    /// Cancel the lesson then, unless that is undone before.
    CancelAt(DateTime<Utc>),
}

/// Why a lesson does not follow its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// The centre does not want it to.
    Policy,
    /// Lessons don't last for days.
    AllDay,
    /// It would be shorter or longer than what was booked.
    OtherLength,
    /// The time is over.
    NotAhead,
    /// Lessons begin with a minute.
    NotWholeMinutes,
    /// It was changed here too.
    ChangedHere,
    /// Nobody could look at the event until shortly before the lesson.
    TooLate,
    /// Its calendar is gone.
    CalendarGone,
    /// It was moved or deleted before anybody looked.
    Unnoticed,
    /// Its tutor may not do anything at present.
    TutorSuspended,
}

impl Why {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::Policy,
        Self::AllDay,
        Self::OtherLength,
        Self::NotAhead,
        Self::NotWholeMinutes,
        Self::ChangedHere,
        Self::TooLate,
        Self::CalendarGone,
        Self::Unnoticed,
        Self::TutorSuspended,
    ];

    /// The stable name, for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::AllDay => "all_day",
            Self::OtherLength => "other_length",
            Self::NotAhead => "not_ahead",
            Self::NotWholeMinutes => "not_whole_minutes",
            Self::ChangedHere => "changed_here",
            Self::TooLate => "too_late",
            Self::CalendarGone => "calendar_gone",
            Self::Unnoticed => "unnoticed",
            Self::TutorSuspended => "tutor_suspended",
        }
    }
}

/// What to do about the event of a lesson, of which nothing is under way yet. Where the lesson `keeps_length`, it follows to none of
/// another one.
pub fn of_event(
    (lesson, keeps_length): (Span, bool),
    shown: Shown,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Verdict {
    if lesson.start() <= now {
        return Verdict::Nothing;
    }
    match shown {
        Shown::At(start, end) if (start, end) == (lesson.start(), lesson.end()) => Verdict::Nothing,
        Shown::At(..) | Shown::Days if policy.moved == Moved::PutBack => {
            Verdict::PutBack(Why::Policy)
        }
        Shown::Days => Verdict::PutBack(Why::AllDay),
        Shown::At(start, end) => match follow((lesson, keeps_length), (start, end), now) {
            Ok(to) => Verdict::Reschedule(to),
            Err(why) => Verdict::PutBack(why),
        },
        Shown::Nothing => match policy.deleted {
            Deleted::PutBack => Verdict::PutBack(Why::Policy),
            Deleted::Cancel => Verdict::CancelAt(end_of_grace(lesson, policy.grace, now)),
        },
    }
}

/// Where the lesson would be if it followed its event.
fn follow(
    (lesson, keeps_length): (Span, bool),
    (start, end): (DateTime<Utc>, DateTime<Utc>),
    now: DateTime<Utc>,
) -> Result<Span, Why> {
    let is_possible = |to: &Span| {
        to.duration() == lesson.duration() || !keeps_length && to.duration() <= LONGEST_LESSON
    };
    let to = Span::new(start, end).filter(is_possible);
    let to = to.ok_or(Why::OtherLength)?;
    if start <= now {
        return Err(Why::NotAhead);
    }
    if start.second() != 0 || start.nanosecond() != 0 {
        return Err(Why::NotWholeMinutes);
    }
    Ok(to)
}

/// Until when a deletion can be undone: for half of the time that is left before the lesson at the longest, so that the
/// students know in time not to come.
fn end_of_grace(lesson: Span, grace: TimeDelta, now: DateTime<Utc>) -> DateTime<Utc> {
    let half = (lesson.start() - now) / 2;
    now + grace.clamp(TimeDelta::zero(), half)
}

/// So long after its grace is over a deletion is as good as when it was.
const DELAY: TimeDelta = TimeDelta::minutes(15);

/// After that, only so long before the lesson.
const NOTICE: TimeDelta = TimeDelta::hours(1);

/// What to do about a deletion that can still be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grace {
    /// Look again then.
    Wait(DateTime<Utc>),
    /// Cancel the lesson.
    Over,
    /// Make the event anew: nobody has looked for too long for the students to hear of it in time.
    TooLate,
    /// Leave the lesson be: its event is there again.
    Back,
    /// Leave the lesson be: it has begun.
    Lapsed,
}

/// What to do about a deletion that can be undone until `ends_at`, by what its event shows now.
pub fn of_grace(lesson: Span, shown: Shown, ends_at: DateTime<Utc>, now: DateTime<Utc>) -> Grace {
    if lesson.start() <= now {
        Grace::Lapsed
    } else if shown != Shown::Nothing {
        Grace::Back
    } else if ends_at + DELAY < now && lesson.start() < now + NOTICE {
        Grace::TooLate
    } else if ends_at <= now {
        Grace::Over
    } else {
        Grace::Wait(ends_at)
    }
}

/// Whether the place of a student who has declined the invitation is given back, where that has this consequence, without
/// asking the student.
pub fn gives_back(declined: Declined, consequence: Consequence) -> bool {
    declined == Declined::Cancel && consequence == Consequence::Free
}
