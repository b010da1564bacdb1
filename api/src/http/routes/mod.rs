//! The operations, one file per resource.

mod auth;
mod bookings;
mod calendar_connection;
mod health;
mod me;
mod offers;
mod slots;
mod subjects;
mod tutors;
mod weekly_rules;

use crate::app::App;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn all() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .route("/", axum::routing::get(health::home))
        .routes(routes!(auth::sign_in))
        .routes(routes!(auth::callback))
        .routes(routes!(auth::sign_out))
        .routes(routes!(me::get, me::edit))
        .routes(routes!(subjects::list))
        .routes(routes!(tutors::list))
        .routes(routes!(tutors::get, tutors::edit))
        .routes(routes!(offers::list, offers::replace))
        .routes(routes!(weekly_rules::list, weekly_rules::replace))
        .routes(routes!(slots::list))
        .routes(routes!(bookings::list, bookings::create))
        .routes(routes!(bookings::get))
        .routes(routes!(bookings::cancel))
        .routes(routes!(
            calendar_connection::get,
            calendar_connection::connect,
            calendar_connection::disconnect
        ))
}
