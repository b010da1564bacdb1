//! What a tutor writes into the titles of events so that students can join them.

use super::offers::SubjectName;
use crate::{
    app::App,
    error::Error,
    http::{
        auth::EditedTutor,
        etag::{IfMatch, edited, etag},
        extract::{DryRun, Json, NoQuery, Query},
        object,
        openapi::{BadBody, Faults, Forbidden, NotFound, NotSignedIn, Precondition},
        validate,
    },
    service::bookable_tag::{self, MOST_TAGS, WantedTag},
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What is to become of events whose titles contain a tag.
#[derive(Serialize, ToSchema)]
pub struct BookableTag {
    #[schema(example = "#open")]
    tag: String,
    subject: SubjectName,
    #[schema(example = "Bachelor")]
    level: String,
    /// How many students can join each, beside the guests that it has.
    #[schema(minimum = 2, maximum = 100, example = 8)]
    capacity: i16,
    description: String,
}

/// An event whose title contains a tag, and that students can't join.
#[derive(Serialize, ToSchema)]
pub struct RefusedEvent {
    /// Id of its calendar (`list_calendars`).
    calendar_id: Uuid,
    /// What Google calls it.
    event_id: String,
    #[schema(example = "2026-11-23T15:00:00Z")]
    start: DateTime<Utc>,
    /// A code of `open_event`, of its `errors` or its `conflicts`, the first of several.
    #[schema(example = "lesson")]
    reason: String,
}

/// All tags of a tutor.
#[derive(Serialize, ToSchema)]
pub struct BookableTagList {
    /// Of several in one title the first counts.
    #[schema(max_items = 20)]
    items: Vec<BookableTag>,
    /// Events ahead, at times of a day, that have a tag and could not be opened, the first to begin first; the first 100. Each
    /// is tried again once a day, and when it is changed, or the tags are.
    #[schema(max_items = 100)]
    refused: Vec<RefusedEvent>,
}

impl From<bookable_tag::BookableTags> for BookableTagList {
    fn from(tags: bookable_tag::BookableTags) -> Self {
        let items = tags.items.into_iter().map(|it| BookableTag {
            tag: it.tag,
            subject: SubjectName {
                slug: it.subject_slug,
                name: it.subject_name,
            },
            level: it.level,
            capacity: it.capacity,
            description: it.description,
        });
        let refused = tags.refused.into_iter().map(|it| RefusedEvent {
            calendar_id: it.calendar_id.0,
            event_id: it.google_id,
            start: it.starts_at,
            reason: it.refusal.unwrap_or_default(),
        });
        Self {
            items: items.collect(),
            refused: refused.collect(),
        }
    }
}

/// List my tags of bookable events.
///
/// Which words in the title of an event of the tutor's own Google Calendar let students join it.
#[utoipa::path(get, path = "/v1/tutors/{id}/bookable-tags", tag = "calendar", operation_id = "list_bookable_tags",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the tutor.")),
    responses((status = 200, description = "All tags.", body = BookableTagList, headers(("ETag" = String))),
        NotSignedIn, Forbidden, NotFound, Faults))]
pub async fn list(
    State(app): State<App>,
    tutor: EditedTutor,
    _: Query<NoQuery>,
) -> Result<Response, Error> {
    let tags = bookable_tag::list(&app, tutor.id).await?;
    Ok((etag(tutor.version), axum::Json(BookableTagList::from(tags))).into_response())
}

/// All tags that a tutor is to have.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBookableTags {
    #[garde(custom(validate::items(0, MOST_TAGS)), dive)]
    #[serde(deserialize_with = "object::list")]
    #[schema(max_items = 20)]
    tags: Vec<NewBookableTag>,
}

/// A tag that is wanted.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBookableTag {
    /// What the title contains, in whatever case.
    #[garde(custom(validate::line(2, 50)), custom(validate::trimmed))]
    #[schema(
        min_length = 2,
        max_length = 50,
        pattern = r"^[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f]$",
        example = "#open"
    )]
    tag: String,
    /// Slug of a subject that the tutor teaches.
    #[garde(custom(validate::text(1, 64)))]
    #[schema(min_length = 1, max_length = 64, example = "mathematics")]
    subject: String,
    /// A level at which the tutor teaches it.
    #[garde(custom(validate::text(1, 64)))]
    #[schema(min_length = 1, max_length = 64, example = "Bachelor")]
    level: String,
    /// How many students can join each event, beside the guests that it has.
    #[garde(custom(validate::number(2, 100)))]
    #[schema(minimum = 2, maximum = 100, example = 8)]
    capacity: i16,
    /// For the students who look for lessons; it is not written into the events.
    #[garde(custom(validate::text(0, 2000)))]
    #[serde(default)]
    #[schema(max_length = 2000, example = "Bring last week's sheet.")]
    description: String,
}

/// Replace my tags of bookable events.
///
/// All of them at once. From then on each event of the tutor's own, in a calendar that blocks, whose title contains a tag is opened
/// as by `open_event`: also each occurrence of a repeated one, as far ahead as lessons can be booked, and those whose titles get
/// the tag later, within minutes of that. An event that was open once is not opened again by its tag: not if its lesson was
/// cancelled, and not if it is over. Lessons of events that are open stay when the tag goes.
#[utoipa::path(put, path = "/v1/tutors/{id}/bookable-tags", tag = "calendar", operation_id = "replace_bookable_tags",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the tutor."),
        ("If-Match" = String, Header, description = "The ETag of what was read."), DryRun),
    request_body = NewBookableTags,
    responses((status = 200, description = "All tags as they are now.", body = BookableTagList, headers(("ETag" = String))),
        NotSignedIn, Forbidden, NotFound, BadBody, Precondition, Faults))]
pub async fn replace(
    State(app): State<App>,
    tutor: EditedTutor,
    if_match: IfMatch,
    Query(DryRun { dry_run }): Query<DryRun>,
    Json(new): Json<NewBookableTags>,
) -> Result<Response, Error> {
    let version = if_match.choose(tutor.version)?;
    let wanted: Vec<WantedTag> = new.tags.into_iter().map(WantedTag::from).collect();
    let tags = bookable_tag::replace(&app, tutor.id, version, &wanted, dry_run).await?;
    Ok(edited(version, dry_run, BookableTagList::from(tags)))
}

impl From<NewBookableTag> for WantedTag {
    fn from(tag: NewBookableTag) -> Self {
        Self {
            tag: tag.tag,
            subject: tag.subject,
            level: tag.level,
            capacity: tag.capacity,
            description: tag.description,
        }
    }
}
