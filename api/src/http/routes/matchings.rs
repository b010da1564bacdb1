//! Many lessons at once: proposed, then booked.

use crate::{
    app::App,
    error::Error,
    http::{
        auth::OfCentre,
        extract::{Json, NoQuery, Query},
        idempotency::{IdempotencyHeader, IdempotencyKey, Kept},
        object,
        openapi::{BadBody, Faults, InProgress, NotAdmin, NotSignedIn},
        problem::ConflictingSpan,
        routes::bookings::Status,
        validate,
    },
    service::{
        TutorId, UserId,
        booking::Wanted,
        caller::Caller,
        idempotency::{Claim, Reply},
        matching::{self, Booked, MOST_WISHES, Outcome, Proposal, Wish},
    },
};
use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use garde::Validate;
use scheduling::interval::Span;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Room for as many requests as there may be.
const LONGEST_LIST_KIB: usize = 1024;

/// What is to be matched.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMatching {
    #[garde(custom(validate::items(1, MOST_WISHES)), dive)]
    #[serde(deserialize_with = "object::list")]
    #[schema(min_items = 1, max_items = 500)]
    requests: Vec<LessonRequest>,
}

/// A lesson that a student wants.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct LessonRequest {
    /// The caller's name for it; no two have the same.
    #[garde(custom(validate::line(1, 64)))]
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "wish-17"
    )]
    id: String,
    #[garde(skip)]
    #[schema(example = "0198c5a0-6f2e-7c3a-9d41-3f8f6a1b2c3d")]
    student_id: Uuid,
    /// Slug of the subject.
    #[garde(custom(validate::text(1, 64)))]
    #[schema(min_length = 1, max_length = 64, example = "mathematics")]
    subject: String,
    /// One of the subject's levels.
    #[garde(custom(validate::text(1, 64)))]
    #[schema(min_length = 1, max_length = 64, example = "Bachelor")]
    level: String,
    /// Length of the lesson in minutes; only tutors who offer it.
    #[garde(custom(validate::number(5, 480)))]
    #[schema(minimum = 5, maximum = 480, example = 60)]
    minutes: i16,
    /// The lesson is to lie within one of these; those that overlap or touch are one.
    #[garde(custom(validate::items(1, 20)), dive)]
    #[serde(deserialize_with = "object::list")]
    #[schema(min_items = 1, max_items = 20)]
    windows: Vec<Window>,
    /// The tutors whom the student would like best, the best first; those who are not there or can't teach it are passed
    /// over.
    #[garde(custom(preferred))]
    #[serde(default)]
    #[schema(max_items = 5)]
    preferred_tutors: Vec<Uuid>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "garde fixes the signatures of rules"
)]
fn preferred(value: &Vec<Uuid>, (): &()) -> garde::Result {
    validate::items(0, 5)(value, &())?;
    validate::distinct(value, &())
}

/// When a student could have the lesson.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct Window {
    #[garde(custom(validate::instant))]
    #[schema(example = "2026-11-23T12:00:00Z")]
    start: DateTime<Utc>,
    #[garde(custom(validate::instant))]
    #[schema(example = "2026-11-23T18:00:00Z")]
    end: DateTime<Utc>,
}

/// A lesson of a proposal, which can be booked.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// The `id` of the request.
    #[garde(custom(validate::line(1, 64)))]
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "wish-17"
    )]
    id: String,
    #[garde(skip)]
    #[schema(example = "0198c5a0-6f2e-7c3a-9d41-3f8f6a1b2c3d")]
    student_id: Uuid,
    #[garde(skip)]
    #[schema(example = "0198c5a0-7b1d-7f00-8a52-6e1d2c3b4a59")]
    tutor_id: Uuid,
    /// Slug of the subject.
    #[garde(custom(validate::text(1, 64)))]
    #[schema(min_length = 1, max_length = 64, example = "mathematics")]
    subject: String,
    #[garde(custom(validate::text(1, 64)))]
    #[schema(min_length = 1, max_length = 64, example = "Bachelor")]
    level: String,
    #[garde(custom(validate::instant))]
    #[schema(example = "2026-11-23T15:00:00Z")]
    start: DateTime<Utc>,
    #[garde(custom(validate::instant))]
    #[schema(example = "2026-11-23T16:00:00Z")]
    end: DateTime<Utc>,
    /// The place of the tutor among those who could teach it, for the student: first by `preferred_tutors`, then as
    /// `search_slots` ranks them; who are equally good have the same. When it is booked, it says nothing.
    #[garde(inner(custom(validate::number(1, MOST_RANKS))))]
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 1, nullable = false, example = 1)]
    rank: Option<u32>,
}

/// The highest number that the document allows.
const MOST_RANKS: u32 = i32::MAX.cast_unsigned();

/// What is there is not null.
fn given<'de, D: Deserializer<'de>>(rank: D) -> Result<Option<u32>, D::Error> {
    u32::deserialize(rank).map(Some)
}

/// Why a request is not filled: `no_option`, nobody could teach it in its windows; `over_quota`, somebody could, but the
/// student may have no such lesson by the quotas; `lost`, somebody could, but it would cost other requests theirs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum UnfilledReason {
    NoOption,
    OverQuota,
    Lost,
}

