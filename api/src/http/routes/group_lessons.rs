//! Lessons of one tutor with several students.

use super::{
    booking_steps::NewTime,
    bookings::{Booking, Named, NewCancellation, PayWith, created, no_student},
    offers::SubjectName,
};
use crate::{
    app::App,
    error::Error,
    http::{
        auth::Allowed,
        cursor::{self, LONGEST_PAGE, usual_page},
        etag::{IfMatch, MaybeIfMatch, etag, tag},
        extract::{Json, NoQuery, OptionalJson, Path, Query},
        idempotency::{IdempotencyHeader, IdempotencyKey, Kept},
        openapi::{
            BadBody, CrossOrigin, Faults, Forbidden, NotFound, NotSignedIn, Precondition, Stale,
        },
        problem::Problem,
        validate,
    },
    service::{
        LessonId, TutorId, UserId,
        caller::Caller,
        group_lesson::{self, Changes, LessonStatus, Listing, Opening, Seats},
        idempotency::{Claim, Reply},
    },
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// A lesson with room for several students. Who they are, the tutor and admins see among the bookings
/// (`list_bookings` with `lesson_id`); nobody else does.
#[derive(Serialize, ToSchema)]
pub struct GroupLesson {
    #[schema(example = "0198c5a0-6f2e-7c3a-9d41-3f8f6a1b2c3d")]
    id: Uuid,
    /// What `If-Match` takes; where the lesson is read alone, also its `ETag`.
    #[schema(example = "\"3\"")]
    etag: String,
    status: Status,
    #[schema(example = "2026-11-23T15:00:00Z")]
    start: DateTime<Utc>,
    #[schema(example = "2026-11-23T16:00:00Z")]
    end: DateTime<Utc>,
    /// IANA name of the tutor's zone.
    #[schema(example = "Africa/Lagos")]
    time_zone: String,
    tutor: Named,
    subject: SubjectName,
    #[schema(example = "Bachelor")]
    level: String,
    /// Empty where there is none.
    #[schema(example = "Calculus clinic")]
    title: String,
    /// Empty where there is none.
    description: String,
    /// How many students can be in it.
    #[schema(minimum = 2, maximum = 100, example = 8)]
    capacity: i16,
    /// How many students are in it, or are offered a seat.
    #[schema(minimum = 0, maximum = 100, example = 5)]
    seats_taken: i64,
    /// How many students wait for a seat.
    #[schema(minimum = 0, example = 2)]
    waiting: i64,
    /// So many students it takes.
    #[schema(minimum = 1, maximum = 100, example = 3)]
    minimum_students: i16,
    /// When it is cancelled, unless it has begun or `minimum_students` are in it; null where one is enough.
    #[schema(required)]
    decides_at: Option<DateTime<Utc>>,
    /// Whether it is an event of the tutor's own Google Calendar (`open_event`): its time and its guests may be changed there as
    /// well.
    own_event: bool,
    created_at: DateTime<Utc>,
}

/// Whether a lesson takes place.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = LessonStatus)]
enum Status {
    Scheduled,
    Cancelled,
}

impl From<group_lesson::GroupLesson> for GroupLesson {
    fn from(lesson: group_lesson::GroupLesson) -> Self {
        Self {
            id: lesson.id.0,
            etag: tag(lesson.version),
            status: match lesson.status {
                LessonStatus::Tentative | LessonStatus::Scheduled => Status::Scheduled,
                LessonStatus::Cancelled => Status::Cancelled,
            },
            start: lesson.starts_at,
            end: lesson.ends_at,
            time_zone: lesson.tutor_time_zone,
            tutor: Named::new(lesson.tutor_id.0, lesson.tutor_name),
            subject: SubjectName {
                slug: lesson.subject_slug,
                name: lesson.subject_name,
            },
            level: lesson.level,
            title: lesson.title,
            description: lesson.description,
            capacity: lesson.capacity,
            seats_taken: lesson.seats_taken,
            waiting: lesson.waiting,
            minimum_students: lesson.minimum,
            decides_at: lesson.decides_at,
            own_event: lesson.is_own_event,
            created_at: lesson.created_at,
        }
    }
}

/// What to open.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGroupLesson {
    #[garde(skip)]
    #[schema(example = "0198c5a0-6f2e-7c3a-9d41-3f8f6a1b2c3d")]
    tutor_id: Uuid,
    /// Slug of a subject that the tutor teaches.
    #[garde(custom(validate::text(1, 64)))]
    #[schema(min_length = 1, max_length = 64, example = "mathematics")]
    subject: String,
    /// A level at which the tutor teaches it.
    #[garde(custom(validate::text(1, 64)))]
    #[schema(min_length = 1, max_length = 64, example = "Bachelor")]
    level: String,
    #[garde(custom(validate::instant))]
    #[schema(example = "2026-11-23T15:00:00Z")]
    start: DateTime<Utc>,
    /// At most eight hours after the start.
    #[garde(custom(validate::instant))]
    #[schema(example = "2026-11-23T16:30:00Z")]
    end: DateTime<Utc>,
    /// How many students can join.
    #[garde(custom(validate::number(2, 100)))]
    #[schema(minimum = 2, maximum = 100, example = 8)]
    capacity: i16,
    /// So many students it takes, at most `capacity`. More than one need `decides_at`.
    #[garde(custom(validate::number(1, 100)))]
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 100, default = 1)]
    minimum_students: i16,
    /// When the lesson is cancelled if too few are in it: ahead, and before the start.
    #[garde(custom(validate::optional_instant))]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-11-22T15:00:00Z")]
    decides_at: Option<DateTime<Utc>>,
    /// In one line, for the calendars of all who are in it.
    #[garde(custom(validate::line(0, 100)))]
    #[serde(default)]
    #[schema(
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        example = "Calculus clinic"
    )]
    title: String,
    #[garde(custom(validate::text(0, 2000)))]
    #[serde(default)]
    #[schema(max_length = 2000, example = "Bring last week's sheet.")]
    description: String,
}

