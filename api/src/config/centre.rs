//! The centre.

use super::Vars;
use chrono::TimeDelta;
use chrono_tz::Tz;
use scheduling::ranking::Weights;

/// For how many days it is remembered who changed what, where nothing else is set.
pub const AUDIT_DAYS: u32 = 730;

#[derive(Clone, Debug)]
pub struct Centre {
    /// The zone of the centre, and so of everybody who has not chosen another.
    pub time_zone: Tz,
    /// What decides which tutors a search names first.
    pub ranking: Weights,
    /// For how many days the audit trail is kept.
    pub audit_days: u32,
    /// For how long room is offered to somebody who waits for it.
    pub waitlist_offer: TimeDelta,
}

impl Centre {
    /// `TIME_ZONE`: IANA name of the centre's zone; UTC when not set.
    /// `RANK_LOAD`: how much each hour that a tutor teaches already counts against them; 1 when not set.
    /// `RANK_CONTINUITY`: how much each lesson that student and tutor have had together counts for them; 2 when not set.
    /// `AUDIT_DAYS`: for how many days it is remembered who changed what; 730 when not set.
    /// `WAITLIST_OFFER_MINUTES`: for how long room is offered to somebody who waits for it; 120 when not set.
    pub fn load(vars: &mut Vars<'_>) -> Self {
        Self {
            time_zone: vars.parsed(
                "TIME_ZONE",
                Tz::UTC,
                "the IANA name of a time zone, such as Europe/Berlin",
            ),
            ranking: Weights {
                load: vars.number("RANK_LOAD", 1, 0..=1000),
                continuity: vars.number("RANK_CONTINUITY", 2, 0..=1000),
            },
            audit_days: vars.number("AUDIT_DAYS", AUDIT_DAYS, 1..=3650),
            waitlist_offer: TimeDelta::minutes(
                vars.number("WAITLIST_OFFER_MINUTES", 120, 5..=10_080)
                    .into(),
            ),
        }
    }
}
