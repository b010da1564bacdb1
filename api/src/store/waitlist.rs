//! Students who wait for room. What becomes of them when an offer is over, triggers write down: see the migration.

use super::{conditions::Conditions, job::Work};
use ::entity::{
    id::{BookingId, LessonId, SubjectId, TutorId, UserId, WaitlistEntryId},
    waitlist_entry::WaitlistStatus,
};
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::{interval::Span, waitlist::Waiting};
use sea_orm::{
    ActiveEnum, ConnectionTrait, DatabaseBackend, DbErr, FromQueryResult, Statement, raw_sql,
};
use uuid::Uuid;

/// A lesson that somebody wants at some time.
#[derive(Clone, Debug)]
pub struct NewWish {
    pub subject_id: SubjectId,
    pub level: String,
    /// None: any who teaches it.
    pub tutor_id: Option<TutorId>,
    pub minutes: i16,
    /// From 1 to 20, by start, and apart.
    pub windows: Vec<Span>,
}

/// Puts a student behind all who wait for a seat in a lesson.
///
/// # Errors
/// `waitlist_entries_lesson_key` is for the caller to translate.
pub async fn insert_for_seat(
    txn: &impl ConnectionTrait,
    (student_id, lesson_id): (UserId, LessonId),
    now: DateTime<Utc>,
) -> Result<WaitlistEntryId, DbErr> {
    let id = WaitlistEntryId::generate();
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"INSERT INTO waitlist_entries (id, student_id, lesson_id, created_at, updated_at)
           VALUES ({id}, {student_id}, {lesson_id}, {now}, {now})"#
    ))
    .await?;
    Ok(id)
}

/// Puts a student behind all who have a wish.
///
/// # Errors
/// `waitlist_entries_wish_key` is for the caller to translate.
pub async fn insert_wish(
    txn: &impl ConnectionTrait,
    student_id: UserId,
    wish: &NewWish,
    now: DateTime<Utc>,
) -> Result<WaitlistEntryId, DbErr> {
    let id = WaitlistEntryId::generate();
    let (subject_id, level) = (wish.subject_id, wish.level.clone());
    let (tutor_id, minutes) = (wish.tutor_id, wish.minutes);
    let starts: Vec<_> = wish.windows.iter().map(Span::start).collect();
    let ends: Vec<_> = wish.windows.iter().map(Span::end).collect();
    let ends_at = ends.iter().max().copied();
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"INSERT INTO waitlist_entries (id, student_id, subject_id, level, tutor_id, minutes,
               window_starts, window_ends, ends_at, created_at, updated_at)
           VALUES ({id}, {student_id}, {subject_id}, {level}, {tutor_id}, {minutes},
               {starts}::timestamptz[], {ends}::timestamptz[], {ends_at}, {now}, {now})"#
    ))
    .await?;
    Ok(id)
}

/// Lets whoever waits anew for a lesson, or for lessons of any length about the same with the same tutor, have turned down as
/// many offers as the last time, and rest as long, if that has ended since.
pub async fn carry_over(
    txn: &impl ConnectionTrait,
    id: WaitlistEntryId,
    since: DateTime<Utc>,
) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE waitlist_entries AS entries SET turned_down = former.turned_down, rests_until = former.rests_until
           FROM (
               SELECT former.turned_down, former.rests_until
               FROM waitlist_entries AS anew JOIN waitlist_entries AS former USING (student_id)
               WHERE anew.id = {id} AND former.status NOT IN ('waiting', 'offered') AND former.updated_at > {since}
                 AND (former.lesson_id, former.subject_id, former.level, former.tutor_id)
                     IS NOT DISTINCT FROM (anew.lesson_id, anew.subject_id, anew.level, anew.tutor_id)
               ORDER BY former.place DESC LIMIT 1) AS former
           WHERE entries.id = {id}"#
    ))
    .await
    .map(|_| ())
}

/// How many offers a student has not answered yet.
pub async fn count_offers(txn: &impl ConnectionTrait, student_id: UserId) -> Result<i64, DbErr> {
    let row = txn
        .query_one_raw(raw_sql!(
            Postgres,
            r#"SELECT count(*) AS count FROM waitlist_entries AS entries JOIN bookings ON bookings.id = booking_id
               WHERE entries.student_id = {student_id} AND entries.status = 'offered' AND bookings.status = 'held'"#
        ))
        .await?;
    row.map_or(Ok(0), |row| row.try_get("", "count"))
}

