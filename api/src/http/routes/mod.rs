//! The operations, one file per resource.

mod auth;
mod bookings;
mod calendar_connection;
mod health;
mod holiday_calendars;
mod holidays;
mod identities;
mod me;
mod offers;
mod overrides;
mod policy;
mod slot_search;
mod slots;
mod subjects;
mod time_off;
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
        .routes(routes!(auth::provider_callback))
        .routes(routes!(auth::providers))
        .routes(routes!(auth::sign_out))
        .routes(routes!(me::get, me::edit))
        .routes(routes!(identities::list, identities::link))
        .routes(routes!(identities::unlink))
        .routes(routes!(identities::confirm))
        .routes(routes!(subjects::list))
        .routes(routes!(tutors::list))
        .routes(routes!(tutors::get, tutors::edit))
        .routes(routes!(offers::list, offers::replace))
        .routes(routes!(weekly_rules::list, weekly_rules::replace))
        .routes(routes!(overrides::list))
        .routes(routes!(overrides::get, overrides::put, overrides::delete))
        .routes(routes!(time_off::list, time_off::create))
        .routes(routes!(time_off::get, time_off::delete))
        .routes(routes!(policy::get_tutor, policy::replace_tutor))
        .routes(routes!(policy::get_centre, policy::replace_centre))
        .routes(routes!(holiday_calendars::list, holiday_calendars::create))
        .routes(routes!(
            holiday_calendars::get,
            holiday_calendars::edit,
            holiday_calendars::delete
        ))
        .routes(routes!(holidays::list, holidays::replace))
        .routes(routes!(holidays::import))
        .routes(routes!(
            holiday_calendars::followed,
            holiday_calendars::follow
        ))
        .routes(routes!(slots::list))
        .routes(routes!(slots::explain))
        .routes(routes!(slot_search::list))
        .routes(routes!(slot_search::next))
        .routes(routes!(bookings::list, bookings::create))
        .routes(routes!(bookings::get))
        .routes(routes!(bookings::cancel))
        .routes(routes!(
            calendar_connection::get,
            calendar_connection::connect,
            calendar_connection::disconnect
        ))
}
