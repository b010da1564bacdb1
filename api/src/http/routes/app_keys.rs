//! Keys of third-party apps, for admins.

use super::third_party_apps::PageParams;
use crate::{
    app::App,
    error::Error,
    http::{
        auth::Admin,
        cursor,
        extract::{Json, NoBody, NoQuery, Path, Query},
        openapi::{BadBody, Faults, NotAdmin, NotFound, NotSignedIn},
        problem::Problem,
        validate,
    },
    service::{
        TutorId,
        app_key::{self, AppId, AppKeyId, Key, Scope, Wanted},
    },
};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use garde::Validate;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What a key lets its app do.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Scope)]
enum ScopeName {
    #[serde(rename = "availability:read")]
    AvailabilityRead,
    #[serde(rename = "bookings:read")]
    BookingsRead,
    #[serde(rename = "bookings:write")]
    BookingsWrite,
}

impl From<ScopeName> for Scope {
    fn from(name: ScopeName) -> Self {
        match name {
            ScopeName::AvailabilityRead => Self::AvailabilityRead,
            ScopeName::BookingsRead => Self::BookingsRead,
            ScopeName::BookingsWrite => Self::BookingsWrite,
        }
    }
}

/// A key of a third-party app, without its secret.
#[derive(Serialize, ToSchema)]
pub struct AppKey {
    id: Uuid,
    /// How the key begins; also the `client_id` at `/v1/auth/token`.
    #[schema(example = "tsk_AZMFoG8ufDqdQT-PahssPQ")]
    client_id: String,
    /// Which installation of the app holds the key, as admins call it.
    #[schema(required, example = "Kiosk in the library")]
    label: Option<String>,
    #[schema(value_type = Vec<ScopeName>, example = json!(["availability:read"]))]
    scopes: Vec<String>,
    /// Only these tutors; null: all.
    #[schema(required)]
    tutor_ids: Option<Vec<Uuid>>,
    /// Only the subjects with these slugs; null: all.
    #[schema(required)]
    subjects: Option<Vec<String>>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// To five minutes; null: never.
    #[schema(required)]
    last_used_at: Option<DateTime<Utc>>,
    /// When it was ended; null: it was not.
    #[schema(required)]
    revoked_at: Option<DateTime<Utc>>,
}

impl From<Key> for AppKey {
    fn from(key: Key) -> Self {
        Self {
            id: key.id.0,
            client_id: app_key::client_id(key.id),
            label: key.label,
            scopes: key.scopes,
            tutor_ids: key.tutor_ids,
            subjects: key.subjects,
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// A page of keys.
#[derive(Serialize, ToSchema)]
pub struct AppKeyPage {
    items: Vec<AppKey>,
    /// Pass it as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// List the keys of a third-party app.
///
/// For admins. The newest first; those that have expired or were revoked too.
#[utoipa::path(get, path = "/v1/third-party-apps/{id}/keys", tag = "third-party apps", operation_id = "list_app_keys",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the app."), PageParams),
    responses((status = 200, description = "Keys.", body = AppKeyPage), NotSignedIn, NotAdmin, NotFound, Faults))]
pub async fn list(
    State(app): State<App>,
    _: Admin,
    Path(id): Path<AppId>,
    Query(params): Query<PageParams>,
) -> Result<axum::Json<AppKeyPage>, Error> {
    let after: Option<AppKeyId> = cursor::read(params.cursor.as_deref())?;
    let found = app_key::list(&app, id, after, params.limit + 1).await?;
    let (items, next_cursor) = cursor::page(found, params.limit, |key| key.id);
    Ok(axum::Json(AppKeyPage {
        items: items.into_iter().map(AppKey::from).collect(),
        next_cursor,
    }))
}

/// A key to be made.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAppKey {
    /// Which installation of the app is to hold the key, so that of several keys one knows which to revoke.
    #[garde(custom(validate::optional_line(1, 100)))]
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Kiosk in the library"
    )]
    label: Option<String>,
    /// What the key lets the app do: no more than it needs.
    #[garde(custom(validate::items(1, 20)), custom(|scopes: &Vec<ScopeName>, context: &()| validate::distinct(scopes, context)))]
    #[schema(min_items = 1, max_items = 20, example = json!(["availability:read"]))]
    scopes: Vec<ScopeName>,
    /// Only these tutors, and what is booked with them; all when left out.
    #[garde(inner(custom(validate::items(1, 1000))))]
    #[schema(min_items = 1, max_items = 1000)]
    tutor_ids: Option<Vec<Uuid>>,
    /// Only the subjects with these slugs, those who teach them, and what is booked in them; all when left out.
    #[garde(inner(custom(validate::items(1, 100)), inner(custom(validate::text(1, 64)))))]
    #[schema(value_type = Option<Vec<Slug>>, min_items = 1, max_items = 100, example = json!(["mathematics"]))]
    subjects: Option<Vec<String>>,
    /// From then on it works no more; at most 730 days from now.
    #[garde(custom(validate::instant))]
    #[schema(example = "2027-11-23T00:00:00Z")]
    expires_at: DateTime<Utc>,
}

