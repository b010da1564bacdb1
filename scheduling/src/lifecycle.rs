//! Which status a booking may move to, by which step, on whose word, and when: [`RULES`], and nothing else.

use chrono::{DateTime, TimeDelta, Utc};

/// How things stand with one student's place in a lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BookingStatus {
    /// Set aside for the student for some minutes.
    Held,
    /// The student wants it, and the tutor has not answered yet.
    Requested,
    /// The place is taken.
    Confirmed,
    /// The tutor did not want to.
    Declined,
    /// Nobody booked what was held, or answered what was requested, in time.
    Expired,
    /// The place was given back.
    Cancelled,
    /// The lesson is over.
    Completed,
    /// The lesson is over, and the student was not there.
    NoShow,
}

impl BookingStatus {
    /// Every status, in the order of a booking's life.
    pub const ALL: [Self; 8] = [
        Self::Held,
        Self::Requested,
        Self::Confirmed,
        Self::Declined,
        Self::Expired,
        Self::Cancelled,
        Self::Completed,
        Self::NoShow,
    ];

    /// Whether a booking with this status takes the time of its student, and a seat of the lesson.
    pub fn occupies(self) -> bool {
        !matches!(self, Self::Declined | Self::Expired | Self::Cancelled)
    }

    /// The stable name, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Requested => "requested",
            Self::Confirmed => "confirmed",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Completed => "completed",
            Self::NoShow => "no_show",
        }
    }
}

/// What is done with a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Set a slot aside.
    Hold,
    /// Ask a tutor for a lesson who wants to be asked.
    Request,
    /// Take the place.
    Confirm,
    /// Say no.
    Decline,
    /// Let the time for an answer run out.
    Expire,
    /// Move the lesson to another time, or into the hands of another tutor.
    Reschedule,
    /// Ask a tutor for another time who wants to be asked.
    ProposeTime,
    /// Move the lesson to the time that is proposed.
    ApproveTime,
    /// Leave the lesson where it is.
    DeclineTime,
    /// Want the lesson where it is after all.
    WithdrawTime,
    /// Let the time for an answer to the proposal run out.
    ExpireTime,
    /// Give the place back.
    Cancel,
    /// Let nothing become of a lesson whose tutor is absent.
    CallOff,
    /// Set aside no longer what nobody has booked: the lesson is to be another, or its tutor or student is not to come.
    TakeBack,
    /// Let the lesson be over.
    Complete,
    /// Say that the student was there after all.
    RecordAttendance,
    /// Say that the student was not there.
    RecordNoShow,
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
    /// A third-party app that the centre has registered.
    App,
    /// Nobody: time has passed.
    Clock,
}

/// When a step may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum When {
    /// Before the lesson begins.
    BeforeStart,
    /// As long as another time is proposed, and either time is ahead.
    WhileProposed,
    /// From the moment on when that is no longer so.
    AfterProposal,
    /// Before the lesson begins, and before what is held or requested expires.
    BeforeExpiry,
    /// From the moment on when what is held or requested expires. What is requested expires when
    /// the lesson begins, at the latest.
    AfterExpiry,
    /// From the beginning of the lesson on, and until some days after its end.
    WithinAttendanceWindow,
    /// From the beginning of the lesson on.
    AfterStart,
    /// From the end of the lesson on.
    AfterEnd,
}

/// A step that may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The status before; none where the booking comes to be.
    pub from: Option<BookingStatus>,
    /// What is done.
    pub step: Step,
    /// On whose word.
    pub by: &'static [Actor],
    /// When.
    pub when: When,
    /// The status after.
    pub to: BookingStatus,
}

