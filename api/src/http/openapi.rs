//! The OpenAPI document: what is said once for all operations. Each operation says the rest itself.

mod limits;
mod malformed;
mod security;
mod text;

use super::{problem::Problem, routes};
use crate::app::App;
use axum::http::{Method, StatusCode};
use std::collections::BTreeMap;
use utoipa::{
    IntoResponses, OpenApi,
    openapi::{
        ContentBuilder, PathItem, Ref, RefOr, ResponseBuilder, path::Operation, response::Response,
    },
};
use utoipa_axum::router::OpenApiRouter;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tutoring Scheduler",
        description = "Students find tutors and book lessons with them; everybody's Google Calendar stays right.\n\n\
            **[Sign in](/v1/auth/sign-in?return_to=/docs/)** first; then *Try it out* works as you.\n\n\
            Instants are RFC 3339 in UTC, with an IANA time zone beside them where the local time matters. Lengths are \
            whole minutes. Lists come in pages: pass `next_cursor` as `cursor` until it is null. Errors are \
            `application/problem+json` (RFC 9457): decide by `code`, show `detail`. Unknown fields and unknown query \
            parameters are refused. Edits need the `ETag` of what was read in `If-Match`; all that belongs to a \
            tutor has one `ETag` together, and so has a holiday calendar with its holidays, and so have the calendars of a Google account. `dry_run` tries an edit without writing anything. A `+` in a query is written `%2B`.\n\n\
            | status | `code` |\n| --- | --- |\n\
            | 400 | `malformed_json`, `not_json`, `not_a_calendar`, `unexpected_body`, `body_unreadable`, `bad_idempotency_key`, `bad_if_match`, `sign_in_failed` |\n\
            | 401 | `not_signed_in` |\n\
            | 403 | `people_only`, `insufficient_scope`, `cross_origin`, `not_your_profile`, `not_yours_to_decide`, `not_an_admin`, `not_a_tutor`, `email_not_authoritative` |\n\
            | 404, 405 | `not_found`, `no_such_route`, `method_not_allowed` |\n\
            | 409 | `slot_unavailable`, `own_lesson`, `tutor_suspended`, `former_tutor`, `same_tutor`, `same_time`, `too_many_holds`, `too_many_proposals`, `only_requested`, `already_confirmed`, `already_declined`, `already_cancelled`, \
            `already_completed`, `already_no_show`, `already_started`, `not_started`, `expired`, `attendance_window_over`, `approval_needed`, `nothing_proposed`, `tutor_changed`, `too_late_to_move`, `full`, `waitlist_ahead`, `already_joined`, `already_waiting`, `too_many_waiting`, `no_offer`, `already_accepted`, `already_ended`, `seats_taken`, `group_lesson`, `quota_exceeded`, `insufficient_credit`, `paid_with_credit`, `series_unavailable`, `nothing_to_book`, `nothing_ahead`, `taken_back`, `already_reported`, `already_decided`, `request_in_progress`, \
            `last_admin`, `lessons_ahead`, `in_use`, `already_suspended`, `not_suspended`, `already_guardian`, `too_many_guardians`, `same_person`, `already_invited`, \
            `too_many_invitations`, `too_many_keys`, `no_calendars`, `not_connected`, `calendars_not_read`, `already_open`, `identity_taken`, `last_identity`, `email_not_verified`, `no_lasting_access`, `sign_in_failed` |\n\
            | 412, 428 | `stale_etag`, `if_match_required` |\n\
            | 408, 413 | `body_too_slow`, `body_too_large` |\n\
            | 414, 431 | `uri_too_long`, `headers_too_large`; without a body beyond 64 KiB |\n\
            | 422 | `invalid_fields`; in `errors`: `missing`, `unknown`, `duplicate`, `unacceptable`, `too_long`, `too_short`, \
            `out_of_range`, `wrong_count`, `control_character`, `unknown_time_zone`, `unknown_subject`, `unknown_level`, \
            `unknown_cursor`, `unknown_provider`, `not_allowed`, `not_a_challenge`, `invalid_grant`, `not_a_language`, `not_an_email`, `not_a_local_path`, `not_after_from`, `not_after_start`, `not_ahead`, `not_whole_minutes`, `not_before_start`, `more_than_capacity`, `needs_deadline`, `needs_minimum`, `out_of_order`, `needs_policy`, `window_too_long`, \
            `length_not_offered`, `not_offered`, `needs_subject`, `overlaps`, `before_valid_from`, `before_first`, `leap_second`, \
            `not_a_divisor`, `span_or_dates`, `some_or_all`, `too_many`, `too_many_tutors`, `taken`, `unknown_user`, `unknown_tutor`, `unknown_booking`, `group_lesson`, `same_person`, `needs_guardian`, `unknown_calendar`, `not_own_calendar`, `unknown_event`, `lesson_event`, `repeated`, `all_day`, `not_organizer`, `guests_can_modify`, `takes_no_guests`, `not_a_calendar`, \
            `not_all_day`, `end_and_duration`, `unreadable_rule`, `this_and_future`, `malformed`, `unsupported`, `unbounded`, `beyond_two_years`, `ends_before_start`, `not_on_rule`, `skipped`, `skip_or_times`, `lesson_or_wish`, `needs_occurrence`, `unknown_occurrence`, `idempotency_key_reused` |\n\
            | 429 | `rate_limited` |\n\
            | 500, 503 | `internal`, `unavailable`, `too_slow` |",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "auth", description = "Signing in and out."),
        (name = "me", description = "The signed-in person."),
        (name = "users", description = "People and what they may do."),
        (name = "third-party apps", description = "Software of others, and its keys."),
        (name = "subjects", description = "What is taught."),
        (name = "centre", description = "What holds for everybody."),
        (name = "tutors", description = "Who teaches what, and when."),
        (name = "bookings", description = "Places in lessons."),
        (name = "lessons", description = "Group lessons: one tutor, several students."),
        (name = "credit", description = "Lessons that students are owed."),
        (name = "series", description = "Lessons that repeat."),
        (name = "holds", description = "Slots set aside for some minutes."),
        (name = "waitlist", description = "Students who wait for room, and offers of it."),
        (name = "matchings", description = "Many lessons at once."),
        (name = "absences", description = "Tutors who can't teach for a while."),
        (name = "calendar", description = "The tutor's Google Calendar."),
        (name = "audit", description = "Who changed what."),
        (name = "health", description = "For probes."),
    ),
    components(schemas(Problem)),
)]
struct Document;

