//! When a tutor can be booked.

use super::group_lessons::GroupLesson;
use crate::{
    app::App,
    error::Error,
    http::{
        auth::Allowed,
        extract::{Path, Query},
        instant,
        json::json,
        openapi::{Faults, NotFound, NotSignedIn},
        problem::ConflictingSpan,
        validate,
    },
    service::{
        self, BookingId, TutorId, UserId,
        caller::Caller,
        reschedule::{self, Moving},
        slot::{About, Search},
    },
};
use axum::{Json, extract::State, response::Response};
use chrono::{DateTime, FixedOffset, Utc};
use chrono_tz::Tz;
use garde::Validate;
use scheduling::interval::Span;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// How long the JSON of a slot is, at most.
pub(super) const LENGTH: usize = 170;

/// A start and an end at which a lesson could be booked right now.
#[derive(Serialize, ToSchema)]
pub struct Slot {
    #[serde(serialize_with = "instant::write")]
    #[schema(example = "2026-11-23T15:00:00Z")]
    start: DateTime<Utc>,
    #[serde(serialize_with = "instant::write")]
    #[schema(example = "2026-11-23T16:00:00Z")]
    end: DateTime<Utc>,
    /// The start by the clock in `time_zone`.
    #[serde(serialize_with = "instant::write")]
    #[schema(example = "2026-11-23T16:00:00+01:00")]
    local_start: DateTime<FixedOffset>,
    /// The end by the clock in `time_zone`.
    #[serde(serialize_with = "instant::write")]
    #[schema(example = "2026-11-23T17:00:00+01:00")]
    local_end: DateTime<FixedOffset>,
}

impl Slot {
    pub(super) fn new(slot: Span, zone: Tz) -> Self {
        Self {
            start: slot.start(),
            end: slot.end(),
            local_start: slot.start().with_timezone(&zone).fixed_offset(),
            local_end: slot.end().with_timezone(&zone).fixed_offset(),
        }
    }
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
    /// Group lessons of the tutor, of whatever length, that begin in the window and have a free seat for this person
    /// (`join_lesson`), by start; the first 200 (`list_lessons`). None with `moving_booking_id`.
    group_lessons: Vec<GroupLesson>,
}

macro_rules! params {
    ($name:ident { $($time:tt)* }) => {
        #[derive(Deserialize, Validate, IntoParams)]
        #[serde(deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub struct $name {
            $($time)*
            /// IANA name of the zone of the local times; that of the account, or for a third-party app of the centre, when left out.
            #[garde(custom(validate::optional_time_zone))]
            #[param(max_length = 64, example = "Europe/Berlin")]
            time_zone: Option<String>,
            /// Only lengths that the tutor offers for the subject with this slug.
            #[garde(custom(validate::optional_text(1, 64)))]
            #[param(min_length = 1, max_length = 64, example = "mathematics")]
            subject: Option<String>,
            /// Only lengths that the tutor offers at this level.
            #[garde(custom(validate::optional_text(1, 64)))]
            #[param(min_length = 1, max_length = 64, example = "Bachelor")]
            level: Option<String>,
            /// The student for whom it would be: the caller, or somebody whose guardian the caller is; for admins and
            /// third-party apps with a scope for bookings, anybody.
            #[garde(skip)]
            #[param(value_type = Option<Uuid>, nullable = false)]
            student_id: Option<UserId>,
            /// A booking with this tutor that stands and is yet to begin, and would be moved there: as if its lesson were not
            /// there, for its student, and about the same where no `subject` is given. Refused for what the caller moves no
            /// longer (`too_late_to_move`), and with other `minutes` than credit paid for (`paid_with_credit`). Tutors and
            /// admins may move it to more than this (`reschedule_booking`).
            #[garde(skip)]
            #[param(value_type = Option<Uuid>, nullable = false)]
            moving_booking_id: Option<BookingId>,
        }

        impl $name {
            fn about(&self) -> About {
                About {
                    subject: self.subject.clone(),
                    level: self.level.clone(),
                }
            }
        }
    };
}

params! {
    SlotParams {
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
    }
}

params! {
    ExplainParams {
        /// When the lesson would begin.
        #[garde(custom(validate::instant))]
        #[param(example = "2026-11-23T15:00:00Z")]
        start: DateTime<Utc>,
        /// Length of the lesson in minutes.
        #[garde(custom(validate::number(5, 480)))]
        #[param(minimum = 5, maximum = 480, example = 60)]
        minutes: i16,
    }
}

/// Find free times of a tutor.
///
/// Every slot that the signed-in person could book right now: within the tutor's availability, clear of the tutor's
/// lessons and Google Calendar and of this person's own lessons, and within the centre's notice and horizon. With `moving_booking_id`,
/// where a booking could be moved. Beside the slots, the seats that are free in group lessons. What the student's quotas leave is told by `get_quota`, and by booking.
/// The window is at most 62 days long, so there are no pages.
#[utoipa::path(get, path = "/v1/tutors/{id}/slots", tag = "tutors", operation_id = "list_slots",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the tutor."), SlotParams),
    responses((status = 200, description = "All slots that begin in the window.", body = SlotList),
        NotSignedIn, NotFound, Faults))]