/// The steps that may be taken. There are no others.
pub const RULES: [Rule; 31] = {
    use Actor::{Admin, App, Clock, Student, Tutor};
    use BookingStatus::{
        Cancelled, Completed, Confirmed, Declined, Expired, Held, NoShow, Requested,
    };
    use When::{
        AfterEnd, AfterExpiry, AfterProposal, AfterStart, BeforeExpiry, BeforeStart, WhileProposed,
        WithinAttendanceWindow,
    };
    const fn rule(
        from: Option<BookingStatus>,
        step: Step,
        by: &'static [Actor],
        when: When,
        to: BookingStatus,
    ) -> Rule {
        Rule {
            from,
            step,
            by,
            when,
            to,
        }
    }
    [
        rule(None, Step::Hold, &[Student, Admin, App], BeforeStart, Held),
        rule(None, Step::Request, &[Student, App], BeforeStart, Requested),
        rule(
            None,
            Step::Confirm,
            &[Student, Admin, App],
            BeforeStart,
            Confirmed,
        ),
        rule(
            Some(Held),
            Step::Request,
            &[Student, App],
            BeforeExpiry,
            Requested,
        ),
        rule(
            Some(Held),
            Step::Confirm,
            &[Student, Admin, App],
            BeforeExpiry,
            Confirmed,
        ),
        rule(
            Some(Held),
            Step::Cancel,
            &[Student, Admin, App],
            BeforeExpiry,
            Cancelled,
        ),
        rule(
            Some(Held),
            Step::TakeBack,
            &[Tutor, Admin, App],
            BeforeExpiry,
            Cancelled,
        ),
        rule(Some(Held), Step::Expire, &[Clock], AfterExpiry, Expired),
        rule(
            Some(Requested),
            Step::Confirm,
            &[Tutor, Admin],
            BeforeExpiry,
            Confirmed,
        ),
        rule(
            Some(Requested),
            Step::Decline,
            &[Tutor, Admin],
            BeforeExpiry,
            Declined,
        ),
        rule(
            Some(Requested),
            Step::Reschedule,
            &[Student, Tutor, Admin, App],
            BeforeExpiry,
            Requested,
        ),
        rule(
            Some(Requested),
            Step::Cancel,
            &[Student, Admin, App],
            BeforeExpiry,
            Cancelled,
        ),
        rule(
            Some(Requested),
            Step::Expire,
            &[Clock],
            AfterExpiry,
            Expired,
        ),
        rule(
            Some(Confirmed),
            Step::Reschedule,
            &[Student, Tutor, Admin, App],
            BeforeStart,
            Confirmed,
        ),
        rule(
            Some(Confirmed),
            Step::ProposeTime,
            &[Student, App],
            BeforeStart,
            Confirmed,
        ),
        rule(
            Some(Confirmed),
            Step::ApproveTime,
            &[Tutor, Admin],
            WhileProposed,
            Confirmed,
        ),
        rule(
            Some(Confirmed),
            Step::DeclineTime,
            &[Tutor, Admin],
            WhileProposed,
            Confirmed,
        ),
        rule(
            Some(Confirmed),
            Step::WithdrawTime,
            &[Student, App],
            WhileProposed,
            Confirmed,
        ),
        rule(
            Some(Confirmed),
            Step::ExpireTime,
            &[Clock],
            AfterProposal,
            Confirmed,
        ),
        rule(
            Some(Confirmed),
            Step::Cancel,
            &[Student, Tutor, Admin, App],
            BeforeStart,
            Cancelled,
        ),
        // Too few have joined a group lesson.
        rule(
            Some(Confirmed),
            Step::Cancel,
            &[Clock],
            BeforeStart,
            Cancelled,
        ),
        // The tutor is absent, and nobody found another.
        rule(
            Some(Confirmed),
            Step::CallOff,
            &[Clock],
            AfterStart,
            Cancelled,
        ),
        rule(
            Some(Confirmed),
            Step::Complete,
            &[Clock],
            AfterEnd,
            Completed,
        ),
        rule(
            Some(Confirmed),
            Step::RecordAttendance,
            &[Tutor],
            WithinAttendanceWindow,
            Completed,
        ),
        rule(
            Some(Confirmed),
            Step::RecordAttendance,
            &[Admin, App],
            AfterStart,
            Completed,
        ),
        rule(
            Some(Confirmed),
            Step::RecordNoShow,
            &[Tutor],
            WithinAttendanceWindow,
            NoShow,
        ),
        rule(
            Some(Confirmed),
            Step::RecordNoShow,
            &[Admin, App],
            AfterStart,
            NoShow,
        ),
        rule(
            Some(Completed),
            Step::RecordNoShow,
            &[Tutor],
            WithinAttendanceWindow,
            NoShow,
        ),
        rule(
            Some(Completed),
            Step::RecordNoShow,
            &[Admin, App],
            AfterStart,
            NoShow,
        ),
        rule(
            Some(NoShow),
            Step::RecordAttendance,
            &[Tutor],
            WithinAttendanceWindow,
            Completed,
        ),
        rule(
            Some(NoShow),
            Step::RecordAttendance,
            &[Admin, App],
            AfterStart,
            Completed,
        ),
    ]
};

/// Where a booking stands, and its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The status; none where there is no booking yet.
    pub status: Option<BookingStatus>,
    /// When the lesson begins.
    pub starts_at: DateTime<Utc>,
    /// When the lesson is over.
    pub ends_at: DateTime<Utc>,
    /// Until when, and not then, what is held may be booked, or what is requested answered.
    pub expires_at: Option<DateTime<Utc>>,
    /// Until when, and not then, another time is proposed, if one is: until both times are ahead no more, at the latest.
    pub proposal_expires_at: Option<DateTime<Utc>>,
    /// How long after the end of the lesson a tutor may say who was there.
    pub attendance_window: TimeDelta,
}

