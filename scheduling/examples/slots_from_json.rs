//! The slots of tutors that are given as JSON, one line each, for comparison with other
//! implementations:
//!
//! ```sh
//! cargo run --release -p scheduling --example slots_from_json < models.jsonl
//! ```
//!
//! prints one line of JSON for each line read: the starts of the slots, in seconds since
//! 1970-01-01 UTC. With `--time N` it computes all lines N times over and prints, as JSON too,
//! the number of slots and the microseconds that all lines took once, on average.
//!
//! A line has `zone`, `rules` (`weekday` with 0 for Monday, `start` and `end` as `"09:00:00"`),
//! `occupied` (pairs of seconds since 1970), `window` (such a pair), and `minutes`, the length;
//! starts are every `grid` minutes from the beginning of each rule.

use std::hint::black_box;
use std::io::{Write, stdin, stdout};
use std::time::Instant;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc, Weekday};
use scheduling::Tz;
use scheduling::availability::{Availability, WeeklyRule};
use scheduling::interval::Span;
use scheduling::policy::{Policy, StartGrid};
use scheduling::slots::{Occupancy, Occupied, OccupiedBy, Schedule, slots};
use serde::Deserialize;

type Failure = Box<dyn std::error::Error>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    zone: String,
    rules: Vec<Rule>,
    occupied: Vec<(i64, i64)>,
    window: (i64, i64),
    minutes: i64,
    grid: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    weekday: u8,
    start: NaiveTime,
    end: NaiveTime,
}

struct Model {
    zone: Tz,
    rules: Vec<WeeklyRule>,
    occupied: Occupancy,
    window: Span,
    lengths: [TimeDelta; 1],
    policy: Policy,
}

fn main() -> Result<(), Failure> {
    let mut models = Vec::new();
    for line in stdin().lines() {
        models.push(model(serde_json::from_str(&line?)?)?);
    }
    match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => print(&models),
        [flag, times] if flag == "--time" => measure(&models, times.parse()?),
        _ => Err("usage: slots_from_json [--time N] < models.jsonl".into()),
    }
}

fn print(models: &[Model]) -> Result<(), Failure> {
    let mut out = stdout().lock();
    for model in models {
        let starts = model
            .slots()
            .into_iter()
            .map(|slot| slot.start().timestamp());
        writeln!(
            out,
            "{}",
            serde_json::to_string(&starts.collect::<Vec<_>>())?
        )?;
    }
    Ok(())
}

fn measure(models: &[Model], times: u32) -> Result<(), Failure> {
    let mut found = 0;
    let begun = Instant::now();
    for _ in 0..times {
        found = models
            .iter()
            .map(|model| black_box(model.slots()).len())
            .sum();
    }
    let micros = begun.elapsed().as_secs_f64() * 1e6 / f64::from(times);
    writeln!(stdout(), r#"{{"slots":{found},"micros":{micros:.3}}}"#)?;
    Ok(())
}

impl Model {
    fn slots(&self) -> Vec<Span> {
        let schedule = Schedule {
            availability: Availability {
                zone: self.zone,
                weekly_rules: &self.rules,
                overrides: &[],
                time_off: &[],
                holidays: &[],
                last_date: None,
            },
            occupied: &self.occupied,
            calendar_unknown: false,
            student_busy: &[],
            lengths: &self.lengths,
            policy: &self.policy,
        };
        let long_ago = self.window.start();
        slots(&schedule, self.window, self.lengths[0], long_ago).collect()
    }
}

fn model(line: Line) -> Result<Model, Failure> {
    let rules: Result<_, Failure> = line.rules.iter().map(weekly_rule).collect();
    let occupied: Result<Vec<_>, _> = line.occupied.into_iter().map(span).collect();
    let occupied = occupied?.into_iter().map(|span| Occupied {
        span,
        by: OccupiedBy::Lesson,
    });
    Ok(Model {
        zone: line.zone.parse().map_err(|_| "no such zone")?,
        rules: rules?,
        occupied: Occupancy::new(occupied.collect()),
        window: span(line.window)?,
        lengths: [TimeDelta::try_minutes(line.minutes).ok_or("too long")?],
        policy: Policy {
            minimum_notice: TimeDelta::zero(),
            horizon: TimeDelta::MAX,
            start_grid: StartGrid::SpanStart(TimeDelta::try_minutes(line.grid).ok_or("too long")?),
            buffer_before: TimeDelta::zero(),
            buffer_after: TimeDelta::zero(),
            max_lessons_per_day: None,
            max_lessons_per_week: None,
        },
    })
}

fn weekly_rule(rule: &Rule) -> Result<WeeklyRule, Failure> {
    Ok(WeeklyRule {
        weekday: Weekday::try_from(rule.weekday)?,
        start: rule.start,
        end: rule.end,
        valid_from: None,
        valid_until: None,
    })
}

fn span((start, end): (i64, i64)) -> Result<Span, Failure> {
    let instant = |seconds| DateTime::<Utc>::from_timestamp(seconds, 0).ok_or("no such instant");
    Ok(Span::new(instant(start)?, instant(end)?).ok_or("an empty span")?)
}
