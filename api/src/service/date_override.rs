//! What tutors do on single dates instead of their weekly rules.

use super::{TutorId, transaction::transaction, tutor::begin_edit};
use crate::{
    app::App,
    error::{Error, FieldError},
    store,
};
use chrono::NaiveDate;
use scheduling::availability::{DateOverride, DateRange, overlapping_hours};

/// How many dates from today on a tutor may have overrides for.
const MOST_OVERRIDES: u64 = 1000;

/// The overrides of a tutor on these dates, by date.
pub async fn list(app: &App, id: TutorId, dates: DateRange) -> Result<Vec<DateOverride>, Error> {
    Ok(store::date_override::of_tutor(&app.db, id, dates).await?)
}

/// What a tutor does on a date instead of the weekly rules.
///
/// # Errors
/// [`Error::NotFound`] where the weekly rules hold.
pub async fn get(app: &App, id: TutorId, date: NaiveDate) -> Result<DateOverride, Error> {
    let dates = DateRange {
        first: date,
        last: date,
    };
    let found = list(app, id, dates).await?;
    found.into_iter().next().ok_or(NO_OVERRIDE)
}

const NO_OVERRIDE: Error = Error::NotFound { what: "override" };

/// Sets what a tutor who is still at `version` does on a date.
///
/// # Errors
/// [`Error::Invalid`] naming two spans that overlap, and with `too_many` where the tutor has enough.
pub async fn put(
    app: &App,
    id: TutorId,
    version: i32,
    new: &DateOverride,
    dry_run: bool,
) -> Result<(), Error> {
    if let Some((one, other)) = overlapping_hours(&new.hours) {
        let field = format!("hours[{other}]");
        let overlap = FieldError::new(field, "overlaps", format!("overlaps hours[{one}]"));
        return Err(Error::Invalid(vec![overlap]));
    }
    let today = app.clock.now().date_naive();
    transaction!(app.db, dry_run, |txn| {
        begin_edit(app, txn, id, version).await?;
        store::date_override::put(txn, id, new.clone()).await?;
        if store::date_override::count(txn, id, today).await? > MOST_OVERRIDES {
            let detail = format!("a tutor has overrides for at most {MOST_OVERRIDES} dates ahead");
            return Err(Error::invalid("date", "too_many", detail));
        }
        Ok(())
    })
}

/// Lets the weekly rules of a tutor who is still at `version` hold on a date again.
///
/// # Errors
/// [`Error::NotFound`] where they do.
pub async fn delete(app: &App, id: TutorId, version: i32, date: NaiveDate) -> Result<(), Error> {
    transaction!(app.db, |txn| {
        begin_edit(app, txn, id, version).await?;
        if store::date_override::delete(txn, id, date).await? {
            Ok(())
        } else {
            Err(NO_OVERRIDE)
        }
    })
}
