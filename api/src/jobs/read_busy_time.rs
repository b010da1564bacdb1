//! Reads the busy time of a tutor's calendar, again and again while it is connected.

use crate::{
    app::App,
    service::{TutorId, busy_time, calendar_channel, queue::Outcome},
};

pub async fn run(app: &App, tutor: TutorId) -> Outcome {
    if app.google.is_none() {
        // Another instance has it, or this one once it is set up again: by then nobody would ask for this anew.
        return Outcome::Again(calendar_channel::next_reading(app, tutor).await);
    }
    match busy_time::refresh(app, tutor).await {
        Ok(true) => Outcome::Again(calendar_channel::next_reading(app, tutor).await),
        Ok(false) => Outcome::Done,
        Err(error) => Outcome::Failed(error),
    }
}