/// The document, as it is served at `/openapi.json` and committed.
pub fn document() -> utoipa::openapi::OpenApi {
    routes().into_openapi()
}

/// All documented routes.
pub(super) fn routes() -> OpenApiRouter<App> {
    let mut router = OpenApiRouter::with_openapi(Document::openapi()).merge(routes::all());
    text::describe(router.get_openapi_mut());
    security::describe(router.get_openapi_mut());
    limits::describe(router.get_openapi_mut());
    malformed::describe(router.get_openapi_mut());
    router
}

/// The operations on a path, and their methods.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let operations = [
        (Method::GET, &mut item.get),
        (Method::PUT, &mut item.put),
        (Method::POST, &mut item.post),
        (Method::DELETE, &mut item.delete),
        (Method::PATCH, &mut item.patch),
    ];
    operations
        .into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// An answer in problem+json.
fn problem(status: StatusCode, code: &str, description: &str) -> (String, RefOr<Response>) {
    let example = serde_json::json!({
        "title": status.canonical_reason(), "status": status.as_u16(), "code": code, "detail": description,
    });
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .example(Some(example))
        .build();
    let response = ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", content)
        .build();
    (status.as_u16().to_string(), response.into())
}

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident { $($status:ident $code:literal $description:literal)+ })+) => {$(
        $(#[$doc])*
        pub struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                BTreeMap::from([$(problem(StatusCode::$status, $code, $description)),+])
            }
        }
    )+};
}

problems! {
    /// What any operation may answer.
    Faults {
        URI_TOO_LONG "uri_too_long" "The address is longer than 8 KiB."
        UNPROCESSABLE_ENTITY "invalid_fields" "Some fields or parameters can't be accepted; `errors` names them."
        INTERNAL_SERVER_ERROR "internal" "A fault of ours."
        SERVICE_UNAVAILABLE "unavailable" "Something that is needed does not answer. Try again after Retry-After."
    }
    /// For operations that need somebody signed in.
    NotSignedIn {
        UNAUTHORIZED "not_signed_in" "Nobody is signed in."
    }
    /// For operations that change something.
    CrossOrigin {
        FORBIDDEN "cross_origin" "The change was asked for by a page of another site."
    }
    /// For what only some may do.
    Forbidden {
        FORBIDDEN "not_your_profile" "Not for the caller to do (`not_your_profile`: only the tutor and admins; `not_yours_to_decide`: the other side); or a page of another site asked for it (`cross_origin`)."
    }
    /// For changes that only admins may make.
    NotAdmin {
        FORBIDDEN "not_an_admin" "Only an admin may do this; or a page of another site asked for it."
    }
    /// For operations with a body; how one is refused that can't be read is said for all of them.
    BadBody {
        REQUEST_TIMEOUT "body_too_slow" "The body did not arrive within ten seconds."
        PAYLOAD_TOO_LARGE "body_too_large" "The body is longer than 64 KiB, or than the operation says."
    }
    /// For operations on one thing.
    NotFound {
        NOT_FOUND "not_found" "There is no such thing, or none that the caller may see."
    }
    /// For edits.
    Precondition {
        PRECONDITION_FAILED "stale_etag" "It has changed since it was read."
        PRECONDITION_REQUIRED "if_match_required" "The edit does not say which version it is meant for."
    }
    /// For what is done once for an `Idempotency-Key`.
    InProgress {
        CONFLICT "request_in_progress" "The first request with this Idempotency-Key is still being answered: repeat it after Retry-After."
    }
    /// For changes that may say which version they are meant for.
    Stale {
        PRECONDITION_FAILED "stale_etag" "It has changed since it was read."
    }
}
