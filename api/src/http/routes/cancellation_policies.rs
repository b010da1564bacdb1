//! What cancelling means for students.

use crate::{
    app::App,
    error::Error,
    http::{
        auth::{Admin, Allowed},
        etag::{IfMatch, edited, etag},
        extract::{Json, NoQuery, Path, Query},
        object,
        openapi::{BadBody, Faults, Forbidden, NotAdmin, NotFound, NotSignedIn, Precondition},
        problem::Problem,
        validate,
    },
    service::{
        BookingId, TutorId,
        booking::Detail,
        caller::Caller,
        cancellation::{self, Of, Stated},
    },
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, TimeDelta, Utc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What cancelling means for the student: `free`, as if it had never been booked, and credit that paid for it comes back;
/// `credit`, the lesson is owed to the student, who gets its minutes as credit or keeps those that paid for it;
/// `charged`, the lesson counts as taken.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Consequence {
    Free,
    Credit,
    Charged,
}

impl From<cancellation::Consequence> for Consequence {
    fn from(consequence: cancellation::Consequence) -> Self {
        match consequence {
            cancellation::Consequence::Free => Self::Free,
            cancellation::Consequence::Credit => Self::Credit,
            cancellation::Consequence::Charged => Self::Charged,
        }
    }
}

impl From<Consequence> for cancellation::Consequence {
    fn from(consequence: Consequence) -> Self {
        match consequence {
            Consequence::Free => Self::Free,
            Consequence::Credit => Self::Credit,
            Consequence::Charged => Self::Charged,
        }
    }
}

/// A consequence, and until when cancelling has it.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancellationWindow {
    /// Until so many minutes before the lesson begins, and not then any more.
    #[garde(custom(validate::number(0, 43_200)))]
    #[schema(minimum = 0, maximum = 43200, example = 1440)]
    minutes_before: i32,
    #[garde(skip)]
    consequence: Consequence,
}

/// What it means that a student cancels. Whoever else calls a lesson off, it is `free` for the student; and so is cancelling,
/// for 24 hours or until the lesson begins, what somebody else has moved to another time or handed over to another tutor.
/// From the moment on when the tutor is reported absent it is `credit` at worst.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancellationPolicy {
    /// The most lenient first, each ending later than the one before. After the last one it is `charged`.
    #[garde(custom(validate::items(0, 3)), dive)]
    #[serde(deserialize_with = "object::list")]
    #[schema(max_items = 3)]
    windows: Vec<CancellationWindow>,
    /// For so many minutes after booking it is `free` in any case.
    #[garde(custom(validate::number(0, 10_080)))]
    #[schema(minimum = 0, maximum = 10080, example = 15)]
    grace_minutes: i32,
    /// For so many days credit is good that a cancellation or an admin gives.
    #[garde(custom(validate::number(1, 3650)))]
    #[schema(minimum = 1, maximum = 3650, example = 180)]
    credit_days: i32,
}

impl From<cancellation::CancellationPolicy> for CancellationPolicy {
    fn from(policy: cancellation::CancellationPolicy) -> Self {
        let minutes = |length: TimeDelta| i32::try_from(length.num_minutes()).unwrap_or(i32::MAX);
        let windows = policy.rules.windows().iter();
        Self {
            windows: windows
                .map(|window| CancellationWindow {
                    minutes_before: minutes(window.until),
                    consequence: window.consequence.into(),
                })
                .collect(),
            grace_minutes: minutes(policy.rules.grace()),
            credit_days: policy.credit_days,
        }
    }
}

impl CancellationPolicy {
    /// # Errors
    /// [`Error::Invalid`] for windows that are out of order.
    fn read(self) -> Result<cancellation::CancellationPolicy, Error> {
        let windows = self.windows.into_iter().map(|window| cancellation::Window {
            until: TimeDelta::minutes(window.minutes_before.into()),
            consequence: window.consequence.into(),
        });
        let grace = TimeDelta::minutes(self.grace_minutes.into());
        let rules = cancellation::Policy::new(windows.collect(), grace).ok_or_else(|| {
            let detail = "each window must end later, and be worse, than the one before";
            Error::invalid("policy.windows", "out_of_order", detail)
        })?;
        Ok(cancellation::CancellationPolicy {
            rules,
            credit_days: self.credit_days,
        })
    }
}

/// What is said for one tutor, one subject or the centre, and what holds.
#[derive(Serialize, ToSchema)]
pub struct StatedCancellationPolicy {
    /// Null where the more general one holds.
    #[schema(required)]
    own: Option<CancellationPolicy>,
    /// That of the tutor, else of the subject, else of the centre.
    effective: CancellationPolicy,
}

impl From<Stated> for StatedCancellationPolicy {
    fn from(stated: Stated) -> Self {
        Self {
            own: stated.own.map(CancellationPolicy::from),
            effective: stated.effective.into(),
        }
    }
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PolicyParams {
    /// Of this tutor.
    #[garde(skip)]
    #[param(value_type = Option<Uuid>, nullable = false)]
    tutor_id: Option<TutorId>,
    /// Of the subject with this slug. Together with a tutor: what holds for lessons of the subject with the tutor.
    #[garde(custom(validate::optional_text(1, 64)))]
    #[param(min_length = 1, max_length = 64, example = "mathematics")]
    subject: Option<String>,
}

/// What does cancelling mean?
///
/// For lessons of a subject with a tutor, or, where neither is named, in general: the policy of the tutor, else of the
/// subject, else of the centre. What it would mean right now for a booking is answered by `quote_cancellation`.
#[utoipa::path(get, path = "/v1/cancellation-policy", tag = "centre", operation_id = "get_cancellation_policy",
    security(("session" = [])), params(PolicyParams),
    responses((status = 200, description = "The policy.", body = StatedCancellationPolicy, headers(("ETag" = String))),
        NotSignedIn, NotFound, Faults))]
