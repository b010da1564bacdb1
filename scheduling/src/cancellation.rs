//! What becomes of a place that is given back, and until when: by the centre's windows for the student, and always
//! without consequences where somebody else calls the lesson off.

use chrono::{DateTime, TimeDelta, Utc};

use crate::lifecycle::Actor;

/// For so long after somebody else moved a lesson, or handed it to another tutor, its student can cancel it freely.
pub const FREE_AFTER_MOVE: TimeDelta = TimeDelta::hours(24);

/// What cancelling means for the student, the most lenient first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Consequence {
    /// As if it had never been booked: credit that paid for it comes back.
    Free,
    /// The lesson is owed to the student: its minutes become credit, or stay it. Where credit did not pay for it, the
    /// student is charged for it as if it had taken place, so that nobody gets credit for what they never pay.
    Credit,
    /// The lesson counts as taken.
    Charged,
}

impl Consequence {
    /// Every consequence, the most lenient first.
    pub const ALL: [Self; 3] = [Self::Free, Self::Credit, Self::Charged];

    /// The stable name, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Credit => "credit",
            Self::Charged => "charged",
        }
    }

    /// The consequence of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// A consequence that cancelling has until so long before the start of the lesson, and not then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How long before the start it ends.
    pub until: TimeDelta,
    /// What cancelling before then means.
    pub consequence: Consequence,
}

/// What a student's cancelling means, by how long before the lesson it is. It never becomes more lenient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    windows: Vec<Window>,
    grace: TimeDelta,
}

impl Policy {
    /// Windows, the most lenient first; after the last one it is [`Consequence::Charged`]. For `grace` after it was
    /// booked, and for [`FREE_AFTER_MOVE`] after somebody else moved it or handed it over, it can be cancelled freely. None where a window does not end later than
    /// the one before, or is not worse, or where a length of time is less than nothing.
    pub fn new(windows: Vec<Window>, grace: TimeDelta) -> Option<Self> {
        let zero = TimeDelta::zero();
        let is_past = |window: &Window| window.until < zero;
        let worsens = windows
            .windows(2)
            .all(|two| two[0].until > two[1].until && two[0].consequence < two[1].consequence);
        (worsens && grace >= zero && !windows.iter().any(is_past))
            .then_some(Self { windows, grace })
    }

    /// The windows, the most lenient first.
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// For how long after booking it can be cancelled freely.
    pub fn grace(&self) -> TimeDelta {
        self.grace
    }

    fn consequence(&self, booking: &Booking, now: DateTime<Utc>) -> Consequence {
        let by_time = self.consequence_by_time(booking, now);
        if booking.tutor_absent {
            by_time.min(Consequence::Credit)
        } else {
            by_time
        }
    }

    fn consequence_by_time(&self, booking: &Booking, now: DateTime<Utc>) -> Consequence {
        if booking.grace_ends(self).is_some_and(|end| now < end) {
            return Consequence::Free;
        }
        let mut windows = self.windows.iter();
        let open = windows.find(|window| booking.ends(window).is_some_and(|end| now < end));
        open.map_or(Consequence::Charged, |window| window.consequence)
    }
}

/// Free until the lesson begins.
impl Default for Policy {
    fn default() -> Self {
        let until_start = Window {
            until: TimeDelta::zero(),
            consequence: Consequence::Free,
        };
        Self {
            windows: vec![until_start],
            grace: TimeDelta::zero(),
        }
    }
}

/// A booking, as far as cancelling it is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Booking {
    /// When the lesson begins.
    pub starts_at: DateTime<Utc>,
    /// Since when it is booked.
    pub booked_at: DateTime<Utc>,
    /// When somebody else than the student last moved it or handed it to another tutor, if ever.
    pub moved_at: Option<DateTime<Utc>>,
    /// Whether its tutor has reported not to be there: then it is owed to the student, at worst.
    pub tutor_absent: bool,
    /// How long the lesson is, in minutes.
    pub minutes: i32,
    /// How many minutes of the credit that paid for it can come back; none where it was not paid for by credit.
    pub paid: Option<i32>,
}

impl Booking {
    fn ends(&self, window: &Window) -> Option<DateTime<Utc>> {
        self.starts_at.checked_sub_signed(window.until)
    }

    fn grace_ends(&self, policy: &Policy) -> Option<DateTime<Utc>> {
        let after_booking = self.booked_at.checked_add_signed(policy.grace);
        let moved_at = self.moved_at;
        let after_move = moved_at.and_then(|at| at.checked_add_signed(FREE_AFTER_MOVE));
        after_booking.max(after_move)
    }

    fn outcome(&self, consequence: Consequence) -> Outcome {
        let credit_minutes = match (consequence, self.paid) {
            (Consequence::Charged, _) | (Consequence::Free, None) => 0,
            (Consequence::Free | Consequence::Credit, Some(paid)) => paid,
            (Consequence::Credit, None) => self.minutes,
        };
        Outcome {
            consequence,
            credit_minutes,
            charged_minutes: charged_minutes(consequence, self.minutes, self.paid.is_some()),
        }
    }
}

/// How many minutes of a cancelled lesson the student is charged for, who has not paid for it with credit: as many as if it
/// had taken place, unless it is as if it had never been booked.
fn charged_minutes(consequence: Consequence, minutes: i32, paid_with_credit: bool) -> i32 {
    match consequence {
        Consequence::Credit | Consequence::Charged if !paid_with_credit => minutes,
        Consequence::Free | Consequence::Credit | Consequence::Charged => 0,
    }
}

/// What cancelling leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What it means for the student.
    pub consequence: Consequence,
    /// How many minutes of credit the student gets, or gets back.
    pub credit_minutes: i32,
    /// How many minutes the student is charged for, outside of here.
    pub charged_minutes: i32,
}

/// What cancelling leads to now, and when that becomes worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Now.
    pub outcome: Outcome,
    /// From when on it is worse, and what it leads to then; none where that stays so until the lesson begins.
    pub change: Option<(DateTime<Utc>, Outcome)>,
}

/// What it leads to when a lesson has begun without its tutor, and nobody has cancelled it: it is owed to the student.
pub fn outcome_of_absence(booking: &Booking) -> Outcome {
    booking.outcome(Consequence::Credit)
}

/// What it leads to when `by` cancels a booking at `now`. Only students bear consequences.
pub fn quote(policy: &Policy, by: Actor, booking: &Booking, now: DateTime<Utc>) -> Quote {
    if by != Actor::Student {
        return Quote {
            outcome: booking.outcome(Consequence::Free),
            change: None,
        };
    }
    let present = policy.consequence(booking, now);
    let windows = policy.windows.iter().filter_map(|it| booking.ends(it));
    let edges = windows.chain(booking.grace_ends(policy));
    let ahead = edges.filter(|edge| now < *edge && *edge < booking.starts_at);
    let worse = ahead
        .map(|edge| (edge, policy.consequence(booking, edge)))
        .filter(|(_, consequence)| *consequence > present);
    let change = worse.min_by_key(|(edge, _)| *edge);
    Quote {
        outcome: booking.outcome(present),
        change: change.map(|(at, consequence)| (at, booking.outcome(consequence))),
    }
}
