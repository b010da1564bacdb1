//! What is not as in every week, so that there is something to explain.

use crate::{
    app::App,
    service::{
        HolidayCalendarId, TutorId, date_override,
        holiday_calendar::{self, Holiday},
        idempotency::Reply,
        policy::{self, OwnPolicy},
        time_off,
    },
};
use chrono::{Days, NaiveDate, NaiveTime};
use scheduling::availability::{DateOverride, DateRange, LocalHours, TimeOff};

/// The version of a tutor who has offers and weekly rules.
const VERSION: i32 = 3;

/// A day off for the whole centre; one tutor with a short day and pauses after lessons, and one on holiday.
pub(super) async fn make(app: &App, busy: TutorId, away: TutorId) -> anyhow::Result<()> {
    let today = app.clock.now().date_naive();
    let in_days = |days| today.checked_add_days(Days::new(days)).unwrap_or(today);
    close(app, in_days(9)).await?;
    let at = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default();
    let hours = LocalHours {
        start: at(10),
        end: at(12),
    };
    let short_day = DateOverride {
        date: in_days(7),
        hours: vec![hours],
    };
    date_override::put(app, busy, VERSION, &short_day, false).await?;
    let pauses = OwnPolicy {
        buffer_after_minutes: Some(15),
        ..OwnPolicy::default()
    };
    policy::replace_tutor(app, busy, VERSION + 1, &pauses, false).await?;
    let dates = DateRange {
        first: in_days(20),
        last: in_days(26),
    };
    let reply = Reply {
        answer: |_| (),
        claim: None,
    };
    time_off::create(app, away, TimeOff::Dates(dates), "Hiking".to_owned(), reply).await?;
    Ok(())
}

/// Closes the centre on a date.
async fn close(app: &App, date: NaiveDate) -> anyhow::Result<()> {
    let reply: Reply<_, HolidayCalendarId> = Reply {
        answer: |calendar: holiday_calendar::HolidayCalendar| calendar.id,
        claim: None,
    };
    let id = holiday_calendar::create(app, "Days off of the centre", true, reply).await?;
    let staff_day = Holiday {
        dates: DateRange {
            first: date,
            last: date,
        },
        name: "Staff day".to_owned(),
    };
    holiday_calendar::replace_holidays(app, id, 1, &[staff_day], false).await?;
    Ok(())
}
