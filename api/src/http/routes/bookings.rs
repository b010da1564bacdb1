//! Places in lessons.

use super::{cancellation_policies::CancellationOutcome, offers::SubjectName};
use crate::{
    app::App,
    error::Error,
    http::{
        auth::Allowed,
        cursor::{self, LONGEST_PAGE, usual_page},
        etag::{MaybeIfMatch, etag, tag},
        extract::{Json, NoQuery, OptionalJson, Path, Query},
        idempotency::{IdempotencyHeader, IdempotencyKey, Kept},
        local_time::optional_date_time,
        openapi::{BadBody, Faults, Forbidden, NotAdmin, NotFound, NotSignedIn, Stale},
        problem::Problem,
        validate,
    },
    service::{
        self, BookingId, LessonId, TutorId, UserId,
        booking::{
            BookingStatus, Detail, InCalendar, Listing, Side, Wanted, in_calendar, of_centre,
        },
        caller::Caller,
        idempotency::{Claim, Reply},
        step::Change,
    },
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, NaiveDateTime, Utc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// One student's place in a lesson.
#[derive(Serialize, ToSchema)]
pub struct Booking {
    #[schema(example = "0198c5a0-6f2e-7c3a-9d41-3f8f6a1b2c3d")]
    id: Uuid,
    /// What `If-Match` takes; where the booking is read alone, also its `ETag`.
    #[schema(example = "\"3\"")]
    etag: String,
    lesson_id: Uuid,
    status: Status,
    #[schema(example = "2026-11-23T15:00:00Z")]
    start: DateTime<Utc>,
    #[schema(example = "2026-11-23T16:00:00Z")]
    end: DateTime<Utc>,
    /// IANA name of the tutor's zone.
    #[schema(example = "Africa/Lagos")]
    time_zone: String,
    tutor: Named,
    student: Named,
    subject: SubjectName,
    #[schema(example = "Bachelor")]
    level: String,
    /// How the booking stands in the tutor's Google Calendar.
    calendar: CalendarState,
    /// Where the lesson is held online by Google Meet, where the tutor has chosen that (`replace_calendar_choice`) and its event
    /// is in the calendar; null else, and as long as Google is still making it. It is another one when the event is made anew.
    #[schema(
        required,
        max_length = 2000,
        example = "https://meet.google.com/abc-defg-hij"
    )]
    meet_url: Option<String>,
    /// Until when the tutor may answer what is `requested`; null for everything else.
    #[schema(required)]
    expires_at: Option<DateTime<Utc>>,
    /// When it was cancelled or declined.
    #[schema(required)]
    cancelled_at: Option<DateTime<Utc>>,
    /// Why it was cancelled or declined, if anybody said; `too_few`, without anybody, where too few students had joined a
    /// group lesson at its deadline, and `tutor_absent` where the lesson began without its tutor; `event_deleted` where the tutor
    /// deleted the event in Google, `event_declined` where the student declined the invitation there, and
    /// `event_guest_removed` where the tutor took the student off the guests of an event of their own.
    #[schema(required)]
    cancellation_reason: Option<String>,
    /// What it meant for the student that it was cancelled or declined; null where it was not, or that was decided by
    /// nobody.
    #[schema(required)]
    cancellation: Option<CancellationOutcome>,
    /// How it was paid for; null: not here.
    #[schema(required)]
    paid_with: Option<PayWith>,
    /// Set while the tutor is absent, and it is left to the student what becomes of it; null otherwise.
    #[schema(required)]
    absence_offer: Option<AbsenceOffer>,
    /// The series with which it was booked; null for single bookings.
    #[schema(required)]
    series_id: Option<Uuid>,
    /// When the rule of the series wants it, on the wall clock of the series (RFC 5545 `RECURRENCE-ID`): it stays when the
    /// booking is moved.
    #[serde(with = "optional_date_time")]
    #[schema(required, value_type = Option<String>, pattern = "^(19[7-9][0-9]|2[01][0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]$", example = "2027-01-11T16:00")]
    recurrence_id: Option<NaiveDateTime>,
    /// Another time that the student wants, until the tutor has approved or declined it, or the student withdrawn it. It
    /// is set aside, and the lesson stays where it is. Null: none, or not any more.
    #[schema(required)]
    proposed_time: Option<ProposedTime>,
    created_at: DateTime<Utc>,
}