/// How often a student waits, offers included.
pub async fn count(txn: &impl ConnectionTrait, student_id: UserId) -> Result<i64, DbErr> {
    let row = txn
        .query_one_raw(raw_sql!(
            Postgres,
            r#"SELECT count(*) AS count FROM waitlist_entries
               WHERE student_id = {student_id} AND status IN ('waiting', 'offered')"#
        ))
        .await?;
    row.map_or(Ok(0), |row| row.try_get("", "count"))
}

/// An entry with the names of all that it is about.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Entry {
    pub id: WaitlistEntryId,
    /// An offer that nobody answered in time is `Waiting`, whether somebody has written that down or not; one that the tutor
    /// is yet to agree to is `Accepted`.
    pub status: WaitlistStatus,
    pub student_id: UserId,
    pub student_name: String,
    pub lesson_id: Option<LessonId>,
    pub subject_slug: String,
    pub subject_name: String,
    pub level: String,
    /// Of the lesson, or who is wished for.
    pub tutor_id: Option<TutorId>,
    pub tutor_name: Option<String>,
    pub minutes: i16,
    /// The time of the lesson, or the windows.
    pub window_starts: Vec<DateTime<Utc>>,
    pub window_ends: Vec<DateTime<Utc>>,
    /// How many come first, and one; none where there is no waiting.
    pub position: Option<i64>,
    pub booking_id: Option<BookingId>,
    pub offered_lesson_id: Option<LessonId>,
    pub offered_tutor_id: Option<TutorId>,
    pub offered_tutor_user_id: Option<UserId>,
    pub offered_tutor_name: Option<String>,
    pub offered_starts_at: Option<DateTime<Utc>>,
    pub offered_ends_at: Option<DateTime<Utc>>,
    pub offer_expires_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

/// Whose entries.
#[derive(Clone, Debug)]
pub enum Side {
    /// Those of these students.
    Students(Vec<UserId>),
    /// Everybody's with these tutors and about the subjects with these slugs, where there are any.
    Centre {
        tutors: Option<Vec<TutorId>>,
        subjects: Option<Vec<String>>,
    },
}

/// Which entries are listed, and where the page begins.
#[derive(Clone, Debug)]
pub struct Filter {
    pub side: Side,
    /// The present.
    pub now: DateTime<Utc>,
    pub id: Option<WaitlistEntryId>,
    pub student: Option<UserId>,
    pub lesson: Option<LessonId>,
    pub status: Option<WaitlistStatus>,
    /// Entries before this one.
    pub before: Option<WaitlistEntryId>,
    pub limit: i64,
}

impl Filter {
    /// One entry, if it is of this side.
    pub fn one(side: Side, id: WaitlistEntryId, now: DateTime<Utc>) -> Self {
        Self {
            side,
            now,
            id: Some(id),
            student: None,
            lesson: None,
            status: None,
            before: None,
            limit: 1,
        }
    }
}

/// What has lapsed waits, or has given up, like what a trigger has written down of it.
const STATUS: &str = "CASE WHEN entries.status = 'offered' AND holds.expires_at <= $1
    THEN CASE WHEN holds.status = 'requested' OR turned_down < 2 THEN 'waiting' ELSE 'lapsed' END
    WHEN entries.status = 'offered' AND holds.status = 'requested' THEN 'accepted' ELSE entries.status END";

const JOINS: &str = "FROM waitlist_entries AS entries
JOIN users AS students ON students.id = entries.student_id
LEFT JOIN lessons ON lessons.id = entries.lesson_id
JOIN subjects ON subjects.id = coalesce(lessons.subject_id, entries.subject_id)
LEFT JOIN tutors ON tutors.id = coalesce(lessons.tutor_id, entries.tutor_id)
LEFT JOIN users AS tutor_users ON tutor_users.id = tutors.user_id
LEFT JOIN bookings AS holds ON holds.id = entries.booking_id
LEFT JOIN lessons AS offered ON offered.id = holds.lesson_id
LEFT JOIN tutors AS offering ON offering.id = offered.tutor_id
LEFT JOIN users AS offering_users ON offering_users.id = offering.user_id";

/// Who waits for the same seats.
const SAME_SEATS: &str = "others.lesson_id = entries.lesson_id";

