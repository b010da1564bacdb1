//! How much more each student may have of what a matching proposes.

use crate::{
    app::App,
    error::Error,
    service::UserId,
    store::{
        self,
        quota::{Counted, Term},
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::{
    Tz,
    interval::Span,
    quota::{self, Limits},
};
use std::collections::HashMap;

/// What students may book, and have.
pub(super) struct Quotas {
    zone: Tz,
    now: DateTime<Utc>,
    /// Those in which any of the lessons can begin.
    terms: Vec<Span>,
    of: HashMap<UserId, (Limits, Vec<Counted>)>,
}

/// What is limited for one student.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Limited {
    ActiveBookings,
    /// The minutes of lessons that begin in this week.
    WeeklyMinutes(Span),
    /// The minutes of lessons that begin in this term, which may be a week as well.
    TermMinutes(Span),
}

/// The places of what is limited among all limits of a problem.
#[derive(Default)]
pub(super) struct Places(HashMap<(UserId, Limited), usize>);

impl Quotas {
    /// Of these students, for lessons in this window. Three queries.
    pub async fn load(app: &App, students: &[UserId], window: Span) -> Result<Self, Error> {
        let zone = app.config.centre.time_zone;
        let now = app.clock.now();
        let terms = store::quota::terms(&app.db).await?;
        let days = |term: Term| quota::days(term.first_date, term.last_date, zone);
        let terms = terms.into_iter().filter_map(days);
        let terms: Vec<Span> = terms.filter(|term| term.overlaps(&window)).collect();
        // What begins before these counts in none of them.
        let week = quota::week(window.start(), zone);
        let starts = terms.iter().chain(&week).map(Span::start);
        let since = starts.min().unwrap_or(now).min(now);
        let mut counted = store::quota::counted(&app.db, students, since, now).await?;
        let limits = store::quota::limits(&app.db, students).await?;
        let of = limits.into_iter().map(|(student, limits)| {
            let counted = counted.remove(&student).unwrap_or_default();
            (student, (limits, counted))
        });
        Ok(Self {
            zone,
            now,
            terms,
            of: of.collect(),
        })
    }

    /// The limits under which a lesson of a student falls and what it takes of them; they come to be as they are needed.
    pub fn of(
        &self,
        (student, lesson): (UserId, Span),
        places: &mut Places,
        limits: &mut Vec<u32>,
    ) -> Vec<(usize, u32)> {
        let Some((allowed, counted)) = self.of.get(&student) else {
            return Vec::new();
        };
        let minutes = u32::try_from(lesson.duration().num_minutes()).unwrap_or(u32::MAX);
        let week = || quota::week(lesson.start(), self.zone);
        let term = || {
            let mut terms = self.terms.iter();
            terms.find(|term| (term.start()..term.end()).contains(&lesson.start()))
        };
        let limited = [
            (allowed.active_bookings, Some((Limited::ActiveBookings, 1))),
            (
                allowed.weekly_minutes,
                week().map(|week| (Limited::WeeklyMinutes(week), minutes)),
            ),
            (
                allowed.term_minutes,
                term().map(|term| (Limited::TermMinutes(*term), minutes)),
            ),
        ];
        let limited = limited.into_iter();
        let limited = limited.filter_map(|(most, limited)| Some((most?, limited?)));
        let place = |(most, (limited, takes)): (i64, (Limited, u32))| {
            let place = places.0.entry((student, limited)).or_insert_with(|| {
                let left = most.saturating_sub(self.used(counted, limited));
                limits.push(u32::try_from(left.max(0)).unwrap_or(u32::MAX));
                limits.len() - 1
            });
            (*place, takes)
        };
        limited.map(place).collect()
    }

    fn used(&self, counted: &[Counted], limited: Limited) -> i64 {
        let counted = counted.iter();
        match limited {
            Limited::ActiveBookings => {
                let active = counted.filter(|it| it.ends_at > self.now).count();
                i64::try_from(active).unwrap_or(i64::MAX)
            }
            Limited::WeeklyMinutes(period) | Limited::TermMinutes(period) => {
                let begins = |it: &&Counted| (period.start()..period.end()).contains(&it.starts_at);
                let lengths = counted.filter(begins).map(|it| it.ends_at - it.starts_at);
                lengths.sum::<TimeDelta>().num_minutes()
            }
        }
    }
}
