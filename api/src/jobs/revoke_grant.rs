//! Tells Google of the end of a grant, until Google knows.

use crate::{
    app::App,
    service::{GrantId, calendar_connection, queue::Outcome},
};

pub async fn run(app: &App, grant: GrantId) -> Outcome {
    calendar_connection::revoke(app, grant)
        .await
        .unwrap_or_else(Outcome::Failed)
}