/// Who waits for the same subject, level and tutor, if either says whom.
const SAME_TIME: &str = "others.lesson_id IS NULL AND others.subject_id = entries.subject_id
    AND others.level = entries.level AND coalesce(others.tutor_id = entries.tutor_id, true)";

/// How many are ahead of somebody who waits as [`STATUS`] has it: who let an offer lapse is behind all, and of them who did so
/// first is ahead.
fn ahead(same: &str) -> String {
    format!(
        "(SELECT count(*) FROM waitlist_entries AS others
          WHERE others.status = 'waiting' AND {same}
            AND (entries.status = 'offered' AND holds.status = 'held' OR others.place < entries.place))
         + (SELECT count(*) FROM bookings AS lapsed JOIN waitlist_entries AS others ON others.booking_id = lapsed.id
          WHERE lapsed.expires_at <= $1 AND others.status = 'offered' AND {same}
            AND (lapsed.status = 'requested' OR others.turned_down < 2)
            AND (CASE WHEN lapsed.status = 'held' THEN lapsed.expires_at ELSE '-infinity' END, others.place)
              < (CASE WHEN entries.status = 'offered' AND holds.status = 'held' THEN holds.expires_at ELSE '-infinity' END, entries.place))"
    )
}

fn position() -> String {
    let (for_seats, for_time) = (ahead(SAME_SEATS), ahead(SAME_TIME));
    format!(
        "CASE WHEN {STATUS} <> 'waiting' THEN NULL
              WHEN entries.lesson_id IS NOT NULL THEN 1 + {for_seats} ELSE 1 + {for_time} END"
    )
}

/// Entries, the newest first.
pub async fn list(db: &impl ConnectionTrait, filter: Filter) -> Result<Vec<Entry>, DbErr> {
    let mut conditions = Conditions::with([filter.now.into()]);
    filter.side.add_to(&mut conditions);
    if let Some(id) = filter.id {
        conditions.add("entries.id = ?", [id.into()]);
    }
    if let Some(id) = filter.student {
        conditions.add("entries.student_id = ?", [id.into()]);
    }
    if let Some(id) = filter.lesson {
        conditions.add("entries.lesson_id = ?", [id.into()]);
    }
    if let Some(status) = filter.status {
        conditions.add(&format!("{STATUS} = ?"), [status.to_value().into()]);
    }
    if let Some(id) = filter.before {
        conditions.add("entries.id < ?", [id.into()]);
    }
    let (limit, position) = (filter.limit, position());
    let sql = format!(
        "SELECT entries.id, {STATUS} AS status, entries.student_id, students.name AS student_name, entries.lesson_id,
                subjects.slug AS subject_slug, subjects.name AS subject_name, coalesce(lessons.level, entries.level) AS level,
                tutors.id AS tutor_id, tutor_users.name AS tutor_name,
                coalesce(minutes, extract(epoch FROM lessons.ends_at - lessons.starts_at) / 60)::smallint AS minutes,
                coalesce(window_starts, ARRAY[lessons.starts_at]) AS window_starts,
                coalesce(window_ends, ARRAY[lessons.ends_at]) AS window_ends,
                {position} AS position, entries.booking_id, offered.id AS offered_lesson_id, offered.tutor_id AS offered_tutor_id,
                offering.user_id AS offered_tutor_user_id, offering_users.name AS offered_tutor_name,
                holds.starts_at AS offered_starts_at, holds.ends_at AS offered_ends_at,
                CASE WHEN holds.status = 'held' THEN holds.expires_at END AS offer_expires_at, entries.created_at
         {JOINS} WHERE {} ORDER BY entries.id DESC LIMIT {limit}",
        conditions.sql
    );
    Entry::find_by_statement(Statement::from_sql_and_values(
        DatabaseBackend::Postgres,
        sql,
        conditions.values,
    ))
    .all(db)
    .await
}

impl Side {
    fn add_to(self, conditions: &mut Conditions) {
        match self {
            Self::Students(students) => {
                let students: Vec<Uuid> = students.into_iter().map(|id| id.0).collect();
                conditions.add("entries.student_id = ANY(?)", [students.into()]);
            }
            Self::Centre { tutors, subjects } => {
                conditions.add("true", []);
                if let Some(ids) = tutors {
                    let ids: Vec<Uuid> = ids.into_iter().map(|id| id.0).collect();
                    conditions.add("tutors.id = ANY(?)", [ids.into()]);
                }
                if let Some(slugs) = subjects {
                    conditions.add("subjects.slug = ANY(?)", [slugs.into()]);
                }
            }
        }
    }
}

