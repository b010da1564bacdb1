//! Makes a lesson follow what was done with its event in the tutor's calendar.

use crate::{
    app::App,
    service::{LessonId, drift, queue::Outcome},
};

pub async fn run(app: &App, lesson: LessonId) -> Outcome {
    drift::follow(app, lesson)
        .await
        .unwrap_or_else(Outcome::Failed)
}
