//! What occupies the time of tutors and of students.

use ::entity::id::{TutorId, UserId};
use chrono::{DateTime, TimeDelta, Utc};
use scheduling::{
    interval::{Span, union},
    slots::{Occupancy, Occupied, OccupiedBy},
};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, raw_sql};
use std::collections::HashMap;
use uuid::Uuid;

/// No lesson is longer, by a constraint, so one that is not over began at most so long ago.
const LONGEST_LESSON: TimeDelta = TimeDelta::hours(8);

pub(super) fn a_lesson_before(from: DateTime<Utc>) -> DateTime<Utc> {
    from.checked_sub_signed(LONGEST_LESSON).unwrap_or(from)
}

/// What occupies somebody as of one moment.
#[derive(Debug, Default)]
pub struct AsOf<T> {
    pub time: T,
    /// Until when that is so if nobody writes anything: then something expires.
    pub until: Option<DateTime<Utc>>,
}

impl<T> AsOf<T> {
    fn note(&mut self, expires_at: Option<DateTime<Utc>>) {
        self.until = self.until.into_iter().chain(expires_at).min();
    }

    fn map<U>(self, f: impl FnOnce(T) -> U) -> AsOf<U> {
        AsOf {
            time: f(self.time),
            until: self.until,
        }
    }
}

#[derive(FromQueryResult)]
struct Row {
    tutor_id: TutorId,
    kind: i32,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
}

const LESSON: i32 = 0;
const OWN_LESSON: i32 = 1;
const CALENDAR_BUSY: i32 = 2;
const GROUP_LESSON: i32 = 3;

/// Everything that occupies these tutors at `now` from `from` on, and before `until` where that is given. One query,
/// whatever the number of tutors, with one look into an index per tutor and source.
pub async fn of_tutors(
    db: &impl ConnectionTrait,
    tutors: &[TutorId],
    (from, until): (DateTime<Utc>, Option<DateTime<Utc>>),
    now: DateTime<Utc>,
) -> Result<HashMap<TutorId, AsOf<Occupancy>>, DbErr> {
    let earliest = a_lesson_before(from);
    let ids: Vec<Uuid> = tutors.iter().map(|id| id.0).collect();
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT tutor_id, CASE WHEN capacity > 1 THEN 3 ELSE 0 END AS kind, starts_at, ends_at, expires_at FROM lessons
           WHERE tutor_id = ANY({ids}) AND status <> 'cancelled' AND (expires_at IS NULL OR expires_at > {now})
             AND starts_at > {earliest} AND starts_at < coalesce({until}, 'infinity') AND ends_at > {from}
           UNION ALL
           SELECT tutors.id, 1, starts_at, ends_at, expires_at
           FROM bookings JOIN tutors ON user_id = student_id
           WHERE student_id = ANY(ARRAY(SELECT user_id FROM tutors WHERE id = ANY({ids})))
             AND occupies AND (expires_at IS NULL OR expires_at > {now})
             AND starts_at > {earliest} AND starts_at < coalesce({until}, 'infinity') AND ends_at > {from}
           UNION ALL
           SELECT tutor_id, 2, starts_at, ends_at, NULL
           FROM unnest({ids}) AS wanted(id) JOIN busy_spans ON tutor_id = wanted.id
           WHERE tstzrange(starts_at, ends_at, '[)') && tstzrange({from}, {until}, '[)')"#
    ))
    .all(db)
    .await?;
    let mut found: HashMap<TutorId, AsOf<Vec<Occupied>>> =
        tutors.iter().map(|id| (*id, AsOf::default())).collect();
    for row in rows {
        let occupied = Occupied {
            span: span(row.starts_at, row.ends_at)?,
            by: match row.kind {
                LESSON if row.expires_at.is_some() => OccupiedBy::Hold,
                LESSON => OccupiedBy::Lesson,
                GROUP_LESSON => OccupiedBy::GroupLesson,
                OWN_LESSON => OccupiedBy::OwnLesson,
                CALENDAR_BUSY => OccupiedBy::CalendarBusy,
                kind => return Err(DbErr::Type(format!("occupied by kind {kind}"))),
            },
        };
        let of_tutor = found.entry(row.tutor_id).or_default();
        of_tutor.time.push(occupied);
        of_tutor.note(row.expires_at);
    }
    let occupancies = found.into_iter();
    Ok(occupancies
        .map(|(id, occupied)| (id, occupied.map(Occupancy::new)))
        .collect())
}

/// When these students have lessons, given or taken, as [`of_tutors`]. Tidy: see [`scheduling::interval`]. One query,
/// whatever the number of students.
pub async fn of_students(
    db: &impl ConnectionTrait,
    students: &[UserId],
    (from, until): (DateTime<Utc>, Option<DateTime<Utc>>),
    now: DateTime<Utc>,
) -> Result<HashMap<UserId, AsOf<Vec<Span>>>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        student_id: UserId,
        starts_at: DateTime<Utc>,
        ends_at: DateTime<Utc>,
        expires_at: Option<DateTime<Utc>>,
    }
    let earliest = a_lesson_before(from);
    let ids: Vec<Uuid> = students.iter().map(|id| id.0).collect();
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT student_id, starts_at, ends_at, expires_at FROM bookings
           WHERE student_id = ANY({ids}) AND occupies AND (expires_at IS NULL OR expires_at > {now})
             AND starts_at > {earliest} AND starts_at < coalesce({until}, 'infinity') AND ends_at > {from}
           UNION ALL
           SELECT user_id, starts_at, ends_at, expires_at
           FROM tutors JOIN lessons ON tutor_id = tutors.id
           WHERE user_id = ANY({ids}) AND status <> 'cancelled' AND (expires_at IS NULL OR expires_at > {now})
             AND starts_at > {earliest} AND starts_at < coalesce({until}, 'infinity') AND ends_at > {from}"#
    ))
    .all(db)
    .await?;
    let mut found: HashMap<UserId, AsOf<Vec<Span>>> =
        students.iter().map(|id| (*id, AsOf::default())).collect();
    for row in rows {
        let of_student = found.entry(row.student_id).or_default();
        of_student.time.push(span(row.starts_at, row.ends_at)?);
        of_student.note(row.expires_at);
    }
    let busy = found.into_iter();
    Ok(busy.map(|(id, spans)| (id, spans.map(union))).collect())
}

fn span(start: DateTime<Utc>, end: DateTime<Utc>) -> Result<Span, DbErr> {
    Span::new(start, end).ok_or_else(|| DbErr::Type("a span that ends before it starts".to_owned()))
}
