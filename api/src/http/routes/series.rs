//! Lessons that repeat.

use super::{
    bookings::{Booking, Named, no_student},
    offers::SubjectName,
};
use crate::{
    app::App,
    error::{self, Error},
    http::{
        auth::Allowed,
        cursor::{self, LONGEST_PAGE, usual_page},
        etag::{etag, tag},
        extract::{DryRun, Json, NoQuery, Path, Query},
        idempotency::{IdempotencyHeader, IdempotencyKey, Kept},
        local_time::date_time,
        object,
        occurrence::Occurrence,
        openapi::{BadBody, CrossOrigin, Faults, NotFound, NotSignedIn},
        problem::Problem,
        validate,
    },
    service::{
        self, SeriesId, TutorId, UserId,
        caller::Caller,
        idempotency::{Claim, Reply},
        series::{Detail, Exception, Listing, Wanted},
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

/// Lessons that were booked at once, by a recurrence rule on the wall clock of the tutor.
#[derive(Serialize, ToSchema)]
pub struct SeriesSummary {
    id: Uuid,
    /// What `If-Match` takes; where the series is read alone, also its `ETag`.
    #[schema(example = "\"3\"")]
    etag: String,
    tutor: Named,
    student: Named,
    subject: SubjectName,
    #[schema(example = "Bachelor")]
    level: String,
    /// IANA name of the zone on whose wall clock the lessons repeat: that of the tutor when it was booked.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    /// When the rule wants the first lesson, on that wall clock.
    #[serde(with = "date_time")]
    #[schema(value_type = String, pattern = "^(19[7-9][0-9]|2[01][0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]$", example = "2027-01-11T16:00")]
    start: NaiveDateTime,
    /// How long each lesson was to be.
    #[schema(minimum = 1, maximum = 480, example = 60)]
    minutes: i16,
    /// RFC 5545 `RRULE`, as it was booked.
    #[schema(example = "FREQ=WEEKLY;COUNT=12")]
    rule: String,
    created_at: DateTime<Utc>,
}

impl From<service::series::Series> for SeriesSummary {
    fn from(series: service::series::Series) -> Self {
        Self {
            id: series.id.0,
            etag: tag(series.version),
            tutor: Named::new(series.tutor_id.0, series.tutor_name),
            student: Named::new(series.student_id.0, series.student_name),
            subject: SubjectName {
                slug: series.subject_slug,
                name: series.subject_name,
            },
            level: series.level,
            time_zone: series.time_zone,
            start: series.local_start,
            minutes: series.minutes,
            rule: series.rule,
            created_at: series.created_at,
        }
    }
}

/// A series with its bookings.
#[derive(Serialize, ToSchema)]
pub struct Series {
    #[serde(flatten)]
    summary: SeriesSummary,
    /// By start, also those that are cancelled.
    bookings: Vec<Booking>,
    /// Occurrences of the rule that were left out: holidays, and what the exceptions skipped.
    #[schema(value_type = Vec<String>, example = json!(["2027-03-29T16:00"]))]
    left_out: Vec<LocalDateTime>,
}

/// A time on the wall clock of the series.
#[derive(Serialize)]
struct LocalDateTime(#[serde(with = "date_time")] NaiveDateTime);

impl From<Detail> for Series {
    fn from(detail: Detail) -> Self {
        Self {
            summary: detail.series.into(),
            bookings: detail.bookings.into_iter().map(Booking::from).collect(),
            left_out: detail.left_out.into_iter().map(LocalDateTime).collect(),
        }
    }
}

/// What would become of each lesson.
#[derive(Serialize, ToSchema)]
pub struct SeriesPlan {
    /// By rule.
    occurrences: Vec<Occurrence>,
}

impl From<Vec<error::Occurrence>> for SeriesPlan {
    fn from(occurrences: Vec<error::Occurrence>) -> Self {
        Self {
            occurrences: occurrences.into_iter().map(Occurrence::from).collect(),
        }
    }
}

/// A series to book.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSeries {
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
    /// When the first lesson begins, on the wall clock of the tutor. It must be an occurrence of the rule.
    #[garde(skip)]
    #[serde(with = "date_time")]
    #[schema(value_type = String, pattern = "^(19[7-9][0-9]|2[01][0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]$", example = "2027-01-11T16:00")]
    start: NaiveDateTime,
    /// How long each lesson is.
    #[garde(custom(validate::number(1, 480)))]
    #[schema(minimum = 1, maximum = 480, example = 60)]
    minutes: i16,
    /// RFC 5545 `RRULE`: `FREQ` `DAILY`, `WEEKLY` or `MONTHLY`, `COUNT` or `UNTIL` (in UTC: `20270630T235959Z`), and perhaps
    /// `INTERVAL`, `BYDAY`, `BYMONTHDAY`, `WKST`. At most 200 occurrences in two years.
    #[garde(custom(validate::text(1, 400)))]
    #[schema(min_length = 1, max_length = 400, example = "FREQ=WEEKLY;COUNT=12")]
    rule: String,
    /// What is wanted in place of some occurrences.
    #[garde(custom(validate::items(0, 200)), dive)]
    #[serde(default, deserialize_with = "object::list")]
    #[schema(max_items = 200)]
    exceptions: Vec<NewException>,
}

/// What is wanted in place of one occurrence: nothing (`skip`), or a lesson at another time (`start` and `end`).
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewException {
    /// When the rule wants it, on the wall clock of the tutor.
    #[garde(skip)]
    #[serde(with = "date_time")]
    #[schema(value_type = String, pattern = "^(19[7-9][0-9]|2[01][0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]$", example = "2027-01-18T16:00")]
    recurrence_id: NaiveDateTime,
    /// Leave it out.
    #[garde(skip)]
    #[serde(default)]
    skip: bool,
    /// Start of a slot instead.
    #[garde(custom(validate::optional_instant))]
    #[schema(example = "2027-01-19T15:00:00Z")]
    start: Option<DateTime<Utc>>,
    /// End of the same slot.
    #[garde(custom(validate::optional_instant))]
    #[schema(example = "2027-01-19T16:00:00Z")]
    end: Option<DateTime<Utc>>,
}

impl NewException {
    fn read(&self, i: usize) -> Result<Exception, Error> {
        let instead = match (self.skip, self.start.zip(self.end)) {
            (true, None) if self.start.or(self.end).is_none() => None,
            (false, Some(times)) => Some(times),
            _ => {
                let detail = "must have either skip, or start and end";
                let field = format!("exceptions[{i}]");
                return Err(Error::invalid(&field, "skip_or_times", detail));
            }
        };
        Ok(Exception {
            recurrence_id: self.recurrence_id,
            instead,
        })
    }
}

impl NewSeries {
    async fn wanted(self, app: &App, caller: &Caller) -> Result<(UserId, Wanted), Error> {
        let student = caller.books_for(app, self.student_id.map(UserId)).await?;
        let exceptions = self.exceptions.iter().enumerate();
        let exceptions = exceptions.map(|(i, exception)| exception.read(i));
        let wanted = Wanted {
            tutor_id: TutorId(self.tutor_id),
            exceptions: validate::all(exceptions)?,
            subject: self.subject,
            level: self.level,
            start: self.start,
            minutes: self.minutes,
            rule: self.rule,
        };
        Ok((student.ok_or_else(no_student)?, wanted))
    }
}

/// Book lessons that repeat.
///
/// All lessons of the rule with the same tutor, or none. They repeat on the tutor's wall clock: 16:00 stays 16:00 when the
/// clocks change; what the clock skips is no occurrence and does not count, and of what it shows twice the first is meant.
/// Holidays are left out by themselves. With `dry_run` each lesson gets a verdict, with reasons and other times; what can't
/// be is then left out or put elsewhere by `exceptions`. Each lesson is a booking of its own, to be moved and cancelled like
/// any other, and an event of its own in the tutor's Google Calendar. The tutor's horizon holds for all but admins. Where the tutor wants to be
/// asked, and no admin books, each is `requested`, and approved by itself.
#[utoipa::path(post, path = "/v1/series", tag = "series", operation_id = "create_series",
    security(("session" = [])),
    params(IdempotencyHeader, DryRun),
    request_body = NewSeries,
    responses(
        (status = 200, description = "What would become of each lesson (`dry_run`).", body = SeriesPlan),
        (status = 201, description = "Booked.", body = Series, headers(("Location" = String), ("ETag" = String))),
        (status = 409, description = "Not all lessons can be (`series_unavailable`, with `occurrences`) or none is left (`nothing_to_book`), so nothing is booked; the tutor is the caller (`own_lesson`) or suspended (`tutor_suspended`); the student would have more than a quota allows (`quota_exceeded`); or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, NotFound, BadBody, Faults))]
pub async fn create(
    State(app): State<App>,
    Allowed(caller): Allowed,
    key: IdempotencyKey,
    Query(DryRun { dry_run }): Query<DryRun>,
    Json(new): Json<NewSeries>,
) -> Result<Response, Error> {
    if dry_run {
        let (student, wanted) = new.wanted(&app, &caller).await?;
        let plan = service::series::try_out(&app, &caller, student, &wanted).await?;
        return Ok(axum::Json(SeriesPlan::from(plan)).into_response());
    }
    let request = serde_json::json!(["create_series", &new]);
    let work = |claim| Box::pin(book(app.clone(), caller.clone(), new, claim));
    key.once(&app, caller.id(), &request, work).await
}

async fn book(
    app: App,
    caller: Caller,
    new: NewSeries,
    claim: Option<Claim>,
) -> Result<Response, Error> {
    let reply = Reply {
        answer: |detail: Detail| {
            let location = format!("/v1/series/{}", detail.series.id);
            Kept::created(location, detail.series.version, Series::from(detail))
        },
        claim,
    };
    let (student, wanted) = new.wanted(&app, &caller).await?;
    service::series::create(&app, &caller, student, wanted, reply)
        .await?
        .response()
}

/// A page of series.
#[derive(Serialize, ToSchema)]
pub struct SeriesPage {
    items: Vec<SeriesSummary>,
    /// Pass it as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SeriesParams {
    /// Only series of this student.
    #[garde(skip)]
    #[param(value_type = Option<Uuid>, nullable = false)]
    student_id: Option<UserId>,
    /// Only series that were booked with this tutor.
    #[garde(skip)]
    #[param(value_type = Option<Uuid>, nullable = false)]
    tutor_id: Option<TutorId>,
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

/// List series.
///
/// Those of the caller, of all whose guardian the caller is, and those booked with the caller as the tutor; for admins all,
/// and for third-party apps as far as their keys reach. By when they were booked.
#[utoipa::path(get, path = "/v1/series", tag = "series", operation_id = "list_series",
    security(("session" = [])), params(SeriesParams),
    responses((status = 200, description = "Series by when they were booked.", body = SeriesPage), NotSignedIn, Faults))]
pub async fn list(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Query(params): Query<SeriesParams>,
) -> Result<axum::Json<SeriesPage>, Error> {
    let listing = Listing {
        student: params.student_id,
        tutor: params.tutor_id,
        after: cursor::read(params.cursor.as_deref())?,
        limit: params.limit + 1,
    };
    let found = service::series::list(&app, &caller, listing).await?;
    let (items, next_cursor) = cursor::page(found, params.limit, |series| series.id);
    Ok(axum::Json(SeriesPage {
        items: items.into_iter().map(SeriesSummary::from).collect(),
        next_cursor,
    }))
}

/// Get a series.
///
/// With its bookings, as far as the caller may see them. Its `ETag` changes with each of them.
#[utoipa::path(get, path = "/v1/series/{id}", tag = "series", operation_id = "get_series",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the series.")),
    responses((status = 200, description = "The series.", body = Series, headers(("ETag" = String))),
        NotSignedIn, NotFound, Faults))]
pub async fn get(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<SeriesId>,
    _: Query<NoQuery>,
) -> Result<Response, Error> {
    let detail = service::series::get(&app, &caller, id).await?;
    let tag = etag(detail.series.version);
    Ok((tag, axum::Json(Series::from(detail))).into_response())
}
