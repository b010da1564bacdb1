//! Events of tutors' own Google calendars that students can join.

use super::group_lessons::GroupLesson;
use crate::{
    app::App,
    error::Error,
    http::{
        auth::SignedIn,
        extract::{Json, NoQuery, Query},
        idempotency::{IdempotencyHeader, IdempotencyKey, Kept},
        openapi::{BadBody, Faults, NotSignedIn},
        problem::Problem,
        validate,
    },
    service::{
        CalendarId,
        bookable_event::{self, Opening},
        group_lesson,
        idempotency::{Claim, Reply},
        session::Holder,
    },
};
use axum::{extract::State, response::Response};
use garde::Validate;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// Which event to open, and for what.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBookableEvent {
    /// Id of one of the calendars that you own (`list_calendars`).
    #[garde(skip)]
    #[schema(example = "0198c5a0-6f2e-7c3a-9d41-3f8f6a1b2c3d")]
    calendar_id: Uuid,
    /// What Google calls the event; of a repeated one, one occurrence of it.
    #[garde(custom(validate::line(1, 1024)))]
    #[schema(
        min_length = 1,
        max_length = 1024,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        example = "7a3hd8s0kq9c4n2m1v6b5p0r7t_20261123T150000Z"
    )]
    event_id: String,
    /// Slug of a subject that you teach.
    #[garde(custom(validate::text(1, 64)))]
    #[schema(min_length = 1, max_length = 64, example = "mathematics")]
    subject: String,
    /// A level at which you teach it.
    #[garde(custom(validate::text(1, 64)))]
    #[schema(min_length = 1, max_length = 64, example = "Bachelor")]
    level: String,
    /// How many students can join, beside the guests that the event has.
    #[garde(custom(validate::number(2, 100)))]
    #[schema(minimum = 2, maximum = 100, example = 8)]
    capacity: i16,
    /// For the students who look for lessons; it is not written into the event.
    #[garde(custom(validate::text(0, 2000)))]
    #[serde(default)]
    #[schema(max_length = 2000, example = "Bring last week's sheet.")]
    description: String,
}

/// Open an event of my calendar.
///
/// For tutors: an event of a Google calendar of your own becomes a group lesson at its time, with its title, also outside of your
/// hours and at short notice. Students find it among the lessons and the slots (`list_lessons`, `search_slots`) until all seats are
/// taken; who joins (`join_lesson`) becomes a guest of that very event, and who leaves is none any more, but for those whom you had
/// invited before. From then on guests of the event don't see each other and can't invite others, unless you let them again. All
/// else of the event stays as it is in Google, and yours to change: if you move it or make it longer, so is the lesson where
/// that is possible; if you delete it, the lesson is cancelled; if you take a student off the guest list whom we have invited, the
/// booking is cancelled (`list_calendar_drifts`). The title of the lesson is the event's when it was opened. Cancelling the lesson (`cancel_lesson`) closes the event again: it stays in your calendar without
/// the students.
///
/// The event has to stand at times of a day, ahead, for at most eight hours, to be organized by you, and not to be one that its
/// guests may change.
#[utoipa::path(post, path = "/v1/calendar/bookable-events", tag = "calendar", operation_id = "open_event",
    security(("session" = [])),
    params(IdempotencyHeader),
    request_body = NewBookableEvent,
    responses((status = 201, description = "Opened.", body = GroupLesson, headers(("Location" = String), ("ETag" = String))),
        (status = 403, description = "Only tutors open events (`not_a_tutor`); or a page of another site asked for it.",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "No calendar is connected (`not_connected`); the event is open already (`already_open`); you have \
            another lesson then, or are away (`slot_unavailable`, with `conflicts`), are suspended (`tutor_suspended`) or a tutor no \
            longer (`former_tutor`); or the first request with this Idempotency-Key is still being answered (`request_in_progress`: \
            repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, BadBody, Faults))]
pub async fn open(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    Json(new): Json<NewBookableEvent>,
) -> Result<Response, Error> {
    let request = serde_json::json!(["open_event", &new]);
    let id = holder.user_id.0;
    let work = |claim| Box::pin(make(app.clone(), holder.clone(), new, claim));
    key.once(&app, id, &request, work).await
}

async fn make(
    app: App,
    holder: Arc<Holder>,
    new: NewBookableEvent,
    claim: Option<Claim>,
) -> Result<Response, Error> {
    let answer = |lesson: group_lesson::GroupLesson| {
        let location = format!("/v1/lessons/{}", lesson.id);
        Kept::created(location, lesson.version, GroupLesson::from(lesson))
    };
    let place = (CalendarId(new.calendar_id), new.event_id.as_str());
    let opening = Opening {
        subject: new.subject,
        level: new.level,
        capacity: new.capacity,
        description: new.description,
    };
    bookable_event::open(&app, &holder, place, &opening, Reply { answer, claim })
        .await?
        .response()
}
