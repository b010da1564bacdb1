//! What cancelling means: of the centre, and of subjects and tutors that differ from it.

use ::entity::id::{BookingId, SubjectId, TutorId};
use chrono::TimeDelta;
use scheduling::cancellation::{self, Consequence, Window};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, raw_sql};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What cancelling means, and for how long credit is good that it gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancellationPolicy {
    pub rules: cancellation::Policy,
    pub credit_days: i32,
}

/// Whose policy: that of a tutor, else of a subject, else of the centre.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whose {
    pub tutor: Option<TutorId>,
    pub subject: Option<SubjectId>,
}

/// The version of what nobody has edited.
const NEVER_EDITED: i32 = 1;

#[derive(Serialize, Deserialize)]
struct WindowRow {
    minutes_before: i64,
    consequence: String,
}

#[derive(FromQueryResult)]
struct Row {
    windows: Value,
    grace_minutes: i32,
    credit_days: i32,
}

impl Row {
    fn policy(self) -> Result<CancellationPolicy, DbErr> {
        let unreadable = || DbErr::Type("windows of a cancellation policy".to_owned());
        let rows: Vec<WindowRow> =
            serde_json::from_value(self.windows).map_err(|_| unreadable())?;
        let windows = rows.into_iter().map(|row| {
            Some(Window {
                until: TimeDelta::try_minutes(row.minutes_before)?,
                consequence: Consequence::named(&row.consequence)?,
            })
        });
        let windows: Option<Vec<_>> = windows.collect();
        let grace = TimeDelta::minutes(self.grace_minutes.into());
        let rules = windows.and_then(|windows| cancellation::Policy::new(windows, grace));
        Ok(CancellationPolicy {
            rules: rules.ok_or_else(unreadable)?,
            credit_days: self.credit_days,
        })
    }
}

/// The most particular policy that there is for lessons of this subject with this tutor.
pub async fn effective(
    db: &impl ConnectionTrait,
    Whose { tutor, subject }: Whose,
) -> Result<CancellationPolicy, DbErr> {
    let row = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT windows, grace_minutes, credit_days FROM cancellation_policies
           WHERE windows IS NOT NULL
             AND (tutor_id = {tutor} OR subject_id = {subject} OR num_nonnulls(tutor_id, subject_id) = 0)
           ORDER BY tutor_id IS NULL, subject_id IS NULL LIMIT 1"#
    ));
    found(row.one(db).await?)
}

/// The policy that holds for a booking.
pub async fn of_booking(
    db: &impl ConnectionTrait,
    id: BookingId,
) -> Result<CancellationPolicy, DbErr> {
    let row = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT windows, grace_minutes, credit_days
           FROM bookings JOIN lessons ON lessons.id = lesson_id
           JOIN cancellation_policies AS policies
             ON policies.tutor_id = lessons.tutor_id OR policies.subject_id = lessons.subject_id
                OR num_nonnulls(policies.tutor_id, policies.subject_id) = 0
           WHERE bookings.id = {id} AND windows IS NOT NULL
           ORDER BY policies.tutor_id IS NULL, policies.subject_id IS NULL LIMIT 1"#
    ));
    found(row.one(db).await?)
}

fn found(row: Option<Row>) -> Result<CancellationPolicy, DbErr> {
    row.ok_or_else(|| DbErr::RecordNotFound("cancellation policy of the centre".to_owned()))?
        .policy()
}

/// What is said for exactly this tutor, subject or centre, if anything, and the version of that; 1: nothing was ever edited.
pub async fn own(
    db: &impl ConnectionTrait,
    Whose { tutor, subject }: Whose,
) -> Result<(Option<CancellationPolicy>, i32), DbErr> {
    #[derive(FromQueryResult)]
    struct Own {
        windows: Option<Value>,
        grace_minutes: i32,
        credit_days: i32,
        version: i32,
    }
    let row = Own::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT windows, grace_minutes, credit_days, version FROM cancellation_policies
           WHERE tutor_id IS NOT DISTINCT FROM {tutor} AND subject_id IS NOT DISTINCT FROM {subject}"#
    ))
    .one(db)
    .await?;
    let Some(row) = row else {
        return Ok((None, NEVER_EDITED));
    };
    let policy = row.windows.map(|windows| Row {
        windows,
        grace_minutes: row.grace_minutes,
        credit_days: row.credit_days,
    });
    Ok((policy.map(Row::policy).transpose()?, row.version))
}

/// Replaces what is said for exactly this tutor, subject or centre, if it is still at `version`; whether it was. None:
/// the more general policy is to hold.
pub async fn replace(
    txn: &impl ConnectionTrait,
    Whose { tutor, subject }: Whose,
    version: i32,
    policy: Option<&CancellationPolicy>,
) -> Result<bool, DbErr> {
    let windows = policy.map(|policy| {
        let windows = policy.rules.windows().iter();
        let windows = windows.map(|window| WindowRow {
            minutes_before: window.until.num_minutes(),
            consequence: window.consequence.name().to_owned(),
        });
        serde_json::to_value(windows.collect::<Vec<_>>())
    });
    let windows = windows
        .transpose()
        .map_err(|error| DbErr::Json(error.to_string()))?;
    let grace = policy.map_or(0, |policy| policy.rules.grace().num_minutes());
    let credit_days = policy.map_or(180, |policy| policy.credit_days);
    // The centre's is there from the beginning.
    let is_of_centre = tutor.is_none() && subject.is_none();
    let statement = if version == NEVER_EDITED && !is_of_centre {
        raw_sql!(
            Postgres,
            r#"INSERT INTO cancellation_policies (tutor_id, subject_id, windows, grace_minutes, credit_days, version)
               VALUES ({tutor}, {subject}, {windows}, {grace}::bigint, {credit_days}, {version} + 1)
               ON CONFLICT ON CONSTRAINT cancellation_policies_of_key DO NOTHING"#
        )
    } else {
        raw_sql!(
            Postgres,
            r#"UPDATE cancellation_policies
               SET windows = {windows}, grace_minutes = {grace}::bigint, credit_days = {credit_days}, version = version + 1
               WHERE tutor_id IS NOT DISTINCT FROM {tutor} AND subject_id IS NOT DISTINCT FROM {subject}
                 AND version = {version}"#
        )
    };
    Ok(txn.execute_raw(statement).await?.rows_affected() == 1)
}
