//! Sign-in sessions of the signed-in person.

use crate::{
    app::App,
    error::Error,
    http::{
        auth::{CookieName, SignedIn},
        extract::{NoBody, NoQuery, Path, Query},
        openapi::{CrossOrigin, Faults, NotFound, NotSignedIn},
    },
    service::session::{self, SessionId},
};
use axum::{
    Json,
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

/// A sign-in session.
#[derive(Serialize, ToSchema)]
pub struct Session {
    id: Uuid,
    /// Whether this request is part of it.
    current: bool,
    /// What the browser or app called itself when the session began.
    #[schema(
        required,
        example = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    )]
    user_agent: Option<String>,
    created_at: DateTime<Utc>,
    /// To five minutes.
    last_used_at: DateTime<Utc>,
    /// When it ends if it is not used again.
    expires_at: DateTime<Utc>,
}

/// All sessions of a person.
#[derive(Serialize, ToSchema)]
pub struct SessionList {
    /// The newest first.
    items: Vec<Session>,
}

/// List my sessions.
///
/// Where the signed-in person is signed in. At most 50, so there are no pages.
#[utoipa::path(get, path = "/v1/sessions", tag = "me", operation_id = "list_sessions", security(("session" = [])),
    responses((status = 200, description = "All sessions.", body = SessionList), NotSignedIn, Faults))]
pub async fn list(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    _: Query<NoQuery>,
) -> Result<Json<SessionList>, Error> {
    let found = session::list(&app, holder.user_id).await?;
    let items = found.into_iter().map(|session| Session {
        id: session.id.0,
        current: session.id == holder.session_id,
        expires_at: session::ends_at(&app, &session),
        user_agent: session.user_agent,
        created_at: session.created_at,
        last_used_at: session.last_used_at,
    });
    Ok(Json(SessionList {
        items: items.collect(),
    }))
}

/// End a session of mine.
///
/// Its cookie or token is of no use to anybody afterwards.
#[utoipa::path(delete, path = "/v1/sessions/{id}", tag = "me", operation_id = "end_session", security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the session.")),
    responses((status = 204, description = "Ended."), NotSignedIn, CrossOrigin, NotFound, Faults))]
pub async fn end(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    Path(id): Path<SessionId>,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<StatusCode, Error> {
    session::end(&app, holder.user_id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EndParams {
    /// Ends all but the session of this request.
    #[garde(skip)]
    #[serde(default)]
    #[param(default = false)]
    keep_current: bool,
}

/// End all my sessions.
///
/// Everywhere, or everywhere else.
#[utoipa::path(delete, path = "/v1/sessions", tag = "me", operation_id = "end_sessions", security(("session" = [])),
    params(EndParams),
    responses((status = 204, description = "Ended."), NotSignedIn, CrossOrigin, Faults))]
pub async fn end_all(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    jar: CookieJar,
    Query(EndParams { keep_current }): Query<EndParams>,
    _: NoBody,
) -> Result<Response, Error> {
    let kept = keep_current.then_some(holder.session_id);
    session::end_all(&app, holder.user_id, kept).await?;
    if keep_current {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let jar = jar.add(CookieName::Session.clear(&app));
    Ok((StatusCode::NO_CONTENT, jar).into_response())
}
