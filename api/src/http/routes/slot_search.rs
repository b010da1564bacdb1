//! When any of the tutors who teach something can be booked.

use super::{
    group_lessons::GroupLesson,
    slots::{self, Slot, zone},
};
use crate::{
    app::App,
    error::Error,
    http::{
        auth::Allowed,
        cursor,
        extract::Query,
        json::json,
        openapi::{Faults, NotFound, NotSignedIn},
        validate,
    },
    service::{
        self, TutorId, UserId,
        caller::Caller,
        slot_search,
        slot_search::{Found, FoundSlot, RankedTutor, Wanted},
    },
};
use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use garde::Validate;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use std::mem;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// The most slots in a page.
const LONGEST_PAGE: u16 = 2000;

/// How long the JSON of an id in a list is.
const ID_LENGTH: usize = 39;

/// A slot of one or more tutors.
#[derive(Serialize, ToSchema)]
pub struct SharedSlot<'a> {
    #[serde(flatten)]
    slot: Slot,
    /// The tutors who have it, the best first.
    #[schema(value_type = Vec<Uuid>)]
    tutor_ids: Named<'a>,
}

/// The ids of tutors by their places in a list.
struct Named<'a> {
    places: &'a [usize],
    ids: &'a [Box<RawValue>],
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.places.iter().map(|place| &self.ids[*place]))
    }
}

/// A tutor among whom the search was made.
#[derive(Serialize, ToSchema)]
pub struct SlotTutor {
    id: Uuid,
    #[schema(example = "Amara Okafor")]
    name: String,
    /// IANA name of the tutor's zone.
    #[schema(example = "Africa/Lagos")]
    time_zone: String,
    /// How long the tutor teaches already in the window; for admins only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, example = 180, nullable = false)]
    load_minutes: Option<i64>,
    /// How many lessons of the past year, and to come, are with the signed-in person.
    #[schema(minimum = 0, example = 4)]
    lessons_together: u32,
}

impl SlotTutor {
    fn new(ranked: &RankedTutor, caller: &Caller) -> Self {
        let load = ranked.standing.load;
        Self {
            id: ranked.tutor.profile.id.0,
            name: ranked.tutor.profile.name.clone(),
            time_zone: ranked.tutor.profile.time_zone.clone(),
            load_minutes: caller.is_admin().then(|| load.num_minutes()),
            lessons_together: ranked.standing.lessons_together,
        }
    }
}

/// A page of slots.
#[derive(Serialize, ToSchema)]
pub struct SharedSlotPage<'a> {
    /// IANA name of the zone of the local times.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    /// By start, the earliest first.
    items: Vec<SharedSlot<'a>>,
    /// The tutors who stand in `items`, the best first.
    tutors: Vec<SlotTutor>,
    /// Group lessons in the subject, of any of the tutors among whom was searched and of whatever length, that begin in the time
    /// of this page and have a free seat for this person (`join_lesson`), by start; the first 200 (`list_lessons`).
    group_lessons: Vec<GroupLesson>,
    /// Pass it as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// The ids of tutors as JSON. A page names each again and again, so they are written once.
fn written(tutors: &[RankedTutor]) -> Result<Vec<Box<RawValue>>, Error> {
    let ids = tutors.iter().map(|ranked| ranked.tutor.profile.id);
    ids.map(|id| to_raw_value(&id).map_err(Error::internal))
        .collect()
}

/// The slots with the ids of their tutors, and those tutors.
fn listed<'a>(
    found: &'a Found,
    ids: &'a [Box<RawValue>],
    zone: Tz,
    caller: &Caller,
) -> (Vec<SharedSlot<'a>>, Vec<SlotTutor>) {
    let mut stands = vec![false; found.tutors.len()];
    for place in found.slots.iter().flat_map(|(_, places)| places) {
        stands[*place] = true;
    }
    let shared = |(slot, places): &'a FoundSlot| SharedSlot {
        slot: Slot::new(*slot, zone),
        tutor_ids: Named { places, ids },
    };
    let items = found.slots.iter().map(shared).collect();
    let standing = found
        .tutors
        .iter()
        .zip(stands)
        .filter(|(_, stands)| *stands);
    let tutors = standing.map(|(tutor, _)| SlotTutor::new(tutor, caller));
    (items, tutors.collect())
}

