//! Which operations third-party apps may call, and the scope that each needs. What is not here is closed to every key.

use crate::service::app_key::Scope;
use axum::http::Method;

/// The scope of a request to this route. None: it is for people only.
pub fn of(method: &Method, route: &str) -> Option<Scope> {
    match (method, route) {
        (
            &Method::GET,
            "/v1/subjects"
            | "/v1/subjects/{slug}"
            | "/v1/tutors"
            | "/v1/tutors/{id}"
            | "/v1/tutors/{id}/offers"
            | "/v1/tutors/{id}/weekly-rules"
            | "/v1/tutors/{id}/overrides"
            | "/v1/tutors/{id}/overrides/{date}"
            | "/v1/tutors/{id}/policy"
            | "/v1/tutors/{id}/holiday-calendars"
            | "/v1/tutors/{id}/slots"
            | "/v1/tutors/{id}/slots/explain"
            | "/v1/lessons"
            | "/v1/lessons/{id}"
            | "/v1/slots"
            | "/v1/slots/next"
            | "/v1/centre/policy"
            | "/v1/centre/terms"
            | "/v1/cancellation-policy"
            | "/v1/holiday-calendars"
            | "/v1/holiday-calendars/{id}"
            | "/v1/holiday-calendars/{id}/holidays",
        ) => Some(Scope::AvailabilityRead),
        (
            &Method::GET,
            "/v1/bookings"
            | "/v1/bookings/{id}"
            | "/v1/bookings/{id}/cancellation-quote"
            | "/v1/bookings/{id}/history"
            | "/v1/credits"
            | "/v1/credits/entries"
            | "/v1/holds"
            | "/v1/holds/{id}"
            | "/v1/quota"
            | "/v1/series"
            | "/v1/series/{id}"
            | "/v1/waitlist"
            | "/v1/waitlist/{id}",
        ) => Some(Scope::BookingsRead),
        (
            &Method::POST,
            "/v1/bookings"
            | "/v1/bookings/{id}/cancel"
            | "/v1/bookings/{id}/reschedule"
            | "/v1/bookings/{id}/reschedule/withdraw"
            | "/v1/bookings/{id}/attendance"
            | "/v1/lessons"
            | "/v1/lessons/{id}/join"
            | "/v1/lessons/{id}/cancel"
            | "/v1/lessons/{id}/reschedule"
            | "/v1/holds"
            | "/v1/holds/{id}/book"
            | "/v1/series"
            | "/v1/series/{id}/cancel"
            | "/v1/series/{id}/reschedule"
            | "/v1/waitlist"
            | "/v1/waitlist/{id}/accept"
            | "/v1/waitlist/{id}/decline"
            | "/v1/matchings"
            | "/v1/matchings/book",
        )
        | (&Method::PATCH, "/v1/lessons/{id}")
        | (&Method::DELETE, "/v1/holds/{id}" | "/v1/waitlist/{id}") => Some(Scope::BookingsWrite),
        _ => None,
    }
}
