//! What is taught.

use crate::{
    app::App,
    error::Error,
    http::{
        auth::Allowed,
        cursor::{self, LONGEST_PAGE, usual_page},
        extract::Query,
        openapi::{Faults, NotSignedIn},
        validate,
    },
    service::{self, subject::SubjectWithLevels},
};
use axum::{Json, extract::State};
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
) -> Result<Json<SubjectPage>, Error> {
    let after: Option<String> = cursor::read(params.cursor.as_deref())?;
    let found = service::subject::list(&app, &caller, after.as_deref(), params.limit + 1).await?;
    let (items, next_cursor) = cursor::page(found, params.limit, |subject| subject.slug.clone());
    Ok(Json(SubjectPage {
        items: items.into_iter().map(Subject::from).collect(),
        next_cursor,
    }))
}
