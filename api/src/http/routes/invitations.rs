//! Invitations to take a role.

use super::{bookings::Named, users::Role};
use crate::{
    app::App,
    error::Error,
    http::{
        auth::{SignedIn, renewed},
        credentials::Credentials,
        cursor::{self, LONGEST_PAGE, usual_page},
        extract::{Json, NoBody, NoQuery, Path, Query},
        openapi::{BadBody, CrossOrigin, Faults, NotFound, NotSignedIn},
        problem::Problem,
        validate,
    },
    service::{
        UserId,
        invitation::{self, InvitationId, InvitationState, Wanted},
        role,
    },
};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// That whoever signs in with an address is asked to take a role.
#[derive(Serialize, ToSchema)]
pub struct Invitation {
    id: Uuid,
    /// What the invited person will be.
    role: Role,
    #[schema(example = "amara@example.org")]
    email: String,
    invited_by: Named,
    /// For a guardian, the student; for a student, the guardian.
    #[schema(required)]
    other: Option<Named>,
    state: Progress,
    created_at: DateTime<Utc>,
    /// Until then it can be accepted.
    expires_at: DateTime<Utc>,
    /// When it was accepted, declined or withdrawn.
    #[schema(required)]
    answered_at: Option<DateTime<Utc>>,
}

/// What became of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Progress {
    Open,
    Expired,
    Accepted,
    Declined,
    Withdrawn,
}

impl Invitation {
    fn new(app: &App, found: invitation::Invitation) -> Self {
        let has_expired = found.expires_at <= app.clock.now();
        Self {
            id: found.id.0,
            role: match found.role {
                role::Role::Student => Role::Student,
                role::Role::Tutor => Role::Tutor,
                role::Role::Guardian => Role::Guardian,
                role::Role::Admin => Role::Admin,
            },
            email: found.email,
            invited_by: Named::new(found.invited_by.0, found.inviter_name),
            other: found
                .other_id
                .zip(found.other_name)
                .map(|(id, name)| Named::new(id.0, name)),
            state: match found.state {
                InvitationState::Open if has_expired => Progress::Expired,
                InvitationState::Open => Progress::Open,
                InvitationState::Accepted => Progress::Accepted,
                InvitationState::Declined => Progress::Declined,
                InvitationState::Withdrawn => Progress::Withdrawn,
            },
            created_at: found.created_at,
            expires_at: found.expires_at,
            answered_at: found.answered_at,
        }
    }
}

/// A page of invitations.
#[derive(Serialize, ToSchema)]
pub struct InvitationPage {
    items: Vec<Invitation>,
    /// Pass it as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InvitationParams {
    /// Those that the signed-in person sent (for admins, that anybody sent), or those that they could accept.
    #[garde(skip)]
    #[serde(default)]
    #[param(inline)]
    which: Which,
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

#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Which {
    Sent,
    #[default]
    Received,
}

/// List invitations.
///
/// The newest first. Invitations count only for an address that the provider says is the person's today: Google says so of
/// addresses of Gmail and of Workspace accounts, and not of others for which an account was opened once. Who signed in by
/// such an account can't receive any (`email_not_authoritative`), and signs in by another account, or asks to be invited
/// at another address.
#[utoipa::path(get, path = "/v1/invitations", tag = "users", operation_id = "list_invitations", security(("session" = [])),
    params(InvitationParams),
    responses((status = 200, description = "Invitations.", body = InvitationPage),
        (status = 403, description = "Of those received: the provider does not vouch for the address (`email_not_authoritative`); or a third-party app asked.", body = Problem, content_type = "application/problem+json"),
        NotSignedIn, Faults))]
pub async fn list(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    Query(params): Query<InvitationParams>,
) -> Result<axum::Json<InvitationPage>, Error> {
    let before: Option<InvitationId> = cursor::read(params.cursor.as_deref())?;
    let limit = params.limit + 1;
    let found = match params.which {
        Which::Sent => invitation::sent(&app, &holder, before, limit).await?,
        Which::Received => invitation::received(&app, &holder, before, limit).await?,
    };
    let (items, next_cursor) = cursor::page(found, params.limit, |found| found.id);
    Ok(axum::Json(InvitationPage {
        items: items
            .into_iter()
            .map(|found| Invitation::new(&app, found))
            .collect(),
        next_cursor,
    }))
}

