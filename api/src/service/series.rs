//! Series: bookings that are made at once, by a recurrence rule on the wall clock of the tutor.

mod change;
mod judge;

use super::{
    BookingId, LessonId, SeriesId, TutorId, UserId,
    booking::{self, LONGEST_LESSON, check_taught, not_offered, seen_by, turn},
    busy_time,
    caller::Caller,
    idempotency::Reply,
    quota,
    slot::{About, Times},
    transaction::transaction,
    tutor,
};
use crate::{
    app::App,
    error::{Conflict, Error, Occurrence, Verdict},
    store::{
        self,
        booking::Standing,
        job::Work,
        lesson::NewLesson,
        new_booking::NewBooking,
        series::{Filter, NewSeries},
    },
};
use chrono::{DateTime, NaiveDateTime, TimeDelta, TimeZone, Utc};
use judge::{Candidate, When, Wish, judge};
use scheduling::{
    Tz,
    interval::Span,
    recurrence::{MOST_OCCURRENCES, Rule, RuleError},
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use serde::Serialize;
use std::collections::HashSet;

pub use crate::store::{booking::Side, series::Series};
pub use change::{Move, Part, Scope, cancel, reschedule, try_reschedule};

/// A series that a student wants to book.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub tutor_id: TutorId,
    /// Slug of the subject.
    pub subject: String,
    pub level: String,
    /// When the first occurrence begins, on the wall clock of the tutor.
    pub start: NaiveDateTime,
    pub minutes: i16,
    /// RFC 5545 `RRULE`.
    pub rule: String,
    pub exceptions: Vec<Exception>,
}

/// What is wanted in place of one occurrence.
#[derive(Clone, Copy, Debug)]
pub struct Exception {
    /// When the rule wants it, on the wall clock of the tutor.
    pub recurrence_id: NaiveDateTime,
    /// When it is to be; none: not at all.
    pub instead: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

/// A series with its bookings.
#[derive(Debug)]
pub struct Detail {
    pub series: Series,
    /// By start.
    pub bookings: Vec<booking::Detail>,
    /// When the rule wanted others, that were left out.
    pub left_out: Vec<NaiveDateTime>,
}

/// Says of each lesson whether it could be booked now; nothing is written.
///
/// # Errors
/// As [`create`], but for `series_unavailable`.
pub async fn try_out(
    app: &App,
    caller: &Caller,
    student: UserId,
    wanted: &Wanted,
) -> Result<Vec<Occurrence>, Error> {
    let course = Course::of(app, (caller, student), wanted).await?;
    let occurrences = course.judge(app, caller, student).await?;
    if course.has_quotas && check_free(occurrences.clone()).is_ok() {
        // Quotas count what is booked.
        let people = [course.tutor_user_id, student];
        let _turn = turn(app, student, wanted.tutor_id).await?;
        transaction!(app.db, true, |txn| {
            store::lock_time_of(txn, &people).await?;
            store::booking::expire(txn, &people, app.clock.now()).await?;
            insert(app, txn, (caller, student), &course).await
        })?;
    }
    Ok(occurrences)
}

/// Books all lessons of a series or none, except those that the caller leaves out, or that are on holidays. From a tutor
/// who wants to be asked, a student requests them. All in one transaction, with a number of statements that does not
/// depend on how many lessons there are, unless quotas are to be checked.
///
/// # Errors
/// As [`booking::create`], with `series_unavailable` and a verdict for each lesson in the place of `slot_unavailable`;
/// [`Error::Invalid`] for rules and exceptions that can't be; [`Error::Conflict`] with `nothing_to_book`, `quota_exceeded`.
pub async fn create<A: Serialize + Send + Sync>(
    app: &App,
    caller: &Caller,
    student: UserId,
    wanted: Wanted,
    reply: Reply<Detail, A>,
) -> Result<A, Error> {
    let course = Course::of(app, (caller, student), &wanted).await?;
    // Who comes too late need not queue.
    check_free(course.judge(app, caller, student).await?)?;
    let people = [course.tutor_user_id, student];
    let _turn = turn(app, student, wanted.tutor_id).await?;
    let answer = transaction!(app.db, |txn| {
        store::lock_time_of(txn, &people).await?;
        store::booking::expire(txn, &people, app.clock.now()).await?;
        let id = insert(app, txn, (caller, student), &course).await?;
        reply
            .keep(txn, find(txn, caller, id, app.clock.now()).await?)
            .await
    })?;
    app.work_enqueued.notify_one();
    Ok(answer)
}

/// What is wanted, and when that would be.
struct Course<'a> {
    wanted: &'a Wanted,
    tutor_user_id: UserId,
    has_quotas: bool,
    zone: Tz,
    candidates: Vec<Candidate>,
    /// In which all lessons begin.
    window: Span,
}

