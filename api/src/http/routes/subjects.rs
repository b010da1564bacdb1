//! What is taught.

use crate::{
    app::App,
    error::Error,
    http::{
        auth::{Admin, Allowed},
        cursor::{self, LONGEST_PAGE, usual_page},
        etag::{IfMatch, etag},
        extract::{Json, NoBody, NoQuery, Path, Query},
        idempotency::{IdempotencyHeader, IdempotencyKey, Kept},
        openapi::{BadBody, Faults, InProgress, NotAdmin, NotFound, NotSignedIn, Precondition},
        problem::Problem,
        validate,
    },
    service::{
        self,
        caller::Caller,
        idempotency::{Claim, Reply},
        subject::{self, SubjectWithLevels},
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

/// What is taught.
#[derive(Serialize, ToSchema)]
pub struct Subject {
    #[schema(example = "0198c5a0-6f2e-7c3a-9d41-3f8f6a1b2c3d")]
    id: Uuid,
    /// Stable name by which all other operations refer to the subject.
    #[schema(example = "mathematics")]
    slug: String,
    #[schema(example = "Mathematics")]
    name: String,
    /// Easiest first.
    #[schema(example = json!(["School", "Bachelor"]))]
    levels: Vec<String>,
}

impl From<SubjectWithLevels> for Subject {
    fn from(subject: SubjectWithLevels) -> Self {
        Self {
            id: subject.id.0,
            slug: subject.slug,
            name: subject.name,
            levels: subject.levels,
        }
    }
}

/// A page of subjects.
#[derive(Serialize, ToSchema)]
pub struct SubjectPage {
    items: Vec<Subject>,
    /// Pass it as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
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

/// List subjects.
///
/// What is taught here, by slug.
#[utoipa::path(get, path = "/v1/subjects", tag = "subjects", operation_id = "list_subjects",
    security(("session" = [])), params(PageParams),
    responses((status = 200, description = "Subjects by slug.", body = SubjectPage), NotSignedIn, Faults))]
pub async fn list(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Query(params): Query<PageParams>,
) -> Result<axum::Json<SubjectPage>, Error> {
    let after: Option<String> = cursor::read(params.cursor.as_deref())?;
    let found = service::subject::list(&app, &caller, after.as_deref(), params.limit + 1).await?;
    let (items, next_cursor) = cursor::page(found, params.limit, |subject| subject.slug.clone());
    Ok(axum::Json(SubjectPage {
        items: items.into_iter().map(Subject::from).collect(),
        next_cursor,
    }))
}

fn answer(subject: SubjectWithLevels) -> Response {
    let tag = etag(subject.version);
    (tag, axum::Json(Subject::from(subject))).into_response()
}

/// Get a subject.
#[utoipa::path(get, path = "/v1/subjects/{slug}", tag = "subjects", operation_id = "get_subject",
    description = "Its name and levels.",
    security(("session" = [])), params(("slug" = String, Path, description = "Slug of the subject.")),
    responses((status = 200, description = "The subject.", body = Subject, headers(("ETag" = String))),
        NotSignedIn, NotFound, Faults))]
pub async fn get(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(slug): Path<String>,
    _: Query<NoQuery>,
) -> Result<Response, Error> {
    Ok(answer(subject::get(&app, &caller, &slug).await?))
}

/// A subject to be made.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSubject {
    /// Lower-case words with hyphens between them; it never changes.
    #[garde(custom(validate::slug))]
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = "^[a-z0-9]+(-[a-z0-9]+){0,15}$",
        example = "mathematics"
    )]
    slug: String,
    #[garde(custom(validate::line(1, 100)))]
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Mathematics"
    )]
    name: String,
    /// Easiest first. At least one, of 64 characters at most each, and none twice.
    #[garde(
        custom(validate::items(1, 50)),
        custom(validate::distinct),
        inner(custom(validate::line(1, 64)))
    )]
    #[schema(value_type = Vec<Level>, min_items = 1, max_items = 50, example = json!(["School", "Bachelor"]))]
    levels: Vec<String>,
}

/// A level of a subject.
#[derive(ToSchema)]
#[schema(
    min_length = 1,
    max_length = 64,
    pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
    example = "School"
)]
#[expect(
    dead_code,
    reason = "names the limits of an item for the OpenAPI document"
)]
struct Level(String);

