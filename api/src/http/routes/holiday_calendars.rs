//! Holiday calendars: those of the centre, and those that single tutors follow.

use crate::{
    app::App,
    error::Error,
    http::{
        auth::{Admin, Allowed, EditedTutor},
        cursor::{self, LONGEST_PAGE, usual_page},
        etag::{IfMatch, edited, etag},
        extract::{DryRun, Json, NoBody, NoQuery, Path, Query},
        idempotency::{IdempotencyHeader, IdempotencyKey, Kept},
        openapi::{
            BadBody, Faults, Forbidden, InProgress, NotAdmin, NotFound, NotSignedIn, Precondition,
        },
        validate,
    },
    service::{
        self, HolidayCalendarId, TutorId,
        holiday_calendar::{self, Changes},
        idempotency::{Claim, Reply},
    },
};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Holidays that belong together, such as those of a country or the breaks of a school.
#[derive(Serialize, ToSchema)]
pub struct HolidayCalendar {
    id: Uuid,
    #[schema(example = "Public holidays in Berlin")]
    name: String,
    /// Whether it holds for every tutor, not only for those who follow it.
    centre_wide: bool,
}

impl From<holiday_calendar::HolidayCalendar> for HolidayCalendar {
    fn from(calendar: holiday_calendar::HolidayCalendar) -> Self {
        Self {
            id: calendar.id.0,
            name: calendar.name,
            centre_wide: calendar.centre_wide,
        }
    }
}

/// A page of holiday calendars.
#[derive(Serialize, ToSchema)]
pub struct HolidayCalendarPage {
    items: Vec<HolidayCalendar>,
    /// Pass it as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HolidayCalendarParams {
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

/// List holiday calendars.
///
/// In the order in which they were made.
#[utoipa::path(get, path = "/v1/holiday-calendars", tag = "centre", operation_id = "list_holiday_calendars",
    security(("session" = [])), params(HolidayCalendarParams),
    responses((status = 200, description = "Holiday calendars.", body = HolidayCalendarPage), NotSignedIn, Faults))]
pub async fn list(
    State(app): State<App>,
    _: Allowed,
    Query(params): Query<HolidayCalendarParams>,
) -> Result<Response, Error> {
    let after = cursor::read(params.cursor.as_deref())?;
    let found = holiday_calendar::list(&app, after, params.limit + 1).await?;
    let (items, next_cursor) = cursor::page(found, params.limit, |calendar| calendar.id);
    let items = items.into_iter().map(HolidayCalendar::from).collect();
    Ok(axum::Json(HolidayCalendarPage { items, next_cursor }).into_response())
}

/// Get a holiday calendar.
#[utoipa::path(get, path = "/v1/holiday-calendars/{id}", tag = "centre", operation_id = "get_holiday_calendar",
    description = "Its name, and whom it holds for.",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the calendar.")),
    responses((status = 200, description = "The calendar.", body = HolidayCalendar, headers(("ETag" = String))),
        NotSignedIn, NotFound, Faults))]
pub async fn get(
    State(app): State<App>,
    _: Allowed,
    Path(id): Path<HolidayCalendarId>,
    _: Query<NoQuery>,
) -> Result<Response, Error> {
    let calendar = holiday_calendar::get(&app, id).await?;
    let tag = etag(calendar.version);
    Ok((tag, axum::Json(HolidayCalendar::from(calendar))).into_response())
}

/// A calendar to be made.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHolidayCalendar {
    #[garde(custom(validate::line(1, 100)))]
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Public holidays in Berlin"
    )]
    name: String,
    /// Whether it holds for every tutor, not only for those who follow it.
    #[garde(skip)]
    centre_wide: bool,
}

/// Make a holiday calendar.
///
/// For admins. It is empty at first; its name is unlike that of every other.
#[utoipa::path(post, path = "/v1/holiday-calendars", tag = "centre", operation_id = "create_holiday_calendar",
    security(("session" = [])), params(IdempotencyHeader, DryRun), request_body = NewHolidayCalendar,
    responses((status = 201, description = "Made.", body = HolidayCalendar, headers(("ETag" = String), ("Location" = String))),
        (status = 204, description = "It could be made (`dry_run`)."),
        NotSignedIn, NotAdmin, BadBody, InProgress, Faults))]
pub async fn create(
    State(app): State<App>,
    Admin(holder): Admin,
    key: IdempotencyKey,
    Query(DryRun { dry_run }): Query<DryRun>,
    Json(new): Json<NewHolidayCalendar>,
) -> Result<Response, Error> {
    if dry_run {
        holiday_calendar::try_create(&app, &new.name, new.centre_wide).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let request = serde_json::json!(["create_holiday_calendar", &new]);
    let work = |claim| Box::pin(make(app.clone(), new, claim));
    key.once(&app, holder.user_id.0, &request, work).await
}

async fn make(app: App, new: NewHolidayCalendar, claim: Option<Claim>) -> Result<Response, Error> {
    let reply = Reply {
        answer: made,
        claim,
    };
    holiday_calendar::create(&app, &new.name, new.centre_wide, reply)
        .await?
        .response()
}

fn made(calendar: holiday_calendar::HolidayCalendar) -> Kept<HolidayCalendar> {
    let location = format!("/v1/holiday-calendars/{}", calendar.id);
    Kept::created(location, calendar.version, calendar.into())
}

/// What to change; what is left out stays.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HolidayCalendarChanges {
    #[garde(custom(validate::optional_line(1, 100)))]
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Public holidays in Berlin"
    )]
    name: Option<String>,
    /// Whether it holds for every tutor, not only for those who follow it.
    #[garde(skip)]
    centre_wide: Option<bool>,
}

