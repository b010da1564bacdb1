//! Waiting for room, and offers of it.

use super::{
    bookings::{Booking, Named, PayWith, created, no_student},
    offers::SubjectName,
};
use crate::{
    app::App,
    error::Error,
    http::{
        auth::Allowed,
        cursor::{self, LONGEST_PAGE, usual_page},
        extract::{Json, NoBody, NoQuery, OptionalJson, Path, Query},
        idempotency::{IdempotencyHeader, IdempotencyKey, Kept},
        object,
        openapi::{BadBody, CrossOrigin, Faults, NotFound, NotSignedIn},
        problem::Problem,
        validate,
    },
    service::{
        BookingId, LessonId, TutorId, UserId,
        caller::Caller,
        idempotency::{Claim, Reply},
        waitlist::{self, Answered, Entry, Listing, WaitlistEntryId, WaitlistStatus, Wanted},
    },
};
use axum::{extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// A student who waits for a seat in a group lesson, or for a lesson at some time.
#[derive(Serialize, ToSchema)]
pub struct WaitlistEntry {
    #[schema(example = "0198c5a0-6f2e-7c3a-9d41-3f8f6a1b2c3d")]
    id: Uuid,
    status: Status,
    student: Named,
    /// The group lesson; null where it is a wish.
    #[schema(required)]
    lesson_id: Option<Uuid>,
    subject: SubjectName,
    #[schema(example = "Bachelor")]
    level: String,
    /// Null: any who teaches it.
    #[schema(required)]
    tutor: Option<Named>,
    #[schema(minimum = 5, maximum = 480, example = 60)]
    minutes: i16,
    /// The time of the group lesson, or the windows in which the lesson is to lie.
    windows: Vec<WaitlistWindow>,
    /// 1 for who comes next of those who wait for the same; null without waiting. Of a wish, all are counted who wait for the
    /// subject at the level with the tutor, where either names one: also those whose windows or length are others, and who may never want the
    /// same hour.
    #[schema(required, minimum = 1, example = 3)]
    position: Option<i64>,
    /// What is offered right now.
    #[schema(required)]
    offer: Option<WaitlistOffer>,
    /// What was booked; null unless `accepted`.
    #[schema(required)]
    booking_id: Option<Uuid>,
    created_at: DateTime<Utc>,
}

/// A span of time.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitlistWindow {
    #[garde(custom(validate::instant))]
    #[schema(example = "2026-11-23T12:00:00Z")]
    start: DateTime<Utc>,
    #[garde(custom(validate::instant))]
    #[schema(example = "2026-11-23T18:00:00Z")]
    end: DateTime<Utc>,
}

/// Room that is set aside for the student, and for nobody else.
#[derive(Serialize, ToSchema)]
pub struct WaitlistOffer {
    /// Also the id of the booking that it becomes.
    hold_id: Uuid,
    tutor: Named,
    #[schema(example = "2026-11-23T15:00:00Z")]
    start: DateTime<Utc>,
    #[schema(example = "2026-11-23T16:00:00Z")]
    end: DateTime<Utc>,
    /// Until when, and not then, it can be accepted.
    #[schema(example = "2026-11-21T11:00:00Z")]
    expires_at: DateTime<Utc>,
    /// By what `accept_offer` accepts it for whoever has it, without a session. Another one each time, all of them good.
    /// For the student and the student's guardians; null for others.
    #[schema(required, max_length = 500)]
    accept_token: Option<String>,
}

/// How things stand with somebody who waits: `waiting`; `offered`; `accepted`, there is a booking; `left`; `lapsed`, three
/// offers came to nothing; `over`, there is nothing to wait for any more.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WaitlistStatus)]
enum Status {
    Waiting,
    Offered,
    Accepted,
    Left,
    Lapsed,
    Over,
}

impl From<Status> for WaitlistStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Waiting => Self::Waiting,
            Status::Offered => Self::Offered,
            Status::Accepted => Self::Accepted,
            Status::Left => Self::Left,
            Status::Lapsed => Self::Lapsed,
            Status::Over => Self::Over,
        }
    }
}

impl From<WaitlistStatus> for Status {
    fn from(status: WaitlistStatus) -> Self {
        match status {
            WaitlistStatus::Waiting => Self::Waiting,
            WaitlistStatus::Offered => Self::Offered,
            WaitlistStatus::Accepted => Self::Accepted,
            WaitlistStatus::Left => Self::Left,
            WaitlistStatus::Lapsed => Self::Lapsed,
            WaitlistStatus::Over => Self::Over,
        }
    }
}

fn shown(app: &App, caller: &Caller, entry: Entry) -> Result<WaitlistEntry, Error> {
    let token = waitlist::shown_token(app, caller, &entry)?;
    Ok(with_token(entry, token))
}