/// The tutor is absent. To cancel the booking gives credit for all of it, whatever the cancellation policy says, and to
/// reschedule it is not too late; with another tutor, a lesson can be booked for the credit. Who chooses nothing until
/// `expires_at` gets the credit. The API tells nobody of the offer: who reads the booking tells its student.
#[derive(Serialize, ToSchema)]
struct AbsenceOffer {
    /// The start of the lesson.
    #[schema(example = "2026-11-23T15:00:00Z")]
    expires_at: DateTime<Utc>,
    /// Whether its student can reschedule it: not alone, where others learn with them. Where the tutor approves what is
    /// booked, `reschedule_booking` proposes the time to them.
    may_reschedule: bool,
}

/// A time that is set aside for a lesson instead of the one that it has.
#[derive(Serialize, ToSchema)]
struct ProposedTime {
    #[schema(example = "2026-11-24T15:00:00Z")]
    start: DateTime<Utc>,
    #[schema(example = "2026-11-24T16:00:00Z")]
    end: DateTime<Utc>,
    /// Until when the tutor may answer; not after either time begins.
    expires_at: DateTime<Utc>,
}

impl ProposedTime {
    fn of(booking: &Detail) -> Option<Self> {
        let span = booking.proposed()?;
        Some(Self {
            start: span.start(),
            end: span.end(),
            expires_at: booking.proposal_expires_at?,
        })
    }
}

/// With what a booking is paid for: `credit` of the student for the subject.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum PayWith {
    Credit,
}

/// How things stand with a booking: `requested`, the tutor wants to be asked and has not answered; `confirmed`;
/// `declined` by the tutor; `expired`, requested and not answered in time; `cancelled`; `completed`, the lesson is over;
/// `no_show`, it is, and the student was not there.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BookingStatus)]
pub(super) enum Status {
    Requested,
    Confirmed,
    Declined,
    Expired,
    Cancelled,
    Completed,
    NoShow,
}

impl From<Status> for BookingStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Requested => Self::Requested,
            Status::Confirmed => Self::Confirmed,
            Status::Declined => Self::Declined,
            Status::Expired => Self::Expired,
            Status::Cancelled => Self::Cancelled,
            Status::Completed => Self::Completed,
            Status::NoShow => Self::NoShow,
        }
    }
}

impl From<BookingStatus> for Status {
    fn from(status: BookingStatus) -> Self {
        match status {
            // What is only held is no booking.
            BookingStatus::Held | BookingStatus::Requested => Self::Requested,
            BookingStatus::Confirmed => Self::Confirmed,
            BookingStatus::Declined => Self::Declined,
            BookingStatus::Expired => Self::Expired,
            BookingStatus::Cancelled => Self::Cancelled,
            BookingStatus::Completed => Self::Completed,
            BookingStatus::NoShow => Self::NoShow,
        }
    }
}

/// How a booking stands in the tutor's Google Calendar: `current`, it says what the booking says; `pending`, it is
/// being brought up to date; `not_connected`, the tutor has no working connection.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum CalendarState {
    Current,
    Pending,
    NotConnected,
}

/// A person.
#[derive(Serialize, ToSchema)]
pub struct Named {
    id: Uuid,
    #[schema(example = "Amara Okafor")]
    name: String,
}

impl Named {
    pub(super) fn new(id: Uuid, name: String) -> Self {
        Self { id, name }
    }
}

