//! Credit of students, in minutes of lessons.

use super::{bookings::no_student, offers::SubjectName};
use crate::{
    app::App,
    error::Error,
    http::{
        auth::{Admin, Allowed},
        cursor::{self, LONGEST_PAGE, usual_page},
        extract::{Json, NoQuery, Query},
        idempotency::{IdempotencyHeader, IdempotencyKey, Kept},
        openapi::{BadBody, Faults, NotAdmin, NotFound, NotSignedIn},
        problem::Problem,
        validate,
    },
    service::{
        self, UserId,
        credit::{Change, ChangeKind, Entry, Lot},
        idempotency::{Claim, Reply},
    },
};
use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Credit of one subject.
#[derive(Serialize, ToSchema)]
pub struct Credit {
    subject: SubjectName,
    /// Minutes of lessons of the subject, with any tutor.
    #[schema(minimum = 0, example = 90)]
    minutes: i64,
    /// What expires first is used first.
    lots: Vec<CreditLot>,
}

/// Credit that expires at one time.
#[derive(Serialize, ToSchema)]
pub struct CreditLot {
    #[schema(minimum = 1, example = 60)]
    minutes: i32,
    /// Until when, and not then, lessons can be booked with it; they may be later.
    #[schema(example = "2027-05-20T09:00:00Z")]
    expires_at: DateTime<Utc>,
}

/// All credit of a student.
#[derive(Serialize, ToSchema)]
pub struct Credits {
    /// By subject; those of which there is any.
    items: Vec<Credit>,
}

impl From<Vec<Lot>> for Credits {
    fn from(lots: Vec<Lot>) -> Self {
        let mut items: Vec<Credit> = Vec::new();
        for lot in lots {
            let (minutes, expires_at) = (lot.minutes, lot.expires_at);
            let is_same = |credit: &&mut Credit| credit.subject.slug == lot.subject_slug;
            let new = CreditLot {
                minutes,
                expires_at,
            };
            if let Some(credit) = items.last_mut().filter(is_same) {
                credit.minutes += i64::from(minutes);
                credit.lots.push(new);
                continue;
            }
            items.push(Credit {
                subject: SubjectName {
                    slug: lot.subject_slug,
                    name: lot.subject_name,
                },
                minutes: minutes.into(),
                lots: vec![new],
            });
        }
        Self { items }
    }
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CreditParams {
    /// Of this student: the caller, or somebody whose guardian the caller is; for admins, anybody. Third-party apps must
    /// say.
    #[garde(skip)]
    #[param(value_type = Option<Uuid>, nullable = false)]
    student_id: Option<UserId>,
}

/// List credit.
///
/// What a student can book lessons with, now: `pay_with` in `create_booking`. At most 1,000 times of expiry, so there are
/// no pages.
#[utoipa::path(get, path = "/v1/credits", tag = "credit", operation_id = "list_credits",
    security(("session" = [])), params(CreditParams),
    responses((status = 200, description = "Credit by subject.", body = Credits),
        (status = 403, description = "The key is limited to some tutors (`insufficient_scope`), or has no such scope.",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, NotFound, Faults))]
pub async fn list(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Query(params): Query<CreditParams>,
) -> Result<axum::Json<Credits>, Error> {
    let student = caller.student(&app, params.student_id).await?;
    let student = student.ok_or_else(no_student)?;
    let lots = service::credit::lots(&app, &caller, student).await?;
    Ok(axum::Json(lots.into()))
}

/// A transfer of credit from one account to another.
#[derive(Serialize, ToSchema)]
pub struct CreditEntry {
    #[schema(example = 42)]
    id: i64,
    at: DateTime<Utc>,
    subject: SubjectName,
    from: Account,
    to: Account,
    #[schema(minimum = 1, example = 60)]
    minutes: i32,
    /// When the credit expires, or has.
    expires_at: DateTime<Utc>,
    /// The booking that it paid for, or that it was given for.
    #[schema(required)]
    booking_id: Option<Uuid>,
    /// Of what an admin did.
    #[schema(required, example = "The tutor was ill.")]
    reason: Option<String>,
}

/// Where credit is: `issued`, it comes from there; `student`, the student has it; `used` for a booking; `expired`;
/// `withdrawn` by the centre.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CreditAccount)]
enum Account {
    Issued,
    Student,
    Used,
    Expired,
    Withdrawn,
}

impl Account {
    fn named(name: &str) -> Self {
        match name {
            "issued" => Self::Issued,
            "used" => Self::Used,
            "expired" => Self::Expired,
            "withdrawn" => Self::Withdrawn,
            _ => Self::Student,
        }
    }
}

impl From<Entry> for CreditEntry {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id,
            at: entry.created_at,
            subject: SubjectName {
                slug: entry.subject_slug,
                name: entry.subject_name,
            },
            from: Account::named(&entry.from_account),
            to: Account::named(&entry.to_account),
            minutes: entry.minutes,
            expires_at: entry.expires_at,
            booking_id: entry.booking_id.map(|id| id.0),
            reason: entry.reason,
        }
    }
}