fn with_token(entry: Entry, token: Option<String>) -> WaitlistEntry {
    let offer = offer(&entry, token);
    let windows = entry.window_starts.into_iter().zip(entry.window_ends);
    let tutor = entry.tutor_id.zip(entry.tutor_name);
    let is_accepted = entry.status == WaitlistStatus::Accepted;
    WaitlistEntry {
        id: entry.id.0,
        status: entry.status.into(),
        student: Named::new(entry.student_id.0, entry.student_name),
        lesson_id: entry.lesson_id.map(|id| id.0),
        subject: SubjectName {
            slug: entry.subject_slug,
            name: entry.subject_name,
        },
        level: entry.level,
        tutor: tutor.map(|(id, name)| Named::new(id.0, name)),
        minutes: entry.minutes,
        windows: windows
            .map(|(start, end)| WaitlistWindow { start, end })
            .collect(),
        position: entry.position,
        offer,
        booking_id: entry.booking_id.filter(|_| is_accepted).map(|id| id.0),
        created_at: entry.created_at,
    }
}

fn offer(entry: &Entry, accept_token: Option<String>) -> Option<WaitlistOffer> {
    if entry.status != WaitlistStatus::Offered {
        return None;
    }
    let name = entry.offered_tutor_name.clone()?;
    Some(WaitlistOffer {
        hold_id: entry.booking_id?.0,
        tutor: Named::new(entry.offered_tutor_id?.0, name),
        start: entry.offered_starts_at?,
        end: entry.offered_ends_at?,
        expires_at: entry.offer_expires_at?,
        accept_token,
    })
}

/// For what to wait: either a group lesson or a wish.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWaitlistEntry {
    /// The student who waits: the caller, or somebody whose guardian the caller is; for admins, anybody. Third-party apps
    /// must say; so must guardians and admins who are no students themselves.
    #[garde(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    student_id: Option<Uuid>,
    /// The group lesson.
    #[garde(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    lesson_id: Option<Uuid>,
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "object::optional")]
    wish: Option<WaitlistWish>,
}

/// A lesson at some time.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitlistWish {
    /// Slug of the subject.
    #[garde(custom(validate::text(1, 64)))]
    #[schema(min_length = 1, max_length = 64, example = "mathematics")]
    subject: String,
    /// One of the subject's levels.
    #[garde(custom(validate::text(1, 64)))]
    #[schema(min_length = 1, max_length = 64, example = "Bachelor")]
    level: String,
    /// Only with this tutor.
    #[garde(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    tutor_id: Option<Uuid>,
    /// Length of the lesson in minutes; only tutors who offer it.
    #[garde(custom(validate::number(5, 480)))]
    #[schema(minimum = 5, maximum = 480, example = 60)]
    minutes: i16,
    /// The lesson is to lie within one of these, each of 62 days at most; those that overlap or touch are one.
    #[garde(custom(validate::items(1, 20)), dive)]
    #[serde(deserialize_with = "object::list")]
    #[schema(min_items = 1, max_items = 20)]
    windows: Vec<WaitlistWindow>,
}

impl NewWaitlistEntry {
    fn wanted(self) -> Result<Wanted, Error> {
        match (self.lesson_id, self.wish) {
            (Some(lesson), None) => Ok(Wanted::Seat(LessonId(lesson))),
            (None, Some(wish)) => Ok(Wanted::Time(waitlist::Wish {
                subject: wish.subject,
                level: wish.level,
                tutor_id: wish.tutor_id.map(TutorId),
                minutes: wish.minutes,
                windows: wish
                    .windows
                    .iter()
                    .map(|window| (window.start, window.end))
                    .collect(),
            })),
            _ => {
                let detail = "must be given, or else wish, and not both";
                Err(Error::invalid("lesson_id", "lesson_or_wish", detail))
            }
        }
    }
}

