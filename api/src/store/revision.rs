//! How often things have changed, counted by the database in the transaction that changes them.

use super::batch::Batch;
use ::entity::id::{TutorId, UserId};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, FromQueryResult, raw_sql};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};
use uuid::Uuid;

/// What holds for every tutor: policy, holidays, subjects.
const CENTRE: Uuid = Uuid::nil();

/// Who teaches what, and is found.
const DIRECTORY: Uuid = Uuid::max();

/// A revision of something, to be compared with another one of the same thing.
pub type Revision = [i64; 3];

/// How often a thing has changed.
#[derive(Clone, Copy, Debug, Default)]
struct Changes {
    /// It, and what belongs to it.
    own: i64,
    /// What occupies its time.
    time: i64,
}

/// How often things had changed at one moment.
#[derive(Clone, Debug, Default)]
pub struct Revisions {
    changes: HashMap<Uuid, Changes>,
    /// Counts how often the database turned out to be another one, such as a backup.
    history: i64,
}

impl Revisions {
    fn of(&self, id: Uuid) -> Changes {
        self.changes.get(&id).copied().unwrap_or_default()
    }

    /// Of who a user is and may do, and of the user's sessions.
    pub fn of_user(&self, id: UserId) -> Revision {
        self.at_user(self.of(id.0).own)
    }

    /// As [`Revisions::of_user`], of a user whose revision was read elsewhere.
    pub fn at_user(&self, own: i64) -> Revision {
        [self.history, 0, own]
    }

    /// Of all that a tutor's entry in the directory and timetable are made of.
    pub fn of_tutor(&self, id: TutorId) -> Revision {
        [self.history, self.of(CENTRE).own, self.of(id.0).own]
    }

    /// Of what occupies the time of a tutor.
    pub fn of_time_of_tutor(&self, id: TutorId) -> Revision {
        [self.history, 0, self.of(id.0).time]
    }

    /// Of what occupies the time of a student.
    pub fn of_time_of_student(&self, id: UserId) -> Revision {
        [self.history, 0, self.of(id.0).time]
    }

    /// Of who teaches what.
    pub fn of_directory(&self) -> Revision {
        [self.history, 0, self.of(DIRECTORY).own]
    }
}

/// All revisions, as far as this instance has heard.
pub struct Feed {
    heard: Arc<RwLock<Heard>>,
    listen: Batch<(), i64>,
}

#[derive(Default)]
struct Heard {
    revisions: Revisions,
    /// All transactions below had ended, and so were heard of, or never happened.
    horizon: i64,
}

impl Feed {
    pub fn new(db: &DatabaseConnection) -> Self {
        let heard = Arc::<RwLock<Heard>>::default();
        let (listener, db) = (Arc::clone(&heard), db.clone());
        let listen = Batch::new(1, move |_| {
            let (heard, db) = (Arc::clone(&listener), db.clone());
            async move {
                let horizon = listen(&db, &heard).await?;
                Ok(HashMap::from([((), horizon)]))
            }
        });
        Self { heard, listen }
    }

    /// Hears of everything that was committed before this call.
    pub async fn catch_up(&self) -> Result<(), DbErr> {
        self.listen.get(vec![()]).await.map(drop)
    }

    /// What was heard of these tutors, of these users, and of all that holds for every tutor.
    pub fn heard(&self, tutors: &[TutorId], user: Option<UserId>) -> Revisions {
        let ids = ids(tutors, user);
        let heard = self.heard.read().unwrap_or_else(PoisonError::into_inner);
        let all = &heard.revisions;
        Revisions {
            changes: ids.map(|id| (id, all.of(id))).collect(),
            history: all.history,
        }
    }

    /// The revisions that a transaction sees of these tutors and this student.
    pub async fn within(
        &self,
        txn: &impl ConnectionTrait,
        tutor: TutorId,
        student: Option<UserId>,
    ) -> Result<Revisions, DbErr> {
        let ids: Vec<Uuid> = ids(&[tutor], student).collect();
        let rows = Row::find_by_statement(raw_sql!(
            Postgres,
            r#"SELECT id, own, time FROM revisions WHERE id = ANY({ids})"#
        ))
        .all(txn)
        .await?;
        let mut revisions = self.heard(&[], None);
        revisions.extend(rows);
        Ok(revisions)
    }
}

fn ids(tutors: &[TutorId], user: Option<UserId>) -> impl Iterator<Item = Uuid> {
    let of_all = [CENTRE, DIRECTORY].into_iter();
    of_all
        .chain(tutors.iter().map(|id| id.0))
        .chain(user.map(|id| id.0))
}

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    own: i64,
    time: i64,
}

impl Extend<Row> for Revisions {
    fn extend<T: IntoIterator<Item = Row>>(&mut self, rows: T) {
        let changes = rows
            .into_iter()
            .map(|Row { id, own, time }| (id, Changes { own, time }));
        self.changes.extend(changes);
    }
}

/// Asks for all that was moved by transactions that may have ended since.
async fn listen(db: &DatabaseConnection, heard: &RwLock<Heard>) -> Result<i64, DbErr> {
    let since = {
        let heard = heard.read().unwrap_or_else(PoisonError::into_inner);
        heard.horizon
    };
    let mut horizon = 0;
    let mut moved = moved_since(db, since, &mut horizon).await?;
    // Transactions are never numbered anew: this is another history.
    let is_another = horizon < since;
    if is_another {
        moved = moved_since(db, 0, &mut horizon).await?;
    }
    let mut heard = heard.write().unwrap_or_else(PoisonError::into_inner);
    if is_another {
        heard.revisions.changes.clear();
        heard.revisions.history += 1;
    }
    heard.horizon = horizon;
    heard.revisions.extend(moved);
    Ok(horizon)
}

/// Revisions that were moved by transactions from number `since` on. Of those below `horizon`, none will be any more:
/// they have ended. Each of the others may have been seen or not, so it must be asked for again.
async fn moved_since(
    db: &DatabaseConnection,
    since: i64,
    horizon: &mut i64,
) -> Result<Vec<Row>, DbErr> {
    #[derive(FromQueryResult)]
    struct Moved {
        horizon: i64,
        id: Option<Uuid>,
        own: Option<i64>,
        time: Option<i64>,
    }
    let since = since.to_string();
    let rows = Moved::find_by_statement(raw_sql!(
        Postgres,
        r#"SELECT pg_snapshot_xmin(snapshot)::text::bigint AS horizon, id, own, time
           FROM pg_current_snapshot() AS snapshot
           LEFT JOIN revisions ON changed_by >= {since}::xid8 AND changed_by < pg_snapshot_xmax(snapshot)"#
    ))
    .all(db)
    .await?;
    *horizon = rows.first().map_or(0, |row| row.horizon);
    let moved = rows.into_iter().filter_map(|row| {
        let (id, own, time) = (row.id?, row.own?, row.time?);
        Some(Row { id, own, time })
    });
    Ok(moved.collect())
}
