//! Random tutors around changes of clocks.

use chrono::Weekday;
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{Africa, America, Antarctica, Asia, Australia, Europe, Pacific, Tz};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use scheduling::availability::{DateOverride, DateRange, LocalHours, TimeOff, WeeklyRule};
use scheduling::interval::{Span, union};
use scheduling::policy::{Policy, StartGrid};
use scheduling::slots::{Occupancy, Occupied, OccupiedBy};

use crate::oracle::Case;
use crate::support::{Tutor, minutes, utc};

/// Zones with unusual changes, and a time shortly before one of them.
pub(crate) const UNUSUAL: [(Tz, &str); 21] = [
    (Australia::Lord_Howe, "2026-03-30 00:00"),
    (Australia::Lord_Howe, "2026-09-30 00:00"),
    (Africa::Casablanca, "2026-02-10 00:00"),
    (Africa::Casablanca, "2026-03-18 00:00"),
    (Africa::El_Aaiun, "2031-11-20 00:00"),
    (Pacific::Apia, "2011-12-28 00:00"),
    (Pacific::Apia, "2012-03-25 00:00"),
    (Pacific::Kwajalein, "1993-08-18 00:00"),
    (America::Santiago, "2026-04-01 00:00"),
    (America::Santiago, "2026-09-01 00:00"),
    (Antarctica::Troll, "2026-03-25 00:00"),
    (Antarctica::Troll, "2026-10-20 00:00"),
    (Asia::Beirut, "2026-03-25 00:00"),
    (Asia::Gaza, "2040-10-01 00:00"),
    (Asia::Kathmandu, "1985-12-28 00:00"),
    (Asia::Tehran, "2022-09-18 00:00"),
    (Europe::Berlin, "2026-03-25 00:00"),
    (Europe::Dublin, "2026-10-20 00:00"),
    (America::New_York, "2026-10-28 00:00"),
    (Pacific::Chatham, "2026-04-01 00:00"),
    (America::Recife, "2000-10-10 00:00"),
];

pub(crate) fn offset(zone: Tz, at: DateTime<Utc>) -> i32 {
    let offset = zone.offset_from_utc_datetime(&at.naive_utc());
    offset.fix().local_minus_utc()
}

/// The next change of the zone's clock within a year, or `from` if there is none.
fn next_change(zone: Tz, from: DateTime<Utc>) -> DateTime<Utc> {
    let changed = |at: &DateTime<Utc>| offset(zone, *at) != offset(zone, from);
    let days = (1..366).map(|day| from + TimeDelta::days(day));
    let Some(day_after) = days.into_iter().find(changed) else {
        return from;
    };
    (0..=24 * 60)
        .map(|minute| day_after - TimeDelta::days(1) + TimeDelta::minutes(minute))
        .find(changed)
        .unwrap_or(from)
}

/// A case at one of the unusual changes.
pub(crate) fn at_unusual_change() -> impl Strategy<Value = Case> {
    let changes = select(&UNUSUAL[..]);
    changes.prop_flat_map(|(zone, before)| case(zone, next_change(zone, utc(before))))
}

/// A case in a zone, at some change since 1980 if it has any. From then on all offsets are whole
/// minutes.
pub(crate) fn in_zone(zone: Tz) -> impl Strategy<Value = Case> {
    (0_i64..57 * 365).prop_flat_map(move |day| {
        let from = utc("1980-01-02 00:00") + TimeDelta::days(day);
        case(zone, next_change(zone, from))
    })
}

pub(crate) fn case(zone: Tz, moment: DateTime<Utc>) -> impl Strategy<Value = Case> {
    let window = (0..1500_i64, 1..2400_i64);
    let length = prop_oneof![select(&[30_i64, 45, 60, 90, 120][..]), 1..240_i64];
    (
        tutor(zone, moment),
        window,
        length,
        -1000..4000_i64,
        0..12_u8,
    )
        .prop_map(move |(mut tutor, window, length, since, offered)| {
            let length = minutes(length);
            if offered > 0 {
                tutor.lengths.push(length);
            }
            let start = moment - minutes(window.0);
            Case {
                tutor,
                now: moment - minutes(since),
                window: Span::lasting(start, minutes(window.1)).expect("a window"),
                length,
            }
        })
}

