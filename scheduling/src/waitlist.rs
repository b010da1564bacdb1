//! Who of those who wait is offered room, and what becomes of them when an offer is over.
//!
//! Everybody has a place, by the time of joining, and offers go by it. Whoever turns an offer down, by saying so or by
//! letting it lapse, goes behind all who wait then, and rests for as long as the offer stood: so room that nobody else
//! waits for is free for all meanwhile, rather than offered to the same person again at once. Whoever has turned down
//! [`MOST_TURNED_DOWN`] offers waits no longer. Who can't take what there is right now is passed over, and keeps the
//! place; and so does whose offer the tutor or the centre takes back, or whose request the tutor does not grant, after an hour
//! of rest in which others are asked. There is no rest where only the lesson has changed that was offered: it is offered
//! anew.

use chrono::{DateTime, Utc};

/// So many offers can come to nothing until somebody waits no longer.
pub const MOST_TURNED_DOWN: i16 = 3;

/// How an offer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// It was taken, and the tutor agrees.
    Accepted,
    /// The student did not want it.
    Declined,
    /// There was no answer in time.
    Lapsed,
    /// The tutor or the centre took it back, or did not agree.
    Refused,
}

/// What becomes of somebody whose offer is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum After {
    /// There is a booking, and nothing more to wait for.
    Served,
    /// They wait behind everybody, after a rest.
    WaitsBehindAll,
    /// They wait where they were, after a rest.
    KeepsPlace,
    /// They wait no longer.
    GivesUp,
}

/// What becomes of somebody who had turned down so many offers before this one ended.
#[must_use]
pub fn after(turned_down: i16, ending: Ending) -> After {
    match ending {
        Ending::Accepted => After::Served,
        Ending::Refused => After::KeepsPlace,
        Ending::Declined | Ending::Lapsed if turned_down + 1 < MOST_TURNED_DOWN => {
            After::WaitsBehindAll
        }
        Ending::Declined | Ending::Lapsed => After::GivesUp,
    }
}

/// Somebody who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting<T> {
    /// Who it is.
    pub who: T,
    /// The smaller comes first. No two are equal.
    pub place: i64,
    /// Until when, and not then, nothing is offered to them.
    pub rests_until: Option<DateTime<Utc>>,
}

/// Those to whom room that there is at `now` is offered, the first first.
#[must_use]
pub fn in_turn<T>(mut waiting: Vec<Waiting<T>>, now: DateTime<Utc>) -> Vec<T> {
    waiting.retain(|one| one.rests_until.is_none_or(|until| until <= now));
    waiting.sort_unstable_by_key(|one| one.place);
    waiting.into_iter().map(|one| one.who).collect()
}
