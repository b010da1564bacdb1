//! Notice, horizon, grid, buffers and caps: the centre's, and those of tutors who differ.

use crate::{
    app::App,
    error::Error,
    http::{
        auth::{Admin, Allowed, EditedTutor},
        etag::{IfMatch, edited, etag},
        extract::{DryRun, Json, NoQuery, Path, Query},
        openapi::{BadBody, Faults, Forbidden, NotAdmin, NotFound, NotSignedIn, Precondition},
        validate,
    },
    service::{self, TutorId, policy},
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// From where start times are counted: midnight by the tutor's clock, or the start of the span of availability in
/// which the lesson begins.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StartGridAnchor {
    Midnight,
    SpanStart,
}

impl From<policy::StartGridAnchor> for StartGridAnchor {
    fn from(anchor: policy::StartGridAnchor) -> Self {
        match anchor {
            policy::StartGridAnchor::Midnight => Self::Midnight,
            policy::StartGridAnchor::SpanStart => Self::SpanStart,
        }
    }
}

impl From<StartGridAnchor> for policy::StartGridAnchor {
    fn from(anchor: StartGridAnchor) -> Self {
        match anchor {
            StartGridAnchor::Midnight => Self::Midnight,
            StartGridAnchor::SpanStart => Self::SpanStart,
        }
    }
}

/// An enum of ours for one of the service's of the same variants.
macro_rules! mirror {
    ($(#[$doc:meta])* $name:ident { $($variant:ident),+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($variant),+
        }

        impl From<policy::$name> for $name {
            fn from(choice: policy::$name) -> Self {
                match choice {
                    $(policy::$name::$variant => Self::$variant),+
                }
            }
        }

        impl From<$name> for policy::$name {
            fn from(choice: $name) -> Self {
                match choice {
                    $($name::$variant => Self::$variant),+
                }
            }
        }
    };
}

mirror!(
    /// What becomes of a lesson whose event was moved in Google: it moves too (`reschedule`), where the tutor could move it
    /// there, and else the event is put back; or it is always put back (`put_back`).
    EventMoved { Reschedule, PutBack }
);
mirror!(
    /// What becomes of a lesson whose event was deleted in Google: it is cancelled by the tutor (`cancel`), after a while in
    /// which that can be undone; or the event is made anew (`put_back`).
    EventDeleted { Cancel, PutBack }
);
mirror!(
    /// What becomes of the place of a student who has declined the invitation in Google: it is cancelled by the student where
    /// that is free, and else the student is asked (`cancel`); or the student is always asked (`ask`).
    EventDeclined { Cancel, Ask }
);

/// When lessons can be booked, apart from availability.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// How long before its start a lesson can be booked at the latest.
    #[garde(custom(validate::number(0, 43_200)))]
    #[schema(minimum = 0, maximum = 43200, example = 120)]
    minimum_notice_minutes: i32,
    /// How far ahead lessons can be booked.
    #[garde(custom(validate::number(1, 730)))]
    #[schema(minimum = 1, maximum = 730, example = 60)]
    horizon_days: i32,
    /// Lessons start at multiples of this; it divides a day.
    #[garde(custom(validate::divides_day))]
    #[schema(minimum = 1, maximum = 1440, example = 30)]
    start_grid_minutes: i32,
    #[garde(skip)]
    start_grid_anchor: StartGridAnchor,
    /// Kept free before each lesson. Between two lessons the longer of both buffers is kept free.
    #[garde(custom(validate::number(0, 240)))]
    #[schema(minimum = 0, maximum = 240, example = 0)]
    buffer_before_minutes: i32,
    /// Kept free after each lesson.
    #[garde(custom(validate::number(0, 240)))]
    #[schema(minimum = 0, maximum = 240, example = 10)]
    buffer_after_minutes: i32,
    /// How many lessons may begin on one date of the tutor's calendar; null is no cap.
    #[garde(inner(custom(validate::number(0, 100))))]
    #[schema(minimum = 0, maximum = 100, example = 6)]
    max_lessons_per_day: Option<i32>,
    /// How many lessons may begin in one ISO week of the tutor's calendar, Monday to Sunday; null is no cap.
    #[garde(inner(custom(validate::number(0, 700))))]
    #[schema(minimum = 0, maximum = 700, example = 25)]
    max_lessons_per_week: Option<i32>,
    /// Whether a tutor is asked before a lesson is booked: it is `requested`, and the tutor approves or declines.
    #[garde(skip)]
    #[schema(example = false)]
    requires_approval: bool,
    /// How long a tutor who is asked has for an answer. Then the request expires; at the start of the lesson at the
    /// latest.
    #[garde(custom(validate::number(15, 20_160)))]
    #[schema(minimum = 15, maximum = 20160, example = 1440)]
    approval_minutes: i32,
    /// How long a slot that is held is set aside. For all tutors.
    #[garde(custom(validate::number(1, 60)))]
    #[schema(minimum = 1, maximum = 60, example = 10)]
    hold_minutes: i32,
    /// For how many days after a lesson its tutor may say who was there; admins may at any time. For all tutors.
    #[garde(custom(validate::number(0, 365)))]
    #[schema(minimum = 0, maximum = 365, example = 14)]
    attendance_days: i32,
    /// A tutor whose connected Google calendar could not be read for so many hours is not offered or booked
    /// (`calendar_unknown`) until it is; before, what was read last decides. Nor is one whose calendar was never read since it
    /// was connected. null: what was read last goes on to decide, and be it nothing. For all tutors.
    #[garde(inner(custom(validate::number(1, 8760))))]
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required, minimum = 1, maximum = 8760, example = 24)]
    calendar_unknown_after_hours: Option<i32>,
    /// For all tutors, as the three that follow; see `list_calendar_drifts`.
    #[garde(skip)]
    event_moved: EventMoved,
    #[garde(skip)]
    event_deleted: EventDeleted,
    /// For how long a deletion can be undone (`undo_calendar_drift`) before the lesson is cancelled; for half of the time
    /// that is left before the lesson at the longest.
    #[garde(custom(validate::number(0, 1440)))]
    #[schema(minimum = 0, maximum = 1440, example = 60)]
    event_deleted_grace_minutes: i32,
    #[garde(skip)]
    event_declined: EventDeclined,
    /// How many bookings of lessons that are not over a student may have, what is held or requested included; null is any
    /// number. For all tutors together, as the two that follow; `replace_quota` says what else holds for one student.
    #[garde(inner(custom(validate::number(0, 1000))))]
    #[schema(minimum = 0, maximum = 1000, example = 5)]
    max_active_bookings: Option<i32>,
    /// How many minutes of lessons may begin in one ISO week of the centre's calendar, Monday to Sunday.
    #[garde(inner(custom(validate::number(0, 10_080))))]
    #[schema(minimum = 0, maximum = 10080, example = 180)]
    weekly_minutes: Option<i32>,
    /// How many minutes of lessons may begin in one term; see `list_terms`.
    #[garde(inner(custom(validate::number(0, 527_040))))]
    #[schema(minimum = 0, maximum = 527_040, example = 1800)]
    term_minutes: Option<i32>,
}

