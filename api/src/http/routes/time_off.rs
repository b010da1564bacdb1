//! Time in which a tutor is away.

use crate::{
    app::App,
    error::Error,
    http::{
        auth::EditedTutor,
        cursor::{self, LONGEST_PAGE, usual_page},
        etag::{IfMatch, etag},
        extract::{DryRun, Json, NoBody, NoQuery, Path, Query},
        idempotency::{IdempotencyHeader, IdempotencyKey, Kept},
        local_time,
        openapi::{BadBody, Faults, Forbidden, InProgress, NotFound, NotSignedIn, Precondition},
        validate,
    },
    service::{
        self, TimeOffId, TutorId,
        idempotency::{Claim, Reply},
        time_off::{self, Entered},
    },
};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, NaiveDate, Utc};
use garde::Validate;
use scheduling::{availability, interval::Span};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Time in which a tutor is away: either from `start` to `end`, or on whole days.
#[derive(Serialize, ToSchema)]
pub struct TimeOff {
    id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-12-01T12:00:00Z")]
    start: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-12-01T15:00:00Z")]
    end: Option<DateTime<Utc>>,
    /// In the tutor's time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    first_date: Option<NaiveDate>,
    /// In the tutor's time zone; this day is off too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    last_date: Option<NaiveDate>,
    /// What for; students don't see it.
    #[schema(example = "Dentist")]
    note: String,
}

impl From<time_off::TimeOff> for TimeOff {
    fn from(time_off::TimeOff { id, time, note }: time_off::TimeOff) -> Self {
        let (span, dates) = match time {
            availability::TimeOff::Span(span) => (Some(span), None),
            availability::TimeOff::Dates(dates) => (None, Some(dates)),
        };
        Self {
            id: id.0,
            start: span.map(|span| span.start()),
            end: span.map(|span| span.end()),
            first_date: dates.map(|dates| dates.first),
            last_date: dates.map(|dates| dates.last),
            note,
        }
    }
}

/// A page of time off.
#[derive(Serialize, ToSchema)]
pub struct TimeOffPage {
    items: Vec<TimeOff>,
    /// Pass it as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TimeOffParams {
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

/// List when I am away.
///
/// For the tutor and admins, in the order in which it was entered.
#[utoipa::path(get, path = "/v1/tutors/{id}/time-off", tag = "tutors", operation_id = "list_time_off",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the tutor."), TimeOffParams),
    responses((status = 200, description = "Time off.", body = TimeOffPage, headers(("ETag" = String))),
        NotSignedIn, Forbidden, NotFound, Faults))]
pub async fn list(
    State(app): State<App>,
    tutor: EditedTutor,
    Query(params): Query<TimeOffParams>,
) -> Result<Response, Error> {
    let after = cursor::read(params.cursor.as_deref())?;
    let profile = service::tutor::profile(&app, &tutor.caller, tutor.id).await?;
    let found = time_off::list(&app, tutor.id, after, params.limit + 1).await?;
    let (items, next_cursor) = cursor::page(found, params.limit, |off| off.id);
    let items = items.into_iter().map(TimeOff::from).collect();
    Ok((
        etag(profile.version),
        axum::Json(TimeOffPage { items, next_cursor }),
    )
        .into_response())
}

/// Time in which the tutor will be away: either `start` and `end`, or `first_date` and `last_date`.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTimeOff {
    #[garde(custom(validate::optional_instant))]
    #[schema(example = "2026-12-01T12:00:00Z")]
    start: Option<DateTime<Utc>>,
    #[garde(custom(validate::optional_instant))]
    #[schema(example = "2026-12-01T15:00:00Z")]
    end: Option<DateTime<Utc>>,
    /// In the tutor's time zone.
    #[garde(custom(validate::optional_date))]
    first_date: Option<NaiveDate>,
    /// In the tutor's time zone; this day is off too.
    #[garde(custom(validate::optional_date))]
    last_date: Option<NaiveDate>,
    /// What for; students don't see it.
    #[garde(custom(validate::line(0, 200)))]
    #[serde(default)]
    #[schema(
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        example = "Dentist"
    )]
    note: String,
}

impl NewTimeOff {
    fn time(&self) -> Result<availability::TimeOff, Error> {
        time_of((self.start, self.end), (self.first_date, self.last_date))
    }
}