/// A page of the ledger.
#[derive(Serialize, ToSchema)]
pub struct CreditEntryPage {
    items: Vec<CreditEntry>,
    /// Pass it as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CreditEntryParams {
    /// Of this student: the caller, or somebody whose guardian the caller is; for admins, anybody. Third-party apps must
    /// say.
    #[garde(skip)]
    #[param(value_type = Option<Uuid>, nullable = false)]
    student_id: Option<UserId>,
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

/// List transfers of credit.
///
/// The newest first. Nothing is ever changed in the ledger: what is undone is transferred back. That credit has expired is
/// written down within an hour.
#[utoipa::path(get, path = "/v1/credits/entries", tag = "credit", operation_id = "list_credit_entries",
    security(("session" = [])), params(CreditEntryParams),
    responses((status = 200, description = "Transfers, the newest first.", body = CreditEntryPage),
        (status = 403, description = "The key is limited to some tutors (`insufficient_scope`), or has no such scope.",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, NotFound, Faults))]
pub async fn entries(
    State(app): State<App>,
    Allowed(caller): Allowed,
    Query(params): Query<CreditEntryParams>,
) -> Result<axum::Json<CreditEntryPage>, Error> {
    let after = cursor::read(params.cursor.as_deref())?;
    let student = caller.student(&app, params.student_id).await?;
    let student = student.ok_or_else(no_student)?;
    let limit = params.limit + 1;
    let found = service::credit::entries(&app, &caller, student, after, limit).await?;
    let (items, next_cursor) = cursor::page(found, params.limit, |entry| entry.id);
    Ok(axum::Json(CreditEntryPage {
        items: items.into_iter().map(CreditEntry::from).collect(),
        next_cursor,
    }))
}

/// What is done with credit.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Grant,
    Withdraw,
}

/// A grant of credit, or a withdrawal.
#[derive(Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCreditChange {
    #[garde(skip)]
    student_id: Uuid,
    /// Slug of a subject.
    #[garde(custom(validate::text(1, 64)))]
    #[schema(min_length = 1, max_length = 64, example = "mathematics")]
    subject: String,
    #[garde(skip)]
    #[schema(inline)]
    kind: Kind,
    #[garde(custom(validate::number(1, 60_000)))]
    #[schema(minimum = 1, maximum = 60000, example = 60)]
    minutes: i32,
    /// Until when what is granted is good; left out, for the `credit_days` of the cancellation policy.
    #[garde(custom(validate::optional_instant))]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2027-05-20T09:00:00Z")]
    expires_at: Option<DateTime<Utc>>,
    /// For the student and admins to read.
    #[garde(custom(validate::text(1, 500)))]
    #[schema(min_length = 1, max_length = 500, example = "The tutor was ill.")]
    reason: String,
}

/// Grant or withdraw credit.
///
/// For admins. What is withdrawn is taken from what expires first; there is never less than none.
#[utoipa::path(post, path = "/v1/credits", tag = "credit", operation_id = "change_credit",
    security(("session" = [])), params(IdempotencyHeader), request_body = NewCreditChange,
    responses((status = 200, description = "What the student has of the subject now.", body = Credits),
        (status = 409, description = "The student does not have as much (`insufficient_credit`), or the first request with this Idempotency-Key is still being answered (`request_in_progress`: repeat it after Retry-After).",
            body = Problem, content_type = "application/problem+json"),
        NotSignedIn, NotAdmin, NotFound, BadBody, Faults))]
pub async fn change(
    State(app): State<App>,
    Admin(holder): Admin,
    key: IdempotencyKey,
    _: Query<NoQuery>,
    Json(new): Json<NewCreditChange>,
) -> Result<Response, Error> {
    let request = serde_json::json!(["change_credit", &new]);
    let work = |claim| Box::pin(make(app.clone(), new, claim));
    key.once(&app, holder.user_id.0, &request, work).await
}

async fn make(app: App, new: NewCreditChange, claim: Option<Claim>) -> Result<Response, Error> {
    let kind = match (new.kind, new.expires_at) {
        (Kind::Grant, expires_at) => ChangeKind::Grant { expires_at },
        (Kind::Withdraw, None) => ChangeKind::Withdraw,
        (Kind::Withdraw, Some(_)) => {
            let detail = "is said of what is granted only";
            return Err(Error::invalid("expires_at", "not_allowed", detail));
        }
    };
    let change = Change {
        student: UserId(new.student_id),
        subject: new.subject,
        minutes: new.minutes,
        kind,
        reason: new.reason,
    };
    let answer = |lots: Vec<Lot>| Kept::outcome(Credits::from(lots));
    let reply = Reply { answer, claim };
    service::credit::change(&app, change, reply)
        .await?
        .response()
}
