//! When a tutor can be booked.

use super::{TutorId, UserId, tutor::visible};
use crate::{
    app::App,
    error::{Error, Obstacle},
    store::{self, tutor::Profile},
};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use scheduling::{
    availability::WeeklyRule,
    interval::Span,
    policy::{Policy, reach},
    slots::{
        ALTERNATIVES_WITHIN, Occupied, OccupiedBy, Refusal, Schedule, alternatives, refusals, slots,
    },
};
use sea_orm::ConnectionTrait;

/// The longest window that can be searched.
pub const LONGEST_WINDOW: TimeDelta = TimeDelta::days(62);

/// How many other times are offered where one can't be booked.
const ALTERNATIVES: usize = 5;

/// A question about the time of a tutor.
#[derive(Debug)]
pub struct Search {
    pub tutor_id: TutorId,
    /// Slots that begin in here.
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub minutes: i16,
}

/// Every slot that this student could book now.
///
/// # Errors
/// [`Error::NotFound`] for a tutor that the student may not see; [`Error::Invalid`] for a window that is
/// empty or longer than [`LONGEST_WINDOW`], and for a length that the tutor does not offer.
pub async fn search(app: &App, student: UserId, search: Search) -> Result<Vec<Span>, Error> {
    let window = Span::new(search.from, search.to)
        .ok_or_else(|| Error::invalid("to", "not_after_from", "must be after from"))?;
    if window.duration() > LONGEST_WINDOW {
        let detail = format!(
            "must be at most {} days after from",
            LONGEST_WINDOW.num_days()
        );
        return Err(Error::invalid("to", "window_too_long", detail));
    }
    let profile = visible(&app.db, student, search.tutor_id).await?;
    let offers = store::offer::of_tutors(&app.db, &[search.tutor_id]).await?;
    if !offers
        .iter()
        .any(|offer| offer.lesson_minutes.contains(&search.minutes))
    {
        return Err(Error::invalid(
            "minutes",
            "length_not_offered",
            "this tutor offers no lesson of this length",
        ));
    }
    let length = TimeDelta::minutes(search.minutes.into());
    let Some(needed) = reach(window, length) else {
        return Ok(Vec::new());
    };
    let time = Time::load(app, &app.db, &profile, student, needed).await?;
    Ok(slots(&time.schedule(), window, length, app.clock.now()).collect())
}

/// All that decides whether a student can book a tutor, for some stretch of time.
pub(super) struct Time {
    zone: Tz,
    rules: Vec<WeeklyRule>,
    occupied: Vec<Occupied>,
    policy: Policy,
}

impl Time {
    /// Loads it with a fixed number of queries, each bounded by the stretch.
    pub(super) async fn load(
        app: &App,
        db: &impl ConnectionTrait,
        profile: &Profile,
        student: UserId,
        needed: Span,
    ) -> Result<Self, Error> {
        let rules = store::weekly_rule::of_tutor(db, profile.id).await?;
        let sources = [
            (
                OccupiedBy::Lesson,
                store::lesson::of_person(db, profile.user_id, needed).await?,
            ),
            (
                OccupiedBy::CalendarBusy,
                store::busy_span::of_tutor(db, profile.id, needed).await?,
            ),
            (
                OccupiedBy::StudentBusy,
                store::lesson::of_person(db, student, needed).await?,
            ),
        ];
        let occupied = sources
            .into_iter()
            .flat_map(|(by, spans)| spans.into_iter().map(move |span| Occupied { span, by }));
        Ok(Self {
            zone: zone(profile)?,
            rules,
            occupied: occupied.collect(),
            policy: policy(app),
        })
    }

    fn schedule(&self) -> Schedule<'_> {
        Schedule {
            zone: self.zone,
            rules: &self.rules,
            occupied: &self.occupied,
            policy: &self.policy,
        }
    }

    /// Why this slot can't be booked; empty when it can. Each reason once, so that nobody learns how many
    /// lessons the tutor has.
    pub(super) fn obstacles(&self, slot: Span, now: DateTime<Utc>) -> Vec<Obstacle> {
        let mut obstacles = Vec::new();
        for refusal in refusals(&self.schedule(), slot, now) {
            let obstacle = obstacle(&refusal);
            if !obstacles.contains(&obstacle) {
                obstacles.push(obstacle);
            }
        }
        obstacles
    }
}

/// Bookable slots of the same length, nearest to the one that was wanted.
pub(super) async fn alternatives_to(
    app: &App,
    profile: &Profile,
    student: UserId,
    wanted: Span,
) -> Result<Vec<(DateTime<Utc>, DateTime<Utc>)>, Error> {
    let around = wanted
        .start()
        .checked_sub_signed(ALTERNATIVES_WITHIN)
        .zip(wanted.end().checked_add_signed(ALTERNATIVES_WITHIN))
        .and_then(|(from, until)| Span::new(from, until));
    let Some(around) = around else {
        return Ok(Vec::new());
    };
    let time = Time::load(app, &app.db, profile, student, around).await?;
    let found = alternatives(&time.schedule(), wanted, app.clock.now(), ALTERNATIVES);
    Ok(found
        .into_iter()
        .map(|slot| (slot.start(), slot.end()))
        .collect())
}

/// What the tutor has in that time is nobody's business, so only the student's own clash is told with
/// its span.
fn obstacle(refusal: &Refusal) -> Obstacle {
    let span = match refusal {
        Refusal::StudentBusy { conflict } => Some((conflict.start(), conflict.end())),
        _ => None,
    };
    Obstacle {
        code: refusal.code(),
        span,
    }
}

fn zone(profile: &Profile) -> Result<Tz, Error> {
    profile.time_zone.parse().map_err(|_| {
        Error::internal(anyhow::anyhow!(
            "tutor {} has the unknown zone {:?}",
            profile.id,
            profile.time_zone
        ))
    })
}

fn policy(app: &App) -> Policy {
    let settings = &app.config.policy;
    Policy {
        minimum_notice: TimeDelta::minutes(settings.minimum_notice_minutes.into()),
        horizon: TimeDelta::days(settings.horizon_days.into()),
        start_grid: TimeDelta::minutes(settings.start_grid_minutes.into()),
    }
}
