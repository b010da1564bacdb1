//! Who teaches.
#![allow(
    clippy::option_option,
    reason = "a field that is left out is not one that is null"
)]

use super::offers::Offer;
use crate::{
    app::App,
    error::Error,
    http::{
        auth::{Allowed, EditedTutor},
        cursor::{self, LONGEST_PAGE, usual_page},
        etag::{IfMatch, edited, etag},
        extract::{DryRun, Json, NoQuery, Path, Query},
        openapi::{BadBody, Faults, Forbidden, NotFound, NotSignedIn, Precondition},
        validate,
    },
    service::{
        self, TutorId,
        tutor::{Changes, Listing},
    },
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use chrono::NaiveDate;
use garde::Validate;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Somebody who teaches.
#[derive(Serialize, ToSchema)]
pub struct Tutor {
    #[schema(example = "0198c5a0-6f2e-7c3a-9d41-3f8f6a1b2c3d")]
    id: Uuid,
    #[schema(example = "Amara Okafor")]
    name: String,
    #[schema(example = "Ten years of teaching analysis, patiently.")]
    bio: String,
    /// Languages of lessons, as BCP 47 tags.
    #[schema(example = json!(["en", "de"]))]
    languages: Vec<String>,
    /// IANA name of the zone in which the tutor's weekly rules are meant.
    #[schema(example = "Africa/Lagos")]
    time_zone: String,
    /// Whether students find this tutor.
    visible: bool,
    /// Whether an admin has suspended this tutor, whom nobody finds or books then.
    suspended: bool,
    /// The last date, in `time_zone`, on which the tutor teaches; null where no end is known.
    #[schema(required, example = "2027-06-30")]
    end_date: Option<NaiveDate>,
    /// What the tutor teaches.
    offers: Vec<Offer>,
}

impl From<&service::tutor::Tutor> for Tutor {
    fn from(tutor: &service::tutor::Tutor) -> Self {
        let profile = &tutor.profile;
        Self {
            id: profile.id.0,
            name: profile.name.clone(),
            bio: profile.bio.clone(),
            languages: profile.languages.clone(),
            time_zone: profile.time_zone.clone(),
            visible: profile.visible,
            suspended: profile.suspended,
            end_date: profile.end_date,
            offers: tutor.offers.iter().map(Offer::from).collect(),
        }
    }
}

/// A page of tutors.
#[derive(Serialize, ToSchema)]
pub struct TutorPage {
    items: Vec<Tutor>,
    /// Pass it as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TutorParams {
    /// For admins: also tutors whom students don't find, for being hidden or suspended.
    #[garde(skip)]
    #[serde(default)]
    #[param(default = false)]
    hidden: bool,
    /// Only tutors who teach the subject with this slug.
    #[garde(custom(validate::optional_text(1, 64)))]
    #[param(max_length = 64, min_length = 1, example = "mathematics")]
    subject: Option<String>,
    /// Only tutors who teach the subject at this level. Needs `subject`.
    #[garde(custom(validate::optional_text(1, 64)))]
    #[param(max_length = 64, min_length = 1, example = "Bachelor")]
    level: Option<String>,
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

/// List tutors.
///
/// Those whom students may find, with what they teach.
#[utoipa::path(get, path = "/v1/tutors", tag = "tutors", operation_id = "list_tutors",
    security(("session" = [])), params(TutorParams),
    responses((status = 200, description = "Tutors.", body = TutorPage), NotSignedIn, Faults))]
pub async fn list(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Query(params): Query<TutorParams>,
) -> Result<axum::Json<TutorPage>, Error> {
    if params.level.is_some() && params.subject.is_none() {
        return Err(Error::invalid(
            "level",
            "needs_subject",
            "is of use together with subject only",
        ));
    }
    let after = cursor::read(params.cursor.as_deref())?;
    let TutorParams {
        hidden,
        subject,
        level,
        limit,
        ..
    } = params;
    let found = service::tutor::list(
        &app,
        &caller,
        Listing {
            hidden,
            subject,
            level,
            after,
            limit: limit + 1,
        },
    )
    .await?;
    let (items, next_cursor) = cursor::page(found, limit, |tutor| tutor.profile.id);
    Ok(axum::Json(TutorPage {
        items: items.iter().map(|tutor| Tutor::from(&**tutor)).collect(),
        next_cursor,
    }))
}