/// One of these, if there is any.
pub async fn find(db: &impl ConnectionTrait, filter: Filter) -> Result<Option<Entry>, DbErr> {
    Ok(list(db, filter).await?.pop())
}

#[derive(FromQueryResult)]
struct Row {
    id: WaitlistEntryId,
    student_id: UserId,
    place: i64,
    rests_until: Option<DateTime<Utc>>,
    minutes: Option<i16>,
    subject_slug: Option<String>,
    level: Option<String>,
    window_starts: Option<Vec<DateTime<Utc>>>,
    window_ends: Option<Vec<DateTime<Utc>>>,
}

/// Somebody who waits for a seat.
pub type ForSeat = (WaitlistEntryId, UserId);

/// Who waits for a seat in a lesson and does not rest, so many behind a place, the first first.
pub async fn waiting_for_seat(
    db: &impl ConnectionTrait,
    lesson_id: LessonId,
    (after, limit): (Option<i64>, u16),
    now: DateTime<Utc>,
) -> Result<Vec<Waiting<ForSeat>>, DbErr> {
    let (after, limit) = (after.unwrap_or(0), i64::from(limit));
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT id, student_id, place, rests_until, NULL::smallint AS minutes, NULL::text AS subject_slug, NULL::text AS level,
                  NULL::timestamptz[] AS window_starts, NULL::timestamptz[] AS window_ends
           FROM waitlist_entries
           WHERE lesson_id = {lesson_id} AND status = 'waiting' AND place > {after} AND coalesce(rests_until <= {now}, true)
           ORDER BY place LIMIT {limit}"#
    ))
    .all(db)
    .await?;
    let waiting = rows.into_iter().map(|row| Waiting {
        who: (row.id, row.student_id),
        place: row.place,
        rests_until: row.rests_until,
    });
    Ok(waiting.collect())
}

/// Somebody who waits for a lesson at some time.
#[derive(Clone, Debug)]
pub struct ForTime {
    pub id: WaitlistEntryId,
    pub student_id: UserId,
    /// Slug of the subject.
    pub subject: String,
    pub level: String,
    pub length: TimeDelta,
    pub windows: Vec<Span>,
}

/// Who waits for a lesson that this tutor offers and does not rest, so many behind a place, the first first.
pub async fn waiting_for_time(
    db: &impl ConnectionTrait,
    tutor_id: TutorId,
    (after, limit): (Option<i64>, u16),
    now: DateTime<Utc>,
) -> Result<Vec<Waiting<ForTime>>, DbErr> {
    let (after, limit) = (after.unwrap_or(0), i64::from(limit));
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT entries.id, student_id, place, rests_until, minutes, slug AS subject_slug, entries.level, window_starts, window_ends
           FROM offers
           JOIN waitlist_entries AS entries USING (subject_id, level)
           JOIN subjects ON subjects.id = subject_id
           WHERE offers.tutor_id = {tutor_id} AND entries.status = 'waiting' AND lesson_id IS NULL
             AND minutes = ANY(lesson_minutes) AND coalesce(entries.tutor_id, {tutor_id}) = {tutor_id}
             AND place > {after} AND coalesce(rests_until <= {now}, true)
           ORDER BY place LIMIT {limit}"#
    ))
    .all(db)
    .await?;
    Ok(rows.into_iter().filter_map(for_time).collect())
}

/// None: a constraint lets there be no such row.
fn for_time(row: Row) -> Option<Waiting<ForTime>> {
    let windows = row.window_starts?.into_iter().zip(row.window_ends?);
    Some(Waiting {
        who: ForTime {
            id: row.id,
            student_id: row.student_id,
            subject: row.subject_slug?,
            level: row.level?,
            length: TimeDelta::minutes(row.minutes?.into()),
            windows: windows
                .filter_map(|(start, end)| Span::new(start, end))
                .collect(),
        },
        place: row.place,
        rests_until: row.rests_until,
    })
}

/// Notes that this hold is offered to somebody who still waits; whether they did.
pub async fn note_offer(
    txn: &impl ConnectionTrait,
    id: WaitlistEntryId,
    booking_id: BookingId,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let updated = txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE waitlist_entries SET status = 'offered', booking_id = {booking_id}, rests_until = NULL, updated_at = {now}
           WHERE id = {id} AND status = 'waiting'"#
    ));
    Ok(updated.await?.rows_affected() == 1)
}