/// Why a step can't be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Nobody may do that with a booking of this status.
    Status(BookingStatus),
    /// Somebody else may.
    Actor,
    /// The lesson has begun.
    AlreadyStarted,
    /// The lesson has not begun.
    NotStarted,
    /// The lesson is not over.
    NotEnded,
    /// What was held or requested has expired.
    Expired,
    /// What is held or requested has not expired.
    NotExpired,
    /// No other time is proposed, or not any more.
    NothingProposed,
    /// It is too long ago.
    TooLate,
}

impl Refusal {
    /// The stable name of the reason, for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Status(BookingStatus::Held) => "only_held",
            Self::Status(BookingStatus::Requested) => "only_requested",
            Self::Status(BookingStatus::Confirmed) => "already_confirmed",
            Self::Status(BookingStatus::Declined) => "already_declined",
            Self::Status(BookingStatus::Cancelled) => "already_cancelled",
            Self::Status(BookingStatus::Completed) => "already_completed",
            Self::Status(BookingStatus::NoShow) => "already_no_show",
            Self::Status(BookingStatus::Expired) | Self::Expired => "expired",
            Self::Actor => "not_yours_to_decide",
            Self::AlreadyStarted => "already_started",
            Self::NotStarted => "not_started",
            Self::NotEnded => "not_ended",
            Self::NotExpired => "not_expired",
            Self::NothingProposed => "nothing_proposed",
            Self::TooLate => "attendance_window_over",
        }
    }
}

impl When {
    /// Whether `now` is such a time for this booking.
    ///
    /// # Errors
    /// Says what is in the way.
    fn check(self, booking: &Standing, now: DateTime<Utc>) -> Result<(), Refusal> {
        let refuse = |refused: bool, refusal| if refused { Err(refusal) } else { Ok(()) };
        let expiry = booking.expires_at.unwrap_or(booking.starts_at);
        let expired = now >= expiry.min(booking.starts_at);
        let proposed = booking
            .proposal_expires_at
            .is_some_and(|at| now < at.min(booking.starts_at));
        match self {
            Self::BeforeStart => refuse(now >= booking.starts_at, Refusal::AlreadyStarted),
            Self::WhileProposed => refuse(!proposed, Refusal::NothingProposed),
            Self::AfterProposal => refuse(proposed, Refusal::NotExpired),
            Self::BeforeExpiry => refuse(expired, Refusal::Expired),
            Self::AfterExpiry => refuse(!expired, Refusal::NotExpired),
            Self::AfterStart => refuse(now < booking.starts_at, Refusal::NotStarted),
            Self::AfterEnd => refuse(now < booking.ends_at, Refusal::NotEnded),
            Self::WithinAttendanceWindow => {
                Self::AfterStart.check(booking, now)?;
                let last = booking
                    .ends_at
                    .checked_add_signed(booking.attendance_window);
                refuse(last.is_some_and(|last| now > last), Refusal::TooLate)
            }
        }
    }
}

/// The status after somebody takes a step at `now` who is all of `actors`: as one of them, if one may.
///
/// # Errors
/// As [`take`]; what is in the way of the last of those who may ever.
pub fn take_as(
    booking: &Standing,
    step: Step,
    actors: &[Actor],
    now: DateTime<Utc>,
) -> Result<BookingStatus, Refusal> {
    let mut refusal = Refusal::Actor;
    for actor in actors {
        match take(booking, step, *actor, now) {
            Err(Refusal::Actor) => {}
            Err(other) => refusal = other,
            taken => return taken,
        }
    }
    Err(refusal)
}

/// The status after `actor` takes a step at `now`.
///
/// # Errors
/// [`Refusal::Actor`] for who may never take the step; else the status, if nobody may take it from there; else, of the
/// rules that there are for this status and step, the one for this actor says what is in the way.
pub fn take(
    booking: &Standing,
    step: Step,
    actor: Actor,
    now: DateTime<Utc>,
) -> Result<BookingStatus, Refusal> {
    let may_ever = |rule: &Rule| rule.step == step && rule.by.contains(&actor);
    if !RULES.iter().any(may_ever) {
        return Err(Refusal::Actor);
    }
    let mut rules = RULES
        .iter()
        .filter(|rule| rule.from == booking.status && rule.step == step)
        .peekable();
    if rules.peek().is_none()
        && let Some(status) = booking.status
    {
        return Err(Refusal::Status(status));
    }
    let rule = rules.find(|rule| rule.by.contains(&actor));
    let rule = rule.ok_or(Refusal::Actor)?;
    rule.when.check(booking, now)?;
    Ok(rule.to)
}