impl<'a> Course<'a> {
    async fn of(
        app: &App,
        (caller, student): (&Caller, UserId),
        wanted: &'a Wanted,
    ) -> Result<Self, Error> {
        let tutor = tutor::get(app, caller, wanted.tutor_id).await?;
        check_taught(&tutor.profile, student)?;
        let zone = tutor.timetable.zone;
        let candidates = candidates(wanted, zone)?;
        busy_time::read_if_stale(app, wanted.tutor_id).await;
        Ok(Self {
            window: window(&candidates).ok_or_else(nothing_to_book)?,
            wanted,
            tutor_user_id: tutor.profile.user_id,
            has_quotas: tutor.timetable.has_quotas,
            zone,
            candidates,
        })
    }

    fn about(&self) -> About {
        About {
            subject: Some(self.wanted.subject.clone()),
            level: Some(self.wanted.level.clone()),
        }
    }

    async fn judge(
        &self,
        app: &App,
        caller: &Caller,
        student: UserId,
    ) -> Result<Vec<Occurrence>, Error> {
        app.cache.catch_up().await?;
        let whose = (caller, Some(student));
        let id = self.wanted.tutor_id;
        let times = Times::of_tutor(app, whose, id, self.window, LONGEST_LESSON).await?;
        self.judge_by(&times, caller, app.clock.now())
    }

    fn judge_by(
        &self,
        times: &Times,
        caller: &Caller,
        now: DateTime<Utc>,
    ) -> Result<Vec<Occurrence>, Error> {
        let wish = Wish {
            about: &self.about(),
            sees_all: caller.may_edit(self.wanted.tutor_id),
            disregarded: if caller.is_admin() { &["horizon"] } else { &[] },
            now,
        };
        judge(times, &self.candidates, &wish)
    }
}

/// The occurrences of the rule, with the exceptions in place of those that they are about.
fn candidates(wanted: &Wanted, zone: Tz) -> Result<Vec<Candidate>, Error> {
    let rule: Rule = wanted.rule.parse().map_err(of_rule)?;
    let length = TimeDelta::minutes(wanted.minutes.into());
    let occurrences = rule
        .occurrences(wanted.start, length, zone)
        .map_err(of_rule)?;
    let mut candidates: Vec<_> = occurrences
        .iter()
        .map(|it| Candidate {
            recurrence_id: it.recurrence_id,
            at: When::ByRule(it.span),
        })
        .collect();
    for (i, exception) in wanted.exceptions.iter().enumerate() {
        let field = |name: &str| format!("exceptions[{i}].{name}");
        let of_rule = candidates.iter_mut();
        let mut of_rule = of_rule.filter(|it| it.recurrence_id == exception.recurrence_id);
        let candidate = of_rule.next().ok_or_else(|| {
            let detail = "must be an occurrence of the rule";
            Error::invalid(&field("recurrence_id"), "not_on_rule", detail)
        })?;
        if !matches!(candidate.at, When::ByRule(_)) {
            let detail = "must not be there twice";
            return Err(Error::invalid(&field("recurrence_id"), "duplicate", detail));
        }
        candidate.at = match exception.instead {
            None => When::Never,
            Some((start, end)) => When::Then(booking::span(start, end)?),
        };
    }
    Ok(candidates)
}

