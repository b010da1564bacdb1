//! Subjects.

use crate::{app::App, error::Error, store};

pub use crate::store::subject::SubjectWithLevels;

/// Subjects by slug, those after `after`.
pub async fn list(
    app: &App,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<SubjectWithLevels>, Error> {
    Ok(store::subject::list(&app.db, after, limit.into()).await?)
}
