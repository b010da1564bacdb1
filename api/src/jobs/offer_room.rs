//! Offers room to those who wait for it.

use crate::{
    app::App,
    service::{LessonId, TutorId, queue::Outcome, waitlist},
};

pub async fn in_lesson(app: &App, lesson: LessonId) -> Outcome {
    waitlist::offer_seats(app, lesson)
        .await
        .map_or_else(Outcome::Failed, |()| Outcome::Done)
}

pub async fn of_tutor(app: &App, tutor: TutorId, after: Option<i64>) -> Outcome {
    match waitlist::offer_time(app, tutor, after).await {
        Ok(None) => Outcome::Done,
        Ok(Some(place)) => Outcome::Further(place),
        Err(error) => Outcome::Failed(error),
    }
}
