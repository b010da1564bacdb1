//! Holidays, by calendar: those of the centre, and those that single tutors follow.

use super::{
    HolidayCalendarId, TutorId, holiday_import, idempotency::Reply, transaction::transaction,
    tutor::begin_edit,
};
use crate::{
    app::App,
    error::{Error, FieldError},
    store::{self, violated},
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use serde::Serialize;

pub use crate::store::holiday_calendar::{Changes, Holiday, HolidayCalendar};

/// How many calendars there may be.
const MOST_CALENDARS: u64 = 200;

/// How many holidays a calendar may have.
pub const MOST_HOLIDAYS: usize = 2000;

/// Calendars in the order in which they were made.
pub async fn list(
    app: &App,
    after: Option<HolidayCalendarId>,
    limit: u32,
) -> Result<Vec<HolidayCalendar>, Error> {
    Ok(store::holiday_calendar::list(&app.db, after, limit.into()).await?)
}

pub async fn get(app: &App, id: HolidayCalendarId) -> Result<HolidayCalendar, Error> {
    find(&app.db, id).await
}

async fn find(db: &impl ConnectionTrait, id: HolidayCalendarId) -> Result<HolidayCalendar, Error> {
    store::holiday_calendar::get(db, id)
        .await?
        .ok_or(Error::not_found("holiday calendar"))
}

/// Makes an empty calendar.
///
/// # Errors
/// [`Error::Invalid`] with `taken` for a name that another one has; [`Error::RequestInProgress`] if the claim was lost.
pub async fn create<A: Serialize + Send + Sync>(
    app: &App,
    name: &str,
    centre_wide: bool,
    reply: Reply<HolidayCalendar, A>,
) -> Result<A, Error> {
    transaction!(app.db, |txn| {
        let made = make(app, txn, name, centre_wide).await?;
        reply.keep(txn, made).await
    })
}

/// Whether such a calendar could be made.
///
/// # Errors
/// As [`create`].
pub async fn try_create(app: &App, name: &str, centre_wide: bool) -> Result<(), Error> {
    transaction!(app.db, true, |txn| {
        make(app, txn, name, centre_wide).await.map(|_| ())
    })
}

async fn make(
    app: &App,
    txn: &DatabaseTransaction,
    name: &str,
    centre_wide: bool,
) -> Result<HolidayCalendar, Error> {
    store::centre::lock(txn).await?;
    if store::holiday_calendar::count(txn).await? >= MOST_CALENDARS {
        let detail = format!("there are at most {MOST_CALENDARS} holiday calendars");
        return Err(Error::invalid("", "too_many", detail));
    }
    store::holiday_calendar::insert(txn, name, centre_wide, app.clock.now())
        .await
        .map_err(translate)
}

/// Edits a calendar if it is still at `version`; the calendar then.
///
/// # Errors
/// [`Error::Invalid`] with `taken` for a name that another one has.
pub async fn update(
    app: &App,
    id: HolidayCalendarId,
    version: i32,
    changes: &Changes,
    dry_run: bool,
) -> Result<HolidayCalendar, Error> {
    transaction!(app.db, dry_run, |txn| {
        change(txn, id, version, changes.clone()).await?;
        find(txn, id).await
    })
}

/// Deletes a calendar if it is still at `version`; nobody follows it any more.
pub async fn delete(app: &App, id: HolidayCalendarId, version: i32) -> Result<(), Error> {
    transaction!(app.db, |txn| {
        current(store::holiday_calendar::delete(txn, id, version).await?)
    })
}

/// The holidays of a calendar, by date.
pub async fn holidays(app: &App, id: HolidayCalendarId) -> Result<Vec<Holiday>, Error> {
    Ok(store::holiday_calendar::holidays(&app.db, id, None).await?)
}

/// Replaces all holidays of a calendar that is still at `version`; all of them then, by date.
///
/// # Errors
/// [`Error::Invalid`] naming two that begin on one day and have one name.
pub async fn replace_holidays(
    app: &App,
    id: HolidayCalendarId,
    version: i32,
    holidays: &[Holiday],
    dry_run: bool,
) -> Result<Vec<Holiday>, Error> {
    check_distinct(holidays)?;
    transaction!(app.db, dry_run, |txn| {
        change(txn, id, version, Changes::default()).await?;
        store::holiday_calendar::replace_holidays(txn, id, holidays).await?;
        Ok(store::holiday_calendar::holidays(txn, id, None).await?)
    })
}

/// Replaces all holidays of a calendar that is still at `version` by those of an iCalendar file (RFC 5545):
/// its all-day events, repetitions written out.
///
/// # Errors
/// [`Error::Invalid`] naming the event that can't be read.
pub async fn import(
    app: &App,
    id: HolidayCalendarId,
    version: i32,
    text: String,
    dry_run: bool,
) -> Result<Vec<Holiday>, Error> {
    let today = app.clock.now().date_naive();
    let read = tokio::task::spawn_blocking(move || holiday_import::read(&text, today));
    let holidays = read.await.map_err(Error::internal)??;
    replace_holidays(app, id, version, &holidays, dry_run).await
}

fn check_distinct(holidays: &[Holiday]) -> Result<(), Error> {
    let mut seen = std::collections::HashMap::new();
    for (at, holiday) in holidays.iter().enumerate() {
        let key = (holiday.dates.first, holiday.name.as_str());
        if let Some(first) = seen.insert(key, at) {
            let detail = format!("holidays[{first}] begins on the same day and has the same name");
            let field = format!("holidays[{at}]");
            return Err(Error::Invalid(vec![FieldError::new(
                field,
                "duplicate",
                detail,
            )]));
        }
    }
    Ok(())
}

/// The calendars that a tutor follows beside those of the whole centre.
pub async fn of_tutor(app: &App, id: TutorId) -> Result<Vec<HolidayCalendarId>, Error> {
    Ok(store::holiday_calendar::of_tutor(&app.db, id).await?)
}

/// Replaces which calendars a tutor who is still at `version` follows; all of them then.
///
/// # Errors
/// [`Error::Invalid`] where one of them does not exist.
pub async fn replace_of_tutor(
    app: &App,
    id: TutorId,
    version: i32,
    calendars: &[HolidayCalendarId],
    dry_run: bool,
) -> Result<Vec<HolidayCalendarId>, Error> {
    transaction!(app.db, dry_run, |txn| {
        begin_edit(app, txn, id, version).await?;
        store::holiday_calendar::replace_of_tutor(txn, id, calendars)
            .await
            .map_err(translate)?;
        Ok(store::holiday_calendar::of_tutor(txn, id).await?)
    })
}

/// Changes the calendar itself, as every edit of it or of its holidays does: its version moves on.
async fn change(
    txn: &DatabaseTransaction,
    id: HolidayCalendarId,
    version: i32,
    changes: Changes,
) -> Result<(), Error> {
    let updated = store::holiday_calendar::update(txn, id, version, changes)
        .await
        .map_err(translate)?;
    current(updated)
}

fn current(is_current: bool) -> Result<(), Error> {
    if is_current {
        Ok(())
    } else {
        Err(Error::PreconditionFailed)
    }
}

fn translate(error: DbErr) -> Error {
    match violated(&error) {
        Some("holiday_calendars_name_key") => {
            Error::invalid("name", "taken", "another holiday calendar has this name")
        }
        Some("tutor_holiday_calendars_calendar_fkey") => Error::invalid(
            "calendar_ids",
            "unknown_calendar",
            "there is no such holiday calendar",
        ),
        _ => error.into(),
    }
}