impl From<Detail> for Booking {
    fn from(detail: Detail) -> Self {
        Self {
            proposed_time: ProposedTime::of(&detail),
            cancellation: CancellationOutcome::recorded(&detail),
            id: detail.id.0,
            lesson_id: detail.lesson_id.0,
            etag: tag(detail.version),
            status: detail.status.into(),
            expires_at: (detail.status == BookingStatus::Requested)
                .then_some(detail.expires_at)
                .flatten(),
            start: detail.starts_at,
            end: detail.ends_at,
            calendar: match in_calendar(&detail) {
                InCalendar::Current => CalendarState::Current,
                InCalendar::Pending => CalendarState::Pending,
                InCalendar::NotConnected => CalendarState::NotConnected,
            },
            meet_url: detail.meet_url,
            time_zone: detail.tutor_time_zone,
            tutor: Named {
                id: detail.tutor_id.0,
                name: detail.tutor_name,
            },
            student: Named {
                id: detail.student_id.0,
                name: detail.student_name,
            },
            subject: SubjectName {
                slug: detail.subject_slug,
                name: detail.subject_name,
            },
            level: detail.level,
            cancelled_at: detail.cancelled_at,
            cancellation_reason: detail.cancellation_reason,
            paid_with: (detail.paid_credit_minutes > 0).then_some(PayWith::Credit),
            absence_offer: detail.absence_offered.then_some(AbsenceOffer {
                expires_at: detail.starts_at,
                may_reschedule: detail.capacity == 1,
            }),
            series_id: detail.series_id.map(|id| id.0),
            recurrence_id: detail.recurrence_id,
            created_at: detail.created_at,
        }
    }
}

/// What to book.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBooking {
    /// The student for whom it is: the caller, or somebody whose guardian the caller is; for admins, anybody.
    /// Third-party apps must say; so must guardians and admins who are no students themselves.
    #[garde(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    student_id: Option<Uuid>,
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
    /// Start of a slot.
    #[garde(custom(validate::instant))]
    #[schema(example = "2026-11-23T15:00:00Z")]
    start: DateTime<Utc>,
    /// End of the same slot.
    #[garde(custom(validate::instant))]
    #[schema(example = "2026-11-23T16:00:00Z")]
    end: DateTime<Utc>,
    /// Left out, it is not paid for here.
    #[garde(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pay_with: Option<PayWith>,
    /// Whether the quotas of the student are disregarded; for admins.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schema(default = false)]
    beyond_quota: bool,
}

/// Book a lesson.
///
/// Takes a slot of a tutor for the signed-in person. The booking is `confirmed`; where the tutor wants to be asked, and
/// no admin books, it is `requested`, and its time taken, until the tutor answers or
/// `expires_at`. Of several who want overlapping times one gets it; the others
/// are told 409 `slot_unavailable`, why (`conflicts`), and what they could book instead (`alternatives`: in UTC, the
/// nearest first, looked for within 14 days to either side of the start). The event appears in the tutor's Google
/// Calendar shortly after, whatever Google is doing right now.
#[utoipa::path(post, path = "/v1/bookings", tag = "bookings", operation_id = "create_booking",
    security(("session" = [])),
    params(IdempotencyHeader),
    request_body = NewBooking,
    responses(
        (status = 201, description = "Booked.", body = Booking, headers(("Location" = String), ("ETag" = String))),
        (status = 409, description = "This time can't be booked (`slot_unavailable`), the tutor is the caller (`own_lesson`), the student has no such credit (`insufficient_credit`) or would have more than the centre allows (`quota_exceeded`, with `quota`), or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json",
            example = json!({"title": "Conflict", "status": 409, "code": "slot_unavailable", "detail": "This time can't be booked; conflicts says why, alternatives what could be booked instead.",
                "conflicts": [{"code": "lesson"}], "alternatives": [{"start": "2026-11-23T16:00:00Z", "end": "2026-11-23T17:00:00Z"}]})),
        NotSignedIn, NotAdmin, NotFound, BadBody, Faults))]
pub async fn create(
    State(app): State<App>,
    Allowed(caller): Allowed,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    Json(new): Json<NewBooking>,
) -> Result<Response, Error> {
    let request = serde_json::json!(["create_booking", &new]);
    let work = |claim| Box::pin(book(app.clone(), caller.clone(), new, claim));
    key.once(&app, caller.id(), &request, work).await
}

async fn book(
    app: App,
    caller: Caller,
    new: NewBooking,
    claim: Option<Claim>,
) -> Result<Response, Error> {
    let reply = Reply {
        answer: created,
        claim,
    };
    let (student, wanted) = new.wanted(&app, &caller).await?;
    service::booking::create(&app, &caller, student, wanted, reply)
        .await?
        .response()
}

