//! Has Google tell when a calendar of a tutor changes.

use crate::{
    app::App,
    service::{TutorId, calendar_channel, queue::Outcome},
};

pub async fn run(app: &App, tutor: TutorId) -> Outcome {
    calendar_channel::keep(app, tutor)
        .await
        .unwrap_or_else(Outcome::Failed)
}
