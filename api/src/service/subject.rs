//! Subjects.

use super::caller::Caller;
use crate::{app::App, error::Error, store};

pub use crate::store::subject::SubjectWithLevels;

/// Subjects by slug, those after `after`: all, or those that the caller's key is limited to.
pub async fn list(
    app: &App,
    caller: &Caller,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<SubjectWithLevels>, Error> {
    let among = match caller {
        Caller::Person(_) => None,
        Caller::App(access) => access.subjects(),
    };
    Ok(store::subject::list(&app.db, among, after, limit.into()).await?)
}
