//! All that decides when tutors can be booked, except what occupies their time.

use super::{
    date_override, holiday_calendar,
    offer::{self, Offer},
    policy::Policy,
    time_off, weekly_rule,
};
use ::entity::id::{TutorId, UserId};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use scheduling::{
    availability::{Availability, DateOverride, DateRange, TimeOff, WeeklyRule},
    policy,
};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, raw_sql};
use uuid::Uuid;

/// All that decides when a tutor can be booked, except what occupies the tutor's time.
#[derive(Clone, Debug)]
pub struct Timetable {
    pub tutor_id: TutorId,
    pub user_id: UserId,
    pub zone: Tz,
    pub end_date: Option<NaiveDate>,
    pub policy: policy::Policy,
    pub weekly_rules: Vec<WeeklyRule>,
    pub overrides: Vec<DateOverride>,
    pub time_off: Vec<TimeOff>,
    pub holidays: Vec<DateRange>,
    pub offers: Vec<Offer>,
}

impl Timetable {
    pub fn availability(&self) -> Availability<'_> {
        Availability {
            zone: self.zone,
            weekly_rules: &self.weekly_rules,
            overrides: &self.overrides,
            time_off: &self.time_off,
            holidays: &self.holidays,
            last_date: self.end_date,
        }
    }

    /// The lengths of lesson on offer for a subject at a level, or for any.
    pub fn lengths(&self, subject: Option<&str>, level: Option<&str>) -> Vec<TimeDelta> {
        let asked = |offer: &&Offer| {
            subject.is_none_or(|slug| offer.slug == slug)
                && level.is_none_or(|level| offer.level == level)
        };
        let offers = self.offers.iter().filter(asked);
        let mut lengths: Vec<_> = offers
            .flat_map(|offer| &offer.lesson_minutes)
            .map(|minutes| TimeDelta::minutes((*minutes).into()))
            .collect();
        lengths.sort_unstable();
        lengths.dedup();
        lengths
    }
}

#[derive(FromQueryResult)]
struct Row {
    id: TutorId,
    user_id: UserId,
    time_zone: String,
    end_date: Option<NaiveDate>,
    #[sea_orm(nested)]
    policy: Policy,
}

impl Row {
    fn timetable(self) -> Result<Timetable, DbErr> {
        let zone = self.time_zone.parse();
        Ok(Timetable {
            tutor_id: self.id,
            user_id: self.user_id,
            zone: zone.map_err(|_| DbErr::Type(format!("time zone of tutor {}", self.id)))?,
            end_date: self.end_date,
            policy: self.policy.rules(),
            weekly_rules: Vec::new(),
            overrides: Vec::new(),
            time_off: Vec::new(),
            holidays: Vec::new(),
            offers: Vec::new(),
        })
    }
}

/// The timetables of these tutors, by id, as far as they matter from `now` on. Six queries, whatever the
/// number of tutors.
pub async fn of_tutors(
    db: &impl ConnectionTrait,
    tutors: &[TutorId],
    now: DateTime<Utc>,
) -> Result<Vec<Timetable>, DbErr> {
    let today = now.date_naive();
    // What began the evening before may pass midnight, and no zone is a day behind UTC.
    let from = today.checked_sub_days(Days::new(2)).unwrap_or(today);
    let mut found = without_times(db, tutors).await?;
    for (id, rule) in weekly_rule::of_tutors(db, tutors).await? {
        add(&mut found, id, |timetable| {
            timetable.weekly_rules.push(rule);
        });
    }
    for (id, on_date) in date_override::of_tutors(db, tutors, from).await? {
        add(&mut found, id, |timetable| {
            timetable.overrides.push(on_date);
        });
    }
    for (id, time_off) in time_off::of_tutors(db, tutors, now).await? {
        add(&mut found, id, |timetable| {
            timetable.time_off.push(time_off);
        });
    }
    for offer in offer::of_tutors(db, tutors).await? {
        add(&mut found, offer.tutor_id, |timetable| {
            timetable.offers.push(offer);
        });
    }
    for (id, dates) in holiday_calendar::of_tutors(db, tutors, from).await? {
        match id {
            Some(id) => add(&mut found, id, |timetable| timetable.holidays.push(dates)),
            None => found
                .iter_mut()
                .for_each(|timetable| timetable.holidays.push(dates)),
        }
    }
    Ok(found)
}

async fn without_times(
    db: &impl ConnectionTrait,
    tutors: &[TutorId],
) -> Result<Vec<Timetable>, DbErr> {
    let tutors: Vec<Uuid> = tutors.iter().map(|id| id.0).collect();
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT tutors.id, user_id, time_zone, end_date,
                  coalesce(tutors.minimum_notice_minutes, centre.minimum_notice_minutes) AS minimum_notice_minutes,
                  coalesce(tutors.horizon_days, centre.horizon_days) AS horizon_days,
                  coalesce(tutors.start_grid_minutes, centre.start_grid_minutes) AS start_grid_minutes,
                  coalesce(tutors.start_grid_anchor, centre.start_grid_anchor) AS start_grid_anchor,
                  coalesce(tutors.buffer_before_minutes, centre.buffer_before_minutes) AS buffer_before_minutes,
                  coalesce(tutors.buffer_after_minutes, centre.buffer_after_minutes) AS buffer_after_minutes,
                  coalesce(tutors.max_lessons_per_day, centre.max_lessons_per_day) AS max_lessons_per_day,
                  coalesce(tutors.max_lessons_per_week, centre.max_lessons_per_week) AS max_lessons_per_week
           FROM tutors CROSS JOIN centre WHERE tutors.id = ANY({tutors}) ORDER BY tutors.id"#
    ))
    .all(db)
    .await?;
    rows.into_iter().map(Row::timetable).collect()
}

fn add(found: &mut [Timetable], tutor_id: TutorId, add: impl FnOnce(&mut Timetable)) {
    if let Ok(at) = found.binary_search_by_key(&tutor_id, |timetable| timetable.tutor_id) {
        add(&mut found[at]);
    }
}
