//! Cancelling and moving lessons of a series.

use super::series::{Series, SeriesPlan};
use crate::{
    app::App,
    error::Error,
    http::{
        auth::Allowed,
        etag::MaybeIfMatch,
        extract::{DryRun, Json, NoQuery, Path, Query},
        idempotency::{IdempotencyHeader, IdempotencyKey, Kept},
        local_time::{date_time, optional_date_time},
        openapi::{BadBody, CrossOrigin, Faults, Forbidden, NotFound, NotSignedIn, Stale},
        problem::Problem,
        validate,
    },
    service::{
        self, SeriesId,
        caller::Caller,
        idempotency::{Claim, Reply},
        series::{Detail, Move, Part},
    },
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use chrono::NaiveDateTime;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How much of a series: `this` occurrence; `this_and_following`, also those that follow it by the rule; or `all`. Of the
/// last two, only what has not begun.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SeriesScope)]
enum Scope {
    This,
    ThisAndFollowing,
    All,
}

impl From<Scope> for service::series::Scope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::This => Self::This,
            Scope::ThisAndFollowing => Self::ThisAndFollowing,
            Scope::All => Self::All,
        }
    }
}

/// What to cancel, and why.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeriesCancellation {
    #[garde(skip)]
    scope: Scope,
    /// The occurrence, by when the rule wanted it; not needed for `all`.
    #[garde(skip)]
    #[serde(default, with = "optional_date_time")]
    #[schema(value_type = Option<String>, pattern = "^(19[7-9][0-9]|2[01][0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]$", example = "2027-01-18T16:00")]
    recurrence_id: Option<NaiveDateTime>,
    /// For the other side to read.
    #[garde(custom(validate::optional_text(1, 500)))]
    #[schema(min_length = 1, max_length = 500, example = "I am ill.")]
    reason: Option<String>,
}