/// Get a tutor.
///
/// The profile with what the tutor teaches. A tutor who is not visible is seen by themselves and admins only.
#[utoipa::path(get, path = "/v1/tutors/{id}", tag = "tutors", operation_id = "get_tutor",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the tutor.")),
    responses((status = 200, description = "The tutor.", body = Tutor, headers(("ETag" = String))),
        NotSignedIn, NotFound, Faults))]
pub async fn get(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<TutorId>,
    _: Query<NoQuery>,
) -> Result<Response, Error> {
    let tutor = service::tutor::get(&app, &caller, id).await?;
    Ok((
        etag(tutor.profile.version),
        axum::Json(Tutor::from(&*tutor)),
    )
        .into_response())
}

/// What to change; what is left out stays.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TutorChanges {
    #[garde(custom(validate::optional_text(0, 4000)))]
    #[schema(
        max_length = 4000,
        example = "Ten years of teaching analysis, patiently."
    )]
    bio: Option<String>,
    /// Languages of lessons, as BCP 47 tags.
    #[garde(inner(
        custom(validate::items(0, 20)),
        custom(validate::distinct),
        inner(custom(validate::language))
    ))]
    #[schema(value_type = Option<Vec<Language>>, max_items = 20, example = json!(["en", "de"]))]
    languages: Option<Vec<String>>,
    /// IANA name of a time zone. The weekly rules move with it; lessons that are booked keep their instants.
    #[garde(custom(validate::optional_time_zone))]
    #[schema(max_length = 64, example = "Africa/Lagos")]
    time_zone: Option<String>,
    /// Whether students find this tutor.
    #[garde(skip)]
    visible: Option<bool>,
    /// The last date on which this tutor teaches, in the tutor's time zone; null for no end.
    #[garde(inner(custom(validate::optional_date)))]
    #[serde(default, deserialize_with = "some")]
    #[schema(value_type = Option<NaiveDate>, example = "2027-06-30")]
    end_date: Option<Option<NaiveDate>>,
}

/// Tells a null from a field that is left out.
fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<NaiveDate>>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

/// A BCP 47 language tag in its simple form.
#[derive(ToSchema)]
#[schema(
    max_length = 20,
    pattern = "^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
    example = "pt-BR"
)]
#[expect(
    dead_code,
    reason = "names the limits of an item for the OpenAPI document"
)]
struct Language(String);

/// Edit a tutor's profile.
///
/// Only the tutor and admins may.
#[utoipa::path(patch, path = "/v1/tutors/{id}", tag = "tutors", operation_id = "edit_tutor",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the tutor."),
        ("If-Match" = String, Header, description = "The ETag of what was read."), DryRun),
    request_body = TutorChanges,
    responses((status = 200, description = "The tutor as changed.", body = Tutor, headers(("ETag" = String))),
        NotSignedIn, Forbidden, NotFound, BadBody, Precondition, Faults))]
pub async fn edit(
    State(app): State<App>,
    tutor: EditedTutor,
    if_match: IfMatch,
    Query(DryRun { dry_run }): Query<DryRun>,
    Json(changes): Json<TutorChanges>,
) -> Result<Response, Error> {
    let version = if_match.choose(tutor.version)?;
    let TutorChanges {
        bio,
        languages,
        time_zone,
        visible,
        end_date,
    } = changes;
    let changes = Changes {
        bio,
        languages,
        time_zone,
        visible,
        end_date,
    };
    let tutor = service::tutor::update(&app, tutor.id, version, &changes, dry_run).await?;
    Ok(edited(version, dry_run, Tutor::from(&tutor)))
}
