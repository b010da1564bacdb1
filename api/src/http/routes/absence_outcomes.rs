//! What becomes of lessons whose tutor is absent.

use super::absences::AbsenceState;
use crate::{
    app::App,
    error::Error,
    http::{
        auth::Admin,
        extract::{Json, NoQuery, Path, Query},
        idempotency::{IdempotencyHeader, IdempotencyKey, Kept},
        object,
        openapi::{BadBody, Faults, NotAdmin, NotFound, NotSignedIn},
        problem::{ConflictingSpan, Problem},
        validate,
    },
    service::{
        AbsenceId, BookingId, TutorId,
        absence::{self, Handled},
        caller::Caller,
        idempotency::{Claim, Reply},
    },
};
use axum::{extract::State, response::Response};
use garde::Validate;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use utoipa::ToSchema;
use uuid::Uuid;

/// Who is to take a booking over.
#[derive(Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AbsenceAssignment)]
struct Assignment {
    #[garde(skip)]
    booking_id: Uuid,
    #[garde(skip)]
    tutor_id: Uuid,
}

/// What is to be handed over: either `assignments`, or `all`.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAbsenceReassignments {
    #[garde(custom(validate::items(0, 500)), dive)]
    #[serde(default, deserialize_with = "object::list")]
    #[schema(max_items = 500)]
    assignments: Vec<Assignment>,
    /// To the best substitutes together, all that are `open`; those that are `reassigned` are told too.
    #[garde(skip)]
    #[serde(default)]
    #[schema(default = false)]
    all: bool,
}

/// What is left to students: either `booking_ids`, or `all`.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAbsenceOffers {
    #[garde(custom(validate::items(0, 500)))]
    #[serde(default)]
    #[schema(max_items = 500)]
    booking_ids: Vec<Uuid>,
    /// All that are `open`, and confirmed.
    #[garde(skip)]
    #[serde(default)]
    #[schema(default = false)]
    all: bool,
}

/// What was done, and what was not.
#[derive(Serialize, ToSchema)]
pub struct AbsenceOutcomes {
    /// In the order in which they were named, or else by start.
    bookings: Vec<AbsenceOutcome>,
}

/// What was done with one booking.
#[derive(Serialize, ToSchema)]
struct AbsenceOutcome {
    booking_id: Uuid,
    /// Null where it was refused.
    #[schema(required)]
    state: Option<AbsenceState>,
    /// Null where it was done.
    #[schema(required)]
    refusal: Option<AbsenceRefusal>,
}

/// Why something was not done with a booking.
#[derive(Serialize, ToSchema)]
struct AbsenceRefusal {
    /// As `reassign_booking` refuses it; or `not_affected`, it is not of this absence; `settled`, something has become of
    /// it; `only_requested`, which is the tutor's to answer, and not offered; `no_substitute`, nobody is left for it; `taken_back`, the tutor is there after all; `changed_meanwhile`; `not_found`, there is no such tutor; `not_offered`,
    /// the tutor does not teach that; `unavailable`, which may be tried again.
    #[schema(value_type = String, example = "slot_unavailable")]
    code: &'static str,
    /// What stands in the way.
    conflicts: Vec<ConflictingSpan>,
}

impl From<Handled> for AbsenceOutcome {
    fn from(Handled { booking, outcome }: Handled) -> Self {
        let (state, refusal) = match outcome {
            Ok(state) => (Some(state.into()), None),
            Err(refusal) => (None, Some(refusal)),
        };
        Self {
            booking_id: booking.0,
            state,
            refusal: refusal.map(|refusal| AbsenceRefusal {
                code: refusal.code,
                conflicts: refusal.conflicts.into_iter().map(Into::into).collect(),
            }),
        }
    }
}

fn outcomes(handled: Vec<Handled>) -> Kept<AbsenceOutcomes> {
    let bookings = handled.into_iter().map(Into::into).collect();
    Kept::outcome(AbsenceOutcomes { bookings })
}

/// Refuses both or neither of some and all, and one that is named twice.
fn check(named: impl Iterator<Item = Uuid>, all: bool, field: &str) -> Result<(), Error> {
    let mut seen = HashSet::new();
    for (place, id) in named.enumerate() {
        if !seen.insert(id) {
            let field = format!("{field}[{place}]");
            return Err(Error::invalid(&field, "duplicate", "stands here already"));
        }
    }
    if seen.is_empty() == all {
        return Ok(());
    }
    let detail = format!("give either {field}, or all");
    Err(Error::invalid("", "some_or_all", detail))
}