/// Time that is given either as a span or as whole days.
pub(super) fn time_of(
    span: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    dates: (Option<NaiveDate>, Option<NaiveDate>),
) -> Result<availability::TimeOff, Error> {
    match (span, dates) {
        ((Some(start), Some(end)), (None, None)) => Span::new(start, end)
            .map(availability::TimeOff::Span)
            .ok_or_else(|| Error::invalid("end", "not_after_start", "must be after start")),
        ((None, None), (Some(first), Some(last))) => {
            local_time::dates(first, last, "last_date").map(availability::TimeOff::Dates)
        }
        _ => Err(Error::invalid(
            "",
            "span_or_dates",
            "give either start and end, or first_date and last_date",
        )),
    }
}

/// Enter when I am away.
///
/// Nothing can be booked in it, whatever the weekly rules and overrides say. Lessons that are booked stay. Whatever
/// was read before, it can be added, so it needs no `If-Match`; with an `Idempotency-Key` it is entered once.
#[utoipa::path(post, path = "/v1/tutors/{id}/time-off", tag = "tutors", operation_id = "create_time_off",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the tutor."), IdempotencyHeader, DryRun),
    request_body(content = NewTimeOff, example = json!({"first_date": "2026-12-24", "last_date": "2027-01-02", "note": "At my parents'"})),
    responses((status = 201, description = "Entered.", body = TimeOff, headers(("ETag" = String), ("Location" = String))),
        (status = 204, description = "It could be entered (`dry_run`)."),
        NotSignedIn, Forbidden, NotFound, BadBody, InProgress, Faults))]
pub async fn create(
    State(app): State<App>,
    tutor: EditedTutor,
    key: IdempotencyKey,
    Query(DryRun { dry_run }): Query<DryRun>,
    Json(new): Json<NewTimeOff>,
) -> Result<Response, Error> {
    let time = new.time()?;
    if dry_run {
        time_off::check_room(&app, tutor.id).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let request = serde_json::json!(["create_time_off", tutor.id, &new]);
    let work = |claim| Box::pin(enter(app.clone(), tutor.id, time, new.note, claim));
    key.once(&app, tutor.caller.id(), &request, work).await
}

async fn enter(
    app: App,
    id: TutorId,
    time: availability::TimeOff,
    note: String,
    claim: Option<Claim>,
) -> Result<Response, Error> {
    let reply = Reply {
        answer: entered,
        claim,
    };
    time_off::create(&app, id, time, note, reply)
        .await?
        .response()
}

fn entered(
    Entered {
        tutor_id,
        version,
        time_off,
    }: Entered,
) -> Kept<TimeOff> {
    let location = format!("/v1/tutors/{tutor_id}/time-off/{}", time_off.id);
    Kept::created(location, version, time_off.into())
}

/// Time off in the path.
#[derive(Deserialize)]
pub struct TimeOffPath {
    time_off_id: TimeOffId,
}

/// Get when I am away.
///
/// For the tutor and admins.
#[utoipa::path(get, path = "/v1/tutors/{id}/time-off/{time_off_id}", tag = "tutors", operation_id = "get_time_off",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the tutor."), ("time_off_id" = Uuid, Path, description = "Id of the time off.")),
    responses((status = 200, description = "The time off.", body = TimeOff, headers(("ETag" = String))),
        NotSignedIn, Forbidden, NotFound, Faults))]
pub async fn get(
    State(app): State<App>,
    tutor: EditedTutor,
    Path(TimeOffPath { time_off_id }): Path<TimeOffPath>,
    _: Query<NoQuery>,
) -> Result<Response, Error> {
    let profile = service::tutor::profile(&app, &tutor.caller, tutor.id).await?;
    let found = time_off::get(&app, tutor.id, time_off_id).await?;
    Ok((etag(profile.version), axum::Json(TimeOff::from(found))).into_response())
}

/// Take back that I am away.
#[utoipa::path(delete, path = "/v1/tutors/{id}/time-off/{time_off_id}", tag = "tutors", operation_id = "delete_time_off",
    description = "The weekly rules and overrides hold again in that time.",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the tutor."), ("time_off_id" = Uuid, Path, description = "Id of the time off."),
        ("If-Match" = String, Header, description = "The ETag of what was read.")),
    responses((status = 204, description = "Taken back.", headers(("ETag" = String))),
        NotSignedIn, Forbidden, NotFound, Precondition, Faults))]
pub async fn delete(
    State(app): State<App>,
    tutor: EditedTutor,
    Path(TimeOffPath { time_off_id }): Path<TimeOffPath>,
    if_match: IfMatch,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<Response, Error> {
    let version = if_match.choose(tutor.version)?;
    time_off::delete(&app, tutor.id, version, time_off_id).await?;
    Ok((StatusCode::NO_CONTENT, etag(version + 1)).into_response())
}