/// Edit a holiday calendar.
///
/// For admins.
#[utoipa::path(patch, path = "/v1/holiday-calendars/{id}", tag = "centre", operation_id = "edit_holiday_calendar",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the calendar."),
        ("If-Match" = String, Header, description = "The ETag of what was read."), DryRun),
    request_body = HolidayCalendarChanges,
    responses((status = 200, description = "The calendar as changed.", body = HolidayCalendar, headers(("ETag" = String))),
        NotSignedIn, NotAdmin, NotFound, BadBody, Precondition, Faults))]
pub async fn edit(
    State(app): State<App>,
    _: Admin,
    Path(id): Path<HolidayCalendarId>,
    if_match: IfMatch,
    Query(DryRun { dry_run }): Query<DryRun>,
    Json(changes): Json<HolidayCalendarChanges>,
) -> Result<Response, Error> {
    let current = holiday_calendar::get(&app, id).await?.version;
    let version = if_match.choose(current)?;
    let HolidayCalendarChanges { name, centre_wide } = changes;
    let changes = Changes { name, centre_wide };
    let calendar = holiday_calendar::update(&app, id, version, &changes, dry_run).await?;
    Ok(edited(version, dry_run, HolidayCalendar::from(calendar)))
}

/// Delete a holiday calendar.
///
/// For admins. Its holidays go with it, and nobody follows it any more.
#[utoipa::path(delete, path = "/v1/holiday-calendars/{id}", tag = "centre", operation_id = "delete_holiday_calendar",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the calendar."),
        ("If-Match" = String, Header, description = "The ETag of what was read.")),
    responses((status = 204, description = "Deleted."), NotSignedIn, NotAdmin, NotFound, Precondition, Faults))]
pub async fn delete(
    State(app): State<App>,
    _: Admin,
    Path(id): Path<HolidayCalendarId>,
    if_match: IfMatch,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<StatusCode, Error> {
    let current = holiday_calendar::get(&app, id).await?.version;
    let version = if_match.choose(current)?;
    holiday_calendar::delete(&app, id, version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The calendars that a tutor follows beside those of the whole centre.
#[derive(Serialize, ToSchema)]
pub struct FollowedCalendars {
    calendar_ids: Vec<Uuid>,
}

impl From<Vec<HolidayCalendarId>> for FollowedCalendars {
    fn from(followed: Vec<HolidayCalendarId>) -> Self {
        Self {
            calendar_ids: followed.into_iter().map(|id| id.0).collect(),
        }
    }
}

/// Which holiday calendars does a tutor follow?
///
/// Beside those of the whole centre. At most 20, so there are no pages.
#[utoipa::path(get, path = "/v1/tutors/{id}/holiday-calendars", tag = "tutors", operation_id = "list_followed_holiday_calendars",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the tutor.")),
    responses((status = 200, description = "The calendars.", body = FollowedCalendars, headers(("ETag" = String))),
        NotSignedIn, NotFound, Faults))]
pub async fn followed(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<TutorId>,
    _: Query<NoQuery>,
) -> Result<Response, Error> {
    let profile = service::tutor::profile(&app, &caller, id).await?;
    let followed = holiday_calendar::of_tutor(&app, id).await?;
    let followed = FollowedCalendars::from(followed);
    Ok((etag(profile.version), axum::Json(followed)).into_response())
}

/// The calendars that a tutor is to follow.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFollowedCalendars {
    #[garde(custom(validate::items(0, 20)), custom(validate::distinct))]
    #[schema(max_items = 20)]
    calendar_ids: Vec<Uuid>,
}

/// Replace which holiday calendars I follow.
///
/// All of them at once, beside those of the whole centre.
#[utoipa::path(put, path = "/v1/tutors/{id}/holiday-calendars", tag = "tutors", operation_id = "replace_followed_holiday_calendars",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the tutor."),
        ("If-Match" = String, Header, description = "The ETag of what was read."), DryRun),
    request_body = NewFollowedCalendars,
    responses((status = 200, description = "The calendars as they are now.", body = FollowedCalendars, headers(("ETag" = String))),
        NotSignedIn, Forbidden, NotFound, BadBody, Precondition, Faults))]
pub async fn follow(
    State(app): State<App>,
    tutor: EditedTutor,
    if_match: IfMatch,
    Query(DryRun { dry_run }): Query<DryRun>,
    Json(new): Json<NewFollowedCalendars>,
) -> Result<Response, Error> {
    let version = if_match.choose(tutor.version)?;
    let wanted = new.calendar_ids.into_iter().map(HolidayCalendarId);
    let wanted: Vec<_> = wanted.collect();
    let followed =
        holiday_calendar::replace_of_tutor(&app, tutor.id, version, &wanted, dry_run).await?;
    Ok(edited(version, dry_run, FollowedCalendars::from(followed)))
}
