//! When tutors are there, week by week.

use super::{TutorId, transaction::transaction, tutor::begin_edit};
use crate::{
    app::App,
    error::{Error, FieldError},
    store,
};
use scheduling::availability::{WeeklyRule, overlapping_rules};

/// The weekly rules of a tutor.
pub async fn list(app: &App, id: TutorId) -> Result<Vec<WeeklyRule>, Error> {
    Ok(store::weekly_rule::of_tutor(&app.db, id).await?)
}

/// Replaces all weekly rules of a tutor if it is still at `version`; all of them then.
///
/// # Errors
/// [`Error::Invalid`] naming two rules that overlap.
pub async fn replace(
    app: &App,
    id: TutorId,
    version: i32,
    rules: &[WeeklyRule],
    dry_run: bool,
) -> Result<Vec<WeeklyRule>, Error> {
    if let Some((one, other)) = overlapping_rules(rules) {
        let field = format!("rules[{other}]");
        let overlap = FieldError::new(field, "overlaps", format!("overlaps rules[{one}]"));
        return Err(Error::Invalid(vec![overlap]));
    }
    transaction!(app.db, dry_run, |txn| {
        begin_edit(app, txn, id, version).await?;
        store::weekly_rule::replace(txn, id, rules).await?;
        Ok(store::weekly_rule::of_tutor(txn, id).await?)
    })
}
