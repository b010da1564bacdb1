//! How often things have changed, counted by the database in the transaction that changes them.

use ::entity::id::{TutorId, UserId};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, raw_sql};
use std::collections::HashMap;
use uuid::Uuid;

/// What holds for every tutor: policy, holidays, subjects.
pub const CENTRE: Uuid = Uuid::nil();

/// Who teaches what, and is found.
pub const DIRECTORY: Uuid = Uuid::max();

/// How often a thing has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    /// It, and what belongs to it.
    pub own: i64,
    /// What occupies its time.
    pub time: i64,
}

/// The revisions of some things at one moment.
#[derive(Clone, Debug, Default)]
pub struct Revisions(HashMap<Uuid, Revision>);

impl Revisions {
    /// The revision of one of the things that were asked for.
    pub fn of(&self, id: Uuid) -> Revision {
        self.0.get(&id).copied().unwrap_or_default()
    }

    /// Of all that a tutor's entry in the directory and timetable are made of.
    pub fn of_tutor(&self, id: TutorId) -> [i64; 2] {
        [self.of(CENTRE).own, self.of(id.0).own]
    }

    /// Of what occupies the time of a tutor.
    pub fn of_time_of_tutor(&self, id: TutorId) -> i64 {
        self.of(id.0).time
    }

    /// Of what occupies the time of a student.
    pub fn of_time_of_student(&self, id: UserId) -> i64 {
        self.of(id.0).time
    }
}

impl FromIterator<(Uuid, Revision)> for Revisions {
    fn from_iter<T: IntoIterator<Item = (Uuid, Revision)>>(revisions: T) -> Self {
        Self(revisions.into_iter().collect())
    }
}

/// The revisions of these things, of which those that never changed are left out.
pub async fn load(
    db: &impl ConnectionTrait,
    ids: Vec<Uuid>,
) -> Result<HashMap<Uuid, Revision>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        id: Uuid,
        own: i64,
        time: i64,
    }
    let rows = Row::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT id, own, time FROM revisions WHERE id = ANY({ids})"#
    ))
    .all(db)
    .await?;
    let revisions = rows.into_iter().map(|row| {
        let Row { id, own, time } = row;
        (id, Revision { own, time })
    });
    Ok(revisions.collect())
}
