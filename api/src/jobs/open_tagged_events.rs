//! Opens events of a tutor that have a tag.

use crate::{
    app::App,
    service::{TutorId, bookable_tag, queue::Outcome},
};

pub async fn run(app: &App, tutor: TutorId) -> Outcome {
    bookable_tag::open_tagged(app, tutor)
        .await
        .unwrap_or_else(Outcome::Failed)
}