/// Whom to invite to what.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    /// What the invited person will be: `tutor` and `admin` for admins only; `guardian` of the inviter, or of
    /// `student_id`; `student`, whose guardian the inviter will be.
    #[garde(skip)]
    role: Role,
    /// With which the invited person signs in.
    #[garde(custom(validate::email))]
    #[schema(format = "email", max_length = 320, example = "amara@example.org")]
    email: String,
    /// For admins: the student whose guardian it will be.
    #[garde(skip)]
    student_id: Option<Uuid>,
}

/// Invite somebody.
///
/// Whoever signs in with the address, by a provider that is authoritative for it (`list_invitations` says which), finds
/// the invitation and may accept it within 14 days, also if they have never signed in before. Nobody is told whether the address is known here.
#[utoipa::path(post, path = "/v1/invitations", tag = "users", operation_id = "create_invitation", security(("session" = [])),
    request_body = NewInvitation,
    responses((status = 201, description = "Invited.", body = Invitation),
        (status = 403, description = "Only admins invite tutors and admins (`not_an_admin`); or a page of another site asked for it.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There is such an invitation (`already_invited`), or too many are open (`too_many_invitations`).", body = Problem, content_type = "application/problem+json"),
        NotSignedIn, NotFound, BadBody, Faults))]
pub async fn create(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    _: Query<NoQuery>,
    Json(new): Json<NewInvitation>,
) -> Result<Response, Error> {
    let wanted = Wanted {
        role: new.role.into(),
        email: new.email,
        student: new.student_id.map(UserId),
    };
    let made = invitation::create(&app, &holder, &wanted).await?;
    Ok((StatusCode::CREATED, axum::Json(Invitation::new(&app, made))).into_response())
}

/// Accept an invitation.
///
/// Who gets a role by it holds another session afterwards: the answer sets its cookie, and all other sessions of the
/// person have ended. Whoever sends the token of a session must sign in again.
#[utoipa::path(post, path = "/v1/invitations/{id}/accept", tag = "users", operation_id = "accept_invitation", security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the invitation.")),
    responses((status = 204, description = "Accepted."),
        (status = 403, description = "The provider does not vouch for the address (`email_not_authoritative`); or a page of another site asked for it.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The guardian and the student are linked (`already_guardian`), to too many (`too_many_guardians`), or one person (`same_person`).", body = Problem, content_type = "application/problem+json"),
        NotSignedIn, NotFound, Faults))]
pub async fn accept(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    Path(id): Path<InvitationId>,
    headers: HeaderMap,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<Response, Error> {
    // Nothing but a cookie can be replaced in the answer.
    let renewable = Credentials::of(&headers) == Credentials::Cookie;
    let outcome = invitation::accept(&app, &holder, renewable, id).await?;
    Ok(renewed(&app, &outcome))
}

/// Decline an invitation.
///
/// Who was invited may.
#[utoipa::path(post, path = "/v1/invitations/{id}/decline", tag = "users", operation_id = "decline_invitation", security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the invitation.")),
    responses((status = 204, description = "Declined."),
        (status = 403, description = "The provider does not vouch for the address (`email_not_authoritative`); or a page of another site asked for it.", body = Problem, content_type = "application/problem+json"),
        NotSignedIn, NotFound, Faults))]
pub async fn decline(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    Path(id): Path<InvitationId>,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<StatusCode, Error> {
    invitation::decline(&app, &holder, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Withdraw an invitation.
///
/// Who invited may, and admins.
#[utoipa::path(post, path = "/v1/invitations/{id}/withdraw", tag = "users", operation_id = "withdraw_invitation", security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the invitation.")),
    responses((status = 204, description = "Withdrawn."), NotSignedIn, CrossOrigin, NotFound, Faults))]
pub async fn withdraw(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    Path(id): Path<InvitationId>,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<StatusCode, Error> {
    invitation::withdraw(&app, &holder, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
