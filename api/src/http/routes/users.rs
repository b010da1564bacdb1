//! Users, for admins.

use crate::{
    app::App,
    error::Error,
    http::{
        archive,
        auth::Admin,
        cursor::{self, LONGEST_PAGE, usual_page},
        etag::{IfMatch, etag},
        extract::{Json, NoBody, NoQuery, OptionalJson, Path, Query},
        openapi::{BadBody, Faults, NotAdmin, NotFound, NotSignedIn, Precondition},
        problem::Problem,
        validate,
    },
    service::{
        UserId, erasure, export,
        role::{self, Account, Filter},
    },
};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// A user, as admins see them.
#[derive(Serialize, ToSchema)]
pub struct User {
    id: Uuid,
    #[schema(example = "Mia Keller")]
    name: String,
    /// The address that the sign-in provider tells.
    #[schema(example = "mia@example.org")]
    email: String,
    /// IANA name of the zone in which this person wants to see times.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    roles: Vec<Role>,
    /// The tutor that this person is, or was.
    #[schema(required)]
    tutor_id: Option<Uuid>,
    /// Since when the person may not sign in.
    #[schema(required)]
    suspended_at: Option<DateTime<Utc>>,
    #[schema(required)]
    suspension_reason: Option<String>,
    /// Since when the person is erased: name and address are no longer theirs.
    #[schema(required)]
    erased_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

/// What a user may be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Student,
    Tutor,
    Guardian,
    Admin,
}

impl From<Role> for role::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Student => Self::Student,
            Role::Tutor => Self::Tutor,
            Role::Guardian => Self::Guardian,
            Role::Admin => Self::Admin,
        }
    }
}

impl Role {
    const ALL: [Self; 4] = [Self::Student, Self::Tutor, Self::Guardian, Self::Admin];

    fn name(self) -> &'static str {
        match self {
            Self::Student => "student",
            Self::Tutor => "tutor",
            Self::Guardian => "guardian",
            Self::Admin => "admin",
        }
    }
}

impl From<Account> for User {
    fn from(account: Account) -> Self {
        let roles = Role::ALL.into_iter();
        Self {
            id: account.id.0,
            roles: roles
                .filter(|role| account.roles.iter().any(|held| held == role.name()))
                .collect(),
            name: account.name,
            email: account.email,
            time_zone: account.time_zone,
            tutor_id: account.tutor_id.map(|id| id.0),
            suspended_at: account.suspended_at,
            suspension_reason: account.suspension_reason,
            erased_at: account.erased_at,
            created_at: account.created_at,
        }
    }
}

fn answer(account: Account) -> Response {
    let tag = etag(account.version);
    (tag, axum::Json(User::from(account))).into_response()
}

/// A page of users.
#[derive(Serialize, ToSchema)]
pub struct UserPage {
    items: Vec<User>,
    /// Pass it as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UserParams {
    /// Only users whose name or address contains this, in whatever case.
    #[garde(custom(validate::optional_line(3, 100)))]
    #[param(
        min_length = 3,
        max_length = 100,
        example = "keller",
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    text: Option<String>,
    /// Only users with this role.
    #[garde(skip)]
    #[param(inline, nullable = false)]
    role: Option<Role>,
    /// Only users who are suspended, or who are not.
    #[garde(skip)]
    #[param(nullable = false)]
    suspended: Option<bool>,
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

/// List users.
///
/// For admins. The newest first.
#[utoipa::path(get, path = "/v1/users", tag = "users", operation_id = "list_users", security(("session" = [])),
    params(UserParams),
    responses((status = 200, description = "Users.", body = UserPage), NotSignedIn, NotAdmin, Faults))]
pub async fn list(
    State(app): State<App>,
    _: Admin,
    Query(params): Query<UserParams>,
) -> Result<axum::Json<UserPage>, Error> {
    let filter = Filter {
        id: None,
        text: params.text,
        role: params.role.map(role::Role::from),
        suspended: params.suspended,
        before: cursor::read(params.cursor.as_deref())?,
        limit: i64::from(params.limit) + 1,
    };
    let found = role::list(&app, filter).await?;
    let (items, next_cursor) = cursor::page(found, params.limit, |account| account.id);
    Ok(axum::Json(UserPage {
        items: items.into_iter().map(User::from).collect(),
        next_cursor,
    }))
}

/// Get a user.
///
/// For admins.
#[utoipa::path(get, path = "/v1/users/{id}", tag = "users", operation_id = "get_user", security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the user.")),
    responses((status = 200, description = "The user.", body = User, headers(("ETag" = String))),
        NotSignedIn, NotAdmin, NotFound, Faults))]
pub async fn get(
    State(app): State<App>,
    _: Admin,
    Path(id): Path<UserId>,
    _: Query<NoQuery>,
) -> Result<Response, Error> {
    Ok(answer(role::get(&app, id).await?))
}

/// What a user is to be.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    #[garde(custom(validate::items(0, 4)), custom(|roles: &Vec<Role>, context: &()| validate::distinct(roles, context)))]
    #[schema(max_items = 4, example = json!(["student", "tutor"]))]
    roles: Vec<Role>,
}

