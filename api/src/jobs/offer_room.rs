//! Offers room to those who wait for it.

use crate::{
    app::App,
    error::Error,
    service::{LessonId, TutorId, queue::Outcome, waitlist},
};

pub async fn in_lesson(app: &App, lesson: LessonId, after: Option<i64>) -> Outcome {
    outcome(waitlist::offer_seats(app, lesson, after).await)
}

pub async fn of_tutor(app: &App, tutor: TutorId, after: Option<i64>) -> Outcome {
    outcome(waitlist::offer_time(app, tutor, after).await)
}

fn outcome(next: Result<Option<i64>, Error>) -> Outcome {
    match next {
        Ok(None) => Outcome::Done,
        Ok(Some(place)) => Outcome::Further(place),
        Err(error) => Outcome::Failed(error),
    }
}