/// Wait for room.
///
/// For a seat in a group lesson, or for a lesson of a tutor, or of any who teaches it, within windows of time. When there is
/// room, it is offered to those who wait, in the order in which they came: set aside for the student alone until
/// `expires_at` of the `offer`, and then for the next. Who turns an offer down, or lets it lapse, waits behind all who wait
/// then, and is offered nothing for as long as that offer stood; after three, no longer. Who can't take what there is
/// right now (they have a lesson then, or a quota is used up, say) is passed over and keeps the place. No time is offered to a
/// student that the tutor has declined to give them. A student waits
/// for ten things at most. It ends by itself with the last window, or when the lesson begins or is cancelled.
#[utoipa::path(post, path = "/v1/waitlist", tag = "waitlist", operation_id = "join_waitlist",
    security(("session" = [])),
    params(IdempotencyHeader),
    request_body = NewWaitlistEntry,
    responses((status = 201, description = "The student waits.", body = WaitlistEntry, headers(("Location" = String))),
        (status = 409, description = "The student waits for this already (`already_waiting`) or for ten things (`too_many_waiting`), is in the lesson (`already_joined`) or gives it (`own_lesson`), the tutor is suspended (`tutor_suspended`), or the lesson cancelled or begun (`already_cancelled`, `already_started`); or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, NotFound, BadBody, Faults))]
pub async fn join(
    State(app): State<App>,
    Allowed(caller): Allowed,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    Json(new): Json<NewWaitlistEntry>,
) -> Result<Response, Error> {
    let request = serde_json::json!(["join_waitlist", &new]);
    let work = |claim| Box::pin(wait(app.clone(), caller.clone(), new, claim));
    key.once(&app, caller.id(), &request, work).await
}

async fn wait(
    app: App,
    caller: Caller,
    new: NewWaitlistEntry,
    claim: Option<Claim>,
) -> Result<Response, Error> {
    let student = caller.books_for(&app, new.student_id.map(UserId)).await?;
    let student = student.ok_or_else(no_student)?;
    let wanted = new.wanted()?;
    let answer = |entry: Entry| {
        let location = format!("/v1/waitlist/{}", entry.id);
        // There can't be an offer yet.
        Kept::created_for_good(location, with_token(entry, None))
    };
    waitlist::join(&app, &caller, (student, wanted), Reply { answer, claim })
        .await?
        .response()
}

/// A page of those who wait.
#[derive(Serialize, ToSchema)]
pub struct WaitlistPage {
    items: Vec<WaitlistEntry>,
    /// Pass it as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WaitlistParams {
    /// Only of this student: the caller, or somebody whose guardian the caller is; for admins and third-party apps,
    /// anybody.
    #[garde(skip)]
    #[param(value_type = Option<Uuid>, nullable = false)]
    student_id: Option<UserId>,
    /// Only for this group lesson.
    #[garde(skip)]
    #[param(value_type = Option<Uuid>, nullable = false)]
    lesson_id: Option<LessonId>,
    /// Only with this status.
    #[garde(skip)]
    #[param(inline)]
    status: Option<Status>,
    /// How many items at most.
    #[garde(custom(validate::number(1, LONGEST_PAGE)))]
    #[serde(default = "usual_page")]
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: u32,
    /// The `next_cursor` of the page before.
    #[garde(custom(validate::optional_text(1, 500)))]
    #[param(min_length = 1, max_length = 500)]
    cursor: Option<String>,
}

/// List those who wait.
///
/// The caller and all whose guardian the caller is; for admins and third-party apps, everybody, as far as their keys reach.
/// The newest first, also what has ended, unless `status` says otherwise.
#[utoipa::path(get, path = "/v1/waitlist", tag = "waitlist", operation_id = "list_waitlist",
    security(("session" = [])), params(WaitlistParams),
    responses((status = 200, description = "Those who wait, the newest first.", body = WaitlistPage), NotSignedIn, NotFound, Faults))]
pub async fn list(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Query(params): Query<WaitlistParams>,
) -> Result<axum::Json<WaitlistPage>, Error> {
    if params.student_id.is_some() {
        caller.student(&app, params.student_id).await?;
    }
    let listing = Listing {
        before: cursor::read(params.cursor.as_deref())?,
        student: params.student_id,
        lesson: params.lesson_id,
        status: params.status.map(WaitlistStatus::from),
        limit: params.limit + 1,
    };
    let found = waitlist::list(&app, &caller, listing).await?;
    let (items, next_cursor) = cursor::page(found, params.limit, |entry| entry.id);
    let items = items.into_iter().map(|entry| shown(&app, &caller, entry));
    Ok(axum::Json(WaitlistPage {
        items: items.collect::<Result<_, _>>()?,
        next_cursor,
    }))
}

/// Get one who waits.
///
/// With the position in the order, or what is offered.
#[utoipa::path(get, path = "/v1/waitlist/{id}", tag = "waitlist", operation_id = "get_waitlist_entry",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the entry.")),
    responses((status = 200, description = "The entry.", body = WaitlistEntry), NotSignedIn, NotFound, Faults))]
pub async fn get(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<WaitlistEntryId>,
    _: Query<NoQuery>,
) -> Result<axum::Json<WaitlistEntry>, Error> {
    let entry = waitlist::get(&app, &caller, id).await?;
    Ok(axum::Json(shown(&app, &caller, entry)?))
}

