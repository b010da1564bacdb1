//! What a tutor teaches.

use crate::{
    app::App,
    error::Error,
    http::{
        auth::{Allowed, EditedTutor},
        etag::{IfMatch, edited, etag},
        extract::{DryRun, Json, NoQuery, Path, Query},
        object,
        openapi::{BadBody, Faults, Forbidden, NotFound, NotSignedIn, Precondition},
        validate,
    },
    service::{
        self, TutorId,
        tutor::{self, WantedOffer},
    },
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// That a tutor teaches a subject at a level.
#[derive(Serialize, ToSchema)]
pub struct Offer {
    subject: SubjectName,
    #[schema(example = "Bachelor")]
    level: String,
    /// The lengths of lesson on offer, in minutes.
    #[schema(example = json!([45, 60]))]
    lesson_minutes: Vec<i16>,
}

/// The names of a subject.
#[derive(Serialize, ToSchema)]
pub struct SubjectName {
    #[schema(example = "mathematics")]
    pub slug: String,
    #[schema(example = "Mathematics")]
    pub name: String,
}

impl From<&tutor::Offer> for Offer {
    fn from(offer: &tutor::Offer) -> Self {
        Self {
            subject: SubjectName {
                slug: offer.slug.clone(),
                name: offer.name.clone(),
            },
            level: offer.level.clone(),
            lesson_minutes: offer.lesson_minutes.clone(),
        }
    }
}

/// All that a tutor teaches.
#[derive(Serialize, ToSchema)]
pub struct OfferList {
    items: Vec<Offer>,
}

impl From<&[tutor::Offer]> for OfferList {
    fn from(offers: &[tutor::Offer]) -> Self {
        Self {
            items: offers.iter().map(Offer::from).collect(),
        }
    }
}

/// List what a tutor teaches.
///
/// At most 100 offers, so there are no pages.
#[utoipa::path(get, path = "/v1/tutors/{id}/offers", tag = "tutors", operation_id = "list_offers",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the tutor.")),
    responses((status = 200, description = "All offers.", body = OfferList, headers(("ETag" = String))),
        NotSignedIn, NotFound, Faults))]
pub async fn list(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<TutorId>,
    _: Query<NoQuery>,
) -> Result<Response, Error> {
    let tutor = service::tutor::get(&app, &caller, id).await?;
    let offers = OfferList::from(&tutor.offers[..]);
    Ok((etag(tutor.profile.version), axum::Json(offers)).into_response())
}

/// All that a tutor is to teach.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOffers {
    #[garde(custom(validate::items(0, 100)), dive)]
    #[serde(deserialize_with = "object::list")]
    #[schema(max_items = 100)]
    offers: Vec<NewOffer>,
}

/// A subject and level to be taught.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOffer {
    /// Slug of the subject.
    #[garde(custom(validate::text(1, 64)))]
    #[schema(min_length = 1, max_length = 64, example = "mathematics")]
    subject: String,
    /// One of the subject's levels.
    #[garde(custom(validate::text(1, 64)))]
    #[schema(min_length = 1, max_length = 64, example = "Bachelor")]
    level: String,
    /// The lengths of lesson on offer, in minutes.
    #[garde(custom(validate::items(1, 10)), custom(validate::distinct), dive)]
    #[schema(min_items = 1, max_items = 10, example = json!([45, 60]))]
    lesson_minutes: Vec<LessonMinutes>,
}

/// A length of lesson in minutes.
#[derive(PartialEq, Deserialize, Validate, ToSchema)]
#[serde(try_from = "f64")]
#[garde(transparent)]
#[schema(minimum = 5, maximum = 480, example = 60)]
struct LessonMinutes(#[garde(custom(validate::number(5, 480)))] i16);

/// To JSON, 60.0 is as whole a number as 60.
impl TryFrom<f64> for LessonMinutes {
    type Error = &'static str;

    #[expect(
        clippy::cast_possible_truncation,
        reason = "what does not fit is cut to a number that is out of range too"
    )]
    fn try_from(number: f64) -> Result<Self, &'static str> {
        if number.fract() == 0.0 {
            Ok(Self(number as i16))
        } else {
            Err("must be a whole number")
        }
    }
}

/// Replace what I teach.
///
/// All offers at once; those left out end. Lessons that are booked stay.
#[utoipa::path(put, path = "/v1/tutors/{id}/offers", tag = "tutors", operation_id = "replace_offers",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the tutor."),
        ("If-Match" = String, Header, description = "The ETag of what was read."), DryRun),
    request_body = NewOffers,
    responses((status = 200, description = "All offers as they are now.", body = OfferList, headers(("ETag" = String))),
        NotSignedIn, Forbidden, NotFound, BadBody, Precondition, Faults))]
pub async fn replace(
    State(app): State<App>,
    tutor: EditedTutor,
    if_match: IfMatch,
    Query(DryRun { dry_run }): Query<DryRun>,
    Json(new): Json<NewOffers>,
) -> Result<Response, Error> {
    let version = if_match.choose(tutor.version)?;
    let wanted: Vec<WantedOffer> = new.offers.into_iter().map(WantedOffer::from).collect();
    let offers = service::tutor::replace_offers(&app, tutor.id, version, &wanted, dry_run).await?;
    Ok(edited(version, dry_run, OfferList::from(&offers[..])))
}

impl From<NewOffer> for WantedOffer {
    fn from(offer: NewOffer) -> Self {
        Self {
            subject: offer.subject,
            level: offer.level,
            lesson_minutes: offer.lesson_minutes.iter().map(|it| it.0).collect(),
        }
    }
}
