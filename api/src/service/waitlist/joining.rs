//! Beginning to wait.

use super::{Entry, WaitlistEntryId, find};
use crate::{
    app::App,
    error::Error,
    service::{
        LessonId, TutorId, UserId,
        booking::{check_taught, not_offered},
        caller::Caller,
        group_lesson,
        idempotency::Reply,
        slot::LONGEST_WINDOW,
        transaction::transaction,
        tutor,
    },
    store::{self, violated, waitlist::NewWish},
};
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::{
    interval::{Span, union},
    lifecycle::{Actor, Step},
};
use sea_orm::{DatabaseTransaction, DbErr};
use serde::Serialize;

/// For how much a student can wait at a time.
pub const MOST_WAITING: i64 = 10;

/// Whoever waits for the same again within this time has turned down as many offers as before.
const REMEMBERED: TimeDelta = TimeDelta::days(1);

/// For what somebody waits.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// A seat in a group lesson.
    Seat(LessonId),
    /// A lesson at some time.
    Time(Wish),
}

/// A lesson that somebody wants at some time.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Slug of the subject.
    pub subject: String,
    pub level: String,
    /// None: any who teaches it.
    pub tutor_id: Option<TutorId>,
    pub minutes: i16,
    /// In which the whole lesson is to lie.
    pub windows: Vec<(DateTime<Utc>, DateTime<Utc>)>,
}

/// Lets a student wait for whom the caller may act, behind all who wait already. Room that there is by then is offered by
/// a job. Leaving and coming back makes no offer forgotten that was turned down.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] for what there is not, and for windows that can't be; [`Error::Conflict`] with
/// `already_waiting`, `too_many_waiting`, `own_lesson`, `tutor_suspended`, and of a group lesson `already_joined`,
/// `already_cancelled` and `already_started`; [`Error::RequestInProgress`] if the claim was lost.
pub async fn join<A: Serialize + Send + Sync>(
    app: &App,
    caller: &Caller,
    (student, wanted): (UserId, Wanted),
    reply: Reply<Entry, A>,
) -> Result<A, Error> {
    // The tutor's too where there is one: what gets free is then offered to those who wait before, or after.
    let mut people = vec![student];
    let wish = match &wanted {
        Wanted::Seat(lesson) => {
            people.push(check_lesson(app, caller, *lesson, student).await?);
            None
        }
        Wanted::Time(wish) => {
            let checked = checked(app, caller, wish, student).await;
            let (wish, tutor) = checked.map_err(|error| error.within("wish"))?;
            people.extend(tutor);
            Some(wish)
        }
    };
    let answer = transaction!(app.db, |txn| {
        store::lock_time_of(txn, &people).await?;
        let now = app.clock.now();
        if caller.user_id() != Some(student) && !store::person::hold(txn, student).await? {
            return Err(Error::not_found("student"));
        }
        if store::waitlist::count(txn, student).await? >= MOST_WAITING {
            let detail = "A student can wait for ten things at a time.";
            return Err(Error::conflict("too_many_waiting", detail));
        }
        let id = insert(txn, student, (&wanted, wish.as_ref()), now).await?;
        store::waitlist::carry_over(txn, id, now - REMEMBERED).await?;
        store::waitlist::ask_for_offers(txn, Some(id), now).await?;
        reply.keep(txn, find(txn, caller, id, now).await?).await
    })?;
    app.work_enqueued.notify_one();
    Ok(answer)
}

async fn insert(
    txn: &DatabaseTransaction,
    student: UserId,
    (wanted, wish): (&Wanted, Option<&NewWish>),
    now: DateTime<Utc>,
) -> Result<WaitlistEntryId, Error> {
    let inserted = match (wanted, wish) {
        (Wanted::Time(_), Some(wish)) => {
            store::waitlist::insert_wish(txn, student, wish, now).await
        }
        (Wanted::Seat(lesson), _) => {
            let seated = store::group_lesson::students(txn, *lesson).await?;
            if seated.contains(&student) {
                let detail = "The student is in this lesson already.";
                return Err(Error::conflict("already_joined", detail));
            }
            store::waitlist::insert_for_seat(txn, (student, *lesson), now).await
        }
        (Wanted::Time(_), None) => return Err(not_offered()),
    };
    inserted.map_err(translate)
}

fn translate(error: DbErr) -> Error {
    match violated(&error) {
        Some("waitlist_entries_lesson_key" | "waitlist_entries_wish_key") => {
            Error::conflict("already_waiting", "The student waits for this already.")
        }
        _ => error.into(),
    }
}

/// The tutor of a lesson for which the student can wait.
async fn check_lesson(
    app: &App,
    caller: &Caller,
    id: LessonId,
    student: UserId,
) -> Result<UserId, Error> {
    let lesson = group_lesson::get(app, caller, id).await?;
    group_lesson::check_step(&lesson, Step::Cancel, Actor::Admin, app.clock.now())?;
    if lesson.tutor_user_id == student {
        let detail = "Nobody can book a lesson with themselves.";
        return Err(Error::conflict("own_lesson", detail));
    }
    Ok(lesson.tutor_user_id)
}

/// A wish that can come true some day, and its tutor, if it names one.
async fn checked(
    app: &App,
    caller: &Caller,
    wish: &Wish,
    student: UserId,
) -> Result<(NewWish, Option<UserId>), Error> {
    let windows = windows(wish, app.clock.now())?;
    let mut owner = None;
    let subject = tutor::subject_at(app, caller, &wish.subject, &wish.level).await?;
    if let Some(id) = wish.tutor_id {
        let tutor = tutor::get(app, caller, id).await?;
        check_taught(&tutor.profile, student)?;
        owner = Some(tutor.profile.user_id);
        let lengths = tutor.lengths(Some(&wish.subject), Some(&wish.level));
        if lengths.is_empty() {
            return Err(not_offered());
        }
        if !lengths.contains(&TimeDelta::minutes(wish.minutes.into())) {
            let detail = "this tutor offers no lesson of this length";
            return Err(Error::invalid("minutes", "length_not_offered", detail));
        }
    }
    let wish = NewWish {
        subject_id: subject,
        level: wish.level.clone(),
        tutor_id: wish.tutor_id,
        minutes: wish.minutes,
        windows,
    };
    Ok((wish, owner))
}

/// The windows in order, those that overlap or touch as one.
fn windows(wish: &Wish, now: DateTime<Utc>) -> Result<Vec<Span>, Error> {
    let mut spans = Vec::new();
    for (place, (start, end)) in wish.windows.iter().enumerate() {
        let invalid = |code, detail| {
            let field = format!("windows[{place}].end");
            Error::invalid(&field, code, detail)
        };
        let span = Span::new(*start, *end);
        let span = span.ok_or_else(|| invalid("not_after_start", "must be after start"))?;
        if span.duration() < TimeDelta::minutes(wish.minutes.into()) {
            let detail = "must be as long after start as the lesson lasts, at least";
            return Err(invalid("not_after_start", detail));
        }
        if span.end() <= now {
            return Err(invalid("not_ahead", "must be ahead"));
        }
        if span.end() - now > FARTHEST {
            return Err(invalid("too_long", "must be at most a year ahead"));
        }
        spans.push(span);
    }
    let merged = union(spans);
    if merged.iter().any(|span| span.duration() > LONGEST_WINDOW) {
        let detail = "must be 62 days long at most, with those that they overlap or touch";
        return Err(Error::invalid("windows", "window_too_long", detail));
    }
    Ok(merged)
}

/// So far ahead a window may end.
const FARTHEST: TimeDelta = TimeDelta::days(366);
