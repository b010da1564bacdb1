//! When a tutor is there, week by week.
#![allow(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "garde and serde fix these signatures"
)]

use crate::{
    app::App,
    error::Error,
    http::{
        auth::{Allowed, EditedTutor},
        etag::{IfMatch, edited, etag},
        extract::{DryRun, Json, NoQuery, Path, Query},
        local_time, object,
        openapi::{BadBody, Faults, Forbidden, NotFound, NotSignedIn, Precondition},
        validate,
    },
    service::{self, TutorId},
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use chrono::{NaiveDate, NaiveTime};
use garde::Validate;
use scheduling::availability;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A weekly span of availability, by the clock in the tutor's time zone.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WeeklyRule {
    /// The day on which the span begins.
    #[garde(skip)]
    weekday: Weekday,
    /// `HH:MM`.
    #[garde(skip)]
    #[serde(
        serialize_with = "local_time::write",
        deserialize_with = "local_time::read"
    )]
    #[schema(value_type = String, pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$", example = "16:00")]
    local_start: NaiveTime,
    /// `HH:MM`. When it is not after `local_start`, it is on the next day: `00:00` is the midnight that ends the day.
    #[garde(skip)]
    #[serde(
        serialize_with = "local_time::write",
        deserialize_with = "local_time::read"
    )]
    #[schema(value_type = String, pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$", example = "20:00")]
    local_end: NaiveTime,
    /// The first date on which the rule begins a span.
    #[garde(custom(validate::optional_date))]
    #[serde(default)]
    #[schema(example = "2026-09-01")]
    valid_from: Option<NaiveDate>,
    /// The last date on which the rule begins a span.
    #[garde(custom(validate::optional_date), custom(not_before(&self.valid_from)))]
    #[serde(default)]
    #[schema(example = "2027-06-30")]
    valid_until: Option<NaiveDate>,
}

#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

fn not_before(from: &Option<NaiveDate>) -> impl Fn(&Option<NaiveDate>, &()) -> garde::Result + '_ {
    move |until, ()| match (from, until) {
        (Some(from), Some(until)) if until < from => Err(garde::Error::new(
            "before_valid_from: must not be before valid_from",
        )),
        _ => Ok(()),
    }
}

impl From<availability::WeeklyRule> for WeeklyRule {
    fn from(rule: availability::WeeklyRule) -> Self {
        use chrono::Weekday as Day;
        Self {
            weekday: match rule.weekday {
                Day::Mon => Weekday::Monday,
                Day::Tue => Weekday::Tuesday,
                Day::Wed => Weekday::Wednesday,
                Day::Thu => Weekday::Thursday,
                Day::Fri => Weekday::Friday,
                Day::Sat => Weekday::Saturday,
                Day::Sun => Weekday::Sunday,
            },
            local_start: rule.start,
            local_end: rule.end,
            valid_from: rule.valid_from,
            valid_until: rule.valid_until,
        }
    }
}

impl From<WeeklyRule> for availability::WeeklyRule {
    fn from(rule: WeeklyRule) -> Self {
        use chrono::Weekday as Day;
        Self {
            weekday: match rule.weekday {
                Weekday::Monday => Day::Mon,
                Weekday::Tuesday => Day::Tue,
                Weekday::Wednesday => Day::Wed,
                Weekday::Thursday => Day::Thu,
                Weekday::Friday => Day::Fri,
                Weekday::Saturday => Day::Sat,
                Weekday::Sunday => Day::Sun,
            },
            start: rule.local_start,
            end: rule.local_end,
            valid_from: rule.valid_from,
            valid_until: rule.valid_until,
        }
    }
}

/// All weekly rules of a tutor.
#[derive(Serialize, ToSchema)]
pub struct WeeklyRuleList {
    /// IANA name of the zone in which the rules are meant.
    #[schema(example = "Africa/Lagos")]
    time_zone: String,
    items: Vec<WeeklyRule>,
}

impl WeeklyRuleList {
    fn new(time_zone: String, rules: Vec<availability::WeeklyRule>) -> Self {
        Self {
            time_zone,
            items: rules.into_iter().map(WeeklyRule::from).collect(),
        }
    }
}

/// List when a tutor is there.
///
/// A tutor without rules is never free. At most 100 rules, so there are no pages.
#[utoipa::path(get, path = "/v1/tutors/{id}/weekly-rules", tag = "tutors", operation_id = "list_weekly_rules",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the tutor.")),
    responses((status = 200, description = "All weekly rules.", body = WeeklyRuleList, headers(("ETag" = String))),
        NotSignedIn, NotFound, Faults))]
pub async fn list(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<TutorId>,
    _: Query<NoQuery>,
) -> Result<Response, Error> {
    let profile = service::tutor::profile(&app, &caller, id).await?;
    let rules = service::weekly_rule::list(&app, id).await?;
    let list = WeeklyRuleList::new(profile.time_zone, rules);
    Ok((etag(profile.version), axum::Json(list)).into_response())
}

/// All weekly rules that a tutor is to have.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWeeklyRules {
    #[garde(custom(validate::items(0, 100)), dive)]
    #[serde(deserialize_with = "object::list")]
    #[schema(max_items = 100)]
    rules: Vec<WeeklyRule>,
}

/// Replace when I am there.
///
/// All rules at once. Two rules that overlap are refused, and named. Lessons that are booked stay.
#[utoipa::path(put, path = "/v1/tutors/{id}/weekly-rules", tag = "tutors", operation_id = "replace_weekly_rules",
    security(("session" = [])),
    params(("id" = Uuid, Path, description = "Id of the tutor."),
        ("If-Match" = String, Header, description = "The ETag of what was read."), DryRun),
    request_body = NewWeeklyRules,
    responses((status = 200, description = "All weekly rules as they are now.", body = WeeklyRuleList, headers(("ETag" = String))),
        NotSignedIn, Forbidden, NotFound, BadBody, Precondition, Faults))]
pub async fn replace(
    State(app): State<App>,
    tutor: EditedTutor,
    if_match: IfMatch,
    Query(DryRun { dry_run }): Query<DryRun>,
    Json(new): Json<NewWeeklyRules>,
) -> Result<Response, Error> {
    let version = if_match.choose(tutor.version)?;
    let rules: Vec<_> = new
        .rules
        .into_iter()
        .map(availability::WeeklyRule::from)
        .collect();
    let rules = service::weekly_rule::replace(&app, tutor.id, version, &rules, dry_run).await?;
    let profile = service::tutor::profile(&app, &tutor.caller, tutor.id).await?;
    let list = WeeklyRuleList::new(profile.time_zone, rules);
    Ok(edited(version, dry_run, list))
}