impl NewBooking {
    /// What is wanted, and for which student.
    pub(super) async fn wanted(
        self,
        app: &App,
        caller: &Caller,
    ) -> Result<(UserId, Wanted), Error> {
        let student = caller.books_for(app, self.student_id.map(UserId)).await?;
        let wanted = Wanted {
            tutor_id: TutorId(self.tutor_id),
            subject: self.subject,
            level: self.level,
            start: self.start,
            end: self.end,
            pay_with_credit: self.pay_with.is_some(),
            beyond_quota: self.beyond_quota,
        };
        Ok((student.ok_or_else(no_student)?, wanted))
    }
}

pub(super) fn no_student() -> Error {
    let detail = "must say for which student";
    Error::invalid("student_id", "missing", detail)
}

pub(super) fn created(detail: Detail) -> Kept<Booking> {
    let location = format!("/v1/bookings/{}", detail.id);
    Kept::created(location, detail.version, Booking::from(detail))
}

/// A page of bookings.
#[derive(Serialize, ToSchema)]
pub struct BookingPage {
    items: Vec<Booking>,
    /// Pass it as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// On which side of the lessons.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum As {
    Student,
    Tutor,
    Centre,
}

/// How things stand with a proposed time.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ProposalState {
    Open,
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BookingParams {
    /// Bookings that the caller, and those whose guardian the caller is, have as students (the default), on the caller's
    /// lessons as a tutor, or, for admins, of the whole centre. Third-party apps are answered for the centre in any case, as far as their keys reach.
    #[garde(skip)]
    #[serde(rename = "as")]
    #[param(inline, nullable = false)]
    side: Option<As>,
    /// Only bookings of this student. As a student: the caller, or somebody whose guardian the caller is.
    #[garde(skip)]
    #[param(value_type = Option<Uuid>, nullable = false)]
    student_id: Option<UserId>,
    /// Only bookings with this tutor.
    #[garde(skip)]
    #[param(value_type = Option<Uuid>, nullable = false)]
    tutor_id: Option<TutorId>,
    /// Only bookings in this lesson.
    #[garde(skip)]
    #[param(value_type = Option<Uuid>, nullable = false)]
    lesson_id: Option<LessonId>,
    /// Only bookings whose tutor is suspended or a tutor no longer, or is not. With `status=confirmed` and `from`, those
    /// that wait for another tutor.
    #[garde(skip)]
    #[param(nullable = false)]
    needs_tutor: Option<bool>,
    /// Only bookings with this status.
    #[garde(skip)]
    #[param(inline)]
    status: Option<Status>,
    /// Only bookings for which another time is proposed that the tutor may still approve: with `as=tutor`, those that wait for
    /// the caller's answer.
    #[garde(skip)]
    #[param(inline, nullable = false)]
    proposal: Option<ProposalState>,
    /// Only bookings that end after this instant.
    #[garde(custom(validate::optional_instant))]
    #[param(example = "2026-11-23T00:00:00Z")]
    from: Option<DateTime<Utc>>,
    /// Only bookings that start before this instant.
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

/// List bookings.
///
/// Those of the caller and of all whose guardian the caller is, where nothing else is asked for. By start, the earliest first; cancelled ones too, unless `status` says otherwise.
#[utoipa::path(get, path = "/v1/bookings", tag = "bookings", operation_id = "list_bookings",
    security(("session" = [])), params(BookingParams),
    responses((status = 200, description = "Bookings by start.", body = BookingPage), NotSignedIn, NotFound, Faults))]
pub async fn list(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Query(params): Query<BookingParams>,
) -> Result<axum::Json<BookingPage>, Error> {
    let after = cursor::read(params.cursor.as_deref())?;
    let (side, student) = side(&app, &caller, &params).await?;
    let Some(side) = side else {
        return Ok(axum::Json(BookingPage {
            items: Vec::new(),
            next_cursor: None,
        }));
    };
    let listing = Listing {
        side,
        student,
        tutor: params.tutor_id,
        lesson: params.lesson_id,
        needs_tutor: params.needs_tutor,
        status: params.status.map(|status| vec![status.into()]),
        proposed: params.proposal.is_some(),
        from: params.from,
        until: params.to,
        after,
        limit: params.limit + 1,
    };
    let found = service::booking::list(&app, listing).await?;
    let (items, next_cursor) =
        cursor::page(found, params.limit, |detail| (detail.starts_at, detail.id));
    Ok(axum::Json(BookingPage {
        items: items.into_iter().map(Booking::from).collect(),
        next_cursor,
    }))
}