/// A request that is not filled.
#[derive(Serialize, ToSchema)]
struct Unfilled {
    /// The `id` of the request.
    #[schema(example = "wish-18")]
    id: String,
    reason: UnfilledReason,
}

/// How requests could be filled.
#[derive(Serialize, ToSchema)]
pub struct Matching {
    /// In the order of the requests.
    assignments: Vec<Assignment>,
    unfilled: Vec<Unfilled>,
    /// How many requests are filled.
    #[schema(minimum = 0, example = 463)]
    filled: u32,
    /// It is proven that no more than these can be filled with the options that were looked at.
    #[schema(minimum = 0, example = 465)]
    bound: u32,
    /// By how many `filled` could fall short of what is possible: 0 where it is proven to be the most.
    #[schema(minimum = 0, example = 2)]
    gap: u32,
    /// The sum of the ranks of what is filled.
    #[schema(minimum = 0, example = 512)]
    total_rank: u64,
    /// It is proven that as many can't be filled with a smaller sum; null unless `gap` is 0.
    #[schema(required, minimum = 0, example = 498)]
    total_rank_bound: Option<u64>,
    /// How long it took.
    #[schema(minimum = 0, example = 2.5)]
    seconds: f64,
}

/// Match requests with tutors and times.
///
/// For admins and third-party apps. Proposes lessons that together fill as many requests as possible and, of all ways to
/// do that, one whose sum of ranks is as small as it finds: no two overlap, with the tutors' breaks between
/// them, and the caps on lessons and the quotas of students are kept. All windows lie within 62 days; the body is at most 1 MiB. It takes some seconds, and says how much better the answer could be at most. For each
/// request it looks at up to 60 tutors, of whom 30 are those who rank best, and at up to 300 slots. Nothing is kept or held: what
/// is to be booked goes to `book_matching`, unchanged or in part.
#[utoipa::path(post, path = "/v1/matchings", tag = "matchings", operation_id = "create_matching",
    security(("session" = [])),
    request_body = NewMatching,
    responses((status = 200, description = "What could be booked.", body = Matching),
        NotSignedIn, NotAdmin, BadBody, Faults))]
pub async fn propose(
    State(app): State<App>,
    OfCentre(caller): OfCentre,
    _: Query<NoQuery>,
    Json(new): Json<NewMatching, LONGEST_LIST_KIB>,
) -> Result<axum::Json<Matching>, Error> {
    let ids = new.requests.iter().map(|request| &request.id);
    check_distinct(ids, "requests")?;
    let wishes = new.requests.iter().enumerate();
    let wishes = wishes.map(|(place, request)| request.wish(&format!("requests[{place}]")));
    let wishes = validate::all(wishes)?;
    let proposal = matching::propose(&app, &caller, wishes).await?;
    Ok(axum::Json(Matching::new(new.requests, proposal)))
}

impl LessonRequest {
    fn wish(&self, field: &str) -> Result<Wish, Error> {
        let windows = self.windows.iter().enumerate();
        let windows = windows.map(|(place, window)| {
            Span::new(window.start, window.end).ok_or_else(|| {
                let field = format!("{field}.windows[{place}].end");
                Error::invalid(&field, "not_after_start", "must be after start")
            })
        });
        Ok(Wish {
            student: UserId(self.student_id),
            subject: self.subject.clone(),
            level: self.level.clone(),
            minutes: self.minutes,
            windows: validate::all(windows)?,
            preferred: self.preferred_tutors.iter().copied().map(TutorId).collect(),
        })
    }
}

impl Matching {
    fn new(requests: Vec<LessonRequest>, proposal: Proposal) -> Self {
        let (mut assignments, mut unfilled) = (Vec::new(), Vec::new());
        for (request, outcome) in std::iter::zip(requests, proposal.outcomes) {
            let reason = match outcome {
                Outcome::Filled(filled) => {
                    assignments.push(Assignment {
                        id: request.id,
                        student_id: request.student_id,
                        tutor_id: filled.tutor.profile.id.0,
                        subject: request.subject,
                        level: request.level,
                        start: filled.span.start(),
                        end: filled.span.end(),
                        rank: Some(filled.rank),
                    });
                    continue;
                }
                Outcome::NoOption => UnfilledReason::NoOption,
                Outcome::OverQuota => UnfilledReason::OverQuota,
                Outcome::Lost => UnfilledReason::Lost,
            };
            unfilled.push(Unfilled {
                id: request.id,
                reason,
            });
        }
        Self {
            assignments,
            unfilled,
            filled: proposal.filled,
            bound: proposal.most,
            gap: proposal.most - proposal.filled,
            total_rank: proposal.total_rank,
            total_rank_bound: proposal.least_total_rank,
            seconds: proposal.took.as_secs_f64(),
        }
    }
}

/// What is to be booked.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assignments {
    #[garde(custom(validate::items(1, MOST_WISHES)), dive)]
    #[serde(deserialize_with = "object::list")]
    #[schema(min_items = 1, max_items = 500)]
    assignments: Vec<Assignment>,
}

