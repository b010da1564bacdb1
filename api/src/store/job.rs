//! The queue: one row per kind of work and key.
//!
//! Asking again for work that is already queued makes its revision grow and its time come. A worker
//! leases a row; while the lease lasts nobody else runs that work, so two runs about one lesson never
//! overlap. A run that began under an older revision does not end the job.

use ::entity::{
    id::{GrantId, JobId, LessonId, TutorId},
    job,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, raw_sql,
    sea_query::OnConflict,
};
use uuid::Uuid;

/// Whoever leases holds this lock, whose number is any that nobody else locks.
const LEASING: i64 = 0x6c65_6173_696e_6720;

/// Work to be done outside a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Make the event in the tutor's calendar what the lesson says.
    SyncLessonEvent(LessonId),
    /// Make the lesson follow what was done with its event in the tutor's calendar.
    FollowLessonEvent(LessonId),
    /// Read the busy time of the tutor's calendar.
    ReadBusyTime(TutorId),
    /// Compare the tutor's lessons with the tutor's calendars.
    ReconcileCalendar(TutorId),
    /// Let students join those events of the tutor's own that have a tag.
    OpenTaggedEvents(TutorId),
    /// Open and stop channels, so that there is one for each calendar that blocks.
    WatchCalendars(TutorId),
    /// Tell Google that a grant is over.
    RevokeGrant(GrantId),
    /// Offer free seats of a lesson to those who wait for one.
    OfferSeats(LessonId),
    /// Offer free time of a tutor to those who wait for it.
    OfferTime(TutorId),
}

impl Work {
    pub fn kind(self) -> &'static str {
        match self {
            Self::SyncLessonEvent(_) => "sync_lesson_event",
            Self::FollowLessonEvent(_) => "follow_lesson_event",
            Self::ReadBusyTime(_) => "read_busy_time",
            Self::ReconcileCalendar(_) => "reconcile_calendar",
            Self::OpenTaggedEvents(_) => "open_tagged_events",
            Self::WatchCalendars(_) => "watch_calendars",
            Self::RevokeGrant(_) => "revoke_grant",
            Self::OfferSeats(_) => "offer_seats",
            Self::OfferTime(_) => "offer_time",
        }
    }

    /// Whether it is never given up: it is done again and again, or what it is about must not stay, or does so until a
    /// lesson begins at the longest.
    pub fn is_lasting(self) -> bool {
        matches!(
            self,
            Self::FollowLessonEvent(_)
                | Self::ReadBusyTime(_)
                | Self::ReconcileCalendar(_)
                | Self::OpenTaggedEvents(_)
                | Self::WatchCalendars(_)
                | Self::RevokeGrant(_)
        )
    }

    /// By what its row is found: kind and key.
    pub(super) fn name(self) -> (String, String) {
        let key = match self {
            Self::SyncLessonEvent(id) | Self::FollowLessonEvent(id) | Self::OfferSeats(id) => id.0,
            Self::ReadBusyTime(id)
            | Self::ReconcileCalendar(id)
            | Self::OpenTaggedEvents(id)
            | Self::WatchCalendars(id)
            | Self::OfferTime(id) => id.0,
            Self::RevokeGrant(id) => id.0,
        };
        (self.kind().to_owned(), key.to_string())
    }

    fn parse(kind: &str, key: &str) -> Option<Self> {
        let key = key.parse().ok()?;
        match kind {
            "sync_lesson_event" => Some(Self::SyncLessonEvent(LessonId(key))),
            "follow_lesson_event" => Some(Self::FollowLessonEvent(LessonId(key))),
            "read_busy_time" => Some(Self::ReadBusyTime(TutorId(key))),
            "reconcile_calendar" => Some(Self::ReconcileCalendar(TutorId(key))),
            "open_tagged_events" => Some(Self::OpenTaggedEvents(TutorId(key))),
            "watch_calendars" => Some(Self::WatchCalendars(TutorId(key))),
            "revoke_grant" => Some(Self::RevokeGrant(GrantId(key))),
            "offer_seats" => Some(Self::OfferSeats(LessonId(key))),
            "offer_time" => Some(Self::OfferTime(TutorId(key))),
            _ => None,
        }
    }
}

