//! Other tutors for lessons that are booked.

use super::bookings::{Booking, changed};
use crate::{
    app::App,
    error::Error,
    http::{
        auth::Admin,
        cursor::{LONGEST_PAGE, usual_page},
        etag::MaybeIfMatch,
        extract::{Json, NoQuery, Path, Query},
        idempotency::{IdempotencyHeader, IdempotencyKey},
        openapi::{BadBody, Faults, NotAdmin, NotFound, NotSignedIn, Stale},
        problem::Problem,
        validate,
    },
    service::{
        self, BookingId, TutorId,
        caller::Caller,
        idempotency::{Claim, Reply},
        slot_search::RankedTutor,
    },
};
use axum::{extract::State, response::Response};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Who is to teach the lesson.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTutor {
    #[garde(skip)]
    tutor_id: Uuid,
}

/// Hand a booking over to another tutor.
///
/// For admins. The tutor must teach the subject at the level and be free at the time; notice, horizon and grid don't
/// count, nor whether students find the tutor. `list_substitutes` says who can. The booking stays, in another lesson: it leaves the calendar of the one tutor and comes into that of the other.
/// For 24 hours, or until the lesson begins, the student can cancel it freely, whatever the policy says; `quote_cancellation` says until when.
#[utoipa::path(post, path = "/v1/bookings/{id}/reassign", tag = "bookings", operation_id = "reassign_booking",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the booking."),
        ("If-Match" = Option<String>, Header, nullable = false, description = "The ETag of what was read; reassigns only if it is still so."),
        IdempotencyHeader),
    request_body = NewTutor,
    responses((status = 200, description = "The booking with the other tutor.", body = Booking, headers(("ETag" = String))),
        (status = 409, description = "The tutor is not free (`slot_unavailable`), suspended (`tutor_suspended`), a tutor no longer (`former_tutor`), the student (`own_lesson`) or the same as before (`same_tutor`); the booking is over or no more (`already_cancelled`, `already_declined`, `already_completed`, `already_no_show`, `expired`), has begun (`already_started`) is a seat in a group lesson (`group_lesson`), or has just got another tutor (`tutor_changed`); or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, NotAdmin, NotFound, BadBody, Stale, Faults))]
pub async fn reassign(
    State(app): State<App>,
    Admin(holder): Admin,
    Path(id): Path<BookingId>,
    MaybeIfMatch(versions): MaybeIfMatch,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    Json(new): Json<NewTutor>,
) -> Result<Response, Error> {
    let request = serde_json::json!(["reassign_booking", id, &versions, &new]);
    let caller = Caller::Person(holder.person.clone());
    let work = |claim| {
        let app = app.clone();
        Box::pin(hand_over(app, caller.clone(), (id, versions), new, claim))
    };
    key.once(&app, caller.id(), &request, work).await
}

async fn hand_over(
    app: App,
    caller: Caller,
    which: (BookingId, Option<Vec<i32>>),
    new: NewTutor,
    claim: Option<Claim>,
) -> Result<Response, Error> {
    let reply = Reply {
        answer: changed,
        claim,
    };
    let to = (TutorId(new.tutor_id), None);
    service::reassignment::reassign(&app, &caller, which, to, reply)
        .await?
        .response()
}

/// A tutor who can take a lesson over.
#[derive(Serialize, ToSchema)]
pub struct Substitute {
    tutor_id: Uuid,
    #[schema(example = "Amara Okafor")]
    name: String,
    /// IANA name of the tutor's zone.
    #[schema(example = "Africa/Lagos")]
    time_zone: String,
    /// Whether students find this tutor.
    visible: bool,
    /// How long the tutor teaches already in the week around the lesson.
    #[schema(minimum = 0, example = 180)]
    load_minutes: i64,
    /// How many lessons of the past year, and to come, are with the student.
    #[schema(minimum = 0, example = 4)]
    lessons_together: u32,
}

impl From<RankedTutor> for Substitute {
    fn from(RankedTutor { tutor, standing }: RankedTutor) -> Self {
        Self {
            tutor_id: tutor.profile.id.0,
            name: tutor.profile.name.clone(),
            time_zone: tutor.profile.time_zone.clone(),
            visible: tutor.profile.visible,
            load_minutes: standing.load.num_minutes(),
            lessons_together: standing.lessons_together,
        }
    }
}

/// The best of them.
#[derive(Serialize, ToSchema)]
pub struct Substitutes {
    items: Vec<Substitute>,
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SubstituteParams {
    /// How many at most.
    #[garde(custom(validate::number(1, LONGEST_PAGE)))]
    #[serde(default = "usual_page")]
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: u32,
}

/// Who could teach this lesson instead?
///
/// For admins. The tutors to whom `reassign_booking` would hand the booking over right now, by the same rules. The best
/// first: who teaches less in the week around the lesson, and has had more lessons with the student. Bookings that wait
/// for another tutor are listed by `list_bookings` with `as=centre`, `needs_tutor=true`, `status=confirmed` and `from`.
#[utoipa::path(get, path = "/v1/bookings/{id}/substitutes", tag = "bookings", operation_id = "list_substitutes",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the booking."), SubstituteParams),
    responses((status = 200, description = "The best substitutes.", body = Substitutes),
        (status = 409, description = "The booking is over or no more (`already_cancelled`, `already_declined`, `already_completed`, `already_no_show`, `expired`), has begun (`already_started`), or is a seat in a group lesson (`group_lesson`).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, NotAdmin, NotFound, Faults))]
pub async fn substitutes(
    State(app): State<App>,
    Admin(holder): Admin,
    Path(id): Path<BookingId>,
    Query(params): Query<SubstituteParams>,
) -> Result<axum::Json<Substitutes>, Error> {
    let caller = Caller::Person(holder.person.clone());
    let limit = usize::try_from(params.limit).unwrap_or(usize::MAX);
    let found = service::reassignment::substitutes(&app, &caller, id, limit).await?;
    let items = found.into_iter().map(Substitute::from).collect();
    Ok(axum::Json(Substitutes { items }))
}