fn one() -> i16 {
    1
}

/// Open a group lesson.
///
/// By the tutor, an admin or a third-party app, also at short notice and at any length. It takes the tutor's time and
/// stands in the tutor's Google Calendar from then on, with nobody in it. Students join it (`join_lesson`) until all
/// seats are taken.
#[utoipa::path(post, path = "/v1/lessons", tag = "lessons", operation_id = "create_lesson",
    security(("session" = [])),
    params(IdempotencyHeader),
    request_body = NewGroupLesson,
    responses((status = 201, description = "Opened.", body = GroupLesson, headers(("Location" = String), ("ETag" = String))),
        (status = 409, description = "The tutor is not free (`slot_unavailable`, with `conflicts`), suspended (`tutor_suspended`) or a tutor no longer (`former_tutor`); or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, Forbidden, NotFound, BadBody, Faults))]
pub async fn open(
    State(app): State<App>,
    Allowed(caller): Allowed,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    Json(new): Json<NewGroupLesson>,
) -> Result<Response, Error> {
    let request = serde_json::json!(["create_lesson", &new]);
    let work = |claim| Box::pin(make(app.clone(), caller.clone(), new, claim));
    key.once(&app, caller.id(), &request, work).await
}

async fn make(
    app: App,
    caller: Caller,
    new: NewGroupLesson,
    claim: Option<Claim>,
) -> Result<Response, Error> {
    let answer = |lesson: group_lesson::GroupLesson| {
        let location = format!("/v1/lessons/{}", lesson.id);
        Kept::created(location, lesson.version, GroupLesson::from(lesson))
    };
    let opening = Opening {
        tutor_id: TutorId(new.tutor_id),
        subject: new.subject,
        level: new.level,
        start: new.start,
        end: new.end,
        seats: Seats {
            capacity: new.capacity,
            minimum: new.minimum_students,
            decides_at: new.decides_at,
        },
        title: new.title,
        description: new.description,
    };
    group_lesson::open(&app, &caller, opening, Reply { answer, claim })
        .await?
        .response()
}

/// A page of group lessons.
#[derive(Serialize, ToSchema)]
pub struct GroupLessonPage {
    items: Vec<GroupLesson>,
    /// Pass it as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GroupLessonParams {
    /// Only lessons in the subject with this slug.
    #[garde(custom(validate::optional_text(1, 64)))]
    #[param(max_length = 64, min_length = 1, example = "mathematics")]
    subject: Option<String>,
    /// Only lessons at this level.
    #[garde(custom(validate::optional_text(1, 64)))]
    #[param(max_length = 64, min_length = 1, example = "Bachelor")]
    level: Option<String>,
    /// Only lessons of this tutor.
    #[garde(skip)]
    #[param(value_type = Option<Uuid>, nullable = false)]
    tutor_id: Option<TutorId>,
    /// Only lessons that end after this instant.
    #[garde(custom(validate::optional_instant))]
    #[param(example = "2026-11-23T00:00:00Z")]
    from: Option<DateTime<Utc>>,
    /// Only lessons that start before this instant.
    #[garde(custom(validate::optional_instant))]
    #[param(example = "2027-11-30T00:00:00Z")]
    to: Option<DateTime<Utc>>,
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

/// List group lessons.
///
/// Those that are yet to begin and have a free seat, of tutors whom students find. Tutors also see all of their own,
/// third-party apps all as far as their keys reach, and admins all.
#[utoipa::path(get, path = "/v1/lessons", tag = "lessons", operation_id = "list_lessons",
    security(("session" = [])), params(GroupLessonParams),
    responses((status = 200, description = "Group lessons by start.", body = GroupLessonPage), NotSignedIn, Faults))]
pub async fn list(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Query(params): Query<GroupLessonParams>,
) -> Result<axum::Json<GroupLessonPage>, Error> {
    let listing = Listing {
        after: cursor::read(params.cursor.as_deref())?,
        subject: params.subject,
        level: params.level,
        tutor: params.tutor_id,
        from: params.from,
        until: params.to,
        limit: params.limit + 1,
    };
    let found = group_lesson::list(&app, &caller, listing).await?;
    let (items, next_cursor) =
        cursor::page(found, params.limit, |lesson| (lesson.starts_at, lesson.id));
    Ok(axum::Json(GroupLessonPage {
        items: items.into_iter().map(GroupLesson::from).collect(),
        next_cursor,
    }))
}

/// Get a group lesson.
///
/// Also a full one, and one that has begun. One that is cancelled, or whose tutor students don't find, is there for its
/// tutor, for those who are or were in it, and for admins. A lesson of one student is not there: see its booking.
#[utoipa::path(get, path = "/v1/lessons/{id}", tag = "lessons", operation_id = "get_lesson",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the lesson.")),
    responses((status = 200, description = "The lesson.", body = GroupLesson, headers(("ETag" = String))),
        NotSignedIn, NotFound, Faults))]
