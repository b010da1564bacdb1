//! Reads the busy time of a tutor's calendar, again and again while it is connected.

use crate::{
    app::App,
    service::{TutorId, busy_time, queue::Outcome},
};
use chrono::TimeDelta;

pub async fn run(app: &App, tutor: TutorId) -> Outcome {
    match busy_time::refresh(app, tutor).await {
        Ok(true) => {
            TimeDelta::from_std(app.config.jobs.calendar_poll).map_or(Outcome::Done, Outcome::Again)
        }
        Ok(false) => Outcome::Done,
        Err(error) => Outcome::Failed(error),
    }
}