/// Find other tutors for the lessons of an absence.
///
/// For admins. Each booking is handed over as by `reassign_booking`, in a transaction of its own: what is refused touches
/// no other, so read `bookings`. With `all`, the substitutes are chosen together, so that the most lessons are taken over, nobody has
/// two at once or more than they give in a day or week, and a student's lessons go to one tutor where that is possible;
/// where somebody else was faster with one of them, the next is asked. What a tutor has already counts as done, so it is safe to repeat.
#[utoipa::path(post, path = "/v1/absences/{id}/reassignments", tag = "absences", operation_id = "reassign_absence",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the absence."), IdempotencyHeader),
    request_body(content = NewAbsenceReassignments, example = json!({"all": true})),
    responses((status = 200, description = "What was handed over, and what was not.", body = AbsenceOutcomes),
        (status = 409, description = "The absence is taken back (`taken_back`); or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, NotAdmin, NotFound, BadBody, Faults))]
pub async fn reassign(
    State(app): State<App>,
    Admin(holder): Admin,
    Path(id): Path<AbsenceId>,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    Json(new): Json<NewAbsenceReassignments>,
) -> Result<Response, Error> {
    let named = new.assignments.iter().map(|it| it.booking_id);
    check(named, new.all, "assignments")?;
    let request = serde_json::json!(["reassign_absence", id, &new]);
    let caller = Caller::Person(holder.person.clone());
    let work = |claim| Box::pin(hand_over(app.clone(), caller.clone(), id, new, claim));
    key.once(&app, caller.id(), &request, work).await
}

async fn hand_over(
    app: App,
    caller: Caller,
    id: AbsenceId,
    new: NewAbsenceReassignments,
    claim: Option<Claim>,
) -> Result<Response, Error> {
    let assignments = new.assignments.iter().map(|it| absence::Assignment {
        booking: BookingId(it.booking_id),
        tutor: TutorId(it.tutor_id),
    });
    let named = (!new.all).then(|| assignments.collect());
    let answer = outcomes;
    let reply = Reply { answer, claim };
    absence::reassign(&app, &caller, id, named, reply)
        .await?
        .response()
}

/// Leave it to the students what becomes of their lessons.
///
/// For admins. Each of these bookings then has an `absence_offer`: until the lesson begins its student, or a guardian, may
/// cancel it, for credit where the cancellation policy does not make it free, or reschedule it where `may_reschedule` says so, whatever the policy says; who does
/// neither gets the credit then. The API tells nobody of it: that is for the frontend, which reads `absence_offer`.
/// What is offered already counts as done, and can still be handed over.
#[utoipa::path(post, path = "/v1/absences/{id}/offers", tag = "absences", operation_id = "offer_absence",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the absence."), IdempotencyHeader),
    request_body(content = NewAbsenceOffers, example = json!({"all": true})),
    responses((status = 200, description = "What is left to students, and what is not.", body = AbsenceOutcomes),
        (status = 409, description = "The absence is taken back (`taken_back`); or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, NotAdmin, NotFound, BadBody, Faults))]
pub async fn offer(
    State(app): State<App>,
    Admin(holder): Admin,
    Path(id): Path<AbsenceId>,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    Json(new): Json<NewAbsenceOffers>,
) -> Result<Response, Error> {
    check(new.booking_ids.iter().copied(), new.all, "booking_ids")?;
    let request = serde_json::json!(["offer_absence", id, &new]);
    let caller = Caller::Person(holder.person.clone());
    let work = |claim| Box::pin(leave(app.clone(), caller.clone(), id, new, claim));
    key.once(&app, caller.id(), &request, work).await
}

async fn leave(
    app: App,
    caller: Caller,
    id: AbsenceId,
    new: NewAbsenceOffers,
    claim: Option<Claim>,
) -> Result<Response, Error> {
    let bookings: Vec<BookingId> = new.booking_ids.into_iter().map(BookingId).collect();
    let named = (!new.all).then_some(&bookings[..]);
    let answer = outcomes;
    let reply = Reply { answer, claim };
    absence::offer(&app, &caller, id, named, reply)
        .await?
        .response()
}
