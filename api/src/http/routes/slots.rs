//! When a tutor can be booked.

use crate::{
    app::App,
    error::Error,
    http::{
        auth::SignedIn,
        extract::{Path, Query},
        openapi::{Faults, NotFound, NotSignedIn},
        validate,
    },
    service::{self, TutorId, slot::Search},
};
use axum::{Json, extract::State};
use chrono::{DateTime, FixedOffset, Utc};
use chrono_tz::Tz;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// A start and an end at which a lesson could be booked right now.
#[derive(Serialize, ToSchema)]
pub struct Slot {
    #[schema(example = "2026-11-23T15:00:00Z")]
    start: DateTime<Utc>,
    #[schema(example = "2026-11-23T16:00:00Z")]
    end: DateTime<Utc>,
    /// The start by the clock in `time_zone`.
    #[schema(example = "2026-11-23T16:00:00+01:00")]
    local_start: DateTime<FixedOffset>,
    /// The end by the clock in `time_zone`.
    #[schema(example = "2026-11-23T17:00:00+01:00")]
    local_end: DateTime<FixedOffset>,
}

/// All slots in a window of time.
#[derive(Serialize, ToSchema)]
pub struct SlotList {
    tutor_id: Uuid,
    /// IANA name of the zone of the local times.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    /// By start, the earliest first.
    items: Vec<Slot>,
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SlotParams {
    /// Slots that begin at or after this instant.
    #[garde(custom(validate::instant))]
    #[param(example = "2026-11-23T00:00:00Z")]
    from: DateTime<Utc>,
    /// Slots that begin before this instant; at most 62 days after `from`.
    #[garde(custom(validate::instant))]
    #[param(example = "2026-11-30T00:00:00Z")]
    to: DateTime<Utc>,
    /// Length of the lesson in minutes; one that the tutor offers.
    #[garde(custom(validate::number(5, 480)))]
    #[param(minimum = 5, maximum = 480, example = 60)]
    minutes: i16,
    /// IANA name of the zone of the local times; that of the account when left out.
    #[garde(custom(validate::optional_time_zone))]
    #[param(max_length = 64, example = "Europe/Berlin")]
    time_zone: Option<String>,
}

/// Find free times of a tutor.
///
/// Every slot that the signed-in person could book right now: within the tutor's availability, clear of the tutor's
/// lessons and Google Calendar and of this person's own lessons, and within the centre's notice and horizon.
/// The window is at most 62 days long, so there are no pages.
#[utoipa::path(get, path = "/v1/tutors/{id}/slots", tag = "tutors", operation_id = "list_slots",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the tutor."), SlotParams),
    responses((status = 200, description = "All slots that begin in the window.", body = SlotList),
        NotSignedIn, NotFound, Faults))]
pub async fn list(
    State(app): State<App>,
    SignedIn(holder): SignedIn,
    Path(tutor_id): Path<TutorId>,
    Query(params): Query<SlotParams>,
) -> Result<Json<SlotList>, Error> {
    let name = params.time_zone.unwrap_or(holder.time_zone);
    let zone: Tz = name
        .parse()
        .map_err(|_| Error::invalid("time_zone", "unknown_time_zone", "must be an IANA name"))?;
    let search = Search {
        tutor_id,
        from: params.from,
        to: params.to,
        minutes: params.minutes,
    };
    let found = service::slot::search(&app, holder.user_id, search).await?;
    let items = found.into_iter().map(|slot| Slot {
        start: slot.start(),
        end: slot.end(),
        local_start: slot.start().with_timezone(&zone).fixed_offset(),
        local_end: slot.end().with_timezone(&zone).fixed_offset(),
    });
    Ok(Json(SlotList {
        tutor_id: tutor_id.0,
        time_zone: name,
        items: items.collect(),
    }))
}