/// What decides which of the tutors who have a slot is named first: load and continuity as the centre weighs them,
/// who teaches least in the window, or with whom the signed-in person has had most lessons.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Rank {
    #[default]
    Balanced,
    Load,
    Continuity,
}

impl From<Rank> for slot_search::Rank {
    fn from(rank: Rank) -> Self {
        match rank {
            Rank::Balanced => Self::Balanced,
            Rank::Load => Self::Load,
            Rank::Continuity => Self::Continuity,
        }
    }
}

macro_rules! params {
    ($(#[$doc:meta])* $name:ident { $($window:tt)* }) => {
        $(#[$doc])*
        #[derive(Deserialize, Validate, IntoParams)]
        #[serde(deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub struct $name {
            /// Slug of the subject.
            #[garde(custom(validate::text(1, 64)))]
            #[param(min_length = 1, max_length = 64, example = "mathematics")]
            subject: String,
            /// One of the subject's levels.
            #[garde(custom(validate::optional_text(1, 64)))]
            #[param(min_length = 1, max_length = 64, example = "Bachelor")]
            level: Option<String>,
            /// Only tutors who teach in this language, a BCP 47 tag: `pt` finds `pt-BR` too.
            #[garde(inner(custom(validate::language)))]
            #[param(max_length = 20, pattern = "^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", example = "en")]
            language: Option<String>,
            /// Only these tutors: up to 100 ids, separated by commas.
            #[garde(skip)]
            #[serde(default)]
            #[param(value_type = Option<String>, max_length = 3700, example = "0198c5a0-6f2e-7c3a-9d41-3f8f6a1b2c3d",
                pattern = "^([0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})(,[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}){0,99}$")]
            tutors: TutorIds,
            /// Length of the lesson in minutes; only tutors who offer it.
            #[garde(custom(validate::number(5, 480)))]
            #[param(minimum = 5, maximum = 480, example = 60)]
            minutes: i16,
            /// Which of the tutors who have a slot is named first; `balanced` when left out.
            #[garde(skip)]
            #[serde(default)]
            #[param(inline)]
            rank: Rank,
            /// IANA name of the zone of the local times; that of the account when left out.
            #[garde(custom(validate::optional_time_zone))]
            #[param(max_length = 64, example = "Europe/Berlin")]
            time_zone: Option<String>,
            /// The student for whom it would be: the caller, or somebody whose guardian the caller is; for admins and
            /// third-party apps with a scope for bookings, anybody.
            #[garde(skip)]
            #[param(value_type = Option<Uuid>, nullable = false)]
            student_id: Option<UserId>,
            $($window)*
        }

        impl $name {
            fn wanted(&self) -> Wanted {
                Wanted {
                    subject: self.subject.clone(),
                    level: self.level.clone(),
                    language: self.language.clone(),
                    tutors: self.tutors.0.clone(),
                    minutes: self.minutes,
                    rank: self.rank.into(),
                }
            }
        }
    };
}

params! {
    SearchParams {
        /// Slots that begin at or after this instant.
        #[garde(custom(validate::instant))]
        #[param(example = "2026-11-23T00:00:00Z")]
        from: DateTime<Utc>,
        /// Slots that begin before this instant; at most 62 days after `from`.
        #[garde(custom(validate::instant))]
        #[param(example = "2026-11-30T00:00:00Z")]
        to: DateTime<Utc>,
        /// How many slots at most.
        #[garde(custom(validate::number(1, LONGEST_PAGE)))]
        #[serde(default = "usual_page")]
        #[param(minimum = 1, maximum = 2000, default = 100)]
        limit: u16,
        /// The `next_cursor` of the page before.
        #[garde(custom(validate::optional_text(1, 500)))]
        #[param(min_length = 1, max_length = 500)]
        cursor: Option<String>,
    }
}