/// The slug of a subject.
#[derive(ToSchema)]
#[schema(
    min_length = 1,
    max_length = 64,
    pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
    example = "mathematics"
)]
#[expect(
    dead_code,
    reason = "names the limits of an item for the OpenAPI document"
)]
struct Slug(String);

/// A key with its secret, which is shown only here.
#[derive(Serialize, ToSchema)]
pub struct MadeAppKey {
    #[serde(flatten)]
    made: AppKey,
    /// To be sent as `Authorization: Bearer`. It is `client_id` and `client_secret` together.
    #[schema(example = "tsk_AZMFoG8ufDqdQT-PahssPQ…")]
    key: String,
    /// For `/v1/auth/token`.
    client_secret: String,
}

/// Make a key for a third-party app.
///
/// For admins. The secret is shown in this answer and never again; only its hash is kept. An app may have 20 keys that
/// work at once, so a key is replaced by making another, giving it to the app, and revoking the old one. A repeated
/// request makes another key: revoke what is too much.
#[utoipa::path(post, path = "/v1/third-party-apps/{id}/keys", tag = "third-party apps", operation_id = "create_app_key",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the app.")),
    request_body = NewAppKey,
    responses((status = 201, description = "Made.", body = MadeAppKey),
        (status = 409, description = "The app has too many keys (`too_many_keys`).", body = Problem, content_type = "application/problem+json"),
        NotSignedIn, NotAdmin, NotFound, BadBody, Faults))]
pub async fn create(
    State(app): State<App>,
    _: Admin,
    Path(id): Path<AppId>,
    _: Query<NoQuery>,
    Json(new): Json<NewAppKey>,
) -> Result<Response, Error> {
    let tutor_ids = new.tutor_ids.map(|mut ids| {
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().map(TutorId).collect()
    });
    let subjects = new.subjects.map(|mut slugs| {
        slugs.sort_unstable();
        slugs.dedup();
        slugs
    });
    let wanted = Wanted {
        label: new.label,
        scopes: new.scopes.into_iter().map(Scope::from).collect(),
        tutor_ids,
        subjects,
        expires_at: new.expires_at,
    };
    let made = app_key::create(&app, id, &wanted).await?;
    let secret = made.secret.expose_secret();
    let made = MadeAppKey {
        key: format!("{}{secret}", made.client_id),
        client_secret: secret.to_owned(),
        made: made.key.into(),
    };
    Ok((StatusCode::CREATED, axum::Json(made)).into_response())
}

#[derive(Deserialize)]
pub struct KeyInPath {
    id: AppId,
    key_id: AppKeyId,
}

/// Revoke a key of a third-party app.
///
/// For admins. It ends for good, and with it the access tokens that were issued for it.
#[utoipa::path(delete, path = "/v1/third-party-apps/{id}/keys/{key_id}", tag = "third-party apps", operation_id = "revoke_app_key",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the app."), ("key_id" = Uuid, Path, description = "Id of the key.")),
    responses((status = 204, description = "Revoked."), NotSignedIn, NotAdmin, NotFound, Faults))]
pub async fn revoke(
    State(app): State<App>,
    _: Admin,
    Path(KeyInPath { id, key_id }): Path<KeyInPath>,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<StatusCode, Error> {
    app_key::revoke(&app, id, key_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