#[derive(FromQueryResult)]
struct Offer {
    id: BookingId,
}

/// The seats of a lesson that are offered, in the order of those to whom they are.
pub async fn offers_in(
    db: &impl ConnectionTrait,
    lesson_id: LessonId,
    now: DateTime<Utc>,
) -> Result<Vec<BookingId>, DbErr> {
    let offers = Offer::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT bookings.id FROM bookings JOIN waitlist_entries AS entries ON entries.booking_id = bookings.id
           WHERE bookings.lesson_id = {lesson_id} AND bookings.status = 'held' AND bookings.expires_at > {now}
           ORDER BY place"#
    ))
    .all(db)
    .await?;
    Ok(offers.into_iter().map(|offer| offer.id).collect())
}

/// What is offered to a user as a student, or of the user's time as a tutor.
pub async fn offers_of(
    db: &impl ConnectionTrait,
    user_id: UserId,
    now: DateTime<Utc>,
) -> Result<Vec<BookingId>, DbErr> {
    let offers = Offer::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT bookings.id FROM bookings
           JOIN lessons ON lessons.id = bookings.lesson_id JOIN tutors ON tutors.id = lessons.tutor_id
           WHERE bookings.status = 'held' AND bookings.expires_at > {now}
             AND (bookings.student_id = {user_id} OR tutors.user_id = {user_id})
             AND EXISTS (SELECT FROM waitlist_entries WHERE booking_id = bookings.id)"#
    ))
    .all(db)
    .await?;
    Ok(offers.into_iter().map(|offer| offer.id).collect())
}

/// Lets these students, who wait for a seat in a lesson, be offered one at once.
pub async fn end_rest(
    txn: &impl ConnectionTrait,
    lesson_id: LessonId,
    students: &[UserId],
) -> Result<(), DbErr> {
    let students: Vec<Uuid> = students.iter().map(|id| id.0).collect();
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE waitlist_entries SET rests_until = NULL
           WHERE lesson_id = {lesson_id} AND student_id = ANY({students}) AND status = 'waiting'"#
    ))
    .await
    .map(|_| ())
}

/// Offers nothing to somebody who waits before then.
pub async fn rest(
    txn: &impl ConnectionTrait,
    id: WaitlistEntryId,
    until: DateTime<Utc>,
) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE waitlist_entries SET rests_until = {until} WHERE id = {id} AND status = 'waiting'"#
    ))
    .await
    .map(|_| ())
}

/// Ends an entry whose student waits no more, and has no offer; whether it did.
pub async fn leave(
    txn: &impl ConnectionTrait,
    id: WaitlistEntryId,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let updated = txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE waitlist_entries SET status = 'left', updated_at = {now} WHERE id = {id} AND status IN ('waiting', 'lapsed')"#
    ));
    Ok(updated.await?.rows_affected() == 1)
}

/// Who has got a seat without an offer waits for none any more.
pub async fn note_joined(
    txn: &impl ConnectionTrait,
    (lesson_id, student_id): (LessonId, UserId),
    booking_id: BookingId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    txn.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE waitlist_entries SET status = 'accepted', booking_id = {booking_id}, updated_at = {now}
           WHERE lesson_id = {lesson_id} AND student_id = {student_id} AND status = 'waiting'"#
    ))
    .await
    .map(|_| ())
}

/// Whether a student is among the first so many who wait for a seat, of those who are to be offered one.
pub async fn is_among_first(
    db: &impl ConnectionTrait,
    (lesson_id, student_id): (LessonId, UserId),
    seats: i64,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let found = db
        .query_one_raw(raw_sql!(
            Postgres,
            r#"SELECT FROM (
                   SELECT student_id FROM waitlist_entries
                   WHERE lesson_id = {lesson_id} AND status = 'waiting' AND coalesce(rests_until <= {now}, true)
                   ORDER BY place LIMIT {seats}) AS first
               WHERE student_id = {student_id}"#
        ))
        .await?;
    Ok(found.is_some())
}