/// Make a subject.
///
/// For admins. Nobody teaches it until a tutor offers it.
#[utoipa::path(post, path = "/v1/subjects", tag = "subjects", operation_id = "create_subject",
    security(("session" = [])), params(IdempotencyHeader), request_body = NewSubject,
    responses((status = 201, description = "Made.", body = Subject, headers(("ETag" = String), ("Location" = String))),
        NotSignedIn, NotAdmin, BadBody, InProgress, Faults))]
pub async fn create(
    State(app): State<App>,
    Admin(holder): Admin,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    Json(new): Json<NewSubject>,
) -> Result<Response, Error> {
    let request = serde_json::json!(["create_subject", &new]);
    let work = |claim| Box::pin(make(app.clone(), new, claim));
    key.once(&app, holder.user_id.0, &request, work).await
}

async fn make(app: App, new: NewSubject, claim: Option<Claim>) -> Result<Response, Error> {
    let reply = Reply {
        answer: made,
        claim,
    };
    let NewSubject { slug, name, levels } = new;
    let new = subject::NewSubject { slug, name, levels };
    subject::create(&app, new, reply).await?.response()
}

fn made(subject: SubjectWithLevels) -> Kept<Subject> {
    let location = format!("/v1/subjects/{}", subject.slug);
    Kept::created(location, subject.version, subject.into())
}

/// What to change; what is left out stays.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubjectChanges {
    #[garde(custom(validate::optional_line(1, 100)))]
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Mathematics"
    )]
    name: Option<String>,
    /// All of them, easiest first. At least one, of 64 characters at most each, and none twice.
    #[garde(inner(
        custom(validate::items(1, 50)),
        custom(validate::distinct),
        inner(custom(validate::line(1, 64)))
    ))]
    #[schema(value_type = Option<Vec<Level>>, min_items = 1, max_items = 50, example = json!(["School", "Bachelor", "Master"]))]
    levels: Option<Vec<String>>,
}

/// Edit a subject.
///
/// For admins. A level goes only when nobody offers it and no lesson was ever booked at it.
#[utoipa::path(patch, path = "/v1/subjects/{slug}", tag = "subjects", operation_id = "edit_subject",
    security(("session" = [])),
    params(("slug" = String, Path, description = "Slug of the subject."),
        ("If-Match" = String, Header, description = "The ETag of what was read.")),
    request_body = SubjectChanges,
    responses((status = 200, description = "The subject as changed.", body = Subject, headers(("ETag" = String))),
        (status = 409, description = "Levels that are left out are in use (`in_use`); `detail` names them.", body = Problem, content_type = "application/problem+json"),
        NotSignedIn, NotAdmin, NotFound, BadBody, Precondition, Faults))]
pub async fn edit(
    State(app): State<App>,
    Admin(admin): Admin,
    Path(slug): Path<String>,
    if_match: IfMatch,
    _: Query<NoQuery>,
    Json(SubjectChanges { name, levels }): Json<SubjectChanges>,
) -> Result<Response, Error> {
    let caller = Caller::Person(admin.person.clone());
    let current = subject::get(&app, &caller, &slug).await?.version;
    let version = if_match.choose(current)?;
    let changes = subject::Changes { name, levels };
    Ok(answer(
        subject::update(&app, &slug, version, &changes).await?,
    ))
}

/// Delete a subject.
///
/// For admins. Only when nobody offers it and no lesson in it was ever booked.
#[utoipa::path(delete, path = "/v1/subjects/{slug}", tag = "subjects", operation_id = "delete_subject",
    security(("session" = [])),
    params(("slug" = String, Path, description = "Slug of the subject."),
        ("If-Match" = String, Header, description = "The ETag of what was read.")),
    responses((status = 204, description = "Deleted."),
        (status = 409, description = "It is in use (`in_use`).", body = Problem, content_type = "application/problem+json"),
        NotSignedIn, NotAdmin, NotFound, Precondition, Faults))]
pub async fn delete(
    State(app): State<App>,
    Admin(admin): Admin,
    Path(slug): Path<String>,
    if_match: IfMatch,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<StatusCode, Error> {
    let caller = Caller::Person(admin.person.clone());
    let current = subject::get(&app, &caller, &slug).await?.version;
    let version = if_match.choose(current)?;
    subject::delete(&app, &slug, version).await?;
    Ok(StatusCode::NO_CONTENT)
}
