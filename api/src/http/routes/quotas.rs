//! How much students may book.

use super::bookings::no_student;
use crate::{
    app::App,
    error::Error,
    http::{
        auth::{Admin, Allowed},
        etag::{IfMatch, edited, etag},
        extract::{DryRun, Json, Query},
        openapi::{BadBody, Faults, NotAdmin, NotFound, NotSignedIn, Precondition},
        problem::Problem,
        validate,
    },
    service::{
        UserId,
        caller::Caller,
        quota::{self, OwnQuota, Standing},
    },
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// What is said for one student; what is null is as the centre has it.
#[derive(Serialize, ToSchema)]
pub struct StudentQuota {
    /// How many bookings of lessons that are not over.
    #[schema(required, minimum = 0, maximum = 1000, example = 5)]
    max_active_bookings: Option<i32>,
    /// Minutes of lessons that begin in one ISO week of the centre's calendar, Monday to Sunday.
    #[schema(required, minimum = 0, maximum = 10080, example = 180)]
    weekly_minutes: Option<i32>,
    /// Minutes of lessons that begin in one term.
    #[schema(required, minimum = 0, maximum = 527_040, example = 1800)]
    term_minutes: Option<i32>,
}

impl From<OwnQuota> for StudentQuota {
    fn from(own: OwnQuota) -> Self {
        Self {
            max_active_bookings: own.max_active_bookings,
            weekly_minutes: own.weekly_minutes,
            term_minutes: own.term_minutes,
        }
    }
}

/// How much there may be, and is; what is held or requested counts.
#[derive(Serialize, ToSchema)]
pub struct QuotaUsage {
    /// Null: any amount.
    #[schema(required, minimum = 0, example = 180)]
    limit: Option<i64>,
    #[schema(minimum = 0, example = 60)]
    used: i64,
}

/// What a student may book, and has.
#[derive(Serialize, ToSchema)]
pub struct QuotaStanding {
    /// Bookings of lessons that are not over.
    active_bookings: QuotaUsage,
    /// Minutes of lessons that begin in the week.
    weekly_minutes: QuotaUsage,
    /// The start of the week, on Monday by the clock of the centre.
    #[schema(example = "2026-11-22T23:00:00Z")]
    week_start: DateTime<Utc>,
    /// Minutes of lessons that begin in the term; where there is none, nothing counts.
    term_minutes: QuotaUsage,
    /// Name of the term; null: there is none then.
    #[schema(required, example = "Autumn 2026")]
    term: Option<String>,
    /// What is said for this student.
    own: StudentQuota,
}

impl From<Standing> for QuotaStanding {
    fn from(standing: Standing) -> Self {
        let Standing { limits, used, .. } = standing;
        let usage = |limit, used| QuotaUsage { limit, used };
        Self {
            active_bookings: usage(limits.active_bookings, used.active_bookings),
            weekly_minutes: usage(limits.weekly_minutes, used.weekly_minutes),
            week_start: standing.week.start(),
            term_minutes: usage(limits.term_minutes, used.term_minutes),
            term: standing.term.map(|term| term.name),
            own: standing.own.into(),
        }
    }
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QuotaParams {
    /// Of this student: the caller, or somebody whose guardian the caller is; for admins, anybody. Third-party apps must
    /// say.
    #[garde(skip)]
    #[param(value_type = Option<Uuid>, nullable = false)]
    student_id: Option<UserId>,
    /// In the week and the term of this instant; left out, of now.
    #[garde(custom(validate::optional_instant))]
    #[param(example = "2026-11-23T15:00:00Z")]
    at: Option<DateTime<Utc>>,
}

/// How much may a student book?
///
/// What holds for the student, by the centre's policy or by what is said for this one, and how much of it is used.
#[utoipa::path(get, path = "/v1/quota", tag = "bookings", operation_id = "get_quota",
    security(("session" = [])), params(QuotaParams),
    responses((status = 200, description = "What the student may book, and has.", body = QuotaStanding, headers(("ETag" = String))),
        (status = 403, description = "The key is limited to some tutors or subjects (`insufficient_scope`), or has no such scope.",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, NotFound, Faults))]
pub async fn get(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Query(params): Query<QuotaParams>,
) -> Result<Response, Error> {
    let student = caller.student(&app, params.student_id).await?;
    let student = student.ok_or_else(no_student)?;
    let standing = quota::get(&app, &caller, student, params.at).await?;
    let version = standing.version;
    Ok((etag(version), axum::Json(QuotaStanding::from(standing))).into_response())
}

/// What is to hold for one student; what is null or left out is as the centre has it.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStudentQuota {
    #[garde(skip)]
    student_id: Uuid,
    /// How many bookings of lessons that are not over.
    #[garde(inner(custom(validate::number(0, 1000))))]
    #[schema(minimum = 0, maximum = 1000, example = 5)]
    max_active_bookings: Option<i32>,
    /// Minutes of lessons that begin in one ISO week of the centre's calendar, Monday to Sunday.
    #[garde(inner(custom(validate::number(0, 10_080))))]
    #[schema(minimum = 0, maximum = 10080, example = 180)]
    weekly_minutes: Option<i32>,
    /// Minutes of lessons that begin in one term.
    #[garde(inner(custom(validate::number(0, 527_040))))]
    #[schema(minimum = 0, maximum = 527_040, example = 1800)]
    term_minutes: Option<i32>,
}

/// Replace what is said for a student.
///
/// For admins. What is null or left out is as the centre has it. What is booked stays.
#[utoipa::path(put, path = "/v1/quota", tag = "bookings", operation_id = "replace_quota",
    security(("session" = [])),
    params(("If-Match" = String, Header, description = "The ETag of what was read of the student."), DryRun),
    request_body = NewStudentQuota,
    responses((status = 200, description = "What the student may book now, and has.", body = QuotaStanding, headers(("ETag" = String))),
        NotSignedIn, NotAdmin, NotFound, BadBody, Precondition, Faults))]
pub async fn replace(
    State(app): State<App>,
    Admin(holder): Admin,
    if_match: IfMatch,
    Query(DryRun { dry_run }): Query<DryRun>,
    Json(new): Json<NewStudentQuota>,
) -> Result<Response, Error> {
    let caller = Caller::Person(holder.person.clone());
    let student = caller.student(&app, Some(UserId(new.student_id))).await?;
    let student = student.ok_or_else(no_student)?;
    let version = if_match.choose(quota::get(&app, &caller, student, None).await?.version)?;
    let own = OwnQuota {
        max_active_bookings: new.max_active_bookings,
        weekly_minutes: new.weekly_minutes,
        term_minutes: new.term_minutes,
    };
    let standing = quota::replace_own(&app, student, version, &own, dry_run).await?;
    Ok(edited(version, dry_run, QuotaStanding::from(standing)))
}