/// Whose bookings are asked for, if there can be any, and the student of whom they are to be besides.
async fn side(
    app: &App,
    caller: &Caller,
    params: &BookingParams,
) -> Result<(Option<Side>, Option<UserId>), Error> {
    match (params.side, caller) {
        (Some(As::Centre), _) | (_, Caller::App(_)) => {
            Ok((Some(of_centre(caller)?), params.student_id))
        }
        (Some(As::Tutor), Caller::Person(person)) => {
            Ok((person.tutor_id.map(Side::Tutor), params.student_id))
        }
        (Some(As::Student) | None, Caller::Person(person)) => {
            let students = match params.student_id {
                None => person.acts_for(),
                named => Vec::from_iter(caller.student(app, named).await?),
            };
            Ok((Some(Side::Students(students)), None))
        }
    }
}

/// Get a booking.
///
/// For its student, the student's guardians, the tutor of its lesson, admins, and third-party apps as far as their keys
/// reach; for everybody else there is no such booking.
#[utoipa::path(get, path = "/v1/bookings/{id}", tag = "bookings", operation_id = "get_booking",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the booking.")),
    responses((status = 200, description = "The booking.", body = Booking, headers(("ETag" = String))),
        NotSignedIn, NotFound, Faults))]
pub async fn get(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<BookingId>,
    _: Query<NoQuery>,
) -> Result<Response, Error> {
    let detail = service::booking::get(&app, &caller, id).await?;
    Ok((etag(detail.version), axum::Json(Booking::from(detail))).into_response())
}

/// Why it is cancelled.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCancellation {
    /// For the other side to read.
    #[garde(custom(validate::optional_text(1, 500)))]
    #[schema(min_length = 1, max_length = 500, example = "I am ill.")]
    pub(super) reason: Option<String>,
}

/// Cancel a booking.
///
/// By its student, a guardian of the student, an admin or a third-party app, before the lesson begins; by the tutor of
/// its lesson once it is `confirmed`: a tutor declines what is `requested`. The time is free at once, and the event
/// leaves the tutor's Google Calendar shortly after. Who leaves a group
/// lesson frees a seat; the lesson and the others stay. What that means for the student is in `cancellation`, as
/// `quote_cancellation` says beforehand.
#[utoipa::path(post, path = "/v1/bookings/{id}/cancel", tag = "bookings", operation_id = "cancel_booking",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the booking."),
        ("If-Match" = Option<String>, Header, nullable = false, description = "The ETag of what was read; cancels only if it is still so."),
        IdempotencyHeader),
    request_body = Option<NewCancellation>,
    responses((status = 200, description = "The booking as cancelled.", body = Booking, headers(("ETag" = String))),
        (status = 409, description = "It is over or no more (`already_cancelled`, `already_declined`, `already_completed`, `already_no_show`, `expired`), has begun (`already_started`), is with another tutor by now (`tutor_changed`), or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, Forbidden, NotFound, BadBody, Stale, Faults))]
pub async fn cancel(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<BookingId>,
    MaybeIfMatch(versions): MaybeIfMatch,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    OptionalJson(new): OptionalJson<NewCancellation>,
) -> Result<Response, Error> {
    let request = serde_json::json!(["cancel_booking", id, &versions, &new]);
    let change = Change::Cancel { reason: new.reason };
    let work = |claim| {
        Box::pin(make(
            app.clone(),
            caller.clone(),
            (id, versions),
            change,
            claim,
        ))
    };
    key.once(&app, caller.id(), &request, work).await
}

/// Changes a booking, and tells how it is then.
pub(super) async fn make(
    app: App,
    caller: Caller,
    which: (BookingId, Option<Vec<i32>>),
    change: Change,
    claim: Option<Claim>,
) -> Result<Response, Error> {
    let reply = Reply {
        answer: changed,
        claim,
    };
    service::step::make(&app, &caller, which, change, reply)
        .await?
        .response()
}

pub(super) fn changed(detail: Detail) -> Kept<Booking> {
    Kept::ok(detail.version, Booking::from(detail))
}