/// Asks for work on the caller's transaction: it is queued exactly when that commits.
pub async fn enqueue(
    txn: &impl ConnectionTrait,
    work: Work,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let (id, (kind, key)) = (JobId::generate(), work.name());
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"INSERT INTO jobs (id, kind, key, run_at, created_at) VALUES ({id}, {kind}, {key}, {now}, {now})
           ON CONFLICT ON CONSTRAINT jobs_kind_key_key DO UPDATE
           SET revision = jobs.revision + 1, run_at = {now}, attempts = 0, failing_since = NULL, dead_at = NULL"#
    ))
    .await
    .map(|_| ())
}

/// Work that nobody has asked for before.
pub(super) fn row(work: Work, now: DateTime<Utc>) -> job::ActiveModel {
    let (kind, key) = work.name();
    job::ActiveModel {
        id: Set(JobId::generate()),
        kind: Set(kind),
        key: Set(key),
        run_at: Set(now),
        created_at: Set(now),
        ..Default::default()
    }
}

/// As [`enqueue`], for several works, none of them twice. One statement.
pub async fn enqueue_all(
    txn: &impl ConnectionTrait,
    works: &[Work],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let ids: Vec<Uuid> = works.iter().map(|_| JobId::generate().0).collect();
    let (kinds, keys): (Vec<_>, Vec<_>) = works.iter().map(|work| work.name()).unzip();
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"INSERT INTO jobs (id, kind, key, run_at, created_at)
           SELECT id, kind, key, {now}, {now} FROM unnest({ids}, {kinds}, {keys}) AS works (id, kind, key)
           ON CONFLICT ON CONSTRAINT jobs_kind_key_key DO UPDATE
           SET revision = jobs.revision + 1, run_at = {now}, attempts = 0, failing_since = NULL, dead_at = NULL"#
    ))
    .await
    .map(|_| ())
}

/// Asks for work unless it is queued: then it runs when it runs, as it does after a failure.
pub async fn enqueue_unless_queued(
    db: &impl ConnectionTrait,
    work: Work,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    job::Entity::insert(row(work, now))
        .on_conflict(
            OnConflict::columns([job::Column::Kind, job::Column::Key])
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(db)
        .await
        .map(|_| ())
}

/// A job that this worker has to itself until `leased_until`.
#[derive(Debug)]
pub struct Leased {
    pub id: JobId,
    pub work: Work,
    pub attempts: i32,
    /// When the first attempt failed; none if none has.
    pub failing_since: Option<DateTime<Utc>>,
    /// From where on the run before left it to this one; none: from the first.
    pub progress: Option<i64>,
    revision: i32,
    until: DateTime<Utc>,
}

#[derive(FromQueryResult)]
struct Row {
    id: JobId,
    kind: String,
    key: String,
    revision: i32,
    attempts: i32,
    failing_since: Option<DateTime<Utc>>,
    progress: Option<i64>,
}

/// Waits until nobody else leases, until the end of the transaction: else two could take two jobs of one tutor.
pub async fn lock_leasing(txn: &impl ConnectionTrait) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"SELECT pg_advisory_xact_lock({LEASING})"#
    ))
    .await
    .map(|_| ())
}

