//! The calendars of the signed-in tutor's Google account, and what they are for.

use crate::{
    app::App,
    error::Error,
    http::{
        auth::SignedIn,
        etag::{IfMatch, edited, etag},
        extract::{DryRun, Json, NoQuery, Query},
        openapi::{BadBody, Faults, NotSignedIn, Precondition},
        validate,
    },
    service::{
        CalendarId,
        calendar::{self, AccessRole, Choice, MOST_BLOCKING},
    },
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A calendar on the list of a Google account.
#[derive(Serialize, ToSchema)]
pub struct GoogleCalendar {
    id: Uuid,
    /// What the owner of the account calls it, cut after 200 characters. May be empty.
    #[schema(max_length = 200, example = "Family")]
    summary: String,
    /// Whether it is the account's main calendar.
    primary: bool,
    access_role: CalendarAccess,
    /// IANA name; null where it has none that is known here.
    #[schema(required, example = "Europe/Berlin")]
    time_zone: Option<String>,
    /// Whether what is in it blocks the tutor's time.
    blocks: bool,
    /// Whether lessons are put into it. The main one, if no other was chosen.
    receives_lessons: bool,
    /// Since when Google lists it and does not tell when it is busy, so that it can't block; null where it does. It is
    /// tried again hourly.
    #[schema(required)]
    unreadable_since: Option<DateTime<Utc>>,
}

/// What the owner of the account may do with a calendar. `free_busy_reader`: see when it is busy, and not with what, which
/// is enough to block. `other`: something else, or nothing.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum CalendarAccess {
    Owner,
    Writer,
    Reader,
    FreeBusyReader,
    Other,
}

impl From<AccessRole> for CalendarAccess {
    fn from(role: AccessRole) -> Self {
        match role {
            AccessRole::Owner => Self::Owner,
            AccessRole::Writer => Self::Writer,
            AccessRole::Reader => Self::Reader,
            AccessRole::FreeBusyReader => Self::FreeBusyReader,
            AccessRole::Other => Self::Other,
        }
    }
}

/// The calendars of a Google account.
#[derive(Serialize, ToSchema)]
pub struct GoogleCalendarList {
    /// The primary one first, then by name. At most 500.
    #[schema(max_items = 500)]
    items: Vec<GoogleCalendar>,
    /// When Google last told which there are; null: not yet, and the main calendar alone blocks.
    #[schema(required)]
    read_at: Option<DateTime<Utc>>,
    /// Whether the events of lessons get a Google Meet link; see `meet_url` of a booking.
    meet_links: bool,
}

impl From<calendar::Calendars> for GoogleCalendarList {
    fn from(calendars: calendar::Calendars) -> Self {
        let receiving = calendars.receiving();
        let items = calendars.items.into_iter().map(|calendar| GoogleCalendar {
            id: calendar.id.0,
            summary: calendar.summary,
            primary: calendar.is_primary,
            access_role: calendar.access_role.into(),
            time_zone: calendar.time_zone,
            blocks: calendar.blocks,
            receives_lessons: receiving == Some(calendar.id),
            unreadable_since: calendar.unreadable_since,
        });
        Self {
            items: items.collect(),
            read_at: calendars.read_at,
            meet_links: calendars.meet_links,
        }
    }
}

/// List my calendars.
///
/// Those of the connected Google account, with which of them block and which receives lessons, and whether those get a Meet link. There are none while nothing is connected; and none
/// until they have been read, which is a matter of seconds after connecting: ask again every second or two until `read_at`
/// is not null, for half a minute at most. It stays null where `calendar.calendarlist.readonly` was not granted (see
/// `missing_scopes` of the connection) or Google does not tell them. They are read anew once an hour. A
/// calendar that Google lists no more is gone here too, and one that it lists again is a new one, which does not block.
#[utoipa::path(get, path = "/v1/calendar/calendars", tag = "calendar", operation_id = "list_calendars",
    security(("session" = [])),
    responses((status = 200, description = "All of them.", body = GoogleCalendarList, headers(("ETag" = String))),
        NotSignedIn, Faults))]
pub async fn list(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    _: Query<NoQuery>,
) -> Result<Response, Error> {
    let calendars = calendar::list(&app, holder.user_id).await?;
    let tag = etag(calendars.version);
    Ok((tag, axum::Json(GoogleCalendarList::from(calendars))).into_response())
}

/// What calendars are to be for.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CalendarChoice {
    /// Ids of calendars. None at all: nothing in Google blocks.
    #[garde(custom(validate::items(0, MOST_BLOCKING)), custom(validate::distinct))]
    #[schema(max_items = 50)]
    blocking: Vec<Uuid>,
    /// Id of the calendar that is to receive lessons, which has to be your own (`access_role`: `owner`). Null, or left out:
    /// the main one.
    #[garde(skip)]
    receiving: Option<Uuid>,
    /// Whether Google is to add a Meet link to the event of each lesson that comes into the calendar from now on; null, or left
    /// out: as before, which is no at first. Where the account has no Meet, events come without.
    #[garde(skip)]
    meet_links: Option<bool>,
}

/// Replace what my calendars are for.
///
/// For tutors: which of them block, which receives lessons, and whether those get a Meet link. All of them at once; what is in them is busy time, as that of the main calendar is until something else is
/// chosen. Busy time is read anew at once, usually within seconds; until Google has answered, what was read last goes on to
/// block, of calendars too that are no longer chosen, and what was not read blocks nothing: `busy_read_at` of the
/// connection tells. Lessons that are in no calendar yet go into the one that receives them, whether it blocks or not;
/// events that stand already stay where they are. If Google says later that there is no such calendar, the main one receives
/// lessons again. The choice stays when the same account is connected again with all it was asked for, and goes with
/// another account, or when the calendar is disconnected.
#[utoipa::path(put, path = "/v1/calendar/calendars", tag = "calendar", operation_id = "replace_calendar_choice",
    security(("session" = [])),
    params(("If-Match" = String, Header, description = "The ETag of what was read."), DryRun),
    request_body = CalendarChoice,
    responses((status = 200, description = "All calendars as they are now.", body = GoogleCalendarList, headers(("ETag" = String))),
        (status = 403, description = "Only tutors choose (`not_a_tutor`); or a page of another site asked for it.",
            body = crate::http::problem::Problem, content_type = "application/problem+json"),
        (status = 409, description = "No calendar is connected (`not_connected`), or it is not known which there are: not yet, \
            or for want of the scope (`calendars_not_read`).",
            body = crate::http::problem::Problem, content_type = "application/problem+json"),
        NotSignedIn, BadBody, Precondition, Faults))]
pub async fn replace_choice(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    if_match: IfMatch,
    Query(DryRun { dry_run }): Query<DryRun>,
    Json(new): Json<CalendarChoice>,
) -> Result<Response, Error> {
    let current = calendar::list(&app, holder.user_id).await?.version;
    let version = if_match.choose(current)?;
    let choice = Choice {
        blocking: new.blocking.into_iter().map(CalendarId).collect(),
        receiving: new.receiving.map(CalendarId),
        meet_links: new.meet_links,
    };
    let calendars = calendar::replace_choice(&app, &holder, version, &choice, dry_run).await?;
    Ok(edited(
        version,
        dry_run,
        GoogleCalendarList::from(calendars),
    ))
}
