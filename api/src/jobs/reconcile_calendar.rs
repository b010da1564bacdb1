//! Compares the lessons of a tutor with the tutor's calendars.

use crate::{
    app::App,
    service::{TutorId, queue::Outcome, reconciliation},
};

pub async fn run(app: &App, tutor: TutorId) -> Outcome {
    reconciliation::run(app, tutor)
        .await
        .unwrap_or_else(Outcome::Failed)
}