/// What a tutor has decided; what is null or left out is as the centre has it.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnPolicy {
    /// How long before its start a lesson can be booked at the latest.
    #[garde(inner(custom(validate::number(0, 43_200))))]
    #[schema(minimum = 0, maximum = 43200, example = 120)]
    minimum_notice_minutes: Option<i32>,
    /// How far ahead lessons can be booked.
    #[garde(inner(custom(validate::number(1, 730))))]
    #[schema(minimum = 1, maximum = 730, example = 60)]
    horizon_days: Option<i32>,
    /// Lessons start at multiples of this; it divides a day.
    #[garde(inner(custom(validate::divides_day)))]
    #[schema(minimum = 1, maximum = 1440, example = 30)]
    start_grid_minutes: Option<i32>,
    #[garde(skip)]
    start_grid_anchor: Option<StartGridAnchor>,
    /// Kept free before each lesson. Between two lessons the longer of both buffers is kept free.
    #[garde(inner(custom(validate::number(0, 240))))]
    #[schema(minimum = 0, maximum = 240, example = 0)]
    buffer_before_minutes: Option<i32>,
    /// Kept free after each lesson.
    #[garde(inner(custom(validate::number(0, 240))))]
    #[schema(minimum = 0, maximum = 240, example = 10)]
    buffer_after_minutes: Option<i32>,
    /// How many lessons may begin on one date of the tutor's calendar.
    #[garde(inner(custom(validate::number(0, 100))))]
    #[schema(minimum = 0, maximum = 100, example = 6)]
    max_lessons_per_day: Option<i32>,
    /// How many lessons may begin in one ISO week of the tutor's calendar, Monday to Sunday.
    #[garde(inner(custom(validate::number(0, 700))))]
    #[schema(minimum = 0, maximum = 700, example = 25)]
    max_lessons_per_week: Option<i32>,
    /// Whether the tutor is asked before a lesson is booked: it is `requested`, and the tutor approves or declines.
    #[garde(skip)]
    #[schema(example = true)]
    requires_approval: Option<bool>,
    /// How long the tutor, if asked, has for an answer.
    #[garde(inner(custom(validate::number(15, 20_160))))]
    #[schema(minimum = 15, maximum = 20160, example = 1440)]
    approval_minutes: Option<i32>,
}

macro_rules! convert {
    ($from:ty => $to:ty, $anchor:expr $(, $of_centre:ident)* $(; $($choice:ident),+)?) => {
        impl From<$from> for $to {
            fn from(policy: $from) -> Self {
                Self {
                    minimum_notice_minutes: policy.minimum_notice_minutes,
                    horizon_days: policy.horizon_days,
                    start_grid_minutes: policy.start_grid_minutes,
                    start_grid_anchor: $anchor(policy.start_grid_anchor),
                    buffer_before_minutes: policy.buffer_before_minutes,
                    buffer_after_minutes: policy.buffer_after_minutes,
                    max_lessons_per_day: policy.max_lessons_per_day,
                    max_lessons_per_week: policy.max_lessons_per_week,
                    requires_approval: policy.requires_approval,
                    approval_minutes: policy.approval_minutes,
                    $($of_centre: policy.$of_centre,)*
                    $($($choice: policy.$choice.into(),)+)?
                }
            }
        }
    };
}

