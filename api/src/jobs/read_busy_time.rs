//! Reads the busy time of a tutor's calendar, again and again while it is connected.

use crate::{
    app::App,
    error::Error,
    service::{
        TutorId,
        busy_time::{self, Refreshed},
        calendar_channel,
        queue::Outcome,
    },
};

pub async fn run(app: &App, tutor: TutorId) -> Outcome {
    if app.google.is_none() {
        // Another instance has it, or this one once it is set up again: by then nobody would ask for this anew.
        return Outcome::Again(calendar_channel::next_reading(app, tutor).await);
    }
    match busy_time::refresh(app, tutor).await {
        Ok(Refreshed::Read) => Outcome::Again(calendar_channel::next_reading(app, tutor).await),
        Ok(Refreshed::Superseded) => {
            let why = "somebody else stores what they read, or has a clock that is ahead";
            Outcome::Failed(Error::unavailable(anyhow::anyhow!(why)))
        }
        Ok(Refreshed::NotConnected) => Outcome::Done,
        Err(error) => Outcome::Failed(error),
    }
}