/// Whether seats of a lesson that got free are about to be offered to those who wait. Work that goes on failing keeps
/// nobody out, and nor does looking whether there is any.
pub async fn are_seats_promised(
    db: &impl ConnectionTrait,
    lesson_id: LessonId,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let patience = now - TimeDelta::minutes(5);
    let (kind, key) = Work::OfferSeats(lesson_id).name();
    let found = db
        .query_one_raw(raw_sql!(
            Postgres,
            r#"SELECT FROM jobs WHERE kind = {kind} AND key = {key} AND dead_at IS NULL AND NOT in_background
                 AND coalesce(failing_since > {patience}, true)"#
        ))
        .await?;
    Ok(found.is_some())
}

/// Ends wishes whose windows are over, a bounded number at a time; how many there were.
pub async fn end_wishes(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<u64, DbErr> {
    let updated = db.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE waitlist_entries SET status = 'over', updated_at = {now}
           WHERE id IN (
               SELECT id FROM waitlist_entries WHERE status = 'waiting' AND lesson_id IS NULL AND ends_at <= {now}
               ORDER BY ends_at LIMIT 500 FOR UPDATE SKIP LOCKED)"#
    ));
    Ok(updated.await?.rows_affected())
}

/// Ends the waiting for seats in lessons that have begun or are cancelled; as [`end_wishes`].
pub async fn end_for_seats(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<u64, DbErr> {
    let updated = db.execute_raw(raw_sql!(
        Postgres,
        r#"UPDATE waitlist_entries SET status = 'over', updated_at = {now}
           WHERE id IN (
               SELECT entries.id FROM waitlist_entries AS entries JOIN lessons ON lessons.id = lesson_id
               WHERE entries.status = 'waiting' AND (starts_at <= {now} OR lessons.status = 'cancelled')
               ORDER BY entries.id LIMIT 500 FOR UPDATE OF entries SKIP LOCKED)"#
    ));
    Ok(updated.await?.rows_affected())
}

/// Forgets entries that ended before then, a bounded number at a time; how many there were.
pub async fn forget(db: &impl ConnectionTrait, before: DateTime<Utc>) -> Result<u64, DbErr> {
    let deleted = db.execute_raw(raw_sql!(
        Postgres,
        r#"DELETE FROM waitlist_entries WHERE id IN (
               SELECT id FROM waitlist_entries WHERE status NOT IN ('waiting', 'offered') AND updated_at < {before}
               ORDER BY updated_at LIMIT 500 FOR UPDATE SKIP LOCKED)"#
    ));
    Ok(deleted.await?.rows_affected())
}

/// Asks for offers of all room that there may be for somebody who waits, or for one of them; if that one waits for any
/// tutor, which may be thousands, not yet. What is asked for all comes after what is asked for one, and is not asked
/// twice; work that has failed is not hurried.
pub async fn ask_for_offers(
    db: &impl ConnectionTrait,
    only: Option<WaitlistEntryId>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    db.execute_raw(raw_sql!(
        Postgres,
        r#"INSERT INTO jobs (id, kind, key, run_at, in_background, created_at)
           SELECT gen_random_uuid(), kind, key, {now}, {only}::uuid IS NULL, {now} FROM (
               SELECT 'offer_seats' AS kind, lesson_id::text AS key
               FROM waitlist_entries AS entries JOIN lessons ON lessons.id = lesson_id
               WHERE entries.status = 'waiting' AND coalesce(entries.id = {only}, true)
                 AND coalesce(rests_until <= {now}, true) AND capacity > (
                   SELECT count(*) FROM bookings
                   WHERE bookings.lesson_id = lessons.id AND occupies AND coalesce(bookings.expires_at > {now}, true))
               UNION
               SELECT 'offer_time', offers.tutor_id::text
               FROM waitlist_entries AS entries JOIN offers USING (subject_id, level)
               WHERE entries.status = 'waiting' AND lesson_id IS NULL
                 AND ({only}::uuid IS NULL OR entries.id = {only} AND entries.tutor_id IS NOT NULL)
                 AND coalesce(rests_until <= {now}, true)
                 AND minutes = ANY(lesson_minutes) AND coalesce(entries.tutor_id, offers.tutor_id) = offers.tutor_id
           ) AS works
           ORDER BY kind, key
           ON CONFLICT ON CONSTRAINT jobs_kind_key_key DO UPDATE
           SET revision = jobs.revision + 1, progress = NULL, in_background = false
           WHERE jobs.dead_at IS NULL AND {only}::uuid IS NOT NULL"#
    ))
    .await
    .map(|_| ())
}
