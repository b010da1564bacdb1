//! The signed-in person's own account.

use crate::{
    app::App,
    error::Error,
    http::{
        archive,
        auth::{CookieName, SignedIn},
        etag::{IfMatch, etag},
        extract::{Json, NoBody, NoQuery, Query},
        openapi::{BadBody, CrossOrigin, Faults, NotSignedIn, Precondition},
        problem::Problem,
        validate,
    },
    service::{self, caller::Person, erasure, export, user::Changes},
};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use axum_extra::extract::cookie::CookieJar;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The signed-in person.
#[derive(Serialize, ToSchema)]
pub struct Me {
    #[schema(example = "0198c5a0-6f2e-7c3a-9d41-3f8f6a1b2c3d")]
    id: Uuid,
    #[schema(example = "Mia Keller")]
    name: String,
    /// The address that the sign-in provider tells.
    #[schema(example = "mia@example.org")]
    email: String,
    /// IANA name of the zone in which this person wants to see times.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    /// Any of `student`, `tutor`, `guardian` and `admin`.
    #[schema(example = json!(["student"]))]
    roles: Vec<String>,
    /// The tutor that this person is.
    #[schema(required)]
    tutor_id: Option<Uuid>,
}

fn answer(person: &Person) -> Response {
    let me = Me {
        id: person.user_id.0,
        name: person.name.clone(),
        email: person.email.clone(),
        time_zone: person.time_zone.clone(),
        roles: person.roles.clone(),
        tutor_id: person.tutor_id.map(|id| id.0),
    };
    (etag(person.version), axum::Json(me)).into_response()
}

/// Who am I?
///
/// The signed-in person, with their roles: `tutor`, `guardian` and `admin` let them do more; `student` is what everybody
/// begins as, and decides nothing.
#[utoipa::path(get, path = "/v1/me", tag = "me", operation_id = "get_me", security(("session" = [])),
    responses((status = 200, description = "The signed-in person.", body = Me, headers(("ETag" = String))), NotSignedIn, Faults))]
pub async fn get(SignedIn(holder): SignedIn, _: Query<NoQuery>) -> Response {
    answer(&holder)
}

/// What to change; what is left out stays.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MeChanges {
    #[garde(custom(validate::optional_line(1, 200)))]
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Mia Keller"
    )]
    name: Option<String>,
    /// IANA name of a time zone.
    #[garde(custom(validate::optional_time_zone))]
    #[schema(max_length = 64, example = "Europe/Berlin")]
    time_zone: Option<String>,
}

/// Change my account.
///
/// The name as others see it, and the zone in which times are shown.
#[utoipa::path(patch, path = "/v1/me", tag = "me", operation_id = "edit_me", security(("session" = [])),
    params(("If-Match" = String, Header, description = "The ETag of what was read.")),
    request_body = MeChanges,
    responses((status = 200, description = "The person as changed.", body = Me, headers(("ETag" = String))),
        NotSignedIn, CrossOrigin, BadBody, Precondition, Faults))]
pub async fn edit(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    if_match: IfMatch,
    _: Query<NoQuery>,
    Json(changes): Json<MeChanges>,
) -> Result<Response, Error> {
    let version = if_match.choose(holder.version)?;
    let changes = Changes {
        name: changes.name,
        time_zone: changes.time_zone,
    };
    service::user::update(&app, holder.user_id, version, changes.clone()).await?;
    let before = Person::clone(&holder);
    Ok(answer(&Person {
        name: changes.name.unwrap_or(before.name),
        time_zone: changes.time_zone.unwrap_or(before.time_zone),
        version: version + 1,
        ..before
    }))
}

/// Export my data.
///
/// All that is kept of the signed-in person: a zip archive of JSON files, each a list, and of `calendar.ics` with the
/// person's lessons. Secrets are not in it. Of each kind the newest 100,000.
#[utoipa::path(get, path = "/v1/me/export", tag = "me", operation_id = "export_me", security(("session" = [])),
    responses((status = 200, description = "The archive.", body = archive::Archive, content_type = "application/zip"),
        NotSignedIn, Faults))]
pub async fn export(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    _: Query<NoQuery>,
) -> Result<Response, Error> {
    let archive = export::archive(&app, holder.user_id).await?;
    Ok(archive::answer(archive))
}

/// Erase my account.
///
/// For good. Lessons ahead are cancelled; a tutor's have to be reassigned or cancelled first. What the centre must keep
/// (that a lesson took place, say) stays, under a pseudonym. Google is told that the calendar is no longer ours. Signing
/// in again makes a new account.
#[utoipa::path(delete, path = "/v1/me", tag = "me", operation_id = "erase_me", security(("session" = [])),
    params(("If-Match" = String, Header, description = "The ETag of what was read.")),
    responses((status = 204, description = "Erased."),
        (status = 409, description = "The tutor has lessons ahead (`lessons_ahead`), or is the last admin (`last_admin`).", body = Problem, content_type = "application/problem+json"),
        NotSignedIn, CrossOrigin, Precondition, Faults))]
pub async fn erase(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    if_match: IfMatch,
    _: Query<NoQuery>,
    jar: CookieJar,
    _: NoBody,
) -> Result<Response, Error> {
    let version = if_match.choose(holder.version)?;
    erasure::erase(&app, holder.user_id, version).await?;
    let jar = jar.add(CookieName::Session.clear(&app));
    Ok((StatusCode::NO_CONTENT, jar).into_response())
}