/// Leases the job that has waited longest; reading busy time, of which there is always some to do, what makes that rarer,
/// and looking whether there is something to do come after what somebody waits for. Of one tutor's lessons the events are
/// written and followed one after the other, whoever else is at work.
pub async fn lease(
    txn: &impl ConnectionTrait,
    now: DateTime<Utc>,
    leased_until: DateTime<Utc>,
) -> Result<Option<Leased>, DbErr> {
    let row = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"UPDATE jobs SET leased_until = {leased_until}, attempts = attempts + 1
           WHERE id = (
               SELECT id FROM jobs
               WHERE dead_at IS NULL AND run_at <= {now} AND (leased_until IS NULL OR leased_until <= {now})
                 AND kind IN ('sync_lesson_event', 'follow_lesson_event', 'read_busy_time', 'reconcile_calendar',
                     'watch_calendars', 'revoke_grant', 'offer_seats', 'offer_time', 'open_tagged_events')
                 AND NOT (kind IN ('sync_lesson_event', 'follow_lesson_event') AND EXISTS (
                     SELECT FROM jobs AS other
                     JOIN lessons AS of_other ON of_other.id = other.key::uuid
                     JOIN lessons AS of_this ON of_this.id = jobs.key::uuid
                     WHERE other.leased_until > {now} AND other.kind IN ('sync_lesson_event', 'follow_lesson_event')
                       AND of_other.tutor_id = of_this.tutor_id))
               ORDER BY kind IN ('read_busy_time', 'reconcile_calendar', 'watch_calendars', 'open_tagged_events'), in_background, run_at LIMIT 1 FOR UPDATE SKIP LOCKED)
           RETURNING id, kind, key, revision, attempts, failing_since, progress"#
    ))
    .one(txn)
    .await?;
    row.map(|row| {
        let work = Work::parse(&row.kind, &row.key)
            .ok_or_else(|| DbErr::Type(format!("job {} has the key {:?}", row.id, row.key)))?;
        Ok(Leased {
            id: row.id,
            work,
            attempts: row.attempts,
            failing_since: row.failing_since,
            progress: row.progress,
            revision: row.revision,
            until: leased_until,
        })
    })
    .transpose()
}

/// What becomes of a job after a run.
pub enum Settlement {
    /// It is done.
    Done,
    /// It is to run again at this time, as the first attempt.
    Again(DateTime<Utc>),
    /// The rest, from here on, is for another run.
    Further(i64),
    /// It failed and is to be tried again at this time.
    Retry { at: DateTime<Utc>, error: String },
    /// It failed for good.
    Dead { error: String },
}

/// Ends the lease. If the work was asked for again meanwhile, the job stays and runs when that was to be; if it was no more than
/// hurried, only where it did not fail, for who waits after a failure is not hurried (attempts are counted anew by who
/// asks, and not by who hurries). Nothing happens when the lease was lost.
pub async fn settle(
    db: &impl ConnectionTrait,
    job: &Leased,
    settlement: Settlement,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let (id, revision, leased_until) = (job.id, job.revision, job.until);
    let failing_since = Some(job.failing_since.unwrap_or(now));
    let waits = matches!(settlement, Settlement::Retry { .. });
    let leased = job.attempts;
    let progress = match settlement {
        Settlement::Further(progress) => Some(progress),
        Settlement::Retry { .. } | Settlement::Dead { .. } => job.progress,
        Settlement::Done | Settlement::Again(_) => None,
    };
    let (run_at, attempts, failing_since, error, dead_at) = match settlement {
        Settlement::Done => {
            let deleted = db
                .execute_raw(raw_sql!(
                    Postgres,
                    r#"DELETE FROM jobs
                       WHERE id = {id} AND leased_until = {leased_until} AND revision = {revision}"#
                ))
                .await?;
            if deleted.rows_affected() == 1 {
                return Ok(());
            }
            (now, 0, None, None, None)
        }
        Settlement::Again(at) => (at, 0, None, None, None),
        Settlement::Further(_) => (now, 0, None, None, None),
        Settlement::Retry { at, error } => (at, job.attempts, failing_since, Some(error), None),
        Settlement::Dead { error } => (now, job.attempts, failing_since, Some(error), Some(now)),
    };
    db.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE jobs SET leased_until = NULL, last_error = {error},
               progress = CASE WHEN revision = {revision} OR ({waits} AND attempts = {leased}) THEN {progress}::bigint END,
               attempts = CASE WHEN revision = {revision} OR ({waits} AND attempts = {leased}) THEN {attempts} ELSE 0 END,
               failing_since = CASE WHEN revision = {revision} OR ({waits} AND attempts = {leased}) THEN {failing_since}::timestamptz END,
               run_at = CASE WHEN revision = {revision} OR ({waits} AND attempts = {leased}) THEN {run_at}::timestamptz ELSE run_at END,
               dead_at = CASE WHEN revision = {revision} OR ({waits} AND attempts = {leased}) THEN {dead_at}::timestamptz END
           WHERE id = {id} AND leased_until = {leased_until}"#
    ))
    .await
    .map(|_| ())
}
