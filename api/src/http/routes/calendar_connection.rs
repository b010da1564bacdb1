//! The connections of tutors' Google Calendars.

use crate::{
    app::App,
    error::Error,
    http::{
        auth::{Admin, EditedTutor, SignedIn},
        cursor::{self, LONGEST_PAGE, usual_page},
        extract::{NoBody, NoQuery, OptionalJson, Query},
        openapi::{BadBody, CrossOrigin, Faults, Forbidden, NotAdmin, NotFound, NotSignedIn},
        sign_in_cookie, validate,
    },
    service::{
        self,
        calendar_connection::{Connection, Filter, Limitation, OfTutor, State as Standing},
        sign_in::Back,
    },
};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use axum_extra::extract::cookie::CookieJar;
use chrono::{DateTime, Utc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// How the connection stands.
#[derive(Serialize, ToSchema)]
pub struct CalendarConnection {
    state: ConnectionState,
    /// The Google account; null to others than its owner.
    #[schema(required, example = "amara@example.org")]
    email: Option<String>,
    /// What was asked for and not granted, in full: `https://www.googleapis.com/auth/calendar.events.owned` writes
    /// lessons, `…/calendar.freebusy` reads busy time, `…/calendar.calendarlist.readonly` shows which calendars there
    /// are. Connect again to grant it.
    #[schema(value_type = Vec<String>)]
    missing_scopes: Vec<&'static str>,
    /// What can't be done for want of them. Connect again, and leave every box ticked, to mend it.
    limitations: Vec<ConnectionLimitation>,
    /// Since when busy time could not be read, or lessons could not be written; null while both can be.
    #[schema(required)]
    failing_since: Option<DateTime<Utc>>,
    /// When busy time was last read.
    #[schema(required)]
    busy_read_at: Option<DateTime<Utc>>,
    /// When it is to be read next, or was to be, where that is late; null where it is not read.
    #[schema(required)]
    next_read_at: Option<DateTime<Utc>>,
    /// Since when the tutor is not offered or booked (`calendar_unknown`), because busy time could not be read for as long as
    /// `calendar_unknown_after_hours` of the centre's policy says, or never since the calendar was connected; null while it is
    /// known.
    #[schema(required)]
    busy_unknown_since: Option<DateTime<Utc>>,
    #[schema(required)]
    connected_at: Option<DateTime<Utc>>,
}

/// `connected`: all that was asked for was granted. `limited`: some was not, see `missing_scopes`. `needs_consent`:
/// Google no longer honours the grant, connect again. `not_connected`: there is none.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ConnectionState {
    NotConnected,
    Connected,
    Limited,
    NeedsConsent,
}

impl From<Standing> for ConnectionState {
    fn from(state: Standing) -> Self {
        match state {
            Standing::NotConnected => Self::NotConnected,
            Standing::Connected => Self::Connected,
            Standing::Limited => Self::Limited,
            Standing::NeedsConsent => Self::NeedsConsent,
        }
    }
}

impl From<ConnectionState> for Standing {
    fn from(state: ConnectionState) -> Self {
        match state {
            ConnectionState::NotConnected => Self::NotConnected,
            ConnectionState::Connected => Self::Connected,
            ConnectionState::Limited => Self::Limited,
            ConnectionState::NeedsConsent => Self::NeedsConsent,
        }
    }
}

/// `lessons_not_written`: lessons don't reach the calendar. `busy_time_not_read`: nothing in the calendar blocks.
/// `others_not_read`: calendars that others share with this account can't block. `calendars_not_listed`: it can't be chosen
/// which calendars block.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ConnectionLimitation {
    LessonsNotWritten,
    BusyTimeNotRead,
    OthersNotRead,
    CalendarsNotListed,
}

impl From<Limitation> for ConnectionLimitation {
    fn from(limitation: Limitation) -> Self {
        match limitation {
            Limitation::LessonsNotWritten => Self::LessonsNotWritten,
            Limitation::BusyTimeNotRead => Self::BusyTimeNotRead,
            Limitation::OthersNotRead => Self::OthersNotRead,
            Limitation::CalendarsNotListed => Self::CalendarsNotListed,
        }
    }
}

impl From<Connection> for CalendarConnection {
    fn from(connection: Connection) -> Self {
        let limitations = connection.limitations.into_iter();
        Self {
            state: connection.state.into(),
            email: connection.email,
            missing_scopes: connection.missing_scopes,
            limitations: limitations.map(ConnectionLimitation::from).collect(),
            failing_since: connection.failing_since,
            busy_read_at: connection.busy_read_at,
            next_read_at: connection.next_read_at,
            busy_unknown_since: connection.busy_unknown_since,
            connected_at: connection.connected_at,
        }
    }
}

/// How is my calendar connected?
///
/// Whether lessons reach the signed-in person's Google Calendar and its busy time is known.
#[utoipa::path(get, path = "/v1/calendar/connection", tag = "calendar", operation_id = "get_calendar_connection",
    security(("session" = [])),
    responses((status = 200, description = "How it stands.", body = CalendarConnection), NotSignedIn, Faults))]
pub async fn get(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    _: Query<NoQuery>,
) -> Result<axum::Json<CalendarConnection>, Error> {
    Ok(axum::Json(
        service::calendar_connection::get(&app, holder.user_id)
            .await?
            .into(),
    ))
}

/// How is a tutor's calendar connected?
///
/// For the tutor and admins.
#[utoipa::path(get, path = "/v1/tutors/{id}/calendar-connection", tag = "calendar",
    operation_id = "get_tutor_calendar_connection", security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the tutor.")),
    responses((status = 200, description = "How it stands.", body = CalendarConnection),
        NotSignedIn, Forbidden, NotFound, Faults))]
