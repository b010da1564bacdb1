//! Makes the event in the tutor's calendar what the lesson says.

use crate::{
    app::App,
    service::{LessonId, lesson_event, queue::Outcome},
};

pub async fn run(app: &App, lesson: LessonId) -> Outcome {
    lesson_event::sync(app, lesson)
        .await
        .unwrap_or_else(Outcome::Failed)
}
