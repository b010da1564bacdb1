//! Taking a person out of what the centre keeps.

use ::entity::id::{BookingId, InvitationId, LessonId, UserId};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, raw_sql};
use uuid::Uuid;

/// A user to be erased, of whom nobody else writes anything until the end of the transaction.
#[derive(FromQueryResult)]
pub struct Locked {
    pub version: i32,
    pub erased_at: Option<DateTime<Utc>>,
    /// In lower case: all by which the person was ever written to.
    pub addresses: Vec<String>,
}

pub async fn lock(txn: &impl ConnectionTrait, id: UserId) -> Result<Option<Locked>, DbErr> {
    Locked::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT version, erased_at,
                  ARRAY(SELECT lower(users.email) UNION SELECT lower(email) FROM identities WHERE user_id = users.id) AS addresses
           FROM users WHERE id = {id} FOR UPDATE OF users"#
    ))
    .one(txn)
    .await
}

/// Whether lessons of this tutor are yet to begin.
pub async fn has_lessons_ahead(
    txn: &impl ConnectionTrait,
    id: UserId,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let found = txn
        .query_one_raw(raw_sql!(
            Postgres,
            r#"SELECT FROM lessons JOIN tutors ON tutors.id = tutor_id
               WHERE user_id = {id} AND status <> 'cancelled' AND starts_at > {now}
                 AND (expires_at IS NULL OR expires_at > {now}) LIMIT 1"#
        ))
        .await?;
    Ok(found.is_some())
}

/// A booking that ended with its student.
#[derive(FromQueryResult)]
pub struct Cancelled {
    pub id: BookingId,
    pub lesson_id: LessonId,
    /// 0: it is not paid for by credit.
    pub paid_credit_minutes: i32,
}

/// Cancels the bookings of this student that are yet to begin, as the student does.
pub async fn cancel_bookings_ahead(
    txn: &impl ConnectionTrait,
    id: UserId,
    now: DateTime<Utc>,
) -> Result<Vec<Cancelled>, DbErr> {
    Cancelled::find_by_statement(raw_sql!(
        Postgres,
        r#"UPDATE bookings SET status = 'cancelled', cancelled_at = {now}, cancelled_by = {id},
               expires_at = NULL, version = version + 1, updated_at = {now}
           WHERE student_id = {id} AND occupies AND starts_at > {now} AND reserved_for IS NULL
           RETURNING id, lesson_id, paid_credit_minutes"#
    ))
    .all(txn)
    .await
}

/// Deletes what says who the person is and how they signed in, what they may do and for whom, and the answers that are
/// kept for repetitions and tell of them.
pub async fn delete_account(
    txn: &impl ConnectionTrait,
    id: UserId,
    addresses: &[String],
) -> Result<(), DbErr> {
    for statement in [
        raw_sql!(Postgres, r#"DELETE FROM sessions WHERE user_id = {id}"#),
        raw_sql!(
            Postgres,
            r#"DELETE FROM sign_in_codes WHERE user_id = {id}"#
        ),
        raw_sql!(Postgres, r#"DELETE FROM identities WHERE user_id = {id}"#),
        raw_sql!(Postgres, r#"DELETE FROM user_roles WHERE user_id = {id}"#),
        raw_sql!(
            Postgres,
            r#"DELETE FROM guardianships WHERE guardian_id = {id} OR student_id = {id}"#
        ),
        raw_sql!(
            Postgres,
            r#"DELETE FROM student_quotas WHERE student_id = {id}"#
        ),
        raw_sql!(
            Postgres,
            r#"DELETE FROM waitlist_entries WHERE student_id = {id}"#
        ),
    ] {
        txn.execute_raw(statement).await?;
    }
    let told = [&[id.to_string()], addresses].concat();
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"DELETE FROM idempotency_keys WHERE user_id = {id}
               OR EXISTS (SELECT FROM unnest({told}::text[]) AS text WHERE strpos(lower(answer::text), text) > 0)"#
    ))
    .await
    .map(|_| ())
}

/// Deletes the invitations to the person, and the open ones that are by or about them.
pub async fn delete_invitations(
    txn: &impl ConnectionTrait,
    id: UserId,
    addresses: &[String],
) -> Result<Vec<InvitationId>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        id: InvitationId,
    }
    let addresses = addresses.to_vec();
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"DELETE FROM invitations
           WHERE answered_by = {id} OR email = ANY({addresses}) OR state = 'open' AND (invited_by = {id} OR other_id = {id})
           RETURNING id"#
    ))
    .all(txn)
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Takes the texts out of bookings that the person wrote, or that are about the person's lessons as a student, and out of
/// the ledger those about the person's credit.
pub async fn delete_reasons(
    txn: &impl ConnectionTrait,
    id: UserId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE bookings SET cancellation_reason = NULL, version = version + 1, updated_at = {now}
           WHERE (cancelled_by = {id} OR student_id = {id}) AND cancellation_reason IS NOT NULL"#
    ))
    .await?;
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE credit_entries SET reason = NULL WHERE student_id = {id} AND reason IS NOT NULL"#
    ))
    .await
    .map(|_| ())
}

