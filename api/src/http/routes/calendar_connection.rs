//! The connection of the signed-in tutor's Google Calendar.

use crate::{
    app::App,
    error::Error,
    http::{
        auth::SignedIn,
        extract::{NoBody, NoQuery, OptionalJson, Query},
        openapi::{BadBody, CrossOrigin, Faults, NotSignedIn},
        sign_in_cookie, validate,
    },
    service::{
        self,
        calendar_connection::{Connection, State as Standing},
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
use utoipa::ToSchema;

/// How the connection stands.
#[derive(Serialize, ToSchema)]
pub struct CalendarConnection {
    state: ConnectionState,
    /// The Google account.
    #[schema(required, example = "amara@example.org")]
    email: Option<String>,
    /// What was asked for and not granted, in full: `https://www.googleapis.com/auth/calendar.events.owned` writes
    /// lessons, `…/calendar.freebusy` reads busy time, `…/calendar.calendarlist.readonly` shows which calendars there
    /// are. Connect again to grant it.
    #[schema(value_type = Vec<String>)]
    missing_scopes: Vec<&'static str>,
    /// Since when Google could not be reached; null while it can.
    #[schema(required)]
    failing_since: Option<DateTime<Utc>>,
    /// When busy time was last read.
    #[schema(required)]
    busy_read_at: Option<DateTime<Utc>>,
    #[schema(required)]
    connected_at: Option<DateTime<Utc>>,
}

/// `connected`: all that was asked for was granted. `limited`: some was not, see `missing_scopes`. `needs_consent`:
/// Google no longer honours the grant, connect again. `not_connected`: there is none.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ConnectionState {
    NotConnected,
    Connected,
    Limited,
    NeedsConsent,
}

impl From<Connection> for CalendarConnection {
    fn from(connection: Connection) -> Self {
        Self {
            state: match connection.state {
                Standing::NotConnected => ConnectionState::NotConnected,
                Standing::Connected => ConnectionState::Connected,
                Standing::Limited => ConnectionState::Limited,
                Standing::NeedsConsent => ConnectionState::NeedsConsent,
            },
            email: connection.email,
            missing_scopes: connection.missing_scopes,
            failing_since: connection.failing_since,
            busy_read_at: connection.busy_read_at,
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
