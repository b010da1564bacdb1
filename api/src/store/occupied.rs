//! What occupies the time of tutors, and of the student who looks for a lesson.

use ::entity::id::{TutorId, UserId};
use chrono::{DateTime, Utc};
use scheduling::{
    interval::{Span, union},
    slots::{Occupancy, Occupied, OccupiedBy},
};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, raw_sql};
use std::collections::HashMap;
use uuid::Uuid;

/// What occupies several tutors, and one student.
#[derive(Debug, Default)]
pub struct OccupiedTime {
    of_tutors: HashMap<TutorId, Occupancy>,
    nothing: Occupancy,
    /// Tidy: see [`scheduling::interval`].
    pub of_student: Vec<Span>,
}

impl OccupiedTime {
    /// What occupies a tutor.
    pub fn of_tutor(&self, id: TutorId) -> &Occupancy {
        self.of_tutors.get(&id).unwrap_or(&self.nothing)
    }
}

/// No lesson is longer, by a constraint, so one that is not over began at most so long ago.
const LONGEST_LESSON: chrono::TimeDelta = chrono::TimeDelta::hours(8);

#[derive(FromQueryResult)]
struct Row {
    tutor_id: Option<TutorId>,
    kind: i32,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
}

const LESSON: i32 = 0;
const OWN_LESSON: i32 = 1;
const CALENDAR_BUSY: i32 = 2;

/// Everything in the window that occupies these tutors or this student. One query, whatever the number of
/// tutors, with one look into an index per tutor and source.
pub async fn load(
    db: &impl ConnectionTrait,
    tutors: &[TutorId],
    student: UserId,
    window: Span,
) -> Result<OccupiedTime, DbErr> {
    let (from, until) = (window.start(), window.end());
    let earliest = from.checked_sub_signed(LONGEST_LESSON).unwrap_or(from);
    let tutors: Vec<Uuid> = tutors.iter().map(|id| id.0).collect();
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT tutor_id, 0 AS kind, starts_at, ends_at FROM lessons
           WHERE tutor_id = ANY({tutors}) AND status <> 'cancelled'
             AND starts_at > {earliest} AND starts_at < {until} AND ends_at > {from}
           UNION ALL
           SELECT tutors.id, 1, starts_at, ends_at
           FROM bookings JOIN tutors ON user_id = student_id
           WHERE student_id = ANY(ARRAY(SELECT user_id FROM tutors WHERE id = ANY({tutors})))
             AND status <> 'cancelled'
             AND starts_at > {earliest} AND starts_at < {until} AND ends_at > {from}
           UNION ALL
           SELECT tutor_id, 2, starts_at, ends_at
           FROM unnest({tutors}) AS wanted(id) JOIN busy_spans ON tutor_id = wanted.id
           WHERE tstzrange(starts_at, ends_at, '[)') && tstzrange({from}, {until}, '[)')
           UNION ALL
           SELECT NULL::uuid, 0, starts_at, ends_at FROM bookings
           WHERE student_id = {student} AND status <> 'cancelled'
             AND starts_at > {earliest} AND starts_at < {until} AND ends_at > {from}
           UNION ALL
           SELECT NULL::uuid, 0, starts_at, ends_at
           FROM tutors JOIN lessons ON tutor_id = tutors.id
           WHERE user_id = {student} AND status <> 'cancelled'
             AND starts_at > {earliest} AND starts_at < {until} AND ends_at > {from}"#
    ))
    .all(db)
    .await?;
    sort_out(&rows)
}

fn sort_out(rows: &[Row]) -> Result<OccupiedTime, DbErr> {
    let mut of_tutors: HashMap<TutorId, Vec<Occupied>> = HashMap::new();
    let mut of_student = Vec::new();
    for row in rows {
        let span = Span::new(row.starts_at, row.ends_at)
            .ok_or_else(|| DbErr::Type("a span that ends before it starts".to_owned()))?;
        let Some(tutor_id) = row.tutor_id else {
            of_student.push(span);
            continue;
        };
        let by = match row.kind {
            LESSON => OccupiedBy::Lesson,
            OWN_LESSON => OccupiedBy::OwnLesson,
            CALENDAR_BUSY => OccupiedBy::CalendarBusy,
            kind => return Err(DbErr::Type(format!("occupied by kind {kind}"))),
        };
        of_tutors
            .entry(tutor_id)
            .or_default()
            .push(Occupied { span, by });
    }
    let of_tutors = of_tutors
        .into_iter()
        .map(|(id, occupied)| (id, Occupancy::new(occupied)));
    Ok(OccupiedTime {
        of_tutors: of_tutors.collect(),
        nothing: Occupancy::default(),
        of_student: union(of_student),
    })
}
