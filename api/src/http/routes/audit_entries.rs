//! Who changed what.

use crate::{
    app::App,
    error::Error,
    http::{
        auth::Admin,
        cursor::{self, LONGEST_PAGE, usual_page},
        extract::Query,
        openapi::{Faults, NotAdmin, NotSignedIn},
        validate,
    },
    service::{self, audit_entry::Filter},
};
use axum::extract::State;
use chrono::{DateTime, Utc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// A change, or several of one kind that one statement made to one subject.
#[derive(Serialize, ToSchema)]
pub struct AuditEntry {
    #[schema(example = 4711)]
    id: i64,
    /// When it was made.
    #[schema(example = "2026-11-23T15:00:00Z")]
    at: DateTime<Utc>,
    actor: AuditActor,
    /// The operationId of the request, the kind of the job, or the name of the command; null: by SQL.
    #[schema(required, example = "edit_tutor")]
    operation: Option<String>,
    subject: AuditSubject,
    /// The table in which rows changed.
    #[schema(example = "tutors")]
    table: String,
    /// `insert`, `update`, `delete`, or `truncate`: of all rows at once.
    #[schema(example = "update")]
    action: String,
    /// Of an update, the columns that changed as they were, and those that tell the row from others of the subject; of
    /// a delete, the rows without their empty columns. Null where there was nothing, and where a person was forgotten.
    /// Secrets are never recorded.
    #[schema(required, value_type = Option<Vec<Object>>, example = json!([{"bio": "Patient."}]))]
    before: Option<Value>,
    /// The same of an update as they are since, or the rows that were inserted.
    #[schema(required, value_type = Option<Vec<Object>>, example = json!([{"bio": "Very patient."}]))]
    after: Option<Value>,
    /// The client address from which it was asked for; null: not by a request.
    #[schema(required, example = "192.0.2.7")]
    address: Option<String>,
    /// The `x-request-id` of the request, cut to 128 characters.
    #[schema(required, example = "0198c5a0-6f2e-7c3a-9d41-3f8f6a1b2c3d")]
    request_id: Option<String>,
}

/// Who made a change.
#[derive(Serialize, ToSchema)]
struct AuditActor {
    /// `person`; `key`, a third-party app; `job`, the server by itself; or `operator`, at the command line or by SQL.
    #[schema(example = "person")]
    kind: String,
    /// Of a person or key; null: a person who was only just signing in.
    #[schema(required, example = "0198c5a0-6f2e-7c3a-9d41-3f8f6a1b2c3d")]
    id: Option<Uuid>,
    /// Of a person who still has an account, or of the app of a key.
    #[schema(required, example = "Amara Okafor")]
    name: Option<String>,
}

/// What a change is about.
#[derive(Serialize, ToSchema)]
struct AuditSubject {
    /// Such as `tutor`, `user`, `booking`, `subject`, `centre`, `holiday_calendar`.
    #[schema(example = "tutor")]
    kind: String,
    /// Null where there is but one, or all are meant.
    #[schema(required, example = "0198c5a0-6f2e-7c3a-9d41-3f8f6a1b2c3d")]
    id: Option<Uuid>,
}

impl From<service::audit_entry::AuditEntry> for AuditEntry {
    fn from(entry: service::audit_entry::AuditEntry) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            actor: AuditActor {
                kind: entry.actor_kind,
                id: entry.actor_id,
                name: entry.actor_name,
            },
            operation: entry.operation,
            subject: AuditSubject {
                kind: entry.subject_kind,
                id: entry.subject_id,
            },
            table: entry.table_name,
            action: entry.action,
            before: entry.before,
            after: entry.after,
            address: entry.address,
            request_id: entry.request_id,
        }
    }
}

/// A page of audit entries.
#[derive(Serialize, ToSchema)]
pub struct AuditEntryPage {
    items: Vec<AuditEntry>,
    /// Pass it as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// What changes may be about: what the triggers of tables are told.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SubjectKind {
    Booking,
    Centre,
    HolidayCalendar,
    Invitation,
    Lesson,
    Subject,
    ThirdPartyApp,
    Tutor,
    User,
}

impl SubjectKind {
    fn name(self) -> &'static str {
        match self {
            Self::Booking => "booking",
            Self::Centre => "centre",
            Self::HolidayCalendar => "holiday_calendar",
            Self::Invitation => "invitation",
            Self::Lesson => "lesson",
            Self::Subject => "subject",
            Self::ThirdPartyApp => "third_party_app",
            Self::Tutor => "tutor",
            Self::User => "user",
        }
    }
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditEntryParams {
    /// Only what this person or key did.
    #[garde(skip)]
    actor_id: Option<Uuid>,
    /// Only what is about such things.
    #[garde(skip)]
    #[param(inline, example = "tutor")]
    subject_kind: Option<SubjectKind>,
    /// Only what is about this.
    #[garde(skip)]
    subject_id: Option<Uuid>,
    /// Only what this operation, job or command did.
    #[garde(custom(validate::optional_text(1, 64)))]
    #[param(min_length = 1, max_length = 64, example = "edit_tutor")]
    operation: Option<String>,
    /// Only what this request did.
    #[garde(custom(validate::optional_text(1, 128)))]
    #[param(min_length = 1, max_length = 128)]
    request_id: Option<String>,
    /// Only what was done at this instant or later.
    #[garde(custom(validate::optional_instant))]
    #[param(example = "2026-11-23T00:00:00Z")]
    from: Option<DateTime<Utc>>,
    /// Only what was done before this instant.
    #[garde(custom(validate::optional_instant))]
    #[param(example = "2027-11-30T00:00:00Z")]
    to: Option<DateTime<Utc>>,
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

/// List who changed what.
///
/// For admins. The newest first. Entries are written in the transaction that makes the change, whoever makes it, can't
/// be edited, and are kept for a configured time.
#[utoipa::path(get, path = "/v1/audit-entries", tag = "audit", operation_id = "list_audit_entries",
    security(("session" = [])), params(AuditEntryParams),
    responses((status = 200, description = "Entries, the newest first.", body = AuditEntryPage), NotSignedIn, NotAdmin, Faults))]
pub async fn list(
    State(app): State<App>,
    _: Admin,
    Query(params): Query<AuditEntryParams>,
) -> Result<axum::Json<AuditEntryPage>, Error> {
    let filter = Filter {
        actor_id: params.actor_id,
        subject_kind: params.subject_kind.map(SubjectKind::name),
        subject_id: params.subject_id,
        operation: params.operation,
        request_id: params.request_id,
        from: params.from,
        until: params.to,
        after: cursor::read(params.cursor.as_deref())?,
        limit: params.limit + 1,
    };
    let found = service::audit_entry::list(&app, filter).await?;
    let (items, next_cursor) = cursor::page(found, params.limit, |entry| (entry.at, entry.id));
    Ok(axum::Json(AuditEntryPage {
        items: items.into_iter().map(AuditEntry::from).collect(),
        next_cursor,
    }))
}
