//! The holidays of a calendar.

use crate::{
    app::App,
    error::Error,
    http::{
        auth::{Admin, Allowed},
        etag::{IfMatch, edited, etag},
        extract::{CalendarFile, DryRun, Json, NoQuery, Path, Query},
        local_time, object,
        openapi::{BadBody, Faults, NotAdmin, NotFound, NotSignedIn, Precondition},
        validate,
    },
    service::{
        HolidayCalendarId,
        holiday_calendar::{self, MOST_HOLIDAYS},
    },
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use chrono::NaiveDate;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whole days in the time zone of whoever follows the calendar.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    #[garde(skip)]
    #[schema(example = "2026-12-24")]
    first_date: NaiveDate,
    /// This day is a holiday too.
    #[garde(skip)]
    #[schema(example = "2026-12-26")]
    last_date: NaiveDate,
    #[garde(custom(validate::line(1, 200)))]
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Christmas"
    )]
    name: String,
}

impl From<holiday_calendar::Holiday> for Holiday {
    fn from(holiday: holiday_calendar::Holiday) -> Self {
        Self {
            first_date: holiday.dates.first,
            last_date: holiday.dates.last,
            name: holiday.name,
        }
    }
}

/// All holidays of a calendar.
#[derive(Serialize, ToSchema)]
pub struct HolidayList {
    /// By date.
    items: Vec<Holiday>,
}

impl From<Vec<holiday_calendar::Holiday>> for HolidayList {
    fn from(holidays: Vec<holiday_calendar::Holiday>) -> Self {
        Self {
            items: holidays.into_iter().map(Holiday::from).collect(),
        }
    }
}

/// List the holidays of a calendar.
///
/// At most 2,000, so there are no pages.
#[utoipa::path(get, path = "/v1/holiday-calendars/{id}/holidays", tag = "centre", operation_id = "list_holidays",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the calendar.")),
    responses((status = 200, description = "All holidays.", body = HolidayList, headers(("ETag" = String))),
        NotSignedIn, NotFound, Faults))]
pub async fn list(
    State(app): State<App>,
    _: Allowed,
    Path(id): Path<HolidayCalendarId>,
    _: Query<NoQuery>,
) -> Result<Response, Error> {
    let calendar = holiday_calendar::get(&app, id).await?;
    let holidays = holiday_calendar::holidays(&app, id).await?;
    let list = HolidayList::from(holidays);
    Ok((etag(calendar.version), axum::Json(list)).into_response())
}

/// All holidays that a calendar is to have.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHolidays {
    #[garde(custom(validate::items(0, MOST_HOLIDAYS)), dive)]
    #[serde(deserialize_with = "object::list")]
    #[schema(max_items = 2000)]
    holidays: Vec<Holiday>,
}

/// Room for as many holidays as there may be.
const LONGEST_LIST_KIB: usize = 1024;

/// Replace the holidays of a calendar.
///
/// For admins. All holidays at once, in at most 1 MiB.
#[utoipa::path(put, path = "/v1/holiday-calendars/{id}/holidays", tag = "centre", operation_id = "replace_holidays",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the calendar."),
        ("If-Match" = String, Header, description = "The ETag of what was read."), DryRun),
    request_body = NewHolidays,
    responses((status = 200, description = "All holidays as they are now.", body = HolidayList, headers(("ETag" = String))),
        NotSignedIn, NotAdmin, NotFound, BadBody, Precondition, Faults))]
pub async fn replace(
    State(app): State<App>,
    _: Admin,
    Path(id): Path<HolidayCalendarId>,
    if_match: IfMatch,
    Query(DryRun { dry_run }): Query<DryRun>,
    Json(new): Json<NewHolidays, LONGEST_LIST_KIB>,
) -> Result<Response, Error> {
    let current = holiday_calendar::get(&app, id).await?.version;
    let version = if_match.choose(current)?;
    let holidays = new.holidays.into_iter().enumerate().map(|(at, holiday)| {
        let field = format!("holidays[{at}].last_date");
        Ok(holiday_calendar::Holiday {
            dates: local_time::dates(holiday.first_date, holiday.last_date, &field)?,
            name: holiday.name,
        })
    });
    let holidays = validate::all(holidays)?;
    let holidays =
        holiday_calendar::replace_holidays(&app, id, version, &holidays, dry_run).await?;
    Ok(edited(version, dry_run, HolidayList::from(holidays)))
}

/// Import the holidays of a calendar.
///
/// For admins. Replaces all holidays by the all-day events of an iCalendar file (RFC 5545), as countries and schools
/// publish them. What is over is left out, and repetitions are written out for five years: `RRULE`, `RDATE` and
/// `EXDATE`, and occurrences that were moved or cancelled by an event of their own (`RECURRENCE-ID`). A file with an
/// event that is not all day, contradicts itself or can't be read is refused; `errors` names each such event by its
/// place: `events[2]`.
#[utoipa::path(post, path = "/v1/holiday-calendars/{id}/import", tag = "centre", operation_id = "import_holidays",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the calendar."),
        ("If-Match" = String, Header, description = "The ETag of what was read."), DryRun),
    request_body(content = String, content_type = "text/calendar", description = "At most 1 MiB.",
        example = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example//EN\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\nDTSTART;VALUE=DATE:20261225\r\nRRULE:FREQ=YEARLY\r\nSUMMARY:Christmas Day\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"),
    responses((status = 200, description = "All holidays as they are now.", body = HolidayList, headers(("ETag" = String))),
        NotSignedIn, NotAdmin, NotFound, BadBody, Precondition, Faults))]
pub async fn import(
    State(app): State<App>,
    _: Admin,
    Path(id): Path<HolidayCalendarId>,
    if_match: IfMatch,
    Query(DryRun { dry_run }): Query<DryRun>,
    CalendarFile(text): CalendarFile,
) -> Result<Response, Error> {
    let current = holiday_calendar::get(&app, id).await?.version;
    let version = if_match.choose(current)?;
    let holidays = holiday_calendar::import(&app, id, version, text, dry_run).await?;
    Ok(edited(version, dry_run, HolidayList::from(holidays)))
}