pub async fn list(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(tutor_id): Path<TutorId>,
    Query(params): Query<SlotParams>,
) -> Result<Response, Error> {
    let whose = (tutor_id, params.student_id);
    let (student, moving) = whose_time(
        &app,
        &caller,
        whose,
        (params.moving_booking_id, params.minutes),
    )
    .await?;
    let about = params.about();
    let (name, zone) = zone(&app, params.time_zone, &caller)?;
    let search = Search {
        tutor_id,
        about,
        from: params.from,
        to: params.to,
        minutes: params.minutes,
        moving,
    };
    let found = service::slot::search(&app, &caller, student, search).await?;
    let list = SlotList {
        tutor_id: tutor_id.0,
        time_zone: name,
        items: found
            .slots
            .into_iter()
            .map(|slot| Slot::new(slot, zone))
            .collect(),
        group_lessons: found
            .group_lessons
            .into_iter()
            .map(GroupLesson::from)
            .collect(),
    };
    json(&list, list.items.len() * LENGTH)
}

/// For whom it would be, and what would be moved there.
async fn whose_time(
    app: &App,
    caller: &Caller,
    (tutor, student): (TutorId, Option<UserId>),
    (moving, minutes): (Option<BookingId>, i16),
) -> Result<(Option<UserId>, Option<Moving>), Error> {
    let Some(id) = moving else {
        return Ok((caller.student(app, student).await?, None));
    };
    let which = (id, minutes);
    let moving = reschedule::to_move(app, caller, (tutor, student), which).await?;
    Ok((Some(moving.student()), Some(moving)))
}

/// The zone that was asked for, or else that of the account, with its name.
pub(super) fn zone(
    app: &App,
    asked: Option<String>,
    caller: &Caller,
) -> Result<(String, Tz), Error> {
    let name = asked.unwrap_or_else(|| caller.time_zone(app));
    let zone = name
        .parse()
        .map_err(|_| Error::invalid("time_zone", "unknown_time_zone", "must be an IANA name"))?;
    Ok((name, zone))
}

/// Why a slot can or can't be booked.
#[derive(Serialize, ToSchema)]
pub struct Explanation {
    tutor_id: Uuid,
    /// IANA name of the zone of the local times.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    slot: Slot,
    /// Whether it can be booked right now.
    bookable: bool,
    /// Every reason why it can't.
    reasons: Vec<ConflictingSpan>,
    /// Slots of the same length that can be booked, the nearest first, at most 14 days before or after this one; none
    /// where this one can.
    alternatives: Vec<Slot>,
}

/// Explain why a tutor can or can't be booked.
///
/// Every reason, as booking would give it, but for the student's quotas. The tutor and admins also see the span that stands in the way; others only
/// that of their own lesson, and holidays; and they are told of the tutor's own affairs (`time_off`, `lesson`, `hold`,
/// `calendar_busy`, `buffer`, the caps) only where nothing else is in the way. Tutors who ask about themselves are told
/// what students could book. Alternatives are looked for within 14 days to either side of the start.
///
/// | `code` | |
/// | --- | --- |
/// | `outside_availability` | no weekly rule or override opens all of it |
/// | `override_closed` | the weekly rules would, but an override of the date doesn't |
/// | `time_off`, `holiday`, `tutor_ended` | the tutor is away, or the centre is closed, or the tutor teaches no more |
/// | `lesson`, `hold`, `calendar_busy` | the tutor has something |
/// | `calendar_unknown` | the tutor's calendar has not been read for as long as the centre's policy says, or, unless that says never, not at all since it was connected |
/// | `buffer` | too near to something that the tutor has |
/// | `notice`, `horizon` | too soon, too far ahead |
/// | `daily_cap`, `weekly_cap` | the tutor has enough lessons on that date, or in that week |
/// | `grid` | lessons don't begin at that time |
/// | `length_not_offered` | the tutor offers no lesson of this length |
/// | `student_busy` | the signed-in person has a lesson |
/// | `same_time` | the booking that would be moved is at that time |
#[utoipa::path(get, path = "/v1/tutors/{id}/slots/explain", tag = "tutors", operation_id = "explain_slot",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the tutor."), ExplainParams),
    responses((status = 200, description = "Whether it can be booked, and why not.", body = Explanation),
        NotSignedIn, NotFound, Faults))]
pub async fn explain(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(tutor_id): Path<TutorId>,
    Query(params): Query<ExplainParams>,
) -> Result<Json<Explanation>, Error> {
    let about = params.about();
    let whose = (tutor_id, params.student_id);
    let (student, moving) = whose_time(
        &app,
        &caller,
        whose,
        (params.moving_booking_id, params.minutes),
    )
    .await?;
    let (name, zone) = zone(&app, params.time_zone, &caller)?;
    let (whose, at) = ((&caller, student), (tutor_id, moving.as_ref()));
    let found = service::slot::explain(&app, whose, at, &about, params.start, params.minutes);
    let found = found.await?;
    let alternatives = found.alternatives.into_iter();
    Ok(Json(Explanation {
        tutor_id: tutor_id.0,
        time_zone: name,
        slot: Slot::new(found.slot, zone),
        bookable: found.obstacles.is_empty(),
        reasons: found
            .obstacles
            .into_iter()
            .map(ConflictingSpan::from)
            .collect(),
        alternatives: alternatives.map(|slot| Slot::new(slot, zone)).collect(),
    }))
}