pub async fn get_of_tutor(
    State(app): State<App>,
    tutor: EditedTutor,
    _: Query<NoQuery>,
) -> Result<axum::Json<CalendarConnection>, Error> {
    let found = service::calendar_connection::of_tutor(&app, &tutor.caller, tutor.id).await?;
    Ok(axum::Json(found.into()))
}

/// A tutor, and how their calendar is connected.
#[derive(Serialize, ToSchema)]
pub struct TutorCalendarConnection {
    tutor_id: Uuid,
    /// Of the tutor.
    #[schema(example = "Amara Okafor")]
    name: String,
    connection: CalendarConnection,
}

impl From<OfTutor> for TutorCalendarConnection {
    fn from(of_tutor: OfTutor) -> Self {
        Self {
            tutor_id: of_tutor.tutor_id.0,
            name: of_tutor.name,
            connection: of_tutor.connection.into(),
        }
    }
}

/// A page of tutors.
#[derive(Serialize, ToSchema)]
pub struct CalendarConnectionPage {
    items: Vec<TutorCalendarConnection>,
    /// Pass it as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConnectionParams {
    /// Only those that stand so.
    #[garde(skip)]
    #[param(inline, nullable = false)]
    state: Option<ConnectionState>,
    /// Only those that are connected and don't do all that they could: `limited` or `needs_consent`, or with a
    /// `failing_since` or `busy_unknown_since`, or with a calendar of which Google tells nothing (`unreadable_since`).
    #[garde(skip)]
    #[serde(default)]
    #[param(default = false)]
    needs_attention: bool,
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

/// List how tutors' calendars are connected.
///
/// For admins. All tutors, the longest-serving first.
#[utoipa::path(get, path = "/v1/calendar/connections", tag = "calendar", operation_id = "list_calendar_connections",
    security(("session" = [])), params(ConnectionParams),
    responses((status = 200, description = "Tutors.", body = CalendarConnectionPage), NotSignedIn, NotAdmin, Faults))]
pub async fn list(
    State(app): State<App>,
    Admin(holder): Admin,
    Query(params): Query<ConnectionParams>,
) -> Result<axum::Json<CalendarConnectionPage>, Error> {
    let filter = Filter {
        user_id: None,
        state: params.state.map(Standing::from),
        needs_attention: params.needs_attention,
        after: cursor::read(params.cursor.as_deref())?,
        limit: i64::from(params.limit) + 1,
    };
    let found = service::calendar_connection::list(&app, Some(holder.user_id), filter).await?;
    let (items, next_cursor) = cursor::page(found, params.limit, |it| it.tutor_id);
    Ok(axum::Json(CalendarConnectionPage {
        items: items
            .into_iter()
            .map(TutorCalendarConnection::from)
            .collect(),
        next_cursor,
    }))
}

/// How to connect.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConnection {
    /// The path on this server to return to; `/docs/` when left out.
    #[garde(custom(validate::optional_text(1, 1000)))]
    #[schema(
        max_length = 1000,
        pattern = "^/([!-.0-\\[\\]-~][!-\\[\\]-~]*)?$",
        example = "/docs/"
    )]
    return_to: Option<String>,
}

/// Where to go on.
#[derive(Serialize, ToSchema)]
pub struct AuthorizationStarted {
    /// Open it in the same browser; it returns to `return_to`, within 15 minutes.
    #[schema(example = "https://accounts.google.com/o/oauth2/v2/auth?client_id=…")]
    pub authorization_url: String,
}

/// Connect my calendar.
///
/// For tutors. Asks Google for `calendar.events.owned`, `calendar.freebusy` and `calendar.calendarlist.readonly`, and,
/// beside who it is, nothing else. When nothing comes of it, `return_to` gets the query parameter `sign_in_error`, as with
/// `sign_in`: beside those codes, `other_person` (somebody else has signed in meanwhile) and `no_lasting_access` (Google
/// has given access before: remove it at myaccount.google.com/permissions and connect again).
#[utoipa::path(post, path = "/v1/calendar/connection", tag = "calendar", operation_id = "connect_calendar",
    security(("session" = [])), request_body = Option<NewConnection>,
    responses((status = 200, description = "Go on at `authorization_url`.", body = AuthorizationStarted),
        (status = 403, description = "Only tutors connect a calendar (`not_a_tutor`); or a page of another site asked for it.",
            body = crate::http::problem::Problem, content_type = "application/problem+json"),
        (status = 409, description = "Google is not set up here (`no_calendars`).",
            body = crate::http::problem::Problem, content_type = "application/problem+json"),
        NotSignedIn, BadBody, Faults))]
pub async fn connect(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    jar: CookieJar,
    _: Query<NoQuery>,
    OptionalJson(new): OptionalJson<NewConnection>,
) -> Result<Response, Error> {
    let return_to = new.return_to.as_deref().unwrap_or("/docs/");
    let back = Back::Path(return_to);
    let started = service::sign_in::start_calendar(&app, &holder, back).await?;
    let answer = AuthorizationStarted {
        authorization_url: started.authorization_url.to_string(),
    };
    let jar = sign_in_cookie::carry(&app, jar, started);
    Ok((jar, axum::Json(answer)).into_response())
}

/// Disconnect my calendar.
///
/// Google is told, and the access is forgotten, and which calendars block. Events of lessons stay in the calendar.
/// Repeating it does no harm.
#[utoipa::path(delete, path = "/v1/calendar/connection", tag = "calendar", operation_id = "disconnect_calendar",
    security(("session" = [])),
    responses((status = 204, description = "Disconnected."), NotSignedIn, CrossOrigin, Faults))]
pub async fn disconnect(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<StatusCode, Error> {
    service::calendar_connection::disconnect(&app, holder.user_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