/// What was booked, by students in the order in which they were first named.
#[derive(Serialize, ToSchema)]
pub struct BookedMatching {
    students: Vec<BookedStudent>,
    /// How many lessons are booked now.
    #[schema(minimum = 0, example = 460)]
    booked: usize,
}

/// What became of the lessons of one student.
#[derive(Serialize, ToSchema)]
struct BookedStudent {
    student_id: Uuid,
    /// All lessons of the student; empty where they are refused.
    bookings: Vec<BookedLesson>,
    /// Why none of them is booked; null where all are.
    #[schema(required)]
    refusal: Option<RefusedLesson>,
}

/// A lesson that is booked.
#[derive(Serialize, ToSchema)]
struct BookedLesson {
    /// The `id` of the request.
    #[schema(example = "wish-17")]
    id: String,
    booking_id: Uuid,
    /// `requested` where the tutor is asked first; where it was booked before, `requested` or `confirmed`.
    status: Status,
}

/// A lesson that can't be booked.
#[derive(Serialize, ToSchema)]
struct RefusedLesson {
    /// The `id` of the request.
    #[schema(example = "wish-17")]
    id: String,
    /// As `create_booking` refuses it: `slot_unavailable`, `own_lesson`, `tutor_suspended`, `not_offered`, or `not_found`
    /// where there is no such student or tutor; `quota_exceeded`; or `unavailable`, which may be tried again.
    #[schema(value_type = String, example = "slot_unavailable")]
    code: &'static str,
    /// What stands in the way.
    conflicts: Vec<ConflictingSpan>,
}

/// Book what was proposed.
///
/// For admins and third-party apps. Of each student all lessons are booked or none; what is refused to one student
/// touches nobody else, so read `students`. Each lesson is checked as by `create_booking`. What is booked already exactly
/// so is answered as booked, so it is safe to repeat. The body is at most 1 MiB.
#[utoipa::path(post, path = "/v1/matchings/book", tag = "matchings", operation_id = "book_matching",
    security(("session" = [])),
    params(IdempotencyHeader),
    request_body = Assignments,
    responses((status = 200, description = "What was booked, and what was not.", body = BookedMatching),
        NotSignedIn, NotAdmin, BadBody, InProgress, Faults))]
pub async fn book(
    State(app): State<App>,
    OfCentre(caller): OfCentre,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    Json(new): Json<Assignments, LONGEST_LIST_KIB>,
) -> Result<Response, Error> {
    let ids = new.assignments.iter().map(|assignment| &assignment.id);
    check_distinct(ids, "assignments")?;
    let request = serde_json::json!(["book_matching", &new]);
    let work = |claim| Box::pin(book_all(app.clone(), caller.clone(), new, claim));
    key.once(&app, caller.id(), &request, work).await
}

async fn book_all(
    app: App,
    caller: Caller,
    new: Assignments,
    claim: Option<Claim>,
) -> Result<Response, Error> {
    let assignments = new.assignments.into_iter();
    let assignments = assignments.map(|assignment| matching::Assignment {
        label: assignment.id,
        student: UserId(assignment.student_id),
        wanted: Wanted {
            tutor_id: TutorId(assignment.tutor_id),
            subject: assignment.subject,
            level: assignment.level,
            start: assignment.start,
            end: assignment.end,
            pay_with_credit: false,
            beyond_quota: false,
        },
    });
    let answer = |booked: Vec<Booked>| Kept::outcome(BookedMatching::from(booked));
    let reply = Reply { answer, claim };
    matching::book(&app, &caller, assignments.collect(), reply)
        .await?
        .response()
}

impl From<Vec<Booked>> for BookedMatching {
    fn from(booked: Vec<Booked>) -> Self {
        let students: Vec<BookedStudent> = booked.into_iter().map(BookedStudent::from).collect();
        Self {
            booked: students.iter().map(|student| student.bookings.len()).sum(),
            students,
        }
    }
}

impl From<Booked> for BookedStudent {
    fn from(Booked { student, outcome }: Booked) -> Self {
        let (bookings, refusal) = match outcome {
            Ok(bookings) => (bookings, None),
            Err(refusal) => (Vec::new(), Some(refusal)),
        };
        let bookings = bookings.into_iter();
        Self {
            student_id: student.0,
            bookings: bookings
                .map(|(id, booking, status)| BookedLesson {
                    id,
                    booking_id: booking.0,
                    status: status.into(),
                })
                .collect(),
            refusal: refusal.map(|refusal| RefusedLesson {
                id: refusal.label,
                code: refusal.code,
                conflicts: refusal.conflicts.into_iter().map(Into::into).collect(),
            }),
        }
    }
}

fn check_distinct<'a>(ids: impl Iterator<Item = &'a String>, field: &str) -> Result<(), Error> {
    let mut seen = std::collections::HashSet::new();
    for (place, id) in ids.enumerate() {
        if !seen.insert(id) {
            let field = format!("{field}[{place}].id");
            return Err(Error::invalid(&field, "duplicate", "another has this id"));
        }
    }
    Ok(())
}