pub async fn get(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Query(PolicyParams { tutor_id, subject }): Query<PolicyParams>,
) -> Result<Response, Error> {
    let of = Of {
        tutor: tutor_id,
        subject,
    };
    let stated = cancellation::policy(&app, &caller, &of).await?;
    let version = stated.version;
    let body = axum::Json(StatedCancellationPolicy::from(stated));
    Ok((etag(version), body).into_response())
}

/// What cancelling is to mean.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCancellationPolicy {
    /// Null or left out: the more general policy is to hold. The centre needs one.
    #[garde(dive)]
    #[serde(default, deserialize_with = "object::optional")]
    policy: Option<CancellationPolicy>,
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PolicyEditParams {
    /// For lessons with this tutor.
    #[garde(skip)]
    #[param(value_type = Option<Uuid>, nullable = false)]
    tutor_id: Option<TutorId>,
    /// For lessons of the subject with this slug. Not together with a tutor.
    #[garde(custom(validate::optional_text(1, 64)))]
    #[param(min_length = 1, max_length = 64, example = "mathematics")]
    subject: Option<String>,
    /// Only tries the edit: it is refused as the edit would be, and nothing is written.
    #[garde(skip)]
    #[serde(default)]
    #[param(default = false)]
    dry_run: bool,
}

/// Replace what cancelling means.
///
/// For admins. For lessons with a tutor, of a subject, or, where neither is named, for all others. It holds for what is
/// cancelled from now on, whenever it was booked.
#[utoipa::path(put, path = "/v1/cancellation-policy", tag = "centre", operation_id = "replace_cancellation_policy",
    security(("session" = [])),
    params(PolicyEditParams, ("If-Match" = String, Header, description = "The ETag of what was read.")),
    request_body = NewCancellationPolicy,
    responses((status = 200, description = "The policy as it is now.", body = StatedCancellationPolicy, headers(("ETag" = String))),
        NotSignedIn, NotAdmin, NotFound, BadBody, Precondition, Faults))]
pub async fn replace(
    State(app): State<App>,
    Admin(holder): Admin,
    if_match: IfMatch,
    Query(params): Query<PolicyEditParams>,
    Json(new): Json<NewCancellationPolicy>,
) -> Result<Response, Error> {
    let caller = Caller::Person(holder.person.clone());
    let of = Of {
        tutor: params.tutor_id,
        subject: params.subject,
    };
    let current = cancellation::policy(&app, &caller, &of).await?.version;
    let version = if_match.choose(current)?;
    let policy = new.policy.map(CancellationPolicy::read).transpose()?;
    let dry_run = params.dry_run;
    let stated = cancellation::replace(&app, &caller, &of, version, policy, dry_run).await?;
    let body = StatedCancellationPolicy::from(stated);
    Ok(edited(version, dry_run, body))
}

/// What cancelling leads to.
#[derive(Serialize, ToSchema)]
pub struct CancellationOutcome {
    consequence: Consequence,
    /// How many minutes of credit the student gets, or gets back.
    #[schema(minimum = 0, example = 60)]
    credit_minutes: i32,
    /// How many minutes of the lesson the student is charged for, outside of here: all of it, unless it is `free` or was
    /// paid for with credit. So the credit for a lesson that nobody paid for is charged for with it.
    /// Null: of what was cancelled before that was written down.
    #[schema(required, minimum = 0, example = 60)]
    charged_minutes: Option<i32>,
}

impl From<cancellation::Outcome> for CancellationOutcome {
    fn from(outcome: cancellation::Outcome) -> Self {
        Self {
            consequence: outcome.consequence.into(),
            credit_minutes: outcome.credit_minutes,
            charged_minutes: Some(outcome.charged_minutes),
        }
    }
}

impl CancellationOutcome {
    /// As it was written down of a booking, if it was.
    pub(super) fn recorded(booking: &Detail) -> Option<Self> {
        let outcome = cancellation::recorded(booking)?;
        Some(Self {
            consequence: outcome.consequence.into(),
            credit_minutes: outcome.credit_minutes,
            charged_minutes: outcome.charged_minutes,
        })
    }
}

/// What cancelling leads to now, and when that becomes worse.
#[derive(Serialize, ToSchema)]
pub struct CancellationQuote {
    now: CancellationOutcome,
    /// From when on it is worse; null where it stays as it is until the lesson begins.
    #[schema(required, example = "2026-11-22T15:00:00Z")]
    changes_at: Option<DateTime<Utc>>,
    /// What it leads to then.
    #[schema(required)]
    then: Option<CancellationOutcome>,
}

/// What would cancelling mean?
///
/// What `cancel_booking` would do now if the same caller cancelled, by the same function; for whoever may cancel.
#[utoipa::path(get, path = "/v1/bookings/{id}/cancellation-quote", tag = "bookings", operation_id = "quote_cancellation",
    security(("session" = [])), params(("id" = Uuid, Path, description = "Id of the booking.")),
    responses((status = 200, description = "What it would mean.", body = CancellationQuote),
        (status = 409, description = "It can't be cancelled, as `cancel_booking` says (`already_cancelled`, `already_declined`, `already_completed`, `already_no_show`, `already_started`, `expired`).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, Forbidden, NotFound, Faults))]
pub async fn quote(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Path(id): Path<BookingId>,
    _: Query<NoQuery>,
) -> Result<axum::Json<CancellationQuote>, Error> {
    let quote = cancellation::quote(&app, &caller, id).await?;
    let (changes_at, then) = quote.change.unzip();
    Ok(axum::Json(CancellationQuote {
        now: quote.outcome.into(),
        changes_at,
        then: then.map(CancellationOutcome::from),
    }))
}