pub async fn get(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<LessonId>,
    _: Query<NoQuery>,
) -> Result<Response, Error> {
    Ok(found(group_lesson::get(&app, &caller, id).await?))
}

fn found(lesson: group_lesson::GroupLesson) -> Response {
    let etag = etag(lesson.version);
    (etag, axum::Json(GroupLesson::from(lesson))).into_response()
}

/// What to change; what is left out stays.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupLessonChanges {
    /// Not fewer than are in the lesson.
    #[garde(inner(custom(validate::number(2, 100))))]
    #[schema(minimum = 2, maximum = 100, example = 10)]
    capacity: Option<i16>,
    /// At most `capacity`. With 1, the deadline goes; with more, there must be one ahead.
    #[garde(inner(custom(validate::number(1, 100))))]
    #[schema(minimum = 1, maximum = 100, example = 2)]
    minimum_students: Option<i16>,
    /// Ahead, and before the start.
    #[garde(custom(validate::optional_instant))]
    #[schema(example = "2026-11-22T15:00:00Z")]
    decides_at: Option<DateTime<Utc>>,
    #[garde(custom(validate::optional_line(0, 100)))]
    #[schema(
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        example = "Calculus clinic"
    )]
    title: Option<String>,
    #[garde(custom(validate::optional_text(0, 2000)))]
    #[schema(max_length = 2000, example = "Bring last week's sheet.")]
    description: Option<String>,
}

