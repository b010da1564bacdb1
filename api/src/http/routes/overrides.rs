//! What a tutor does on single dates instead of the weekly rules.

use crate::{
    app::App,
    error::Error,
    http::{
        auth::{Allowed, EditedTutor},
        etag::{IfMatch, edited, etag},
        extract::{DryRun, Json, NoBody, NoQuery, Path, Query},
        local_time::{self, LocalHours},
        object,
        openapi::{BadBody, Faults, Forbidden, NotFound, NotSignedIn, Precondition},
        validate,
    },
    service::{self, TutorId},
};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{Days, NaiveDate};
use garde::Validate;
use scheduling::availability::DateOverride;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The most dates that are listed at once.
const LONGEST_LIST: Days = Days::new(366);

/// What a tutor does on one date instead of the weekly rules.
#[derive(Serialize, ToSchema)]
pub struct Override {
    /// The date on which the spans begin, in the tutor's time zone.
    #[schema(example = "2026-12-05")]
    date: NaiveDate,
    /// When the tutor is there; nothing means that no span begins on the date.
    hours: Vec<LocalHours>,
}

impl From<DateOverride> for Override {
    fn from(on_date: DateOverride) -> Self {
        Self {
            date: on_date.date,
            hours: on_date.hours.into_iter().map(LocalHours::from).collect(),
        }
    }
}

/// Overrides by date.
#[derive(Serialize, ToSchema)]
pub struct OverrideList {
    /// IANA name of the zone of dates and times.
    #[schema(example = "Africa/Lagos")]
    time_zone: String,
    items: Vec<Override>,
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OverrideParams {
    /// The first date; today in UTC when left out.
    #[garde(custom(validate::optional_date))]
    #[param(example = "2026-12-01")]
    from: Option<NaiveDate>,
    /// The last date; at most 366 days after `from`, and so many when left out.
    #[garde(custom(validate::optional_date))]
    #[param(example = "2026-12-31")]
    to: Option<NaiveDate>,
}

/// List what a tutor does on single dates.
///
/// An override replaces what the weekly rules begin on its date; a span that began the evening before goes on. The
/// window is at most 366 days long, so there are no pages.
#[utoipa::path(get, path = "/v1/tutors/{id}/overrides", tag = "tutors", operation_id = "list_overrides",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the tutor."), OverrideParams),
    responses((status = 200, description = "Overrides by date.", body = OverrideList, headers(("ETag" = String))),
        NotSignedIn, NotFound, Faults))]
pub async fn list(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<TutorId>,
    Query(params): Query<OverrideParams>,
) -> Result<Response, Error> {
    let from = params.from.unwrap_or(app.clock.now().date_naive());
    let farthest = from.checked_add_days(LONGEST_LIST).unwrap_or(from);
    let to = params.to.unwrap_or(farthest);
    if to > farthest {
        return Err(Error::invalid(
            "to",
            "window_too_long",
            "must be at most 366 days after from",
        ));
    }
    let dates = local_time::dates(from, to.min(validate::LAST_DATE), "to")?;
    let profile = service::tutor::profile(&app, &caller, id).await?;
    let items = service::date_override::list(&app, id, dates).await?;
    let list = OverrideList {
        time_zone: profile.time_zone,
        items: items.into_iter().map(Override::from).collect(),
    };
    Ok((etag(profile.version), axum::Json(list)).into_response())
}

/// What the tutor is to do on a date.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOverride {
    /// When the tutor is there; nothing means that no span begins on the date.
    #[garde(custom(validate::items(0, 24)), dive)]
    #[serde(deserialize_with = "object::list")]
    #[schema(max_items = 24)]
    hours: Vec<LocalHours>,
}

/// An override in the path.
#[derive(Deserialize)]
pub struct OverridePath {
    date: NaiveDate,
}

impl OverridePath {
    /// # Errors
    /// For a date that people can't mean, and the database perhaps not hold.
    fn date(&self) -> Result<NaiveDate, Error> {
        local_time::dates(self.date, self.date, "date").map(|dates| dates.first)
    }
}

/// Get what a tutor does on a date.
///
/// Where there is no override the weekly rules hold, and the answer is 404.
#[utoipa::path(get, path = "/v1/tutors/{id}/overrides/{date}", tag = "tutors", operation_id = "get_override",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the tutor."),
        ("date" = NaiveDate, Path, description = "The date, in the tutor's time zone.", example = "2026-12-05")),
    responses((status = 200, description = "The override.", body = Override, headers(("ETag" = String))),
        NotSignedIn, NotFound, Faults))]
pub async fn get(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path((id, date)): Path<(TutorId, NaiveDate)>,
    _: Query<NoQuery>,
) -> Result<Response, Error> {
    let profile = service::tutor::profile(&app, &caller, id).await?;
    let found = service::date_override::get(&app, id, OverridePath { date }.date()?).await?;
    Ok((etag(profile.version), axum::Json(Override::from(found))).into_response())
}

/// Set what I do on a date.
///
/// Replaces what the weekly rules, and an earlier override, begin on this date. Spans that overlap are refused, and
/// named. A holiday does not count on a date with `hours`; without any it does, and what began the evening before goes
/// on after midnight where there is no holiday. Time off always counts, and closes all of a date. Lessons that are
/// booked stay.
#[utoipa::path(put, path = "/v1/tutors/{id}/overrides/{date}", tag = "tutors", operation_id = "put_override",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the tutor."),
        ("date" = NaiveDate, Path, description = "The date, in the tutor's time zone.", example = "2026-12-05"),
        ("If-Match" = String, Header, description = "The ETag of what was read."), DryRun),
    request_body = NewOverride,
    responses((status = 200, description = "The override as it is now.", body = Override, headers(("ETag" = String))),
        NotSignedIn, Forbidden, NotFound, BadBody, Precondition, Faults))]
pub async fn put(
    State(app): State<App>,
    tutor: EditedTutor,
    Path(path): Path<OverridePath>,
    if_match: IfMatch,
    Query(DryRun { dry_run }): Query<DryRun>,
    Json(new): Json<NewOverride>,
) -> Result<Response, Error> {
    let version = if_match.choose(tutor.version)?;
    let new = DateOverride {
        date: path.date()?,
        hours: new.hours.into_iter().map(Into::into).collect(),
    };
    service::date_override::put(&app, tutor.id, version, &new, dry_run).await?;
    Ok(edited(version, dry_run, Override::from(new)))
}

/// Let the weekly rules hold on a date again.
///
/// Takes the override of this date away.
#[utoipa::path(delete, path = "/v1/tutors/{id}/overrides/{date}", tag = "tutors", operation_id = "delete_override",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the tutor."),
        ("date" = NaiveDate, Path, description = "The date, in the tutor's time zone.", example = "2026-12-05"),
        ("If-Match" = String, Header, description = "The ETag of what was read.")),
    responses((status = 204, description = "The weekly rules hold.", headers(("ETag" = String))),
        NotSignedIn, Forbidden, NotFound, Precondition, Faults))]
pub async fn delete(
    State(app): State<App>,
    tutor: EditedTutor,
    Path(path): Path<OverridePath>,
    if_match: IfMatch,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<Response, Error> {
    let version = if_match.choose(tutor.version)?;
    service::date_override::delete(&app, tutor.id, version, path.date()?).await?;
    Ok((StatusCode::NO_CONTENT, etag(version + 1)).into_response())
}