/// Cancel lessons of a series.
///
/// One, one and those that follow it by the rule, or all; of several, those that have not begun. By whoever could cancel
/// each booking, all or none. `this` is the same as cancelling the booking itself.
#[utoipa::path(post, path = "/v1/series/{id}/cancel", tag = "series", operation_id = "cancel_series",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the series."),
        ("If-Match" = Option<String>, Header, nullable = false, description = "The ETag of what was read; cancels only if it is still so."),
        IdempotencyHeader),
    request_body = SeriesCancellation,
    responses((status = 200, description = "The series as it is now.", body = Series, headers(("ETag" = String))),
        (status = 409, description = "None of these lessons is ahead (`nothing_ahead`); `this` is cancelled already (`already_cancelled`), has begun (`already_started`) or is no more; another tutor has just been found for one of them (`tutor_changed`); or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, Forbidden, NotFound, BadBody, Stale, Faults))]
pub async fn cancel(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<SeriesId>,
    MaybeIfMatch(versions): MaybeIfMatch,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    Json(new): Json<SeriesCancellation>,
) -> Result<Response, Error> {
    let request = serde_json::json!(["cancel_series", id, &versions, &new]);
    let work = |claim| {
        Box::pin(give_up(
            app.clone(),
            caller.clone(),
            (id, versions),
            new,
            claim,
        ))
    };
    key.once(&app, caller.id(), &request, work).await
}

async fn give_up(
    app: App,
    caller: Caller,
    which: (SeriesId, Option<Vec<i32>>),
    new: SeriesCancellation,
    claim: Option<Claim>,
) -> Result<Response, Error> {
    let part = Part {
        scope: new.scope.into(),
        recurrence_id: new.recurrence_id,
    };
    let reply = Reply {
        answer: changed,
        claim,
    };
    service::series::cancel(&app, &caller, which, part, new.reason, reply)
        .await?
        .response()
}

fn changed(detail: Detail) -> Kept<Series> {
    Kept::ok(detail.series.version, Series::from(detail))
}

/// Which lessons move where to.
#[derive(Clone, Copy, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeriesMove {
    #[garde(skip)]
    scope: Scope,
    /// The occurrence that `start` is about, by when the rule wanted it.
    #[garde(skip)]
    #[serde(with = "date_time")]
    #[schema(value_type = String, pattern = "^(19[7-9][0-9]|2[01][0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]$", example = "2027-01-18T16:00")]
    recurrence_id: NaiveDateTime,
    /// When that one is to begin, on the wall clock of the series. The others move by the same difference.
    #[garde(skip)]
    #[serde(with = "date_time")]
    #[schema(value_type = String, pattern = "^(19[7-9][0-9]|2[01][0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]$", example = "2027-01-19T17:00")]
    start: NaiveDateTime,
    /// How long they are to be; as long as they are, where nothing is said.
    #[garde(inner(custom(validate::number(1, 480))))]
    #[schema(minimum = 1, maximum = 480, example = 90)]
    minutes: Option<i16>,
}

/// Move lessons of a series.
///
/// One, one and those that follow it by the rule, or all; of several, those that have not begun. By whoever could move each
/// booking, by the same rules, all or none; with `dry_run` each gets a verdict. They stay the same bookings, with the
/// same `recurrence_id`. `this` is the same as moving the booking itself,
/// but for a lesson that its tutor approved who wants to be asked: another time for it is proposed by `reschedule_booking`
/// only.
#[utoipa::path(post, path = "/v1/series/{id}/reschedule", tag = "series", operation_id = "reschedule_series",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the series."),
        ("If-Match" = Option<String>, Header, nullable = false, description = "The ETag of what was read; moves them only if it is still so."),
        IdempotencyHeader, DryRun),
    request_body = SeriesMove,
    responses((status = 200, description = "The series as it is now; with `dry_run`, what would become of each lesson.",
            body = inline(SeriesOrPlan), headers(("ETag" = String))),
        (status = 409, description = "Not all lessons can move (`series_unavailable`, with `occurrences`), so none did; they are there already (`same_time`); none of them is ahead (`nothing_ahead`); `this` has begun (`already_started`) or is no more (`already_cancelled`, `already_declined`, `already_completed`, `already_no_show`, `expired`); the tutor is suspended (`tutor_suspended`); the student would have more than a quota allows (`quota_exceeded`); it is too late to move it, as cancelling is not free any more (`too_late_to_move`); credit paid for another length (`paid_with_credit`); the tutor approved these times (`approval_needed`); another tutor has just been found for one (`tutor_changed`); or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, Forbidden, NotFound, BadBody, Stale, Faults))]
pub async fn reschedule(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<SeriesId>,
    MaybeIfMatch(versions): MaybeIfMatch,
    key: IdempotencyKey,
    Query(DryRun { dry_run }): Query<DryRun>,
    Json(new): Json<SeriesMove>,
) -> Result<Response, Error> {
    if dry_run {
        let plan = service::series::try_reschedule(&app, &caller, (id, versions), new.into());
        return Ok(axum::Json(SeriesPlan::from(plan.await?)).into_response());
    }
    let request = serde_json::json!(["reschedule_series", id, &versions, &new]);
    let work = |claim| {
        Box::pin(move_to(
            app.clone(),
            caller.clone(),
            (id, versions),
            new,
            claim,
        ))
    };
    key.once(&app, caller.id(), &request, work).await
}

async fn move_to(
    app: App,
    caller: Caller,
    which: (SeriesId, Option<Vec<i32>>),
    new: SeriesMove,
    claim: Option<Claim>,
) -> Result<Response, Error> {
    let reply = Reply {
        answer: changed,
        claim,
    };
    service::series::reschedule(&app, &caller, which, new.into(), reply)
        .await?
        .response()
}

impl From<SeriesMove> for Move {
    fn from(new: SeriesMove) -> Self {
        Self {
            scope: new.scope.into(),
            recurrence_id: new.recurrence_id,
            start: new.start,
            minutes: new.minutes,
        }
    }
}

/// How [`reschedule`] answers.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "names both answers for the OpenAPI document")]
enum SeriesOrPlan {
    Series(Box<Series>),
    Plan(SeriesPlan),
}
