//! All that decides when tutors can be booked, except what they teach and what occupies their time.

use super::{
    date_override, holiday_calendar,
    policy::{Policy, Terms},
    time_off, weekly_rule,
};
use ::entity::id::TutorId;
use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use scheduling::{
    availability::{Availability, DateOverride, DateRange, TimeOff, WeeklyRule},
    policy,
};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, raw_sql};
use std::{collections::HashMap, sync::Arc};
use uuid::Uuid;

/// All that decides when a tutor can be booked, except what is taught and what occupies the tutor's time.
#[derive(Clone, Debug)]
pub struct Timetable {
    pub zone: Tz,
    pub end_date: Option<NaiveDate>,
    pub policy: policy::Policy,
    pub terms: Terms,
    /// Whether there is any limit to what any student may book.
    pub has_quotas: bool,
    /// Whether the tutor's calendar has not been read for so long that nothing is to be offered.
    pub calendar_unknown: bool,
    /// Until when all of this is so if nobody changes anything: then the calendar is unknown, unless it was read meanwhile.
    pub until: Option<DateTime<Utc>>,
    pub weekly_rules: Vec<WeeklyRule>,
    pub overrides: Vec<DateOverride>,
    pub time_off: Vec<TimeOff>,
    /// Most tutors have the centre's, and share them.
    pub holidays: Arc<[DateRange]>,
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
}

#[derive(FromQueryResult)]
struct Row {
    id: TutorId,
    time_zone: String,
    end_date: Option<NaiveDate>,
    #[sea_orm(nested)]
    policy: Policy,
    has_student_quotas: bool,
    busy_known_until: Option<DateTime<Utc>>,
}

impl Row {
    fn timetable(self, holidays: Arc<[DateRange]>, now: DateTime<Utc>) -> Result<Timetable, DbErr> {
        let zone = self.time_zone.parse();
        Ok(Timetable {
            zone: zone.map_err(|_| DbErr::Type(format!("time zone of tutor {}", self.id)))?,
            end_date: self.end_date,
            policy: self.policy.rules(),
            terms: self.policy.terms(),
            has_quotas: self.has_student_quotas || self.policy.has_quotas(),
            calendar_unknown: self.busy_known_until.is_some_and(|until| until <= now),
            until: self.busy_known_until.filter(|until| *until > now),
            weekly_rules: Vec::new(),
            overrides: Vec::new(),
            time_off: Vec::new(),
            holidays,
        })
    }
}

/// The timetables of these tutors, as far as they matter from `now` on. Five queries, whatever the number of
/// tutors.
pub async fn of_tutors(
    db: &impl ConnectionTrait,
    tutors: &[TutorId],
    now: DateTime<Utc>,
) -> Result<HashMap<TutorId, Timetable>, DbErr> {
    let today = now.date_naive();
    // What began the evening before may pass midnight, and no zone is a day behind UTC.
    let from = today.checked_sub_days(Days::new(2)).unwrap_or(today);
    let mut found = without_times(db, tutors, from, now).await?;
    for (id, rule) in weekly_rule::of_tutors(db, tutors).await? {
        if let Some(timetable) = found.get_mut(&id) {
            timetable.weekly_rules.push(rule);
        }
    }
    for (id, on_date) in date_override::of_tutors(db, tutors, from).await? {
        if let Some(timetable) = found.get_mut(&id) {
            timetable.overrides.push(on_date);
        }
    }
    for (id, time_off) in time_off::of_tutors(db, tutors, now).await? {
        if let Some(timetable) = found.get_mut(&id) {
            timetable.time_off.push(time_off);
        }
    }
    Ok(found)
}

async fn without_times(
    db: &impl ConnectionTrait,
    tutors: &[TutorId],
    from: NaiveDate,
    now: DateTime<Utc>,
) -> Result<HashMap<TutorId, Timetable>, DbErr> {
    let mut of_centre = Vec::new();
    let mut followed: HashMap<TutorId, Vec<DateRange>> = HashMap::new();
    for (id, dates) in holiday_calendar::of_tutors(db, tutors, from).await? {
        match id {
            Some(id) => followed.entry(id).or_default().push(dates),
            None => of_centre.push(dates),
        }
    }
    let of_all: Arc<[DateRange]> = of_centre.as_slice().into();
    let timetable = |row: Row| {
        let holidays = match followed.remove(&row.id) {
            None => Arc::clone(&of_all),
            Some(own) => of_centre.iter().copied().chain(own).collect(),
        };
        Ok((row.id, row.timetable(holidays, now)?))
    };
    rows(db, tutors).await?.into_iter().map(timetable).collect()
}

async fn rows(db: &impl ConnectionTrait, tutors: &[TutorId]) -> Result<Vec<Row>, DbErr> {
    let tutors: Vec<Uuid> = tutors.iter().map(|id| id.0).collect();
    Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT tutors.id, time_zone, end_date,
                  coalesce(tutors.minimum_notice_minutes, centre.minimum_notice_minutes) AS minimum_notice_minutes,
                  coalesce(tutors.horizon_days, centre.horizon_days) AS horizon_days,
                  coalesce(tutors.start_grid_minutes, centre.start_grid_minutes) AS start_grid_minutes,
                  coalesce(tutors.start_grid_anchor, centre.start_grid_anchor) AS start_grid_anchor,
                  coalesce(tutors.buffer_before_minutes, centre.buffer_before_minutes) AS buffer_before_minutes,
                  coalesce(tutors.buffer_after_minutes, centre.buffer_after_minutes) AS buffer_after_minutes,
                  coalesce(tutors.max_lessons_per_day, centre.max_lessons_per_day) AS max_lessons_per_day,
                  coalesce(tutors.max_lessons_per_week, centre.max_lessons_per_week) AS max_lessons_per_week,
                  coalesce(tutors.requires_approval, centre.requires_approval) AS requires_approval,
                  coalesce(tutors.approval_minutes, centre.approval_minutes) AS approval_minutes,
                  hold_minutes, attendance_days, calendar_unknown_after_hours, max_active_bookings, weekly_minutes, term_minutes,
                  event_moved, event_deleted, event_deleted_grace_minutes, event_declined,
                  EXISTS (SELECT FROM student_quotas) AS has_student_quotas,
                  busy_known_until(google_grants, calendar_unknown_after_hours) AS busy_known_until
           FROM tutors CROSS JOIN centre LEFT JOIN google_grants ON google_grants.user_id = tutors.user_id
           WHERE tutors.id = ANY({tutors})"#
    ))
    .all(db)
    .await
}