params! {
    NextParams {
        /// The slot begins at or after this instant; now when left out.
        #[garde(custom(validate::optional_instant))]
        #[param(example = "2026-11-23T00:00:00Z")]
        from: Option<DateTime<Utc>>,
    }
}

fn usual_page() -> u16 {
    100
}

/// Ids separated by commas.
#[derive(Default, Deserialize)]
#[serde(try_from = "String")]
struct TutorIds(Vec<TutorId>);

impl TryFrom<String> for TutorIds {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let ids = text
            .split(',')
            .map(str::parse)
            .collect::<Result<Vec<_>, _>>();
        match ids {
            Ok(ids) if ids.len() <= 100 => Ok(Self(ids)),
            _ => Err("must be at most 100 ids, separated by commas"),
        }
    }
}

/// Find free times of all tutors of a subject.
///
/// Every slot that the signed-in person could book right now with any visible tutor who offers such a lesson, each with
/// all tutors who have it. By start; among the tutors of a slot the best is first. Beside the slots, the seats that are free in
/// their group lessons.
#[utoipa::path(get, path = "/v1/slots", tag = "tutors", operation_id = "search_slots",
    security(("session" = [])), params(SearchParams),
    responses((status = 200, description = "Slots by start.", body = SharedSlotPage), NotSignedIn, NotFound, Faults))]
pub async fn list(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Query(params): Query<SearchParams>,
) -> Result<Response, Error> {
    let wanted = params.wanted();
    let (time_zone, zone) = zone(&app, params.time_zone, &caller)?;
    let after: Option<DateTime<Utc>> = cursor::read(params.cursor.as_deref())?;
    let (window, limit) = ((params.from, params.to), usize::from(params.limit));
    let whose = (&caller, caller.student(&app, params.student_id).await?);
    let mut found = slot_search::search(&app, whose, &wanted, window, after, limit).await?;
    let group_lessons = mem::take(&mut found.group_lessons);
    let group_lessons = group_lessons.into_iter().map(GroupLesson::from).collect();
    let last = found.slots.last().filter(|_| found.more);
    let next_cursor = last.and_then(|(slot, _)| cursor::write(&slot.start()));
    let ids = written(&found.tutors)?;
    let (items, tutors) = listed(&found, &ids, zone, &caller);
    let named = found.slots.iter().map(|(_, places)| places.len());
    let length = items.len() * slots::LENGTH + named.sum::<usize>() * ID_LENGTH;
    let page = SharedSlotPage {
        time_zone,
        items,
        tutors,
        group_lessons,
        next_cursor,
    };
    json(&page, length)
}

/// The next slot, if there is one.
#[derive(Serialize, ToSchema)]
pub struct NextSlot<'a> {
    /// IANA name of the zone of the local times.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    /// Null where nothing can be booked.
    #[schema(required)]
    slot: Option<SharedSlot<'a>>,
    /// The tutors who have it, the best first.
    tutors: Vec<SlotTutor>,
}

/// Find the next free time of all tutors of a subject.
///
/// The first slot that the signed-in person could book, as far ahead as lessons can be booked.
#[utoipa::path(get, path = "/v1/slots/next", tag = "tutors", operation_id = "next_slot",
    security(("session" = [])), params(NextParams),
    responses((status = 200, description = "The next slot.", body = NextSlot), NotSignedIn, NotFound, Faults))]
pub async fn next(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Query(params): Query<NextParams>,
) -> Result<Response, Error> {
    let wanted = params.wanted();
    let (time_zone, zone) = zone(&app, params.time_zone, &caller)?;
    let from = params.from.unwrap_or(app.clock.now());
    let whose = (&caller, caller.student(&app, params.student_id).await?);
    let found = service::slot_search::next(&app, whose, &wanted, from).await?;
    let ids = written(&found.tutors)?;
    let (items, tutors) = listed(&found, &ids, zone, &caller);
    let next = NextSlot {
        time_zone,
        slot: items.into_iter().next(),
        tutors,
    };
    json(&next, 0)
}