/// Edit a group lesson.
///
/// By its tutor, an admin or a third-party app, before it begins. Nobody loses a seat by it; what is
/// offered of seats that are no more is taken back from those who wait, who keep their places. The title and the capacity follow in the tutor's Google Calendar shortly after, but for an event of the tutor's own (`open_event`), which keeps the title that it has there. Whoever says anything about `minimum_students` or `decides_at`
/// leaves it to be decided again.
#[utoipa::path(patch, path = "/v1/lessons/{id}", tag = "lessons", operation_id = "edit_lesson",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the lesson."),
        ("If-Match" = String, Header, description = "The ETag of what was read.")),
    request_body = GroupLessonChanges,
    responses((status = 200, description = "The lesson as changed.", body = GroupLesson, headers(("ETag" = String))),
        (status = 409, description = "More students are in it than `capacity`, not counting those who are only offered a seat (`seats_taken`), it has begun (`already_started`) or is cancelled (`already_cancelled`).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, Forbidden, NotFound, BadBody, Precondition, Faults))]
pub async fn edit(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<LessonId>,
    if_match: IfMatch,
    _: Query<NoQuery>,
    Json(changes): Json<GroupLessonChanges>,
) -> Result<Response, Error> {
    let current = group_lesson::get(&app, &caller, id).await?.version;
    let version = if_match.choose(current)?;
    let changes = Changes {
        capacity: changes.capacity,
        minimum: changes.minimum_students,
        decides_at: changes.decides_at,
        title: changes.title,
        description: changes.description,
    };
    let edited = group_lesson::edit(&app, &caller, (id, version), &changes).await?;
    Ok(found(edited))
}

/// Who joins.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Joining {
    /// The student for whom it is: the caller, or somebody whose guardian the caller is; for admins, anybody.
    /// Third-party apps must say; so must guardians and admins who are no students themselves.
    #[garde(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    student_id: Option<Uuid>,
    /// Left out, it is not paid for here.
    #[garde(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pay_with: Option<PayWith>,
}

/// Join a group lesson.
///
/// Takes a seat for the signed-in person. The booking is `confirmed` at once; whoever wants to leave cancels it
/// (`cancel_booking`). Of several who want the last seat one gets it. Students join before the tutor's minimum notice,
/// admins and third-party apps until the lesson begins. The student is invited to the event in the tutor's Google
/// Calendar shortly after.
#[utoipa::path(post, path = "/v1/lessons/{id}/join", tag = "lessons", operation_id = "join_lesson",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the lesson."), IdempotencyHeader),
    request_body = Option<Joining>,
    responses((status = 201, description = "Joined.", body = Booking, headers(("Location" = String), ("ETag" = String))),
        (status = 409, description = "All seats are taken (`full`) or about to be offered to those who wait (`waitlist_ahead`), one of them is the student's or offered to the student (`already_joined`); the student has something else then or it is too late (`slot_unavailable`, with `student_busy` or `notice` in `conflicts`); the lesson has begun (`already_started`) or is cancelled (`already_cancelled`); the tutor is the student (`own_lesson`) or suspended (`tutor_suspended`); the student would have more than a quota allows (`quota_exceeded`) or has no such credit (`insufficient_credit`); or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, NotFound, BadBody, Faults))]
pub async fn join(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<LessonId>,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    OptionalJson(new): OptionalJson<Joining>,
) -> Result<Response, Error> {
    let request = serde_json::json!(["join_lesson", id, &new]);
    let work = |claim| Box::pin(take_seat(app.clone(), caller.clone(), id, new, claim));
    key.once(&app, caller.id(), &request, work).await
}

async fn take_seat(
    app: App,
    caller: Caller,
    id: LessonId,
    new: Joining,
    claim: Option<Claim>,
) -> Result<Response, Error> {
    let student = caller.books_for(&app, new.student_id.map(UserId)).await?;
    let student = student.ok_or_else(no_student)?;
    let reply = Reply {
        answer: created,
        claim,
    };
    let pay_with_credit = new.pay_with.is_some();
    group_lesson::join(&app, &caller, (id, student), pay_with_credit, reply)
        .await?
        .response()
}

fn changed(lesson: group_lesson::GroupLesson) -> Kept<GroupLesson> {
    Kept::ok(lesson.version, GroupLesson::from(lesson))
}

/// Cancel a group lesson.
///
/// By its tutor, an admin or a third-party app, before it begins. The bookings of all who are in it are cancelled with
/// the same reason, and the event leaves the tutor's Google Calendar shortly after; an event of the tutor's own (`open_event`) stays
/// there, without the students.
#[utoipa::path(post, path = "/v1/lessons/{id}/cancel", tag = "lessons", operation_id = "cancel_lesson",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the lesson."),
        ("If-Match" = Option<String>, Header, nullable = false, description = "The ETag of what was read; cancels only if it is still so."),
        IdempotencyHeader),
    request_body = Option<NewCancellation>,
    responses((status = 200, description = "The lesson as cancelled.", body = GroupLesson, headers(("ETag" = String))),
        (status = 409, description = "It is cancelled already (`already_cancelled`), has begun (`already_started`), or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, Forbidden, NotFound, BadBody, Stale, Faults))]
pub async fn cancel(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<LessonId>,
    MaybeIfMatch(versions): MaybeIfMatch,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    OptionalJson(new): OptionalJson<NewCancellation>,
) -> Result<Response, Error> {
    let request = serde_json::json!(["cancel_lesson", id, &versions, &new]);
    let work = |claim| {
        let (app, caller) = (app.clone(), caller.clone());
        Box::pin(call_off(app, caller, (id, versions), new, claim))
    };
    key.once(&app, caller.id(), &request, work).await
}

async fn call_off(
    app: App,
    caller: Caller,
    which: (LessonId, Option<Vec<i32>>),
    new: NewCancellation,
    claim: Option<Claim>,
) -> Result<Response, Error> {
    let reply = Reply {
        answer: changed,
        claim,
    };
    group_lesson::cancel(&app, &caller, which, new.reason.as_deref(), reply)
        .await?
        .response()
}

/// Move a group lesson to another time.
///
/// By its tutor, an admin or a third-party app, before it begins, also at short notice. All who are in it are moved with
/// it, or nobody is: the tutor and each of them must be free then. Which of them is not is not told. Seats that are
/// only offered are offered anew, of the lesson at its new time, to those who wait, who keep their places. A deadline stays, unless the lesson begins
/// before it now.
#[utoipa::path(post, path = "/v1/lessons/{id}/reschedule", tag = "lessons", operation_id = "reschedule_lesson",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the lesson."),
        ("If-Match" = Option<String>, Header, nullable = false, description = "The ETag of what was read; moves it only if it is still so."),
        IdempotencyHeader),
    request_body = NewTime,
    responses((status = 200, description = "The lesson at the other time.", body = GroupLesson, headers(("ETag" = String))),
        (status = 409, description = "The tutor or somebody in it is not free (`slot_unavailable`, with `conflicts`), or the time is the same (`same_time`); the lesson has begun (`already_started`) or is cancelled (`already_cancelled`); the tutor is suspended (`tutor_suspended`); or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, Forbidden, NotFound, BadBody, Stale, Faults))]
pub async fn reschedule(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<LessonId>,
    MaybeIfMatch(versions): MaybeIfMatch,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    Json(new): Json<NewTime>,
) -> Result<Response, Error> {
    let request = serde_json::json!(["reschedule_lesson", id, &versions, &new]);
    let work = |claim| {
        let (app, caller) = (app.clone(), caller.clone());
        Box::pin(move_to(app, caller, (id, versions), new, claim))
    };
    key.once(&app, caller.id(), &request, work).await
}

async fn move_to(
    app: App,
    caller: Caller,
    which: (LessonId, Option<Vec<i32>>),
    new: NewTime,
    claim: Option<Claim>,
) -> Result<Response, Error> {
    let reply = Reply {
        answer: changed,
        claim,
    };
    group_lesson::reschedule(&app, &caller, which, new.times(), reply)
        .await?
        .response()
}