/// Set a user's roles.
///
/// For admins. Who gets or loses a role must sign in again everywhere. A new tutor is hidden until the tutor's profile
/// says otherwise; somebody who is a tutor no longer is hidden again, and the lessons that are booked stay.
#[utoipa::path(put, path = "/v1/users/{id}/roles", tag = "users", operation_id = "set_roles", security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the user."),
        ("If-Match" = String, Header, description = "The ETag of what was read.")),
    request_body = Roles,
    responses((status = 200, description = "The user as changed.", body = User, headers(("ETag" = String))),
        (status = 409, description = "Nobody would be an admin any more (`last_admin`).", body = Problem, content_type = "application/problem+json"),
        NotSignedIn, NotAdmin, NotFound, BadBody, Precondition, Faults))]
pub async fn set_roles(
    State(app): State<App>,
    _: Admin,
    Path(id): Path<UserId>,
    if_match: IfMatch,
    _: Query<NoQuery>,
    Json(Roles { roles }): Json<Roles>,
) -> Result<Response, Error> {
    let current = role::get(&app, id).await?.version;
    let version = if_match.choose(current)?;
    let roles: Vec<_> = roles.into_iter().map(role::Role::from).collect();
    Ok(answer(role::set(&app, id, version, &roles).await?))
}

/// Why a user is suspended.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSuspension {
    /// For admins to read.
    #[garde(custom(validate::optional_text(1, 500)))]
    #[schema(min_length = 1, max_length = 500, example = "Left the programme.")]
    reason: Option<String>,
}

/// Suspend a user.
///
/// For admins. All sessions of the user end, and the user can't sign in. Nobody finds or books a tutor who is suspended;
/// the lessons that are booked stay: `GET /v1/bookings?as=centre&needs_tutor=true&status=confirmed` lists those that wait
/// for another tutor, `GET /v1/bookings/{id}/substitutes` says who could take one over, and
/// `POST /v1/bookings/{id}/reassign` hands it over, however short the notice. What is offered to or by the user from the
/// waitlist is taken back: whoever waits keeps the place.
#[utoipa::path(post, path = "/v1/users/{id}/suspend", tag = "users", operation_id = "suspend_user", security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the user.")),
    request_body = Option<NewSuspension>,
    responses((status = 200, description = "The user as suspended.", body = User, headers(("ETag" = String))),
        (status = 409, description = "The user is suspended (`already_suspended`), or the last admin (`last_admin`).", body = Problem, content_type = "application/problem+json"),
        NotSignedIn, NotAdmin, NotFound, BadBody, Faults))]
pub async fn suspend(
    State(app): State<App>,
    _: Admin,
    Path(id): Path<UserId>,
    _: Query<NoQuery>,
    OptionalJson(NewSuspension { reason }): OptionalJson<NewSuspension>,
) -> Result<Response, Error> {
    Ok(answer(role::suspend(&app, id, reason.as_deref()).await?))
}

/// Reinstate a user.
///
/// For admins. Ends a suspension: the user can sign in again.
#[utoipa::path(post, path = "/v1/users/{id}/reinstate", tag = "users", operation_id = "reinstate_user", security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the user.")),
    responses((status = 200, description = "The user as reinstated.", body = User, headers(("ETag" = String))),
        (status = 409, description = "The user is not suspended (`not_suspended`).", body = Problem, content_type = "application/problem+json"),
        NotSignedIn, NotAdmin, NotFound, Faults))]
pub async fn reinstate(
    State(app): State<App>,
    _: Admin,
    Path(id): Path<UserId>,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<Response, Error> {
    Ok(answer(role::reinstate(&app, id).await?))
}

/// End a user's sessions.
///
/// For admins. The user must sign in again everywhere.
#[utoipa::path(delete, path = "/v1/users/{id}/sessions", tag = "users", operation_id = "end_user_sessions", security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the user.")),
    responses((status = 204, description = "Ended."), NotSignedIn, NotAdmin, NotFound, Faults))]
pub async fn end_sessions(
    State(app): State<App>,
    _: Admin,
    Path(id): Path<UserId>,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<StatusCode, Error> {
    role::end_sessions(&app, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Export a user's data.
///
/// For admins, on the user's request: what `GET /v1/me/export` answers to the user.
#[utoipa::path(get, path = "/v1/users/{id}/export", tag = "users", operation_id = "export_user", security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the user.")),
    responses((status = 200, description = "The archive.", body = archive::Archive, content_type = "application/zip"),
        NotSignedIn, NotAdmin, NotFound, Faults))]
pub async fn export(
    State(app): State<App>,
    _: Admin,
    Path(id): Path<UserId>,
    _: Query<NoQuery>,
) -> Result<Response, Error> {
    Ok(archive::answer(export::archive(&app, id).await?))
}

/// Erase a user.
///
/// For admins, on the user's request: as `DELETE /v1/me`. To erase somebody again does nothing.
#[utoipa::path(delete, path = "/v1/users/{id}", tag = "users", operation_id = "erase_user", security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the user."),
        ("If-Match" = String, Header, description = "The ETag of what was read.")),
    responses((status = 204, description = "Erased."),
        (status = 409, description = "The tutor has lessons ahead (`lessons_ahead`), or is the last admin (`last_admin`).", body = Problem, content_type = "application/problem+json"),
        NotSignedIn, NotAdmin, NotFound, Precondition, Faults))]
pub async fn erase(
    State(app): State<App>,
    _: Admin,
    Path(id): Path<UserId>,
    if_match: IfMatch,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<StatusCode, Error> {
    let current = role::get(&app, id).await?.version;
    let version = if_match.choose(current)?;
    erasure::erase(&app, id, version).await?;
    Ok(StatusCode::NO_CONTENT)
}
