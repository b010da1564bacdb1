//! The centre's defaults for when lessons may be booked.

use super::Vars;
use chrono_tz::Tz;

#[derive(Clone, Debug)]
pub struct Policy {
    /// How long before its start a lesson can be booked at the latest.
    pub minimum_notice_minutes: u32,
    /// How far ahead lessons can be booked.
    pub horizon_days: u32,
    /// Lessons start at whole multiples of this after midnight, by the tutor's clock.
    pub start_grid_minutes: u32,
    /// The zone of the centre, and so of everybody who has not chosen another.
    pub time_zone: Tz,
}

impl Policy {
    /// `MINIMUM_NOTICE_MINUTES`: 120 when not set. `HORIZON_DAYS`: 60 when not set.
    /// `START_GRID_MINUTES`: 30 when not set; a divisor of 1440.
    /// `TIME_ZONE`: IANA name of the centre's zone; UTC when not set.
    pub fn load(vars: &mut Vars<'_>) -> Self {
        let policy = Self {
            minimum_notice_minutes: vars.number("MINIMUM_NOTICE_MINUTES", 120, 0..=43_200),
            horizon_days: vars.number("HORIZON_DAYS", 60, 1..=730),
            start_grid_minutes: vars.number("START_GRID_MINUTES", 30, 1..=1440),
            time_zone: vars.parsed(
                "TIME_ZONE",
                Tz::UTC,
                "the IANA name of a time zone, such as Europe/Berlin",
            ),
        };
        if 1440 % policy.start_grid_minutes != 0 {
            vars.mistake("START_GRID_MINUTES", "must divide a day of 1440 minutes");
        }
        policy
    }
}