fn tutor(zone: Tz, moment: DateTime<Utc>) -> impl Strategy<Value = Tutor> {
    let today = moment.with_timezone(&zone).date_naive();
    let away = vec(time_off(today, moment), 0..3);
    let closed = vec(range(today), 0..3);
    let student_busy = vec(span(moment), 0..3);
    let times = (
        vec(rule(today), 0..8),
        vec(date_override(today), 0..3),
        prop_oneof![2 => Just(Vec::new()), 1 => away],
        prop_oneof![2 => Just(Vec::new()), 1 => closed],
        prop::option::weighted(0.1, near(today)),
    );
    let taken = (
        vec(occupied(moment), 0..8),
        prop::bool::weighted(0.05),
        student_busy,
        policy(),
    );
    (times, taken).prop_map(move |(times, taken)| Tutor {
        zone,
        weekly_rules: times.0,
        overrides: times.1,
        time_off: times.2,
        holidays: times.3,
        last_date: times.4,
        occupied: Occupancy::new(taken.0),
        calendar_unknown: taken.1,
        student_busy: union(taken.2),
        lengths: Vec::new(),
        policy: taken.3,
    })
}

/// A date in the days around `today`.
fn near(today: NaiveDate) -> impl Strategy<Value = NaiveDate> + Clone {
    (0..8_u64).prop_map(move |days| today - Days::new(4) + Days::new(days))
}

fn time() -> impl Strategy<Value = NaiveTime> {
    let minute = prop_oneof![
        2 => Just(0_u32),
        6 => (0..96_u32).prop_map(|quarter| quarter * 15),
        2 => 0..1440_u32,
    ];
    minute.prop_map(|minute| {
        NaiveTime::from_num_seconds_from_midnight_opt(minute * 60, 0).expect("a time")
    })
}

/// A rule on a day near today, sometimes with dates of validity near it.
pub(crate) fn rule(today: NaiveDate) -> impl Strategy<Value = WeeklyRule> {
    let valid = || prop::option::weighted(0.2, near(today));
    (0..4_u8, time(), time(), valid(), valid()).prop_map(
        move |(day, start, end, valid_from, valid_until)| WeeklyRule {
            weekday: weekday_before(today + Days::new(1), day),
            start,
            end,
            valid_from,
            valid_until,
        },
    )
}

fn weekday_before(date: NaiveDate, days: u8) -> Weekday {
    (0..days).fold(date.weekday(), |weekday, _| weekday.pred())
}

fn date_override(today: NaiveDate) -> impl Strategy<Value = DateOverride> {
    let hours = (time(), time()).prop_map(|(start, end)| LocalHours { start, end });
    (near(today), vec(hours, 0..4)).prop_map(|(date, hours)| DateOverride { date, hours })
}

fn range(today: NaiveDate) -> impl Strategy<Value = DateRange> {
    (near(today), 0..3_u64)
        .prop_map(|(first, more)| DateRange::new(first, first + Days::new(more)).expect("a range"))
}

fn time_off(today: NaiveDate, moment: DateTime<Utc>) -> impl Strategy<Value = TimeOff> {
    prop_oneof![
        range(today).prop_map(TimeOff::Dates),
        span(moment).prop_map(TimeOff::Span)
    ]
}

fn span(moment: DateTime<Utc>) -> impl Strategy<Value = Span> {
    let length = prop_oneof![1..90_i64, 1..600_i64];
    (-3000..3000_i64, length).prop_map(move |(start, length)| {
        Span::lasting(moment + minutes(start), minutes(length)).expect("a span")
    })
}

fn occupied(moment: DateTime<Utc>) -> impl Strategy<Value = Occupied> {
    use OccupiedBy::{CalendarBusy, GroupLesson, Hold, Lesson, OwnLesson};
    let by = select(&[Lesson, GroupLesson, OwnLesson, Hold, CalendarBusy][..]);
    (span(moment), by).prop_map(|(span, by)| Occupied { span, by })
}

fn policy() -> impl Strategy<Value = Policy> {
    let notice = prop_oneof![3 => Just(0_i64), 1 => 0..3000_i64];
    let horizon = prop_oneof![4 => Just(90 * 1440_i64), 1 => 0..9000_i64];
    let step = select(&[5_i64, 10, 15, 20, 30, 60, 7, 1440][..]);
    let buffer = || prop_oneof![2 => Just(0_i64), 1 => -30..90_i64];
    let cap = || prop::option::weighted(0.2, prop_oneof![1 => Just(0_u32), 9 => 1..5_u32]);
    let grid = (step, any::<bool>());
    (notice, horizon, grid, (buffer(), buffer()), (cap(), cap())).prop_map(
        |(notice, horizon, (step, from_midnight), buffers, caps)| Policy {
            minimum_notice: minutes(notice),
            horizon: minutes(horizon),
            start_grid: if from_midnight {
                StartGrid::Midnight(minutes(step))
            } else {
                StartGrid::SpanStart(minutes(step))
            },
            buffer_before: minutes(buffers.0),
            buffer_after: minutes(buffers.1),
            max_lessons_per_day: caps.0,
            max_lessons_per_week: caps.1,
        },
    )
}
