//! The operations, one file per resource.

mod absence_outcomes;
mod absences;
mod app_keys;
mod audit_entries;
mod auth;
mod authorize;
mod bookable_events;
mod bookable_tags;
mod booking_steps;
mod bookings;
mod calendar_connection;
mod calendar_drifts;
mod calendar_notifications;
mod calendars;
mod cancellation_policies;
mod credits;
mod frontend_authorizations;
mod group_lessons;
mod guardianships;
mod health;
mod history;
mod holds;
mod holiday_calendars;
mod holidays;
mod identities;
mod invitations;
mod matchings;
mod me;
mod offers;
mod overrides;
mod policy;
mod proposals;
mod quotas;
mod reassignments;
mod series;
mod series_changes;
mod sessions;
mod slot_search;
mod slots;
mod subjects;
mod terms;
mod third_party_apps;
mod time_off;
mod token;
mod tutors;
mod users;
mod waitlist;
mod weekly_rules;

use crate::{app::App, config::PUSH_PATH};
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn all() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .route("/", axum::routing::get(health::home))
        .routes(routes!(auth::sign_in))
        .routes(routes!(authorize::authorize))
        .routes(routes!(frontend_authorizations::go_on))
        .routes(routes!(auth::callback))
        .routes(routes!(auth::provider_callback))
        .routes(routes!(auth::providers))
        .routes(routes!(auth::sign_out))
        .routes(routes!(token::issue))
        .routes(routes!(me::get, me::edit, me::erase))
        .routes(routes!(me::export))
        .routes(routes!(sessions::list, sessions::end_all))
        .routes(routes!(sessions::end))
        .routes(routes!(users::list))
        .routes(routes!(users::get, users::erase))
        .routes(routes!(users::export))
        .routes(routes!(users::set_roles))
        .routes(routes!(users::suspend))
        .routes(routes!(users::reinstate))
        .routes(routes!(users::end_sessions))
        .routes(routes!(guardianships::list, guardianships::create))
        .routes(routes!(guardianships::delete))
        .routes(routes!(invitations::list, invitations::create))
        .routes(routes!(invitations::accept))
        .routes(routes!(invitations::decline))
        .routes(routes!(invitations::withdraw))
        .routes(routes!(third_party_apps::list, third_party_apps::create))
        .routes(routes!(third_party_apps::get, third_party_apps::edit))
        .routes(routes!(app_keys::list, app_keys::create))
        .routes(routes!(app_keys::revoke))
        .routes(routes!(identities::list, identities::link))
        .routes(routes!(frontend_authorizations::authorize_identity))
        .routes(routes!(frontend_authorizations::redeem_identity))
        .routes(routes!(identities::unlink))
        .routes(routes!(identities::confirm))
        .routes(routes!(subjects::list, subjects::create))
        .routes(routes!(subjects::get, subjects::edit, subjects::delete))
        .routes(routes!(tutors::list))
        .routes(routes!(tutors::get, tutors::edit))
        .routes(routes!(offers::list, offers::replace))
        .routes(routes!(weekly_rules::list, weekly_rules::replace))
        .routes(routes!(overrides::list))
        .routes(routes!(overrides::get, overrides::put, overrides::delete))
        .routes(routes!(time_off::list, time_off::create))
        .routes(routes!(time_off::get, time_off::delete))
        .routes(routes!(absences::list, absences::report))
        .routes(routes!(absences::list_all))
        .routes(routes!(absences::get, absences::take_back))
        .routes(routes!(absence_outcomes::reassign))
        .routes(routes!(absence_outcomes::offer))
        .routes(routes!(policy::get_tutor, policy::replace_tutor))
        .routes(routes!(policy::get_centre, policy::replace_centre))
        .routes(routes!(
            cancellation_policies::get,
            cancellation_policies::replace
        ))
        .routes(routes!(terms::list, terms::replace))
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
        .routes(routes!(audit_entries::list))
        .routes(routes!(slots::list))
        .routes(routes!(slots::explain))
        .routes(routes!(slot_search::list))
        .routes(routes!(slot_search::next))
        .merge(lessons())
        .routes(routes!(
            calendar_connection::get,
            calendar_connection::connect,
            calendar_connection::disconnect
        ))
        .routes(routes!(calendar_connection::get_of_tutor))
        .routes(routes!(calendar_connection::list))
        .routes(routes!(calendars::list, calendars::replace_choice))
        .routes(routes!(bookable_events::open))
        .routes(routes!(bookable_tags::list, bookable_tags::replace))
        .routes(routes!(calendar_drifts::list))
        .routes(routes!(calendar_drifts::undo))
        .routes(routes!(calendar_drifts::answer))
        .route(PUSH_PATH, calendar_notifications::route())
        .routes(routes!(frontend_authorizations::authorize_calendar))
        .routes(routes!(frontend_authorizations::redeem_calendar))
}

/// What students book, and what becomes of it.
fn lessons() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(bookings::list, bookings::create))
        .routes(routes!(bookings::get))
        .routes(routes!(bookings::cancel))
        .routes(routes!(history::of_booking))
        .routes(routes!(cancellation_policies::quote))
        .routes(routes!(credits::list, credits::change))
        .routes(routes!(credits::entries))
        .routes(routes!(quotas::get, quotas::replace))
        .routes(routes!(booking_steps::approve))
        .routes(routes!(booking_steps::decline))
        .routes(routes!(booking_steps::record_attendance))
        .routes(routes!(booking_steps::reschedule))
        .routes(routes!(proposals::approve))
        .routes(routes!(proposals::decline))
        .routes(routes!(proposals::withdraw))
        .routes(routes!(group_lessons::list, group_lessons::open))
        .routes(routes!(group_lessons::get, group_lessons::edit))
        .routes(routes!(group_lessons::join))
        .routes(routes!(group_lessons::cancel))
        .routes(routes!(group_lessons::reschedule))
        .routes(routes!(series::list, series::create))
        .routes(routes!(series::get))
        .routes(routes!(series_changes::cancel))
        .routes(routes!(series_changes::reschedule))
        .routes(routes!(holds::list, holds::create))
        .routes(routes!(holds::get, holds::release))
        .routes(routes!(holds::book))
        .routes(routes!(waitlist::list, waitlist::join))
        .routes(routes!(waitlist::get, waitlist::leave))
        .routes(routes!(waitlist::accept))
        .routes(routes!(waitlist::decline))
        .routes(routes!(waitlist::accept_by_token))
        .routes(routes!(matchings::propose))
        .routes(routes!(matchings::book))
        .routes(routes!(reassignments::reassign))
        .routes(routes!(reassignments::substitutes))
}