convert!(policy::Policy => Policy, StartGridAnchor::from,
    hold_minutes, attendance_days, calendar_unknown_after_hours, event_deleted_grace_minutes, max_active_bookings,
    weekly_minutes, term_minutes; event_moved, event_deleted, event_declined);
convert!(Policy => policy::Policy, policy::StartGridAnchor::from,
    hold_minutes, attendance_days, calendar_unknown_after_hours, event_deleted_grace_minutes, max_active_bookings,
    weekly_minutes, term_minutes; event_moved, event_deleted, event_declined);
convert!(policy::OwnPolicy => OwnPolicy, own_anchor);
convert!(OwnPolicy => policy::OwnPolicy, own_anchor);

fn own_anchor<Other, Anchor: From<Other>>(anchor: Option<Other>) -> Option<Anchor> {
    anchor.map(Anchor::from)
}

/// What is the centre's policy?
///
/// It holds for every tutor who has not said otherwise.
#[utoipa::path(get, path = "/v1/centre/policy", tag = "centre", operation_id = "get_centre_policy",
    security(("session" = [])),
    responses((status = 200, description = "The centre's policy.", body = Policy, headers(("ETag" = String))), NotSignedIn, Faults))]
pub async fn get_centre(
    State(app): State<App>,
    _: Allowed,
    _: Query<NoQuery>,
) -> Result<Response, Error> {
    let (policy, version) = service::policy::of_centre(&app).await?;
    Ok((etag(version), axum::Json(Policy::from(policy))).into_response())
}

/// Replace the centre's policy.
///
/// For admins. Lessons that are booked stay.
#[utoipa::path(put, path = "/v1/centre/policy", tag = "centre", operation_id = "replace_centre_policy",
    security(("session" = [])),
    params(("If-Match" = String, Header, description = "The ETag of what was read."), DryRun),
    request_body = Policy,
    responses((status = 200, description = "The policy as it is now.", body = Policy, headers(("ETag" = String))),
        NotSignedIn, NotAdmin, BadBody, Precondition, Faults))]
pub async fn replace_centre(
    State(app): State<App>,
    _: Admin,
    if_match: IfMatch,
    Query(DryRun { dry_run }): Query<DryRun>,
    Json(new): Json<Policy>,
) -> Result<Response, Error> {
    let current = service::policy::of_centre(&app).await?.1;
    let version = if_match.choose(current)?;
    let new = policy::Policy::from(new);
    service::policy::replace_centre(&app, version, &new, dry_run).await?;
    Ok(edited(version, dry_run, Policy::from(new)))
}

/// A tutor's own policy, and what holds.
#[derive(Serialize, ToSchema)]
pub struct TutorPolicy {
    own: OwnPolicy,
    /// What holds together with the centre's policy.
    effective: Policy,
}

/// What is a tutor's policy?
///
/// What the tutor has decided, and what holds together with the centre's policy.
#[utoipa::path(get, path = "/v1/tutors/{id}/policy", tag = "tutors", operation_id = "get_tutor_policy",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the tutor.")),
    responses((status = 200, description = "The policy.", body = TutorPolicy, headers(("ETag" = String))),
        NotSignedIn, NotFound, Faults))]
pub async fn get_tutor(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<TutorId>,
    _: Query<NoQuery>,
) -> Result<Response, Error> {
    let profile = service::tutor::profile(&app, &caller, id).await?;
    let (own, effective) = service::policy::of_tutor(&app, id).await?;
    let policy = TutorPolicy {
        own: own.into(),
        effective: effective.into(),
    };
    Ok((etag(profile.version), axum::Json(policy)).into_response())
}

/// Replace my policy.
///
/// What is null or left out is as the centre has it. Lessons that are booked stay.
#[utoipa::path(put, path = "/v1/tutors/{id}/policy", tag = "tutors", operation_id = "replace_tutor_policy",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the tutor."),
        ("If-Match" = String, Header, description = "The ETag of what was read."), DryRun),
    request_body = OwnPolicy,
    responses((status = 200, description = "The policy as it is now.", body = TutorPolicy, headers(("ETag" = String))),
        NotSignedIn, Forbidden, NotFound, BadBody, Precondition, Faults))]
pub async fn replace_tutor(
    State(app): State<App>,
    tutor: EditedTutor,
    if_match: IfMatch,
    Query(DryRun { dry_run }): Query<DryRun>,
    Json(new): Json<OwnPolicy>,
) -> Result<Response, Error> {
    let version = if_match.choose(tutor.version)?;
    let new = policy::OwnPolicy::from(new);
    let effective = service::policy::replace_tutor(&app, tutor.id, version, &new, dry_run).await?;
    let policy = TutorPolicy {
        own: new.into(),
        effective: effective.into(),
    };
    Ok(edited(version, dry_run, policy))
}