fn of_rule(error: RuleError) -> Error {
    let field = if error.is_of_start() { "start" } else { "rule" };
    Error::invalid(field, error.code(), error.to_string())
}

/// In which all of these begin, if there are any.
fn window(candidates: &[Candidate]) -> Option<Span> {
    let starts = || candidates.iter().filter_map(|it| it.at.span());
    let first = starts().map(|span| span.start()).min();
    let last = starts().map(|span| span.end()).max();
    let (first, last) = first.zip(last)?;
    Span::new(first, last)
}

fn nothing_to_book() -> Error {
    Error::conflict("nothing_to_book", "No lesson of this series is left.")
}

/// # Errors
/// [`Error::Conflict`] with `series_unavailable`, if any can't be; with `nothing_to_book`, if none is to be.
fn check_free(occurrences: Vec<Occurrence>) -> Result<Vec<Occurrence>, Error> {
    let is = |verdict| move |it: &Occurrence| it.verdict == verdict;
    if occurrences.iter().any(is(Verdict::Unavailable)) {
        return Err(unavailable(occurrences));
    }
    if !occurrences.iter().any(is(Verdict::Free)) {
        return Err(nothing_to_book());
    }
    Ok(occurrences)
}

fn unavailable(occurrences: Vec<Occurrence>) -> Error {
    Error::Conflict(Box::new(Conflict {
        code: "series_unavailable",
        detail: "Not all lessons can be at these times, so nothing was changed; occurrences says which, why, and what could be instead.".into(),
        conflicts: Vec::new(),
        alternatives: Vec::new(),
        quota: None,
        occurrences,
    }))
}

/// The constraints have the last word.
fn translate(error: DbErr) -> Error {
    match booking::translate(error) {
        Error::Conflict(_) => unavailable(Vec::new()),
        error => error,
    }
}

async fn insert(
    app: &App,
    txn: &DatabaseTransaction,
    (caller, student): (&Caller, UserId),
    course: &Course<'_>,
) -> Result<SeriesId, Error> {
    let now = app.clock.now();
    let wanted = course.wanted;
    if caller.user_id() != Some(student) && !store::person::hold(txn, student).await? {
        return Err(Error::not_found("student"));
    }
    let whose = (caller, Some(student));
    let starts = (course.window, LONGEST_LESSON);
    let times = Times::within_window(app, txn, whose, wanted.tutor_id, starts).await?;
    let (tutor, _) = times.only()?;
    check_taught(&tutor.profile, student)?;
    let mut offers = tutor.offers.iter();
    let offer = offers.find(|offer| offer.slug == wanted.subject && offer.level == wanted.level);
    let subject_id = offer.ok_or_else(not_offered)?.subject_id;
    let occurrences = check_free(course.judge_by(&times, caller, now)?)?;
    let series = NewSeries {
        student_id: student,
        tutor_id: wanted.tutor_id,
        subject_id,
        level: wanted.level.clone(),
        time_zone: course.zone.name().to_owned(),
        local_start: wanted.start,
        minutes: wanted.minutes,
        rule: wanted.rule.clone(),
    };
    let mut places = Vec::new();
    for (occurrence, candidate) in occurrences.iter().zip(&course.candidates) {
        if let (Verdict::Free, Some(span)) = (occurrence.verdict, candidate.at.span()) {
            let approval = tutor.timetable.terms.approval;
            let standing = booking::booked(caller, (student, None), approval, span, now)?;
            places.push((candidate.recurrence_id, span, standing));
        }
    }
    let id = store::series::insert(txn, series.clone(), now).await?;
    let booked = insert_lessons(txn, (id, &series), places, now).await?;
    if quota::binds(caller, false, &tutor.timetable)? {
        quota::check_booked(app, txn, student, &booked).await?;
    }
    Ok(id)
}