/// Leaves of a tutor only that there was one: with no profile, no time, no offers, and nothing said of lessons.
pub async fn empty_tutor(
    txn: &impl ConnectionTrait,
    id: UserId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    for statement in [
        raw_sql!(
            Postgres,
            r#"DELETE FROM offers WHERE tutor_id IN (SELECT id FROM tutors WHERE user_id = {id})"#
        ),
        raw_sql!(
            Postgres,
            r#"DELETE FROM bookable_tags WHERE tutor_id IN (SELECT id FROM tutors WHERE user_id = {id})"#
        ),
        raw_sql!(
            Postgres,
            r#"DELETE FROM weekly_rules WHERE tutor_id IN (SELECT id FROM tutors WHERE user_id = {id})"#
        ),
        raw_sql!(
            Postgres,
            r#"DELETE FROM date_overrides WHERE tutor_id IN (SELECT id FROM tutors WHERE user_id = {id})"#
        ),
        raw_sql!(
            Postgres,
            r#"DELETE FROM absences WHERE tutor_id IN (SELECT id FROM tutors WHERE user_id = {id})"#
        ),
        raw_sql!(
            Postgres,
            r#"DELETE FROM time_off WHERE tutor_id IN (SELECT id FROM tutors WHERE user_id = {id})"#
        ),
        raw_sql!(
            Postgres,
            r#"DELETE FROM tutor_holiday_calendars WHERE tutor_id IN (SELECT id FROM tutors WHERE user_id = {id})"#
        ),
        raw_sql!(
            Postgres,
            r#"DELETE FROM busy_spans WHERE tutor_id IN (SELECT id FROM tutors WHERE user_id = {id})"#
        ),
        raw_sql!(
            Postgres,
            r#"UPDATE lessons SET title = '', description = '', version = version + 1, updated_at = {now}
               WHERE (title, description) <> ('', '') AND tutor_id IN (SELECT id FROM tutors WHERE user_id = {id})"#
        ),
        raw_sql!(
            Postgres,
            r#"UPDATE lessons SET own_event_id = NULL, calendar_event_id = NULL, calendar_event_calendar = NULL,
                   calendar_event_revision = NULL, calendar_event_guests = ARRAY[]::uuid[], updated_at = {now}
               WHERE own_event_id IS NOT NULL AND tutor_id IN (SELECT id FROM tutors WHERE user_id = {id})"#
        ),
        raw_sql!(
            Postgres,
            r#"UPDATE tutors SET bio = '', languages = ARRAY[]::text[], visible = false, version = version + 1, updated_at = {now}
               WHERE user_id = {id}"#
        ),
    ] {
        txn.execute_raw(statement).await?;
    }
    Ok(())
}

/// Puts a pseudonym in the place of the person.
pub async fn pseudonymise(
    txn: &impl ConnectionTrait,
    id: UserId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    // No address can end so (RFC 2606).
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE users SET name = 'Former user', email = 'erased@invalid', time_zone = 'UTC', suspended_at = NULL,
               suspension_reason = NULL, erased_at = {now}, version = version + 1, updated_at = {now}
           WHERE id = {id}"#
    ))
    .await
    .map(|_| ())
}

/// Empties the entries of the audit trail that are of the person or of these invitations.
pub async fn forget_in_audit(
    txn: &impl ConnectionTrait,
    id: UserId,
    invitations: &[InvitationId],
) -> Result<(), DbErr> {
    let invitations: Vec<Uuid> = invitations.iter().map(|id| id.0).collect();
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"SELECT forget_person_in_audit({id}, {invitations}::uuid[])"#
    ))
    .await
    .map(|_| ())
}