/// Wait no longer.
///
/// What is offered goes to the next.
#[utoipa::path(delete, path = "/v1/waitlist/{id}", tag = "waitlist", operation_id = "leave_waitlist",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the entry.")),
    responses((status = 204, description = "The student waits no longer."),
        (status = 409, description = "The student has a booking by now (`already_accepted`), or waits no longer already (`already_ended`).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, NotFound, Faults))]
pub async fn leave(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<WaitlistEntryId>,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<StatusCode, Error> {
    waitlist::leave(&app, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How an offer is accepted.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptedOffer {
    /// The `hold_id` of the offer that is meant: another one, which has come in its place meanwhile, is not accepted
    /// (`no_offer`). Left out, whatever is offered.
    #[garde(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    hold_id: Option<BookingId>,
    /// Left out, it is not paid for here.
    #[garde(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pay_with: Option<PayWith>,
}

/// Which offer is declined.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclinedOffer {
    /// The `hold_id` of the offer that is meant: another one, which has come in its place meanwhile, is not declined
    /// (`no_offer`), so to repeat a request does no harm. Left out, whatever is offered.
    #[garde(skip)]
    #[schema(value_type = Option<Uuid>)]
    hold_id: Option<BookingId>,
}

/// Accept an offer.
///
/// Books what is offered, as `book_hold` does; a seat in a group lesson is `confirmed` at once, and paid for with credit as any other lesson.
#[utoipa::path(post, path = "/v1/waitlist/{id}/accept", tag = "waitlist", operation_id = "accept_waitlist_offer",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the entry."), IdempotencyHeader),
    request_body = Option<AcceptedOffer>,
    responses(
        (status = 201, description = "Booked.", body = Booking, headers(("Location" = String), ("ETag" = String))),
        (status = 409, description = "There is no offer, or no longer (`no_offer`), it is accepted already (`already_accepted`), the student waits no longer (`already_ended`), the tutor has been suspended since (`tutor_suspended`), the student has no such credit (`insufficient_credit`), or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, NotFound, BadBody, Faults))]
pub async fn accept(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<WaitlistEntryId>,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    OptionalJson(new): OptionalJson<AcceptedOffer>,
) -> Result<Response, Error> {
    let request = serde_json::json!(["accept_waitlist_offer", id, &new]);
    let offer = (id, new.hold_id);
    let work = |claim| Box::pin(take(app.clone(), caller.clone(), offer, new, claim));
    key.once(&app, caller.id(), &request, work).await
}

async fn take(
    app: App,
    caller: Caller,
    offer: Answered,
    new: AcceptedOffer,
    claim: Option<Claim>,
) -> Result<Response, Error> {
    let reply = Reply {
        answer: created,
        claim,
    };
    waitlist::accept(&app, &caller, offer, new.pay_with.is_some(), reply)
        .await?
        .response()
}

/// Decline an offer.
///
/// It goes to the next, and the student waits behind all who wait now, but keeps the place where an admin declines it.
#[utoipa::path(post, path = "/v1/waitlist/{id}/decline", tag = "waitlist", operation_id = "decline_waitlist_offer",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the entry.")),
    request_body = Option<DeclinedOffer>,
    responses((status = 200, description = "The entry as it is now.", body = WaitlistEntry),
        (status = 409, description = "There is no offer, or no longer (`no_offer`), it is accepted already (`already_accepted`), or the student waits no longer (`already_ended`).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, NotFound, BadBody, Faults))]
pub async fn decline(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<WaitlistEntryId>,
    _: Query<NoQuery>,
    OptionalJson(DeclinedOffer { hold_id }): OptionalJson<DeclinedOffer>,
) -> Result<axum::Json<WaitlistEntry>, Error> {
    let entry = waitlist::decline(&app, &caller, (id, hold_id)).await?;
    Ok(axum::Json(shown(&app, &caller, entry)?))
}

/// An offer that is accepted.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferToken {
    /// The `accept_token` of the offer.
    #[garde(custom(validate::line(1, 500)))]
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    token: String,
}

/// Accept an offer by its token.
///
/// For a link in a message: nobody need be signed in, and whoever has the token books for the student, once. The page to
/// which the link leads sends this when the student says so; to open a link changes nothing.
#[utoipa::path(post, path = "/v1/waitlist-offers/accept", tag = "waitlist", operation_id = "accept_offer",
    security(()),
    request_body = OfferToken,
    responses(
        (status = 201, description = "Booked.", body = Booking, headers(("Location" = String), ("ETag" = String))),
        (status = 409, description = "The offer has lapsed (`no_offer`), it is accepted already (`already_accepted`), the student waits no longer (`already_ended`), or the tutor has been suspended since (`tutor_suspended`).",
            body = Problem, content_type = "application/problem+json"),
        CrossOrigin, BadBody, Faults))]
pub async fn accept_by_token(
    State(app): State<App>,
    _: Query<NoQuery>,
    Json(OfferToken { token }): Json<OfferToken>,
) -> Result<Response, Error> {
    let reply = Reply {
        answer: created,
        claim: None,
    };
    waitlist::accept_by_token(&app, &token, reply)
        .await?
        .response()
}