async fn insert_lessons(
    txn: &DatabaseTransaction,
    (id, series): (SeriesId, &NewSeries),
    places: Vec<(NaiveDateTime, Span, Standing)>,
    now: DateTime<Utc>,
) -> Result<Vec<(BookingId, Span)>, Error> {
    let spans: Vec<_> = places.iter().map(|(_, span, _)| *span).collect();
    let new = places
        .into_iter()
        .map(|(recurrence_id, span, standing)| NewBooking {
            student_id: series.student_id,
            lesson: NewLesson {
                tutor_id: series.tutor_id,
                subject_id: series.subject_id,
                level: series.level.clone(),
                span,
                expires_at: standing.expires_at,
            },
            standing,
            occurrence: Some((id, recurrence_id)),
            reserved_for: None,
        });
    let inserted = store::new_booking::insert(txn, new.collect(), now).await;
    Ok(inserted
        .map_err(translate)?
        .into_iter()
        .zip(spans)
        .collect())
}

/// Asks for the events of these lessons to be brought in line: each has its own, so in one statement.
async fn sync(
    txn: &DatabaseTransaction,
    lessons: impl Iterator<Item = LessonId>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let works: Vec<_> = lessons.map(Work::SyncLessonEvent).collect();
    Ok(store::job::enqueue_all(txn, &works, now).await?)
}

/// Which series are listed, and where the page begins.
#[derive(Debug)]
pub struct Listing {
    /// Only those of this student.
    pub student: Option<UserId>,
    /// Only those that were booked with this tutor.
    pub tutor: Option<TutorId>,
    pub after: Option<SeriesId>,
    pub limit: u32,
}

/// The series that the caller may see, those that were booked first. One query.
pub async fn list(app: &App, caller: &Caller, listing: Listing) -> Result<Vec<Series>, Error> {
    let filter = Filter {
        student: listing.student,
        tutor: listing.tutor,
        after: listing.after,
        limit: listing.limit.into(),
        ..Filter::all(seen_by(caller))
    };
    Ok(store::series::list(&app.db, filter).await?)
}

/// A series, if the caller may see it, with those of its bookings that the caller may see.
pub async fn get(app: &App, caller: &Caller, id: SeriesId) -> Result<Detail, Error> {
    find(&app.db, caller, id, app.clock.now()).await
}

async fn find(
    db: &impl ConnectionTrait,
    caller: &Caller,
    id: SeriesId,
    now: DateTime<Utc>,
) -> Result<Detail, Error> {
    let filter = Filter {
        id: Some(id),
        ..Filter::all(seen_by(caller))
    };
    let series = store::series::list(db, filter).await?.pop();
    let series = series.ok_or(Error::not_found("series"))?;
    let filter = store::booking::Filter {
        series: Some(id),
        limit: i64::try_from(MOST_OCCURRENCES).unwrap_or(i64::MAX),
        ..store::booking::Filter::all(seen_by(caller), false, now)
    };
    let bookings = store::booking::list(db, filter).await?;
    let booked = store::series::booked(db, id).await?;
    Ok(Detail {
        left_out: left_out(&series, &booked)?,
        series,
        bookings,
    })
}

/// Which occurrences of the rule have no booking.
fn left_out(series: &Series, booked: &HashSet<NaiveDateTime>) -> Result<Vec<NaiveDateTime>, Error> {
    let rule: Rule = series
        .rule
        .parse()
        .map_err(|error: RuleError| Error::internal(error))?;
    let zone = zone_of(series)?;
    let length = TimeDelta::minutes(series.minutes.into());
    let occurrences = rule.occurrences(series.local_start, length, zone);
    let by_rule = occurrences.map_err(Error::internal)?;
    let by_rule = by_rule.into_iter().map(|it| it.recurrence_id);
    Ok(by_rule.filter(|id| !booked.contains(id)).collect())
}

fn zone_of(series: &Series) -> Result<Tz, Error> {
    let zone = series.time_zone.parse();
    zone.map_err(|_| Error::internal(anyhow::anyhow!("no zone {}", series.time_zone)))
}

/// When the wall clock of a zone first shows `local`, if ever.
fn instant(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    Some(zone.from_local_datetime(&local).earliest()?.to_utc())
}
